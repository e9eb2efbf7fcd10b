//! A decision that is taken back is a conflict again, everywhere and with the same people's values.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

use std::rc::Rc;

use kartei_profile::{
    Actor, Change, Choice, Conflict, Decision, Document, Edit, HistoryKind, Record, RecordSchema,
    Stamp,
};
use serde_json::{Value, json};

const CITY: &str = "/attributes/city";

/// A document and its person.
#[derive(Clone)]
struct Desk {
    schema: Rc<RecordSchema>,
    document: Document,
    actor: Actor,
    stamp: Stamp,
}

impl Desk {
    fn set(&mut self, pointer: &str, value: Value) {
        let edit = Edit::Set { pointer: pointer.to_owned(), value };
        self.document.edit(&self.schema, self.actor, &self.stamp, &[edit]).unwrap().unwrap();
    }

    fn decide(&mut self, pointer: &str, choice: Choice) {
        let decision = [Decision { pointer: pointer.to_owned(), choice }];
        let change = self.document.decide(&self.schema, self.actor, &self.stamp, &decision);
        assert!(change.unwrap().is_some());
    }

    /// Decides for the value that `by` wrote.
    fn decide_for(&mut self, pointer: &str, by: &str) {
        let conflicts = self.conflicts();
        let conflict = conflicts.iter().find(|conflict| conflict.pointer == pointer).unwrap();
        let side = conflict.values.iter().find(|side| side.by.as_deref() == Some(by)).unwrap();
        self.decide(pointer, Choice::Side(side.key.clone()));
    }

    fn reopen(&mut self, pointers: &[&str]) -> Vec<Change> {
        let pointers: Vec<String> = pointers.iter().map(|&pointer| pointer.to_owned()).collect();
        let again = self.document.reopen(&self.schema, self.actor, &self.stamp, &pointers).unwrap();
        assert!(again.left.is_empty(), "{:?}", again.left);
        again.changes
    }

    fn takes(&mut self, from: &Self) {
        self.document.apply(&self.schema, &from.document.changes()).unwrap();
    }

    fn conflicts(&self) -> Vec<Conflict> {
        self.document.conflicts(&self.schema).unwrap()
    }

    fn field(&self, pointer: &str) -> Option<Value> {
        self.document.record(&self.schema).unwrap().field(&self.schema, pointer)
    }
}

/// Value, name and moment of each side.
fn sides(desk: &Desk, pointer: &str) -> Vec<(Option<Value>, Option<String>, Option<i64>)> {
    let conflicts = desk.conflicts();
    let conflict = conflicts.into_iter().find(|conflict| conflict.pointer == pointer);
    let values = conflict.into_iter().flat_map(|conflict| conflict.values);
    values.map(|side| (side.value, side.by, side.at)).collect()
}

fn desks() -> (Desk, Desk) {
    let schema = Rc::new(RecordSchema::user_profile_v1());
    let value = json!({
        "schema": "user_profile.v1", "id": "p-1", "display_name": "Anna",
        "attributes": {"age": 30, "city": "Bern"},
    });
    let record = Record::accept(&schema, &value).unwrap().record;
    let document = Document::genesis(&schema, &record).unwrap();
    let desk = |byte: u8, by: &str| Desk {
        schema: schema.clone(),
        document: document.clone(),
        actor: Actor::from_random([byte; 12]),
        stamp: Stamp { at_seconds: 1_790_000_000 + i64::from(byte), by: Some(by.to_owned()) },
    };
    (desk(1, "Anna"), desk(2, "Ben"))
}

/// Both set the city, and know of each other's.
fn parted() -> (Desk, Desk) {
    let (mut anna, mut ben) = desks();
    anna.set(CITY, json!("Basel"));
    ben.set(CITY, json!("Zug"));
    anna.takes(&ben);
    ben.takes(&anna);
    (anna, ben)
}

#[test]
fn both_values_are_back_with_their_people_on_both_desks() {
    for chosen in ["Anna", "Ben"] {
        let (mut anna, mut ben) = parted();
        let before = anna.conflicts();
        anna.decide_for(CITY, chosen);
        assert_eq!(anna.conflicts(), []);
        let changes = anna.reopen(&[CITY]);
        assert_eq!(changes.len(), 1, "one change of one's own");
        ben.takes(&anna);
        for desk in [&anna, &ben] {
            let again = desk.conflicts();
            assert_eq!(again[0].base, Some(json!("Bern")), "what it was before they parted");
            let without_key = |side: &kartei_profile::ConflictValue| {
                (side.value.clone(), side.change, side.actor.clone(), side.by.clone(), side.at)
            };
            let (was, is) = (&before[0].values, &again[0].values);
            assert!(was.iter().map(without_key).eq(is.iter().map(without_key)), "{again:?}");
        }
        let reloaded = Document::load(&anna.document.save()).unwrap();
        assert_eq!(reloaded.conflicts(&anna.schema).unwrap(), anna.conflicts());
        assert_eq!(reloaded.heads(), anna.document.heads());
    }
}

#[test]
fn two_who_take_the_same_decision_back_make_one_conflict() {
    let (mut anna, mut ben) = parted();
    let before = sides(&anna, CITY);
    anna.decide_for(CITY, "Ben");
    ben.takes(&anna);
    anna.reopen(&[CITY]);
    ben.reopen(&[CITY]);
    let (mut first, mut second) = (anna.clone(), ben.clone());
    first.takes(&ben);
    second.takes(&anna);
    for desk in [&first, &second] {
        assert_eq!(desk.conflicts().len(), 1);
        assert_eq!(sides(desk, CITY), before, "each value once");
    }
    first.decide_for(CITY, "Anna");
    second.takes(&first);
    assert_eq!((second.conflicts().len(), second.field(CITY)), (0, Some(json!("Basel"))));
}

#[test]
fn what_was_removed_or_written_by_hand_comes_back_as_it_was_in_conflict() {
    let (mut anna, mut ben) = desks();
    anna.set(CITY, json!("Basel"));
    let gone = Edit::Unset { pointer: CITY.to_owned() };
    ben.document.edit(&ben.schema, ben.actor, &ben.stamp, &[gone]).unwrap().unwrap();
    anna.takes(&ben);
    let before = sides(&anna, CITY);
    assert!(before.iter().any(|(value, ..)| value.is_none()));
    anna.decide(CITY, Choice::Value(Some(json!("Chur"))));
    // Edited since and back: the conflict is looked for behind that.
    anna.set(CITY, json!("Thun"));
    anna.set(CITY, json!("Chur"));
    anna.reopen(&[CITY]);
    assert_eq!(sides(&anna, CITY), before);
}

#[test]
fn who_edits_on_meanwhile_is_a_side_of_it() {
    let (mut anna, mut ben) = parted();
    anna.decide_for(CITY, "Ben");
    ben.takes(&anna);
    ben.set(CITY, json!("Genf"));
    anna.reopen(&[CITY]);
    anna.takes(&ben);
    let values: Vec<_> = sides(&anna, CITY).into_iter().filter_map(|(value, ..)| value).collect();
    assert_eq!(values.len(), 3, "{values:?}");
    assert!(values.contains(&json!("Genf")));
}

#[test]
fn an_offered_deletion_is_offered_again_whatever_was_decided() {
    for chosen in ["kept", "deleted"] {
        let (mut anna, mut ben) = desks();
        anna.set(CITY, json!("Basel"));
        ben.document.delete(&ben.schema, ben.actor, &ben.stamp).unwrap().unwrap();
        anna.takes(&ben);
        let before = sides(&anna, "");
        assert_eq!(before.len(), 2);
        anna.decide("", Choice::Side(chosen.to_owned()));
        assert_eq!(anna.document.is_deleted(), chosen == "deleted");
        ben.takes(&anna);
        let mine = anna.reopen(&[""]);
        let bens = ben.reopen(&[""]);
        assert_eq!(mine[0].hash(), bens[0].hash(), "the same change, whoever takes it back");
        for desk in [&anna, &ben] {
            assert!(!desk.document.is_deleted());
            let again = sides(desk, "");
            assert_eq!(again.len(), 2);
            assert_eq!(again[0], before[0], "who wrote beside the deletion");
            // The deletion that stands is the one that was decided for, where it was.
            let deleted_by = if chosen == "kept" { "Ben" } else { "Anna" };
            assert_eq!(again[1].1.as_deref(), Some(deleted_by));
        }
        // Decided and taken back again: the newest decision is the one.
        anna.decide("", Choice::Side("kept".to_owned()));
        anna.reopen(&[""]);
        assert_eq!(sides(&anna, "").len(), 2);
    }
}

#[test]
fn history_says_that_a_decision_was_taken_back() {
    let (mut anna, _) = parted();
    let shown = anna.field(CITY);
    let winner = sides(&anna, CITY)[0].1.clone().unwrap();
    anna.decide_for(CITY, &winner);
    anna.reopen(&[CITY]);
    let history = anna.document.history(&anna.schema).unwrap();
    let last = history.last().unwrap();
    assert_eq!((last.kind, last.by.as_deref()), (HistoryKind::Reopening, Some("Anna")));
    assert_eq!(last.fields[0].pointer, CITY, "named although it shows the same");
    assert_eq!(last.fields[0].after, shown);
}

#[test]
fn a_field_that_was_never_in_conflict_is_left() {
    let (mut anna, _) = desks();
    anna.set(CITY, json!("Basel"));
    let heads = anna.document.heads();
    let pointers = [CITY.to_owned(), String::new(), "/tags/x".to_owned(), "/notes".to_owned()];
    let again = anna.document.reopen(&anna.schema, anna.actor, &anna.stamp, &pointers).unwrap();
    assert_eq!((again.changes.len(), again.left.len()), (0, 4));
    assert_eq!(anna.document.heads(), heads);
}
