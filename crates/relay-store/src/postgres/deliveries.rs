//! Deliveries on Postgres.
//!
//! The lock on an organisation's row in `delivery_heads` orders those who make and take its deliveries: so
//! what is counted holds, and a digest is not taken before the last of its things is in it.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use kartei_protocol::admin::{Channel, DeliveryState};
use serde_json::json;
use tokio_postgres::Row;

use super::jobs::clock;
use super::profiles::{signed, unsigned};
use super::uploads::limit;
use super::{Postgres, audit};
use crate::access::OrgId;
use crate::audit::NewAudit;
use crate::deliveries::{
    Attempted, DELIVERY_COLUMNS, DIGEST, DIGEST_JOBS, DeliveryEngine, DeliveryRow, FANNED_AT_ONCE,
    NewDelivery, Resent, Sending, Untold, WINDOW_MS, Webhook, deliveries_of,
};
use crate::engine::Result;
use crate::jobs::unknown_word;

fn read(row: &Row) -> Result<DeliveryRow> {
    let key: String = row.get(2);
    let status: Option<i64> = row.get(11);
    Ok(DeliveryRow {
        id: row.get(0),
        person: row.get(1),
        channel: Channel::of(row.get(3)).ok_or_else(|| unknown_word(&key, "channel"))?,
        state: DeliveryState::of(row.get(4)).ok_or_else(|| unknown_word(&key, "state"))?,
        key,
        kind: row.get(5),
        job: row.get(6),
        told_at: row.get(7),
        attempts: u32::try_from(row.get::<_, i64>(8)).unwrap_or(u32::MAX),
        claim: unsigned(row, 9),
        due_at: row.get(10),
        status: status.and_then(|status| u16::try_from(status).ok()),
        detail: row.get(12),
        finished_at: row.get(13),
    })
}

async fn lock(db: &Transaction<'_>, org: OrgId) -> Result<()> {
    let insert = db
        .prepare_cached("INSERT INTO kartei.delivery_heads VALUES ($1) ON CONFLICT DO NOTHING")
        .await?;
    db.execute(&insert, &[&org.0]).await?;
    let select =
        db.prepare_cached("SELECT FROM kartei.delivery_heads WHERE org = $1 FOR UPDATE").await?;
    db.execute(&select, &[&org.0]).await?;
    Ok(())
}

async fn webhook(db: &Transaction<'_>, org: OrgId) -> Result<Option<Webhook>> {
    let sql = "SELECT url, secret, by, created_at FROM kartei.webhooks WHERE org = $1";
    let found = db.query_opt(sql, &[&org.0]).await?;
    Ok(found.map(|row| Webhook {
        url: row.get(0),
        secret: row.get(1),
        by: row.get(2),
        created_at: row.get(3),
    }))
}

async fn insert(db: &Transaction<'_>, org: OrgId, new: &NewDelivery, now: i64) -> Result<()> {
    let insert = db
        .prepare_cached(
            "INSERT INTO kartei.deliveries (org, person, key, channel, state, kind, job, told_at, \
             merged, due_at, created_at, finished_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             ON CONFLICT (org, person, key, channel) DO NOTHING",
        )
        .await?;
    let is_open = new.state == DeliveryState::Pending;
    db.execute(
        &insert,
        &[
            &org.0,
            &new.person,
            &new.key,
            &new.channel.word(),
            &new.state.word(),
            &new.kind,
            &new.job,
            &new.told_at,
            &new.merged,
            &new.due_at,
            &now,
            &(!is_open).then_some(now),
        ],
    )
    .await?;
    Ok(())
}

async fn recent(db: &Transaction<'_>, org: OrgId, person: &str, now: i64) -> Result<u64> {
    let count = db
        .prepare_cached(
            "SELECT count(*) FROM kartei.deliveries WHERE org = $1 AND person = $2 \
             AND channel = 'webhook' AND created_at > $3 AND state <> 'suppressed' \
             AND kind <> 'digest'",
        )
        .await?;
    Ok(unsigned(&db.query_one(&count, &[&org.0, &person, &(now - WINDOW_MS)]).await?, 0))
}

async fn fan_out(db: &Transaction<'_>, org: OrgId) -> Result<u64> {
    lock(db, org).await?;
    let now = clock(db).await?;
    let rows = db
        .query(
            "SELECT pk, person, key, kind, job, created_at FROM kartei.notifications \
             WHERE org = $1 AND fanned_at IS NULL ORDER BY pk LIMIT $2",
            &[&org.0, &limit(FANNED_AT_ONCE)],
        )
        .await?;
    let untold = rows.iter().map(|row| Untold {
        pk: row.get(0),
        person: row.get(1),
        key: row.get(2),
        kind: row.get(3),
        job: row.get(4),
        created_at: row.get(5),
    });
    let untold: Vec<Untold> = untold.collect();
    let has_webhook = webhook(db, org).await?.is_some();
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for note in &untold {
        let count = match counts.get(note.person.as_str()) {
            Some(count) => *count,
            None => recent(db, org, &note.person, now).await?,
        };
        for new in deliveries_of(note, has_webhook.then_some(count), now) {
            insert(db, org, &new, now).await?;
        }
        counts.insert(&note.person, count + 1);
    }
    let keys: Vec<i64> = untold.iter().map(|note| note.pk).collect();
    let sql = "UPDATE kartei.notifications SET fanned_at = $2 WHERE pk = ANY ($1)";
    db.execute(sql, &[&keys, &now]).await?;
    Ok(untold.len() as u64)
}

async fn digest(db: &Transaction<'_>, org: OrgId, row: &DeliveryRow) -> Result<(u64, Vec<String>)> {
    let found = db
        .query_one(
            "SELECT (SELECT count(*) FROM kartei.deliveries \
                 WHERE org = $1 AND person = $2 AND merged = $3), \
             ARRAY(SELECT job FROM kartei.deliveries WHERE org = $1 AND person = $2 \
                 AND merged = $3 AND job IS NOT NULL ORDER BY pk LIMIT $4)",
            &[&org.0, &row.person, &row.key, &limit(DIGEST_JOBS)],
        )
        .await?;
    Ok((unsigned(&found, 0), found.get(1)))
}

async fn claim(
    db: &Transaction<'_>,
    org: OrgId,
    lease_ms: i64,
    rows_max: usize,
) -> Result<Vec<Sending>> {
    lock(db, org).await?;
    let now = clock(db).await?;
    let sql = format!(
        "UPDATE kartei.deliveries SET state = 'sending', claim = claim + 1, \
         attempts = attempts + 1, lease_until = $2 WHERE pk = ANY (ARRAY( \
             SELECT pk FROM kartei.deliveries WHERE org = $1 \
             AND state IN ('pending', 'sending') AND channel = 'webhook' AND due_at <= $3 \
             AND (state = 'pending' OR lease_until < $3) ORDER BY due_at, pk LIMIT $4)) \
         RETURNING {DELIVERY_COLUMNS}"
    );
    let claimed = db.query(&sql, &[&org.0, &(now + lease_ms), &now, &limit(rows_max)]).await?;
    let mut sending = Vec::with_capacity(claimed.len());
    for row in &claimed {
        let delivery = read(row)?;
        let is_digest = delivery.kind == DIGEST;
        let digest = if is_digest { Some(digest(db, org, &delivery).await?) } else { None };
        sending.push(Sending { delivery, digest });
    }
    Ok(sending)
}

async fn settle(db: &Transaction<'_>, org: OrgId, attempted: &Attempted) -> Result<bool> {
    let lock = "SELECT attempts FROM kartei.deliveries WHERE org = $1 AND pk = $2 AND claim = $3 \
                AND state = 'sending' FOR UPDATE";
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
        [&org.0, &attempted.id, &signed(attempted.claim)];
    let Some(row) = db.query_opt(lock, &params).await? else { return Ok(false) };
    let attempts = u32::try_from(row.get::<_, i64>(0)).unwrap_or(u32::MAX);
    let now = clock(db).await?;
    let (state, due_at) = attempted.outcome(attempts, now);
    let ended = (state != DeliveryState::Pending).then_some(now);
    db.execute(
        "UPDATE kartei.deliveries SET state = $2, due_at = coalesce($3, due_at), \
         lease_until = NULL, status = $4, detail = $5, finished_at = $6 WHERE pk = $1",
        &[
            &attempted.id,
            &state.word(),
            &due_at,
            &attempted.status.map(i64::from),
            &attempted.detail,
            &ended,
        ],
    )
    .await?;
    Ok(true)
}

async fn resend(db: &Transaction<'_>, org: OrgId, actor: &str, id: i64) -> Result<Resent> {
    lock(db, org).await?;
    let sql = format!(
        "SELECT {DELIVERY_COLUMNS} FROM kartei.deliveries WHERE org = $1 AND pk = $2 FOR UPDATE"
    );
    let Some(row) = db.query_opt(&sql, &[&org.0, &id]).await? else { return Ok(Resent::Missing) };
    let row = read(&row)?;
    if !row.can_be_resent() || webhook(db, org).await?.is_none() {
        return Ok(Resent::Blocked);
    }
    db.execute(
        "UPDATE kartei.deliveries SET state = 'pending', attempts = 0, due_at = $2, \
         finished_at = NULL, merged = NULL WHERE pk = $1",
        &[&id, &clock(db).await?],
    )
    .await?;
    audit::append(db, org, &row.told_resent(actor)).await?;
    Ok(Resent::Again(read(&db.query_one(&sql, &[&org.0, &id]).await?)?))
}

fn told(actor: &str, action: &'static str, url: &str) -> NewAudit {
    let (actor, subject) = (actor.to_owned(), "webhook".to_owned());
    NewAudit { actor, action, subject, data: json!({"url": url}) }
}

impl DeliveryEngine for Postgres {
    fn webhook(&self, org: OrgId) -> Result<Option<Webhook>> {
        self.read(org, async |db| webhook(db, org).await)
    }

    fn set_webhook(&self, org: OrgId, actor: &str, url: &str, secret: &[u8]) -> Result<Webhook> {
        self.write(org, async |db| {
            lock(db, org).await?;
            let created_at = clock(db).await?;
            db.execute(
                "INSERT INTO kartei.webhooks (org, url, secret, by, created_at) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (org) DO UPDATE SET url = excluded.url, \
                 secret = excluded.secret, by = excluded.by, created_at = excluded.created_at",
                &[&org.0, &url, &secret, &actor, &created_at],
            )
            .await?;
            audit::append(db, org, &told(actor, "webhook.set", url)).await?;
            let (url, by) = (url.to_owned(), actor.to_owned());
            Ok(Webhook { url, secret: secret.to_vec(), by, created_at })
        })
    }

    fn remove_webhook(&self, org: OrgId, actor: &str) -> Result<bool> {
        self.write(org, async |db| {
            lock(db, org).await?;
            let Some(before) = webhook(db, org).await? else { return Ok(false) };
            db.execute("DELETE FROM kartei.webhooks WHERE org = $1", &[&org.0]).await?;
            db.execute(
                "UPDATE kartei.deliveries SET state = 'suppressed', lease_until = NULL, \
                 detail = 'the webhook was taken away', finished_at = $2 WHERE org = $1 \
                 AND channel = 'webhook' AND state IN ('pending', 'sending')",
                &[&org.0, &clock(db).await?],
            )
            .await?;
            audit::append(db, org, &told(actor, "webhook.removed", &before.url)).await?;
            Ok(true)
        })
    }

    fn telling_organisations(&self) -> Result<Vec<OrgId>> {
        let found: Vec<(OrgId, i64)> =
            self.across("SELECT org, open FROM kartei.telling_organisations()", &[])?;
        Ok(found.into_iter().map(|(org, _)| org).collect())
    }

    fn fan_out(&self, org: OrgId) -> Result<u64> {
        self.write(org, async |db| fan_out(db, org).await)
    }

    fn claim_deliveries(&self, org: OrgId, lease_ms: i64, rows_max: usize) -> Result<Vec<Sending>> {
        self.write(org, async |db| claim(db, org, lease_ms, rows_max).await)
    }

    fn settle_delivery(&self, org: OrgId, attempted: &Attempted) -> Result<bool> {
        self.write(org, async |db| settle(db, org, attempted).await)
    }

    fn deliveries(
        &self,
        org: OrgId,
        state: Option<DeliveryState>,
        before: Option<i64>,
        rows_max: usize,
    ) -> Result<Vec<DeliveryRow>> {
        self.read(org, async |db| {
            let sql = format!(
                "SELECT {DELIVERY_COLUMNS} FROM kartei.deliveries WHERE org = $1 AND pk < $2 \
                 AND ($3::text IS NULL OR state = $3) ORDER BY pk DESC LIMIT $4"
            );
            let before = before.unwrap_or(i64::MAX);
            let state = state.map(DeliveryState::word);
            let rows = db.query(&sql, &[&org.0, &before, &state, &limit(rows_max)]).await?;
            rows.iter().map(read).collect()
        })
    }

    fn resend(&self, org: OrgId, actor: &str, id: i64) -> Result<Resent> {
        self.write(org, async |db| resend(db, org, actor, id).await)
    }
}
