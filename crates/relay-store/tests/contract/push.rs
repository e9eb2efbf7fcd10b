use kartei_protocol::problem::ProblemCode;
use kartei_protocol::sync::{Bytes, PushAnswer, PushItem};
use serde_json::json;
use serde_json::value::RawValue;

use crate::stage::{Copy, NOW, Stage, accepted, ada, untouched};

pub(crate) fn a_push_is_numbered_without_holes(stage: &Stage<'_>) {
    let items: Vec<PushItem> =
        (0..300).map(|n| stage.untouched(&format!("p{n}"), &json!({"n": n}))).collect();
    let pushed = stage.store.push(stage.org, &ada(NOW), &items[..200]).unwrap();
    let revs: Vec<u64> = pushed.answers.iter().map(accepted).collect();
    assert_eq!(revs, (1..=200).collect::<Vec<_>>());
    assert_eq!((pushed.end.head_before, pushed.end.head_rev), (0, 200));
    let pushed = stage.again().push(stage.org, &ada(NOW), &items[150..]).unwrap();
    let revs: Vec<u64> = pushed.answers.iter().map(accepted).collect();
    assert_eq!(revs, (151..=300).collect::<Vec<_>>(), "what was there keeps its revision");
    assert_eq!((pushed.end.head_before, pushed.end.head_rev), (200, 300));
}

pub(crate) fn a_push_sent_again_changes_nothing(stage: &Stage<'_>) {
    let record = stage.record("p", &json!({"city": "Bern"}));
    let mut copy = Copy::of(&stage.schema, &record, 1);
    let items = [untouched(&record), copy.set("city", json!("Ulm"))];
    let first = stage.store.push(stage.org, &ada(NOW), &items).unwrap();
    let head = stage.head();
    for _ in 0..3 {
        let again = stage.store.push(stage.org, &ada(NOW + 1), &items).unwrap();
        assert_eq!(accepted(&again.answers[1]), accepted(&first.answers[1]));
        assert_eq!((again.end.head_before, again.end.head_rev), (head, head));
    }
    assert_eq!(stage.store.history(stage.org, "p").unwrap().unwrap().len(), 2);
}

pub(crate) fn edits_are_kept_as_changes(stage: &Stage<'_>) {
    let record = stage.record("p", &json!({"city": "Bern"}));
    let (mut a, mut b) = (Copy::of(&stage.schema, &record, 1), Copy::of(&stage.schema, &record, 2));
    stage.store.push(stage.org, &ada(NOW), &[untouched(&record)]).unwrap();
    stage.store.push(stage.org, &ada(NOW), &[a.set("city", json!("Ulm"))]).unwrap();
    stage.store.push(stage.org, &ada(NOW), &[b.set("plan", json!("pro"))]).unwrap();
    stage.store.push(stage.org, &ada(NOW), &[b.set("city", json!("Basel"))]).unwrap();
    let profile = stage.store.profile(stage.org, "p").unwrap().unwrap();
    assert_eq!((profile.rev, profile.conflicts), (4, 1));
    assert!(profile.record.contains("\"plan\":\"pro\""), "{}", profile.record);
    let page = stage.store.feed(stage.org, None, 10, usize::MAX).unwrap();
    assert_eq!(page.lines.len(), 1);
    assert_eq!(page.lines[0].changes.len(), 3);
    assert_eq!(page.lines[0].record.as_ref().unwrap().get(), record.text());
    assert_eq!(page.lines[0].genesis, record.hash().to_string());
}

pub(crate) fn one_profile_twice_in_a_push(stage: &Stage<'_>) {
    let record = stage.record("p", &json!({"n": 0}));
    let mut copy = Copy::of(&stage.schema, &record, 1);
    let mut items = vec![untouched(&record)];
    items.extend((1..=5).map(|n| copy.set("n", json!(n))));
    let pushed = stage.store.push(stage.org, &ada(NOW), &items).unwrap();
    let revs: Vec<u64> = pushed.answers.iter().map(accepted).collect();
    assert_eq!(revs, [1, 2, 3, 4, 5, 6]);
    assert_eq!((pushed.end.head_before, pushed.end.head_rev), (0, 6), "nobody wrote between");
    let profile = stage.store.profile(stage.org, "p").unwrap().unwrap();
    assert_eq!(profile.record, copy.record().text());
}

pub(crate) fn another_beginning_is_answered_with_ours(stage: &Stage<'_>) {
    let ours = stage.record("p", &json!({"city": "Bern"}));
    stage.store.push(stage.org, &ada(NOW), &[untouched(&ours)]).unwrap();
    let theirs = stage.untouched("p", &json!({"city": "Ulm"}));
    let pushed = stage.store.push(stage.org, &ada(NOW), &[theirs]).unwrap();
    match &pushed.answers[0] {
        PushAnswer::OtherGenesis { profile } => {
            assert_eq!(profile.record.as_ref().unwrap().get(), ours.text());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(stage.head(), 1);
}

pub(crate) fn a_change_on_a_lost_one_is_wanted_whole(stage: &Stage<'_>) {
    let record = stage.record("p", &json!({"city": "Bern"}));
    stage.store.push(stage.org, &ada(NOW), &[untouched(&record)]).unwrap();
    let mut copy = Copy::of(&stage.schema, &record, 1);
    let lost = copy.set("city", json!("Ulm"));
    let next = copy.set("plan", json!("pro"));
    let pushed = stage.store.push(stage.org, &ada(NOW), std::slice::from_ref(&next)).unwrap();
    assert!(matches!(&pushed.answers[0], PushAnswer::GenesisWanted { id } if id == "p"));
    let text = || RawValue::from_string(record.text().to_owned()).unwrap();
    let partly = PushItem { record: Some(text()), ..next };
    let changes = [lost.changes.clone(), partly.changes.clone()].concat();
    let pushed = stage.store.push(stage.org, &ada(NOW), &[partly]).unwrap();
    assert!(matches!(&pushed.answers[0], PushAnswer::Rejected { .. }), "asked once, not for ever");
    assert_eq!(stage.head(), 1);
    let whole = PushItem { record: Some(text()), changes, ..lost };
    assert_eq!(accepted(&stage.store.push(stage.org, &ada(NOW), &[whole]).unwrap().answers[0]), 2);
    let profile = stage.store.profile(stage.org, "p").unwrap().unwrap();
    assert_eq!(profile.record, copy.record().text());
}

pub(crate) fn what_is_refused_holds_nothing_up(stage: &Stage<'_>) {
    let good = stage.untouched("good", &json!({}));
    let mut lie = stage.untouched("lie", &json!({}));
    lie.genesis = good.genesis.clone();
    let damaged = PushItem {
        changes: vec![Bytes(b"no change".to_vec())],
        ..stage.untouched("damaged", &json!({}))
    };
    let unknown = PushItem { record: None, ..stage.untouched("unknown", &json!({})) };
    let pushed = stage.store.push(stage.org, &ada(NOW), &[lie, damaged, unknown, good]).unwrap();
    assert!(matches!(
        &pushed.answers[0],
        PushAnswer::Rejected { code: ProblemCode::InvalidRecord, .. }
    ));
    assert!(matches!(
        &pushed.answers[1],
        PushAnswer::Rejected { code: ProblemCode::InvalidRequest, .. }
    ));
    assert!(matches!(&pushed.answers[2], PushAnswer::GenesisWanted { id } if id == "unknown"));
    assert_eq!(accepted(&pushed.answers[3]), 1);
    assert_eq!(stage.head(), 1);
}

pub(crate) fn organisations_see_nothing_of_each_other(stage: &Stage<'_>) {
    let (ours, theirs) = (json!({"city": "Bern"}), json!({"city": "Ulm"}));
    stage.store.push(stage.org, &ada(NOW), &[stage.untouched("p", &ours)]).unwrap();
    let pushed =
        stage.store.push(stage.other, &ada(NOW), &[stage.untouched("p", &theirs)]).unwrap();
    assert_eq!(accepted(&pushed.answers[0]), 1, "a history of its own");
    stage.store.push(stage.other, &ada(NOW), &[stage.untouched("q", &theirs)]).unwrap();
    assert!(stage.store.profile(stage.org, "q").unwrap().is_none());
    assert!(stage.store.history(stage.org, "q").unwrap().is_none());
    assert!(stage.store.document(stage.org, "q").unwrap().is_none());
    let profile = stage.store.profile(stage.org, "p").unwrap().unwrap();
    assert!(profile.record.contains("Bern"));
    let (_, rows) = stage.store.rows_since(stage.other, 0, 10, usize::MAX).unwrap();
    let keys: Vec<i64> = rows.iter().map(|row| row.key).collect();
    assert_eq!(keys.len(), 2);
    assert!(stage.store.by_key(stage.org, &keys).unwrap().is_empty(), "another one's keys");
    let notices = stage.store.notices(&[stage.org, stage.other]).unwrap();
    let mut heads: Vec<_> = notices.iter().map(|notice| (notice.org, notice.head_rev)).collect();
    heads.sort_unstable();
    assert_eq!(heads, [(stage.org, 1), (stage.other, 2)]);
}
