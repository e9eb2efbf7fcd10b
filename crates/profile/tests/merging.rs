//! Merging a profile into another one: the union of their records, and a deletion that says where
//! the profile went.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

use std::collections::BTreeSet;

use kartei_profile::{
    Actor, Document, Edit, EditError, HistoryKind, Record, RecordSchema, Stamp, Steps, Union,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const ANN: [u8; 12] = [1; 12];
const BEN: [u8; 12] = [2; 12];

fn schema() -> RecordSchema {
    RecordSchema::user_profile_v1()
}

fn record(id: &str, members: &Value) -> Record {
    let mut all = json!({"schema": "user_profile.v1", "id": id});
    all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    Record::accept(&schema(), &all).unwrap().record
}

fn united(kept: &Record, merged: &Record, take: &[&str]) -> Union {
    let take = take.iter().map(|pointer| (*pointer).to_owned()).collect();
    kept.united(&schema(), merged, &take).unwrap()
}

fn stamp(by: &str) -> Stamp {
    Stamp { at_seconds: 1_790_000_000, by: Some(by.to_owned()) }
}

fn become_a(document: &mut Document, actor: [u8; 12]) {
    let steps = Steps::Become("a");
    document.step(&schema(), Actor::from_random(actor), &stamp("x"), steps).unwrap().unwrap();
}

#[test]
fn everything_of_both_is_in_the_union() {
    let kept = record(
        "a",
        &json!({
            "tags": ["x", "y"], "notes": "first", "attributes": {"city": "Bern", "age": 3},
            "created_at": "2026-02-01T00:00:00Z", "updated_at": "2026-03-01T00:00:00Z",
            "consent": {"analytics": true, "recorded_at": "2026-05-01T00:00:00Z"},
            "observations": [{"id": "1", "signal": "s", "value": 1, "at": "2026-01-01T00:00:00Z"}],
        }),
    );
    let merged = record(
        "b",
        &json!({
            "tags": ["y", "z"], "notes": "second", "attributes": {"city": "Basel", "job": "cook"},
            "display_name": "Bea", "created_at": "2026-01-01T00:00:00Z",
            "consent": {"analytics": false, "recorded_at": "2026-04-01T00:00:00Z"},
            "observations": [
                {"id": "1", "signal": "s", "value": 1, "at": "2026-01-01T00:00:00Z"},
                {"id": "2", "signal": "s", "value": 2, "at": "2025-01-01T00:00:00Z"},
            ],
        }),
    );
    let union = united(&kept, &merged, &[]);
    let record = union.record.unwrap();
    let members = record.members();
    assert_eq!(record.id(), "a");
    assert_eq!(members["display_name"], "Bea");
    assert_eq!(members["tags"], json!(["x", "y", "z"]));
    assert_eq!(members["notes"], "first\n\nsecond");
    assert_eq!(members["attributes"], json!({"age": 3, "city": "Bern", "job": "cook"}));
    assert_eq!(members["consent"]["analytics"], false, "a withdrawal wins");
    assert_eq!(members["created_at"], "2026-01-01T00:00:00Z");
    assert_eq!(members["updated_at"], "2026-03-01T00:00:00Z", "the change says when it was");
    assert_eq!(members["observations"].as_array().unwrap().len(), 2);
    let differing: Vec<&str> = union.differences.iter().map(|d| d.pointer.as_str()).collect();
    assert_eq!(differing, ["/attributes/city"]);
    let chosen = united(&kept, &merged, &["/attributes/city"]).record.unwrap();
    assert_eq!(chosen.members()["attributes"]["city"], "Basel");
    let unknown = BTreeSet::from(["/attributes/age".to_owned()]);
    let refused = kept.united(&schema(), &merged, &unknown);
    assert!(
        matches!(refused, Err(EditError::Target { pointer, .. }) if pointer == "/attributes/age")
    );
}

#[test]
fn an_element_with_one_key_and_two_contents_is_chosen() {
    let at = "2026-01-01T00:00:00Z";
    let of = |id, value| {
        record(
            id,
            &json!({"observations": [
        {"id": "1", "signal": "s", "value": value, "at": at}]}),
        )
    };
    let (kept, merged) = (of("a", 1), of("b", 2));
    let union = united(&kept, &merged, &[]);
    assert_eq!(union.differences[0].pointer, "/observations/1");
    assert_eq!(union.record.unwrap().members()["observations"][0]["value"], 1);
    let chosen = united(&kept, &merged, &["/observations/1"]).record.unwrap();
    let observations = chosen.members()["observations"].as_array().unwrap();
    assert_eq!((observations.len(), &observations[0]["value"]), (1, &json!(2)));
}

#[test]
fn notes_that_hold_the_other_ones_are_not_repeated() {
    let of = |id, notes| record(id, &json!({"notes": notes}));
    let notes = |kept, merged| {
        let union = united(&of("a", kept), &of("b", merged), &[]);
        union.record.unwrap().members()["notes"].as_str().unwrap().to_owned()
    };
    assert_eq!(notes("calls on Mondays", "Mondays"), "calls on Mondays");
    assert_eq!(notes("Mondays", "calls on Mondays"), "calls on Mondays");
    assert_eq!(notes("a", "b"), "a\n\nb");
}

#[test]
fn every_limit_is_named() {
    let tags = |from: usize| (from..from + 40).map(|n| format!("t{n}")).collect::<Vec<_>>();
    let of = |id, from, letter: &str| {
        record(id, &json!({"tags": tags(from), "notes": letter.repeat(40_000)}))
    };
    let union = united(&of("a", 0, "x"), &of("b", 100, "y"), &[]);
    assert!(union.record.is_none());
    let limits: Vec<(&str, &str)> =
        union.limits.iter().map(|limit| (limit.pointer.as_str(), limit.rule)).collect();
    assert_eq!(limits, [("/notes", "max_length"), ("/tags", "max_items")]);
}

#[test]
fn a_merged_profile_names_the_other_one_until_it_comes_back() {
    let (schema, before) = (schema(), record("b", &json!({"notes": "n"})));
    let mut document = Document::genesis(&schema, &before).unwrap();
    become_a(&mut document, ANN);
    assert!(document.is_deleted());
    assert_eq!(document.became().as_deref(), Some("a"));
    assert_eq!(document.record(&schema).unwrap().hash(), before.hash());
    let again = document.step(&schema, Actor::from_random(ANN), &stamp("x"), Steps::Become("a"));
    assert!(again.unwrap().is_none(), "it is so");
    let entries = document.history(&schema).unwrap();
    assert_eq!(entries[1].kind, HistoryKind::Deletion);
    assert_eq!(entries[1].became.as_deref(), Some("a"));
    let reloaded = Document::load(&document.save()).unwrap();
    assert_eq!(reloaded.became().as_deref(), Some("a"));

    document.revive(&schema, Actor::from_random(ANN), &stamp("x")).unwrap().unwrap();
    assert_eq!((document.is_deleted(), document.became()), (false, None));
    assert_eq!(document.record(&schema).unwrap().hash(), before.hash());
    document.delete(&schema, Actor::from_random(ANN), &stamp("x")).unwrap().unwrap();
    assert_eq!(document.became(), None, "this deletion is no merging");
    let fields = [(String::new(), Some(json!("c")))];
    let actor = Actor::from_random(BEN);
    document.step(&schema, actor, &stamp("x"), Steps::Fields(&fields)).unwrap().unwrap();
    assert!(document.is_deleted(), "a merging of a deleted profile leaves it deleted");
    assert_eq!(document.became().as_deref(), Some("c"));
}

#[test]
fn what_is_written_beside_a_merging_survives_and_the_merging_is_offered() {
    let (schema, ann) = (schema(), Actor::from_random(ANN));
    let mut document = Document::genesis(&schema, &record("b", &json!({}))).unwrap();
    let mut bens = document.clone();
    become_a(&mut document, ANN);
    let edit = [Edit::Add { pointer: "/tags".into(), value: json!("t") }];
    bens.edit(&schema, Actor::from_random(BEN), &stamp("Ben"), &edit).unwrap().unwrap();
    document.apply(&schema, &bens.changes()).unwrap();
    assert_eq!((document.is_deleted(), document.became()), (false, None));
    let conflicts = document.conflicts(&schema).unwrap();
    assert_eq!(conflicts[0].values[1].value, Some(json!("a")), "it is offered by name");

    let mut merged = document.clone();
    merged.resolve(&schema, ann, &stamp("Ann"), "", "deleted").unwrap().unwrap();
    assert_eq!(merged.became().as_deref(), Some("a"));
    let mut kept = document.clone();
    kept.resolve(&schema, ann, &stamp("Ann"), "", "kept").unwrap().unwrap();
    assert_eq!(kept.conflicts(&schema).unwrap(), []);
    // Taking that decision back offers the merging again, and it can be taken.
    kept.reopen(&schema, ann, &stamp("Ann"), &[String::new()]).unwrap();
    assert_eq!(kept.conflicts(&schema).unwrap()[0].values[1].value, Some(json!("a")));
    kept.resolve(&schema, ann, &stamp("Ann"), "", "deleted").unwrap().unwrap();
    assert_eq!(kept.became().as_deref(), Some("a"));
}

#[test]
fn a_merging_moves_onto_another_beginning() {
    let schema = schema();
    let of = |city: &str| record("b", &json!({"attributes": {"city": city}}));
    let mut mine = Document::genesis(&schema, &of("Bern")).unwrap();
    become_a(&mut mine, ANN);
    let theirs = Document::genesis(&schema, &of("Basel")).unwrap();
    let actor = Actor::from_random(BEN);
    let (mut moved, replayed) = mine.rebase(&schema, theirs, actor, &stamp("Ann")).unwrap();
    assert!(!replayed.is_empty());
    assert!(!moved.is_deleted(), "whoever merged it did not know of the other beginning");
    moved.resolve(&schema, actor, &stamp("Ann"), "", "deleted").unwrap().unwrap();
    assert_eq!(moved.became().as_deref(), Some("a"));
}

fn members() -> impl Strategy<Value = Value> {
    let tags = prop::collection::btree_set("[a-e]", 0..4);
    let attributes = prop::collection::btree_map("[k-n]", 0..3_u8, 0..4);
    let observations = prop::collection::btree_map("[1-4]", 0..2_u8, 0..4);
    let (name, day) = (prop::option::of("[AB]"), 1..9_u8);
    let consent = prop::option::of((any::<bool>(), 1..9_u8));
    let notes = prop::option::of("[xy]{1,3}");
    (tags, attributes, observations, name, day, consent, notes).prop_map(
        |(tags, attributes, observations, name, day, consent, notes)| {
            let observations: Vec<Value> = observations
                .into_iter()
                .map(|(id, value)| {
                    json!({"id": id, "signal": "s", "value": value, "at": "2026-01-01T00:00:00Z"})
                })
                .collect();
            let mut members = json!({
                "tags": tags, "attributes": attributes, "observations": observations,
                "created_at": format!("2026-01-0{day}T00:00:00Z"),
            });
            if let Some(name) = name {
                members["display_name"] = json!(name);
            }
            if let Some(notes) = notes {
                members["notes"] = json!(notes);
            }
            if let Some((analytics, day)) = consent {
                let at = format!("2026-02-0{day}T00:00:00Z");
                members["consent"] = json!({"analytics": analytics, "recorded_at": at});
            }
            members
        },
    )
}

/// What does not depend on which of two profiles is kept.
fn without_order(record: &Record) -> Map<String, Value> {
    let mut members = record.members().clone();
    members.remove("id");
    // Which text stands above.
    members.remove("notes");
    members
}

fn take_all(union: &Union) -> Vec<&str> {
    union.differences.iter().map(|one| one.pointer.as_str()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_union_has_no_order_and_takes_in_nothing_twice(a in members(), b in members()) {
        let (a, b) = (record("a", &a), record("b", &b));
        let plain = united(&a, &b, &[]);
        let turned = united(&b, &a, &take_all(&united(&b, &a, &[])));
        let record = plain.record.as_ref().unwrap();
        prop_assert_eq!(without_order(record), without_order(turned.record.as_ref().unwrap()));
        let again = united(record, &b, &[]);
        let again = again.record.unwrap();
        prop_assert_eq!(again.text(), record.text());
        for member in ["tags", "observations", "attributes"] {
            for one in [&a, &b] {
                for change in one.changes_to(&schema(), record) {
                    let is_of = change.pointer.starts_with(&format!("/{member}/"));
                    prop_assert!(!is_of || change.after.is_some(), "{} is gone", change.pointer);
                }
            }
        }
    }

    #[test]
    fn taking_a_merging_back_gives_both_records_back(a in members(), b in members()) {
        let (schema, actor) = (schema(), Actor::from_random(ANN));
        let (a, b) = (record("a", &a), record("b", &b));
        let wanted = united(&a, &b, &[]).record.unwrap();
        let mut kept = Document::genesis(&schema, &a).unwrap();
        let mut merged = Document::genesis(&schema, &b).unwrap();
        kept.step(&schema, actor, &stamp("Ann"), Steps::Record(&wanted)).unwrap();
        become_a(&mut merged, ANN);
        let back: Vec<(String, Option<Value>)> = kept
            .record(&schema)
            .unwrap()
            .changes_to(&schema, &a)
            .into_iter()
            .map(|field| (field.pointer, field.after))
            .collect();
        kept.step(&schema, actor, &stamp("Ann"), Steps::Fields(&back)).unwrap();
        let fields = [(String::new(), Some(Value::Bool(false)))];
        merged.step(&schema, actor, &stamp("Ann"), Steps::Fields(&fields)).unwrap();
        prop_assert_eq!(merged.record(&schema).unwrap().hash(), b.hash());
        prop_assert_eq!((merged.is_deleted(), merged.became()), (false, None));
        // Every edit leaves its moment; all else is as it was, to the hash.
        let mut members = kept.record(&schema).unwrap().members().clone();
        members.remove("updated_at");
        prop_assert_eq!(record("a", &Value::Object(members)).hash(), a.hash());
    }
}
