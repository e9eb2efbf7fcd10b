//! Deleting profiles, with two real clients and a real relay.

use anyhow::{Context, Result};
use kartei_test_support::{Client, Relay, Stage, write_lines};
use serde_json::{Value, json};

struct Desk {
    _stage: Stage,
    _relay: Relay,
    anna: Client,
    ben: Client,
}

fn desk() -> Result<Desk> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let (anna, ben) = (stage.client("anna")?, stage.client("ben")?);
    let file = stage.path("people.ndjson");
    let people: Vec<Value> = (0..10)
        .map(|n| json!({"schema": "user_profile.v1", "id": format!("p-{n}"), "attributes": {"n": n}}))
        .collect();
    write_lines(&file, &people)?;
    anna.import(&[&file])?;
    for (client, name) in [(&anna, "Anna"), (&ben, "Ben")] {
        client.login(relay.url(), &home.token("analyst", name)?)?;
        client.sync()?;
    }
    Ok(Desk { _stage: stage, _relay: relay, anna, ben })
}

impl Desk {
    /// Both know of everything, and have as many profiles.
    fn settle(&self, profiles: u64) -> Result<()> {
        for client in [&self.anna, &self.ben, &self.anna] {
            let status = client.sync()?;
            assert_eq!(status["state"], "up_to_date", "{status}");
            assert_eq!(status["pending"], 0, "{status}");
        }
        for client in [&self.anna, &self.ben] {
            assert_eq!(client.status()?["profiles"], profiles);
            let check = client.run(&["check"])?.done()?;
            assert_eq!(check["findings"], json!([]), "everything agrees");
        }
        assert!(self.anna.export()? == self.ben.export()?, "the replicas differ");
        Ok(())
    }
}

#[test]
fn a_deletion_and_its_undo_come_to_the_other_side() -> Result<()> {
    let desk = desk()?;
    desk.settle(10)?;
    let done = desk.anna.run(&["delete", "p-1", "p-2"])?.done()?;
    assert_eq!((&done["changed"], &done["act"]["kind"]), (&json!(2), &json!("delete")));
    let done = desk.anna.run(&["delete", "--filter", "n>=7"])?.done()?;
    assert_eq!(done["changed"], 3);
    desk.settle(5)?;
    assert_eq!(desk.ben.run(&["show", "p-1"])?.expect_code(1)?.problem()?, "not_found");
    let plain = desk.ben.run_plain(&["list"])?.expect_code(0)?;
    let listed = String::from_utf8_lossy(plain.stdout()).into_owned();
    assert!(!listed.contains("p-8") && listed.contains("p-0"), "{listed}");

    assert_eq!(desk.anna.run(&["undo"])?.done()?["changed"], 3);
    desk.settle(8)?;
    assert_eq!(desk.ben.show("p-8")?["record"]["attributes"]["n"], 8);
    Ok(())
}

#[test]
fn nothing_is_deleted_for_want_of_an_argument() -> Result<()> {
    let desk = desk()?;
    desk.anna.run_plain(&["delete"])?.expect_code(2)?;
    desk.anna.run(&["delete", "nobody"])?.expect_code(3)?;
    desk.anna.run(&["delete", "--filter", "("])?.expect_code(2)?;
    desk.settle(10)
}

#[test]
fn what_somebody_wrote_beside_a_deletion_is_decided_by_people() -> Result<()> {
    let desk = desk()?;
    for id in ["p-3", "p-4"] {
        desk.anna.run(&["delete", id])?.done()?;
        desk.ben.edit(id, &["--add-tag", "vip"])?;
    }
    desk.settle(10)?;
    for client in [&desk.anna, &desk.ben] {
        let profile = client.show("p-3")?;
        let conflict = &profile["conflicts"][0];
        assert_eq!(conflict["pointer"], "", "{profile}");
        let sides: Vec<(&Value, &Value, &Value)> = conflict["values"]
            .as_array()
            .context("a conflict has values")?
            .iter()
            .map(|value| (&value["key"], &value["value"], &value["by"]))
            .collect();
        let (kept, deleted) = (json!("kept"), json!("deleted"));
        assert_eq!(
            sides,
            [(&kept, &json!(false), &json!("Ben")), (&deleted, &json!(true), &json!("Anna"))]
        );
        let text = client.run_plain(&["show", "p-3"])?.expect_code(0)?;
        let text = String::from_utf8_lossy(text.stdout()).into_owned();
        assert!(text.contains("the whole profile") && text.contains("key deleted"), "{text}");
    }
    desk.anna.run(&["resolve", "p-3", "", "kept"])?.done()?;
    let decided = desk.ben.run(&["resolve", "p-4", "", "deleted"])?.done()?;
    assert_eq!(decided["deleted"], true);
    desk.settle(9)?;
    assert_eq!(desk.anna.status()?["conflicts"], 0);
    assert_eq!(desk.ben.show("p-3")?["record"]["tags"], json!(["vip"]));
    assert_eq!(desk.anna.run(&["show", "p-4"])?.problem()?, "not_found");
    Ok(())
}
