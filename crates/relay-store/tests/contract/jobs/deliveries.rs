//! Notifications on their way to people.

use kartei_protocol::admin::{Channel, DeliveryState};
use kartei_relay_store::{
    Applied, Applying, Attempted, Deed, DeliveryRow, OrgId, PolicySet, RelayStore, Resent, Sending,
};

use super::{LONG, OVER, act, submitted};
use crate::stage::Stage;

const URL: &str = "https://example.org/hook";

fn ended(store: &RelayStore, org: OrgId, id: &str) {
    submitted(store, org, id);
    act(store, org, id, Deed::Cancel);
}

fn listed(store: &RelayStore, org: OrgId) -> Vec<DeliveryRow> {
    store.deliveries(org, None, None, 1_000).unwrap()
}

fn count(store: &RelayStore, org: OrgId, state: DeliveryState) -> usize {
    store.deliveries(org, Some(state), None, 1_000).unwrap().len()
}

fn claimed(store: &RelayStore, org: OrgId, lease_ms: i64) -> Vec<Sending> {
    store.claim_deliveries(org, lease_ms, 100).unwrap()
}

fn attempted(sending: &Sending, status: u16) -> Attempted {
    Attempted {
        id: sending.delivery.id,
        claim: sending.delivery.claim,
        arrived: status == 200,
        refused: status == 410,
        status: Some(status),
        detail: None,
        chance: 4_000,
    }
}

pub(crate) fn each_person_is_told_once_over_each_channel(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    assert!(store.telling_organisations().unwrap().is_empty());
    ended(store, org, "before");
    assert_eq!(store.telling_organisations().unwrap(), [org]);
    assert_eq!(store.fan_out(org).unwrap(), 1);
    let webhook = store.set_webhook(org, "Chef", URL, b"sealed").unwrap();
    assert_eq!(store.webhook(org).unwrap(), Some(webhook));
    assert_eq!(store.webhook(stage.other).unwrap(), None);
    ended(store, org, "after");
    assert_eq!(store.fan_out(org).unwrap(), 1);
    assert_eq!(store.fan_out(org).unwrap(), 0, "once");
    let told: Vec<_> = listed(store, org)
        .into_iter()
        .map(|row| (row.job.unwrap_or_default(), row.channel, row.state))
        .collect();
    let expected = [
        ("after".to_owned(), Channel::Webhook, DeliveryState::Pending),
        ("after".to_owned(), Channel::InApp, DeliveryState::Delivered),
        ("before".to_owned(), Channel::InApp, DeliveryState::Delivered),
    ];
    assert_eq!(told, expected, "what was told before there was a webhook is not told there");
    assert!(listed(store, stage.other).is_empty());
    assert!(claimed(store, stage.other, LONG).is_empty());
    // What a program told another time is the same.
    stage.sql("UPDATE notifications SET fanned_at = NULL");
    store.fan_out(org).unwrap();
    let channels = |id: &str| -> usize {
        listed(store, org).iter().filter(|row| row.job.as_deref() == Some(id)).count()
    };
    assert_eq!(channels("after"), 2);
    // Taken away, with what was on its way.
    assert_eq!(claimed(store, org, LONG).len(), 2);
    assert!(!store.remove_webhook(stage.other, "Eve").unwrap());
    assert!(store.remove_webhook(org, "Chef").unwrap());
    assert!(!store.remove_webhook(org, "Chef").unwrap());
    assert_eq!(count(store, org, DeliveryState::Suppressed), 2);
    assert!(claimed(store, org, LONG).is_empty());
    let chain = store.check_audit(org).unwrap().unwrap();
    assert_eq!(chain.seq(), 2, "set and removed");
}

pub(crate) fn a_relay_that_was_taken_for_dead_settles_nothing(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    store.set_webhook(org, "Chef", URL, b"sealed").unwrap();
    ended(store, org, "a");
    store.fan_out(org).unwrap();
    let first = claimed(store, org, OVER).pop().unwrap();
    assert_eq!((first.delivery.state, first.delivery.claim), (DeliveryState::Sending, 1));
    assert_eq!(store.telling_organisations().unwrap(), [org], "nobody vouches for it");
    let second = claimed(store, org, LONG).pop().unwrap();
    assert_eq!((second.delivery.claim, second.delivery.attempts), (2, 2));
    assert_eq!(second.delivery.key, first.delivery.key);
    assert!(!store.settle_delivery(org, &attempted(&first, 200)).unwrap());
    assert!(!store.settle_delivery(stage.other, &attempted(&second, 200)).unwrap());
    assert!(claimed(store, org, LONG).is_empty(), "somebody has it");
    assert!(store.settle_delivery(org, &attempted(&second, 200)).unwrap());
    assert!(!store.settle_delivery(org, &attempted(&second, 500)).unwrap(), "it has ended");
    let row = listed(store, org).remove(0);
    assert_eq!((row.state, row.status), (DeliveryState::Delivered, Some(200)));
    assert!(row.finished_at.is_some());
    assert!(store.telling_organisations().unwrap().is_empty());
}

pub(crate) fn what_does_not_arrive_is_tried_and_given_up(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    store.set_webhook(org, "Chef", URL, b"sealed").unwrap();
    ended(store, org, "a");
    store.fan_out(org).unwrap();
    for attempt in 1..=7 {
        stage.sql("UPDATE deliveries SET due_at = 0");
        let sending = claimed(store, org, LONG).pop().unwrap();
        assert_eq!(sending.delivery.attempts, attempt);
        assert!(store.settle_delivery(org, &attempted(&sending, 500)).unwrap());
        assert!(claimed(store, org, LONG).is_empty(), "not yet, or never");
    }
    let failed = store.deliveries(org, Some(DeliveryState::Failed), None, 9).unwrap().remove(0);
    assert_eq!((failed.attempts, failed.status), (7, Some(500)));
    // By hand, with the same key.
    assert_eq!(store.resend(stage.other, "Eve", failed.id).unwrap(), Resent::Missing);
    let in_app = listed(store, org).pop().unwrap();
    assert_eq!(store.resend(org, "Chef", in_app.id).unwrap(), Resent::Blocked);
    match store.resend(org, "Chef", failed.id).unwrap() {
        Resent::Again(again) => assert_eq!((again.key, again.attempts), (failed.key, 0)),
        other => panic!("not sent again: {other:?}"),
    }
    assert_eq!(store.resend(org, "Chef", failed.id).unwrap(), Resent::Blocked, "on its way");
    // Who says that nobody is there is not asked again.
    let sending = claimed(store, org, LONG).pop().unwrap();
    store.settle_delivery(org, &attempted(&sending, 410)).unwrap();
    assert_eq!(count(store, org, DeliveryState::Failed), 1);
    store.check_audit(org).unwrap().unwrap();
}

pub(crate) fn what_is_too_much_is_one_digest(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    store.set_webhook(org, "Chef", URL, b"sealed").unwrap();
    for number in 0..33 {
        ended(store, org, &format!("job-{number}"));
    }
    store.fan_out(org).unwrap();
    assert_eq!(count(store, org, DeliveryState::Suppressed), 3);
    assert_eq!(count(store, org, DeliveryState::Delivered), 33, "all are in the list");
    let single = claimed(store, org, LONG);
    assert_eq!(single.len(), 30, "the digest waits until nothing more comes into it");
    assert!(single.iter().all(|sending| sending.digest.is_none()));
    stage.sql("UPDATE deliveries SET due_at = 0 WHERE kind = 'digest'");
    let digest = claimed(store, org, LONG);
    assert_eq!(digest.len(), 1);
    let jobs = ["job-30", "job-31", "job-32"].map(str::to_owned).to_vec();
    assert_eq!(digest[0].digest, Some((3, jobs)));
    assert!(store.settle_delivery(org, &attempted(&digest[0], 200)).unwrap());
    // Somebody else's notifications do not count.
    assert_eq!(digest[0].delivery.person, "Ada");
    // With the jobs the deliveries of them go.
    let all = PolicySet { jobs_days: Some(Some(0)), restore_days: Some(0), ..PolicySet::default() };
    store.set_retention(org, "Chef", &all).unwrap();
    let plan = store.plan_retention(org, "Chef").unwrap();
    let asked = Applying { run: "run-1", plan: plan.hash, as_of: plan.as_of };
    assert!(matches!(store.apply_retention(org, "Chef", &asked).unwrap(), Applied::Run(_)));
    while store.purge_some(org, "Chef").unwrap().is_some() {}
    let left: Vec<String> = listed(store, org).into_iter().map(|row| row.kind).collect();
    assert_eq!(left, ["digest"]);
}

/// Relays that tell at once: each thing is taken by one of them.
pub(crate) fn many_that_tell_at_once_take_each_thing_once(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    store.set_webhook(org, "Chef", URL, b"sealed").unwrap();
    for number in 0..24 {
        ended(store, org, &format!("job-{number}"));
    }
    let mut taken: Vec<i64> = std::thread::scope(|scope| {
        let threads = [0, 1, 2].map(|_| {
            let again = stage.again();
            scope.spawn(move || {
                again.fan_out(org).unwrap();
                let sending = claimed(&again, org, LONG);
                sending.into_iter().map(|one| one.delivery.id).collect::<Vec<i64>>()
            })
        });
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), 24);
    assert_eq!(count(store, org, DeliveryState::Sending), 24);
    assert_eq!(listed(store, org).len(), 48);
}
