//! Imports over HTTP, on Postgres.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use crate::access::OrgId;
use crate::engine::{ImportEnd, ImportName, ImportRow, Result};
use crate::error::RelayStoreError;
use crate::leases::{Kept, Lease};

pub(super) async fn begin(
    db: &Transaction<'_>,
    org: OrgId,
    import: &ImportRow,
    lease: &Lease,
) -> Result<bool> {
    let inserted = db
        .execute(
            "INSERT INTO kartei.imports (id, org, by, mode, dry_run, key, digest, bytes, started_at, \
             runner, lease_until, source) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, kartei.clock() + $11, $12) \
             ON CONFLICT (org, key) DO NOTHING",
            &[
                &import.id,
                &org.0,
                &import.by,
                &import.mode,
                &import.dry_run,
                &import.key,
                &import.digest.as_slice(),
                &i64::try_from(import.bytes).unwrap_or(i64::MAX),
                &import.started_at,
                &lease.runner,
                &lease.millis,
                &import.source,
            ],
        )
        .await?;
    Ok(inserted > 0)
}

pub(super) async fn end(
    db: &Transaction<'_>,
    org: OrgId,
    id: &str,
    lease: &Lease,
    end: ImportEnd<'_>,
) -> Result<bool> {
    let ended = db
        .execute(
            "UPDATE kartei.imports SET finished_at = $4, status = $5, answer = $6, progress = NULL \
             WHERE org = $1 AND id = $2 AND runner = $3 AND finished_at IS NULL",
            &[&org.0, &id, &lease.runner, &end.now, &i32::from(end.status), &end.answer],
        )
        .await?;
    Ok(ended > 0)
}

pub(super) async fn claim(
    db: &Transaction<'_>,
    org: OrgId,
    id: &str,
    lease: &Lease,
) -> Result<Option<ImportRow>> {
    let claimed = db
        .execute(
            "UPDATE kartei.imports SET runner = $3, lease_until = kartei.clock() + $4, \
             attempts = attempts + 1 WHERE org = $1 AND id = $2 AND finished_at IS NULL \
             AND (lease_until IS NULL OR lease_until < kartei.clock())",
            &[&org.0, &id, &lease.runner, &lease.millis],
        )
        .await?;
    if claimed == 0 {
        return Ok(None);
    }
    find(db, org, ImportName::Id(id)).await
}

pub(super) async fn renew(
    db: &Transaction<'_>,
    org: OrgId,
    id: &str,
    lease: &Lease,
    progress: Option<&str>,
) -> Result<Kept> {
    let update = db
        .prepare_cached(
            "UPDATE kartei.imports SET lease_until = kartei.clock() + $4, \
             progress = coalesce($5, progress), \
             attempts = CASE WHEN $5 IS NULL THEN attempts ELSE 0 END \
             WHERE org = $1 AND id = $2 AND runner = $3 AND finished_at IS NULL \
             RETURNING cancelled_at IS NOT NULL",
        )
        .await?;
    let row =
        db.query_opt(&update, &[&org.0, &id, &lease.runner, &lease.millis, &progress]).await?;
    Ok(match row.map(|row| row.get(0)) {
        None => Kept::Lost,
        Some(true) => Kept::Cancelled,
        Some(false) => Kept::Ours,
    })
}

pub(super) async fn cancel(db: &Transaction<'_>, org: OrgId, id: &str, now: i64) -> Result<()> {
    db.execute(
        "UPDATE kartei.imports SET cancelled_at = coalesce(cancelled_at, $3) \
         WHERE org = $1 AND id = $2 AND finished_at IS NULL",
        &[&org.0, &id, &now],
    )
    .await?;
    Ok(())
}

pub(super) async fn find(
    db: &Transaction<'_>,
    org: OrgId,
    named: ImportName<'_>,
) -> Result<Option<ImportRow>> {
    const SELECT: &str = "SELECT id, by, mode, dry_run, key, digest, bytes, started_at, finished_at, \
                          status, answer, progress, cancelled_at, attempts, source FROM kartei.imports WHERE org = $1 AND";
    let row = match named {
        ImportName::Id(id) => db.query_opt(&format!("{SELECT} id = $2"), &[&org.0, &id]).await?,
        ImportName::Key(key) => {
            db.query_opt(&format!("{SELECT} key = $2"), &[&org.0, &key]).await?
        }
        ImportName::Digest(digest, mode) => {
            db.query_opt(
                &format!(
                    "{SELECT} digest = $2 AND mode = $3 AND NOT dry_run AND answer IS NOT NULL \
                     ORDER BY started_at DESC LIMIT 1"
                ),
                &[&org.0, &digest.as_slice(), &mode],
            )
            .await?
        }
    };
    row.map(|row| read(&row)).transpose()
}

fn read(row: &Row) -> Result<ImportRow> {
    let digest: &[u8] = row.get(5);
    let digest = digest.try_into().map_err(|_| RelayStoreError::Damaged {
        id: row.get(0),
        reason: "a digest is not 32 bytes".to_owned(),
    })?;
    let status: Option<i32> = row.get(9);
    Ok(ImportRow {
        id: row.get(0),
        by: row.get(1),
        mode: row.get(2),
        dry_run: row.get(3),
        key: row.get(4),
        digest,
        bytes: row.get::<_, i64>(6).unsigned_abs(),
        started_at: row.get(7),
        finished_at: row.get(8),
        status: status.and_then(|status| u16::try_from(status).ok()),
        answer: row.get(10),
        progress: row.get(11),
        cancelled_at: row.get(12),
        attempts: row.get::<_, i32>(13).unsigned_abs(),
        source: row.get(14),
    })
}
