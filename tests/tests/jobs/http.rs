//! What integrators see.

use anyhow::Result;
use kartei_protocol::jobs::{JobEvent, JobEventKind, JobInfo, JobResult, JobState, NotePage};
use kartei_test_support::{Http, Postgres, Stage, repository};
use serde_json::{Value, json};

use crate::{JSON, Office, office, opened, post, quality};

/// From asking to reading what came of it, in every way in which it can be read.
fn an_analysis(office: &Office) -> Result<()> {
    let http = &office.http;
    let reply = post(http, "/analyze", &[], &quality())?.expect(200)?;
    let result = reply.json();
    assert_eq!((&result["done"], &result["total"]), (&json!(2_800), &json!(2_800)));
    assert_eq!(result["input"]["revision"], 2_800);
    let job = reply.header("content-location").unwrap_or_default().replace("/analyze/jobs/", "");
    let job = office.job(&job)?;
    assert_eq!((job.status, job.by.as_str(), job.attempts), (JobState::Completed, "Ada", 1));
    assert_eq!(office.result(&job)?, result, "the permalink says the same");
    // By its permalink, and not again where the client has it.
    let path = format!("/analyze/results/{}", job.result_id.clone().unwrap_or_default());
    let kept = http.get(&path)?.expect(200)?;
    let tag = kept.header("etag").unwrap_or_default().to_owned();
    assert_eq!(format!("\"{}\"", kept.json()["digest"].as_str().unwrap_or_default()), tag);
    let kept: JobResult = serde_json::from_slice(&kept.body)?;
    assert_eq!(blake3::hash(kept.result.get().as_bytes()).to_string(), kept.digest);
    http.send("GET", &path, &[("if-none-match", &tag)], &[])?.expect(304)?;
    // A cohort.
    let some = json!({"analysis": "quality", "filter": "gender:female age>=30"});
    let some = post(http, "/analyze", &[], &some)?.expect(200)?.json();
    let listed = http.get("/profiles?limit=1&filter=gender:female%20age%3E%3D30")?.json();
    assert_eq!(some["total"], listed["total"]);
    assert!(some["total"].as_u64().is_some_and(|total| total > 100 && total < 2_800));
    // Nobody waits.
    let later = post(http, "/analyze", &[("prefer", "respond-async")], &quality())?.expect(202)?;
    let later: JobInfo = serde_json::from_value(later.json())?;
    assert_eq!(office.ended(&later.job_id)?.status, JobState::Completed);
    office.check()?;
    Ok(())
}

#[test]
fn an_analysis_of_real_profiles() -> Result<()> {
    an_analysis(&office(&[], "bfi.ndjson.gz")?)
}

#[test]
fn an_analysis_on_postgres() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("jobs")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?;
    an_analysis(&opened(stage, home, "bfi.ndjson.gz")?)
}

#[test]
fn events_go_on_where_the_client_was() -> Result<()> {
    let office = office(&[], "cdnow.ndjson.gz")?;
    let job = office.submit(&quality())?;
    let path = format!("/analyze/jobs/{}/events", job.job_id);
    let mut stream = office.http.events(&path, &[("accept", "text/event-stream")])?;
    let mut seen: Vec<JobEvent> = Vec::new();
    while let Ok(event) = stream.next_event() {
        let told: JobEvent = serde_json::from_str(&event.data)?;
        assert_eq!(event.id, told.event_seq.to_string());
        assert_eq!(event.name, told.kind.word());
        seen.push(told);
    }
    let kinds: Vec<JobEventKind> = seen.iter().map(|event| event.kind).collect();
    assert_eq!(kinds[..2], [JobEventKind::Queued, JobEventKind::Started]);
    // 23,570 profiles are more than one chunk, so something is told before the end.
    assert!(kinds.contains(&JobEventKind::Partial), "{kinds:?}");
    assert_eq!(kinds.last(), Some(&JobEventKind::Completed), "the stream ends behind the last one");
    office.http.get(&format!("{path}?after_seq={}", 1_u64 << 63))?.expect(400)?;
    let rest = office.http.get(&format!("{path}?after_seq=2"))?.expect(200)?.json();
    assert_eq!(rest["events"].as_array().map(Vec::len), Some(seen.len() - 2));
    assert_eq!(rest["ended"], true);
    let headers = [("accept", "text/event-stream"), ("last-event-id", "2")];
    let third = office.http.events(&path, &headers)?.next_event()?;
    assert_eq!(third.id, "3");
    let wrong = [("accept", "text/event-stream"), ("last-event-id", "x")];
    office.http.send("GET", &path, &wrong, &[])?.expect(400)?;
    office.check()?;
    Ok(())
}

#[test]
fn when_enough_wait_no_more_are_taken() -> Result<()> {
    let few = [("KARTEI_WORKERS", "0"), ("KARTEI_WAITING_JOBS", "2")];
    let office = office(&few, "bfi.ndjson.gz")?;
    let key = [("idempotency-key", "first")];
    let first = post(&office.http, "/analyze/jobs", &key, &quality())?.expect(201)?.json();
    office.submit(&quality())?;
    for path in ["/analyze/jobs", "/analyze"] {
        let refused = post(&office.http, path, &[], &quality())?.expect(429)?;
        assert_eq!(refused.json()["code"], "queue_full");
        assert!(refused.header("retry-after").is_some());
    }
    post(&office.http, "/analyze/jobs", &key, &quality())?.expect(200)?;
    office.cancel(first["job_id"].as_str().unwrap_or_default())?;
    office.submit(&quality())?;
    Ok(())
}

#[test]
fn the_same_request_is_the_same_job() -> Result<()> {
    let office = office(&[("KARTEI_WORKERS", "0")], "bfi.ndjson.gz")?;
    let key = [("idempotency-key", "report-1")];
    let first = post(&office.http, "/analyze/jobs", &key, &quality())?.expect(201)?;
    let again = post(&office.http, "/analyze/jobs", &key, &quality())?.expect(200)?;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.json()["job_id"], again.json()["job_id"]);
    let other = json!({"analysis": "quality", "filter": "age>30"});
    let reused = post(&office.http, "/analyze/jobs", &key, &other)?.expect(422)?;
    assert_eq!(reused.json()["code"], "key_reused");
    // Waited for, with nobody who works: it goes on as a job.
    let waited = post(&office.http, "/analyze", &[key[0], ("prefer", "wait=1")], &quality())?;
    let waited = waited.expect(202)?;
    let place = waited.header("location").unwrap_or_default().to_owned();
    assert_eq!(place, format!("/analyze/jobs/{}", first.json()["job_id"].as_str().unwrap_or("")));
    // One that waits ends at once, and that is told to who waits for it.
    let id = first.json()["job_id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(office.cancel(&id)?.status, JobState::Canceled);
    assert_eq!(office.cancel(&id)?.event_seq, 2, "once");
    let gone = post(&office.http, "/analyze", &key, &quality())?.expect(409)?;
    assert_eq!(gone.json()["code"], "job_canceled");
    // Again, as a job of its own.
    let retried = post(&office.http, &format!("{place}/retry"), &[], &json!({}))?.expect(201)?;
    assert_eq!(retried.json()["retry_of"], id.as_str());
    let running = retried.json()["job_id"].as_str().unwrap_or_default().to_owned();
    let refused = post(&office.http, &format!("/analyze/jobs/{running}/retry"), &[], &json!({}))?;
    let refused = refused.expect(409)?.json();
    assert_eq!((&refused["status"], &refused["code"]), (&json!(409), &json!("blocked")));
    assert_eq!(refused["job_status"], "queued");
    let worker = office.home.worker(1)?;
    assert_eq!(office.ended(&running)?.status, JobState::Completed);
    worker.stop()?;
    assert_eq!(office.check()?.len(), 2);
    Ok(())
}

#[test]
fn what_is_asked_wrongly_is_refused_with_the_place() -> Result<()> {
    let office = office(&[("KARTEI_WORKERS", "0")], "bfi.ndjson.gz")?;
    let http = &office.http;
    for (asked, code) in [
        (json!({"analysis": "magic"}), "invalid_request"),
        (json!({"analysis": "quality", "params": {"x": 1}}), "invalid_request"),
        (json!({"analysis": "quality", "filter": "(age>3"}), "invalid_filter"),
        (json!({"analysis": "quality", "more": 1}), "invalid_request"),
        (json!({}), "invalid_request"),
    ] {
        for path in ["/analyze", "/analyze/jobs"] {
            let refused = post(http, path, &[], &asked)?.expect(400)?;
            assert_eq!(refused.json()["code"], code, "{asked}");
        }
    }
    http.send("POST", "/analyze", &[("content-type", "text/plain")], b"{}")?.expect(415)?;
    http.get("/analyze/jobs/nobody")?.expect(404)?;
    http.get("/analyze/jobs/nobody/events")?.expect(404)?;
    http.get("/analyze/results/nobody")?.expect(404)?;
    http.get("/analyze/jobs?limit=0")?.expect(400)?;
    http.get("/analyze/jobs?cursor=x")?.expect(400)?;
    http.get("/analyze/jobs?status=lost")?.expect(400)?;
    let viewer = Http::new(office.relay.url(), Some(&office.home.token("viewer", "Grace")?));
    post(&viewer, "/analyze", &[], &quality())?.expect(403)?;
    let job = office.submit(&quality())?.job_id;
    post(&viewer, &format!("/analyze/jobs/{job}/cancel"), &[], &json!({}))?.expect(403)?;
    viewer.get(&format!("/analyze/jobs/{job}"))?.expect(200)?;
    let nobody = Http::new(office.relay.url(), None);
    post(&nobody, "/analyze", &[], &quality())?.expect(401)?;
    Ok(())
}

#[test]
fn jobs_are_listed_page_by_page_and_their_ends_are_read() -> Result<()> {
    let office = office(&[("KARTEI_WORKERS", "0")], "bfi.ndjson.gz")?;
    let ids: Vec<String> =
        (0..5).map(|_| Ok(office.submit(&quality())?.job_id)).collect::<Result<_>>()?;
    let mut listed = Vec::new();
    let mut path = "/analyze/jobs?limit=2".to_owned();
    loop {
        let page = office.http.get(&path)?.expect(200)?.json();
        for job in page["jobs"].as_array().into_iter().flatten() {
            listed.push(job["job_id"].as_str().unwrap_or_default().to_owned());
        }
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/analyze/jobs?limit=2&cursor={next}");
    }
    listed.reverse();
    assert_eq!(listed, ids);
    office.cancel(&ids[0])?;
    office.cancel(&ids[1])?;
    let notes = |http: &Http| -> Result<NotePage> {
        Ok(serde_json::from_value(http.get("/notifications")?.expect(200)?.json())?)
    };
    let told = notes(&office.http)?;
    assert_eq!((told.unread, told.notifications.len()), (2, 2));
    let one = json!({"id": told.notifications[0].id});
    let read = post(&office.http, "/notifications/read", &[], &one)?.expect(200)?;
    assert_eq!(read.json()["read"], 1);
    assert_eq!(notes(&office.http)?.unread, 1);
    let grace = Http::new(office.relay.url(), Some(&office.home.token("analyst", "Grace")?));
    assert_eq!(notes(&grace)?.notifications, []);
    post(&grace, "/notifications/read", &[], &json!({}))?.expect(200)?;
    assert_eq!(notes(&office.http)?.unread, 1, "hers alone");
    Ok(())
}

/// What clients of the first version sent, and what they read of the answers. These files never change.
#[test]
fn who_knew_only_analyze_is_answered_as_ever() -> Result<()> {
    let office = office(&[], "bfi.ndjson.gz")?;
    let recorded = std::fs::read_to_string(repository("tests/fixtures/analyze_v1.json"))?;
    let recorded: Vec<Value> = serde_json::from_str(&recorded)?;
    assert!(recorded.len() >= 4);
    for exchange in recorded {
        let request = &exchange["request"];
        let body = request["body"].to_string();
        let reply = office.http.send("POST", "/analyze", &[JSON], body.as_bytes())?;
        let expected = exchange["status"].as_u64().unwrap_or_default();
        assert_eq!(u64::from(reply.status), expected, "{request}: {}", reply.text());
        let kind = exchange["content_type"].as_str();
        assert_eq!(reply.header("content-type"), kind, "{request}");
        // Members may be added; what was there stays, with its meaning.
        for (pointer, value) in exchange["says"].as_object().into_iter().flatten() {
            assert_eq!(reply.json().pointer(pointer), Some(value), "{request} {pointer}");
        }
    }
    Ok(())
}
