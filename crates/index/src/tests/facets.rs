//! What is counted, against the records themselves.

use std::collections::BTreeMap;

use kartei_filter::{Expr, Status};
use serde_json::{Value as Json, json};

use super::arbitrary::record;
use super::store::{Profile, Store, tell};
use crate::{Catalog, ChunkBuilder, Counts, DISTINCT_MAX, Key, Keys, Value};

/// Counts of tags, two attributes and statuses, among the profiles that a filter holds for.
pub(crate) fn check(store: &mut Store, catalog: &mut Catalog, expr: &Expr) {
    let keys = store.matching(expr);
    let records: Vec<Json> = keys
        .iter()
        .map(|key| serde_json::from_str(store.profiles[key].record.text()).unwrap())
        .collect();
    let matches = catalog.select(expr, store).unwrap();
    let tags = catalog.count_tags(&matches, store).unwrap();
    let each_tag = |record: &Json| record["tags"].as_array().cloned().unwrap_or_default();
    assert_same(&tags, &records, each_tag);
    for key in ["age", "city", "nowhere"] {
        let counts = catalog.count_attribute(key, &matches, store).unwrap();
        let of = |record: &Json| record["attributes"].get(key).cloned().into_iter().collect();
        assert_same(&counts, &records, of);
    }
    for (status, count) in catalog.count_statuses(&matches, store).unwrap() {
        let expected = keys.iter().filter(|key| store.profiles[key].status == status).count();
        assert_eq!(count, expected, "{status:?}");
    }
}

fn assert_same(counts: &Counts, records: &[Json], of: impl Fn(&Json) -> Vec<Json>) {
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    let mut present = 0;
    for record in records {
        let mut values: Vec<String> = of(record).iter().map(written).collect();
        values.sort_unstable();
        values.dedup();
        present += usize::from(!values.is_empty());
        for value in values {
            *expected.entry(value).or_default() += 1;
        }
    }
    let found = counts.values.iter().map(|(value, count)| (written(&json_of(value)), *count));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
    assert_eq!(counts.present, present, "how many have the field");
    assert!(!counts.too_many);
    assert!(counts.values.is_sorted_by(|a, b| a.1 >= b.1), "the most frequent first");
}

/// Numbers are the same however they are written.
fn written(value: &Json) -> String {
    value.as_f64().map_or_else(|| value.to_string(), |number| format!("{:?}", number + 0.0))
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Number(number) => json!(number),
        Value::Bool(flag) => json!(flag),
        Value::Null => Json::Null,
    }
}

fn filled(catalog: &mut Catalog, rows: usize, content: impl Fn(usize) -> Json) -> Store {
    let mut store = Store::default();
    let mut builder = ChunkBuilder::default();
    let mut chunk: Vec<(Option<Key>, _)> = Vec::new();
    for number in 0..rows {
        let key = Key::try_from(number).unwrap();
        let record = record(&content(number), key);
        let profile = Profile { record: record.clone(), changed_at: 0, status: Status::Synced };
        store.profiles.insert(key, profile);
        chunk.push((Some(key), record));
    }
    for some in chunk.chunks(700) {
        store.add_chunk(catalog, &mut builder, some, 0);
    }
    store
}

#[test]
fn a_field_with_more_values_than_anybody_chooses_from_is_given_up() {
    let mut catalog = Catalog::new(1 << 24);
    let rows = 2 * DISTINCT_MAX + 2_000;
    let content = |n: usize| json!({"attributes": {"each": n * 3, "few": n % 5}});
    let mut store = filled(&mut catalog, rows, content);
    let everything = catalog.select(&Expr::All(Vec::new()), &mut store).unwrap();
    let each = catalog.count_attribute("each", &everything, &mut store).unwrap();
    assert!(each.too_many && each.values.is_empty());
    let few = catalog.count_attribute("few", &everything, &mut store).unwrap();
    assert_eq!(few.values.iter().map(|(_, count)| count).sum::<usize>(), rows);
    assert_eq!(few.values.len(), 5);
}

#[test]
fn outlines_name_all_attributes_and_say_which_have_few_values() {
    let mut catalog = Catalog::new(1 << 24);
    let content = |n: usize| {
        let city = ["Bern", "Basel"][n % 2];
        if n.is_multiple_of(4) {
            json!({"attributes": {"city": city, "each": n, "rare": n % 3}})
        } else {
            json!({"attributes": {"city": city, "each": n}})
        }
    };
    let mut store = filled(&mut catalog, 3_000, content);
    let mut builder = ChunkBuilder::default();
    let loose = record(&json!({"attributes": {"new": true}}), 3_000);
    tell(&mut builder, &loose);
    catalog.add_rows(&[3_000], &[0], builder.finish());
    catalog.attributes(&mut store).unwrap();
    let memory = catalog.memory();
    let outlines = catalog.outlines(&mut store).unwrap();
    assert_eq!(catalog.memory(), memory, "samples are not kept");
    let told: Vec<_> = outlines
        .iter()
        .map(|one| (one.key.as_str(), one.profiles, one.distinct, one.numeric))
        .collect();
    assert_eq!(
        told,
        [
            ("city", 3_000, Some(2), false),
            ("each", 3_000, Some(3_000), true),
            ("rare", 750, Some(3), true),
            ("new", 1, Some(1), false),
        ]
    );
}

#[test]
fn counting_what_was_selected_before_a_deletion_leaves_the_deleted_out() {
    let mut catalog = Catalog::new(1 << 24);
    let mut store = filled(&mut catalog, 100, |_| json!({"tags": ["vip"]}));
    let matches = catalog.select(&Expr::tag("vip"), &mut store).unwrap();
    catalog.remove(7);
    let counts = catalog.count_tags(&matches, &mut store).unwrap();
    assert_eq!(counts.values, [(Value::Text("vip".to_owned()), 99)]);
}

#[test]
fn damaged_columns_are_told_and_not_counted() {
    let mut catalog = Catalog::new(1 << 24);
    let mut store = filled(&mut catalog, 100, |n| json!({"attributes": {"age": n % 7}}));
    let column = ("a:age".to_owned(), 1);
    let whole = store.columns[&column].clone();
    for length in 0..whole.len() {
        store.columns.insert(column.clone(), whole[..length].to_vec());
        let mut opened = Catalog::new(0);
        opened.add_chunk(1, Keys::Run { first: 0, count: 100 }, 0);
        let all = opened.select(&Expr::All(Vec::new()), &mut store).unwrap();
        assert!(opened.count_attribute("age", &all, &mut store).is_err(), "{length} bytes");
    }
}
