//! Workers that die, sleep and stop.

use anyhow::Result;
use kartei_protocol::jobs::{JobEventKind, JobInfo, JobState};
use kartei_test_support::{Postgres, Stage, Worker, until, until_some};

use crate::{Office, WITHIN, cohorts, office, opened, quality};

/// A worker that was frozen with a job half done, and the job. It may be too quick for that: then it gets
/// another one.
pub(crate) fn frozen(office: &Office) -> Result<(Worker, JobInfo)> {
    frozen_at(office, || office.submit(&quality()))
}

/// The same with a job that is submitted like this.
pub(crate) fn frozen_at(
    office: &Office,
    submit: impl Fn() -> Result<JobInfo>,
) -> Result<(Worker, JobInfo)> {
    loop {
        let job = submit()?;
        let worker = office.home.worker(1)?;
        let seen = until_some(WITHIN, "something is known of the job", || {
            let job = office.job(&job.job_id)?;
            Ok((job.progress.is_some() || job.status.is_terminal()).then_some(job))
        })?;
        worker.freeze()?;
        // What it had sent before may still arrive.
        let now = office.job(&seen.job_id)?;
        if now.status == JobState::Running {
            return Ok((worker, now));
        }
        worker.thaw()?;
        worker.stop()?;
    }
}

fn kinds(office: &Office, id: &str) -> Result<Vec<String>> {
    let events = office.http.get(&format!("/analyze/jobs/{id}/events"))?.expect(200)?.json();
    let events = events["events"].as_array().cloned().unwrap_or_default();
    Ok(events.iter().map(|event| event["type"].as_str().unwrap_or_default().to_owned()).collect())
}

fn lost_and_sleeping(office: &Office) -> Result<()> {
    // Jobs run beside each other, each in a worker of its own.
    office.home.run(&["jobs", "queue", "--org", "Test", "--cap", "10"])?.expect_code(0)?;
    let (mut dies, of_dead) = frozen(office)?;
    dies.kill()?;
    let (sleeps, of_sleeper) = frozen(office)?;
    let heir = office.home.worker(2)?;
    for job in [&of_dead, &of_sleeper] {
        let ended = office.ended(&job.job_id)?;
        assert_eq!((ended.status, ended.attempts), (JobState::Completed, 2));
        let happened = kinds(office, &job.job_id)?;
        assert!(happened.contains(&JobEventKind::Lapsed.word().to_owned()), "{happened:?}");
        let result = office.result(&ended)?;
        assert_eq!(result["done"], 23_570, "nobody is missing, and nobody is counted twice");
        assert_eq!(result["observations"]["count"], 23_570);
    }
    // Who wakes up again has lost its job: what it writes does not count, and it takes the next one.
    heir.stop()?;
    let before = office.job(&of_sleeper.job_id)?;
    sleeps.thaw()?;
    let next = office.submit(&quality())?;
    assert_eq!(office.ended(&next.job_id)?.status, JobState::Completed);
    assert_eq!(office.job(&of_sleeper.job_id)?, before);
    sleeps.stop()?;
    office.check()?;
    Ok(())
}

#[test]
fn what_a_lost_or_sleeping_worker_had_goes_on_elsewhere() -> Result<()> {
    lost_and_sleeping(&office(&[("KARTEI_WORKERS", "0")], "cdnow.ndjson.gz")?)
}

#[test]
fn the_same_on_postgres_which_is_restarted() -> Result<()> {
    let mut cluster = Postgres::start(true)?;
    let database = cluster.database("jobs")?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?.with(&[("KARTEI_WORKERS", "0")]);
    let office = opened(stage, home, "cdnow.ndjson.gz")?;
    let (worker, job) = frozen(&office)?;
    cluster.crash_and_restart()?;
    worker.thaw()?;
    // With its connections gone it goes on, or gives up and another attempt does.
    assert_eq!(office.ended(&job.job_id)?.status, JobState::Completed);
    worker.stop()?;
    lost_and_sleeping(&office)
}

#[test]
fn a_cancel_is_answered_at_the_next_chunk() -> Result<()> {
    let office = office(&[("KARTEI_WORKERS", "0")], "cdnow.ndjson.gz")?;
    let (worker, job) = frozen(&office)?;
    let kept = cohorts(&office.home.data().join("blobs/jobs"))?;
    assert_eq!(kept, 1, "another worker could go on");
    let heard = office.cancel(&job.job_id)?;
    assert_eq!(heard.status, JobState::Running, "its worker sleeps");
    assert!(heard.cancel_requested_at.is_some());
    assert_eq!(office.cancel(&job.job_id)?.event_seq, heard.event_seq, "asked once");
    worker.thaw()?;
    let ended = office.ended(&job.job_id)?;
    assert_eq!((ended.status, ended.result_id), (JobState::Canceled, None));
    let partial = ended.partial.unwrap_or_default();
    assert!(partial["done"].as_u64().is_some_and(|done| done > 0), "what is known is kept");
    assert!(partial["profiles"]["tagged"]["low"].is_number(), "with between what the whole lies");
    worker.stop()?;
    office.check()?;
    Ok(())
}

#[test]
fn a_worker_that_stops_gives_its_job_back() -> Result<()> {
    let office = office(&[("KARTEI_WORKERS", "0")], "cdnow.ndjson.gz")?;
    let (worker, job) = frozen(&office)?;
    // The signal waits until it goes on.
    std::thread::scope(|scope| {
        let stops = scope.spawn(move || -> Result<()> {
            worker.thaw()?;
            worker.stop()
        });
        stops.join().map_err(|_| anyhow::anyhow!("the worker could not be stopped"))?
    })?;
    let left = office.job(&job.job_id)?;
    // It was done before it heard, or it waits: with what is known.
    if left.status == JobState::Queued {
        assert_eq!(left.attempts, 0, "a stop is no failure");
        assert!(left.progress.is_some());
    }
    let worker = office.home.worker(1)?;
    assert_eq!(office.ended(&job.job_id)?.status, JobState::Completed);
    worker.stop()?;
    office.check()?;
    Ok(())
}

#[test]
fn an_administrator_pauses_and_ends() -> Result<()> {
    let office = office(&[("KARTEI_WORKERS", "0")], "bfi.ndjson.gz")?;
    let queue = |more: &[&str]| -> Result<serde_json::Value> {
        let all = [&["jobs", "queue", "--org", "Test", "--json"], more].concat();
        Ok(serde_json::from_slice(office.home.run(&all)?.expect_code(0)?.stdout())?)
    };
    assert!(!queue(&["--pause"])?["paused_at"].is_null());
    let job = office.submit(&quality())?;
    let worker = office.home.worker(1)?;
    assert_eq!(queue(&[])?["queued"], 1);
    assert!(queue(&["--resume"])?["paused_at"].is_null());
    assert_eq!(office.ended(&job.job_id)?.status, JobState::Completed);
    assert_eq!(queue(&["--pause", "quality"])?["paused_analyses"][0], "quality");
    let hangs = office.submit(&quality())?;
    office.home.run(&["jobs", "fail", &hangs.job_id, "--org", "Test"])?.expect_code(0)?;
    let failed = office.job(&hangs.job_id)?;
    assert_eq!(failed.status, JobState::Failed);
    assert_eq!(failed.reason, Some(kartei_protocol::jobs::FailReason::Forced));
    let missing = office.home.run(&["jobs", "fail", "job-nobody", "--org", "Test"])?;
    missing.expect_code(1)?;
    queue(&["--resume", "quality", "--cap", "1", "--weight", "200"])?;
    assert_eq!((queue(&[])?["cap"].clone(), queue(&[])?["weight"].clone()), (1.into(), 200.into()));
    // What runs is listed with who has it.
    drop(worker);
    let cdnow = crate::office(&[("KARTEI_WORKERS", "0")], "cdnow.ndjson.gz")?;
    let (_frozen, job) = frozen(&cdnow)?;
    until(WITHIN, "the job is listed", || {
        let listed = cdnow.home.run(&["jobs", "running", "--org", "Test"])?.expect_code(0)?;
        Ok(String::from_utf8_lossy(listed.stdout()).contains(&job.job_id))
    })?;
    office.check()?;
    Ok(())
}
