//! Analyses as jobs, as relay and clients say them (docs/jobs.md).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// Words: members of an enumeration that are the same text in JSON, in databases and in logs.
macro_rules! words {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[$each:meta])* $member:ident = $word:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$each])* #[serde(rename = $word)] $member,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$member),+];

            /// The word, as everywhere outside of this program.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$member => $word,)+
                }
            }

            /// What this word stands for.
            #[must_use]
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == word)
            }
        }

        // Derived it would have the members' names: a word behind a macro's variable is not seen there.
        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .enum_values(Some(Self::ALL.iter().map(|one| one.word())))
                    .description(Some(concat!($($about),+).trim()))
                    .into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    };
}

pub(crate) use words;

words! {
    /// Where a job is. The last three are its end and never change.
    JobState {
        /// It waits for a worker.
        Queued = "queued",
        /// A worker has it.
        Running = "running",
        /// Its result is there.
        Completed = "completed",
        /// It could not be done.
        Failed = "failed",
        /// Somebody ended it.
        Canceled = "canceled",
    }
}

impl JobState {
    /// Whether nothing follows.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled)
    }
}

words! {
    /// What happened to a job.
    JobEventKind {
        /// It was submitted; always the first.
        Queued = "queued",
        /// A worker took it.
        Started = "started",
        /// Its worker knows more; `data` says how far it is.
        Partial = "partial",
        /// Somebody asked for its end while it ran.
        CancelRequested = "cancel_requested",
        /// It failed in a way that may pass, and waits for another attempt.
        Retried = "retried",
        /// Its worker was not heard of for too long; it waits for another one.
        Lapsed = "lapsed",
        /// Its worker stopped and gave it back.
        Released = "released",
        /// It was completed.
        Completed = "completed",
        /// It failed.
        Failed = "failed",
        /// It ended because somebody asked for that.
        Canceled = "canceled",
    }
}

words! {
    /// Why a job failed.
    FailReason {
        /// Every worker that took it was lost.
        LeaseLost = "lease_lost",
        /// It ran for longer than its kind may.
        Overdue = "overdue",
        /// An administrator ended it.
        Forced = "forced",
        /// The analysis could not be made of these profiles.
        Analysis = "analysis",
        /// The relay's stores failed, in every attempt.
        Relay = "relay",
    }
}

/// An analysis that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewJob {
    /// Which analysis, such as `quality`.
    #[cfg_attr(feature = "openapi", schema(min_length = 1))]
    pub analysis: String,
    /// Which profiles: a filter, in the same language as lists; all without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// What the analysis can be told. Every analysis takes `dataset`, the id of an uploaded file of import lines:
    /// its records are looked at instead of the profiles.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub params: Value,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobProgress {
    /// Profiles that were looked at.
    pub done: u64,
    /// Profiles of the cohort.
    pub total: u64,
}

/// What is known of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobInfo {
    /// Its id.
    pub job_id: String,
    /// Where it is.
    pub status: JobState,
    /// Which analysis.
    pub analysis: String,
    /// Which profiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// What the analysis was told.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub params: Value,
    /// Who submitted it: the token's name.
    pub by: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// When a worker took it for the last time, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<i64>,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<i64>,
    /// How often it was begun.
    pub attempts: u32,
    /// When somebody asked for its end, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_requested_at: Option<i64>,
    /// How far it is, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<JobProgress>,
    /// The number of its newest event.
    pub event_seq: u64,
    /// The job that this one tries again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<String>,
    /// Its result, once it is completed: `GET /analyze/results/{result_id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_id: Option<String>,
    /// Since when its result, or what was known before it, is gone, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_deleted_at: Option<i64>,
    /// Since when it is kept whatever its age, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_at: Option<i64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<FailReason>,
    /// The same in words, in English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What is known so far of one that has no result; not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Value>,
}

/// A page of jobs, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<JobInfo>,
    /// Where to go on; nothing at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Something that happened to a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobEvent {
    /// Its number: 1, 2, 3 and so on for each job.
    pub event_seq: u64,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: JobEventKind,
    /// The state before; nothing for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<JobState>,
    /// The state after.
    pub status: JobState,
    /// Who did it: a token's name, or `worker`, or `relay`.
    pub actor: String,
    /// Milliseconds since 1970.
    pub occurred_at: i64,
    /// What there is to say beside it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

/// The events of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobEvents {
    /// In their order.
    pub events: Vec<JobEvent>,
    /// Whether nothing follows the last one.
    pub ended: bool,
}

/// A result by its permalink.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobResult {
    /// Its id.
    pub result_id: String,
    /// The job that made it.
    pub job_id: String,
    /// Who submitted that: the token's name.
    pub by: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// BLAKE3 of the result's own bytes, 64 hex digits.
    pub digest: String,
    /// The result itself, as these bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub result: Box<RawValue>,
}

/// Something that somebody was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Note {
    /// Its number.
    pub id: i64,
    /// What it is about: `job_completed`, `job_failed` or `job_canceled`.
    pub kind: String,
    /// The job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// When it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_at: Option<i64>,
}

/// What somebody was told, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NotePage {
    /// The notifications.
    pub notifications: Vec<Note>,
    /// How many were not read, of all.
    pub unread: u64,
}

/// Which notifications were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReadNotes {
    /// This one; all without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
}

/// How many were marked as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NotesRead {
    /// How many were not read before.
    pub read: u64,
}
