//! What a first edit makes without reading the document back is what reading it back says; fields
//! can be put back as they were.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

use kartei_profile::{Actor, Document, Edit, Record, RecordSchema, Stamp, Steps};
use serde_json::{Value, json};

fn record(schema: &RecordSchema) -> Record {
    let value = json!({
        "schema": "user_profile.v1", "id": "p-1", "display_name": "Anna",
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z",
        "tags": ["a", "b"], "attributes": {"age": 30, "city": "Bern"}, "notes": "Likes tea.",
        "observations": [
            {"id": "o1", "signal": "x", "at": "2026-01-01T00:00:00Z", "value": 1},
            {"id": "o2", "signal": "y", "at": "2026-01-02T00:00:00Z", "value": 2}
        ]
    });
    Record::accept(schema, &value).unwrap().record
}

fn edits() -> Vec<Vec<Edit>> {
    let set = |pointer: &str, value: Value| Edit::Set { pointer: pointer.into(), value };
    let add = |pointer: &str, value: Value| Edit::Add { pointer: pointer.into(), value };
    let remove = |pointer: &str, value: Value| Edit::Remove { pointer: pointer.into(), value };
    vec![
        vec![add("/tags", json!("vip"))],
        vec![remove("/tags", json!("a")), set("/attributes/age", json!(31))],
        vec![set("/attributes/new", json!(null)), set("/display_name", json!("Anne"))],
        vec![Edit::Unset { pointer: "/attributes/city".into() }, set("/notes", json!("Tea, no."))],
        vec![Edit::Unset { pointer: "/display_name".into() }],
        vec![remove("/observations", json!("o2"))],
        vec![add(
            "/observations",
            json!({"id": "o3", "signal": "z", "at": "2026-02-01T00:00:00Z", "value": 3}),
        )],
    ]
}

/// After and before the record's own `updated_at`.
const MOMENTS: [i64; 2] = [1_790_000_000, 1_000_000_000];

fn stamp(at_seconds: i64) -> Stamp {
    Stamp { at_seconds, by: Some("Ann".to_owned()) }
}

#[test]
fn a_first_edit_is_the_same_with_and_without_reading_back() {
    let schema = RecordSchema::user_profile_v1();
    let actor = Actor::from_random([7; 12]);
    let record = record(&schema);
    for (edits, moment) in edits().into_iter().flat_map(|e| MOMENTS.map(|m| (e.clone(), m))) {
        let stamp = stamp(moment);
        let mut slow = Document::genesis(&schema, &record).unwrap();
        let change = slow.edit(&schema, actor, &stamp, &edits).unwrap().unwrap();
        let steps = Steps::Edits(&edits);
        let begun = Document::begin(&schema, &record, actor, &stamp, steps).unwrap().unwrap();
        assert_eq!(begun.change.bytes(), change.bytes(), "{edits:?}");
        assert_eq!(begun.document.save(), slow.save(), "{edits:?}");
        assert_eq!(begun.record.text(), slow.record(&schema).unwrap().text(), "{edits:?}");
    }
}

#[test]
fn an_edit_without_effect_begins_nothing() {
    let schema = RecordSchema::user_profile_v1();
    let actor = Actor::from_random([7; 12]);
    let edits = [Edit::Add { pointer: "/tags".into(), value: json!("a") }];
    let steps = Steps::Edits(&edits);
    let begun = Document::begin(&schema, &record(&schema), actor, &stamp(0), steps).unwrap();
    assert!(begun.is_none());
}

#[test]
fn the_fields_that_changed_can_be_put_back() {
    let schema = RecordSchema::user_profile_v1();
    let actor = Actor::from_random([7; 12]);
    let before = record(&schema);
    for edits in edits() {
        let mut document = Document::genesis(&schema, &before).unwrap();
        document.edit(&schema, actor, &stamp(MOMENTS[0]), &edits).unwrap().unwrap();
        let after = document.record(&schema).unwrap();
        let changed = before.changes_to(&schema, &after);
        assert!(!changed.is_empty());
        for field in &changed {
            assert_eq!(before.field(&schema, &field.pointer), field.before, "{}", field.pointer);
            assert_eq!(after.field(&schema, &field.pointer), field.after, "{}", field.pointer);
        }
        let back: Vec<(String, Option<Value>)> =
            changed.into_iter().map(|field| (field.pointer, field.before)).collect();
        let stamp = stamp(MOMENTS[0] + 1);
        document.step(&schema, actor, &stamp, Steps::Fields(&back)).unwrap().unwrap();
        let restored = document.record(&schema).unwrap();
        assert_eq!(before.changes_to(&schema, &restored), [], "{edits:?}");
    }
}

#[test]
fn every_state_of_the_past_can_be_read() {
    let schema = RecordSchema::user_profile_v1();
    let actor = Actor::from_random([7; 12]);
    let mut document = Document::genesis(&schema, &record(&schema)).unwrap();
    let mut states = Vec::new();
    for (edits, moment) in edits().iter().zip(MOMENTS[0]..) {
        if let Some(change) = document.edit(&schema, actor, &stamp(moment), edits).unwrap() {
            states.push((change.hash(), document.record(&schema).unwrap().text().to_owned()));
        }
    }
    assert!(states.len() > 3);
    for (hash, text) in states {
        let past = document.record_at(&schema, hash).unwrap().unwrap();
        assert_eq!(past.text(), text);
    }
}
