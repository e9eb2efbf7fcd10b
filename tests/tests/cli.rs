//! The headless client as a person or a script meets it: bad input, exit codes, JSON.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use kartei_profile::{Record, RecordSchema};
use kartei_test_support::{Client, Stage, gzipped, lines_of, repository, write_lines};
use serde_json::{Value, json};

fn bfi() -> PathBuf {
    repository("tests/fixtures/data/bfi.ndjson.gz")
}

fn people(count: usize) -> Vec<Value> {
    let person = |n| {
        json!({
            "schema": "user_profile.v1",
            "id": format!("p-{n:04}"),
            "attributes": { "city": "Bern", "n": n },
            "tags": ["made"],
            "observations": [{ "signal": "s", "value": n, "at": "2025-01-01T00:00:00Z" }]
        })
    };
    (0..count).map(person).collect()
}

fn with_people(stage: &Stage, count: usize) -> Result<Client> {
    let client = stage.client("a")?;
    let file = stage.path("people.ndjson");
    write_lines(&file, &people(count))?;
    client.import(&[file])?;
    Ok(client)
}

/// Imports one file that cannot be read to its end; answers the report and the problem's code.
fn failed_import(client: &Client, file: &Path) -> Result<(Value, String)> {
    let answer = client.run(&["import".as_ref(), file.as_os_str()])?.expect_code(1)?;
    let report = answer.json()?["reports"][0].clone();
    let code = report["failure"]["code"].as_str();
    let code = code.with_context(|| format!("expected a failure in the report of {answer}"))?;
    Ok((report.clone(), code.to_owned()))
}

fn total(client: &Client) -> Result<u64> {
    client.status()?["profiles"].as_u64().context("a status counts profiles")
}

#[test]
fn a_missing_file_is_named() -> Result<()> {
    let stage = Stage::new()?;
    let (report, code) = failed_import(&stage.client("a")?, &stage.path("nowhere.ndjson"))?;
    assert_eq!(code, "file_missing");
    let message = report["failure"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("nowhere.ndjson"), "the message names the file: {message}");
    Ok(())
}

#[test]
fn a_folder_is_not_a_file() -> Result<()> {
    let stage = Stage::new()?;
    let folder = stage.path("folder");
    fs::create_dir(&folder)?;
    assert_eq!(failed_import(&stage.client("a")?, &folder)?.1, "not_a_file");
    Ok(())
}

#[test]
fn a_binary_is_not_ndjson() -> Result<()> {
    let stage = Stage::new()?;
    let file = stage.path("picture.ndjson");
    fs::write(&file, [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &[0; 5_000]].concat())?;
    let client = stage.client("a")?;
    assert_eq!(failed_import(&client, &file)?.1, "not_ndjson");
    assert_eq!(total(&client)?, 0);
    Ok(())
}

#[test]
fn good_lines_before_the_damage_of_an_archive_are_kept() -> Result<()> {
    let stage = Stage::new()?;
    let whole = fs::read(bfi())?;
    let file = stage.path("cut.ndjson.gz");
    fs::write(&file, &whole[..whole.len() / 2])?;
    let client = stage.client("a")?;
    let (report, code) = failed_import(&client, &file)?;
    assert_eq!(code, "damaged_archive");
    let created = report["counts"]["created"].as_u64().unwrap_or(0);
    assert!(created > 500, "half of 2,800 lines were whole, {created} were kept");
    assert_eq!(total(&client)?, created, "what the report counts is in the store");
    Ok(())
}

#[test]
fn an_archive_of_several_members_is_read_to_its_end() -> Result<()> {
    let stage = Stage::new()?;
    let lines = lines_of(&bfi())?;
    let members: Vec<Vec<u8>> = lines[..300]
        .chunks(100)
        .map(|part| gzipped((part.join("\n") + "\n").as_bytes()))
        .collect::<Result<_>>()?;
    let file = stage.path("members.gz");
    fs::write(&file, members.concat())?;
    let reports = stage.client("a")?.import(&[file])?;
    assert_eq!(reports[0]["counts"]["created"], 300);
    Ok(())
}

#[test]
fn a_failing_file_does_not_keep_the_others_out() -> Result<()> {
    let stage = Stage::new()?;
    let good = stage.path("good.ndjson");
    write_lines(&good, &people(3))?;
    let client = stage.client("a")?;
    let missing = stage.path("nowhere.ndjson");
    client.run(&["import".as_ref(), missing.as_os_str(), good.as_os_str()])?.expect_code(1)?;
    assert_eq!(total(&client)?, 3);
    Ok(())
}

#[test]
fn importing_again_changes_nothing() -> Result<()> {
    let stage = Stage::new()?;
    let client = stage.client("a")?;
    let first = client.import(&[bfi()])?;
    assert_eq!(first[0]["counts"]["created"], 2_800);
    let before = client.export()?;
    let again = client.import(&[bfi()])?;
    assert_eq!(again[0]["counts"]["unchanged"], 2_800);
    assert_eq!(again[0]["counts"]["created"], 0);
    assert_eq!(again[0]["counts"]["updated"], 0);
    assert!(client.export()? == before, "a second import of the same file changed the export");
    Ok(())
}

#[test]
fn an_export_holds_the_canonical_records_sorted_by_id() -> Result<()> {
    let stage = Stage::new()?;
    let client = stage.client("a")?;
    client.import(&[bfi()])?;
    let schema = RecordSchema::user_profile_v1();
    let mut expected: Vec<(String, String)> = Vec::new();
    for line in lines_of(&bfi())? {
        let record = Record::parse(&schema, line.as_bytes())?.record;
        expected.push((record.id().to_owned(), record.text().to_owned()));
    }
    expected.sort();
    let text: String = expected.iter().map(|(_, record)| format!("{record}\n")).collect();
    assert!(client.export()? == text.as_bytes(), "the export differs from the canonical records");
    let file = stage.path("out.ndjson");
    client.run_plain(&["export".as_ref(), "--out".as_ref(), file.as_os_str()])?.expect_code(0)?;
    assert!(fs::read(&file)? == text.as_bytes(), "--out writes the same");
    Ok(())
}

#[test]
fn wrong_usage_ends_with_two() -> Result<()> {
    let stage = Stage::new()?;
    let client = stage.client("a")?;
    let wrong: &[&[&str]] = &[
        &["frobnicate"],
        &["import"],
        &["show"],
        &["list", "--limit", "many"],
        &["edit", "p-0001", "--set", "attributes.city"],
        &["login", "http://127.0.0.1:1"],
        &["status", "--colour"],
    ];
    for arguments in wrong {
        client.run(arguments)?.expect_code(2)?;
        client.run_plain(arguments)?.expect_code(2)?;
    }
    Ok(())
}

#[test]
fn json_answers_have_the_promised_shapes() -> Result<()> {
    let stage = Stage::new()?;
    let client = with_people(&stage, 5)?;
    let list = client.run(&["list", "--limit", "2"])?.done()?;
    assert_eq!(list["rows"].as_array().map(Vec::len), Some(2));
    assert_eq!((&list["matching"], &list["total"]), (&json!(5), &json!(5)));
    let found = client.run(&["list", "--filter", "id:p-0003"])?.done()?;
    assert_eq!(found["rows"][0]["id"], "p-0003");
    assert_eq!(found["matching"], 1);
    let words = client.run(&["search", "Bern"])?.done()?;
    assert_eq!(words["matching"], 5);
    let detail = client.show("p-0001")?;
    assert_eq!(detail["record"]["attributes"]["city"], "Bern");
    let both = client.run(&["show", "p-0001", "--history"])?.done()?;
    assert_eq!(both["profile"]["id"], "p-0001");
    assert_eq!(both["history"]["entries"][0]["kind"], "genesis");
    let status = client.status()?;
    assert_eq!((&status["state"], &status["profiles"]), (&json!("local"), &json!(5)));
    Ok(())
}

#[test]
fn an_edit_changes_what_it_names_and_nothing_else() -> Result<()> {
    let stage = Stage::new()?;
    let client = with_people(&stage, 3)?;
    let edits = [
        "--set",
        "attributes.city=Graz",
        "--set",
        "display_name=Anna Keller",
        "--unset",
        "attributes.n",
        "--add-tag",
        "vip",
        "--remove-tag",
        "made",
    ];
    let detail = client.edit("p-0001", &edits)?;
    let record = &detail["record"];
    assert_eq!(record["attributes"], json!({ "city": "Graz" }));
    assert_eq!(record["display_name"], "Anna Keller");
    assert_eq!(record["tags"], json!(["vip"]));
    assert_eq!(client.show("p-0001")?["record"], *record, "and it is stored");
    assert_eq!(client.show("p-0002")?["record"]["attributes"]["city"], "Bern");
    Ok(())
}

#[test]
fn an_edit_that_breaks_the_schema_is_refused_whole() -> Result<()> {
    let stage = Stage::new()?;
    let client = with_people(&stage, 1)?;
    let long = format!("attributes.city={}", "x".repeat(5_000));
    let edit = ["edit", "p-0000", "--add-tag", "vip", "--set", &long];
    assert_eq!(client.run(&edit)?.problem()?, "invalid_record");
    assert_eq!(client.show("p-0000")?["record"]["tags"], json!(["made"]), "no part was applied");
    Ok(())
}

#[test]
fn an_unknown_profile_is_not_found() -> Result<()> {
    let stage = Stage::new()?;
    let client = with_people(&stage, 1)?;
    assert_eq!(client.run(&["show", "nobody"])?.problem()?, "not_found");
    assert_eq!(client.run(&["edit", "nobody", "--add-tag", "x"])?.problem()?, "not_found");
    Ok(())
}

#[test]
fn a_locked_database_is_said_and_nothing_is_lost() -> Result<()> {
    let stage = Stage::new()?;
    let client = with_people(&stage, 3)?;
    let before = client.export()?;
    let holder = rusqlite::Connection::open(client.data().join("kartei.sqlite"))?;
    holder.execute_batch("BEGIN IMMEDIATE")?;
    let refused = client.run(&["edit", "p-0001", "--add-tag", "late"])?;
    assert_eq!(refused.problem()?, "store_locked");
    holder.execute_batch("ROLLBACK")?;
    drop(holder);
    assert!(client.export()? == before, "a refused edit left something behind");
    client.edit("p-0001", &["--add-tag", "late"])?;
    Ok(())
}

#[test]
fn a_newer_database_is_left_alone() -> Result<()> {
    let stage = Stage::new()?;
    let client = with_people(&stage, 3)?;
    let database = client.data().join("kartei.sqlite");
    let connection = rusqlite::Connection::open(&database)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", 9_999)?;
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    drop(connection);
    let before = fs::read(&database)?;
    for command in [&["status"][..], &["edit", "p-0001", "--add-tag", "x"]] {
        assert_eq!(client.run(command)?.problem()?, "store_too_new");
    }
    assert!(fs::read(&database)? == before, "the newer database was written to");
    let connection = rusqlite::Connection::open(&database)?;
    connection.pragma_update(None, "user_version", version)?;
    drop(connection);
    assert_eq!(total(&client)?, 3, "and the right program finds everything");
    Ok(())
}

#[test]
fn a_damaged_database_is_said() -> Result<()> {
    let stage = Stage::new()?;
    let client = with_people(&stage, 3)?;
    let database = client.data().join("kartei.sqlite");
    fs::write(&database, [b'x'; 8_192])?;
    assert_eq!(client.run(&["status"])?.problem()?, "store_damaged");
    Ok(())
}

#[test]
fn a_data_folder_that_is_a_file_is_a_problem_not_a_panic() -> Result<()> {
    let stage = Stage::new()?;
    let client = stage.client("a")?;
    fs::write(client.data(), "not a folder")?;
    let answer = client.run(&["status"])?;
    assert!(!answer.stderr().contains("panicked"), "{answer}");
    answer.problem()?;
    Ok(())
}
