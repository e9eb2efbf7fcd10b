//! Segments, taken away row by row and one by one.

use kartei_filter::{Expr, Status};

use super::arbitrary::record;
use super::store::{Profile, Store, tell};
use crate::{Catalog, ChunkBuilder, From, Key, Keys, Order, OrderKey};

fn add(catalog: &mut Catalog, store: &mut Store, keys: &[Key]) -> u64 {
    let mut builder = ChunkBuilder::default();
    for key in keys {
        let record = record(&serde_json::json!({}), *key);
        tell(&mut builder, &record);
        let profile = Profile { record, changed_at: *key, status: Status::Synced };
        store.profiles.insert(*key, profile);
    }
    let listed = Keys::Listed(keys.iter().copied().map(Some).collect());
    catalog.add_segment(listed, keys.to_vec(), builder.finish())
}

fn listed(catalog: &mut Catalog, store: &mut Store) -> Vec<Key> {
    let matches = catalog.select(&Expr::All(Vec::new()), store).unwrap();
    let order = Order { by: OrderKey::Changed, descending: false };
    catalog.page(&matches, &order, From::Rank(0), 99, store).unwrap().keys
}

#[test]
fn rows_that_were_taken_are_in_no_list() {
    let (mut catalog, mut store) = (Catalog::new(0), Store::default());
    let first = add(&mut catalog, &mut store, &[5, 3, 9]);
    let second = add(&mut catalog, &mut store, &[4, 7]);
    assert!(catalog.take_row(first, 1), "the row of 3 is there");
    assert!(!catalog.take_row(first, 1), "and then it is not");
    assert!(!catalog.take_row(first, 3), "there is no fourth row");
    assert!(!catalog.take_row(99, 0), "there is no such segment");
    assert_eq!(catalog.segment_keys(first), [5, 9]);
    assert_eq!(listed(&mut catalog, &mut store), [4, 5, 7, 9]);
    catalog.drop_segment(first);
    assert_eq!(catalog.len(), 2, "its rows went with it");
    assert_eq!(catalog.segment_keys(first), [] as [Key; 0]);
    assert_eq!(listed(&mut catalog, &mut store), [4, 7]);
    let third = add(&mut catalog, &mut store, &[1]);
    assert!(third > second, "numbers are not used again");
    assert_eq!(listed(&mut catalog, &mut store), [1, 4, 7]);
}

#[test]
fn lists_outlive_many_dropped_segments() {
    let (mut catalog, mut store) = (Catalog::new(0), Store::default());
    let keys: Vec<Key> = (0..40).collect();
    add(&mut catalog, &mut store, &keys);
    let mut before = add(&mut catalog, &mut store, &[40]);
    let held = catalog.held();
    for _ in 0..60 {
        assert!(catalog.take_row(before, 0), "one row is replaced");
        catalog.drop_segment(before);
        before = add(&mut catalog, &mut store, &[40]);
        assert_eq!(listed(&mut catalog, &mut store), (0..=40).collect::<Vec<Key>>());
    }
    assert!(catalog.held() < held + 4_096, "what is gone is not held");
}
