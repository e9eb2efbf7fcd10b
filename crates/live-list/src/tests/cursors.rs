//! Cursors, while rows change between pages.

use kartei_index::{Key, Order, OrderKey};
use proptest::collection::vec;
use proptest::prelude::*;

use super::database::Database;
use super::made::{content, filter, order};
use crate::{PageQuery, ReadError};

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn reading_on_while_rows_change_neither_repeats_nor_skips(
        contents in vec(content(), 20..60),
        changes in vec(vec((any::<usize>(), option(content())), 0..3), 1..20),
        filter in filter(),
        order in order(),
        forgets in any::<bool>(),
    ) {
        let mut database = Database::default();
        for content in contents {
            database.insert(&content, 0);
        }
        let mut list = database.list();
        let stays: Vec<Key> = database.matching(filter.as_ref());
        let mut changed: Vec<Key> = Vec::new();
        let mut changes = changes.into_iter();
        let (mut read, mut after): (Vec<Key>, Option<String>) = (Vec::new(), None);
        loop {
            let page = database.page(&mut list, filter.as_ref(), &order, after.as_deref(), 4);
            prop_assert_eq!(page.rev, database.rev, "each page is of one revision");
            read.extend(page.keys);
            after = page.next;
            if after.is_none() {
                break;
            }
            for (at, content) in changes.next().unwrap_or_default() {
                let Some(key) = database.key_at(at) else { continue };
                changed.push(key);
                match content {
                    Some(content) => database.edit(key, &content, 0),
                    None => database.remove(key),
                }
            }
            if forgets {
                list.clear();
            }
            database.bring_up(&mut list, 0, 0);
        }
        read.retain(|key| !changed.contains(key));
        let mut expected = stays;
        expected.retain(|key| !changed.contains(key));
        read.sort_unstable();
        prop_assert_eq!(read, expected, "rows that stayed put come once each");
    }
}

fn option<T: Strategy>(of: T) -> impl Strategy<Value = Option<T::Value>>
where
    T::Value: Clone,
{
    proptest::option::weighted(0.7, of)
}

#[test]
fn cursors_of_another_order_are_refused() {
    let mut database = Database::default();
    let content = serde_json::json!({"schema": "user_profile.v1", "attributes": {"age": 3}});
    for _ in 0..6 {
        database.insert(&content, 0);
    }
    let mut list = database.list();
    let by = |by| Order { by, descending: false };
    let by_age = by(OrderKey::Attribute("age".to_owned()));
    let next = database.page(&mut list, None, &by_age, None, 2).next.unwrap();
    for (order, after) in [
        (by(OrderKey::Id), next.as_str()),
        (by(OrderKey::Attribute("city".to_owned())), next.as_str()),
        (by_age.clone(), "next please"),
        (by_age.clone(), ""),
    ] {
        let query = PageQuery { filter: None, order: &order, after: Some(after), limit: 2 };
        let read = list.page(&query, &mut database);
        assert!(matches!(read, Err(ReadError::Cursor)), "{after:?} is no cursor of {order:?}");
    }
}

#[test]
fn pages_have_at_least_a_row_and_at_most_as_many_as_allowed() {
    let mut database = Database::default();
    for _ in 0..5 {
        database.insert(&serde_json::json!({"schema": "user_profile.v1"}), 0);
    }
    let mut list = database.list();
    list.limits.page_rows_max = 3;
    let order = Order { by: OrderKey::Changed, descending: true };
    for (limit, rows) in [(0, 1), (2, 2), (3, 3), (usize::MAX, 3)] {
        let page = database.page(&mut list, None, &order, None, limit);
        assert_eq!(page.keys.len(), rows, "asked for {limit}");
        assert!(page.next.is_some(), "there is more");
    }
}

#[test]
fn an_empty_list_has_one_empty_page() {
    let mut database = Database::default();
    let mut list = database.list();
    let order = Order { by: OrderKey::Name, descending: false };
    let filter = kartei_filter::parse("not status:conflict \"green tea\"").unwrap();
    for filter in [None, Some(&filter)] {
        let page = database.page(&mut list, filter, &order, None, 10);
        assert_eq!((page.keys, page.matching, page.total), (Vec::new(), 0, 0));
        assert_eq!((page.next, page.rev), (None, 0));
        assert_eq!(list.keys(filter, &mut database).unwrap().keys, [] as [Key; 0]);
    }
    assert!(list.is_empty() && list.worn(10).is_empty(), "nothing is to be given again");
}
