use kartei_protocol::sync::{Cursor, ErasedLine, PushAnswer};
use kartei_relay_store::{
    Access, Device, Erased, Erasure, ImportLanded, ImportMode, ImportRecord, KnownErasures, Noting,
    OrgId, Precondition, RelayStore, Role, WriteError,
};
use kartei_sync_core::ErasureKey;
use serde_json::json;

use crate::leases::{lease, row};
use crate::stage::{Copy, NOW, Stage, accepted, ada, author, untouched};

fn erase(store: &RelayStore, org: OrgId, id: &str) -> Erasure {
    match store.erase(org, &author(), id, false).unwrap() {
        Erased::Now(erasure) => erasure,
        other => panic!("not erased now: {other:?}"),
    }
}

fn is_of(line: &ErasedLine, id: &str) -> bool {
    let key = ErasureKey::from_bytes(line.key.0.clone().try_into().unwrap());
    key.hash(id).0.as_slice() == line.hash.0
}

pub(crate) fn an_erasure_is_a_revision_of_its_own(stage: &Stage<'_>) {
    let record = stage.record("p", &json!({"city": "Bern"}));
    let mut copy = Copy::of(&stage.schema, &record, 1);
    let items = [untouched(&record), stage.untouched("q", &json!({})), copy.set("n", json!(1))];
    stage.store.push(stage.org, &ada(NOW), &items).unwrap();
    let before = stage.store.feed(stage.org, None, 10, usize::MAX).unwrap();
    let nobody = stage.store.erase(stage.org, &author(), "nobody", false).unwrap();
    assert_eq!(nobody, Erased::Missing);
    let erasure = erase(&stage.store, stage.org, "p");
    assert_eq!((erasure.rev, erasure.by.as_str(), erasure.at), (4, "integrator", NOW + 5_000));
    assert_eq!(stage.head(), 4);
    let again = stage.again().erase(stage.org, &author(), "p", false).unwrap();
    assert_eq!(again, Erased::Before(erasure.clone()), "twice is once");
    assert_eq!(stage.head(), 4);
    assert_eq!(stage.audited(), ["integrator profile.erased revision 4"], "and no id");

    assert!(stage.store.profile(stage.org, "p").unwrap().is_none());
    assert!(stage.store.history(stage.org, "p").unwrap().is_none());
    assert!(stage.store.document(stage.org, "p").unwrap().is_none());
    assert!(stage.store.profile_at(stage.org, "p", 3).unwrap().is_none(), "nor what it was");
    assert_eq!(stage.store.erasure_of(stage.org, "p").unwrap(), Some(erasure.clone()));
    assert_eq!(stage.store.erasure_of(stage.org, "q").unwrap(), None);
    assert_eq!(stage.store.erasure_of(stage.other, "p").unwrap(), None);

    let page = stage.store.feed(stage.org, Some(&before.cursor), 10, usize::MAX).unwrap();
    assert!(page.lines.is_empty());
    assert_eq!(page.erased.len(), 1);
    assert_eq!(page.erased[0].rev, 4);
    assert!(is_of(&page.erased[0], "p") && !is_of(&page.erased[0], "q"));
    assert_eq!((page.cursor.base, page.cursor.rev), (4, 4));
    let page = stage.store.feed(stage.org, Some(&page.cursor), 10, usize::MAX).unwrap();
    assert!(page.erased.is_empty(), "told once");
}

pub(crate) fn an_id_without_a_profile_can_be_erased(stage: &Stage<'_>) {
    stage.store.push(stage.org, &ada(NOW), &[stage.untouched("q", &json!({}))]).unwrap();
    let buckets = || stage.store.bucket_digests(stage.org).unwrap().buckets;
    let before = buckets();
    let done = stage.store.erase(stage.org, &author(), "nobody", true).unwrap();
    let Erased::Now(erasure) = done else { panic!("not erased now: {done:?}") };
    assert_eq!((erasure.rev, erasure.profile), (2, 0));
    assert_eq!(
        stage.store.erase(stage.org, &author(), "nobody", false).unwrap(),
        Erased::Before(erasure)
    );
    assert_eq!(buckets(), before, "the rest is what it was");
    let page = stage.store.feed(stage.org, None, 10, usize::MAX).unwrap();
    assert!(is_of(&page.erased[0], "nobody"));
    let late =
        stage.store.push(stage.org, &ada(NOW), &[stage.untouched("nobody", &json!({}))]).unwrap();
    assert!(matches!(late.answers[0], PushAnswer::Erased { .. }), "{late:?}");
}

/// `other` stands for the database that was restored from before the erasures of `org`.
pub(crate) fn erasures_of_another_copy_are_done_again(stage: &Stage<'_>) {
    let items = ["p", "q", "gone"].map(|id| stage.untouched(id, &json!({"n": id})));
    stage.store.push(stage.org, &ada(NOW), &items).unwrap();
    stage.store.push(stage.other, &ada(NOW), &items[..2]).unwrap();
    assert_eq!(stage.store.known_erasures(stage.org).unwrap(), None);
    erase(&stage.store, stage.org, "p");
    erase(&stage.store, stage.org, "gone");
    let known = stage.store.known_erasures(stage.org).unwrap().unwrap();
    assert_eq!(known.erased.len(), 2);

    assert_eq!(stage.store.erase_again(stage.other, &known, NOW).unwrap(), 2);
    assert!(stage.store.profile(stage.other, "p").unwrap().is_none());
    assert!(stage.store.profile(stage.other, "q").unwrap().is_some());
    for id in ["p", "gone"] {
        assert!(stage.store.erasure_of(stage.other, id).unwrap().is_some(), "{id}");
        let late =
            stage.store.push(stage.other, &ada(NOW), &[stage.untouched(id, &json!({}))]).unwrap();
        assert!(matches!(late.answers[0], PushAnswer::Erased { .. }), "{late:?}");
    }
    assert_eq!(stage.store.known_erasures(stage.other).unwrap().unwrap().key, known.key);
    assert_eq!(stage.store.check(stage.other, false, NOW).unwrap().findings, []);
    assert_eq!(stage.store.erase_again(stage.other, &known, NOW).unwrap(), 0, "once is enough");
    let page = stage.store.feed(stage.other, None, 10, usize::MAX).unwrap();
    assert_eq!((page.lines.len(), page.erased.len()), (1, 2), "everybody is told");
    let unfinished = stage.store.unfinished_erasures().unwrap();
    assert!(unfinished.contains(&stage.other), "archives are looked at too");

    // An organisation that made a key of its own meanwhile.
    let other_key = KnownErasures { key: ErasureKey::from_bytes([9; 32]), ..known.clone() };
    let hash = other_key.key.hash("q");
    let other_key = KnownErasures { erased: vec![(hash, NOW, "Anna".to_owned())], ..other_key };
    assert_eq!(stage.store.erase_again(stage.other, &other_key, NOW).unwrap(), 1);
    assert!(stage.store.profile(stage.other, "q").unwrap().is_none());
    assert!(stage.store.erasure_of(stage.other, "q").unwrap().is_some());
}

pub(crate) fn erasures_come_in_the_order_of_the_feed(stage: &Stage<'_>) {
    for n in 0..6 {
        let item = stage.untouched(&format!("p{n}"), &json!({"n": n}));
        stage.store.push(stage.org, &ada(NOW), &[item]).unwrap();
        if n % 2 == 1 {
            erase(&stage.store, stage.org, &format!("p{}", n - 1));
        }
    }
    // Revisions: p0 p1 ×p0 p2 p3 ×p2 p4 p5 ×p4.
    let (mut cursor, mut seen) = (None, Vec::new());
    loop {
        let page = stage.store.feed(stage.org, cursor.as_ref(), 1, usize::MAX).unwrap();
        seen.extend(page.lines.iter().map(|line| line.rev));
        seen.extend(page.erased.iter().map(|line| line.rev));
        cursor = Some(page.cursor);
        if !page.more {
            break;
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [2, 3, 5, 6, 8, 9]);
    assert_eq!(cursor.unwrap().rev, 9);
    // Who comes by another way, such as segments of before, is complete up to nothing.
    let epoch = stage.store.feed(stage.org, None, 1, usize::MAX).unwrap().cursor.epoch;
    let jumped = Cursor { epoch, base: 0, rev: 8, begun: 8 };
    let page = stage.store.feed(stage.org, Some(&jumped), 10, usize::MAX).unwrap();
    let told: Vec<u64> = page.erased.iter().map(|line| line.rev).collect();
    assert_eq!(told, [3, 6, 9], "and is told everything");
    let profiles: Vec<i64> =
        stage.store.erasures(stage.org, 3, 9).unwrap().iter().map(|one| one.profile).collect();
    assert_eq!(profiles.len(), 2);
    assert!(stage.store.by_key(stage.org, &profiles).unwrap().is_empty());
}

pub(crate) fn an_erased_profile_does_not_come_back(stage: &Stage<'_>) {
    let record = stage.record("p", &json!({"city": "Bern"}));
    let mut copy = Copy::of(&stage.schema, &record, 1);
    stage.store.push(stage.org, &ada(NOW), &[untouched(&record)]).unwrap();
    let erasure = erase(&stage.store, stage.org, "p");
    let items = [untouched(&record), copy.set("n", json!(1)), stage.untouched("q", &json!({}))];
    let pushed = stage.store.push(stage.org, &ada(NOW), &items).unwrap();
    for answer in &pushed.answers[..2] {
        match answer {
            PushAnswer::Erased { id, erased } => {
                assert_eq!((id.as_str(), erased.rev), ("p", erasure.rev));
                assert!(is_of(erased, "p"));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(accepted(&pushed.answers[2]), erasure.rev + 1, "the others are not held up");

    let put = |when| stage.store.put(stage.org, &author(), &when, &record);
    assert!(matches!(put(Precondition::Absent), Err(WriteError::Erased)));
    assert!(matches!(put(Precondition::There), Err(WriteError::Erased)));
    let patched = stage
        .store
        .patch(stage.org, &author(), "p", &Precondition::There, &|record| Ok(record.clone()));
    assert!(matches!(patched, Err(WriteError::Erased)));
    let merged = stage.store.merge(stage.org, &author(), record.hash(), &record);
    assert!(matches!(merged, Err(WriteError::Erased)));
    let deleted = stage.store.delete(stage.org, &author(), "p", &Precondition::There);
    assert!(matches!(deleted, Err(WriteError::Erased)));
    let records: Vec<ImportRecord> = ["p", "r", "p"]
        .iter()
        .map(|id| stage.record(id, &json!({"n": 2})))
        .map(|record| ImportRecord {
            id: record.id().to_owned(),
            hash: record.hash(),
            text: record.text().to_owned(),
        })
        .collect();
    let held = lease("here", 60_000);
    assert!(stage.store.begin_import(stage.org, &row("a"), &held).unwrap());
    let modes = [ImportMode::Upsert, ImportMode::Create, ImportMode::Replace];
    for (mode, likely_new) in modes.into_iter().flat_map(|mode| [(mode, true), (mode, false)]) {
        let noting = Noting { import: "a", lease: &held, progress: &|_| String::new(), likely_new };
        let landed =
            stage.store.import_records(stage.org, &author(), mode, &records, &noting).unwrap();
        assert_eq!((landed[0], landed[2]), (ImportLanded::Erased, ImportLanded::Erased));
        assert_ne!(landed[1], ImportLanded::Erased);
    }
    assert!(stage.store.profile(stage.org, "p").unwrap().is_none());
    // Elsewhere it is another person.
    let elsewhere = stage.store.push(stage.other, &ada(NOW), &[untouched(&record)]).unwrap();
    assert_eq!(accepted(&elsewhere.answers[0]), 1);
}

pub(crate) fn keys_of_erased_profiles_are_not_given_again(stage: &Stage<'_>) {
    let key = |id: &str| {
        let (_, rows) = stage.store.rows_since(stage.org, 0, 100, usize::MAX).unwrap();
        rows.iter().find(|row| row.id == id).unwrap().key
    };
    stage.store.push(stage.org, &ada(NOW), &[stage.untouched("p", &json!({}))]).unwrap();
    let erased = key("p");
    erase(&stage.store, stage.org, "p");
    let items = [stage.untouched("q", &json!({})), stage.untouched("r", &json!({}))];
    stage.again().push(stage.org, &ada(NOW), &items).unwrap();
    assert!(key("q") > erased && key("r") > key("q"));
}

pub(crate) fn who_writes_beside_an_erasure_does_not_undo_it(stage: &Stage<'_>) {
    stage.slow_down();
    let record = stage.record("p", &json!({}));
    stage.store.push(stage.org, &ada(NOW), &[untouched(&record)]).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4_u8 {
            let (record, schema) = (&record, &stage.schema);
            let store = stage.again();
            scope.spawn(move || {
                let mut copy = Copy::of(schema, record, writer + 1);
                for n in 0..20 {
                    // Whole, as of a replica that the relay has never seen.
                    let mut item = copy.set("n", json!(n));
                    item.record = untouched(record).record;
                    store.push(stage.org, &ada(NOW), &[untouched(record), item]).unwrap();
                }
            });
        }
        let store = stage.again();
        scope.spawn(move || erase(&store, stage.org, "p"));
    });
    assert!(stage.store.profile(stage.org, "p").unwrap().is_none());
    assert!(stage.store.history(stage.org, "p").unwrap().is_none());
    let erasure = stage.store.erasure_of(stage.org, "p").unwrap().unwrap();
    assert_eq!(erasure.rev, stage.head(), "nothing of it was written afterwards");
}

pub(crate) fn each_device_confirms_once(stage: &Stage<'_>) {
    let store = &stage.store;
    let device = |name: &str| -> Access {
        let token = store.create_token(stage.org, Role::Analyst, name, NOW).unwrap();
        store.authenticate(&token, NOW).unwrap().unwrap()
    };
    let (anna, ben, program) = (device("Anna"), device("Ben"), device("A program"));
    assert_eq!(program.name, "A program", "it never reads the feed");
    store.push(stage.org, &ada(NOW), &[stage.untouched("p", &json!({}))]).unwrap();
    store.confirm_erasures(&anna, 0, NOW + 1).unwrap();
    store.confirm_erasures(&ben, 1, NOW + 2).unwrap();
    let erasure = erase(store, stage.org, "p");
    let late = device("Late");
    store.confirm_erasures(&late, 0, NOW + 9_000).unwrap();
    let devices = || store.erasure_devices(stage.org, &erasure).unwrap();
    let of =
        |name: &str, confirmed_at| Device { name: name.to_owned(), confirmed_at, revoked: false };
    assert_eq!(devices(), [of("Anna", None), of("Ben", None)]);
    store.confirm_erasures(&ben, erasure.rev - 1, NOW + 9_001).unwrap();
    assert_eq!(devices(), [of("Anna", None), of("Ben", None)], "it has not come so far");
    stage.again().confirm_erasures(&ben, erasure.rev, NOW + 9_002).unwrap();
    store.confirm_erasures(&ben, erasure.rev + 5, NOW + 9_003).unwrap();
    assert_eq!(devices(), [of("Anna", None), of("Ben", Some(NOW + 9_002))]);
}

pub(crate) fn what_is_to_be_cleaned_up_is_known_until_it_is(stage: &Stage<'_>) {
    let store = &stage.store;
    assert!(store.unfinished_erasures().unwrap().is_empty());
    store.push(stage.org, &ada(NOW), &[stage.untouched("p", &json!({}))]).unwrap();
    let erasure = erase(store, stage.org, "p");
    assert_eq!(stage.again().unfinished_erasures().unwrap(), [stage.org]);
    assert!(store.scrub().unwrap());
    store.finish_erasure(stage.org, &erasure, NOW + 7).unwrap();
    assert!(store.unfinished_erasures().unwrap().is_empty());
    let kept = store.erasure_of(stage.org, "p").unwrap().unwrap();
    assert_eq!(kept.finished_at, Some(NOW + 7));
    store.reopen_erasure(stage.org, erasure.rev).unwrap();
    store.finish_erasure(stage.org, &erasure, NOW + 8).unwrap();
    assert_eq!(store.unfinished_erasures().unwrap(), [stage.org], "it came in again since");
    let again = store.erasure_of(stage.org, "p").unwrap().unwrap();
    store.finish_erasure(stage.org, &again, NOW + 9).unwrap();
    assert!(store.unfinished_erasures().unwrap().is_empty());
}
