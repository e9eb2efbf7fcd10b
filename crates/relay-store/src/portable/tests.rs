use super::*;

#[test]
fn every_table_of_the_embedded_engine_is_moved_or_named_as_one_that_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = SqliteRows::write(folder.path()).unwrap();
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
