//! The record schema means the same to the `jsonschema` crate, through [`RecordSchema`], and to Ajv
//! in strict mode: on written cases that use every keyword both ways, and on every real line.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kartei_profile::RecordSchema;
use kartei_test_support::{Stage, lines_of, repository};
use serde_json::{Map, Value, json};

struct Case {
    name: String,
    valid: bool,
    record: Value,
}

fn cases() -> Result<Vec<Case>> {
    let text = fs::read_to_string(repository("tests/fixtures/schema-cases.json"))?;
    let listed: Vec<Value> = serde_json::from_str(&text)?;
    listed
        .iter()
        .map(|case| {
            Ok(Case {
                name: case["name"].as_str().context("a case has a name")?.to_owned(),
                valid: case["valid"].as_bool().context("a case has a verdict")?,
                record: grown(case["record"].clone(), &case["grow"])?,
            })
        })
        .collect()
}

/// Long members are written short: `grow` names a member and what it repeats. `tests/js/cases.mjs`
/// does the same.
fn grown(mut record: Value, grow: &Value) -> Result<Value> {
    if grow.is_null() {
        return Ok(record);
    }
    let times = grow["times"].as_u64().context("grow has times")?;
    let numbered = |template: &str, n: u64| template.replace("{}", &n.to_string());
    let value = if let Some(text) = grow["text"].as_str() {
        json!(text.repeat(usize::try_from(times)?))
    } else if let Some(key) = grow["key"].as_str() {
        Value::Object((0..times).map(|n| (numbered(key, n), json!(n))).collect::<Map<_, _>>())
    } else {
        let item = grow["item"].to_string();
        let items = (0..times).map(|n| serde_json::from_str(&numbered(&item, n)));
        Value::Array(items.collect::<Result<_, _>>()?)
    };
    let pointer = grow["member"].as_str().context("grow has a member")?;
    *record.pointer_mut(pointer).with_context(|| format!("{pointer} is there to grow"))? = value;
    Ok(record)
}

/// Ajv's verdicts on a file of records, one a line.
fn verdicts_of_ajv(file: &Path) -> Result<Vec<bool>> {
    let output = Command::new("node")
        .arg(repository("tests/js/verdicts.mjs"))
        .arg(file)
        .output()
        .context("cannot start node")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "verdicts.mjs: {errors}\n(its packages: `cargo xtask test --only packages`)"
    );
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(|line| line.parse().with_context(|| format!("a verdict: {line}"))).collect()
}

#[test]
fn written_cases_get_their_verdict_from_both() -> Result<()> {
    let schema = RecordSchema::user_profile_v1();
    let cases = cases()?;
    ensure!(cases.len() >= 60, "the fixture lost its cases: {}", cases.len());
    let stage = Stage::new()?;
    let file = stage.path("cases.ndjson");
    let lines: String = cases.iter().map(|case| format!("{}\n", case.record)).collect();
    fs::write(&file, lines)?;
    let of_ajv = verdicts_of_ajv(&file)?;
    assert_eq!(of_ajv.len(), cases.len(), "one verdict a case");
    let mut wrong = Vec::new();
    for (case, ajv) in cases.iter().zip(of_ajv) {
        let ours = schema.check(&case.record).is_ok();
        if (ours, ajv) != (case.valid, case.valid) {
            let Case { name, valid, .. } = case;
            wrong.push(format!("{name}: expected {valid}, jsonschema says {ours}, Ajv says {ajv}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn every_keyword_of_the_schema_has_a_case_that_breaks_it() -> Result<()> {
    let schema = RecordSchema::user_profile_v1();
    let broken: Vec<&str> = cases()?
        .iter()
        .filter_map(|case| schema.check(&case.record).err())
        .map(|violation| violation.rule)
        .collect();
    for rule in [
        "required",
        "unknown_member",
        "schema_version",
        "pattern",
        "reserved",
        "type",
        "max_length",
        "min_length",
        "max_properties",
        "property_names",
        "max_items",
        "unique_items",
        "minimum",
        "maximum",
        "format",
    ] {
        assert!(broken.contains(&rule), "no case breaks `{rule}`: {broken:?}");
    }
    Ok(())
}

#[test]
fn real_lines_get_the_same_verdict_from_both() -> Result<()> {
    let schema = RecordSchema::user_profile_v1();
    for (name, count) in [("bfi", 2_800), ("cdnow", 23_570)] {
        let file = repository(&format!("tests/fixtures/data/{name}.ndjson.gz"));
        let lines = lines_of(&file)?;
        assert_eq!(lines.len(), count, "{name}");
        let of_ajv = verdicts_of_ajv(&file)?;
        assert_eq!(of_ajv.len(), count, "{name}: one verdict a line");
        for (index, (line, ajv)) in lines.iter().zip(of_ajv).enumerate() {
            let record: Value = serde_json::from_str(line)?;
            let ours = schema.check(&record).is_ok();
            assert_eq!(ours, ajv, "{name}, line {}: jsonschema and Ajv differ", index + 1);
            assert!(ours, "{name}, line {}: real data is valid", index + 1);
        }
    }
    Ok(())
}
