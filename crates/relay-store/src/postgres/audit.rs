//! The audit on Postgres.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::Postgres;
use super::profiles::{signed, unsigned};
use super::uploads::limit;
use crate::access::OrgId;
use crate::audit::{AuditEngine, AuditEvent, AuditHead, AuditQuery, NewAudit};
use crate::engine::Result;
use crate::error::RelayStoreError;

/// Tells of what this transaction does. The lock that it takes is the last one of a transaction, so that
/// nobody waits in a circle.
pub(super) async fn append(db: &Transaction<'_>, org: OrgId, new: &NewAudit) -> Result<()> {
    let begin = AuditHead::begin(org);
    let insert = db
        .prepare_cached(
            "INSERT INTO kartei.audit_heads (org, seq, hash) VALUES ($1, $2, $3) \
             ON CONFLICT DO NOTHING",
        )
        .await?;
    db.execute(&insert, &[&org.0, &signed(begin.seq), &begin.hash.as_slice()]).await?;
    let lock = db
        .prepare_cached("SELECT seq, hash FROM kartei.audit_heads WHERE org = $1 FOR UPDATE")
        .await?;
    let head = read_head(&db.query_one(&lock, &[&org.0]).await?)?;
    // Under the lock, so that moments do not go back.
    let clock = db.prepare_cached("SELECT kartei.clock()").await?;
    let event = new.after(&head, db.query_one(&clock, &[]).await?.get(0));
    let insert = db
        .prepare_cached(
            "INSERT INTO kartei.audit_events (org, seq, at, actor, action, subject, data, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, nullif($7, ''), $8)",
        )
        .await?;
    let hash = event.hash.as_slice();
    db.execute(
        &insert,
        &[
            &org.0,
            &signed(event.seq),
            &event.at,
            &event.actor,
            &event.action,
            &event.subject,
            &event.data,
            &hash,
        ],
    )
    .await?;
    let update = db
        .prepare_cached("UPDATE kartei.audit_heads SET seq = $2, hash = $3 WHERE org = $1")
        .await?;
    db.execute(&update, &[&org.0, &signed(event.seq), &hash]).await?;
    Ok(())
}

fn hash(row: &Row, at: usize) -> Result<[u8; 32]> {
    row.get::<_, &[u8]>(at).try_into().map_err(|_| RelayStoreError::Damaged {
        id: "audit".to_owned(),
        reason: "a hash has not 32 bytes".to_owned(),
    })
}

fn read_head(row: &Row) -> Result<AuditHead> {
    Ok(AuditHead { seq: unsigned(row, 0), hash: hash(row, 1)? })
}

const COLUMNS: &str = "seq, at, actor, action, subject, coalesce(data, ''), hash";

fn read(row: &Row) -> Result<AuditEvent> {
    Ok(AuditEvent {
        seq: unsigned(row, 0),
        at: row.get(1),
        actor: row.get(2),
        action: row.get(3),
        subject: row.get(4),
        data: row.get(5),
        hash: hash(row, 6)?,
    })
}

impl AuditEngine for Postgres {
    fn add_audit(&self, org: OrgId, new: &NewAudit) -> Result<()> {
        self.write(org, async |db| append(db, org, new).await)
    }

    fn audit(&self, org: OrgId, query: &AuditQuery) -> Result<Vec<AuditEvent>> {
        self.read(org, async |db| {
            let sql = format!(
                "SELECT {COLUMNS} FROM kartei.audit_events WHERE org = $1 AND seq < $2 \
                 AND ($3::text IS NULL OR action = $3) AND ($4::text IS NULL OR actor = $4 \
                 OR ($4 = 'administrator' AND starts_with(actor, 'administrator ('))) \
                 AND at >= $5 AND at < $6 ORDER BY seq DESC LIMIT $7"
            );
            let select = db.prepare_cached(&sql).await?;
            let before = query.before.map_or(i64::MAX, signed);
            let (since, until) = query.span();
            let limit = limit(query.limit);
            let asked: &[&(dyn ToSql + Sync)] =
                &[&org.0, &before, &query.action, &query.actor, &since, &until, &limit];
            let rows = db.query(&select, asked).await?;
            rows.iter().map(read).collect()
        })
    }

    fn audit_after(
        &self,
        org: OrgId,
        after: u64,
        rows_max: usize,
    ) -> Result<(Vec<AuditEvent>, Option<AuditHead>)> {
        self.read(org, async |db| {
            let sql = format!(
                "SELECT {COLUMNS} FROM kartei.audit_events WHERE org = $1 AND seq > $2 \
                 ORDER BY seq LIMIT $3"
            );
            let select = db.prepare_cached(&sql).await?;
            let rows = db.query(&select, &[&org.0, &signed(after), &limit(rows_max)]).await?;
            let head = "SELECT seq, hash FROM kartei.audit_heads WHERE org = $1";
            let head = db.query_opt(head, &[&org.0]).await?;
            let events = rows.iter().map(read).collect::<Result<_>>()?;
            Ok((events, head.as_ref().map(read_head).transpose()?))
        })
    }
}
