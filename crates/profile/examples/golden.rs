//! Prints golden fixtures for the records given as JSON lines on standard input, each
//! `{"name": …, "record": …}`. Used once for each genesis version; see `tests/golden.rs`.

use std::io::BufRead;

use kartei_profile::{Document, Record, RecordSchema};
use serde_json::{Value, json};

fn main() {
    let schema = RecordSchema::user_profile_v1();
    let mut fixtures = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        let record = Record::accept(&schema, &case["record"]).expect("a valid record").record;
        let document = Document::genesis(&schema, &record).expect("a document");
        let bytes: String = document.save().iter().map(|byte| format!("{byte:02x}")).collect();
        fixtures.push(json!({
            "name": case["name"],
            "record": case["record"],
            "canonical": record.text(),
            "hash": record.hash().to_string(),
            "genesis": document.genesis_hash().expect("a genesis").to_string(),
            "document": bytes,
        }));
    }
    println!("{:#}", Value::Array(fixtures));
}
