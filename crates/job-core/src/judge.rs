//! What an act on a job comes to.

use kartei_protocol::jobs::{FailReason, JobEventKind, JobState};

/// What may happen in which state, and the state that follows. Nothing follows a terminal one.
pub const FOLLOWS: &[(JobState, JobEventKind, JobState)] = &[
    (JobState::Queued, JobEventKind::Started, JobState::Running),
    (JobState::Queued, JobEventKind::Canceled, JobState::Canceled),
    (JobState::Queued, JobEventKind::Failed, JobState::Failed),
    (JobState::Running, JobEventKind::Partial, JobState::Running),
    (JobState::Running, JobEventKind::CancelRequested, JobState::Running),
    (JobState::Running, JobEventKind::Retried, JobState::Queued),
    (JobState::Running, JobEventKind::Lapsed, JobState::Queued),
    (JobState::Running, JobEventKind::Released, JobState::Queued),
    (JobState::Running, JobEventKind::Completed, JobState::Completed),
    (JobState::Running, JobEventKind::Failed, JobState::Failed),
    (JobState::Running, JobEventKind::Canceled, JobState::Canceled),
];

/// The state after something happened; `None` where it cannot happen in this one.
#[must_use]
pub fn follows(state: JobState, kind: JobEventKind) -> Option<JobState> {
    FOLLOWS.iter().find(|(from, on, _)| (*from, *on) == (state, kind)).map(|(.., to)| *to)
}

/// Where a job stands, as the database has it locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Standing {
    /// Its state.
    pub state: JobState,
    /// The number of its newest claim; 0 where nobody claimed it yet.
    pub claim: u64,
    /// How often it was begun.
    pub attempts: u32,
    /// How often it may be begun.
    pub attempts_max: u32,
    /// Whether somebody asked for its end.
    pub cancel_asked: bool,
    /// Whether the moment has come from which on it may be begun.
    pub is_due: bool,
    /// Whether nobody vouches for it any more: its lease is over.
    pub is_lapsed: bool,
    /// Whether it ran for longer than its kind may.
    pub is_overdue: bool,
}

/// What somebody wants to do with a job. Numbers are those of claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// A worker takes it.
    Claim,
    /// Its worker is alive.
    Keep(u64),
    /// Its worker keeps how far it is, with what it knows so far.
    Note(u64),
    /// Its worker has the result.
    Complete(u64),
    /// Its worker cannot do it; `passing` where another attempt may.
    Fail {
        /// The claim.
        claim: u64,
        /// Whether another attempt may succeed.
        passing: bool,
    },
    /// Its worker stops, and gives it back.
    Release(u64),
    /// Somebody asks for its end.
    Cancel,
    /// An administrator ends it.
    Force,
    /// Somebody found that nobody vouches for it, or that it runs for too long.
    Reap,
}

/// What becomes of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It happens, and is an event.
    Step(Step),
    /// The worker has it still, and nothing happens.
    Ours,
    /// There is nothing to do: it was done before, or it is not due.
    Nothing,
    /// The claim is over; nothing may be written for it.
    Stale,
}

/// What happens to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The event.
    pub kind: JobEventKind,
    /// The state before.
    pub from: JobState,
    /// The state after.
    pub to: JobState,
    /// The number of its newest claim after it.
    pub claim: u64,
    /// How often it was begun, after it.
    pub attempts: u32,
    /// Whether somebody asked for its end, after it.
    pub cancel_asked: bool,
    /// Why it failed, where that is not the worker's own story.
    pub reason: Option<FailReason>,
}

/// Decides what an act comes to.
#[must_use]
pub fn judge(job: &Standing, act: Act) -> Verdict {
    use JobEventKind as Kind;
    let running = job.state == JobState::Running;
    match act {
        Act::Claim if job.state == JobState::Queued && job.is_due => step(job, Kind::Started, None),
        Act::Keep(claim) if holds(job, claim) => Verdict::Ours,
        Act::Note(claim) if holds(job, claim) => step(job, Kind::Partial, None),
        Act::Complete(claim) if holds(job, claim) => {
            // Who asked for the end was first; what is known so far is kept.
            step(job, if job.cancel_asked { Kind::Canceled } else { Kind::Completed }, None)
        }
        Act::Fail { claim, passing } if holds(job, claim) => match (job.cancel_asked, passing) {
            (true, _) => step(job, Kind::Canceled, None),
            (false, true) if job.attempts < job.attempts_max => step(job, Kind::Retried, None),
            (false, _) => step(job, Kind::Failed, None),
        },
        Act::Release(claim) if holds(job, claim) => {
            step(job, if job.cancel_asked { Kind::Canceled } else { Kind::Released }, None)
        }
        Act::Keep(_) | Act::Note(_) | Act::Complete(_) | Act::Fail { .. } | Act::Release(_) => {
            Verdict::Stale
        }
        Act::Cancel if job.state == JobState::Queued => step(job, Kind::Canceled, None),
        Act::Cancel if running && !job.cancel_asked => step(job, Kind::CancelRequested, None),
        Act::Force if !job.state.is_terminal() => step(job, Kind::Failed, Some(FailReason::Forced)),
        Act::Reap if running && (job.is_lapsed || job.is_overdue) => {
            if job.cancel_asked {
                step(job, Kind::Canceled, None)
            } else if job.is_overdue {
                step(job, Kind::Failed, Some(FailReason::Overdue))
            } else if job.attempts < job.attempts_max {
                step(job, Kind::Lapsed, None)
            } else {
                step(job, Kind::Failed, Some(FailReason::LeaseLost))
            }
        }
        Act::Claim | Act::Cancel | Act::Force | Act::Reap => Verdict::Nothing,
    }
}

fn holds(job: &Standing, claim: u64) -> bool {
    job.state == JobState::Running && job.claim == claim
}

fn step(job: &Standing, kind: JobEventKind, reason: Option<FailReason>) -> Verdict {
    let Some(to) = follows(job.state, kind) else { return Verdict::Nothing };
    let began = u32::from(kind == JobEventKind::Started);
    // A worker that stops by intention, as for a new version, has not failed.
    let given_back = u32::from(kind == JobEventKind::Released);
    Verdict::Step(Step {
        kind,
        from: job.state,
        to,
        claim: job.claim + u64::from(began),
        attempts: (job.attempts + began).saturating_sub(given_back),
        cancel_asked: job.cancel_asked || kind == JobEventKind::CancelRequested,
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUED: Standing = Standing {
        state: JobState::Queued,
        claim: 0,
        attempts: 0,
        attempts_max: 3,
        cancel_asked: false,
        is_due: true,
        is_lapsed: false,
        is_overdue: false,
    };
    const RUNNING: Standing =
        Standing { state: JobState::Running, claim: 4, attempts: 1, ..QUEUED };

    fn stepped(job: &Standing, act: Act) -> Step {
        match judge(job, act) {
            Verdict::Step(step) => step,
            other => panic!("no step but {other:?}"),
        }
    }

    #[test]
    fn terminal_states_have_no_way_out_and_every_step_is_in_the_table_once() {
        for (at, (from, kind, _)) in FOLLOWS.iter().enumerate() {
            assert!(!from.is_terminal(), "{from:?} {kind:?}");
            let again = FOLLOWS[at + 1..].iter().any(|(f, k, _)| (f, k) == (from, kind));
            assert!(!again, "{from:?} {kind:?} stands there twice");
        }
        let acts = [
            Act::Claim,
            Act::Keep(4),
            Act::Note(4),
            Act::Complete(4),
            Act::Fail { claim: 4, passing: true },
            Act::Release(4),
            Act::Cancel,
            Act::Force,
            Act::Reap,
        ];
        for state in [JobState::Completed, JobState::Failed, JobState::Canceled] {
            let ended = Standing { state, is_lapsed: true, is_overdue: true, ..RUNNING };
            for act in acts {
                let verdict = judge(&ended, act);
                assert!(matches!(verdict, Verdict::Nothing | Verdict::Stale), "{state:?} {act:?}");
            }
        }
    }

    #[test]
    fn only_the_newest_claim_writes() {
        for claim in [0, 3, 5] {
            for act in [
                Act::Keep(claim),
                Act::Note(claim),
                Act::Complete(claim),
                Act::Fail { claim, passing: false },
                Act::Release(claim),
            ] {
                assert_eq!(judge(&RUNNING, act), Verdict::Stale, "{act:?}");
            }
        }
        let claimed = stepped(&Standing { claim: 4, ..QUEUED }, Act::Claim);
        assert_eq!((claimed.claim, claimed.attempts, claimed.to), (5, 1, JobState::Running));
        let waiting = Standing { is_due: false, ..QUEUED };
        assert_eq!(judge(&waiting, Act::Claim), Verdict::Nothing, "not yet");
        assert_eq!(judge(&RUNNING, Act::Keep(4)), Verdict::Ours);
    }

    #[test]
    fn who_asked_for_the_end_was_first() {
        let asked = stepped(&RUNNING, Act::Cancel);
        assert_eq!((asked.kind, asked.to), (JobEventKind::CancelRequested, JobState::Running));
        let asked = Standing { cancel_asked: true, ..RUNNING };
        assert_eq!(judge(&asked, Act::Cancel), Verdict::Nothing, "asked once");
        for act in [Act::Complete(4), Act::Fail { claim: 4, passing: true }, Act::Release(4)] {
            assert_eq!(stepped(&asked, act).to, JobState::Canceled, "{act:?}");
        }
        let lapsed = Standing { is_lapsed: true, ..asked };
        assert_eq!(stepped(&lapsed, Act::Reap).to, JobState::Canceled);
        assert_eq!(stepped(&QUEUED, Act::Cancel).to, JobState::Canceled, "at once");
    }

    #[test]
    fn what_keeps_killing_its_worker_fails() {
        let lapsed = |attempts| Standing { attempts, is_lapsed: true, ..RUNNING };
        assert_eq!(stepped(&lapsed(2), Act::Reap).to, JobState::Queued);
        let last = stepped(&lapsed(3), Act::Reap);
        assert_eq!((last.to, last.reason), (JobState::Failed, Some(FailReason::LeaseLost)));
        assert_eq!(judge(&RUNNING, Act::Reap), Verdict::Nothing, "somebody vouches for it");
        let overdue = Standing { is_overdue: true, ..RUNNING };
        assert_eq!(stepped(&overdue, Act::Reap).reason, Some(FailReason::Overdue));
        let failed = stepped(&lapsed(3), Act::Fail { claim: 4, passing: true });
        assert_eq!(failed.to, JobState::Failed);
        assert_eq!(stepped(&RUNNING, Act::Fail { claim: 4, passing: true }).to, JobState::Queued);
        assert_eq!(stepped(&RUNNING, Act::Release(4)).attempts, 0, "a stop is no failure");
        assert_eq!(stepped(&RUNNING, Act::Force).reason, Some(FailReason::Forced));
    }
}
