//! Whatever happens to a database, its lists are those of its records.

use kartei_filter::Expr;
use kartei_index::Order;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::database::Database;
use super::made::{content, filter, order};
use crate::loose::MERGED;
use crate::{Limits, LiveList};

#[derive(Debug, Clone)]
enum Step {
    Insert(Vec<(Value, u32)>),
    Edit(Vec<(usize, Value, u32)>),
    Remove(usize),
    /// The list is brought up: on so many threads, with batches of so many changes.
    BringUp(usize, usize),
    /// Worn rows are given again, about so many.
    Renew(usize),
    /// The list is forgotten.
    Forget,
}

fn step() -> impl Strategy<Value = Step> {
    let conflicts = || prop_oneof![4 => Just(0_u32), 1 => 1..4_u32];
    prop_oneof![
        4 => vec((content(), conflicts()), 1..40).prop_map(Step::Insert),
        6 => vec((any::<usize>(), content(), conflicts()), 1..12).prop_map(Step::Edit),
        2 => any::<usize>().prop_map(Step::Remove),
        6 => (0..4_usize, 1..30_usize).prop_map(|(threads, batch)| Step::BringUp(threads, batch)),
        3 => (1..40_usize).prop_map(Step::Renew),
        1 => Just(Step::Forget),
    ]
}

fn take(database: &mut Database, list: &mut LiveList, step: Step) {
    match step {
        Step::Insert(contents) => {
            for (content, conflicts) in contents {
                database.insert(&content, conflicts);
            }
        }
        Step::Edit(edits) => {
            for (at, content, conflicts) in edits {
                let Some(key) = database.key_at(at) else { return };
                database.edit(key, &content, conflicts);
            }
        }
        Step::Remove(at) => {
            if let Some(key) = database.key_at(at) {
                database.remove(key);
            }
        }
        Step::BringUp(threads, batch) => database.bring_up(list, threads, batch),
        Step::Renew(rows_max) => {
            database.bring_up(list, 0, 0);
            database.renew(list, rows_max);
        }
        Step::Forget => list.clear(),
    }
}

/// What a list holds of its segments agrees with what it holds of its profiles.
fn check_shape(list: &LiveList) {
    let live: usize = list.parts.values().map(|part| part.live).sum();
    assert_eq!((live, list.catalog.len()), (list.len(), list.len()), "rows of today");
    assert!(list.parts.values().all(|part| part.live > 0), "what is dead is dropped");
    let loose = list.parts.values().filter(|part| part.loose.is_some()).count();
    // Tests have three sizes too: below 2, 4 and 8 rows.
    assert!(loose <= 3 * (MERGED - 1), "{loose} loose segments");
}

fn check(
    database: &mut Database,
    list: &mut LiveList,
    filter: Option<&Expr>,
    order: &Order,
    limit: usize,
) {
    database.bring_up(list, 0, 0);
    check_shape(list);
    let mut expected = database.matching(filter);
    let selected = list.keys(filter, database).unwrap();
    assert_eq!(selected.rev, database.rev, "the revision that it is of");
    assert_eq!(selected.keys, expected, "what a filter holds for");
    database.sort(&mut expected, order);
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let page = database.page(list, filter, order, after.as_deref(), limit);
        assert_eq!(page.matching, expected.len() as u64, "how many a filter holds for");
        assert_eq!((page.total, page.rev), (database.rows.len() as u64, database.rev));
        assert!(page.keys.len() <= limit, "no page is longer than asked for");
        read.extend(page.keys);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(read, expected, "page after page");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn lists_are_those_of_plain_records(
        steps in vec((step(), filter(), order(), 1..25_usize), 1..24),
    ) {
        let (mut database, mut list) = (Database::default(), LiveList::new(Limits::default()));
        for (step, filter, order, limit) in steps {
            let is_read = !matches!(step, Step::Insert(_) | Step::Edit(_));
            take(&mut database, &mut list, step);
            if is_read {
                check(&mut database, &mut list, filter.as_ref(), &order, limit);
            }
        }
        let order = Order { by: kartei_index::OrderKey::Id, descending: false };
        check(&mut database, &mut list, None, &order, 9);
    }
}
