//! Whatever happens to a store, its lists are those of its records.

use kartei_filter::{Expr, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::arbitrary::{content, expr, order, record, status};
use super::store::{Profile, Store};
use crate::place;
use crate::{Catalog, ChunkBuilder, Error, From, Key, Order, OrderKey};

#[derive(Debug, Clone)]
enum Step {
    /// New profiles; `None` is a line that made none.
    Import(Vec<(Value, Status, bool)>),
    /// Another content for the profile at a place.
    Edit(usize, Value, Status),
    Remove(usize),
    /// All rows in memory are forgotten and added anew.
    Reopen,
    /// Loose rows become a chunk, before or after they are forgotten.
    Pack(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => vec((content(), status(), prop::bool::weighted(0.95)), 1..60).prop_map(Step::Import),
        4 => (any::<usize>(), content(), status())
            .prop_map(|(at, content, status)| Step::Edit(at, content, status)),
        1 => any::<usize>().prop_map(Step::Remove),
        1 => Just(Step::Reopen),
        1 => any::<bool>().prop_map(Step::Pack),
    ]
}

#[derive(Default)]
struct World {
    store: Store,
    builder: ChunkBuilder,
    next_key: Key,
    time: i64,
}

impl World {
    fn key_at(&self, at: usize) -> Option<Key> {
        let keys: Vec<Key> = self.store.profiles.keys().copied().collect();
        (!keys.is_empty()).then(|| keys[at % keys.len()])
    }

    fn take(&mut self, catalog: &mut Catalog, step: Step) {
        self.time = (self.time + 1) % 9;
        catalog.set_status_version(u64::try_from(self.time).unwrap());
        match step {
            Step::Import(contents) => {
                let mut rows = Vec::new();
                for (content, status, made) in contents {
                    let record = record(&content, self.next_key);
                    rows.push((made.then_some(self.next_key), record.clone()));
                    if made {
                        let profile = Profile { record, changed_at: self.time, status };
                        self.store.profiles.insert(self.next_key, profile);
                    }
                    self.next_key += 1;
                }
                self.store.add_chunk(catalog, &mut self.builder, &rows, self.time);
            }
            Step::Edit(at, content, status) => {
                let Some(key) = self.key_at(at) else { return };
                let record = record(&content, key);
                let profile = Profile { record, changed_at: self.time, status };
                self.store.profiles.insert(key, profile);
                self.store.loose.insert(key);
                self.store.add_rows(catalog, &mut self.builder, &[key]);
            }
            Step::Remove(at) => {
                let Some(key) = self.key_at(at) else { return };
                self.store.profiles.remove(&key);
                self.store.loose.remove(&key);
                catalog.remove(key);
            }
            Step::Reopen => {
                catalog.drop_rows();
                let loose: Vec<Key> = self.store.loose.iter().copied().collect();
                self.store.add_rows(catalog, &mut self.builder, &loose);
            }
            Step::Pack(forget_first) => {
                let loose = std::mem::take(&mut self.store.loose);
                if forget_first {
                    catalog.drop_rows();
                }
                if !loose.is_empty() {
                    let rows: Vec<_> = loose
                        .iter()
                        .map(|key| (Some(*key), self.store.profiles[key].record.clone()))
                        .collect();
                    // A chunk has one moment of change.
                    for key in &loose {
                        self.store.profiles.get_mut(key).unwrap().changed_at = self.time;
                    }
                    self.store.add_chunk(catalog, &mut self.builder, &rows, self.time);
                }
                if !forget_first {
                    catalog.drop_rows();
                }
            }
        }
    }

    fn check(&mut self, catalog: &mut Catalog, expr: &Expr, order: &Order, limit: usize) {
        assert_eq!(catalog.len(), self.store.profiles.len(), "profiles of today");
        let mut expected = self.store.matching(expr);
        let matches = catalog.select(expr, &mut self.store).unwrap();
        assert_eq!(matches.count(), expected.len(), "how many a filter holds for");
        let keys = catalog.keys::<()>(&matches).unwrap();
        assert_eq!(keys, expected, "keys in order");
        self.store.sort(&mut expected, order);
        let mut by_cursor: Vec<Key> = Vec::new();
        let mut mark: Option<String> = None;
        loop {
            let from = mark.as_deref().map_or(From::Rank(0), From::After);
            let page = catalog.page(&matches, order, from, limit, &mut self.store).unwrap();
            assert_eq!(page.rank, by_cursor.len() as u64, "rank of a page");
            by_cursor.extend(&page.keys);
            match page.next {
                Some(next) => mark = Some(next),
                None => break,
            }
        }
        assert_eq!(by_cursor, expected, "page after page");
        for rank in (0..=expected.len()).step_by(limit) {
            let from = From::Rank(rank as u64);
            let page = catalog.page(&matches, order, from, limit, &mut self.store).unwrap();
            let wanted: Vec<Key> = expected.iter().skip(rank).take(limit).copied().collect();
            assert_eq!(page.keys, wanted, "page by rank");
        }
        for (rank, key) in expected.iter().enumerate() {
            let found = catalog.rank(&matches, order, *key, &mut self.store).unwrap();
            assert_eq!(found, Some(rank as u64), "where a profile stands");
        }
        // Counted, the place is the same one as in the sorted list. Each count looks at all of it.
        for (rank, key) in expected.iter().enumerate().step_by(expected.len() / 8 + 1) {
            let row = catalog.row_of(*key).unwrap();
            let counted = place::before(catalog, &matches.rows, order, row).unwrap();
            assert!(
                counted.is_none_or(|counted| counted == rank),
                "where a profile stands, counted"
            );
        }
        for key in self.store.profiles.keys().copied().collect::<Vec<_>>() {
            let found = catalog.rank(&matches, order, key, &mut self.store).unwrap();
            assert_eq!(found.is_some(), expected.contains(&key), "what the filter hides");
        }
        super::facets::check(&mut self.store, catalog, expr);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn lists_are_those_of_plain_records(
        steps in vec((step(), expr(), order(), 1..20_usize), 1..14),
        memory in prop_oneof![Just(0_usize), Just(1 << 20)],
    ) {
        let mut world = World::default();
        let mut catalog = Catalog::new(memory);
        for (step, expr, order, limit) in steps {
            world.take(&mut catalog, step);
            world.check(&mut catalog, &expr, &order, limit);
        }
        // Who opens the store now sees the same.
        let everything = Expr::All(Vec::new());
        let order = Order { by: OrderKey::Name, descending: true };
        world.check(&mut catalog, &everything, &order, 7);
    }

    #[test]
    fn reading_on_after_changes_neither_repeats_nor_skips(
        contents in vec((content(), status(), Just(true)), 20..60),
        edits in vec((any::<usize>(), content(), status()), 1..6),
        order in order(),
    ) {
        let mut world = World::default();
        let mut catalog = Catalog::new(1 << 20);
        world.take(&mut catalog, Step::Import(contents));
        let everything = Expr::All(Vec::new());
        let matches = catalog.select(&everything, &mut world.store).unwrap();
        let page = catalog.page(&matches, &order, From::Rank(0), 8, &mut world.store).unwrap();
        let seen = page.keys.clone();
        let mut edited = Vec::new();
        for (at, content, status) in edits {
            let key = world.key_at(at).unwrap();
            edited.push(key);
            world.take(&mut catalog, Step::Edit(at, content, status));
        }
        let mut unseen: Vec<Key> = world.store.profiles.keys().copied().collect();
        unseen.retain(|key| !seen.contains(key) && !edited.contains(key));
        let matches = catalog.select(&everything, &mut world.store).unwrap();
        let mark = page.next.unwrap();
        let rest = catalog.page(&matches, &order, From::After(&mark), 99, &mut world.store).unwrap();
        let mut rest = rest.keys;
        rest.retain(|key| !edited.contains(key));
        prop_assert!(rest.iter().all(|key| !seen.contains(key)), "nothing is repeated");
        rest.sort_unstable();
        prop_assert_eq!(rest, unseen, "nothing is skipped");
    }
}

#[test]
fn marks_of_another_order_are_refused() {
    let mut world = World::default();
    let mut catalog = Catalog::new(1 << 20);
    let content = serde_json::json!({"attributes": {"age": 1}});
    let rows = vec![(content, Status::Synced, true); 9];
    world.take(&mut catalog, Step::Import(rows));
    let matches = catalog.select(&Expr::All(Vec::new()), &mut world.store).unwrap();
    let order = |by| Order { by, descending: false };
    let by_age = order(OrderKey::Attribute("age".to_owned()));
    let page = catalog.page(&matches, &by_age, From::Rank(0), 3, &mut world.store).unwrap();
    let mark = page.next.unwrap();
    let others = [OrderKey::Id, OrderKey::Attribute("city".to_owned())];
    for (by, mark) in others.into_iter().map(|by| (by, mark.as_str())).chain([
        (OrderKey::Id, ""),
        (OrderKey::Id, "zz"),
        (by_age.by.clone(), &mark[1..]),
        (by_age.by.clone(), &mark[..mark.len() - 2]),
    ]) {
        let read = catalog.page(&matches, &order(by), From::After(mark), 3, &mut world.store);
        assert!(matches!(read, Err(Error::Cursor)), "{mark} is no mark");
    }
}

#[test]
fn names_are_counted_over_profiles_of_today() {
    let mut world = World::default();
    let mut catalog = Catalog::new(1 << 20);
    let with = serde_json::json!({
        "tags": ["vip"], "attributes": {"age": 1},
        "observations": [{"signal": "order", "value": 1, "at": "2024-01-01T00:00:00Z"}],
    });
    world.take(&mut catalog, Step::Import(vec![(with, Status::Synced, true); 3]));
    let without = serde_json::json!({"tags": ["neu"], "attributes": {"city": "Bern"}});
    world.take(&mut catalog, Step::Edit(1, without, Status::Synced));
    world.take(&mut catalog, Step::Remove(2));
    let one = |name: &str| (name.to_owned(), 1);
    assert_eq!(catalog.tags(&mut world.store).unwrap(), [one("neu"), one("vip")]);
    assert_eq!(catalog.attributes(&mut world.store).unwrap(), [one("age"), one("city")]);
    assert_eq!(catalog.signals(&mut world.store).unwrap(), [one("order")]);
}

#[test]
fn rows_numbered_anew_make_old_matches_outdated() {
    let mut world = World::default();
    let mut catalog = Catalog::new(1 << 20);
    let content = serde_json::json!({});
    world.take(&mut catalog, Step::Import(vec![(content.clone(), Status::Synced, true); 4]));
    let everything = Expr::All(Vec::new());
    let matches = catalog.select(&everything, &mut world.store).unwrap();
    for at in 0..20 {
        world.take(&mut catalog, Step::Edit(at, content.clone(), Status::Synced));
    }
    world.take(&mut catalog, Step::Reopen);
    assert!(
        matches!(catalog.keys::<()>(&matches), Err(Error::Outdated)),
        "old numbers mean nothing"
    );
    let order = Order { by: OrderKey::Id, descending: false };
    world.check(&mut catalog, &everything, &order, 3);
}
