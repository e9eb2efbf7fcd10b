//! Deliveries on SQLite. There is one writer, so that a transaction is a lock on everything.

use std::collections::HashMap;

use kartei_protocol::admin::{Channel, DeliveryState};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde_json::json;

use super::jobs::{clock, word};
use super::{CLOCK, Sqlite, audit};
use crate::access::OrgId;
use crate::audit::NewAudit;
use crate::deliveries::{
    Attempted, DELIVERY_COLUMNS, DIGEST, DIGEST_JOBS, DeliveryEngine, DeliveryRow, FANNED_AT_ONCE,
    NewDelivery, Resent, Sending, Untold, WINDOW_MS, Webhook, deliveries_of,
};
use crate::engine::Result;

fn read(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    Ok(DeliveryRow {
        id: row.get(0)?,
        person: row.get(1)?,
        key: row.get(2)?,
        channel: word(row, 3, Channel::of)?,
        state: word(row, 4, DeliveryState::of)?,
        kind: row.get(5)?,
        job: row.get(6)?,
        told_at: row.get(7)?,
        attempts: row.get(8)?,
        claim: row.get(9)?,
        due_at: row.get(10)?,
        status: row.get(11)?,
        detail: row.get(12)?,
        finished_at: row.get(13)?,
    })
}

fn webhook(db: &Transaction<'_>, org: OrgId) -> Result<Option<Webhook>> {
    let mut select =
        db.prepare_cached("SELECT url, secret, by, created_at FROM webhooks WHERE org = ?1")?;
    let found = select.query_row([org.0], |row| {
        let (url, secret, by) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Webhook { url, secret, by, created_at: row.get(3)? })
    });
    Ok(found.optional()?)
}

fn insert(db: &Transaction<'_>, org: OrgId, new: &NewDelivery, now: i64) -> Result<()> {
    let is_open = new.state == DeliveryState::Pending;
    db.prepare_cached(
        "INSERT INTO deliveries (org, person, key, channel, state, kind, job, told_at, merged, \
         due_at, created_at, finished_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
         ON CONFLICT (org, person, key, channel) DO NOTHING",
    )?
    .execute(params![
        org.0,
        new.person,
        new.key,
        new.channel.word(),
        new.state.word(),
        new.kind,
        new.job,
        new.told_at,
        new.merged,
        new.due_at,
        now,
        (!is_open).then_some(now),
    ])?;
    Ok(())
}

fn fan_out(db: &Transaction<'_>, org: OrgId) -> Result<u64> {
    let now = clock(db)?;
    let mut select = db.prepare_cached(
        "SELECT pk, person, key, kind, job, created_at FROM notifications \
         WHERE org = ?1 AND fanned_at IS NULL ORDER BY pk LIMIT ?2",
    )?;
    let rows = select.query_map(params![org.0, FANNED_AT_ONCE], |row| {
        Ok(Untold {
            pk: row.get(0)?,
            person: row.get(1)?,
            key: row.get(2)?,
            kind: row.get(3)?,
            job: row.get(4)?,
            created_at: row.get(5)?,
        })
    })?;
    let untold: Vec<Untold> = rows.collect::<rusqlite::Result<_>>()?;
    let has_webhook = webhook(db, org)?.is_some();
    let mut recent: HashMap<String, u64> = HashMap::new();
    for note in &untold {
        let count = match recent.get(&note.person) {
            Some(count) => *count,
            None => db
                .prepare_cached(
                    "SELECT count(*) FROM deliveries WHERE org = ?1 AND person = ?2 \
                     AND channel = 'webhook' AND created_at > ?3 AND state <> 'suppressed' \
                     AND kind <> 'digest'",
                )?
                .query_row(params![org.0, note.person, now - WINDOW_MS], |row| row.get(0))?,
        };
        for new in deliveries_of(note, has_webhook.then_some(count), now) {
            insert(db, org, &new, now)?;
        }
        recent.insert(note.person.clone(), count + 1);
        db.prepare_cached("UPDATE notifications SET fanned_at = ?2 WHERE pk = ?1")?
            .execute(params![note.pk, now])?;
    }
    Ok(untold.len() as u64)
}

fn digest(db: &Transaction<'_>, org: OrgId, row: &DeliveryRow) -> Result<(u64, Vec<String>)> {
    let count = db
        .prepare_cached(
            "SELECT count(*) FROM deliveries WHERE org = ?1 AND person = ?2 AND merged = ?3",
        )?
        .query_row(params![org.0, row.person, row.key], |row| row.get(0))?;
    let mut select = db.prepare_cached(
        "SELECT job FROM deliveries WHERE org = ?1 AND person = ?2 AND merged = ?3 \
         AND job IS NOT NULL ORDER BY pk LIMIT ?4",
    )?;
    let jobs = select
        .query_map(params![org.0, row.person, row.key, DIGEST_JOBS], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok((count, jobs))
}

fn claim(db: &Transaction<'_>, org: OrgId, lease_ms: i64, rows_max: usize) -> Result<Vec<Sending>> {
    let now = clock(db)?;
    let sql = format!(
        "UPDATE deliveries SET state = 'sending', claim = claim + 1, attempts = attempts + 1, \
         lease_until = ?2 WHERE pk IN (SELECT pk FROM deliveries WHERE org = ?1 \
             AND state IN ('pending', 'sending') AND channel = 'webhook' AND due_at <= ?3 \
             AND (state = 'pending' OR lease_until < ?3) ORDER BY due_at, pk LIMIT ?4) \
         RETURNING {DELIVERY_COLUMNS}"
    );
    let claimed: Vec<DeliveryRow> = db
        .prepare_cached(&sql)?
        .query_map(params![org.0, now + lease_ms, now, rows_max], read)?
        .collect::<rusqlite::Result<_>>()?;
    let sending = claimed.into_iter().map(|delivery| {
        let is_digest = delivery.kind == DIGEST;
        let digest = if is_digest { Some(digest(db, org, &delivery)?) } else { None };
        Ok(Sending { delivery, digest })
    });
    sending.collect()
}

fn settle(db: &Transaction<'_>, org: OrgId, attempted: &Attempted) -> Result<bool> {
    let attempts: Option<u32> = db
        .prepare_cached(
            "SELECT attempts FROM deliveries WHERE org = ?1 AND pk = ?2 AND claim = ?3 \
             AND state = 'sending'",
        )?
        .query_row(params![org.0, attempted.id, attempted.claim], |row| row.get(0))
        .optional()?;
    let Some(attempts) = attempts else { return Ok(false) };
    let now = clock(db)?;
    let (state, due_at) = attempted.outcome(attempts, now);
    let ended = (state != DeliveryState::Pending).then_some(now);
    db.prepare_cached(
        "UPDATE deliveries SET state = ?2, due_at = coalesce(?3, due_at), lease_until = NULL, \
         status = ?4, detail = ?5, finished_at = ?6 WHERE pk = ?1",
    )?
    .execute(params![
        attempted.id,
        state.word(),
        due_at,
        attempted.status,
        attempted.detail,
        ended
    ])?;
    Ok(true)
}

fn resend(db: &Transaction<'_>, org: OrgId, actor: &str, id: i64) -> Result<Resent> {
    let sql = format!("SELECT {DELIVERY_COLUMNS} FROM deliveries WHERE org = ?1 AND pk = ?2");
    let found = db.prepare_cached(&sql)?.query_row(params![org.0, id], read).optional()?;
    let Some(row) = found else { return Ok(Resent::Missing) };
    if !row.can_be_resent() || webhook(db, org)?.is_none() {
        return Ok(Resent::Blocked);
    }
    db.execute(
        "UPDATE deliveries SET state = 'pending', attempts = 0, due_at = ?2, finished_at = NULL, \
         merged = NULL WHERE pk = ?1",
        params![id, clock(db)?],
    )?;
    audit::append(db, org, &row.told_resent(actor))?;
    Ok(Resent::Again(db.prepare_cached(&sql)?.query_row(params![org.0, id], read)?))
}

fn told(actor: &str, action: &'static str, url: &str) -> NewAudit {
    let (actor, subject) = (actor.to_owned(), "webhook".to_owned());
    NewAudit { actor, action, subject, data: json!({"url": url}) }
}

impl DeliveryEngine for Sqlite {
    fn webhook(&self, org: OrgId) -> Result<Option<Webhook>> {
        self.read(|db| webhook(db, org))
    }

    fn set_webhook(&self, org: OrgId, actor: &str, url: &str, secret: &[u8]) -> Result<Webhook> {
        self.write(|db| {
            let created_at = clock(db)?;
            db.execute(
                "INSERT INTO webhooks (org, url, secret, by, created_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (org) DO UPDATE SET url = excluded.url, \
                 secret = excluded.secret, by = excluded.by, created_at = excluded.created_at",
                params![org.0, url, secret, actor, created_at],
            )?;
            audit::append(db, org, &told(actor, "webhook.set", url))?;
            let (url, by) = (url.to_owned(), actor.to_owned());
            Ok(Webhook { url, secret: secret.to_vec(), by, created_at })
        })
    }

    fn remove_webhook(&self, org: OrgId, actor: &str) -> Result<bool> {
        self.write(|db| {
            let Some(before) = webhook(db, org)? else { return Ok(false) };
            db.execute("DELETE FROM webhooks WHERE org = ?1", [org.0])?;
            db.execute(
                "UPDATE deliveries SET state = 'suppressed', lease_until = NULL, \
                 detail = 'the webhook was taken away', finished_at = ?2 WHERE org = ?1 \
                 AND channel = 'webhook' AND state IN ('pending', 'sending')",
                params![org.0, clock(db)?],
            )?;
            audit::append(db, org, &told(actor, "webhook.removed", &before.url))?;
            Ok(true)
        })
    }

    fn telling_organisations(&self) -> Result<Vec<OrgId>> {
        self.read(|db| {
            let mut select = db.prepare_cached(&format!(
                "SELECT org FROM notifications WHERE fanned_at IS NULL \
                 UNION SELECT org FROM deliveries WHERE state IN ('pending', 'sending') \
                     AND due_at <= {CLOCK} AND (state = 'pending' OR lease_until < {CLOCK}) \
                 ORDER BY 1"
            ))?;
            let rows = select.query_map([], |row| Ok(OrgId(row.get(0)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn fan_out(&self, org: OrgId) -> Result<u64> {
        self.write(|db| fan_out(db, org))
    }

    fn claim_deliveries(&self, org: OrgId, lease_ms: i64, rows_max: usize) -> Result<Vec<Sending>> {
        self.write(|db| claim(db, org, lease_ms, rows_max))
    }

    fn settle_delivery(&self, org: OrgId, attempted: &Attempted) -> Result<bool> {
        self.write(|db| settle(db, org, attempted))
    }

    fn deliveries(
        &self,
        org: OrgId,
        state: Option<DeliveryState>,
        before: Option<i64>,
        rows_max: usize,
    ) -> Result<Vec<DeliveryRow>> {
        self.read(|db| {
            let mut select = db.prepare_cached(&format!(
                "SELECT {DELIVERY_COLUMNS} FROM deliveries WHERE org = ?1 AND pk < ?2 \
                 AND (?3 IS NULL OR state = ?3) ORDER BY pk DESC LIMIT ?4"
            ))?;
            let before = before.unwrap_or(i64::MAX);
            let state = state.map(DeliveryState::word);
            let rows = select.query_map(params![org.0, before, state, rows_max], read)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn resend(&self, org: OrgId, actor: &str, id: i64) -> Result<Resent> {
        self.write(|db| resend(db, org, actor, id))
    }
}
