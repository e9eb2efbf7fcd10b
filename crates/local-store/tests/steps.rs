//! Steps that can be taken back, the import history, and looking after the database.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use kartei_local_store::{
    BlockBuilder, ImportEnd, ImportStart, ImportWriter, Session, Store, StoreError, StoreOptions,
};
use kartei_profile::{Actor, ChangeHash, Edit};
use kartei_protocol::desktop::{
    ActKind, ImportCounts, ImportReport, ImportState, ListProfiles, Selection,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const NOW: i64 = 1_770_000_000_000;

fn open(folder: &Path) -> Store {
    Store::open(folder, StoreOptions::default()).unwrap()
}

fn session() -> Session {
    Session { actor: Actor::from_random([7; 12]), author: Some("Anna".to_owned()) }
}

fn write(store: &Store, writer: &ImportWriter<'_>, records: impl Iterator<Item = Value>) {
    let mut builder = BlockBuilder::default();
    for mut record in records {
        record["schema"] = json!("user_profile.v1");
        builder.add(store.schema(), record.to_string().as_bytes()).unwrap();
    }
    writer.write(&[builder.finish(None)]).unwrap();
}

/// Imports records as a file; answers the import's number.
fn import(store: &Store, name: &str, records: impl Iterator<Item = Value>) -> u64 {
    let start = ImportStart { file: name.to_owned(), now: NOW, ..ImportStart::default() };
    let writer = store.begin_import(&start).unwrap();
    write(store, &writer, records);
    let report = ImportReport {
        import: Some(writer.import()),
        file: name.to_owned(),
        counts: ImportCounts { lines: 1, ..ImportCounts::default() },
        problems: Vec::new(),
        kinds: Vec::new(),
        seconds: 0.0,
        failure: None,
        has_files: false,
    };
    let digest = Some([u8::try_from(name.len()).unwrap(); 32]);
    let end = ImportEnd { state: ImportState::Done, now: NOW + 1, digest, report: &report };
    store.end_import(writer.import(), &end).unwrap();
    writer.import()
}

fn people(count: usize) -> impl Iterator<Item = Value> {
    (0..count)
        .map(|i| json!({"id": format!("p{i:05}"), "attributes": {"n": i, "even": i % 2 == 0}}))
}

fn filtered(store: &Store, filter: &str) -> u64 {
    let request = ListProfiles { filter: filter.to_owned(), limit: 1, ..ListProfiles::default() };
    store.list(&request).unwrap().matching
}

fn by_filter(filter: &str) -> Selection {
    Selection { filter: filter.to_owned(), ..Selection::default() }
}

fn add_tag(tag: &str) -> [Edit; 1] {
    [Edit::Add { pointer: "/tags".to_owned(), value: json!(tag) }]
}

/// Everything agrees, and every list says what the records say.
fn is_sound(store: &Store) {
    let check = store.check(false).unwrap();
    assert_eq!(check.findings, [], "{} profiles", check.profiles);
}

#[test]
fn a_bulk_edit_is_one_step_that_is_taken_back_and_done_again() {
    let folder = TempDir::new().unwrap();
    let session = session();
    {
        let store = open(folder.path());
        import(&store, "f", people(2_000));
        let done = store
            .edit_many(&session, NOW, &by_filter("even=true n<1000"), &add_tag("vip"))
            .unwrap();
        assert_eq!((done.changed, done.unchanged, done.refused), (500, 0, 0));
        assert_eq!(filtered(&store, "tag:vip"), 500);
        let again = store.edit_many(&session, NOW, &by_filter("n<1000"), &add_tag("vip")).unwrap();
        assert_eq!((again.changed, again.unchanged), (500, 500));
        let none = store.edit_many(&session, NOW, &by_filter("n<1000"), &add_tag("vip")).unwrap();
        assert_eq!((none.act, none.changed, none.unchanged), (None, 0, 1_000));
        is_sound(&store);
    }
    // After the program was started again.
    let store = open(folder.path());
    let acts = store.acts().unwrap();
    assert_eq!(acts.undo.as_ref().map(|act| (act.kind, act.profiles)), Some((ActKind::Bulk, 500)));
    assert_eq!(acts.redo, None);
    assert_eq!(store.undo(&session, NOW).unwrap().changed, 500);
    assert_eq!(filtered(&store, "tag:vip"), 500);
    assert_eq!(store.undo(&session, NOW).unwrap().changed, 500);
    assert_eq!(filtered(&store, "tag:vip"), 0);
    assert!(matches!(store.undo(&session, NOW), Err(StoreError::Blocked(_))));
    let redo = store.acts().unwrap().redo.unwrap();
    assert_eq!((redo.kind, redo.fields.as_slice()), (ActKind::Bulk, &["/tags/vip".to_owned()][..]));
    assert_eq!(store.redo(&session, NOW).unwrap().changed, 500);
    assert_eq!(store.redo(&session, NOW).unwrap().changed, 500);
    assert_eq!(filtered(&store, "tag:vip"), 1_000);
    assert!(matches!(store.redo(&session, NOW), Err(StoreError::Blocked(_))));
    assert_eq!(store.undo(&session, NOW).unwrap().changed, 500, "and back once more");
    is_sound(&store);
}

#[test]
fn a_new_step_ends_what_can_be_done_again() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let session = session();
    import(&store, "f", people(3));
    store.edit(&session, NOW, "p00000", &add_tag("one")).unwrap();
    store.undo(&session, NOW).unwrap();
    store.edit(&session, NOW, "p00001", &add_tag("two")).unwrap();
    assert_eq!(store.acts().unwrap().redo, None);
    store.undo(&session, NOW).unwrap();
    assert_eq!(filtered(&store, "tag:one or tag:two"), 0);
}

#[test]
fn what_was_changed_since_stays_and_is_named() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let session = session();
    import(&store, "f", people(3));
    let set =
        |value: &str| [Edit::Set { pointer: "/attributes/city".to_owned(), value: json!(value) }];
    store.edit_many(&session, NOW, &by_filter(""), &set("Bern")).unwrap();
    // Another person's change, which is no step of this data folder.
    let other = Session { actor: Actor::from_random([9; 12]), author: Some("Ben".to_owned()) };
    store.edit(&other, NOW, "p00001", &set("Basel")).unwrap();
    store.edit(&other, NOW, "p00001", &set("Genf")).unwrap();
    store.undo(&session, NOW).unwrap();
    store.undo(&session, NOW).unwrap();
    store.edit(&other, NOW, "p00001", &set("Biel")).unwrap();
    let database = rusqlite::Connection::open(folder.path().join("kartei.sqlite")).unwrap();
    database.execute("DELETE FROM act_changes WHERE act = (SELECT max(id) FROM acts)", []).unwrap();
    database.execute("DELETE FROM acts WHERE id = (SELECT max(id) FROM acts)", []).unwrap();
    let done = store.undo(&session, NOW).unwrap();
    assert_eq!((done.changed, done.refused), (2, 1));
    assert_eq!(done.obstacles[0].id, "p00001");
    assert_eq!(done.obstacles[0].code, "edited_since");
    assert_eq!(filtered(&store, "has:city"), 1);
}

#[test]
fn edits_that_do_not_fit_a_profile_leave_it_and_name_it() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    import(&store, "f", people(2));
    let ids = Some(vec!["p00000".to_owned(), "nobody".to_owned()]);
    let selection = Selection { ids, ..Selection::default() };
    let wrong = [Edit::Set { pointer: "/tags".to_owned(), value: json!([1]) }];
    let done = store.edit_many(&session(), NOW, &selection, &wrong).unwrap();
    let codes: Vec<&str> = done.obstacles.iter().map(|o| o.code.as_str()).collect();
    assert_eq!((done.changed, codes), (0, vec!["not_found", "not_allowed"]));
    assert_eq!(store.acts().unwrap().entries, []);
}

#[test]
fn an_earlier_state_is_read_and_restored() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let session = session();
    import(&store, "f", people(1));
    let before = store.record("p00000").unwrap();
    store.edit(&session, NOW, "p00000", &add_tag("one")).unwrap();
    store.edit(&session, NOW, "p00000", &add_tag("two")).unwrap();
    let history = store.history("p00000").unwrap();
    let first = history[0].entry.change;
    assert_eq!(store.record_at("p00000", first).unwrap().text(), before.text());
    assert!(store.restore(&session, NOW, "p00000", first).unwrap());
    let restored = store.record("p00000").unwrap();
    assert_eq!(before.changes_to(store.schema(), &restored), []);
    assert_eq!(store.history("p00000").unwrap().len(), 4, "a change on top, nothing is lost");
    store.undo(&session, NOW).unwrap();
    assert_eq!(filtered(&store, "tag:one tag:two"), 1);
    let unknown = ChangeHash::from_bytes([0; 32]);
    assert!(matches!(store.record_at("p00000", unknown), Err(StoreError::NoChange { .. })));
}

#[test]
fn an_import_is_undone_as_a_whole() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let session = session();
    import(&store, "first", people(300));
    store.edit(&session, NOW, "p00001", &add_tag("mine")).unwrap();
    let before = store.record("p00002").unwrap();
    // Brings 700 new ones, and changes three that are here; one of them was edited.
    let second = (0..1_000)
        .filter(|i| *i < 3 || *i >= 300)
        .map(|i| json!({"id": format!("p{i:05}"), "attributes": {"n": i + 1, "even": i % 2 == 0}}));
    let number = import(&store, "second!", second);
    assert_eq!(store.totals().unwrap().profiles, 1_000);
    assert_eq!(store.import_of_file(&[7; 32]).unwrap(), Some(number));
    let entry = &store.imports(None, 10).unwrap()[0];
    assert_eq!((entry.import, entry.state), (number, ImportState::Done));
    let done = store.undo_import(&session, NOW, number).unwrap();
    assert_eq!((done.changed, done.refused), (703, 0));
    assert_eq!(store.totals().unwrap().profiles, 300);
    assert_eq!(filtered(&store, "n>=300"), 0, "lists know it too");
    let after = store.record("p00002").unwrap();
    assert_eq!(before.changes_to(store.schema(), &after), []);
    assert_eq!(filtered(&store, "tag:mine n=1"), 1);
    assert!(store.imports(None, 10).unwrap()[0].undone_at.is_some());
    assert_eq!(store.import_of_file(&[7; 32]).unwrap(), None, "it may come again");
    assert!(matches!(store.undo_import(&session, NOW, number), Err(StoreError::Blocked(_))));
    assert!(matches!(store.undo_import(&session, NOW, 99), Err(StoreError::NoImport(99))));
    is_sound(&store);
    import(&store, "second!", people(1_000));
    assert_eq!(store.totals().unwrap().profiles, 1_000);
    is_sound(&store);
}

#[test]
fn what_stands_in_the_way_of_undoing_an_import_is_named() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let session = session();
    let number = import(&store, "f", people(10));
    store.edit(&session, NOW, "p00003", &add_tag("x")).unwrap();
    import(&store, "later", (4..5).map(|_| json!({"id": "p00004", "notes": "new"})));
    let done = store.undo_import(&session, NOW, number).unwrap();
    let named: Vec<(&str, &str)> =
        done.obstacles.iter().map(|o| (o.id.as_str(), o.code.as_str())).collect();
    assert_eq!(named, [("p00003", "edited_since"), ("p00004", "imported_since")]);
    assert_eq!((done.changed, done.act), (0, None));
    assert_eq!(store.totals().unwrap().profiles, 10, "nothing happened");
    is_sound(&store);
}

#[test]
fn the_profiles_of_an_import_are_deleted_as_one_step() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let session = session();
    import(&store, "before", people(3));
    let number = import(&store, "f", people(13));
    store.edit(&session, NOW, "p00001", &add_tag("x")).unwrap();
    store.edit(&session, NOW, "p00005", &add_tag("x")).unwrap();
    import(&store, "later", (6..7).map(|_| json!({"id": "p00006", "notes": "new"})));
    let now = store.imported_now(number).unwrap();
    assert_eq!((now.unchanged, now.edited, now.imported), (8, 1, 1));
    let done = store.delete_imported(&session, NOW, number, false).unwrap();
    let named: Vec<(&str, &str)> =
        done.obstacles.iter().map(|o| (o.id.as_str(), o.code.as_str())).collect();
    assert_eq!(named, [("p00005", "edited_since"), ("p00006", "imported_since")]);
    assert_eq!((done.changed, store.totals().unwrap().profiles), (8, 5));
    let act = done.act.unwrap();
    assert_eq!((act.kind, act.profiles), (ActKind::Delete, 8));
    is_sound(&store);
    assert_eq!(store.undo(&session, NOW).unwrap().changed, 8);
    assert_eq!(store.totals().unwrap().profiles, 13, "all of them are back");
    is_sound(&store);
    // Bringing them back was an edit; asked for, edited ones go too.
    let done = store.delete_imported(&session, NOW, number, true).unwrap();
    assert_eq!((done.changed, done.refused), (9, 1));
    assert_eq!(filtered(&store, "id:p00000 or id:p00001 or id:p00002 or id:p00006"), 4);
    let again = store.delete_imported(&session, NOW, number, true).unwrap();
    assert_eq!((again.changed, again.act.is_some()), (0, false), "nothing is left of it");
    let none = store.delete_imported(&session, NOW, 99, true);
    assert!(matches!(none, Err(StoreError::NoImport(99))));
    is_sound(&store);
}

#[test]
fn a_backup_is_a_whole_store_and_a_compaction_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let session = session();
    import(&store, "f", people(5_000));
    store.edit_many(&session, NOW, &by_filter("n<4900"), &add_tag("x")).unwrap();
    let copy = TempDir::new().unwrap();
    let file = copy.path().join("kartei.sqlite");
    assert_eq!(store.back_up(&file).unwrap(), std::fs::metadata(&file).unwrap().len());
    assert!(matches!(store.back_up(&file), Err(StoreError::Open(_))), "never over another file");
    let copied = open(copy.path());
    assert_eq!(filtered(&copied, "tag:x"), 4_900);
    is_sound(&copied);
    let compacted = store.compact().unwrap();
    assert!(compacted.after <= compacted.before, "{compacted:?}");
    assert_eq!(filtered(&store, "tag:x"), 4_900);
    assert_eq!(store.undo(&session, NOW).unwrap().changed, 4_900);
    is_sound(&store);
}

#[test]
fn damage_is_found_and_mended_where_it_can_be() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    import(&store, "f", people(1_500));
    store.edit(&session(), NOW, "p00007", &add_tag("x")).unwrap();
    let database = rusqlite::Connection::open(folder.path().join("kartei.sqlite")).unwrap();
    database.pragma_update(None, "foreign_keys", false).unwrap();
    let harm = |sql: &str| assert!(database.execute(sql, []).unwrap() > 0, "{sql}");
    harm("UPDATE profiles SET record = replace(record, '\"x\"', '\"y\"') WHERE id = 'p00007'");
    harm("DELETE FROM outbox WHERE profile < 10");
    harm("UPDATE counters SET profiles = 7");
    harm("UPDATE columns SET body = x'00' WHERE name = 'id'");
    harm("INSERT INTO documents (profile, body) VALUES (99999, x'00')");
    let codes = |repair: bool| {
        let mut codes: Vec<(String, bool)> = store
            .check(repair)
            .unwrap()
            .findings
            .into_iter()
            .map(|finding| (finding.code, finding.repaired))
            .collect();
        codes.sort();
        codes
    };
    let found = ["columns", "counter", "digest", "hash", "orphan", "outbox"];
    assert_eq!(codes(false), found.map(|code| (code.to_owned(), false)));
    assert_eq!(codes(true), found.map(|code| (code.to_owned(), true)));
    is_sound(&store);
    assert_eq!(filtered(&store, "tag:x"), 1);
    // A record without a document is its own only copy: told, never guessed.
    harm("UPDATE profiles SET record = replace(record, '\"n\":9', '\"n\":8') WHERE id = 'p00009'");
    let found = [("columns", true), ("digest", true), ("hash", false)];
    let found = found.map(|(code, repaired)| (code.to_owned(), repaired));
    assert_eq!(codes(true), found, "lists follow the record; what it was, nobody knows");
}
