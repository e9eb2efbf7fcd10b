use super::*;
use crate::sqlite::copy::format;

#[test]
fn every_table_of_the_embedded_engine_is_moved_or_named_as_one_that_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = SqliteRows::write(folder.path(), format()).unwrap();
    let columns = known_columns(&mut rows).unwrap();
    for table in TABLES {
        table.key_places(columns_of(&columns, table)).unwrap();
    }
    rows.run("CREATE TABLE afterthought (org INTEGER)");
    let error = known_columns(&mut rows).unwrap_err().to_string();
    assert!(error.contains("afterthought"), "{error}");
}

#[test]
fn what_a_relay_has_open_is_not_moved_and_what_is_there_is_not_moved_to() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = RelayStore::open(folder.path()).unwrap();
    store.create_organisation("Test", 1).unwrap();
    let place = Place::Folder(folder.path());
    let error = PortableSource::open(place, Beside::Nobody).unwrap_err().to_string();
    assert!(error.contains("end it first"), "{error}");
    let told = PortableSource::open(place, Beside::Others).unwrap().tally().unwrap();
    drop(store);
    let source = PortableSource::open(place, Beside::Nobody).unwrap();
    let moved = source.move_to(Place::Folder(other.path()), &mut |_, _| {}).unwrap();
    assert_eq!(moved, told);
    let source = PortableSource::open(place, Beside::Nobody).unwrap();
    let error = source.move_to(Place::Folder(other.path()), &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("there already"), "{error}");
}

#[test]
fn rows_of_an_older_format_make_a_database_of_this_one() {
    let (old, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // The format before tokens could end.
    let before = 15;
    let mut rows = SqliteRows::write(old.path(), before).unwrap();
    rows.run(
        "INSERT INTO organisations (id, name, epoch, head_rev, created_at) VALUES (1, 'Old', 'e', 3, 1); \
         INSERT INTO tokens (id, org, name, role, hash, created_at) VALUES (5, 1, 'Ann', 'admin', x'01', 1)",
    );
    let columns = known_columns(&mut rows).unwrap();
    assert!(!columns["tokens"].contains(&"expires_at".to_owned()));
    let mut bytes = Vec::new();
    let mut take = |part: Vec<u8>| {
        bytes.extend(part);
        true
    };
    let (_, told) = dump::dump(&mut rows, &columns, &mut take).unwrap();
    RelayStore::restore_rows(folder.path(), before, &told, &mut bytes.as_slice()).unwrap();
    let store = RelayStore::open(folder.path()).unwrap();
    assert_eq!(store.organisations().unwrap()[0].name, "Old");
    let place = Place::Folder(folder.path());
    let tables = PortableSource::open(place, Beside::Others).unwrap().tally().unwrap();
    assert!(tables.iter().any(|table| table.name == "tokens" && table.rows == 1));

    let other = tempfile::tempdir().unwrap();
    let newer = RelayStore::restore_rows(other.path(), format() + 1, &told, &mut &bytes[..]);
    assert!(matches!(newer, Err(RelayStoreError::TooNew { .. })), "{newer:?}");
}
