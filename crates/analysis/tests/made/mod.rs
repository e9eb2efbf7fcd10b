//! People whose scores are known beforehand, and scores without the engine.
#![allow(dead_code, reason = "every test file uses a part")]

use std::sync::LazyLock;

use kartei_analysis::{Context, in_visiting_order};
use kartei_behavior::{Fitted, Person, Schema, Scorer};
use kartei_profile::{Record, RecordSchema};
use serde_json::{Map, Value, json};

use super::common::{BFI_AS_OF, calibrated};

/// People that the scale is made of.
const CALIBRATED_BY: u32 = 1_009;

static RECORDS: LazyLock<RecordSchema> = LazyLock::new(RecordSchema::user_profile_v1);

/// Numbers that look drawn and are not: 0 to 1, the same for the same place.
pub(super) fn drawn(place: u32) -> f64 {
    let mut word = place.wrapping_add(1).wrapping_mul(0x9e37_79b9);
    for multiplier in [0x85eb_ca6b, 0xc2b2_ae35] {
        word = (word ^ (word >> 15)).wrapping_mul(multiplier);
    }
    f64::from(word ^ (word >> 16)) / f64::from(u32::MAX)
}

/// Somebody with a number, 0 to 100, for each of the first dimensions.
pub(super) fn person(id: &str, numbers: &[f64]) -> Record {
    let observations: Vec<Value> = numbers
        .iter()
        .enumerate()
        .map(|(at, value)| {
            json!({
                "id": format!("o{at}"),
                "signal": format!("s{at}"),
                "value": value.clamp(0.0, 100.0),
                "at": "2010-06-01T00:00:00Z",
            })
        })
        .collect();
    let value = json!({"schema": "user_profile.v1", "id": id, "observations": observations});
    Record::accept(&RECORDS, &value).unwrap().record
}

/// Dimensions of one signal each, called d0, d1 and so on, calibrated by people whose numbers are spread evenly, so
/// that scores grow with numbers in a straight line.
pub(super) fn scale(dimensions: usize) -> Fitted {
    let signals = (0..dimensions)
        .map(|at| json!({"name": format!("s{at}"), "kind": "level", "range": [0, 100]}))
        .collect::<Vec<Value>>();
    let dimensions_told = (0..dimensions).map(|at| {
        let weights: Map<String, Value> = [(format!("s{at}"), json!(1))].into_iter().collect();
        json!({
            "name": format!("d{at}"),
            "title": {"en": format!("Trait {at}"), "de": format!("Zug {at}")},
            "weights": weights,
        })
    });
    let schema = json!({
        "schema": "behavior_schema.v1",
        "name": "made",
        "version": 1,
        "signals": signals,
        "dimensions": dimensions_told.collect::<Vec<Value>>(),
    });
    let schema = Schema::parse(&schema.to_string()).unwrap();
    let people: Vec<Record> = (0..CALIBRATED_BY)
        .map(|one| {
            let numbers: Vec<f64> = (0..u32::try_from(dimensions).unwrap())
                .map(|at| f64::from(one * (at + 1) % CALIBRATED_BY) / 10.09)
                .collect();
            person(&format!("c{one}"), &numbers)
        })
        .collect();
    let calibration = calibrated(&schema, &people, BFI_AS_OF);
    Fitted::new(schema, calibration).unwrap()
}

/// Ids and scores of those with all of them, in the order of the visit, made by the scorer alone.
pub(super) fn rows(
    context: &Context,
    schema: &Schema,
    calibration: &kartei_behavior::Calibration,
    people: &[Record],
) -> (Vec<String>, Vec<f64>) {
    let scorer = Scorer::new(schema, calibration).unwrap();
    let (mut ids, mut rows) = (Vec::new(), Vec::new());
    let mut person = Person::default();
    for record in in_visiting_order(context.seed(None), people.to_vec(), Record::id) {
        person.measure(schema, &record, scorer.as_of_ms());
        let scores: Option<Vec<f64>> = scorer
            .vector(&person)
            .dimensions
            .into_iter()
            .map(|score| score.map(|score| score.score))
            .collect();
        if let Some(scores) = scores {
            ids.push(record.id().to_owned());
            rows.extend(scores);
        }
    }
    (ids, rows)
}

/// The same people so many times, with ids of their own.
pub(super) fn times(people: &[Record], times: usize) -> Vec<Record> {
    let again = |time: usize| {
        people.iter().map(move |record| {
            let mut value = record.clone().into_value();
            value["id"] = json!(format!("{}-{time}", record.id()));
            Record::accept(&RECORDS, &value).unwrap().record
        })
    };
    (0..times).flat_map(again).collect()
}
