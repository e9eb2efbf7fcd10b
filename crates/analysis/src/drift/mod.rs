//! What became of the population between two moments, everybody measured at both by the same fit; or what it is by two
//! calibrations, everybody measured at the moment of each by its own fit.
//!
//! By dimension the scores of both moments are counted in thousandths, and the differences of those who have a score at
//! both are added up exactly: what they come to does not depend on the order of profiles.
//!
//! Told of two distributions: the population stability index over the tenths of the earlier one (the customary way,
//! Siddiqi 2006: below 0.1 little, from 0.25 much); the divergence of Jensen and Shannon of the fiftieths, in bits, 0 to
//! 1; the distance of Smirnov, 0 to 1; that of Wasserstein, in scores. The last two are of thousandths.

mod findings;
mod stability;

use kartei_behavior::Vector;
use kartei_profile::Record;
use kartei_stats::distance::{jensen_shannon, kolmogorov_distance, wasserstein_distance};
use kartei_stats::{ExactSum, Summary};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::asked::{Before, Kind};
use crate::context::{Context, Scoring};
use crate::interval::{Interval, mean_interval};
use crate::scores::{Histogram, PARTS};
use findings::findings;

/// Bins that a chart shows, and that the divergence of Jensen and Shannon is of.
const BINS: usize = 50;

/// What is known of a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dimension {
    /// At the earlier and at the later moment, or by the other calibration and by that of the analysis.
    scores: [Histogram; 2],
    sums: [ExactSum; 2],
    /// People with a score at both moments, the later one less the earlier one of each, and its square.
    both: u64,
    changes: ExactSum,
    squares: ExactSum,
}

/// What is known of all dimensions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drift {
    from_ms: i64,
    to_ms: i64,
    dimensions: Vec<Dimension>,
    /// People with any score before and after.
    people: [u64; 2],
}

/// What a dimension comes to.
struct Told {
    people: [u64; 2],
    mean: [Option<f64>; 2],
    both: u64,
    change: Option<f64>,
    around: Option<Interval>,
    psi: Option<f64>,
    js: Option<f64>,
    ks: Option<f64>,
    wasserstein: Option<f64>,
}

fn bins(scores: &Histogram) -> Vec<u64> {
    scores.parts().chunks(PARTS / BINS).map(|bin| bin.iter().sum()).collect()
}

impl Dimension {
    fn new() -> Self {
        Self {
            scores: [Histogram::default(), Histogram::default()],
            sums: [ExactSum::new(), ExactSum::new()],
            both: 0,
            changes: ExactSum::new(),
            squares: ExactSum::new(),
        }
    }

    fn absorb(&mut self, scores: [Option<f64>; 2]) {
        for (at, score) in scores.into_iter().enumerate() {
            if let Some(score) = score {
                self.scores[at].add(score);
                self.sums[at].add(score);
            }
        }
        if let [Some(from), Some(to)] = scores {
            let change = to - from;
            self.both += 1;
            self.changes.add(change);
            self.squares.add_product(change, change);
        }
    }

    fn merge(&mut self, next: &Self) {
        for at in 0..2 {
            self.scores[at].merge(&next.scores[at]);
            self.sums[at].merge(&next.sums[at]);
        }
        self.both += next.both;
        self.changes.merge(&next.changes);
        self.squares.merge(&next.squares);
    }

    fn told(&self) -> Told {
        let people = [0, 1].map(|at| self.scores[at].count());
        let mean =
            [0, 1].map(|at| (people[at] > 0).then(|| self.sums[at].total() / people[at] as f64));
        let summary = Summary::of_sums(self.both, &self.changes, &self.squares).ok();
        let change = summary.map(|summary| summary.mean());
        let deviation = summary.and_then(|summary| summary.variance()).map(f64::sqrt);
        // People are taken for a sample of people like them, of whom there is no end.
        let around = change
            .zip(deviation)
            .and_then(|(mean, deviation)| mean_interval(mean, deviation, self.both, u64::MAX));
        let [from, to] = [0, 1].map(|at| self.scores[at].weighted());
        let [p, q] = [0, 1].map(|at| {
            let bins = bins(&self.scores[at]);
            bins.into_iter().map(|people| people as f64).collect::<Vec<_>>()
        });
        Told {
            people,
            mean,
            both: self.both,
            change,
            around,
            psi: stability::index(&self.scores[0], &self.scores[1]),
            js: jensen_shannon(&p, &q).ok(),
            ks: kolmogorov_distance(&from, &to).ok(),
            wasserstein: wasserstein_distance(&from, &to).ok(),
        }
    }

    /// The bins of both moments; those that are empty at both ends are left out.
    fn bins(&self, name: &str) -> Vec<Value> {
        let [before, after] = [0, 1].map(|at| bins(&self.scores[at]));
        let is_filled = |bin: &usize| before[*bin] + after[*bin] > 0;
        let first = (0..BINS).find(is_filled).unwrap_or(BINS);
        let last = (0..BINS).rev().find(is_filled).map_or(first, |last| last + 1);
        let row = |bin: usize| {
            json!({
                "dimension": name,
                "from": bin as f64 / BINS as f64,
                "to": (bin + 1) as f64 / BINS as f64,
                "before": before[bin],
                "after": after[bin],
            })
        };
        (first..last).map(row).collect()
    }
}

impl Told {
    fn report(&self, name: &str) -> Value {
        json!({
            "dimension": name,
            "people_from": self.people[0],
            "people_to": self.people[1],
            "both": self.both,
            "mean_from": self.mean[0],
            "mean_to": self.mean[1],
            "change": self.change,
            "change_low": self.around.map(|around| around.low),
            "change_high": self.around.map(|around| around.high),
            "psi": self.psi,
            "js": self.js,
            "ks": self.ks,
            "wasserstein": self.wasserstein,
        })
    }
}

impl Drift {
    pub(crate) fn begin(context: &Context) -> Self {
        let dimensions = context.scale.as_ref().map_or(0, |scale| scale.names().len());
        let as_of_ms =
            context.scale.as_ref().map_or(context.as_of_ms, |scale| scale.calibration().as_of_ms);
        let (from_ms, to_ms) = match (&context.analysis.kind, &context.against) {
            (Kind::Drift { before: Before::Moment(from_ms), to_ms }, _) => {
                (*from_ms, to_ms.unwrap_or(as_of_ms))
            }
            (_, Some(against)) => (against.calibration().as_of_ms, as_of_ms),
            _ => (as_of_ms, as_of_ms),
        };
        let dimensions = (0..dimensions).map(|_| Dimension::new()).collect();
        Self { from_ms, to_ms, dimensions, people: [0; 2] }
    }

    pub(crate) fn absorb(&mut self, record: &Record, scores: &mut Scoring<'_>) {
        let before = scores.against.as_mut().unwrap_or(&mut scores.scale);
        let from = before.vector_at(record, self.from_ms);
        let to = scores.scale.vector_at(record, self.to_ms);
        let has_any = |vector: &Vector| vector.dimensions.iter().any(Option::is_some);
        self.people[0] += u64::from(has_any(&from));
        self.people[1] += u64::from(has_any(&to));
        let both = from.dimensions.iter().zip(&to.dimensions);
        for (known, (from, to)) in self.dimensions.iter_mut().zip(both) {
            known.absorb([from, to].map(|score| score.as_ref().map(|score| score.score)));
        }
    }

    pub(crate) fn merge(&mut self, next: &Self) {
        for at in 0..2 {
            self.people[at] += next.people[at];
        }
        for (ours, theirs) in self.dimensions.iter_mut().zip(&next.dimensions) {
            ours.merge(theirs);
        }
    }

    pub(crate) fn report(&self, context: &Context, seen: u64, total: u64) -> Map<String, Value> {
        let names = context.scale.as_ref().map(|scale| scale.names()).unwrap_or_default();
        let told: Vec<Told> = self.dimensions.iter().map(Dimension::told).collect();
        let mut report = Map::new();
        report.insert("from".to_owned(), json!(self.from_ms));
        report.insert("to".to_owned(), json!(self.to_ms));
        if let Some(against) = &context.against {
            report.insert("against".to_owned(), json!(against.version()));
        }
        report.insert("people_from".to_owned(), json!(self.people[0]));
        report.insert("people_to".to_owned(), json!(self.people[1]));
        let dimensions = told.iter().zip(&names).map(|(told, name)| told.report(name));
        report.insert("dimensions".to_owned(), dimensions.collect());
        let bins = self.dimensions.iter().zip(&names).flat_map(|(one, name)| one.bins(name));
        report.insert("bins".to_owned(), bins.collect());
        let findings = findings(self, &told, context, seen, total);
        report.insert("findings".to_owned(), findings.into());
        report
    }
}
