//! Whole files through the pipeline: real ones, nasty ones, broken ones.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use kartei_ndjson::{Flow, ReadError, Source, Verdict, read};
use kartei_profile::RecordSchema;

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
    let outcome = read(
        source,
        &schema,
        |record| record.id().to_owned(),
        |batch| {
            for line in batch.lines {
                let verdict = match line.verdict {
                    Verdict::Accepted(_, None) => "accept".to_owned(),
                    Verdict::Accepted(_, Some(_)) => "warn".to_owned(),
                    Verdict::Rejected(v) => format!("reject {} {}", v.pointer, v.rule),
                    Verdict::Blank => "skip".to_owned(),
                };
                assert!(verdicts.insert(line.number, verdict).is_none(), "a line twice");
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

fn line(i: u32) -> String {
    format!("{{\"schema\":\"user_profile.v1\",\"id\":\"p{i}\"}}\n")
}

#[test]
fn all_members_of_a_gzip_file_are_read() {
    let mut file = gzip(line(1).as_bytes());
    file.extend(gzip(line(2).as_bytes()));
    let (verdicts, error) = verdicts(Source::new(Cursor::new(file)).unwrap());
    assert!(error.is_none());
    assert_eq!(verdicts.len(), 2);
}

#[test]
fn a_cut_gzip_stream_is_an_error_after_its_good_lines() {
    let text: String = (0..100_000).map(line).collect();
    let file = gzip(text.as_bytes());
    let (verdicts, error) =
        verdicts(Source::new(Cursor::new(file[..file.len() / 2].to_vec())).unwrap());
    assert!(matches!(error, Some(ReadError::Damaged(_))), "{error:?}");
    assert!(verdicts.len() > 1_000, "whole lines before the cut are kept: {}", verdicts.len());
    assert!(verdicts.values().all(|v| v == "accept"), "half a line is not taken for one");
}

#[test]
fn what_is_no_text_is_refused_by_name() {
    let refused = |bytes: &[u8]| Source::new(Cursor::new(bytes.to_vec())).err();
    assert!(matches!(refused(b"\x7fELF\x02\x01\x01\0\0\0\0"), Some(ReadError::Binary)));
    assert!(matches!(refused(b"\xff\xfe{\0}\0"), Some(ReadError::Utf16)));
    assert!(matches!(refused(b"\x28\xb5\x2f\xfd...."), Some(ReadError::Compression("zstd"))));
    assert!(matches!(refused(&gzip(b"\0\0\0\0")), Some(ReadError::Binary)));
    assert!(matches!(refused(&[0x1f, 0x8b, 8, 0, 0]), Some(ReadError::Damaged(_))));
    assert!(refused(b"").is_none(), "an empty file has no lines, which is no error");
}

#[test]
fn a_sink_can_stop_the_pipeline() {
    let text: String = (0..200_000).map(line).collect();
    let schema = RecordSchema::user_profile_v1();
    let mut batches = 0;
    let outcome = read(
        Source::new(Cursor::new(text.into_bytes())).unwrap(),
        &schema,
        |record| record,
        |_| {
            batches += 1;
            Ok::<_, std::convert::Infallible>(if batches == 2 {
                Flow::Stop
            } else {
                Flow::Continue
            })
        },
    );
    assert_eq!(outcome.unwrap(), Flow::Stop);
    assert_eq!(batches, 2);
}
