//! Queues on Postgres: what an organisation's is, and setting it.

use deadpool_postgres::Transaction;

use super::profiles::{signed, unsigned};
use super::{Postgres, audit, get};
use crate::access::OrgId;
use crate::engine::Result;
use crate::jobs::{OpenJobs, Queue, QueueSet, lag_ms, told_of_set};

pub(super) async fn queue(db: &Transaction<'_>, org: OrgId) -> Result<Queue> {
    begin_queue(db, org).await?;
    let row = db
        .query_one(
            "SELECT cap, weight, paused_at, \
             (SELECT count(*) FROM kartei.jobs WHERE org = $1 AND state = 'queued'), \
             (SELECT count(*) FROM kartei.jobs WHERE org = $1 AND state = 'running'), \
             (SELECT min(due_at) FROM kartei.jobs WHERE org = $1 AND state = 'queued'), \
             ARRAY(SELECT analysis FROM kartei.job_pauses WHERE org = $1 ORDER BY analysis), \
             kartei.clock() \
             FROM kartei.job_queues WHERE org = $1",
            &[&org.0],
        )
        .await?;
    let oldest_due_at = row.get(5);
    Ok(Queue {
        cap: unsigned(&row, 0),
        weight: unsigned(&row, 1),
        paused_at: row.get(2),
        paused: row.get(6),
        queued: unsigned(&row, 3),
        running: unsigned(&row, 4),
        oldest_due_at,
        lag_ms: lag_ms(oldest_due_at, row.get(7)),
    })
}

/// An organisation has a queue once it is asked for.
pub(super) async fn begin_queue(db: &Transaction<'_>, org: OrgId) -> Result<()> {
    let insert = db
        .prepare_cached("INSERT INTO kartei.job_queues (org) VALUES ($1) ON CONFLICT DO NOTHING")
        .await?;
    db.execute(&insert, &[&org.0]).await?;
    Ok(())
}

pub(super) async fn set_queue(
    db: &Transaction<'_>,
    org: OrgId,
    actor: &str,
    sets: &[QueueSet<'_>],
) -> Result<Queue> {
    begin_queue(db, org).await?;
    // What it was before is told: nobody else sets it meanwhile.
    let lock = "SELECT FROM kartei.job_queues WHERE org = $1 FOR UPDATE";
    db.execute(lock, &[&org.0]).await?;
    let mut before = queue(db, org).await?;
    let mut told = Vec::with_capacity(sets.len());
    for one in sets {
        if let Some(change) = told_of_set(&before, one, actor) {
            set(db, org, one).await?;
            told.push(change);
            before = queue(db, org).await?;
        }
    }
    for change in &told {
        audit::append(db, org, change).await?;
    }
    Ok(before)
}

async fn set(db: &Transaction<'_>, org: OrgId, set: &QueueSet<'_>) -> Result<()> {
    match set {
        QueueSet::Cap(cap) => {
            let sql = "UPDATE kartei.job_queues SET cap = $2 WHERE org = $1";
            db.execute(sql, &[&org.0, &signed(*cap)]).await?
        }
        QueueSet::Weight(weight) => {
            let sql = "UPDATE kartei.job_queues SET weight = $2 WHERE org = $1";
            db.execute(sql, &[&org.0, &signed(*weight)]).await?
        }
        QueueSet::Paused(None, at) => {
            let sql = "UPDATE kartei.job_queues SET paused_at = $2 WHERE org = $1";
            db.execute(sql, &[&org.0, at]).await?
        }
        QueueSet::Paused(Some(analysis), Some(at)) => {
            let sql = "INSERT INTO kartei.job_pauses (org, analysis, paused_at) \
                       VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
            db.execute(sql, &[&org.0, analysis, at]).await?
        }
        QueueSet::Paused(Some(analysis), None) => {
            let sql = "DELETE FROM kartei.job_pauses WHERE org = $1 AND analysis = $2";
            db.execute(sql, &[&org.0, analysis]).await?
        }
    };
    Ok(())
}

impl Postgres {
    pub(super) fn count_open_jobs(&self) -> Result<OpenJobs> {
        self.run(async {
            let client = get(&self.pool).await?;
            let select = client
                .prepare_cached("SELECT queued, running, kartei.job_lag() FROM kartei.open_jobs()")
                .await?;
            let row = client.query_one(&select, &[]).await?;
            let [queued, running, lag_ms] = [0, 1, 2].map(|at| unsigned(&row, at));
            Ok(OpenJobs { queued, running, lag_ms })
        })
    }
}
