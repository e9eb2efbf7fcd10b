//! Parquet, read back with the library's own reader of rows.

use bytes::Bytes;
use kartei_export::{Format, Options, SCHEMA_KEY};
use kartei_profile::{Instant, json as strict};
use parquet::basic::{LogicalType, Type as Physical};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::common::{any_record, canonical, export, some};

fn open(records: &[String]) -> SerializedFileReader<Bytes> {
    let bytes = export(records, &Options::new(Format::Parquet));
    SerializedFileReader::new(Bytes::from(bytes)).expect("a Parquet file")
}

fn row(row: &Row) -> Value {
    let members: Map<String, Value> =
        row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect();
    Value::Object(members)
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(x) => json!(x),
        Field::Long(x) | Field::TimestampMicros(x) => json!(x),
        Field::Double(x) => json!(x),
        Field::Str(x) => json!(x),
        Field::Group(inner) => row(inner),
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        other => panic!("no column is of the type of {other:?}"),
    }
}

fn rows(records: &[String]) -> Vec<Value> {
    let reader = open(records);
    let rows = reader.get_row_iter(None).expect("rows");
    rows.map(|found| row(&found.expect("a row"))).collect()
}

fn type_of(records: &[String], attribute: &str) -> (Physical, Option<LogicalType>) {
    let reader = open(records);
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let path = ["attributes", attribute];
    let column = schema.columns().iter().find(|column| column.path().parts() == path);
    let column = column.expect("the attribute has a column");
    (column.physical_type(), column.logical_type_ref().cloned())
}

#[test]
fn a_row_says_everything_that_a_profile_has() {
    let rows = rows(&some());
    assert_eq!(
        rows[0],
        json!({
            "id": "p-1", "display_name": "Zoë, \"Z\"", "tags": ["a\\b", "b;2b", "plain"],
            "notes": "first\nsecond",
            "consent": {"analytics": false, "recorded_at": 1_767_323_045_678_912_i64,
                "source": "form"},
            "attributes": {"age": 41.0, "city": "Graz", "member": true, "mixed": "\"12\"",
                "none": null, "share": 0.5},
            "observations": [
                {"id": "o1", "signal": "s", "value": 2.0, "n": 3, "at": 1_767_225_600_000_000_i64,
                    "source": null},
                {"id": "o3", "signal": "t.x", "value": -1.5, "n": 1,
                    "at": 1_767_312_000_000_000_i64, "source": null},
                {"id": "o2", "signal": "s", "value": 4.0, "n": 1,
                    "at": 1_767_398_400_500_000_i64, "source": "till"}],
            "attachments": [{"file_id": "f", "name": "scan.pdf", "size": 12345,
                "media_type": "application/pdf", "digest": format!("blake3:{}", "0".repeat(64))}],
            "created_at": -1, "updated_at": 1_769_904_000_000_000_i64
        })
    );
    assert_eq!(
        rows[1],
        json!({"id": "p-2", "display_name": null, "tags": [], "notes": null, "consent": null,
            "attributes": {"age": null, "city": null, "member": null, "mixed": null, "none": null,
                "share": null},
            "observations": [], "attachments": [], "created_at": null, "updated_at": null})
    );
    assert_eq!(rows[2]["attributes"]["mixed"], "12", "JSON of a number beside JSON of a text");
    assert_eq!(rows[2]["display_name"], "", "empty is not missing");
    assert_eq!(rows[2]["observations"][0]["at"], json!(-62_167_219_200_000_000_i64));
}

#[test]
fn an_attribute_has_the_type_that_holds_all_its_values() {
    let text = (Physical::BYTE_ARRAY, Some(LogicalType::String));
    for (values, expected) in [
        (json!([1, 2, null]), (Physical::INT64, None)),
        (json!([9_007_199_254_740_992_i64]), (Physical::INT64, None)),
        (json!([9_007_199_254_740_994_i64]), (Physical::DOUBLE, None)),
        (json!([1, 2.5]), (Physical::DOUBLE, None)),
        (json!([1e300, null]), (Physical::DOUBLE, None)),
        (json!([true, false]), (Physical::BOOLEAN, None)),
        (json!(["a", null, "b"]), text.clone()),
        (json!([null]), text),
        (json!([1, "1"]), (Physical::BYTE_ARRAY, Some(LogicalType::Json))),
        (json!([true, 2]), (Physical::BYTE_ARRAY, Some(LogicalType::Json))),
    ] {
        let record = |(i, value): (usize, &Value)| {
            canonical(&json!({"schema": "user_profile.v1", "id": format!("p{i}"),
                "attributes": {"a": value}}))
        };
        let records: Vec<String> =
            values.as_array().unwrap().iter().enumerate().map(record).collect();
        assert_eq!(type_of(&records, "a"), expected, "{values}");
    }
}

#[test]
fn the_file_names_its_schema_and_has_no_column_for_attributes_that_nobody_has() {
    let reader = open(&some()[1..2]);
    let file = reader.metadata().file_metadata();
    let entries = file.key_value_metadata().unwrap();
    let schema = entries.iter().find(|entry| entry.key == SCHEMA_KEY).unwrap();
    assert_eq!(schema.value.as_deref(), Some("user_profile.v1"));
    assert!(file.created_by().unwrap().starts_with("kartei-export "));
    assert!(file.schema().get_fields().iter().all(|field| field.name() != "attributes"));
    assert!(rows(&[]).is_empty(), "no profiles are a file without rows");
}

#[test]
fn row_groups_end_after_so_many_rows() {
    let full = kartei_export::ROW_GROUP_ROWS;
    let records: Vec<String> = (0..full + 5)
        .map(|i| format!("{{\"id\":\"p{i}\",\"schema\":\"user_profile.v1\",\"tags\":[\"t\"]}}"))
        .collect();
    let reader = open(&records);
    let groups: Vec<i64> =
        reader.metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect();
    assert_eq!(groups, [i64::try_from(full).unwrap(), 5]);
    let last = reader.get_row_iter(None).unwrap().last().unwrap().unwrap();
    assert_eq!(row(&last)["id"], format!("p{}", full + 4));
    assert_eq!(row(&last)["tags"], json!(["t"]));
}

#[test]
fn row_groups_end_early_where_rows_are_large() {
    let notes = "n".repeat(65_536);
    let records: Vec<String> = (0..2100)
        .map(|i| {
            format!("{{\"id\":\"p{i}\",\"notes\":\"{notes}\",\"schema\":\"user_profile.v1\"}}")
        })
        .collect();
    let reader = open(&records);
    let groups: Vec<i64> =
        reader.metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect();
    assert_eq!(groups.len(), 2, "2,100 notes of 64 KiB are more than 128 MiB: {groups:?}");
    assert_eq!(groups.iter().sum::<i64>(), 2100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_value_comes_back(records in vec(any_record(), 1..5)) {
        let rows = rows(&records);
        prop_assert_eq!(rows.len(), records.len());
        for (row, text) in rows.iter().zip(&records) {
            let record = strict::parse(text.as_bytes()).unwrap();
            let list = |name: &str| record.get(name).cloned().unwrap_or_else(|| json!([]));
            prop_assert_eq!(&row["id"], &record["id"]);
            prop_assert_eq!(&row["tags"], &list("tags"));
            for name in ["display_name", "notes"] {
                prop_assert_eq!(&row[name], record.get(name).unwrap_or(&Value::Null));
            }
            let observations = list("observations");
            let observations = observations.as_array().unwrap();
            prop_assert_eq!(row["observations"].as_array().unwrap().len(), observations.len());
            for (read, written) in row["observations"].as_array().unwrap().iter().zip(observations) {
                prop_assert_eq!(&read["id"], &written["id"]);
                prop_assert_eq!(&read["signal"], &written["signal"]);
                prop_assert_eq!(read["value"].as_f64(), written["value"].as_f64());
                let n = written.get("n").cloned().unwrap_or_else(|| json!(1));
                prop_assert_eq!(&read["n"], &n);
                prop_assert_eq!(&read["source"], written.get("source").unwrap_or(&Value::Null));
                let at = Instant::parse(written["at"].as_str().unwrap()).unwrap();
                let micros = read["at"].as_i64().unwrap();
                prop_assert_eq!(micros.div_euclid(1000), at.unix_millis());
            }
            let Some(attributes) = record.get("attributes").and_then(Value::as_object) else {
                continue;
            };
            for (key, written) in attributes {
                let read = &row["attributes"][key];
                let is_same = match (read, written) {
                    (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
                    (Value::String(text), _) if read != written => {
                        strict::parse(text.as_bytes()).is_ok_and(|parsed| parsed == *written)
                    }
                    _ => read == written,
                };
                prop_assert!(is_same, "{}: {} became {}", key, written, read);
            }
        }
    }
}
