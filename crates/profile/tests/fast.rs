//! The fast reader against the careful one: what it accepts, that one accepts with the same text.
#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use flate2::bufread::MultiGzDecoder;
use kartei_profile::{FastReader, Fields, Record, RecordSchema, Scalar};
use proptest::prelude::*;
use serde_json::Value;

/// Everything that was told, as text.
#[derive(Debug, Default, PartialEq)]
struct Told(Vec<String>);

impl Fields for Told {
    fn name(&mut self, name: &str) {
        self.0.push(format!("name {name}"));
    }
    fn tag(&mut self, tag: &str) {
        self.0.push(format!("tag {tag}"));
    }
    fn attribute(&mut self, key: &str, value: Scalar<'_>) {
        self.0.push(format!("{key} {value:?}"));
    }
    fn observation(&mut self, signal: &str, value: f64, at_millis: i64) {
        self.0.push(format!("{signal} {value} {at_millis}"));
    }
    fn notes(&mut self, notes: &str) {
        self.0.push(format!("notes {notes}"));
    }
}

/// Answers whether the fast reader took the line.
fn compare(schema: &RecordSchema, reader: &mut FastReader, line: &[u8]) -> bool {
    let mut out = b"before".to_vec();
    let Some(fast) = reader.read(schema, line, &mut out) else {
        assert_eq!(out, b"before", "nothing is left behind");
        return false;
    };
    let shown = String::from_utf8_lossy(line);
    let careful = match Record::parse(schema, line) {
        Ok(accepted) => accepted,
        Err(violation) => panic!("the fast reader took {shown}, but: {violation}"),
    };
    assert_eq!(careful.warning, None, "{shown}");
    let record = careful.record;
    assert_eq!(std::str::from_utf8(&out[6..]).unwrap(), record.text(), "{shown}");
    assert_eq!((fast.id(), fast.hash()), (record.id(), record.hash()), "{shown}");
    let (mut told, mut expected) = (Told::default(), Told::default());
    fast.tell(schema, &mut told);
    record.tell(&mut expected);
    // In which order attributes come does not matter.
    told.0.sort();
    expected.0.sort();
    assert_eq!(told, expected, "{shown}");
    true
}

fn data(name: &str) -> impl Iterator<Item = Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/data");
    let file = BufReader::new(std::fs::File::open(folder.join(name)).unwrap());
    let text: Box<dyn BufRead> = if name.ends_with(".gz") {
        Box::new(BufReader::new(MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    };
    text.split(b'\n').map(Result::unwrap)
}

#[test]
fn every_real_line_takes_the_fast_way() {
    let schema = RecordSchema::user_profile_v1();
    let mut reader = FastReader::default();
    for name in ["bfi.ndjson.gz", "cdnow.ndjson.gz"] {
        let mut lines = 0;
        for line in data(name) {
            lines += 1;
            assert!(compare(&schema, &mut reader, &line), "{}", String::from_utf8_lossy(&line));
        }
        assert!(lines > 2_000, "{name}");
    }
}

#[test]
fn nasty_lines_are_declined_or_read_alike() {
    let schema = RecordSchema::user_profile_v1();
    let mut reader = FastReader::default();
    let taken = data("nasty.ndjson").filter(|line| compare(&schema, &mut reader, line)).count();
    assert!(taken > 0, "some of them are fine");
}

/// Lines around the borders of the schema.
fn seeds() -> Vec<String> {
    let tags = |n: usize| {
        let tags: Vec<String> = (0..n).map(|i| format!("\"t{i}\"")).collect();
        format!(r#"{{"schema":"user_profile.v1","id":"a","tags":[{}]}}"#, tags.join(","))
    };
    let with = |member: &str| format!(r#"{{"id":"a.b-1","schema":"user_profile.v1",{member}}}"#);
    let mut seeds = vec![tags(64), tags(65), tags(0)];
    for member in [
        r#""display_name":"\u00e4\ud83d\ude00\n\"x\/\\""#,
        r#""notes":"","attributes":{},"observations":[]"#,
        r#""notes":"a\tb\u0007c","updated_at":"2026-02-29T00:00:00Z""#,
        r#""attributes":{"b":1.50,"a":"x","\u0061b":true,"c":null,"é":-0.0,"𝒳":1e3,"ﬀ":12345678901234567}"#,
        r#""attributes":{"a":1,"a":2}"#,
        r#""attributes":{"n":9007199254740991,"m":0.1000000000000000055,"k":123456.7890}"#,
        r#""tags":["z","a","é","𝒳","ﬀ"]"#,
        r#""tags":["z","z"]"#,
        r#""consent":{"recorded_at":"2026-02-03T01:00:00+01:00","analytics":true}"#,
        r#""consent":{"analytics":true}"#,
        r#""created_at":"2026-02-03T01:00:00.120Z","updated_at":"2026-02-03T23:59:60Z""#,
        r#""created_at":"0000-01-01T00:00:00+23:59""#,
        r#""observations":[{"signal":"s","value":1,"n":1,"at":"2026-02-03T00:00:00Z"},{"at":"2026-02-02T00:00:00.5-02:30","signal":"s","value":1.25,"n":3,"source":"x\"y"}]"#,
        r#""observations":[{"signal":"s","value":1,"at":"2026-02-03T00:00:00Z"},{"signal":"s","value":1.0,"at":"2026-02-03T01:00:00+01:00"}]"#,
        r#""observations":[{"id":"q","signal":"s","value":1,"at":"2026-02-03T00:00:00Z"},{"id":"q","signal":"s","value":1,"at":"2026-02-04T00:00:00Z"}]"#,
        r#""observations":[{"id":"b","signal":"s","value":1,"n":0,"at":"2026-02-03T00:00:00Z"}]"#,
        r#""observations":[{"id":"b","signal":"s","value":1,"n":2.0,"at":"2026-02-03T00:00:00Z"}]"#,
        r#""attachments":[{"file_id":"f","name":"n","size":0,"media_type":"a/b","digest":"blake3:0000000000000000000000000000000000000000000000000000000000000000"}]"#,
        r#""behavior_vector":{"dims":[]}"#,
        r#""behavior_vector":[]"#,
        r#""x":1"#,
    ] {
        seeds.push(with(member));
    }
    for id in ["import", "-a", "A:b@c", "ä", &"x".repeat(128), &"x".repeat(129)] {
        seeds.push(format!(r#" {{ "schema" : "user_profile.v1" , "id" : "{id}" }} "#));
    }
    seeds
}

#[test]
fn borders_are_read_alike() {
    let schema = RecordSchema::user_profile_v1();
    let mut reader = FastReader::default();
    let seeds = seeds();
    let taken = seeds.iter().filter(|line| compare(&schema, &mut reader, line.as_bytes())).count();
    assert!(taken >= 11, "{taken} of {}", seeds.len());
}

#[test]
fn every_case_of_the_schema_is_read_alike() {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/schema-cases.json");
    let cases: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let schema = RecordSchema::user_profile_v1();
    let mut reader = FastReader::default();
    let mut seen = 0;
    let mut each = |value: &Value| {
        seen += 1;
        compare(&schema, &mut reader, value.to_string().as_bytes());
    };
    // Whatever the file's shape, every object in it that names a schema is a record.
    fn walk(value: &Value, each: &mut impl FnMut(&Value)) {
        match value {
            Value::Object(members) => {
                if members.contains_key("schema") {
                    each(value);
                }
                members.values().for_each(|value| walk(value, each));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, each)),
            _ => {}
        }
    }
    walk(&cases, &mut each);
    assert!(seen > 50, "{seen}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A byte changed, removed or doubled somewhere.
    #[test]
    fn mutated_lines_are_read_alike(
        seed in 0_usize..30,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 1..4),
    ) {
        let schema = schema();
        let mut reader = FastReader::default();
        let seeds = seeds();
        let mut line = seeds[seed % seeds.len()].clone().into_bytes();
        for (place, kind, byte) in edits {
            let at = place.index(line.len());
            match kind {
                0 => line[at] = byte,
                1 => { line.remove(at); }
                2 => line.insert(at, byte),
                _ => line[at] = b"\"\\{}[]:,0123456789eE+-.tfn "[usize::from(byte) % 27],
            }
            if line.is_empty() { break; }
        }
        compare(schema, &mut reader, &line);
    }
}

fn schema() -> &'static RecordSchema {
    static SCHEMA: std::sync::OnceLock<RecordSchema> = std::sync::OnceLock::new();
    SCHEMA.get_or_init(RecordSchema::user_profile_v1)
}
