//! Everybody on a plane, alike near alike: the first two principal components of the scores.
//!
//! Scores are rounded to multiples of `2^-48`, and their sums and those of their products added up exactly over
//! everybody ([`CrossProducts`]), so the components do not depend on the order of people. Scores have one unit, so it
//! is the covariances (n − 1) that are taken apart.

mod findings;

use kartei_behavior::Vector;
use kartei_stats::linear::{Components, principal_components};
use kartei_stats::{CrossProducts, StatError, Sum};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::complete::{POINTS_MAX, Part, People};
use crate::context::Context;
use crate::interval::Interval;
use findings::findings;

/// Of fewer people there is no plane.
const LEAST: u64 = 3;

/// The normal quantile of 95 % on both sides.
const Z: f64 = 1.959_963_984_540_054;

/// What is known of everybody with all scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plane {
    /// Of their scores.
    products: CrossProducts,
    /// Those who are drawn: [`POINTS_MAX`] at most once chunks are merged.
    first: People,
}

/// Where the plane lies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axes {
    means: Vec<f64>,
    /// Weights of the dimensions to the right and up, of length 1; the second are nothing in one dimension.
    weights: [Vec<f64>; 2],
}

impl Axes {
    /// Through the means, along the first two components.
    pub(crate) fn of(means: Vec<f64>, components: &Components) -> Self {
        let weights = |at: usize| components.weights.get(at).cloned().unwrap_or_default();
        Self { means, weights: [weights(0), weights(1)] }
    }

    /// Where somebody stands, in the unit of scores.
    pub(crate) fn at(&self, scores: &[f64]) -> [f64; 2] {
        let along = |weights: &Vec<f64>| {
            let apart = scores.iter().zip(&self.means).map(|(score, mean)| score - mean);
            apart.zip(weights).map(|(apart, weight)| apart * weight).collect::<Sum>().total()
        };
        [along(&self.weights[0]), along(&self.weights[1])]
    }
}

impl Plane {
    pub(crate) fn begin(context: &Context) -> Self {
        let first = People::begin(context);
        Self { products: CrossProducts::new(first.columns()), first }
    }

    pub(crate) fn absorb(&mut self, id: &str, vector: &Vector) {
        if self.first.add(id, vector) {
            self.products.add(self.first.last());
        }
    }

    pub(crate) fn merge(&mut self, next: Self) {
        self.products.merge(&next.products);
        self.first.append(next.first);
        self.first.keep_first(POINTS_MAX);
    }

    /// People with all scores.
    fn people(&self) -> u64 {
        self.products.rows()
    }

    /// The components; nothing varies, or there are too few people, where there are none.
    fn components(&self) -> Result<Components, StatError> {
        principal_components(&self.products.covariance()?)
    }

    pub(crate) fn report(&self, context: &Context, seen: u64, total: u64) -> Map<String, Value> {
        let names = context.scale.as_ref().map(|scale| scale.names()).unwrap_or_default();
        let part = Part { seen, total, people: self.people() };
        let components = self.components().ok().filter(|_| self.people() >= LEAST);
        let mut report = Map::new();
        report.insert("incomplete".to_owned(), json!(part.incomplete()));
        report.insert("learned_of".to_owned(), json!(self.people()));
        let told = components.as_ref().map(|known| told(known, part)).unwrap_or_default();
        report.insert("components".to_owned(), told.into());
        let weights = components.iter().flat_map(|known| known.weights.iter().take(2).enumerate());
        let weights = weights.flat_map(|(at, weights)| {
            names.iter().zip(weights).map(move |(name, weight)| {
                json!({"component": at + 1, "dimension": name, "weight": weight})
            })
        });
        report.insert("weights".to_owned(), weights.collect());
        let means = self.products.means().ok();
        let axes = means.zip(components.as_ref()).map(|(means, known)| Axes::of(means, known));
        let points = axes.iter().flat_map(|axes| {
            self.first.iter().take(POINTS_MAX).map(|(id, scores)| {
                let [x, y] = axes.at(scores);
                json!({"id": id, "x": x, "y": y})
            })
        });
        report.insert("points".to_owned(), points.collect());
        let findings = findings(context, part, components.as_ref());
        report.insert("findings".to_owned(), findings.into());
        report
    }
}

/// The rows of the components.
fn told(components: &Components, part: Part) -> Vec<Value> {
    let mut together = Sum::new();
    let all = components.variances.iter().zip(&components.ratios).enumerate();
    all.map(|(at, (variance, share))| {
        together.add(*share);
        let [of_variance, of_share] = intervals(components, at, part);
        json!({
            "component": at + 1,
            "variance": variance,
            "variance_low": of_variance.map(|interval| interval.low),
            "variance_high": of_variance.map(|interval| interval.high),
            "share": share,
            "share_low": of_share.map(|interval| interval.low),
            "share_high": of_share.map(|interval| interval.high),
            "together": together.total().min(1.0),
        })
    })
    .collect()
}

/// Between what the variance of a component and its share of all lie, with 95 % confidence, while people are
/// missing. For normal scores and many people variances λ are normal with the variance `2 λ²/(n − 1)` and do not
/// depend on each other (Anderson 1963); shares by the delta method; with the finite population's correction
/// `1 − n/N`.
fn intervals(components: &Components, at: usize, part: Part) -> [Option<Interval>; 2] {
    if !part.is_partial() || part.people < 2 {
        return [None, None];
    }
    let (n, all) = (part.people as f64, part.of_all().max(part.people) as f64);
    let unit = (2.0 / (n - 1.0) * (1.0 - n / all)).sqrt();
    let (variance, share) = (components.variances[at], components.ratios[at]);
    let others = components.ratios.iter().enumerate().filter(|(other, _)| *other != at);
    let others: Sum = others.map(|(_, other)| other * other).collect();
    let (own, rest) = (share * (1.0 - share), share * share * others.total());
    let of_share = Z * unit * (own * own + rest).sqrt();
    let of_variance = Z * unit * variance;
    let around = |value: f64, half: f64, most: f64| {
        Some(Interval { low: (value - half).max(0.0), high: (value + half).min(most) })
    };
    [around(variance, of_variance, f64::MAX), around(share, of_share, 1.0)]
}
