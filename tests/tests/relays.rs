//! Several relays on one Postgres behave as one.

use anyhow::{Context, Result};
use kartei_test_support::{Http, Postgres, Stage, write_lines};
use serde_json::{Value, json};

fn people(count: usize) -> Vec<Value> {
    (0..count)
        .map(|n| json!({"schema": "user_profile.v1", "id": format!("p-{n}"), "attributes": {"n": n}}))
        .collect()
}

#[test]
fn two_relays_on_one_database_are_one() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("shared")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?;
    let (mut first, second) = (home.start()?, home.start()?);
    let (anna, ben) = (stage.client("anna")?, stage.client("ben")?);
    anna.login(first.url(), &home.token("analyst", "Anna")?)?;
    ben.login(second.url(), &home.token("analyst", "Ben")?)?;

    let file = stage.path("people.ndjson");
    write_lines(&file, &people(3_000))?;
    anna.import(&[&file])?;
    anna.sync()?;
    ben.sync()?;
    assert_eq!(ben.status()?["profiles"], 3_000);

    // Both change the same field, each beside its own relay.
    anna.edit("p-1", &["--set", "attributes.city=Bern"])?;
    ben.edit("p-1", &["--set", "attributes.city=Ulm"])?;
    ben.edit("p-2", &["--set", "attributes.city=Basel"])?;
    for client in [&anna, &ben, &anna] {
        let status = client.sync()?;
        assert_eq!(status["state"], "up_to_date", "{status}");
    }
    assert!(anna.export()? == ben.export()?, "the replicas differ");
    for client in [&anna, &ben] {
        let profile = client.show("p-1")?;
        assert_eq!(profile["conflicts"][0]["pointer"], "/attributes/city", "{profile}");
    }

    // One goes; its replicas go to the other one, with the cursors that they have.
    first.kill()?;
    anna.login(second.url(), &home.token("analyst", "Anna")?)?;
    anna.edit("p-3", &["--set", "attributes.city=Chur"])?;
    anna.sync()?;
    ben.sync()?;
    assert_eq!(ben.show("p-3")?["record"]["attributes"]["city"], "Chur");
    assert!(anna.export()? == ben.export()?, "the replicas differ");
    Ok(())
}

#[test]
fn what_one_relay_takes_the_other_tells() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("live")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?;
    let (first, second) = (home.start()?, home.start()?);
    let token = home.token("analyst", "Anna")?;
    let mut events = Http::new(second.url(), Some(&token)).events("/sync/v1/events", &[])?;
    let mut head = || -> Result<u64> {
        let event = events.next_event()?;
        let data: Value = serde_json::from_str(&event.data)?;
        data["head_rev"].as_u64().context("a head")
    };
    assert_eq!(head()?, 0, "where it stands is told at once");

    let anna = stage.client("anna")?;
    anna.login(first.url(), &token)?;
    let file = stage.path("people.ndjson");
    write_lines(&file, &people(10))?;
    anna.import(&[&file])?;
    anna.sync()?;
    assert_eq!(head()?, 10);
    anna.edit("p-1", &["--set", "attributes.city=Bern"])?;
    anna.sync()?;
    assert_eq!(head()?, 11);
    Ok(())
}

#[test]
fn an_unmigrated_database_is_refused_with_what_to_do() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("empty")?;
    let stage = Stage::new()?;
    let home = stage.relay_home()?.through(database.relay_url);
    let answer = home.admin(&["org", "create", "One"])?.expect_code(1)?;
    let said = answer.stderr();
    assert!(said.contains("kartei-relay migrate"), "{said}");
    Ok(())
}
