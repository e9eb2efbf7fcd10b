//! Contents on SQLite.

use kartei_protocol::uploads::ScanState;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{Sqlite, audit};
use crate::access::OrgId;
use crate::contents::{
    CONTENT_COLUMNS, ContentEngine, ContentRow, scan_of, scan_text, told_of_key,
};
use crate::engine::Result;
use crate::uploads::{UploadDone, UploadRow};

/// A content that begins at a column.
pub(super) fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<ContentRow> {
    let scan: String = row.get(at + 6)?;
    Ok(ContentRow {
        id: row.get(at)?,
        blob: row.get(at + 1)?,
        wrapped_key: row.get(at + 2)?,
        size: row.get(at + 3)?,
        digest: row.get(at + 4)?,
        refs: row.get(at + 5)?,
        scan: scan_of(&scan),
        created_at: row.get(at + 7)?,
        unreferenced_at: row.get(at + 8)?,
        condemned_at: row.get(at + 9)?,
        lost_at: row.get(at + 10)?,
    })
}

/// One reference more for equal content, or the upload's bytes as content. Bytes that were lost are
/// replaced by those that came.
pub(super) fn adopt(
    db: &Transaction<'_>,
    org: OrgId,
    upload: &UploadRow,
    done: &UploadDone,
) -> Result<ContentRow> {
    let sql = format!(
        "INSERT INTO contents (org, digest, size, blob, wrapped_key, refs, scan, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7) \
         ON CONFLICT (org, digest, size) WHERE condemned_at IS NULL \
         DO UPDATE SET refs = refs + 1, unreferenced_at = NULL, \
         blob = CASE WHEN lost_at IS NULL THEN blob ELSE excluded.blob END, \
         wrapped_key = CASE WHEN lost_at IS NULL THEN wrapped_key ELSE excluded.wrapped_key END, \
         scan = CASE WHEN lost_at IS NULL THEN scan ELSE excluded.scan END, \
         lost_at = NULL RETURNING {CONTENT_COLUMNS}"
    );
    let content = db.prepare_cached(&sql)?.query_row(
        params![
            org.0,
            done.digest,
            done.size,
            upload.blob,
            upload.wrapped_key,
            scan_text(done.scan),
            done.now,
        ],
        |row| read(row, 0),
    )?;
    Ok(content)
}

/// One reference less.
pub(super) fn let_go(db: &Transaction<'_>, id: i64, now: i64) -> Result<()> {
    db.prepare_cached(
        "UPDATE contents SET refs = refs - 1, unreferenced_at = CASE refs WHEN 1 THEN ?2 END \
         WHERE id = ?1",
    )?
    .execute(params![id, now])?;
    Ok(())
}

impl ContentEngine for Sqlite {
    fn contents(&self, org: OrgId, after: i64, rows_max: usize) -> Result<Vec<ContentRow>> {
        self.read(|db| {
            let sql = format!(
                "SELECT {CONTENT_COLUMNS} FROM contents WHERE org = ?1 AND id > ?2 \
                 ORDER BY id LIMIT ?3"
            );
            let mut select = db.prepare_cached(&sql)?;
            let rows = select.query_map(params![org.0, after, rows_max], |row| read(row, 0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn content(&self, org: OrgId, id: i64) -> Result<Option<ContentRow>> {
        self.read(|db| {
            let sql = format!("SELECT {CONTENT_COLUMNS} FROM contents WHERE org = ?1 AND id = ?2");
            let mut select = db.prepare_cached(&sql)?;
            Ok(select.query_row(params![org.0, id], |row| read(row, 0)).optional()?)
        })
    }

    fn unreferenced(&self, before: i64, rows_max: usize) -> Result<Vec<(OrgId, i64)>> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT org, id FROM contents WHERE unreferenced_at IS NOT NULL \
                 AND (condemned_at IS NOT NULL OR unreferenced_at < ?1) \
                 ORDER BY unreferenced_at LIMIT ?2",
            )?;
            let rows = select.query_map(params![before, rows_max], |row| {
                Ok((OrgId(row.get(0)?), row.get(1)?))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn unscanned(&self, rows_max: usize) -> Result<Vec<(OrgId, i64)>> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT org, id FROM contents WHERE scan = 'pending' AND condemned_at IS NULL \
                 ORDER BY id LIMIT ?1",
            )?;
            let rows = select.query_map([rows_max], |row| Ok((OrgId(row.get(0)?), row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn condemn_content(&self, org: OrgId, id: i64, now: i64) -> Result<bool> {
        self.write(|db| {
            let condemned = db.execute(
                "UPDATE contents SET condemned_at = coalesce(condemned_at, ?3), wrapped_key = x'' \
                 WHERE org = ?1 AND id = ?2 AND refs = 0",
                params![org.0, id, now],
            )?;
            Ok(condemned > 0)
        })
    }

    fn forget_content(&self, org: OrgId, id: i64) -> Result<bool> {
        self.write(|db| {
            let forgotten = db.execute(
                "DELETE FROM contents WHERE org = ?1 AND id = ?2 AND condemned_at IS NOT NULL",
                params![org.0, id],
            )?;
            Ok(forgotten > 0)
        })
    }

    fn mark_content(&self, org: OrgId, id: i64, lost_at: Option<i64>) -> Result<bool> {
        self.write(|db| {
            let marked = db.execute(
                "UPDATE contents SET lost_at = ?3 \
                 WHERE org = ?1 AND id = ?2 AND condemned_at IS NULL",
                params![org.0, id, lost_at],
            )?;
            Ok(marked > 0)
        })
    }

    fn set_scan(&self, org: OrgId, id: i64, scan: ScanState) -> Result<bool> {
        self.write(|db| {
            let set = db.execute(
                "UPDATE contents SET scan = ?3 WHERE org = ?1 AND id = ?2",
                params![org.0, id, scan_text(scan)],
            )?;
            Ok(set > 0)
        })
    }

    fn org_key(&self, org: OrgId) -> Result<Option<Vec<u8>>> {
        self.read(|db| key(db, org))
    }

    fn set_org_key(&self, org: OrgId, wrapped: &[u8]) -> Result<Vec<u8>> {
        self.write(|db| {
            db.execute(
                "UPDATE organisations SET file_key = ?2 WHERE id = ?1 AND file_key IS NULL",
                params![org.0, wrapped],
            )?;
            Ok(key(db, org)?.unwrap_or_default())
        })
    }

    fn rewrap_org_key(&self, org: OrgId, by: &str, old: &[u8], new: &[u8]) -> Result<bool> {
        self.write(|db| {
            let rewrapped = db.execute(
                "UPDATE organisations SET file_key = ?3 WHERE id = ?1 AND file_key = ?2",
                params![org.0, old, new],
            )?;
            if rewrapped > 0 {
                audit::append(db, org, &told_of_key(by))?;
            }
            Ok(rewrapped > 0)
        })
    }
}

fn key(db: &Transaction<'_>, org: OrgId) -> Result<Option<Vec<u8>>> {
    let found: Option<Option<Vec<u8>>> = db
        .prepare_cached("SELECT file_key FROM organisations WHERE id = ?1")?
        .query_row([org.0], |row| row.get(0))
        .optional()?;
    Ok(found.flatten())
}
