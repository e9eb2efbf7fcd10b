//! `kartei sync --watch`: a change on one desk reaches another that only listens, and a relay that
//! goes and comes back is noticed both times.

use std::time::Duration;

use anyhow::Result;
use kartei_test_support::{Client, Http, Running, Stage, until, write_lines};
use serde_json::{Value, json};

/// Events take milliseconds. This allows for a busy machine and stays under the half minute after
/// which a client would look by itself, so that it is the events that are seen here.
const SOON: Duration = Duration::from_secs(20);

fn city(client: &Client) -> Result<Option<Value>> {
    let answer = client.run(&["show", "p"])?;
    Ok(if answer.code() == Some(0) {
        Some(answer.json()?["record"]["attributes"]["city"].clone())
    } else {
        None
    })
}

#[test]
fn a_watching_client_follows_the_relay() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let mut relay = home.start()?;
    let port = relay.port()?;
    let (anna, ben) = (stage.client("anna")?, stage.client("ben")?);
    for (client, name) in [(&anna, "Anna"), (&ben, "Ben")] {
        client.login(relay.url(), &home.token("analyst", name)?)?;
    }
    let _watch = Running(anna.start(&["sync", "--watch"])?);
    until(SOON, "the watching client is up to date", || {
        Ok(anna.status()?["state"] == "up_to_date")
    })?;

    let file = stage.path("one.ndjson");
    let record = json!({"schema": "user_profile.v1", "id": "p", "attributes": {"city": "Bern"}});
    write_lines(&file, &[record])?;
    ben.import(&[&file])?;
    ben.sync()?;
    until(SOON, "the import arrives", || Ok(city(&anna)? == Some(json!("Bern"))))?;

    relay.kill()?;
    until(SOON, "the loss of the relay is noticed", || Ok(anna.status()?["state"] == "offline"))?;
    let relay = home.start_on(port)?;
    ben.edit("p", &["--set", "attributes.city=Basel"])?;
    ben.sync()?;
    until(SOON, "the edit arrives after the relay came back", || {
        Ok(city(&anna)? == Some(json!("Basel")) && anna.status()?["state"] == "up_to_date")
    })?;
    drop(relay);
    Ok(())
}

#[test]
fn a_stream_ends_with_the_token_that_opened_it() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let listener = Http::new(relay.url(), Some(&home.token("viewer", "listener")?));
    let analyst = Http::new(relay.url(), Some(&home.token("analyst", "writer")?));
    let accept = [("accept", "text/event-stream")];
    let mut changes = listener.events("/profiles/changes", &accept)?;
    let mut heads = listener.events("/sync/v1/events", &accept)?;
    let mut kept = analyst.events("/profiles/changes", &accept)?;
    let put = |id: &str| {
        let create = [("content-type", "application/json"), ("if-none-match", "*")];
        let body = json!({"schema": "user_profile.v1", "id": id}).to_string();
        analyst.send("PUT", &format!("/profiles/{id}"), &create, body.as_bytes())?.expect(201)
    };
    put("before")?;
    assert!(changes.next_event()?.data.contains("before"));
    assert!(kept.next_event()?.data.contains("before"));

    home.admin(&["token", "revoke", "--name", "listener", "--org", "Test"])?.expect_code(0)?;
    // Reading waits; what ends it is the relay.
    while changes.next_event().is_ok() {}
    while heads.next_event().is_ok() {}
    put("after")?;
    assert!(kept.next_event()?.data.contains("after"), "others hear on");
    assert!(listener.events("/profiles/changes", &accept).is_err());
    Ok(())
}
