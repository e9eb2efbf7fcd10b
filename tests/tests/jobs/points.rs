//! Workers killed at points that are chosen: between claiming a job and the first that is known of it, before the
//! commit that ends it, after that commit. A lock that the test holds keeps the worker where it is.

use anyhow::{Context, Result};
use kartei_protocol::jobs::{JobInfo, JobState};
use kartei_test_support::{Postgres, Stage, until};

use crate::{Office, WITHIN, opened, quality};

const DATABASE: &str = "points";

/// A job whose worker was killed while it wrote to a table, which nobody may write to then.
fn killed_at(cluster: &Postgres, office: &Office, table: &str) -> Result<JobInfo> {
    let held = cluster.hold(DATABASE, &format!("LOCK TABLE kartei.{table} IN EXCLUSIVE MODE"))?;
    let job = office.submit(&quality())?;
    let mut worker = office.home.worker(1)?;
    until(WITHIN, "the worker waits for the lock", || {
        let waiting = format!(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'kartei.{table}'::regclass"
        );
        Ok(cluster.sql(DATABASE, &waiting)? != "0")
    })?;
    worker.kill()?;
    // Whoever waited in its name goes on, finds nobody, and takes back what it did.
    drop(held);
    let seen = office.job(&job.job_id)?;
    assert_eq!((seen.status, &seen.result_id), (JobState::Running, &None), "{table}");
    Ok(job)
}

#[test]
fn a_worker_killed_at_any_point_loses_nothing_and_does_nothing_twice() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database(DATABASE)?;
    let stage = Stage::new()?;
    let home = stage.relay_home_on(&database)?.with(&[("KARTEI_WORKERS", "0")]);
    let office = opened(stage, home, "cdnow.ndjson.gz")?;
    office.home.run(&["jobs", "queue", "--org", "Test", "--cap", "10"])?.expect_code(0)?;

    let claimed = killed_at(&cluster, &office, "job_partials")?;
    let ending = killed_at(&cluster, &office, "job_results")?;
    // Behind the commit: what follows it is another one's.
    let done = office.submit(&quality())?;
    let mut worker = office.home.worker(1)?;
    let done = office.ended(&done.job_id)?;
    worker.kill()?;
    assert_eq!(done.status, JobState::Completed);

    let heir = office.home.worker(2)?;
    for job in [&claimed, &ending] {
        let ended = office.ended(&job.job_id)?;
        assert_eq!((ended.status, ended.attempts), (JobState::Completed, 2));
        assert_eq!(office.result(&ended)?["done"], 23_570);
    }
    let now = office.job(&done.job_id)?;
    assert_eq!((now.event_seq, now.attempts), (done.event_seq, 1), "an end stays what it is");
    heir.stop()?;
    let jobs = office.check()?;
    let all = jobs.iter().filter(|job| job.status == JobState::Completed).count();
    assert_eq!(all, 3, "{jobs:?}");
    office.result(jobs.first().context("they are listed")?)?;
    Ok(())
}
