//! Place and spread that few outliers do not move.

use crate::StatError;
use crate::error::{at_least, finite, in_range};

/// What makes the median of distances from the median a standard deviation, of normal values (Hampel
/// 1974): one over the normal quantile of ¾, in four decimals as it is commonly used.
pub const MAD_SCALE: f64 = 1.482_6;

/// The middle value, or the mean of the two middle ones.
///
/// # Errors
/// No values; a value that is not finite.
pub fn median(values: &[f64]) -> Result<f64, StatError> {
    let sorted = sorted(values)?;
    Ok(between(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]))
}

/// [`median`] of values with how often each is there, in the order of the values.
///
/// # Errors
/// No values; values out of order, or one that is not finite; more than fit into 64 bits.
pub fn median_of_counts(counts: &[(f64, u64)]) -> Result<f64, StatError> {
    if !counts.iter().all(|(value, _)| value.is_finite()) {
        return Err(StatError::NotFinite);
    }
    if !counts.is_sorted_by(|a, b| a.0 <= b.0) {
        return Err(StatError::Range("the order of the values"));
    }
    let all = counts.iter().try_fold(0_u64, |all, (_, count)| all.checked_add(*count));
    let all = all.ok_or(StatError::Range("the number of the values"))?;
    let at = |place: u64| {
        let mut behind = 0;
        let found = counts.iter().find(|(_, count)| {
            behind += count;
            place < behind
        });
        found.map(|(value, _)| *value).ok_or(StatError::TooFew { needed: 1, found: 0 })
    };
    Ok(between(at(all.saturating_sub(1) / 2)?, at(all / 2)?))
}

/// The mean of two values.
fn between(low: f64, high: f64) -> f64 {
    let both = low + high;
    if both.is_finite() { both / 2.0 } else { low / 2.0 + high / 2.0 }
}

/// The value below which the share `q` lies, linear between neighbours: type 7 of Hyndman and Fan
/// (1996), which R and numpy have by default.
///
/// # Errors
/// No values; a value that is not finite; `q` outside of [0, 1].
pub fn quantile_of(values: &[f64], q: f64) -> Result<f64, StatError> {
    if !(0.0..=1.0).contains(&q) {
        return Err(StatError::Range("a share"));
    }
    let sorted = sorted(values)?;
    let place = q * (sorted.len() - 1) as f64;
    let below = place.floor();
    let part = place - below;
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below the length")]
    let at = below as usize;
    let (low, high) = (sorted[at], sorted[(at + 1).min(sorted.len() - 1)]);
    let wide = high - low;
    Ok(if wide.is_finite() { low + part * wide } else { low * (1.0 - part) + high * part })
}

/// The median of the distances from the median, times [`MAD_SCALE`]: comparable with a standard
/// deviation, in the unit of the values.
///
/// # Errors
/// No values; a value that is not finite; distances beyond the range of `f64`.
pub fn mad(values: &[f64]) -> Result<f64, StatError> {
    let middle = median(values)?;
    let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    in_range(MAD_SCALE * median(&distances)?)
}

/// How many robust deviations each value lies from the median: `(x − median) / mad` (Iglewicz and
/// Hoaglin 1993), in the order of the input.
///
/// # Errors
/// No values; a value that is not finite; more than half of them equal, so that the deviation is 0.
pub fn robust_z(values: &[f64]) -> Result<Vec<f64>, StatError> {
    let (middle, spread) = (median(values)?, mad(values)?);
    if spread == 0.0 {
        return Err(StatError::Constant);
    }
    values.iter().map(|value| in_range((value - middle) / spread)).collect()
}

fn sorted(values: &[f64]) -> Result<Vec<f64>, StatError> {
    at_least(1, values.len())?;
    finite(values)?;
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    Ok(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_hand() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Ok(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Ok(2.5));
        assert_eq!(median(&[f64::MAX, f64::MAX]), Ok(f64::MAX));
        assert_eq!(mad(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0]), Ok(MAD_SCALE));
        let z = robust_z(&[1.0, 2.0, 3.0]).unwrap();
        assert!((z[0] + 1.0 / MAD_SCALE).abs() < 1e-15 && z[1] == 0.0);
        // R: quantile(c(1, 2, 4, 8), c(0.1, 0.5, 0.9)).
        for (q, found) in [(0.1, 1.3), (0.5, 3.0), (0.9, 6.8), (0.0, 1.0), (1.0, 8.0)] {
            assert!((quantile_of(&[8.0, 4.0, 2.0, 1.0], q).unwrap() - found).abs() < 1e-14, "{q}");
        }
        assert_eq!(quantile_of(&[7.0], 0.3), Ok(7.0));
        assert_eq!(quantile_of(&[-f64::MAX, f64::MAX], 0.5), Ok(0.0));
    }

    #[test]
    fn what_is_refused() {
        assert_eq!(median(&[]), Err(StatError::TooFew { needed: 1, found: 0 }));
        assert_eq!(median(&[1.0, f64::NAN]), Err(StatError::NotFinite));
        assert_eq!(mad(&[f64::INFINITY]), Err(StatError::NotFinite));
        assert_eq!(robust_z(&[1.0, 1.0, 1.0, 5.0]), Err(StatError::Constant));
        assert_eq!(quantile_of(&[1.0], 1.1), Err(StatError::Range("a share")));
        assert_eq!(quantile_of(&[1.0], f64::NAN), Err(StatError::Range("a share")));
    }

    #[test]
    fn medians_of_counts() {
        assert_eq!(median_of_counts(&[(1.0, 1), (2.0, 0), (3.0, 1)]), Ok(2.0));
        assert_eq!(median_of_counts(&[(f64::MAX, 2)]), Ok(f64::MAX));
        for (wrong, error) in [
            (&[][..], StatError::TooFew { needed: 1, found: 0 }),
            (&[(1.0, 0)], StatError::TooFew { needed: 1, found: 0 }),
            (&[(f64::NAN, 1)], StatError::NotFinite),
            (&[(2.0, 1), (1.0, 1)], StatError::Range("the order of the values")),
            (&[(1.0, u64::MAX), (2.0, 1)], StatError::Range("the number of the values")),
        ] {
            assert_eq!(median_of_counts(wrong), Err(error));
        }
    }

    proptest! {
        #[test]
        fn a_median_of_counts_is_that_of_values(
            mut counts in prop::collection::vec((-9..9_i32, 0..4_u8), 1..20),
        ) {
            counts.sort_unstable();
            let counts: Vec<(f64, u64)> =
                counts.into_iter().map(|(value, count)| (f64::from(value), count.into())).collect();
            let values: Vec<f64> = counts
                .iter()
                .flat_map(|(value, count)| (0..*count).map(|_| *value))
                .collect();
            prop_assert_eq!(median_of_counts(&counts), median(&values));
        }

        #[test]
        fn order_shift_and_scale(
            values in prop::collection::vec(-99..99_i32, 1..40), shift in -99..99_i32, q in 0.0..=1.0_f64,
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let turned: Vec<f64> = values.iter().rev().copied().collect();
            let moved: Vec<f64> =
                values.iter().map(|value| -4.0 * (value + f64::from(shift))).collect();
            prop_assert_eq!(median(&values), median(&turned));
            let middle = median(&values).unwrap();
            prop_assert_eq!(median(&moved).unwrap(), -4.0 * (middle + f64::from(shift)));
            prop_assert!((mad(&moved).unwrap() - 4.0 * mad(&values).unwrap()).abs() < 1e-10);
            prop_assert_eq!(quantile_of(&values, 0.5).unwrap(), middle);
            let at = quantile_of(&values, q).unwrap();
            let below = values.iter().filter(|value| **value <= at).count() as f64;
            prop_assert!(below >= q * (values.len() - 1) as f64);
        }
    }
}
