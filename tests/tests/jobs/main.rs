//! Analyses as jobs, over HTTP, with the real relay and real workers.

mod admin;
mod calibrations;
mod cancels;
mod cli;
mod datasets;
mod examples;
mod http;
mod isolation;
mod points;
mod receiver;
mod retention;
mod roles;
mod webhooks;
mod workers;

use std::time::Duration;

use anyhow::{Context, Result};
use kartei_job_core::check_history;
use kartei_protocol::jobs::{JobEvents, JobInfo, JobPage, JobState, NotePage};
use kartei_test_support::{Http, Relay, RelayHome, Reply, Stage, repository, until, until_some};
use serde_json::{Value, json};

/// How long is waited for what the relay does by itself: a lease of 20 seconds may have to end first.
const WITHIN: Duration = Duration::from_secs(120);

const JSON: (&str, &str) = ("content-type", "application/json");

/// A relay with real profiles, and somebody who asks it.
struct Office {
    stage: Stage,
    home: RelayHome,
    relay: Relay,
    http: Http,
}

fn office(settings: &[(&str, &str)], file: &str) -> Result<Office> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?.with(settings);
    opened(stage, home, file)
}

fn opened(stage: Stage, home: RelayHome, file: &str) -> Result<Office> {
    let relay = home.start()?;
    let token = home.token("analyst", "Ada")?;
    let http = Http::patient(relay.url(), Some(&token), Duration::from_secs(60));
    let body = std::fs::read(repository(&format!("tests/fixtures/data/{file}")))?;
    let kind = ("content-type", "application/gzip");
    http.send("POST", "/profiles/import", &[kind], &body)?.expect(200)?;
    Ok(Office { stage, home, relay, http })
}

fn post(http: &Http, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<Reply> {
    let mut all = vec![JSON];
    all.extend(headers);
    http.send("POST", path, &all, body.to_string().as_bytes())
}

fn quality() -> Value {
    json!({"analysis": "quality"})
}

/// Cohorts that are kept below a folder.
fn cohorts(folder: &std::path::Path) -> Result<usize> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(0) };
    let mut found = 0;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found += cohorts(&path)?;
        } else {
            found += usize::from(path.file_name().is_some_and(|name| name == "cohort"));
        }
    }
    Ok(found)
}

impl Office {
    fn submit(&self, asked: &Value) -> Result<JobInfo> {
        let reply = post(&self.http, "/analyze/jobs", &[], asked)?.expect(201)?;
        Ok(serde_json::from_value(reply.json())?)
    }

    fn job(&self, id: &str) -> Result<JobInfo> {
        let reply = self.http.get(&format!("/analyze/jobs/{id}"))?.expect(200)?;
        Ok(serde_json::from_value(reply.json())?)
    }

    fn cancel(&self, id: &str) -> Result<JobInfo> {
        let reply = post(&self.http, &format!("/analyze/jobs/{id}/cancel"), &[], &json!({}))?;
        Ok(serde_json::from_value(reply.expect(200)?.json())?)
    }

    fn ended(&self, id: &str) -> Result<JobInfo> {
        until_some(WITHIN, "the job ends", || {
            Ok(Some(self.job(id)?).filter(|job| job.status.is_terminal()))
        })
    }

    fn result(&self, job: &JobInfo) -> Result<Value> {
        let id = job.result_id.as_deref().context("a completed job has a result")?;
        let reply = self.http.get(&format!("/analyze/results/{id}"))?.expect(200)?;
        Ok(reply.json()["result"].clone())
    }

    /// Everything that can be read of every job fits together: its events are a history that it can have,
    /// it has a result if and only if it was completed, and its end was told once.
    fn check(&self) -> Result<Vec<JobInfo>> {
        // What another worker would have gone on with goes with the job, a moment after its end.
        until(WITHIN, "nothing is left of jobs that ended", || {
            let folder = self.home.data().join("blobs/jobs");
            let open = self.http.get("/analyze/jobs?limit=500&status=running")?.expect(200)?.json();
            let open = open["jobs"].as_array().map_or(0, Vec::len);
            Ok(cohorts(&folder)? <= open)
        })?;
        let page: JobPage =
            serde_json::from_value(self.http.get("/analyze/jobs?limit=500")?.expect(200)?.json())?;
        let notes: NotePage =
            serde_json::from_value(self.http.get("/notifications?limit=500")?.expect(200)?.json())?;
        for job in &page.jobs {
            let path = format!("/analyze/jobs/{}/events", job.job_id);
            let past: JobEvents =
                serde_json::from_value(self.http.get(&path)?.expect(200)?.json())?;
            if let Err(wrong) = check_history(&past.events, job.status, job.result_id.is_some()) {
                anyhow::bail!("{}: {wrong}", job.job_id);
            }
            assert_eq!(past.ended, job.status.is_terminal());
            if job.status == JobState::Completed {
                assert_eq!(self.result(job)?["done"], self.result(job)?["total"]);
            }
            let told = notes.notifications.iter();
            let told: Vec<_> =
                told.filter(|note| note.job_id.as_deref() == Some(&*job.job_id)).collect();
            assert_eq!(told.len(), usize::from(job.status.is_terminal()), "told of {}", job.job_id);
            for note in told {
                assert_eq!(note.kind, format!("job_{}", job.status.word()));
            }
        }
        Ok(page.jobs)
    }
}
