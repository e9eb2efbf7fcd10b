//! What administrators see and do over HTTP, and what is told of it.

use anyhow::{Context, Result};
use kartei_protocol::admin::{AuditEvent, AuditPage, QueueInfo, RunningPage};
use kartei_protocol::jobs::{FailReason, JobInfo, JobState};
use kartei_test_support::{Http, Postgres, Stage, until_some};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{JSON, Office, WITHIN, office, opened, post, quality};

pub(crate) fn administrator(office: &Office) -> Result<Http> {
    Ok(Http::new(office.relay.url(), Some(&office.home.token("admin", "Chef")?)))
}

pub(crate) fn read<T: DeserializeOwned>(http: &Http, path: &str) -> Result<T> {
    Ok(serde_json::from_value(http.get(path)?.expect(200)?.json())?)
}

pub(crate) fn patch(http: &Http, path: &str, body: &Value, status: u16) -> Result<Value> {
    Ok(http.send("PATCH", path, &[JSON], body.to_string().as_bytes())?.expect(status)?.json())
}

/// Each thing that was done, as actor, word and subject, the oldest first. Without the tokens that the test itself made.
pub(crate) fn audited(http: &Http) -> Result<Vec<String>> {
    let mut events: Vec<AuditEvent> = Vec::new();
    let mut path = "/admin/audit?limit=3".to_owned();
    loop {
        let page: AuditPage = read(http, &path)?;
        events.extend(page.events);
        let Some(next) = page.next else { break };
        path = format!("/admin/audit?limit=3&cursor={next}");
    }
    events.reverse();
    assert!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq), "numbers without holes");
    // What each test begins with.
    events.retain(|event| !["organisation.created", "token.created"].contains(&&*event.action));
    let told = |event: AuditEvent| format!("{} {} {}", event.actor, event.action, event.subject);
    Ok(events.into_iter().map(told).collect())
}

fn administration(office: &Office) -> Result<()> {
    let chef = administrator(office)?;
    let queue: QueueInfo = read(&chef, "/admin/queue")?;
    assert_eq!((queue.cap, queue.weight, queue.queued, queue.lag_ms), (2, 100, 0, 0));
    let set = patch(&chef, "/admin/queue", &json!({"cap": 1, "weight": 200}), 200)?;
    assert_eq!((&set["cap"], &set["weight"]), (&json!(1), &json!(200)));
    for wrong in [json!({"weight": 0}), json!({"cap": 1_001}), json!({"room": 1})] {
        patch(&chef, "/admin/queue", &wrong, 400)?;
    }
    let paused = post(&chef, "/admin/queue/pause", &[], &json!({}))?.expect(200)?.json();
    assert!(paused["paused_at"].is_i64());
    let one = json!({"analysis": "quality"});
    post(&chef, "/admin/queue/pause", &[], &one)?.expect(200)?;
    post(&chef, "/admin/queue/pause", &[], &json!({"analysis": ""}))?.expect(400)?;
    let waits = office.submit(&quality())?;
    let queue: QueueInfo = read(&chef, "/admin/queue")?;
    assert_eq!((queue.queued, queue.paused_analyses), (1, vec!["quality".to_owned()]));
    let failed = post(&chef, &format!("/admin/jobs/{}/fail", waits.job_id), &[], &json!({}))?;
    let failed: JobInfo = serde_json::from_value(failed.expect(200)?.json())?;
    assert_eq!((failed.status, failed.reason), (JobState::Failed, Some(FailReason::Forced)));
    post(&chef, "/admin/jobs/job-nobody/fail", &[], &json!({}))?.expect(404)?;
    post(&chef, "/admin/queue/resume", &[], &json!({}))?.expect(200)?;
    post(&chef, "/admin/queue/resume", &[], &one)?.expect(200)?;
    // The same from the relay's own machine.
    office.home.run(&["jobs", "queue", "--org", "Test", "--cap", "2"])?.expect_code(0)?;
    let told = [
        "Chef queue.set cap".to_owned(),
        "Chef queue.set weight".to_owned(),
        "Chef queue.paused queue".to_owned(),
        "Chef queue.paused analysis".to_owned(),
        format!("Chef job.forced {}", waits.job_id),
        "Chef queue.resumed queue".to_owned(),
        "Chef queue.resumed analysis".to_owned(),
        "administrator (grace) queue.set cap".to_owned(),
    ];
    assert_eq!(audited(&chef)?, told);
    let forced: AuditPage = read(&chef, "/admin/audit?action=job.forced")?;
    assert_eq!((forced.events.len(), forced.next), (1, None));
    chef.get("/admin/audit?cursor=x")?.expect(400)?;
    let listed = office.home.run(&["audit", "--org", "Test"])?.expect_code(0)?;
    let tokens = ["Ada", "Chef"].len();
    assert_eq!(
        String::from_utf8_lossy(listed.stdout()).lines().count(),
        1 + told.len() + tokens,
        "the organisation first"
    );
    let fits =
        office.home.run(&["audit", "--org", "Test", "--verify", "--json"])?.expect_code(0)?;
    let fits: Value = serde_json::from_slice(fits.stdout())?;
    let newest: AuditPage = read(&chef, "/admin/audit?limit=1")?;
    assert_eq!(fits, json!({"fits": true, "events": 9 + tokens, "hash": newest.events[0].hash}));
    // Nobody else, whatever they may do otherwise.
    let before = audited(&chef)?;
    let viewer = Http::new(office.relay.url(), Some(&office.home.token("viewer", "Grace")?));
    for http in [&office.http, &viewer] {
        for path in ["/admin/queue", "/admin/jobs/running", "/admin/audit"] {
            assert_eq!(http.get(path)?.expect(403)?.json()["code"], "forbidden", "{path}");
        }
        patch(http, "/admin/queue", &json!({"cap": 5}), 403)?;
        let fail = format!("/admin/jobs/{}/fail", waits.job_id);
        for path in ["/admin/queue/pause", "/admin/queue/resume", &fail] {
            post(http, path, &[], &json!({}))?.expect(403)?;
        }
    }
    Http::new(office.relay.url(), None).get("/admin/audit")?.expect(401)?;
    let foreign = office.home.organisation("Foreign")?;
    let theirs = Http::new(office.relay.url(), Some(&foreign.token("admin", "Chef")?));
    assert_eq!(audited(&theirs)?, Vec::<String>::new());
    patch(&theirs, "/admin/queue", &json!({"cap": 7}), 200)?;
    assert_eq!(audited(&theirs)?, ["Chef queue.set cap"]);
    assert_eq!(audited(&chef)?, before);
    assert_eq!(read::<QueueInfo>(&chef, "/admin/queue")?.cap, 2);
    Ok(())
}

#[test]
fn administrators_have_the_queue_and_are_audited() -> Result<()> {
    administration(&office(&[("KARTEI_WORKERS", "0")], "bfi.ndjson.gz")?)
}

#[test]
fn administrators_on_postgres() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("jobs")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?.with(&[("KARTEI_WORKERS", "0")]);
    administration(&opened(stage, home, "bfi.ndjson.gz")?)
}

#[test]
fn what_runs_is_listed_with_who_has_it() -> Result<()> {
    let office = office(&[("KARTEI_WORKERS", "0")], "cdnow.ndjson.gz")?;
    let chef = administrator(&office)?;
    assert_eq!(read::<RunningPage>(&chef, "/admin/jobs/running")?.jobs, []);
    let (_worker, job) = crate::workers::frozen(&office)?;
    let running: RunningPage = read(&chef, "/admin/jobs/running")?;
    let [one] = running.jobs.as_slice() else { anyhow::bail!("{running:?}") };
    assert_eq!((one.job_id.as_str(), one.attempts, one.attempts_max), (&*job.job_id, 1, 3));
    assert!(one.worker.is_some() && one.lease_until < one.deadline_at);
    assert!(one.progress.is_some_and(|progress| progress.total == 23_570));
    let failed = post(&chef, &format!("/admin/jobs/{}/fail", job.job_id), &[], &json!({}))?;
    assert_eq!(failed.expect(200)?.json()["reason"], "forced");
    assert_eq!(read::<RunningPage>(&chef, "/admin/jobs/running")?.jobs, []);
    office.check()?;
    Ok(())
}

/// The lines of some series.
fn series(text: &str, name: &str) -> Vec<String> {
    text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
}

#[test]
fn every_step_of_a_job_is_counted() -> Result<()> {
    let stage = Stage::new()?;
    let log = stage.path("relay.log");
    let settings = [("KARTEI_METRICS_LISTEN", "127.0.0.1:0")];
    let home = stage.relay_home()?.with(&settings).logging_to(log.clone());
    let office = opened(stage, home, "bfi.ndjson.gz")?;
    let numbers = Http::numbers_of(&log, WITHIN)?;
    let job = office.submit(&quality())?;
    assert_eq!(office.ended(&job.job_id)?.status, JobState::Completed);
    // The step is counted after it was kept.
    let text = until_some(WITHIN, "the end is counted", || {
        let reply = numbers.get("/metrics")?.expect(200)?;
        let kind = reply.header("content-type").unwrap_or_default().to_owned();
        assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
        Ok(Some(reply.text()).filter(|text| text.contains("event=\"completed\"")))
    })?;
    let steps = series(&text, "kartei_job_transitions_total");
    for (event, status) in
        [("queued", "queued"), ("started", "running"), ("completed", "completed")]
    {
        let labels = format!("{{event=\"{event}\",status=\"{status}\",analysis=\"quality\"}} 1 # ");
        let line = steps.iter().find(|line| line.contains(&labels));
        let line = line.with_context(|| format!("{labels} is not in {text}"))?;
        let (_, exemplar) = line.split_once(" # ").unwrap_or_default();
        assert!(exemplar.starts_with(&format!("{{job_id=\"{}\",org_id=\"", job.job_id)), "{line}");
        let moment: f64 = exemplar.rsplit(' ').next().unwrap_or_default().parse()?;
        let millis = moment * 1_000.0;
        assert!(millis >= job.created_at as f64 - 1_000.0, "a moment since 1970: {line}");
    }
    for line in &steps {
        let (labels, _) = line.split_once(" # ").unwrap_or((line, ""));
        assert!(!labels.contains("job-"), "no id is a label: {line}");
    }
    assert_eq!(
        series(&text, "kartei_jobs{").iter().map(|line| line.ends_with(" 0")).collect::<Vec<_>>(),
        [true, true],
        "{text}"
    );
    assert!(text.ends_with("# EOF\n"));
    // Not on the address that everybody reaches.
    office.http.get("/metrics")?.expect(404)?;
    numbers.get("/healthz")?.expect(404)?;
    Ok(())
}

#[test]
fn a_worker_of_its_own_counts_too() -> Result<()> {
    let stage = Stage::new()?;
    let log = stage.path("worker.log");
    let home = stage.relay_home()?.with(&[("KARTEI_WORKERS", "0")]);
    let office = opened(stage, home, "bfi.ndjson.gz")?;
    let home = office.home.clone().logging_to(log.clone());
    let worker = home.with(&[("KARTEI_METRICS_LISTEN", "127.0.0.1:0")]).worker(1)?;
    let numbers = Http::numbers_of(&log, WITHIN)?;
    let job = office.submit(&quality())?;
    assert_eq!(office.ended(&job.job_id)?.status, JobState::Completed);
    until_some(WITHIN, "the end is counted", || {
        let text = numbers.get("/metrics")?.expect(200)?.text();
        Ok(text.contains("event=\"completed\"").then_some(()))
    })?;
    worker.stop()
}
