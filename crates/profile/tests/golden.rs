//! Golden fixtures of the genesis encoding. Change hashes are part of the format: if one of these
//! fails, every replica in the field would disagree with this build. Never update a fixture; add
//! a new genesis version instead (docs/adr/0002).

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use kartei_profile::{Document, Record, RecordSchema};
use serde_json::Value;

fn fixtures() -> Vec<Value> {
    let text = include_str!("golden/genesis.v1.json");
    serde_json::from_str::<Value>(text).unwrap().as_array().unwrap().clone()
}

#[test]
fn genesis_of_golden_records_has_the_recorded_hashes() {
    let schema = RecordSchema::user_profile_v1();
    let fixtures = fixtures();
    assert!(fixtures.len() >= 6, "the fixture file lost its cases");
    for fixture in fixtures {
        let name = fixture["name"].as_str().unwrap();
        let record = Record::accept(&schema, &fixture["record"]).unwrap().record;
        assert_eq!(record.text(), fixture["canonical"].as_str().unwrap(), "{name}: canonical form");
        assert_eq!(
            record.hash().to_string(),
            fixture["hash"].as_str().unwrap(),
            "{name}: record hash"
        );
        let document = Document::genesis(&schema, &record).unwrap();
        let again = Document::genesis(&schema, &record).unwrap();
        assert_eq!(document.heads(), again.heads(), "{name}: built twice");
        assert_eq!(
            document.genesis_hash().unwrap().to_string(),
            fixture["genesis"].as_str().unwrap(),
            "{name}: genesis change"
        );
        assert_eq!(document.record(&schema).unwrap(), record, "{name}: read back");
    }
}

#[test]
fn saved_documents_of_this_version_stay_readable() {
    let schema = RecordSchema::user_profile_v1();
    for fixture in fixtures() {
        let name = fixture["name"].as_str().unwrap();
        let hex = fixture["document"].as_str().unwrap().as_bytes();
        let bytes: Vec<u8> = hex
            .chunks_exact(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let document = Document::load(&bytes).unwrap();
        assert_eq!(
            document.record(&schema).unwrap().text(),
            fixture["canonical"].as_str().unwrap(),
            "{name}"
        );
    }
}
