//! The pairs of two samples: how often one value is greater, smaller or equal.

use crate::StatError;
use crate::error::{at_least, finite};

/// Values of a sample at most: up to here all counts of pairs are exact.
const SAMPLE_MAX: usize = 1 << 31;

/// Two samples, sorted, without a value that is not finite.
pub(crate) struct Pairs {
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Pairs {
    /// # Errors
    /// An empty sample, more than `2^31` values, or a value that is not finite.
    pub(crate) fn new(x: &[f64], y: &[f64]) -> Result<Self, StatError> {
        let sorted = |values: &[f64]| {
            at_least(1, values.len())?;
            finite(values)?;
            if values.len() > SAMPLE_MAX {
                return Err(StatError::TooMany { most: SAMPLE_MAX, found: values.len() });
            }
            // Zeros of both signs are one value.
            let mut values: Vec<f64> = values.iter().map(|value| value + 0.0).collect();
            values.sort_unstable_by(f64::total_cmp);
            Ok(values)
        };
        Ok(Self { x: sorted(x)?, y: sorted(y)? })
    }

    pub(crate) fn sizes(&self) -> (i128, i128) {
        (self.x.len() as i128, self.y.len() as i128)
    }

    /// For each distinct value in order: how often the first and the second sample have it.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (i128, i128)> + '_ {
        let (mut i, mut j) = (0, 0);
        std::iter::from_fn(move || {
            let value = match (self.x.get(i), self.y.get(j)) {
                (Some(a), Some(b)) => a.min(*b),
                (Some(only), None) | (None, Some(only)) => *only,
                (None, None) => return None,
            };
            let run = |values: &[f64]| values.iter().take_while(|other| **other == value).count();
            let (in_x, in_y) = (run(&self.x[i..]), run(&self.y[j..]));
            (i, j) = (i + in_x, j + in_y);
            Some((in_x as i128, in_y as i128))
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
