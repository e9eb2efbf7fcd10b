//! Many tests at once.

use crate::StatError;

/// The p of each test, adjusted so that among the tests that are called significant below some level
/// at most that share is expected to be so by chance: the false discovery rate of Benjamini and
/// Hochberg (1995). In the order of the input: for the i-th smallest of m, the least of `p m / i` over
/// all that are not smaller, 1 at most. Nothing for nothing.
///
/// # Errors
/// A p that is not in [0, 1].
pub fn benjamini_hochberg(p: &[f64]) -> Result<Vec<f64>, StatError> {
    if !p.iter().all(|p| (0.0..=1.0).contains(p)) {
        return Err(StatError::Range("a p"));
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let (mut adjusted, mut least) = (vec![0.0; p.len()], 1.0_f64);
    for (rank, at) in order.into_iter().enumerate().rev() {
        least = least.min(p[at] * (p.len() as f64 / (rank + 1) as f64));
        // Of zeros with different signs `min` may take either; this leaves one.
        adjusted[at] = least + 0.0;
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_the_paper() {
        // Benjamini and Hochberg 1995, §4.1: at a rate of 0.05, four of fifteen.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
            0.5719, 0.6528, 0.7590, 1.0,
        ];
        let adjusted = benjamini_hochberg(&p).unwrap();
        assert_eq!(adjusted.iter().filter(|p| **p <= 0.05).count(), 4);
        assert!((adjusted[3] - 0.0095 * 15.0 / 4.0).abs() < 1e-15);
        // The seventh pulls the sixth down.
        assert_eq!(adjusted[5], adjusted[6]);
        assert_eq!(adjusted[14], 1.0);
    }

    #[test]
    fn ends_and_what_is_refused() {
        assert_eq!(benjamini_hochberg(&[]), Ok(vec![]));
        assert_eq!(benjamini_hochberg(&[0.3]), Ok(vec![0.3]));
        assert_eq!(benjamini_hochberg(&[0.2; 4]), Ok(vec![0.2; 4]));
        for wrong in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(benjamini_hochberg(&[0.5, wrong]), Err(StatError::Range("a p")));
        }
    }

    proptest! {
        #[test]
        fn it_keeps_the_order(p in prop::collection::vec(0.0..=1.0_f64, 1..40)) {
            let adjusted = benjamini_hochberg(&p).unwrap();
            for (a, adjusted_a) in p.iter().zip(&adjusted) {
                prop_assert!(adjusted_a >= a && *adjusted_a <= 1.0);
                for (b, adjusted_b) in p.iter().zip(&adjusted) {
                    prop_assert!(a > b || adjusted_a <= adjusted_b);
                }
            }
            let turned: Vec<f64> = p.iter().rev().copied().collect();
            let mut back = benjamini_hochberg(&turned).unwrap();
            back.reverse();
            prop_assert_eq!(back, adjusted);
        }
    }
}
