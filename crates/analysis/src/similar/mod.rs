//! Who is most like somebody: everybody's distance to one profile, the nearest told with why.
//!
//! The distance is that of `kartei_behavior`: `d² = Σ c_a c_b (D_a − D_b)² / Σ c_a c_b` over the dimensions that both
//! have, 0 to 1. Who shares fewer than half of the dimensions cannot be compared. The profile itself is left out.
//!
//! The nearest of all are among the nearest of each part, ties by id: what is told does not depend on how profiles were
//! split. Kept is no more than what is told, with a histogram of all distances.

mod findings;

use kartei_behavior::{Vector, distance};
use kartei_stats::Sum;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::asked::Kind;
use crate::bits;
use crate::context::Context;
use crate::scores::Histogram;
use findings::findings;

/// A score that somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    #[serde(with = "bits")]
    score: f64,
    #[serde(with = "bits")]
    confidence: f64,
}

/// Somebody near.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Near {
    #[serde(with = "bits")]
    distance: f64,
    id: String,
    /// By dimension.
    places: Vec<Option<Place>>,
}

/// What is known of all that were compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Similar {
    /// The nearest first, no more than are told.
    nearest: Vec<Near>,
    distances: Histogram,
    not_comparable: u64,
}

/// How far two are apart in a dimension that both have.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Apart {
    dimension: usize,
    score: f64,
    /// Theirs less that of whom it is about.
    difference: f64,
    /// `c_a c_b (ΔD)²`.
    weighted: f64,
}

fn places(vector: &Vector) -> Vec<Option<Place>> {
    let scores = vector.dimensions.iter();
    let place = scores.map(|score| {
        let score = score.as_ref()?;
        Some(Place { score: score.score, confidence: score.confidence })
    });
    place.collect()
}

fn most(context: &Context) -> usize {
    match context.analysis.kind {
        Kind::Similar { most, .. } => most as usize,
        _ => 0,
    }
}

impl Near {
    fn is_before(&self, other: &Self) -> bool {
        self.distance.total_cmp(&other.distance).then_with(|| self.id.cmp(&other.id)).is_lt()
    }

    /// Where both have a score, in the order of the dimensions.
    fn apart(&self, focus: &[Option<Place>]) -> Vec<Apart> {
        let both = self.places.iter().zip(focus).enumerate();
        let apart = both.filter_map(|(dimension, (theirs, focus))| {
            let (theirs, focus) = ((*theirs)?, (*focus)?);
            let difference = theirs.score - focus.score;
            let weighted = theirs.confidence * focus.confidence * (difference * difference);
            Some(Apart { dimension, score: theirs.score, difference, weighted })
        });
        apart.collect()
    }
}

/// The dimension that two are most alike in, and the one that they are farthest apart in; the first of equals.
fn extremes(apart: &[Apart]) -> Option<(Apart, Apart)> {
    let first = *apart.first()?;
    Some(apart.iter().fold((first, first), |(alike, apart), one| {
        (
            if one.weighted < alike.weighted { *one } else { alike },
            if one.weighted > apart.weighted { *one } else { apart },
        )
    }))
}

impl Similar {
    pub(crate) fn begin(_: &Context) -> Self {
        Self { nearest: Vec::new(), distances: Histogram::default(), not_comparable: 0 }
    }

    pub(crate) fn absorb(&mut self, context: &Context, id: &str, vector: &Vector) {
        let Some(focus) = context.focus.as_ref().filter(|_| context.analysis.focus() != Some(id))
        else {
            return;
        };
        let Some(distance) = distance(focus, vector) else {
            self.not_comparable += 1;
            return;
        };
        self.distances.add(distance);
        let most = most(context);
        let is_near = |last: &Near| last.distance.total_cmp(&distance).is_ge();
        if self.nearest.len() < most || self.nearest.last().is_some_and(is_near) {
            let one = Near { distance, id: id.to_owned(), places: places(vector) };
            let at = self.nearest.partition_point(|other| other.is_before(&one));
            self.nearest.insert(at, one);
            self.nearest.truncate(most);
        }
    }

    pub(crate) fn merge(&mut self, context: &Context, next: Self) {
        self.not_comparable += next.not_comparable;
        self.distances.merge(&next.distances);
        self.nearest.extend(next.nearest);
        self.nearest
            .sort_by(|a, b| a.distance.total_cmp(&b.distance).then_with(|| a.id.cmp(&b.id)));
        self.nearest.truncate(most(context));
    }

    /// How many of the compared are farther away than this. Those beyond the told ones are.
    fn farther(&self, distance: f64) -> u64 {
        let near = self.nearest.partition_point(|one| one.distance <= distance);
        self.distances.count() - near as u64
    }

    fn row(&self, one: &Near, names: &[&str], focus: &[Option<Place>]) -> Value {
        let extremes = extremes(&one.apart(focus));
        let compared = self.distances.count().max(1);
        json!({
            "id": one.id,
            "distance": one.distance,
            "nearer_than": self.farther(one.distance) as f64 / compared as f64,
            "alike": extremes.map(|(alike, _)| names[alike.dimension]),
            "apart": extremes.map(|(_, apart)| names[apart.dimension]),
            "apart_by": extremes.map(|(_, apart)| apart.difference),
        })
    }

    pub(crate) fn report(&self, context: &Context, seen: u64, total: u64) -> Map<String, Value> {
        let names = context.scale.as_ref().map(|scale| scale.names()).unwrap_or_default();
        let focus = context.focus.as_ref().map(places).unwrap_or_default();
        let about = focus.iter().zip(&names).filter_map(|(place, name)| {
            let place = (*place)?;
            Some(json!({
                "dimension": name, "score": place.score, "confidence": place.confidence,
            }))
        });
        let scores = self.nearest.iter().flat_map(|one| {
            let apart = one.apart(&focus);
            let whole = apart.iter().map(|one| one.weighted).collect::<Sum>().total();
            let rows = apart.into_iter().map(|apart| {
                json!({
                    "id": one.id,
                    "dimension": names[apart.dimension],
                    "score": apart.score,
                    "difference": apart.difference,
                    // Who has the same scores is apart in nothing.
                    "part": if whole > 0.0 { apart.weighted / whole } else { 0.0 },
                })
            });
            rows.collect::<Vec<_>>()
        });
        let bins = self.distances.bins();
        let bins = bins.map(|(from, to, people)| json!({"from": from, "to": to, "people": people}));
        let mut report = Map::new();
        report.insert("id".to_owned(), json!(context.analysis.focus()));
        report.insert("about".to_owned(), about.collect());
        report.insert("compared".to_owned(), json!(self.distances.count()));
        report.insert("not_comparable".to_owned(), json!(self.not_comparable));
        report.insert("median_distance".to_owned(), json!(self.distances.quantile(0.5)));
        let similar = self.nearest.iter().map(|one| self.row(one, &names, &focus));
        report.insert("similar".to_owned(), similar.collect());
        report.insert("scores".to_owned(), scores.collect());
        report.insert("distances".to_owned(), bins.collect());
        let findings = findings(self, context, &focus, seen, total);
        report.insert("findings".to_owned(), findings.into());
        report
    }
}
