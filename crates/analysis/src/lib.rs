//! Analyses over profiles: pure and deterministic, with partial results that are honest samples.
//!
//! ```text
//! what is asked for ─▶ Analysis ─┐
//! schema, calibration ─▶ Fitted ─┴─▶ Context
//!                                      │
//! ids ─▶ Order: hash(seed, id) ─▶ chunks of CHUNK profiles, each absorbed by itself (any thread)
//!                                      │ merged in the order of their numbers, always
//!                                      ▼
//!                                 Accumulator ──▶ report: with intervals while it is a sample
//!                                      └──▶ keep, resume: another worker goes on with the same bits
//! ```
//! Profiles come in an order that chance drew, so each beginning of it is a simple random sample of the
//! cohort. The seed is made of what is asked for, chunks and the order in which they are merged are fixed by
//! their numbers: the bits of a result are a function of request and profiles alone, and depend neither on
//! threads nor on how often a worker died, nor on whether relay or desktop ran it. The crate knows no clock, no
//! database and no thread.
//!
//! What is too large for every profile is learned of the first ones ([`LEARNED_OF`] at most), which are a random
//! sample, and everybody is judged by it.
//!
//! A report is one JSON object. Its members that are lists of objects are its tables: see [`tables`].

mod asked;
mod bits;
mod calibrated;
mod compare;
mod complete;
mod context;
mod distribution;
mod drift;
mod duplicates;
mod interval;
mod learner;
mod map;
mod members;
mod moments;
mod order;
mod outliers;
mod quality;
mod scores;
mod segments;
mod similar;
mod tables;
mod wording;

use kartei_profile::Record;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use asked::{
    Analysis, AskedWrongly, Before, Kind, MOST_MAX, NAMES, SEGMENTS_MAX, Scored, Side,
};
pub use calibrated::{Calibrated, calibrating};
pub use compare::{CompareInput, Comparison, VALUES_IN_ALL_MAX, VALUES_MAX};
pub use context::{Context, Scales, Scoring};
use distribution::Distribution;
use drift::Drift;
use duplicates::Duplicates;
pub use interval::{Interval, share_interval};
use map::Plane;
pub use members::{Member, Other, members};
pub use moments::Moments;
pub use order::{Seed, in_visiting_order};
use outliers::Outliers;
use quality::Quality;
use segments::Segments;
use similar::Similar;
pub use tables::{Table, tables};

/// Version of the engine; a result says which one made it.
pub const ENGINE_VERSION: u32 = 3;

/// Profiles of a chunk. It is a part of what results are: another number gives other bits.
pub const CHUNK: usize = 1_024;

/// Profiles that a model is learned of at most: the first whole chunks.
pub const LEARNED_OF: usize = 4 * CHUNK;

/// A profile as analyses see it.
#[derive(Debug, Clone, Copy)]
pub struct Profile<'a> {
    /// The record.
    pub record: &'a Record,
    /// Fields in conflict.
    pub conflicts: u64,
}

/// Of what a report is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Identity of the history that the revision belongs to.
    pub epoch: String,
    /// The revision that every profile is read at.
    pub rev: u64,
    /// Which profiles.
    pub filter: Option<String>,
    /// How many profiles the cohort has.
    pub total: u64,
    /// Profiles with something that the relay does not have, where they are read from a replica: with any the
    /// revision says less than all.
    pub pending: u64,
    /// The file whose records are looked at, of no revision; the profiles themselves without one.
    pub dataset: Option<Dataset>,
}

/// A file of import lines whose records are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dataset {
    /// Its id at the relay.
    pub file: String,
    /// What it was called then.
    pub name: String,
    /// BLAKE3 of its bytes, in hexadecimal digits.
    pub digest: String,
    /// Records: of several with one id the last one counts.
    pub records: u64,
    /// Lines that are no record, and were left out.
    pub rejected: u64,
    /// Records of people who were erased for good, which were left out.
    pub erased: u64,
}

/// What is known of the profiles that were seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accumulator {
    seen: u64,
    known: Known,
}

/// The same, by analysis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Known {
    Quality(Box<Quality>),
    Distribution(Distribution),
    Compare(Box<Comparison>),
    Segments(Segments),
    Map(Plane),
    Similar(Similar),
    Outliers(Outliers),
    Drift(Drift),
    Duplicates(Duplicates),
}

impl Accumulator {
    fn begin(context: &Context) -> Self {
        let known = match context.analysis.kind {
            Kind::Quality => Known::Quality(Box::default()),
            Kind::Distribution => Known::Distribution(Distribution::begin(context)),
            Kind::Compare { .. } => Known::Compare(Box::new(Comparison::begin(context.as_of_ms))),
            Kind::Segments { .. } => Known::Segments(Segments::begin(context)),
            Kind::Map => Known::Map(Plane::begin(context)),
            Kind::Similar { .. } => Known::Similar(Similar::begin(context)),
            Kind::Outliers { .. } => Known::Outliers(Outliers::begin(context)),
            Kind::Drift { .. } => Known::Drift(Drift::begin(context)),
            Kind::Duplicates { .. } => Known::Duplicates(Duplicates::begin(context)),
        };
        Self { seen: 0, known }
    }

    /// Takes a profile in, with the side that it is on where the analysis has sides, and with what makes scores where
    /// it looks at some ([`Context::scores`]).
    pub fn absorb(
        &mut self,
        context: &Context,
        profile: &Profile<'_>,
        side: Option<Side>,
        scores: Option<&mut Scoring<'_>>,
    ) {
        self.seen += 1;
        let record = profile.record;
        match (&mut self.known, scores) {
            (Known::Quality(known), _) => known.absorb(profile, context.as_of_ms),
            (Known::Compare(known), scores) => {
                known.absorb(profile, side, scores.map(|scores| &mut scores.scale));
            }
            (Known::Duplicates(known), _) => known.absorb(record),
            (Known::Distribution(known), Some(scores)) => {
                known.absorb(&scores.scale.vector(record));
            }
            (Known::Segments(known), Some(scores)) => {
                known.absorb(record.id(), &scores.scale.vector(record));
            }
            (Known::Map(known), Some(scores)) => {
                known.absorb(record.id(), &scores.scale.vector(record));
            }
            (Known::Similar(known), Some(scores)) => {
                known.absorb(context, record.id(), &scores.scale.vector(record));
            }
            (Known::Outliers(known), Some(scores)) => {
                known.absorb(record.id(), &scores.scale.vector(record));
            }
            (Known::Drift(known), Some(scores)) => known.absorb(record, scores),
            // A context without a scale is none of these analyses.
            (_, None) => {}
        }
    }

    /// Counts profiles that the analysis does not look at ([`Context::looks_at`]).
    pub fn pass_over(&mut self, profiles: u64) {
        self.seen += profiles;
    }

    /// Takes in what the next chunk came to.
    pub fn merge(&mut self, context: &Context, next: Self) {
        self.seen += next.seen;
        match (&mut self.known, next.known) {
            (Known::Quality(ours), Known::Quality(theirs)) => ours.merge(*theirs),
            (Known::Distribution(ours), Known::Distribution(theirs)) => ours.merge(&theirs),
            (Known::Compare(ours), Known::Compare(theirs)) => ours.merge(*theirs),
            (Known::Segments(ours), Known::Segments(theirs)) => ours.merge(context, theirs),
            (Known::Map(ours), Known::Map(theirs)) => ours.merge(theirs),
            (Known::Similar(ours), Known::Similar(theirs)) => ours.merge(context, theirs),
            (Known::Outliers(ours), Known::Outliers(theirs)) => ours.merge(context, theirs),
            (Known::Drift(ours), Known::Drift(theirs)) => ours.merge(&theirs),
            (Known::Duplicates(ours), Known::Duplicates(theirs)) => ours.merge(theirs),
            // Chunks of one analysis are of one kind.
            _ => {}
        }
    }

    /// Profiles that were taken in.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// As bytes that [`Accumulator::resume`] takes, with the same bits.
    #[must_use]
    pub fn keep(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What [`Accumulator::keep`] wrote; nothing where it was written by another engine.
    #[must_use]
    pub fn resume(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// What is to be told of it: with intervals as long as profiles are missing.
    #[must_use]
    pub fn report(&self, context: &Context, input: &Input) -> Value {
        let whole = |mut report: Value| {
            if input.pending > 0 {
                report["input"]["pending"] = input.pending.into();
            }
            if let (Some(dataset), Some(told)) = (&input.dataset, report["input"].as_object_mut()) {
                told.insert("dataset".to_owned(), json!(dataset));
            }
            report
        };
        let report = match &self.known {
            Known::Quality(known) => return whole(quality::report(known, input, context.as_of_ms)),
            Known::Compare(known) => {
                let mut report = known.report(&CompareInput {
                    epoch: input.epoch.clone(),
                    rev: input.rev,
                    filter_a: input.filter.clone(),
                    filter_b: context.analysis.other().flatten().map(str::to_owned),
                    calibration: context.analysis.calibration.clone(),
                    titles: context.titles(),
                    total: input.total,
                });
                report["calibration"] = context.calibration();
                report["params"] = context.analysis.params();
                return whole(report);
            }
            Known::Distribution(known) => known.report(context, self.seen, input.total),
            Known::Segments(known) => known.report(context, self.seen, input.total),
            Known::Map(known) => known.report(context, self.seen, input.total),
            Known::Similar(known) => known.report(context, self.seen, input.total),
            Known::Outliers(known) => known.report(context, self.seen, input.total),
            Known::Drift(known) => known.report(context, self.seen, input.total),
            Known::Duplicates(known) => known.report(context, self.seen, input.total),
        };
        let mut told = context.head(input, self.seen);
        told.extend(report);
        whole(Value::Object(told))
    }
}
