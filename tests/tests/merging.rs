//! Merging profiles, with two real clients and a real relay.

use anyhow::{Context, Result};
use kartei_test_support::{Client, Http, Relay, Stage, write_lines};
use serde_json::{Value, json};

struct Desk {
    _stage: Stage,
    _relay: Relay,
    anna: Client,
    ben: Client,
    admin: Http,
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
    let role = |name| if name == "Anna" { "admin" } else { "analyst" };
    for (client, name) in [(&anna, "Anna"), (&ben, "Ben")] {
        client.login(relay.url(), &home.token(role(name), name)?)?;
        client.sync()?;
    }
    let admin = Http::new(relay.url(), Some(&home.token("admin", "Admin")?));
    Ok(Desk { _stage: stage, _relay: relay, anna, ben, admin })
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

#[test]
fn the_relay_leads_from_one_id_to_the_other() -> Result<()> {
    let desk = desk()?;
    merge(&desk.anna, "a", "b")?;
    merge(&desk.anna, "c", "a")?;
    desk.settle(1)?;
    for id in ["a", "b"] {
        let answer = desk.admin.get(&format!("/profiles/{id}"))?.expect(308)?;
        assert_eq!(answer.header("location"), Some("/profiles/c"));
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let problem = answer.json();
        assert_eq!((&problem["code"], &problem["into"]), (&json!("merged"), &json!("c")));
    }
    let history = desk.admin.get("/profiles/b/history")?.expect(200)?.json();
    let last = history["changes"].as_array().and_then(|all| all.last()).context("changes")?;
    assert_eq!((&last["kind"], &last["became"]), (&json!("deletion"), &json!("a")), "{history}");
    let before = desk.admin.get("/profiles/b?at_rev=3")?.expect(200)?.json();
    assert_eq!(before["id"], "b", "what it was is still there");

    desk.anna.run(&["undo"])?.done()?;
    desk.settle(2)?;
    desk.admin.get("/profiles/a")?.expect(200)?;
    let answer = desk.admin.get("/profiles/b")?.expect(308)?;
    assert_eq!(answer.header("location"), Some("/profiles/a"));
    // Of a survivor that is deleted nothing is left to lead to.
    desk.anna.run(&["delete", "a"])?.done()?;
    desk.settle(1)?;
    desk.admin.get("/profiles/b")?.expect(404)?;
    Ok(())
}

#[test]
fn erasing_a_profile_erases_those_that_became_it() -> Result<()> {
    let desk = desk()?;
    merge(&desk.anna, "a", "b")?;
    merge(&desk.anna, "c", "a")?;
    desk.settle(1)?;
    desk.admin.send("POST", "/profiles/c/erase", &[], b"")?.expect(200)?;
    for _ in 0..2 {
        desk.settle(0)?;
    }
    for id in ["a", "b", "c"] {
        desk.admin.get(&format!("/profiles/{id}"))?.expect(410)?;
        for client in [&desk.anna, &desk.ben] {
            assert_eq!(client.run(&["show", id])?.problem()?, "erased");
        }
    }
    let list = desk.admin.get("/erasures")?.expect(200)?.json();
    let erasures = list["erasures"].as_array().context("a list")?;
    assert_eq!(erasures.len(), 3, "{list}");
    assert!(erasures.iter().all(|one| one["outstanding"] == 0), "everybody confirmed: {list}");
    Ok(())
}

#[test]
fn a_merging_into_somebody_who_was_erased_meanwhile_erases_as_well() -> Result<()> {
    let desk = desk()?;
    desk.settle(3)?;
    // Ben is offline, and knows that these two are one.
    merge(&desk.ben, "a", "b")?;
    desk.admin.send("POST", "/profiles/a/erase", &[], b"")?.expect(200)?;
    desk.ben.sync()?;
    desk.settle(1)?;
    for client in [&desk.anna, &desk.ben] {
        assert_eq!(client.run(&["show", "b"])?.problem()?, "erased");
        assert_eq!(client.show("c")?["id"], "c");
    }
    desk.admin.get("/profiles/b")?.expect(410)?;
    Ok(())
}
