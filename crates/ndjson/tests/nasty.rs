//! The lines of `tests/fixtures/nasty`, whose README says how they are written: each through the
//! careful parser, through the fast reader, and as lines of one file through the pipeline.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::convert::Infallible;
use std::io::{Cursor, Write};
use std::path::Path;

use kartei_ndjson::{Block, Flow, LINE_BYTES_MAX, Limits, Source, read_blocks_of};
use kartei_profile::{FastReader, Record, RecordSchema, Violation};
use serde_json::Value;

const FILES: [&str; 7] = ["numbers", "texts", "structure", "members", "limits", "moments", "sets"];

/// A blank line before the cases. A NUL among the first bytes of a file tells that it is no text;
/// here it is about the line that has it.
const PADDING_BYTES: usize = 4096;

/// What is said of a line.
#[derive(Debug, Clone, PartialEq)]
struct Verdict {
    /// `accept`, `warn`, `reject` or `skip`.
    word: String,
    rule: String,
    pointer: String,
    canonical: Option<String>,
}

impl Verdict {
    fn new(word: &str, violation: Option<&Violation>, canonical: Option<&str>) -> Self {
        Self {
            word: word.to_owned(),
            rule: violation.map_or(String::new(), |v| v.rule.to_owned()),
            pointer: violation.map_or(String::new(), |v| v.pointer.clone()),
            canonical: canonical.map(str::to_owned),
        }
    }

    /// A case that names no canonical form is content with any.
    fn fits(&self, expected: &Self) -> bool {
        let canonical = expected.canonical.is_none() || self.canonical == expected.canonical;
        canonical
            && (&self.word, &self.rule, &self.pointer)
                == (&expected.word, &expected.rule, &expected.pointer)
    }
}

struct Case {
    name: String,
    line: Vec<u8>,
    expected: Verdict,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/nasty");
    let mut cases = Vec::new();
    for file in FILES {
        let text = std::fs::read(folder.join(format!("{file}.json"))).unwrap();
        let listed: Vec<Value> = serde_json::from_slice(&text).unwrap();
        cases.extend(listed.iter().map(|case| {
            let word = |member: &str| case[member].as_str().unwrap_or_default().to_owned();
            let expected = Verdict {
                word: word("expect"),
                rule: word("rule"),
                pointer: word("pointer"),
                canonical: case["canonical"].as_str().map(str::to_owned),
            };
            Case { name: format!("{file}: {}", word("name")), line: line(&case["line"]), expected }
        }));
    }
    cases
}

fn line(written: &Value) -> Vec<u8> {
    match written {
        Value::String(text) => text.clone().into_bytes(),
        Value::Array(parts) => parts.iter().flat_map(line).collect(),
        part => {
            let times = usize::try_from(part["times"].as_u64().unwrap_or(1)).unwrap();
            if let Some(hex) = part["hex"].as_str() {
                let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
                (0..hex.len()).step_by(2).map(byte).collect()
            } else if let Some(template) = part["numbered"].as_str() {
                let parts: Vec<String> =
                    (0..times).map(|n| template.replace("{}", &n.to_string())).collect();
                parts.join(",").into_bytes()
            } else {
                part["repeat"].as_str().unwrap().repeat(times).into_bytes()
            }
        }
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

fn careful(schema: &RecordSchema, line: Option<&[u8]>) -> Verdict {
    let Some(line) = line else {
        let violation = Violation::new("", "line_length", "longer than the limit");
        return Verdict::new("reject", Some(&violation), None);
    };
    if is_blank(line) {
        return Verdict::new("skip", None, None);
    }
    match Record::parse(schema, line) {
        Ok(accepted) => {
            let word = if accepted.warning.is_some() { "warn" } else { "accept" };
            let text = Some(accepted.record.text());
            Verdict::new(word, accepted.warning.as_ref(), text)
        }
        Err(violation) => Verdict::new("reject", Some(&violation), None),
    }
}

/// As an import does it: the fast reader, and the careful one where that one declines.
fn imported(schema: &RecordSchema, reader: &mut FastReader, line: Option<&[u8]>) -> Verdict {
    let mut out = Vec::new();
    if let Some(line) = line
        && !is_blank(line)
        && reader.read(schema, line, &mut out).is_some()
    {
        return Verdict::new("accept", None, Some(std::str::from_utf8(&out).unwrap()));
    }
    careful(schema, line)
}

/// Lines as the pipeline hands them over; `None` where one is over the limit.
fn within_limit(case: &Case) -> Option<&[u8]> {
    (case.line.len() < LINE_BYTES_MAX).then_some(case.line.as_slice())
}

/// All at once: a list of disagreements is more use than the first of them.
fn check<'a>(found: impl Iterator<Item = (&'a Case, Verdict)>) {
    let wrong: Vec<String> = found
        .filter(|(case, verdict)| !verdict.fits(&case.expected))
        .map(|(case, verdict)| {
            let name = &case.name;
            format!("{name}\n  expected {:?}\n  found    {verdict:?}", case.expected)
        })
        .collect();
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_case_gets_its_verdict_from_the_careful_parser() {
    let schema = RecordSchema::user_profile_v1();
    let cases = cases();
    assert!(cases.len() >= 360, "the fixture lost its cases: {}", cases.len());
    check(cases.iter().map(|case| (case, careful(&schema, within_limit(case)))));
}

#[test]
fn the_fast_reader_agrees_wherever_it_takes_the_line() {
    let schema = RecordSchema::user_profile_v1();
    let mut reader = FastReader::default();
    let mut taken = 0;
    for case in cases().iter().filter(|case| within_limit(case).is_some()) {
        let mut out = Vec::new();
        let Some(fast) = reader.read(&schema, &case.line, &mut out) else { continue };
        taken += 1;
        assert_eq!(case.expected.word, "accept", "{}", case.name);
        let careful = Record::parse(&schema, &case.line).unwrap().record;
        assert_eq!(fast.hash(), careful.hash(), "{}", case.name);
        assert_eq!(fast.id(), careful.id(), "{}", case.name);
        assert_eq!(std::str::from_utf8(&out).unwrap(), careful.text(), "{}", case.name);
        if let Some(expected) = &case.expected.canonical {
            assert_eq!(careful.text(), expected, "{}", case.name);
        }
    }
    assert!(taken > 40, "the fast reader takes what is plain: {taken}");
}

#[test]
fn a_canonical_form_is_accepted_again_and_is_its_own() {
    let schema = RecordSchema::user_profile_v1();
    for case in cases().iter().filter(|case| within_limit(case).is_some()) {
        let Ok(accepted) = Record::parse(&schema, &case.line) else { continue };
        let text = accepted.record.text();
        let again = Record::parse(&schema, text.as_bytes()).map(|again| again.record);
        assert_eq!(again.as_ref().map(Record::text), Ok(text), "{}", case.name);
        let stored = Record::from_stored(text).map(|record| record.hash());
        assert_eq!(stored, Ok(accepted.record.hash()), "{}", case.name);
    }
}

#[test]
fn every_violation_tells_what_to_do_without_repeating_the_record() {
    const FOUND_CHARS_MAX: usize = 60;
    let mut rules = std::collections::BTreeSet::new();
    let schema = RecordSchema::user_profile_v1();
    for case in &cases() {
        let Err(violation) = Record::parse(&schema, &case.line) else { continue };
        let name = &case.name;
        rules.insert(violation.rule);
        assert_ne!(violation.mend(), Violation::new("", "no such rule", "").mend(), "{name}");
        assert!(violation.reason.len() >= 10, "{name}: {violation}");
        assert!(violation.reason.chars().count() <= 250, "{name}: {violation}");
        assert!(violation.mend().ends_with('.'), "{name}: {}", violation.mend());
        let found = violation.found.as_deref().unwrap_or_default();
        assert!(found.chars().count() <= FOUND_CHARS_MAX, "{name}: {found}");
        let is_written = ["syntax", "utf8", "trailing", "depth"].contains(&violation.rule);
        assert!(!is_written || violation.found.is_none(), "{name}: there is no value to show");
        let within = |offset: u32| usize::try_from(offset).unwrap() <= case.line.len();
        assert!(violation.offset.is_none_or(within), "{name}: {:?}", violation.offset);
        assert!(!is_written || violation.offset.is_some(), "{name} says where it is");
    }
    // `schema` is for schemas to come, `line_length` the pipeline's, `derived_member` a warning.
    assert_eq!(rules.len(), 26, "every rule has a case: {rules:?}");
}

/// Each compression and block size gives the same lines the same verdicts and numbers.
#[test]
fn as_lines_of_one_file_they_get_the_same_verdicts() {
    let schema = RecordSchema::user_profile_v1();
    let cases = cases();
    let mut file = vec![b' '; PADDING_BYTES];
    file.push(b'\n');
    for (case, end) in cases.iter().zip([&b"\n"[..], b"\r\n"].iter().cycle()) {
        // A carriage return would be one byte too many for the line at the limit.
        let end = if case.line.len() + 1 == LINE_BYTES_MAX { b"\n" } else { *end };
        file.extend_from_slice(&case.line);
        file.extend_from_slice(end);
    }
    let gzip = {
        let level = flate2::Compression::fast();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
        encoder.write_all(&file).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = zstd::encode_all(file.as_slice(), 1).unwrap();
    for (bytes, block_bytes) in [(file, 1024 * 1024), (gzip, 64 * 1024), (zstd, 1)] {
        let mut found = Vec::new();
        let outcome = read_blocks_of(
            block_bytes,
            Source::new(Cursor::new(bytes)).unwrap(),
            &Limits::default(),
            FastReader::default,
            |reader, block: &Block| {
                let verdict = |(number, line)| (number, imported(&schema, reader, line));
                block.lines().map(verdict).collect::<Vec<_>>()
            },
            |batch| {
                found.extend(batch.result);
                Ok::<_, Infallible>(Flow::Continue)
            },
        );
        assert_eq!(outcome.unwrap(), Flow::Continue);
        assert_eq!(found.len(), cases.len() + 1);
        assert!(found.iter().zip(1..).all(|((number, _), expected)| *number == expected));
        check(cases.iter().zip(found.into_iter().skip(1).map(|(_, verdict)| verdict)));
    }
}
