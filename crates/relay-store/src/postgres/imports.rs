//! Imports over HTTP, on Postgres.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use crate::access::OrgId;
use crate::engine::{ImportName, ImportRow, Result};
use crate::error::RelayStoreError;

pub(super) async fn begin(db: &Transaction<'_>, org: OrgId, import: &ImportRow) -> Result<bool> {
    let inserted = db
        .execute(
            "INSERT INTO kartei.imports (id, org, by, mode, dry_run, key, digest, bytes, started_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (org, key) DO NOTHING",
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
            ],
        )
        .await?;
    Ok(inserted > 0)
}

pub(super) async fn end(
    db: &Transaction<'_>,
    org: OrgId,
    id: &str,
    now: i64,
    status: u16,
    answer: &str,
) -> Result<()> {
    db.execute(
        "UPDATE kartei.imports SET finished_at = $3, status = $4, answer = $5 \
         WHERE org = $1 AND id = $2",
        &[&org.0, &id, &now, &i32::from(status), &answer],
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
                          status, answer FROM kartei.imports WHERE org = $1 AND";
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
    })
}
