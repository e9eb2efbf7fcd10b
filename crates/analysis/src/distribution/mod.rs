//! How scores are distributed, dimension by dimension.
//!
//! Counts and exact sums: what they come to does not depend on the order of profiles, or on how they were split.

mod findings;

use kartei_behavior::{Band, Vector};
use kartei_stats::{ExactSum, Summary};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::interval::{mean_interval, share_interval};
use crate::scores::Histogram;
use findings::findings;

/// Shares of the population that is calibrated by in the lowest and the highest band (stanines 1 to 3, 7 to 9).
pub(crate) const OUTER_BAND: f64 = 0.23;

/// Below this confidence a score rests on less than half of what it could.
const CERTAIN: f64 = 0.5;

/// What is known of a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dimension {
    scores: Histogram,
    sum: ExactSum,
    squares: ExactSum,
    /// People in the lowest, middle and highest band; those without a percentile are in none.
    bands: [u64; 3],
    /// Scores of little confidence.
    uncertain: u64,
}

/// What is known of all dimensions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Distribution {
    dimensions: Vec<Dimension>,
    /// People without any score.
    without: u64,
}

impl Dimension {
    fn new() -> Self {
        Self {
            scores: Histogram::default(),
            sum: ExactSum::new(),
            squares: ExactSum::new(),
            bands: [0; 3],
            uncertain: 0,
        }
    }

    fn merge(&mut self, next: &Self) {
        self.scores.merge(&next.scores);
        self.sum.merge(&next.sum);
        self.squares.merge(&next.squares);
        for (ours, theirs) in self.bands.iter_mut().zip(next.bands) {
            *ours += theirs;
        }
        self.uncertain += next.uncertain;
    }

    fn people(&self) -> u64 {
        self.scores.count()
    }

    /// Share of people in the lowest (0), middle (1) or highest (2) band.
    fn share(&self, band: usize) -> Option<f64> {
        let all: u64 = self.bands.iter().sum();
        (all > 0).then(|| self.bands[band] as f64 / all as f64)
    }

    fn report(&self, name: &str, seen: u64, total: u64) -> Value {
        let people = self.people();
        let summary = Summary::of_sums(people, &self.sum, &self.squares).ok();
        let mean = summary.map(|summary| summary.mean());
        let deviation = summary.and_then(|summary| summary.variance()).map(f64::sqrt);
        // How many of all have a score is open as long as profiles are missing.
        let of_all = u128::from(people) * u128::from(total) / u128::from(seen.max(1));
        let of_all = u64::try_from(of_all).unwrap_or(total);
        let around = mean.zip(deviation).and_then(|(mean, deviation)| {
            mean_interval(mean, deviation, people, of_all).filter(|_| seen < total)
        });
        let banded: u64 = self.bands.iter().sum();
        let share = |band: usize| {
            let interval = share_interval(self.bands[band], banded, of_all);
            let interval = interval.filter(|_| seen < total);
            json!({
                "count": self.bands[band],
                "share": self.share(band),
                "low": interval.map(|interval| interval.low),
                "high": interval.map(|interval| interval.high),
            })
        };
        json!({
            "dimension": name,
            "people": people,
            "missing": seen - people,
            "uncertain": self.uncertain,
            "mean": mean,
            "mean_low": around.map(|around| around.low),
            "mean_high": around.map(|around| around.high),
            "deviation": deviation,
            "p10": self.scores.quantile(0.1),
            "p25": self.scores.quantile(0.25),
            "p50": self.scores.quantile(0.5),
            "p75": self.scores.quantile(0.75),
            "p90": self.scores.quantile(0.9),
            "bands": {"low": share(0), "middle": share(1), "high": share(2)},
        })
    }
}

impl Distribution {
    pub(crate) fn begin(context: &Context) -> Self {
        let dimensions = context.scale.as_ref().map_or(0, |scale| scale.names().len());
        Self { dimensions: (0..dimensions).map(|_| Dimension::new()).collect(), without: 0 }
    }

    pub(crate) fn absorb(&mut self, vector: &Vector) {
        self.without += u64::from(vector.dimensions.iter().all(Option::is_none));
        for (known, score) in self.dimensions.iter_mut().zip(&vector.dimensions) {
            let Some(score) = score else { continue };
            known.scores.add(score.score);
            known.sum.add(score.score);
            known.squares.add_product(score.score, score.score);
            known.uncertain += u64::from(score.confidence < CERTAIN);
            match score.band() {
                Some(Band::Low) => known.bands[0] += 1,
                Some(Band::Middle) => known.bands[1] += 1,
                Some(Band::High) => known.bands[2] += 1,
                None => {}
            }
        }
    }

    pub(crate) fn merge(&mut self, next: &Self) {
        self.without += next.without;
        for (ours, theirs) in self.dimensions.iter_mut().zip(&next.dimensions) {
            ours.merge(theirs);
        }
    }

    pub(crate) fn report(&self, context: &Context, seen: u64, total: u64) -> Map<String, Value> {
        let names = context.scale.as_ref().map(|scale| scale.names()).unwrap_or_default();
        let named = || self.dimensions.iter().zip(&names);
        let mut report = Map::new();
        report.insert("without_scores".to_owned(), json!(self.without));
        let dimensions = named().map(|(one, name)| one.report(name, seen, total));
        report.insert("dimensions".to_owned(), dimensions.collect());
        let bins = named().flat_map(|(one, name)| {
            one.scores.bins().map(move |(from, to, people)| {
                json!({"dimension": name, "from": from, "to": to, "people": people})
            })
        });
        report.insert("bins".to_owned(), bins.collect());
        let findings = findings(self, context, seen, total);
        report.insert("findings".to_owned(), findings.into());
        report
    }
}
