//! What is kept of jobs, and how it is asked for.

use kartei_job_core::Standing;
use kartei_protocol::jobs::{FailReason, JobEvent, JobState};

use crate::error::RelayStoreError;

/// The columns of a [`JobRow`], in the order in which engines read them.
pub(crate) const JOB_COLUMNS: &str = "pk, id, by, request, analysis, filter, params, retry_of, state, \
    claim, attempts, attempts_max, event_seq, due_at, worker, lease_until, deadline_ms, deadline_at, \
    cancel_asked_at, done, total, input_epoch, input_rev, reason, detail, result, created_at, \
    started_at, finished_at, held_at, deleted_at, result_deleted_at";

/// A job that is asked for.
#[derive(Debug, Clone)]
pub struct NewJobRow<'a> {
    /// Its id, opaque and never given before.
    pub id: &'a str,
    /// The number of the token that asks.
    pub token: i64,
    /// The token's name.
    pub by: &'a str,
    /// The client's own name for the request.
    pub key: Option<&'a str>,
    /// SHA-256 of what was asked for: the same key must come with the same.
    pub request: [u8; 32],
    /// Which analysis.
    pub analysis: &'a str,
    /// Which profiles.
    pub filter: Option<&'a str>,
    /// What the analysis is told: JSON.
    pub params: &'a str,
    /// The job that it tries again.
    pub retry_of: Option<&'a str>,
    /// How often it may be begun.
    pub attempts_max: u32,
    /// Milliseconds that one attempt may take.
    pub deadline_ms: i64,
    /// So many of the organisation's may wait already, and no more; those that come at once may be a few more.
    pub waiting_max: u64,
}

/// What became of a job that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// It waits.
    New(JobRow),
    /// It was asked for before, with the same key.
    Same(JobRow),
    /// The key was used for something else.
    KeyReused,
    /// Too many wait.
    Full,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// Its key in the table; later jobs have larger ones.
    pub(crate) pk: i64,
    /// Its id.
    pub id: String,
    /// The token's name.
    pub by: String,
    /// SHA-256 of what was asked for.
    pub(crate) request: Vec<u8>,
    /// Which analysis.
    pub analysis: String,
    /// Which profiles.
    pub filter: Option<String>,
    /// What the analysis is told: JSON.
    pub params: String,
    /// The job that it tries again.
    pub retry_of: Option<String>,
    /// Where it is.
    pub state: JobState,
    /// The number of its newest claim.
    pub claim: u64,
    /// How often it was begun.
    pub attempts: u32,
    /// How often it may be begun.
    pub attempts_max: u32,
    /// The number of its newest event.
    pub event_seq: u64,
    /// Milliseconds since 1970, as all moments here; not begun before.
    pub due_at: i64,
    /// Who has it.
    pub worker: Option<String>,
    /// Until when that is so.
    pub lease_until: Option<i64>,
    /// Milliseconds that one attempt may take.
    pub deadline_ms: i64,
    /// Until when this attempt may go on.
    pub deadline_at: Option<i64>,
    /// When somebody asked for its end.
    pub cancel_asked_at: Option<i64>,
    /// Profiles that were looked at, of how many.
    pub progress: Option<(u64, u64)>,
    /// Of which state of the organisation it is: its history and revision.
    pub input: Option<(String, u64)>,
    /// Why it failed.
    pub reason: Option<FailReason>,
    /// The same in words.
    pub detail: Option<String>,
    /// The id of its result.
    pub result: Option<String>,
    /// When it was asked for.
    pub created_at: i64,
    /// When it was begun for the last time.
    pub started_at: Option<i64>,
    /// When it ended.
    pub finished_at: Option<i64>,
    /// Since when it is kept whatever its age.
    pub held_at: Option<i64>,
    /// Since when it is marked, and not told of any more.
    pub deleted_at: Option<i64>,
    /// Since when its result, or what was known before it, is marked or gone.
    pub result_deleted_at: Option<i64>,
}

impl JobRow {
    /// Where a page after this one goes on.
    #[must_use]
    pub fn place(&self) -> i64 {
        self.pk
    }

    pub(super) fn standing(&self, clock: i64) -> Standing {
        let is_over = |moment: Option<i64>| moment.is_some_and(|until| until < clock);
        Standing {
            state: self.state,
            claim: self.claim,
            attempts: self.attempts,
            attempts_max: self.attempts_max,
            cancel_asked: self.cancel_asked_at.is_some(),
            is_due: self.due_at <= clock,
            is_lapsed: is_over(self.lease_until),
            is_overdue: is_over(self.deadline_at),
        }
    }
}

/// Which jobs, the newest first.
#[derive(Debug, Clone, Default)]
pub struct JobQuery {
    /// At most so many.
    pub limit: usize,
    /// Those before this [`JobRow::place`].
    pub before: Option<i64>,
    /// Those in this state.
    pub state: Option<JobState>,
}

/// Which events of a job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventsAsked {
    pub(crate) after_seq: u64,
    pub(crate) rows_max: usize,
}

/// Events of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobPast {
    /// Where the job is.
    pub state: JobState,
    /// The number of its newest event.
    pub event_seq: u64,
    /// The events, in their order.
    pub events: Vec<JobEvent>,
}

/// What is known so far of a job without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPartial {
    /// What is told: JSON.
    pub payload: String,
    /// Where another worker goes on; empty once the job ended.
    pub resume: Vec<u8>,
}

/// A result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultRow {
    /// Its id.
    pub id: String,
    /// The job's id.
    pub job: String,
    /// The name of the token that asked for it.
    pub by: String,
    /// Its bytes, or where they lie.
    pub payload: Payload,
    /// How many bytes.
    pub size: u64,
    /// BLAKE3 of its bytes.
    pub digest: [u8; 32],
    /// Milliseconds since 1970.
    pub created_at: i64,
}

/// Where a result's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// In the database.
    Here(String),
    /// In the blob store, under this name.
    Blob(String),
}

impl Payload {
    /// As two columns.
    pub(crate) fn columns(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::Here(text) => (Some(text), None),
            Self::Blob(name) => (None, Some(name)),
        }
    }

    pub(crate) fn of(payload: Option<String>, blob: Option<String>) -> Self {
        match (payload, blob) {
            (None, Some(name)) => Self::Blob(name),
            (payload, _) => Self::Here(payload.unwrap_or_default()),
        }
    }
}

/// Who takes jobs, and how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClaimAsked<'a> {
    pub(crate) worker: &'a str,
    pub(crate) lease_ms: i64,
    pub(crate) rows_max: usize,
    /// The turn that is being served: who comes late does not get what was missed.
    pub(crate) floor: i64,
}

/// Something that somebody was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its number; later ones have larger ones.
    pub id: i64,
    /// What it is about: `job_completed`, `job_failed` or `job_canceled`.
    pub kind: String,
    /// The job.
    pub job: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// When it was read.
    pub read_at: Option<i64>,
}

/// Which of it.
#[derive(Debug, Clone, Copy)]
pub struct NotesAsked<'a> {
    /// For whom: the token's name.
    pub person: &'a str,
    /// Those before this one.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// What somebody is told of a job's end: the word, and what it is told once for.
pub(crate) fn told(row: &JobRow) -> (String, String) {
    (format!("job_{}", row.state.word()), format!("job:{}", row.id))
}

/// A word in a column that this program did not write.
pub(crate) fn unknown_word(id: &str, what: &str) -> RelayStoreError {
    RelayStoreError::Damaged { id: id.to_owned(), reason: format!("its {what} is none") }
}
