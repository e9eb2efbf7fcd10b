//! Whether everything that is kept fits together.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, bail, ensure};
use kartei_job_core::{ATTEMPTS_MAX, check_history};
use kartei_protocol::jobs::{JobEventKind, JobEvents, JobInfo, JobPage, JobState, NotePage};
use kartei_test_support::{Http, Postgres};

use crate::DATABASE;
use crate::people::Ledger;

/// What must not be there, each as a question whose answer is a number of rows.
const NEVER: &[(&str, &str)] = &[
    (
        "a job whose events are not numbered 1 to its newest",
        "SELECT count(*) FROM kartei.jobs j WHERE j.event_seq <> \
         (SELECT count(*) FROM kartei.job_events e WHERE e.job = j.pk) OR j.event_seq <> \
         (SELECT max(seq) FROM kartei.job_events e WHERE e.job = j.pk)",
    ),
    (
        "a job with no terminal event, or more than one",
        "SELECT count(*) FROM kartei.jobs j WHERE (SELECT count(*) FROM kartei.job_events e WHERE \
         e.job = j.pk AND e.to_state IN ('completed', 'failed', 'canceled')) <> 1",
    ),
    (
        "a result without a completed job, or the other way round",
        "SELECT count(*) FROM kartei.jobs j FULL JOIN kartei.job_results r ON r.job = j.pk \
         WHERE (j.state = 'completed') IS DISTINCT FROM (r.pk IS NOT NULL) \
         OR j.result IS DISTINCT FROM r.id",
    ),
    (
        "an end that was not told once",
        "SELECT count(*) FROM kartei.jobs j WHERE \
         (SELECT count(*) FROM kartei.notifications n WHERE n.job = j.id) <> 1",
    ),
    (
        "a lease, a worker or something to go on with of a job that ended",
        "SELECT count(*) FROM kartei.jobs j LEFT JOIN kartei.job_partials p ON p.job = j.pk \
         WHERE j.lease_until IS NOT NULL OR j.worker IS NOT NULL OR p.resume IS NOT NULL \
         OR (j.state = 'completed' AND p.job IS NOT NULL)",
    ),
    (
        "more claims than started events",
        "SELECT count(*) FROM kartei.jobs j WHERE j.claim <> \
         (SELECT count(*) FROM kartei.job_events e WHERE e.job = j.pk AND e.kind = 'started')",
    ),
];

/// Looks at every job, in the interface and in the database; answers what there was.
pub(crate) fn everything(http: &Http, cluster: &Postgres, ledger: &Ledger) -> Result<String> {
    for (what, sql) in NEVER {
        let found = cluster.sql(DATABASE, sql)?;
        ensure!(found == "0", "{what}: {found}");
    }
    let jobs = all_jobs(http)?;
    ensure!(jobs.len() == ledger.jobs.len(), "{} jobs of {}", jobs.len(), ledger.jobs.len());
    let mut told = all_notes(http)?;
    let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut lapsed, mut lost_races) = (0, 0);
    for job in &jobs {
        let path = format!("/analyze/jobs/{}/events", job.job_id);
        let past: JobEvents = serde_json::from_value(http.get(&path)?.expect(200)?.json())?;
        check_history(&past.events, job.status, job.result_id.is_some())
            .map_err(|wrong| anyhow::anyhow!("{}: {wrong}", job.job_id))?;
        ensure!(past.ended && job.attempts <= ATTEMPTS_MAX, "{}", job.job_id);
        lapsed += past.events.iter().filter(|event| event.kind == JobEventKind::Lapsed).count();
        if let Some(result) = &job.result_id {
            let result = http.get(&format!("/analyze/results/{result}"))?.expect(200)?.json();
            let result = &result["result"];
            ensure!(result["done"] == result["total"], "{}: not all", job.job_id);
            let total = match job.filter.as_deref() {
                Some("id:bfi-61617") => 1,
                Some("tag:sapa") => 2_800,
                Some("tag:cdnow") => 23_570,
                _ => 26_370,
            };
            ensure!(result["total"] == total, "{}: {} of {total}", job.job_id, result["total"]);
        }
        *ends.entry(job.status.word()).or_default() += 1;
        ensure!(told.remove(&job.job_id) == Some(format!("job_{}", job.status.word())));
        let said = ledger.told.get(&job.job_id).map(Vec::as_slice).unwrap_or_default();
        for said in said {
            let said = JobState::of(said).context("a state")?;
            // An end that was told is the end; a cancel that was heard ends it, and nothing else does.
            let fits = if said.is_terminal() {
                said == job.status
            } else {
                said == JobState::Running && job.status == JobState::Canceled
            };
            ensure!(fits, "{}: was said to be {said:?}, is {:?}", job.job_id, job.status);
        }
        lost_races += usize::from(!said.is_empty() && job.status == JobState::Completed);
    }
    ensure!(told.is_empty(), "told of jobs that are nowhere: {told:?}");
    if !ends.contains_key("completed") || !ends.contains_key("canceled") {
        bail!("nothing was completed, or nothing cancelled: {ends:?}");
    }
    Ok(format!(
        "{} jobs: {ends:?}; {lapsed} leases ended with a worker lost or frozen; {lost_races} cancels came after the \
         completion; {} requests were sent again",
        jobs.len(),
        ledger.lost_answers
    ))
}

fn all_jobs(http: &Http) -> Result<Vec<JobInfo>> {
    let mut all = Vec::new();
    let mut path = "/analyze/jobs?limit=500".to_owned();
    loop {
        let page: JobPage = serde_json::from_value(http.get(&path)?.expect(200)?.json())?;
        all.extend(page.jobs);
        let Some(next) = page.next else { return Ok(all) };
        path = format!("/analyze/jobs?limit=500&cursor={next}");
    }
}

fn all_notes(http: &Http) -> Result<HashMap<String, String>> {
    let mut all = HashMap::new();
    let mut path = "/notifications?limit=500".to_owned();
    loop {
        let page: NotePage = serde_json::from_value(http.get(&path)?.expect(200)?.json())?;
        let Some(last) = page.notifications.last().map(|note| note.id) else { return Ok(all) };
        for note in page.notifications {
            let job = note.job_id.context("it is of a job")?;
            ensure!(all.insert(job.clone(), note.kind).is_none(), "{job} was told twice");
        }
        path = format!("/notifications?limit=500&before={last}");
    }
}
