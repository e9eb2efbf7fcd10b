//! Erased profiles on SQLite.

use kartei_profile::RecordHash;
use kartei_sync_core::{ErasedId, ErasureKey};
use rusqlite::{OptionalExtension, Row as SqlRow, Transaction, params};

use super::{CLOCK, Sqlite, audit, files, profiles, upkeep};
use crate::access::OrgId;
use crate::digests::{Counted, Tally};
use crate::engine::Result;
use crate::erasure::{
    Closed, Closing, Device, Erased, Erasing, Erasure, ErasureEngine, NO_PROFILE, told,
};

const COLUMNS: &str = "rev, profile, hash, at, by, finished_at, opened, attachments";

fn read(row: &SqlRow<'_>) -> rusqlite::Result<Erasure> {
    Ok(Erasure {
        rev: row.get(0)?,
        profile: row.get(1)?,
        hash: ErasedId(row.get(2)?),
        at: row.get(3)?,
        by: row.get(4)?,
        finished_at: row.get(5)?,
        opened: row.get(6)?,
        attachments: row.get(7)?,
    })
}

pub(super) fn key(db: &Transaction<'_>, org: OrgId) -> Result<Option<ErasureKey>> {
    let bytes: Option<[u8; 32]> = db
        .prepare_cached("SELECT erasure_key FROM organisations WHERE id = ?1")?
        .query_row([org.0], |row| row.get(0))?;
    Ok(bytes.map(ErasureKey::from_bytes))
}

fn find(db: &Transaction<'_>, org: OrgId, hash: ErasedId) -> Result<Option<Erasure>> {
    let sql = format!("SELECT {COLUMNS} FROM erasures WHERE org = ?1 AND hash = ?2");
    Ok(db.prepare_cached(&sql)?.query_row(params![org.0, hash.0], read).optional()?)
}

/// Whether a profile that is about to be made was erased.
pub(super) fn is_erased(
    db: &Transaction<'_>,
    org: OrgId,
    key: Option<&ErasureKey>,
    id: &str,
) -> Result<bool> {
    let Some(key) = key else { return Ok(false) };
    Ok(find(db, org, key.hash(id))?.is_some())
}

/// The key of the next new profile. SQLite would give the last one's again once that is erased.
pub(super) fn next_pk(db: &Transaction<'_>) -> Result<i64> {
    let last: i64 = db
        .prepare_cached(
            "SELECT max(coalesce((SELECT max(pk) FROM profiles), 0), \
             coalesce((SELECT max(profile) FROM erasures), 0))",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(last + 1)
}

fn erase(db: &Transaction<'_>, org: OrgId, erasing: &Erasing<'_>) -> Result<Erased> {
    let known = key(db, org)?;
    let key = known.clone().unwrap_or_else(|| ErasureKey::from_bytes(erasing.fresh_key));
    let hash = key.hash(erasing.id);
    let there: Option<(i64, Counted)> = db
        .query_row(
            "SELECT pk, hash, conflicts, deleted FROM profiles WHERE org = ?1 AND id = ?2",
            params![org.0, erasing.id],
            |row| {
                let hash = RecordHash::from_bytes(row.get(1)?);
                let counted = Counted { hash, conflicts: row.get(2)?, deleted: row.get(3)? };
                Ok((row.get(0)?, counted))
            },
        )
        .optional()?;
    if there.is_none() {
        let before = find(db, org, hash)?;
        if before.is_some() || !erasing.unknown {
            return Ok(before.map_or(Erased::Missing, Erased::Before));
        }
    }
    let profile = there.as_ref().map_or(NO_PROFILE, |(profile, _)| *profile);
    if known.is_none() {
        db.execute(
            "UPDATE organisations SET erasure_key = ?2 WHERE id = ?1",
            params![org.0, key.bytes()],
        )?;
    }
    db.execute("DELETE FROM changes WHERE profile = ?1", [profile])?;
    db.execute("DELETE FROM documents WHERE profile = ?1", [profile])?;
    let attachments = files::detach_all(db, profile)?;
    db.execute("DELETE FROM profiles WHERE pk = ?1", [profile])?;
    let before = profiles::head(db, org)?;
    let rev = before.rev + 1;
    let mut tally = Tally::default();
    if let Some((_, counted)) = there {
        tally.remove(erasing.id, counted);
    }
    upkeep::number(db, org, &before, rev, &tally)?;
    // A program that knows no erasures may have let it in again: it goes once more, and everyone is
    // told once more.
    db.execute("DELETE FROM erasures WHERE org = ?1 AND hash = ?2", params![org.0, hash.0])?;
    db.execute(
        "INSERT INTO erasures (org, rev, profile, hash, at, by, attachments) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![org.0, rev, profile, hash.0, erasing.now, erasing.by, attachments],
    )?;
    audit::append(db, org, &told(erasing.by, rev))?;
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

fn close(db: &Transaction<'_>, org: OrgId, closing: &Closing<'_>) -> Result<Closed> {
    match key(db, org)? {
        Some(known) if known != *closing.key => return Ok(Closed::OtherKey),
        Some(_) => {}
        None => {
            db.execute(
                "UPDATE organisations SET erasure_key = ?2 WHERE id = ?1",
                params![org.0, closing.key.bytes()],
            )?;
        }
    }
    if find(db, org, closing.hash)?.is_some() {
        return Ok(Closed::Before);
    }
    let before = profiles::head(db, org)?;
    let rev = before.rev + 1;
    upkeep::number(db, org, &before, rev, &Tally::default())?;
    db.execute(
        "INSERT INTO erasures (org, rev, profile, hash, at, by) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![org.0, rev, NO_PROFILE, closing.hash.0, closing.at, closing.by],
    )?;
    audit::append(db, org, &told(closing.by, rev))?;
    Ok(Closed::Now)
}

fn confirm(db: &Transaction<'_>, org: OrgId, token: i64, rev: u64, now: i64) -> Result<()> {
    db.execute(
        "INSERT OR IGNORE INTO erasure_confirmations (org, rev, token, at) \
         SELECT e.org, e.rev, t.id, ?4 FROM erasures e JOIN tokens t ON t.id = ?2 AND t.org = e.org \
         WHERE e.org = ?1 AND e.rev > t.confirmed_rev AND e.rev <= ?3",
        params![org.0, token, rev, now],
    )?;
    db.execute(
        "UPDATE tokens SET pulled_at = coalesce(pulled_at, ?4), \
         confirmed_rev = max(confirmed_rev, ?3) WHERE org = ?1 AND id = ?2",
        params![org.0, token, rev, now],
    )?;
    Ok(())
}

impl ErasureEngine for Sqlite {
    fn erase(&self, org: OrgId, erasing: &Erasing<'_>) -> Result<Erased> {
        self.write(|db| erase(db, org, erasing))
    }

    fn close(&self, org: OrgId, closing: &Closing<'_>) -> Result<Closed> {
        self.write(|db| close(db, org, closing))
    }

    fn merged_into(&self, org: OrgId, id: &str) -> Result<Vec<String>> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT id FROM profiles WHERE org = ?1 AND became = ?2 AND deleted = 1",
            )?;
            let rows = select.query_map(params![org.0, id], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn leads_to(&self, org: OrgId, id: &str) -> Result<Option<(bool, Option<String>)>> {
        self.read(|db| {
            Ok(db
                .prepare_cached("SELECT deleted, became FROM profiles WHERE org = ?1 AND id = ?2")?
                .query_row(params![org.0, id], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?)
        })
    }

    fn erasure_key(&self, org: OrgId) -> Result<Option<ErasureKey>> {
        self.read(|db| key(db, org))
    }

    fn find_erasures(&self, org: OrgId, hashes: &[ErasedId]) -> Result<Vec<Erasure>> {
        self.read(|db| {
            let found = hashes.iter().map(|hash| find(db, org, *hash));
            found.filter_map(Result::transpose).collect()
        })
    }

    fn erasures(&self, org: OrgId, from: u64, to: u64) -> Result<Vec<Erasure>> {
        self.read(|db| {
            let sql = format!(
                "SELECT {COLUMNS} FROM erasures WHERE org = ?1 AND rev > ?2 AND rev <= ?3 \
                 ORDER BY rev"
            );
            let mut select = db.prepare_cached(&sql)?;
            let rows = select.query_map(params![org.0, from, to], read)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn confirm(&self, org: OrgId, token: i64, rev: u64, now: i64) -> Result<()> {
        let is_news: bool = self.read(|db| {
            let news = db
                .prepare_cached(
                    "SELECT t.pulled_at IS NULL OR EXISTS (SELECT 1 FROM erasures e \
                     WHERE e.org = ?1 AND e.rev > t.confirmed_rev AND e.rev <= ?3) \
                     FROM tokens t WHERE t.org = ?1 AND t.id = ?2",
                )?
                .query_row(params![org.0, token, rev], |row| row.get(0))
                .optional()?;
            Ok(news.unwrap_or(false))
        })?;
        if is_news { self.write(|db| confirm(db, org, token, rev, now)) } else { Ok(()) }
    }

    fn devices(&self, org: OrgId, erasure: &Erasure) -> Result<Vec<Device>> {
        self.read(|db| {
            let mut select = db.prepare_cached(&format!(
                "SELECT t.name, c.at, t.revoked_at IS NOT NULL \
                 OR coalesce(t.expires_at <= {CLOCK}, false) FROM tokens t \
                 LEFT JOIN erasure_confirmations c \
                 ON c.org = t.org AND c.rev = ?2 AND c.token = t.id \
                 WHERE t.org = ?1 AND t.pulled_at <= ?3 ORDER BY t.name, t.id"
            ))?;
            let rows = select.query_map(params![org.0, erasure.rev, erasure.at], |row| {
                Ok(Device { name: row.get(0)?, confirmed_at: row.get(1)?, revoked: row.get(2)? })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn unfinished(&self) -> Result<Vec<OrgId>> {
        self.read(|db| {
            let mut select =
                db.prepare_cached("SELECT DISTINCT org FROM erasures WHERE finished_at IS NULL")?;
            let rows = select.query_map([], |row| Ok(OrgId(row.get(0)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn finish(&self, org: OrgId, erasure: &Erasure, at: i64) -> Result<()> {
        self.write(|db| {
            db.execute(
                "UPDATE erasures SET finished_at = ?3 WHERE org = ?1 AND rev = ?2 AND opened = ?4",
                params![org.0, erasure.rev, at, erasure.opened],
            )?;
            Ok(())
        })
    }

    fn reopen(&self, org: OrgId, rev: u64) -> Result<()> {
        self.write(|db| {
            db.execute(
                "UPDATE erasures SET finished_at = NULL, opened = opened + 1 \
                 WHERE org = ?1 AND rev = ?2",
                params![org.0, rev],
            )?;
            Ok(())
        })
    }

    fn open_imports(&self, org: OrgId, after: i64) -> Result<Vec<[u8; 32]>> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT digest FROM imports \
                 WHERE org = ?1 AND finished_at IS NULL AND started_at > ?2",
            )?;
            let rows = select.query_map(params![org.0, after], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn move_archive(&self, org: OrgId, from: &[u8; 32], to: &[u8; 32], now: i64) -> Result<()> {
        self.write(|db| {
            db.execute(
                "UPDATE imports SET kept = ?3, redacted_at = ?4 \
                 WHERE org = ?1 AND coalesce(kept, digest) = ?2",
                params![org.0, from, to, now],
            )?;
            Ok(())
        })
    }

    fn import_answers(&self, org: OrgId) -> Result<Vec<(String, String)>> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT id, answer FROM imports WHERE org = ?1 AND answer IS NOT NULL",
            )?;
            let rows = select.query_map([org.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn replace_import_answer(&self, org: OrgId, id: &str, answer: &str) -> Result<()> {
        self.write(|db| {
            db.execute(
                "UPDATE imports SET answer = ?3 WHERE org = ?1 AND id = ?2",
                params![org.0, id, answer],
            )?;
            Ok(())
        })
    }

    /// Pages that were freed, and the ends of pages that were split, keep what stood there; the log
    /// has every page as it was. Both go only by writing the file anew.
    fn scrub(&self) -> Result<bool> {
        self.alone(|writer| {
            writer.execute_batch("VACUUM")?;
            let busy: i64 =
                writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            Ok(busy == 0)
        })
    }
}
