//! What organisations use, on Postgres.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::profiles::{signed, unsigned};
use crate::access::OrgId;
use crate::engine::Result;
use crate::quota::Usage;

fn read(row: &Row) -> Usage {
    Usage {
        used: unsigned(row, 0),
        reserved: unsigned(row, 1),
        quota: row.get::<_, Option<i64>>(2).map(i64::unsigned_abs),
        files: unsigned(row, 3),
        open: unsigned(row, 4),
    }
}

const SELECT: &str = "SELECT used, reserved, quota, files, open FROM kartei.usage WHERE org = $1";

pub(super) async fn get(db: &Transaction<'_>, org: OrgId) -> Result<Usage> {
    let select = db.prepare_cached(SELECT).await?;
    Ok(db.query_opt(&select, &[&org.0]).await?.as_ref().map(read).unwrap_or_default())
}

/// Takes the lock that orders those who change what an organisation uses.
pub(super) async fn lock(db: &Transaction<'_>, org: OrgId) -> Result<Usage> {
    let select = db.prepare_cached(&format!("{SELECT} FOR UPDATE")).await?;
    if let Some(row) = db.query_opt(&select, &[&org.0]).await? {
        return Ok(read(&row));
    }
    let insert = "INSERT INTO kartei.usage (org) VALUES ($1) ON CONFLICT (org) DO NOTHING";
    db.execute(insert, &[&org.0]).await?;
    Ok(read(&db.query_one(&select, &[&org.0]).await?))
}

/// Keeps it, under the lock.
pub(super) async fn put(db: &Transaction<'_>, org: OrgId, usage: &Usage) -> Result<()> {
    let update = db
        .prepare_cached(
            "UPDATE kartei.usage SET used = $2, reserved = $3, quota = $4, files = $5, open = $6 \
             WHERE org = $1",
        )
        .await?;
    db.execute(
        &update,
        &[
            &org.0,
            &signed(usage.used),
            &signed(usage.reserved),
            &usage.quota.map(signed),
            &signed(usage.files),
            &signed(usage.open),
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn recount(db: &Transaction<'_>, org: OrgId, now: i64) -> Result<Usage> {
    let quota = lock(db, org).await?.quota;
    let files = db
        .query_one(
            "SELECT coalesce(sum(c.size), 0)::bigint, count(*) FROM kartei.files f \
             JOIN kartei.contents c ON c.id = f.content WHERE f.org = $1",
            &[&org.0],
        )
        .await?;
    let open = db
        .query_one(
            "SELECT coalesce(sum(reserved), 0)::bigint, count(*) FROM kartei.uploads \
             WHERE org = $1 AND phase IN ('open', 'completing')",
            &[&org.0],
        )
        .await?;
    let usage = Usage {
        used: unsigned(&files, 0),
        files: unsigned(&files, 1),
        reserved: unsigned(&open, 0),
        open: unsigned(&open, 1),
        quota,
    };
    put(db, org, &usage).await?;
    db.execute(
        "UPDATE kartei.contents c SET refs = w.refs FROM (SELECT c.id, count(f.pk) AS refs \
         FROM kartei.contents c LEFT JOIN kartei.files f ON f.content = c.id \
         WHERE c.org = $1 GROUP BY c.id) w WHERE c.id = w.id AND c.refs <> w.refs",
        &[&org.0],
    )
    .await?;
    db.execute(
        "UPDATE kartei.contents SET unreferenced_at = CASE refs WHEN 0 THEN $2::bigint END \
         WHERE org = $1 AND (refs = 0) <> (unreferenced_at IS NOT NULL)",
        &[&org.0, &now],
    )
    .await?;
    Ok(usage)
}
