//! Analyses at the relay and what people are told of them, as a front end sees them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::QualityReport;
use crate::problem::Problem;

/// Asks for an analysis. Unless it is made here, it goes to the relay as soon as that can be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskAnalysis {
    /// Which analysis, such as `quality`.
    pub analysis: String,
    /// Which profiles; all without a filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// What the analysis can be told; nothing, or an object.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub params: Value,
    /// Whether it is made here, of the profiles of the data folder.
    #[serde(default)]
    pub here: bool,
}

/// Names an analysis, or the result of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnalysisId {
    /// Its id, or its result's.
    pub id: String,
}

/// What an analysis is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnalysisStage {
    /// It waits here until the relay can be reached.
    Waiting,
    /// The relay does not take it: see `problem`.
    Refused,
    /// It waits for a worker of the relay.
    Queued,
    /// A worker has it.
    Running,
    /// Its result is there.
    Completed,
    /// It could not be done: see `reason`.
    Failed,
    /// Somebody ended it.
    Canceled,
}

/// How far an analysis is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnalysisProgress {
    /// Profiles that were looked at.
    pub done: u64,
    /// Profiles of the cohort.
    pub total: u64,
    /// Seconds that are left at the pace so far, while it runs.
    pub seconds_left: Option<f64>,
}

/// An analysis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Analysis {
    /// The relay's id, or `local-` with a number as long as it waits here, or `here-` and more where it is made here.
    pub id: String,
    /// Whether it is made here.
    pub here: bool,
    /// What it was told; nothing, or an object.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub params: Value,
    /// What it is at.
    pub stage: AnalysisStage,
    /// Which analysis.
    pub analysis: String,
    /// Which profiles; all without a filter.
    pub filter: Option<String>,
    /// Who asked for it; nobody knows while it waits here.
    pub by: Option<String>,
    /// When it was asked for, as all moments here: RFC 3339, UTC.
    pub created_at: String,
    /// When a worker took it for the last time.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// How often it was begun.
    pub attempts: u32,
    /// Whether somebody asked for its end while it runs.
    pub ending: bool,
    /// How far it is, once that is known.
    pub progress: Option<AnalysisProgress>,
    /// The number of its newest event: it grows with everything that happens to it.
    pub event_seq: u64,
    /// The one that it tries again.
    pub retry_of: Option<String>,
    /// Its result's id.
    pub result: Option<String>,
    /// Why it failed: `lease_lost`, `overdue`, `forced`, `analysis` or `relay`.
    pub reason: Option<String>,
    /// The same in words, in English.
    pub detail: Option<String>,
    /// Why it waits here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// Analyses: those that wait here, then the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Analyses {
    /// What was heard of them last.
    pub analyses: Vec<Analysis>,
    /// Whether the relay makes analyses; one of an earlier version does not.
    pub supported: bool,
}

/// What an analysis came to, or comes to so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnalysisReport {
    /// What is missing, old, mixed up or contradictory, of the analysis `quality`.
    pub quality: Option<QualityReport>,
    /// What any other analysis came to: the report itself (docs/analyses.md).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<Value>,
}

/// An analysis with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnalysisDetail {
    /// The analysis.
    pub analysis: Analysis,
    /// What it came to; of one without a result what it comes to so far.
    pub report: Option<AnalysisReport>,
    /// What happened to it, in order; empty where the relay cannot be asked.
    pub events: Vec<AnalysisEvent>,
}

/// Something that happened to an analysis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnalysisEvent {
    /// Its number: 1, 2, 3 and so on.
    pub seq: u64,
    /// What: `queued`, `started`, `partial`, `cancel_requested`, `retried`, `lapsed`, `released`, `completed`,
    /// `failed` or `canceled`.
    pub kind: String,
    /// Who did it: somebody's name, or `worker`, or `relay`.
    pub actor: String,
    /// When: RFC 3339, UTC.
    pub at: String,
}

/// What a result is saved as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResultFormat {
    /// All of it, as it was answered.
    #[default]
    Json,
    /// One of its tables.
    Csv,
    /// One of its tables.
    Parquet,
}

/// Asks for a file of a result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveResult {
    /// The result's id.
    pub id: String,
    /// As what.
    #[serde(default)]
    pub format: ResultFormat,
    /// Which table; the first one where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Where to; else the person's folder for downloads, under a name that is free.
    #[serde(default)]
    pub to: Option<String>,
}

/// A file that the window made: a chart, a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveMade {
    /// Its name, with an ending: `svg`, `png`, `html` or `csv`. It goes to the person's folder for downloads, under a
    /// name like this one that is free.
    pub name: String,
    /// Its bytes, as base64 (RFC 4648 §4).
    pub bytes: String,
}

/// Something that somebody was told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Notification {
    /// Its number.
    pub id: i64,
    /// What it is about: `job_completed`, `job_failed` or `job_canceled`; later versions may tell more.
    pub kind: String,
    /// The analysis, where it is known here.
    pub analysis: Option<Analysis>,
    /// The analysis' id.
    pub job: Option<String>,
    /// When: RFC 3339, UTC.
    pub created_at: String,
    /// Whether it was read.
    pub read: bool,
}

/// What the person was told, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Notifications {
    /// The newest of them.
    pub notifications: Vec<Notification>,
    /// How many were not read, of all.
    pub unread: u64,
    /// Whether the relay was heard: without that nothing is known.
    pub heard: bool,
}

/// Which were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadNotifications {
    /// This one; all without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
}
