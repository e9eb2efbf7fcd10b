//! The pairs of two samples: how often one value is greater, smaller or equal.

use crate::StatError;
use crate::error::{at_least, finite};

/// Values of a sample at most: up to here all counts of pairs are exact.
const SAMPLE_MAX: usize = 1 << 31;

/// Two samples as tests of ranks see them: their values in order, with how often each is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    x: Sample,
    y: Sample,
}

#[derive(Debug, Clone, PartialEq)]
struct Sample {
    /// In the order of the values.
    counts: Vec<(f64, u64)>,
    size: u64,
}

impl Sample {
    fn of(values: &[f64]) -> Result<Self, StatError> {
        finite(values)?;
        // Zeros of both signs are one value.
        let mut values: Vec<f64> = values.iter().map(|value| value + 0.0).collect();
        values.sort_unstable_by(f64::total_cmp);
        let runs = values.chunk_by(|a, b| a == b);
        Self::new(runs.map(|run| (run[0], run.len() as u64)).collect())
    }

    fn of_counts(counts: &[(f64, u64)]) -> Result<Self, StatError> {
        if !counts.iter().all(|(value, _)| value.is_finite()) {
            return Err(StatError::NotFinite);
        }
        if !counts.is_sorted_by(|a, b| a.0 <= b.0) {
            return Err(StatError::Range("the order of the values"));
        }
        Self::new(counts.to_vec())
    }

    fn new(counts: Vec<(f64, u64)>) -> Result<Self, StatError> {
        let size = counts.iter().fold(0_u64, |size, (_, count)| size.saturating_add(*count));
        at_least(1, usize::from(size > 0))?;
        if size > SAMPLE_MAX as u64 {
            let found = usize::try_from(size).unwrap_or(usize::MAX);
            return Err(StatError::TooMany { most: SAMPLE_MAX, found });
        }
        Ok(Self { counts, size })
    }

    /// How often a value is there whose first place is `at`, which goes behind it.
    fn run(&self, at: &mut usize, value: f64) -> i128 {
        let mut count = 0;
        while let Some((_, more)) = self.counts.get(*at).filter(|(other, _)| *other == value) {
            count += i128::from(*more);
            *at += 1;
        }
        count
    }
}

impl Pairs {
    /// Of values one by one, in any order.
    ///
    /// # Errors
    /// An empty sample; more than `2^31` values; a value that is not finite.
    pub fn new(x: &[f64], y: &[f64]) -> Result<Self, StatError> {
        Ok(Self { x: Sample::of(x)?, y: Sample::of(y)? })
    }

    /// Of values with how often each is there, in the order of the values: the same as [`Pairs::new`] of
    /// them one by one.
    ///
    /// # Errors
    /// An empty sample; more than `2^31` values; values out of order, or one that is not finite.
    pub fn of_counts(x: &[(f64, u64)], y: &[(f64, u64)]) -> Result<Self, StatError> {
        Ok(Self { x: Sample::of_counts(x)?, y: Sample::of_counts(y)? })
    }

    /// How many values the samples have.
    pub(crate) fn sizes(&self) -> (i128, i128) {
        (self.x.size.into(), self.y.size.into())
    }

    /// For each distinct value in order: how often the first and the second sample have it.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (i128, i128)> + '_ {
        let (mut i, mut j) = (0, 0);
        std::iter::from_fn(move || {
            let value = match (self.x.counts.get(i), self.y.counts.get(j)) {
                (Some((a, _)), Some((b, _))) => a.min(*b),
                (Some((only, _)), None) | (None, Some((only, _))) => *only,
                (None, None) => return None,
            };
            Some((self.x.run(&mut i, value), self.y.run(&mut j, value)))
        })
    }

    /// What the pairs say, by one walk over the distinct values.
    pub(crate) fn count(&self) -> Counts {
        let (n, m) = self.sizes();
        let mut counts = Counts::default();
        let (mut x_below, mut y_below) = (0, 0);
        for (in_x, in_y) in self.steps() {
            // How many more values of the other sample are smaller than greater.
            let x_over = y_below - (m - y_below - in_y);
            let y_over = x_below - (n - x_below - in_x);
            counts.over += in_x * x_over;
            counts.x_squares += in_x * x_over * x_over;
            counts.y_squares += in_y * y_over * y_over;
            counts.tied_pairs += in_x * in_y;
            let both = in_x + in_y;
            counts.ties += both * both * both - both;
            (x_below, y_below) = (x_below + in_x, y_below + in_y);
        }
        counts
    }
}

/// Counts of pairs; all exact.
#[derive(Default)]
pub(crate) struct Counts {
    /// Pairs in which the first sample's value is greater, less those in which it is smaller.
    pub(crate) over: i128,
    /// The squares of what `over` has from each value of the first sample, added up.
    pub(crate) x_squares: i128,
    /// The same of the second.
    pub(crate) y_squares: i128,
    /// Pairs of equal values.
    pub(crate) tied_pairs: i128,
    /// `t³ − t` of each group of `t` equal values of both samples, added up.
    pub(crate) ties: i128,
}
