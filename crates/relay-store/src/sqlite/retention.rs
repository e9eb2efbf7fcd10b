//! Retention on SQLite.

use rusqlite::{OptionalExtension, Row, ToSql, Transaction, params};
use serde_json::json;

use super::jobs::{clock, find};
use super::{Sqlite, audit};
use crate::access::OrgId;
use crate::audit::NewAudit;
use crate::engine::Result;
use crate::jobs::JobRow;
use crate::retention::{
    Applying, Begun, CHOSEN_MAX, Choice, Chosen, Gone, IMPORT_RUNS_MS, ImportLeft, ImportsGoing,
    JOBS_AT_ONCE, Kind, Named, Plan, Policy, PolicySet, Purged, RESULTS_AT_ONCE, Restored,
    RetentionEngine, RetentionRun, bytes_of, gone_of, hold_told, told_of_imports, told_of_plan,
    told_of_purge, told_of_run,
};

const ENDED: &str = "state IN ('completed', 'failed', 'canceled')";

const RUN_COLUMNS: &str =
    "pk, id, by, as_of, at, restore_until, results, jobs, bytes, restored_at, purged_at";

fn read_run(row: &Row<'_>) -> rusqlite::Result<RetentionRun> {
    Ok(RetentionRun {
        pk: row.get(0)?,
        id: row.get(1)?,
        by: row.get(2)?,
        as_of: row.get(3)?,
        at: row.get(4)?,
        restore_until: row.get(5)?,
        results: row.get(6)?,
        jobs: row.get(7)?,
        bytes: row.get(8)?,
        restored_at: row.get(9)?,
        purged_at: row.get(10)?,
    })
}

fn policy(db: &Transaction<'_>, org: OrgId) -> Result<Policy> {
    let found = db
        .prepare_cached(
            "SELECT results_days, jobs_days, imports_days, restore_days, automatic, held_at \
             FROM retention_policies WHERE org = ?1",
        )?
        .query_row([org.0], |row| {
            Ok(Policy {
                results_days: row.get(0)?,
                jobs_days: row.get(1)?,
                imports_days: row.get(2)?,
                restore_days: row.get(3)?,
                automatic: row.get(4)?,
                held_at: row.get(5)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

fn tell(db: &Transaction<'_>, org: OrgId, told: &[NewAudit]) -> Result<()> {
    told.iter().try_for_each(|one| audit::append(db, org, one))
}

fn choose(db: &Transaction<'_>, org: OrgId, policy: &Policy, as_of: i64) -> Result<Choice> {
    let chosen = |kind: Kind, sql: &str, after: i64| -> Result<Vec<Chosen>> {
        let Some(until) = policy.due_until(kind, as_of) else { return Ok(Vec::new()) };
        let mut select = db.prepare_cached(sql)?;
        let rows = select.query_map(params![org.0, until, after, CHOSEN_MAX], |row| {
            Ok(Chosen {
                pk: row.get(0)?,
                id: row.get(1)?,
                finished_at: row.get(2)?,
                bytes: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    let payloads = "coalesce(r.size, 0) + coalesce(length(CAST(p.payload AS BLOB)), 0) + \
                    coalesce(length(p.resume), 0)";
    let jobs = format!(
        "SELECT j.pk, j.id, j.finished_at, {payloads} + length(CAST(j.params AS BLOB)) + \
         coalesce(length(CAST(j.filter AS BLOB)), 0) + coalesce(length(CAST(j.detail AS BLOB)), 0) \
         + (SELECT coalesce(sum(length(CAST(e.data AS BLOB))), 0) FROM job_events e WHERE e.job = j.pk) \
         FROM jobs j LEFT JOIN job_results r ON r.job = j.pk LEFT JOIN job_partials p ON p.job = j.pk \
         WHERE j.org = ?1 AND j.finished_at <= ?2 AND j.finished_at > ?3 AND j.deleted_at IS NULL \
         AND j.held_at IS NULL AND j.{ENDED} ORDER BY j.finished_at, j.pk LIMIT ?4"
    );
    let results = format!(
        "SELECT j.pk, j.id, j.finished_at, {payloads} \
         FROM jobs j LEFT JOIN job_results r ON r.job = j.pk LEFT JOIN job_partials p ON p.job = j.pk \
         WHERE j.org = ?1 AND j.finished_at <= ?2 AND j.finished_at > ?3 AND j.deleted_at IS NULL \
         AND j.result_deleted_at IS NULL AND j.held_at IS NULL AND j.{ENDED} \
         AND (r.pk IS NOT NULL OR p.job IS NOT NULL) ORDER BY j.finished_at, j.pk LIMIT ?4"
    );
    let jobs = chosen(Kind::Jobs, &jobs, i64::MIN)?;
    // What goes with its whole job is not told twice.
    let after = policy.due_until(Kind::Jobs, as_of).unwrap_or(i64::MIN);
    let results = chosen(Kind::Results, &results, after)?;
    Ok(Choice { as_of, results, jobs })
}

fn run(db: &Transaction<'_>, org: OrgId, id: &str) -> Result<Option<RetentionRun>> {
    let sql = format!("SELECT {RUN_COLUMNS} FROM retention_runs WHERE org = ?1 AND id = ?2");
    Ok(db.prepare_cached(&sql)?.query_row(params![org.0, id], read_run).optional()?)
}

fn begin_run(db: &Transaction<'_>, org: OrgId, actor: &str, asked: &Applying<'_>) -> Result<Begun> {
    let (policy, now) = (policy(db, org)?, clock(db)?);
    if asked.as_of > now {
        return Ok(Begun::Stale);
    }
    let choice = choose(db, org, &policy, asked.as_of)?;
    if choice.hash() != asked.plan {
        return Ok(Begun::Stale);
    }
    let made = db.execute(
        "INSERT INTO retention_runs (id, org, by, plan, as_of, at, restore_until) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (org, plan) DO NOTHING",
        params![
            asked.run,
            org.0,
            actor,
            asked.plan,
            asked.as_of,
            now,
            policy.restorable_until(now)
        ],
    )?;
    let made = if made == 1 { run(db, org, asked.run)? } else { None };
    let Some(made) = made else { return Ok(Begun::Stale) };
    let plan = choice.plan();
    audit::append(db, org, &told_of_plan(actor, "retention.applied", &made.id, &plan))?;
    Ok(Begun::Run(made, choice))
}

fn mark(
    db: &Transaction<'_>,
    org: OrgId,
    of: &RetentionRun,
    kind: Kind,
    chosen: &[Chosen],
) -> Result<RetentionRun> {
    if policy(db, org)?.held_at.is_some() {
        return Ok(of.clone());
    }
    let now = clock(db)?;
    let sql = match kind {
        Kind::Jobs => format!(
            "UPDATE jobs SET deleted_at = ?3, deleted_run = ?4 WHERE org = ?1 AND pk = ?2 \
             AND deleted_at IS NULL AND held_at IS NULL AND {ENDED}"
        ),
        Kind::Results => format!(
            "UPDATE jobs SET result_deleted_at = ?3, result_run = ?4 WHERE org = ?1 AND pk = ?2 \
             AND deleted_at IS NULL AND result_deleted_at IS NULL AND held_at IS NULL AND {ENDED}"
        ),
    };
    let mut update = db.prepare_cached(&sql)?;
    let mut marked = Vec::with_capacity(chosen.len());
    for one in chosen {
        if update.execute(params![org.0, one.pk, now, of.pk])? == 1 {
            marked.push(one.clone());
        }
    }
    if !marked.is_empty() {
        let column = kind.word();
        let sql = format!(
            "UPDATE retention_runs SET {column} = {column} + ?2, bytes = bytes + ?3 WHERE pk = ?1"
        );
        db.execute(&sql, params![of.pk, marked.len(), bytes_of(&marked)])?;
        tell(db, org, &[told_of_run(&of.by, "retention.marked", &of.id, kind, marked.len())])?;
    }
    Ok(run(db, org, &of.id)?.unwrap_or_else(|| of.clone()))
}

fn begin_restore(db: &Transaction<'_>, org: OrgId, actor: &str, id: &str) -> Result<Restored> {
    let Some(found) = run(db, org, id)? else { return Ok(Restored::Missing) };
    if found.restored_at.is_some() {
        return Ok(Restored::Run(found));
    }
    let (now, is_held) = (clock(db)?, policy(db, org)?.held_at.is_some());
    if found.purged_at.is_some() || (now >= found.restore_until && !is_held) {
        return Ok(Restored::Over(found));
    }
    db.execute("UPDATE retention_runs SET restored_at = ?2 WHERE pk = ?1", params![found.pk, now])?;
    let told = NewAudit {
        actor: actor.to_owned(),
        action: "retention.restored",
        subject: found.id.clone(),
        data: json!({"results": found.results, "jobs": found.jobs}),
    };
    audit::append(db, org, &told)?;
    Ok(Restored::Run(RetentionRun { restored_at: Some(now), ..found }))
}

fn restore_some(
    db: &Transaction<'_>,
    org: OrgId,
    actor: &str,
    of: &RetentionRun,
    rows_max: usize,
) -> Result<u64> {
    let mut count = 0;
    for (kind, sql) in [
        (
            Kind::Jobs,
            "UPDATE jobs SET deleted_at = NULL, deleted_run = NULL WHERE pk IN \
             (SELECT pk FROM jobs WHERE org = ?1 AND deleted_run = ?2 LIMIT ?3)",
        ),
        (
            Kind::Results,
            "UPDATE jobs SET result_deleted_at = NULL, result_run = NULL WHERE pk IN \
             (SELECT pk FROM jobs WHERE org = ?1 AND result_run = ?2 \
              AND result_purged_at IS NULL LIMIT ?3)",
        ),
    ] {
        let restored = db.execute(sql, params![org.0, of.pk, rows_max])?;
        if restored > 0 {
            tell(db, org, &[told_of_run(actor, "retention.unmarked", &of.id, kind, restored)])?;
        }
        count += restored as u64;
    }
    Ok(count)
}

/// Jobs of runs whose time is over, with their ids and persons.
type Due = Vec<(i64, String, String)>;

fn due(db: &Transaction<'_>, org: OrgId, now: i64, kind: Kind) -> Result<Due> {
    let (run, more, rows_max) = match kind {
        Kind::Results => ("result_run", "AND j.result_purged_at IS NULL", RESULTS_AT_ONCE),
        Kind::Jobs => ("deleted_run", "", JOBS_AT_ONCE),
    };
    let mut first = db.prepare_cached(&format!(
        "SELECT n.pk FROM retention_runs n WHERE n.org = ?1 AND n.restored_at IS NULL \
         AND n.purged_at IS NULL AND n.restore_until <= ?2 \
         AND EXISTS (SELECT 1 FROM jobs j WHERE j.{run} = n.pk AND j.org = n.org \
             AND j.held_at IS NULL {more}) ORDER BY n.pk LIMIT 1"
    ))?;
    let of: Option<i64> = first.query_row(params![org.0, now], |row| row.get(0)).optional()?;
    let Some(of) = of else { return Ok(Vec::new()) };
    let mut select = db.prepare_cached(&format!(
        "SELECT j.pk, j.id, j.by FROM jobs j WHERE j.{run} = ?2 AND j.org = ?1 \
         AND j.held_at IS NULL {more} ORDER BY j.pk LIMIT ?3"
    ))?;
    let rows = select.query_map(params![org.0, of, rows_max], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Takes results and what was known before them; their blobs are to go.
fn take_results(db: &Transaction<'_>, due: &Due) -> Result<()> {
    for (pk, ..) in due {
        db.prepare_cached(
            "INSERT OR IGNORE INTO retention_blobs (org, blob) SELECT org, blob FROM job_results \
             WHERE job = ?1 AND blob IS NOT NULL",
        )?
        .execute([pk])?;
        db.prepare_cached("DELETE FROM job_results WHERE job = ?1")?.execute([pk])?;
        db.prepare_cached("DELETE FROM job_partials WHERE job = ?1")?.execute([pk])?;
    }
    Ok(())
}

fn purge_some(db: &Transaction<'_>, org: OrgId, actor: &str) -> Result<Option<Purged>> {
    if policy(db, org)?.held_at.is_some() {
        return Ok(None);
    }
    let now = clock(db)?;
    let results = due(db, org, now, Kind::Results)?;
    if !results.is_empty() {
        take_results(db, &results)?;
        for (pk, ..) in &results {
            db.prepare_cached("UPDATE jobs SET result_purged_at = ?2 WHERE pk = ?1")?
                .execute(params![pk, now])?;
        }
        tell(db, org, &[told_of_purge(actor, Kind::Results, results.len())])?;
        return Ok(Some(Purged { results: results.len() as u64, jobs: 0 }));
    }
    let jobs = due(db, org, now, Kind::Jobs)?;
    if !jobs.is_empty() {
        take_results(db, &jobs)?;
        for (pk, id, by) in &jobs {
            // By the key that each is told once for: a person may have been told of many jobs.
            for table in ["notifications", "deliveries"] {
                db.prepare_cached(&format!(
                    "DELETE FROM {table} WHERE org = ?1 AND person = ?2 AND key = 'job:' || ?3"
                ))?
                .execute(params![org.0, by, id])?;
            }
            db.prepare_cached("DELETE FROM job_events WHERE job = ?1")?.execute([pk])?;
            db.prepare_cached("DELETE FROM jobs WHERE pk = ?1")?.execute([pk])?;
        }
        tell(db, org, &[told_of_purge(actor, Kind::Jobs, jobs.len())])?;
        return Ok(Some(Purged { results: 0, jobs: jobs.len() as u64 }));
    }
    db.execute(
        "UPDATE retention_runs SET purged_at = ?2 WHERE org = ?1 AND restored_at IS NULL \
         AND purged_at IS NULL AND restore_until <= ?2 \
         AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.deleted_run = retention_runs.pk) \
         AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.result_run = retention_runs.pk \
             AND j.result_purged_at IS NULL)",
        params![org.0, now],
    )?;
    Ok(None)
}

fn hold(
    db: &Transaction<'_>,
    org: OrgId,
    actor: &str,
    id: &str,
    hold: bool,
) -> Result<Option<JobRow>> {
    let Some(job) = find(db, org, id)? else { return Ok(None) };
    if job.held_at.is_some() == hold {
        return Ok(Some(job));
    }
    if hold {
        db.execute(
            "UPDATE jobs SET held_at = ?2, deleted_at = NULL, deleted_run = NULL, \
             result_deleted_at = iif(result_purged_at IS NULL, NULL, result_deleted_at), \
             result_run = iif(result_purged_at IS NULL, NULL, result_run) WHERE pk = ?1",
            params![job.pk, clock(db)?],
        )?;
    } else {
        db.execute("UPDATE jobs SET held_at = NULL WHERE pk = ?1", [job.pk])?;
    }
    audit::append(db, org, &hold_told(actor, &job, hold))?;
    find(db, org, id)
}

impl RetentionEngine for Sqlite {
    fn retention_policy(&self, org: OrgId) -> Result<Policy> {
        self.read(|db| policy(db, org))
    }

    fn set_retention(&self, org: OrgId, actor: &str, set: &PolicySet) -> Result<Policy> {
        self.write(|db| {
            let (after, told) = set.on(&policy(db, org)?, actor, clock(db)?);
            db.execute(
                "INSERT INTO retention_policies \
                 (org, results_days, jobs_days, imports_days, restore_days, automatic, held_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (org) DO UPDATE SET \
                 results_days = excluded.results_days, jobs_days = excluded.jobs_days, \
                 imports_days = excluded.imports_days, restore_days = excluded.restore_days, \
                 automatic = excluded.automatic, held_at = excluded.held_at",
                params![
                    org.0,
                    after.results_days,
                    after.jobs_days,
                    after.imports_days,
                    after.restore_days,
                    after.automatic,
                    after.held_at
                ],
            )?;
            tell(db, org, &told)?;
            Ok(after)
        })
    }

    fn plan_retention(&self, org: OrgId, actor: &str) -> Result<Plan> {
        self.write(|db| {
            let plan = choose(db, org, &policy(db, org)?, clock(db)?)?.plan();
            audit::append(db, org, &told_of_plan(actor, "retention.planned", "plan", &plan))?;
            Ok(plan)
        })
    }

    fn begin_run(&self, org: OrgId, actor: &str, asked: &Applying<'_>) -> Result<Begun> {
        self.write(|db| begin_run(db, org, actor, asked))
    }

    fn mark(
        &self,
        org: OrgId,
        run: &RetentionRun,
        kind: Kind,
        chosen: &[Chosen],
    ) -> Result<RetentionRun> {
        self.write(|db| mark(db, org, run, kind, chosen))
    }

    fn retention_runs(
        &self,
        org: OrgId,
        before: Option<i64>,
        rows_max: usize,
    ) -> Result<Vec<RetentionRun>> {
        self.read(|db| {
            let mut select = db.prepare_cached(&format!(
                "SELECT {RUN_COLUMNS} FROM retention_runs WHERE org = ?1 AND pk < ?2 \
                 ORDER BY pk DESC LIMIT ?3"
            ))?;
            let before = before.unwrap_or(i64::MAX);
            let rows = select.query_map(params![org.0, before, rows_max], read_run)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn begin_restore(&self, org: OrgId, actor: &str, run: &str) -> Result<Restored> {
        self.write(|db| begin_restore(db, org, actor, run))
    }

    fn restore_some(
        &self,
        org: OrgId,
        actor: &str,
        run: &RetentionRun,
        rows_max: usize,
    ) -> Result<u64> {
        self.write(|db| restore_some(db, org, actor, run, rows_max))
    }

    fn purge_some(&self, org: OrgId, actor: &str) -> Result<Option<Purged>> {
        self.write(|db| purge_some(db, org, actor))
    }

    fn condemned_blobs(&self, org: OrgId, rows_max: usize) -> Result<Vec<(String, bool)>> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT b.blob, EXISTS (SELECT 1 FROM job_results r WHERE r.org = b.org \
                 AND r.blob = b.blob) FROM retention_blobs b WHERE b.org = ?1 \
                 ORDER BY b.blob LIMIT ?2",
            )?;
            let rows =
                select.query_map(params![org.0, rows_max], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn forget_blob(&self, org: OrgId, blob: &str) -> Result<()> {
        self.write(|db| {
            let delete = "DELETE FROM retention_blobs WHERE org = ?1 AND blob = ?2";
            db.execute(delete, params![org.0, blob])?;
            Ok(())
        })
    }

    fn has_result_blob(&self, org: OrgId, blob: &str) -> Result<bool> {
        self.read(|db| {
            let found = db
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM job_results WHERE org = ?1 AND blob = ?2) \
                     OR EXISTS (SELECT 1 FROM retention_blobs WHERE org = ?1 AND blob = ?2)",
                )?
                .query_row(params![org.0, blob], |row| row.get(0))?;
            Ok(found)
        })
    }

    fn hold_job(&self, org: OrgId, actor: &str, id: &str, is_held: bool) -> Result<Option<JobRow>> {
        self.write(|db| hold(db, org, actor, id, is_held))
    }

    fn gone(&self, org: OrgId, named: Named<'_>) -> Result<Option<Gone>> {
        self.read(|db| {
            let by = match named {
                Named::Job(_) => "j.id = ?2",
                Named::Result(_) => {
                    "(j.pk = (SELECT r.job FROM job_results r WHERE r.org = ?1 AND r.id = ?2) \
                     OR (j.result = ?2 AND j.result_deleted_at IS NOT NULL))"
                }
            };
            let sql = format!(
                "SELECT j.deleted_at, d.restore_until, j.result_deleted_at, n.restore_until, \
                 j.result_purged_at IS NOT NULL FROM jobs j \
                 LEFT JOIN retention_runs d ON d.pk = j.deleted_run \
                 LEFT JOIN retention_runs n ON n.pk = j.result_run WHERE j.org = ?1 AND {by}"
            );
            let (Named::Job(id) | Named::Result(id)) = named;
            let found = db
                .prepare_cached(&sql)?
                .query_row(params![org.0, id], |row| {
                    let job = Option::zip(row.get(0)?, row.get(1)?);
                    let result = Option::zip(row.get(2)?, row.get(3)?);
                    Ok((job, result, row.get(4)?))
                })
                .optional()?;
            Ok(found.and_then(|(job, result, is_purged)| gone_of(named, job, result, is_purged)))
        })
    }

    fn import_needs(&self, org: OrgId, left: ImportLeft<'_>, until: i64) -> Result<bool> {
        let (by, named): (_, &dyn ToSql) = match &left {
            ImportLeft::Body(digest) => ("(digest = ?2 OR kept = ?2)", *digest),
            ImportLeft::Reports(id) => ("id = ?2", id),
        };
        self.read(|db| {
            let sql = format!(
                "SELECT EXISTS (SELECT 1 FROM imports WHERE org = ?1 AND {by} \
                 AND coalesce(finished_at, started_at + ?4) > ?3)"
            );
            let values: [&dyn ToSql; 4] = [&org.0, named, &until, &IMPORT_RUNS_MS];
            Ok(db.prepare_cached(&sql)?.query_row(values, |row| row.get(0))?)
        })
    }

    fn begin_import_purge(&self, org: OrgId, actor: &str, going: ImportsGoing) -> Result<bool> {
        self.write(|db| {
            let may_go = policy(db, org)?.held_at.is_none();
            if may_go {
                audit::append(db, org, &told_of_imports(actor, going))?;
            }
            Ok(may_go)
        })
    }
}
