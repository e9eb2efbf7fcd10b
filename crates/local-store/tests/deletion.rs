//! Deleted profiles in a replica: gone from every list and count, back with undo, and a conflict
//! where somebody wrote beside the deletion.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use kartei_local_store::{
    BlockBuilder, ImportStart, Landed, PageEnd, Reread, Session, Store, StoreError, StoreOptions,
};
use kartei_profile::{Actor, Conflict, Edit, HistoryKind};
use kartei_protocol::desktop::{ActKind, ListProfiles, Selection, SortKey};
use kartei_protocol::sync::{Cursor, ProfileLine, PushAnswer, PushEnd};
use serde_json::{Value, json};
use tempfile::TempDir;

const NOW: i64 = 1_770_000_000_000;

/// A replica with its folder and its person.
struct Replica {
    folder: TempDir,
    store: Store,
    session: Session,
}

fn replica(name: &str, count: usize) -> Replica {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let byte = name.as_bytes()[0];
    let session = Session { actor: Actor::from_random([byte; 12]), author: Some(name.to_owned()) };
    let replica = Replica { folder, store, session };
    replica.import((0..count).map(|n| person(n, n)));
    replica
}

fn open(folder: &Path) -> Store {
    Store::open(folder, StoreOptions::default()).unwrap()
}

fn person(number: usize, n: usize) -> Value {
    json!({"schema": "user_profile.v1", "id": format!("p{number:04}"), "attributes": {"n": n}})
}

fn tag(tag: &str) -> [Edit; 1] {
    [Edit::Add { pointer: "/tags".to_owned(), value: json!(tag) }]
}

fn matching(filter: &str) -> Selection {
    Selection { filter: filter.to_owned(), ..Selection::default() }
}

impl Replica {
    fn import(&self, records: impl Iterator<Item = Value>) -> Vec<Landed> {
        let start = ImportStart { file: "f".to_owned(), now: NOW, ..ImportStart::default() };
        let mut builder = BlockBuilder::default();
        for record in records {
            builder.add(self.store.schema(), record.to_string().as_bytes()).unwrap();
        }
        self.store.begin_import(&start).unwrap().write(&[builder.finish(None)]).unwrap()
    }

    fn delete(&self, id: &str) {
        assert!(self.store.delete(&self.session, NOW, id).unwrap());
    }

    fn conflicts(&self, id: &str) -> Vec<Conflict> {
        self.store.conflicts(id).unwrap()
    }

    /// Sends everything to `to` as a relay would hand it on.
    fn send(&self, to: &Self) {
        let batch = self.store.next_push(10_000).unwrap();
        let lines: Vec<ProfileLine> = batch
            .items
            .iter()
            .zip(1..)
            .map(|(item, rev)| ProfileLine {
                id: item.id.clone(),
                rev,
                genesis: item.genesis.clone(),
                record: item.record.clone(),
                changes: item.changes.clone(),
            })
            .collect();
        let cursor = Cursor { epoch: "e".to_owned(), base: 0, rev: 1, begun: 0 };
        let asked = to.store.sync_settings().unwrap().cursor;
        let end = PageEnd { asked, cursor, total: None };
        to.store.apply_pull(&to.session, NOW, &lines, &end).unwrap();
    }

    /// The relay took everything.
    fn settle(&self) {
        let batch = self.store.next_push(10_000).unwrap();
        let answers: Vec<PushAnswer> = batch
            .items
            .iter()
            .map(|item| PushAnswer::Accepted { id: item.id.clone(), rev: 1 })
            .collect();
        let end = PushEnd { epoch: "e".to_owned(), head_before: 0, head_rev: 1, total: None };
        self.store.settle(&self.session, NOW, &batch, &answers, &end).unwrap();
    }

    /// All lists and counts say that there are so many profiles, and everything agrees.
    fn has(&self, expected: u64) {
        self.lists(expected);
        let check = self.store.check(false).unwrap();
        assert_eq!(check.findings, [], "{} profiles", check.profiles);
    }

    fn lists(&self, expected: u64) {
        let store = &self.store;
        assert_eq!(store.totals().unwrap().profiles, expected);
        for sort in [SortKey::Id, SortKey::Attribute("n".to_owned())] {
            let request = ListProfiles { sort, limit: 1_000, ..ListProfiles::default() };
            let page = store.list(&request).unwrap();
            let counts = (page.rows.len() as u64, page.matching, page.total);
            assert_eq!(counts, (expected.min(1_000), expected, expected));
        }
        for filter in ["", "has:n"] {
            assert_eq!(store.count_selected(&matching(filter)).unwrap(), expected);
            let exported = store.export(&matching(filter), |exported| {
                let mut read = 0;
                loop {
                    let before = read;
                    exported.next(|_| read += 1).unwrap();
                    if read == before {
                        return (exported.count(), read);
                    }
                }
            });
            assert_eq!(exported.unwrap(), (expected, expected));
        }
    }

    fn filtered(&self, filter: &str) -> u64 {
        let request =
            ListProfiles { filter: filter.to_owned(), limit: 1, ..ListProfiles::default() };
        self.store.list(&request).unwrap().matching
    }
}

#[test]
fn a_deleted_profile_is_in_no_list_and_its_history_can_be_read() {
    let anna = replica("Anna", 60);
    anna.has(60);
    anna.delete("p0007");
    anna.has(59);
    let not_found = |refused: Result<bool, StoreError>| {
        assert!(matches!(refused, Err(StoreError::NotFound(_))));
    };
    not_found(anna.store.edit(&anna.session, NOW, "p0007", &tag("x")));
    not_found(anna.store.delete(&anna.session, NOW, "p0007"));
    not_found(anna.store.profile("p0007").map(|_| true));
    not_found(anna.store.record("p0007").map(|_| true));
    let ids = Some(vec!["p0007".to_owned()]);
    let named = Selection { ids, ..Selection::default() };
    assert_eq!(anna.store.count_selected(&named).unwrap(), 0);
    let history = anna.store.history("p0007").unwrap();
    let kinds: Vec<HistoryKind> = history.iter().map(|row| row.entry.kind).collect();
    assert_eq!(kinds, [HistoryKind::Genesis, HistoryKind::Deletion]);
    let first = history[0].entry.change;
    assert_eq!(anna.store.record_at("p0007", first).unwrap().id(), "p0007");

    assert!(anna.store.restore(&anna.session, NOW, "p0007", first).unwrap());
    anna.has(60);
    assert_eq!(anna.filtered("n=7"), 1);
    assert_eq!(anna.store.undo(&anna.session, NOW).unwrap().changed, 1);
    anna.has(59);
}

#[test]
fn deleting_many_is_one_step_that_is_taken_back_and_done_again() {
    let anna = replica("Anna", 500);
    let done = anna.store.delete_many(&anna.session, NOW, &matching("n<400")).unwrap();
    assert_eq!((done.changed, done.unchanged, done.refused), (400, 0, 0));
    let act = done.act.unwrap();
    assert_eq!((act.kind, act.profiles, act.fields), (ActKind::Delete, 400, vec![String::new()]));
    anna.has(100);
    for _ in 0..2 {
        assert_eq!(anna.store.undo(&anna.session, NOW).unwrap().changed, 400);
        anna.has(500);
        assert_eq!(anna.filtered("n<400"), 400);
        assert_eq!(anna.store.redo(&anna.session, NOW).unwrap().changed, 400);
        anna.has(100);
    }
    anna.store.compact().unwrap();
    anna.has(100);
    assert_eq!(anna.store.undo(&anna.session, NOW).unwrap().changed, 400);
    anna.has(500);
    let untouched = replica("Ben", 4).store.record("p0003").unwrap();
    assert_eq!(anna.store.record("p0003").unwrap().text(), untouched.text());
}

#[test]
fn many_that_come_back_are_packed_and_can_go_again() {
    let anna = replica("Anna", 5_000);
    for _ in 0..2 {
        let done = anna.store.delete_many(&anna.session, NOW, &matching("n<4500")).unwrap();
        assert_eq!(done.changed, 4_500);
        anna.lists(500);
        assert_eq!(anna.store.undo(&anna.session, NOW).unwrap().changed, 4_500);
        anna.lists(5_000);
    }
    anna.has(5_000);
}

#[test]
fn a_step_on_a_profile_that_was_deleted_since_stays() {
    let anna = replica("Anna", 2);
    let ben = replica("Ben", 2);
    anna.store.edit_many(&anna.session, NOW, &matching(""), &tag("x")).unwrap();
    anna.send(&ben);
    ben.delete("p0000");
    ben.send(&anna);
    anna.has(1);
    let undone = anna.store.undo(&anna.session, NOW).unwrap();
    assert_eq!((undone.changed, undone.refused), (1, 1));
    assert_eq!(undone.obstacles[0].code, "deleted");
    anna.has(1);
}

#[test]
fn a_deletion_waits_for_the_relay_and_comes_to_others() {
    let anna = replica("Anna", 3);
    let ben = replica("Ben", 3);
    anna.settle();
    anna.delete("p0001");
    assert_eq!(anna.store.totals().unwrap().pending, 1);
    anna.send(&ben);
    ben.has(2);
    anna.settle();
    assert_eq!(anna.store.totals().unwrap().pending, 0);
    assert!(!anna.store.has_sendable().unwrap());

    // A replica that never had it learns of it, and of its return.
    let cleo = replica("Cleo", 0);
    anna.store.start_over(Reread::OtherHistory).unwrap();
    assert_eq!(anna.store.rereading().unwrap(), Some(Reread::OtherHistory));
    // A relay that has nothing.
    let end = PageEnd { asked: None, cursor: Cursor::complete("f".to_owned(), 0), total: None };
    anna.store.apply_pull(&anna.session, NOW, &[], &end).unwrap();
    assert_eq!(anna.store.rereading().unwrap(), None, "it was read to its end");
    anna.send(&cleo);
    cleo.has(2);
    assert_eq!(cleo.store.history("p0001").unwrap().len(), 2);
    anna.store.undo(&anna.session, NOW).unwrap();
    anna.send(&cleo);
    cleo.has(3);
}

/// Anna deletes what Ben edits; both know of both.
fn beside() -> (Replica, Replica) {
    let (anna, ben) = (replica("Anna", 3), replica("Ben", 3));
    anna.delete("p0001");
    ben.store.edit(&ben.session, NOW, "p0001", &tag("kept")).unwrap();
    anna.send(&ben);
    ben.send(&anna);
    (anna, ben)
}

#[test]
fn an_edit_beside_a_deletion_is_a_conflict_on_both_sides() {
    let (anna, ben) = beside();
    for side in [&anna, &ben] {
        side.has(3);
        assert_eq!(side.filtered("status:conflict tag:kept"), 1);
        let conflicts = side.conflicts("p0001");
        assert_eq!(conflicts.len(), 1);
        assert_eq!(conflicts[0].pointer, "");
        let values: Vec<_> =
            conflicts[0].values.iter().map(|v| (v.value.clone(), v.by.as_deref())).collect();
        assert_eq!(values, [(Some(json!(false)), Some("Ben")), (Some(json!(true)), Some("Anna"))]);
    }
}

#[test]
fn an_offered_deletion_is_decided_either_way() {
    for (key, left) in [("kept", 3), ("deleted", 2)] {
        let (anna, ben) = beside();
        assert!(ben.store.resolve(&ben.session, NOW, "p0001", "", key).unwrap());
        ben.has(left);
        assert_eq!(ben.store.totals().unwrap().conflicts, 0);
        ben.send(&anna);
        anna.has(left);
        assert_eq!(anna.store.totals().unwrap().conflicts, 0);
    }
}

#[test]
fn taking_back_a_deletion_that_is_offered_turns_it_down() {
    let (anna, _ben) = beside();
    assert_eq!(anna.store.undo(&anna.session, NOW).unwrap().changed, 1);
    assert_eq!(anna.store.totals().unwrap().conflicts, 0);
    anna.has(3);
    assert_eq!(anna.filtered("tag:kept"), 1);
}

#[test]
fn a_file_brings_a_deleted_profile_back_only_where_it_says_something_new() {
    let anna = replica("Anna", 3);
    anna.delete("p0001");
    let again = anna.import((0..3).map(|n| person(n, n)));
    assert_eq!(again, [Landed::Unchanged; 3]);
    anna.has(2);
    let changed = anna.import([person(1, 9)].into_iter());
    assert_eq!(changed, [Landed::Updated { new_conflicts: 1 }]);
    anna.has(3);
    assert_eq!(anna.filtered("n=9 status:conflict"), 1);
    anna.store.resolve(&anna.session, NOW, "p0001", "", "deleted").unwrap();
    anna.has(2);
}

#[test]
fn undoing_the_import_that_stood_beside_a_deletion_leaves_the_deletion() {
    let anna = replica("Anna", 3);
    anna.delete("p0001");
    anna.import([person(1, 9)].into_iter());
    anna.has(3);
    let done = anna.store.undo_import(&anna.session, NOW, 2).unwrap();
    assert_eq!((done.changed, done.refused), (1, 0));
    anna.has(2);
    // The import that brought all of them leaves what was deleted since.
    let done = anna.store.undo_import(&anna.session, NOW, 1).unwrap();
    assert_eq!((done.changed, done.refused), (2, 0));
    anna.has(0);
    assert_eq!(anna.store.history("p0001").unwrap().len(), 4);
}

#[test]
fn a_wrong_mark_of_deletion_is_found_and_mended() {
    let anna = replica("Anna", 60);
    anna.delete("p0007");
    let path = anna.folder.path().join("kartei.sqlite");
    let database = rusqlite::Connection::open(path).unwrap();
    database.execute("UPDATE profiles SET deleted = 1 - deleted WHERE pk IN (8, 9)", []).unwrap();
    let check = anna.store.check(false).unwrap();
    assert!(check.findings.iter().any(|finding| finding.code == "document"), "{check:?}");
    // A mark on a profile without a document is taken back by hand: nobody can have deleted it.
    database.execute("UPDATE profiles SET deleted = 0 WHERE pk = 9", []).unwrap();
    let mended = anna.store.check(true).unwrap();
    assert!(mended.findings.iter().all(|finding| finding.repaired), "{mended:?}");
    anna.has(59);
}

#[test]
fn deleted_profiles_have_a_list_of_their_own() {
    let ada = replica("Ada", 5);
    for (n, id) in ["p0003", "p0001", "p0004"].into_iter().enumerate() {
        let now = NOW + i64::try_from(n).unwrap();
        assert!(ada.store.delete(&ada.session, now, id).unwrap());
    }
    let ids = |offset, limit| {
        let (rows, total) = ada.store.deleted(offset, limit).unwrap();
        assert_eq!(total, 3);
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(0, 2), ["p0004", "p0001"], "the last one first");
    assert_eq!(ids(2, 2), ["p0003"]);
    let (rows, _) = ada.store.deleted(0, 1).unwrap();
    assert_eq!((rows[0].changed_at, rows[0].pending), (NOW + 2, true));
    assert!(rows[0].record.contains("p0004"), "as it was");

    // The way back: the state after the deletion is what the profile was.
    let last = ada.store.history("p0001").unwrap().pop().unwrap().entry.change;
    assert!(ada.store.restore(&ada.session, NOW + 9, "p0001", last).unwrap());
    assert!(ada.store.profile("p0001").is_ok());
    let (rows, total) = ada.store.deleted(0, 9).unwrap();
    assert_eq!((rows.len(), total), (2, 2));
}
