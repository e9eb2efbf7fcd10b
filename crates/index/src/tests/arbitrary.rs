//! Random records, filters and orders out of few values, so that they meet.

use kartei_filter::{Comparison, Expr, Operand, Pattern, Status, Term, Word};
use kartei_profile::Record;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::{Order, OrderKey};

const NAMES: [&str; 9] = [
    "Anna",
    "anna",
    "ANNA",
    "Anna Müller",
    "anna müller the second",
    "Bo",
    "Ärger",
    "",
    "anna müller the First",
];
const TAGS: [&str; 5] = ["vip", "vip-gold", "neu", "a\u{1}b", "Ünique tag"];
const KEYS: [&str; 3] = ["age", "city", "k"];
const SIGNALS: [&str; 3] = ["order", "visit", "s"];
const TEXTS: [&str; 7] =
    ["Bern", "Basel", "Berner Oberland", "Berner Oberland West", "12", "bern Bern", ""];
const NUMBERS: [f64; 10] = [0.0, 1.0, -3.0, 2.5, 12.0, 0.1, 1e300, -1e-7, 123_456_789.123, 4e15];
const WORDS: [&str; 8] = ["bern", "anna", "müller", "12", "alpha", "beta", "vip", "ß-straße"];
const DAYS: [&str; 4] = [
    "2024-01-01T00:00:00Z",
    "2025-06-01T12:30:00Z",
    "2025-06-01T12:30:01Z",
    "1969-12-31T23:59:59Z",
];
const MILLIS: [i64; 4] = [1_704_067_200_000, 1_748_781_000_000, 1_748_781_001_000, 5];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => select(&NUMBERS[..]).prop_map(|number| json!(number)),
        4 => select(&TEXTS[..]).prop_map(|text| json!(text)),
        1 => any::<bool>().prop_map(|flag| json!(flag)),
        1 => Just(Value::Null),
    ]
}

/// What a record has besides its id.
pub(crate) fn content() -> impl Strategy<Value = Value> {
    let observation = (select(&SIGNALS[..]), select(&NUMBERS[..]), select(&DAYS[..]))
        .prop_map(|(signal, value, at)| json!({"signal": signal, "value": value, "at": at}));
    (
        option::weighted(0.8, select(&NAMES[..])),
        vec(select(&TAGS[..]), 0..3),
        btree_map(select(&KEYS[..]), scalar(), 0..4),
        vec(observation, 0..6),
        vec(select(&WORDS[..]), 0..5),
    )
        .prop_map(|(name, tags, attributes, observations, notes)| {
            let mut record = json!({
                "tags": tags, "attributes": attributes, "observations": observations,
            });
            if let Some(name) = name {
                record["display_name"] = json!(name);
            }
            if !notes.is_empty() {
                record["notes"] = json!(notes.join(" "));
            }
            record
        })
}

/// A record with an id of its own.
pub(crate) fn record(content: &Value, number: i64) -> Record {
    let kinds = ["p-", "person-with-a-long-id-", "p-Über-", "q"];
    let kind = kinds[usize::try_from(number % 7).unwrap() % kinds.len()];
    let mut content = content.clone();
    content["id"] = json!(format!("{kind}{}", number * 37 % 10_007));
    Record::from_stored(&content.to_string()).unwrap()
}

fn pattern(texts: &'static [&'static str]) -> impl Strategy<Value = Pattern> {
    let piece = || select(&["", "a", "e", "Be", "rn", "vip", "p-", "1", "ü"][..]);
    prop_oneof![
        select(texts).prop_map(|text| Pattern::Exact(text.to_owned())),
        vec(piece(), 2..4)
            .prop_map(|pieces| Pattern::Wild(pieces.into_iter().map(str::to_owned).collect())),
    ]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    select(
        &[
            Comparison::Equal,
            Comparison::NotEqual,
            Comparison::Less,
            Comparison::LessOrEqual,
            Comparison::Greater,
            Comparison::GreaterOrEqual,
        ][..],
    )
}

fn attribute() -> impl Strategy<Value = Term> {
    let operand = prop_oneof![
        (comparison(), select(&NUMBERS[..])).prop_map(|(c, number)| (c, Operand::Number(number))),
        (comparison(), pattern(&TEXTS)).prop_map(|(c, pattern)| (c, Operand::Text(pattern))),
        (any::<bool>(), select(&[Operand::Bool(true), Operand::Bool(false), Operand::Null][..]))
            .prop_map(|(same, operand)| {
                (if same { Comparison::Equal } else { Comparison::NotEqual }, operand)
            }),
    ];
    (select(&KEYS[..]), operand).prop_map(|(key, (comparison, operand))| Term::Attribute {
        key: key.to_owned(),
        comparison,
        operand,
    })
}

fn words() -> impl Strategy<Value = Term> {
    let word = (
        select(&["bern", "an", "anna", "muller", "1", "12", "alpha", "v", "ss", "p"][..]),
        any::<bool>(),
    )
        .prop_map(|(text, prefix)| Word { text: text.to_owned(), prefix });
    (vec(word, 1..3), any::<bool>()).prop_map(|(words, phrase)| Term::Words { words, phrase })
}

fn term() -> impl Strategy<Value = Term> {
    let test = option::weighted(0.8, (comparison(), select(&NUMBERS[..])));
    prop_oneof![
        1 => pattern(&TAGS).prop_map(Term::Tag),
        1 => pattern(&["p-0", "p-37", "q10"]).prop_map(Term::Id),
        1 => pattern(&NAMES).prop_map(Term::Name),
        1 => select(&[Status::Synced, Status::Pending, Status::Conflict, Status::Rejected][..])
            .prop_map(Term::Status),
        1 => select(&KEYS[..]).prop_map(|key| Term::Has(key.to_owned())),
        3 => attribute(),
        3 => (select(&SIGNALS[..]), test)
            .prop_map(|(signal, test)| Term::Observed { signal: signal.to_owned(), test }),
        1 => select(&MILLIS[..]).prop_map(Term::After),
        1 => select(&MILLIS[..]).prop_map(Term::Before),
        1 => (comparison(), 0..9_i64).prop_map(|(comparison, at)| Term::Changed(comparison, at)),
        1 => (comparison(), 0..5_u8)
            .prop_map(|(comparison, count)| Term::Observations(comparison, f64::from(count))),
        3 => words(),
    ]
}

pub(crate) fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![1 => Just(Expr::All(Vec::new())), 6 => term().prop_map(Expr::Term)];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Expr::All),
            vec(inner.clone(), 0..3).prop_map(Expr::Any),
            inner.prop_map(|inner| Expr::Not(Box::new(inner))),
        ]
    })
}

pub(crate) fn order() -> impl Strategy<Value = Order> {
    let by = prop_oneof![
        1 => Just(OrderKey::Id),
        2 => Just(OrderKey::Name),
        1 => Just(OrderKey::Changed),
        1 => Just(OrderKey::Observations),
        1 => Just(OrderKey::LastObservation),
        4 => select(&KEYS[..]).prop_map(|key| OrderKey::Attribute(key.to_owned())),
    ];
    (by, any::<bool>()).prop_map(|(by, descending)| Order { by, descending })
}

pub(crate) fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        4 => Just(Status::Synced),
        1 => select(&[Status::Pending, Status::Conflict, Status::Rejected][..]),
    ]
}
