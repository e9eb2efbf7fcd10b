//! Observations of one profile: as lines over time, and row by row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Asks for a profile's observations as lanes over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskSeries {
    /// The record's `id`.
    pub id: String,
    /// From this moment on, in seconds since 1970; from the first where it is absent.
    #[serde(default)]
    pub from: Option<f64>,
    /// Up to this moment; to the last where it is absent.
    #[serde(default)]
    pub to: Option<f64>,
    /// Points of one lane at most; at most 2,000. More are reduced to what shows the same line.
    pub points_max: u32,
}

/// The observations of one signal, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lane {
    /// The signal.
    pub signal: String,
    /// How many there are between `from` and `to`.
    pub count: u64,
    /// The smallest value among them.
    pub min: f64,
    /// The largest value among them.
    pub max: f64,
    /// Whether `at` and `values` are fewer than `count`: of each stretch of time the first, the
    /// last, the smallest and the largest.
    pub reduced: bool,
    /// Moments, in seconds since 1970.
    pub at: Vec<f64>,
    /// The values at these moments.
    pub values: Vec<f64>,
}

/// A profile's observations over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// How many observations the profile has.
    pub total: u64,
    /// The first moment of all, in seconds since 1970; absent without observations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<f64>,
    /// The last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<f64>,
    /// One lane a signal, by name; at most 64, those with the most observations.
    pub lanes: Vec<Lane>,
    /// How many signals have no lane here.
    pub left_out: u64,
}

/// Asks for rows of a profile's observations, the last one first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListObservations {
    /// The record's `id`.
    pub id: String,
    /// Of this signal only, where it is given.
    pub signal: Option<String>,
    /// How many to pass over.
    pub offset: u64,
    /// How many at most; at most 1,000.
    pub limit: u32,
}

/// One observation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObservationRow {
    /// Its id within the profile.
    pub id: String,
    /// What was observed.
    pub signal: String,
    /// Its value.
    pub value: f64,
    /// How many single observations it stands for.
    pub n: u64,
    /// When: RFC 3339, UTC.
    pub at: String,
    /// Where it came from.
    pub source: Option<String>,
}

/// Rows of a profile's observations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObservationPage {
    /// The rows.
    pub rows: Vec<ObservationRow>,
    /// How many there are in all.
    pub total: u64,
}
