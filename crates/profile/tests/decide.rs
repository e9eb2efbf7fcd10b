//! Conflicts are decided one by one or together, for a side or by hand; texts are written on.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

use kartei_profile::{
    Actor, Change, Choice, Decision, Document, Edit, EditError, Record, RecordSchema, Stamp,
};
use serde_json::{Value, json};

/// A document and its person.
struct Desk {
    document: Document,
    actor: Actor,
    stamp: Stamp,
}

impl Desk {
    fn edit(&mut self, schema: &RecordSchema, edits: &[Edit]) -> Change {
        self.document.edit(schema, self.actor, &self.stamp, edits).unwrap().unwrap()
    }

    fn field(&self, schema: &RecordSchema, pointer: &str) -> Option<Value> {
        self.document.record(schema).unwrap().field(schema, pointer)
    }
}

fn desks(schema: &RecordSchema) -> (Desk, Desk) {
    let value = json!({
        "schema": "user_profile.v1", "id": "p-1", "display_name": "Anna",
        "attributes": {"age": 30, "city": "Bern"}, "notes": "Calls on Monday.",
        "consent": {"analytics": true, "recorded_at": "2026-01-01T00:00:00Z"}
    });
    let record = Record::accept(schema, &value).unwrap().record;
    let document = Document::genesis(schema, &record).unwrap();
    let desk = |byte: u8, by: &str| Desk {
        document: document.clone(),
        actor: Actor::from_random([byte; 12]),
        stamp: Stamp { at_seconds: 1_790_000_000 + i64::from(byte), by: Some(by.to_owned()) },
    };
    (desk(1, "Anna"), desk(2, "Ben"))
}

fn set(pointer: &str, value: Value) -> Edit {
    Edit::Set { pointer: pointer.into(), value }
}

/// Both set city and age and know of each other's values.
fn parted(schema: &RecordSchema) -> Desk {
    let (mut anna, mut ben) = desks(schema);
    anna.edit(
        schema,
        &[set("/attributes/city", json!("Basel")), set("/attributes/age", json!(31))],
    );
    let change = ben
        .edit(schema, &[set("/attributes/city", json!("Zug")), set("/attributes/age", json!(32))]);
    anna.document.apply(schema, &[change]).unwrap();
    assert_eq!(anna.document.conflict_count(schema).unwrap(), 2);
    anna
}

fn side(desk: &Desk, schema: &RecordSchema, pointer: &str, by: &str) -> Decision {
    let conflicts = desk.document.conflicts(schema).unwrap();
    let conflict = conflicts.iter().find(|conflict| conflict.pointer == pointer).unwrap();
    let value = conflict.values.iter().find(|value| value.by.as_deref() == Some(by)).unwrap();
    Decision { pointer: pointer.to_owned(), choice: Choice::Side(value.key.clone()) }
}

#[test]
fn several_conflicts_are_decided_in_one_change() {
    let schema = RecordSchema::user_profile_v1();
    let mut anna = parted(&schema);
    let decisions = [
        side(&anna, &schema, "/attributes/city", "Ben"),
        Decision {
            pointer: "/attributes/age".to_owned(),
            choice: Choice::Value(Some(json!(31.5))),
        },
    ];
    let before = anna.document.changes().len();
    let change = anna.document.decide(&schema, anna.actor, &anna.stamp, &decisions).unwrap();
    assert!(change.is_some());
    assert_eq!(anna.document.changes().len(), before + 1);
    assert_eq!(anna.document.conflict_count(&schema).unwrap(), 0);
    assert_eq!(anna.field(&schema, "/attributes/city"), Some(json!("Zug")));
    assert_eq!(anna.field(&schema, "/attributes/age"), Some(json!(31.5)));
}

#[test]
fn a_field_can_be_removed_to_end_its_conflict() {
    let schema = RecordSchema::user_profile_v1();
    let mut anna = parted(&schema);
    let gone = Decision { pointer: "/attributes/city".to_owned(), choice: Choice::Value(None) };
    anna.document.decide(&schema, anna.actor, &anna.stamp, &[gone]).unwrap().unwrap();
    assert_eq!(anna.field(&schema, "/attributes/city"), None);
    assert_eq!(anna.document.conflict_count(&schema).unwrap(), 1);
}

#[test]
fn all_are_decided_or_none() {
    let schema = RecordSchema::user_profile_v1();
    let mut anna = parted(&schema);
    let city = side(&anna, &schema, "/attributes/city", "Ben");
    let heads = anna.document.heads();
    let stale = Decision {
        pointer: "/display_name".to_owned(),
        choice: Choice::Value(Some(json!("Anne"))),
    };
    let wrong = Decision {
        pointer: "/attributes/age".to_owned(),
        choice: Choice::Value(Some(json!([31]))),
    };
    let refused = anna.document.decide(&schema, anna.actor, &anna.stamp, &[city.clone(), stale]);
    assert!(
        matches!(refused, Err(EditError::NoConflict { pointer }) if pointer == "/display_name")
    );
    let refused = anna.document.decide(&schema, anna.actor, &anna.stamp, &[city, wrong]);
    assert!(matches!(refused, Err(EditError::Invalid(_))));
    assert_eq!(anna.document.heads(), heads, "nothing was changed");
}

#[test]
fn a_text_is_written_on_beside_what_others_wrote() {
    let schema = RecordSchema::user_profile_v1();
    let (mut anna, mut ben) = desks(&schema);
    let base = "Calls on Monday.";
    let change = ben.edit(&schema, &[set("/notes", json!("Never calls on Monday."))]);
    anna.document.apply(&schema, std::slice::from_ref(&change)).unwrap();
    let written = Edit::Text {
        pointer: "/notes".to_owned(),
        base: base.to_owned(),
        value: "Calls on Monday. Prefers mail.".to_owned(),
    };
    let change = anna.edit(&schema, std::slice::from_ref(&written));
    let both = Some(json!("Never calls on Monday. Prefers mail."));
    assert_eq!(anna.field(&schema, "/notes"), both);
    ben.document.apply(&schema, &[change]).unwrap();
    assert_eq!(ben.field(&schema, "/notes"), both);
    let other =
        Edit::Text { pointer: "/display_name".into(), base: String::new(), value: "A".into() };
    let refused = anna.document.edit(&schema, anna.actor, &anna.stamp, &[other]);
    assert!(matches!(refused, Err(EditError::Target { .. })), "only texts are written on");
}

#[test]
fn who_wrote_what_is_shown_is_known() {
    let schema = RecordSchema::user_profile_v1();
    let (mut anna, mut ben) = desks(&schema);
    let origin = |desk: &Desk, pointer: &str| desk.document.origin(&schema, pointer).unwrap();
    assert_eq!(origin(&anna, "/consent").unwrap().by, None, "an import has no name");
    assert_eq!(origin(&anna, ""), None, "nobody deleted it");
    let refused = json!({"analytics": false, "recorded_at": "2026-02-01T00:00:00Z"});
    let change = ben.edit(&schema, &[set("/consent", refused)]);
    anna.document.apply(&schema, &[change]).unwrap();
    let from = origin(&anna, "/consent").unwrap();
    assert_eq!((from.by.as_deref(), from.at), (Some("Ben"), Some(1_790_000_002)));
    anna.document.delete(&schema, anna.actor, &anna.stamp).unwrap().unwrap();
    assert_eq!(origin(&anna, "").unwrap().by.as_deref(), Some("Anna"));
}
