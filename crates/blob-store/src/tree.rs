//! What landed, and the digest of the whole made of it. BLAKE3 is a binary tree over chunks of
//! 1 KiB: the left half of a node has the largest power of two of chunks that leaves something for
//! the right one. So an aligned run of a power of two of units is a node of every file that has it,
//! and so is what a file has after its last such run.
//!
//! A run of pieces keeps the fewest nodes that make it up, each as a chaining value of 32 bytes: one
//! or a few for 32 MiB, whatever the number of pieces. The root is computed differently from inner
//! nodes, so what begins at 0 is kept as two nodes at least: only the end tells whether it is all.

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};

use crate::sealed::{UNIT_BYTES, units};

const CHUNK: usize = blake3::CHUNK_LEN;
const VALUE: usize = blake3::OUT_LEN;

/// A run of pieces that is durable. The caller's journal keeps it as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// Where it begins in the file: a multiple of the draft's piece.
    pub offset: u64,
    /// Its bytes of plaintext; not a multiple of a piece only at the file's end.
    pub len: u64,
    /// Its nodes of BLAKE3's tree, to be handed back to [`root_of`]. Empty where the relay has not
    /// seen the bytes.
    pub tree: Vec<u8>,
    /// On S3 what the server said of its parts, in order, one a line.
    pub part: Option<String>,
}

impl Landed {
    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }

    /// This run with the one after it; both are given back where they do not meet, or where this
    /// one ends with the file's last piece.
    ///
    /// # Errors
    /// The two runs, unchanged.
    pub fn join(self, next: Self) -> Result<Self, Box<(Self, Self)>> {
        // Rows come from a database, so what cannot be is no reason to panic.
        let is_file = next.offset.checked_add(next.len).is_some();
        let is_next = self.end() == next.offset && self.len.is_multiple_of(UNIT_BYTES) && is_file;
        let tree = match (nodes(&self), nodes(&next)) {
            (Some(before), Some(after)) if is_next => merged(before, after),
            _ if is_next && self.tree.is_empty() && next.tree.is_empty() => Vec::new(),
            _ => return Err(Box::new((self, next))),
        };
        let part = match (self.part, next.part) {
            (Some(before), Some(after)) => Some(before + "\n" + &after),
            (before, after) => before.or(after),
        };
        Ok(Self { offset: self.offset, len: self.len + next.len, tree, part })
    }
}

/// The BLAKE3 of a file of this size from all that landed of it, in any order. None where something
/// is missing, overlaps, or was not hashed: then the bytes have to be read.
#[must_use]
pub fn root_of(size: u64, landed: &[Landed]) -> Option<[u8; 32]> {
    let mut runs: Vec<&Landed> = landed.iter().filter(|run| run.len > 0).collect();
    runs.sort_by_key(|run| run.offset);
    let mut runs = runs.into_iter().cloned();
    let Some(first) = runs.next() else {
        return (size == 0).then(|| blake3::hash(b"").into());
    };
    let whole = runs.try_fold(first, |whole, next| whole.join(next).ok())?;
    if whole.offset != 0 || whole.len != size {
        return None;
    }
    let (first, rest) = values(&whole)?.split_first()?;
    // A single chunk is the root itself.
    let Some((last, between)) = rest.split_last() else { return Some(*first) };
    let right = between.iter().rfold(*last, |right, left| parent(left, &right));
    Some(merge_subtrees_root(first, &right, Mode::Hash).into())
}

/// The nodes of a unit with this number, from its plaintext, as [`Landed::tree`] has them.
pub(crate) fn hash_unit(unit: u64, text: &[u8]) -> Vec<u8> {
    if unit > 0 {
        return subtree(unit * UNIT_BYTES, text).to_vec();
    }
    if text.len() <= CHUNK {
        return blake3::hash(text).as_bytes().to_vec();
    }
    let left = usize::try_from(left_subtree_len(text.len() as u64)).unwrap_or(text.len());
    let (left, right) = text.split_at(left);
    [subtree(0, left), subtree(left.len() as u64, right)].concat()
}

fn subtree(offset: u64, text: &[u8]) -> ChainingValue {
    blake3::Hasher::new().set_input_offset(offset).update(text).finalize_non_root()
}

fn parent(left: &ChainingValue, right: &ChainingValue) -> ChainingValue {
    merge_subtrees_non_root(left, right, Mode::Hash)
}

/// A node over units. A file's last unit counts as a whole one.
#[derive(Debug, Clone, Copy)]
struct Node {
    first: u64,
    /// A power of two.
    units: u64,
    value: ChainingValue,
}

/// The values of a run; none where they are not as many as a run like this has.
fn values(run: &Landed) -> Option<&[ChainingValue]> {
    let (values, rest) = run.tree.as_chunks::<VALUE>();
    let expected = match run.offset {
        0 if run.len <= CHUNK as u64 => 1,
        0 if run.len <= UNIT_BYTES => 2,
        _ => node_sizes(run.offset / UNIT_BYTES, units(run.len)).len(),
    };
    let fits = rest.is_empty() && values.len() == expected;
    (fits && run.offset.is_multiple_of(UNIT_BYTES)).then_some(values)
}

/// The nodes of a run that is not all there is.
fn nodes(run: &Landed) -> Option<Vec<Node>> {
    let (values, first) = (values(run)?, run.offset / UNIT_BYTES);
    if first == 0 && run.len <= UNIT_BYTES {
        // The halves of unit 0.
        let [left, right] = values else { return None };
        return Some(vec![Node { first, units: 1, value: parent(left, right) }]);
    }
    let sizes = node_sizes(first, units(run.len));
    let places = sizes.into_iter().scan(first, |place, units| {
        *place += units;
        Some((*place - units, units))
    });
    let node = |((first, units), value): (_, &ChainingValue)| Node { first, units, value: *value };
    Some(places.zip(values).map(node).collect())
}

/// How many units each node of a run has: the largest aligned powers of two, and never all.
fn node_sizes(mut first: u64, mut units: u64) -> Vec<u64> {
    let mut sizes = Vec::new();
    if first == 0 && units > 1 {
        let left = units.next_power_of_two() / 2;
        sizes.push(left);
        (first, units) = (left, units - left);
    }
    while units > 0 {
        let aligned = if first == 0 { u64::MAX } else { 1 << first.trailing_zeros() };
        let size = aligned.min(1 << units.ilog2());
        sizes.push(size);
        (first, units) = (first + size, units - size);
    }
    sizes
}

/// The values of two runs that meet, as one run has them.
fn merged(before: Vec<Node>, after: Vec<Node>) -> Vec<u8> {
    let begin = before.first().map_or(0, |node| node.first);
    let all: u64 = before.iter().chain(&after).map(|node| node.units).sum();
    let mut merged: Vec<Node> = Vec::new();
    for mut node in before.into_iter().chain(after) {
        while let Some(left) = merged.pop_if(|left| {
            let both = left.units * 2;
            let is_all = begin == 0 && both == all;
            left.units == node.units && left.first.is_multiple_of(both) && !is_all
        }) {
            let value = parent(&left.value, &node.value);
            node = Node { first: left.first, units: left.units * 2, value };
        }
        merged.push(node);
    }
    merged.into_iter().flat_map(|node| node.value).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sealed::UNIT;

    fn noise(len: usize) -> Vec<u8> {
        (0..len).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect()
    }

    fn landed(bytes: &[u8]) -> Vec<Landed> {
        let units = bytes.chunks(UNIT).enumerate();
        units
            .map(|(unit, text)| Landed {
                offset: unit as u64 * UNIT_BYTES,
                len: text.len() as u64,
                tree: hash_unit(unit as u64, text),
                part: None,
            })
            .collect()
    }

    fn lengths() -> Vec<usize> {
        let small = [0, 1, 1023, 1024, 1025, 2048, 2049, 3 * 1024, 65_537];
        let around = (1..=9).flat_map(|units| {
            [-1025, -1, 0, 1, 1024, 1025].map(|more| (units * UNIT).strict_add_signed(more))
        });
        small.into_iter().chain(around).collect()
    }

    #[test]
    fn the_root_of_units_is_the_digest_whatever_their_order_and_runs() {
        let bytes = noise(10 * UNIT);
        for len in lengths() {
            let (bytes, expected) = (&bytes[..len], Some(blake3::hash(&bytes[..len]).into()));
            let mut units = landed(bytes);
            assert_eq!(root_of(len as u64, &units), expected, "{len}");
            units.reverse();
            assert_eq!(root_of(len as u64, &units), expected, "{len}, from behind");
            units.reverse();
            for cut in 0..=units.len() {
                let (left, right) = units.split_at(cut);
                let joined = [left, right]
                    .map(|run| run.iter().cloned().reduce(|run, next| run.join(next).unwrap()));
                let runs: Vec<Landed> = joined.into_iter().flatten().collect();
                assert_eq!(root_of(len as u64, &runs), expected, "{len} cut at {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_the_rows_are_nothing_panics(
            size in any::<u64>(),
            rows in prop::collection::vec(row(), 0..6),
        ) {
            let whole = root_of(size, &rows);
            let sum: u64 = rows.iter().fold(0, |sum, row| sum.saturating_add(row.len));
            prop_assert!(whole.is_none() || sum == size);
        }
    }

    /// Rows that meet now and then.
    fn row() -> impl Strategy<Value = Landed> {
        let place = prop_oneof![
            any::<u64>(),
            (0..4_u64).prop_map(|unit| unit * UNIT_BYTES),
            Just(u64::MAX - UNIT_BYTES),
        ];
        let len = prop_oneof![
            any::<u64>(),
            (0..3_u64).prop_map(|units| units * UNIT_BYTES),
            0..2_000_u64
        ];
        (place, len, 0..4_usize).prop_map(|(offset, len, values)| Landed {
            offset,
            len,
            tree: vec![7; values * VALUE],
            part: None,
        })
    }

    #[test]
    fn a_long_run_costs_one_value_or_a_few() {
        let units = |range: std::ops::Range<u64>| {
            let unit = |unit| Landed {
                offset: unit * UNIT_BYTES,
                len: UNIT_BYTES,
                tree: hash_unit(unit, &noise(UNIT)),
                part: Some(format!("{unit}")),
            };
            range.map(unit).reduce(|run, next| run.join(next).unwrap()).unwrap()
        };
        assert_eq!(units(32..64).tree.len(), 32);
        assert_eq!(units(0..32).tree.len(), 64);
        assert_eq!(units(33..64).tree.len(), 32 * 5);
        assert_eq!(units(2..4).part.as_deref(), Some("2\n3"));
    }

    #[test]
    fn what_is_not_all_has_no_root() {
        let bytes = noise(3 * UNIT + 5);
        let (size, units) = (bytes.len() as u64, landed(&bytes));
        assert!(root_of(size, &units).is_some());
        assert_eq!(root_of(size, &units[1..]), None, "the beginning is missing");
        assert_eq!(root_of(size, &units[..3]), None, "the end is missing");
        assert_eq!(root_of(size - 5, &units), None, "too much");
        assert_eq!(root_of(size, &[&units[..2], &units[3..]].concat()), None, "a gap");
        assert_eq!(root_of(size, &[&units[..], &units[1..2]].concat()), None, "an overlap");
        assert_eq!(root_of(0, &units), None);
        assert_eq!(root_of(1, &[]), None);
        let mut unseen = units.clone();
        unseen[1].tree.clear();
        assert_eq!(root_of(size, &unseen), None, "bytes that nobody hashed");
        let mut cut = units.clone();
        cut[2].tree.pop();
        assert_eq!(root_of(size, &cut), None, "a row that was cut");
    }
}
