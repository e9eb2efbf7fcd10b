//! A data folder that is encrypted, and the way there and back.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use kartei_local_store::{
    BlockBuilder, DatabaseKey, ImportStart, Lies, RewriteStep, Salt, Session, Store, StoreError,
    StoreOptions, View,
};
use kartei_profile::{Actor, Edit};
use kartei_protocol::desktop::{ListProfiles, TableLayout, TableView};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

const NOW: i64 = 1_770_000_000_000;

/// A word that is in records, notes and lists of words, and nowhere else.
const SECRET: &str = "Quetzalcoatl";

const FILE: &str = "kartei.sqlite";

/// More than a page cache holds, so that pages are written before a transaction ends.
const PROFILES: usize = 3_000;

fn key(byte: u8) -> DatabaseKey {
    DatabaseKey::from_bytes([byte; 32])
}

fn with_salt(byte: u8) -> (DatabaseKey, Salt) {
    (key(byte), Salt::from_bytes(std::array::from_fn(|at| byte ^ u8::try_from(at).unwrap())))
}

fn keyed(byte: u8) -> StoreOptions {
    StoreOptions { key: Some(key(byte)), ..StoreOptions::default() }
}

fn open(folder: &Path) -> Store {
    Store::open(folder, StoreOptions::default()).unwrap()
}

fn session() -> Session {
    Session { actor: Actor::from_random([7; 12]), author: Some("Anna".to_owned()) }
}

fn import(store: &Store, file: &str, ids: std::ops::Range<usize>) {
    let start = ImportStart { file: file.to_owned(), now: NOW, ..ImportStart::default() };
    let mut builder = BlockBuilder::default();
    for id in ids {
        let notes = format!("{SECRET} has it. {}", "Much to be said. ".repeat(60));
        let record = json!({
            "schema": "user_profile.v1", "id": format!("p-{id:06}"), "notes": notes,
            "attributes": {"n": id, "god": SECRET},
        });
        builder.add(store.schema(), record.to_string().as_bytes()).unwrap();
    }
    store.begin_import(&start).unwrap().write(&[builder.finish(None)]).unwrap();
}

fn edit(store: &Store, id: &str, tag: &str) {
    let edits = [Edit::Add { pointer: "/tags".to_owned(), value: json!(tag) }];
    assert!(store.edit(&session(), NOW, id, &edits).unwrap());
}

/// Profiles, an edited one, one that is deleted, what waits for the relay, a view and a layout.
fn furnish(store: &Store) {
    import(store, "f", 0..PROFILES);
    edit(store, "p-000001", "vip");
    let view = View {
        id: "v1".to_owned(),
        name: "Mine".to_owned(),
        view: TableView::default(),
        changed_at: NOW,
    };
    store.save_view(&view, None).unwrap();
    let columns = Some(vec!["name".to_owned()]);
    store.keep_table_layout(&TableLayout { columns, ..TableLayout::default() }).unwrap();
}

fn found(store: &Store, search: &str) -> u64 {
    let request = ListProfiles { search: search.to_owned(), limit: 5, ..ListProfiles::default() };
    store.list(&request).unwrap().matching
}

/// Every row of every table, with the format.
fn everything(database: &Connection) -> Vec<String> {
    let mut tables = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .unwrap();
    let names: Vec<String> =
        tables.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    let mut all = Vec::new();
    for pragma in ["user_version", "application_id", "page_size", "journal_mode"] {
        let value: rusqlite::types::Value =
            database.pragma_query_value(None, pragma, |row| row.get(0)).unwrap();
        all.push(format!("{pragma} {value:?}"));
    }
    for name in names {
        let mut rows = database.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
        let columns = rows.column_count();
        let lines: Vec<String> = rows
            .query_map([], |row| {
                let values: Result<Vec<rusqlite::types::Value>, _> =
                    (0..columns).map(|at| row.get(at)).collect();
                values.map(|values| format!("{name} {values:?}"))
            })
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        all.extend(lines);
    }
    all
}

fn plain(folder: &Path) -> Vec<String> {
    everything(&Connection::open(folder.join(FILE)).unwrap())
}

/// The files of a data folder that show the word.
fn leaks(folder: &Path) -> Vec<String> {
    let shows = |bytes: &[u8]| {
        bytes.windows(SECRET.len()).any(|part| part.eq_ignore_ascii_case(SECRET.as_bytes()))
    };
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let leaking = files.filter(|path| shows(&fs::read(path).unwrap()));
    leaking.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn there_and_back_everything_is_as_it_was() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    furnish(&store);
    let waiting = |store: &Store| {
        let items = store.next_push(5_000).unwrap().items;
        items.iter().map(|item| serde_json::to_string(item).unwrap()).collect::<Vec<_>>()
    };
    let (totals, push) = (store.totals().unwrap(), waiting(&store));
    drop(store);
    let before = plain(folder.path());
    assert_eq!(leaks(folder.path()), [FILE], "the word can be found where it lies open");

    let store = open(folder.path());
    assert_eq!(found(&store, "quetz"), PROFILES as u64);
    let mut steps = Vec::new();
    let done = store.rewrite(Some(with_salt(1)), &mut |step| steps.push(step)).unwrap();
    assert!(done.wiped);
    use RewriteStep::{Alone, Checked, Copied, Replaced};
    assert_eq!(steps, [Alone, Copied, Checked, Replaced]);
    assert!(store.is_encrypted());
    assert_eq!(found(&store, "quetz"), PROFILES as u64, "the same store goes on");
    assert_eq!(store.totals().unwrap(), totals);
    assert_eq!(store.check(false).unwrap().findings, []);
    let info = store.info().unwrap();
    assert_eq!((info.profiles, info.imports), (PROFILES as u64, 1));
    drop(store);
    assert_eq!(Store::look(folder.path()).unwrap(), Lies::Encrypted(with_salt(1).1));
    assert_eq!(leaks(folder.path()), Vec::<String>::new());

    let store = Store::open(folder.path(), keyed(1)).unwrap();
    assert_eq!(waiting(&store), push);
    assert!(store.rewrite(None, &mut |_| ()).unwrap().wiped);
    assert!(!store.is_encrypted());
    drop(store);
    assert_eq!(Store::look(folder.path()).unwrap(), Lies::Plain);
    assert!(plain(folder.path()) == before, "something got lost, or came in");
}

#[test]
fn what_is_written_later_is_not_readable_either() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    store.rewrite(Some(with_salt(1)), &mut |_| ()).unwrap();
    furnish(&store);
    edit(&store, "p-000002", SECRET);
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert!(names.iter().any(|entry| entry.file_name() == "kartei.sqlite-wal"), "{names:?}");
    assert_eq!(leaks(folder.path()), Vec::<String>::new(), "while the log is there");
    store.compact().unwrap();
    drop(store);
    assert_eq!(leaks(folder.path()), Vec::<String>::new());
    let store = Store::open(folder.path(), keyed(1)).unwrap();
    assert_eq!(found(&store, "quetz"), PROFILES as u64);
    assert_eq!(store.check(false).unwrap().findings, []);
}

#[test]
fn without_the_key_or_with_another_one_it_stays_closed_and_untouched() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    furnish(&store);
    store.rewrite(Some(with_salt(1)), &mut |_| ()).unwrap();
    drop(store);
    let before = fs::read(folder.path().join(FILE)).unwrap();
    let none = Store::open(folder.path(), StoreOptions::default());
    assert!(matches!(none, Err(StoreError::NeedsKey)), "{none:?}");
    let other = Store::open(folder.path(), keyed(2));
    assert!(matches!(other, Err(StoreError::WrongKey)), "{other:?}");
    assert!(fs::read(folder.path().join(FILE)).unwrap() == before);
    Store::open(folder.path(), keyed(1)).unwrap();
}

#[test]
fn a_key_has_no_meaning_where_nothing_is_encrypted() {
    let folder = TempDir::new().unwrap();
    drop(Store::open(folder.path(), keyed(1)).unwrap());
    assert_eq!(Store::look(folder.path()).unwrap(), Lies::Plain);
    assert!(!Store::open(folder.path(), keyed(1)).unwrap().is_encrypted());
}

#[test]
fn breaking_off_anywhere_leaves_the_old_or_the_new_database_whole() {
    for encrypts in [true, false] {
        let (folder, copies) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let store = open(folder.path());
        furnish(&store);
        if !encrypts {
            store.rewrite(Some(with_salt(1)), &mut |_| ()).unwrap();
        }
        let totals = store.totals().unwrap();
        let mut cuts = Vec::new();
        store
            .rewrite(encrypts.then(|| with_salt(1)), &mut |step| {
                // What a process that dies here leaves on the disk.
                let cut = copies.path().join(format!("{step:?}"));
                copy(folder.path(), &cut);
                cuts.push((step, cut));
            })
            .unwrap();
        assert_eq!(cuts.len(), 4);
        for (step, cut) in cuts {
            let is_encrypted = encrypts == (step == RewriteStep::Replaced);
            let store = Store::open(&cut, keyed(1)).unwrap();
            assert_eq!(store.is_encrypted(), is_encrypted, "{step:?}");
            assert_eq!(store.totals().unwrap(), totals, "{step:?}");
            assert_eq!(store.check(false).unwrap().findings, [], "{step:?}");
            edit(&store, "p-000003", "later");
            drop(store);
            let left: Vec<_> =
                fs::read_dir(&cut).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert_eq!(left, [FILE], "nothing is left behind at {step:?}");
        }
    }
}

#[test]
fn half_a_new_file_is_never_taken_for_the_database() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    furnish(&store);
    drop(store);
    fs::write(folder.path().join("kartei.sqlite.rewritten"), [0xa5; 100_000]).unwrap();
    let store = open(folder.path());
    assert_eq!(store.totals().unwrap().profiles, PROFILES as u64);
    assert!(!folder.path().join("kartei.sqlite.rewritten").exists());
    fs::write(folder.path().join("kartei.sqlite.rewritten"), [0xa5; 100_000]).unwrap();
    store.rewrite(Some(with_salt(1)), &mut |_| ()).unwrap();
    assert_eq!(store.totals().unwrap().profiles, PROFILES as u64);
}

#[test]
fn it_needs_the_database_alone_and_says_so() {
    let folder = TempDir::new().unwrap();
    let short =
        StoreOptions { busy_timeout: Some(Duration::from_millis(20)), ..StoreOptions::default() };
    let store = Store::open(folder.path(), short.clone()).unwrap();
    furnish(&store);
    let other = Store::open(folder.path(), short.clone()).unwrap();
    let refused = store.rewrite(Some(with_salt(1)), &mut |_| ());
    assert!(matches!(refused, Err(StoreError::Locked)), "{refused:?}");
    edit(&store, "p-000001", "still");
    edit(&other, "p-000002", "both");
    drop(other);
    let path = folder.path().to_owned();
    store
        .rewrite(Some(with_salt(1)), &mut |step| {
            if step == RewriteStep::Copied {
                let late = Store::open(&path, short.clone());
                assert!(matches!(late, Err(StoreError::Locked)), "{late:?}");
            }
        })
        .unwrap();
    edit(&store, "p-000003", "alone");
    assert_eq!(store.totals().unwrap().profiles, PROFILES as u64);
}

#[test]
fn a_failure_leaves_the_store_as_it_was() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    furnish(&store);
    // In the way of the new file, and no file that could be removed.
    let blocked = folder.path().join("kartei.sqlite.rewritten");
    fs::create_dir(&blocked).unwrap();
    let refused = store.rewrite(Some(with_salt(1)), &mut |_| ());
    assert!(matches!(refused, Err(StoreError::Open(_))), "{refused:?}");
    edit(&store, "p-000001", "still");
    assert!(!store.is_encrypted());
    fs::remove_dir(&blocked).unwrap();
    store.rewrite(Some(with_salt(1)), &mut |_| ()).unwrap();
    assert!(store.is_encrypted());
}

#[test]
fn a_backup_of_an_encrypted_database_is_encrypted_with_the_same_key() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(folder.path());
    furnish(&store);
    store.rewrite(Some(with_salt(1)), &mut |_| ()).unwrap();
    store.back_up(&other.path().join(FILE)).unwrap();
    assert_eq!(leaks(other.path()), Vec::<String>::new());
    assert_eq!(Store::look(other.path()).unwrap(), Lies::Encrypted(with_salt(1).1), "same name");
    let restored = Store::open(other.path(), keyed(1)).unwrap();
    assert_eq!(restored.totals().unwrap(), store.totals().unwrap());
    assert_eq!(restored.check(false).unwrap().findings, []);
}

#[test]
fn a_changed_byte_of_an_encrypted_file_is_found() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    furnish(&store);
    store.rewrite(Some(with_salt(1)), &mut |_| ()).unwrap();
    drop(store);
    let mut bytes = fs::read(folder.path().join(FILE)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(folder.path().join(FILE), bytes).unwrap();
    let store = Store::open(folder.path(), keyed(1)).unwrap();
    let checked = store.check(false);
    assert!(
        checked.as_ref().map_or(true, |check| !check.findings.is_empty()),
        "a page that was tampered with passed: {checked:?}"
    );
}
