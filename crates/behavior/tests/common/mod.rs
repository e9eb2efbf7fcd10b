//! A whole fit, and records to make it of.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::Read as _;

use kartei_behavior::{Asked, Calibration, First, Person, Schema, Scorer, Second, Third, Vector};
use kartei_profile::{Record, RecordSchema};
use serde_json::{Value, json};

pub(crate) const BFI: &str = include_str!("../../../../schemas/behavior/bfi.v1.json");
pub(crate) const CDNOW: &str = include_str!("../../../../schemas/behavior/cdnow.v1.json");

/// 2010-06-01, when the answers of bfi are from; and a day after CDNOW's last order.
pub(crate) const BFI_AS_OF: i64 = 1_275_350_400_000;
pub(crate) const CDNOW_AS_OF: i64 = 899_251_200_000;

/// A record of observations: signal, value, milliseconds since 1970.
pub(crate) fn record(id: &str, observations: &[(&str, f64, i64)]) -> Record {
    let observations: Vec<Value> = observations
        .iter()
        .enumerate()
        .map(|(place, (signal, value, at))| {
            let at =
                kartei_profile::Instant::from_unix_millis(*at).expect("a good one").to_string();
            json!({"id": format!("o{place:04}"), "signal": signal, "value": value, "at": at})
        })
        .collect();
    let value = json!({"schema": "user_profile.v1", "id": id, "observations": observations});
    Record::accept(&RecordSchema::user_profile_v1(), &value).expect("a good one").record
}

/// The records of a file of `tests/fixtures/data`.
pub(crate) fn records(packed: &[u8]) -> Vec<Record> {
    let schema = RecordSchema::user_profile_v1();
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(packed).read_to_string(&mut text).expect("a good one");
    text.lines()
        .map(|line| Record::parse(&schema, line.as_bytes()).expect("a good one").record)
        .collect()
}

pub(crate) fn bfi() -> Vec<Record> {
    records(include_bytes!("../../../../tests/fixtures/data/bfi.ndjson.gz"))
}

pub(crate) fn cdnow() -> Vec<Record> {
    records(include_bytes!("../../../../tests/fixtures/data/cdnow.ndjson.gz"))
}

/// The parts of a population, each taken in by itself and merged in their order.
pub(crate) fn fit_parts(
    schema: &Schema,
    as_of_ms: i64,
    before: Option<&Calibration>,
    parts: &[&[Record]],
) -> Calibration {
    let asked = Asked { as_of_ms, filter: String::new() };
    let mut person = Person::default();
    let mut first = First::new(schema, &asked);
    for part in parts {
        let mut own = First::new(schema, &asked);
        for record in *part {
            person.measure(schema, record, as_of_ms);
            own.absorb(record, &person);
        }
        first.merge(own);
    }
    let known = first.finish(before);
    let mut second = Second::new(&known);
    for part in parts {
        let mut own = Second::new(&known);
        for record in *part {
            person.measure(schema, record, as_of_ms);
            own.absorb(&person);
        }
        second.merge(&own);
    }
    let calibration = second.finish();
    let scores = {
        let scorer = Scorer::new(schema, &calibration).expect("a good one");
        let mut third = Third::new(scorer, schema.dimensions().len());
        for part in parts {
            let mut own = Third::new(scorer, schema.dimensions().len());
            for record in *part {
                person.measure(schema, record, as_of_ms);
                own.absorb(&person);
            }
            third.merge(own);
        }
        third.finish()
    };
    calibration.with_scores(scores)
}

pub(crate) fn fit(schema: &Schema, as_of_ms: i64, records: &[Record]) -> Calibration {
    fit_parts(schema, as_of_ms, None, &[records])
}

pub(crate) fn vector(schema: &Schema, calibration: &Calibration, record: &Record) -> Vector {
    let mut person = Person::default();
    person.measure(schema, record, calibration.as_of_ms);
    Scorer::new(schema, calibration).expect("a good one").vector(&person)
}
