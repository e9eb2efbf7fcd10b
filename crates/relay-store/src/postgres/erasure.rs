//! Erased profiles on Postgres.

use std::collections::HashSet;

use deadpool_postgres::Transaction;
use kartei_profile::RecordHash;
use kartei_sync_core::{ErasedId, ErasureKey};
use tokio_postgres::Row as SqlRow;

use super::{Postgres, audit, files, get, profiles, upkeep};
use crate::access::OrgId;
use crate::digests::{Counted, Tally};
use crate::engine::{Result, Write};
use crate::erasure::{
    Closed, Closing, Device, Erased, Erasing, Erasure, ErasureEngine, NO_PROFILE, told,
};
use crate::error::RelayStoreError;

const COLUMNS: &str = "rev, profile, hash, at, by, finished_at, opened, attachments";

fn bytes(row: &SqlRow, at: usize) -> Result<[u8; 32]> {
    let bytes: &[u8] = row.get(at);
    bytes.try_into().map_err(|_| RelayStoreError::Damaged {
        id: String::new(),
        reason: "a hash of an erased id is not 32 bytes".to_owned(),
    })
}

fn signed(rev: u64) -> i64 {
    i64::try_from(rev).unwrap_or(i64::MAX)
}

fn read(row: &SqlRow) -> Result<Erasure> {
    Ok(Erasure {
        rev: row.get::<_, i64>(0).unsigned_abs(),
        profile: row.get(1),
        hash: ErasedId(bytes(row, 2)?),
        at: row.get(3),
        by: row.get(4),
        finished_at: row.get(5),
        opened: row.get(6),
        attachments: row.get::<_, i64>(7).unsigned_abs(),
    })
}

pub(super) async fn key(db: &Transaction<'_>, org: OrgId) -> Result<Option<ErasureKey>> {
    let select = db
        .prepare_cached(
            "SELECT erasure_key FROM kartei.organisations WHERE id = $1 AND erasure_key IS NOT NULL",
        )
        .await?;
    let row = db.query_opt(&select, &[&org.0]).await?;
    row.map(|row| Ok(ErasureKey::from_bytes(bytes(&row, 0)?))).transpose()
}

pub(super) async fn find(
    db: &Transaction<'_>,
    org: OrgId,
    hashes: &[ErasedId],
) -> Result<Vec<Erasure>> {
    let sql = format!("SELECT {COLUMNS} FROM kartei.erasures WHERE org = $1 AND hash = ANY ($2)");
    let select = db.prepare_cached(&sql).await?;
    let hashes: Vec<&[u8]> = hashes.iter().map(|hash| hash.0.as_slice()).collect();
    db.query(&select, &[&org.0, &hashes]).await?.iter().map(read).collect()
}

/// Which of the profiles that are about to be made were erased.
pub(super) async fn among<'w>(
    db: &Transaction<'_>,
    org: OrgId,
    writes: &'w [Write],
) -> Result<HashSet<&'w str>> {
    let Some(key) = key(db, org).await? else { return Ok(HashSet::new()) };
    let fresh = writes.iter().filter(|write| write.expected.is_none());
    let hashed: Vec<(ErasedId, &str)> =
        fresh.map(|write| (key.hash(&write.id), write.id.as_str())).collect();
    let hashes: Vec<ErasedId> = hashed.iter().map(|(hash, _)| *hash).collect();
    let found = find(db, org, &hashes).await?;
    let found: HashSet<ErasedId> = found.iter().map(|erasure| erasure.hash).collect();
    Ok(hashed.into_iter().filter(|(hash, _)| found.contains(hash)).map(|(_, id)| id).collect())
}

async fn erase(db: &Transaction<'_>, org: OrgId, erasing: &Erasing<'_>) -> Result<Erased> {
    let head = profiles::head(db, org, true).await?;
    let known = key(db, org).await?;
    let key = known.clone().unwrap_or_else(|| ErasureKey::from_bytes(erasing.fresh_key));
    let hash = key.hash(erasing.id);
    let row = db
        .query_opt(
            "SELECT pk, hash, conflicts, deleted FROM kartei.profiles WHERE org = $1 AND id = $2 \
             FOR UPDATE",
            &[&org.0, &erasing.id],
        )
        .await?;
    if row.is_none() {
        let before = find(db, org, &[hash]).await?.pop();
        if before.is_some() || !erasing.unknown {
            return Ok(before.map_or(Erased::Missing, Erased::Before));
        }
    }
    let profile: i64 = row.as_ref().map_or(NO_PROFILE, |row| row.get(0));
    let mut tally = Tally::default();
    if let Some(row) = &row {
        let hash = RecordHash::from_bytes(bytes(row, 1)?);
        let conflicts = u64::from(row.get::<_, i32>(2).unsigned_abs());
        tally.remove(erasing.id, Counted { hash, conflicts, deleted: row.get(3) });
    }
    if known.is_none() {
        db.execute(
            "UPDATE kartei.organisations SET erasure_key = $2 WHERE id = $1",
            &[&org.0, &key.bytes().as_slice()],
        )
        .await?;
    }
    db.execute("DELETE FROM kartei.changes WHERE profile = $1", &[&profile]).await?;
    db.execute("DELETE FROM kartei.documents WHERE profile = $1", &[&profile]).await?;
    let attachments = files::detach_all(db, profile).await?;
    db.execute("DELETE FROM kartei.profiles WHERE pk = $1", &[&profile]).await?;
    let rev = head.rev + 1;
    upkeep::number(db, org, &head, rev, &tally).await?;
    // A program that knows no erasures may have let it in again: it goes once more, and everyone is
    // told once more.
    db.execute(
        "DELETE FROM kartei.erasures WHERE org = $1 AND hash = $2",
        &[&org.0, &hash.0.as_slice()],
    )
    .await?;
    db.execute(
        "INSERT INTO kartei.erasures (org, rev, profile, hash, at, by, attachments) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            &org.0,
            &signed(rev),
            &profile,
            &hash.0.as_slice(),
            &erasing.now,
            &erasing.by,
            &signed(attachments),
        ],
    )
    .await?;
    audit::append(db, org, &told(erasing.by, rev)).await?;
    let by = erasing.by.to_owned();
    Ok(Erased::Now(Erasure {
        rev,
        profile,
        hash,
        at: erasing.now,
        by,
        finished_at: None,
        opened: 0,
        attachments,
    }))
}

async fn close(db: &Transaction<'_>, org: OrgId, closing: &Closing<'_>) -> Result<Closed> {
    let head = profiles::head(db, org, true).await?;
    match key(db, org).await? {
        Some(known) if known != *closing.key => return Ok(Closed::OtherKey),
        Some(_) => {}
        None => {
            db.execute(
                "UPDATE kartei.organisations SET erasure_key = $2 WHERE id = $1",
                &[&org.0, &closing.key.bytes().as_slice()],
            )
            .await?;
        }
    }
    if !find(db, org, &[closing.hash]).await?.is_empty() {
        return Ok(Closed::Before);
    }
    let rev = head.rev + 1;
    upkeep::number(db, org, &head, rev, &Tally::default()).await?;
    db.execute(
        "INSERT INTO kartei.erasures (org, rev, profile, hash, at, by) VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            &org.0,
            &signed(rev),
            &NO_PROFILE,
            &closing.hash.0.as_slice(),
            &closing.at,
            &closing.by,
        ],
    )
    .await?;
    audit::append(db, org, &told(closing.by, rev)).await?;
    Ok(Closed::Now)
}

async fn confirm(db: &Transaction<'_>, org: OrgId, token: i64, rev: u64, now: i64) -> Result<()> {
    let params: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
        &[&org.0, &token, &signed(rev), &now];
    db.execute(
        "INSERT INTO kartei.erasure_confirmations (org, rev, token, at) \
         SELECT e.org, e.rev, t.id, $4 FROM kartei.erasures e \
         JOIN kartei.tokens t ON t.id = $2 AND t.org = e.org \
         WHERE e.org = $1 AND e.rev > t.confirmed_rev AND e.rev <= $3 ON CONFLICT DO NOTHING",
        params,
    )
    .await?;
    db.execute(
        "UPDATE kartei.tokens SET pulled_at = coalesce(pulled_at, $4), \
         confirmed_rev = greatest(confirmed_rev, $3) WHERE org = $1 AND id = $2",
        params,
    )
    .await?;
    Ok(())
}

impl ErasureEngine for Postgres {
    fn erase(&self, org: OrgId, erasing: &Erasing<'_>) -> Result<Erased> {
        self.write(org, async |db| erase(db, org, erasing).await)
    }

    fn close(&self, org: OrgId, closing: &Closing<'_>) -> Result<Closed> {
        self.write(org, async |db| close(db, org, closing).await)
    }

    fn merged_into(&self, org: OrgId, id: &str) -> Result<Vec<String>> {
        self.read(org, async |db| {
            let rows = db
                .query(
                    "SELECT id FROM kartei.profiles WHERE org = $1 AND became = $2 AND deleted",
                    &[&org.0, &id],
                )
                .await?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        })
    }

    fn leads_to(&self, org: OrgId, id: &str) -> Result<Option<(bool, Option<String>)>> {
        self.read(org, async |db| {
            let row = db
                .query_opt(
                    "SELECT deleted, became FROM kartei.profiles WHERE org = $1 AND id = $2",
                    &[&org.0, &id],
                )
                .await?;
            Ok(row.map(|row| (row.get(0), row.get(1))))
        })
    }

    fn erasure_key(&self, org: OrgId) -> Result<Option<ErasureKey>> {
        self.read(org, async |db| key(db, org).await)
    }

    fn find_erasures(&self, org: OrgId, hashes: &[ErasedId]) -> Result<Vec<Erasure>> {
        self.read(org, async |db| find(db, org, hashes).await)
    }

    fn erasures(&self, org: OrgId, from: u64, to: u64) -> Result<Vec<Erasure>> {
        self.read(org, async |db| {
            let sql = format!(
                "SELECT {COLUMNS} FROM kartei.erasures WHERE org = $1 AND rev > $2 AND rev <= $3 \
                 ORDER BY rev"
            );
            let select = db.prepare_cached(&sql).await?;
            let rows = db.query(&select, &[&org.0, &signed(from), &signed(to)]).await?;
            rows.iter().map(read).collect()
        })
    }

    fn confirm(&self, org: OrgId, token: i64, rev: u64, now: i64) -> Result<()> {
        let is_news = self.read(org, async |db| {
            let select = db
                .prepare_cached(
                    "SELECT t.pulled_at IS NULL OR EXISTS (SELECT 1 FROM kartei.erasures e \
                     WHERE e.org = $1 AND e.rev > t.confirmed_rev AND e.rev <= $3) \
                     FROM kartei.tokens t WHERE t.org = $1 AND t.id = $2",
                )
                .await?;
            let row = db.query_opt(&select, &[&org.0, &token, &signed(rev)]).await?;
            Ok(row.is_some_and(|row| row.get(0)))
        })?;
        if !is_news {
            return Ok(());
        }
        self.write(org, async |db| confirm(db, org, token, rev, now).await)
    }

    fn devices(&self, org: OrgId, erasure: &Erasure) -> Result<Vec<Device>> {
        self.read(org, async |db| {
            let rows = db
                .query(
                    "SELECT t.name, c.at, t.revoked_at IS NOT NULL \
                     OR coalesce(t.expires_at <= kartei.clock(), false) FROM kartei.tokens t \
                     LEFT JOIN kartei.erasure_confirmations c \
                     ON c.org = t.org AND c.rev = $2 AND c.token = t.id \
                     WHERE t.org = $1 AND t.pulled_at <= $3 ORDER BY t.name, t.id",
                    &[&org.0, &signed(erasure.rev), &erasure.at],
                )
                .await?;
            let device = |row: &SqlRow| Device {
                name: row.get(0),
                confirmed_at: row.get(1),
                revoked: row.get(2),
            };
            Ok(rows.iter().map(device).collect())
        })
    }

    fn unfinished(&self) -> Result<Vec<OrgId>> {
        self.run(async {
            let client = get(&self.pool).await?;
            let rows = client.query("SELECT kartei.unfinished_erasures()", &[]).await?;
            Ok(rows.iter().map(|row| OrgId(row.get(0))).collect())
        })
    }

    fn finish(&self, org: OrgId, erasure: &Erasure, at: i64) -> Result<()> {
        self.write(org, async |db| {
            db.execute(
                "UPDATE kartei.erasures SET finished_at = $3 \
                 WHERE org = $1 AND rev = $2 AND opened = $4",
                &[&org.0, &signed(erasure.rev), &at, &erasure.opened],
            )
            .await?;
            Ok(())
        })
    }

    fn reopen(&self, org: OrgId, rev: u64) -> Result<()> {
        self.write(org, async |db| {
            db.execute(
                "UPDATE kartei.erasures SET finished_at = NULL, opened = opened + 1 \
                 WHERE org = $1 AND rev = $2",
                &[&org.0, &signed(rev)],
            )
            .await?;
            Ok(())
        })
    }

    fn open_imports(&self, org: OrgId, after: i64) -> Result<Vec<[u8; 32]>> {
        self.read(org, async |db| {
            let rows = db
                .query(
                    "SELECT digest FROM kartei.imports \
                     WHERE org = $1 AND finished_at IS NULL AND started_at > $2",
                    &[&org.0, &after],
                )
                .await?;
            rows.iter().map(|row| bytes(row, 0)).collect()
        })
    }

    fn move_archive(&self, org: OrgId, from: &[u8; 32], to: &[u8; 32], now: i64) -> Result<()> {
        self.write(org, async |db| {
            db.execute(
                "UPDATE kartei.imports SET kept = $3, redacted_at = $4 \
                 WHERE org = $1 AND coalesce(kept, digest) = $2",
                &[&org.0, &from.as_slice(), &to.as_slice(), &now],
            )
            .await?;
            Ok(())
        })
    }

    fn import_answers(&self, org: OrgId) -> Result<Vec<(String, String)>> {
        self.read(org, async |db| {
            let rows = db
                .query(
                    "SELECT id, answer FROM kartei.imports WHERE org = $1 AND answer IS NOT NULL",
                    &[&org.0],
                )
                .await?;
            Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
        })
    }

    fn replace_import_answer(&self, org: OrgId, id: &str, answer: &str) -> Result<()> {
        self.write(org, async |db| {
            db.execute(
                "UPDATE kartei.imports SET answer = $3 WHERE org = $1 AND id = $2",
                &[&org.0, &id, &answer],
            )
            .await?;
            Ok(())
        })
    }

    /// Dead rows go with the database's own vacuum, which the relay's role has no right to start.
    fn scrub(&self) -> Result<bool> {
        Ok(true)
    }
}
