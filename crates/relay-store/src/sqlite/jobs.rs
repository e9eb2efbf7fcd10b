//! Jobs on SQLite. There is one writer, so that a transaction is a lock on every row.

use kartei_protocol::jobs::{FailReason, JobEvent, JobEventKind, JobState};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde_json::Value;

use super::queues::{self, begin_queue, queue, set_queue};
use super::{CLOCK, Sqlite, audit};
use crate::access::OrgId;
use crate::engine::Result;
use crate::jobs::{
    Acted, Acting, ClaimAsked, EventsAsked, JOB_COLUMNS, JobEngine, JobPartial, JobPast, JobQuery,
    JobRow, NewJobRow, NotesAsked, Notification, OpenJobs, Payload, Queue, QueueSet, ResultRow,
    Submitted, Turn, What, told, turn, turn_after, unknown_word,
};

/// A word of a column as what it stands for.
pub(super) fn word<T>(row: &Row<'_>, at: usize, of: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    of(&text).ok_or_else(|| {
        let unknown = format!("`{text}` is not known here");
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, unknown.into())
    })
}

fn read(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    let (done, total): (Option<u64>, Option<u64>) = (row.get(19)?, row.get(20)?);
    let (epoch, rev): (Option<String>, Option<u64>) = (row.get(21)?, row.get(22)?);
    let reason: Option<String> = row.get(23)?;
    Ok(JobRow {
        pk: row.get(0)?,
        id: row.get(1)?,
        by: row.get(2)?,
        request: row.get(3)?,
        analysis: row.get(4)?,
        filter: row.get(5)?,
        params: row.get(6)?,
        retry_of: row.get(7)?,
        state: word(row, 8, JobState::of)?,
        claim: row.get(9)?,
        attempts: row.get(10)?,
        attempts_max: row.get(11)?,
        event_seq: row.get(12)?,
        due_at: row.get(13)?,
        worker: row.get(14)?,
        lease_until: row.get(15)?,
        deadline_ms: row.get(16)?,
        deadline_at: row.get(17)?,
        cancel_asked_at: row.get(18)?,
        progress: done.zip(total),
        input: epoch.zip(rev),
        reason: reason.as_deref().and_then(FailReason::of),
        detail: row.get(24)?,
        result: row.get(25)?,
        created_at: row.get(26)?,
        started_at: row.get(27)?,
        finished_at: row.get(28)?,
        held_at: row.get(29)?,
        deleted_at: row.get(30)?,
        result_deleted_at: row.get(31)?,
    })
}

pub(super) fn clock(db: &Transaction<'_>) -> Result<i64> {
    Ok(db.prepare_cached(&format!("SELECT {CLOCK}"))?.query_row([], |row| row.get(0))?)
}

pub(super) fn find(db: &Transaction<'_>, org: OrgId, id: &str) -> Result<Option<JobRow>> {
    let sql = format!("SELECT {JOB_COLUMNS} FROM jobs WHERE org = ?1 AND id = ?2");
    Ok(db.prepare_cached(&sql)?.query_row(params![org.0, id], read).optional()?)
}

fn submit(db: &Transaction<'_>, org: OrgId, job: &NewJobRow<'_>) -> Result<Submitted> {
    if let Some(key) = job.key {
        let sql =
            format!("SELECT {JOB_COLUMNS} FROM jobs WHERE org = ?1 AND token = ?2 AND key = ?3");
        let known =
            db.prepare_cached(&sql)?.query_row(params![org.0, job.token, key], read).optional()?;
        if let Some(row) = known {
            let is_same = row.request == job.request;
            return Ok(if is_same { Submitted::Same(row) } else { Submitted::KeyReused });
        }
    }
    begin_queue(db, org)?;
    let waiting: i64 = db
        .prepare_cached("SELECT COUNT(*) FROM jobs WHERE org = ?1 AND state = 'queued'")?
        .query_row([org.0], |row| row.get(0))?;
    if u64::try_from(waiting).unwrap_or(0) >= job.waiting_max {
        return Ok(Submitted::Full);
    }
    let now = clock(db)?;
    db.prepare_cached(
        "INSERT INTO jobs (id, org, token, by, key, request, analysis, filter, params, retry_of, \
         state, attempts_max, event_seq, due_at, deadline_ms, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'queued', ?11, 1, ?12, ?13, ?12)",
    )?
    .execute(params![
        job.id,
        org.0,
        job.token,
        job.by,
        job.key,
        job.request,
        job.analysis,
        job.filter,
        job.params,
        job.retry_of,
        job.attempts_max,
        now,
        job.deadline_ms,
    ])?;
    let first = JobEvent {
        event_seq: 1,
        kind: JobEventKind::Queued,
        from: None,
        status: JobState::Queued,
        actor: job.by.to_owned(),
        occurred_at: now,
        data: Value::Null,
    };
    write_event(db, org, db.last_insert_rowid(), &first)?;
    let row = find(db, org, job.id)?.ok_or_else(|| unknown_word(job.id, "row"))?;
    Ok(Submitted::New(row))
}

fn write_event(db: &Transaction<'_>, org: OrgId, job: i64, event: &JobEvent) -> Result<()> {
    let data = (!event.data.is_null()).then(|| event.data.to_string());
    db.prepare_cached(
        "INSERT INTO job_events (job, seq, org, kind, from_state, to_state, actor, at, data) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        job,
        event.event_seq,
        org.0,
        event.kind.word(),
        event.from.map(JobState::word),
        event.status.word(),
        event.actor,
        event.occurred_at,
        data,
    ])?;
    Ok(())
}

fn write(db: &Transaction<'_>, org: OrgId, row: &JobRow, turn: &Turn<'_>, now: i64) -> Result<()> {
    if !turn.changed {
        return Ok(());
    }
    db.prepare_cached(
        "UPDATE jobs SET state = ?2, claim = ?3, attempts = ?4, event_seq = ?5, due_at = ?6, \
         worker = ?7, lease_until = ?8, deadline_at = ?9, cancel_asked_at = ?10, done = ?11, \
         total = ?12, input_epoch = ?13, input_rev = ?14, reason = ?15, detail = ?16, result = ?17, \
         started_at = ?18, finished_at = ?19 WHERE pk = ?1",
    )?
    .execute(params![
        row.pk,
        row.state.word(),
        row.claim,
        row.attempts,
        row.event_seq,
        row.due_at,
        row.worker,
        row.lease_until,
        row.deadline_at,
        row.cancel_asked_at,
        row.progress.map(|(done, _)| done),
        row.progress.map(|(_, total)| total),
        row.input.as_ref().map(|(epoch, _)| epoch),
        row.input.as_ref().map(|(_, rev)| *rev),
        row.reason.map(FailReason::word),
        row.detail,
        row.result,
        row.started_at,
        row.finished_at,
    ])?;
    if let Some(event) = &turn.event {
        write_event(db, org, row.pk, event)?;
    }
    if let Some((payload, resume)) = turn.partial {
        db.prepare_cached(
            "INSERT INTO job_partials (job, org, payload, resume, at) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (job) DO UPDATE SET payload = excluded.payload, resume = excluded.resume, \
             at = excluded.at",
        )?
        .execute(params![row.pk, org.0, payload, resume, now])?;
    }
    if let Some(result) = &turn.result {
        let (payload, blob) = result.payload.columns();
        db.prepare_cached(
            "INSERT INTO job_results (id, org, job, payload, blob, size, digest, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            result.id,
            org.0,
            row.pk,
            payload,
            blob,
            result.size,
            result.digest,
            now
        ])?;
        db.prepare_cached("DELETE FROM job_partials WHERE job = ?1")?.execute([row.pk])?;
    }
    if turn.ended {
        db.prepare_cached("UPDATE job_partials SET resume = NULL WHERE job = ?1")?
            .execute([row.pk])?;
        let (kind, key) = told(row);
        db.prepare_cached(
            "INSERT OR IGNORE INTO notifications (org, person, key, kind, job, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![org.0, row.by, key, kind, row.id, now])?;
    }
    Ok(())
}

fn claim(db: &Transaction<'_>, org: OrgId, asked: &ClaimAsked<'_>) -> Result<Vec<JobRow>> {
    let queue: Option<(i64, i64, i64)> = db
        .prepare_cached(
            "SELECT cap - (SELECT count(*) FROM jobs WHERE org = ?1 AND state = 'running'), weight, \
             turn FROM job_queues WHERE org = ?1 AND paused_at IS NULL",
        )?
        .query_row([org.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((room, weight, at)) = queue else { return Ok(Vec::new()) };
    let rows_max = i64::try_from(asked.rows_max).unwrap_or(i64::MAX).min(room.max(0));
    let now = clock(db)?;
    let sql = format!(
        "SELECT {JOB_COLUMNS} FROM jobs WHERE org = ?1 AND state = 'queued' AND due_at <= ?2 \
         AND analysis NOT IN (SELECT analysis FROM job_pauses WHERE org = ?1) \
         ORDER BY due_at, pk LIMIT ?3"
    );
    let mut rows: Vec<JobRow> = db
        .prepare_cached(&sql)?
        .query_map(params![org.0, now, rows_max], read)?
        .collect::<rusqlite::Result<_>>()?;
    for row in &mut rows {
        let what = What::Claim { worker: asked.worker, lease_ms: asked.lease_ms };
        let turn = turn(row, what, "worker", now);
        write(db, org, row, &turn, now)?;
    }
    if !rows.is_empty() {
        db.prepare_cached("UPDATE job_queues SET turn = ?2 WHERE org = ?1")?
            .execute(params![org.0, turn_after(at, asked.floor, rows.len(), weight)])?;
    }
    Ok(rows)
}

fn act(db: &Transaction<'_>, org: OrgId, acting: &Acting) -> Result<Option<Acted>> {
    let Some(mut row) = find(db, org, &acting.job)? else { return Ok(None) };
    let now = clock(db)?;
    let turn = turn(&mut row, What::Deed(&acting.deed), &acting.actor, now);
    write(db, org, &row, &turn, now)?;
    if let Some(told) = &turn.audit {
        audit::append(db, org, told)?;
    }
    Ok(Some(Acted { verdict: turn.verdict, job: row }))
}

fn events(
    db: &Transaction<'_>,
    org: OrgId,
    id: &str,
    asked: EventsAsked,
) -> Result<Option<JobPast>> {
    let Some(job) = find(db, org, id)? else { return Ok(None) };
    let mut select = db.prepare_cached(
        "SELECT seq, kind, from_state, to_state, actor, at, data FROM job_events \
         WHERE job = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let rows = select.query_map(params![job.pk, asked.after_seq, asked.rows_max], |row| {
        let (from, data): (Option<String>, Option<String>) = (row.get(2)?, row.get(6)?);
        Ok(JobEvent {
            event_seq: row.get(0)?,
            kind: word(row, 1, JobEventKind::of)?,
            from: from.as_deref().and_then(JobState::of),
            status: word(row, 3, JobState::of)?,
            actor: row.get(4)?,
            occurred_at: row.get(5)?,
            data: data.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null),
        })
    })?;
    let events = rows.collect::<rusqlite::Result<_>>()?;
    Ok(Some(JobPast { state: job.state, event_seq: job.event_seq, events }))
}

impl JobEngine for Sqlite {
    fn submit_job(&self, org: OrgId, job: &NewJobRow<'_>) -> Result<Submitted> {
        self.write(|db| submit(db, org, job))
    }

    fn job(&self, org: OrgId, id: &str) -> Result<Option<JobRow>> {
        self.read(|db| find(db, org, id))
    }

    fn jobs(&self, org: OrgId, query: &JobQuery) -> Result<Vec<JobRow>> {
        self.read(|db| {
            let sql = format!(
                "SELECT {JOB_COLUMNS} FROM jobs WHERE org = ?1 AND pk < ?2 AND deleted_at IS NULL \
                 AND (?3 IS NULL OR state = ?3) ORDER BY pk DESC LIMIT ?4"
            );
            let mut select = db.prepare_cached(&sql)?;
            let before = query.before.unwrap_or(i64::MAX);
            let rows = select.query_map(
                params![org.0, before, query.state.map(JobState::word), query.limit],
                read,
            )?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn job_events(&self, org: OrgId, id: &str, asked: EventsAsked) -> Result<Option<JobPast>> {
        self.read(|db| events(db, org, id, asked))
    }

    fn job_partial(&self, org: OrgId, id: &str) -> Result<Option<JobPartial>> {
        self.read(|db| {
            let found = db
                .prepare_cached(
                    "SELECT p.payload, p.resume FROM job_partials p JOIN jobs j ON j.pk = p.job \
                     WHERE j.org = ?1 AND j.id = ?2 AND j.deleted_at IS NULL \
                     AND j.result_deleted_at IS NULL",
                )?
                .query_row(params![org.0, id], |row| {
                    let resume: Option<Vec<u8>> = row.get(1)?;
                    Ok(JobPartial { payload: row.get(0)?, resume: resume.unwrap_or_default() })
                })
                .optional()?;
            Ok(found)
        })
    }

    fn job_result(&self, org: OrgId, id: &str) -> Result<Option<ResultRow>> {
        self.read(|db| {
            let found = db
                .prepare_cached(
                    "SELECT r.id, j.id, j.by, r.payload, r.blob, r.size, r.digest, r.created_at \
                     FROM job_results r JOIN jobs j ON j.pk = r.job WHERE r.org = ?1 AND r.id = ?2 \
                     AND j.deleted_at IS NULL AND j.result_deleted_at IS NULL",
                )?
                .query_row(params![org.0, id], |row| {
                    Ok(ResultRow {
                        id: row.get(0)?,
                        job: row.get(1)?,
                        by: row.get(2)?,
                        payload: Payload::of(row.get(3)?, row.get(4)?),
                        size: row.get(5)?,
                        digest: row.get(6)?,
                        created_at: row.get(7)?,
                    })
                })
                .optional()?;
            Ok(found)
        })
    }

    fn waiting_organisations(&self, rows_max: usize) -> Result<Vec<(OrgId, i64)>> {
        self.read(|db| {
            let mut select = db.prepare_cached(&format!(
                "SELECT q.org, q.turn FROM job_queues q WHERE q.paused_at IS NULL \
                 AND EXISTS (SELECT 1 FROM jobs j WHERE j.org = q.org AND j.state = 'queued' \
                     AND j.due_at <= {CLOCK} AND j.analysis NOT IN \
                         (SELECT p.analysis FROM job_pauses p WHERE p.org = q.org)) \
                 AND (SELECT count(*) FROM jobs r WHERE r.org = q.org AND r.state = 'running') < q.cap \
                 ORDER BY q.turn, q.org LIMIT ?1"
            ))?;
            let rows =
                select.query_map([rows_max], |row| Ok((OrgId(row.get(0)?), row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn claim_jobs(&self, org: OrgId, asked: &ClaimAsked<'_>) -> Result<Vec<JobRow>> {
        self.write(|db| claim(db, org, asked))
    }

    fn act_on_jobs(&self, org: OrgId, acts: &[Acting]) -> Result<Vec<Option<Acted>>> {
        self.write(|db| acts.iter().map(|acting| act(db, org, acting)).collect())
    }

    fn lapsed_jobs(&self, rows_max: usize) -> Result<Vec<(OrgId, String)>> {
        self.read(|db| {
            let mut select = db.prepare_cached(&format!(
                "SELECT org, id FROM jobs WHERE state = 'running' \
                 AND (lease_until < {CLOCK} OR deadline_at < {CLOCK}) ORDER BY lease_until LIMIT ?1"
            ))?;
            let rows = select.query_map([rows_max], |row| Ok((OrgId(row.get(0)?), row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn job_queue(&self, org: OrgId) -> Result<Queue> {
        self.write(|db| queue(db, org))
    }

    fn set_job_queue(&self, org: OrgId, actor: &str, sets: &[QueueSet<'_>]) -> Result<Queue> {
        self.write(|db| set_queue(db, org, actor, sets))
    }

    fn open_jobs(&self) -> Result<OpenJobs> {
        self.read(queues::open_jobs)
    }

    fn notifications(&self, org: OrgId, asked: &NotesAsked<'_>) -> Result<Vec<Notification>> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT pk, kind, job, created_at, read_at FROM notifications \
                 WHERE org = ?1 AND person = ?2 AND pk < ?3 ORDER BY pk DESC LIMIT ?4",
            )?;
            let before = asked.before.unwrap_or(i64::MAX);
            let rows =
                select.query_map(params![org.0, asked.person, before, asked.limit], |row| {
                    Ok(Notification {
                        id: row.get(0)?,
                        kind: row.get(1)?,
                        job: row.get(2)?,
                        created_at: row.get(3)?,
                        read_at: row.get(4)?,
                    })
                })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn unread_notifications(&self, org: OrgId, person: &str) -> Result<u64> {
        self.read(|db| {
            let count = db
                .prepare_cached(
                    "SELECT count(*) FROM notifications \
                     WHERE org = ?1 AND person = ?2 AND read_at IS NULL",
                )?
                .query_row(params![org.0, person], |row| row.get(0))?;
            Ok(count)
        })
    }

    fn read_notifications(
        &self,
        org: OrgId,
        person: &str,
        one: Option<i64>,
        now: i64,
    ) -> Result<u64> {
        self.write(|db| {
            let read = db.execute(
                "UPDATE notifications SET read_at = ?4 WHERE org = ?1 AND person = ?2 \
                 AND (?3 IS NULL OR pk = ?3) AND read_at IS NULL",
                params![org.0, person, one, now],
            )?;
            Ok(read as u64)
        })
    }
}
