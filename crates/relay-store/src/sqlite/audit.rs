//! The audit on SQLite.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{CLOCK, Sqlite};
use crate::access::OrgId;
use crate::audit::{AuditEngine, AuditEvent, AuditHead, AuditQuery, NewAudit};
use crate::engine::Result;

/// Tells of what this transaction does.
pub(super) fn append(db: &Transaction<'_>, org: OrgId, new: &NewAudit) -> Result<()> {
    let head = head(db, org)?.unwrap_or_else(|| AuditHead::begin(org));
    let now = db.prepare_cached(&format!("SELECT {CLOCK}"))?.query_row([], |row| row.get(0))?;
    let event = new.after(&head, now);
    db.prepare_cached(
        "INSERT INTO audit_events (org, seq, at, actor, action, subject, data, hash) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, ''), ?8)",
    )?
    .execute(params![
        org.0,
        event.seq,
        event.at,
        event.actor,
        event.action,
        event.subject,
        event.data,
        event.hash,
    ])?;
    db.prepare_cached(
        "INSERT INTO audit_heads (org, seq, hash) VALUES (?1, ?2, ?3) \
         ON CONFLICT (org) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
    )?
    .execute(params![org.0, event.seq, event.hash])?;
    Ok(())
}

fn head(db: &Transaction<'_>, org: OrgId) -> Result<Option<AuditHead>> {
    let mut select = db.prepare_cached("SELECT seq, hash FROM audit_heads WHERE org = ?1")?;
    let read = |row: &Row<'_>| Ok(AuditHead { seq: row.get(0)?, hash: row.get(1)? });
    Ok(select.query_row([org.0], read).optional()?)
}

const COLUMNS: &str = "seq, at, actor, action, subject, coalesce(data, ''), hash";

fn read(row: &Row<'_>) -> rusqlite::Result<AuditEvent> {
    Ok(AuditEvent {
        seq: row.get(0)?,
        at: row.get(1)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        data: row.get(5)?,
        hash: row.get(6)?,
    })
}

impl AuditEngine for Sqlite {
    fn add_audit(&self, org: OrgId, new: &NewAudit) -> Result<()> {
        self.write(|db| append(db, org, new))
    }

    fn audit(&self, org: OrgId, query: &AuditQuery) -> Result<Vec<AuditEvent>> {
        self.read(|db| {
            let mut select = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM audit_events WHERE org = ?1 AND seq < ?2 \
                 AND (?3 IS NULL OR action = ?3) AND (?4 IS NULL OR actor = ?4 \
                 OR (?4 = 'administrator' AND actor LIKE 'administrator (%')) \
                 AND at >= ?5 AND at < ?6 ORDER BY seq DESC LIMIT ?7"
            ))?;
            let before =
                query.before.map_or(i64::MAX, |seq| i64::try_from(seq).unwrap_or(i64::MAX));
            let (since, until) = query.span();
            let asked =
                params![org.0, before, query.action, query.actor, since, until, query.limit];
            let rows = select.query_map(asked, read)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn audit_after(
        &self,
        org: OrgId,
        after: u64,
        rows_max: usize,
    ) -> Result<(Vec<AuditEvent>, Option<AuditHead>)> {
        self.read(|db| {
            let mut select = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM audit_events WHERE org = ?1 AND seq > ?2 \
                 ORDER BY seq LIMIT ?3"
            ))?;
            let rows = select.query_map(params![org.0, after, rows_max], read)?;
            Ok((rows.collect::<rusqlite::Result<_>>()?, head(db, org)?))
        })
    }
}
