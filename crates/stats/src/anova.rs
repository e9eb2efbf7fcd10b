//! One-way analysis of variance, and the reliability that follows from it.

use serde::{Deserialize, Serialize};

use crate::beta::upper_f;
use crate::error::{at_least, finite, in_range};
use crate::{ExactSum, StatError};

/// Greatest magnitude that is taken, `2^400`: its square can still be added up.
const GREATEST: f64 = 2.582_249_878_086_909e120;

/// A one-way random-effects analysis of variance (Fisher 1925; the components of variance after
/// Searle, Casella and McCulloch 1992, §3.6). Sums of squares are in the square of the values' unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Anova {
    /// Groups with at least one value.
    pub groups: usize,
    /// Values of all groups.
    pub values: usize,
    /// Sum of squares between the groups.
    pub between: f64,
    /// Sum of squares within the groups.
    pub within: f64,
    /// `between / (groups − 1)`.
    pub mean_between: f64,
    /// `within / (values − groups)`.
    pub mean_within: f64,
    /// `mean_between / mean_within`; nothing where nothing varies within the groups.
    pub f: Option<f64>,
    /// The share of the F distribution above `f`; nothing where there is no `f`.
    pub p: Option<f64>,
    /// The size that the groups are worth, `(N − Σnᵢ²/N) / (I − 1)`: their size where all have one.
    pub worth: f64,
    /// The variance within groups, σ² = `mean_within`.
    pub sigma2: f64,
    /// The variance between groups, τ² = `max(0, (mean_between − mean_within) / worth)`.
    pub tau2: f64,
}

impl Anova {
    /// How reliably the mean of `n` values tells a group from others, `n τ² / (n τ² + σ²)`: Kelley's
    /// (1927) regression of the true on the observed mean. Between 0, where τ² is 0, and 1. Nothing
    /// where nothing varies at all, or `n` is negative or not finite.
    #[must_use]
    pub fn reliability(&self, n: f64) -> Option<f64> {
        let whole = n * self.tau2 + self.sigma2;
        (n >= 0.0 && whole > 0.0 && whole.is_finite()).then(|| n * self.tau2 / whole)
    }
}

/// Analyses groups of values; empty groups say nothing. The sums are exact and rounded once, so
/// neither the order of the values nor a great mean with a small spread costs digits.
///
/// # Errors
/// Fewer than two groups with values, or no group with two; a value that is not finite, or beyond
/// `2^400`.
pub fn one_way(groups: &[&[f64]]) -> Result<Anova, StatError> {
    let groups: Vec<&[f64]> = groups.iter().filter(|group| !group.is_empty()).copied().collect();
    at_least(2, groups.len())?;
    let count: usize = groups.iter().map(|group| group.len()).sum();
    at_least(groups.len() + 1, count)?;
    for group in &groups {
        finite(group)?;
        if group.iter().any(|value| value.abs() > GREATEST) {
            return Err(StatError::Range("a value"));
        }
    }
    let n = count as f64;
    let center = sum_of(groups.iter().copied().flatten(), 0.0) / n;
    let (mut within, mut between, mut off) = (ExactSum::new(), ExactSum::new(), ExactSum::new());
    for group in &groups {
        let size = group.len() as f64;
        within.add(squares_of(group));
        // How far the group lies from the middle; a rounded middle is corrected for below.
        let apart = sum_of(group.iter(), center);
        off.add(apart);
        between.add(apart * (apart / size));
    }
    let off = off.total();
    let within = in_range(within.total())?;
    let between = in_range((between.total() - off * (off / n)).max(0.0))?;
    let (free_between, free_within) = (groups.len() - 1, count - groups.len());
    let (mean_between, mean_within) = (between / free_between as f64, within / free_within as f64);
    let f = (mean_within > 0.0).then(|| mean_between / mean_within).filter(|f| f.is_finite());
    let squares: f64 = groups.iter().map(|group| (group.len() as f64) * (group.len() as f64)).sum();
    let worth = (n - squares / n) / free_between as f64;
    Ok(Anova {
        groups: groups.len(),
        values: count,
        between,
        within,
        mean_between,
        mean_within,
        f,
        p: f.map(|f| upper_f(f, free_between as f64, free_within as f64)).transpose()?,
        worth,
        sigma2: mean_within,
        tau2: ((mean_between - mean_within) / worth).max(0.0) + 0.0,
    })
}

/// The sum of the distances from a number, exact and rounded once.
fn sum_of<'a>(values: impl Iterator<Item = &'a f64>, from: f64) -> f64 {
    let mut sum = ExactSum::new();
    for value in values {
        sum.add(*value);
        sum.add(-from);
    }
    sum.total()
}

/// The sum of squared distances from the mean of a group.
fn squares_of(group: &[f64]) -> f64 {
    let n = group.len() as f64;
    let center = sum_of(group.iter(), 0.0) / n;
    let mut squares = ExactSum::new();
    for value in group {
        // (value − center)² without a rounded difference.
        squares.add_product(*value, *value);
        squares.add_product(-2.0 * center, *value);
        squares.add_product(center, center);
    }
    let off = sum_of(group.iter(), center);
    (squares.total() - off * (off / n)).max(0.0)
}

#[cfg(test)]
#[path = "anova_tests.rs"]
mod tests;
