use std::collections::HashSet;
use std::sync::Mutex;

use kartei_job_core::Verdict;
use kartei_protocol::jobs::JobState;
use kartei_relay_store::{Deed, NewJobRow, QueueSet};

use super::{LONG, OVER, act, asked, checked, complete, submitted};
use crate::stage::{NOW, Stage};

pub(crate) fn an_organisation_has_its_room(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for id in ["a", "b", "c", "d", "e"] {
        submitted(store, org, id);
    }
    let first: Vec<String> =
        store.claim_jobs(org, "w1", LONG, 10, 0).unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(first, ["a", "b"], "two at once, those that wait longest");
    assert!(store.waiting_organisations(10).unwrap().is_empty(), "no room");
    let queue = store.job_queue(org).unwrap();
    assert_eq!((queue.cap, queue.queued, queue.running), (2, 3, 2));
    act(store, org, "a", complete(1, "ra"));
    assert_eq!(store.claim_jobs(org, "w2", LONG, 10, 0).unwrap().len(), 1);
    store.set_job_queue(org, "test", &[QueueSet::Cap(3)]).unwrap();
    store.set_job_queue(org, "test", &[QueueSet::Paused(None, Some(NOW))]).unwrap();
    assert!(store.waiting_organisations(10).unwrap().is_empty());
    assert!(store.claim_jobs(org, "w2", LONG, 10, 0).unwrap().is_empty(), "paused");
    store.set_job_queue(org, "test", &[QueueSet::Paused(None, None)]).unwrap();
    store.set_job_queue(org, "test", &[QueueSet::Paused(Some("quality"), Some(NOW))]).unwrap();
    assert_eq!(store.job_queue(org).unwrap().paused, ["quality"]);
    assert!(store.waiting_organisations(10).unwrap().is_empty());
    store.submit_job(org, &NewJobRow { analysis: "drift", ..asked("f") }).unwrap();
    assert_eq!(store.waiting_organisations(10).unwrap().len(), 1);
    let claimed = store.claim_jobs(org, "w2", LONG, 10, 0).unwrap();
    assert_eq!(claimed.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["f"]);
    store.set_job_queue(org, "test", &[QueueSet::Paused(Some("quality"), None)]).unwrap();
    store.set_job_queue(org, "test", &[QueueSet::Cap(10)]).unwrap();
    assert_eq!(store.claim_jobs(org, "w2", LONG, 10, 0).unwrap().len(), 2);
}

pub(crate) fn turns_are_shared_by_weight(stage: &Stage<'_>) {
    let (store, many, few) = (&stage.store, stage.org, stage.other);
    for number in 0..60 {
        submitted(store, many, &format!("many-{number}"));
    }
    store.set_job_queue(many, "test", &[QueueSet::Weight(300)]).unwrap();
    for org in [many, few] {
        store.set_job_queue(org, "test", &[QueueSet::Cap(1_000)]).unwrap();
    }
    // One slot at a time, as of a busy worker: who is next has the smallest turn.
    let mut floor = 0;
    let mut serve = || {
        let (org, turn) = store.waiting_organisations(1).unwrap()[0];
        floor = floor.max(turn);
        assert_eq!(store.claim_jobs(org, "w1", LONG, 1, floor).unwrap().len(), 1);
        org
    };
    for _ in 0..20 {
        assert_eq!(serve(), many);
    }
    for number in 0..40 {
        submitted(store, few, &format!("few-{number}"));
    }
    // Who comes late is next, and gets no more than its share for having come late.
    assert_eq!(serve(), few);
    let served: Vec<_> = (0..20).map(|_| serve()).collect();
    let of_few = served.iter().filter(|org| **org == few).count();
    assert!((4..=6).contains(&of_few), "a quarter of 20, and not {of_few}");
}

pub(crate) fn many_that_claim_at_once_stay_within_the_room(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for number in 0..24 {
        submitted(store, org, &format!("job-{number}"));
    }
    store.set_job_queue(org, "test", &[QueueSet::Cap(3)]).unwrap();
    stage.slow_down();
    let seen = Mutex::new(HashSet::new());
    std::thread::scope(|scope| {
        for worker in 0..6 {
            let (again, seen) = (stage.again(), &seen);
            scope.spawn(move || {
                let name = format!("w{worker}");
                while seen.lock().unwrap().len() < 24 {
                    let claimed = again.claim_jobs(org, &name, LONG, 2, 0).unwrap();
                    assert!(
                        again.job_queue(org).unwrap().running <= 3,
                        "more than there is room for"
                    );
                    for row in claimed {
                        assert!(seen.lock().unwrap().insert(row.id.clone()), "claimed twice");
                        let done = act(&again, org, &row.id, complete(1, &format!("r-{}", row.id)));
                        assert_eq!(done.job.state, JobState::Completed);
                    }
                }
            });
        }
    });
    for number in 0..24 {
        checked(store, org, &format!("job-{number}"));
    }
}

pub(crate) fn of_completing_cancelling_and_reaping_one_wins(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    store.set_job_queue(org, "test", &[QueueSet::Cap(100)]).unwrap();
    let ids: Vec<String> = (0..16).map(|number| format!("job-{number}")).collect();
    for id in &ids {
        submitted(store, org, id);
    }
    assert_eq!(store.claim_jobs(org, "w1", OVER, 100, 0).unwrap().len(), ids.len());
    let stores = [stage.again(), stage.again(), stage.again()];
    for id in &ids {
        let [completes, cancels, reaps] = &stores;
        let (completed, cancelled, reaped) = std::thread::scope(|scope| {
            let completed =
                scope.spawn(|| act(completes, org, id, complete(1, &format!("r-{id}"))));
            let cancelled = scope.spawn(|| act(cancels, org, id, Deed::Cancel));
            let reaped = scope.spawn(|| act(reaps, org, id, Deed::Reap));
            (completed.join().unwrap(), cancelled.join().unwrap(), reaped.join().unwrap())
        });
        let (state, kinds) = checked(store, org, id);
        // What each was told is what is kept.
        let ends = [&completed, &cancelled, &reaped].into_iter().filter_map(|acted| acted.step());
        let ends: Vec<_> = ends.filter(|step| step.to.is_terminal()).collect();
        assert!(ends.len() <= 1, "{kinds:?}");
        match ends.first() {
            Some(step) => assert_eq!(step.to, state, "{kinds:?}"),
            // Reaped first: it waits again, and a late completion was told that it is stale.
            None => {
                assert_eq!(state, JobState::Queued, "{kinds:?}");
                assert_eq!(completed.verdict, Verdict::Stale);
            }
        }
    }
}
