//! Mean and variance of a list.

use crate::error::{at_least, finite, in_range};
use crate::{ExactSum, StatError, Sum};

/// The arithmetic mean, in the unit of the values. The compensated sum over the count, which for
/// fewer than `2^30` values is off by one or two units of the last digit at most.
///
/// # Errors
/// No values; a value that is not finite; a sum beyond the range of `f64`.
pub fn mean(values: &[f64]) -> Result<f64, StatError> {
    at_least(1, values.len())?;
    finite(values)?;
    let sum: Sum = values.iter().copied().collect();
    in_range(sum.total() / values.len() as f64)
}

/// The sample variance with n − 1, in the square of the values' unit. In two passes, the second one
/// corrected for the rounding of the mean (Chan, Golub and LeVeque 1983).
///
/// # Errors
/// Fewer than two values; a value that is not finite; squares beyond the range of `f64`.
pub fn variance(values: &[f64]) -> Result<f64, StatError> {
    at_least(2, values.len())?;
    Ok(Summary::new(values)?.squares / (values.len() - 1) as f64)
}

/// A sample as tests of means see it: how many values, around which mean, and how far they lie from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    n: u64,
    /// The mean, rounded.
    mean: f64,
    /// What the true mean has beyond it.
    rest: f64,
    /// The sum of squared deviations from the true mean.
    pub(crate) squares: f64,
}

impl Summary {
    /// Of values one by one, in two passes (Chan, Golub and LeVeque 1983). The last bits depend on the order.
    ///
    /// # Errors
    /// No values; a value that is not finite, or squares that are not.
    pub fn new(values: &[f64]) -> Result<Self, StatError> {
        let mean = mean(values)?;
        let (mut squares, mut off) = (Sum::new(), Sum::new());
        for value in values {
            let deviation = value - mean;
            off.add(deviation);
            squares.add(deviation * deviation);
        }
        let (n, off) = (values.len() as f64, off.total());
        let squares = in_range(squares.total() - off * (off / n))?.max(0.0) + 0.0;
        Ok(Self { n: values.len() as u64, mean, rest: off / n, squares })
    }

    /// Of values with how often each is there, as [`Summary::new`] has it of them one by one but for the
    /// last bits. Those depend on the order.
    ///
    /// # Errors
    /// No values; a value that is not finite, or squares that are not.
    pub fn of_counts(counts: &[(f64, u64)]) -> Result<Self, StatError> {
        if !counts.iter().all(|(value, _)| value.is_finite()) {
            return Err(StatError::NotFinite);
        }
        let count: u64 = counts.iter().map(|(_, count)| count).sum();
        at_least(1, usize::from(count > 0))?;
        let n = count as f64;
        let sum: Sum = counts.iter().map(|(value, count)| value * *count as f64).collect();
        let mean = in_range(sum.total() / n)?;
        let (mut squares, mut off) = (Sum::new(), Sum::new());
        for (value, count) in counts {
            let (deviation, count) = (value - mean, *count as f64);
            off.add(deviation * count);
            squares.add(deviation * deviation * count);
        }
        let off = off.total();
        let squares = in_range(squares.total() - off * (off / n))?.max(0.0) + 0.0;
        Ok(Self { n: count, mean, rest: off / n, squares })
    }

    /// Of the exact sum of `n` values and that of their squares: the same bits in whatever order they
    /// came. `Σ(x − m)² = Σx² − 2mΣx + nm²` is added up exactly, so what is great in it cancels without
    /// a loss; for values whose squares are neither subnormal nor beyond the range of `f64`.
    ///
    /// # Errors
    /// No values; sums beyond the range of `f64`.
    pub fn of_sums(n: u64, sum: &ExactSum, squares: &ExactSum) -> Result<Self, StatError> {
        at_least(1, usize::from(n > 0))?;
        let (count, whole) = (n as f64, sum.total());
        let mean = in_range(whole / count)?;
        in_range(2.0 * mean * whole)?;
        in_range(squares.total())?;
        let mut around = squares.clone();
        // A sum has more digits than one f64; three have all that a result can show.
        for part in parts_of(sum) {
            around.add_product(-2.0 * mean, part);
        }
        let mut square = ExactSum::new();
        square.add_product(mean, mean);
        for part in parts_of(&square) {
            around.add_product(count, part);
        }
        let mut off = sum.clone();
        off.add_product(-count, mean);
        let off = off.total();
        let squares = in_range(around.total() - off * (off / count))?.max(0.0) + 0.0;
        Ok(Self { n, mean, rest: off / count, squares })
    }

    /// How many values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.n
    }

    /// The arithmetic mean, in the unit of the values.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean + self.rest
    }

    /// The sample variance with n − 1, in the square of the values' unit; nothing of one value.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        (self.n > 1).then(|| self.squares / (self.n - 1) as f64)
    }

    /// How far the mean lies above another one: with the digits that both lose where they are great
    /// and lie near each other.
    pub(crate) fn above(&self, other: &Self) -> Result<f64, StatError> {
        in_range((self.mean - other.mean) + (self.rest - other.rest))
    }

    /// Refuses fewer than two values.
    pub(crate) fn at_least_two(&self) -> Result<(), StatError> {
        at_least(2, usize::try_from(self.n).unwrap_or(usize::MAX))
    }
}

/// An exact sum as numbers that add up to it, the greatest first.
pub(crate) fn parts_of(sum: &ExactSum) -> [f64; 3] {
    let mut left = sum.clone();
    [(); 3].map(|()| {
        let part = left.total();
        left.add(-part);
        part
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// NIST StRD, NumAcc1 to NumAcc4: the certified mean and deviation, and how many digits of the
    /// deviation must agree. The decimals of the last two are not exact in binary.
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
        for (values, certified_mean, certified_deviation, digits) in sets {
            let agreed = |found: f64, certified: f64| {
                let off = ((found - certified) / certified).abs();
                if off == 0.0 { 15.0 } else { -libm::log10(off) }
            };
            assert!(agreed(mean(&values).unwrap(), certified_mean) >= 14.9, "{certified_mean}");
            let found = agreed(variance(&values).unwrap().sqrt(), certified_deviation);
            println!("NumAcc around {certified_mean}: {found:.1} digits of the deviation");
            assert!(found >= digits, "{found} digits of the deviation around {certified_mean}");
        }
    }

    #[test]
    fn what_is_refused() {
        assert_eq!(mean(&[]), Err(StatError::TooFew { needed: 1, found: 0 }));
        assert_eq!(variance(&[1.0]), Err(StatError::TooFew { needed: 2, found: 1 }));
        assert_eq!(mean(&[1.0, f64::NAN]), Err(StatError::NotFinite));
        assert_eq!(variance(&[1.0, f64::INFINITY]), Err(StatError::NotFinite));
        assert_eq!(mean(&[f64::MAX, f64::MAX]), Err(StatError::NotFinite));
        assert_eq!(variance(&[1e200, -1e200]), Err(StatError::NotFinite));
        assert_eq!(mean(&[3.0]), Ok(3.0));
        assert_eq!(variance(&[0.1; 7]), Ok(0.0));
    }

    proptest! {
        #[test]
        fn shifts_and_scales(
            values in prop::collection::vec(-1_000..1_000_i32, 2..50), shift in -1_000..1_000_i32,
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            // Whole numbers and powers of two change nothing but the place.
            let moved: Vec<f64> =
                values.iter().map(|value| 4.0 * (value + f64::from(shift))).collect();
            let (one, other) = (variance(&values).unwrap(), variance(&moved).unwrap());
            prop_assert!((other - 16.0 * one).abs() <= 1e-13 * other);
            let (one, other) = (mean(&values).unwrap(), mean(&moved).unwrap());
            prop_assert!((other - 4.0 * (one + f64::from(shift))).abs() <= 1e-11);
        }
    }
}
