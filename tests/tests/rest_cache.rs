//! Reads of single profiles: quick, and never older than what was acknowledged before, anywhere.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use kartei_test_support::{Http, Postgres, Relay, RelayHome, Stage};
use serde_json::{Value, json};

const MERGE: (&str, &str) = ("content-type", "application/merge-patch+json");

/// Writes that each reader is to see.
const WRITES: usize = 60;
const READERS: usize = 4;

fn http(home: &RelayHome, relay: &Relay) -> Result<Http> {
    Ok(Http::new(relay.url(), Some(&home.token("analyst", "pipeline")?)))
}

fn put(http: &Http, id: &str, n: usize) -> Result<()> {
    let record = json!({"schema": "user_profile.v1", "id": id, "attributes": {"n": n}});
    let headers = [("content-type", "application/json"), ("if-none-match", "*")];
    let body = record.to_string();
    http.send("PUT", &format!("/profiles/{id}"), &headers, body.as_bytes())?.expect(201)?;
    Ok(())
}

fn set(http: &Http, id: &str, n: usize) -> Result<()> {
    let patch = json!({"attributes": {"n": n}}).to_string();
    let path = format!("/profiles/{id}");
    http.send("PATCH", &path, &[MERGE, ("if-match", "*")], patch.as_bytes())?.expect(200)?;
    Ok(())
}

fn get(http: &Http, id: &str) -> Result<usize> {
    let record = http.get(&format!("/profiles/{id}"))?.expect(200)?.json();
    Ok(usize::try_from(record["attributes"]["n"].as_u64().context("a number")?)?)
}

/// One writes through one relay; others read through another one, and see what was acknowledged.
fn a_read_sees_what_was_acknowledged(writer: &Http, readers: &[Http]) -> Result<()> {
    for id in ["hot", "cold"] {
        put(writer, id, 0)?;
    }
    let (acknowledged, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| -> Result<()> {
        let reading: Vec<_> = (0..READERS)
            .map(|at| {
                let http = &readers[at % readers.len()];
                let (acknowledged, is_over) = (&acknowledged, &is_over);
                scope.spawn(move || -> Result<usize> {
                    let mut reads = 0;
                    let mut last = 0;
                    while !is_over.load(Ordering::SeqCst) {
                        let before = acknowledged.load(Ordering::SeqCst);
                        let seen = get(http, "hot")?;
                        ensure!(seen >= before, "read {seen} after {before} was acknowledged");
                        ensure!(seen >= last, "read {seen} after {last}");
                        last = seen;
                        ensure!(get(http, "cold")? == 0);
                        reads += 1;
                    }
                    Ok(reads)
                })
            })
            .collect();
        let wrote = (1..=WRITES).try_for_each(|n| {
            set(writer, "hot", n)?;
            acknowledged.store(n, Ordering::SeqCst);
            Ok(())
        });
        is_over.store(true, Ordering::SeqCst);
        for reader in reading {
            let reads = reader.join().map_err(|_| anyhow::anyhow!("a reader panicked"))??;
            ensure!(reads > 0);
        }
        wrote
    })?;
    // What is deleted is gone at once, and what comes again is there at once.
    let reader = &readers[0];
    assert_eq!(get(reader, "cold")?, 0);
    writer.send("DELETE", "/profiles/cold", &[("if-match", "*")], &[])?.expect(204)?;
    reader.get("/profiles/cold")?.expect(404)?;
    put(writer, "cold", 7)?;
    assert_eq!(get(reader, "cold")?, 7);
    // Many changes at once, beyond what is told one by one.
    let many: String = (0..500)
        .map(|n| {
            let id = if n == 250 { "cold".to_owned() } else { format!("m-{n}") };
            json!({"schema": "user_profile.v1", "id": id, "attributes": {"n": 8}}).to_string()
                + "\n"
        })
        .collect();
    let kind = [("content-type", "application/x-ndjson")];
    writer.send("POST", "/profiles/import?mode=replace", &kind, many.as_bytes())?.expect(200)?;
    assert_eq!(get(reader, "cold")?, 8);
    let tag = reader.get("/profiles/cold")?.header("etag").context("a tag")?.to_owned();
    let known = |tag: &str| reader.send("GET", "/profiles/cold", &[("if-none-match", tag)], &[]);
    known(&tag)?.expect(304)?;
    set(writer, "cold", 9)?;
    let now: Value = known(&tag)?.expect(200)?.json();
    assert_eq!(now["attributes"]["n"], 9);
    Ok(())
}

#[test]
fn one_relay_answers_with_what_was_acknowledged() -> Result<()> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    a_read_sees_what_was_acknowledged(&http(&home, &relay)?, &[http(&home, &relay)?])
}

#[test]
fn another_relay_answers_with_what_was_acknowledged() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("cache")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?;
    let (first, second) = (home.start()?, home.start()?);
    let readers = [http(&home, &second)?, http(&home, &first)?];
    a_read_sees_what_was_acknowledged(&http(&home, &first)?, &readers)?;

    // A row that vanishes with a revision of its own, as an erasure makes it.
    put(&readers[1], "erased", 1)?;
    assert_eq!((get(&readers[0], "erased")?, get(&readers[1], "erased")?), (1, 1));
    cluster.sql(
        "cache",
        "BEGIN; SELECT set_config('kartei.org', '1', true); \
         DELETE FROM kartei.profiles WHERE id = 'erased'; \
         UPDATE kartei.organisations SET head_rev = head_rev + 1; COMMIT",
    )?;
    for reader in &readers {
        reader.get("/profiles/erased")?.expect(404)?;
    }
    // And a token that is revoked opens nothing from then on.
    assert_eq!(get(&readers[0], "hot")?, WRITES);
    cluster.sql(
        "cache",
        "BEGIN; SELECT set_config('kartei.org', '1', true); \
         UPDATE kartei.tokens SET revoked_at = 1; COMMIT",
    )?;
    for reader in &readers {
        reader.get("/profiles/hot")?.expect(401)?;
    }
    Ok(())
}
