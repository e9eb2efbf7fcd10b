//! Two samples: how great a difference is.

use serde::{Deserialize, Serialize};

use crate::beta::stirling_rest;
use crate::error::{at_least, in_range};
use crate::moments::Summary;
use crate::pairs::Pairs;
use crate::{StatError, quantile};

/// Between what an effect lies, with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The effect that the samples have.
    pub value: f64,
    /// Not below.
    pub low: f64,
    /// Not above.
    pub high: f64,
}

/// The normal quantile of 95 % on both sides.
fn z() -> f64 {
    quantile(0.975).unwrap_or(1.96)
}

/// The difference of two means in pooled standard deviations, without bias: Hedges' g (Hedges 1981),
/// corrected by the exact `J(m) = Γ(m/2) / (√(m/2) Γ((m − 1)/2))` with `m = n₁ + n₂ − 2` rather than by
/// its approximation `1 − 3/(4m − 1)`. Positive where the first mean is the greater one.
///
/// The interval is `g ± z √((n₁ + n₂)/(n₁ n₂) + g²/(2 (n₁ + n₂)))` (Hedges and Olkin 1985, §5.B): for
/// samples of some dozens and normal values.
///
/// # Errors
/// A sample of fewer than two; a value that is not finite, or whose square is not; two samples that
/// do not vary.
pub fn hedges_g(x: &[f64], y: &[f64]) -> Result<Effect, StatError> {
    at_least(2, x.len())?;
    at_least(2, y.len())?;
    hedges_g_of(&Summary::new(x)?, &Summary::new(y)?)
}

/// [`hedges_g`] of samples of which no more is known than their summaries.
///
/// # Errors
/// A sample of fewer than two; two samples that do not vary; a result beyond the range of `f64`.
pub fn hedges_g_of(x: &Summary, y: &Summary) -> Result<Effect, StatError> {
    x.at_least_two()?;
    y.at_least_two()?;
    let (n, m) = (x.count() as f64, y.count() as f64);
    let squares = in_range(x.squares + y.squares)?;
    if squares == 0.0 {
        return Err(StatError::Constant);
    }
    let free = n + m - 2.0;
    let value = in_range(x.above(y)? / (squares / free).sqrt())? * unbiased(free);
    let half = z() * ((n + m) / (n * m) + value * value / (2.0 * (n + m))).sqrt();
    Ok(Effect { value, low: in_range(value - half)?, high: in_range(value + half)? })
}

/// Hedges' J for two degrees of freedom or more. The logarithms of both gamma functions after
/// Stirling, and what is great in them cancels on paper.
fn unbiased(free: f64) -> f64 {
    let half = 0.5 * free;
    let rests = stirling_rest(half) - stirling_rest(half - 0.5);
    libm::exp(-0.5 - (half - 1.0) * libm::log1p(-0.5 / half) + rests)
}

/// How much more often the first sample's value is greater than smaller, of all pairs: Cliff's delta
/// (Cliff 1993), which is `2U/(n₁n₂) − 1`, −1 to 1.
///
/// The interval has the consistent estimate of the variance (Cliff 1996, ch. 5) and is the
/// asymmetric one of Feng and Cliff (2004), with the normal quantile; where the samples do not
/// overlap, its inner end is `±(n − z²)/(n + z²)` with the size of the smaller sample (Feng and Cliff
/// 2004), and 0 at least.
///
/// # Errors
/// A sample of fewer than two; more than `2^31` values; a value that is not finite.
pub fn cliffs_delta(x: &[f64], y: &[f64]) -> Result<Effect, StatError> {
    at_least(2, x.len())?;
    at_least(2, y.len())?;
    cliffs_delta_of(&Pairs::new(x, y)?)
}

/// [`cliffs_delta`] of samples that are in their order already.
///
/// # Errors
/// A sample of fewer than two.
pub fn cliffs_delta_of(pairs: &Pairs) -> Result<Effect, StatError> {
    let (counts, (n, m)) = (pairs.count(), pairs.sizes());
    for size in [n, m] {
        at_least(2, usize::try_from(size).unwrap_or(usize::MAX))?;
    }
    let whole = n * m;
    let value = counts.over as f64 / whole as f64;
    let z2 = z() * z();
    if counts.over.abs() == whole {
        let fewer = n.min(m) as f64;
        let inner = ((fewer - z2) / (fewer + z2)).max(0.0);
        let (low, high) = if value > 0.0 { (inner, 1.0) } else { (-1.0, -inner) };
        return Ok(Effect { value, low, high });
    }
    let (n_f, m_f, whole_f) = (n as f64, m as f64, whole as f64);
    // Sums of squared deviations from delta: differences of whole numbers, so nothing cancels.
    let over2 = counts.over * counts.over;
    let rows = (n * counts.x_squares - over2) as f64 / (n_f * m_f * m_f);
    let columns = (m * counts.y_squares - over2) as f64 / (m_f * n_f * n_f);
    let cells = (whole * (whole - counts.tied_pairs) - over2) as f64 / whole_f;
    let (free_x, free_y) = (n_f - 1.0, m_f - 1.0);
    let variance =
        (free_y * (rows / free_x) + free_x * (columns / free_y) + cells / (free_x * free_y))
            / whole_f;
    let square = value * value;
    let room = 1.0 - square;
    let half = (z2 * variance).sqrt() * (room * room + z2 * variance).sqrt();
    let scale = room + z2 * variance;
    let middle = value * room;
    Ok(Effect {
        value,
        low: ((middle - half) / scale).max(-1.0),
        high: ((middle + half) / scale).min(1.0),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_of_others() {
        // Cliff's variances of this example are 0.2669753, 0.447 and 1.0055556 of rows, columns and
        // cells, as R's effsize notes; numpy makes this interval of them.
        let treatment = [10.0, 10.0, 20.0, 20.0, 20.0, 30.0, 30.0, 30.0, 40.0, 50.0];
        let control = [10.0, 20.0, 30.0, 40.0, 40.0, 50.0];
        let found = cliffs_delta(&treatment, &control).unwrap();
        assert_eq!(found.value, -0.25);
        assert!((found.low + 0.712_535_095_115_308_4).abs() < 1e-14, "{found:?}");
        assert!((found.high - 0.363_999_895_035_978_1).abs() < 1e-14, "{found:?}");
        // Γ(1)/Γ(½), Γ(3/2)/Γ(1) and Γ(50)/Γ(49½), by their closed forms.
        let pi = std::f64::consts::PI;
        assert!((unbiased(2.0) - 1.0 / pi.sqrt()).abs() < 1e-15);
        assert!((unbiased(3.0) - (pi / 6.0).sqrt()).abs() < 1e-15);
        // J² of m and m + 1 multiplied is closed, too: J(m) J(m + 1) = (m − 1) / √(m (m + 1)).
        for free in [2.0_f64, 5.0, 17.0, 18.0, 19.0, 98.0, 1e4, 1e9] {
            let both = unbiased(free) * unbiased(free + 1.0);
            let closed = (free - 1.0) / (free * (free + 1.0)).sqrt();
            assert!((both - closed).abs() < 2e-15, "{free}: {both} and not {closed}");
        }
    }

    #[test]
    fn samples_apart_and_what_is_refused() {
        let apart = cliffs_delta(&[5.0, 6.0, 7.0, 8.0, 9.0], &[1.0, 2.0, 3.0, 4.0, 4.5]).unwrap();
        assert_eq!((apart.value, apart.high), (1.0, 1.0));
        assert!((apart.low - (5.0 - z() * z()) / (5.0 + z() * z())).abs() < 1e-15);
        let below = cliffs_delta(&[1.0, 2.0], &[3.0, 4.0]).unwrap();
        assert_eq!((below.low, below.value, below.high), (-1.0, -1.0, -0.0));
        let tied = cliffs_delta(&[1.0, 1.0], &[1.0, 1.0]).unwrap();
        assert_eq!((tied.low, tied.value, tied.high), (0.0, 0.0, 0.0));
        assert_eq!(hedges_g(&[1.0, 1.0], &[1.0, 1.0]), Err(StatError::Constant));
        for of in [hedges_g, cliffs_delta] {
            assert_eq!(of(&[1.0], &[1.0, 2.0]), Err(StatError::TooFew { needed: 2, found: 1 }));
            assert_eq!(of(&[1.0, f64::NAN], &[1.0, 2.0]), Err(StatError::NotFinite));
        }
    }

    /// Small whole numbers, so that there are ties.
    fn sample() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec((-9..9_i32).prop_map(f64::from), 2..20)
    }

    proptest! {
        #[test]
        fn the_other_way_round(x in sample(), y in sample()) {
            let (one, other) = (cliffs_delta(&x, &y).unwrap(), cliffs_delta(&y, &x).unwrap());
            prop_assert_eq!(one.value, -other.value);
            prop_assert!((one.low + other.high).abs() < 1e-12 && (one.high + other.low).abs() < 1e-12);
            prop_assert!(one.low <= one.value && one.value <= one.high);
            if let (Ok(one), Ok(other)) = (hedges_g(&x, &y), hedges_g(&y, &x)) {
                prop_assert!((one.value + other.value).abs() <= 1e-12 * one.value.abs());
                prop_assert!(one.low < one.value && one.value < one.high);
            }
        }

        /// Cliff's variance as its definition has it, over the matrix of all pairs.
        #[test]
        fn the_matrix_of_all_pairs(x in sample(), y in sample()) {
            let (n, m) = (x.len() as f64, y.len() as f64);
            let sign = |a: f64, b: f64| f64::from(i8::from(a > b) - i8::from(a < b));
            let row = |a: f64| y.iter().map(|b| sign(a, *b)).sum::<f64>() / m;
            let column = |b: f64| x.iter().map(|a| sign(*a, b)).sum::<f64>() / n;
            let delta = x.iter().map(|a| row(*a)).sum::<f64>() / n;
            let square = |value: f64| (value - delta) * (value - delta);
            let rows = x.iter().map(|a| square(row(*a))).sum::<f64>() / (n - 1.0);
            let columns = y.iter().map(|b| square(column(*b))).sum::<f64>() / (m - 1.0);
            let cells = x.iter().flat_map(|a| y.iter().map(|b| square(sign(*a, *b)))).sum::<f64>()
                / ((n - 1.0) * (m - 1.0));
            let variance = ((m - 1.0) * rows + (n - 1.0) * columns + cells) / (n * m);
            let found = cliffs_delta(&x, &y).unwrap();
            prop_assert!((found.value - delta).abs() < 1e-12);
            if delta.abs() < 0.999_999 {
                let (room, spread) = (1.0 - delta * delta, variance * z() * z());
                let half = spread.sqrt() * (room * room + spread).sqrt();
                let low = (delta - delta * delta * delta - half) / (room + spread);
                prop_assert!((found.low - low.max(-1.0)).abs() < 1e-10, "{} {}", found.low, low);
            }
        }

        #[test]
        fn shifts_and_scales_change_nothing(x in sample(), y in sample(), shift in -50..50_i32) {
            let moved = |values: &[f64]| -> Vec<f64> {
                values.iter().map(|value| 4.0 * (value + f64::from(shift))).collect()
            };
            let (one, other) = (cliffs_delta(&x, &y), cliffs_delta(&moved(&x), &moved(&y)));
            prop_assert_eq!(one, other);
            if let (Ok(one), Ok(other)) = (hedges_g(&x, &y), hedges_g(&moved(&x), &moved(&y))) {
                prop_assert!((one.value - other.value).abs() <= 1e-11 * (1.0 + one.value.abs()));
            }
        }
    }
}
