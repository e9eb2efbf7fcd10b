//! Merging profiles, with two real clients and a real relay.

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
    let person = |id: &str, city: &str, tag: &str| {
        json!({"schema": "user_profile.v1", "id": id, "tags": [tag],
            "attributes": {"city": city, tag: true}})
    };
    write_lines(
        &file,
        &[person("a", "Bern", "x"), person("b", "Basel", "y"), person("c", "Chur", "z")],
    )?;
    anna.import(&[&file])?;
    for (client, name) in [(&anna, "Anna"), (&ben, "Ben")] {
        client.login(relay.url(), &home.token("analyst", name)?)?;
        client.sync()?;
    }
    Ok(Desk { _stage: stage, _relay: relay, anna, ben })
}

fn merge(client: &Client, kept: &str, merged: &str) -> Result<Value> {
    client.run(&["merge", kept, merged, "--yes"])?.done()
}

impl Desk {
    /// Both know of everything, and have as many profiles.
    fn settle(&self, profiles: u64) -> Result<()> {
        for client in [&self.anna, &self.ben, &self.anna] {
            let status = client.sync()?;
            assert_eq!(status["state"], "up_to_date", "{status}");
            assert_eq!((&status["pending"], &status["repaired"]), (&json!(0), &Value::Null));
        }
        for client in [&self.anna, &self.ben] {
            assert_eq!(client.status()?["profiles"], profiles);
            let check = client.run(&["check"])?.done()?;
            assert_eq!(check["findings"], json!([]), "everything agrees");
        }
        assert!(self.anna.export()? == self.ben.export()?, "the replicas differ");
        Ok(())
    }

    fn resolves(&self, id: &str, into: &str) -> Result<()> {
        for client in [&self.anna, &self.ben] {
            let shown = client.show(id)?;
            assert_eq!((&shown["id"], &shown["asked"]), (&json!(into), &json!(id)), "{shown}");
        }
        Ok(())
    }
}

#[test]
fn a_merging_comes_to_the_other_side_and_so_does_its_undo() -> Result<()> {
    let desk = desk()?;
    desk.settle(3)?;
    let shown = desk.anna.run_plain(&["merge", "a", "b"])?.expect_code(0)?;
    let text = String::from_utf8_lossy(shown.stdout()).into_owned();
    assert!(text.contains("/attributes/city: Bern | Basel → Bern"), "{text}");
    assert!(text.contains("Nothing was changed"), "nobody was there to be asked: {text}");
    desk.settle(3)?;

    let args = ["merge", "a", "b", "--take", "/attributes/city", "--yes"];
    let done = desk.anna.run(&args)?.done()?;
    assert_eq!(done["done"]["act"]["kind"], "merge", "{done}");
    assert_eq!(done["preview"]["after"]["tags"], 2);
    desk.settle(2)?;
    desk.resolves("b", "a")?;
    let record = desk.ben.show("a")?["record"].clone();
    assert_eq!(record["attributes"], json!({"city": "Basel", "x": true, "y": true}));
    let text = desk.ben.run_plain(&["show", "b", "--history"])?.expect_code(0)?;
    let text = String::from_utf8_lossy(text.stdout()).into_owned();
    assert!(text.contains("b was merged into this profile"), "{text}");
    assert!(text.contains("merged into a by Anna"), "its own past is told: {text}");
    let found = desk.ben.run(&["search", "b"])?.done()?;
    assert_eq!(found["merged"], json!({"id": "b", "into": "a"}));

    // A chain, begun here and gone on with there.
    merge(&desk.ben, "c", "a")?;
    desk.settle(1)?;
    desk.resolves("b", "c")?;
    desk.ben.run(&["undo"])?.done()?;
    desk.anna.sync()?;
    desk.settle(2)?;
    assert_eq!(desk.anna.run(&["undo"])?.done()?["changed"], 2);
    desk.settle(3)?;
    assert_eq!(desk.ben.show("b")?["id"], "b");
    Ok(())
}

#[test]
fn two_mergings_into_each_other_lose_nobody() -> Result<()> {
    let desk = desk()?;
    merge(&desk.anna, "a", "b")?;
    merge(&desk.ben, "b", "a")?;
    desk.settle(3)?;
    for id in ["a", "b"] {
        let shown = desk.anna.show(id)?;
        let whole = &shown["conflicts"][0];
        assert_eq!((&shown["id"], &whole["pointer"]), (&json!(id), &json!("")), "{shown}");
    }
    desk.anna.run(&["merge", "a", "b", "--yes"])?.expect_code(1)?;
    desk.anna.run(&["resolve", "a", "", "kept"])?.done()?;
    desk.ben.run(&["resolve", "b", "", "deleted"])?.done()?;
    desk.settle(2)?;
    desk.resolves("b", "a")
}

#[test]
fn what_does_not_fit_is_refused_by_name() -> Result<()> {
    let desk = desk()?;
    for (client, id) in [(&desk.anna, "a"), (&desk.anna, "b")] {
        let tags: Vec<String> = (0..40).map(|n| format!("{id}{n}")).collect();
        let args = tags.iter().flat_map(|tag| ["--add-tag", tag]).collect::<Vec<_>>();
        client.edit(id, &args)?;
    }
    let shown = desk.anna.run(&["merge", "a", "b", "--yes"])?.expect_code(1)?;
    let preview: Value = serde_json::from_slice(shown.stdout()).context("JSON")?;
    assert_eq!(preview["preview"]["obstacles"][0]["pointer"], "/tags", "{preview}");
    let refused = desk.anna.run(&["merge", "a", "a", "--yes"])?.expect_code(1)?;
    assert_eq!(refused.problem()?, "blocked");
    desk.settle(3)
}
