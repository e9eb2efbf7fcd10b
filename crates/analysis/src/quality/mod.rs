//! The quality report: what is missing, old, mixed up or contradictory.

mod findings;
mod report;

use std::collections::{BTreeMap, BTreeSet};

use kartei_profile::{Fields, Scalar};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Profile;
use crate::moments::Moments;

pub(crate) use report::report;

/// Attributes and signals that are told apart; those that come first, in the order of the visit.
pub(crate) const NAMES_MAX: usize = 1_000;

/// Values of an attribute that are told apart; of one with more it is known that it has more.
const VALUES_MAX: usize = 20;

/// An observation that is later than the analysis by more than this is no matter of clocks.
const AHEAD_MS: i64 = 24 * 3_600 * 1_000;

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// Until how many days ago the newest observation lies; behind the last one is everything older.
const AGES_DAYS: [i64; 5] = [7, 30, 90, 365, 1_095];

/// What is known of the profiles that were seen.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Quality {
    profiles: u64,
    named: u64,
    noted: u64,
    tagged: u64,
    in_conflict: u64,
    consent_given: u64,
    consent_withheld: u64,
    /// With an observation later than the analysis.
    ahead: u64,
    /// By the age of the newest observation; the last for everything older.
    ages: [u64; AGES_DAYS.len() + 1],
    /// Of each profile.
    observations: Moments,
    unobserved: u64,
    attributes: BTreeMap<String, Attribute>,
    signals: BTreeMap<String, Signal>,
    /// Whether some names were too many.
    names_left_out: bool,
}

/// An attribute.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Attribute {
    texts: u64,
    numbers: u64,
    flags: u64,
    nulls: u64,
    moments: Moments,
    /// Hashes of its values; nothing where there are too many.
    values: Option<BTreeSet<u64>>,
}

/// A signal.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Signal {
    profiles: u64,
    moments: Moments,
}

impl Attribute {
    fn new() -> Self {
        Self { values: Some(BTreeSet::new()), ..Self::default() }
    }

    /// Profiles that have a value.
    fn present(&self) -> u64 {
        self.texts + self.numbers + self.flags
    }

    fn saw(&mut self, kind: u8, text: &str) {
        let Some(values) = &mut self.values else { return };
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[kind]).update(text.as_bytes());
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        values.insert(u64::from_le_bytes(bytes));
        self.bound();
    }

    fn bound(&mut self) {
        if self.values.as_ref().is_some_and(|values| values.len() > VALUES_MAX) {
            self.values = None;
        }
    }

    fn merge(&mut self, next: Self) {
        self.texts += next.texts;
        self.numbers += next.numbers;
        self.flags += next.flags;
        self.nulls += next.nulls;
        self.moments.merge(&next.moments);
        self.values = match (self.values.take(), next.values) {
            (Some(mut ours), Some(theirs)) => {
                ours.extend(theirs);
                Some(ours)
            }
            _ => None,
        };
        self.bound();
    }
}

/// One profile, told field by field.
struct Visit<'a> {
    quality: &'a mut Quality,
    signals: BTreeSet<String>,
    observations: u64,
    newest: Option<i64>,
    has_name: bool,
    has_notes: bool,
    tags: u64,
}

impl Fields for Visit<'_> {
    fn name(&mut self, name: &str) {
        self.has_name = !name.trim().is_empty();
    }

    fn tag(&mut self, _: &str) {
        self.tags += 1;
    }

    fn attribute(&mut self, key: &str, value: Scalar<'_>) {
        let known = &mut self.quality.attributes;
        if !known.contains_key(key) {
            known.insert(key.to_owned(), Attribute::new());
        }
        let Some(attribute) = known.get_mut(key) else { return };
        match value {
            Scalar::Text(text) => {
                attribute.texts += 1;
                attribute.saw(0, text);
            }
            Scalar::Number(number, text) => {
                attribute.numbers += 1;
                attribute.moments.add(number);
                attribute.saw(1, text);
            }
            Scalar::Bool(flag) => {
                attribute.flags += 1;
                attribute.saw(2, if flag { "true" } else { "false" });
            }
            Scalar::Null => attribute.nulls += 1,
        }
    }

    fn observation(&mut self, signal: &str, value: f64, at_millis: i64) {
        self.observations += 1;
        self.newest = Some(self.newest.map_or(at_millis, |newest| newest.max(at_millis)));
        let known = &mut self.quality.signals;
        if !known.contains_key(signal) {
            known.insert(signal.to_owned(), Signal::default());
        }
        let Some(found) = known.get_mut(signal) else { return };
        found.moments.add(value);
        if !self.signals.contains(signal) {
            found.profiles += 1;
            self.signals.insert(signal.to_owned());
        }
    }

    fn notes(&mut self, notes: &str) {
        self.has_notes = !notes.trim().is_empty();
    }
}

impl Quality {
    pub(crate) fn absorb(&mut self, profile: &Profile<'_>, as_of_ms: i64) {
        let mut visit = Visit {
            quality: self,
            signals: BTreeSet::new(),
            observations: 0,
            newest: None,
            has_name: false,
            has_notes: false,
            tags: 0,
        };
        profile.record.tell(&mut visit);
        let Visit { observations, newest, has_name, has_notes, tags, .. } = visit;
        self.profiles += 1;
        self.named += u64::from(has_name);
        self.noted += u64::from(has_notes);
        self.tagged += u64::from(tags > 0);
        self.in_conflict += u64::from(profile.conflicts > 0);
        match profile.record.members().get("consent").and_then(|consent| consent.get("analytics")) {
            Some(Value::Bool(true)) => self.consent_given += 1,
            Some(_) => self.consent_withheld += 1,
            None => {}
        }
        self.observations.add(observations as f64);
        match newest {
            None => self.unobserved += 1,
            Some(newest) => {
                self.ahead += u64::from(newest > as_of_ms.saturating_add(AHEAD_MS));
                let age = as_of_ms.saturating_sub(newest);
                let older = AGES_DAYS.iter().position(|days| age <= days * DAY_MS);
                self.ages[older.unwrap_or(AGES_DAYS.len())] += 1;
            }
        }
    }

    pub(crate) fn merge(&mut self, next: Self) {
        self.profiles += next.profiles;
        self.named += next.named;
        self.noted += next.noted;
        self.tagged += next.tagged;
        self.in_conflict += next.in_conflict;
        self.consent_given += next.consent_given;
        self.consent_withheld += next.consent_withheld;
        self.ahead += next.ahead;
        for (ours, theirs) in self.ages.iter_mut().zip(next.ages) {
            *ours += theirs;
        }
        self.observations.merge(&next.observations);
        self.unobserved += next.unobserved;
        self.names_left_out |= next.names_left_out;
        self.names_left_out |= taken_in(&mut self.attributes, next.attributes, Attribute::merge);
        self.names_left_out |= taken_in(&mut self.signals, next.signals, |ours, next| {
            ours.profiles += next.profiles;
            ours.moments.merge(&next.moments);
        });
    }
}

/// Merges what is known by name; answers whether names were left out. What was left out once is never taken
/// in later: what is told of a name is all of it.
fn taken_in<T>(
    ours: &mut BTreeMap<String, T>,
    next: BTreeMap<String, T>,
    merge: impl Fn(&mut T, T),
) -> bool {
    let mut left_out = false;
    for (name, one) in next {
        let is_room = ours.len() < NAMES_MAX;
        match ours.get_mut(&name) {
            Some(known) => merge(known, one),
            None if is_room => {
                ours.insert(name, one);
            }
            None => left_out = true,
        }
    }
    left_out
}
