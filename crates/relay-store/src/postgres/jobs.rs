//! Jobs on Postgres.
//!
//! The lock on a job's row orders those who act on it; the lock on its organisation's queue orders those
//! who claim, so that its room is never overshot. What an act writes goes out without waiting for the
//! answers in between.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use futures_util::future::try_join_all;
use kartei_protocol::jobs::{FailReason, JobEvent, JobEventKind, JobState};
use serde_json::Value;
use tokio_postgres::Row;

use super::profiles::{signed, unsigned};
use super::queues::{begin_queue, queue, set_queue};
use super::uploads::limit;
use super::{Postgres, audit};
use crate::access::OrgId;
use crate::engine::Result;
use crate::error::RelayStoreError;
use crate::jobs::{
    Acted, Acting, ClaimAsked, EventsAsked, JOB_COLUMNS, JobEngine, JobPartial, JobPast, JobQuery,
    JobRow, NewJobRow, NotesAsked, Notification, OpenJobs, Payload, Queue, QueueSet, ResultRow,
    Submitted, Turn, What, told, turn, turn_after, unknown_word,
};

fn small(row: &Row, at: usize) -> u32 {
    u32::try_from(row.get::<_, i64>(at)).unwrap_or(u32::MAX)
}

fn counted(row: &Row, at: usize) -> Option<u64> {
    row.get::<_, Option<i64>>(at).map(i64::unsigned_abs)
}

fn read(row: &Row) -> Result<JobRow> {
    let id: String = row.get(1);
    let epoch: Option<String> = row.get(21);
    let state = JobState::of(row.get(8)).ok_or_else(|| unknown_word(&id, "state"))?;
    Ok(JobRow {
        pk: row.get(0),
        id,
        by: row.get(2),
        request: row.get(3),
        analysis: row.get(4),
        filter: row.get(5),
        params: row.get(6),
        retry_of: row.get(7),
        state,
        claim: unsigned(row, 9),
        attempts: small(row, 10),
        attempts_max: small(row, 11),
        event_seq: unsigned(row, 12),
        due_at: row.get(13),
        worker: row.get(14),
        lease_until: row.get(15),
        deadline_ms: row.get(16),
        deadline_at: row.get(17),
        cancel_asked_at: row.get(18),
        progress: counted(row, 19).zip(counted(row, 20)),
        input: epoch.zip(counted(row, 22)),
        reason: row.get::<_, Option<&str>>(23).and_then(FailReason::of),
        detail: row.get(24),
        result: row.get(25),
        created_at: row.get(26),
        started_at: row.get(27),
        finished_at: row.get(28),
        held_at: row.get(29),
        deleted_at: row.get(30),
        result_deleted_at: row.get(31),
    })
}

pub(super) async fn clock(db: &Transaction<'_>) -> Result<i64> {
    let select = db.prepare_cached("SELECT kartei.clock()").await?;
    Ok(db.query_one(&select, &[]).await?.get(0))
}

pub(super) async fn find(db: &Transaction<'_>, org: OrgId, id: &str) -> Result<Option<JobRow>> {
    let sql = format!("SELECT {JOB_COLUMNS} FROM kartei.jobs WHERE org = $1 AND id = $2");
    let select = db.prepare_cached(&sql).await?;
    db.query_opt(&select, &[&org.0, &id]).await?.as_ref().map(read).transpose()
}

/// The job of a key, as an answer to who asks for it again.
async fn known(db: &Transaction<'_>, org: OrgId, job: &NewJobRow<'_>) -> Result<Option<Submitted>> {
    let sql =
        format!("SELECT {JOB_COLUMNS} FROM kartei.jobs WHERE org = $1 AND token = $2 AND key = $3");
    let select = db.prepare_cached(&sql).await?;
    let Some(row) = db.query_opt(&select, &[&org.0, &job.token, &job.key]).await? else {
        return Ok(None);
    };
    let row = read(&row)?;
    let is_same = row.request == job.request;
    Ok(Some(if is_same { Submitted::Same(row) } else { Submitted::KeyReused }))
}

async fn submit(db: &Transaction<'_>, org: OrgId, job: &NewJobRow<'_>) -> Result<Submitted> {
    begin_queue(db, org).await?;
    let count = "SELECT COUNT(*) FROM kartei.jobs WHERE org = $1 AND state = 'queued'";
    let count = db.prepare_cached(count).await?;
    if unsigned(&db.query_one(&count, &[&org.0]).await?, 0) >= job.waiting_max {
        return Ok(known(db, org, job).await?.unwrap_or(Submitted::Full));
    }
    let insert = db
        .prepare_cached(&format!(
            "INSERT INTO kartei.jobs (id, org, token, by, key, request, analysis, filter, params, \
             retry_of, state, attempts_max, event_seq, due_at, deadline_ms, created_at) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'queued', $11, 1, now.at, $12, now.at \
             FROM (SELECT kartei.clock() AS at) now \
             ON CONFLICT (org, token, key) WHERE key IS NOT NULL DO NOTHING RETURNING {JOB_COLUMNS}"
        ))
        .await?;
    let made = db
        .query_opt(
            &insert,
            &[
                &job.id,
                &org.0,
                &job.token,
                &job.by,
                &job.key,
                &job.request.as_slice(),
                &job.analysis,
                &job.filter,
                &job.params,
                &job.retry_of,
                &i64::from(job.attempts_max),
                &job.deadline_ms,
            ],
        )
        .await?;
    if let Some(row) = made.as_ref().map(read).transpose()? {
        let first = JobEvent {
            event_seq: 1,
            kind: JobEventKind::Queued,
            from: None,
            status: JobState::Queued,
            actor: job.by.to_owned(),
            occurred_at: row.created_at,
            data: Value::Null,
        };
        write_event(db, org, row.pk, &first).await?;
        return Ok(Submitted::New(row));
    }
    // Written by whoever was first, and committed, or the insert would still wait for them.
    let known = known(db, org, job).await?;
    known.ok_or_else(|| unknown_word(job.id, "row"))
}

async fn write_event(db: &Transaction<'_>, org: OrgId, job: i64, event: &JobEvent) -> Result<()> {
    let insert = db
        .prepare_cached(
            "INSERT INTO kartei.job_events (job, seq, org, kind, from_state, to_state, actor, at, \
             data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .await?;
    let data = (!event.data.is_null()).then(|| event.data.to_string());
    db.execute(
        &insert,
        &[
            &job,
            &signed(event.event_seq),
            &org.0,
            &event.kind.word(),
            &event.from.map(JobState::word),
            &event.status.word(),
            &event.actor,
            &event.occurred_at,
            &data,
        ],
    )
    .await?;
    Ok(())
}

async fn write_row(db: &Transaction<'_>, row: &JobRow) -> Result<()> {
    let update = db
        .prepare_cached(
            "UPDATE kartei.jobs SET state = $2, claim = $3, attempts = $4, event_seq = $5, \
             due_at = $6, worker = $7, lease_until = $8, deadline_at = $9, cancel_asked_at = $10, \
             done = $11, total = $12, input_epoch = $13, input_rev = $14, reason = $15, \
             detail = $16, result = $17, started_at = $18, finished_at = $19 WHERE pk = $1",
        )
        .await?;
    db.execute(
        &update,
        &[
            &row.pk,
            &row.state.word(),
            &signed(row.claim),
            &i64::from(row.attempts),
            &signed(row.event_seq),
            &row.due_at,
            &row.worker,
            &row.lease_until,
            &row.deadline_at,
            &row.cancel_asked_at,
            &row.progress.map(|(done, _)| signed(done)),
            &row.progress.map(|(_, total)| signed(total)),
            &row.input.as_ref().map(|(epoch, _)| epoch),
            &row.input.as_ref().map(|(_, rev)| signed(*rev)),
            &row.reason.map(FailReason::word),
            &row.detail,
            &row.result,
            &row.started_at,
            &row.finished_at,
        ],
    )
    .await?;
    Ok(())
}

async fn write_partial(
    db: &Transaction<'_>,
    org: OrgId,
    job: i64,
    (payload, resume): (&str, &[u8]),
    now: i64,
) -> Result<()> {
    let upsert = db
        .prepare_cached(
            "INSERT INTO kartei.job_partials (job, org, payload, resume, at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (job) DO UPDATE \
             SET payload = excluded.payload, resume = excluded.resume, at = excluded.at",
        )
        .await?;
    db.execute(&upsert, &[&job, &org.0, &payload, &resume, &now]).await?;
    Ok(())
}

async fn write_end(
    db: &Transaction<'_>,
    org: OrgId,
    row: &JobRow,
    turn: &Turn<'_>,
    now: i64,
) -> Result<()> {
    if let Some(result) = &turn.result {
        let insert = db
            .prepare_cached(
                "INSERT INTO kartei.job_results (id, org, job, payload, blob, size, digest, \
                 created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .await?;
        let (payload, blob) = result.payload.columns();
        let (size, digest) = (signed(result.size), result.digest.as_slice());
        db.execute(&insert, &[&result.id, &org.0, &row.pk, &payload, &blob, &size, &digest, &now])
            .await?;
    }
    let let_go = match turn.result {
        Some(_) => "DELETE FROM kartei.job_partials WHERE job = $1",
        None => "UPDATE kartei.job_partials SET resume = NULL WHERE job = $1",
    };
    let let_go = db.prepare_cached(let_go).await?;
    db.execute(&let_go, &[&row.pk]).await?;
    let notify = db
        .prepare_cached(
            "INSERT INTO kartei.notifications (org, person, key, kind, job, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (org, person, key) DO NOTHING",
        )
        .await?;
    let (kind, key) = told(row);
    db.execute(&notify, &[&org.0, &row.by, &key, &kind, &row.id, &now]).await?;
    Ok(())
}

async fn write(
    db: &Transaction<'_>,
    org: OrgId,
    row: &JobRow,
    turn: &Turn<'_>,
    now: i64,
) -> Result<()> {
    if !turn.changed {
        return Ok(());
    }
    let event = async {
        match &turn.event {
            Some(event) => write_event(db, org, row.pk, event).await,
            None => Ok(()),
        }
    };
    let partial = async {
        match turn.partial {
            Some(partial) => write_partial(db, org, row.pk, partial, now).await,
            None => Ok(()),
        }
    };
    let end = async { if turn.ended { write_end(db, org, row, turn, now).await } else { Ok(()) } };
    tokio::try_join!(write_row(db, row), event, partial, end)?;
    Ok(())
}

async fn claim(db: &Transaction<'_>, org: OrgId, asked: &ClaimAsked<'_>) -> Result<Vec<JobRow>> {
    // Who finds it locked goes on to another organisation: one at a time claims, so the room holds.
    let lock = db
        .prepare_cached(
            "SELECT cap, weight, turn FROM kartei.job_queues \
             WHERE org = $1 AND paused_at IS NULL FOR UPDATE SKIP LOCKED",
        )
        .await?;
    let Some(queue) = db.query_opt(&lock, &[&org.0]).await? else { return Ok(Vec::new()) };
    let (cap, weight, at): (i64, i64, i64) = (queue.get(0), queue.get(1), queue.get(2));
    // Under the lock, in a snapshot of its own: who claimed before has committed.
    let count = db
        .prepare_cached(
            "SELECT count(*), kartei.clock() FROM kartei.jobs WHERE org = $1 AND state = 'running'",
        )
        .await?;
    let counted = db.query_one(&count, &[&org.0]).await?;
    let (running, now): (i64, i64) = (counted.get(0), counted.get(1));
    let rows_max = limit(asked.rows_max).min((cap - running).max(0));
    let select = db
        .prepare_cached(&format!(
            "SELECT {JOB_COLUMNS} FROM kartei.jobs WHERE org = $1 AND state = 'queued' \
             AND due_at <= $2 AND NOT EXISTS (SELECT 1 FROM kartei.job_pauses p \
                 WHERE p.org = $1 AND p.analysis = jobs.analysis) \
             ORDER BY due_at, pk LIMIT $3 FOR UPDATE SKIP LOCKED"
        ))
        .await?;
    let rows = db.query(&select, &[&org.0, &now, &rows_max]).await?;
    let mut rows: Vec<JobRow> = rows.iter().map(read).collect::<Result<_>>()?;
    if rows.is_empty() {
        return Ok(rows);
    }
    let what = What::Claim { worker: asked.worker, lease_ms: asked.lease_ms };
    let turns: Vec<Turn<'_>> = rows.iter_mut().map(|row| turn(row, what, "worker", now)).collect();
    try_join_all(rows.iter().zip(&turns).map(|(row, turn)| write(db, org, row, turn, now))).await?;
    let next = turn_after(at, asked.floor, rows.len(), weight);
    let served = db.prepare_cached("UPDATE kartei.job_queues SET turn = $2 WHERE org = $1").await?;
    db.execute(&served, &[&org.0, &next]).await?;
    Ok(rows)
}

async fn act(db: &Transaction<'_>, org: OrgId, acts: &[Acting]) -> Result<Vec<Option<Acted>>> {
    let ids: Vec<&str> = acts.iter().map(|acting| acting.job.as_str()).collect();
    // In one order, so that two who act on the same jobs wait for each other and not in a circle.
    let lock = db
        .prepare_cached(&format!(
            "SELECT {JOB_COLUMNS} FROM kartei.jobs WHERE org = $1 AND id = ANY ($2) \
             ORDER BY pk FOR UPDATE"
        ))
        .await?;
    let locked = db.query(&lock, &[&org.0, &ids]).await?;
    let now = clock(db).await?;
    let mut found: HashMap<String, JobRow> = HashMap::with_capacity(locked.len());
    for row in &locked {
        let row = read(row)?;
        found.insert(row.id.clone(), row);
    }
    let turned: Vec<Option<(JobRow, Turn<'_>)>> = acts
        .iter()
        .map(|acting| {
            let mut row = found.remove(&acting.job)?;
            let turn = turn(&mut row, What::Deed(&acting.deed), &acting.actor, now);
            Some((row, turn))
        })
        .collect();
    try_join_all(turned.iter().flatten().map(|(row, turn)| write(db, org, row, turn, now))).await?;
    // One after the other: each is hashed over the one before.
    for told in turned.iter().flatten().filter_map(|(_, turn)| turn.audit.as_ref()) {
        audit::append(db, org, told).await?;
    }
    let done = turned.into_iter();
    Ok(done.map(|one| one.map(|(job, turn)| Acted { verdict: turn.verdict, job })).collect())
}

async fn events(
    db: &Transaction<'_>,
    org: OrgId,
    id: &str,
    asked: EventsAsked,
) -> Result<Option<JobPast>> {
    let Some(job) = find(db, org, id).await? else { return Ok(None) };
    let select = db
        .prepare_cached(
            "SELECT seq, kind, from_state, to_state, actor, at, data FROM kartei.job_events \
             WHERE job = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        )
        .await?;
    let rows =
        db.query(&select, &[&job.pk, &signed(asked.after_seq), &limit(asked.rows_max)]).await?;
    let read = |row: &Row| {
        Ok::<_, RelayStoreError>(JobEvent {
            event_seq: unsigned(row, 0),
            kind: JobEventKind::of(row.get(1)).ok_or_else(|| unknown_word(id, "event"))?,
            from: row.get::<_, Option<&str>>(2).and_then(JobState::of),
            status: JobState::of(row.get(3)).ok_or_else(|| unknown_word(id, "event"))?,
            actor: row.get(4),
            occurred_at: row.get(5),
            data: row
                .get::<_, Option<&str>>(6)
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or(Value::Null),
        })
    };
    let events = rows.iter().map(read).collect::<Result<_>>()?;
    Ok(Some(JobPast { state: job.state, event_seq: job.event_seq, events }))
}

impl JobEngine for Postgres {
    fn announce_jobs(&self) -> Result<()> {
        self.announce()
    }

    fn hear_jobs(&self, woken: Box<dyn Fn() + Send + Sync>) {
        self.hear(woken);
    }

    fn submit_job(&self, org: OrgId, job: &NewJobRow<'_>) -> Result<Submitted> {
        self.write(org, async |db| submit(db, org, job).await)
    }

    fn job(&self, org: OrgId, id: &str) -> Result<Option<JobRow>> {
        self.read(org, async |db| find(db, org, id).await)
    }

    fn jobs(&self, org: OrgId, query: &JobQuery) -> Result<Vec<JobRow>> {
        self.read(org, async |db| {
            let sql = format!(
                "SELECT {JOB_COLUMNS} FROM kartei.jobs WHERE org = $1 AND pk < $2 \
                 AND deleted_at IS NULL \
                 AND ($3::text IS NULL OR state = $3) ORDER BY pk DESC LIMIT $4"
            );
            let select = db.prepare_cached(&sql).await?;
            let before = query.before.unwrap_or(i64::MAX);
            let state = query.state.map(JobState::word);
            let rows = db.query(&select, &[&org.0, &before, &state, &limit(query.limit)]).await?;
            rows.iter().map(read).collect()
        })
    }

    fn job_events(&self, org: OrgId, id: &str, asked: EventsAsked) -> Result<Option<JobPast>> {
        self.read(org, async |db| events(db, org, id, asked).await)
    }

    fn job_partial(&self, org: OrgId, id: &str) -> Result<Option<JobPartial>> {
        self.read(org, async |db| {
            let row = db
                .query_opt(
                    "SELECT p.payload, coalesce(p.resume, '') FROM kartei.job_partials p \
                     JOIN kartei.jobs j ON j.pk = p.job WHERE j.org = $1 AND j.id = $2 \
                     AND j.deleted_at IS NULL AND j.result_deleted_at IS NULL",
                    &[&org.0, &id],
                )
                .await?;
            Ok(row.map(|row| JobPartial { payload: row.get(0), resume: row.get(1) }))
        })
    }

    fn job_result(&self, org: OrgId, id: &str) -> Result<Option<ResultRow>> {
        self.read(org, async |db| {
            let select = db
                .prepare_cached(
                    "SELECT r.id, j.id, j.by, r.payload, r.blob, r.size, r.digest, r.created_at \
                     FROM kartei.job_results r JOIN kartei.jobs j ON j.pk = r.job \
                     WHERE r.org = $1 AND r.id = $2 AND j.deleted_at IS NULL \
                     AND j.result_deleted_at IS NULL",
                )
                .await?;
            let Some(row) = db.query_opt(&select, &[&org.0, &id]).await? else { return Ok(None) };
            let digest: &[u8] = row.get(6);
            Ok(Some(ResultRow {
                id: row.get(0),
                job: row.get(1),
                by: row.get(2),
                payload: Payload::of(row.get(3), row.get(4)),
                size: unsigned(&row, 5),
                digest: digest.try_into().map_err(|_| unknown_word(id, "digest"))?,
                created_at: row.get(7),
            }))
        })
    }

    fn waiting_organisations(&self, rows_max: usize) -> Result<Vec<(OrgId, i64)>> {
        self.across("SELECT org, turn FROM kartei.waiting_organisations($1)", &[&limit(rows_max)])
    }

    fn claim_jobs(&self, org: OrgId, asked: &ClaimAsked<'_>) -> Result<Vec<JobRow>> {
        self.write(org, async |db| claim(db, org, asked).await)
    }

    fn act_on_jobs(&self, org: OrgId, acts: &[Acting]) -> Result<Vec<Option<Acted>>> {
        self.write(org, async |db| act(db, org, acts).await)
    }

    fn lapsed_jobs(&self, rows_max: usize) -> Result<Vec<(OrgId, String)>> {
        self.across("SELECT org, id FROM kartei.lapsed_jobs($1)", &[&limit(rows_max)])
    }

    fn job_queue(&self, org: OrgId) -> Result<Queue> {
        self.write(org, async |db| queue(db, org).await)
    }

    fn set_job_queue(&self, org: OrgId, actor: &str, sets: &[QueueSet<'_>]) -> Result<Queue> {
        self.write(org, async |db| set_queue(db, org, actor, sets).await)
    }

    fn open_jobs(&self) -> Result<OpenJobs> {
        self.count_open_jobs()
    }

    fn notifications(&self, org: OrgId, asked: &NotesAsked<'_>) -> Result<Vec<Notification>> {
        self.read(org, async |db| {
            let rows = db
                .query(
                    "SELECT pk, kind, job, created_at, read_at FROM kartei.notifications \
                     WHERE org = $1 AND person = $2 AND pk < $3 ORDER BY pk DESC LIMIT $4",
                    &[
                        &org.0,
                        &asked.person,
                        &asked.before.unwrap_or(i64::MAX),
                        &limit(asked.limit),
                    ],
                )
                .await?;
            let read = |row: &Row| Notification {
                id: row.get(0),
                kind: row.get(1),
                job: row.get(2),
                created_at: row.get(3),
                read_at: row.get(4),
            };
            Ok(rows.iter().map(read).collect())
        })
    }

    fn unread_notifications(&self, org: OrgId, person: &str) -> Result<u64> {
        self.read(org, async |db| {
            let row = db
                .query_one(
                    "SELECT count(*) FROM kartei.notifications \
                     WHERE org = $1 AND person = $2 AND read_at IS NULL",
                    &[&org.0, &person],
                )
                .await?;
            Ok(unsigned(&row, 0))
        })
    }

    fn read_notifications(
        &self,
        org: OrgId,
        person: &str,
        one: Option<i64>,
        now: i64,
    ) -> Result<u64> {
        self.write(org, async |db| {
            let update = "UPDATE kartei.notifications SET read_at = $4 WHERE org = $1 \
                          AND person = $2 AND ($3::bigint IS NULL OR pk = $3) AND read_at IS NULL";
            Ok(db.execute(update, &[&org.0, &person, &one, &now]).await?)
        })
    }
}
