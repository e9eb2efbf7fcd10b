//! The lists of several organisations.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::json;

use super::database::Database;
use crate::{Limits, Lists, LiveList};

fn database() -> Database {
    let mut database = Database::default();
    for _ in 0..20 {
        database.insert(&json!({"schema": "user_profile.v1", "notes": "likes tea"}), 0);
    }
    database
}

fn built(lists: &Lists<&'static str>, organisation: &'static str, database: &Database) -> bool {
    lists.with(&organisation, |list| {
        let was_there = !list.is_empty();
        database.bring_up(list, 0, 0);
        was_there
    })
}

#[test]
fn the_least_recently_used_list_is_forgotten_first() {
    let database = database();
    let one = database.list().bytes();
    let lists = Lists::new(Limits::default(), one * 5 / 2);
    assert!(!built(&lists, "a", &database) && !built(&lists, "b", &database));
    assert_eq!((lists.len(), lists.bytes()), (2, one * 2));
    assert!(built(&lists, "a", &database), "both have room");
    assert!(!built(&lists, "c", &database), "a third one has none");
    assert_eq!((lists.len(), lists.bytes()), (2, one * 2));
    assert!(built(&lists, "a", &database), "it was used after b");
    assert!(!built(&lists, "b", &database), "so b had to go, and is made anew");
    lists.forget(&"a");
    assert!(!built(&lists, "a", &database), "it was forgotten");
}

#[test]
fn the_list_used_last_stays_however_large_it_is() {
    let database = database();
    let lists = Lists::new(Limits::default(), 1);
    assert!(!built(&lists, "a", &database));
    assert!(built(&lists, "a", &database), "making it anew each time would be worse");
    assert!(!built(&lists, "b", &database));
    assert_eq!(lists.len(), 1, "but only that one");
}

#[test]
fn a_list_that_is_being_built_holds_up_no_other_one() {
    let database = database();
    let lists = Lists::new(Limits::default(), 1);
    lists.with(&"a", |list| {
        database.bring_up(list, 0, 0);
        // Would wait for ever if there were one lock.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                built(&lists, "b", &database);
                built(&lists, "c", &database);
            });
        });
        assert_eq!(list.len(), 20, "and is not forgotten while somebody works with it");
    });
    assert!(!lists.is_empty());
    assert!(built(&lists, "c", &database), "the one used last");
    assert!(!built(&lists, "a", &database), "the other one had to go when it was let go");
}

#[test]
fn a_list_in_use_is_not_forgotten() {
    let database = database();
    let lists = Lists::new(Limits::default(), 1);
    built(&lists, "a", &database);
    lists.with(&"a", |_| {
        built(&lists, "b", &database);
        assert_eq!(lists.len(), 2, "whoever asks for it waits, and does not begin another one");
    });
    assert_eq!(lists.len(), 1, "then there is no room for both");
}

#[test]
fn a_list_forgotten_while_in_use_is_not_the_one_that_comes_after() {
    let database = database();
    let lists = Lists::new(Limits::default(), usize::MAX);
    lists.with(&"a", |list| {
        database.bring_up(list, 0, 0);
        lists.forget(&"a");
    });
    assert_eq!(lists.bytes(), 0, "it is not in the map any more");
    assert!(!built(&lists, "a", &database), "another one was begun");
}

#[test]
fn a_panic_costs_the_list_and_nothing_else() {
    let database = database();
    let lists = Lists::new(Limits::default(), usize::MAX);
    built(&lists, "a", &database);
    built(&lists, "b", &database);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        lists.with(&"a", |_: &mut LiveList| panic!("as a fault in the program would"));
    }));
    assert!(panicked.is_err());
    assert!(!built(&lists, "a", &database), "nobody knows what state it was in");
    assert!(built(&lists, "b", &database), "the other one is as it was");
}
