//! Records to export, and where they come from.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::OnceLock;

use kartei_export::{Batch, Error, Options, Progress, Source, Summary, write};
use kartei_profile::{Record, RecordSchema};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// A source that hands over some records at a time.
pub(crate) struct Records {
    pub(crate) texts: Vec<String>,
    pub(crate) batch: usize,
    /// What the second pass reads instead, where the profiles change in between.
    pub(crate) changed: Option<Vec<String>>,
    next: usize,
}

impl Records {
    pub(crate) fn new(texts: &[String]) -> Self {
        Self { texts: texts.to_vec(), batch: 2, changed: None, next: 0 }
    }
}

impl Source for Records {
    type Error = Infallible;

    fn next(&mut self, batch: &mut Batch) -> Result<(), Infallible> {
        let texts = self.texts.iter().skip(self.next).take(self.batch);
        texts.for_each(|text| batch.push(text));
        self.next += batch.len();
        Ok(())
    }

    fn rewind(&mut self) -> Result<(), Infallible> {
        self.next = 0;
        if let Some(changed) = self.changed.take() {
            self.texts = changed;
        }
        Ok(())
    }
}

pub(crate) fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub(crate) fn try_export(
    texts: &[String],
    options: &Options,
) -> Result<(Vec<u8>, Summary), Error<Infallible>> {
    let mut out = Vec::new();
    let summary = write(&mut Records::new(texts), options, &mut out, &mut go_on)?;
    assert_eq!(summary.bytes, out.len() as u64, "the summary counts every byte");
    Ok((out, summary))
}

pub(crate) fn export(texts: &[String], options: &Options) -> Vec<u8> {
    try_export(texts, options).expect("the export succeeds").0
}

pub(crate) fn schema() -> &'static RecordSchema {
    static SCHEMA: OnceLock<RecordSchema> = OnceLock::new();
    SCHEMA.get_or_init(RecordSchema::user_profile_v1)
}

/// The canonical form of a record.
pub(crate) fn canonical(record: &Value) -> String {
    let line = record.to_string();
    let accepted = Record::parse(schema(), line.as_bytes()).expect("a valid record");
    accepted.record.text().to_owned()
}

/// A record that has everything that the schema knows.
pub(crate) fn full() -> Value {
    json!({
        "schema": "user_profile.v1", "id": "p-1", "display_name": "Zoë, \"Z\"",
        "attributes": {"age": 41, "city": "Graz", "member": true, "none": null, "share": 0.5,
            "mixed": "12"},
        "tags": ["b;2b", "a\\b", "plain"], "notes": "first\nsecond",
        "consent": {"analytics": false, "recorded_at": "2026-01-02T03:04:05.678912345Z",
            "source": "form"},
        "observations": [
            {"id": "o1", "signal": "s", "value": 2, "n": 3, "at": "2026-01-01T00:00:00Z"},
            {"id": "o2", "signal": "s", "value": 4, "at": "2026-01-03T00:00:00.5Z",
                "source": "till"},
            {"id": "o3", "signal": "t.x", "value": -1.5, "at": "2026-01-02T00:00:00Z"}],
        "attachments": [{"file_id": "f", "name": "scan.pdf", "size": 12345,
            "media_type": "application/pdf", "digest": format!("blake3:{}", "0".repeat(64))}],
        "created_at": "1969-12-31T23:59:59.999999Z", "updated_at": "2026-02-01T00:00:00Z"
    })
}

/// A record that has only what it must, and one whose attributes differ in type.
pub(crate) fn some() -> Vec<String> {
    vec![
        canonical(&full()),
        canonical(&json!({"schema": "user_profile.v1", "id": "p-2"})),
        canonical(&json!({"schema": "user_profile.v1", "id": "p-3", "display_name": "",
            "attributes": {"age": 7.5, "mixed": 12, "city": "", "member": false},
            "observations": [{"id": "q", "signal": "t.x", "value": 1e300,
                "at": "0000-01-01T00:00:00Z"}]})),
    ]
}

fn text(max: usize) -> impl Strategy<Value = String> {
    let odd = select(
        &["=1+1", "'=1", "'", "-2", "@x", "\t", "a,b", "\"", "\r\n", ";", "\\;", "", " x ", "null"]
            [..],
    );
    // The schema's reader refuses U+0000.
    let one = any::<char>().prop_map(|c| if c == '\0' { 'x' } else { c });
    let chars = vec(one, 0..8).prop_map(String::from_iter);
    prop_oneof![odd.prop_map(str::to_owned), chars]
        .prop_map(move |text| text.chars().take(max).collect())
}

fn filled(max: usize) -> impl Strategy<Value = String> {
    text(max).prop_map(|text| if text.is_empty() { "x".to_owned() } else { text })
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i32>().prop_map(Value::from),
        (-1e15_f64..1e15).prop_map(Value::from),
        select(&[1e300, 5e-324, 1e21, -0.25][..]).prop_map(Value::from),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        text(20).prop_map(Value::from),
        number(),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

fn instant() -> impl Strategy<Value = String> {
    let fraction = select(&["", ".5", ".000001", ".123456789"][..]);
    (0..10_000, 1..=12, 1..=28, 0..86_400, fraction).prop_map(|(y, m, d, s, fraction)| {
        let (h, min, s) = (s / 3600, s / 60 % 60, s % 60);
        format!("{y:04}-{m:02}-{d:02}T{h:02}:{min:02}:{s:02}{fraction}Z")
    })
}

fn observations() -> impl Strategy<Value = Value> {
    let signal = select(&["s", "t.x", "=u", "ü\"v"][..]);
    let one = (signal, number(), 1..5_i64, instant(), option::of(text(10)));
    vec(one, 0..6).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(|(i, (signal, value, n, at, source))| {
                let mut item = json!({"id": format!("o{i}"), "signal": signal, "value": value,
                    "n": n, "at": at});
                if let Some(source) = source {
                    item["source"] = source.into();
                }
                item
            })
            .collect()
    })
}

/// The canonical form of any record.
pub(crate) fn any_record() -> impl Strategy<Value = String> {
    let names = (option::of(text(20)), option::of(text(40)), option::of(instant()));
    let sets = (btree_set(filled(10), 0..4), btree_map(filled(10), scalar(), 0..4));
    ("[a-z]{1,8}", names, sets, observations()).prop_map(
        |(id, (name, notes, created_at), (tags, attributes), observations)| {
            let mut record = json!({"schema": "user_profile.v1", "id": format!("p-{id}"),
                "tags": tags, "attributes": attributes, "observations": observations});
            for (key, value) in
                [("display_name", name), ("notes", notes), ("created_at", created_at)]
            {
                if let Some(value) = value {
                    record[key] = value.into();
                }
            }
            canonical(&record)
        },
    )
}
