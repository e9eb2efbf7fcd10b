//! Merging one profile into another one in a replica: one step, both ids resolve, and what stands in
//! the way leaves both as they were.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use kartei_local_store::{
    BlockBuilder, ImportStart, LineReader, PageEnd, Session, Store, StoreError, StoreOptions,
};
use kartei_profile::{Actor, Edit, HistoryKind};
use kartei_protocol::desktop::{
    ActDone, ActKind, ListProfiles, MergeProfiles, MergeSeen, PreviewMerge, Selection,
};
use kartei_protocol::sync::{Bytes, Cursor, ErasedLine, ProfileLine, PushAnswer, PushEnd};
use kartei_sync_core::ErasureKey;
use serde_json::{Value, json};
use tempfile::TempDir;

const NOW: i64 = 1_770_000_000_000;

struct Desk {
    folder: TempDir,
    store: Store,
    session: Session,
}

fn open(folder: &Path) -> Store {
    Store::open(folder, StoreOptions::default()).unwrap()
}

fn session(name: &str) -> Session {
    let actor = Actor::from_random([name.as_bytes()[0]; 12]);
    Session { actor, author: Some(name.to_owned()) }
}

fn person(id: &str, members: &Value) -> Value {
    let mut all = json!({"schema": "user_profile.v1", "id": id});
    all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    all
}

fn desk(name: &str, people: &[Value]) -> Desk {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let desk = Desk { folder, store, session: session(name) };
    desk.import(people);
    desk
}

/// Anna twice, with one attribute that differs.
fn annas(name: &str) -> Desk {
    desk(
        name,
        &[
            person("a", &json!({"tags": ["x"], "notes": "n", "attributes": {"city": "Bern"}})),
            person(
                "b",
                &json!({
                    "display_name": "Anna", "tags": ["y"],
                    "attributes": {"city": "Basel", "age": 3},
                    "observations": [
                        {"id": "1", "signal": "s", "value": 1, "at": "2026-01-01T00:00:00Z"}],
                }),
            ),
            person("c", &json!({"display_name": "Cleo"})),
        ],
    )
}

fn asked(kept: &str, merged: &str, choices: &[&str]) -> MergeProfiles {
    MergeProfiles {
        kept: kept.to_owned(),
        merged: merged.to_owned(),
        choices: choices.iter().map(|pointer| (*pointer).to_owned()).collect(),
        seen: None,
    }
}

fn tag(tag: &str) -> [Edit; 1] {
    [Edit::Add { pointer: "/tags".to_owned(), value: json!(tag) }]
}

impl Desk {
    fn import(&self, people: &[Value]) {
        let start = ImportStart { file: "f".to_owned(), now: NOW, ..ImportStart::default() };
        let mut builder = BlockBuilder::default();
        for record in people {
            builder.add(self.store.schema(), record.to_string().as_bytes()).unwrap();
        }
        self.store.begin_import(&start).unwrap().write(&[builder.finish(None)]).unwrap();
    }

    fn merge(&self, kept: &str, merged: &str) -> ActDone {
        self.store.merge(&self.session, NOW, &asked(kept, merged, &[])).unwrap()
    }

    fn edit(&self, id: &str, edits: &[Edit]) {
        assert!(self.store.edit(&self.session, NOW, id, edits).unwrap());
    }

    fn undo(&self) -> ActDone {
        self.store.undo(&self.session, NOW).unwrap()
    }

    fn redo(&self) -> ActDone {
        self.store.redo(&self.session, NOW).unwrap()
    }

    fn members(&self, id: &str) -> Value {
        let mut members = self.store.record(id).unwrap().into_value();
        // Every edit leaves its moment.
        members.as_object_mut().unwrap().remove("updated_at");
        members
    }

    fn survivor(&self, id: &str) -> Option<String> {
        self.store.survivor(id).unwrap()
    }

    /// So many profiles are in the list, and everything agrees.
    fn has(&self, expected: u64) {
        let page =
            self.store.list(&ListProfiles { limit: 100, ..ListProfiles::default() }).unwrap();
        assert_eq!((page.matching, page.rows.len() as u64), (expected, expected));
        assert_eq!(self.store.check(false).unwrap().findings, []);
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

    fn erase(&self, id: &str) -> u64 {
        let key = ErasureKey::from_bytes([7; 32]);
        let hash = Bytes(key.hash(id).0.to_vec());
        let line = ErasedLine { rev: 5, key: Bytes(key.bytes().to_vec()), hash };
        let mut reader = LineReader::<ProfileLine>::new(self.store.schema());
        reader.add_erased(line);
        let asked = self.store.sync_settings().unwrap().cursor;
        let end = PageEnd { asked, cursor: "e.5.5".parse().unwrap(), total: None };
        self.store.apply_received(&self.session, NOW, &reader.finish(), &end).unwrap().erased
    }
}

#[test]
fn a_merging_is_one_step_that_is_taken_back_and_done_again() {
    let desk = annas("Ann");
    let (a, b) = (desk.members("a"), desk.members("b"));
    let request =
        PreviewMerge { kept: "a".to_owned(), merged: "b".to_owned(), choices: Vec::new() };
    let preview = desk.store.preview_merge(&request).unwrap();
    assert_eq!(preview.obstacles, []);
    assert_eq!((preview.after.attributes, preview.after.tags), (2, 2));
    assert_eq!((preview.kept.counts.observations, preview.after.observations), (0, 1));
    let chosen: Vec<&str> =
        preview.fields.iter().filter(|f| f.choice).map(|f| f.pointer.as_str()).collect();
    assert_eq!(chosen, ["/attributes/city"]);

    let request = asked("a", "b", &["/attributes/city"]);
    let done = desk.store.merge(&desk.session, NOW, &request).unwrap();
    let act = done.act.unwrap();
    assert_eq!((done.changed, act.kind, act.id.as_deref()), (2, ActKind::Merge, Some("a")));
    let merged = desk.members("a");
    assert_eq!(merged["attributes"], json!({"age": 3, "city": "Basel"}));
    assert_eq!((&merged["display_name"], &merged["tags"]), (&json!("Anna"), &json!(["x", "y"])));
    assert_eq!(desk.survivor("b").as_deref(), Some("a"));
    assert!(matches!(desk.store.record("b"), Err(StoreError::NotFound(_))));
    assert_eq!(desk.store.profile_with_past("b").unwrap().became.as_deref(), Some("a"));
    assert_eq!(desk.store.deleted(0, 10).unwrap().0[0].became.as_deref(), Some("a"));
    let past = desk.store.history("b").unwrap();
    assert_eq!(past[1].entry.kind, HistoryKind::Deletion);
    assert_eq!(past[1].entry.became.as_deref(), Some("a"));
    desk.has(2);

    // Also in the next session.
    let Desk { folder, store, .. } = desk;
    drop(store);
    let desk = Desk { store: open(folder.path()), folder, session: session("Ben") };
    assert_eq!(desk.undo().changed, 2);
    assert_eq!((desk.members("a"), desk.members("b")), (a, b));
    assert_eq!(desk.survivor("b"), None);
    desk.has(3);
    assert_eq!(desk.redo().changed, 2);
    assert_eq!((desk.members("a"), desk.survivor("b").as_deref()), (merged, Some("a")));
    desk.has(2);
    assert_eq!(desk.undo().changed, 2);
    desk.has(3);
}

#[test]
fn an_id_is_followed_through_several_mergings_but_not_for_ever() {
    let desk = annas("Ann");
    desk.merge("a", "b");
    desk.merge("c", "a");
    assert_eq!(desk.survivor("b").as_deref(), Some("c"));
    assert_eq!(desk.survivor("a").as_deref(), Some("c"));
    assert_eq!(desk.survivor("c"), None, "it is here");
    assert_eq!(desk.survivor("nobody"), None);
    assert_eq!(desk.members("c")["attributes"]["age"], 3);
    assert_eq!(desk.undo().changed, 2);
    assert_eq!(desk.survivor("b").as_deref(), Some("a"));
    desk.redo();
    // Of a survivor that is deleted nothing is left to show.
    assert!(desk.store.delete(&desk.session, NOW, "c").unwrap());
    assert_eq!(desk.survivor("b"), None);
    desk.has(0);
}

#[test]
fn what_stands_in_the_way_leaves_both_as_they_were() {
    let tags = |from: usize| (from..from + 40).map(|n| format!("t{n}")).collect::<Vec<_>>();
    let many = [person("d", &json!({"tags": tags(0)})), person("e", &json!({"tags": tags(100)}))];
    let desk = annas("Ann");
    desk.import(&many);
    let acts = desk.store.acts().unwrap().entries.len();
    let refused =
        |request: &MergeProfiles| desk.store.merge(&desk.session, NOW, request).unwrap_err();
    let blocked = |request: &MergeProfiles| match refused(request) {
        StoreError::Blocked(reason) => reason,
        other => panic!("{other}"),
    };
    assert!(blocked(&asked("d", "e", &[])).contains("/tags"));
    assert!(blocked(&asked("a", "a", &[])).contains("itself"));
    let stale = MergeSeen { kept: "0".repeat(64), merged: "0".repeat(64) };
    let request = MergeProfiles { seen: Some(stale), ..asked("a", "b", &[]) };
    assert!(blocked(&request).contains("changed since"));
    assert!(matches!(refused(&asked("a", "nobody", &[])), StoreError::NotFound(_)));
    assert!(matches!(refused(&asked("a", "b", &["/notes"])), StoreError::Edit(_)));
    assert_eq!(desk.store.acts().unwrap().entries.len(), acts);
    desk.has(5);
}

#[test]
fn open_conflicts_are_decided_before() {
    let (ann, ben) = (annas("Ann"), annas("Ben"));
    let name = |to: &str| [Edit::Set { pointer: "/display_name".to_owned(), value: json!(to) }];
    ann.edit("b", &name("Anne"));
    ben.edit("b", &name("Annie"));
    ben.send(&ann);
    let refused = ann.store.merge(&ann.session, NOW, &asked("a", "b", &[])).unwrap_err();
    assert!(matches!(refused, StoreError::Blocked(reason) if reason.contains("`b` has conflicts")));
    // Those of the profile that stays can wait.
    assert_eq!(ann.merge("b", "a").changed, 2);
    assert_eq!(ann.store.conflicts("b").unwrap().len(), 1);
}

#[test]
fn taking_back_leaves_what_was_changed_since() {
    let desk = annas("Ann");
    desk.merge("a", "b");
    let age = [Edit::Set { pointer: "/attributes/age".to_owned(), value: json!(4) }];
    let ben = annas("Ben");
    desk.send(&ben);
    assert_eq!(ben.survivor("b").as_deref(), Some("a"), "the other desk has it too");
    ben.edit("a", &age);
    ben.send(&desk);
    // As with every step: the changed profile stays as it is and is named, the other one is back.
    let undone = desk.undo();
    assert_eq!((undone.changed, undone.refused, undone.obstacles[0].id.as_str()), (1, 1, "a"));
    assert_eq!(desk.members("a")["attributes"]["age"], 4);
    assert_eq!(desk.survivor("b"), None);
    desk.has(3);
}

#[test]
fn who_is_merged_again_is_in_the_one_that_stays_or_nothing_is_done() {
    let desk = annas("Ann");
    desk.merge("a", "b");
    desk.undo();
    let ben = annas("Ben");
    desk.send(&ben);
    ben.edit("a", &[Edit::Set { pointer: "/attributes/city".to_owned(), value: json!("Thun") }]);
    ben.edit("a", &[Edit::Set { pointer: "/attributes/age".to_owned(), value: json!(9) }]);
    ben.send(&desk);
    let again = desk.redo();
    assert_eq!((again.changed, again.refused, again.obstacles[0].id.as_str()), (0, 1, "a"));
    assert_eq!(desk.survivor("b"), None, "it would be nowhere");
    desk.has(3);
    ben.store.delete(&ben.session, NOW, "a").unwrap();
    ben.send(&desk);
    let again = desk.redo();
    let codes: Vec<&str> = again.obstacles.iter().map(|one| one.code.as_str()).collect();
    assert_eq!((again.changed, codes), (0, vec!["survivor_gone", "deleted"]));
    desk.has(2);
}

#[test]
fn two_desks_that_merge_each_into_the_other_lose_nobody() {
    let (ann, ben) = (annas("Ann"), annas("Ben"));
    ann.merge("a", "b");
    ben.merge("b", "a");
    ann.send(&ben);
    ben.send(&ann);
    for desk in [&ann, &ben] {
        desk.has(3);
        for id in ["a", "b"] {
            let conflicts = desk.store.conflicts(id).unwrap();
            let whole = conflicts.iter().find(|one| one.pointer.is_empty()).unwrap();
            let into = if id == "a" { "b" } else { "a" };
            assert_eq!(whole.values[1].value, Some(json!(into)), "the merging is offered");
            assert_eq!(desk.survivor(id), None);
        }
    }
    // Both stay until somebody decides; then one of them is kept.
    let refused = ann.store.merge(&ann.session, NOW, &asked("a", "b", &[])).unwrap_err();
    assert!(matches!(refused, StoreError::Blocked(_)));
    assert!(ann.store.resolve(&ann.session, NOW, "a", "", "kept").unwrap());
    assert!(ann.store.resolve(&ann.session, NOW, "b", "", "deleted").unwrap());
    ann.send(&ben);
    for desk in [&ann, &ben] {
        assert_eq!(desk.survivor("b").as_deref(), Some("a"));
        assert_eq!(desk.members("a")["tags"], json!(["x", "y"]));
        desk.has(2);
    }
    // Where both are given up nothing turns round and round.
    ann.store.delete(&ann.session, NOW, "a").unwrap();
    assert_eq!(ann.survivor("b"), None);
}

#[test]
fn a_ring_of_mergings_ends() {
    let (ann, ben) = (annas("Ann"), annas("Ben"));
    ann.merge("a", "b");
    ben.merge("b", "a");
    ben.send(&ann);
    for id in ["a", "b"] {
        assert!(ann.store.resolve(&ann.session, NOW, id, "", "deleted").unwrap());
    }
    assert_eq!((ann.survivor("a"), ann.survivor("b")), (None, None));
    ann.has(1);
    ann.settle();
    assert_eq!(ann.erase("a"), 2, "and erasing one of them ends as well");
    ann.has(1);
}

#[test]
fn erasing_a_profile_erases_those_that_were_merged_into_it() {
    let desk = annas("Ann");
    desk.merge("a", "b");
    desk.merge("c", "a");
    desk.settle();
    assert_eq!(desk.erase("c"), 3);
    desk.has(0);
    for id in ["a", "b", "c"] {
        assert!(desk.store.profile_with_past(id).is_err());
        assert_eq!(desk.survivor(id), None);
    }
    assert!(desk.store.acts().unwrap().entries.is_empty(), "no step tells of them");
}

#[test]
fn a_merging_that_the_relay_has_not_seen_goes_there_before_it_is_erased() {
    let desk = annas("Ann");
    desk.settle();
    desk.merge("a", "b");
    assert_eq!(desk.erase("a"), 1);
    let batch = desk.store.next_push(10).unwrap();
    let ids: Vec<&str> = batch.items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids, ["b"], "only the relay can erase it everywhere");
    desk.has(1);
}

#[test]
fn a_merging_that_was_taken_back_cannot_be_done_again_without_the_other_one() {
    let desk = annas("Ann");
    desk.merge("a", "b");
    desk.undo();
    assert_eq!(desk.erase("a"), 1, "the other one is somebody else again");
    desk.has(2);
    let selection = Selection { ids: Some(vec!["b".to_owned()]), ..Selection::default() };
    assert_eq!(desk.store.count_selected(&selection).unwrap(), 1);
    assert!(desk.store.redo(&desk.session, NOW).is_err());
    assert!(desk.store.edit(&desk.session, NOW, "b", &tag("t")).unwrap());
}
