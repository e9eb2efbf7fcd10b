//! The quality report on real profiles, and what it must be whatever way it was made.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read;

use kartei_analysis::{
    Accumulator, Analysis, CHUNK, Context, Input, Profile, Seed, in_visiting_order,
};
use kartei_profile::{Record, RecordSchema};
use serde_json::{Value, json};

/// 2026-11-22, in milliseconds.
const AS_OF: i64 = 1_795_305_600_000;

fn records(lines: impl Iterator<Item = String>) -> Vec<Record> {
    let schema = RecordSchema::user_profile_v1();
    lines.map(|line| Record::parse(&schema, line.as_bytes()).unwrap().record).collect()
}

fn file(name: &str) -> Vec<Record> {
    let path = format!("{}/../../tests/fixtures/data/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    let bytes = std::fs::read(path).unwrap();
    flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    records(text.lines().map(str::to_owned))
}

fn quality() -> Context {
    Context::new(Analysis::new("quality", &Value::Null).unwrap(), AS_OF, None, None).unwrap()
}

fn chunk(profiles: &[Record]) -> Accumulator {
    let mut seen = quality().begin();
    let context = quality();
    profiles
        .iter()
        .for_each(|record| seen.absorb(&context, &Profile { record, conflicts: 0 }, None, None));
    seen
}

fn merged(profiles: &[Record]) -> Accumulator {
    let mut seen = quality().begin();
    profiles.chunks(CHUNK).for_each(|part| seen.merge(&quality(), chunk(part)));
    seen
}

fn input(total: usize) -> Input {
    Input {
        epoch: "e".to_owned(),
        rev: 9,
        filter: None,
        total: total as u64,
        pending: 0,
        dataset: None,
    }
}

fn named<'a>(report: &'a Value, list: &str, name: &str) -> &'a Value {
    report[list].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
}

#[test]
fn the_report_of_the_real_questionnaires() {
    let profiles = in_visiting_order(Seed::of("job"), file("bfi.ndjson.gz"), Record::id);
    let report = merged(&profiles).report(&quality(), &input(profiles.len()));
    assert_eq!((report["done"].as_u64(), report["total"].as_u64()), (Some(2_800), Some(2_800)));
    // psych::bfi has age from 3 to 86 with mean 28.78 and deviation 11.13, and no value of A1 for 16.
    let age = named(&report, "attributes", "age");
    assert_eq!(age["of_numbers"]["least"], 3.0);
    assert_eq!(age["of_numbers"]["greatest"], 86.0);
    assert!((age["of_numbers"]["mean"].as_f64().unwrap() - 28.782_142_857).abs() < 1e-8);
    assert!((age["of_numbers"]["deviation"].as_f64().unwrap() - 11.127_554_9).abs() < 1e-6);
    assert!(age["values"].is_null(), "more values than are told apart");
    assert_eq!(named(&report, "attributes", "gender")["values"], 2);
    assert_eq!(named(&report, "signals", "A1")["missing"]["count"], 16);
    assert!(named(&report, "signals", "A1")["missing"].get("low").is_none(), "nothing is open");
    let codes: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_str().unwrap())
        .collect();
    assert!(codes.contains(&"old"), "questionnaires of 2010: {codes:?}");
    let education =
        report["findings"].as_array().unwrap().iter().find(|one| one["about"] == "education");
    let education = education.unwrap();
    assert_eq!(education["en"], "`education` is missing in 223 of 2,800 profiles (8.0\u{a0}%).");
    let old = report["findings"].as_array().unwrap().iter().find(|one| one["code"] == "old");
    let old = old.unwrap();
    assert_eq!(old["en"], "The newest observation of all 2,800 profiles is more than a year old.");
    assert_eq!(
        old["de"],
        "Die jüngste Beobachtung ist bei allen 2.800 Profilen über ein Jahr alt."
    );
    let part = merged(&profiles[..CHUNK]).report(&quality(), &input(profiles.len()));
    let said = part["findings"].to_string();
    assert!(said.contains("1,024 of 1,024 profiles"), "of a part nobody says all: {said}");
    assert_eq!(education["de"], "`education` fehlt bei 223 von 2.800 Profilen (8,0\u{a0}%).");
}

#[test]
fn whoever_dies_on_the_way_the_bits_are_the_same() {
    let profiles = in_visiting_order(Seed::of("job"), file("bfi.ndjson.gz"), Record::id);
    let whole = merged(&profiles);
    let mut resumed = quality().begin();
    for part in profiles.chunks(CHUNK) {
        resumed.merge(&quality(), chunk(part));
        // Another worker reads what the one before kept.
        resumed = Accumulator::resume(&resumed.keep()).unwrap();
    }
    assert_eq!(resumed.keep(), whole.keep());
    let (one, other) =
        (resumed.report(&quality(), &input(2_800)), whole.report(&quality(), &input(2_800)));
    assert_eq!(one.to_string(), other.to_string());
    assert_eq!(Accumulator::resume(b"{}"), None);
}

#[test]
fn a_part_says_between_what_the_whole_lies() {
    let profiles = in_visiting_order(Seed::of("job"), file("bfi.ndjson.gz"), Record::id);
    let whole = merged(&profiles).report(&quality(), &input(profiles.len()));
    let part = chunk(&profiles[..500]).report(&quality(), &input(profiles.len()));
    let (mut inside, mut all) = (0, 0);
    for signal in whole["signals"].as_array().unwrap() {
        let name = signal["name"].as_str().unwrap();
        let guess = &named(&part, "signals", name)["missing"];
        let truth = signal["missing"]["share"].as_f64().unwrap();
        let (low, high) = (guess["low"].as_f64().unwrap(), guess["high"].as_f64().unwrap());
        assert!(low < high);
        inside += usize::from((low..=high).contains(&truth));
        all += 1;
    }
    assert_eq!(all, 25);
    assert!(inside >= 22, "{inside} of {all}");
}

#[test]
fn what_is_wrong_is_said() {
    let line = |number: u32, more: Value| {
        let mut line = json!({"schema": "user_profile.v1", "id": format!("p{number}")});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line.to_string()
    };
    let mut lines: Vec<String> = (0..40)
        .map(|number| {
            line(
                number,
                json!({
                    "display_name": "x",
                    "attributes": {"country": "CH", "age": number},
                    "observations": [{"signal": "s", "value": 1.5, "at": "2026-11-20T00:00:00Z"}],
                }),
            )
        })
        .collect();
    lines.push(line(40, json!({"attributes": {"age": "forty", "country": null}})));
    lines.push(line(
        41,
        json!({
            "consent": {"analytics": false, "recorded_at": "2026-01-01T00:00:00Z"},
            "observations": [{"signal": "s", "value": 1, "at": "2030-01-01T00:00:00Z"}],
        }),
    ));
    let profiles = records(lines.into_iter());
    let mut seen = quality().begin();
    for (record, conflicts) in profiles.iter().zip([2].into_iter().chain(std::iter::repeat(0))) {
        seen.absorb(&quality(), &Profile { record, conflicts }, None, None);
    }
    let report = seen.report(&quality(), &input(profiles.len()));
    let said: Vec<(&str, &str)> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["code"].as_str().unwrap(), one["about"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        said,
        [
            ("in_conflict", ""),
            ("observed_ahead", ""),
            ("consent_withheld", ""),
            ("unobserved", ""),
            ("attribute_missing", "country"),
            ("attribute_missing", "age"),
            ("signal_missing", "s"),
            ("attribute_mixed", "age"),
            ("attribute_constant", "country"),
        ]
    );
    let [conflict, ..] = report["findings"].as_array().unwrap().as_slice() else { panic!("none") };
    assert_eq!(
        conflict["en"],
        "1 of 42 profiles (2.4\u{a0}%) has a conflict that nobody has decided."
    );
    assert_eq!(
        conflict["de"],
        "1 von 42 Profilen (2,4\u{a0}%) hat einen Konflikt, den niemand entschieden hat."
    );
    assert_eq!(report["consent"]["unknown"]["count"], 41);
    let age =
        report["findings"].as_array().unwrap().iter().find(|one| one["code"] == "attribute_mixed");
    assert_eq!(
        age.unwrap()["de"],
        "`age` ist 1-mal ein Text, 40-mal eine Zahl und 0-mal ja oder nein."
    );
}

#[test]
fn nothing_and_few_say_so() {
    let none = quality().begin().report(&quality(), &input(0));
    assert_eq!(none["findings"][0]["code"], "empty");
    assert!(none["profiles"]["named"]["share"].is_null());
    let one = records(std::iter::once(r#"{"schema":"user_profile.v1","id":"a"}"#.to_owned()));
    let few = chunk(&one).report(&quality(), &input(1));
    assert_eq!(few["findings"][0]["code"], "few");
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    assert!(Analysis::new("nonsense", &Value::Null).is_err());
    assert!(Analysis::new("quality", &json!({"depth": 3})).is_err());
    assert!(Analysis::new("quality", &json!([])).is_err());
    assert!(Analysis::new("quality", &json!({})).is_ok());
}
