//! What administrators of an organisation see and set (docs/jobs.md, docs/relay.md).

mod access;

pub use access::{
    DeviceInfo, DeviceList, FileReadInfo, FileReads, FileUse, NewToken, OrganisationInfo,
    ProfilesLie, QuotaChange, TokenCreated, TokenInfo, TokenList, TokenRole,
};

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
    #[cfg_attr(feature = "openapi", schema(maximum = 1000))]
    pub cap: Option<u64>,
    /// Its share where several organisations wait: 1 to 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10000))]
    pub weight: Option<u64>,
}

/// What does not begin, or begins again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct QueuePause {
    /// This analysis; everything without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
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

/// How long an organisation keeps what its analyses and imports leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetentionInfo {
    /// Days from a job's end on for results and what was known before them; for ever where `null`.
    pub results_days: Option<u32>,
    /// Days from a job's end on for the job with its events and notifications; for ever where `null`.
    pub jobs_days: Option<u32>,
    /// Days from an import's end on for its body as it came and for its rejected lines; for ever where `null`. They
    /// go by themselves, without a plan, and cannot be restored.
    #[serde(default)]
    pub imports_days: Option<u32>,
    /// Days for which what was marked can be restored.
    pub restore_days: u32,
    /// Whether the relay plans and applies by itself, once a day.
    pub automatic: bool,
    /// Since when nothing is taken away, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_at: Option<i64>,
}

/// What is set of that; what is left out stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RetentionChange {
    /// Days from a job's end on for results, 0 to 36,500; for ever with `null`.
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>, maximum = 36500))]
    pub results_days: Option<Option<u32>>,
    /// Days from a job's end on for the whole job, 0 to 36,500; for ever with `null`.
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>, maximum = 36500))]
    pub jobs_days: Option<Option<u32>>,
    /// Days from an import's end on for its body as it came and for its rejected lines, 0 to 36,500; for ever with
    /// `null`.
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>, maximum = 36500))]
    pub imports_days: Option<Option<u32>>,
    /// Days for which what was marked can be restored, 0 to 365.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(maximum = 365))]
    pub restore_days: Option<u32>,
    /// Whether the relay plans and applies by itself, once a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic: Option<bool>,
    /// Whether nothing is taken away, whatever its age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<bool>,
}

/// `null` is something that was said; what is left out is not.
fn said<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// What would be taken away. Nothing was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetentionPlan {
    /// Stands for exactly what was chosen, 64 hex digits.
    pub plan_hash: String,
    /// What is due at this moment, in milliseconds since 1970.
    pub as_of: i64,
    /// Of each kind.
    pub kinds: Vec<RetentionShare>,
}

/// What would be taken away of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetentionShare {
    /// `results`, or `jobs` with their results.
    pub kind: String,
    /// How many jobs.
    pub count: u64,
    /// How many bytes, without what the database needs beside them.
    pub bytes: u64,
    /// When the oldest ended, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<i64>,
    /// Ids of up to ten jobs, the oldest first.
    pub sample_ids: Vec<String>,
    /// Whether more is due than one plan takes: the next plan has it.
    pub more: bool,
}

/// The plan that is to be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ApplyPlan {
    /// As the plan said.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9a-f]{64}$"))]
    pub plan_hash: String,
    /// As the plan said.
    pub as_of: i64,
}

/// A plan that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetentionRun {
    /// Its id.
    pub run_id: String,
    /// Who applied it.
    pub by: String,
    /// What was due at this moment, in milliseconds since 1970, as all moments here.
    pub as_of: i64,
    /// When it was applied.
    pub applied_at: i64,
    /// Until when it can be restored.
    pub restorable_until: i64,
    /// Jobs whose results were marked.
    pub results: u64,
    /// Jobs that were marked.
    pub jobs: u64,
    /// Bytes that they take up.
    pub bytes: u64,
    /// When it was restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restored_at: Option<i64>,
    /// When the last of it was purged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purged_at: Option<i64>,
}

/// A page of runs, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<RetentionRun>,
    /// Where to go on; nothing at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What a purge took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PurgeReport {
    /// Jobs whose results are gone.
    pub results: u64,
    /// Jobs that are gone.
    pub jobs: u64,
    /// Blobs of results that are gone.
    pub blobs: u64,
    /// Bodies of imports, and files of their rejected lines, that are gone.
    #[serde(default)]
    pub imports: u64,
}

/// Whether a job is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobHold {
    /// The job.
    pub job_id: String,
    /// Since when it is kept whatever its age, in milliseconds since 1970; nothing where it is not held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_at: Option<i64>,
}

crate::jobs::words! {
    /// A way to tell somebody of something.
    Channel {
        /// The person's own list.
        InApp = "in_app",
        /// The organisation's webhook.
        Webhook = "webhook",
    }
}

crate::jobs::words! {
    /// Where a delivery is.
    DeliveryState {
        /// It waits.
        Pending = "pending",
        /// A relay sends it.
        Sending = "sending",
        /// It arrived.
        Delivered = "delivered",
        /// It was given up.
        Failed = "failed",
        /// It is not sent: a digest tells it, or there is no webhook any more.
        Suppressed = "suppressed",
    }
}

/// Where an organisation wants to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookInfo {
    /// The address.
    pub url: String,
    /// Who set it.
    pub by: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// What signatures are checked with; shown once, when it is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// The webhook that is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// The address: `https://…`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^https?://.+"))]
    pub url: String,
}

/// Something on its way to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// What receivers know it by, the same in every attempt: `webhook-id`.
    pub webhook_id: String,
    /// For whom: the token's name.
    pub person: String,
    /// The way.
    pub channel: Channel,
    /// Where it is.
    pub status: DeliveryState,
    /// What it is about: `job_completed`, `job_failed`, `job_canceled`, or `digest`.
    pub kind: String,
    /// The job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// Not tried before, in milliseconds since 1970.
    pub due_at: i64,
    /// The status of the newest answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<u16>,
    /// What became of the newest attempt, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When it ended, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<i64>,
}

/// A page of deliveries, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeliveryPage {
    /// The deliveries.
    pub deliveries: Vec<Delivery>,
    /// Where to go on; nothing at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
