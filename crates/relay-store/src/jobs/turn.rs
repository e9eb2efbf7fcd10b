//! What an act makes of a job.

use kartei_job_core::{Act, Step, Verdict, judge};
use kartei_protocol::jobs::{FailReason, JobEvent, JobEventKind, JobState};
use serde_json::{Value, json};

use super::rows::{JobRow, Payload};
use crate::audit::NewAudit;

/// How much a job of an organisation with this weight moves its turn on.
pub(crate) fn turn_after(turn: i64, floor: i64, jobs: usize, weight: i64) -> i64 {
    const OF_ONE: i64 = 1_000_000;
    let cost = OF_ONE.saturating_mul(i64::try_from(jobs).unwrap_or(i64::MAX)) / weight.max(1);
    turn.max(floor).saturating_add(cost)
}

/// Something that is to be done with a job.
#[derive(Debug, Clone)]
pub struct Acting {
    /// The job's id.
    pub job: String,
    /// Who: a token's name, `worker` or `relay`.
    pub actor: String,
    /// What.
    pub deed: Deed,
}

/// What is to be done. `claim` is the number of the claim for which a worker acts.
#[derive(Debug, Clone)]
pub enum Deed {
    /// Its worker is alive, and vouches for it for so many milliseconds.
    Keep {
        /// The claim.
        claim: u64,
        /// Milliseconds.
        lease_ms: i64,
    },
    /// Its worker knows more.
    Note {
        /// The claim.
        claim: u64,
        /// Milliseconds for which the worker vouches for it.
        lease_ms: i64,
        /// What is told of it: JSON.
        payload: String,
        /// Where another worker would go on.
        resume: Vec<u8>,
        /// Profiles that were looked at, of how many.
        progress: (u64, u64),
        /// Of which state of the organisation: its history and revision.
        input: (String, u64),
    },
    /// Its worker has the result.
    Complete {
        /// The claim.
        claim: u64,
        /// The result's id, opaque and never given before.
        id: String,
        /// Its bytes.
        payload: Payload,
        /// How many bytes.
        size: u64,
        /// BLAKE3 of its bytes.
        digest: [u8; 32],
        /// Profiles that were looked at.
        profiles: u64,
        /// Of which state of the organisation: its history and revision.
        input: (String, u64),
    },
    /// Its worker cannot do it.
    Fail {
        /// The claim.
        claim: u64,
        /// Whether another attempt may succeed.
        passing: bool,
        /// The word.
        reason: FailReason,
        /// In words, for people.
        detail: String,
        /// Milliseconds until another attempt, where there is one.
        wait_ms: i64,
    },
    /// Its worker stops, and gives it back.
    Release {
        /// The claim.
        claim: u64,
    },
    /// Somebody asks for its end.
    Cancel,
    /// An administrator ends it.
    Force,
    /// Nobody vouches for it, or it runs for too long.
    Reap,
}

impl Deed {
    fn act(&self) -> Act {
        match *self {
            Self::Keep { claim, .. } => Act::Keep(claim),
            Self::Note { claim, .. } => Act::Note(claim),
            Self::Complete { claim, .. } => Act::Complete(claim),
            Self::Fail { claim, passing, .. } => Act::Fail { claim, passing },
            Self::Release { claim } => Act::Release(claim),
            Self::Cancel => Act::Cancel,
            Self::Force => Act::Force,
            Self::Reap => Act::Reap,
        }
    }
}

/// A deed, or a claim, which only comes from a queue.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What<'a> {
    Claim { worker: &'a str, lease_ms: i64 },
    Deed(&'a Deed),
}

/// What became of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted {
    /// The verdict.
    pub verdict: Verdict,
    /// The job afterwards.
    pub job: JobRow,
}

impl Acted {
    /// What happened, where something did.
    #[must_use]
    pub fn step(&self) -> Option<&Step> {
        match &self.verdict {
            Verdict::Step(step) => Some(step),
            _ => None,
        }
    }
}

/// What an act writes.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) verdict: Verdict,
    /// Whether the job's row is to be written.
    pub(crate) changed: bool,
    pub(crate) event: Option<JobEvent>,
    /// What is told so far, and where another worker goes on.
    pub(crate) partial: Option<(&'a str, &'a [u8])>,
    pub(crate) result: Option<NewResult<'a>>,
    /// Whether the job ended with this.
    pub(crate) ended: bool,
    /// What administrators do is told beside the job's own events.
    pub(crate) audit: Option<NewAudit>,
}

/// A result to keep.
#[derive(Debug)]
pub(crate) struct NewResult<'a> {
    pub(crate) id: &'a str,
    pub(crate) payload: &'a Payload,
    pub(crate) size: u64,
    pub(crate) digest: [u8; 32],
}

/// Judges what is to be done with a job whose row is locked, and makes the row what it is afterwards.
/// `clock` is the database's, in milliseconds since 1970.
pub(crate) fn turn<'a>(row: &mut JobRow, what: What<'a>, actor: &str, clock: i64) -> Turn<'a> {
    let act = match what {
        What::Claim { .. } => Act::Claim,
        What::Deed(deed) => deed.act(),
    };
    let verdict = judge(&row.standing(clock), act);
    let mut turn = Turn {
        verdict,
        changed: false,
        event: None,
        partial: None,
        result: None,
        ended: false,
        audit: None,
    };
    let until = |millis: i64| Some(clock.saturating_add(millis));
    let step = match verdict {
        Verdict::Step(step) => step,
        Verdict::Ours => {
            if let What::Deed(Deed::Keep { lease_ms, .. }) = what {
                row.lease_until = until(*lease_ms);
                turn.changed = true;
            }
            return turn;
        }
        Verdict::Nothing | Verdict::Stale => return turn,
    };
    turn.changed = true;
    row.state = step.to;
    row.claim = step.claim;
    row.attempts = step.attempts;
    row.event_seq += 1;
    if step.cancel_asked {
        row.cancel_asked_at.get_or_insert(clock);
    }
    let data = match (step.kind, what) {
        (JobEventKind::Started, What::Claim { worker, lease_ms }) => {
            row.worker = Some(worker.to_owned());
            row.lease_until = until(lease_ms);
            row.deadline_at = until(row.deadline_ms);
            row.started_at = Some(clock);
            json!({"attempt": row.attempts})
        }
        (
            JobEventKind::Partial,
            What::Deed(Deed::Note { lease_ms, payload, resume, progress, input, .. }),
        ) => {
            row.lease_until = until(*lease_ms);
            row.progress = Some(*progress);
            row.input = Some(input.clone());
            turn.partial = Some((payload, resume));
            json!({"done": progress.0, "total": progress.1})
        }
        (
            JobEventKind::Completed,
            What::Deed(Deed::Complete { id, payload, size, digest, profiles, input, .. }),
        ) => {
            row.result = Some(id.clone());
            row.progress = Some((*profiles, *profiles));
            row.input = Some(input.clone());
            turn.result = Some(NewResult { id, payload, size: *size, digest: *digest });
            json!({"result_id": id})
        }
        (
            JobEventKind::Failed | JobEventKind::Retried,
            What::Deed(Deed::Fail { reason, detail, wait_ms, .. }),
        ) => {
            row.due_at = clock.saturating_add(*wait_ms);
            row.reason = Some(*reason);
            row.detail = Some(detail.clone());
            json!({"reason": reason.word(), "detail": detail})
        }
        _ => Value::Null,
    };
    let data = match step.reason {
        None => data,
        Some(reason) => {
            (row.reason, row.detail) = (Some(reason), None);
            json!({"reason": reason.word()})
        }
    };
    if step.to != JobState::Running {
        (row.worker, row.lease_until, row.deadline_at) = (None, None, None);
    }
    if step.to.is_terminal() {
        row.finished_at = Some(clock);
        turn.ended = true;
        if step.to != JobState::Failed {
            // What an earlier attempt failed with is in its events.
            (row.reason, row.detail) = (None, None);
        }
    }
    if let What::Deed(Deed::Force) = what {
        turn.audit = Some(NewAudit {
            actor: actor.to_owned(),
            action: "job.forced",
            subject: row.id.clone(),
            data: json!({"status": step.from.word(), "event_seq": row.event_seq}),
        });
    }
    turn.event = Some(JobEvent {
        event_seq: row.event_seq,
        kind: step.kind,
        from: Some(step.from),
        status: step.to,
        actor: actor.to_owned(),
        occurred_at: clock,
        data,
    });
    turn
}
