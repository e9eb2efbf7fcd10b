//! A relay on Postgres: its own backups, which carry rows, and those of Postgres, to a point in time.

use std::fs;
use std::thread;

use anyhow::{Context, Result, ensure};
use kartei_test_support::{
    Client, Http, Postgres, RelayHome, Stage, repository, settle, write_lines,
};
use serde_json::{Value, json};

use super::{BFI, at_a_desk, at_the_relay, back_up, noise, of_a_file, with_vault};

/// A relay with people, a file and a finished analysis, and two desks.
struct Office {
    stage: Stage,
    cluster: Postgres,
    home: RelayHome,
    port: u16,
    admin: String,
    file: String,
    anna: Client,
    ben: Client,
}

const BYTES: usize = 700_000;

fn office(cluster: Postgres) -> Result<Office> {
    let stage = Stage::new()?;
    let database = cluster.database("lost")?;
    let home = stage.relay_home_on(&database)?;
    // In the data folder, where a backup finds it.
    fs::create_dir_all(home.data())?;
    let key = home.data().join("operator.key");
    fs::write(&key, "3b".repeat(32))?;
    // Whoever runs this may have a full disk.
    let settings =
        [("KARTEI_KEEP_FREE_PERCENT", "0"), ("KARTEI_KEY_FILE", &*key.to_string_lossy())];
    let home = with_vault(&stage, home, &of_a_file(&stage.path("backups")))?.with(&settings);
    let (anna, ben) = (stage.client("anna")?, stage.client("ben")?);
    let admin = home.token("admin", "Anna")?;
    let relay = home.start()?;
    let port = relay.port()?;
    anna.login(relay.url(), &admin)?;
    ben.login(relay.url(), &home.token("analyst", "Ben")?)?;
    anna.import(&[repository(BFI)])?;
    settle(&[&anna, &ben])?;
    let picture = stage.path("picture.bin");
    fs::write(&picture, noise(BYTES))?;
    let sent = anna.run(&["upload", &picture.display().to_string()])?.done()?;
    let file = sent["uploads"][0]["file"].as_str().context("a file has an id")?.to_owned();
    anna.run(&["analyze", "quality"])?.expect_code(0)?;
    settle(&[&anna, &ben])?;
    drop(relay);
    Ok(Office { stage, cluster, home, port, admin, file, anna, ben })
}

impl Office {
    /// The relay came back with `old` people; the desks bring back what it lacks, and all have the same.
    fn comes_back(&self, home: &RelayHome, url: &str, before: &[String], old: usize) -> Result<()> {
        let Self { anna, ben, .. } = self;
        let found = at_the_relay(url, &self.admin)?;
        ensure!(found != before && found.len() == old, "what came later is not in it");
        settle(&[ben, anna])?;
        ensure!(at_a_desk(anna)? == before && at_a_desk(ben)? == before, "the desks differ");
        ensure!(at_the_relay(url, &self.admin)? == before, "the relay differs");
        let out = self.stage.path("picture.back").display().to_string();
        anna.run(&["download", &self.file, "--out", &out])?.done()?;
        ensure!(fs::read(&out)? == noise(BYTES), "the file comes back");
        let jobs = Http::new(url, Some(&self.admin)).get("/analyze/jobs")?.expect(200)?;
        ensure!(jobs.text().contains("completed"), "{}", jobs.text());
        home.run(&["check"])?.expect_code(0)?;
        home.run(&["files", "check"])?.expect_code(0)?;
        home.run(&["audit", "--org", "Test", "--verify"])?.expect_code(0)?;
        Ok(())
    }

    /// Somebody new, and edits of both desks, sent; all people there are then.
    fn works_on(&self, tag: &str) -> Result<Vec<String>> {
        let people = self.stage.path("more.ndjson");
        let person = json!({"schema": "user_profile.v1", "id": format!("new-{tag}")});
        write_lines(&people, &[person])?;
        self.ben.import(&[&people])?;
        self.anna.edit("bfi-61617", &["--add-tag", tag])?;
        self.ben.edit("bfi-61617", &["--set", &format!("attributes.city={tag}")])?;
        self.ben.run(&["delete", "bfi-61621"])?.expect_code(0)?;
        settle(&[&self.anna, &self.ben])?;
        at_a_desk(&self.anna)
    }
}

#[test]
fn a_relay_on_postgres_is_backed_up_while_it_serves_and_brought_back() -> Result<()> {
    let office = office(Postgres::start(false)?)?;
    let Office { cluster, home, anna, ben, .. } = &office;
    let mut relay = home.start_on(office.port)?;
    let first = thread::scope(|scope| -> Result<Value> {
        let writing = scope.spawn(|| -> Result<()> {
            for round in 0..3 {
                ben.edit("bfi-61620", &["--add-tag", &format!("round-{round}")])?;
                ben.sync()?;
            }
            Ok(())
        });
        let first = back_up(home);
        writing.join().map_err(|_| anyhow::anyhow!("the writer broke down"))??;
        first
    })?;
    ensure!(first["subject"]["engine"] == "postgres" && first["subject"]["lacking"] == json!([]));
    anna.sync()?;
    anna.edit("bfi-61623", &["--add-tag", "between"])?;
    settle(&[anna, ben])?;
    let second = back_up(home)?;
    let (whole, new) = (second["bytes"].as_u64(), second["new_bytes"].as_u64());
    ensure!(
        new.zip(whole).is_some_and(|(new, whole)| new * 4 < whole),
        "only what changed: {second}"
    );
    home.admin(&["erase", "bfi-61622", "--org", "Test"])?.expect_code(0)?;
    let noted = home.run(&["backup", "--erasures-only"])?.expect_code(0)?;
    ensure!(noted.text().contains("1 erasures"), "{}", noted.text());
    let before = office.works_on("later")?;

    relay.kill()?;
    drop(relay);
    cluster.sql("postgres", "DROP DATABASE lost WITH (FORCE)")?;
    fs::remove_dir_all(home.data())?;
    let sound = home.run(&["verify"])?.expect_code(0)?;
    ensure!(sound.text().contains("is sound"), "{}", sound.text());
    let refused = home.run(&["restore"])?.expect_code(1)?;
    ensure!(refused.stderr().contains("migrate-store"), "{}", refused.stderr());
    // A folder is served as it is, or moved to another database.
    let data = home.data().display().to_string();
    let embedded = home.embedded();
    let restored = embedded.run(&["restore"])?.expect_code(0)?;
    ensure!(restored.text().contains("1 erasures after the backup"), "{}", restored.text());
    ensure!(restored.text().contains("migrate-store"), "{}", restored.text());
    let database = cluster.database("again")?;
    let to = embedded.with(&[("KARTEI_TO_DATABASE_URL", &database.owner_url)]);
    let role = ["--relay-role", &database.relay_role];
    let words = ["migrate-store", "--from-data", &data, "--to-data", &data];
    to.run(&[&words[..], &role].concat())?.expect_code(0)?;
    let home = home.through(database.relay_url);
    let relay = home.start_on(office.port)?;
    office.comes_back(&home, relay.url(), &before, 2_799)?;
    // And goes on with the same backups.
    back_up(&home)?;
    home.run(&["verify"])?.expect_code(0)?;
    Ok(())
}

#[test]
fn postgres_goes_back_to_a_point_in_time_and_the_desks_bring_the_rest() -> Result<()> {
    let mut cluster = Postgres::start(false)?;
    cluster.archive()?;
    let mut office = office(cluster)?;
    let home = office.home.clone();
    office.cluster.back_up()?;
    let mut relay = home.start_on(office.port)?;
    // After the backup, and before the accident: in the log only.
    office.works_on("archived")?;
    office.cluster.sql("lost", "SELECT pg_create_restore_point('before')")?;
    let before = {
        office.anna.edit("bfi-61618", &["--add-tag", "acknowledged"])?;
        settle(&[&office.anna, &office.ben])?;
        at_a_desk(&office.anna)?
    };
    relay.kill()?;
    office.cluster.sql("lost", "TRUNCATE kartei.profiles CASCADE")?;
    office.cluster.recover("before")?;
    let renewed = home.run(&["new-epoch"])?.expect_code(0)?;
    ensure!(renewed.text().contains("Test"), "{}", renewed.text());
    relay = home.start_on(office.port)?;
    office.comes_back(&home, relay.url(), &before, 2_800)
}
