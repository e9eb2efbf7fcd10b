//! What goes wrong is named, and leaves a list that is whole or empty.

use std::convert::Infallible;

use kartei_index::{Key, Order, OrderKey};
use serde_json::json;

use super::database::Database;
use crate::{
    BringUpError, Change, Limits, LiveList, PageQuery, Preparer, ReadError, Row, RowSource,
};

fn database(profiles: usize) -> Database {
    let mut database = Database::default();
    for _ in 0..profiles {
        database.insert(&json!({"schema": "user_profile.v1", "notes": "likes green tea"}), 0);
    }
    database
}

fn keys(list: &mut LiveList, database: &mut Database) -> Vec<Key> {
    list.keys(None, database).unwrap().keys
}

#[test]
fn a_damaged_record_is_named_and_changes_nothing() {
    let mut database = database(5);
    let mut list = database.list();
    let before = keys(&mut list, &mut database);
    let sound = database.rows[&before[0]].clone();
    // The last one is sound, but another profile's.
    let texts =
        ["", "{", "[]", "\"a\"", "{\"id\":\"other\"}", "{\"id\":7}", &sound.text[1..], &sound.text];
    for text in texts {
        let row = Row { text: text.to_owned(), id: "broken-1".to_owned(), ..sound.clone() };
        let error = list.bring_up([Change::Put(row)], database.rev).unwrap_err();
        let BringUpError::Damaged { id, key, .. } = &error else { panic!("{error}") };
        assert_eq!((id.as_str(), *key), ("broken-1", sound.key));
        assert!(error.to_string().contains("broken-1"), "{error} says which profile");
        assert_eq!(keys(&mut list, &mut database), before, "the list is as it was");
    }
    let row = Row { key: Key::MIN, ..sound };
    let refused = list.bring_up([Change::Put(row)], database.rev);
    assert!(matches!(refused, Err(BringUpError::Damaged { .. })), "that key means none");
}

#[test]
fn a_preparer_forgets_the_batch_with_the_damaged_record() {
    let database = database(4);
    let mut rows: Vec<Row> = database.rows.values().cloned().collect();
    rows[3].text.push('}');
    let mut preparer = Preparer::default();
    let batch = |rows: &[Row]| rows.iter().cloned().map(Change::Put).collect::<Vec<_>>();
    assert!(preparer.prepare(batch(&rows)).is_err(), "the fourth is damaged");
    let mut list = LiveList::new(Limits::default());
    let mut bringing = list.begin(database.rev).unwrap();
    bringing.add(preparer.prepare(batch(&rows[..2])).unwrap()).unwrap();
    bringing.finish();
    let order = Order { by: OrderKey::Id, descending: false };
    let mut database = database;
    database.rows.retain(|key, _| *key <= rows[1].key);
    let mut expected = database.matching(None);
    database.sort(&mut expected, &order);
    assert_eq!(database.page(&mut list, None, &order, None, 9).keys, expected);
}

#[test]
fn the_last_of_several_changes_of_a_profile_counts() {
    let mut database = database(6);
    let mut list = LiveList::new(Limits::default());
    let rows: Vec<Row> = database.rows.values().cloned().collect();
    let put = |at: usize, changed_at| Change::Put(Row { changed_at, ..rows[at].clone() });
    let gone = |at: usize| Change::Removed(rows[at].key);
    let changes = [
        put(0, 50),
        put(1, 40),
        put(2, 10),
        gone(1),
        put(0, 30),
        gone(2),
        put(2, 20),
        gone(5),
        put(0, 60),
    ];
    list.bring_up(changes, database.rev).unwrap();
    let order = Order { by: OrderKey::Changed, descending: false };
    let page = database.page(&mut list, None, &order, None, 9);
    assert_eq!((page.keys, page.total), (vec![rows[2].key, rows[0].key], 2));
}

#[test]
fn batches_prepared_on_several_threads_are_added_in_their_order() {
    let mut database = database(3);
    let rows: Vec<Row> = database.rows.values().cloned().collect();
    let order = Order { by: OrderKey::Changed, descending: false };
    let mut list = LiveList::new(Limits::default());
    // Large batches take longer to prepare than the small ones after them.
    let batches = (0..40_i64).map(|at| {
        let times = if at % 2 == 0 { 200 } else { 1 };
        let row = &rows[usize::try_from(at % 3).unwrap()];
        let put = Change::Put(Row { changed_at: at, ..row.clone() });
        Ok::<_, BringUpError>(vec![put; times])
    });
    list.bring_up_on(4, batches, database.rev).unwrap();
    let page = database.page(&mut list, None, &order, None, 9);
    assert_eq!(page.keys, [rows[1].key, rows[2].key, rows[0].key], "changed at 37, 38 and 39");
    let last = kartei_filter::parse("changed<1970-01-01T00:00:00.037Z").unwrap();
    assert_eq!(list.keys(Some(&last), &mut database).unwrap().keys, [] as [Key; 0]);
}

#[test]
fn half_a_bring_up_leaves_an_empty_list() {
    let mut database = database(40);
    let changes = database.changes(0);
    let mut list = LiveList::new(Limits::default());
    // Reading fails after some batches were added.
    let failed = changes.chunks(5).enumerate().map(|(at, batch)| {
        if at < 6 { Ok(batch.to_vec()) } else { Err(BringUpError::TooMany { max: 0 }) }
    });
    let refused = list.bring_up_on(2, failed, database.rev);
    assert_eq!(refused, Err(BringUpError::TooMany { max: 0 }), "as the reader said");
    assert_eq!((list.len(), list.rev()), (0, 0), "half of it is worse than none");
    // Somebody stops in the middle.
    let mut bringing = list.begin(database.rev).unwrap();
    let prepared = Preparer::default().prepare(changes[..30].to_vec()).unwrap();
    bringing.add(prepared).unwrap();
    drop(bringing);
    assert_eq!((list.len(), list.rev()), (0, 0), "nobody finished it");
    database.bring_up(&mut list, 2, 7);
    assert_eq!(keys(&mut list, &mut database), database.matching(None), "then it is made anew");
    // Nothing was added yet: nothing is lost.
    drop(list.begin(database.rev).unwrap());
    assert_eq!((list.len(), list.rev()), (40, database.rev));
}

#[test]
fn lists_go_forward_only_and_not_beyond_what_was_said() {
    let mut database = database(3);
    let mut list = database.list();
    let refused = list.bring_up([], 2);
    assert_eq!(refused, Err(BringUpError::Behind { at: 3, to: 2 }));
    let first = database.key_at(0).unwrap();
    database.edit(first, &json!({"schema": "user_profile.v1"}), 0);
    let row = database.rows[&first].clone();
    let (id, rev) = (row.id.clone(), row.rev);
    let refused = list.bring_up([Change::Put(row)], 3);
    assert_eq!(refused, Err(BringUpError::Ahead { id, rev, to: 3 }));
    assert_eq!((list.len(), list.rev()), (3, 3), "the list is as it was");
}

#[test]
fn more_profiles_than_allowed_are_refused() {
    let mut database = database(3);
    let mut list = LiveList::new(Limits { profiles_max: 3, ..Limits::default() });
    database.bring_up(&mut list, 0, 0);
    database.insert(&json!({"schema": "user_profile.v1"}), 0);
    let refused = list.bring_up(database.changes(list.rev()), database.rev);
    assert_eq!(refused, Err(BringUpError::TooMany { max: 3 }));
    assert!(list.is_empty(), "a list that lacks profiles would lie");
}

/// Texts that are not those of the list.
struct Wrong(Option<&'static str>);

impl RowSource for Wrong {
    type Error = Infallible;

    fn texts(&mut self, keys: &[Key], found: &mut dyn FnMut(Key, &str)) -> Result<(), Infallible> {
        if let Some(text) = self.0 {
            keys.iter().for_each(|key| found(*key, text));
        }
        Ok(())
    }
}

#[test]
fn a_filter_that_needs_records_names_the_one_it_cannot_read() {
    let database = database(3);
    let mut list = database.list();
    let phrase = kartei_filter::parse("\"green tea\"").unwrap();
    let order = Order { by: OrderKey::Id, descending: false };
    let query = PageQuery { filter: Some(&phrase), order: &order, after: None, limit: 9 };
    let damaged = Wrong(Some("{\"id\":\"ann\",\"notes\":\"green t"));
    match list.page(&query, &mut { damaged }) {
        Err(ReadError::Damaged { id, .. }) => assert_eq!(id, "ann"),
        other => panic!("{other:?}"),
    }
    match list.page(&query, &mut Wrong(None)) {
        Err(ReadError::Missing { rev, .. }) => assert_eq!(rev, 3),
        other => panic!("{other:?}"),
    }
}

#[test]
fn records_of_a_segment_are_read_together() {
    let mut database = database(30);
    let mut list = database.list();
    let phrase = kartei_filter::parse("\"green tea\"").unwrap();
    assert_eq!(list.keys(Some(&phrase), &mut database).unwrap().keys.len(), 30);
    assert_eq!(database.asked, list.parts.len(), "once for each segment, not for each row");
}
