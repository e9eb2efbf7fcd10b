//! Retention on Postgres.
//!
//! The lock on an organisation's policy orders those who set, mark, restore and purge; the locks on jobs'
//! rows keep a hold and a purge apart. The audit's lock is the last one.

use deadpool_postgres::Transaction;
use serde_json::json;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::jobs::{clock, find};
use super::profiles::{signed, unsigned};
use super::uploads::limit;
use super::{Postgres, audit};
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

fn read_run(row: &Row) -> RetentionRun {
    RetentionRun {
        pk: row.get(0),
        id: row.get(1),
        by: row.get(2),
        as_of: row.get(3),
        at: row.get(4),
        restore_until: row.get(5),
        results: unsigned(row, 6),
        jobs: unsigned(row, 7),
        bytes: unsigned(row, 8),
        restored_at: row.get(9),
        purged_at: row.get(10),
    }
}

const POLICY: &str = "SELECT results_days, jobs_days, imports_days, restore_days, automatic, held_at \
                      FROM kartei.retention_policies WHERE org = $1";

fn days(days: Option<i64>) -> Option<u32> {
    days.map(|days| u32::try_from(days).unwrap_or(u32::MAX))
}

fn read_policy(row: &Row) -> Policy {
    Policy {
        results_days: days(row.get(0)),
        jobs_days: days(row.get(1)),
        imports_days: days(row.get(2)),
        restore_days: days(row.get(3)).unwrap_or_default(),
        automatic: row.get(4),
        held_at: row.get(5),
    }
}

/// The policy, with its lock: nobody else sets, marks, restores or purges until the transaction ends.
async fn locked_policy(db: &Transaction<'_>, org: OrgId) -> Result<Policy> {
    let insert = db
        .prepare_cached(
            "INSERT INTO kartei.retention_policies (org) VALUES ($1) ON CONFLICT DO NOTHING",
        )
        .await?;
    db.execute(&insert, &[&org.0]).await?;
    let select = db.prepare_cached(&format!("{POLICY} FOR UPDATE")).await?;
    Ok(read_policy(&db.query_one(&select, &[&org.0]).await?))
}

async fn chosen(
    db: &Transaction<'_>,
    sql: &str,
    org: OrgId,
    (after, until): (i64, i64),
) -> Result<Vec<Chosen>> {
    let select = db.prepare_cached(sql).await?;
    let rows = db.query(&select, &[&org.0, &until, &after, &limit(CHOSEN_MAX)]).await?;
    let read = |row: &Row| Chosen {
        pk: row.get(0),
        id: row.get(1),
        finished_at: row.get(2),
        bytes: unsigned(row, 3),
    };
    Ok(rows.iter().map(read).collect())
}

async fn choose(db: &Transaction<'_>, org: OrgId, policy: &Policy, as_of: i64) -> Result<Choice> {
    let from = "FROM kartei.jobs j LEFT JOIN kartei.job_results r ON r.job = j.pk \
                LEFT JOIN kartei.job_partials p ON p.job = j.pk \
                WHERE j.org = $1 AND j.finished_at <= $2 AND j.finished_at > $3 \
                AND j.deleted_at IS NULL AND j.held_at IS NULL";
    let payloads = "coalesce(r.size, 0) + coalesce(octet_length(p.payload), 0) + \
                    coalesce(octet_length(p.resume), 0)";
    let mut choice = Choice { as_of, results: Vec::new(), jobs: Vec::new() };
    let mut after = i64::MIN;
    if let Some(until) = policy.due_until(Kind::Jobs, as_of) {
        let sql = format!(
            "SELECT j.pk, j.id, j.finished_at, ({payloads} + octet_length(j.params) + \
             coalesce(octet_length(j.filter), 0) + coalesce(octet_length(j.detail), 0) + \
             (SELECT coalesce(sum(octet_length(e.data)), 0) FROM kartei.job_events e \
              WHERE e.job = j.pk))::bigint {from} AND j.{ENDED} \
             ORDER BY j.finished_at, j.pk LIMIT $4"
        );
        choice.jobs = chosen(db, &sql, org, (after, until)).await?;
        // What goes with its whole job is not told twice.
        after = until;
    }
    if let Some(until) = policy.due_until(Kind::Results, as_of) {
        let sql = format!(
            "SELECT j.pk, j.id, j.finished_at, ({payloads})::bigint {from} AND j.{ENDED} \
             AND j.result_deleted_at IS NULL AND (r.pk IS NOT NULL OR p.job IS NOT NULL) \
             ORDER BY j.finished_at, j.pk LIMIT $4"
        );
        choice.results = chosen(db, &sql, org, (after, until)).await?;
    }
    Ok(choice)
}

async fn run(db: &Transaction<'_>, org: OrgId, id: &str) -> Result<Option<RetentionRun>> {
    let sql = format!("SELECT {RUN_COLUMNS} FROM kartei.retention_runs WHERE org = $1 AND id = $2");
    let select = db.prepare_cached(&sql).await?;
    Ok(db.query_opt(&select, &[&org.0, &id]).await?.as_ref().map(read_run))
}

async fn begin_run(
    db: &Transaction<'_>,
    org: OrgId,
    actor: &str,
    asked: &Applying<'_>,
) -> Result<Begun> {
    let policy = locked_policy(db, org).await?;
    let now = clock(db).await?;
    if asked.as_of > now {
        return Ok(Begun::Stale);
    }
    let choice = choose(db, org, &policy, asked.as_of).await?;
    if choice.hash() != asked.plan {
        return Ok(Begun::Stale);
    }
    let made = db
        .query_opt(
            &format!(
                "INSERT INTO kartei.retention_runs (id, org, by, plan, as_of, at, restore_until) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (org, plan) DO NOTHING \
                 RETURNING {RUN_COLUMNS}"
            ),
            &[
                &asked.run,
                &org.0,
                &actor,
                &asked.plan.as_slice(),
                &asked.as_of,
                &now,
                &policy.restorable_until(now),
            ],
        )
        .await?;
    let Some(made) = made.as_ref().map(read_run) else { return Ok(Begun::Stale) };
    let told = told_of_plan(actor, "retention.applied", &made.id, &choice.plan());
    audit::append(db, org, &told).await?;
    Ok(Begun::Run(made, choice))
}

async fn mark(
    db: &Transaction<'_>,
    org: OrgId,
    of: &RetentionRun,
    kind: Kind,
    chosen: &[Chosen],
) -> Result<RetentionRun> {
    if locked_policy(db, org).await?.held_at.is_some() {
        return Ok(of.clone());
    }
    let now = clock(db).await?;
    let keys: Vec<i64> = chosen.iter().map(|one| one.pk).collect();
    // Once more under the rows' own locks: somebody may have held one of them.
    let sql = match kind {
        Kind::Jobs => format!(
            "UPDATE kartei.jobs SET deleted_at = $3, deleted_run = $4 WHERE org = $1 \
             AND pk = ANY ($2) AND deleted_at IS NULL AND held_at IS NULL AND {ENDED} RETURNING pk"
        ),
        Kind::Results => format!(
            "UPDATE kartei.jobs SET result_deleted_at = $3, result_run = $4 WHERE org = $1 \
             AND pk = ANY ($2) AND deleted_at IS NULL AND result_deleted_at IS NULL \
             AND held_at IS NULL AND {ENDED} RETURNING pk"
        ),
    };
    let marked = db.query(&sql, &[&org.0, &keys, &now, &of.pk]).await?;
    let marked: std::collections::HashSet<i64> = marked.iter().map(|row| row.get(0)).collect();
    let marked: Vec<Chosen> =
        chosen.iter().filter(|one| marked.contains(&one.pk)).cloned().collect();
    if !marked.is_empty() {
        let column = kind.word();
        let sql = format!(
            "UPDATE kartei.retention_runs SET {column} = {column} + $2, bytes = bytes + $3 \
             WHERE pk = $1"
        );
        let count = limit(marked.len());
        db.execute(&sql, &[&of.pk, &count, &signed(bytes_of(&marked))]).await?;
        let told = told_of_run(&of.by, "retention.marked", &of.id, kind, marked.len());
        audit::append(db, org, &told).await?;
    }
    Ok(run(db, org, &of.id).await?.unwrap_or_else(|| of.clone()))
}

async fn begin_restore(
    db: &Transaction<'_>,
    org: OrgId,
    actor: &str,
    id: &str,
) -> Result<Restored> {
    let is_held = locked_policy(db, org).await?.held_at.is_some();
    let Some(found) = run(db, org, id).await? else { return Ok(Restored::Missing) };
    if found.restored_at.is_some() {
        return Ok(Restored::Run(found));
    }
    let now = clock(db).await?;
    if found.purged_at.is_some() || (now >= found.restore_until && !is_held) {
        return Ok(Restored::Over(found));
    }
    let sql = "UPDATE kartei.retention_runs SET restored_at = $2 WHERE pk = $1";
    db.execute(sql, &[&found.pk, &now]).await?;
    let told = NewAudit {
        actor: actor.to_owned(),
        action: "retention.restored",
        subject: found.id.clone(),
        data: json!({"results": found.results, "jobs": found.jobs}),
    };
    audit::append(db, org, &told).await?;
    Ok(Restored::Run(RetentionRun { restored_at: Some(now), ..found }))
}

async fn restore_some(
    db: &Transaction<'_>,
    org: OrgId,
    actor: &str,
    of: &RetentionRun,
    rows_max: usize,
) -> Result<u64> {
    locked_policy(db, org).await?;
    let jobs = db
        .execute(
            "UPDATE kartei.jobs SET deleted_at = NULL, deleted_run = NULL WHERE org = $1 \
             AND pk = ANY (ARRAY(SELECT pk FROM kartei.jobs \
                 WHERE org = $1 AND deleted_run = $2 LIMIT $3))",
            &[&org.0, &of.pk, &limit(rows_max)],
        )
        .await?;
    let results = db
        .execute(
            "UPDATE kartei.jobs SET result_deleted_at = NULL, result_run = NULL WHERE org = $1 \
             AND pk = ANY (ARRAY(SELECT pk FROM kartei.jobs WHERE org = $1 AND result_run = $2 \
                 AND result_purged_at IS NULL LIMIT $3))",
            &[&org.0, &of.pk, &limit(rows_max)],
        )
        .await?;
    for (kind, count) in [(Kind::Jobs, jobs), (Kind::Results, results)] {
        if count > 0 {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let told = told_of_run(actor, "retention.unmarked", &of.id, kind, count);
            audit::append(db, org, &told).await?;
        }
    }
    Ok(jobs + results)
}

/// Jobs of the oldest run whose time is over that has some left, locked: their keys. The run first: of a join, all that
/// is left would be sorted for each part.
async fn due(db: &Transaction<'_>, org: OrgId, now: i64, kind: Kind) -> Result<Vec<i64>> {
    let (run, more, rows_max) = match kind {
        Kind::Results => ("result_run", "AND j.result_purged_at IS NULL", RESULTS_AT_ONCE),
        Kind::Jobs => ("deleted_run", "", JOBS_AT_ONCE),
    };
    let of_run = format!("j.{run} = n.pk AND j.org = n.org AND j.held_at IS NULL {more}");
    let sql = format!(
        "SELECT n.pk FROM kartei.retention_runs n WHERE n.org = $1 AND n.restored_at IS NULL \
         AND n.purged_at IS NULL AND n.restore_until <= $2 \
         AND EXISTS (SELECT 1 FROM kartei.jobs j WHERE {of_run}) ORDER BY n.pk LIMIT 1"
    );
    let select = db.prepare_cached(&sql).await?;
    let Some(found) = db.query_opt(&select, &[&org.0, &now]).await? else { return Ok(Vec::new()) };
    let of: i64 = found.get(0);
    let sql = format!(
        "SELECT j.pk FROM kartei.jobs j WHERE j.{run} = $2 AND j.org = $1 AND j.held_at IS NULL \
         {more} ORDER BY j.pk LIMIT $3 FOR UPDATE"
    );
    let select = db.prepare_cached(&sql).await?;
    let rows = db.query(&select, &[&org.0, &of, &limit(rows_max)]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Takes results and what was known before them; their blobs are to go.
async fn take_results(db: &Transaction<'_>, jobs: &[i64]) -> Result<()> {
    for sql in [
        "INSERT INTO kartei.retention_blobs (org, blob) SELECT DISTINCT org, blob \
         FROM kartei.job_results WHERE job = ANY ($1) AND blob IS NOT NULL ON CONFLICT DO NOTHING",
        "DELETE FROM kartei.job_results WHERE job = ANY ($1)",
        "DELETE FROM kartei.job_partials WHERE job = ANY ($1)",
    ] {
        db.execute(sql, &[&jobs]).await?;
    }
    Ok(())
}

async fn purge_some(db: &Transaction<'_>, org: OrgId, actor: &str) -> Result<Option<Purged>> {
    if locked_policy(db, org).await?.held_at.is_some() {
        return Ok(None);
    }
    let now = clock(db).await?;
    let results = due(db, org, now, Kind::Results).await?;
    if !results.is_empty() {
        take_results(db, &results).await?;
        let sql = "UPDATE kartei.jobs SET result_purged_at = $2 WHERE pk = ANY ($1)";
        db.execute(sql, &[&results, &now]).await?;
        audit::append(db, org, &told_of_purge(actor, Kind::Results, results.len())).await?;
        return Ok(Some(Purged { results: results.len() as u64, jobs: 0 }));
    }
    let jobs = due(db, org, now, Kind::Jobs).await?;
    if !jobs.is_empty() {
        take_results(db, &jobs).await?;
        // By the key that each is told once for: a person may have been told of many jobs.
        for table in ["notifications", "deliveries"] {
            let sql = format!(
                "DELETE FROM kartei.{table} n USING kartei.jobs j WHERE j.pk = ANY ($2) \
                 AND n.org = $1 AND n.person = j.by AND n.key = 'job:' || j.id"
            );
            db.execute(&sql, &[&org.0, &jobs]).await?;
        }
        db.execute("DELETE FROM kartei.job_events WHERE job = ANY ($1)", &[&jobs]).await?;
        db.execute("DELETE FROM kartei.jobs WHERE pk = ANY ($1)", &[&jobs]).await?;
        audit::append(db, org, &told_of_purge(actor, Kind::Jobs, jobs.len())).await?;
        return Ok(Some(Purged { results: 0, jobs: jobs.len() as u64 }));
    }
    db.execute(
        "UPDATE kartei.retention_runs n SET purged_at = $2 WHERE n.org = $1 \
         AND n.restored_at IS NULL AND n.purged_at IS NULL AND n.restore_until <= $2 \
         AND NOT EXISTS (SELECT 1 FROM kartei.jobs j WHERE j.deleted_run = n.pk) \
         AND NOT EXISTS (SELECT 1 FROM kartei.jobs j WHERE j.result_run = n.pk \
             AND j.result_purged_at IS NULL)",
        &[&org.0, &now],
    )
    .await?;
    Ok(None)
}

async fn hold(
    db: &Transaction<'_>,
    org: OrgId,
    actor: &str,
    id: &str,
    is_held: bool,
) -> Result<Option<JobRow>> {
    let lock = "SELECT FROM kartei.jobs WHERE org = $1 AND id = $2 FOR UPDATE";
    db.execute(lock, &[&org.0, &id]).await?;
    let Some(job) = find(db, org, id).await? else { return Ok(None) };
    if job.held_at.is_some() == is_held {
        return Ok(Some(job));
    }
    if is_held {
        let sql = "UPDATE kartei.jobs SET held_at = $2, deleted_at = NULL, deleted_run = NULL, \
                   result_deleted_at = CASE WHEN result_purged_at IS NOT NULL \
                       THEN result_deleted_at END, \
                   result_run = CASE WHEN result_purged_at IS NOT NULL THEN result_run END \
                   WHERE pk = $1";
        db.execute(sql, &[&job.pk, &clock(db).await?]).await?;
    } else {
        let sql = "UPDATE kartei.jobs SET held_at = NULL WHERE pk = $1";
        db.execute(sql, &[&job.pk]).await?;
    }
    audit::append(db, org, &hold_told(actor, &job, is_held)).await?;
    find(db, org, id).await
}

async fn set(db: &Transaction<'_>, org: OrgId, actor: &str, set: &PolicySet) -> Result<Policy> {
    let before = locked_policy(db, org).await?;
    let (after, told) = set.on(&before, actor, clock(db).await?);
    db.execute(
        "UPDATE kartei.retention_policies SET results_days = $2, jobs_days = $3, \
         imports_days = $4, restore_days = $5, automatic = $6, held_at = $7 WHERE org = $1",
        &[
            &org.0,
            &after.results_days.map(i64::from),
            &after.jobs_days.map(i64::from),
            &after.imports_days.map(i64::from),
            &i64::from(after.restore_days),
            &after.automatic,
            &after.held_at,
        ],
    )
    .await?;
    for one in &told {
        audit::append(db, org, one).await?;
    }
    Ok(after)
}

impl RetentionEngine for Postgres {
    fn retention_policy(&self, org: OrgId) -> Result<Policy> {
        self.read(org, async |db| {
            let found = db.query_opt(POLICY, &[&org.0]).await?;
            Ok(found.as_ref().map(read_policy).unwrap_or_default())
        })
    }

    fn set_retention(&self, org: OrgId, actor: &str, policy: &PolicySet) -> Result<Policy> {
        self.write(org, async |db| set(db, org, actor, policy).await)
    }

    fn plan_retention(&self, org: OrgId, actor: &str) -> Result<Plan> {
        self.write(org, async |db| {
            let policy = locked_policy(db, org).await?;
            let plan = choose(db, org, &policy, clock(db).await?).await?.plan();
            let told = told_of_plan(actor, "retention.planned", "plan", &plan);
            audit::append(db, org, &told).await?;
            Ok(plan)
        })
    }

    fn begin_run(&self, org: OrgId, actor: &str, asked: &Applying<'_>) -> Result<Begun> {
        self.write(org, async |db| begin_run(db, org, actor, asked).await)
    }

    fn mark(
        &self,
        org: OrgId,
        run: &RetentionRun,
        kind: Kind,
        chosen: &[Chosen],
    ) -> Result<RetentionRun> {
        self.write(org, async |db| mark(db, org, run, kind, chosen).await)
    }

    fn retention_runs(
        &self,
        org: OrgId,
        before: Option<i64>,
        rows_max: usize,
    ) -> Result<Vec<RetentionRun>> {
        self.read(org, async |db| {
            let sql = format!(
                "SELECT {RUN_COLUMNS} FROM kartei.retention_runs WHERE org = $1 AND pk < $2 \
                 ORDER BY pk DESC LIMIT $3"
            );
            let before = before.unwrap_or(i64::MAX);
            let rows = db.query(&sql, &[&org.0, &before, &limit(rows_max)]).await?;
            Ok(rows.iter().map(read_run).collect())
        })
    }

    fn begin_restore(&self, org: OrgId, actor: &str, run: &str) -> Result<Restored> {
        self.write(org, async |db| begin_restore(db, org, actor, run).await)
    }

    fn restore_some(
        &self,
        org: OrgId,
        actor: &str,
        run: &RetentionRun,
        rows_max: usize,
    ) -> Result<u64> {
        self.write(org, async |db| restore_some(db, org, actor, run, rows_max).await)
    }

    fn purge_some(&self, org: OrgId, actor: &str) -> Result<Option<Purged>> {
        self.write(org, async |db| purge_some(db, org, actor).await)
    }

    fn condemned_blobs(&self, org: OrgId, rows_max: usize) -> Result<Vec<(String, bool)>> {
        self.read(org, async |db| {
            let rows = db
                .query(
                    "SELECT b.blob, EXISTS (SELECT 1 FROM kartei.job_results r \
                     WHERE r.org = b.org AND r.blob = b.blob) FROM kartei.retention_blobs b \
                     WHERE b.org = $1 ORDER BY b.blob LIMIT $2",
                    &[&org.0, &limit(rows_max)],
                )
                .await?;
            Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
        })
    }

    fn forget_blob(&self, org: OrgId, blob: &str) -> Result<()> {
        self.write(org, async |db| {
            let delete = "DELETE FROM kartei.retention_blobs WHERE org = $1 AND blob = $2";
            db.execute(delete, &[&org.0, &blob]).await?;
            Ok(())
        })
    }

    fn has_result_blob(&self, org: OrgId, blob: &str) -> Result<bool> {
        self.read(org, async |db| {
            let row = db
                .query_one(
                    "SELECT EXISTS (SELECT 1 FROM kartei.job_results WHERE org = $1 AND blob = $2) \
                     OR EXISTS (SELECT 1 FROM kartei.retention_blobs WHERE org = $1 AND blob = $2)",
                    &[&org.0, &blob],
                )
                .await?;
            Ok(row.get(0))
        })
    }

    fn hold_job(&self, org: OrgId, actor: &str, id: &str, is_held: bool) -> Result<Option<JobRow>> {
        self.write(org, async |db| hold(db, org, actor, id, is_held).await)
    }

    fn gone(&self, org: OrgId, named: Named<'_>) -> Result<Option<Gone>> {
        self.read(org, async |db| {
            let by = match named {
                Named::Job(_) => "j.id = $2",
                Named::Result(_) => {
                    "(j.pk = (SELECT r.job FROM kartei.job_results r \
                              WHERE r.org = $1 AND r.id = $2) \
                     OR (j.result = $2 AND j.result_deleted_at IS NOT NULL))"
                }
            };
            let sql = format!(
                "SELECT j.deleted_at, d.restore_until, j.result_deleted_at, n.restore_until, \
                 j.result_purged_at IS NOT NULL FROM kartei.jobs j \
                 LEFT JOIN kartei.retention_runs d ON d.pk = j.deleted_run \
                 LEFT JOIN kartei.retention_runs n ON n.pk = j.result_run \
                 WHERE j.org = $1 AND {by}"
            );
            let (Named::Job(id) | Named::Result(id)) = named;
            let Some(row) = db.query_opt(&sql, &[&org.0, &id]).await? else { return Ok(None) };
            let marked = |at: usize| Option::zip(row.get(at), row.get(at + 1));
            Ok(gone_of(named, marked(0), marked(2), row.get(4)))
        })
    }

    fn import_needs(&self, org: OrgId, left: ImportLeft<'_>, until: i64) -> Result<bool> {
        let digest;
        let (by, named): (_, &(dyn ToSql + Sync)) = match &left {
            ImportLeft::Body(body) => {
                digest = body.as_slice();
                ("(digest = $2 OR kept = $2)", &digest)
            }
            ImportLeft::Reports(id) => ("id = $2", id),
        };
        self.read(org, async |db| {
            let sql = format!(
                "SELECT EXISTS (SELECT 1 FROM kartei.imports WHERE org = $1 AND {by} \
                 AND coalesce(finished_at, started_at + $4) > $3)"
            );
            Ok(db.query_one(&sql, &[&org.0, named, &until, &IMPORT_RUNS_MS]).await?.get(0))
        })
    }

    fn begin_import_purge(&self, org: OrgId, actor: &str, going: ImportsGoing) -> Result<bool> {
        self.write(org, async |db| {
            let may_go = locked_policy(db, org).await?.held_at.is_none();
            if may_go {
                audit::append(db, org, &told_of_imports(actor, going)).await?;
            }
            Ok(may_go)
        })
    }
}
