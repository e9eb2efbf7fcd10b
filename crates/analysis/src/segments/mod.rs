//! Groups of people with scores that are alike.
//!
//! k-means of the first [`crate::LEARNED_OF`] people with all scores; then everybody belongs to the segment whose centre is
//! nearest. What is told of a segment is told of all of its people: their mean is not the centre that was learned.
//!
//! Scores have one unit, 0 to 1, so dimensions count alike.

mod findings;
mod model;

use std::ops::RangeInclusive;

use kartei_behavior::Vector;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::asked::Kind;
use crate::complete::Part;
use crate::context::Context;
use crate::learner::{Learner, Told};
use findings::findings;
use model::{Profile, Segmented};

/// Segments at most where their number is chosen.
const CHOSEN_MAX: usize = 8;

/// Of fewer people no segments are made.
const LEAST: usize = 30;

/// For each segment that is asked for, so many people at least.
const LEAST_EACH: usize = 10;

/// The segments of a cohort.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Segments {
    known: Learner<Segmented>,
}

/// How many segments are asked for; nothing where the number is to be chosen.
fn asked(context: &Context) -> Option<usize> {
    let Kind::Segments { k } = context.analysis.kind else { return None };
    k.and_then(|k| usize::try_from(k).ok())
}

/// The numbers of segments to choose from, of so many people.
fn numbers(context: &Context, people: usize) -> RangeInclusive<usize> {
    match asked(context) {
        Some(k) => k..=k,
        None => 2..=CHOSEN_MAX.min(people / LEAST_EACH),
    }
}

/// People at least.
fn least(context: &Context) -> usize {
    asked(context).map_or(LEAST, |k| LEAST.max(k * LEAST_EACH))
}

impl Segments {
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
        let mut report = Map::new();
        let mut put = |name: &str, value: Value| report.insert(name.to_owned(), value);
        put("incomplete", json!(part.incomplete()));
        put("chosen", json!(asked(context).is_none()));
        let model = if let Told::Learned(model) = &told { Some(*model) } else { None };
        put("k", json!(model.map(|model| model.order().len())));
        put("learned_of", json!(model.map(|model| model.learned_of)));
        put("judged", json!(model.map(|model| model.judged)));
        put("silhouette", json!(model.and_then(Segmented::silhouette)));
        put("inertia", json!(model.map(|model| model.inertia.total())));
        let profiles = model.map(Segmented::profiles).unwrap_or_default();
        put("segments", segments(model, part).into());
        put("profile", profile(context, &profiles).into());
        let silhouettes = model.into_iter().flat_map(Segmented::silhouettes);
        let silhouettes = silhouettes.map(|(k, mean)| json!({"k": k, "silhouette": mean}));
        put("silhouettes", silhouettes.collect());
        let points = model.into_iter().flat_map(Segmented::points);
        let points = points
            .map(|(id, segment, [x, y])| json!({"id": id, "segment": segment, "x": x, "y": y}));
        put("points", points.collect());
        let findings = findings(context, part, &told, &profiles);
        put("findings", findings.into());
        report
    }
}

/// How many people each segment has, the greatest first.
fn segments(model: Option<&Segmented>, part: Part) -> Vec<Value> {
    let sizes = model.into_iter().flat_map(Segmented::sizes).enumerate();
    sizes
        .map(|(at, people)| {
            let interval = part.interval(people);
            json!({
                "segment": at + 1,
                "people": people,
                "share": people as f64 / part.people as f64,
                "low": interval.map(|interval| interval.low),
                "high": interval.map(|interval| interval.high),
            })
        })
        .collect()
}

/// How each segment differs from the rest, dimension by dimension.
fn profile(context: &Context, profiles: &[Vec<Profile>]) -> Vec<Value> {
    let names = context.scale.as_ref().map(|scale| scale.names()).unwrap_or_default();
    let each = profiles.iter().enumerate().flat_map(|(at, dimensions)| {
        names.iter().zip(dimensions).map(move |(name, one)| {
            json!({
                "segment": at + 1,
                "dimension": name,
                "mean": one.mean,
                "rest": one.rest,
                "g": one.g.map(|g| g.value),
                "g_low": one.g.map(|g| g.low),
                "g_high": one.g.map(|g| g.high),
            })
        })
    });
    each.collect()
}
