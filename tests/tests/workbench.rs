//! The local store as a person meets it: filters, steps, the import history, exports, watched folders
//! and upkeep, through the command line.

use std::fs;

use anyhow::{Context, Result};
use kartei_test_support::{Client, Stage, lines_of, repository, until_some, write_lines};
use serde_json::{Value, json};
use std::time::Duration;

/// A file that is dropped is complete after a second or two; the rest is a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

fn with_bfi(stage: &Stage) -> Result<Client> {
    let client = stage.client("a")?;
    client.import(&[repository("tests/fixtures/data/bfi.ndjson.gz")])?;
    Ok(client)
}

fn matching(client: &Client, filter: &str) -> Result<u64> {
    let page = client.run(&["list", "--filter", filter, "--limit", "1"])?.done()?;
    page["matching"].as_u64().context("a page counts what matches")
}

#[test]
fn filters_agree_with_the_file() -> Result<()> {
    let stage = Stage::new()?;
    let client = with_bfi(&stage)?;
    let records: Vec<Value> = lines_of(&repository("tests/fixtures/data/bfi.ndjson.gz"))?
        .iter()
        .map(|line| Ok(serde_json::from_str(line)?))
        .collect::<Result<_>>()?;
    let count = |holds: &dyn Fn(&Value) -> bool| records.iter().filter(|r| holds(r)).count() as u64;
    let age = |r: &Value| r["attributes"]["age"].as_f64();
    let signals =
        |r: &Value, name: &str, above: f64| {
            r["observations"].as_array().into_iter().flatten().any(|o| {
                o["signal"] == name && o["value"].as_f64().is_some_and(|value| value > above)
            })
        };
    let signal = records[0]["observations"][0]["signal"].as_str().context("a signal")?.to_owned();
    assert_eq!(matching(&client, "age>=30")?, count(&|r| age(r).is_some_and(|age| age >= 30.0)));
    assert_eq!(matching(&client, "-has:age")?, count(&|r| age(r).is_none()));
    assert_eq!(
        matching(&client, &format!("age<30 (observed:{signal}>4 or observations<10)"))?,
        count(&|r| {
            let few = r["observations"].as_array().map_or(0, Vec::len) < 10;
            age(r).is_some_and(|age| age < 30.0) && (signals(r, &signal, 4.0) || few)
        })
    );
    let page = client
        .run(&["list", "--sort", "attributes.age", "--descending", "--limit", "5"])?
        .done()?;
    let oldest = records.iter().filter_map(age).fold(0.0, f64::max);
    assert_eq!(page["rows"][0]["attributes"]["age"].as_f64(), Some(oldest));
    Ok(())
}

#[test]
fn a_mistake_in_a_filter_is_shown_where_it_is() -> Result<()> {
    let stage = Stage::new()?;
    let client = stage.client("a")?;
    let answer = client.run(&["list", "--filter", "tag:vip status:pendin"])?.expect_code(2)?;
    let problem = &answer.json()?["problem"];
    assert_eq!(problem["code"], "invalid_filter");
    assert_eq!(problem["range"], json!({ "start": 15, "end": 21 }));
    Ok(())
}

#[test]
fn steps_are_taken_back_and_done_again_by_other_runs_of_the_program() -> Result<()> {
    let stage = Stage::new()?;
    let client = with_bfi(&stage)?;
    let before = client.export()?;
    let adults = matching(&client, "age>=30")?;
    let done = client.run(&["bulk", "--filter", "age>=30", "--add-tag", "adult"])?.done()?;
    assert_eq!(done["changed"], adults);
    assert_eq!(matching(&client, "tag:adult")?, adults);
    client.run(&["undo"])?.done()?;
    assert_eq!(matching(&client, "tag:adult")?, 0);
    client.run(&["redo"])?.done()?;
    assert_eq!(matching(&client, "tag:adult")?, adults);
    let steps = client.run(&["steps"])?.done()?;
    assert_eq!(steps["undo"]["kind"], "bulk");
    assert_ne!(client.export()?, before);
    assert_eq!(client.run(&["check"])?.done()?["findings"], json!([]));
    Ok(())
}

#[test]
fn an_export_imported_into_an_empty_folder_is_exported_to_the_same_bytes() -> Result<()> {
    let stage = Stage::new()?;
    let client = with_bfi(&stage)?;
    client.run(&["bulk", "--filter", "age<25", "--set", "attributes.young=true"])?.done()?;
    let file = stage.path("all.ndjson.gz");
    let arguments = ["export", "--format", "ndjson-gz", "--out"];
    let mut words: Vec<&std::ffi::OsStr> = arguments.iter().map(AsRef::as_ref).collect();
    words.push(file.as_os_str());
    client.run(&words)?.done()?;
    let other = stage.client("b")?;
    other.import(&[&file])?;
    assert_eq!(other.export()?, client.export()?);
    Ok(())
}

#[test]
fn what_is_wrong_in_a_file_is_written_down_and_can_be_mended_and_taken_back() -> Result<()> {
    let stage = Stage::new()?;
    let client = stage.client("a")?;
    let file = stage.path("mixed.ndjson");
    let good = json!({ "schema": "user_profile.v1", "id": "good" });
    let bad = json!({ "schema": "user_profile.v1", "id": "bad", "tags": [1] });
    write_lines(&file, &[good, bad])?;
    let words = ["import".as_ref(), file.as_os_str(), "--dry-run".as_ref()];
    let dry = client.run(&words)?.expect_code(3)?.json()?;
    assert_eq!(dry["reports"][0]["counts"]["created"], 1);
    assert_eq!(client.status()?["profiles"], 0, "nothing was written");
    let report = client.run(&words[..2])?.expect_code(3)?.json()?["reports"][0].clone();
    let kind = &report["kinds"][0];
    assert_eq!(kind["examples"][0]["line"], 2);
    assert!(kind["mend"].as_str().is_some_and(|mend| !mend.is_empty()));
    let number = report["import"].to_string();
    let rejected = stage.path("rejected.ndjson");
    let csv = stage.path("errors.csv");
    let words = [
        "report".as_ref(),
        number.as_ref(),
        "--rejected".as_ref(),
        rejected.as_os_str(),
        "--csv".as_ref(),
        csv.as_os_str(),
    ];
    client.run(&words)?.done()?;
    let lines = fs::read_to_string(&rejected)?;
    assert!(lines.contains("\"bad\"") && lines.lines().count() == 1, "{lines}");
    assert_eq!(fs::read_to_string(&csv)?.lines().count(), 2);
    fs::write(&rejected, lines.replace("[1]", "[\"1\"]"))?;
    client.import(&[&rejected])?;
    assert_eq!(client.status()?["profiles"], 2);
    let done = client.run(&["undo-import", &number])?.done()?;
    assert_eq!(done["changed"], 1);
    let imports = client.run(&["imports"])?.done()?;
    assert_eq!(imports["entries"].as_array().map(Vec::len), Some(2));
    assert!(imports["entries"][1]["undone_at"].is_string());
    assert_eq!(client.status()?["profiles"], 1);
    Ok(())
}

#[test]
fn what_is_dropped_into_a_watched_folder_is_imported_once_and_moved() -> Result<()> {
    let stage = Stage::new()?;
    let client = stage.client("a")?;
    let inbox = stage.path("inbox");
    fs::create_dir_all(&inbox)?;
    let good = json!({ "schema": "user_profile.v1", "id": "good" });
    write_lines(&inbox.join("first.ndjson"), std::slice::from_ref(&good))?;
    fs::write(inbox.join("broken.ndjson"), "this is no JSON\n")?;
    let mut watching = client.start(&["watch".as_ref(), inbox.as_os_str()])?;
    let moved = |name: &str| inbox.join(name).is_file().then_some(());
    let outcome = (|| {
        until_some(DEADLINE, "the first file is done", || Ok(moved("done/first.ndjson")))?;
        until_some(DEADLINE, "the broken one failed", || Ok(moved("failed/broken.ndjson")))?;
        // The same content under another name, while it is watched.
        write_lines(&inbox.join("again.ndjson"), std::slice::from_ref(&good))?;
        until_some(DEADLINE, "the copy is done", || Ok(moved("done/again.ndjson")))
    })();
    watching.kill()?;
    watching.wait()?;
    outcome?;
    assert!(inbox.join("failed/broken.ndjson.errors.csv").is_file());
    let imports = client.run(&["imports"])?.done()?;
    assert_eq!(imports["entries"].as_array().map(Vec::len), Some(2), "the copy is no import");
    assert_eq!(client.status()?["profiles"], 1);
    Ok(())
}

#[test]
fn a_folder_is_copied_while_open_and_compacted() -> Result<()> {
    let stage = Stage::new()?;
    let client = with_bfi(&stage)?;
    let copy = stage.client("copy")?;
    fs::create_dir_all(copy.data())?;
    let file = copy.data().join("kartei.sqlite");
    client.run(&["backup".as_ref(), file.as_os_str()])?.done()?;
    assert_eq!(copy.export()?, client.export()?);
    client.run(&["compact"])?.done()?;
    assert_eq!(client.run(&["check"])?.done()?["findings"], json!([]));
    assert_eq!(copy.export()?, client.export()?);
    Ok(())
}
