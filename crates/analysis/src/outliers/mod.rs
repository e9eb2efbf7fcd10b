//! Who is unlike the others: far from the middle of everybody, or far out in one dimension.
//!
//! Of the first [`crate::LEARNED_OF`] people with all scores: medians with the deviations around them (MAD), and means
//! with covariances, divided by n − 1. Everybody is judged by them: by Mahalanobis' squared distance, which
//! knows how dimensions hang together, and by robust z in each dimension. Means and covariances feel the
//! outliers themselves, so many of a kind hide each other; medians do not.
//!
//! Scores lie between 0 and 1 and spread rather evenly where the population was calibrated by itself: then nobody can
//! be 3.5 robust deviations out in one dimension, and fewer than 1 of 1,000 are expected beyond the limit, which is
//! that of normal scores. Who is far out nevertheless is so the more surely.

mod findings;
mod model;

use kartei_behavior::Vector;
use kartei_stats::chi_square;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::complete::Part;
use crate::context::Context;
use crate::learner::{Learner, Told};
use findings::findings;
use model::Judged;

/// The share of normal people beyond the limit.
const EXPECTED: f64 = 0.001;

/// A robust z beyond which a score is unusual by itself (Iglewicz and Hoaglin 1993).
const UNUSUAL: f64 = 3.5;

/// Of fewer people nothing is said.
const LEAST: usize = 30;

/// For each dimension, so many people at least: fewer do not know how dimensions hang together.
const LEAST_EACH: usize = 5;

/// Who is unlike the others in a cohort.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Outliers {
    known: Learner<Judged>,
}

/// How many dimensions there are.
fn columns(context: &Context) -> usize {
    context.scale.as_ref().map_or(0, |scale| scale.names().len())
}

/// People at least.
fn least(context: &Context) -> usize {
    LEAST.max(LEAST_EACH * columns(context))
}

/// The squared distance that a normal person passes with the chance [`EXPECTED`]: that quantile of χ² with as many
/// degrees of freedom as there are dimensions.
fn limit(columns: usize) -> Option<f64> {
    chi_square::limit_of(EXPECTED, u32::try_from(columns).ok()?)
}

impl Outliers {
    pub(crate) fn begin(context: &Context) -> Self {
        Self { known: Learner::begin(context) }
    }

    pub(crate) fn absorb(&mut self, id: &str, vector: &Vector) {
        self.known.absorb(id, vector);
    }

    pub(crate) fn merge(&mut self, context: &Context, next: Self) {
        self.known.merge(context, next.known);
    }

    pub(crate) fn report(&self, context: &Context, seen: u64, total: u64) -> Map<String, Value> {
        let settled = self.known.settled(context);
        let part = Part { seen, total, people: settled.people() };
        let told = settled.told();
        let model = if let Told::Learned(model) = &told { Some(*model) } else { None };
        let mut report = Map::new();
        let mut put = |name: &str, value: Value| report.insert(name.to_owned(), value);
        put("incomplete", json!(part.incomplete()));
        put("learned_of", json!(model.map(|model| model.learned_of)));
        put("ridge", json!(model.map(|model| model.ridge).filter(|ridge| *ridge > 0.0)));
        put("limit", json!(limit(columns(context))));
        put("expected", json!(EXPECTED));
        put("beyond", json!(model.map(|model| part.share(model.beyond))));
        put("outliers", model.map(|model| outliers(context, model)).unwrap_or_default().into());
        put(
            "dimensions",
            model.map(|model| dimensions(context, model, part)).unwrap_or_default().into(),
        );
        put("findings", findings(context, part, &told).into());
        report
    }
}

/// Those who are farthest, with the dimension in which they are farthest out.
fn outliers(context: &Context, model: &Judged) -> Vec<Value> {
    let names = context.scale.as_ref().map(|scale| scale.names()).unwrap_or_default();
    let each = model.far().iter().map(|far| {
        let most = model.most_unusual(far);
        json!({
            "id": far.id,
            "distance": far.distance,
            "dimension": most.map(|(dimension, _)| names[dimension]),
            "z": most.map(|(_, z)| z),
            "score": most.map(|(dimension, _)| far.scores[dimension]),
        })
    });
    each.collect()
}

/// The middle of each dimension, and how many lie far out in it.
fn dimensions(context: &Context, model: &Judged, part: Part) -> Vec<Value> {
    let names = context.scale.as_ref().map(|scale| scale.names()).unwrap_or_default();
    let each = names.iter().enumerate().map(|(at, name)| {
        let beyond = model.beyond_in[at];
        let interval = part.interval(beyond);
        json!({
            "dimension": name,
            "median": model.medians[at],
            "mad": model.mads[at],
            "beyond": beyond,
            "share": beyond as f64 / part.people as f64,
            "low": interval.map(|interval| interval.low),
            "high": interval.map(|interval| interval.high),
        })
    });
    each.collect()
}
