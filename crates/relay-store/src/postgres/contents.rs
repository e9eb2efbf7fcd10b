//! Contents on Postgres.

use deadpool_postgres::Transaction;
use kartei_protocol::uploads::ScanState;
use tokio_postgres::Row;

use super::profiles::{signed, unsigned};
use super::uploads::limit;
use super::{Postgres, audit};
use crate::access::OrgId;
use crate::contents::{
    CONTENT_COLUMNS, ContentEngine, ContentRow, scan_of, scan_text, told_of_key,
};
use crate::engine::Result;
use crate::error::RelayStoreError;
use crate::uploads::{UploadDone, UploadRow};

/// A content that begins at a column.
pub(super) fn read(row: &Row, at: usize) -> Result<ContentRow> {
    let digest: &[u8] = row.get(at + 4);
    let digest = digest.try_into().map_err(|_| RelayStoreError::Damaged {
        id: row.get(at + 1),
        reason: "the digest of a content is not 32 bytes".to_owned(),
    })?;
    Ok(ContentRow {
        id: row.get(at),
        blob: row.get(at + 1),
        wrapped_key: row.get(at + 2),
        size: unsigned(row, at + 3),
        digest,
        refs: unsigned(row, at + 5),
        scan: scan_of(row.get(at + 6)),
        created_at: row.get(at + 7),
        unreferenced_at: row.get(at + 8),
        condemned_at: row.get(at + 9),
        lost_at: row.get(at + 10),
    })
}

/// One reference more for equal content, or the upload's bytes as content. Bytes that were lost are
/// replaced by those that came.
pub(super) async fn adopt(
    db: &Transaction<'_>,
    org: OrgId,
    upload: &UploadRow,
    done: &UploadDone,
) -> Result<ContentRow> {
    let sql = format!(
        "INSERT INTO kartei.contents AS c (org, digest, size, blob, wrapped_key, refs, scan, \
         created_at) VALUES ($1, $2, $3, $4, $5, 1, $6, $7) \
         ON CONFLICT (org, digest, size) WHERE condemned_at IS NULL \
         DO UPDATE SET refs = c.refs + 1, unreferenced_at = NULL, \
         blob = CASE WHEN c.lost_at IS NULL THEN c.blob ELSE excluded.blob END, \
         wrapped_key = CASE WHEN c.lost_at IS NULL THEN c.wrapped_key ELSE excluded.wrapped_key END, \
         scan = CASE WHEN c.lost_at IS NULL THEN c.scan ELSE excluded.scan END, \
         lost_at = NULL RETURNING {CONTENT_COLUMNS}"
    );
    let insert = db.prepare_cached(&sql).await?;
    let row = db
        .query_one(
            &insert,
            &[
                &org.0,
                &done.digest.as_slice(),
                &signed(done.size),
                &upload.blob,
                &upload.wrapped_key,
                &scan_text(done.scan),
                &done.now,
            ],
        )
        .await?;
    read(&row, 0)
}

/// One reference less.
pub(super) async fn let_go(db: &Transaction<'_>, id: i64, now: i64) -> Result<()> {
    db.execute(
        "UPDATE kartei.contents SET refs = refs - 1, \
         unreferenced_at = CASE refs WHEN 1 THEN $2::bigint END WHERE id = $1",
        &[&id, &now],
    )
    .await?;
    Ok(())
}

impl ContentEngine for Postgres {
    fn contents(&self, org: OrgId, after: i64, rows_max: usize) -> Result<Vec<ContentRow>> {
        self.read(org, async |db| {
            let sql = format!(
                "SELECT {CONTENT_COLUMNS} FROM kartei.contents WHERE org = $1 AND id > $2 \
                 ORDER BY id LIMIT $3"
            );
            let rows = db.query(&sql, &[&org.0, &after, &limit(rows_max)]).await?;
            rows.iter().map(|row| read(row, 0)).collect()
        })
    }

    fn content(&self, org: OrgId, id: i64) -> Result<Option<ContentRow>> {
        self.read(org, async |db| {
            let sql =
                format!("SELECT {CONTENT_COLUMNS} FROM kartei.contents WHERE org = $1 AND id = $2");
            let select = db.prepare_cached(&sql).await?;
            let row = db.query_opt(&select, &[&org.0, &id]).await?;
            row.map(|row| read(&row, 0)).transpose()
        })
    }

    fn unreferenced(&self, before: i64, rows_max: usize) -> Result<Vec<(OrgId, i64)>> {
        let asked = "SELECT org, id FROM kartei.unreferenced_contents($1, $2)";
        self.across(asked, &[&before, &limit(rows_max)])
    }

    fn unscanned(&self, rows_max: usize) -> Result<Vec<(OrgId, i64)>> {
        self.across("SELECT org, id FROM kartei.unscanned_contents($1)", &[&limit(rows_max)])
    }

    fn condemn_content(&self, org: OrgId, id: i64, now: i64) -> Result<bool> {
        self.write(org, async |db| {
            let condemned = db
                .execute(
                    "UPDATE kartei.contents SET condemned_at = coalesce(condemned_at, $3), \
                     wrapped_key = '' WHERE org = $1 AND id = $2 AND refs = 0",
                    &[&org.0, &id, &now],
                )
                .await?;
            Ok(condemned > 0)
        })
    }

    fn forget_content(&self, org: OrgId, id: i64) -> Result<bool> {
        self.write(org, async |db| {
            let forgotten = db
                .execute(
                    "DELETE FROM kartei.contents \
                     WHERE org = $1 AND id = $2 AND condemned_at IS NOT NULL",
                    &[&org.0, &id],
                )
                .await?;
            Ok(forgotten > 0)
        })
    }

    fn mark_content(&self, org: OrgId, id: i64, lost_at: Option<i64>) -> Result<bool> {
        self.write(org, async |db| {
            let marked = db
                .execute(
                    "UPDATE kartei.contents SET lost_at = $3 \
                     WHERE org = $1 AND id = $2 AND condemned_at IS NULL",
                    &[&org.0, &id, &lost_at],
                )
                .await?;
            Ok(marked > 0)
        })
    }

    fn set_scan(&self, org: OrgId, id: i64, scan: ScanState) -> Result<bool> {
        self.write(org, async |db| {
            let set = db
                .execute(
                    "UPDATE kartei.contents SET scan = $3 WHERE org = $1 AND id = $2",
                    &[&org.0, &id, &scan_text(scan)],
                )
                .await?;
            Ok(set > 0)
        })
    }

    fn org_key(&self, org: OrgId) -> Result<Option<Vec<u8>>> {
        self.read(org, async |db| key(db, org).await)
    }

    fn set_org_key(&self, org: OrgId, wrapped: &[u8]) -> Result<Vec<u8>> {
        self.write(org, async |db| {
            db.execute(
                "UPDATE kartei.organisations SET file_key = $2 WHERE id = $1 AND file_key IS NULL",
                &[&org.0, &wrapped],
            )
            .await?;
            Ok(key(db, org).await?.unwrap_or_default())
        })
    }

    fn rewrap_org_key(&self, org: OrgId, by: &str, old: &[u8], new: &[u8]) -> Result<bool> {
        self.write(org, async |db| {
            let rewrapped = db
                .execute(
                    "UPDATE kartei.organisations SET file_key = $3 WHERE id = $1 AND file_key = $2",
                    &[&org.0, &old, &new],
                )
                .await?;
            if rewrapped > 0 {
                audit::append(db, org, &told_of_key(by)).await?;
            }
            Ok(rewrapped > 0)
        })
    }
}

async fn key(db: &Transaction<'_>, org: OrgId) -> Result<Option<Vec<u8>>> {
    let select =
        db.prepare_cached("SELECT file_key FROM kartei.organisations WHERE id = $1").await?;
    Ok(db.query_opt(&select, &[&org.0]).await?.and_then(|row| row.get(0)))
}
