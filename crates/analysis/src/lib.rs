//! Analyses over profiles: pure and deterministic, with partial results that are honest samples.
//!
//! ```text
//! ids ─▶ Order: hash(seed, id) ─▶ chunks of CHUNK profiles, each absorbed by itself (any thread)
//!                                      │ merged in the order of their numbers, always
//!                                      ▼
//!                                 Accumulator ──▶ report: with intervals while it is a sample
//!                                      └──▶ keep, resume: another worker goes on with the same bits
//! ```
//! Profiles come in an order that chance drew, so each beginning of it is a simple random sample of the
//! cohort. Chunks and the order in which they are merged are fixed by their numbers alone: the bits of a
//! result depend neither on threads nor on how often a worker died, nor on whether relay or desktop ran
//! it. The crate knows no clock, no database and no thread.
//!
//! A [`Comparison`] of two cohorts goes the same way, but is told of each profile on which side it is.

mod compare;
mod interval;
mod moments;
mod order;
mod quality;
mod wording;

use kartei_profile::Record;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use compare::{CompareInput, Comparison, Scores, Side, VALUES_IN_ALL_MAX, VALUES_MAX};
pub use interval::{Interval, share_interval};
pub use moments::Moments;
pub use order::{Seed, in_visiting_order};
use quality::Quality;

/// Version of the engine; a result says which one made it.
pub const ENGINE_VERSION: u32 = 1;

/// Profiles of a chunk. It is a part of what results are: another number gives other bits.
pub const CHUNK: usize = 1_024;

/// An analysis that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Analysis {
    /// What is missing, old, mixed up or contradictory in the profiles.
    Quality,
}

/// Why an analysis cannot be made as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskedWrongly {
    /// There is no such analysis.
    #[error("there is no analysis `{0}`; there is: quality")]
    Unknown(String),
    /// A parameter that the analysis does not have.
    #[error("the analysis `{analysis}` has no parameter `{parameter}`")]
    Parameter {
        /// The analysis.
        analysis: &'static str,
        /// The parameter.
        parameter: String,
    },
    /// Parameters that are no object.
    #[error("`params` is an object, or is left out")]
    NoObject,
}

impl Analysis {
    /// The analysis of this name, with these parameters.
    ///
    /// # Errors
    /// [`AskedWrongly`].
    pub fn new(name: &str, params: &Value) -> Result<Self, AskedWrongly> {
        let analysis = match name {
            "quality" => Self::Quality,
            other => return Err(AskedWrongly::Unknown(other.to_owned())),
        };
        match params {
            Value::Null => Ok(analysis),
            Value::Object(members) => match members.keys().next() {
                None => Ok(analysis),
                Some(parameter) => Err(AskedWrongly::Parameter {
                    analysis: analysis.name(),
                    parameter: parameter.clone(),
                }),
            },
            _ => Err(AskedWrongly::NoObject),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Quality => "quality",
        }
    }

    /// Nothing seen yet. `as_of_ms` is the moment of the analysis, in milliseconds since 1970.
    #[must_use]
    pub fn begin(self, as_of_ms: i64) -> Accumulator {
        match self {
            Self::Quality => Accumulator { as_of_ms, quality: Quality::default() },
        }
    }
}

/// A profile as analyses see it.
#[derive(Debug, Clone, Copy)]
pub struct Profile<'a> {
    /// The record.
    pub record: &'a Record,
    /// Fields in conflict.
    pub conflicts: u64,
}

/// What is known of the profiles that were seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accumulator {
    as_of_ms: i64,
    quality: Quality,
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
}

impl Accumulator {
    /// Takes a profile in.
    pub fn absorb(&mut self, profile: &Profile<'_>) {
        self.quality.absorb(profile, self.as_of_ms);
    }

    /// Takes in what the next chunk came to.
    pub fn merge(&mut self, next: Self) {
        self.quality.merge(next.quality);
    }

    /// Profiles that were taken in.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.quality.profiles()
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
    pub fn report(&self, input: &Input) -> Value {
        quality::report(&self.quality, input, self.as_of_ms)
    }
}
