use std::panic::{AssertUnwindSafe, catch_unwind};

use kartei_relay_store::{AuditEvent, AuditQuery, Deed, OrgId, QueueSet, RelayStore};

use super::{LONG, act, claimed, complete, submitted};
use crate::stage::{NOW, Stage};

fn newest_first(store: &RelayStore, org: OrgId) -> Vec<AuditEvent> {
    store.audit(org, &AuditQuery { limit: 10_000, ..AuditQuery::default() }).unwrap()
}

fn actions(store: &RelayStore, org: OrgId) -> Vec<String> {
    let events = newest_first(store, org).into_iter().rev();
    events.map(|event| format!("{} {}", event.action, event.subject)).collect()
}

pub(crate) fn what_administrators_do_is_audited(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    assert_eq!(newest_first(store, org), []);
    store.check_audit(org).unwrap().unwrap();
    store.set_job_queue(org, "Ada", &[QueueSet::Cap(3), QueueSet::Weight(50)]).unwrap();
    store.set_job_queue(org, "Ada", &[QueueSet::Cap(3)]).unwrap();
    let pauses = |at| [QueueSet::Paused(None, at), QueueSet::Paused(Some("quality"), at)];
    store.set_job_queue(org, "Ada", &pauses(Some(NOW))).unwrap();
    let again = store.set_job_queue(org, "Ada", &pauses(Some(NOW + 1))).unwrap();
    assert_eq!(again.paused_at, Some(NOW), "it was paused before");
    store.set_job_queue(org, "Ada", &pauses(None)).unwrap();
    submitted(store, org, "a");
    act(store, org, "a", Deed::Force);
    act(store, org, "a", Deed::Force);
    submitted(store, org, "b");
    claimed(store, org, LONG);
    act(store, org, "b", complete(1, "result-b"));
    act(store, org, "b", Deed::Force);
    let told = [
        "queue.set cap",
        "queue.set weight",
        "queue.paused queue",
        "queue.paused analysis",
        "queue.resumed queue",
        "queue.resumed analysis",
        "job.forced a",
    ];
    assert_eq!(actions(store, org), told, "what changed, once");
    let events = newest_first(store, org);
    let numbers: Vec<u64> = events.iter().rev().map(|event| event.seq).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(events[6].data, r#"{"before":2,"value":3}"#);
    assert_eq!((events[6].actor.as_str(), events[0].actor.as_str()), ("Ada", "test"));
    let chain = store.check_audit(org).unwrap().unwrap();
    assert_eq!((chain.seq(), *chain.hash()), (7, events[0].hash));
    // Page by page, and of one sort.
    let query = AuditQuery { limit: 2, before: Some(6), ..AuditQuery::default() };
    let page: Vec<u64> =
        store.audit(org, &query).unwrap().into_iter().map(|event| event.seq).collect();
    assert_eq!(page, [5, 4]);
    let query =
        AuditQuery { limit: 9, action: Some("queue.resumed".to_owned()), ..AuditQuery::default() };
    assert_eq!(store.audit(org, &query).unwrap().len(), 2);
    assert_eq!(newest_first(store, stage.other), [], "another organisation has its own");
    store.set_job_queue(stage.other, "Grace", &[QueueSet::Cap(9)]).unwrap();
    assert_eq!(newest_first(store, stage.other)[0].seq, 1);
    store.check_audit(stage.other).unwrap().unwrap();
}

pub(crate) fn the_audit_is_kept_by_the_database_itself(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for cap in 3..7 {
        store.set_job_queue(org, "Ada", &[QueueSet::Cap(cap)]).unwrap();
    }
    for sql in [
        "UPDATE audit_events SET actor = 'Grace'",
        "UPDATE audit_events SET hash = hash",
        "DELETE FROM audit_events",
        "DELETE FROM audit_heads",
        "UPDATE audit_heads SET seq = seq - 1",
        "UPDATE audit_heads SET hash = hash",
    ] {
        let done = catch_unwind(AssertUnwindSafe(|| stage.sql(sql)));
        assert!(done.is_err(), "{sql} was carried out");
    }
    assert_eq!(store.check_audit(org).unwrap().unwrap().seq(), 4);
    // Who puts something there is found, with the number.
    let columns = "INSERT INTO audit_events (org, seq, at, actor, action, subject, hash)";
    let hash = "(SELECT hash FROM audit_heads)";
    stage.sql(&format!("{columns} VALUES (1, 5, 0, 'x', 'job.forced', 'x', {hash})"));
    let broken = store.check_audit(org).unwrap().unwrap_err();
    assert_eq!(broken.seq, 5);
}

/// As many that write at once: numbers without holes, and one chain.
pub(crate) fn many_that_are_audited_at_once_make_one_chain(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    for thread in 0..4 {
        for number in 0..6 {
            submitted(store, org, &format!("{thread}-{number}"));
        }
    }
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let again = stage.again();
            scope.spawn(move || {
                for number in 0..6 {
                    act(&again, org, &format!("{thread}-{number}"), Deed::Force);
                    let cap = 10 + thread * 10 + number;
                    again.set_job_queue(org, "Ada", &[QueueSet::Cap(cap)]).unwrap();
                }
            });
        }
    });
    assert_eq!(newest_first(store, org).len(), 48);
    assert_eq!(store.check_audit(org).unwrap().unwrap().seq(), 48);
}
