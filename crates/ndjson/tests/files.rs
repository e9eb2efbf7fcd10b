//! Whole files through the pipeline: real ones, nasty ones, broken ones.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use kartei_ndjson::{Block, Flow, Limits, ReadError, Source, read_blocks, read_blocks_of};
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

/// Reads to the end, and answers what stopped it.
fn stopped_by(file: Vec<u8>, limits: &Limits) -> Option<ReadError> {
    let source = Source::new(Cursor::new(file)).unwrap();
    let count = |(): &mut (), block: &Block| block.ends.len();
    let sink = |_| Ok::<_, std::convert::Infallible>(Flow::Continue);
    let outcome = read_blocks(source, limits, || (), count, sink);
    outcome.err().map(|e| e.expect("the sink never fails"))
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
fn all_frames_of_a_zstd_file_are_read() {
    let mut file = zstd::encode_all(line(1).as_bytes(), 1).unwrap();
    file.extend(zstd::encode_all(line(2).as_bytes(), 19).unwrap());
    let (verdicts, error) = verdicts(Source::new(Cursor::new(file.clone())).unwrap());
    assert!(error.is_none());
    assert_eq!(verdicts.len(), 2);
    file.truncate(file.len() - 3);
    assert!(matches!(stopped_by(file, &Limits::default()), Some(ReadError::Damaged(_))));
}

#[test]
fn limits_end_the_reading_and_say_which() {
    // Without a line end: also what is skipped counts.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    (0..200).for_each(|_| bomb.write_all(&vec![b' '; 1024 * 1024]).unwrap());
    let bomb = bomb.finish().unwrap();
    assert!(matches!(stopped_by(bomb, &Limits::default()), Some(ReadError::Ratio(400))));
    let text: Vec<u8> = (0..1_000).flat_map(|i| line(i).into_bytes()).collect();
    let length = text.len() as u64;
    let none = Limits::default();
    assert!(stopped_by(text.clone(), &none).is_none());
    let exact = Limits { lines: 1_000, inflated_bytes: length, ..none };
    assert!(stopped_by(text.clone(), &exact).is_none(), "at the limit is within it");
    let lines = Limits { lines: 999, ..none };
    assert!(matches!(stopped_by(text.clone(), &lines), Some(ReadError::TooManyLines(999))));
    let bytes = Limits { inflated_bytes: length - 1, ..none };
    assert!(matches!(stopped_by(text, &bytes), Some(ReadError::TooLarge(_))));
}

#[test]
fn small_blocks_come_in_the_order_of_the_file() {
    let text: Vec<u8> = (0..50_000).flat_map(|i| line(i).into_bytes()).collect();
    let mut next = 1;
    let outcome = read_blocks_of(
        300,
        Source::new(Cursor::new(text)).unwrap(),
        &Limits::default(),
        || 0_u64,
        |seen, block: &Block| {
            *seen += 1;
            block.lines().map(|(number, _)| number).collect::<Vec<_>>()
        },
        |batch| {
            assert_eq!(batch.first_line, next);
            for number in batch.result {
                assert_eq!(number, next);
                next += 1;
            }
            Ok::<_, std::convert::Infallible>(Flow::Continue)
        },
    );
    assert_eq!(outcome.unwrap(), Flow::Continue);
    assert_eq!(next, 50_001);
}

#[test]
#[should_panic(expected = "in a worker")]
fn a_panic_of_a_worker_is_handed_on() {
    let text: Vec<u8> = (0..50_000).flat_map(|i| line(i).into_bytes()).collect();
    let _ = read_blocks_of(
        300,
        Source::new(Cursor::new(text)).unwrap(),
        &Limits::default(),
        || (),
        |(), block: &Block| assert!(block.first_line < 10_000, "in a worker"),
        |_| Ok::<_, std::convert::Infallible>(Flow::Continue),
    );
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
    assert!(matches!(refused(b"\x28\xb5\x2f\xfd...."), Some(ReadError::Damaged(_))));
    assert!(matches!(refused(b"PK\x03\x04.."), Some(ReadError::Compression("zip"))));
    assert!(matches!(refused(&gzip(b"\0\0\0\0")), Some(ReadError::Binary)));
    assert!(matches!(refused(&[0x1f, 0x8b, 8, 0, 0]), Some(ReadError::Damaged(_))));
    assert!(refused(b"").is_none(), "an empty file has no lines, which is no error");
}

#[test]
fn a_sink_can_stop_the_pipeline() {
    let text: String = (0..200_000).map(line).collect();
    let mut batches = 0;
    let outcome = read_blocks(
        Source::new(Cursor::new(text.into_bytes())).unwrap(),
        &Limits::default(),
        || (),
        |(), block: &Block| block.ends.len(),
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
