//! Cancels that meet completions: whoever comes first wins, and everybody is told the same.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use kartei_protocol::jobs::{JobInfo, JobState};
use kartei_test_support::{Postgres, Stage};
use serde_json::json;

use crate::{Office, office, opened, post, quality};

/// Jobs, and how often each is cancelled: a thousand in all, by so many at once.
const JOBS: usize = 250;
const EACH: usize = 4;
const AT_ONCE: usize = 32;

fn a_thousand_cancels(office: &Office) -> Result<()> {
    office.home.run(&["jobs", "queue", "--org", "Test", "--cap", "4"])?.expect_code(0)?;
    let jobs: Vec<JobInfo> = (0..JOBS).map(|_| office.submit(&quality())).collect::<Result<_>>()?;
    let next = AtomicUsize::new(0);
    let answers = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| -> Result<Vec<JobInfo>> {
                    let mut heard = Vec::new();
                    loop {
                        // The same job is asked about by several at once; those in front run meanwhile.
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(job) = jobs.get(number / EACH) else { return Ok(heard) };
                        let path = format!("/analyze/jobs/{}/cancel", job.job_id);
                        let reply = post(&office.http, &path, &[], &json!({}))?.expect(200)?;
                        heard.push(serde_json::from_value(reply.json())?);
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a client broke off"))?)
            .collect::<Result<Vec<_>>>()
    })?;
    let answers: Vec<JobInfo> = answers.into_iter().flatten().collect();
    assert_eq!(answers.len(), JOBS * EACH);
    let mut canceled = 0;
    for job in &jobs {
        let ended = office.ended(&job.job_id)?;
        canceled += usize::from(ended.status == JobState::Canceled);
        for heard in answers.iter().filter(|heard| heard.job_id == job.job_id) {
            // Who was told an end was told the end that it has; who was told nothing yet, that it is asked for.
            if heard.status.is_terminal() {
                assert_eq!((heard.status, &heard.result_id), (ended.status, &ended.result_id));
            } else {
                assert!(heard.cancel_requested_at.is_some(), "{heard:?}");
                assert_ne!(ended.status, JobState::Completed, "a completion after it is none");
            }
        }
        assert_eq!(ended.result_id.is_some(), ended.status == JobState::Completed);
    }
    assert!(canceled > JOBS / 2, "{canceled} of {JOBS} were cancelled in time");
    office.check()?;
    Ok(())
}

#[test]
fn a_thousand_cancels_at_once_agree_with_what_became_of_the_jobs() -> Result<()> {
    a_thousand_cancels(&office(&[("KARTEI_WORKERS", "4")], "bfi.ndjson.gz")?)
}

#[test]
fn a_thousand_cancels_at_once_on_postgres() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("cancels")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?.with(&[("KARTEI_WORKERS", "4")]);
    a_thousand_cancels(&opened(stage, home, "bfi.ndjson.gz")?)
}
