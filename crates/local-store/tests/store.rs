//! The replica's store by what people do with it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::time::Duration;

use kartei_local_store::{
    BlockBuilder, ImportStart, Landed, PreparedBlock, Session, Store, StoreError, StoreOptions,
};
use kartei_profile::{Actor, Edit};
use kartei_protocol::desktop::{ListProfiles, ProfileStatus, SortKey};
use serde_json::{Value, json};
use tempfile::TempDir;

const NOW: i64 = 1_770_000_000_000;

fn open(folder: &Path) -> Store {
    Store::open(folder, StoreOptions::default()).unwrap()
}

fn session() -> Session {
    Session { actor: Actor::from_random([7; 12]), author: Some("Anna".to_owned()) }
}

/// A block of records, as an import's worker makes it.
fn block(store: &Store, records: &[Value]) -> PreparedBlock {
    let mut builder = BlockBuilder::default();
    for value in records {
        let mut whole = json!({"schema": "user_profile.v1"});
        whole.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        let refused = builder.add(store.schema(), whole.to_string().as_bytes());
        assert_eq!(refused, Ok(None));
    }
    builder.finish(None)
}

fn file(name: &str) -> ImportStart {
    ImportStart { file: name.to_owned(), now: NOW, ..ImportStart::default() }
}

fn import(store: &Store, name: &str, records: &[Value]) -> Vec<Landed> {
    store.begin_import(&file(name)).unwrap().write(&[block(store, records)]).unwrap()
}

fn ids(store: &Store, request: &ListProfiles) -> Vec<String> {
    let page = store.list(&ListProfiles { limit: 100, ..request.clone() }).unwrap();
    assert_eq!(page.matching, page.rows.len() as u64, "the count is of what is listed");
    page.rows.into_iter().map(|row| row.id).collect()
}

fn filtered(store: &Store, filter: &str) -> Vec<String> {
    ids(store, &ListProfiles { filter: filter.to_owned(), ..ListProfiles::default() })
}

fn found(store: &Store, search: &str) -> Vec<String> {
    ids(store, &ListProfiles { search: search.to_owned(), ..ListProfiles::default() })
}

fn set(pointer: &str, value: Value) -> Edit {
    Edit::Set { pointer: pointer.to_owned(), value }
}

#[test]
fn importing_a_file_twice_writes_nothing() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let file = [json!({"id": "a", "attributes": {"x": 1}}), json!({"id": "b"})];
    assert_eq!(import(&store, "f", &file), [Landed::Created, Landed::Created]);
    assert_eq!(import(&store, "f", &file), [Landed::Unchanged, Landed::Unchanged]);
    assert_eq!(store.totals().unwrap().profiles, 2);
}

#[test]
fn the_later_line_of_one_file_wins() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let writer = store.begin_import(&file("f")).unwrap();
    let lines = |names: &[&str]| {
        let records: Vec<Value> =
            names.iter().map(|name| json!({"id": "a", "display_name": name})).collect();
        block(&store, &records)
    };
    assert_eq!(writer.write(&[lines(&["1", "2"])]).unwrap(), [Landed::Created, Landed::Duplicate]);
    assert_eq!(
        writer.write(&[lines(&["3"])]).unwrap(),
        [Landed::Duplicate],
        "in a later batch too"
    );
    assert_eq!(store.record("a").unwrap().members()["display_name"], json!("3"));
    assert_eq!(store.history("a").unwrap().len(), 1, "one file is one import, not a history");
    assert_eq!(store.check(false).unwrap().findings, [], "and everything is counted once");
}

#[test]
fn an_import_over_an_edit_is_a_merge() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let session = session();
    import(&store, "old", &[json!({"id": "a", "attributes": {"file": 1, "both": 1, "mine": 1}})]);
    let edits = [set("/attributes/mine", json!(2)), set("/attributes/both", json!(2))];
    assert!(store.edit(&session, NOW, "a", &edits).unwrap());
    let landed = import(
        &store,
        "new",
        &[json!({"id": "a", "attributes": {"file": 9, "both": 9, "mine": 1}})],
    );
    assert_eq!(landed, [Landed::Updated { new_conflicts: 1 }]);
    let members = store.record("a").unwrap().into_value();
    assert_eq!(
        members["attributes"],
        json!({"file": 9, "both": 2, "mine": 2}),
        "the person's value stays"
    );
    let conflicts = store.conflicts("a").unwrap();
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].pointer, "/attributes/both");
    assert_eq!(conflicts[0].base, Some(json!(1)));
    let values: Vec<_> = conflicts[0].values.iter().map(|v| v.value.clone().unwrap()).collect();
    assert_eq!(values, [json!(2), json!(9)], "the file's value is offered");
    assert_eq!(store.profile("a").unwrap().status, ProfileStatus::Conflict);
    assert!(
        store.resolve(&session, NOW, "a", "/attributes/both", &conflicts[0].values[1].key).unwrap()
    );
    assert_eq!(store.record("a").unwrap().members()["attributes"]["both"], json!(9));
    assert!(store.conflicts("a").unwrap().is_empty());
    let again = import(
        &store,
        "new",
        &[json!({"id": "a", "attributes": {"file": 9, "both": 9, "mine": 1}})],
    );
    assert_eq!(again, [Landed::Unchanged], "the same file says nothing new");
    let files: Vec<_> = store.history("a").unwrap().into_iter().map(|row| row.file).collect();
    assert_eq!(files[1..], [None, Some("new".to_owned()), None]);
}

#[test]
fn an_edit_that_cannot_be_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let session = session();
    import(&store, "f", &[json!({"id": "a"})]);
    for edit in [
        set("/id", json!("b")),
        set("/nothing", json!(1)),
        set("/attributes/x", json!({"deep": 1})),
        set("/attributes/x/y", json!(1)),
        set("/attributes/x", json!("a\u{0}b")),
        set("/display_name", json!("x".repeat(201))),
        Edit::Add { pointer: "/observations".into(), value: json!({"signal": "s"}) },
    ] {
        let refused = store.edit(&session, NOW, "a", std::slice::from_ref(&edit));
        assert!(matches!(refused, Err(StoreError::Edit(_))), "{edit:?}: {refused:?}");
    }
    assert!(matches!(store.edit(&session, NOW, "zz", &[]), Err(StoreError::NotFound(_))));
    let view = store.profile("a").unwrap();
    assert_eq!(view.record, r#"{"id":"a","schema":"user_profile.v1"}"#);
}

#[test]
fn lists_are_filtered_searched_sorted_and_paged() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let session = session();
    import(
        &store,
        "f",
        &[
            json!({"id": "c-1", "display_name": "Zoë Über", "tags": ["vip"], "attributes": {"city": "Bern", "n": 9}}),
            json!({"id": "c-2", "display_name": "anna", "tags": ["old"], "attributes": {"city": "New York", "n": 10, "ok": true}}),
            json!({"id": "d-3", "notes": "met in Zürich", "observations": [{"signal": "s", "value": 1, "at": "2026-01-01T00:00:00Z"}]}),
        ],
    );
    assert_eq!(filtered(&store, "tag:vip"), ["c-1"]);
    assert_eq!(filtered(&store, "-tag:vip"), ["c-2", "d-3"]);
    assert_eq!(filtered(&store, "city=\"New York\""), ["c-2"]);
    assert_eq!(filtered(&store, "n>=9 n<10"), ["c-1"], "numbers compare as numbers");
    assert_eq!(filtered(&store, "attributes.ok=true"), ["c-2"]);
    assert_eq!(filtered(&store, "id:c-* has:city"), ["c-1", "c-2"]);
    assert_eq!(filtered(&store, "id:c-?"), Vec::<String>::new(), "only * is a wildcard");
    assert_eq!(filtered(&store, "status:pending").len(), 3);
    assert_eq!(found(&store, "zoe"), ["c-1"], "without accents and case");
    assert_eq!(found(&store, "zur"), ["d-3"], "the beginning of a word, in notes");
    assert_eq!(found(&store, "new york"), ["c-2"]);
    assert_eq!(found(&store, "AND \"x* NEAR("), Vec::<String>::new(), "operators are words");
    store.edit(&session, NOW, "c-1", &[set("/display_name", json!("Berta"))]).unwrap();
    assert!(found(&store, "zoe").is_empty(), "the index follows edits");
    assert_eq!(found(&store, "berta"), ["c-1"]);
    let sorted = |sort, descending| {
        ids(&store, &ListProfiles { sort, descending, ..ListProfiles::default() })
    };
    assert_eq!(sorted(SortKey::Name, false), ["c-2", "c-1", "d-3"], "nameless ones last");
    assert_eq!(sorted(SortKey::Observations, true)[0], "d-3");
    let page =
        store.list(&ListProfiles { offset: 1, limit: 1, ..ListProfiles::default() }).unwrap();
    assert_eq!((page.rows[0].id.as_str(), page.rows.len(), page.total), ("c-2", 1, 3));
}

#[test]
fn everything_survives_closing() {
    let folder = TempDir::new().unwrap();
    {
        let store = open(folder.path());
        import(&store, "f", &[json!({"id": "a", "notes": "one"})]);
        store.edit(&session(), NOW, "a", &[set("/notes", json!("one two"))]).unwrap();
    }
    let store = open(folder.path());
    assert_eq!(store.record("a").unwrap().members()["notes"], json!("one two"));
    let history = store.history("a").unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(history[1].entry.by.as_deref(), Some("Anna"));
    assert_eq!(history[1].entry.fields[0].pointer, "/notes");
    assert!(history[1].pending);
}

#[test]
fn a_full_disk_loses_nothing_that_was_there() {
    let folder = TempDir::new().unwrap();
    let small = StoreOptions { size_bytes_max: Some(1024 * 1024), ..StoreOptions::default() };
    let store = Store::open(folder.path(), small).unwrap();
    import(&store, "f", &[json!({"id": "first"})]);
    let big: Vec<Value> =
        (0..200).map(|i| json!({"id": format!("p{i}"), "notes": "x".repeat(20_000)})).collect();
    let full = store.begin_import(&file("f")).unwrap().write(&[block(&store, &big)]);
    assert!(matches!(full, Err(StoreError::DiskFull)), "{full:?}");
    assert_eq!(store.totals().unwrap().profiles, 1, "none of the batch is there");
    assert!(store.record("first").is_ok());
    drop(store);
    assert_eq!(open(folder.path()).totals().unwrap().profiles, 1);
}

#[test]
fn a_locked_database_is_told_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let short =
        StoreOptions { busy_timeout: Some(Duration::from_millis(20)), ..StoreOptions::default() };
    let store = Store::open(folder.path(), short).unwrap();
    let other = rusqlite::Connection::open(folder.path().join("kartei.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(store.begin_import(&file("f")), Err(StoreError::Locked)));
    assert_eq!(store.totals().unwrap().profiles, 0, "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    assert!(store.begin_import(&file("f")).is_ok());
}

#[test]
fn a_newer_database_is_not_touched() {
    let folder = TempDir::new().unwrap();
    drop(open(folder.path()));
    let file = folder.path().join("kartei.sqlite");
    let other = rusqlite::Connection::open(&file).unwrap();
    other.pragma_update(None, "user_version", 99).unwrap();
    drop(other);
    let before = std::fs::read(&file).unwrap();
    let refused = Store::open(folder.path(), StoreOptions::default());
    let Err(StoreError::TooNew { found: 99, known }) = refused else { panic!("{refused:?}") };
    assert_eq!(known, i64::from(kartei_local_store::newest_format()));
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn what_is_no_database_is_told_and_kept() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("kartei.sqlite");
    std::fs::write(&file, b"this is no database, but somebody's text, long enough to be looked at")
        .unwrap();
    let refused = Store::open(folder.path(), StoreOptions::default());
    assert!(matches!(refused, Err(StoreError::Damaged(_))), "{refused:?}");
    assert!(std::fs::read(&file).unwrap().starts_with(b"this is no database"));
}

#[cfg(unix)]
#[test]
fn a_new_data_folder_is_this_accounts_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = TempDir::new().unwrap();
    let data = folder.path().join("above/data");
    drop(Store::open(&data, StoreOptions::default()).unwrap());
    for made in [&data, &folder.path().join("above")] {
        let mode = std::fs::metadata(made).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", made.display());
    }
}
