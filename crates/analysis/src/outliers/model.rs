//! The middle of everybody, and those who are farthest from it.

use kartei_stats::linear::Mahalanobis;
use kartei_stats::matrix::covariance;
use kartei_stats::robust::{mad, median};
use kartei_stats::{StatError, Symmetric};
use serde::{Deserialize, Serialize};

use super::{UNUSUAL, least, limit};
use crate::asked::Kind;
use crate::complete::People;
use crate::context::Context;
use crate::learner::Model;
use crate::{LEARNED_OF, bits};

/// What is added to each variance where dimensions depend on each other, of their mean: enough to tell them apart,
/// and too little to change other distances.
const RIDGE: f64 = 0.001;

/// Somebody who is far from the middle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Far {
    pub(super) id: String,
    /// Mahalanobis' squared distance, without a unit.
    #[serde(with = "bits")]
    pub(super) distance: f64,
    #[serde(with = "bits::many")]
    pub(super) scores: Vec<f64>,
}

/// What was learned, and who was judged by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Judged {
    pub(super) learned_of: u64,
    #[serde(with = "bits::many")]
    pub(super) medians: Vec<f64>,
    /// Comparable with standard deviations; 0 where more than half of the people are alike.
    #[serde(with = "bits::many")]
    pub(super) mads: Vec<f64>,
    #[serde(with = "bits::many")]
    means: Vec<f64>,
    /// Row by row, with n − 1.
    #[serde(with = "bits::many")]
    covariance: Vec<f64>,
    /// What is added to each variance; 0 unless dimensions depend on each other.
    #[serde(with = "bits")]
    pub(super) ridge: f64,
    /// People beyond the limit.
    pub(super) beyond: u64,
    /// By dimension, people with a z beyond [`UNUSUAL`].
    pub(super) beyond_in: Vec<u64>,
    /// The farthest first, of equals by their ids.
    far: Vec<Far>,
}

fn most(context: &Context) -> usize {
    let Kind::Outliers { most } = context.analysis.kind else { return 0 };
    usize::try_from(most).unwrap_or(usize::MAX)
}

impl Model for Judged {
    fn least(context: &Context) -> usize {
        least(context)
    }

    fn learn(_: &Context, people: &People) -> Option<Self> {
        Self::learned(people).ok()
    }

    fn judge(&mut self, context: &Context, people: &People) {
        let Ok(spread) = self.spread() else { return };
        let limit = limit(people.columns()).unwrap_or(f64::INFINITY);
        for (id, scores) in people.iter() {
            for at in 0..scores.len() {
                let is_unusual = self.z(scores, at).is_some_and(|z| z.abs() > UNUSUAL);
                self.beyond_in[at] += u64::from(is_unusual);
            }
            // Scores lie between 0 and 1, so there is a distance.
            let Ok(distance) = spread.square(scores) else { continue };
            self.beyond += u64::from(distance > limit);
            self.far.push(Far { id: id.to_owned(), distance, scores: scores.to_vec() });
        }
        self.far.sort_by(|a, b| b.distance.total_cmp(&a.distance).then_with(|| a.id.cmp(&b.id)));
        self.far.truncate(most(context));
    }
}

impl Judged {
    fn learned(people: &People) -> Result<Self, StatError> {
        let rows = people.rows(LEARNED_OF)?;
        let column = |at: usize| rows.iter().map(|row| row[at]).collect::<Vec<f64>>();
        let columns: Vec<Vec<f64>> = (0..rows.columns()).map(column).collect();
        let of_each = |of: fn(&[f64]) -> Result<f64, StatError>| {
            columns.iter().map(|column| of(column)).collect::<Result<Vec<f64>, StatError>>()
        };
        let covariance = covariance(rows)?;
        let variances = covariance.cells().iter().step_by(rows.columns() + 1);
        let ridge = RIDGE * variances.sum::<f64>() / rows.columns() as f64;
        let mut learned = Self {
            learned_of: rows.len() as u64,
            medians: of_each(median)?,
            mads: of_each(mad)?,
            means: rows.means()?,
            covariance: covariance.cells().to_vec(),
            ridge: 0.0,
            beyond: 0,
            beyond_in: vec![0; rows.columns()],
            far: Vec::new(),
        };
        if learned.spread() == Err(StatError::Singular) {
            learned.ridge = ridge;
        }
        learned.spread()?;
        Ok(learned)
    }

    fn spread(&self) -> Result<Mahalanobis, StatError> {
        let covariance = Symmetric::new(self.means.len(), self.covariance.clone())?;
        Mahalanobis::of(self.means.clone(), covariance, self.ridge)
    }

    /// How many robust deviations a score lies from the median of its dimension; nothing where those do not
    /// vary.
    pub(super) fn z(&self, scores: &[f64], dimension: usize) -> Option<f64> {
        let spread = self.mads[dimension];
        (spread > 0.0).then(|| (scores[dimension] - self.medians[dimension]) / spread)
    }

    /// Those who are farthest.
    pub(super) fn far(&self) -> &[Far] {
        &self.far
    }

    /// The dimension in which somebody is farthest out, the first one of several, with z.
    pub(super) fn most_unusual(&self, far: &Far) -> Option<(usize, f64)> {
        self.unusual(far).into_iter().next()
    }

    /// Dimensions with z, those in which somebody is farthest out first.
    pub(super) fn unusual(&self, far: &Far) -> Vec<(usize, f64)> {
        let each = (0..far.scores.len()).filter_map(|at| Some((at, self.z(&far.scores, at)?)));
        let mut each: Vec<(usize, f64)> = each.collect();
        each.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
        each
    }
}
