//! A profile is deleted when everything in it was known to somebody who deleted it; what was written
//! beside a deletion survives, and the deletion is offered.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

use kartei_profile::{
    Actor, ActorClass, Document, Edit, EditError, HistoryKind, ImportOutcome, Record, RecordSchema,
    Stamp, Steps,
};
use serde_json::{Value, json};

fn schema() -> RecordSchema {
    RecordSchema::user_profile_v1()
}

fn record(notes: &str) -> Record {
    let value = json!({
        "schema": "user_profile.v1", "id": "p-1", "display_name": "Anna", "notes": notes,
        "updated_at": "2026-01-02T00:00:00Z", "tags": ["a"]
    });
    Record::accept(&schema(), &value).unwrap().record
}

fn stamp(by: &str) -> Stamp {
    Stamp { at_seconds: 1_790_000_000, by: Some(by.to_owned()) }
}

const ANN: [u8; 12] = [1; 12];
const BEN: [u8; 12] = [2; 12];

fn rename(document: &mut Document, to: &str) {
    let edit = [Edit::Set { pointer: "/display_name".into(), value: json!(to) }];
    document.edit(&schema(), Actor::from_random(BEN), &stamp("Ben"), &edit).unwrap().unwrap();
}

/// Ann deletes what Ben renames at the same time; both have both changes then.
fn beside() -> Document {
    let mut anns = Document::genesis(&schema(), &record("n")).unwrap();
    let mut bens = anns.clone();
    anns.delete(&schema(), Actor::from_random(ANN), &stamp("Ann")).unwrap().unwrap();
    rename(&mut bens, "Anne");
    anns.apply(&schema(), &bens.changes()).unwrap();
    anns
}

#[test]
fn deleting_and_taking_it_back_leave_the_record_as_it_is() {
    let (schema, actor) = (schema(), Actor::from_random(ANN));
    let before = record("n");
    let begun = Document::begin(&schema, &before, actor, &stamp("Ann"), Steps::Delete);
    let begun = begun.unwrap().unwrap();
    let mut document = begun.document;
    assert!(document.is_deleted());
    assert_eq!(begun.record.text(), before.text());
    assert_eq!(document.record(&schema).unwrap().text(), before.text());
    assert!(document.delete(&schema, actor, &stamp("Ann")).unwrap().is_none(), "it is deleted");
    assert!(document.revive(&schema, actor, &stamp("Ann")).unwrap().is_some());
    assert!(!document.is_deleted());
    assert!(document.revive(&schema, actor, &stamp("Ann")).unwrap().is_none(), "it is here");
    assert_eq!(document.record(&schema).unwrap().text(), before.text());
    let reloaded = Document::load(&document.save()).unwrap();
    assert!(!reloaded.is_deleted());
    let kinds: Vec<HistoryKind> =
        document.history(&schema).unwrap().iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [HistoryKind::Genesis, HistoryKind::Deletion, HistoryKind::Revival]);
}

#[test]
fn an_edit_beside_a_deletion_survives_and_the_deletion_is_offered() {
    let document = beside();
    assert!(!document.is_deleted());
    assert_eq!(document.conflict_count(&schema()).unwrap(), 1);
    let conflicts = document.conflicts(&schema()).unwrap();
    assert_eq!((conflicts.len(), conflicts[0].pointer.as_str()), (1, ""));
    let sides: Vec<(Option<Value>, Option<&str>, Option<i64>)> =
        conflicts[0].values.iter().map(|v| (v.value.clone(), v.by.as_deref(), v.at)).collect();
    let at = Some(1_790_000_000);
    assert_eq!(
        sides,
        [(Some(json!(false)), Some("Ben"), at), (Some(json!(true)), Some("Ann"), at)]
    );
    let name = document.record(&schema()).unwrap().members()["display_name"].clone();
    assert_eq!(name, json!("Anne"));
}

#[test]
fn an_offered_deletion_is_decided_either_way_and_stays_offered_until_then() {
    let (schema, actor) = (schema(), Actor::from_random(ANN));
    let mut document = beside();
    rename(&mut document, "Annie");
    assert_eq!(document.conflict_count(&schema).unwrap(), 1, "an edit on top decides nothing");
    let refused = document.resolve(&schema, actor, &stamp("Ann"), "", "maybe");
    assert!(matches!(refused, Err(EditError::NoConflict { .. })));

    let mut deleted = document.clone();
    let ben = Actor::from_random(BEN);
    deleted.resolve(&schema, ben, &stamp("Ben"), "", "deleted").unwrap().unwrap();
    assert!(deleted.is_deleted());
    assert_eq!(deleted.conflict_count(&schema).unwrap(), 0);

    document.resolve(&schema, actor, &stamp("Ann"), "", "kept").unwrap().unwrap();
    assert!(!document.is_deleted());
    assert_eq!(document.conflict_count(&schema).unwrap(), 0);
    let refused = document.resolve(&schema, actor, &stamp("Ann"), "", "deleted");
    assert!(matches!(refused, Err(EditError::NoConflict { .. })), "decided is decided");

    // Decided differently at the same time: the keeping survives, the deletion is offered again.
    document.apply(&schema, &deleted.changes()).unwrap();
    assert!(!document.is_deleted());
    assert_eq!(document.conflict_count(&schema).unwrap(), 1);
}

#[test]
fn two_deletions_at_the_same_time_are_a_deletion() {
    let schema = schema();
    let mut anns = Document::genesis(&schema, &record("n")).unwrap();
    let mut bens = anns.clone();
    anns.delete(&schema, Actor::from_random(ANN), &stamp("Ann")).unwrap();
    bens.delete(&schema, Actor::from_random(BEN), &stamp("Ben")).unwrap();
    anns.apply(&schema, &bens.changes()).unwrap();
    assert_eq!(anns.heads().len(), 2);
    assert!(anns.is_deleted());
}

#[test]
fn an_import_brings_a_deleted_profile_back_only_where_the_file_changed() {
    let schema = schema();
    let mut document = Document::genesis(&schema, &record("n")).unwrap();
    document.delete(&schema, Actor::from_random(ANN), &stamp("Ann")).unwrap();
    let same = document.import(&schema, &record("n")).unwrap();
    assert!(matches!(same, ImportOutcome::Unchanged));
    assert!(document.is_deleted());
    let other = document.import(&schema, &record("other")).unwrap();
    assert!(matches!(other, ImportOutcome::Changed(_)));
    assert!(!document.is_deleted());
    let conflicts = document.conflicts(&schema).unwrap();
    assert_eq!(conflicts.len(), 1);
    let kept = &conflicts[0].values[0];
    assert_eq!((kept.class, &kept.by, kept.at), (ActorClass::Import, &None, None));
}

#[test]
fn fields_and_the_profile_itself_come_back_in_one_change() {
    let (schema, actor) = (schema(), Actor::from_random(ANN));
    let mut document = Document::genesis(&schema, &record("n")).unwrap();
    rename(&mut document, "Anne");
    document.delete(&schema, actor, &stamp("Ann")).unwrap();
    let back =
        [("/display_name".to_owned(), Some(json!("Anna"))), (String::new(), Some(json!(false)))];
    document.step(&schema, actor, &stamp("Ann"), Steps::Fields(&back)).unwrap().unwrap();
    assert!(!document.is_deleted());
    let history = document.history(&schema).unwrap();
    let last = history.last().unwrap();
    assert_eq!((last.kind, last.fields.len()), (HistoryKind::Revival, 1));
    assert_eq!(document.record(&schema).unwrap().members()["display_name"], json!("Anna"));
}

#[test]
fn a_deletion_that_did_not_know_of_the_relays_profile_hides_its_beginning() {
    let (schema, actor) = (schema(), Actor::from_random(ANN));
    let mut mine = Document::genesis(&schema, &record("mine")).unwrap();
    mine.delete(&schema, actor, &stamp("Ann")).unwrap();
    let theirs = Document::genesis(&schema, &record("theirs")).unwrap();
    let (document, replayed) = mine.rebase(&schema, theirs, actor, &stamp("Ann")).unwrap();
    assert!(!document.is_deleted());
    let conflicts = document.conflicts(&schema).unwrap();
    assert!(conflicts.iter().any(|conflict| conflict.pointer.is_empty()));
    let deletion = replayed.last().unwrap().hash();
    let hidden = document.record_at(&schema, deletion).unwrap().unwrap();
    assert_eq!(hidden.members()["notes"], json!("theirs"));
    let history = document.history(&schema).unwrap();
    assert!(history.iter().any(|entry| entry.kind == HistoryKind::Deletion));
}
