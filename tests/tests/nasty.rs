//! Every line of `nasty.ndjson` gets the verdict that `nasty.expected.json` gives it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};
use kartei_test_support::{Stage, repository};
use serde_json::Value;

/// Where the broken rule of a rejected line lies: JSON pointers as they must be reported.
const POINTERS: &[(u64, &str)] = &[
    (5, ""),
    (6, ""),
    (8, ""),
    (15, "/id"),
    (16, "/id"),
    (18, "/id"),
    (20, "/schema"),
    (23, "/tags"),
    (33, "/notes"),
    (34, "/attributes"),
];

struct Expected {
    reject: BTreeSet<u64>,
    warn: BTreeSet<u64>,
    skip: u64,
    lines: u64,
}

fn expected() -> Result<Expected> {
    let text = fs::read_to_string(repository("tests/fixtures/data/nasty.expected.json"))?;
    let verdicts: Vec<Value> = serde_json::from_str(&text)?;
    let with = |verdict: &str| -> BTreeSet<u64> {
        let lines = verdicts.iter().filter(|line| line["expect"] == verdict);
        lines.filter_map(|line| line["line"].as_u64()).collect()
    };
    Ok(Expected {
        reject: with("reject"),
        warn: with("warn"),
        skip: with("skip").len() as u64,
        lines: verdicts.len() as u64,
    })
}

#[test]
fn every_nasty_line_gets_its_verdict() -> Result<()> {
    let stage = Stage::new()?;
    let client = stage.client("a")?;
    let file = repository("tests/fixtures/data/nasty.ndjson");
    let answer = client.run(&["import".as_ref(), file.as_os_str()])?.expect_code(3)?.json()?;
    let report = &answer["reports"][0];
    let problems = report["problems"].as_array().context("a report lists problems")?;
    let expected = expected()?;

    let lines = |warning: bool| -> BTreeSet<u64> {
        let chosen = problems.iter().filter(|problem| problem["warning"] == warning);
        chosen.filter_map(|problem| problem["line"].as_u64()).collect()
    };
    assert_eq!(lines(false), expected.reject, "the rejected lines");
    assert_eq!(lines(true), expected.warn, "the lines with a warning");

    let counts = &report["counts"];
    let count = |name: &str| counts[name].as_u64().unwrap_or(u64::MAX);
    assert_eq!(report["failure"], Value::Null, "the file was read to its end");
    assert_eq!(count("lines"), expected.lines);
    assert_eq!(count("rejected"), expected.reject.len() as u64);
    assert_eq!(count("warned"), expected.warn.len() as u64);
    assert_eq!(count("blank"), expected.skip);
    assert_eq!(count("duplicates"), 1);
    let accepted = expected.lines - expected.skip - expected.reject.len() as u64;
    assert_eq!(count("created"), accepted - count("duplicates"), "everything else was imported");
    let total = client.status()?["profiles"].as_u64();
    assert_eq!(total, Some(count("created")), "and is in the store");
    Ok(())
}

#[test]
fn every_rejection_says_where_and_why() -> Result<()> {
    let stage = Stage::new()?;
    let file = repository("tests/fixtures/data/nasty.ndjson");
    let client = stage.client("a")?;
    let answer = client.run(&["import".as_ref(), file.as_os_str()])?.json()?;
    let problems = answer["reports"][0]["problems"].as_array().context("problems")?.clone();
    let text = |problem: &Value, member: &str| problem[member].as_str().map(str::to_owned);
    let mut pointers: BTreeMap<u64, String> = BTreeMap::new();
    for problem in &problems {
        let line = problem["line"].as_u64().context("a line number")?;
        let pointer = text(problem, "pointer").context("a pointer")?;
        assert!(pointer.is_empty() || pointer.starts_with('/'), "line {line}: {pointer}");
        let reason = text(problem, "reason").unwrap_or_default();
        assert!(reason.len() >= 10, "line {line} has a reason for people: {reason:?}");
        assert!(reason.len() <= 500, "line {line} does not repeat the data: {reason:?}");
        assert!(!text(problem, "rule").unwrap_or_default().is_empty(), "line {line} names a rule");
        pointers.insert(line, pointer);
    }
    for (line, pointer) in POINTERS {
        assert_eq!(pointers.get(line).map(String::as_str), Some(*pointer), "line {line}");
    }
    let version = problems.iter().find(|problem| problem["line"] == 20).context("line 20")?;
    let reason = text(version, "reason").unwrap_or_default();
    assert!(reason.contains("user_profile.v"), "the unknown version is named: {reason}");
    Ok(())
}

#[test]
fn the_report_for_people_names_lines_reasons_and_kinds() -> Result<()> {
    let stage = Stage::new()?;
    let file = repository("tests/fixtures/data/nasty.ndjson");
    let client = stage.client("a")?;
    let answer = client.run_plain(&["import".as_ref(), file.as_os_str()])?.expect_code(3)?;
    let said = format!("{}{}", answer.text(), answer.stderr());
    for words in ["25 rejected", "line 5", "/attributes/x", "save the file as UTF-8", "by kind"] {
        assert!(said.contains(words), "{words:?} is said: {said}");
    }
    Ok(())
}
