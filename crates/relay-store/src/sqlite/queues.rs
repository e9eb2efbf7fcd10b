//! Queues on SQLite: what an organisation's is, and setting it.

use rusqlite::{Transaction, params};

use super::{CLOCK, audit};
use crate::access::OrgId;
use crate::engine::Result;
use crate::jobs::{OpenJobs, Queue, QueueSet, lag_ms, told_of_set};

/// An organisation has a queue once it is asked for.
pub(super) fn begin_queue(db: &Transaction<'_>, org: OrgId) -> Result<()> {
    db.prepare_cached("INSERT OR IGNORE INTO job_queues (org) VALUES (?1)")?.execute([org.0])?;
    Ok(())
}

pub(super) fn queue(db: &Transaction<'_>, org: OrgId) -> Result<Queue> {
    begin_queue(db, org)?;
    let mut queue = db
        .prepare_cached(&format!(
            "SELECT cap, weight, paused_at, \
             (SELECT count(*) FROM jobs WHERE org = ?1 AND state = 'queued'), \
             (SELECT count(*) FROM jobs WHERE org = ?1 AND state = 'running'), \
             (SELECT min(due_at) FROM jobs WHERE org = ?1 AND state = 'queued'), \
             {CLOCK} FROM job_queues WHERE org = ?1"
        ))?
        .query_row([org.0], |row| {
            let oldest_due_at = row.get(5)?;
            Ok(Queue {
                cap: row.get(0)?,
                weight: row.get(1)?,
                paused_at: row.get(2)?,
                paused: Vec::new(),
                queued: row.get(3)?,
                running: row.get(4)?,
                oldest_due_at,
                lag_ms: lag_ms(oldest_due_at, row.get(6)?),
            })
        })?;
    queue.paused = db
        .prepare_cached("SELECT analysis FROM job_pauses WHERE org = ?1 ORDER BY analysis")?
        .query_map([org.0], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(queue)
}

pub(super) fn set_queue(
    db: &Transaction<'_>,
    org: OrgId,
    actor: &str,
    sets: &[QueueSet<'_>],
) -> Result<Queue> {
    let mut before = queue(db, org)?;
    for one in sets {
        if let Some(told) = told_of_set(&before, one, actor) {
            set(db, org, one)?;
            audit::append(db, org, &told)?;
            before = queue(db, org)?;
        }
    }
    Ok(before)
}

fn set(db: &Transaction<'_>, org: OrgId, set: &QueueSet<'_>) -> Result<()> {
    match set {
        QueueSet::Cap(cap) => {
            db.execute("UPDATE job_queues SET cap = ?2 WHERE org = ?1", params![org.0, cap])?
        }
        QueueSet::Weight(weight) => {
            db.execute("UPDATE job_queues SET weight = ?2 WHERE org = ?1", params![org.0, weight])?
        }
        QueueSet::Paused(None, at) => {
            db.execute("UPDATE job_queues SET paused_at = ?2 WHERE org = ?1", params![org.0, at])?
        }
        QueueSet::Paused(Some(analysis), Some(at)) => db.execute(
            "INSERT OR IGNORE INTO job_pauses (org, analysis, paused_at) VALUES (?1, ?2, ?3)",
            params![org.0, analysis, at],
        )?,
        QueueSet::Paused(Some(analysis), None) => db.execute(
            "DELETE FROM job_pauses WHERE org = ?1 AND analysis = ?2",
            params![org.0, analysis],
        )?,
    };
    Ok(())
}

/// Jobs of all organisations that wait, and that run.
pub(super) fn open_jobs(db: &Transaction<'_>) -> Result<OpenJobs> {
    let counts = db
        .prepare_cached(&format!(
            "SELECT (SELECT count(*) FROM jobs WHERE state = 'queued'), \
             (SELECT count(*) FROM jobs WHERE state = 'running'), \
             (SELECT max(0, coalesce(max({CLOCK} - due_at), 0)) FROM jobs j WHERE state = 'queued' \
              AND NOT EXISTS (SELECT 1 FROM job_queues q \
                  WHERE q.org = j.org AND q.paused_at IS NOT NULL) \
              AND NOT EXISTS (SELECT 1 FROM job_pauses p \
                  WHERE p.org = j.org AND p.analysis = j.analysis))"
        ))?
        .query_row([], |row| {
            Ok(OpenJobs { queued: row.get(0)?, running: row.get(1)?, lag_ms: row.get(2)? })
        })?;
    Ok(counts)
}
