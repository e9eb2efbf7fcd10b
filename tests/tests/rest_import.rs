//! Imports over HTTP, as an integrator's pipeline makes them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};
use kartei_test_support::{
    Http, Postgres, Relay, RelayHome, Reply, Stage, gzipped, lines_of, repository, until,
};
use serde_json::{Value, json};

/// How long is waited for what the relay does by itself.
const WITHIN: Duration = Duration::from_secs(30);

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

struct Service {
    stage: Stage,
    home: RelayHome,
    relay: Relay,
    http: Http,
}

fn service() -> Result<Service> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    started(stage, home)
}

fn started(stage: Stage, home: RelayHome) -> Result<Service> {
    let relay = home.start()?;
    let http = Http::new(relay.url(), Some(&home.token("analyst", "pipeline")?));
    Ok(Service { stage, home, relay, http })
}

impl Service {
    fn import(&self, query: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Reply> {
        let mut all = vec![NDJSON];
        all.extend(headers);
        self.http.send("POST", &format!("/profiles/import{query}"), &all, body)
    }

    fn head(&self) -> Result<Value> {
        Ok(self.http.get("/profiles/changes?limit=1")?.json()["head_rev"].clone())
    }
}

fn person(id: &str, attributes: &Value) -> String {
    json!({"schema": "user_profile.v1", "id": id, "attributes": attributes}).to_string() + "\n"
}

fn people(count: usize) -> String {
    (0..count).map(|n| person(&format!("p-{n}"), &json!({"n": n}))).collect()
}

fn counts(reply: &Reply) -> [u64; 5] {
    let answer = reply.json();
    ["lines", "created", "updated", "unchanged", "rejected"]
        .map(|name| answer[name].as_u64().unwrap_or(999))
}

#[test]
fn the_status_tells_what_became_of_the_lines() -> Result<()> {
    let service = service()?;
    let good = service.import("", &[], people(2_500).as_bytes())?.expect(200)?;
    assert_eq!(counts(&good), [2_500, 2_500, 0, 0, 0]);
    assert_eq!(
        (&good.json()["status"], &good.json()["head_rev"]),
        (&json!("completed"), &json!(2_500))
    );
    assert!(good.json()["links"].get("errors").is_none());

    let hidden =
        r#"{"schema":"user_profile.v1","id":"bad","attributes":{"mail":["x@example.org"]}}"#;
    let mixed = format!(
        "{}\n{hidden}\nno json\n{}",
        person("p-0", &json!({"n": 7})),
        person("new", &json!({}))
    );
    let mixed = service.import("", &[], mixed.as_bytes())?.expect(207)?;
    assert_eq!(counts(&mixed), [5, 1, 1, 0, 2]);
    let answer = mixed.json();
    assert_eq!(answer["blank"], 1);
    let error = &answer["errors"][0];
    assert_eq!(
        (&error["line"], &error["id"], &error["pointer"], &error["keyword"]),
        (&json!(3), &json!("bad"), &json!("/attributes/mail"), &json!("type")),
        "{error}"
    );
    assert!(error["mend"].is_string() && error["byte_offset"].is_u64(), "{error}");
    assert!(!mixed.text().contains("example.org"), "never the record: {}", mixed.text());
    let errors =
        service.http.get(answer["links"]["errors"].as_str().unwrap_or_default())?.expect(200)?;
    assert_eq!(errors.text().lines().count(), 2);
    let rejected =
        service.http.get(answer["links"]["rejected"].as_str().unwrap_or_default())?.expect(200)?;
    let file = service.stage.path("rejected.ndjson.gz");
    std::fs::write(&file, &rejected.body)?;
    assert_eq!(lines_of(&file)?, [hidden, "no json"], "to be mended and sent again");

    let bad = service.import("", &[], b"nothing\nof this\n")?.expect(422)?;
    assert_eq!((counts(&bad), bad.json()["status"].clone()), ([2, 0, 0, 0, 2], json!("rejected")));
    let budget = format!("{}x\ny\nz\n{}", person("kept", &json!({})), people(3));
    let over = service.import("?max_errors=2", &[], budget.as_bytes())?.expect(422)?;
    assert_eq!(over.json()["status"], "too_many_errors");
    let within = service.import("?max_errors=3", &[], budget.as_bytes())?.expect(207)?;
    assert_eq!(within.json()["rejected"], 3);
    Ok(())
}

#[test]
fn sending_it_again_changes_nothing() -> Result<()> {
    let service = service()?;
    let body = gzipped(people(1_200).as_bytes())?;
    let first = service.import("", &[], &body)?.expect(200)?;
    let again = service.import("", &[], &body)?.expect(200)?;
    assert_eq!(
        again.header("idempotent-replayed"),
        Some("true"),
        "the same bytes, nothing between"
    );
    assert_eq!(again.text(), first.text());
    service.import("", &[], person("other", &json!({})).as_bytes())?.expect(200)?;
    let known = service.import("", &[], &body)?.expect(200)?;
    assert_eq!(known.header("idempotent-replayed"), None);
    assert_eq!(counts(&known), [1_200, 0, 0, 1_200, 0], "every record is known by its hash");
    assert_eq!(service.head()?, 1_201);

    let key = ("idempotency-key", "nightly-2026-11-21");
    let first =
        service.import("", &[key], person("k", &json!({"n": 1})).as_bytes())?.expect(200)?;
    let again =
        service.import("", &[key], person("k", &json!({"n": 1})).as_bytes())?.expect(200)?;
    assert_eq!((again.header("idempotent-replayed"), again.text()), (Some("true"), first.text()));
    let other =
        service.import("", &[key], person("k", &json!({"n": 2})).as_bytes())?.expect(422)?;
    assert_eq!(other.json()["code"], "key_reused");
    let mode = service.import("?mode=replace", &[key], person("k", &json!({"n": 1})).as_bytes())?;
    assert_eq!(mode.expect(422)?.json()["code"], "key_reused");
    service.import("", &[("idempotency-key", "")], b"")?.expect(400)?;
    let kept = service.http.get(first.json()["links"]["self"].as_str().unwrap_or_default())?;
    assert_eq!(kept.expect(200)?.text(), first.text());
    Ok(())
}

#[test]
fn of_a_profile_that_stands_twice_the_last_line_counts() -> Result<()> {
    let service = service()?;
    let line = |n: u64| person("p", &json!({ "n": n }));
    service.import("", &[], line(1).as_bytes())?.expect(200)?;
    // The last line is what was there before the file.
    let body = line(2) + &line(1);
    let twice = service.import("?mode=replace", &[], body.as_bytes())?.expect(200)?;
    assert_eq!(counts(&twice), [2, 0, 2, 0, 0]);
    assert_eq!(service.http.get("/profiles/p")?.json()["attributes"]["n"], 1);
    Ok(())
}

#[test]
fn a_later_file_meets_what_people_did() -> Result<()> {
    let service = service()?;
    let file = |city: &str, plan: &str| person("p", &json!({"city": city, "plan": plan}));
    service.import("", &[], file("Bern", "basic").as_bytes())?.expect(200)?;
    let patch = [("content-type", "application/merge-patch+json"), ("if-match", "*")];
    service
        .http
        .send("PATCH", "/profiles/p", &patch, br#"{"attributes":{"city":"Chur"}}"#)?
        .expect(200)?;
    // The file changed the plan only: what a person did stays.
    let merged = service.import("", &[], file("Bern", "pro").as_bytes())?.expect(200)?;
    assert_eq!(merged.json()["conflicts"], 0);
    let attributes =
        || -> Result<Value> { Ok(service.http.get("/profiles/p")?.json()["attributes"].clone()) };
    assert_eq!(attributes()?, json!({"city": "Chur", "plan": "pro"}));
    // Now both changed the city.
    let contested = service.import("", &[], file("Ulm", "pro").as_bytes())?.expect(200)?;
    assert_eq!(
        (counts(&contested), contested.json()["conflicts"].clone()),
        ([1, 0, 1, 0, 0], json!(1))
    );
    assert_eq!(attributes()?["city"], "Chur");

    let dry = service
        .import("?dry_run=true&mode=replace", &[], file("Basel", "x").as_bytes())?
        .expect(200)?;
    assert_eq!((counts(&dry), dry.json()["dry_run"].clone()), ([1, 0, 1, 0, 0], json!(true)));
    assert_eq!(attributes()?["city"], "Chur", "nothing was written");
    let refused =
        service.import("?mode=create", &[], file("Basel", "x").as_bytes())?.expect(422)?;
    assert_eq!(refused.json()["errors"][0]["keyword"], "exists");
    service.import("?mode=replace", &[], file("Basel", "x").as_bytes())?.expect(200)?;
    assert_eq!(attributes()?, json!({"city": "Basel", "plan": "x"}));
    Ok(())
}

#[test]
fn what_cannot_be_read_says_so() -> Result<()> {
    let service = service()?;
    let whole = gzipped(people(20_000).as_bytes())?;
    let cut = service.import("", &[], &whole[..whole.len() / 2])?.expect(400)?;
    let problem = cut.json();
    assert_eq!(
        (&problem["code"], &problem["import"]["status"]),
        (&json!("damaged_archive"), &json!("broken_off"))
    );
    assert_eq!(
        problem["import"]["created"],
        service.head()?,
        "what came before stays, and is told"
    );
    let rest = service.import("", &[], &whole)?.expect(200)?;
    assert_eq!(counts(&rest)[0], 20_000);
    assert_eq!(service.head()?, 20_000);

    // Lines of some length: what is tried here is the ratio, not how quickly lines are counted.
    let mut line = vec![b' '; 64 * 1024];
    line.push(b'\n');
    let bomb = gzipped(&line.repeat(3_200))?;
    service.import("", &[], &bomb)?.expect(413)?;
    service.import("", &[], b"\x00\x01binary\x00")?.expect(415)?;
    let plain = [("content-type", "text/csv")];
    service.http.send("POST", "/profiles/import", &plain, b"a,b")?.expect(415)?;
    service.import("", &[("content-encoding", "br")], b"")?.expect(415)?;
    service.import("?mode=merge", &[], b"")?.expect(400)?;
    service.import("?dryrun=true", &[], b"")?.expect(400)?;
    let empty = service.import("", &[], b"")?.expect(200)?;
    assert_eq!(counts(&empty), [0; 5]);
    Ok(())
}

#[test]
fn only_who_may_write_imports_and_reads_what_was_rejected() -> Result<()> {
    let service = service()?;
    let mixed = format!("bad\n{}", people(1));
    let links = service.import("", &[], mixed.as_bytes())?.expect(207)?.json()["links"].clone();
    let viewer = Http::new(service.relay.url(), Some(&service.home.token("viewer", "v")?));
    viewer.send("POST", "/profiles/import", &[NDJSON], b"")?.expect(403)?;
    service.home.admin(&["org", "create", "Elsewhere"])?.expect_code(0)?;
    let create = ["token", "create", "--org", "Elsewhere", "--role", "admin", "--name", "x"];
    let token = service.home.admin(&create)?.expect_code(0)?;
    let other =
        Http::new(service.relay.url(), Some(String::from_utf8_lossy(token.stdout()).trim()));
    for name in ["self", "errors", "rejected"] {
        let path = links[name].as_str().unwrap_or_default();
        Http::new(service.relay.url(), None).get(path)?.expect(401)?;
        other.get(path)?.expect(404)?;
        service.http.get(path)?.expect(200)?;
        if name != "self" {
            viewer.get(path)?.expect(403)?;
        }
    }
    Ok(())
}

#[test]
fn it_can_go_on_while_the_client_does_something_else() -> Result<()> {
    let service = service()?;
    let prefer = ("prefer", "respond-async");
    let begun = service.import("", &[prefer], people(5_000).as_bytes())?.expect(202)?;
    let place = begun.header("location").unwrap_or_default().to_owned();
    let done =
        kartei_test_support::until_some(std::time::Duration::from_secs(60), "it is done", || {
            let answer = service.http.get(&place)?.expect(200)?;
            Ok((answer.json()["status"] != "running").then_some(answer))
        })?;
    assert_eq!(counts(&done), [5_000, 5_000, 0, 0, 0]);
    Ok(())
}

#[test]
fn real_files_come_in_on_postgres_too() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("imports")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?;
    let service = started(stage, home)?;
    let bfi = std::fs::read(repository("tests/fixtures/data/bfi.ndjson.gz"))?;
    let first = service.import("", &[], &bfi)?.expect(200)?;
    assert_eq!(counts(&first), [2_800, 2_800, 0, 0, 0]);
    let again = service.import("?mode=create", &[], &bfi)?.expect(200)?;
    assert_eq!(counts(&again), [2_800, 0, 0, 2_800, 0]);
    assert_eq!(service.head()?, 2_800);
    Ok(())
}

/// An import whose body is announced with this length, and of which only the first byte has come.
fn half_sent(service: &Service, token: &str, length: u64) -> Result<TcpStream> {
    let address = service.relay.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(WITHIN))?;
    write!(
        stream,
        "POST /profiles/import HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/x-ndjson\r\ncontent-length: {length}\r\n\r\n{{"
    )?;
    Ok(stream)
}

#[test]
fn advertised_limits_of_imports_and_pages_are_enforced() -> Result<()> {
    let service = service()?;
    let token = service.home.token("analyst", "slow")?;
    let limits = service.http.get("/limits")?.expect(200)?.json();
    let number = |pointer: &str| limits.pointer(pointer).and_then(Value::as_u64).context("number");

    let page = number("/page_profiles")?;
    service.import("", &[], people(usize::try_from(page)? + 1).as_bytes())?.expect(200)?;
    let listed = service.http.get(&format!("/profiles?limit={}", page * 10))?.expect(200)?.json();
    assert_eq!(listed["profiles"].as_array().map(|rows| rows.len() as u64), Some(page));
    assert!(listed["next"].is_string());

    let mut beyond = half_sent(&service, &token, number("/import_bytes")? + 1)?;
    let mut status = [0; 12];
    beyond.read_exact(&mut status)?;
    assert_eq!(std::str::from_utf8(&status)?, "HTTP/1.1 413", "before the body has come");

    let one = person("p-0", &json!({"n": 0}));
    let (mut open, mut refused) = (Vec::new(), None);
    // A half-sent one that comes while this import runs may be refused itself, so there is one more
    // with each.
    until(WITHIN, "all places are taken", || {
        open.push(half_sent(&service, &token, 100)?);
        let reply = service.import("?dry_run=true", &[], one.as_bytes())?;
        refused = (reply.status == 429).then_some(reply);
        Ok(refused.is_some())
    })?;
    assert!(open.len() as u64 >= number("/imports/organisation")?);
    let refused = refused.context("an answer")?;
    assert_eq!(refused.json()["code"], "too_many_imports");
    let seconds = number("/imports/retry_after_seconds")?.to_string();
    assert_eq!(refused.header("retry-after"), Some(seconds.as_str()));
    // Who goes away gives the place back.
    drop(open);
    until(WITHIN, "a place is free", || {
        Ok(service.import("?dry_run=true", &[], one.as_bytes())?.status == 200)
    })
}

#[test]
fn a_dripping_body_keeps_no_place() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?.with(&[("KARTEI_SLOW_SECONDS", "1")]);
    let service = started(stage, home)?;
    let token = service.home.token("analyst", "slow")?;
    let mut dripping = half_sent(&service, &token, 100)?;
    let mut answer = vec![0; 4096];
    let read = dripping.read(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("too_slow"), "{answer}");
    assert_eq!(service.head()?, 0, "nothing of it was imported");
    service.import("", &[], person("p-0", &json!({"n": 0})).as_bytes())?.expect(200)?;
    Ok(())
}
