//! Imports over HTTP, on SQLite.

use rusqlite::{OptionalExtension, Transaction, params};

use super::CLOCK;
use crate::access::OrgId;
use crate::engine::{ImportEnd, ImportName, ImportRow, Result};
use crate::leases::{Kept, Lease};

pub(super) fn begin(
    db: &Transaction<'_>,
    org: OrgId,
    import: &ImportRow,
    lease: &Lease,
) -> Result<bool> {
    let inserted = db.execute(
        &format!(
            "INSERT INTO imports (id, org, by, mode, dry_run, key, digest, bytes, started_at, \
             runner, lease_until, source) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, {CLOCK} + ?11, ?12) \
             ON CONFLICT (org, key) DO NOTHING"
        ),
        params![
            import.id,
            org.0,
            import.by,
            import.mode,
            import.dry_run,
            import.key,
            import.digest,
            import.bytes,
            import.started_at,
            lease.runner,
            lease.millis,
            import.source,
        ],
    )?;
    Ok(inserted > 0)
}

pub(super) fn end(
    db: &Transaction<'_>,
    org: OrgId,
    id: &str,
    lease: &Lease,
    end: ImportEnd<'_>,
) -> Result<bool> {
    let ended = db.execute(
        "UPDATE imports SET finished_at = ?4, status = ?5, answer = ?6, progress = NULL \
         WHERE org = ?1 AND id = ?2 AND runner = ?3 AND finished_at IS NULL",
        params![org.0, id, lease.runner, end.now, end.status, end.answer],
    )?;
    Ok(ended > 0)
}

pub(super) fn abandoned(db: &Transaction<'_>) -> Result<Vec<(OrgId, String)>> {
    let mut select = db.prepare_cached(&format!(
        "SELECT org, id FROM imports WHERE finished_at IS NULL AND lease_until < {CLOCK} \
         ORDER BY started_at"
    ))?;
    let found = select.query_map([], |row| Ok((OrgId(row.get(0)?), row.get(1)?)))?;
    Ok(found.collect::<std::result::Result<_, _>>()?)
}

pub(super) fn claim(
    db: &Transaction<'_>,
    org: OrgId,
    id: &str,
    lease: &Lease,
) -> Result<Option<ImportRow>> {
    let claimed = db.execute(
        &format!(
            "UPDATE imports SET runner = ?3, lease_until = {CLOCK} + ?4, attempts = attempts + 1 \
             WHERE org = ?1 AND id = ?2 AND finished_at IS NULL \
             AND (lease_until IS NULL OR lease_until < {CLOCK})"
        ),
        params![org.0, id, lease.runner, lease.millis],
    )?;
    if claimed == 0 {
        return Ok(None);
    }
    find(db, org, ImportName::Id(id))
}

pub(super) fn renew(
    db: &Transaction<'_>,
    org: OrgId,
    id: &str,
    lease: &Lease,
    progress: Option<&str>,
) -> Result<Kept> {
    let cancelled = db
        .prepare_cached(&format!(
            "UPDATE imports SET lease_until = {CLOCK} + ?4, progress = coalesce(?5, progress), \
             attempts = CASE WHEN ?5 IS NULL THEN attempts ELSE 0 END \
             WHERE org = ?1 AND id = ?2 AND runner = ?3 AND finished_at IS NULL \
             RETURNING cancelled_at IS NOT NULL"
        ))?
        .query_row(params![org.0, id, lease.runner, lease.millis, progress], |row| row.get(0))
        .optional()?;
    Ok(match cancelled {
        None => Kept::Lost,
        Some(true) => Kept::Cancelled,
        Some(false) => Kept::Ours,
    })
}

pub(super) fn cancel(db: &Transaction<'_>, org: OrgId, id: &str, now: i64) -> Result<()> {
    db.execute(
        "UPDATE imports SET cancelled_at = coalesce(cancelled_at, ?3) \
         WHERE org = ?1 AND id = ?2 AND finished_at IS NULL",
        params![org.0, id, now],
    )?;
    Ok(())
}

pub(super) fn find(
    db: &Transaction<'_>,
    org: OrgId,
    named: ImportName<'_>,
) -> Result<Option<ImportRow>> {
    const SELECT: &str = "SELECT id, by, mode, dry_run, key, digest, bytes, started_at, finished_at, \
                          status, answer, progress, cancelled_at, attempts, source FROM imports WHERE org = ?1 AND";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(ImportRow {
            id: row.get(0)?,
            by: row.get(1)?,
            mode: row.get(2)?,
            dry_run: row.get(3)?,
            key: row.get(4)?,
            digest: row.get(5)?,
            bytes: row.get(6)?,
            started_at: row.get(7)?,
            finished_at: row.get(8)?,
            status: row.get(9)?,
            answer: row.get(10)?,
            progress: row.get(11)?,
            cancelled_at: row.get(12)?,
            attempts: row.get(13)?,
            source: row.get(14)?,
        })
    };
    let found = match named {
        ImportName::Id(id) => {
            db.query_row(&format!("{SELECT} id = ?2"), params![org.0, id], read).optional()?
        }
        ImportName::Key(key) => {
            db.query_row(&format!("{SELECT} key = ?2"), params![org.0, key], read).optional()?
        }
        ImportName::Digest(digest, mode) => db
            .query_row(
                &format!(
                    "{SELECT} digest = ?2 AND mode = ?3 AND dry_run = 0 AND answer IS NOT NULL \
                     ORDER BY started_at DESC LIMIT 1"
                ),
                params![org.0, digest, mode],
                read,
            )
            .optional()?,
    };
    Ok(found)
}
