//! What a list takes in memory goes with what lives in it.

use kartei_index::{Key, Order, OrderKey};
use serde_json::json;

use super::database::Database;
use crate::LiveList;

fn rows(list: &LiveList) -> usize {
    list.parts.values().map(|part| part.rows).sum()
}

#[test]
fn what_died_goes_when_worn_rows_are_given_again() {
    let mut database = Database::default();
    let content = json!({"schema": "user_profile.v1", "tags": ["vip"], "notes": "likes tea"});
    for _ in 0..300 {
        database.insert(&content, 0);
    }
    let mut list = database.list();
    let bytes = list.bytes();
    for round in 0..900_usize {
        let key = database.key_at(round * 7_919).unwrap();
        database.edit(key, &content, u32::from(round % 2 == 0));
        database.bring_up(&mut list, 0, 0);
        database.renew(&mut list, 24);
        assert!(rows(&list) <= list.len() * 2, "{} rows in round {round}", rows(&list));
    }
    assert_eq!(list.keys(None, &mut database).unwrap().keys, database.matching(None));
    assert!(list.bytes() < bytes * 3, "{} bytes, {bytes} in the beginning", list.bytes());
    let keys: Vec<Key> = database.rows.keys().copied().collect();
    keys.iter().skip(3).for_each(|key| database.remove(*key));
    database.bring_up(&mut list, 0, 0);
    while database.renew(&mut list, 24) > 0 {}
    assert!(rows(&list) <= 6, "{} rows of three profiles", rows(&list));
    assert_eq!(list.keys(None, &mut database).unwrap().keys, keys[..3]);
}

#[test]
fn bytes_count_columns_orders_and_loose_rows() {
    let mut database = Database::default();
    let empty = database.list().bytes();
    let mut list = database.list();
    let mut before = empty;
    for size in [100, 10_000] {
        let content = json!({"schema": "user_profile.v1", "notes": "x".repeat(size)});
        database.insert(&content, 0);
        database.bring_up(&mut list, 0, 0);
        assert!(list.bytes() >= before + size, "a loose row is kept with its text");
        before = list.bytes();
    }
    let order = Order { by: OrderKey::Name, descending: false };
    database.page(&mut list, None, &order, None, 5);
    assert!(list.bytes() > before, "what was selected is counted");
    list.clear();
    assert_eq!(list.bytes(), empty, "nothing is left");
}

#[test]
fn worn_rows_come_in_whole_segments_up_to_what_was_asked_for() {
    let mut database = Database::default();
    let content = json!({"schema": "user_profile.v1"});
    for _ in 0..48 {
        database.insert(&content, 0);
    }
    let mut list = database.list();
    assert!(list.worn(100).is_empty(), "nothing is worn yet");
    // Four segments of twelve: of three of them two rows in three are given anew.
    let keys = database.rows.keys().copied().enumerate().take(36);
    let edited: Vec<Key> = keys.filter(|(at, _)| at % 3 > 0).map(|(_, key)| key).collect();
    edited.iter().for_each(|key| database.edit(*key, &content, 0));
    database.bring_up(&mut list, 0, 0);
    assert_eq!(list.worn(1).len(), 4, "at least one segment, what lives of it");
    assert_eq!(list.worn(8).len(), 8);
    let all = list.worn(1_000);
    assert_eq!(all.len(), 12);
    assert!(all.is_sorted() && all.iter().all(|key| !edited.contains(key)), "what is left");
    assert_eq!(database.renew(&mut list, 1_000), 12);
    assert!(list.worn(1_000).is_empty(), "all is well again");
}
