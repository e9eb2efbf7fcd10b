//! Our own nasty lines, beside those of `nasty.ndjson`: each with its verdict, rule and place, through
//! the record parser, the fast reader, and as one file through the pipeline.

use std::io::Cursor;

use kartei_ndjson::{Block, Flow, Limits, Source, read_blocks};
use kartei_profile::{FastReader, Record, RecordSchema};

/// What is said of a line.
#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    /// Accepted; where given, its canonical form contains this.
    Accept(&'static str),
    /// Rejected: rule and JSON pointer.
    Reject(&'static str, &'static str),
}

use Verdict::{Accept, Reject};

/// A record around some members.
fn with(members: &str) -> Vec<u8> {
    format!("{{\"schema\":\"user_profile.v1\",\"id\":\"a\",{members}}}").into_bytes()
}

fn attribute(value: &str) -> Vec<u8> {
    with(&format!("\"attributes\":{{\"x\":{value}}}"))
}

fn observed(value: &str) -> Vec<u8> {
    with(&format!(
        "\"observations\":[{{\"signal\":\"s\",\"value\":{value},\"at\":\"2026-01-01T00:00:00Z\"}}]"
    ))
}

fn at(moment: &str) -> Vec<u8> {
    with(&format!("\"created_at\":\"{moment}\""))
}

fn with_id(id: &str) -> Vec<u8> {
    format!("{{\"schema\":\"user_profile.v1\",\"id\":\"{id}\"}}").into_bytes()
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<(&'static str, Vec<u8>, Verdict)> {
    let long = |n: usize| "x".repeat(n);
    vec![
        // Numbers.
        ("minus zero is zero", attribute("-0"), Accept("\"x\":0}")),
        ("minus zero with a fraction", attribute("-0.0"), Accept("\"x\":0}")),
        ("a fraction of zeroes", attribute("1.0"), Accept("\"x\":1}")),
        ("an exponent", attribute("1e3"), Accept("\"x\":1000}")),
        ("a large exponent", attribute("1E+30"), Accept("\"x\":1e+30}")),
        ("underflow is no number", attribute("1e-400"), Reject("number_range", "/attributes/x")),
        ("overflow", attribute("-1e309"), Reject("number_range", "/attributes/x")),
        ("2^53 is exact", attribute("9007199254740992"), Accept("9007199254740992")),
        (
            "2^53 + 1 is not",
            attribute("9007199254740993"),
            Reject("number_precision", "/attributes/x"),
        ),
        ("a leading zero", attribute("01"), Reject("syntax", "/attributes/x")),
        ("a plus sign", attribute("+1"), Reject("syntax", "/attributes/x")),
        ("no digit before the point", attribute(".5"), Reject("syntax", "/attributes/x")),
        ("no digit after the point", attribute("1."), Reject("syntax", "/attributes/x")),
        ("no digit in the exponent", attribute("1e"), Reject("syntax", "/attributes/x")),
        ("hexadecimal", attribute("0x10"), Reject("syntax", "/attributes")),
        ("not a number", attribute("NaN"), Reject("syntax", "/attributes/x")),
        ("infinity", attribute("Infinity"), Reject("syntax", "/attributes/x")),
        ("a lone minus", attribute("-"), Reject("syntax", "/attributes/x")),
        // Texts.
        ("an escaped slash is a slash", attribute(r#""\/""#), Accept("\"x\":\"/\"")),
        ("an escape of a letter", attribute(r#""\u0041""#), Accept("\"x\":\"A\"")),
        ("both halves of an escape", attribute(r#""\ud83d\ude00""#), Accept("😀")),
        (
            "the first half alone",
            attribute(r#""\ud83d""#),
            Reject("lone_surrogate", "/attributes/x"),
        ),
        (
            "the second half alone",
            attribute(r#""\ude00""#),
            Reject("lone_surrogate", "/attributes/x"),
        ),
        (
            "halves the wrong way round",
            attribute(r#""\ude00\ud83d""#),
            Reject("lone_surrogate", "/attributes/x"),
        ),
        ("an escaped NUL", attribute(r#""a\u0000b""#), Reject("nul", "/attributes/x")),
        ("an unknown escape", attribute(r#""\x""#), Reject("syntax", "/attributes/x")),
        ("half an escape", attribute(r#""\u00""#), Reject("syntax", "/attributes/x")),
        ("a tab as it is", attribute("\"a\tb\""), Reject("syntax", "/attributes/x")),
        ("a tab, escaped", attribute(r#""a\tb""#), Accept(r"a\tb")),
        ("line separator U+2028", attribute("\"a\u{2028}b\""), Accept("a\u{2028}b")),
        ("single quotes", attribute("'a'"), Reject("syntax", "/attributes/x")),
        ("combining marks stay as they are", attribute("\"e\u{301}\""), Accept("e\u{301}")),
        (
            "a family of emoji",
            attribute("\"👨\u{200d}👩\u{200d}👧\""),
            Accept("👨\u{200d}👩\u{200d}👧"),
        ),
        (
            "overlong UTF-8",
            joined(&[
                b"{\"schema\":\"user_profile.v1\",\"id\":\"a\",\"notes\":\"",
                b"\xc0\xaf",
                b"\"}",
            ]),
            Reject("utf8", ""),
        ),
        (
            "a surrogate in UTF-8",
            joined(&[
                b"{\"schema\":\"user_profile.v1\",\"id\":\"a\",\"notes\":\"",
                b"\xed\xa0\x80",
                b"\"}",
            ]),
            Reject("utf8", ""),
        ),
        (
            "Latin 1",
            joined(&[b"{\"schema\":\"user_profile.v1\",\"id\":\"a\",\"notes\":\"Z\xfcrich\"}"]),
            Reject("utf8", ""),
        ),
        // Structure.
        (
            "a trailing comma",
            b"{\"schema\":\"user_profile.v1\",\"id\":\"a\",}".to_vec(),
            Reject("syntax", ""),
        ),
        (
            "a missing comma",
            b"{\"schema\":\"user_profile.v1\" \"id\":\"a\"}".to_vec(),
            Reject("syntax", ""),
        ),
        (
            "a comment",
            b"{\"schema\":\"user_profile.v1\",/* a */\"id\":\"a\"}".to_vec(),
            Reject("syntax", ""),
        ),
        ("two values", joined(&[&with_id("a"), &with_id("b")]), Reject("trailing", "")),
        (
            "half a value",
            b"{\"schema\":\"user_profile.v1\",\"id\":\"a\"".to_vec(),
            Reject("syntax", ""),
        ),
        ("an array", b"[]".to_vec(), Reject("type", "")),
        ("a text", b"\"a\"".to_vec(), Reject("type", "")),
        ("nothing but null", b"null".to_vec(), Reject("type", "")),
        (
            "a member twice, one escaped",
            attribute("1,\"\\u0078\":2"),
            Reject("duplicate_member", "/attributes/x"),
        ),
        (
            "a member twice, deep",
            observed("1,\"value\":2"),
            Reject("duplicate_member", "/observations/0/value"),
        ),
        (
            "blanks around everything",
            b" { \"schema\" : \"user_profile.v1\" , \"id\" : \"a\" } ".to_vec(),
            Accept("{\"id\":\"a\",\"schema\""),
        ),
        ("a member named __proto__", with("\"attributes\":{\"__proto__\":1}"), Accept("__proto__")),
        (
            "an empty member name",
            with("\"attributes\":{\"\":1}"),
            Reject("property_names", "/attributes"),
        ),
        ("an unknown member", with("\"x\":1"), Reject("unknown_member", "/x")),
        ("a container in an attribute", attribute("{}"), Reject("type", "/attributes/x")),
        // Ids.
        ("an id at its limit", with_id(&long(128)), Accept("xxx")),
        ("an id beyond it", with_id(&long(129)), Reject("pattern", "/id")),
        ("an empty id", with_id(""), Reject("pattern", "/id")),
        ("an id with a blank", with_id("a b"), Reject("pattern", "/id")),
        ("an id with an umlaut", with_id("ä"), Reject("pattern", "/id")),
        ("an id that is a route", with_id("export"), Reject("reserved", "/id")),
        ("no id", b"{\"schema\":\"user_profile.v1\"}".to_vec(), Reject("required", "/id")),
        (
            "another version",
            b"{\"schema\":\"user_profile.v2\",\"id\":\"a\"}".to_vec(),
            Reject("schema_version", "/schema"),
        ),
        // Moments.
        ("an offset becomes UTC", at("2026-01-01T01:00:00+01:00"), Accept("2026-01-01T00:00:00Z")),
        (
            "nine digits of a fraction",
            at("2026-01-01T00:00:00.123456789Z"),
            Accept("00.123456789Z"),
        ),
        ("ten digits", at("2026-01-01T00:00:00.1234567891Z"), Reject("pattern", "/created_at")),
        ("a leap day", at("2024-02-29T00:00:00Z"), Accept("2024-02-29")),
        ("no leap day", at("2026-02-29T00:00:00Z"), Reject("format", "/created_at")),
        ("24 o'clock", at("2026-01-01T24:00:00Z"), Reject("pattern", "/created_at")),
        ("no offset", at("2026-01-01T00:00:00"), Reject("pattern", "/created_at")),
        ("a date alone", at("2026-01-01"), Reject("pattern", "/created_at")),
        ("a blank instead of the T", at("2026-01-01 00:00:00Z"), Reject("pattern", "/created_at")),
        // Sets.
        ("a tag twice", with("\"tags\":[\"a\",\"a\"]"), Reject("unique_items", "/tags")),
        ("tags are sorted", with("\"tags\":[\"b\",\"a\"]"), Accept("[\"a\",\"b\"]")),
        ("a tag that is a number", with("\"tags\":[1]"), Reject("type", "/tags/0")),
        ("a value that is a text", observed("\"1\""), Reject("type", "/observations/0/value")),
        (
            "an observation without a value",
            with("\"observations\":[{\"signal\":\"s\",\"at\":\"2026-01-01T00:00:00Z\"}]"),
            Reject("required", "/observations/0/value"),
        ),
    ]
}

fn said(schema: &RecordSchema, line: &[u8]) -> Verdict {
    match Record::parse(schema, line) {
        Ok(accepted) => Accept(String::leak(accepted.record.text().to_owned())),
        Err(v) => Reject(v.rule, String::leak(v.pointer)),
    }
}

fn is_as_expected(name: &str, found: &Verdict, expected: &Verdict) -> Result<(), String> {
    let fits = match (found, expected) {
        (Accept(text), Accept(part)) => text.contains(part),
        (found, expected) => found == expected,
    };
    if fits { Ok(()) } else { Err(format!("{name}: {found:?}, not {expected:?}")) }
}

#[test]
fn every_case_gets_its_verdict() {
    let schema = RecordSchema::user_profile_v1();
    let cases = cases();
    assert!(cases.len() >= 40, "{}", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(name, line, expected)| {
            is_as_expected(name, &said(&schema, line), expected).err()
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_fast_reader_takes_no_line_that_the_parser_would_not_take_so() {
    let schema = RecordSchema::user_profile_v1();
    let mut reader = FastReader::default();
    let mut taken = 0;
    for (name, line, expected) in cases() {
        let mut text = Vec::new();
        let Some(record) = reader.read(&schema, &line, &mut text) else { continue };
        taken += 1;
        let slow = Record::parse(&schema, &line).unwrap_or_else(|v| panic!("{name}: {v}")).record;
        assert_eq!(record.hash(), slow.hash(), "{name}");
        assert_eq!(String::from_utf8(text).unwrap(), slow.text(), "{name}");
        assert!(matches!(expected, Accept(_)), "{name}");
    }
    assert!(taken > 5, "{taken}");
}

#[test]
fn as_one_file_each_line_gets_its_own_verdict() {
    let schema = RecordSchema::user_profile_v1();
    let cases = cases();
    let file: Vec<u8> =
        cases.iter().flat_map(|(_, line, _)| line.iter().copied().chain([b'\n'])).collect();
    let mut found = Vec::new();
    let outcome = read_blocks(
        Source::new(Cursor::new(file)).unwrap(),
        &Limits::default(),
        || (),
        |(), block: &Block| {
            block.lines().map(|(_, line)| said(&schema, line.unwrap())).collect::<Vec<_>>()
        },
        |batch| {
            found.extend(batch.result);
            Ok::<_, std::convert::Infallible>(Flow::Continue)
        },
    );
    assert_eq!(outcome.unwrap(), Flow::Continue);
    assert_eq!(found.len(), cases.len());
    for ((name, _, expected), found) in cases.iter().zip(&found) {
        assert_eq!(is_as_expected(name, found, expected), Ok(()));
    }
}
