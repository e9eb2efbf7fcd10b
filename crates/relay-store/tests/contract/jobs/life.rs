use std::panic::{AssertUnwindSafe, catch_unwind};

use kartei_job_core::Verdict;
use kartei_protocol::jobs::{FailReason, JobEventKind as Kind, JobState};
use kartei_relay_store::{Acting, Deed, JobQuery, NewJobRow, NotesAsked, Payload, Submitted};

use super::{LONG, OVER, act, asked, checked, claimed, complete, fail, note, submitted};
use crate::stage::{NOW, Stage};

pub(crate) fn a_job_goes_through_its_life(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let waiting = submitted(store, org, "a");
    assert_eq!((waiting.state, waiting.event_seq, waiting.claim), (JobState::Queued, 1, 0));
    assert_eq!(store.waiting_organisations(10).unwrap(), [(org, 0)]);
    let row = claimed(store, org, LONG);
    assert_eq!((row.state, row.claim, row.attempts), (JobState::Running, 1, 1));
    assert!(row.started_at.is_some() && row.deadline_at > row.lease_until);
    assert!(store.waiting_organisations(10).unwrap().is_empty(), "nothing waits");
    let kept = act(store, org, "a", Deed::Keep { claim: 1, lease_ms: LONG });
    assert_eq!((kept.verdict, kept.job.event_seq), (Verdict::Ours, 2), "a word is no event");
    act(store, org, "a", note(1, 10));
    act(store, org, "a", note(1, 40));
    let partial = store.job_partial(org, "a").unwrap().unwrap();
    assert_eq!((partial.payload.as_str(), &partial.resume[..1]), ("{\"done\":40}", &[40][..]));
    let done = act(store, org, "a", complete(1, "result-a"));
    assert_eq!(done.job.state, JobState::Completed);
    assert_eq!((done.job.worker, done.job.lease_until), (None, None));
    let (state, kinds) = checked(store, org, "a");
    assert_eq!(state, JobState::Completed);
    assert_eq!(kinds, [Kind::Queued, Kind::Started, Kind::Partial, Kind::Partial, Kind::Completed]);
    let result = store.job_result(org, "result-a").unwrap().unwrap();
    assert_eq!((result.by.as_str(), result.payload), ("Ada", Payload::Here("{}".to_owned())));
    assert_eq!(store.job_partial(org, "a").unwrap(), None, "the result says it all");
    // From where somebody was.
    let past = store.job_events(org, "a", 3, 1).unwrap().unwrap();
    assert_eq!(past.events.iter().map(|event| event.event_seq).collect::<Vec<_>>(), [4]);
    // Told once, read once.
    assert_eq!(store.unread_notifications(org, "Ada").unwrap(), 1);
    assert_eq!(store.read_notifications(org, "Grace", None, NOW).unwrap(), 0, "not hers");
    assert_eq!(store.read_notifications(org, "Ada", None, NOW).unwrap(), 1);
    assert_eq!(store.read_notifications(org, "Ada", None, NOW).unwrap(), 0);
    assert_eq!(store.unread_notifications(org, "Ada").unwrap(), 0);
}

pub(crate) fn one_key_of_a_token_is_one_job(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let with_key = |id| NewJobRow { key: Some("k"), ..asked(id) };
    assert!(matches!(store.submit_job(org, &with_key("a")).unwrap(), Submitted::New(_)));
    match store.submit_job(org, &with_key("b")).unwrap() {
        Submitted::Same(row) => assert_eq!(row.id, "a"),
        other => panic!("not the same: {other:?}"),
    }
    let other_request = NewJobRow { request: [2; 32], ..with_key("c") };
    assert_eq!(store.submit_job(org, &other_request).unwrap(), Submitted::KeyReused);
    let other_token = NewJobRow { token: 2, ..with_key("d") };
    assert!(matches!(store.submit_job(org, &other_token).unwrap(), Submitted::New(_)));
    let other_org = store.submit_job(stage.other, &with_key("e")).unwrap();
    assert!(matches!(other_org, Submitted::New(_)));
    let ids = |query| -> Vec<String> {
        store.jobs(org, &query).unwrap().into_iter().map(|row| row.id).collect()
    };
    assert_eq!(ids(JobQuery { limit: 10, ..JobQuery::default() }), ["d", "a"]);
    let newest = store.jobs(org, &JobQuery { limit: 1, ..JobQuery::default() }).unwrap();
    let before = Some(newest[0].place());
    assert_eq!(ids(JobQuery { limit: 10, before, state: None }), ["a"]);
    let state = Some(JobState::Running);
    assert_eq!(ids(JobQuery { limit: 10, before: None, state }), Vec::<String>::new());
    // Many at once, with one key.
    let made: usize = std::thread::scope(|scope| {
        let ids = ["k1", "k2", "k3", "k4"];
        let threads = ids.map(|id| {
            let again = stage.again();
            scope.spawn(move || {
                let job = NewJobRow { key: Some("many"), ..asked(id) };
                matches!(again.submit_job(org, &job).unwrap(), Submitted::New(_))
            })
        });
        threads.into_iter().map(|t| usize::from(t.join().unwrap())).sum()
    });
    assert_eq!(made, 1);
}

pub(crate) fn no_more_wait_than_may(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let two = |id| NewJobRow { waiting_max: 2, key: Some(id), ..asked(id) };
    let submit = |org, id| store.submit_job(org, &two(id)).unwrap();
    assert!(matches!(submit(org, "a"), Submitted::New(_)));
    assert!(matches!(submit(org, "b"), Submitted::New(_)));
    assert_eq!(submit(org, "c"), Submitted::Full);
    assert!(store.job(org, "c").unwrap().is_none());
    assert!(matches!(submit(org, "b"), Submitted::Same(_)), "it waits already");
    let without_key = NewJobRow { key: None, ..two("d") };
    assert_eq!(store.submit_job(org, &without_key).unwrap(), Submitted::Full);
    assert!(
        matches!(submit(stage.other, "e"), Submitted::New(_)),
        "others have a queue of their own"
    );
    // One that runs waits no more.
    claimed(store, org, LONG);
    assert!(matches!(submit(org, "c"), Submitted::New(_)));
}

pub(crate) fn a_worker_that_was_taken_for_dead_writes_nothing(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    submitted(store, org, "a");
    assert_eq!(claimed(store, org, OVER).claim, 1);
    assert_eq!(store.lapsed_jobs(10).unwrap(), [(org, "a".to_owned())]);
    let reaped = act(store, org, "a", Deed::Reap);
    assert_eq!(reaped.step().unwrap().kind, Kind::Lapsed);
    let again = act(store, org, "a", Deed::Reap);
    assert_eq!(again.verdict, Verdict::Nothing, "once");
    assert_eq!(claimed(store, org, LONG).claim, 2);
    act(store, org, "a", note(2, 30));
    let before = store.job(org, "a").unwrap();
    for deed in [
        Deed::Keep { claim: 1, lease_ms: LONG },
        note(1, 99),
        complete(1, "stale"),
        fail(1, false),
        Deed::Release { claim: 1 },
    ] {
        assert_eq!(act(store, org, "a", deed.clone()).verdict, Verdict::Stale, "{deed:?}");
    }
    assert_eq!(store.job(org, "a").unwrap(), before);
    assert_eq!(store.job_result(org, "stale").unwrap(), None);
    act(store, org, "a", complete(2, "fresh"));
    checked(store, org, "a");
    // What keeps killing its workers is given up.
    submitted(store, org, "b");
    for attempt in 1..=3 {
        assert_eq!(claimed(store, org, OVER).attempts, attempt);
        act(store, org, "b", Deed::Reap);
    }
    let (state, _) = checked(store, org, "b");
    let row = store.job(org, "b").unwrap().unwrap();
    assert_eq!((state, row.reason), (JobState::Failed, Some(FailReason::LeaseLost)));
    // And what runs for too long, though its worker lives.
    store.submit_job(org, &NewJobRow { deadline_ms: OVER, ..asked("c") }).unwrap();
    claimed(store, org, LONG);
    assert_eq!(store.lapsed_jobs(10).unwrap(), [(org, "c".to_owned())]);
    act(store, org, "c", Deed::Reap);
    assert_eq!(store.job(org, "c").unwrap().unwrap().reason, Some(FailReason::Overdue));
    checked(store, org, "c");
}

pub(crate) fn a_cancel_is_heard_once(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    submitted(store, org, "waits");
    assert_eq!(act(store, org, "waits", Deed::Cancel).job.state, JobState::Canceled);
    assert_eq!(act(store, org, "waits", Deed::Cancel).verdict, Verdict::Nothing);
    assert_eq!(checked(store, org, "waits").1, [Kind::Queued, Kind::Canceled]);
    submitted(store, org, "runs");
    claimed(store, org, LONG);
    act(store, org, "runs", note(1, 50));
    let heard = act(store, org, "runs", Deed::Cancel);
    assert_eq!(heard.job.state, JobState::Running);
    assert!(heard.job.cancel_asked_at.is_some());
    assert_eq!(act(store, org, "runs", Deed::Cancel).verdict, Verdict::Nothing, "no second event");
    let kept = act(store, org, "runs", Deed::Keep { claim: 1, lease_ms: LONG });
    assert!(kept.job.cancel_asked_at.is_some(), "the worker hears of it");
    let ended = act(store, org, "runs", complete(1, "late"));
    assert_eq!((ended.job.state, ended.job.result), (JobState::Canceled, None));
    assert_eq!(store.job_result(org, "late").unwrap(), None);
    let partial = store.job_partial(org, "runs").unwrap().unwrap();
    assert_eq!((partial.payload.as_str(), partial.resume.len()), ("{\"done\":50}", 0), "is kept");
    checked(store, org, "runs");
    submitted(store, org, "done");
    claimed(store, org, LONG);
    act(store, org, "done", complete(1, "result"));
    let late = act(store, org, "done", Deed::Cancel);
    assert_eq!((late.verdict, late.job.state), (Verdict::Nothing, JobState::Completed));
}

pub(crate) fn what_fails_in_passing_is_tried_again(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    submitted(store, org, "a");
    claimed(store, org, LONG);
    let later = Deed::Fail {
        claim: 1,
        passing: true,
        reason: FailReason::Relay,
        detail: "the disk is full".to_owned(),
        wait_ms: 3_600_000,
    };
    assert_eq!(act(store, org, "a", later).step().unwrap().kind, Kind::Retried);
    assert!(store.claim_jobs(org, "w1", LONG, 1, 0).unwrap().is_empty(), "not yet");
    assert!(store.waiting_organisations(10).unwrap().is_empty());
    stage.sql("UPDATE jobs SET due_at = 0 WHERE id = 'a'");
    claimed(store, org, LONG);
    act(store, org, "a", Deed::Release { claim: 2 });
    assert_eq!(claimed(store, org, LONG).attempts, 2, "a worker's stop is no failure");
    act(store, org, "a", fail(3, false));
    let row = store.job(org, "a").unwrap().unwrap();
    assert_eq!((row.state, row.detail.as_deref()), (JobState::Failed, Some("the disk is full")));
    checked(store, org, "a");
    submitted(store, org, "b");
    assert_eq!(act(store, org, "b", Deed::Force).job.reason, Some(FailReason::Forced));
    checked(store, org, "b");
}

pub(crate) fn ends_are_kept_by_the_database_itself(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    submitted(store, org, "a");
    claimed(store, org, LONG);
    act(store, org, "a", complete(1, "result-a"));
    let before = store.job(org, "a").unwrap();
    for sql in [
        "UPDATE jobs SET state = 'running' WHERE id = 'a'",
        "UPDATE jobs SET finished_at = finished_at + 1 WHERE id = 'a'",
        "UPDATE jobs SET result = 'other' WHERE id = 'a'",
        "UPDATE job_events SET kind = 'failed'",
        "UPDATE job_results SET payload = 'other'",
        "UPDATE job_results SET payload = NULL",
    ] {
        let done = catch_unwind(AssertUnwindSafe(|| stage.sql(sql)));
        assert!(done.is_err(), "{sql} was carried out");
    }
    assert_eq!(store.job(org, "a").unwrap(), before);
    checked(store, org, "a");
}

pub(crate) fn organisations_never_meet_in_jobs(stage: &Stage<'_>) {
    let (store, org, other) = (&stage.store, stage.org, stage.other);
    submitted(store, org, "a");
    claimed(store, org, LONG);
    act(store, org, "a", note(1, 5));
    assert_eq!(store.job(other, "a").unwrap(), None);
    assert_eq!(store.job_events(other, "a", 0, 10).unwrap(), None);
    assert_eq!(store.job_partial(other, "a").unwrap(), None);
    for deed in [Deed::Cancel, Deed::Force, Deed::Reap, complete(1, "theirs"), note(1, 9)] {
        let acting = Acting { job: "a".to_owned(), actor: "theirs".to_owned(), deed };
        assert_eq!(store.act_on_job(other, acting).unwrap(), None);
    }
    assert!(store.claim_jobs(other, "w1", LONG, 10, 0).unwrap().is_empty());
    act(store, org, "a", complete(1, "result-a"));
    assert_eq!(store.job_result(other, "result-a").unwrap(), None);
    assert!(store.jobs(other, &JobQuery { limit: 10, ..JobQuery::default() }).unwrap().is_empty());
    let asked = NotesAsked { person: "Ada", before: None, limit: 10 };
    assert!(store.notifications(other, &asked).unwrap().is_empty());
    let note = store.notifications(org, &asked).unwrap()[0].id;
    assert_eq!(store.read_notifications(other, "Ada", Some(note), NOW).unwrap(), 0);
    assert_eq!(store.job_queue(other).unwrap().queued, 0);
    checked(store, org, "a");
}
