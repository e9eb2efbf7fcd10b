//! CSV, read back with the `csv` crate.

use std::collections::BTreeMap;

use kartei_export::{Error, Format, Options};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{any_record, canonical, export, full, some, try_export};

type Rows = Vec<BTreeMap<String, String>>;

fn read(bytes: &[u8]) -> Rows {
    let mut reader = csv::Reader::from_reader(bytes);
    reader.deserialize().collect::<Result<_, _>>().expect("every row has as many cells")
}

fn profiles(records: &[String]) -> Rows {
    read(&export(records, &Options::new(Format::Csv)))
}

/// What takes a list in one cell apart again.
fn split_list(cell: &str) -> Vec<String> {
    let mut elements = Vec::new();
    if cell.is_empty() {
        return elements;
    }
    let mut element = String::new();
    let mut chars = cell.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => element.extend(chars.next()),
            ';' => elements.push(std::mem::take(&mut element)),
            c => element.push(c),
        }
    }
    elements.push(element);
    elements
}

/// What takes the apostrophe away again, as `docs/export-formats.md` says it.
fn unprotected(cell: &str) -> &str {
    let is_formula = cell
        .trim_start_matches('\'')
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if is_formula { cell.strip_prefix('\'').expect("protected") } else { cell }
}

#[test]
fn a_row_says_everything_that_a_profile_has() {
    let rows = profiles(&some());
    let expected = [
        ("id", "p-1"),
        ("display_name", "Zoë, \"Z\""),
        ("tags", "a\\\\b;b\\;2b;plain"),
        ("notes", "first\nsecond"),
        ("consent.analytics", "false"),
        ("consent.recorded_at", "2026-01-02T03:04:05.678912345Z"),
        ("consent.source", "form"),
        ("created_at", "1969-12-31T23:59:59.999999Z"),
        ("updated_at", "2026-02-01T00:00:00Z"),
        ("attributes.age", "41"),
        ("attributes.city", "Graz"),
        ("attributes.member", "true"),
        ("attributes.mixed", "12"),
        ("attributes.none", ""),
        ("attributes.share", "0.5"),
        ("observations.count", "3"),
        ("observations.first_at", "2026-01-01T00:00:00Z"),
        ("observations.last_at", "2026-01-03T00:00:00.5Z"),
        ("attachments.count", "1"),
        ("attachments.names", "scan.pdf"),
        ("attachments.size_bytes", "12345"),
        ("observed.s.count", "2"),
        ("observed.s.n", "4"),
        ("observed.s.mean", "2.5"),
        ("observed.s.min", "2"),
        ("observed.s.max", "4"),
        ("observed.s.last", "4"),
        ("observed.t.x.count", "1"),
        ("observed.t.x.n", "1"),
        ("observed.t.x.mean", "-1.5"),
        ("observed.t.x.min", "-1.5"),
        ("observed.t.x.max", "-1.5"),
        ("observed.t.x.last", "-1.5"),
    ];
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect();
    assert_eq!(rows[0], expected);
    let filled = rows[1].values().filter(|cell| !cell.is_empty());
    assert_eq!(filled.count(), 8, "the id, three counts of its own, two of each signal");
    assert_eq!(rows[2]["observed.t.x.last"], "1e+300");
}

#[test]
fn every_member_of_the_schema_has_a_column() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../schemas/user_profile.v1.schema.json"))
            .unwrap();
    let header = profiles(&[canonical(&full())]).remove(0);
    for member in schema["properties"].as_object().unwrap().keys() {
        let is_there = header
            .keys()
            .any(|column| column == member || column.starts_with(&format!("{member}.")));
        // The name of the schema is the same in every row; derived members are in no record.
        assert_eq!(is_there, !["schema", "behavior_vector"].contains(&&**member), "{member}");
    }
    let observations = export(&[canonical(&full())], &Options::new(Format::CsvObservations));
    let header = read(&observations).remove(0);
    let members = &schema["properties"]["observations"]["items"]["properties"];
    for member in members.as_object().unwrap().keys() {
        let column = if member == "id" { "observation_id" } else { member };
        assert!(header.contains_key(column), "{column}");
    }
}

#[test]
fn missing_and_empty_differ_and_lines_end_as_in_rfc_4180() {
    let records = [
        canonical(&json!({"schema": "user_profile.v1", "id": "a", "display_name": ""})),
        canonical(&json!({"schema": "user_profile.v1", "id": "b"})),
    ];
    let text = String::from_utf8(export(&records, &Options::new(Format::Csv))).unwrap();
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[1].starts_with("a,\"\",,"), "{}", lines[1]);
    assert!(lines[2].starts_with("b,,,"), "{}", lines[2]);
}

#[test]
fn formulas_are_texts_unless_that_is_switched_off() {
    let record = canonical(&json!({"schema": "user_profile.v1", "id": "a",
        "display_name": "=HYPERLINK(\"x\",\"y\")", "attributes": {"a": "'+1", "b": -1, "c": "'t"},
        "tags": ["@a", "b"]}));
    let row = profiles(std::slice::from_ref(&record)).remove(0);
    assert_eq!(row["display_name"], "'=HYPERLINK(\"x\",\"y\")");
    assert_eq!(row["tags"], "'@a;b");
    assert_eq!(row["attributes.a"], "''+1", "so that one apostrophe can always be taken away");
    assert_eq!(row["attributes.b"], "-1", "a number is no formula");
    assert_eq!(row["attributes.c"], "'t");
    let options = Options { spreadsheet_safe: false, ..Options::new(Format::Csv) };
    let row = read(&export(&[record], &options)).remove(0);
    assert_eq!(row["display_name"], "=HYPERLINK(\"x\",\"y\")");
}

#[test]
fn the_byte_order_mark_comes_once_and_only_when_wanted() {
    for format in [Format::Csv, Format::CsvObservations] {
        let plain = export(&some(), &Options::new(format));
        let options = Options { byte_order_mark: true, ..Options::new(format) };
        let marked = export(&some(), &options);
        assert_eq!(marked, ["\u{feff}".as_bytes(), &plain].concat());
    }
}

#[test]
fn observations_have_a_row_each() {
    let (bytes, summary) = try_export(&some(), &Options::new(Format::CsvObservations)).unwrap();
    assert_eq!((summary.profiles, summary.rows), (3, 4));
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(
        text.lines().collect::<Vec<_>>(),
        [
            "profile_id,observation_id,signal,value,n,at,source",
            "p-1,o1,s,2,3,2026-01-01T00:00:00Z,",
            "p-1,o3,t.x,-1.5,1,2026-01-02T00:00:00Z,",
            "p-1,o2,s,4,1,2026-01-03T00:00:00.5Z,till",
            "p-3,q,t.x,1e+300,1,0000-01-01T00:00:00Z,",
        ]
    );
}

#[test]
fn the_mean_of_the_largest_numbers_is_finite() {
    let most = f64::MAX;
    let record = canonical(&json!({"schema": "user_profile.v1", "id": "a", "observations": [
        {"id": "a", "signal": "s", "value": most, "at": "2026-01-01T00:00:00Z"},
        {"id": "b", "signal": "s", "value": most, "n": 2, "at": "2026-01-01T00:00:00Z"}]}));
    let row = profiles(&[record]).remove(0);
    assert_eq!(row["observed.s.mean"].parse::<f64>().unwrap(), most);
}

#[test]
fn too_many_columns_are_refused_with_the_limit() {
    let record = |i: usize| {
        let attributes: BTreeMap<String, usize> =
            (0..256).map(|k| (format!("a{}", i * 256 + k), k)).collect();
        canonical(&json!({"schema": "user_profile.v1", "id": format!("p{i}"),
            "attributes": attributes}))
    };
    let records: Vec<String> = (0..64).map(record).collect();
    let refused = try_export(&records, &Options::new(Format::Csv)).unwrap_err();
    assert!(matches!(refused, Error::Columns { max: 16_384 }), "{refused}");
    let fits = try_export(&records[..63], &Options::new(Format::Csv));
    assert_eq!(fits.unwrap().1.profiles, 63);
    let refused = try_export(&records[..5], &Options::new(Format::Parquet)).unwrap_err();
    assert!(matches!(refused, Error::Columns { max: 1024 }), "{refused}");
    assert_eq!(try_export(&records[..4], &Options::new(Format::Parquet)).unwrap().1.profiles, 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_text_and_number_comes_back(records in vec(any_record(), 0..5)) {
        let rows = profiles(&records);
        prop_assert_eq!(rows.len(), records.len());
        for (row, text) in rows.iter().zip(&records) {
            let record = kartei_profile::json::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(&row["id"], record["id"].as_str().unwrap());
            for name in ["display_name", "notes"] {
                let expected = record.get(name).and_then(Value::as_str).unwrap_or_default();
                prop_assert_eq!(unprotected(&row[name]), expected);
            }
            let tags: Vec<String> = record.get("tags").map_or(Vec::new(), |tags| {
                tags.as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_owned()).collect()
            });
            prop_assert_eq!(split_list(unprotected(&row["tags"])), tags);
            for (column, cell) in row {
                let Some(key) = column.strip_prefix("attributes.") else { continue };
                match record.get("attributes").and_then(|all| all.get(key)) {
                    None | Some(Value::Null) => prop_assert_eq!(cell, ""),
                    Some(Value::String(text)) => prop_assert_eq!(unprotected(cell), text),
                    Some(Value::Number(x)) => {
                        prop_assert_eq!(cell.parse::<f64>().unwrap(), x.as_f64().unwrap());
                    }
                    Some(other) => prop_assert_eq!(cell, &other.to_string()),
                }
            }
        }
    }

    #[test]
    fn every_observation_comes_back(records in vec(any_record(), 0..5)) {
        let rows = read(&export(&records, &Options::new(Format::CsvObservations)));
        let mut expected = Vec::new();
        for text in &records {
            let record = kartei_profile::json::parse(text.as_bytes()).unwrap();
            for o in record.get("observations").and_then(Value::as_array).into_iter().flatten() {
                expected.push((record["id"].clone(), o.clone()));
            }
        }
        prop_assert_eq!(rows.len(), expected.len());
        for (row, (id, observation)) in rows.iter().zip(&expected) {
            prop_assert_eq!(&row["profile_id"], id.as_str().unwrap());
            prop_assert_eq!(unprotected(&row["signal"]), observation["signal"].as_str().unwrap());
            prop_assert_eq!(&row["at"], observation["at"].as_str().unwrap());
            let n = observation.get("n").and_then(Value::as_u64).unwrap_or(1);
            prop_assert_eq!(&row["n"], &n.to_string());
            let value = observation["value"].as_f64().unwrap();
            prop_assert_eq!(row["value"].parse::<f64>().unwrap(), value);
            let source = observation.get("source").and_then(Value::as_str).unwrap_or_default();
            prop_assert_eq!(unprotected(&row["source"]), source);
        }
    }
}
