//! Which pairs of profiles are worth comparing: those that share a key.
//!
//! | key | who has it |
//! |---|---|
//! | a value of an attribute | where 20 have it at most, such as an address |
//! | two words of the name, each its first four letters, in either order | who has a name |
//! | one of these words whole, with the other's first letter | who has a name |
//! | four or more rows of the sketch, from each of sixteen | who has six observations |
//!
//! The rows of a sketch are taken longer until few enough share them (a forest, Bawa, Condie and Ganesan 2005): two who
//! share nine tenths of their observations meet in one of the sixteen all but certainly, however many there are.
//!
//! There are two millions of pairs at most. Where there would be more, keys that few share go first: they say more.

use std::collections::BTreeMap;

use super::Duplicates;
use super::sketch::ROWS;

/// Pairs that come of one kind of key, at most: of attributes, of names, of sketches. Together two millions.
const OF_VALUES: usize = 400_000;
const OF_NAMES: usize = 600_000;
const OF_SKETCHES: usize = 1_000_000;

/// Profiles that share a key, at most; more are passed over.
const BLOCK: usize = 200;

/// Profiles that share a value of an attribute, at most. A value that more have is no name of anybody.
const SAME_VALUE: usize = 20;

/// Profiles that share rows of a sketch are told apart further until no more than these are left, or more where there
/// is room for them.
const LEAST_BLOCK: usize = 3;

/// Rows of a sketch that are taken at once.
const BAND: usize = 4;

/// Letters of a word of a name.
const LETTERS: usize = 4;

/// Pairs of profiles by their places, the lesser one first, each once and in order.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    pairs: Vec<(u32, u32)>,
    /// Keys that too many share, or that there was no room for.
    pub(super) too_large: u64,
}

impl Pairs {
    /// Those of profiles that share a key.
    pub(super) fn of(known: &Duplicates) -> Self {
        let mut pairs = Self::default();
        let mut values: Vec<Vec<u32>> = Vec::new();
        for column in 0..known.columns.len() {
            let mut blocks: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
            for (place, one) in (0_u32..).zip(&known.profiles) {
                if let Some(value) = one.value(column) {
                    blocks.entry(value).or_default().push(place);
                }
            }
            values.extend(blocks.into_values().filter(|block| block.len() <= SAME_VALUE));
        }
        pairs.take(values, OF_VALUES);
        let mut blocks: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (place, one) in (0_u32..).zip(&known.profiles) {
            for key in one.name.iter().flat_map(|name| names(name)) {
                blocks.entry(key).or_default().push(place);
            }
        }
        pairs.take(blocks.into_values().collect(), OF_NAMES);
        pairs.sketches(known);
        pairs
    }

    pub(super) fn all(&self) -> &[(u32, u32)] {
        &self.pairs
    }

    pub(super) fn has(&self, pair: (u32, u32)) -> bool {
        self.pairs.binary_search(&pair).is_ok()
    }

    /// All pairs of each block, of the small ones first, until there are so many.
    fn take(&mut self, mut blocks: Vec<Vec<u32>>, most: usize) {
        blocks.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        let mut room = most;
        for block in blocks.into_iter().filter(|block| block.len() > 1) {
            let pairs = block.len() * (block.len() - 1) / 2;
            if block.len() > BLOCK || pairs > room {
                self.too_large += 1;
                continue;
            }
            room -= pairs;
            for (at, one) in block.iter().enumerate() {
                self.pairs.extend(block[at + 1..].iter().map(|other| (*one, *other)));
            }
        }
        self.pairs.sort_unstable();
        self.pairs.dedup();
    }

    fn sketches(&mut self, known: &Duplicates) {
        let with = (0_u32..).zip(&known.profiles).filter(|(_, one)| one.sketch.is_some());
        let with: Vec<u32> = with.map(|(place, _)| place).collect();
        let bands = ROWS / BAND;
        // So that all of them together come to about as many pairs as there is room for.
        let most = 2 * OF_SKETCHES / bands / with.len().max(1);
        let most = most.clamp(LEAST_BLOCK, BLOCK);
        for band in 0..bands {
            let mut blocks = Vec::new();
            split(known, with.clone(), (band, 0), most, &mut blocks);
            self.take(blocks, OF_SKETCHES / bands);
        }
    }
}

/// Takes the profiles apart by the next rows of a band, and each part further where too many are left.
fn split(
    known: &Duplicates,
    block: Vec<u32>,
    (band, depth): (usize, usize),
    most: usize,
    into: &mut Vec<Vec<u32>>,
) {
    let mut parts: BTreeMap<Vec<u8>, Vec<u32>> = BTreeMap::new();
    for place in block {
        if let Some(sketch) = &known.profiles[place as usize].sketch {
            let rows = sketch.part((band + depth) * BAND, BAND).collect();
            parts.entry(rows).or_default().push(place);
        }
    }
    for part in parts.into_values().filter(|part| part.len() > 1) {
        if part.len() <= most || (depth + 1) * BAND >= ROWS {
            into.push(part);
        } else {
            split(known, part, (band, depth + 1), most, into);
        }
    }
}

/// The keys of a name.
fn names(name: &str) -> Vec<String> {
    let letters = |word: &str, count: usize| word.chars().take(count).collect::<String>();
    let mut words: Vec<&str> = name.split(' ').take(2).collect();
    words.sort_unstable();
    let [a, b] = words[..] else { return vec![letters(name, LETTERS)] };
    let beginnings = format!("{} {}", letters(a, LETTERS), letters(b, LETTERS));
    vec![beginnings, format!("1 {a} {}", letters(b, 1)), format!("2 {} {b}", letters(a, 1))]
}
