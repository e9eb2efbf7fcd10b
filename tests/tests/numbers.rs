//! What a relay tells of itself, for who watches it, and that alerts, dashboard and runbook ask for nothing else.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kartei_test_support::{Http, Stage, repository};
use serde_json::Value;

const WITHIN: Duration = Duration::from_secs(60);

/// The value of a series, by the beginning of its line.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(series))?;
    line[series.len()..].split_whitespace().next()?.parse().ok()
}

/// Names of our series in a text, such as an alert's expression.
fn names_in(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | ':');
    let words = text.split(|c| !is_part(c));
    let ours = |word: &&str| {
        (word.starts_with("kartei_") || word.starts_with("process_")) && !word.contains(':')
    };
    words.filter(ours).map(str::to_owned).collect()
}

/// The expressions of a dashboard's panels.
fn expressions(dashboard: &str) -> Result<String> {
    let dashboard: serde_json::Value = serde_json::from_str(dashboard)?;
    let panels = dashboard["panels"].as_array().context("a dashboard has panels")?;
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let all: Vec<&str> = targets.filter_map(|target| target["expr"].as_str()).collect();
    ensure!(all.len() >= panels.len(), "a panel asks for nothing");
    Ok(all.join("\n"))
}

#[test]
fn a_relay_counts_what_it_does_and_nothing_else_is_asked_for() -> Result<()> {
    let stage = Stage::new()?;
    let log = stage.path("relay.log");
    let settings = [("KARTEI_METRICS_LISTEN", "127.0.0.1:0")];
    let home = stage.relay_home()?.with(&settings).logging_to(log.clone());
    let relay = home.start()?;
    let http = Http::new(relay.url(), Some(&home.token("analyst", "Ada")?));
    let numbers = Http::numbers_of(&log, WITHIN)?;
    http.get("/readyz")?.expect(200)?;
    let body = std::fs::read(repository("tests/fixtures/data/bfi.ndjson.gz"))?;
    let kind = ("content-type", "application/gzip");
    http.send("POST", "/profiles/import", &[kind], &body)?.expect(200)?;
    for id in ["bfi-61617", "bfi-61618", "nobody"] {
        http.get(&format!("/profiles/{id}"))?;
    }
    http.get("/no/such/route/bfi-61617")?.expect(404)?;
    let raw = ("content-type", "application/octet-stream");
    let upload = "/api/upload?action=create&complete=true&name=secret-name.bin";
    http.send("POST", upload, &[raw], &[7; 5_000])?.expect(201)?;
    let asked = ("content-type", "application/json");
    let new = b"{\"name\": \"other.bin\", \"size\": 10}";
    let begun = http.send("POST", "/api/upload?action=create", &[asked], new)?.expect(201)?;
    let id = begun.json()["id"].as_str().context("a session has an id")?.to_owned();
    let aborted =
        http.send("POST", &format!("/api/upload?action=abort&upload={id}"), &[asked], b"")?;
    ensure!(aborted.status < 300, "{}", aborted.text());
    http.send("POST", "/analyze", &[asked], b"{\"analysis\": \"quality\"}")?.expect(200)?;

    let text = numbers.get("/metrics")?.expect(200)?.text();
    let told = |series: &str| value(&text, series).with_context(|| format!("no {series}: {text}"));
    let requests = "kartei_http_requests_total{route=";
    for (series, count) in [
        ("\"/profiles/{id}\",method=\"GET\",status=\"200\"}", 2.0),
        ("\"/profiles/{id}\",method=\"GET\",status=\"404\"}", 1.0),
        ("\"none\",method=\"GET\",status=\"404\"}", 1.0),
        ("\"/profiles/import\",method=\"POST\",status=\"200\"}", 1.0),
    ] {
        ensure!(told(&format!("{requests}{series}"))? == count, "{series}: {text}");
    }
    let durations = "kartei_http_request_duration_seconds_count{route=\"/profiles/{id}\"";
    ensure!(told(&format!("{durations},method=\"GET\"}}"))? == 3.0, "{text}");
    ensure!(told("kartei_uploads_total{outcome=\"completed\"}")? == 1.0, "{text}");
    ensure!(told("kartei_uploads_total{outcome=\"aborted\"}")? == 1.0, "{text}");
    ensure!(told("kartei_upload_bytes_total")? == 5_000.0, "{text}");
    ensure!(told("kartei_database_up")? == 1.0 && told("kartei_job_lag_seconds")? == 0.0);
    ensure!(told("kartei_http_requests_open")? == 0.0, "{text}");
    for holds in ["database", "blobs"] {
        let (free, size) = (
            told(&format!("kartei_disk_free_bytes{{holds=\"{holds}\"}}"))?,
            told(&format!("kartei_disk_size_bytes{{holds=\"{holds}\"}}"))?,
        );
        ensure!(0.0 < free && free < size, "{holds}: {free} of {size}");
    }
    if cfg!(target_os = "linux") {
        ensure!(told("process_resident_memory_bytes")? > 1e6, "{text}");
        ensure!(told("process_open_fds")? > 3.0, "{text}");
    }
    // What clients choose, and whom it is about, is in no series.
    for word in ["61617", "secret-name", "nobody", "Ada", "such"] {
        ensure!(!text.contains(word), "`{word}` is told: {text}");
    }

    let known = names_in(&text);
    let rules = std::fs::read_to_string(repository("ops/prometheus/alerts.yml"))?;
    let dashboard = std::fs::read_to_string(repository("ops/grafana/kartei.json"))?;
    let runbook = std::fs::read_to_string(repository("docs/runbook.md"))?;
    for (place, text) in [
        ("alerts.yml", rules.clone()),
        ("kartei.json", expressions(&dashboard)?),
        ("runbook.md", runbook.clone()),
    ] {
        let asked = names_in(&text);
        let unknown: Vec<&String> = asked
            .iter()
            .filter(|name| !known.contains(*name) && !known.contains(&format!("{name}_count")))
            .collect();
        ensure!(unknown.is_empty(), "{place} asks for what no relay tells: {unknown:?}");
        ensure!(asked.len() > 4, "{place} asks for nothing");
    }
    // Each alert leads to a section that is there.
    let sections: BTreeSet<String> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|title| title.to_lowercase().replace(' ', "-"))
        .collect();
    let mut led = 0;
    for line in rules.lines() {
        let Some((_, section)) = line.split_once("runbook: docs/runbook.md#") else { continue };
        ensure!(sections.contains(section.trim()), "the runbook has no section {section}");
        led += 1;
    }
    ensure!(led > 0 && led == rules.matches("- alert:").count(), "{led} alerts lead somewhere");
    Ok(())
}

#[test]
fn a_request_has_one_name_in_its_answer_and_in_every_line_of_the_log() -> Result<()> {
    let stage = Stage::new()?;
    let log = stage.path("relay.log");
    let settings = [("KARTEI_LOG_FORMAT", "json")];
    let home = stage.relay_home()?.with(&settings).logging_to(log.clone());
    let relay = home.start()?;
    let http = Http::new(relay.url(), Some(&home.token("analyst", "Ada")?));
    let named = |given: &str| -> Result<String> {
        let answer = http.send("GET", "/profiles/secret-id", &[("x-request-id", given)], &[])?;
        let answer = answer.expect(404)?;
        Ok(answer.header("x-request-id").context("every answer has it")?.to_owned())
    };
    ensure!(named("proxy-7_f.2")? == "proxy-7_f.2");
    for unfit in ["a b", "", &"x".repeat(65), "{\"a\":1}"] {
        let name = named(unfit)?;
        ensure!(name.len() == 20 && name.starts_with("req-"), "{unfit}: {name}");
    }
    let (kind, mine) = (("content-type", "application/json"), ("x-request-id", "mine"));
    let job = http.send("POST", "/analyze/jobs", &[kind, mine], br#"{"analysis": "quality"}"#)?;
    let job = job.expect(201)?.json()["job_id"].clone();
    let nobody = Http::new(relay.url(), Some("kartei_unknown"));
    nobody.send("GET", "/profiles/secret-id", &[("x-request-id", "nobody")], &[])?.expect(401)?;
    http.send("GET", "/admin/tokens", &[("x-request-id", "no-admin")], &[])?.expect(403)?;
    drop(relay);

    let text = std::fs::read_to_string(&log)?;
    ensure!(!text.contains("secret-id"), "who is asked for is not in it");
    let lines = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    ensure!(lines.iter().all(|line| line["level"].is_string() && line["message"].is_string()));
    for (name, status, route) in
        [("nobody", 401, "/profiles/{id}"), ("no-admin", 403, "/admin/tokens")]
    {
        let refused = lines.iter().find(|line| line["span"]["request_id"] == name);
        let refused = refused.with_context(|| format!("{name} was refused"))?;
        ensure!(refused["status"] == status && refused["span"]["route"] == route, "{refused}");
    }
    ensure!(!text.contains("kartei_unknown"), "nor any token");
    let queued = lines.iter().find(|line| line["job_id"] == job && line["event"] == "queued");
    let span = &queued.context("a job is told of")?["span"];
    ensure!(span["request_id"] == "mine" && span["route"] == "/analyze/jobs", "{span}");
    Ok(())
}
