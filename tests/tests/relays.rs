//! Several relays on one Postgres behave as one.

use std::time::Duration;

use anyhow::{Context, Result};
use kartei_test_support::{FaultProxy, Http, Postgres, Reply, Stage, Weather, until, write_lines};
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

/// How long the database waits for the words of a relay that it takes to be there, and then some.
const FREED_WITHIN: Duration = Duration::from_secs(40);

#[test]
fn a_relay_that_vanishes_in_the_middle_of_a_write_holds_nobody_up() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("held")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?;
    let proxy = FaultProxy::start(&[([127, 0, 0, 1], cluster.port()).into()], 0)?;
    let port = format!(":{}/", cluster.port());
    let through = database.relay_url.replace(&port, &format!(":{}/", proxy.address().port()));
    let (mut first, second) = (home.through(through).start()?, home.start()?);
    let token = home.token("analyst", "Anna")?;

    // The first relay is held in the middle of a write, and then nothing reaches it any more.
    let held = "BEGIN; LOCK TABLE kartei.profiles IN SHARE MODE; SELECT pg_sleep(600)";
    let put = |relay: &str, id: &str| -> Result<Reply> {
        let record = json!({"schema": "user_profile.v1", "id": id}).to_string();
        let headers = [("content-type", "application/json"), ("if-none-match", "*")];
        let http = Http::patient(relay, Some(&token), FREED_WITHIN);
        http.send("PUT", &format!("/profiles/{id}"), &headers, record.as_bytes())
    };
    let count = |what: &str| -> Result<bool> {
        let sql = format!("SELECT count(*) > 0 FROM pg_stat_activity WHERE {what}");
        Ok(cluster.sql("held", &sql)? == "t")
    };
    std::thread::scope(|scope| -> Result<()> {
        scope.spawn(|| cluster.sql("held", held));
        until(FREED_WITHIN, "the table is locked", || count("wait_event = 'PgSleep'"))?;
        let url = first.url().to_owned();
        scope.spawn(move || put(&url, "p-1"));
        until(FREED_WITHIN, "the relay waits in its write", || {
            count("usename = 'held_relay' AND wait_event_type = 'Lock'")
        })?;
        proxy.set_weather(Weather { swallow: 1_000, ..Weather::CALM });
        let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity \
                      WHERE wait_event = 'PgSleep'";
        cluster.sql("held", cancel)?;
        until(FREED_WITHIN, "its transaction waits for it", || {
            count("usename = 'held_relay' AND state = 'idle in transaction'")
        })?;
        put(second.url(), "p-2")?.expect(201)?;
        first.kill()
    })?;
    let known = Http::new(second.url(), Some(&token)).get("/profiles/changes")?.json();
    assert_eq!(known["profiles"][0]["id"], "p-2", "{known}");
    assert_eq!(known["head_rev"], 1, "what vanished was not half done: {known}");
    Ok(())
}

#[test]
fn while_its_database_is_away_a_relay_says_so_and_asks_for_patience() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("away")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?;
    let proxy = FaultProxy::start(&[([127, 0, 0, 1], cluster.port()).into()], 0)?;
    let port = format!(":{}/", cluster.port());
    let through = database.relay_url.replace(&port, &format!(":{}/", proxy.address().port()));
    let relay = home.through(through).start()?;
    let http = Http::new(relay.url(), Some(&home.token("analyst", "Anna")?));
    http.get("/profiles/changes")?.expect(200)?;
    proxy.set_weather(Weather { refuse: 1_000, ..Weather::CALM });
    proxy.cut_all();
    let away = http.get("/profiles/changes")?.expect(503)?;
    assert!(away.header("retry-after").is_some_and(|after| after.parse::<u64>().is_ok()));
    assert_eq!(away.json()["code"], "relay_failed", "{}", away.json());
    proxy.set_weather(Weather::CALM);
    http.get("/profiles/changes")?.expect(200)?;
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
