//! Two real clients and a real relay, as processes.

use anyhow::{Context, Result};
use kartei_test_support::{Client, Http, Relay, RelayHome, Stage, write_lines};
use serde_json::{Value, json};

struct Desk {
    stage: Stage,
    home: RelayHome,
    relay: Relay,
    anna: Client,
    ben: Client,
}

/// Two analysts, signed in, each with the same forty profiles.
fn desk() -> Result<Desk> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let (anna, ben) = (stage.client("anna")?, stage.client("ben")?);
    let file = stage.path("people.ndjson.gz");
    let people: Vec<Value> = (0..40)
        .map(|n| {
            let at = "2025-01-01T00:00:00Z";
            json!({
                "schema": "user_profile.v1", "id": format!("p-{n}"), "attributes": { "n": n },
                "notes": "first line", "tags": ["made"],
                "observations": [{ "signal": "s", "value": n, "at": at }]
            })
        })
        .collect();
    write_lines(&file, &people)?;
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
}

fn tags(profile: &Value) -> Vec<&str> {
    profile["record"]["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn a_fresh_replica_gets_everything() -> Result<()> {
    let desk = desk()?;
    assert_eq!(desk.ben.status()?["profiles"], 40);
    desk.settle()
}

#[test]
fn edits_of_different_fields_meet_without_a_conflict() -> Result<()> {
    let desk = desk()?;
    desk.anna.edit("p-1", &["--set", "attributes.city=Bern", "--add-tag", "vip"])?;
    desk.ben.edit("p-1", &["--set", "display_name=Person One", "--add-tag", "called"])?;
    desk.settle()?;
    let profile = desk.anna.show("p-1")?;
    assert_eq!(profile["record"]["attributes"]["city"], "Bern");
    assert_eq!(profile["record"]["display_name"], "Person One");
    assert_eq!(tags(&profile), ["called", "made", "vip"]);
    assert_eq!(profile["conflicts"], json!([]));
    assert_eq!(profile["status"], "synced");
    Ok(())
}

#[test]
fn a_conflict_is_listed_on_both_sides_until_one_decides() -> Result<()> {
    let desk = desk()?;
    desk.anna.edit("p-1", &["--set", "attributes.city=Bern"])?;
    desk.ben.edit("p-1", &["--set", "attributes.city=Graz"])?;
    desk.settle()?;
    for client in [&desk.anna, &desk.ben] {
        assert_eq!(client.status()?["conflicts"], 1);
        let listed = client.run(&["list", "--filter", "status:conflict"])?.done()?;
        assert_eq!(listed["rows"][0]["id"], "p-1");
        let profile = client.show("p-1")?;
        assert_eq!(profile["status"], "conflict");
        assert_eq!(profile["conflicts"][0]["pointer"], "/attributes/city");
        let values = profile["conflicts"][0]["values"].as_array().context("values")?;
        let mut values: Vec<&str> = values.iter().filter_map(|v| v["value"].as_str()).collect();
        assert_eq!(profile["record"]["attributes"]["city"], values[0], "the first value is shown");
        values.sort_unstable();
        assert_eq!(values, ["Bern", "Graz"], "nothing is dropped");
    }
    desk.ben.edit("p-1", &["--set", "attributes.city=Basel"])?;
    desk.settle()?;
    assert_eq!(desk.anna.status()?["conflicts"], 0, "setting the field decides");
    assert_eq!(desk.anna.show("p-1")?["record"]["attributes"]["city"], "Basel");
    Ok(())
}

#[test]
fn history_names_who_changed_what_on_the_other_side() -> Result<()> {
    let desk = desk()?;
    desk.anna.edit("p-2", &["--set", "attributes.city=Bern"])?;
    desk.settle()?;
    let history = desk.ben.run(&["show", "p-2", "--history"])?.done()?["history"].clone();
    let newest = &history["entries"][0];
    assert_eq!(newest["kind"], "edit");
    assert_eq!(newest["by"], "Anna");
    assert_eq!(newest["fields"][0]["pointer"], "/attributes/city");
    assert_eq!(newest["pending"], false);
    Ok(())
}

#[test]
fn whoever_sends_a_change_under_another_name_is_told_beside_it() -> Result<()> {
    let desk = desk()?;
    desk.anna.edit("p-2", &["--set", "attributes.city=Bern"])?;
    // What waits was made under another name than that of the token that it goes with.
    desk.anna.login(desk.relay.url(), &desk.home.token("analyst", "Dora")?)?;
    desk.anna.edit("p-2", &["--set", "attributes.city=Graz"])?;
    desk.settle()?;
    let http = Http::new(desk.relay.url(), Some(&desk.home.token("viewer", "reader")?));
    let history = http.get("/profiles/p-2/history")?.expect(200)?.json();
    let changes = history["changes"].as_array().context("changes")?;
    let told: Vec<_> = changes.iter().map(|one| (&one["by"], &one["sent_by"])).collect();
    let (anna, dora) = (&json!("Anna"), &json!("Dora"));
    assert_eq!(told, [(&Value::Null, &Value::Null), (anna, dora), (dora, &Value::Null)]);
    Ok(())
}

#[test]
fn a_wrong_token_is_unauthorized_and_keeps_everything() -> Result<()> {
    let desk = desk()?;
    let client = desk.stage.client("stranger")?;
    let file = desk.stage.path("people.ndjson.gz");
    client.import(&[file])?;
    let login = client.run(&["login", desk.relay.url(), "--token", "kt_not-a-token"])?;
    let problem = match login.code() {
        // Whether the token is tried at login or at the first sync, it must be said.
        Some(0) => client.run(&["sync"])?.problem()?,
        _ => login.problem()?,
    };
    assert_eq!(problem, "unauthorized");
    assert_eq!(client.status()?["profiles"], 40);
    Ok(())
}

#[test]
fn syncing_without_a_relay_says_so() -> Result<()> {
    let stage = Stage::new()?;
    assert_eq!(stage.client("a")?.run(&["sync"])?.problem()?, "not_signed_in");
    Ok(())
}

#[test]
fn a_relay_that_is_down_keeps_changes_pending_until_it_is_back() -> Result<()> {
    let mut desk = desk()?;
    let port = desk.relay.port()?;
    // A relay that was killed, not one that said goodbye.
    desk.relay.kill()?;
    desk.anna.edit("p-3", &["--set", "attributes.city=Bern"])?;
    desk.anna.edit("p-4", &["--add-tag", "vip"])?;
    assert_eq!(desk.anna.run(&["sync"])?.problem()?, "offline");
    let status = desk.anna.status()?;
    assert_eq!(status["state"], "offline", "{status}");
    assert_eq!(status["pending"], 2, "{status}");
    assert_eq!(desk.anna.show("p-3")?["status"], "pending");
    desk.relay = desk.home.start_on(port)?;
    desk.settle()?;
    assert_eq!(desk.ben.show("p-3")?["record"]["attributes"]["city"], "Bern");
    Ok(())
}

#[test]
fn a_viewer_reads_but_cannot_push_and_loses_nothing() -> Result<()> {
    let desk = desk()?;
    let viewer = desk.stage.client("viewer")?;
    viewer.login(desk.relay.url(), &desk.home.token("viewer", "Vera")?)?;
    assert_eq!(viewer.sync()?["profiles"], 40, "a viewer reads");
    viewer.edit("p-5", &["--set", "attributes.city=Bern"])?;
    assert_eq!(viewer.run(&["sync"])?.problem()?, "forbidden");
    assert_eq!(viewer.show("p-5")?["record"]["attributes"]["city"], "Bern", "nothing is lost");
    assert_eq!(viewer.status()?["pending"], 1);
    desk.settle()?;
    assert_eq!(desk.ben.show("p-5")?["record"]["attributes"], json!({ "n": 5 }), "nor passed on");
    Ok(())
}

#[test]
fn the_same_people_imported_differently_on_two_desks_become_one() -> Result<()> {
    let desk = desk()?;
    for (client, value, file) in [(&desk.anna, 1, "a.ndjson"), (&desk.ben, 2, "b.ndjson")] {
        let path = desk.stage.path(file);
        let at = format!("2025-02-0{value}T00:00:00Z");
        let person = json!({
            "schema": "user_profile.v1", "id": "late", "attributes": { "from": file },
            "observations": [{ "signal": "s", "value": value, "at": at }]
        });
        write_lines(&path, &[person])?;
        client.import(&[path])?;
    }
    desk.settle()?;
    let record = desk.anna.show("late")?["record"].clone();
    let observations = record["observations"].as_array().context("observations")?;
    assert_eq!(observations.len(), 2, "both desks' facts are there: {record}");
    Ok(())
}

#[test]
fn tokens_of_roles_that_do_not_exist_are_refused() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let create = ["token", "create", "--org", "Test", "--role", "emperor", "--name", "N"];
    assert_eq!(home.admin(&create)?.code(), Some(2), "wrong usage");
    let create = ["token", "create", "--org", "Nobody", "--role", "analyst", "--name", "N"];
    assert_eq!(home.admin(&create)?.code(), Some(1), "an organisation that is not there");
    Ok(())
}
