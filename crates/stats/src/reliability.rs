//! How well several items measure one thing.

use crate::error::{at_least, in_range, same_length};
use crate::moments::variance;
use crate::{StatError, Sum};

/// Cronbach's (1951) alpha, `k/(k − 1) · (1 − Σ sᵢ² / s²)` with the variances of the k items and of
/// their sum. `items` has one list for each item, all of the same cases in the same order; only cases
/// with all items, and turned so that more means the same in each. 1 at most; negative where items
/// contradict each other.
///
/// # Errors
/// Fewer than two items or two cases; lists of different lengths; a value that is not finite; a sum
/// that does not vary.
pub fn cronbach_alpha(items: &[&[f64]]) -> Result<f64, StatError> {
    at_least(2, items.len())?;
    let cases = items[0].len();
    let mut apart = Sum::new();
    for item in items {
        same_length(cases, item.len())?;
        apart.add(variance(item)?);
    }
    let sums: Vec<f64> = (0..cases)
        .map(|case| items.iter().map(|item| item[case]).collect::<Sum>().total())
        .collect();
    let whole = variance(&sums)?;
    if whole == 0.0 {
        return Err(StatError::Constant);
    }
    let k = items.len() as f64;
    in_range(k / (k - 1.0) * (1.0 - apart.total() / whole))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_hand() {
        // Variances 1 and 1, their sum's 4: all that varies is common.
        assert_eq!(cronbach_alpha(&[&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]]), Ok(1.0));
        // Variances 1 and 1, covariance ½: 2 (1 − 2/3).
        let found = cronbach_alpha(&[&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0]]).unwrap();
        assert!((found - 2.0 / 3.0).abs() < 1e-15);
        let against = cronbach_alpha(&[&[1.0, 2.0, 4.0], &[3.0, 2.0, 1.0]]).unwrap();
        assert!(against < 0.0);
    }

    #[test]
    fn what_is_refused() {
        let item: &[f64] = &[1.0, 2.0, 3.0];
        assert_eq!(cronbach_alpha(&[item]), Err(StatError::TooFew { needed: 2, found: 1 }));
        assert_eq!(
            cronbach_alpha(&[&[1.0], &[2.0]]),
            Err(StatError::TooFew { needed: 2, found: 1 })
        );
        assert_eq!(
            cronbach_alpha(&[item, &[1.0, 2.0]]),
            Err(StatError::Shape { expected: 3, found: 2 })
        );
        assert_eq!(cronbach_alpha(&[item, &[1.0, f64::NAN, 2.0]]), Err(StatError::NotFinite));
        assert_eq!(cronbach_alpha(&[item, &[3.0, 2.0, 1.0]]), Err(StatError::Constant));
    }

    proptest! {
        #[test]
        fn shifts_of_items_change_nothing(
            cases in prop::collection::vec([-20..20_i32, -20..20, -20..20], 3..30), shift in -9..9_i32,
        ) {
            let column = |at: usize, by: i32| -> Vec<f64> {
                cases.iter().map(|case| 2.0 * f64::from(case[at] + by)).collect()
            };
            let (a, b, c) = (column(0, 0), column(1, 0), column(2, 0));
            if let Ok(alpha) = cronbach_alpha(&[&a, &b, &c]) {
                let moved = cronbach_alpha(&[&column(0, shift), &c, &column(1, -shift)]).unwrap();
                prop_assert!((alpha - moved).abs() <= 1e-12 * (1.0 + alpha.abs()));
                prop_assert!(alpha <= 1.0 + 1e-12);
            }
        }
    }
}
