//! Two relays behind a balancer are replaced one after the other while everybody works, and nobody notices.

use std::fs;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use kartei_test_support::{
    FaultProxy, Http, Postgres, Relay, RelayHome, Stage, pass, until, write_lines,
};
use serde_json::{Value, json};

const WITHIN: Duration = Duration::from_secs(60);

/// How long a relay that is to stop goes on; the balancer looks far more often.
const GRACE_SECONDS: &str = "1";

/// Time between two looks of the balancer.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// How often both relays are replaced.
const ROUNDS: usize = 3;

/// Sends new connections to those of the relays that say that they are ready.
struct Balancer {
    proxy: FaultProxy,
    relays: Mutex<Vec<String>>,
}

impl Balancer {
    fn look(&self) -> Result<()> {
        let relays = self.relays.lock().map_err(|_| anyhow!("the relays' lock is broken"))?.clone();
        let is_ready = |url: &&String| {
            Http::new(url, None).get("/readyz").is_ok_and(|reply| reply.status == 200)
        };
        let ready: Result<Vec<SocketAddr>> = relays
            .iter()
            .filter(is_ready)
            .map(|url| Ok(url.trim_start_matches("http://").parse()?))
            .collect();
        let ready = ready?;
        ensure!(!ready.is_empty(), "no relay is ready");
        self.proxy.set_targets(&ready);
        Ok(())
    }

    fn set(&self, place: usize, relay: &Relay) -> Result<()> {
        let mut relays = self.relays.lock().map_err(|_| anyhow!("the relays' lock is broken"))?;
        relay.url().clone_into(&mut relays[place]);
        Ok(())
    }
}

/// What was done while relays came and went, and whether it may end.
#[derive(Default)]
struct Shift {
    is_over: AtomicBool,
    /// Nobody needs the balancer any more.
    all_left: AtomicBool,
    /// What each of those who work has done, by their place.
    done: [AtomicUsize; 5],
}

impl Shift {
    /// Does something until the shift is over, and twice at least.
    fn go_on(&self, place: usize, mut work: impl FnMut(usize) -> Result<()>) -> Result<()> {
        let done = &self.done[place];
        while !self.is_over.load(Ordering::Relaxed) || done.load(Ordering::Relaxed) < 2 {
            work(done.load(Ordering::Relaxed))?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Waits until everybody has begun and ended something more.
    fn everybody_goes_on(&self) -> Result<()> {
        let now = || self.done.each_ref().map(|done| done.load(Ordering::Relaxed));
        let before = now();
        until(WITHIN, "everybody has done something", || {
            // Whoever failed ends the shift.
            Ok(self.is_over.load(Ordering::Relaxed)
                || now().iter().zip(before).all(|(now, before)| *now > before))
        })
    }
}

fn integrate(http: &Http, round: usize) -> Result<()> {
    let path = format!("/profiles/person-{round}");
    let record = json!({"schema": "user_profile.v1", "id": format!("person-{round}")}).to_string();
    let headers = [("content-type", "application/json"), ("if-none-match", "*")];
    let made = http.send("PUT", &path, &headers, record.as_bytes())?.expect(201)?;
    let tag = made.header("etag").context("what was made has a tag")?.to_owned();
    let patch = br#"{"attributes": {"city": "Bern"}}"#;
    let headers = [("content-type", "application/merge-patch+json"), ("if-match", tag.as_str())];
    http.send("PATCH", &path, &headers, patch)?.expect(200)?;
    let read = http.get(&path)?.expect(200)?;
    ensure!(read.json()["attributes"]["city"] == "Bern", "{}", read.text());
    http.get("/profiles?limit=20")?.expect(200)?;
    Ok(())
}

fn import(http: &Http, round: usize) -> Result<()> {
    let person = |n| json!({"schema": "user_profile.v1", "id": format!("line-{round}-{n}")});
    let lines: String = (0..400).map(|n| format!("{}\n", person(n))).collect();
    let kind = [("content-type", "application/x-ndjson")];
    let told = http.send("POST", "/profiles/import", &kind, lines.as_bytes())?.expect(200)?;
    ensure!(told.json()["created"] == 400, "{}", told.text());
    Ok(())
}

/// Replaces both relays, one after the other, as often as it is to be.
fn roll(
    home: &RelayHome,
    balancer: &Balancer,
    mut relays: Vec<Relay>,
    shift: &Shift,
) -> Result<Vec<Relay>> {
    for _ in 0..ROUNDS {
        for (place, relay) in relays.iter_mut().enumerate() {
            shift.everybody_goes_on()?;
            let old = std::mem::replace(relay, home.start()?);
            old.begin_stop()?;
            // It goes on for those who have not noticed.
            balancer.set(place, relay)?;
            old.stopped()?;
        }
    }
    Ok(relays)
}

#[test]
fn relays_are_replaced_while_everybody_works_and_no_operation_fails() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("rolling")?;
    let stage = Stage::new()?;
    let key = stage.path("operator.key");
    fs::write(&key, "2c".repeat(32))?;
    let home = stage.relay_home_on(&database)?.with(&[
        ("KARTEI_KEY_FILE", &*key.to_string_lossy()),
        ("KARTEI_STOP_GRACE_SECONDS", GRACE_SECONDS),
        ("KARTEI_KEEP_FREE_PERCENT", "0"),
    ]);
    let relays = vec![home.start()?, home.start()?];
    let proxy = FaultProxy::start(&[relays[0].url().trim_start_matches("http://").parse()?], 0)?;
    let urls = relays.iter().map(|relay| relay.url().to_owned()).collect();
    let balancer = Balancer { proxy, relays: Mutex::new(urls) };
    balancer.look()?;
    let url = balancer.proxy.url();
    let token = home.token("analyst", "Program")?;
    let (anna, ben) = (stage.client("anna")?, stage.client("ben")?);
    anna.login(&url, &home.token("analyst", "Anna")?)?;
    ben.login(&url, &home.token("analyst", "Ben")?)?;
    let people = stage.path("people.ndjson");
    let person =
        |n| json!({"schema": "user_profile.v1", "id": format!("p-{n}"), "attributes": {"n": n}});
    write_lines(&people, &(0..500).map(person).collect::<Vec<Value>>())?;
    anna.import(&[&people])?;
    anna.settle()?;
    ben.settle()?;

    let shift = Shift::default();
    let relays = thread::scope(|scope| -> Result<Vec<Relay>> {
        let (shift, balancer, home, stage) = (&shift, &balancer, &home, &stage);
        let (anna, ben, url, token) = (&anna, &ben, &url, &token);
        let watching = scope.spawn(move || -> Result<()> {
            while !shift.all_left.load(Ordering::Relaxed) {
                balancer.look()?;
                pass(BETWEEN_LOOKS);
            }
            Ok(())
        });
        type Work<'a> = Box<dyn FnMut(usize) -> Result<()> + Send + 'a>;
        let works: [Work<'_>; 5] = [
            {
                let http = Http::new(url, Some(token));
                Box::new(move |round| integrate(&http, round))
            },
            {
                let http = Http::new(url, Some(token));
                Box::new(move |round| import(&http, round))
            },
            Box::new(move |round| {
                anna.edit("p-1", &["--add-tag", &format!("anna-{round}")])?;
                anna.settle()
            }),
            Box::new(move |round| {
                ben.edit("p-1", &["--set", &format!("attributes.n={round}")])?;
                ben.settle()?;
                ben.run(&["analyze", "quality"])?.expect_code(0)?;
                Ok(())
            }),
            {
                // A client of its own: whoever syncs holds the data folder.
                let cleo = stage.client("cleo")?;
                cleo.login(url, token)?;
                let path = stage.path("file.bin");
                Box::new(move |round| {
                    let mut bytes = vec![0; 3_000_000];
                    blake3::Hasher::new()
                        .update(&round.to_le_bytes())
                        .finalize_xof()
                        .fill(&mut bytes);
                    fs::write(&path, &bytes)?;
                    let sent = cleo.run(&["upload", &path.display().to_string()])?.done()?;
                    let file = sent["uploads"][0]["file"].as_str().context("a file has an id")?;
                    let back = path.with_extension("back").display().to_string();
                    cleo.run(&["download", file, "--out", &back])?.done()?;
                    ensure!(fs::read(&back)? == bytes, "the file differs");
                    fs::remove_file(&back)?;
                    Ok(())
                })
            },
        ];
        let working: Vec<_> = works
            .into_iter()
            .enumerate()
            .map(|(place, work)| {
                scope.spawn(move || {
                    let done = shift.go_on(place, work);
                    if done.is_err() {
                        shift.is_over.store(true, Ordering::Relaxed);
                    }
                    done
                })
            })
            .collect();
        let rolled = roll(home, balancer, relays, shift);
        shift.is_over.store(true, Ordering::Relaxed);
        let mut ends: Vec<Result<()>> = Vec::new();
        for one in working {
            ends.push(one.join().map_err(|_| anyhow!("somebody broke down"))?);
        }
        shift.all_left.store(true, Ordering::Relaxed);
        ends.push(watching.join().map_err(|_| anyhow!("the balancer broke down"))?);
        ends.into_iter().collect::<Result<()>>()?;
        rolled
    })?;

    let [programs, imports, ..] = shift.done.each_ref().map(|done| done.load(Ordering::Relaxed));
    let all = 500 + programs + 400 * imports;
    for client in [&anna, &ben, &anna] {
        client.settle()?;
    }
    ensure!(anna.export()? == ben.export()?, "the desks differ");
    for relay in &relays {
        let answer = Http::new(relay.url(), Some(&token)).get("/profiles/export")?.expect(200)?;
        ensure!(answer.body == anna.export()?, "the relay differs");
        ensure!(answer.text().lines().count() == all, "{all} were acknowledged");
    }
    home.run(&["check"])?.expect_code(0)?;
    Ok(())
}
