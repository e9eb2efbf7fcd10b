//! Two cohorts held against each other, variable by variable.
//!
//! ```text
//! profile, side ─▶ attributes.x that are numbers ─┐
//!                  signals: a person's mean ──────┼─▶ per variable and side: numbers with their counts
//!                  dimensions: a person's score ──┘            │
//!                       while it is a sample: means alone ◀────┴────▶ in the end: means, ranks, shapes
//! ```
//! Who is on which side is told by the caller, so no filter is read in here.

mod findings;
mod numbers;
mod report;
mod tally;
mod variable;

use std::collections::BTreeMap;

use kartei_profile::Instant;
use kartei_stats::Sum;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Profile;
use crate::asked::Side;
use kartei_behavior::Scores;
use variable::Variables;

/// Different numbers that are kept of a variable on one side. Of one with more, medians, ranks and shapes
/// are not told.
pub const VALUES_MAX: usize = 200_000;

/// Different numbers that are kept in all, of 16 bytes each. Where there are more, the last variables
/// (attributes, signals, dimensions; each by name) are treated as those with too many.
pub const VALUES_IN_ALL_MAX: usize = 2_000_000;

/// Of what a comparison is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompareInput {
    /// Identity of the history that the revision belongs to.
    pub epoch: String,
    /// The revision that every profile is read at.
    pub rev: u64,
    /// Who is on side A.
    pub filter_a: Option<String>,
    /// Who is on side B.
    pub filter_b: Option<String>,
    /// Version of the calibration that scores are made by; nothing without scores.
    pub calibration: Option<String>,
    /// What people call dimensions, in English and German; others are told by their names.
    pub titles: BTreeMap<String, [String; 2]>,
    /// How many profiles are looked at, those on neither side with them.
    pub total: u64,
}

/// What is known of two cohorts. Profiles are visited in chunks like those of other analyses, and merged in
/// the order of the visit; as long as no names are left out, the bits do not depend on any order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    as_of_ms: i64,
    seen: u64,
    a: u64,
    b: u64,
    attributes: Variables,
    signals: Variables,
    dimensions: Variables,
    /// Whether some names were too many.
    names_left_out: bool,
}

impl Comparison {
    /// Nothing seen yet. `as_of_ms` is the moment of the analysis, in milliseconds since 1970; later
    /// observations do not count.
    #[must_use]
    pub fn begin(as_of_ms: i64) -> Self {
        Self {
            as_of_ms,
            seen: 0,
            a: 0,
            b: 0,
            attributes: Variables::default(),
            signals: Variables::default(),
            dimensions: Variables::default(),
            names_left_out: false,
        }
    }

    /// Takes a profile in that is on this side, or on neither; with its scores where they are compared.
    pub fn absorb(
        &mut self,
        profile: &Profile<'_>,
        side: Option<Side>,
        scores: Option<&mut Scores<'_>>,
    ) {
        self.seen += 1;
        let Some(side) = side else { return };
        match side {
            Side::A => self.a += 1,
            Side::B => self.b += 1,
        }
        let members = profile.record.members();
        let left_out = self.names_left_out;
        let note = |known: &mut Variables, nth: usize, name: &str, value: f64| {
            if let Some(at) = known.find(nth, name, left_out) {
                known.at(at).side(side).add(value);
            }
        };
        let attributes = members.get("attributes").and_then(Value::as_object);
        for (nth, (name, value)) in attributes.into_iter().flatten().enumerate() {
            if let Some(value) = value.as_f64() {
                note(&mut self.attributes, nth, name, value);
            }
        }
        let scores = scores.into_iter().flat_map(|scores| scores.named(profile.record));
        for (nth, (name, score)) in scores.enumerate() {
            note(&mut self.dimensions, nth, name, score);
        }
        let observations = members.get("observations").and_then(Value::as_array);
        self.note_levels(side, observations.map_or(&[], Vec::as_slice));
    }

    /// Takes a person's mean of each signal in, an observation counted as often as it says that it was made (`n`). In
    /// the order of the record's canonical form, which is the same for every copy of it.
    fn note_levels(&mut self, side: Side, observations: &[Value]) {
        let mut each: Vec<(usize, f64, f64)> = Vec::with_capacity(observations.len());
        for (nth, one) in observations.iter().enumerate() {
            let Some((signal, value, n)) = counted(one, self.as_of_ms) else { continue };
            if let Some(at) = self.signals.find(nth, signal, self.names_left_out) {
                each.push((at, value, n));
            }
        }
        // Those of a signal stay in their order.
        each.sort_by_key(|(at, ..)| *at);
        for of_signal in each.chunk_by(|(a, ..), (b, ..)| a == b) {
            let weighted: Sum = of_signal.iter().map(|(_, value, n)| value * n).collect();
            let weights: Sum = of_signal.iter().map(|(.., n)| *n).collect();
            let level = weighted.total() / weights.total();
            self.signals.at(of_signal[0].0).side(side).add(level);
        }
    }

    /// Takes in what the next chunk came to.
    pub fn merge(&mut self, next: Self) {
        self.seen += next.seen;
        self.a += next.a;
        self.b += next.b;
        self.names_left_out |= next.names_left_out;
        for (ours, theirs) in [
            (&mut self.attributes, next.attributes),
            (&mut self.signals, next.signals),
            (&mut self.dimensions, next.dimensions),
        ] {
            self.names_left_out |= ours.merge(theirs);
        }
        self.bound(VALUES_MAX, VALUES_IN_ALL_MAX);
    }

    /// Keeps no more different numbers than these. What comes too late in the order of the variables is
    /// added up, and with it everything behind it; numbers only become more, so how profiles were split
    /// does not matter.
    fn bound(&mut self, most: usize, most_in_all: usize) {
        let mut in_all = 0_usize;
        for variables in [&mut self.attributes, &mut self.signals, &mut self.dimensions] {
            variables.for_each(|variable| {
                for numbers in [&mut variable.a, &mut variable.b] {
                    let different = numbers.different();
                    in_all = in_all.saturating_add(different.map_or(most, |some| some.min(most)));
                    if different.is_some_and(|some| some > most) || in_all > most_in_all {
                        numbers.add_up();
                    }
                }
            });
        }
    }

    /// Profiles that were taken in, those on neither side with them.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// As bytes that [`Comparison::resume`] takes, with the same bits.
    #[must_use]
    pub fn keep(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What [`Comparison::keep`] wrote; nothing where it was written by another engine.
    #[must_use]
    pub fn resume(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// What is to be told of it. As long as profiles are missing it is told of those that were seen, and
    /// without what needs all numbers in their order (median, Cliff's delta, Mann and Whitney, Kolmogorov
    /// and Smirnov): that would be too dear for each second.
    #[must_use]
    pub fn report(&self, input: &CompareInput) -> Value {
        report::report(self, input)
    }
}

/// An observation that counts at a moment: its signal, its value, and how often it was made.
fn counted(one: &Value, as_of_ms: i64) -> Option<(&str, f64, f64)> {
    let (mut signal, mut value, mut at, mut n) = (None, None, None, 1);
    // One walk over the members costs less than looking for each of them.
    for (name, member) in one.as_object()? {
        match name.as_str() {
            "at" => at = member.as_str(),
            "n" => n = member.as_u64().unwrap_or(1),
            "signal" => signal = member.as_str(),
            "value" => value = member.as_f64(),
            _ => {}
        }
    }
    let at = Instant::parse(at?).ok()?;
    (at.unix_millis() <= as_of_ms && n > 0).then_some((signal?, value?, n as f64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers of some variables, taken in by parts under small bounds.
    fn bounded(values: &[(u8, bool, i32)], size: usize, bounds: (usize, usize)) -> Comparison {
        let mut seen = Comparison::begin(0);
        for part in values.chunks(size) {
            for (name, is_a, value) in part {
                let side = if *is_a { Side::A } else { Side::B };
                let at = seen.signals.find(0, &name.to_string(), false).unwrap();
                seen.signals.at(at).side(side).add(f64::from(*value) / 10.0);
            }
            seen.bound(bounds.0, bounds.1);
        }
        seen
    }

    #[test]
    fn of_too_many_numbers_means_are_told() {
        let values: Vec<(u8, bool, i32)> =
            (0..90).map(|number| (0, number % 2 == 0, number)).collect();
        let (free, bound) = (bounded(&values, 90, (99, 999)), bounded(&values, 7, (20, 999)));
        let input = CompareInput {
            epoch: String::new(),
            rev: 1,
            filter_a: None,
            filter_b: None,
            calibration: None,
            titles: BTreeMap::new(),
            total: 0,
        };
        let (free, bound) = (free.report(&input), bound.report(&input));
        let (free, bound) = (&free["variables"][0], &bound["variables"][0]);
        assert_eq!(
            (&free["code"], &bound["code"]),
            (&"compared".into(), &"too_many_values".into())
        );
        assert!(bound["mann_whitney"].is_null() && bound["a"]["median"].is_null());
        assert_eq!(bound["adjusted"]["of"], "welch");
        for (about, what) in
            [("hedges_g", "value"), ("welch", "t"), ("a", "mean"), ("b", "deviation")]
        {
            let [a, b] = [free, bound].map(|one| one[about][what].as_f64().unwrap());
            assert!((a - b).abs() <= 1e-13 * a.abs(), "{about}: {a} and {b}");
        }
    }

    proptest! {
        #[test]
        fn bounds_do_not_depend_on_the_split(
            mut values in prop::collection::vec((0..5_u8, any::<bool>(), 0..30_i32), 0..200),
            size in 1..50_usize, most in 1..20_usize, most_in_all in 1..60_usize,
        ) {
            let whole = bounded(&values, 999, (most, most_in_all));
            prop_assert_eq!(bounded(&values, size, (most, most_in_all)).keep(), whole.keep());
            let kept = whole.signals.iter().flat_map(|(_, one)| [&one.a, &one.b]);
            prop_assert!(kept.filter_map(numbers::Numbers::different).sum::<usize>() <= most_in_all);
            values.reverse();
            prop_assert_eq!(bounded(&values, size, (most, most_in_all)).keep(), whole.keep());
        }
    }
}
