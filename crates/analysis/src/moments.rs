//! Mean and variance of numbers that come one by one or in groups.

use serde::{Deserialize, Serialize};

use crate::bits;

/// Number, mean, sum of squared deviations, smallest and greatest of some numbers. One by one after
/// Welford (1962), groups after Chan, Golub and LeVeque (1979).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Moments {
    count: u64,
    #[serde(with = "bits")]
    mean: f64,
    #[serde(with = "bits")]
    squares: f64,
    #[serde(with = "bits")]
    least: f64,
    #[serde(with = "bits")]
    greatest: f64,
}

impl Moments {
    /// Takes a number in.
    pub fn add(&mut self, value: f64) {
        if self.count == 0 {
            (self.least, self.greatest) = (value, value);
        }
        self.count += 1;
        let off = value - self.mean;
        self.mean += off / self.count as f64;
        self.squares += off * (value - self.mean);
        self.least = self.least.min(value);
        self.greatest = self.greatest.max(value);
    }

    /// Takes the numbers of another group in.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let (ours, theirs) = (self.count as f64, other.count as f64);
        let all = ours + theirs;
        let off = other.mean - self.mean;
        self.mean += off * (theirs / all);
        self.squares += other.squares + off * off * (ours * theirs / all);
        self.count += other.count;
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
    }

    /// How many numbers.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; nothing where there are none.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// Their standard deviation with n − 1; nothing where there are fewer than two.
    #[must_use]
    pub fn deviation(&self) -> Option<f64> {
        (self.count > 1).then(|| (self.squares / (self.count - 1) as f64).sqrt())
    }

    /// The smallest and the greatest.
    #[must_use]
    pub fn range(&self) -> Option<(f64, f64)> {
        (self.count > 0).then_some((self.least, self.greatest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// NIST StRD, NumAcc1 to NumAcc4: the certified mean and deviation, and how many digits of the
    /// deviation must agree.
    #[test]
    fn the_certified_values_of_nist() {
        let around = |base: f64, low: f64, high: f64, pairs: usize| {
            let mut values = vec![base];
            for _ in 0..pairs {
                values.extend([low, high]);
            }
            values
        };
        let sets: [(Vec<f64>, f64, f64, f64); 4] = [
            (vec![10_000_001.0, 10_000_003.0, 10_000_002.0], 10_000_002.0, 1.0, 14.9),
            (around(1.2, 1.1, 1.3, 500), 1.2, 0.1, 14.0),
            (around(1_000_000.2, 1_000_000.1, 1_000_000.3, 500), 1_000_000.2, 0.1, 9.0),
            (around(10_000_000.2, 10_000_000.1, 10_000_000.3, 500), 10_000_000.2, 0.1, 8.0),
        ];
        for (values, mean, deviation, digits) in sets {
            let mut moments = Moments::default();
            values.iter().for_each(|value| moments.add(*value));
            let agreed = |found: f64, certified: f64| {
                let off = ((found - certified) / certified).abs();
                if off == 0.0 { 15.0 } else { -off.log10() }
            };
            assert!(agreed(moments.mean().unwrap(), mean) >= 14.9, "mean {mean}");
            let found = agreed(moments.deviation().unwrap(), deviation);
            assert!(found >= digits, "{found} digits of the deviation around {mean}");
        }
    }

    proptest! {
        #[test]
        fn groups_come_to_the_same(values in prop::collection::vec(-1e6..1e6_f64, 0..200), cut in 0..200_usize) {
            let cut = cut.min(values.len());
            let of = |values: &[f64]| {
                let mut moments = Moments::default();
                values.iter().for_each(|value| moments.add(*value));
                moments
            };
            let (mut merged, whole) = (of(&values[..cut]), of(&values));
            merged.merge(&of(&values[cut..]));
            prop_assert_eq!(merged.count(), whole.count());
            prop_assert_eq!(merged.range(), whole.range());
            if let (Some(a), Some(b)) = (merged.mean(), whole.mean()) {
                prop_assert!((a - b).abs() <= 1e-6);
            }
            if let (Some(a), Some(b)) = (merged.deviation(), whole.deviation()) {
                prop_assert!((a - b).abs() <= 1e-6 * b.max(1.0));
            }
            let text = serde_json::to_string(&whole).unwrap();
            let read: Moments = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read.mean().map(f64::to_bits), whole.mean().map(f64::to_bits));
        }
    }
}
