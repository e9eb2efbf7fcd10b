//! What administrators of an organisation see and set (docs/jobs.md).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::jobs::JobProgress;

/// An organisation's queue of analyses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QueueInfo {
    /// Analyses that run at once, at most.
    pub cap: u64,
    /// Its share where several organisations wait; 100 is usual.
    pub weight: u64,
    /// Since when nothing begins, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_at: Option<i64>,
    /// Analyses that do not begin.
    pub paused_analyses: Vec<String>,
    /// Jobs that wait.
    pub queued: u64,
    /// Jobs that run.
    pub running: u64,
    /// For how long the oldest one waits that could begin, in milliseconds.
    pub lag_ms: u64,
}

/// What is set of a queue; what is left out stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct QueueChange {
    /// Analyses that run at once, at most: 0 to 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<u64>,
    /// Its share where several organisations wait: 1 to 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u64>,
}

/// What does not begin, or begins again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct QueuePause {
    /// This analysis; everything without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<String>,
}

/// A job that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunningJob {
    /// Its id.
    pub job_id: String,
    /// Which analysis.
    pub analysis: String,
    /// Who submitted it: the token's name.
    pub by: String,
    /// Who has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// Until when that is so without a word of the worker, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<i64>,
    /// Until when this attempt may go on, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<i64>,
    /// How often it was begun.
    pub attempts: u32,
    /// How often it may be begun.
    pub attempts_max: u32,
    /// When it was begun for the last time, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<i64>,
    /// How far it is, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<JobProgress>,
}

/// A page of jobs that run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunningPage {
    /// The jobs.
    pub jobs: Vec<RunningJob>,
    /// Where to go on; nothing at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEvent {
    /// Its number: 1, 2, 3 and so on for each organisation.
    pub seq: u64,
    /// Milliseconds since 1970, by the database's clock.
    pub at: i64,
    /// Who: a token's name, `administrator` at the relay's own machine, or `relay`.
    pub actor: String,
    /// What: a word such as `queue.set` or `job.forced`.
    pub action: String,
    /// With what.
    pub subject: String,
    /// What there is to say beside it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// BLAKE3 over the hash before and this event, 64 hex digits.
    pub hash: String,
}

/// A page of the audit, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditPage {
    /// The events.
    pub events: Vec<AuditEvent>,
    /// Where to go on; nothing at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
