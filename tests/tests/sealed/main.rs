//! An organisation's profiles lie sealed: nothing of them is to be read where they lie, and nobody who uses the relay
//! notices.
#![expect(clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kartei_test_support::{Database, Http, Postgres, RelayHome, Stage, settle, until, until_some};
use serde_json::{Value, json};

const WITHIN: Duration = Duration::from_secs(60);

/// A city that nothing else is called.
const CITY: &str = "Xanthippolis";
const LATER: &str = "Ypsilonburg";
const PEOPLE: usize = 40;

/// What a sealed blob begins with.
const MARK: &[u8] = b"\xffkarSTR1";

fn people(city: &str, from: usize) -> String {
    let person = |n: usize| {
        let id = format!("p-{n}");
        json!({"schema": "user_profile.v1", "id": id, "attributes": {"city": city, "n": n}})
            .to_string()
    };
    let lines: Vec<String> = (from..from + PEOPLE).map(person).collect();
    // The last one is refused, and told in a report. Ids lie open.
    let refused = json!({"schema": "user_profile.v1", "id": "?", "attributes": {"city": city}});
    lines.join("\n") + &format!("\n{refused}\n")
}

/// Imports people, and reads what is told of the one that was refused.
fn import(http: &Http, city: &str, from: usize) -> Result<()> {
    let kind = ("content-type", "application/x-ndjson");
    let said = http.send("POST", "/profiles/import", &[kind], people(city, from).as_bytes())?;
    let said = said.json();
    ensure!(said["created"] == PEOPLE && said["rejected"] == 1, "{said}");
    let id = said["import_id"].as_str().context("an import has an id")?;
    let refused = http.get(&format!("/profiles/imports/{id}/errors.ndjson"))?.expect(200)?;
    ensure!(refused.text().lines().count() == 1, "{}", refused.text());
    Ok(())
}

fn analysed(http: &Http) -> Result<Value> {
    let kind = ("content-type", "application/json");
    let asked = json!({"analysis": "quality"}).to_string();
    let job = http.send("POST", "/analyze/jobs", &[kind], asked.as_bytes())?.expect(201)?.json();
    let path = format!("/analyze/jobs/{}", job["job_id"].as_str().context("an id")?);
    let result = until_some(WITHIN, "the job ends", || {
        Ok(http.get(&path)?.json()["result_id"].as_str().map(str::to_owned))
    })?;
    Ok(http.get(&format!("/analyze/results/{result}"))?.expect(200)?.json()["result"].clone())
}

fn exported(http: &Http) -> Result<String> {
    Ok(http.get("/profiles/export")?.expect(200)?.text())
}

fn lying(home: &RelayHome) -> Result<String> {
    let shown = home.admin(&["org", "show", "Test", "--json"])?.expect_code(0)?.json()?;
    Ok(shown["profiles_lie"].as_str().context("it says how")?.to_owned())
}

fn until_lying(home: &RelayHome, how: &str) -> Result<()> {
    until(WITHIN, how, || Ok(lying(home)? == how))
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    Ok(files)
}

/// Files of a relay that does not run in which one of the cities can be read, and blobs of people that are not sealed.
fn showing(home: &RelayHome) -> Result<Vec<String>> {
    let mut showing = Vec::new();
    for path in files_below(home.data())? {
        let (bytes, name) = (fs::read(&path)?, path.display().to_string());
        for city in [CITY, LATER] {
            let at = bytes.windows(city.len()).position(|part| part == city.as_bytes());
            let around = at.and_then(|at| bytes.get(at.saturating_sub(80)..at + city.len()));
            if let Some(around) = around {
                showing.push(format!("{name}: {}", around.escape_ascii()));
            }
        }
        let kinds = ["imports", "reports", "segments", "results", "jobs"];
        let is_peoples = kinds.iter().any(|kind| name.contains(&format!("/blobs/{kind}/")));
        if is_peoples && !bytes.starts_with(MARK) {
            showing.push(format!("{name} is not sealed"));
        }
    }
    Ok(showing)
}

/// The life of an organisation that asks for it, and asks for it no more. `rows` is what the database's own rows show,
/// where they are no files of ours.
fn life(stage: &Stage, home: &RelayHome, rows: &dyn Fn() -> Result<String>) -> Result<()> {
    let relay = home.start()?;
    let http = Http::patient(relay.url(), Some(&home.token("admin", "Ada")?), WITHIN);
    import(&http, CITY, 0)?;
    let desk = stage.client("desk")?;
    desk.login(relay.url(), &home.token("analyst", "Ben")?)?;
    desk.sync()?;
    desk.edit("p-1", &["--set", &format!("attributes.city={CITY}-on-the-lake")])?;
    settle(&[&desk])?;
    let (before, result) = (exported(&http)?, analysed(&http)?);
    ensure!(lying(home)? == "open");
    relay.begin_stop()?;
    relay.stopped()?;
    ensure!(
        !showing(home)?.is_empty() || rows()?.contains(CITY),
        "what is looked for can be found"
    );

    let relay = home.start()?;
    let http = Http::patient(relay.url(), Some(&home.token("admin", "Ada")?), WITHIN);
    home.admin(&["org", "seal", "Test"])?.expect_code(0)?;
    until_lying(home, "sealed")?;
    ensure!(exported(&http)? == before, "nobody notices");
    // While it is so: more people, an edit from afar, an analysis, a new desk, somebody who is erased.
    import(&http, LATER, 1_000)?;
    desk.login(relay.url(), &home.token("analyst", "Ben")?)?;
    desk.edit("p-2", &["--set", &format!("attributes.city={LATER}")])?;
    let fresh = stage.client("fresh")?;
    fresh.login(relay.url(), &home.token("analyst", "Cleo")?)?;
    settle(&[&desk, &fresh])?;
    ensure!(fresh.show("p-2")?["record"]["attributes"]["city"] == LATER);
    ensure!(analysed(&http)? != result, "there are more people");
    home.admin(&["erase", "p-3", "--org", "Test"])?.expect_code(0)?;
    http.get("/profiles/p-3")?.expect(410)?;
    let history = http.get("/profiles/p-1/history")?.expect(200)?.text();
    ensure!(history.contains("on-the-lake"), "{history}");
    home.run(&["check"])?.expect_code(0)?;
    let sealed = exported(&http)?;
    relay.begin_stop()?;
    relay.stopped()?;
    let found = showing(home)?;
    ensure!(found.is_empty(), "{found:#?}");
    ensure!(!rows()?.contains(CITY) && !rows()?.contains(LATER), "rows show a city");

    let relay = home.start()?;
    let http = Http::patient(relay.url(), Some(&home.token("admin", "Ada")?), WITHIN);
    ensure!(exported(&http)? == sealed, "a relay that starts anew reads it too");
    home.admin(&["org", "unseal", "Test"])?.expect_code(0)?;
    until_lying(home, "open")?;
    ensure!(exported(&http)? == sealed);
    let audit = home.run(&["audit", "--org", "Test"])?.expect_code(0)?.text();
    ensure!(audit.contains("profiles.sealed") && audit.contains("profiles.unsealed"), "{audit}");
    relay.begin_stop()?;
    relay.stopped()?;
    let archives = files_below(&home.data().join("blobs/imports"))?;
    for archive in archives {
        ensure!(!fs::read(&archive)?.starts_with(MARK), "{}", archive.display());
    }
    Ok(())
}

#[test]
fn nothing_of_sealed_profiles_can_be_read_in_a_folder() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    life(&stage, &home, &|| Ok(String::new()))
}

#[test]
fn nothing_of_sealed_profiles_can_be_read_in_postgres() -> Result<()> {
    let stage = Stage::new()?;
    let cluster = Postgres::start(false)?;
    let database: Database = cluster.database("sealed")?;
    let key = stage.path("operator.key");
    fs::write(&key, "5a".repeat(32))?;
    let key = key.display().to_string();
    let home = stage.relay_home_on(&database)?.with(&[("KARTEI_KEY_FILE", &key)]);
    life(&stage, &home, &|| {
        let rows = "SELECT coalesce(string_agg(record || coalesce(genesis_record, ''), ''), '') \
                    FROM kartei.profiles";
        let bytes = "SELECT coalesce(string_agg(encode(body, 'escape'), ''), '') FROM \
                     (SELECT body FROM kartei.documents UNION ALL SELECT body FROM kartei.changes) b";
        Ok(cluster.sql("sealed", rows)? + &cluster.sql("sealed", bytes)?)
    })
}

#[test]
fn without_the_key_nothing_is_read_and_nothing_is_written_plain() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let token = home.token("admin", "Ada")?;
    import(&Http::new(relay.url(), Some(&token)), CITY, 0)?;
    home.admin(&["org", "seal", "Test"])?.expect_code(0)?;
    until_lying(&home, "sealed")?;
    relay.begin_stop()?;
    relay.stopped()?;
    let other = stage.path("other.key");
    fs::write(&other, "5b".repeat(32))?;
    let other = other.display().to_string();
    let wrong = home.clone().with(&[("KARTEI_KEY_FILE", &other)]).logging_to(stage.path("log"));
    let refused = wrong.admin(&["org", "unseal", "Test"])?;
    ensure!(refused.code() != Some(0));
    let relay = wrong.start()?;
    let http = Http::new(relay.url(), Some(&token));
    ensure!(http.get("/profiles/p-1")?.status >= 500);
    let kind = ("content-type", "application/x-ndjson");
    let said = http.send("POST", "/profiles/import", &[kind], people(LATER, 500).as_bytes())?;
    ensure!(said.status >= 500, "{}", said.text());
    relay.begin_stop()?;
    relay.stopped()?;
    let found = showing(&home)?;
    ensure!(found.is_empty(), "{found:#?}");
    let log = fs::read_to_string(stage.path("log"))?;
    ensure!(log.contains("--key-file") && !log.contains(CITY), "{log}");
    Ok(())
}

#[test]
fn a_backup_of_sealed_profiles_comes_back_with_its_key() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let key = stage.path("backup.key").display().to_string();
    home.run(&["backup-key", &key])?.expect_code(0)?;
    let place = format!("file://{}", stage.path("backups").display());
    let home = home.with(&[("KARTEI_BACKUP_URL", &place), ("KARTEI_BACKUP_KEY_FILE", &key)]);
    let relay = home.start()?;
    let token = home.token("admin", "Ada")?;
    let http = Http::new(relay.url(), Some(&token));
    home.admin(&["org", "seal", "Test"])?.expect_code(0)?;
    import(&http, CITY, 0)?;
    until_lying(&home, "sealed")?;
    let before = exported(&http)?;
    home.run(&["backup"])?.expect_code(0)?;
    home.run(&["verify"])?.expect_code(0)?;
    relay.begin_stop()?;
    relay.stopped()?;
    fs::remove_dir_all(home.data())?;
    home.run(&["restore"])?.expect_code(0)?;
    let relay = home.start()?;
    ensure!(exported(&Http::new(relay.url(), Some(&token)))? == before);
    ensure!(lying(&home)? == "sealed");
    home.run(&["check"])?.expect_code(0)?;
    relay.begin_stop()?;
    relay.stopped()?;
    let found = showing(&home)?;
    ensure!(found.is_empty(), "{found:#?}");
    Ok(())
}
