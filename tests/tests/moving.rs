//! A relay moves to another database and another place of bytes, and its clients go on as if nothing had been.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kartei_local_store::{Store, StoreOptions};
use kartei_test_support::{
    Answer, Client, Database, Http, Postgres, RelayHome, S3Kind, S3Server, Stage, repository,
    settle,
};

const BFI: &str = "tests/fixtures/data/bfi.ndjson.gz";

/// The report's lines of tables: name, rows and digest.
fn tables(answer: &Answer) -> Vec<String> {
    answer.text().lines().filter(|line| line.contains(" rows  ")).map(str::to_owned).collect()
}

/// A relay that has some of everything, and two clients that know it.
struct Office {
    stage: Stage,
    home: RelayHome,
    port: u16,
    admin: String,
    file: String,
    anna: Client,
    ben: Client,
}

fn office() -> Result<Office> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?.with(&[("KARTEI_KEEP_FREE_PERCENT", "0")]);
    // Its rows are told apart from the first one's.
    home.organisation("Other")?.token("viewer", "Zoe")?;
    let relay = home.start()?;
    let port = relay.port()?;
    let (anna, ben) = (stage.client("anna")?, stage.client("ben")?);
    let admin = home.token("admin", "Anna")?;
    anna.login(relay.url(), &admin)?;
    ben.login(relay.url(), &home.token("analyst", "Ben")?)?;
    anna.import(&[repository(BFI)])?;
    settle(&[&anna, &ben])?;
    // A conflict, a deletion, an erasure, a file at a profile, and a finished analysis.
    anna.edit("bfi-61617", &["--set", "attributes.city=Bern"])?;
    ben.edit("bfi-61617", &["--set", "attributes.city=Basel"])?;
    ben.run(&["delete", "bfi-61621"])?.expect_code(0)?;
    settle(&[&anna, &ben])?;
    home.admin(&["erase", "bfi-61622", "--org", "Test"])?.expect_code(0)?;
    let picture = stage.path("picture.bin");
    fs::write(&picture, vec![7; 300_000])?;
    let sent = anna.run(&["upload", &picture.display().to_string()])?.done()?;
    let file = sent["uploads"][0]["file"].as_str().context("a file has an id")?.to_owned();
    anna.run(&["analyze", "quality"])?.expect_code(0)?;
    settle(&[&anna, &ben])?;
    drop(relay);
    Ok(Office { stage, home, port, admin, file, anna, ben })
}

impl Office {
    fn key_file(&self) -> String {
        self.home.data().join("operator.key").display().to_string()
    }

    fn data(&self) -> String {
        self.home.data().display().to_string()
    }

    /// Clients that had synced go on with their cursors, and new ones get everything.
    fn goes_on(&self, home: &RelayHome, tag: &str) -> Result<()> {
        let home = home.clone().with(&[("KARTEI_KEEP_FREE_PERCENT", "0")]);
        let relay = home.start_on(self.port)?;
        let epoch = |client: &Client| -> Result<Option<String>> {
            let store = Store::open(client.data(), StoreOptions::default())?;
            Ok(store.sync_settings()?.cursor.map(|cursor| cursor.epoch))
        };
        let before = epoch(&self.ben)?;
        ensure!(before.is_some());
        self.ben.edit("bfi-61618", &["--add-tag", tag])?;
        settle(&[&self.ben, &self.anna])?;
        ensure!(epoch(&self.ben)? == before, "the history goes on");
        ensure!(self.anna.export()? == self.ben.export()?);
        let fresh = self.stage.client(&format!("fresh-{tag}"))?;
        fresh.login(relay.url(), &home.token("viewer", &format!("Cleo {tag}"))?)?;
        settle(&[&fresh])?;
        ensure!(fresh.export()? == self.anna.export()?, "a new one gets everything");
        let out = self.stage.path(tag).display().to_string();
        self.anna.run(&["download", &self.file, "--out", &out])?.done()?;
        ensure!(fs::read(&out)? == vec![7; 300_000], "files can be read");
        let jobs = Http::new(relay.url(), Some(&self.admin)).get("/analyze/jobs")?.expect(200)?;
        ensure!(jobs.text().contains("completed"), "{}", jobs.text());
        home.run(&["check"])?.expect_code(0)?;
        home.run(&["audit", "--org", "Test", "--verify"])?.expect_code(0)?;
        Ok(())
    }
}

fn to_postgres(home: &RelayHome, from: &str, data: &str, to: &Database) -> Result<Answer> {
    let home = home.clone().with(&[("KARTEI_TO_DATABASE_URL", &to.owner_url)]);
    home.run(&[
        "migrate-store",
        "--from-data",
        from,
        "--to-data",
        data,
        "--relay-role",
        &to.relay_role,
    ])
}

#[test]
fn a_relay_moves_to_postgres_and_back_and_nobody_notices() -> Result<()> {
    let office = office()?;
    let cluster = Postgres::start(false)?;
    let database = cluster.database("moved")?;
    let data = office.data();

    // Not while it is served.
    let relay = office.home.start()?;
    let refused = to_postgres(&office.home, &data, &data, &database)?.expect_code(1)?;
    ensure!(refused.stderr().contains("end it first"), "{}", refused.stderr());
    drop(relay);

    let moved = to_postgres(&office.home, &data, &data, &database)?.expect_code(0)?;
    ensure!(tables(&moved).len() > 25, "{}", moved.text());
    for name in ["profiles", "changes", "erasures", "jobs", "files", "tokens", "audit_events"] {
        let line = tables(&moved).into_iter().find(|line| line.starts_with(name));
        ensure!(line.is_some_and(|line| !line.contains(" 0 rows")), "{name}: {}", moved.text());
    }
    let again = to_postgres(&office.home, &data, &data, &database)?.expect_code(1)?;
    ensure!(again.stderr().contains("already"), "{}", again.stderr());

    // Back at once: the same rows.
    let other = office.stage.path("back").display().to_string();
    let back = office.home.clone().with(&[("KARTEI_FROM_DATABASE_URL", &database.owner_url)]);
    let words = ["migrate-store", "--from-data", &data, "--to-data", &other];
    let told = back.run(&[&words[..], &["--dry-run"]].concat())?.expect_code(0)?;
    assert_eq!(tables(&told), tables(&moved));
    ensure!(!Path::new(&other).exists(), "{}", told.text());
    let returned = back.run(&words)?.expect_code(0)?;
    assert_eq!(tables(&returned), tables(&moved));

    let key = office.key_file();
    let served = office.home.through(database.relay_url.clone()).with(&[("KARTEI_KEY_FILE", &key)]);
    office.goes_on(&served, "postgres")?;

    // With what came since.
    fs::remove_dir_all(&other)?;
    back.run(&words)?.expect_code(0)?;
    let home = office.home.clone().with(&[("KARTEI_RELAY_DATA", &other)]);
    office.goes_on(&home, "embedded")
}

#[test]
fn bytes_move_to_a_bucket_and_back_alone() -> Result<()> {
    let office = office()?;
    let server = S3Server::start(S3Kind::S3sFs)?;
    let variable = |name| server.variable(name).context("the server has credentials");
    let (id, secret) = (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?);
    let url = server.url("moved");
    let credentials =
        [("AWS_ACCESS_KEY_ID", id.as_str()), ("AWS_SECRET_ACCESS_KEY", secret.as_str())];
    let home = office.home.clone().with(&credentials);
    let data = office.data();
    let words = ["migrate-store", "--from-data", &data, "--to-data", &data, "--to-blob-url", &url];
    let moved = home.run(&words)?.expect_code(0)?;
    ensure!(moved.text().contains("blobs,"), "{}", moved.text());
    let key = office.key_file();
    let served = home.clone().with(&[("KARTEI_BLOB_URL", &url), ("KARTEI_KEY_FILE", &key)]);
    fs::rename(office.home.data().join("blobs"), office.stage.path("old-blobs"))?;
    office.goes_on(&served, "bucket")?;
    let back = ["migrate-store", "--from-data", &data, "--from-blob-url", &url, "--to-data", &data];
    home.run(&back)?.expect_code(0)?;
    office.goes_on(&office.home, "folder")
}

#[test]
fn a_move_that_is_killed_is_none_and_begins_anew() -> Result<()> {
    let office = office()?;
    let cluster = Postgres::start(false)?;
    let database = cluster.database("killed")?;
    let data = office.data();
    let home = office.home.clone().with(&[("KARTEI_TO_DATABASE_URL", &database.owner_url)]);
    let role = database.relay_role.as_str();
    let words = ["migrate-store", "--from-data", &data, "--to-data", &data, "--relay-role", role];
    let served = office.home.through(database.relay_url.clone());
    let mut is_done = false;
    for moment in [50, 150, 300, 400, 500, 600].map(Duration::from_millis) {
        if is_done {
            break;
        }
        is_done = home.run_or_kill(&words, moment)?;
        // Killed behind its end it is done as well: then a relay may serve it, else none.
        is_done = is_done || served.run(&["check"])?.code() == Some(0);
    }
    if !is_done {
        home.run(&words)?.expect_code(0)?;
    }
    let told = served.run(&["check"])?.expect_code(0)?.text();
    ensure!(told.contains("Test"), "{told}");

    let other = office.stage.path("folder").display().to_string();
    let words = ["migrate-store", "--from-data", &data, "--to-data", &other];
    let mut is_done = false;
    for moment in [50, 150, 300, 450].map(Duration::from_millis) {
        if is_done {
            break;
        }
        let is_there = || Path::new(&other).join("relay.sqlite").exists();
        is_done = office.home.run_or_kill(&words, moment)?;
        if !is_done && !is_there() && Path::new(&other).join("move-unfinished").exists() {
            let refused = office.home.clone().with(&[("KARTEI_RELAY_DATA", &other)]);
            let refused = refused.run(&["check"])?.expect_code(1)?;
            ensure!(refused.stderr().contains("has not ended"), "{}", refused.stderr());
        }
    }
    let is_there = Path::new(&other).join("relay.sqlite").exists();
    let is_marked = Path::new(&other).join("move-unfinished").exists();
    if !is_there || is_marked {
        office.home.run(&words)?.expect_code(0)?;
    }
    let home = office.home.clone().with(&[("KARTEI_RELAY_DATA", &other)]);
    office.goes_on(&home, "again")
}

#[test]
fn a_table_that_nobody_moves_is_found_before_anything_is_moved() -> Result<()> {
    let stage = Stage::new()?;
    let cluster = Postgres::start(false)?;
    let database = cluster.database("newer")?;
    stage.relay_home_on(&database)?;
    let home = stage.relay_home()?;
    let home = home.with(&[("KARTEI_FROM_DATABASE_URL", &database.owner_url)]);
    let to = stage.path("to").display().to_string();
    let words = ["migrate-store", "--from-data", &to, "--to-data", &to, "--dry-run"];
    home.run(&words)?.expect_code(0)?;
    cluster.sql("newer", "CREATE TABLE kartei.afterthought (org bigint)")?;
    let refused = home.run(&words)?.expect_code(1)?;
    ensure!(refused.stderr().contains("afterthought"), "{}", refused.stderr());
    Ok(())
}
