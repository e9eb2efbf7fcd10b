//! Jobs: the queue, what acts come to, and what is kept of it.

pub(crate) mod audit;
pub(crate) mod deliveries;
pub(crate) mod keeping;
pub(crate) mod life;
pub(crate) mod random;
pub(crate) mod retention;
pub(crate) mod room;

use kartei_job_core::check_history;
use kartei_protocol::jobs::{FailReason, JobEventKind, JobState};
use kartei_relay_store::{
    Acted, Acting, Deed, JobRow, NewJobRow, NotesAsked, OrgId, Payload, RelayStore, Submitted,
};

/// A lease that is over when it begins: as of a worker that died long ago.
pub(crate) const OVER: i64 = -1_000;
pub(crate) const LONG: i64 = 60_000;

pub(crate) fn asked(id: &str) -> NewJobRow<'_> {
    NewJobRow {
        id,
        token: 1,
        by: "Ada",
        key: None,
        request: [1; 32],
        analysis: "quality",
        filter: None,
        params: "{}",
        retry_of: None,
        attempts_max: 3,
        deadline_ms: 600_000,
        waiting_max: 1_000,
    }
}

pub(crate) fn submitted(store: &RelayStore, org: OrgId, id: &str) -> JobRow {
    match store.submit_job(org, &asked(id)).unwrap() {
        Submitted::New(row) => row,
        other => panic!("not new: {other:?}"),
    }
}

/// Takes one job.
pub(crate) fn claimed(store: &RelayStore, org: OrgId, lease_ms: i64) -> JobRow {
    store.claim_jobs(org, "w1", lease_ms, 1, 0).unwrap().pop().unwrap()
}

pub(crate) fn act(store: &RelayStore, org: OrgId, job: &str, deed: Deed) -> Acted {
    let acting = Acting { job: job.to_owned(), actor: "test".to_owned(), deed };
    store.act_on_job(org, acting).unwrap().unwrap()
}

pub(crate) fn note(claim: u64, done: u64) -> Deed {
    Deed::Note {
        claim,
        lease_ms: LONG,
        payload: format!("{{\"done\":{done}}}"),
        resume: done.to_le_bytes().to_vec(),
        progress: (done, 100),
        input: ("epoch".to_owned(), 7),
    }
}

pub(crate) fn complete(claim: u64, result: &str) -> Deed {
    Deed::Complete {
        claim,
        id: result.to_owned(),
        payload: Payload::Here("{}".to_owned()),
        size: 2,
        digest: [3; 32],
        profiles: 100,
        input: ("epoch".to_owned(), 7),
    }
}

pub(crate) fn fail(claim: u64, passing: bool) -> Deed {
    Deed::Fail {
        claim,
        passing,
        reason: FailReason::Relay,
        detail: "the disk is full".to_owned(),
        wait_ms: 0,
    }
}

/// Everything that is kept of a job fits together; answers what happened.
pub(crate) fn checked(store: &RelayStore, org: OrgId, id: &str) -> (JobState, Vec<JobEventKind>) {
    let past = store.job_events(org, id, 0, 10_000).unwrap().unwrap();
    let row = store.job(org, id).unwrap().unwrap();
    assert_eq!((row.state, row.event_seq), (past.state, past.event_seq));
    assert_eq!(past.events.len() as u64, past.event_seq, "of {id}");
    let result = row.result.as_deref().map(|result| store.job_result(org, result).unwrap());
    let has_result = matches!(&result, Some(Some(result)) if result.job == id);
    check_history(&past.events, past.state, has_result).unwrap();
    let notes =
        store.notifications(org, &NotesAsked { person: "Ada", before: None, limit: 10_000 });
    let told = notes.unwrap().iter().filter(|note| note.job.as_deref() == Some(id)).count();
    assert_eq!(told, usize::from(row.state.is_terminal()), "told of {id}");
    (past.state, past.events.iter().map(|event| event.kind).collect())
}
