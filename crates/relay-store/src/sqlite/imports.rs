//! Imports over HTTP, on SQLite.

use rusqlite::{OptionalExtension, Transaction, params};

use crate::access::OrgId;
use crate::engine::{ImportName, ImportRow, Result};

pub(super) fn begin(db: &Transaction<'_>, org: OrgId, import: &ImportRow) -> Result<bool> {
    let inserted = db.execute(
        "INSERT INTO imports (id, org, by, mode, dry_run, key, digest, bytes, started_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (org, key) DO NOTHING",
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
        ],
    )?;
    Ok(inserted > 0)
}

pub(super) fn end(
    db: &Transaction<'_>,
    org: OrgId,
    id: &str,
    now: i64,
    status: u16,
    answer: &str,
) -> Result<()> {
    db.execute(
        "UPDATE imports SET finished_at = ?3, status = ?4, answer = ?5 WHERE org = ?1 AND id = ?2",
        params![org.0, id, now, status, answer],
    )?;
    Ok(())
}

pub(super) fn find(
    db: &Transaction<'_>,
    org: OrgId,
    named: ImportName<'_>,
) -> Result<Option<ImportRow>> {
    const SELECT: &str = "SELECT id, by, mode, dry_run, key, digest, bytes, started_at, finished_at, \
                          status, answer FROM imports WHERE org = ?1 AND";
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
