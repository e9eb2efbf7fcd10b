//! How far two distributions lie apart.

use std::f64::consts::LN_2;

use crate::error::{at_least, in_range, same_length};
use crate::{StatError, Sum};

/// What a bin without cases is taken for: the logarithm of nothing says nothing.
pub const EMPTY_BIN_SHARE: f64 = 1e-4;

/// The population stability index of counts in the same bins, `Σ (aᵢ − eᵢ) ln(aᵢ/eᵢ)` of the shares
/// expected and found (the symmetric divergence of Jeffreys 1946; by this name in Siddiqi 2006). A
/// share below [`EMPTY_BIN_SHARE`] is taken for that. 0 where both agree, without an upper end; by
/// custom 0.1 is little and 0.25 much.
///
/// # Errors
/// No bins; lists of different lengths; no cases in one of them.
pub fn population_stability(expected: &[u64], found: &[u64]) -> Result<f64, StatError> {
    at_least(1, expected.len())?;
    same_length(expected.len(), found.len())?;
    let (whole_expected, whole_found) =
        (whole(expected.iter().copied())?, whole(found.iter().copied())?);
    let share = |count: u64, whole: u128| (count as f64 / whole as f64).max(EMPTY_BIN_SHARE);
    let terms = expected.iter().zip(found).map(|(expected, found)| {
        let (e, a) = (share(*expected, whole_expected), share(*found, whole_found));
        (a - e) * libm::log(a / e)
    });
    Ok(terms.collect::<Sum>().total())
}

/// The cases of all bins.
fn whole(counts: impl Iterator<Item = u64>) -> Result<u128, StatError> {
    match counts.map(u128::from).sum() {
        0 => Err(StatError::TooFew { needed: 1, found: 0 }),
        whole => Ok(whole),
    }
}

/// The divergence of Jensen and Shannon of two discrete distributions over the same values, in bits
/// (Lin 1991): 0 where they are the same, 1 where no value has weight in both. Its root is a metric.
/// The weights need not add up to one.
///
/// # Errors
/// No values; lists of different lengths; a weight that is negative or not finite; no weight at all.
pub fn jensen_shannon(p: &[f64], q: &[f64]) -> Result<f64, StatError> {
    at_least(1, p.len())?;
    same_length(p.len(), q.len())?;
    let whole = |weights: &[f64]| {
        if !weights.iter().all(|weight| *weight >= 0.0 && weight.is_finite()) {
            return Err(StatError::Range("a weight"));
        }
        let whole = in_range(weights.iter().copied().collect::<Sum>().total())?;
        if whole > 0.0 { Ok(whole) } else { Err(StatError::Range("the sum of the weights")) }
    };
    let (whole_p, whole_q) = (whole(p)?, whole(q)?);
    let mut bits = Sum::new();
    for (p, q) in p.iter().zip(q) {
        let (p, q) = (p / whole_p, q / whole_q);
        if p + q == 0.0 {
            continue;
        }
        // p over the mean of both is 1 + off, and q over it 1 − off: near 1 that keeps all digits.
        let off = (p - q) / (p + q);
        for (share, off) in [(p, off), (q, -off)] {
            if share > 0.0 {
                let near = off.abs() < 0.5;
                let log = if near { libm::log1p(off) } else { libm::log(2.0 * share / (p + q)) };
                bits.add(0.5 * share * log);
            }
        }
    }
    Ok((bits.total() / LN_2).clamp(0.0, 1.0))
}

/// The greatest distance of the cumulative shares of two empirical distributions (Smirnov 1939), 0 to
/// 1. Each is a list of values with their counts, in order of the values.
///
/// # Errors
/// A list without counts, or out of order; a value that is not finite.
pub fn kolmogorov_distance(x: &[(f64, u64)], y: &[(f64, u64)]) -> Result<f64, StatError> {
    let steps = Steps::new(x, y)?;
    Ok(steps.walk().map(|(_, apart)| apart).fold(0.0, f64::max))
}

/// The distance of two empirical distributions after Wasserstein (Vallender 1974): how far a case is
/// moved on average to make one the other, in the unit of the values. Each is a list of values with
/// their counts, in order of the values.
///
/// # Errors
/// A list without counts, or out of order; a value that is not finite; a distance beyond the range of
/// `f64`.
pub fn wasserstein_distance(x: &[(f64, u64)], y: &[(f64, u64)]) -> Result<f64, StatError> {
    let steps = Steps::new(x, y)?;
    let moved = steps.walk().filter(|(_, apart)| *apart > 0.0).map(|(wide, apart)| wide * apart);
    in_range(moved.collect::<Sum>().total())
}

/// Two distributions on the same line.
struct Steps<'a> {
    x: &'a [(f64, u64)],
    y: &'a [(f64, u64)],
    whole_x: u128,
    whole_y: u128,
}

impl<'a> Steps<'a> {
    fn new(x: &'a [(f64, u64)], y: &'a [(f64, u64)]) -> Result<Self, StatError> {
        for list in [x, y] {
            if !list.iter().all(|(value, _)| value.is_finite()) {
                return Err(StatError::NotFinite);
            }
            if !list.is_sorted_by(|a, b| a.0 <= b.0) {
                return Err(StatError::Range("the order of the values"));
            }
        }
        let counts = |list: &[(f64, u64)]| {
            whole(list.iter().map(|(_, count)| *count).collect::<Vec<_>>().into_iter())
        };
        Ok(Self { x, y, whole_x: counts(x)?, whole_y: counts(y)? })
    }

    /// From each value to the next: how far that is, and how far the cumulative shares are apart.
    /// After the last one they are not.
    fn walk(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let (mut i, mut j, mut below_x, mut below_y) = (0, 0, 0_u128, 0_u128);
        std::iter::from_fn(move || {
            let value = least(self.x.get(i), self.y.get(j))?;
            while let Some((_, count)) = self.x.get(i).filter(|(other, _)| *other == value) {
                (i, below_x) = (i + 1, below_x + u128::from(*count));
            }
            while let Some((_, count)) = self.y.get(j).filter(|(other, _)| *other == value) {
                (j, below_y) = (j + 1, below_y + u128::from(*count));
            }
            let next = least(self.x.get(i), self.y.get(j))?;
            Some((next - value, self.apart(below_x, below_y)))
        })
    }

    /// The difference of two shares, by whole numbers where they fit.
    fn apart(&self, below_x: u128, below_y: u128) -> f64 {
        let cross = below_x.checked_mul(self.whole_y).zip(below_y.checked_mul(self.whole_x));
        match cross {
            Some((a, b)) => a.abs_diff(b) as f64 / (self.whole_x as f64 * self.whole_y as f64),
            None => {
                (below_x as f64 / self.whole_x as f64 - below_y as f64 / self.whole_y as f64).abs()
            }
        }
    }
}

fn least(x: Option<&(f64, u64)>, y: Option<&(f64, u64)>) -> Option<f64> {
    match (x, y) {
        (Some((a, _)), Some((b, _))) => Some(a.min(*b)),
        (Some((only, _)), None) | (None, Some((only, _))) => Some(*only),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_hand() {
        // Half and half against a quarter and three quarters: ¼ ln(1½) + ... = ¼ ln 3.
        let found = population_stability(&[10, 10], &[30, 10]).unwrap();
        assert!((found - 0.25 * libm::log(3.0)).abs() < 1e-15);
        assert_eq!(population_stability(&[3, 4, 5], &[6, 8, 10]), Ok(0.0));
        let empty = population_stability(&[1, 0], &[0, 1]).unwrap();
        let (all, none) = (1.0, EMPTY_BIN_SHARE);
        assert!((empty - 2.0 * (all - none) * libm::log(all / none)).abs() < 1e-12);
        assert_eq!(jensen_shannon(&[1.0, 0.0], &[0.0, 7.0]), Ok(1.0));
        assert_eq!(jensen_shannon(&[1.0, 3.0], &[2.0, 6.0]), Ok(0.0));
        // (1, 0) against (½, ½): 1 − ¾ log₂ 3 + ½ log₂ 4 / ... = ¾ log₂(4/3).
        let half = jensen_shannon(&[1.0, 0.0], &[1.0, 1.0]).unwrap();
        assert!((half - 0.75 * libm::log2(4.0 / 3.0)).abs() < 1e-15, "{half}");
        let (x, y) = ([(0.0, 1), (1.0, 1), (3.0, 1)], [(5.0, 1), (6.0, 1), (8.0, 1)]);
        assert_eq!(wasserstein_distance(&x, &y), Ok(5.0));
        assert_eq!(kolmogorov_distance(&x, &y), Ok(1.0));
        let (x, y) = ([(0.0, 3), (1.0, 1)], [(0.0, 1), (0.0, 1), (1.0, 2)]);
        assert_eq!(wasserstein_distance(&x, &y), Ok(0.25));
        assert_eq!(kolmogorov_distance(&x, &y), Ok(0.25));
        let great = [(0.0, u64::MAX), (1.0, u64::MAX)];
        assert_eq!(kolmogorov_distance(&great, &[(0.0, 1), (1.0, 1)]), Ok(0.0));
        assert_eq!(wasserstein_distance(&great, &great), Ok(0.0));
    }

    #[test]
    fn what_is_refused() {
        assert!(population_stability(&[], &[]).is_err());
        assert!(population_stability(&[1], &[1, 2]).is_err());
        assert!(population_stability(&[0, 0], &[1, 2]).is_err());
        assert!(jensen_shannon(&[], &[]).is_err());
        assert!(jensen_shannon(&[0.0], &[1.0]).is_err());
        assert!(jensen_shannon(&[1.0, -1.0], &[1.0, 1.0]).is_err());
        assert!(jensen_shannon(&[f64::NAN], &[1.0]).is_err());
        for of in [kolmogorov_distance, wasserstein_distance] {
            assert!(of(&[], &[(1.0, 1)]).is_err());
            assert!(of(&[(1.0, 0)], &[(1.0, 1)]).is_err());
            assert_eq!(of(&[(f64::NAN, 1)], &[(1.0, 1)]), Err(StatError::NotFinite));
            assert!(of(&[(2.0, 1), (1.0, 1)], &[(1.0, 1)]).is_err());
        }
        assert_eq!(
            wasserstein_distance(&[(-f64::MAX, 1)], &[(f64::MAX, 1)]),
            Err(StatError::NotFinite)
        );
    }

    fn distribution() -> impl Strategy<Value = Vec<(f64, u64)>> {
        prop::collection::vec((-9..9_i32, 1..9_u64), 1..12).prop_map(|mut list| {
            list.sort_unstable();
            list.into_iter().map(|(value, count)| (f64::from(value), count)).collect()
        })
    }

    proptest! {
        #[test]
        fn distances_are_symmetric_and_keep_with_shifts(
            x in distribution(), y in distribution(), shift in -9..9_i32,
        ) {
            let moved = |list: &[(f64, u64)]| -> Vec<(f64, u64)> {
                list.iter().map(|(value, count)| (2.0 * (value + f64::from(shift)), *count)).collect()
            };
            let ks = kolmogorov_distance(&x, &y).unwrap();
            prop_assert_eq!(kolmogorov_distance(&y, &x).unwrap(), ks);
            prop_assert_eq!(kolmogorov_distance(&moved(&x), &moved(&y)).unwrap(), ks);
            let far = wasserstein_distance(&x, &y).unwrap();
            prop_assert_eq!(wasserstein_distance(&y, &x).unwrap(), far);
            prop_assert!((wasserstein_distance(&moved(&x), &moved(&y)).unwrap() - 2.0 * far).abs() < 1e-12);
            prop_assert_eq!(wasserstein_distance(&x, &x).unwrap(), 0.0);
            // All moved by the same: that is how far.
            let shifted = wasserstein_distance(&moved(&x), &x.iter().map(|(value, count)| (2.0 * value, *count)).collect::<Vec<_>>());
            prop_assert!((shifted.unwrap() - 2.0 * f64::from(shift.abs())).abs() < 1e-12);
        }

        #[test]
        fn divergences_are_symmetric(pairs in prop::collection::vec((0..50_u32, 0..50_u32), 1..12)) {
            let p: Vec<f64> = pairs.iter().map(|(p, _)| f64::from(*p)).collect();
            let q: Vec<f64> = pairs.iter().map(|(_, q)| f64::from(*q)).collect();
            if let (Ok(one), Ok(other)) = (jensen_shannon(&p, &q), jensen_shannon(&q, &p)) {
                prop_assert!((one - other).abs() < 1e-15 && (0.0..=1.0).contains(&one));
            }
            let (p, q): (Vec<u64>, Vec<u64>) =
                pairs.iter().map(|(p, q)| (u64::from(*p), u64::from(*q))).unzip();
            if let (Ok(one), Ok(other)) = (population_stability(&p, &q), population_stability(&q, &p)) {
                prop_assert!((one - other).abs() < 1e-12 && one >= 0.0);
            }
        }
    }
}
