//! Where a number stands among those of a population.

use kartei_stats::normal;
use serde::{Deserialize, Serialize};

/// Knots of a scale at most.
pub(crate) const KNOTS_MAX: usize = 1_024;

/// From so many on a population has ranks; below, a robust z.
pub(crate) const RANKS_FROM: u64 = 30;

/// Below so many nothing is said.
pub(crate) const SCORES_FROM: u64 = 10;

/// What makes the median absolute deviation a standard deviation where numbers are normal: 1 / Φ⁻¹(¾).
const MAD_FACTOR: f64 = 1.4826;

/// Beyond what a robust z says no more.
const Z_MAX: f64 = 3.5;

/// New numbers that are collected before they are sorted in.
const LOOSE_MIN: usize = 4_096;

/// The numbers of a population: each with how often it is there. Two with the same numbers are equal, in whatever
/// order they came.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    sorted: Vec<(f64, u64)>,
    loose: Vec<f64>,
}

impl PartialEq for Reference {
    fn eq(&self, other: &Self) -> bool {
        self.clone().into_sorted() == other.clone().into_sorted()
    }
}

impl Reference {
    /// Takes a finite number in.
    pub fn add(&mut self, value: f64) {
        self.loose.push(value);
        if self.loose.len() >= LOOSE_MIN.max(self.sorted.len() / 2) {
            self.settle();
        }
    }

    /// Takes in the numbers of another part of the population.
    pub fn merge(&mut self, mut other: Self) {
        self.settle();
        other.settle();
        self.take_in(other.sorted);
    }

    /// The numbers from the smallest on, each once, with how often it is there.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<(f64, u64)> {
        self.settle();
        self.sorted
    }

    fn settle(&mut self) {
        if self.loose.is_empty() {
            return;
        }
        let mut loose = std::mem::take(&mut self.loose);
        loose.sort_unstable_by(f64::total_cmp);
        let mut counted: Vec<(f64, u64)> = Vec::new();
        for value in loose.drain(..) {
            match counted.last_mut() {
                Some((known, count)) if known.total_cmp(&value).is_eq() => *count += 1,
                _ => counted.push((value, 1)),
            }
        }
        self.loose = loose;
        self.take_in(counted);
    }

    fn take_in(&mut self, others: Vec<(f64, u64)>) {
        let ours = std::mem::take(&mut self.sorted);
        self.sorted.reserve(ours.len() + others.len());
        let (mut ours, mut others) = (ours.into_iter().peekable(), others.into_iter().peekable());
        loop {
            let next = match (ours.peek(), others.peek()) {
                (Some(a), Some(b)) if a.0.total_cmp(&b.0).is_le() => ours.next(),
                (_, Some(_)) => others.next(),
                (Some(_), None) => ours.next(),
                (None, None) => return,
            };
            let Some((value, count)) = next else { return };
            match self.sorted.last_mut() {
                Some((known, so_far)) if known.total_cmp(&value).is_eq() => *so_far += count,
                _ => self.sorted.push((value, count)),
            }
        }
    }
}

/// Where a number stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// The share of the population below it, with half of those that are equal: above 0, below 1.
    pub u: f64,
    /// Whether it lies outside of what the population has.
    pub extrapolated: bool,
}

/// How numbers get their place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Scale {
    /// By mid-ranks: `(#{r < x} + ½ #{r = x}) / n`, not below `½ / n` and not above `1 − ½ / n`, with straight lines
    /// between what is kept of them.
    MidRank {
        /// Numbers of the population.
        n: u64,
        /// Numbers from the smallest on, with their place.
        knots: Vec<(f64, f64)>,
    },
    /// By `Φ((x − median) / (1.4826 · MAD))`, the z within ±3.5: the population is small.
    RobustZ {
        /// Numbers of the population.
        n: u64,
        /// Their median.
        median: f64,
        /// Their median absolute deviation from it.
        mad: f64,
        /// The smallest and the greatest.
        range: [f64; 2],
    },
    /// Not at all: the population is too small.
    Uncalibrated {
        /// Numbers of the population.
        n: u64,
    },
}

impl Scale {
    /// The scale of a population's numbers.
    #[must_use]
    pub fn fit(reference: Reference) -> Self {
        let sorted = reference.into_sorted();
        let n: u64 = sorted.iter().map(|(_, count)| count).sum();
        if n < SCORES_FROM {
            return Self::Uncalibrated { n };
        }
        if n < RANKS_FROM {
            let (median, mad) = median_and_mad(&sorted).unwrap_or_default();
            let ends = [sorted.first(), sorted.last()].map(|one| one.map_or(median, |one| one.0));
            return Self::RobustZ { n, median, mad, range: ends };
        }
        Self::MidRank { n, knots: knots(&sorted, n) }
    }

    /// Numbers of the population.
    #[must_use]
    pub fn n(&self) -> u64 {
        match self {
            Self::MidRank { n, .. } | Self::RobustZ { n, .. } | Self::Uncalibrated { n } => *n,
        }
    }

    /// The place of a number; nothing where the population is too small.
    #[must_use]
    pub fn place(&self, value: f64) -> Option<Place> {
        match self {
            Self::Uncalibrated { .. } => None,
            Self::RobustZ { median, mad, range: [low, high], .. } => {
                let off = value - median;
                // All are equal as a rule: what differs at all is as far away as can be said.
                let z = if off == 0.0 { 0.0 } else { off / (MAD_FACTOR * mad) };
                let u = normal::cdf(z.clamp(-Z_MAX, Z_MAX));
                Some(Place { u, extrapolated: !(*low..=*high).contains(&value) })
            }
            Self::MidRank { knots, .. } => {
                let (first, last) = (knots.first()?, knots.last()?);
                if value < first.0 || value > last.0 {
                    let u = if value < first.0 { first.1 } else { last.1 };
                    return Some(Place { u, extrapolated: true });
                }
                let above = knots.partition_point(|knot| knot.0 < value);
                let (x1, u1) = *knots.get(above)?;
                if x1 == value || above == 0 {
                    return Some(Place { u: u1, extrapolated: false });
                }
                let (x0, u0) = knots[above - 1];
                let u = u0 + (u1 - u0) * ((value - x0) / (x1 - x0));
                Some(Place { u, extrapolated: false })
            }
        }
    }
}

impl Scale {
    /// The number that has this place, 0 to 1; nothing where numbers have no ranks.
    #[must_use]
    pub fn number_at(&self, u: f64) -> Option<f64> {
        let Self::MidRank { knots, .. } = self else { return None };
        let above = knots.partition_point(|knot| knot.1 < u);
        let Some((x1, u1)) = knots.get(above).copied() else {
            return knots.last().map(|knot| knot.0);
        };
        if above == 0 || u1 == u {
            return Some(x1);
        }
        let (x0, u0) = knots[above - 1];
        Some(x0 + (x1 - x0) * ((u - u0) / (u1 - u0)))
    }
}

/// The median of numbers, and the median of their distances to it; nothing without numbers.
pub(crate) fn median_and_mad(sorted: &[(f64, u64)]) -> Option<(f64, f64)> {
    let n: u64 = sorted.iter().map(|(_, count)| count).sum();
    if n == 0 {
        return None;
    }
    let middle = median(sorted, n);
    let mut off: Vec<(f64, u64)> =
        sorted.iter().map(|(value, count)| ((value - middle).abs(), *count)).collect();
    off.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    Some((middle, median(&off, n)))
}

/// The number in the middle, or between both.
fn median(sorted: &[(f64, u64)], n: u64) -> f64 {
    let nth = |nth: u64| {
        let mut seen = 0;
        let found = sorted.iter().find(|(_, count)| {
            seen += count;
            seen > nth
        });
        found.map_or(0.0, |(value, _)| *value)
    };
    let (low, high) = (nth(n.saturating_sub(1) / 2), nth(n / 2));
    low + (high - low) / 2.0
}

fn knots(sorted: &[(f64, u64)], n: u64) -> Vec<(f64, f64)> {
    let whole = n as f64;
    let (lowest, highest) = (0.5 / whole, 1.0 - 0.5 / whole);
    let mut below = 0_u64;
    let mut knots = Vec::with_capacity(sorted.len().min(KNOTS_MAX));
    // Of more than fit, those whose ranks lie evenly, and both ends.
    let mut picked = 0_u64;
    let parts = KNOTS_MAX as u64 - 1;
    for (value, count) in sorted {
        let u = ((below as f64 + *count as f64 / 2.0) / whole).clamp(lowest, highest);
        below += count;
        // The rank from which the next knot is taken: `picked` parts of all, rounded down.
        let due = u128::from(picked) * u128::from(n - 1) / u128::from(parts);
        if sorted.len() <= KNOTS_MAX || u128::from(below) > due {
            knots.push((*value, u));
            while picked <= parts
                && u128::from(below) > u128::from(picked) * u128::from(n - 1) / u128::from(parts)
            {
                picked += 1;
            }
        }
    }
    knots
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64]) -> Reference {
        let mut reference = Reference::default();
        values.iter().for_each(|value| reference.add(*value));
        reference
    }

    #[test]
    fn ties_share_their_place() {
        let values: Vec<f64> = (0..30).map(|number| f64::from(number / 10)).collect();
        let Scale::MidRank { n, knots } = Scale::fit(of(&values)) else { panic!("ranks") };
        assert_eq!(n, 30);
        assert_eq!(knots, [(0.0, 5.0 / 30.0), (1.0, 15.0 / 30.0), (2.0, 25.0 / 30.0)]);
        let scale = Scale::fit(of(&values));
        let between = scale.place(0.5).unwrap();
        assert!((between.u - 10.0 / 30.0).abs() < 1e-15 && !between.extrapolated);
        assert_eq!(scale.place(-1.0), Some(Place { u: 5.0 / 30.0, extrapolated: true }));
        assert_eq!(scale.place(9.0), Some(Place { u: 25.0 / 30.0, extrapolated: true }));
    }

    #[test]
    fn small_populations_have_a_robust_z_or_nothing() {
        let nine: Vec<f64> = (0..9).map(f64::from).collect();
        assert_eq!(Scale::fit(of(&nine)), Scale::Uncalibrated { n: 9 });
        assert_eq!(Scale::fit(of(&nine)).place(4.0), None);
        let eleven: Vec<f64> = (0..11).map(f64::from).collect();
        let scale = Scale::fit(of(&eleven));
        assert_eq!(scale, Scale::RobustZ { n: 11, median: 5.0, mad: 3.0, range: [0.0, 10.0] });
        assert_eq!(scale.place(5.0).unwrap().u, 0.5);
        // Φ(1) and Φ(3.5), from tables.
        assert!((scale.place(5.0 + 1.4826 * 3.0).unwrap().u - 0.841_344_746_068_543).abs() < 1e-12);
        let far = scale.place(1e9).unwrap();
        assert!(far.extrapolated && (far.u - 0.999_767_370_920_964).abs() < 1e-12);
        let equal = Scale::fit(of(&[7.0; 12]));
        assert_eq!(equal.place(7.0).unwrap().u, 0.5);
        assert!(equal.place(7.1).unwrap().u > 0.999);
    }

    #[test]
    fn many_numbers_keep_both_ends_and_few_knots() {
        let values: Vec<f64> = (0..100_000).map(|number| f64::from(number) * 0.5).collect();
        let Scale::MidRank { knots, n } = Scale::fit(of(&values)) else { panic!("ranks") };
        assert!(knots.len() <= KNOTS_MAX && knots.len() > KNOTS_MAX - 2, "{}", knots.len());
        assert_eq!((knots[0].0, knots[knots.len() - 1].0), (0.0, 49_999.5));
        let scale = Scale::MidRank { n, knots };
        for value in [0.0, 17.0, 12_345.5, 49_999.5] {
            let rank = (value * 2.0 + 0.5) / 100_000.0;
            assert!((scale.place(value).unwrap().u - rank).abs() < 1e-9, "{value}");
        }
    }

    proptest! {
        #[test]
        fn the_order_does_not_matter(
            values in prop::collection::vec((0..40_i32).prop_map(f64::from), 0..300),
            cut in 0..300_usize,
        ) {
            let whole = of(&values);
            let cut = cut.min(values.len());
            let mut merged = of(&values[cut..]);
            merged.merge(of(&values[..cut]));
            prop_assert_eq!(&merged, &whole);
            let scale = Scale::fit(whole);
            prop_assert_eq!(&Scale::fit(merged), &scale);
            // As the definition has it, number by number.
            if let Scale::MidRank { n, .. } = &scale {
                for x in &values {
                    let below = values.iter().filter(|r| *r < x).count() as f64;
                    let equal = values.iter().filter(|r| *r == x).count() as f64;
                    let u = (below + equal / 2.0) / *n as f64;
                    prop_assert_eq!(scale.place(*x).unwrap().u, u);
                }
            }
        }
    }
}
