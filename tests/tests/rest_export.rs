//! Exports over HTTP, and questions whether records would be taken.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kartei_test_support::{Http, Postgres, Relay, RelayHome, Stage, gzipped, lines_of, until};
use serde_json::{Value, json};

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const JSON: (&str, &str) = ("content-type", "application/json");
const WITHIN: Duration = Duration::from_secs(60);

struct Service {
    stage: Stage,
    home: RelayHome,
    relay: Relay,
    http: Http,
}

fn started(stage: Stage, home: RelayHome) -> Result<Service> {
    let relay = home.start()?;
    let http = Http::new(relay.url(), Some(&home.token("analyst", "pipeline")?));
    Ok(Service { stage, home, relay, http })
}

fn service() -> Result<Service> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    started(stage, home)
}

fn person(n: usize, notes: &str) -> String {
    json!({"schema": "user_profile.v1", "id": format!("p-{n:05}"), "attributes": {"n": n},
           "notes": notes})
    .to_string()
        + "\n"
}

impl Service {
    /// Profiles `p-00000`…, each with so many bytes of notes.
    fn fill(&self, count: usize, notes_bytes: usize) -> Result<()> {
        let notes = "x".repeat(notes_bytes);
        let body: String = (0..count).map(|n| person(n, &notes)).collect();
        self.http.send("POST", "/profiles/import", &[NDJSON], body.as_bytes())?.expect(200)?;
        Ok(())
    }

    fn patch(&self, id: &str, patch: &Value) -> Result<()> {
        let headers = [("content-type", "application/merge-patch+json"), ("if-match", "*")];
        let body = patch.to_string();
        self.http
            .send("PATCH", &format!("/profiles/{id}"), &headers, body.as_bytes())?
            .expect(200)?;
        Ok(())
    }
}

/// More than the sockets between two processes hold, so that the relay has to wait for the reader.
const MANY: usize = 1_200;
const NOTES_BYTES: usize = 20_000;

/// Writers change, create and delete while an export is read slowly.
fn is_of_one_revision(service: &Service) -> Result<()> {
    service.fill(MANY, NOTES_BYTES)?;
    let is_over = AtomicBool::new(false);
    let (rev, body) = std::thread::scope(|scope| -> Result<_> {
        let writer = scope.spawn(|| -> Result<usize> {
            let mut done = 0;
            while !is_over.load(Ordering::Relaxed) {
                service.patch(
                    &format!("p-{:05}", (done * 7) % MANY),
                    &json!({"attributes": {"x": done}}),
                )?;
                service
                    .http
                    .send(
                        "POST",
                        "/profiles/import",
                        &[NDJSON],
                        person(MANY + done, "new").as_bytes(),
                    )?
                    .expect(200)?;
                done += 1;
            }
            Ok(done)
        });
        let read = (|| {
            let head = || -> Result<u64> {
                let changes = service.http.get("/profiles/changes?limit=1")?.json();
                changes["head_rev"].as_u64().context("a head")
            };
            // Some writes stand before it, and some come after it began.
            let before = head()? + 6;
            until(WITHIN, "some writes stand", || Ok(head()? >= before))?;
            let mut export = service.http.open("/profiles/export")?;
            ensure!(export.status == 200);
            let rev: u64 = export.header("kartei-revision").context("a revision")?.parse()?;
            until(WITHIN, "more was written", || Ok(head()? >= rev + 20))?;
            let deleted =
                service.http.send("DELETE", "/profiles/p-01199", &[("if-match", "*")], &[])?;
            deleted.expect(204)?;
            let mut body = String::new();
            export.body.read_to_string(&mut body)?;
            Ok((rev, body))
        })();
        is_over.store(true, Ordering::Relaxed);
        let done = writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
        assert!(done > 10, "only {done} writes");
        read
    })?;
    // What every profile was at that revision is told by its history.
    let lines: BTreeMap<String, &str> = body
        .lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line).unwrap_or_default();
            (record["id"].as_str().unwrap_or_default().to_owned(), line)
        })
        .collect();
    assert_eq!(lines.len(), body.lines().count(), "each once");
    assert!(lines.contains_key("p-01199"), "deleted later");
    assert!(body.lines().is_sorted_by_key(|line| line.find("\"id\"").map(|at| &line[at..])));
    let mut known = 0;
    let changes = service.http.get("/profiles?limit=1000&sort=-changed")?.json();
    for listed in changes["profiles"].as_array().context("profiles")? {
        let id = listed["record"]["id"].as_str().context("an id")?;
        let then = service.http.get(&format!("/profiles/{id}?at_rev={rev}"))?;
        match then.status {
            200 => assert_eq!(lines.get(id).copied(), Some(then.text().as_str()), "{id}"),
            404 => assert!(!lines.contains_key(id), "{id} was not there yet"),
            other => anyhow::bail!("{id}: {other}"),
        }
        known += usize::from(then.status == 200);
    }
    assert!(known > 500, "{known}");
    let created_before = lines.keys().filter(|id| id.as_str() > "p-01199").count();
    assert_eq!(lines.len(), MANY + created_before);
    Ok(())
}

#[test]
fn an_export_is_of_one_revision_whatever_is_written_meanwhile() -> Result<()> {
    is_of_one_revision(&service()?)
}

#[test]
fn an_export_is_of_one_revision_on_postgres_too() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("export")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?;
    is_of_one_revision(&started(stage, home)?)
}

#[test]
fn every_format_holds_what_the_filter_lets_through() -> Result<()> {
    let service = service()?;
    service.fill(300, 10)?;
    service.patch("p-00007", &json!({"tags": ["vip"]}))?;
    let get = |query: &str| service.http.get(&format!("/profiles/export{query}"));
    let plain = get("?format=ndjson&filter=n%3E%3D290")?.expect(200)?;
    assert_eq!(plain.text().lines().count(), 10);
    assert_eq!(plain.header("content-type"), Some("application/x-ndjson"));
    assert!(plain.header("content-disposition").is_some_and(|name| name.contains("-301.ndjson")));
    let vip = get("?filter=tag:vip")?.expect(200)?;
    assert_eq!(vip.text(), service.http.get("/profiles/p-00007")?.text() + "\n");
    let packed = get("?format=ndjson.gz")?.expect(200)?;
    let file = service.stage.path("all.ndjson.gz");
    std::fs::write(&file, &packed.body)?;
    assert_eq!(lines_of(&file)?.len(), 300);
    let table = get("?format=csv&filter=n%3C5")?.expect(200)?.text();
    assert_eq!(table.lines().count(), 6, "{table}");
    assert!(table.lines().next().is_some_and(|head| head.contains("n")), "{table}");
    get("?format=csv_observations")?.expect(200)?;
    let parquet = get("?format=parquet")?.expect(200)?;
    assert_eq!(
        (&parquet.body[..4], &parquet.body[parquet.body.len() - 4..]),
        (&b"PAR1"[..], &b"PAR1"[..])
    );
    assert_eq!(get("?filter=tag:nobody")?.expect(200)?.text(), "");

    let tag = vip.header("etag").context("a tag")?.to_owned();
    let again = |query: &str| {
        let path = format!("/profiles/export{query}");
        service.http.send("GET", &path, &[("if-none-match", &tag)], &[])
    };
    again("?filter=tag:vip")?.expect(304)?;
    again("?filter=tag:vip&format=csv")?.expect(200)?;
    service.patch("p-00001", &json!({"tags": ["vip"]}))?;
    assert_eq!(again("?filter=tag:vip")?.expect(200)?.text().lines().count(), 2);

    assert_eq!(get("?filter=%28tag:vip")?.expect(400)?.json()["code"], "invalid_filter");
    get("?format=xlsx")?.expect(400)?;
    get("?at_rev=1")?.expect(400)?;
    Http::new(service.relay.url(), None).get("/profiles/export")?.expect(401)?;
    let viewer = Http::new(service.relay.url(), Some(&service.home.token("viewer", "v")?));
    viewer.get("/profiles/export")?.expect(200)?;
    Ok(())
}

#[test]
fn advertised_numbers_of_exports_are_those_that_run() -> Result<()> {
    let service = service()?;
    let limits = service.http.get("/limits")?.expect(200)?.json();
    let at_once = limits["exports"]["organisation"].as_u64().context("a number")?;
    service.fill(MANY, NOTES_BYTES)?;
    let mut open = Vec::new();
    for _ in 0..at_once {
        let export = service.http.open("/profiles/export")?;
        assert_eq!(export.status, 200);
        open.push(export);
    }
    let refused = service.http.get("/profiles/export")?.expect(429)?;
    assert_eq!(refused.json()["code"], "too_many_exports");
    let seconds = limits["exports"]["retry_after_seconds"].to_string();
    assert_eq!(refused.header("retry-after"), Some(seconds.as_str()));
    let policy = format!("\"exports\";q={at_once};qu=\"concurrent-requests\"");
    assert_eq!(refused.header("ratelimit-policy"), Some(policy.as_str()));
    assert!(refused.header("ratelimit").is_some_and(|state| state.contains("r=0")));
    // A client that goes away gives its place back.
    open.pop();
    until(WITHIN, "a place is free", || {
        Ok(service.http.get("/profiles/export?filter=n%3C1")?.status == 200)
    })
}

#[test]
fn records_are_checked_in_the_words_of_an_import() -> Result<()> {
    let service = service()?;
    let check = |kind, body: &[u8]| service.http.send("POST", "/profiles/validate", &[kind], body);
    let good = "{\n  \"schema\": \"user_profile.v1\",\n  \"id\": \"p\"\n}";
    assert_eq!(check(JSON, good.as_bytes())?.expect(200)?.json()["valid"], 1);
    let bad = r#"{"schema":"user_profile.v1","id":"bad","attributes":{"mail":["x@example.org"]}}"#;
    let one = check(JSON, bad.as_bytes())?.expect(422)?;
    let lines = format!("{}\n{bad}\nno json\n", person(1, ""));
    let many = check(NDJSON, lines.as_bytes())?.expect(207)?;
    let packed = check(("content-type", "application/gzip"), &gzipped(lines.as_bytes())?)?;
    assert_eq!(packed.expect(207)?.text(), many.text());
    let imported =
        service.http.send("POST", "/profiles/import?dry_run=true", &[NDJSON], lines.as_bytes())?;
    assert_eq!(many.json()["errors"], imported.json()["errors"], "the same words");
    assert_eq!(many.json()["errors"][0]["pointer"], one.json()["errors"][0]["pointer"]);
    assert_eq!(many.json()["errors"][0]["line"], 3);
    assert!(!many.text().contains("example.org"), "never the record");
    assert_eq!((&many.json()["lines"], &many.json()["blank"]), (&json!(4), &json!(1)));
    assert_eq!(service.http.get("/profiles")?.json()["total"], 0, "nothing is stored");

    let limits = service.http.get("/limits")?.expect(200)?.json();
    let lines_max = usize::try_from(limits["validate_lines"].as_u64().context("lines")?)?;
    let bytes_max = usize::try_from(limits["validate_bytes"].as_u64().context("bytes")?)?;
    check(NDJSON, "\n".repeat(lines_max).as_bytes())?.expect(200)?;
    check(NDJSON, "\n".repeat(lines_max + 1).as_bytes())?.expect(413)?;
    check(NDJSON, &vec![b' '; bytes_max + 1])?.expect(413)?;
    let record_max = usize::try_from(limits["record_bytes"].as_u64().context("bytes")?)?;
    check(JSON, &vec![b' '; record_max + 1])?.expect(413)?;
    check(("content-type", "text/csv"), b"a,b")?.expect(415)?;
    Http::new(service.relay.url(), None)
        .send("POST", "/profiles/validate", &[JSON], b"{}")?
        .expect(401)?;
    Ok(())
}
