//! A fresh replica begins with segments: real processes, killed in the middle, with edits meanwhile,
//! and with segments that are damaged at the relay and on the way.

mod proxy;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use kartei_test_support::{
    Client, Http, Postgres, Relay, RelayHome, Running, Stage, program, until, until_some,
    write_lines,
};
use rusqlite::Connection;
use serde_json::{Value, json};

use proxy::Proxy;

/// Nothing here takes longer, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Lines of a segment.
const SEGMENT: usize = 10_000;

fn people(count: usize) -> Vec<Value> {
    (0..count)
        .map(|n| json!({"schema": "user_profile.v1", "id": format!("p-{n}"), "attributes": {"n": n}}))
        .collect()
}

/// A relay with many profiles, all of them in segments, and the person who imported them.
struct Office {
    stage: Stage,
    home: RelayHome,
    relay: Relay,
    anna: Client,
    http: Http,
}

impl Office {
    fn with(count: usize) -> Result<Self> {
        let stage = Stage::new()?;
        let home = stage.relay_home()?;
        let relay = home.start()?;
        let anna = stage.client("anna")?;
        let token = home.token("analyst", "Anna")?;
        anna.login(relay.url(), &token)?;
        let file = stage.path("people.ndjson");
        write_lines(&file, &people(count))?;
        anna.import(&[&file])?;
        anna.sync()?;
        let http = Http::new(relay.url(), Some(&token));
        let office = Self { stage, home, relay, anna, http };
        office.segments(count / SEGMENT)?;
        Ok(office)
    }

    fn manifest(&self) -> Result<Value> {
        Ok(self.http.get("/sync/v1/bootstrap")?.expect(200)?.json())
    }

    /// The digests of the chain, once it has so many segments.
    fn segments(&self, count: usize) -> Result<Vec<String>> {
        until_some(DEADLINE, "the segments are made", || {
            let manifest = self.manifest()?;
            let segments = manifest["segments"].as_array().context("segments")?;
            let digests = segments.iter().map(|one| one["digest"].as_str().map(str::to_owned));
            Ok((segments.len() == count).then(|| digests.collect()).flatten())
        })
    }

    /// Somebody new, who reaches the relay at `url`.
    fn newcomer(&self, name: &str, url: &str) -> Result<Client> {
        let client = self.stage.client(name)?;
        client.login(url, &self.home.token("analyst", name)?)?;
        Ok(client)
    }

    /// Where the relay keeps a segment.
    fn blob(&self, number: u64) -> Result<PathBuf> {
        let database = Connection::open(self.stage.path("relay").join("relay.sqlite"))?;
        let blob: String = database.query_row(
            "SELECT blob FROM segments WHERE number = ?1 AND dropped_at IS NULL",
            [number],
            |row| row.get(0),
        )?;
        Ok(self.stage.path("relay").join("blobs").join(blob))
    }
}

/// Segments are fetched at once, so in no order.
fn sorted(digests: &[String]) -> Vec<String> {
    let mut digests = digests.to_vec();
    digests.sort();
    digests
}

fn assert_same(one: &Client, other: &Client) -> Result<()> {
    for client in [one, other, one] {
        let status = client.sync()?;
        assert_eq!(status["state"], "up_to_date", "{status}");
        assert_eq!(status["pending"], 0, "{status}");
    }
    assert!(one.export()? == other.export()?, "the replicas differ");
    assert_eq!(one.status()?["rev"], other.status()?["rev"]);
    Ok(())
}

#[test]
fn a_fresh_replica_that_is_killed_goes_on_at_the_next_segment() -> Result<()> {
    let office = Office::with(3 * SEGMENT)?;
    let anna = &office.anna;
    anna.edit("p-1", &["--set", "attributes.city=Bern"])?;
    anna.sync()?;

    let segments = office.segments(3)?;
    let proxy = Proxy::before(office.relay.port()?)?;
    proxy.hold(&segments[1]);
    let ben = office.newcomer("ben", proxy.url())?;
    let mut sync = Running(ben.start(&["sync"])?);
    until(DEADLINE, "the first segment is applied", || Ok(ben.status()?["profiles"] == SEGMENT))?;
    // In what it has, in what it does not have yet, and again where it was edited before.
    for id in ["p-1", "p-2", "p-29999"] {
        anna.edit(id, &["--set", "attributes.city=Basel"])?;
    }
    anna.sync()?;
    sync.kill()?;
    assert_eq!(ben.status()?["profiles"], SEGMENT);
    assert!(proxy.asked().contains(&segments[0]));

    // A local edit in the middle is no obstacle and is not lost.
    ben.edit("p-3", &["--set", "attributes.city=Chur"])?;
    proxy.release();
    ben.sync()?;
    assert_eq!(proxy.asked(), sorted(&segments[1..]), "nothing is fetched twice");
    for (id, city) in [("p-1", "Basel"), ("p-2", "Basel"), ("p-29999", "Basel"), ("p-3", "Chur")] {
        assert_eq!(ben.show(id)?["record"]["attributes"]["city"], city, "{id}");
    }
    assert_same(anna, &ben)?;
    assert_eq!(ben.run(&["check"])?.done()?["findings"], json!([]));

    // Its cursor is one like any other: it sends, and gets what others send.
    ben.edit("p-20000", &["--set", "attributes.city=Ulm"])?;
    assert_same(&ben, anna)?;
    assert_eq!(anna.show("p-20000")?["record"]["attributes"]["city"], "Ulm");
    ben.sync()?;
    assert_eq!(proxy.asked(), [""; 0], "who is complete asks for no segments");
    Ok(())
}

#[test]
fn a_damaged_segment_is_refused_and_named_and_got_round() -> Result<()> {
    let office = Office::with(2 * SEGMENT)?;
    let segments = office.segments(2)?;

    // On the way: the replica notices.
    let proxy = Proxy::before(office.relay.port()?)?;
    proxy.damage(&segments[1]);
    let ben = office.newcomer("ben", proxy.url())?;
    let done = Command::new(program("kartei")?)
        .env("RUST_LOG", "warn")
        .arg("--data")
        .arg(ben.data())
        .arg("sync")
        .output()?;
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(said.contains(&format!("the segment {} is damaged", segments[1])), "{said}");
    assert_eq!(proxy.asked(), sorted(&segments));
    assert_same(&office.anna, &ben)?;

    // At the relay: it gives out nothing that it has not kept whole, and makes the chain anew.
    let blob = office.blob(1)?;
    let mut bytes = std::fs::read(&blob)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&blob, bytes)?;
    let generation = office.manifest()?["generation"].as_u64().context("a generation")?;
    let carl = office.newcomer("carl", office.relay.url())?;
    carl.sync()?;
    assert_same(&office.anna, &carl)?;
    let segments = office.segments(2)?;
    assert_eq!(office.manifest()?["generation"], generation + 1);
    let path = format!("/sync/v1/bootstrap/segments/{}", segments[0]);
    let reply = office.http.get(&path)?.expect(200)?;
    let tag = reply.header("etag").context("a tag")?.to_owned();
    assert_eq!(tag, format!("\"{}\"", segments[0]));
    office.http.send("GET", &path, &[("if-none-match", &tag)], &[])?.expect(304)?;
    Http::new(office.relay.url(), None).get(&path)?.expect(401)?;
    let unknown = format!("/sync/v1/bootstrap/segments/{}", "0".repeat(64));
    office.http.get(&unknown)?.expect(404)?;

    // Whole again, the chain serves a newcomer.
    let dora = office.newcomer("dora", proxy.url())?;
    proxy.asked();
    let watching = Running(dora.start(&["sync", "--watch"])?);
    until(DEADLINE, "the watching newcomer has everything", || {
        let status = dora.status()?;
        Ok(status["state"] == "up_to_date" && status["profiles"] == 2 * SEGMENT)
    })?;
    drop(watching);
    assert_eq!(proxy.asked(), sorted(&segments));
    assert_same(&office.anna, &dora)
}

#[test]
fn a_worn_chain_is_made_anew_and_edited_profiles_are_whole_in_it() -> Result<()> {
    let office = Office::with(SEGMENT)?;
    let before = office.segments(1)?;
    // A later file says something else of a good third of them, and has new ones.
    const LATER: usize = SEGMENT * 35 / 100;
    let mut later = people(SEGMENT + SEGMENT - LATER);
    later.drain(LATER..SEGMENT);
    for (n, person) in later.iter_mut().take(LATER).enumerate() {
        person["attributes"]["n"] = json!(n + 1);
    }
    let file = office.stage.path("later.ndjson");
    write_lines(&file, &later)?;
    office.anna.import(&[&file])?;
    office.anna.sync()?;
    let manifest = until_some(DEADLINE, "the chain is made anew", || {
        let manifest = office.manifest()?;
        let is_new = manifest["generation"] == 2 && manifest["segments"][0]["lines"] == SEGMENT;
        Ok(is_new.then_some(manifest))
    })?;
    // All that were there before, the changed ones last, as they are now.
    let cursor = manifest["segments"][0]["cursor"].as_str().context("a cursor")?;
    let rev = (SEGMENT + LATER).to_string();
    assert_eq!(cursor.split('.').skip(1).take(2).collect::<Vec<_>>(), ["0", &rev]);
    // Whoever was fetching the old one still can.
    office.http.get(&format!("/sync/v1/bootstrap/segments/{}", before[0]))?.expect(200)?;
    let ben = office.newcomer("ben", office.relay.url())?;
    assert_same(&office.anna, &ben)?;
    ben.edit("p-1", &["--set", "attributes.city=Ulm"])?;
    assert_same(&ben, &office.anna)?;
    assert_eq!(office.anna.show("p-1")?["record"]["attributes"], json!({"city": "Ulm", "n": 2}));
    Ok(())
}

#[test]
fn two_relays_that_build_at_once_make_one_chain() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("segments")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?;
    let relays = [home.start()?, home.start()?];
    let token = home.token("analyst", "Anna")?;
    let anna = stage.client("anna")?;
    anna.login(relays[0].url(), &token)?;
    let file = stage.path("people.ndjson");
    write_lines(&file, &people(SEGMENT + 2_000))?;
    anna.import(&[&file])?;
    anna.sync()?;
    for relay in &relays {
        let http = Http::new(relay.url(), Some(&token));
        until(DEADLINE, "the segment is there", || {
            let manifest = http.get("/sync/v1/bootstrap")?.expect(200)?.json();
            Ok(manifest["segments"].as_array().is_some_and(|segments| segments.len() == 1))
        })?;
    }
    let ben = stage.client("ben")?;
    ben.login(relays[1].url(), &home.token("analyst", "Ben")?)?;
    assert_same(&anna, &ben)?;
    let rows = cluster.sql("segments", "SELECT count(*) FROM kartei.segments")?;
    assert_eq!(rows, "1");
    let folder = stage.path("relay").join("blobs").join("segments");
    until(DEADLINE, "the second one's bytes are gone", || {
        let organisation = std::fs::read_dir(&folder)?.next().context("an organisation")??;
        Ok(std::fs::read_dir(organisation.path())?.count() == 1)
    })
}
