//! What the relay tells collectors of itself, and what it does not.

use std::time::Duration;

use anyhow::{Context, Result};
use kartei_test_support::{Http, Receiver, RelayHome, Stage, repository, until, until_some};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;
use rusqlite::Connection;
use serde_json::{Value, json};

const WITHIN: Duration = Duration::from_secs(60);

const JSON: (&str, &str) = ("content-type", "application/json");

/// What is told of a span.
#[derive(Debug, Clone)]
struct Told {
    span: Span,
    /// Of the program that tells it.
    service: Vec<(String, String)>,
}

impl Told {
    fn says(&self, key: &str) -> Option<String> {
        let found = self.span.attributes.iter().find(|one| one.key == key)?;
        match found.value.as_ref()?.value.as_ref()? {
            Any::StringValue(text) => Some(text.clone()),
            Any::IntValue(number) => Some(number.to_string()),
            other => Some(format!("{other:?}")),
        }
    }

    fn is_fault(&self) -> bool {
        self.span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
    }
}

fn spans(collector: &Receiver) -> Result<Vec<Told>> {
    let mut all = Vec::new();
    for came in collector.came() {
        assert_eq!(came.path, "/v1/traces");
        assert_eq!(came.headers["content-type"], "application/x-protobuf");
        assert_eq!(came.headers["x-key"], "let me in");
        for of_one in ExportTraceServiceRequest::decode(&*came.body)?.resource_spans {
            let service = of_one
                .resource
                .unwrap_or_default()
                .attributes
                .into_iter()
                .map(|one| (one.key, format!("{:?}", one.value.and_then(|value| value.value))));
            let service: Vec<_> = service.collect();
            for span in of_one.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                all.push(Told { span, service: service.clone() });
            }
        }
    }
    Ok(all)
}

fn imported(http: &Http) -> Result<()> {
    let body = std::fs::read(repository("tests/fixtures/data/bfi.ndjson.gz"))?;
    let kind = ("content-type", "application/gzip");
    http.send("POST", "/profiles/import", &[kind], &body)?.expect(200)?;
    Ok(())
}

/// That nothing of it came anywhere.
fn assert_untold(collector: &Receiver, secrets: &[&str]) {
    for came in collector.came() {
        let (text, headers) = (came.text(), format!("{:?} {}", came.headers, came.path));
        for secret in secrets {
            assert!(!text.contains(secret) && !headers.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn collectors_are_told_how_long_requests_and_jobs_take() -> Result<()> {
    let (stage, collector) = (Stage::new()?, Receiver::begin(&[])?);
    let folder = tempfile::tempdir()?;
    let headers = folder.path().join("headers");
    std::fs::write(&headers, "x-key: let me in\n")?;
    let settings = [
        ("KARTEI_OTLP_ENDPOINT", &*format!("http://{}", collector.address())),
        ("KARTEI_OTLP_HEADERS_FILE", &*headers.display().to_string()),
        ("KARTEI_ENVIRONMENT", "trial"),
    ];
    let home = stage.relay_home()?.with(&settings);
    let (relay, token) = (home.start()?, home.token("analyst", "Ada")?);
    let http = Http::patient(relay.url(), Some(&token), WITHIN);
    imported(&http)?;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let named = [("traceparent", &*parent), ("x-request-id", "mine-1")];
    http.send("GET", "/profiles/bfi-61617", &named, &[])?.expect(200)?;
    let asked = json!({"analysis": "quality"}).to_string();
    let job = http.send("POST", "/analyze", &[JSON], asked.as_bytes())?.expect(200)?.json();
    assert_eq!(job["done"], job["total"]);
    // The end of the program waits for what is still to be told.
    relay.begin_stop()?;
    relay.stopped()?;
    let all = spans(&collector)?;
    let one = |name: &str| -> Result<Told> {
        let found = all.iter().find(|told| told.span.name == name);
        found.cloned().with_context(|| format!("no span `{name}`"))
    };
    let read = one("GET /profiles/{id}")?;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&read.span.trace_id), trace);
    assert_eq!(hex(&read.span.parent_span_id), "b7ad6b7169203331");
    assert_eq!(read.says("http.response.status_code").as_deref(), Some("200"));
    assert_eq!(read.says("http.route").as_deref(), Some("/profiles/{id}"));
    assert_eq!(read.says("request_id").as_deref(), Some("mine-1"));
    assert!(!read.is_fault() && read.span.end_time_unix_nano > read.span.start_time_unix_nano);
    let within = |told: &Told| told.span.parent_span_id == read.span.span_id;
    let store = all.iter().find(|told| within(told)).context("the database's time")?;
    assert_eq!((&*store.span.name, hex(&store.span.trace_id).as_str()), ("store", trace));
    let job = one("job quality")?;
    assert!(job.says("job_id").is_some_and(|id| id.starts_with("job-")));
    assert_eq!((job.says("attempt").as_deref(), job.span.parent_span_id.len()), (Some("1"), 0));
    assert!(job.span.events.is_empty(), "lines of the log stay there");
    for (key, value) in [("service.name", "kartei-relay"), ("deployment.environment.name", "trial")]
    {
        let told = job.service.iter().find(|one| one.0 == key).map(|one| one.1.clone());
        assert!(told.as_ref().is_some_and(|told| told.contains(value)), "{key}: {told:?}");
    }
    assert_untold(&collector, &["bfi-61617", &token, "Ada"]);
    Ok(())
}

/// The faults that came, without the lines around them.
fn faults(collector: &Receiver) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for came in collector.came() {
        assert_eq!(came.path, "/api/7/envelope/");
        let auth = &came.headers["x-sentry-auth"];
        assert!(auth.contains("sentry_key=publickey"), "{auth}");
        let text = came.text();
        all.push(serde_json::from_str(text.lines().nth(2).context("an envelope has an event")?)?);
    }
    Ok(all)
}

/// A relay that tells its faults, with a calibration that it cannot read.
fn faulty(stage: &Stage, collector: &Receiver, folder: &std::path::Path) -> Result<RelayHome> {
    let dsn = folder.join("dsn");
    std::fs::write(&dsn, format!("http://publickey@{}/7\n", collector.address()))?;
    let home = stage.relay_home()?;
    drop(home.start()?);
    let db = Connection::open(home.data().join("relay.sqlite"))?;
    db.execute(
        "INSERT INTO calibrations (org, version, schema, schema_version, as_of, profiles, state, \
         schema_text, body, made_by, made_at, changed_by, changed_at) \
         VALUES (1, 'broken', 'bfi', 1, 1, 1, 'draft', '{}', '\"Grace Hopper\"', 'Ada', 1, 'Ada', 1)",
        [],
    )?;
    Ok(home.with(&[("KARTEI_SENTRY_DSN_FILE", &dsn.display().to_string())]))
}

#[test]
fn faults_are_told_in_the_programs_own_words() -> Result<()> {
    let (stage, collector) = (Stage::new()?, Receiver::begin(&[])?);
    let folder = tempfile::tempdir()?;
    let home = faulty(&stage, &collector, folder.path())?;
    let (relay, token) = (home.start()?, home.token("analyst", "Ada")?);
    let http = Http::new(relay.url(), Some(&token));
    let named = [("x-request-id", "mine-2")];
    http.send("GET", "/calibrations/nobody", &named, &[])?.expect(404)?;
    http.send("GET", "/calibrations/broken", &named, &[])?.expect(500)?;
    let told = until_some(WITHIN, "both lines of the fault came", || {
        Ok(Some(faults(&collector)?).filter(|all| all.len() == 2))
    })?;
    let fault = told.iter().find(|one| one["message"] == "Request failed").context("a fault")?;
    assert_eq!(fault["level"].as_str().unwrap_or("error"), "error");
    let tags = json!({"request_id": "mine-2", "method": "GET", "route": "/calibrations/{version}"});
    assert_eq!(fault["tags"], tags);
    assert!(
        fault["culprit"].as_str().is_some_and(|place| place.contains("problem.rs:")),
        "{fault}"
    );
    assert!(fault["release"].as_str().is_some_and(|name| name.starts_with("kartei-relay@")));
    assert_untold(&collector, &["Grace", "broken", &token, "Ada"]);
    relay.begin_stop()?;
    relay.stopped()?;
    assert_eq!(faults(&collector)?.len(), 2, "a request that is refused is no fault");
    Ok(())
}

#[test]
fn a_collector_that_is_away_or_has_enough_costs_no_request() -> Result<()> {
    let (stage, collector) = (Stage::new()?, Receiver::begin(&[Some(429)])?);
    let folder = tempfile::tempdir()?;
    let home = faulty(&stage, &collector, folder.path())?;
    // Nobody listens there.
    let home = home.with(&[("KARTEI_OTLP_ENDPOINT", "http://127.0.0.1:9")]);
    let (relay, token) = (home.start()?, home.token("analyst", "Ada")?);
    let http = Http::new(relay.url(), Some(&token));
    http.get("/calibrations/broken")?.expect(500)?;
    until(WITHIN, "a fault came", || Ok(!collector.came().is_empty()))?;
    for _ in 0..20 {
        http.get("/calibrations/broken")?.expect(500)?;
    }
    http.get("/profiles?limit=1")?.expect(200)?;
    relay.begin_stop()?;
    relay.stopped()?;
    // What went before the answer was there, and nothing behind it.
    assert!(collector.came().len() <= 4, "{}", collector.came().len());
    // What cannot be told is said before anything is served.
    let wrong = home.with(&[("KARTEI_OTLP_SHARE", "2")]).run(&["serve"])?.expect_code(1)?;
    assert!(wrong.stderr().contains("--otlp-share is 0 to 1"));
    Ok(())
}
