//! What the relay and a replica make of a deletion.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

use kartei_profile::{Actor, Change, Document, Edit, Record, RecordSchema, Stamp};
use kartei_sync_core::{Incoming, Local, Offer, Taken, Verdict, accept, take};

fn record(schema: &RecordSchema, notes: &str) -> Record {
    let line = format!(r#"{{"schema":"user_profile.v1","id":"p","notes":"{notes}"}}"#);
    Record::parse(schema, line.as_bytes()).unwrap().record
}

fn stamp() -> Stamp {
    Stamp { at_seconds: 1_770_000_000, by: None }
}

/// The change of a deletion, and that of an edit beside it.
fn beside(schema: &RecordSchema, record: &Record) -> (Change, Change) {
    let mut deleted = Document::genesis(schema, record).unwrap();
    let mut edited = deleted.clone();
    let actor = |byte| Actor::from_random([byte; 12]);
    let deletion = deleted.delete(schema, actor(1), &stamp()).unwrap().unwrap();
    let unset = [Edit::Unset { pointer: "/notes".to_owned() }];
    let edit = edited.edit(schema, actor(2), &stamp(), &unset).unwrap().unwrap();
    (deletion, edit)
}

#[test]
fn the_relay_tells_a_deletion_from_one_that_somebody_wrote_beside() {
    let schema = RecordSchema::user_profile_v1();
    let record = record(&schema, "n");
    let (deletion, edit) = beside(&schema, &record);
    let judge = |changes: Vec<Change>| {
        let genesis = record.hash();
        let offer = Offer { id: "p", genesis, record: Some(record.text()), changes };
        let load = || Document::genesis(&schema, &record);
        match accept(&schema, Some(genesis), load, &offer).unwrap() {
            Verdict::Extend(edited) => (edited.deleted, edited.conflicts),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(judge(vec![deletion.clone()]), (true, 0));
    assert_eq!(judge(vec![edit.clone()]), (false, 0));
    assert_eq!(judge(vec![deletion, edit]), (false, 1));
}

#[test]
fn a_replica_takes_a_deletion_of_what_it_has_and_of_what_is_new_to_it() {
    let schema = RecordSchema::user_profile_v1();
    let record = record(&schema, "n");
    let (deletion, edit) = beside(&schema, &record);
    let taken = |local: Option<Local>, changes: Vec<Change>| {
        let text = Some(record.text());
        let incoming = Incoming { genesis: record.hash(), record: text, changes };
        let actor = Actor::from_random([3; 12]);
        match take(&schema, local, &incoming, actor, &stamp()).unwrap() {
            Taken::Stored { deleted, conflicts, .. } => (deleted, conflicts),
            Taken::Known => panic!("it is new"),
        }
    };
    let local = || Some(Local { genesis: record.hash(), record: record.clone(), document: None });
    assert_eq!(taken(None, vec![deletion.clone()]), (true, 0));
    assert_eq!(taken(local(), vec![deletion.clone()]), (true, 0));
    assert_eq!(taken(local(), vec![deletion, edit]), (false, 1));
}

#[test]
fn a_deletion_is_offered_to_a_profile_that_began_otherwise_at_the_relay() {
    let schema = RecordSchema::user_profile_v1();
    let (mine, theirs) = (record(&schema, "mine"), record(&schema, "theirs"));
    let mut document = Document::genesis(&schema, &mine).unwrap();
    document.delete(&schema, Actor::from_random([1; 12]), &stamp()).unwrap();
    let local = Local { genesis: mine.hash(), record: mine, document: Some(document) };
    let incoming =
        Incoming { genesis: theirs.hash(), record: Some(theirs.text()), changes: Vec::new() };
    let actor = Actor::from_random([3; 12]);
    match take(&schema, Some(local), &incoming, actor, &stamp()).unwrap() {
        Taken::Stored { deleted, document, .. } => {
            let conflicts = document.unwrap().conflicts(&schema).unwrap();
            assert!(!deleted && conflicts.iter().any(|conflict| conflict.pointer.is_empty()));
        }
        Taken::Known => panic!("the relay's profile is another"),
    }
}
