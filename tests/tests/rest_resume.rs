//! Imports over HTTP whose relay is killed in the middle: another one ends them, and their counts are
//! exact.

use std::time::Duration;

use anyhow::{Context, Result};
use kartei_test_support::{Http, Postgres, Relay, RelayHome, Reply, Stage, until_some};
use serde_json::{Value, json};

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const ASYNC: (&str, &str) = ("prefer", "respond-async");

/// A lease has to run out, and the rest to be done on a busy machine.
const WITHIN: Duration = Duration::from_secs(120);

/// Enough that an import takes longer than it takes to see it run.
const LINES: usize = 120_000;

/// Every so many lines one is no record, and one is of a profile that is there.
const EVERY: usize = 500;

fn person(n: usize, plan: &str) -> String {
    let notes = "n".repeat(300);
    json!({"schema": "user_profile.v1", "id": format!("p-{n}"), "attributes": {"plan": plan},
           "notes": notes})
    .to_string()
        + "\n"
}

fn body() -> String {
    (0..LINES)
        .map(|n| match n % EVERY {
            7 => "no record\n".to_owned(),
            _ => person(n, "basic"),
        })
        .collect()
}

/// Profiles with other records, of which an import that only creates refuses the lines.
fn in_the_way() -> String {
    (0..LINES).filter(|n| n % EVERY == 11).map(|n| person(n, "pro")).collect()
}

fn number(answer: &Value, name: &str) -> u64 {
    answer[name].as_u64().unwrap_or(u64::MAX)
}

struct Service {
    home: RelayHome,
    relay: Relay,
    token: String,
}

impl Service {
    fn new(home: RelayHome) -> Result<Self> {
        let relay = home.start()?;
        let token = home.token("analyst", "pipeline")?;
        Ok(Self { home, relay, token })
    }

    fn at(&self, relay: &Relay) -> Http {
        Http::new(relay.url(), Some(&self.token))
    }

    fn http(&self) -> Http {
        self.at(&self.relay)
    }

    fn post(&self, query: &str, headers: &[(&str, &str)], body: &str) -> Result<Reply> {
        let mut all = vec![NDJSON];
        all.extend(headers);
        self.http().send("POST", &format!("/profiles/import{query}"), &all, body.as_bytes())
    }

    /// Waits until some batches of an import stand and it still runs.
    fn is_in_the_middle(&self, place: &str) -> Result<()> {
        let state = until_some(WITHIN, "some of it is done", || {
            let state = self.http().get(place)?.expect(200)?.json();
            Ok((number(&state, "created") >= 1_000).then_some(state))
        })?;
        assert_eq!(state["status"], "running", "it is to be killed in the middle: {state}");
        Ok(())
    }
}

fn ended(http: &Http, place: &str) -> Result<Value> {
    until_some(WITHIN, "the import has ended", || {
        let state = http.get(place)?.expect(200)?.json();
        Ok((state["status"] != "running").then_some(state))
    })
}

/// What stands in the answer stands in the profiles, and nothing was applied twice.
fn is_exact(http: &Http, answer: &Value) -> Result<()> {
    let each = (LINES / EVERY) as u64;
    assert_eq!(answer["status"], "completed_with_errors", "{answer}");
    assert_eq!(number(answer, "lines"), LINES as u64);
    assert_eq!(number(answer, "rejected"), 2 * each);
    assert_eq!(number(answer, "created"), LINES as u64 - 2 * each);
    assert_eq!((number(answer, "updated"), number(answer, "unchanged")), (0, 0), "{answer}");
    let changes = http.get("/profiles/changes?limit=1")?.json();
    assert_eq!(number(&changes, "head_rev"), LINES as u64 - each, "a revision for each write");
    let errors = http.get(answer["links"]["errors"].as_str().context("a link")?)?.expect(200)?;
    let mut lines: Vec<u64> = errors
        .text()
        .lines()
        .map(|line| number(&serde_json::from_str(line).unwrap_or_default(), "line"))
        .collect();
    lines.sort_unstable();
    let expected = (0..LINES as u64).filter(|n| matches!(n % EVERY as u64, 7 | 11)).map(|n| n + 1);
    assert_eq!(lines, expected.collect::<Vec<_>>(), "each of them once");
    Ok(())
}

#[test]
fn a_relay_that_starts_again_ends_what_it_began() -> Result<()> {
    let stage = Stage::new()?;
    let mut service = Service::new(stage.relay_home()?)?;
    service.post("", &[], &in_the_way())?.expect(200)?;
    let begun = service.post("?mode=create", &[ASYNC], &body())?.expect(202)?;
    let place = begun.header("location").context("a place")?.to_owned();
    for _ in 0..2 {
        service.is_in_the_middle(&place)?;
        service.relay.kill()?;
        service.relay = service.home.start()?;
    }
    is_exact(&service.http(), &ended(&service.http(), &place)?)
}

#[test]
fn another_relay_ends_what_one_began() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("resume")?;
    let stage = Stage::new()?;
    let mut service = Service::new(stage.relay_home_on(&database)?)?;
    let second = service.home.start()?;
    service.post("", &[], &in_the_way())?.expect(200)?;
    let begun = service.post("?mode=create", &[ASYNC], &body())?.expect(202)?;
    let place = begun.header("location").context("a place")?.to_owned();
    service.is_in_the_middle(&place)?;
    service.relay.kill()?;
    let http = service.at(&second);
    is_exact(&http, &ended(&http, &place)?)
}

#[test]
fn who_waited_in_vain_learns_what_became_of_it() -> Result<()> {
    let stage = Stage::new()?;
    let mut service = Service::new(stage.relay_home()?)?;
    service.post("", &[], &in_the_way())?.expect(200)?;
    let http = service.http();
    let request = std::thread::spawn(move || {
        let headers = [NDJSON, ("idempotency-key", "nightly")];
        http.send("POST", "/profiles/import?mode=create", &headers, body().as_bytes())
    });
    let before = (LINES / EVERY) as u64;
    until_some(WITHIN, "some of it is done", || {
        let changes = service.http().get("/profiles/changes?limit=1")?.json();
        Ok((number(&changes, "head_rev") >= before + 1_000).then_some(()))
    })?;
    service.relay.kill()?;
    assert!(request.join().map_err(|_| anyhow::anyhow!("panicked"))?.is_err(), "nobody answered");
    service.relay = service.home.start()?;
    // The same request again: told that it runs, and in the end what it did.
    let key = ("idempotency-key", "nightly");
    let answer = until_some(WITHIN, "it is answered", || {
        let reply = service.post("?mode=create", &[key], &body())?;
        Ok((reply.status != 409).then_some(reply))
    })?;
    is_exact(&service.http(), &answer.expect(207)?.json())
}

#[test]
fn an_import_is_cancelled() -> Result<()> {
    let stage = Stage::new()?;
    let service = Service::new(stage.relay_home()?)?;
    // Before the import, which would not wait for a program that makes a token.
    let viewer = Http::new(service.relay.url(), Some(&service.home.token("viewer", "v")?));
    let begun = service.post("", &[ASYNC], &body())?.expect(202)?;
    let place = begun.header("location").context("a place")?.to_owned();
    assert_eq!(begun.json()["status"], "running");
    service.is_in_the_middle(&place)?;
    viewer.send("DELETE", &place, &[], &[])?.expect(403)?;
    service.http().send("DELETE", &place, &[], &[])?.expect(202)?;
    let answer = ended(&service.http(), &place)?;
    assert_eq!(answer["status"], "cancelled", "{answer}");
    let changes = service.http().get("/profiles/changes?limit=1")?.json();
    assert_eq!(number(&changes, "head_rev"), number(&answer, "created"), "what came before stays");
    assert!(number(&answer, "created") < (LINES - LINES / EVERY) as u64);
    let again = service.http().send("DELETE", &place, &[], &[])?.expect(409)?;
    assert_eq!(again.json()["code"], "import_ended");
    service.http().send("DELETE", "/profiles/imports/imp-none", &[], &[])?.expect(404)?;
    Ok(())
}
