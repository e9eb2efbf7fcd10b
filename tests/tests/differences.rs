//! Real clients and a real relay that come to hold different things, and agree again: planted faults,
//! a relay restored from its backup, a replica that comes back when deletions are forgotten.

use std::path::Path;

use anyhow::Result;
use kartei_profile::{Record, RecordSchema};
use kartei_test_support::{Client, Relay, RelayHome, Stage, write_lines};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

struct Desk {
    stage: Stage,
    home: RelayHome,
    relay: Relay,
    anna: Client,
    ben: Client,
}

fn people(numbers: std::ops::Range<u32>) -> Vec<Value> {
    let person = |n| json!({"schema": "user_profile.v1", "id": format!("p-{n}"), "tags": ["made"]});
    numbers.map(person).collect()
}

/// Two analysts with the same forty profiles.
fn desk() -> Result<Desk> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let (anna, ben) = (stage.client("anna")?, stage.client("ben")?);
    let file = stage.path("people.ndjson");
    write_lines(&file, &people(0..40))?;
    anna.import(&[&file])?;
    for (client, name) in [(&anna, "Anna"), (&ben, "Ben")] {
        client.login(relay.url(), &home.token("analyst", name)?)?;
        client.sync()?;
    }
    Ok(Desk { stage, home, relay, anna, ben })
}

impl Desk {
    fn settle(&self) -> Result<()> {
        for client in [&self.anna, &self.ben, &self.anna] {
            let status = client.sync()?;
            assert_eq!(status["state"], "up_to_date", "{status}");
            assert_eq!(status["pending"], 0, "{status}");
        }
        assert!(self.anna.export()? == self.ben.export()?, "the replicas differ");
        Ok(())
    }

    /// Runs a command of the relay's program while it does not serve.
    fn while_stopped(&mut self, work: impl FnOnce(&RelayHome) -> Result<()>) -> Result<()> {
        let port = self.relay.port()?;
        self.relay.kill()?;
        work(&self.home)?;
        self.relay = self.home.start_on(port)?;
        Ok(())
    }
}

fn harm(file: &Path, sql: &str) -> Result<()> {
    let database = Connection::open(file)?;
    database.pragma_update(None, "foreign_keys", false)?;
    assert!(database.execute(sql, [])? > 0, "{sql}");
    Ok(())
}

#[test]
fn what_was_planted_in_a_replica_is_found_mended_and_told() -> Result<()> {
    let desk = desk()?;
    let file = desk.ben.data().join("kartei.sqlite");
    harm(&file, "UPDATE profiles SET record = replace(record, 'made', 'fake') WHERE id = 'p-3'")?;
    harm(&file, "DELETE FROM profiles WHERE id = 'p-4'")?;
    // One too many, sound in itself, of which this replica believes that the relay has it.
    let schema = RecordSchema::user_profile_v1();
    let line = json!({"schema": "user_profile.v1", "id": "ghost"}).to_string();
    let record =
        Record::parse(&schema, line.as_bytes()).map_err(|e| anyhow::anyhow!("{e}"))?.record;
    Connection::open(&file)?.execute(
        "INSERT INTO profiles (pk, id, hash, accepted, edited, conflicts, rev, changed_at, loose, \
         stamp, record) SELECT next_pk, 'ghost', ?1, 1, 0, 0, 1, 0, 1, stamp, ?2 FROM counters",
        params![record.hash().bytes(), record.text()],
    )?;
    assert!(desk.ben.status()?["repaired"].is_null());

    let found = desk.ben.run(&["check"])?.json()?;
    let codes: Vec<&str> = found["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|f| f["code"].as_str())
        .collect();
    assert!(codes.contains(&"digest"), "{found}");
    desk.ben.run(&["check", "--repair"])?;
    let repaired = &desk.ben.sync()?["repaired"];
    assert_eq!((&repaired["replaced"], &repaired["offered"]), (&json!(2), &json!(1)), "{repaired}");
    let mut ids: Vec<&str> =
        repaired["ids"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["ghost", "p-3", "p-4"]);
    let told = desk.ben.run_plain(&["status"])?.expect_code(0)?;
    assert!(String::from_utf8_lossy(told.stdout()).contains("differed"), "a person is told");
    desk.settle()?;
    assert_eq!(desk.anna.status()?["profiles"], 41, "what only one had is everybody's");
    assert_eq!(desk.ben.show("p-3")?["record"]["tags"], json!(["made"]));
    let left = desk.ben.run(&["check"])?.json()?;
    assert_eq!(left["findings"], json!([]), "{left}");
    Ok(())
}

#[test]
fn what_the_relay_lost_comes_back_from_a_replica() -> Result<()> {
    let mut desk = desk()?;
    desk.anna.edit("p-7", &["--add-tag", "vip"])?;
    desk.settle()?;
    let file = desk.home.data().join("relay.sqlite");
    desk.while_stopped(|home| {
        let pk = "(SELECT pk FROM profiles WHERE id = 'p-7')";
        harm(&file, &format!("DELETE FROM changes WHERE profile = {pk}"))?;
        harm(&file, &format!("DELETE FROM documents WHERE profile = {pk}"))?;
        harm(&file, "DELETE FROM profiles WHERE id = 'p-7'")?;
        let check = home.run(&["check"])?.expect_code(1)?;
        assert!(check.stderr().contains("--mend"), "{}", check.stderr());
        home.run(&["check", "--mend"])?.expect_code(0)?;
        Ok(())
    })?;
    let status = desk.ben.sync()?;
    assert_eq!(status["repaired"]["ids"], json!(["p-7"]), "{status}");
    desk.settle()?;
    let fresh = desk.stage.client("cleo")?;
    fresh.login(desk.relay.url(), &desk.home.token("viewer", "Cleo")?)?;
    fresh.sync()?;
    assert!(fresh.export()? == desk.anna.export()?, "the relay has it again, edit and all");
    Ok(())
}

#[test]
fn a_relay_restored_from_its_backup_gets_back_what_it_had_acknowledged() -> Result<()> {
    let mut desk = desk()?;
    let backup = desk.stage.path("backup.sqlite");
    let database = desk.home.data().join("relay.sqlite");
    desk.while_stopped(|_| {
        let to = backup.display().to_string();
        Connection::open(&database)?.execute("VACUUM INTO ?1", [to])?;
        Ok(())
    })?;
    // Acknowledged after the backup: an edit, new profiles, a deletion.
    desk.anna.edit("p-1", &["--add-tag", "later"])?;
    let file = desk.stage.path("more.ndjson");
    write_lines(&file, &people(40..45))?;
    desk.ben.import(&[&file])?;
    desk.ben.run(&["delete", "p-2"])?.expect_code(0)?;
    desk.settle()?;
    let before = desk.anna.export()?;
    desk.while_stopped(|home| {
        for rest in ["-wal", "-shm"] {
            let file = desk_file(&database, rest);
            if file.exists() {
                std::fs::remove_file(file)?;
            }
        }
        std::fs::copy(&backup, &database)?;
        home.run(&["new-epoch"])?.expect_code(0)?;
        Ok(())
    })?;
    desk.settle()?;
    assert!(desk.anna.export()? == before, "nothing that was acknowledged is lost");
    let fresh = desk.stage.client("cleo")?;
    fresh.login(desk.relay.url(), &desk.home.token("viewer", "Cleo")?)?;
    fresh.sync()?;
    assert!(fresh.export()? == before, "and the relay has it all again");
    desk.home.run(&["check"])?.expect_code(0)?;
    Ok(())
}

fn desk_file(database: &Path, rest: &str) -> std::path::PathBuf {
    let mut file = database.as_os_str().to_owned();
    file.push(rest);
    file.into()
}

#[test]
fn who_comes_back_after_the_horizon_keeps_edits_and_loses_what_was_deleted() -> Result<()> {
    let mut desk = desk()?;
    desk.settle()?;
    desk.anna.run(&["delete", "p-1", "p-2"])?.expect_code(0)?;
    desk.anna.sync()?;
    desk.ben.edit("p-2", &["--add-tag", "mine"])?;
    desk.ben.edit("p-3", &["--add-tag", "mine"])?;
    desk.while_stopped(|home| {
        let swept = home.run(&["sweep", "--keep-deleted-days", "0"])?.expect_code(0)?;
        assert!(String::from_utf8_lossy(swept.stdout()).contains("Forgot 2"), "both");
        Ok(())
    })?;
    desk.settle()?;
    assert_eq!(desk.anna.status()?["profiles"], 39);
    desk.ben.run(&["show", "p-1"])?.expect_code(1)?;
    for (client, id) in [(&desk.anna, "p-2"), (&desk.anna, "p-3"), (&desk.ben, "p-2")] {
        assert_eq!(
            client.show(id)?["record"]["tags"],
            json!(["made", "mine"]),
            "the edit survives"
        );
    }
    Ok(())
}
