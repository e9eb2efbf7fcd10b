//! Whole files through the pipeline: real ones, nasty ones, and what is no text.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use kartei_ndjson::{Block, Flow, Limits, ReadError, Source, read_blocks};
use kartei_profile::{Record, RecordSchema};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/data").join(name)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Verdict by line: `accept`, `warn`, `skip`, or `reject pointer rule`.
fn verdicts(source: Source) -> (BTreeMap<u64, String>, Option<ReadError>) {
    let schema = RecordSchema::user_profile_v1();
    let mut verdicts = BTreeMap::new();
    let outcome = read_blocks(
        source,
        &Limits::default(),
        || (),
        |(), block: &Block| {
            let verdict = |line: Option<&[u8]>| match line {
                None => "reject  line_length".to_owned(),
                Some(line) if line.trim_ascii().is_empty() => "skip".to_owned(),
                Some(line) => match Record::parse(&schema, line) {
                    Ok(accepted) if accepted.warning.is_some() => "warn".to_owned(),
                    Ok(_) => "accept".to_owned(),
                    Err(v) => format!("reject {} {}", v.pointer, v.rule),
                },
            };
            block.lines().map(|(number, line)| (number, verdict(line))).collect::<Vec<_>>()
        },
        |batch| {
            assert_eq!(batch.lines, batch.result.len() as u64);
            for (number, verdict) in batch.result {
                assert!(verdicts.insert(number, verdict).is_none(), "a line twice");
            }
            Ok::<_, std::convert::Infallible>(Flow::Continue)
        },
    );
    (verdicts, outcome.err().map(|e| e.expect("the sink never fails")))
}

#[test]
fn every_nasty_line_gets_its_verdict() {
    let (verdicts, error) =
        verdicts(Source::new(File::open(data("nasty.ndjson")).unwrap()).unwrap());
    assert!(error.is_none());
    let expected = std::fs::read_to_string(data("nasty.expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let expected = expected.as_array().unwrap();
    assert_eq!(verdicts.len(), expected.len());
    for case in expected {
        let line = case["line"].as_u64().unwrap();
        let verdict = &verdicts[&line];
        let word = verdict.split(' ').next().unwrap();
        assert_eq!(
            word,
            case["expect"].as_str().unwrap(),
            "line {line}: {} → {verdict}",
            case["why"]
        );
    }
    // The places that people are sent to.
    for (line, place) in [
        (9, "reject /id duplicate_member"),
        (11, "reject /attributes/x number_range"),
        (16, "reject /id pattern"),
        (20, "reject /schema schema_version"),
        (21, "reject /favourite unknown_member"),
        (24, "reject /attributes/deep type"),
        (26, "reject /observations/0/at format"),
        (27, "reject /observations/0/value type"),
        (33, "reject /notes max_length"),
        (35, "reject /attributes/big number_precision"),
        // 2 MB: below the line limit of 4 MiB, so it is the notes that are too long.
        (38, "reject /notes max_length"),
    ] {
        assert_eq!(verdicts[&line], place, "line {line}");
    }
}

#[test]
fn the_real_files_are_accepted_line_by_line() {
    for (name, count) in [("bfi.ndjson.gz", 2_800), ("cdnow.ndjson.gz", 23_570)] {
        let (verdicts, error) = verdicts(Source::new(File::open(data(name)).unwrap()).unwrap());
        assert!(error.is_none(), "{name}");
        assert_eq!(verdicts.len(), count, "{name}");
        assert!(verdicts.values().all(|v| v == "accept"), "{name}");
    }
}

#[test]
fn what_is_no_text_is_refused_by_name() {
    let refused = |bytes: &[u8]| Source::new(Cursor::new(bytes.to_vec())).err();
    assert!(matches!(refused(b"\x7fELF\x02\x01\x01\0\0\0\0"), Some(ReadError::Binary)));
    assert!(matches!(refused(b"\xff\xfe{\0}\0"), Some(ReadError::Utf16)));
    assert!(matches!(refused(b"\x28\xb5\x2f\xfd...."), Some(ReadError::Damaged(_))));
    assert!(matches!(refused(b"PK\x03\x04.."), Some(ReadError::Compression("zip"))));
    assert!(matches!(refused(&gzip(b"\0\0\0\0")), Some(ReadError::Binary)));
    assert!(matches!(refused(&[0x1f, 0x8b, 8, 0, 0]), Some(ReadError::Damaged(_))));
    assert!(refused(b"").is_none(), "an empty file has no lines, which is no error");
}
