//! Exports.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Selection;
use crate::problem::Problem;

/// A format of export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// One canonical record a line: importing it again gives the same profiles.
    Ndjson,
    /// The same, compressed with gzip.
    NdjsonGz,
    /// One row a profile, flattened.
    Csv,
    /// One row an observation.
    CsvObservations,
    /// One row a profile, typed, with nested observations.
    Parquet,
}

/// Asks for an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportProfiles {
    /// Which profiles; by default all.
    #[serde(default)]
    pub selection: Selection,
    /// The format.
    pub format: ExportFormat,
    /// Where to; else the person's folder for downloads, under a name that is free.
    #[serde(default)]
    pub to: Option<String>,
}

/// Where an export stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportState {
    /// Writes.
    Running,
    /// The file is complete.
    Done,
    /// Stopped on request; there is no file.
    Cancelled,
    /// Stopped by a problem; there is no file.
    Failed,
}

/// An export of this session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExportRun {
    /// Its number.
    pub run: u64,
    /// Where it stands.
    pub state: ExportState,
    /// The format.
    pub format: ExportFormat,
    /// The file.
    pub path: String,
    /// Profiles written so far.
    pub profiles: u64,
    /// Profiles to write.
    pub profiles_total: u64,
    /// Size of the file, once it is complete.
    pub bytes: Option<u64>,
    /// Why it failed.
    pub failure: Option<Problem>,
}
