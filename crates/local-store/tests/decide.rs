//! Conflicts that are decided together, and the relay's state in the place of what it refused: each
//! one step, which can be taken back.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use kartei_local_store::{
    BlockBuilder, ImportStart, PageEnd, PushBatch, Session, Store, StoreError, StoreOptions,
};
use kartei_profile::{Actor, Choice, Decision, Edit};
use kartei_protocol::desktop::{ActKind, Side};
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::sync::{Cursor, ProfileLine, PushAnswer, PushEnd};
use serde_json::{Value, json};
use tempfile::TempDir;

const NOW: i64 = 1_770_000_000_000;

/// A replica with its folder and its person.
struct Replica {
    _folder: TempDir,
    store: Store,
    session: Session,
}

fn replica(name: &str) -> Replica {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let actor = Actor::from_random([name.as_bytes()[0]; 12]);
    let session = Session { actor, author: Some(name.to_owned()) };
    let mut builder = BlockBuilder::default();
    for id in ["p1", "p2", "p3"] {
        let record = json!({
            "schema": "user_profile.v1", "id": id, "attributes": {"city": "Bern", "n": 1}
        });
        builder.add(store.schema(), record.to_string().as_bytes()).unwrap();
    }
    let start = ImportStart { file: "f".to_owned(), now: NOW, ..ImportStart::default() };
    store.begin_import(&start).unwrap().write(&[builder.finish(None)]).unwrap();
    Replica { _folder: folder, store, session }
}

fn set(key: &str, value: Value) -> Edit {
    Edit::Set { pointer: format!("/attributes/{key}"), value }
}

fn end() -> PushEnd {
    PushEnd { epoch: "e".to_owned(), head_before: 0, head_rev: 1, total: None }
}

fn lines(batch: &PushBatch) -> Vec<ProfileLine> {
    let line = |(item, rev): (&kartei_protocol::sync::PushItem, u64)| ProfileLine {
        id: item.id.clone(),
        rev,
        genesis: item.genesis.clone(),
        record: item.record.clone(),
        changes: item.changes.clone(),
    };
    batch.items.iter().zip(1..).map(line).collect()
}

impl Replica {
    fn edit(&self, id: &str, edits: &[Edit]) {
        assert!(self.store.edit(&self.session, NOW, id, edits).unwrap());
    }

    fn batch(&self) -> PushBatch {
        self.store.next_push(100).unwrap()
    }

    fn send(&self, to: &Self) {
        let cursor = Cursor { epoch: "e".to_owned(), base: 0, rev: 1, begun: 0 };
        let asked = to.store.sync_settings().unwrap().cursor;
        let page = PageEnd { asked, cursor, total: None };
        to.store.apply_pull(&to.session, NOW, &lines(&self.batch()), &page).unwrap();
    }

    fn answer(&self, answer: impl Fn(String) -> PushAnswer) {
        let batch = self.batch();
        let answers: Vec<_> = batch.items.iter().map(|item| answer(item.id.clone())).collect();
        self.store.settle(&self.session, NOW, &batch, &answers, &end()).unwrap();
    }

    fn value(&self, id: &str, key: &str) -> Option<Value> {
        let record = self.store.record(id).unwrap();
        record.field(self.store.schema(), &format!("/attributes/{key}"))
    }

    fn in_conflict(&self) -> u64 {
        self.store.totals().unwrap().conflicts
    }

    fn undo(&self) {
        let done = self.store.undo(&self.session, NOW).unwrap();
        assert_eq!(done.refused, 0, "{:?}", done.obstacles);
    }
}

/// Anna and Ben set the same fields of two profiles; Ben alone set one of the third.
fn parted() -> Replica {
    let (anna, ben) = (replica("Anna"), replica("Ben"));
    for id in ["p1", "p2"] {
        anna.edit(id, &[set("city", json!("Basel")), set("n", json!(2))]);
        ben.edit(id, &[set("city", json!("Zug")), set("n", json!(3))]);
    }
    ben.edit("p3", &[set("city", json!("Zug"))]);
    ben.send(&anna);
    assert_eq!(anna.in_conflict(), 2);
    anna
}

#[test]
fn a_side_of_many_is_one_step_and_comes_back_with_it() {
    let anna = parted();
    let ids = ["p1", "p2", "p3", "none"].map(str::to_owned);
    // What every replica shows meanwhile does not change when it is chosen: the other one is.
    let shown = anna.value("p1", "city");
    let (side, other) = match shown == Some(json!("Zug")) {
        true => (Side::Mine, "Basel"),
        false => (Side::Theirs, "Zug"),
    };
    let done = anna.store.decide_many(&anna.session, NOW, &ids, side).unwrap();
    assert_eq!((done.changed, done.unchanged, done.refused), (2, 1, 1));
    let act = done.act.unwrap();
    assert_eq!((act.kind, act.profiles), (ActKind::Resolve, 2));
    assert_eq!(anna.in_conflict(), 0);
    assert_eq!(anna.value("p1", "city"), Some(json!(other)));
    assert_eq!(anna.value("p2", "city"), Some(json!(other)));
    assert_eq!(anna.store.check(false).unwrap().findings, []);
    anna.undo();
    assert_eq!(anna.value("p1", "city"), shown, "as it was shown before");
    assert_eq!(anna.in_conflict(), 2, "and both are in conflict again");
    assert_eq!(anna.store.conflicts("p1").unwrap().len(), 2);
    assert_eq!(anna.store.check(false).unwrap().findings, []);
    anna.store.redo(&anna.session, NOW).unwrap();
    assert_eq!(anna.in_conflict(), 0, "done again");
    assert_eq!(anna.value("p1", "city"), Some(json!(other)));
    anna.undo();
    assert_eq!((anna.in_conflict(), anna.value("p1", "city")), (2, shown), "as often as one likes");
}

#[test]
fn a_decision_for_what_is_shown_is_taken_back_on_every_replica() {
    let (anna, ben) = (replica("Anna"), replica("Ben"));
    anna.edit("p1", &[set("city", json!("Basel"))]);
    ben.edit("p1", &[set("city", json!("Zug"))]);
    ben.send(&anna);
    anna.send(&ben);
    let before = anna.store.conflicts("p1").unwrap().remove(0);
    let shown = anna.value("p1", "city");
    let key = &before.values[0].key;
    assert!(anna.store.resolve(&anna.session, NOW, "p1", "/attributes/city", key).unwrap());
    anna.send(&ben);
    assert_eq!((anna.in_conflict(), ben.in_conflict()), (0, 0));
    anna.undo();
    anna.send(&ben);
    for desk in [&anna, &ben] {
        assert_eq!(desk.value("p1", "city"), shown);
        let again = desk.store.conflicts("p1").unwrap().remove(0);
        let sides = |conflict: &kartei_profile::Conflict| -> Vec<_> {
            conflict.values.iter().map(|side| (side.value.clone(), side.by.clone())).collect()
        };
        assert_eq!((again.base.clone(), sides(&again)), (before.base.clone(), sides(&before)));
        assert_eq!(desk.store.check(false).unwrap().findings, []);
    }
    // Whose values they are is still known: each decides for its own side.
    let ids = ["p1".to_owned()];
    let done = ben.store.decide_many(&ben.session, NOW, &ids, Side::Mine).unwrap();
    assert_eq!((done.changed, ben.value("p1", "city")), (1, Some(json!("Zug"))));
}

#[test]
fn an_edit_of_a_contested_field_ends_its_conflict_until_it_is_taken_back() {
    let anna = parted();
    anna.edit("p1", &[set("city", json!("Chur")), set("new", json!(1))]);
    assert_eq!(anna.store.conflicts("p1").unwrap().len(), 1);
    anna.undo();
    assert_eq!(anna.store.conflicts("p1").unwrap().len(), 2);
    assert_eq!(anna.value("p1", "new"), None, "what else it changed is back too");
    assert_eq!(anna.store.check(false).unwrap().findings, []);
}

#[test]
fn an_offered_deletion_is_offered_again() {
    for key in ["kept", "deleted"] {
        let (anna, ben) = (replica("Anna"), replica("Ben"));
        anna.edit("p1", &[set("city", json!("Basel"))]);
        assert!(ben.store.delete(&ben.session, NOW, "p1").unwrap());
        ben.send(&anna);
        assert_eq!(anna.in_conflict(), 1);
        assert!(anna.store.resolve(&anna.session, NOW, "p1", "", key).unwrap());
        assert_eq!(anna.in_conflict(), 0);
        anna.undo();
        assert_eq!(anna.in_conflict(), 1, "after {key}");
        assert_eq!(anna.value("p1", "city"), Some(json!("Basel")));
        anna.store.redo(&anna.session, NOW).unwrap();
        assert_eq!(anna.in_conflict(), 0);
        assert_eq!(anna.store.record("p1").is_err(), key == "deleted");
        anna.undo();
        assert_eq!(anna.in_conflict(), 1);
        assert_eq!(anna.store.check(false).unwrap().findings, []);
    }
}

#[test]
fn a_conflict_without_that_side_is_named_and_stays() {
    let anna = parted();
    let (dana, cleo) = (replica("Dana"), replica("Cleo"));
    dana.edit("p3", &[set("n", json!(7))]);
    cleo.edit("p3", &[set("n", json!(8))]);
    dana.send(&anna);
    cleo.send(&anna);
    let ids = ["p3".to_owned()];
    let done = anna.store.decide_many(&anna.session, NOW, &ids, Side::Mine).unwrap();
    assert_eq!((done.changed, done.refused), (0, 1));
    assert_eq!(done.obstacles[0].code, "no_such_side");
    assert_eq!(anna.in_conflict(), 3);
}

#[test]
fn the_decisions_of_a_profile_are_one_step() {
    let anna = parted();
    let conflicts = anna.store.conflicts("p1").unwrap();
    let by_hand = |pointer: &str, value: Value| Decision {
        pointer: pointer.to_owned(),
        choice: Choice::Value(Some(value)),
    };
    assert_eq!(conflicts.len(), 2);
    let decisions =
        [by_hand("/attributes/city", json!("Chur")), by_hand("/attributes/n", json!(9))];
    assert!(anna.store.decide(&anna.session, NOW, "p1", &decisions).unwrap());
    assert_eq!(anna.value("p1", "city"), Some(json!("Chur")));
    let again = anna.store.decide(&anna.session, NOW, "p1", &decisions);
    assert!(matches!(again, Err(StoreError::Edit(_))), "nothing is left to decide");
    anna.undo();
    assert_ne!(anna.value("p1", "city"), Some(json!("Chur")));
    assert_ne!(anna.value("p1", "n"), Some(json!(9)));
}

#[test]
fn the_relays_state_takes_the_place_of_what_it_refused_and_can_be_taken_back() {
    let anna = replica("Anna");
    let relays = lines(&anna.batch()).swap_remove(0);
    assert_eq!(relays.id, "p1");
    anna.answer(|id| PushAnswer::Accepted { id, rev: 1 });
    anna.edit("p1", &[set("city", json!("Basel")), set("new", json!(true))]);
    let early = anna.store.take_relays(&anna.session, NOW, &relays);
    assert!(matches!(early, Err(StoreError::Blocked(_))), "nothing is refused yet");
    anna.answer(|id| PushAnswer::Rejected {
        id,
        code: ProblemCode::TooLarge,
        reason: "too large".to_owned(),
    });
    assert_eq!(anna.store.totals().unwrap().rejected, 1);

    let compared = anna.store.compare_with_relays(&anna.session, NOW, &relays).unwrap();
    let fields: Vec<_> = compared.fields.iter().map(|field| field.pointer.as_str()).collect();
    assert_eq!(fields, ["/attributes/city", "/attributes/new"]);
    assert_eq!((compared.changes, compared.deleted), (1, false));
    assert_eq!(anna.value("p1", "city"), Some(json!("Basel")), "comparing changes nothing");

    assert!(anna.store.take_relays(&anna.session, NOW, &relays).unwrap());
    assert_eq!(anna.value("p1", "city"), Some(json!("Bern")));
    assert_eq!(anna.value("p1", "new"), None);
    assert_eq!(anna.store.totals().unwrap().rejected, 0);
    assert!(!anna.store.has_sendable().unwrap(), "nothing of it is sent any more");
    assert_eq!(anna.store.check(false).unwrap().findings, []);
    let act = anna.store.acts().unwrap().undo.unwrap();
    assert_eq!((act.kind, act.id.as_deref()), (ActKind::TakeRelays, Some("p1")));

    anna.undo();
    assert_eq!(anna.value("p1", "city"), Some(json!("Basel")), "nothing was lost");
    assert_eq!(anna.value("p1", "new"), Some(json!(true)));
    assert!(anna.store.has_sendable().unwrap(), "as a new change");
    assert_eq!(anna.store.check(false).unwrap().findings, []);
}
