//! What surrounds the table: facets that follow the filter, saved views, columns, rows to copy.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;

use kartei_filter::Narrow;
use kartei_local_store::{
    BlockBuilder, ImportStart, Session, Store, StoreError, StoreOptions, View, narrowed,
};
use kartei_profile::{Actor, Edit};
use kartei_protocol::desktop::{
    CountFacet, Facet, Field, FieldValue, Selection, SortKey, TableLayout, TableView,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const NOW: i64 = 1_770_000_000_000;

struct Folder {
    store: Store,
    folder: TempDir,
}

impl Folder {
    fn with(records: &[Value]) -> Self {
        let folder = TempDir::new().unwrap();
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let mut builder = BlockBuilder::default();
        for value in records {
            let mut whole = json!({"schema": "user_profile.v1"});
            whole.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
            assert_eq!(builder.add(store.schema(), whole.to_string().as_bytes()), Ok(None));
        }
        let start = ImportStart { file: "f".to_owned(), now: NOW, ..ImportStart::default() };
        store.begin_import(&start).unwrap().write(&[builder.finish(None)]).unwrap();
        Self { store, folder }
    }

    fn reopened(self) -> Self {
        let Self { store, folder } = self;
        drop(store);
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        Self { store, folder }
    }

    fn facet(&self, field: Field, filter: &str) -> Facet {
        self.store.count_facet(&asking(field, filter)).unwrap()
    }
}

fn asking(field: Field, filter: &str) -> CountFacet {
    let (filter, search, find) = (filter.to_owned(), String::new(), String::new());
    CountFacet { filter, search, field, find, limit: 10 }
}

fn city() -> Field {
    Field::Attribute("city".to_owned())
}

fn counts(facet: &Facet) -> Vec<(String, u64)> {
    facet.values.iter().map(|one| (text(&one.value), one.count)).collect()
}

fn text(value: &FieldValue) -> String {
    match value {
        FieldValue::Missing => "(missing)".to_owned(),
        FieldValue::Is(Value::String(text)) => text.clone(),
        FieldValue::Is(other) => other.to_string(),
    }
}

fn people() -> Folder {
    Folder::with(&[
        json!({"id": "a", "tags": ["vip"], "attributes": {"city": "Bern", "age": 30}}),
        json!({"id": "b", "tags": ["vip", "new"], "attributes": {"city": "Basel", "age": 30}}),
        json!({"id": "c", "tags": ["new"], "attributes": {"city": "Bern", "age": 41}}),
        json!({"id": "d", "attributes": {"age": 41}}),
        json!({"id": "e", "attributes": {"city": null}}),
    ])
}

fn pairs(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect()
}

#[test]
fn counts_follow_the_filter_but_for_what_it_says_of_their_own_field() {
    let folder = people();
    let all = folder.facet(Field::Tags, "");
    assert_eq!(counts(&all), pairs(&[("new", 2), ("vip", 2)]));
    assert_eq!((all.profiles, all.distinct), (5, 2));
    let in_bern = folder.facet(Field::Tags, "city:Bern");
    assert_eq!(counts(&in_bern), pairs(&[("new", 1), ("vip", 1)]));
    // Its own choice is left out, so that the other values can still be chosen.
    let chosen = folder.facet(city(), "city:Bern tag:vip");
    assert_eq!(counts(&chosen), pairs(&[("Basel", 1), ("Bern", 1)]));
    assert_eq!(chosen.values.iter().map(|one| one.chosen).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn every_kind_of_value_is_counted_and_so_is_having_none() {
    let folder = people();
    let cities = folder.facet(city(), "");
    let expected = pairs(&[("Bern", 2), ("Basel", 1), ("null", 1), ("(missing)", 1)]);
    assert_eq!(counts(&cities), expected);
    let ages = folder.facet(Field::Attribute("age".to_owned()), "");
    assert_eq!(counts(&ages), pairs(&[("30.0", 2), ("41.0", 2), ("(missing)", 1)]));
}

#[test]
fn statuses_are_counted_as_lists_show_them() {
    let folder = people();
    let statuses = folder.facet(Field::Status, "");
    let expected = pairs(&[("conflict", 0), ("rejected", 0), ("pending", 5), ("synced", 0)]);
    assert_eq!(counts(&statuses), expected, "nothing was ever sent");
}

#[test]
fn an_edit_is_counted_at_once() {
    let folder = people();
    assert_eq!(folder.facet(city(), "").distinct, 4);
    let session = Session { actor: Actor::from_random([7; 12]), author: None };
    let edit = Edit::Set { pointer: "/attributes/city".to_owned(), value: json!("Chur") };
    folder.store.edit(&session, NOW, "a", &[edit]).unwrap();
    let cities = counts(&folder.facet(city(), ""));
    assert_eq!(cities.into_iter().collect::<BTreeMap<_, _>>()["Chur"], 1);
}

#[test]
fn values_are_found_by_any_part_and_what_the_filter_names_stays_listed() {
    let folder = people();
    let mut request = asking(city(), "-city:Olten city:Bern");
    request.find = "AS".to_owned();
    let facet = folder.store.count_facet(&request).unwrap();
    assert_eq!(counts(&facet), pairs(&[("Bern", 2), ("Basel", 1), ("Olten", 0)]));
    assert_eq!(facet.distinct, 1, "of those that were searched for");
    assert!(facet.values[2].excluded);
    let mut few = asking(city(), "");
    few.limit = 1;
    let facet = folder.store.count_facet(&few).unwrap();
    assert_eq!(counts(&facet), pairs(&[("Bern", 2)]));
    assert_eq!(facet.distinct, 4);
}

#[test]
fn what_a_value_adds_to_the_filter_finds_as_many_as_were_counted() {
    let folder = people();
    for field in [Field::Tags, Field::Status, city(), Field::Attribute("age".to_owned())] {
        for one in folder.facet(field.clone(), "").values {
            let filter = narrowed("", &field, &one.value, Narrow::Any).unwrap().unwrap();
            let selection = Selection { filter: filter.clone(), ..Selection::default() };
            assert_eq!(folder.store.count_selected(&selection).unwrap(), one.count, "{filter}");
            let chosen = folder.facet(field.clone(), &filter);
            let again = chosen.values.iter().find(|other| other.value == one.value).unwrap();
            assert!(again.chosen, "{filter}");
        }
    }
}

#[test]
fn attributes_are_named_with_their_counts_and_whether_they_have_few_values() {
    let folder = people();
    let names = folder.store.attribute_names().unwrap();
    let told: Vec<_> =
        names.iter().map(|one| (one.name.as_str(), one.profiles, one.few, one.numeric)).collect();
    assert_eq!(told, [("age", 4, Some(2), true), ("city", 4, Some(3), false)]);
}

#[test]
fn rows_are_copied_in_the_order_of_the_list() {
    let folder = people();
    let ids = ["d", "a", "nobody", "b"].map(str::to_owned).to_vec();
    let selection = Selection { ids: Some(ids), ..Selection::default() };
    let by_age = SortKey::Attribute("age".to_owned());
    let (rows, selected) = folder.store.rows_of(&selection, &by_age, true, 2).unwrap();
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!((ids.as_slice(), selected), (["d", "b"].as_slice(), 3));
    let everything = Selection::default();
    let (rows, selected) = folder.store.rows_of(&everything, &SortKey::Id, false, 2).unwrap();
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!((ids.as_slice(), selected), (["a", "b"].as_slice(), 5));
}

fn view(id: &str, name: &str, filter: &str) -> View {
    let columns = Some(vec!["name".to_owned(), "attribute:city".to_owned()]);
    let layout = TableLayout { columns, widths: BTreeMap::from([("name".to_owned(), 240)]) };
    let view = TableView { filter: filter.to_owned(), layout, ..TableView::default() };
    View { id: id.to_owned(), name: name.to_owned(), view, changed_at: NOW }
}

#[test]
fn views_are_kept_renamed_and_deleted() {
    let folder = people();
    folder.store.save_view(&view("1", " Bern ", "city:Bern"), Some("Anna")).unwrap();
    folder.store.save_view(&view("2", "Basel", "city:Basel"), None).unwrap();
    folder.store.save_view(&view("2", "All of Basel", "city:Basel"), None).unwrap();
    let folder = folder.reopened();
    let names = |folder: &Folder| {
        let views = folder.store.views().unwrap();
        views.into_iter().map(|view| view.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&folder), ["All of Basel", "Bern"]);
    assert_eq!(folder.store.view("1").unwrap(), view("1", "Bern", "city:Bern"));
    folder.store.delete_view("1", NOW + 1, None).unwrap();
    assert_eq!(names(&folder), ["All of Basel"]);
    assert!(matches!(folder.store.view("1"), Err(StoreError::NoView(_))));
    assert!(matches!(folder.store.delete_view("1", NOW, None), Err(StoreError::NoView(_))));
    let again = folder.store.save_view(&view("1", "Bern", ""), None);
    assert!(matches!(again, Err(StoreError::NoView(_))), "what was deleted is not written to");
}

#[test]
fn a_name_is_given_once_and_a_deleted_view_gives_it_back() {
    let folder = people();
    folder.store.save_view(&view("1", "Bern", ""), None).unwrap();
    for name in ["bern", " BERN ", "", "   ", &"x".repeat(101)] {
        let refused = folder.store.save_view(&view("2", name, ""), None);
        assert!(matches!(refused, Err(StoreError::Blocked(_))), "{name:?}");
    }
    folder.store.delete_view("1", NOW, None).unwrap();
    folder.store.save_view(&view("2", "Bern", ""), None).unwrap();
}

#[test]
fn columns_are_kept_and_too_many_are_refused() {
    let folder = people();
    assert_eq!(folder.store.table_layout().unwrap(), TableLayout::default());
    let kept = view("1", "x", "").view.layout;
    folder.store.keep_table_layout(&kept).unwrap();
    let folder = folder.reopened();
    assert_eq!(folder.store.table_layout().unwrap(), kept);
    let many = TableLayout { columns: Some(vec![String::new(); 201]), ..kept };
    assert!(matches!(folder.store.keep_table_layout(&many), Err(StoreError::Blocked(_))));
}
