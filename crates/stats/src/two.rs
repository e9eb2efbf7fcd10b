//! Two samples: tests of a difference.

use serde::{Deserialize, Serialize};

use crate::beta::t_two_sided;
use crate::error::{at_least, in_range};
use crate::moments::Summary;
use crate::pairs::Pairs;
use crate::{StatError, cdf};

/// Pairs of values at most for [`mann_whitney_exact`]: two samples of 50.
pub const EXACT_PAIRS_MAX: usize = 2_500;

/// Welch's test of the difference of two means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Welch {
    /// The difference of the means over its standard error.
    pub t: f64,
    /// The degrees of freedom that it is worth.
    pub df: f64,
    /// How often chance alone brings a `t` so far from 0, on both sides.
    pub p: f64,
    /// The mean of the first sample less that of the second, in their unit.
    pub difference: f64,
}

/// Welch's t test (Welch 1947) with the degrees of freedom of Satterthwaite (1946): two samples, whose
/// variances may differ.
///
/// # Errors
/// A sample of fewer than two; a value that is not finite, or whose square is not; two samples that
/// do not vary.
pub fn welch(x: &[f64], y: &[f64]) -> Result<Welch, StatError> {
    at_least(2, x.len())?;
    at_least(2, y.len())?;
    welch_of(&Summary::new(x)?, &Summary::new(y)?)
}

/// [`welch`] of samples of which no more is known than their summaries.
///
/// # Errors
/// A sample of fewer than two; two samples that do not vary; a result beyond the range of `f64`.
pub fn welch_of(x: &Summary, y: &Summary) -> Result<Welch, StatError> {
    x.at_least_two()?;
    y.at_least_two()?;
    let (free_x, free_y) = ((x.count() - 1) as f64, (y.count() - 1) as f64);
    let part_x = x.squares / free_x / x.count() as f64;
    let part_y = y.squares / free_y / y.count() as f64;
    let whole = in_range(part_x + part_y)?;
    if whole == 0.0 {
        return Err(StatError::Constant);
    }
    let difference = x.above(y)?;
    let t = in_range(difference / whole.sqrt())?;
    // In shares of the whole, whose squares stay in range.
    let (share_x, share_y) = (part_x / whole, part_y / whole);
    let df = 1.0 / (share_x * share_x / free_x + share_y * share_y / free_y);
    Ok(Welch { t, df, p: t_two_sided(t, df)?, difference })
}

/// The test of Mann and Whitney, which is Wilcoxon's of the sum of ranks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MannWhitney {
    /// Pairs in which the first sample's value is greater; ties count half. Together with that of
    /// the second sample this is the number of pairs.
    pub u: f64,
    /// How far `u` lies from its mean in standard deviations; positive where the first sample is the
    /// greater one.
    pub z: f64,
    /// How often chance alone brings a `u` so far from its mean, on both sides.
    pub p: f64,
}

/// U of the first sample, from mid-ranks, and its p by the normal approximation, corrected for ties
/// and for continuity (Mann and Whitney 1947; Lehmann 1975, §1.4). Where all values are equal z is 0
/// and p is 1. As `scipy.stats.mannwhitneyu` has it with `method="asymptotic"`.
///
/// # Errors
/// An empty sample; more than `2^31` values; a value that is not finite.
pub fn mann_whitney(x: &[f64], y: &[f64]) -> Result<MannWhitney, StatError> {
    Ok(mann_whitney_of(&Pairs::new(x, y)?))
}

/// [`mann_whitney`] of samples that are in their order already.
#[must_use]
pub fn mann_whitney_of(pairs: &Pairs) -> MannWhitney {
    let (counts, (n, m)) = (pairs.count(), pairs.sizes());
    let all = (n + m) as f64;
    let u = (n * m + counts.over) as f64 / 2.0;
    // nm/12 · ((N + 1) − Σ(t³ − t) / (N (N − 1)))
    let tied = counts.ties as f64 / (all * (all - 1.0));
    let deviation = ((n * m) as f64 / 12.0 * (all + 1.0 - tied)).max(0.0).sqrt();
    let off = (counts.over.abs() as f64 / 2.0 - 0.5).max(0.0);
    if off == 0.0 || deviation == 0.0 {
        return MannWhitney { u, z: 0.0, p: 1.0 };
    }
    let z = off / deviation;
    let p = (2.0 * cdf(-z)).min(1.0);
    MannWhitney { u, z: if counts.over < 0 { -z } else { z }, p }
}

/// The p of U on both sides by its exact distribution (Mann and Whitney 1947): twice the share of all
/// orders in which U is at least as great as the greater of the two, 1 at most. As
/// `scipy.stats.mannwhitneyu` has it with `method="exact"`.
///
/// # Errors
/// An empty sample; more than [`EXACT_PAIRS_MAX`] pairs; ties; a value that is not finite.
pub fn mann_whitney_exact(x: &[f64], y: &[f64]) -> Result<f64, StatError> {
    let found = x.len().saturating_mul(y.len());
    if found > EXACT_PAIRS_MAX {
        return Err(StatError::TooMany { most: EXACT_PAIRS_MAX, found });
    }
    let pairs = Pairs::new(x, y)?;
    let counts = pairs.count();
    if counts.ties > 0 {
        return Err(StatError::Ties);
    }
    let orders = orders_of_u(x.len().min(y.len()), x.len().max(y.len()));
    let whole: f64 = orders.iter().sum();
    // Without ties the smaller of both is whole; the distribution is symmetric, so that tail will do.
    let smaller = usize::try_from((found as i128 - counts.over.abs()) / 2).unwrap_or(0);
    let tail: f64 = orders[..=smaller].iter().sum();
    Ok((2.0 * tail / whole).min(1.0))
}

/// For each U how many orders of `n` and `m` values have it: partitions of U into `n` parts at most,
/// none greater than `m`. Sums of whole numbers, so exact up to `2^53`, and to all digits but one or
/// two beyond.
fn orders_of_u(n: usize, m: usize) -> Vec<f64> {
    let most = n * m;
    // Row c: partitions into c parts, of the sizes so far.
    let mut parts = vec![vec![0.0; most + 1]; n + 1];
    parts[0][0] = 1.0;
    for size in 1..=m {
        for c in 1..=n {
            let (fewer, here) = parts.split_at_mut(c);
            for (here, fewer) in here[0][size..].iter_mut().zip(&fewer[c - 1]) {
                *here += fewer;
            }
        }
    }
    (0..=most).map(|sum| parts.iter().map(|row| row[sum]).sum()).collect()
}

/// The test of Kolmogorov and Smirnov.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KolmogorovSmirnov {
    /// The greatest distance of the two cumulative shares, 0 to 1.
    pub d: f64,
    /// How often chance alone brings a distance so great, for great samples.
    pub p: f64,
}

/// The greatest distance of two samples' cumulative shares (Smirnov 1939), and its p by Kolmogorov's
/// limit distribution of `d √(n m / (n + m))`. With ties, and with fewer than some dozens of values,
/// that p is too great.
///
/// # Errors
/// An empty sample; more than `2^31` values; a value that is not finite.
pub fn kolmogorov_smirnov(x: &[f64], y: &[f64]) -> Result<KolmogorovSmirnov, StatError> {
    Ok(kolmogorov_smirnov_of(&Pairs::new(x, y)?))
}

/// [`kolmogorov_smirnov`] of samples that are in their order already.
#[must_use]
pub fn kolmogorov_smirnov_of(pairs: &Pairs) -> KolmogorovSmirnov {
    let (n, m) = pairs.sizes();
    let (mut below_x, mut below_y, mut greatest) = (0, 0, 0);
    for (in_x, in_y) in pairs.steps() {
        (below_x, below_y) = (below_x + in_x, below_y + in_y);
        greatest = greatest.max((below_x * m - below_y * n).abs());
    }
    let d = greatest as f64 / (n * m) as f64;
    let worth = (n * m) as f64 / (n + m) as f64;
    KolmogorovSmirnov { d, p: kolmogorov_above(d * worth.sqrt()) }
}

/// The share of Kolmogorov's (1933) distribution above `at`, by whichever of its two series converges
/// at once.
fn kolmogorov_above(at: f64) -> f64 {
    use std::f64::consts::PI;
    // Below this the first term of the complement is smaller than 1e-17.
    if at < 0.17 {
        return 1.0;
    }
    let above = if at < 1.0 {
        let scale = -PI * PI / (8.0 * at * at);
        let terms = [1.0, 9.0, 25.0, 49.0].map(|odd| libm::exp(scale * odd));
        1.0 - (2.0 * PI).sqrt() / at * terms.iter().rev().sum::<f64>()
    } else {
        let scale = -2.0 * at * at;
        let terms = [1.0, 4.0, 9.0, 16.0, 25.0].map(|square| libm::exp(scale * square));
        2.0 * (terms[0] - terms[1] + terms[2] - terms[3] + terms[4])
    };
    above.clamp(0.0, 1.0)
}

#[cfg(test)]
#[path = "two_tests.rs"]
mod tests;
