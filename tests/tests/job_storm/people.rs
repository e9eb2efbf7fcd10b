//! People who submit and cancel, and keep what they were told.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use kartei_test_support::{Dice, Http, Reply, pass};
use serde_json::json;

/// Jobs of one person that wait or run at once: a queue that only grows would tell nothing of ends.
const OPEN_MAX: u64 = 12;

/// Cohorts: one profile, some chunks, a bit more than a second.
const FILTERS: [Option<&str>; 4] =
    [Some("id:bfi-61617"), Some("tag:sapa"), Some("tag:cdnow"), None];

/// What people were told.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Jobs that were submitted, in their order.
    pub(crate) jobs: Vec<String>,
    /// The states that jobs were said to have when somebody asked for their end.
    pub(crate) told: HashMap<String, Vec<String>>,
    /// Requests whose answer was lost, and that were sent again.
    pub(crate) lost_answers: u32,
}

/// Asks until there is an answer: the relay, or its database, may be away.
fn answered(ledger: &Mutex<Ledger>, ask: impl Fn() -> Result<Reply>) -> Result<Reply> {
    for _ in 0..600 {
        match ask() {
            Ok(reply) if reply.status < 500 => return Ok(reply),
            Ok(_) | Err(_) => {
                ledger.lock().map_err(|_| anyhow::anyhow!("poisoned"))?.lost_answers += 1;
                pass(Duration::from_millis(100));
            }
        }
    }
    anyhow::bail!("no answer for minutes")
}

/// Submits jobs, each under a key of its own, until it is over.
pub(crate) fn submit_jobs(
    http: &Http,
    mut dice: Dice,
    ledger: &Mutex<Ledger>,
    over: &AtomicBool,
    person: usize,
) -> Result<()> {
    let mut number = 0_u64;
    let mut open: Vec<String> = Vec::new();
    while !over.load(Ordering::Relaxed) {
        if open.len() as u64 >= OPEN_MAX {
            let mut still = Vec::new();
            for id in open {
                let path = format!("/analyze/jobs/{id}");
                let job = answered(ledger, || http.get(&path))?.expect(200)?.json();
                if matches!(job["status"].as_str(), Some("queued" | "running")) {
                    still.push(id);
                }
            }
            open = still;
            pass(dice.moment(Duration::from_millis(200)));
            continue;
        }
        number += 1;
        let key = format!("person-{person}-{number}");
        let filter = FILTERS[usize::try_from(dice.roll(FILTERS.len() as u64)).unwrap_or(0)];
        let body = json!({"analysis": "quality", "filter": filter}).to_string();
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        let submit = || http.send("POST", "/analyze/jobs", &headers, body.as_bytes());
        let reply = answered(ledger, submit)?;
        anyhow::ensure!(matches!(reply.status, 200 | 201), "{}: {}", reply.status, reply.text());
        let id = reply.json()["job_id"].as_str().context("a job has an id")?.to_owned();
        open.push(id.clone());
        ledger.lock().map_err(|_| anyhow::anyhow!("poisoned"))?.jobs.push(id);
        pass(dice.moment(Duration::from_millis(60)));
    }
    Ok(())
}

/// Asks for the end of recent jobs, whatever they are just doing, until it is over.
pub(crate) fn cancel_jobs(
    http: &Http,
    mut dice: Dice,
    ledger: &Mutex<Ledger>,
    over: &AtomicBool,
) -> Result<()> {
    while !over.load(Ordering::Relaxed) {
        pass(dice.moment(Duration::from_millis(700)));
        let job = {
            let ledger = ledger.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
            let recent = ledger.jobs.len().saturating_sub(30);
            let some = &ledger.jobs[recent..];
            let at = usize::try_from(dice.roll(some.len() as u64)).unwrap_or(0);
            some.get(at).cloned()
        };
        let Some(job) = job else { continue };
        let path = format!("/analyze/jobs/{job}/cancel");
        let headers = [("content-type", "application/json")];
        let reply = answered(ledger, || http.send("POST", &path, &headers, b"{}"))?.expect(200)?;
        let said = reply.json()["status"].as_str().unwrap_or_default().to_owned();
        let mut ledger = ledger.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
        ledger.told.entry(job).or_default().push(said);
    }
    Ok(())
}
