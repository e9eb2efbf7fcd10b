//! The χ² distribution: sums of squares of standard normal values.

use std::f64::consts::TAU;

use crate::{cdf, quantile};

/// Degrees of freedom at most; beyond, what is added up would leave the range of `f64`.
pub const FREE_MAX: u32 = 512;

/// Halvings at most: as many as `f64` has digits and some.
const HALVINGS: u32 = 128;

/// The share of a χ² distribution with `free` degrees of freedom above `x`, by the sums that it comes to for whole
/// degrees (Abramowitz and Stegun 1964, 26.4.4 and 26.4.5). Nothing for `free` of 0 or beyond [`FREE_MAX`], and
/// for an `x` that is negative or not finite.
#[must_use]
pub fn share_above(x: f64, free: u32) -> Option<f64> {
    if !((1..=FREE_MAX).contains(&free) && x >= 0.0 && x.is_finite()) {
        return None;
    }
    let (root, half) = (x.sqrt(), 0.5 * x);
    // Each term is the one before times x over the next odd or even number; e^(-x/2) beforehand, so that none overflows.
    let is_odd = free % 2 == 1;
    let mut term =
        if is_odd { libm::exp(-half) / TAU.sqrt() * 2.0 * root } else { libm::exp(-half) };
    let mut share = if is_odd { 2.0 * cdf(-root) } else { 0.0 };
    let mut next = if is_odd { 3 } else { 2 };
    while next <= free {
        share += term;
        term *= x / f64::from(next);
        next += 2;
    }
    Some(share.min(1.0))
}

/// The number above which the share `above` of a χ² distribution with `free` degrees of freedom lies, for shares in
/// (0, 1); nothing outside. Found by halving, from what Wilson and Hilferty (1931) have for it, to the last digits of
/// [`share_above`].
#[must_use]
pub fn limit_of(above: f64, free: u32) -> Option<f64> {
    let z = -quantile(above)?;
    let nine = 2.0 / (9.0 * f64::from(free.max(1)));
    let root = (1.0 - nine + z * nine.sqrt()).max(0.1);
    let (mut low, mut high) = (0.0, f64::from(free) * root * root * root);
    while share_above(high, free)? > above {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..HALVINGS {
        let middle = low + 0.5 * (high - low);
        if middle <= low || middle >= high {
            break;
        }
        if share_above(middle, free)? > above {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_others() {
        // The tables of Abramowitz and Stegun (26.8) and of R: qchisq(0.999, d), qchisq(0.5, d), in ten digits.
        for (free, above, limit) in [
            (1, 0.001, 10.827_566_17),
            (2, 0.001, 13.815_510_56),
            (3, 0.001, 16.266_236_2),
            (5, 0.001, 20.515_005_65),
            (10, 0.001, 29.588_298_45),
            (25, 0.001, 52.619_655_78),
            (100, 0.001, 149.449_252_8),
            (1, 0.5, 0.454_936_423_1),
            (2, 0.5, 1.386_294_361),
            (4, 0.05, 9.487_729_037),
            (5, 0.95, 1.145_476_226),
        ] {
            let found = limit_of(above, free).unwrap();
            assert!((found / limit - 1.0).abs() < 1e-9, "{free}, {above}: {found} and not {limit}");
            let back = share_above(found, free).unwrap();
            assert!((back / above - 1.0).abs() < 1e-12, "{free}: {back}");
        }
        assert_eq!(share_above(0.0, 3), Some(1.0));
        assert!(limit_of(0.001, FREE_MAX).unwrap() > f64::from(FREE_MAX));
    }

    #[test]
    fn what_is_refused() {
        assert_eq!((share_above(1.0, 0), share_above(1.0, FREE_MAX + 1)), (None, None));
        assert_eq!((share_above(-1.0, 2), share_above(f64::NAN, 2)), (None, None));
        assert_eq!((limit_of(0.0, 2), limit_of(1.0, 2), limit_of(0.5, 0)), (None, None, None));
    }
}
