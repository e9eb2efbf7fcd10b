//! The incomplete beta function, and the distributions of t and F that follow from it.

use std::f64::consts::TAU;

use crate::StatError;
use crate::error::in_range;

/// Terms of the continued fraction at most: it needs about the root of the greater parameter.
const TERMS_MAX: u32 = 200_000;

/// The least that a denominator of the continued fraction is taken for.
const TINY: f64 = 1e-300;

/// From here on the series of [`stirling_rest`] has all digits of an `f64`.
const SERIES_FROM: f64 = 10.0;

/// The share of the beta distribution with parameters `a` and `b` at or below `x`: the regularised
/// incomplete beta function `Iₓ(a, b)`. `rest` is `1 − x`, which the caller often knows with more
/// digits than the difference has.
///
/// By the continued fraction of DiDonato and Morris (1992, equation 9) below the mean, evaluated after
/// Lentz (1976), and by the symmetry `Iₓ(a, b) = 1 − I₁₋ₓ(b, a)` above it. Unlike the older fraction of
/// Abramowitz and Stegun (1964, 26.5.8) it does not cancel where `x` is near 1. About `1e-14` of the
/// value for parameters up to `1e4`, and `2e-13` up to `1e6`.
///
/// # Errors
/// Parameters that are not positive and finite, or so great that the fraction does not converge
/// (about `1e9`); `x` or `rest` outside of [0, 1].
pub fn beta_share(a: f64, b: f64, x: f64, rest: f64) -> Result<f64, StatError> {
    if !(a > 0.0 && b > 0.0 && a.is_finite() && b.is_finite()) {
        return Err(StatError::Range("a parameter of the beta distribution"));
    }
    if !((0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&rest)) {
        return Err(StatError::Range("a share"));
    }
    if x == 0.0 || rest == 0.0 {
        return Ok(if x == 0.0 { 0.0 } else { 1.0 });
    }
    let front = front(a, b, x, rest);
    let share = if x * b <= rest * a {
        front * fraction(a, b, x, rest)?
    } else {
        1.0 - front * fraction(b, a, rest, x)?
    };
    Ok(in_range(share)?.clamp(0.0, 1.0))
}

/// The share of Student's t distribution (Student 1908) with `df` degrees of freedom that lies at
/// least as far from 0 as `t`, on both sides.
///
/// # Errors
/// `t` is NaN; `df` is not positive and finite, or greater than about `1e9`.
pub fn t_two_sided(t: f64, df: f64) -> Result<f64, StatError> {
    if t.is_nan() {
        return Err(StatError::NotFinite);
    }
    let square = t * t;
    if square.is_infinite() {
        return Ok(0.0);
    }
    beta_share(0.5 * df, 0.5, df / (df + square), square / (df + square))
}

/// The share of the F distribution (Fisher 1924; Snedecor 1934) with `between` and `within` degrees
/// of freedom at or above `f`.
///
/// # Errors
/// `f` is negative or NaN; degrees of freedom that are not positive and finite, or greater than
/// about `1e9`.
pub fn upper_f(f: f64, between: f64, within: f64) -> Result<f64, StatError> {
    if f.is_nan() || f < 0.0 {
        return Err(StatError::Range("F"));
    }
    let scaled = between * f;
    if scaled.is_infinite() {
        return Ok(0.0);
    }
    let whole = within + scaled;
    beta_share(0.5 * within, 0.5 * between, within / whole, scaled / whole)
}

/// `xᵃ yᵇ / B(a, b)`. The gamma functions are taken apart after Stirling, and what is great in them
/// cancels on paper (the idea of Loader 2000 for the binomial distribution): the plain formula loses
/// as many digits as the parameters have.
fn front(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let n = a + b;
    // x n / a is 1 + apart / a, and y n / b is 1 − apart / b.
    let apart = x * b - y * a;
    let log_ratio = |off: f64, ratio: f64| {
        if off.abs() < 0.5 { libm::log1p(off) } else { libm::log(ratio) }
    };
    let logs = a * log_ratio(apart / a, x * (n / a)) + b * log_ratio(-apart / b, y * (n / b));
    let rests = stirling_rest(n) - stirling_rest(a) - stirling_rest(b);
    // The roots apart: the product of the parameters may leave the range.
    (a / n).sqrt() * (b / TAU).sqrt() * libm::exp(logs + rests)
}

/// What Stirling's formula lacks of the logarithm of the gamma function,
/// `ln Γ(z) − (z − ½) ln z + z − ½ ln 2π`: for great `z` by its series (Abramowitz and Stegun 1964,
/// 6.1.41).
pub(crate) fn stirling_rest(z: f64) -> f64 {
    if z < SERIES_FROM {
        return libm::lgamma(z) - ((z - 0.5) * libm::log(z) - z + 0.5 * libm::log(TAU));
    }
    let terms = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1_260.0,
        -1.0 / 1_680.0,
        1.0 / 1_188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
        -3_617.0 / 122_400.0,
    ];
    let square = 1.0 / (z * z);
    terms.iter().rev().fold(0.0, |sum, term| sum * square + term) / z
}

/// `1 / (β₁ + α₂ / (β₂ + α₃ / (β₃ + …)))`, from the front on.
fn fraction(a: f64, b: f64, x: f64, y: f64) -> Result<f64, StatError> {
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let n = a + b;
    // How far x lies below the mean, from the share that has the digits.
    let below = y * a - x * b;
    let beta = |m: f64| {
        let twice = a + 2.0 * m;
        let first = if m == 0.0 { 0.0 } else { m * (b - m) * x / (twice - 1.0) };
        m + first + (a + m) * (below + 1.0 + m * (1.0 + y)) / (twice + 1.0)
    };
    let mut c = away(beta(0.0));
    let mut d = 0.0;
    let mut value = 1.0 / c;
    for term in 1..TERMS_MAX {
        let m = f64::from(term);
        let root = x / (a + 2.0 * m - 1.0);
        let alpha = (a + m - 1.0) * (n + m - 1.0) * m * (b - m) * (root * root);
        let beta = beta(m);
        d = 1.0 / away(beta + alpha * d);
        c = away(beta + alpha / c);
        let factor = 1.0 / (c * d);
        value *= factor;
        if (factor - 1.0).abs() <= f64::EPSILON {
            return Ok(value);
        }
    }
    Err(StatError::Range("a parameter of the beta distribution"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(a: f64, b: f64, within: f64) -> bool {
        (a - b).abs() <= within * b.abs()
    }

    #[test]
    fn closed_forms() {
        for step in 1..40_u32 {
            let x = f64::from(step) / 40.0;
            // Iₓ(1, b) is 1 − (1 − x)ᵇ, and Iₓ(a, 1) is xᵃ.
            assert!(close(
                beta_share(1.0, 3.0, x, 1.0 - x).unwrap(),
                1.0 - (1.0 - x) * (1.0 - x) * (1.0 - x),
                1e-14
            ));
            assert!(close(beta_share(2.0, 1.0, x, 1.0 - x).unwrap(), x * x, 1e-14));
            // The arcsine distribution.
            let arcsine = 2.0 / std::f64::consts::PI * libm::asin(x.sqrt());
            assert!(close(beta_share(0.5, 0.5, x, 1.0 - x).unwrap(), arcsine, 1e-14));
            // Student's t with 1 and 2 degrees of freedom.
            let t = f64::from(step) / 4.0;
            let one = 1.0 - 2.0 / std::f64::consts::PI * libm::atan(t);
            assert!(close(t_two_sided(t, 1.0).unwrap(), one, 1e-13), "{t}");
            let two = 1.0 - t / (2.0 + t * t).sqrt();
            assert!(close(t_two_sided(-t, 2.0).unwrap(), two, 1e-12), "{t}");
        }
    }

    #[test]
    fn many_degrees_of_freedom_are_nearly_normal() {
        for t in [0.01, 0.5, 1.0, 1.96, 3.0] {
            let normal = 2.0 * crate::cdf(-t);
            for df in [1e6, 1e8] {
                // Abramowitz and Stegun 1964, 26.7.5: what the first term of the difference is.
                let density = libm::exp(-0.5 * t * t) / TAU.sqrt();
                let first = normal + density * (t * t * t + t) / (2.0 * df);
                let found = t_two_sided(t, df).unwrap();
                assert!(close(found, first, 1e-9), "{t} {df}: {found} and not {first}");
            }
        }
    }

    #[test]
    fn ends_and_what_is_refused() {
        assert_eq!(beta_share(2.0, 3.0, 0.0, 1.0), Ok(0.0));
        assert_eq!(beta_share(2.0, 3.0, 1.0, 0.0), Ok(1.0));
        assert_eq!(t_two_sided(0.0, 5.0), Ok(1.0));
        assert_eq!(t_two_sided(1e200, 5.0), Ok(0.0));
        assert_eq!(upper_f(0.0, 2.0, 5.0), Ok(1.0));
        assert_eq!(upper_f(f64::INFINITY, 2.0, 5.0), Ok(0.0));
        for (a, b, x) in
            [(0.0, 1.0, 0.5), (1.0, f64::NAN, 0.5), (1.0, 1.0, 1.5), (1.0, 1.0, f64::NAN)]
        {
            assert!(beta_share(a, b, x, 1.0 - x).is_err(), "{a} {b} {x}");
        }
        assert!(t_two_sided(f64::NAN, 5.0).is_err());
        assert!(t_two_sided(1.0, 0.0).is_err());
        assert!(upper_f(-1.0, 1.0, 1.0).is_err());
    }

    proptest! {
        #[test]
        fn both_sides_make_one(a in 0.01..500.0_f64, b in 0.01..500.0_f64, x in 0.001..0.999_f64) {
            let rest = 1.0 - x;
            let (low, high) = (beta_share(a, b, x, rest).unwrap(), beta_share(b, a, rest, x).unwrap());
            prop_assert!((low + high - 1.0).abs() < 1e-12, "{low} {high}");
        }

        /// Iₓ(a, b) = Iₓ(a + 1, b) + xᵃ yᵇ / (a B(a, b)) (Abramowitz and Stegun 1964, 26.5.16).
        #[test]
        fn one_step_of_the_recurrence(a in 0.1..300.0_f64, b in 0.1..300.0_f64, x in 0.01..0.99_f64) {
            let rest = 1.0 - x;
            let (here, next) = (beta_share(a, b, x, rest).unwrap(), beta_share(a + 1.0, b, x, rest).unwrap());
            let step = front(a, b, x, rest) / a;
            prop_assert!((next + step - here).abs() <= 1e-12 * here.max(1e-300), "{here} {next} {step}");
        }

        #[test]
        fn the_square_of_t_is_f(t in 0.0..20.0_f64, df in 1.0..1e5_f64) {
            let (one, other) = (t_two_sided(t, df).unwrap(), upper_f(t * t, 1.0, df).unwrap());
            prop_assert!((one - other).abs() <= 1e-12 * one);
        }
    }
}
