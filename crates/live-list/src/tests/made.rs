//! Made records, filters and orders out of few values, so that they meet.

use std::sync::LazyLock;

use kartei_filter::{Expr, parse};
use kartei_index::{Order, OrderKey};
use kartei_profile::{Record, RecordSchema};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

static SCHEMA: LazyLock<RecordSchema> = LazyLock::new(RecordSchema::user_profile_v1);

/// What a record has besides its id.
pub(crate) fn content() -> impl Strategy<Value = Value> {
    let scalar = select(vec![
        json!(0),
        json!(7.5),
        json!(-3),
        json!("Bern"),
        json!("Berne 12"),
        json!("ÄRGER"),
        json!(true),
        json!(false),
        Value::Null,
    ]);
    let attributes = vec((select(&["age", "city", "plan"][..]), scalar), 0..3);
    let observation = (
        select(&["order", "visit"][..]),
        select(&[1.0, 20.0, 20.5, -4.0][..]),
        select(&["2025-01-01T00:00:00Z", "2025-07-09T10:00:00Z", "1969-01-01T00:00:00Z"][..]),
    );
    (
        option::weighted(0.8, select(&["Zoë Ober", "zoë ober", "Ann", "Ann Lee", ""][..])),
        btree_set(select(&["vip", "vip gold", "new"][..]), 0..3),
        attributes,
        vec(observation, 0..6),
        option::of(select(&["likes green tea", "green, likes tea", "tea"][..])),
    )
        .prop_map(|(name, tags, attributes, observations, notes)| {
            let attributes: Map<String, Value> =
                attributes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            let observations: Vec<Value> = observations
                .into_iter()
                .map(|(signal, value, at)| json!({"signal": signal, "value": value, "at": at}))
                .collect();
            let mut content = json!({
                "schema": "user_profile.v1", "tags": tags, "attributes": attributes,
                "observations": observations,
            });
            if let Some(name) = name {
                content["display_name"] = json!(name);
            }
            if let Some(notes) = notes {
                content["notes"] = json!(notes);
            }
            content
        })
}

/// The canonical text of a record with an id.
pub(crate) fn text(content: &Value, id: &str) -> String {
    let mut content = content.clone();
    content["id"] = json!(id);
    Record::accept(&SCHEMA, &content).unwrap().record.text().to_owned()
}

fn condition() -> impl Strategy<Value = String> {
    select(
        &[
            "tag:vip",
            "tag:vip*",
            "id:a*",
            "id:*7",
            "name:Ann*",
            "name:*ober",
            "status:conflict",
            "status:synced",
            "status:pending",
            "status:rejected",
            "has:city",
            "age>=0",
            "age<5",
            "city:Bern*",
            "city!=Bern",
            "plan=true",
            "plan=null",
            "observed:order",
            "observed:order=20",
            "observed:visit>10",
            "observations>2",
            "after:2025-02",
            "before:1970",
            "changed>=1970-01-01T00:00:00.005Z",
            "changed<1970-01-01T00:00:00.003Z",
            "tea",
            "gre* likes",
            "\"green tea\"",
            "\"vip gold\"",
            "\"zoe ober\"",
            "bern 12",
            "a12",
        ][..],
    )
    .prop_map(str::to_owned)
}

/// A filter as it is written.
pub(crate) fn filter() -> impl Strategy<Value = Option<Expr>> {
    let text = condition().prop_recursive(3, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            inner.prop_map(|inner| format!("not ({inner})")),
        ]
    });
    option::weighted(0.9, text.prop_map(|text| parse(&text).unwrap()))
}

pub(crate) fn order() -> impl Strategy<Value = Order> {
    let attribute = |key: &str| OrderKey::Attribute(key.to_owned());
    let by = select(vec![
        OrderKey::Id,
        OrderKey::Name,
        OrderKey::Changed,
        OrderKey::Observations,
        OrderKey::LastObservation,
        attribute("age"),
        attribute("city"),
        attribute("plan"),
    ]);
    (by, any::<bool>()).prop_map(|(by, descending)| Order { by, descending })
}
