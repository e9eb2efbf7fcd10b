//! Erasing a profile for good: afterwards it is in no file of anybody.

mod traces;

use std::time::Duration;

use anyhow::{Context, Result};
use kartei_test_support::{
    Client, Dice, Http, Postgres, RelayHome, Stage, gzipped, pass, until, write_lines,
};
use serde_json::{Value, json};
use traces::{files_with, tables_with};

/// How long is waited for something that comes by itself.
const DEADLINE: Duration = Duration::from_secs(60);

/// The person, and what only their record says.
const ID: &str = "zaubernuss-7";
const SECRET: &str = "Geheimwort4711";
const TEXTS: &[&str] = &[ID, SECRET];

const NDJSON: &[(&str, &str)] = &[("content-type", "application/x-ndjson")];

fn person(id: &str, note: &str) -> Value {
    json!({"schema": "user_profile.v1", "id": id, "attributes": {"note": note}, "tags": [note]})
}

fn people(count: usize) -> Vec<Value> {
    let mut people: Vec<Value> = (0..count).map(|n| person(&format!("p-{n}"), "usual")).collect();
    people.insert(count / 2, person(ID, SECRET));
    people
}

/// Fills the relay's archives with the person: lines that were applied and lines that were not.
fn import_over_http(http: &Http) -> Result<()> {
    let applied = format!("{}\n{}\n", person("r-1", "usual"), person(ID, SECRET));
    http.send("POST", "/profiles/import", NDJSON, applied.as_bytes())?.expect(200)?;
    let broken = format!(
        "{}\n{{\"id\":\"{ID}\",\"attributes\":{{\"{SECRET}\":[]}},\"schema\":\"user_profile.v1\"}}\n\
         {{\"id\": \"{ID}\", \"cut\": \"{SECRET}\n",
        person("r-2", "usual")
    );
    let packed = gzipped(broken.as_bytes())?;
    http.send("POST", "/profiles/import", NDJSON, &packed)?.expect(207)?;
    Ok(())
}

/// Three devices; the one in the middle has the person with changes that nobody else has.
struct World {
    stage: Stage,
    anna: Client,
    ben: Client,
    carl: Client,
    admin: Http,
}

fn world(home: &RelayHome, stage: Stage, urls: [&str; 2]) -> Result<World> {
    let [first, second] = urls;
    let (anna, ben, carl) = (stage.client("anna")?, stage.client("ben")?, stage.client("carl")?);
    anna.login(first, &home.token("admin", "Anna")?)?;
    ben.login(second, &home.token("analyst", "Ben")?)?;
    carl.login(second, &home.token("viewer", "Carl")?)?;
    let file = stage.path("people.ndjson");
    write_lines(&file, &people(2_000))?;
    anna.import(&[&file])?;
    std::fs::remove_file(&file)?;
    anna.sync()?;
    import_over_http(&Http::new(first, Some(&home.token("analyst", "pipeline")?)))?;
    for client in [&anna, &ben, &carl] {
        client.sync()?;
    }
    anna.edit(ID, &["--set", &format!("attributes.more={SECRET}")])?;
    anna.run(&["bulk", "--id", ID, "--id", "p-1", "--add-tag", "both"])?.done()?;
    anna.run(&["undo"])?.done()?;
    anna.sync()?;
    ben.sync()?;
    // Ben goes offline, edits, and has a file refused that names the person.
    ben.edit(ID, &["--set", &format!("attributes.ben={SECRET}")])?;
    let refused = stage.path("refused.ndjson");
    let lines = format!(
        "{{\"schema\":\"user_profile.v1\",\"id\":\"{ID}\",\"attributes\":{{\"x\":[\"{SECRET}\"]}}}}\n\
         {{\"schema\":\"user_profile.v1\",\"id\":\"p-3\",\"attributes\":{{\"x\":[]}}}}\n"
    );
    std::fs::write(&refused, lines)?;
    ben.run(&["import", refused.to_str().context("a path")?])?.expect_code(3)?;
    std::fs::remove_file(&refused)?;
    carl.sync()?;
    let admin = Http::new(first, Some(&home.token("admin", "Admin")?));
    Ok(World { stage, anna, ben, carl, admin })
}

impl World {
    fn everywhere(&self) -> Result<Vec<std::path::PathBuf>> {
        files_with(&self.stage.path(""), TEXTS)
    }

    fn report(&self) -> Result<Value> {
        let list = self.admin.get("/erasures")?.expect(200)?.json();
        Ok(list["erasures"][0].clone())
    }

    fn is_clean(&self) -> Result<bool> {
        Ok(self.report()?["archives_clean_at"].is_string())
    }

    fn outstanding(&self) -> Result<Vec<String>> {
        let report = self.report()?;
        let devices = report["devices"].as_array().context("devices")?;
        let open = devices.iter().filter(|device| device.get("confirmed_at").is_none());
        Ok(open.map(|device| device["name"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// Everybody comes back twice: once to be told, once to say that it is done.
    fn all_come_back(&self) -> Result<()> {
        for client in [&self.anna, &self.ben, &self.carl] {
            client.sync()?;
            client.sync()?;
            let shown = client.run(&["show", ID])?.problem()?;
            assert_eq!(shown, "erased");
            assert_eq!(client.status()?["profiles"], 2_002);
            let check = client.run(&["check"])?.done()?;
            assert_eq!(check["findings"], json!([]), "{check}");
        }
        assert_eq!(self.anna.export()?, self.ben.export()?);
        Ok(())
    }
}

#[test]
fn afterwards_nobody_has_anything_of_the_person() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let world = world(&home, stage, [relay.url(), relay.url()])?;
    let before = world.everywhere()?;
    for folder in ["relay", "client-anna", "client-ben", "client-carl"] {
        let folder = world.stage.path(folder);
        assert!(before.iter().any(|path| path.starts_with(&folder)), "{before:?}");
    }

    let told = world.ben.run(&["erase", ID])?.problem()?;
    assert_eq!(told, "forbidden", "an analyst may not");
    let report = world.anna.run(&["erase", ID])?.done()?;
    assert_eq!((&report["by"], &report["outstanding"]), (&json!("Anna"), &json!(3)), "{report}");
    assert_eq!(world.anna.run(&["show", ID])?.problem()?, "erased", "here at once");
    // Ben was offline with an edit of the person.
    world.all_come_back()?;
    assert_eq!(world.outstanding()?, Vec::<String>::new());
    until(DEADLINE, "the archives are clean", || world.is_clean())?;
    assert_eq!(world.everywhere()?, Vec::<std::path::PathBuf>::new());
    let again = world.anna.run(&["erase", ID])?.done()?;
    assert_eq!(again["revision"], report["revision"], "twice is once");

    // It does not come back: not from a file here, not from one over HTTP, nor its archive.
    let file = world.stage.path("again.ndjson");
    write_lines(&file, &[person(ID, SECRET), person("p-new", "usual")])?;
    world.ben.import(&[&file])?;
    std::fs::remove_file(&file)?;
    world.ben.sync()?;
    assert_eq!(world.ben.run(&["show", ID])?.problem()?, "erased");
    assert_eq!(world.ben.status()?["pending"], 0);
    let body = format!("{}\n{}\n", person(ID, SECRET), person("p-newer", "usual"));
    let reply =
        world.admin.send("POST", "/profiles/import", NDJSON, body.as_bytes())?.expect(207)?;
    assert_eq!((&reply.json()["created"], &reply.json()["rejected"]), (&json!(1), &json!(1)));
    until(DEADLINE, "the archives are clean again", || {
        Ok(world.is_clean()? && world.everywhere()?.is_empty())
    })
}

#[test]
fn a_person_of_whom_there_are_only_refused_lines_is_erased() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let admin = Http::new(relay.url(), Some(&home.token("admin", "Admin")?));
    // Refused for its place in the record, so that there is no profile of it.
    let broken =
        format!("{{\"id\":\"{ID}\",\"attributes\":{{\"deep\":{{\"word\":\"{SECRET}\"}}}}}}");
    let body = format!("{broken}\n{}\n", person("p-new", "usual"));
    admin.send("POST", "/profiles/import", NDJSON, body.as_bytes())?.expect(207)?;
    let traces = || files_with(home.data(), TEXTS);
    assert!(!traces()?.is_empty(), "the archive has the line");

    let erase = format!("/profiles/{ID}/erase");
    admin.send("POST", &erase, &[], &[])?.expect(404)?;
    assert!(!traces()?.is_empty());
    let report = admin.send("POST", &format!("{erase}?unknown=true"), &[], &[])?.expect(200)?;
    assert_eq!(report.json()["revision"], 2);
    let again = admin.send("POST", &erase, &[], &[])?.expect(200)?;
    assert_eq!(again.json()["revision"], 2, "it is known now");
    until(DEADLINE, "the archive is clean", || Ok(traces()?.is_empty()))?;
    admin.send("POST", &format!("{erase}?unknow=true"), &[], &[])?.expect(400)?;
    admin.get(&format!("/profiles/{ID}"))?.expect(410)?;
    admin.get("/profiles/p-new")?.expect(200)?;
    Ok(())
}

#[test]
fn two_relays_on_one_database_forget_together() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("erasure")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?;
    let (first, second) = (home.start()?, home.start()?);
    let world = world(&home, stage, [first.url(), second.url()])?;
    assert!(!tables_with(&cluster, "erasure", TEXTS)?.is_empty());
    // Both have it in memory.
    let through =
        [first.url(), second.url()].map(|url| Ok(Http::new(url, Some(&home.token("admin", url)?))));
    let [one, other]: [Result<Http>; 2] = through;
    let (one, other) = (one?, other?);
    let listed = format!("/profiles?filter=id:{ID}");
    for http in [&one, &other] {
        assert_eq!(http.get(&listed)?.expect(200)?.json()["total"], 1);
    }
    one.send("POST", &format!("/profiles/{ID}/erase"), &[], &[])?.expect(200)?;
    for http in [&one, &other] {
        http.get(&format!("/profiles/{ID}"))?.expect(410)?;
        assert_eq!(http.get(&listed)?.expect(200)?.json()["total"], 0);
    }
    world.all_come_back()?;
    until(DEADLINE, "the archives are clean", || world.is_clean())?;
    assert_eq!(tables_with(&cluster, "erasure", TEXTS)?, Vec::<String>::new());
    assert_eq!(world.everywhere()?, Vec::<std::path::PathBuf>::new());
    Ok(())
}

#[test]
fn integrators_are_told_and_refused() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let admin = Http::new(relay.url(), Some(&home.token("admin", "Admin")?));
    let analyst = Http::new(relay.url(), Some(&home.token("analyst", "Program")?));
    let at = |id: &str| format!("/profiles/{id}");
    let body = person(ID, SECRET).to_string();
    let create = [("content-type", "application/json"), ("if-none-match", "*")];
    let change = [("content-type", "application/json"), ("if-match", "*")];
    analyst.send("PUT", &at(ID), &create, body.as_bytes())?.expect(201)?;
    let mut events = analyst.events("/profiles/changes", &[("accept", "text/event-stream")])?;
    assert_eq!(events.next_event()?.name, "profile");

    let erase = format!("/profiles/{ID}/erase");
    let refused = analyst.send("POST", &erase, &[], &[])?.expect(403)?;
    assert_eq!(refused.json()["code"], "forbidden");
    analyst.get("/erasures")?.expect(403)?;
    admin.send("POST", "/profiles/nobody/erase", &[], &[])?.expect(404)?;
    let report = admin.send("POST", &erase, &[], &[])?.expect(200)?.json();
    assert_eq!((&report["revision"], &report["outstanding"]), (&json!(2), &json!(0)));
    assert!(!report.to_string().contains(ID), "{report}");
    let again = admin.send("POST", &erase, &[], &[])?.expect(200)?.json();
    assert_eq!(again["revision"], 2);

    let event = events.next_event()?;
    assert_eq!((event.name.as_str(), event.id.as_str()), ("erased", "2"));
    let changes = analyst.get("/profiles/changes?since_rev=1")?.expect(200)?.json();
    assert_eq!((&changes["profiles"], &changes["next_rev"]), (&json!([]), &json!(2)));
    assert_eq!(changes["erased"][0]["revision"], 2);
    assert!(!changes.to_string().contains(ID));
    let lines =
        analyst.send("GET", "/profiles/changes", &[("accept", "application/x-ndjson")], &[])?;
    let line: Value = serde_json::from_str(lines.text().trim())?;
    assert_eq!((&line["erased"], &line["revision"]), (&json!(true), &json!(2)));

    let gone = |reply: kartei_test_support::Reply| -> Result<()> {
        assert_eq!(reply.expect(410)?.json()["code"], "erased");
        Ok(())
    };
    gone(analyst.get(&at(ID))?)?;
    gone(analyst.get(&format!("{}/history", at(ID)))?)?;
    gone(analyst.get(&format!("{}?at_rev=1", at(ID)))?)?;
    gone(analyst.send("PUT", &at(ID), &create, body.as_bytes())?)?;
    gone(analyst.send("PUT", &at(ID), &change, body.as_bytes())?)?;
    let patch = [("content-type", "application/merge-patch+json"), ("if-match", "*")];
    gone(analyst.send("PATCH", &at(ID), &patch, b"{}")?)?;
    gone(analyst.send("DELETE", &at(ID), &[("if-match", "*")], &[])?)?;
    let merge = json!({"base": "0".repeat(64), "record": person(ID, SECRET)}).to_string();
    let json_type = [("content-type", "application/json")];
    gone(analyst.send("POST", &format!("{}/merge", at(ID)), &json_type, merge.as_bytes())?)?;
    let list = admin.get("/erasures")?.expect(200)?.json();
    assert_eq!(list["erasures"][0]["by"], "Admin");
    Ok(())
}

#[test]
fn dying_at_any_moment_only_delays_it() -> Result<()> {
    let mut dice = Dice::from_environment();
    println!("KARTEI_SEED={}", dice.seed());
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let mut relay = home.start()?;
    let port = relay.port()?;
    let world = world(&home, stage, [relay.url(), relay.url()])?;
    // By the administrator's command, which is killed at some moment again and again.
    for _ in 0..6 {
        let mut command = world.anna.start(&["erase", ID])?;
        pass(dice.moment(Duration::from_millis(60)));
        relay.kill()?;
        command.wait()?;
        relay = home.start_on(port)?;
    }
    world.admin.send("POST", &format!("/profiles/{ID}/erase"), &[], &[])?.expect(200)?;
    for client in [&world.anna, &world.ben, &world.carl] {
        for _ in 0..6 {
            let mut sync = client.start(&["sync"])?;
            pass(dice.moment(Duration::from_millis(80)));
            sync.kill()?;
            sync.wait()?;
        }
    }
    world.all_come_back()?;
    assert_eq!(world.outstanding()?, Vec::<String>::new());
    until(DEADLINE, "the archives are clean", || world.is_clean())?;
    assert_eq!(world.everywhere()?, Vec::<std::path::PathBuf>::new());
    Ok(())
}
