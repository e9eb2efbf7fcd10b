//! Profiles that were merged into other ones.

use kartei_protocol::sync::PushAnswer;
use kartei_relay_store::Erased;
use serde_json::json;

use crate::stage::{Copy, NOW, Stage, accepted, ada, author, untouched};

/// Three profiles at the relay, and a replica's copies of the first two.
fn three<'s>(stage: &'s Stage<'_>) -> [Copy<'s>; 2] {
    let [a, b, c] = ["a", "b", "c"].map(|id| stage.record(id, &json!({"n": 1})));
    let items = [&a, &b, &c].map(untouched);
    stage.store.push(stage.org, &ada(NOW), &items).unwrap();
    [&a, &b].map(|record| Copy::of(&stage.schema, record, 1))
}

pub(crate) fn a_merged_profile_leads_to_the_other_one(stage: &Stage<'_>) {
    let [mut a, mut b] = three(stage);
    let leads = |id| stage.store.survivor(stage.org, id).unwrap();
    stage.store.push(stage.org, &ada(NOW), &[b.merge_into("a")]).unwrap();
    assert_eq!((leads("b").as_deref(), leads("a"), leads("nobody")), (Some("a"), None, None));
    assert_eq!(stage.store.survivor(stage.other, "b").unwrap(), None);
    assert!(stage.store.profile(stage.org, "b").unwrap().is_none());
    stage.store.push(stage.org, &ada(NOW), &[a.merge_into("c")]).unwrap();
    assert_eq!((leads("b").as_deref(), leads("a").as_deref()), (Some("c"), Some("c")));
    let history = stage.store.history(stage.org, "b").unwrap().unwrap();
    assert_eq!(history.last().unwrap().entry.became.as_deref(), Some("a"));
    stage.store.push(stage.org, &ada(NOW), &[a.revive()]).unwrap();
    assert_eq!((leads("b").as_deref(), leads("a")), (Some("a"), None));
    stage.store.push(stage.org, &ada(NOW), &[b.revive()]).unwrap();
    assert_eq!(leads("b"), None);
    assert!(stage.store.profile(stage.org, "b").unwrap().is_some());
    // A ring, which only documents made by hand have at a relay.
    stage.store.push(stage.org, &ada(NOW), &[a.merge_into("b"), b.merge_into("a")]).unwrap();
    assert_eq!((leads("a"), leads("b")), (None, None));
}

pub(crate) fn who_became_an_erased_profile_is_erased(stage: &Stage<'_>) {
    let [mut a, mut b] = three(stage);
    stage.store.push(stage.org, &ada(NOW), &[b.merge_into("a"), a.merge_into("c")]).unwrap();
    let head = stage.head();
    let erased = stage.store.erase(stage.org, &author(), "c", false).unwrap();
    let Erased::Now(erasure) = erased else { panic!("not erased now: {erased:?}") };
    assert_eq!(erasure.rev, head + 3, "the others came first");
    for id in ["a", "b"] {
        assert!(stage.store.erasure_of(stage.org, id).unwrap().is_some(), "{id}");
        assert!(stage.store.history(stage.org, id).unwrap().is_none());
    }
    assert_eq!(stage.store.erasures(stage.org, 0, u64::MAX).unwrap().len(), 3);

    // From a desk that was offline: whoever merged these did not know.
    let late = stage.record("late", &json!({"n": 2}));
    let mut copy = Copy::of(&stage.schema, &late, 2);
    let pushed = stage.store.push(stage.org, &ada(NOW), &[untouched(&late)]).unwrap();
    accepted(&pushed.answers[0]);
    assert_eq!(pushed.follows_erased, None);
    let pushed = stage.store.push(stage.org, &ada(NOW), &[copy.merge_into("c")]).unwrap();
    assert!(matches!(pushed.answers[0], PushAnswer::Erased { .. }), "{pushed:?}");
    assert_eq!(pushed.follows_erased, Some(stage.head()));
    assert!(stage.store.erasure_of(stage.org, "late").unwrap().is_some());
    let again = stage.store.push(stage.org, &ada(NOW), &[untouched(&late)]).unwrap();
    assert!(matches!(again.answers[0], PushAnswer::Erased { .. }), "its id is closed");
}
