//! Results have these very bits on every target: digests of what all analyses say of the real questionnaires.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{bfi, bfi_scale, context, input, run};
use kartei_analysis::Side;
use kartei_profile::Record;
use serde_json::{Value, json};

/// The calibration of bfi by all of its people.
const CALIBRATION: &str = "d696b4717ee263063df9d0c2af674093";

/// By analysis: what it is told, and the BLAKE3 of its report.
const RESULTS: [(&str, &str, &str); 9] = [
    ("quality", "{}", "afbc4d9240142166974a94fcec2f234d9894a77affe0e9e1f91ffbe68d6302a2"),
    ("distribution", "{}", "2888b7421bdbdc7296001cfd5e38044decd83ca4861d0192467fe292a7cc46b7"),
    (
        "compare",
        r#"{"other": "gender:male"}"#,
        "7c9a36fdb0b30c8d3035071cea3a49f204ef29949333536fd8ab09e1cceed337",
    ),
    ("segments", "{}", "d604f06846abb539737a960ab6d858318417bac37421cd5f081785a82df96179"),
    ("map", "{}", "f17c6024e77eff96b0a36e5c3bb528641d27585f45308d85156680ac0d3c3b4d"),
    (
        "similar",
        r#"{"id": "bfi-61617"}"#,
        "3029cb3a7ffe1b57fe1b47c4f5f2e7c2fd4db7e6604062194096831087fb37a1",
    ),
    ("outliers", "{}", "8887c75f6a85da25ff162654205dbcea0034de5b585ae2e4fa756714980b7742"),
    (
        "drift",
        r#"{"from": "2010-01-01T00:00:00Z"}"#,
        "91b344a708b965f6c541d16be258bcc9f58ad99027e57abc4dc588243dfc296f",
    ),
    ("duplicates", "{}", "48f93c5b25609440dd4bb6b0b2897aa638794079ce58d45a8ea54f4c47fad4ed"),
];

fn sex(record: &Record) -> Option<Side> {
    match record.members()["attributes"]["gender"].as_str() {
        Some("female") => Some(Side::A),
        Some("male") => Some(Side::B),
        _ => None,
    }
}

#[test]
fn results_have_the_same_bits_on_every_target() {
    let people = bfi();
    let scale = bfi_scale(&people);
    let focus = people.iter().find(|one| one.id() == "bfi-61617");
    let mut found = vec![scale.version().to_owned()];
    let mut expected = vec![CALIBRATION.to_owned()];
    for (name, params, digest) in RESULTS {
        let params: Value = serde_json::from_str(params).unwrap();
        let context = context(name, &params, Some(&scale), focus);
        let seen =
            run(
                &context,
                &people,
                |record| {
                    if name == "compare" { sex(record) } else { Some(Side::A) }
                },
            );
        let report = seen.report(&context, &input(people.len()));
        let text = serde_json::to_string(&report).unwrap();
        found.push(format!("{name} {}", blake3::hash(text.as_bytes()).to_hex()));
        expected.push(format!("{name} {digest}"));
    }
    assert_eq!(json!(found), json!(expected), "{found:#?}");
}
