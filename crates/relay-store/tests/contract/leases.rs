use std::collections::BTreeSet;

use kartei_relay_store::{
    ImportEnd, ImportMode, ImportName, ImportRecord, ImportRow, Kept, Lease, Noting,
    RelayStoreError,
};
use serde_json::json;

use crate::stage::{NOW, Stage, ada, author};

pub(crate) fn row(id: &str) -> ImportRow {
    ImportRow {
        id: id.to_owned(),
        by: "pipeline".to_owned(),
        mode: "upsert".to_owned(),
        dry_run: false,
        key: None,
        digest: [1; 32],
        bytes: 10,
        source: None,
        started_at: NOW,
        finished_at: None,
        status: None,
        answer: None,
        progress: None,
        cancelled_at: None,
        attempts: 0,
    }
}

pub(crate) fn lease(runner: &str, millis: i64) -> Lease {
    Lease { runner: runner.to_owned(), millis }
}

pub(crate) fn an_import_is_run_by_one_relay(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    // A lease in the past: as of a relay that died long ago.
    let (gone, here) = (lease("gone", -1_000), lease("here", 60_000));
    assert!(store.begin_import(org, &row("a"), &gone).unwrap());
    assert!(store.begin_import(org, &row("b"), &here).unwrap());
    assert_eq!(store.abandoned_imports().unwrap(), [(org, "a".to_owned())]);
    assert_eq!(store.claim_import(org, "b", &lease("other", 60_000)).unwrap(), None, "it is run");
    assert_eq!(store.claim_import(stage.other, "a", &here).unwrap(), None, "not theirs");
    let taken = store.claim_import(org, "a", &here).unwrap().unwrap();
    assert_eq!((taken.id.as_str(), taken.attempts), ("a", 1));
    assert!(store.abandoned_imports().unwrap().is_empty());
    assert_eq!(store.renew_import(org, "a", &gone, Some("{}")).unwrap(), Kept::Lost);
    assert_eq!(store.renew_import(org, "a", &here, Some("{}")).unwrap(), Kept::Ours);
    let found = store.find_import(org, ImportName::Id("a")).unwrap().unwrap();
    assert_eq!((found.progress.as_deref(), found.attempts), (Some("{}"), 0));
    store.cancel_import(org, "a", NOW).unwrap();
    assert_eq!(store.renew_import(org, "a", &here, None).unwrap(), Kept::Cancelled);
    let end = ImportEnd { now: NOW, status: 200, answer: "done" };
    assert!(!store.end_import(org, "a", &gone, end).unwrap());
    assert!(store.end_import(org, "a", &here, end).unwrap());
    assert!(!store.end_import(org, "a", &here, end).unwrap(), "once");
    assert_eq!(store.renew_import(org, "a", &here, None).unwrap(), Kept::Lost);
}

pub(crate) fn progress_is_kept_with_the_records_that_it_counts(stage: &Stage<'_>) {
    let (store, org) = (&stage.store, stage.org);
    let here = lease("here", 60_000);
    assert!(store.begin_import(org, &row("a"), &here).unwrap());
    let records: Vec<ImportRecord> = ["p", "q", "p"]
        .iter()
        .zip(1..)
        .map(|(id, n)| {
            let record = stage.record(id, &json!({ "n": n }));
            let (hash, text) = (record.hash(), record.text().to_owned());
            ImportRecord { id: record.id().to_owned(), hash, text }
        })
        .collect();
    let settled = |landed: &[Option<_>]| landed.iter().flatten().count().to_string();
    let import = |lease: &Lease| {
        let noting = Noting { import: "a", lease, progress: &settled, likely_new: false };
        store.import_records(org, &author(), ImportMode::Upsert, &records, &noting)
    };
    let lost = import(&lease("gone", 60_000));
    assert!(matches!(lost, Err(RelayStoreError::ImportLost(id)) if id == "a"));
    assert_eq!(stage.head(), 0, "nothing is written without the lease");
    import(&here).unwrap();
    assert_eq!(stage.head(), 3);
    let found = store.find_import(org, ImportName::Id("a")).unwrap().unwrap();
    assert_eq!(found.progress.as_deref(), Some("3"), "of the last commit");
    store.cancel_import(org, "a", NOW).unwrap();
    let more = [ImportRecord { id: "r".to_owned(), ..records[0].clone() }];
    let noting = Noting { import: "a", lease: &here, progress: &settled, likely_new: false };
    let cancelled = store.import_records(org, &author(), ImportMode::Upsert, &more, &noting);
    assert!(matches!(cancelled, Err(RelayStoreError::ImportCancelled(_))));
    assert_eq!(stage.head(), 3);
}

/// Records that were taken to be new and are not, or are twice in the file, or were erased, come to
/// what they come to when it is looked first.
pub(crate) fn hoping_for_new_records_changes_nothing_but_the_way(stage: &Stage<'_>) {
    let held = lease("here", 60_000);
    let mut landed = Vec::new();
    for (org, import, likely_new) in [(stage.org, "a", true), (stage.other, "b", false)] {
        let store = &stage.store;
        assert!(store.begin_import(org, &row(import), &held).unwrap());
        let noting = Noting { import, lease: &held, progress: &|_| String::new(), likely_new };
        let bring_in = |records: &[(&str, u64)]| {
            let records: Vec<ImportRecord> = records
                .iter()
                .map(|(id, n)| {
                    let record = stage.record(id, &json!({ "n": n }));
                    let (hash, text) = (record.hash(), record.text().to_owned());
                    ImportRecord { id: record.id().to_owned(), hash, text }
                })
                .collect();
            store.import_records(org, &author(), ImportMode::Upsert, &records, &noting).unwrap()
        };
        let all_new = bring_in(&[("p", 1), ("q", 1)]);
        let mixed = bring_in(&[("r", 1), ("p", 1), ("q", 2), ("s", 1), ("s", 2)]);
        let again = bring_in(&[("r", 1), ("s", 2), ("t", 1)]);
        let (head, rows) = store.rows_since(org, 0, 100, usize::MAX).unwrap();
        let records: BTreeSet<String> = rows.into_iter().map(|row| row.record).collect();
        let digests = store.bucket_digests(org).unwrap().buckets;
        landed.push((all_new, mixed, again, head, records, digests));
    }
    assert_eq!(landed[0], landed[1]);
    assert_eq!(landed[0].3, 7, "what was there already got no revision");
}

pub(crate) fn a_snapshot_stays_what_it_was(stage: &Stage<'_>) {
    let put = |id: &str, n: u64| {
        let item = stage.untouched(id, &json!({ "n": n }));
        stage.store.push(stage.org, &ada(NOW), &[item]).unwrap();
    };
    for id in ["b", "a", "c", "d"] {
        put(id, 1);
    }
    let gone = kartei_relay_store::Precondition::There;
    stage.store.delete(stage.org, &author(), "d", &gone).unwrap().unwrap();
    let mut snapshot = stage.store.snapshot(stage.org).unwrap();
    assert_eq!(snapshot.rev(), 5);
    put("e", 1);
    stage.store.delete(stage.org, &author(), "b", &gone).unwrap().unwrap();
    for _ in 0..2 {
        let mut ids = Vec::new();
        loop {
            let rows = snapshot.next(2, usize::MAX).unwrap();
            if rows.is_empty() {
                break;
            }
            ids.extend(rows.into_iter().map(|row| row.id));
        }
        assert_eq!(ids, ["a", "b", "c"], "in order, without what was deleted and what came later");
        snapshot.rewind().unwrap();
    }
    let other = stage.store.snapshot(stage.other).unwrap().next(9, usize::MAX).unwrap();
    assert!(other.is_empty());
}
