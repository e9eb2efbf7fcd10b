//! How likely two profiles are of one person, by Fellegi and Sunter (1969).
//!
//! Each field of a pair has a level of agreement; a field that one lacks says nothing. How often a level is found among
//! pairs of two people is counted among all pairs: those that share a key as they are, and the others by a sample of 300,000,
//! which stands for all of them. The pairs that share a key alone are more alike than chance makes people, and would make
//! every agreement look ordinary.
//!
//! How often it is found among pairs of one person begins with what is thought of such pairs (as Enamorado, Fifield and
//! Imai 2019 do) and is corrected by those that are found. Plain expectation and maximisation would not do: among millions
//! of pairs of which a dozen match it takes attributes that go together, such as age and education, for the matches.

use std::collections::BTreeMap;

use kartei_stats::linkage::{Field, Linkage, Pattern, Prior, classify};
use kartei_stats::text::jaro_winkler;
use serde_json::{Value, json};

use super::pairs::Pairs;
use super::{Duplicates, One};

/// From what likelihood on a pair is told.
const PROBABLE: f64 = 0.9;

/// Random pairs that stand for those that share no key.
const RANDOM: usize = 300_000;

/// How many pairs of one person what is thought of them is worth.
const PRIOR_PAIRS: f64 = 10.0;

/// Share of profiles that are thought to have a second one.
const PRIOR_SHARE: f64 = 0.05;

/// From what likeness (Jaro and Winkler) on names are of a level, and how often they are among pairs of one person.
const NAME: ([f64; 4], [f64; 4]) = ([0.0, 0.85, 0.94, 1.0], [0.05, 0.05, 0.2, 0.7]);

/// The same of the share of observations in common. Two profiles of one person may have been filled at different times.
const OBSERVATIONS: ([f64; 5], [f64; 5]) =
    ([0.0, 0.1, 0.5, 0.75, 0.9], [0.2, 0.1, 0.1, 0.15, 0.45]);

/// The same of an attribute that is a text, and of another one.
const TEXT: ([f64; 3], [f64; 3]) = ([0.0, 0.92, 1.0], [0.1, 0.1, 0.8]);
const OTHER: ([f64; 2], [f64; 2]) = ([0.0, 1.0], [0.1, 0.9]);

/// Bits that a level takes in a pattern; all of them are a field that is missing.
const BITS: u32 = 3;
const MISSING: u32 = 7;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Name,
    Observations,
    /// An attribute, and whether two texts of it may be alike.
    Attribute(usize, bool),
}

impl What {
    /// From what likeness on each level is, and how often it is thought to be among pairs of one person.
    fn levels(self) -> (&'static [f64], &'static [f64]) {
        match self {
            Self::Name => (&NAME.0, &NAME.1),
            Self::Observations => (&OBSERVATIONS.0, &OBSERVATIONS.1),
            Self::Attribute(_, true) => (&TEXT.0, &TEXT.1),
            Self::Attribute(_, false) => (&OTHER.0, &OTHER.1),
        }
    }

    fn is_of(self, one: &One) -> bool {
        match self {
            Self::Name => one.name.is_some(),
            Self::Observations => one.sketch.is_some(),
            Self::Attribute(column, _) => one.value(column).is_some(),
        }
    }

    /// How alike two are, 0 to 1; nothing where one of them lacks it.
    fn alike(self, a: &One, b: &One) -> Option<f64> {
        match self {
            Self::Name => Some(jaro_winkler(a.name.as_deref()?, b.name.as_deref()?)),
            Self::Observations => Some(a.sketch.as_ref()?.alike(b.sketch.as_ref()?)),
            Self::Attribute(column, is_text) => {
                let (a, b) = (a.value(column)?, b.value(column)?);
                // Texts that begin otherwise are not compared: it is what takes most of the time.
                let is_near = is_text && a.chars().next() == b.chars().next();
                Some(if a == b {
                    1.0
                } else if is_near {
                    jaro_winkler(a, b)
                } else {
                    0.0
                })
            }
        }
    }

    fn level(self, a: &One, b: &One) -> u32 {
        let Some(alike) = self.alike(a, b) else { return MISSING };
        let (from, _) = self.levels();
        from.iter().skip(1).fold(0, |level, from| level + u32::from(alike >= *from))
    }
}

/// A pair of profiles that are probably of one person.
#[derive(Debug)]
pub(super) struct Found {
    pair: (u32, u32),
    /// In bits.
    weight: f64,
    probability: f64,
    names: Option<f64>,
    pub(super) observations: Option<f64>,
    attributes: [u64; 2],
}

/// What all pairs come to.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Pairs that share a key.
    pub(super) compared: u64,
    pub(super) too_large: u64,
    /// The most probable ones first.
    pub(super) found: Vec<Found>,
    /// Groups that the found pairs make, of two profiles or more.
    pub(super) groups: u64,
    /// Whether there is anything to tell two profiles apart by.
    pub(super) can_tell: bool,
    /// Names of the fields, with what they are and their probabilities.
    fields: Vec<(String, What, Field)>,
}

fn levels(pattern: u32, fields: usize) -> Vec<Option<u8>> {
    let level = |at: u32| {
        let level = (pattern >> (BITS * at)) & MISSING;
        u8::try_from(level).ok().filter(|level| u32::from(*level) < MISSING)
    };
    (0..u32::try_from(fields).unwrap_or_default()).map(level).collect()
}

pub(super) fn judge(known: &Duplicates) -> Judged {
    let mut fields: Vec<(String, What)> =
        vec![("name".to_owned(), What::Name), ("observations".to_owned(), What::Observations)];
    fields.extend(known.columns.iter().enumerate().map(|(at, column)| {
        (format!("attributes.{}", column.name), What::Attribute(at, column.is_text))
    }));
    let has = |what: What| known.profiles.iter().filter(|one| what.is_of(one)).take(2).count() == 2;
    fields.retain(|(_, what)| has(*what));
    let people = known.profiles.len() as u64;
    if people < 2 || fields.is_empty() {
        return Judged::default();
    }
    let pattern = |(a, b): (u32, u32)| {
        let (a, b) = (&known.profiles[a as usize], &known.profiles[b as usize]);
        fields.iter().rev().fold(0, |code, (_, what)| (code << BITS) | what.level(a, b))
    };
    let pairs = Pairs::of(known);
    let codes: Vec<u32> = pairs.all().iter().map(|pair| pattern(*pair)).collect();
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    for code in &codes {
        *counts.entry(*code).or_default() += 1;
    }
    let random = random(known.profiles.len(), &pairs);
    let others = people * (people - 1) / 2 - codes.len() as u64;
    let stands_for = (others / (random.len() as u64).max(1)).max(1);
    for pair in &random {
        *counts.entry(pattern(*pair)).or_default() += stands_for;
    }
    let mut judged =
        Judged { compared: codes.len() as u64, too_large: pairs.too_large, ..Judged::default() };
    let whats: Vec<What> = fields.iter().map(|(_, what)| *what).collect();
    let Some(linkage) = linkage(&whats, &counts, people) else { return judged };
    judged.can_tell = counts.len() > 1;
    // Each pattern once.
    let mut probable: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for code in counts.into_keys() {
        let levels = levels(code, whats.len());
        if let (Ok(weight), Ok(posterior)) = (linkage.weight(&levels), linkage.posterior(&levels))
            && posterior >= PROBABLE
            && judged.can_tell
        {
            probable.insert(code, (weight, posterior));
        }
    }
    let found = pairs.all().iter().zip(&codes).filter_map(|(pair, code)| {
        let (weight, probability) = *probable.get(code)?;
        Some(Found::new(known, &whats, *pair, weight, probability))
    });
    judged.found = found.collect();
    let id = |place: u32| known.profiles[place as usize].id.as_str();
    judged.found.sort_by(|a, b| {
        let ids = |one: &Found| (id(one.pair.0), id(one.pair.1));
        b.weight.total_cmp(&a.weight).then_with(|| ids(a).cmp(&ids(b)))
    });
    judged.groups = groups(known.profiles.len(), &judged.found);
    judged.fields = fields
        .into_iter()
        .zip(linkage.fields)
        .map(|((name, what), field)| (name, what, field))
        .collect();
    judged
}

/// Pairs that share no key, drawn by chance: neighbours in the order of the visit, then those after next, and so on.
fn random(people: usize, pairs: &Pairs) -> Vec<(u32, u32)> {
    let people = u32::try_from(people).unwrap_or(u32::MAX);
    let steps = (1..people).flat_map(|step| (0..people - step).map(move |at| (at, at + step)));
    steps.filter(|pair| !pairs.has(*pair)).take(RANDOM).collect()
}

fn linkage(fields: &[What], counts: &BTreeMap<u32, u64>, people: u64) -> Option<Linkage> {
    let patterns: Vec<Pattern> = counts
        .iter()
        .map(|(code, count)| Pattern { levels: levels(*code, fields.len()), count: *count })
        .collect();
    let thought = fields.iter().map(|what| {
        let (_, m) = what.levels();
        Field { m: m.to_vec(), u: vec![1.0 / m.len() as f64; m.len()] }
    });
    let prevalence = (2.0 * PRIOR_SHARE / (people as f64 - 1.0)).min(0.5);
    let linkage = Linkage { prevalence, fields: thought.collect() };
    let prior = Prior { linkage, pairs: PRIOR_PAIRS };
    classify(&prior, &patterns).ok().map(|estimate| estimate.linkage)
}

/// Groups of profiles that hang together by pairs.
fn groups(people: usize, found: &[Found]) -> u64 {
    let mut above: Vec<usize> = (0..people).collect();
    let top = |above: &mut Vec<usize>, mut at: usize| {
        while above[at] != at {
            above[at] = above[above[at]];
            at = above[at];
        }
        at
    };
    let (mut members, mut joined) = (vec![false; people], 0_u64);
    for one in found {
        let (a, b) = (one.pair.0 as usize, one.pair.1 as usize);
        (members[a], members[b]) = (true, true);
        let (a, b) = (top(&mut above, a), top(&mut above, b));
        if a != b {
            above[a.max(b)] = a.min(b);
            joined += 1;
        }
    }
    members.iter().filter(|is_member| **is_member).count() as u64 - joined
}

impl Found {
    fn new(
        known: &Duplicates,
        fields: &[What],
        (a, b): (u32, u32),
        weight: f64,
        probability: f64,
    ) -> Self {
        let id = |place: u32| &known.profiles[place as usize].id;
        let pair = if id(a) <= id(b) { (a, b) } else { (b, a) };
        let (a, b) = (&known.profiles[a as usize], &known.profiles[b as usize]);
        let of = |what: What| fields.contains(&what).then(|| what.alike(a, b)).flatten();
        let mut attributes = [0; 2];
        for column in 0..known.columns.len() {
            if let (Some(a), Some(b)) = (a.value(column), b.value(column)) {
                attributes[0] += u64::from(a == b);
                attributes[1] += 1;
            }
        }
        let (names, observations) = (of(What::Name), of(What::Observations));
        Self { pair, weight, probability, names, observations, attributes }
    }

    pub(super) fn ids<'a>(&self, known: &'a Duplicates) -> [&'a str; 2] {
        [self.pair.0, self.pair.1].map(|place| known.profiles[place as usize].id.as_str())
    }

    /// Level 1 and more of names, as words: alike (2) or the same (3).
    pub(super) fn names_level(&self) -> usize {
        let alike = self.names.unwrap_or_default();
        NAME.0.iter().skip(1).filter(|from| alike >= **from).count()
    }

    /// Attributes that are equal, and those that both have.
    pub(super) fn attributes(&self) -> [u64; 2] {
        self.attributes
    }

    pub(super) fn row(&self, profiles: &[One]) -> Value {
        let (a, b) = (&profiles[self.pair.0 as usize], &profiles[self.pair.1 as usize]);
        json!({
            "id": a.id,
            "name": a.name,
            "other_id": b.id,
            "other_name": b.name,
            "weight": self.weight,
            "probability": self.probability,
            "names": self.names,
            "observations": self.observations,
            "attributes": {"equal": self.attributes[0], "both": self.attributes[1]},
        })
    }
}

impl Judged {
    /// A row for every level of every field.
    pub(super) fn fields(&self) -> Vec<Value> {
        let rows = self.fields.iter().flat_map(|(name, what, field)| {
            let levels = what.levels().0.iter().zip(0_u8..).zip(field.m.iter().zip(&field.u));
            levels.map(move |((from, level), (m, u))| {
                json!({
                    "field": name,
                    "level": level,
                    "from": from,
                    "m": m,
                    "u": u,
                    "weight": field.weight(level),
                })
            })
        });
        rows.collect()
    }
}
