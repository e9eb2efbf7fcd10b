//! Erasing profiles for good, because the relay says so (docs/adr/0012).
//!
//! Everything in the database goes in the transaction that moves the cursor. What is left of deleted
//! rows in the file's free space and in its log, and the files beside the database, is dealt with
//! afterwards; that this is to be done is noted in the same transaction, so that dying in between only
//! delays it ([`Store::unfinished_erasures`]).

use std::collections::HashSet;

use kartei_profile::RecordHash;
use kartei_protocol::desktop::ImportReport;
use kartei_protocol::sync::ErasedLine;
use kartei_sync_core::{Digest, ErasedId, ErasureKey, bucket_of};
use rusqlite::{Transaction, params};

use crate::acts;
use crate::chunk;
use crate::error::StoreError;
use crate::mentions::{self, Named};
use crate::merging;
use crate::outbox;
use crate::row::{Pk, StoredProfile};
use crate::store::Store;
use crate::writing::Writing;

/// What stands where something of an erased profile was told.
pub(crate) const BLANK: &str = "(erased)";

/// A row that goes: its key, its id, whether it is deleted, whether it is in no chunk.
type Found = (Pk, String, bool, bool);

/// Ids that are erased, known by their hashes.
#[derive(Debug, Default)]
pub struct Erasures {
    by_key: Vec<(ErasureKey, HashSet<ErasedId>)>,
}

impl Erasures {
    /// Whether this id is one of them.
    #[must_use]
    pub fn holds(&self, id: &str) -> bool {
        self.by_key.iter().any(|(key, hashes)| hashes.contains(&key.hash(id)))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    fn add(&mut self, key: ErasureKey, hash: ErasedId) {
        match self.by_key.iter_mut().find(|(known, _)| *known == key) {
            Some((_, hashes)) => {
                hashes.insert(hash);
            }
            None => self.by_key.push((key, HashSet::from([hash]))),
        }
    }
}

fn read(line: &ErasedLine) -> Result<(ErasureKey, ErasedId), StoreError> {
    let damaged = |_| StoreError::Damaged(format!("answer of the relay: erasure {}", line.rev));
    let key: [u8; 32] = line.key.0.as_slice().try_into().map_err(damaged)?;
    let hash: [u8; 32] = line.hash.0.as_slice().try_into().map_err(damaged)?;
    Ok((ErasureKey::from_bytes(key), ErasedId(hash)))
}

/// Erases what is here of these profiles. Answers how many there were.
pub(crate) fn take(db: &Writing<'_>, now: i64, lines: &[ErasedLine]) -> Result<u64, StoreError> {
    if lines.is_empty() {
        return Ok(0);
    }
    let mut erased = Erasures::default();
    for line in lines {
        let (key, hash) = read(line)?;
        erased.add(key, hash);
    }
    let mut found: Vec<Found> = Vec::new();
    let mut counted = Vec::new();
    {
        let mut select =
            db.prepare_cached("SELECT pk, id, deleted, loose, hash, conflicts FROM profiles")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let id = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            if erased.holds(id) {
                let hash = RecordHash::from_bytes(row.get(4)?);
                counted.push((bucket_of(id), Digest::of(id, &hash, row.get(5)?)));
                found.push((row.get(0)?, id.to_owned(), row.get(2)?, row.get(3)?));
            }
        }
    }
    add_merged(db, &mut found, &mut counted)?;
    let mut named = Vec::with_capacity(found.len());
    for ((pk, id, deleted, loose), (bucket, digest)) in found.iter().zip(counted) {
        let record: String = db
            .prepare_cached("SELECT record FROM profiles WHERE pk = ?1")?
            .query_row([pk], |row| row.get(0))?;
        named.push(Named::of(id, &record));
        if !deleted {
            db.digest_taken(bucket, digest);
        }
        remove(db, *pk)?;
        acts::forget(db, *pk, id)?;
        db.count_profiles(-i64::from(!deleted));
        db.count_loose(-i64::from(*loose));
    }
    if !found.is_empty() {
        let pks: HashSet<Pk> = found.iter().map(|(pk, ..)| *pk).collect();
        chunk::repack_without(db, &pks)?;
        // A note of what kept sync from going on may name a profile.
        db.execute("DELETE FROM settings WHERE key = 'problem'", [])?;
    }
    redact_reports(db, &erased)?;
    let results = crate::analyses::forget(db, &erased, &named)?;
    crate::uploads::forget(db, &erased)?;
    let views = mentions::forget(db, &erased, &named)?;
    // Who has no row of them and has never imported a file has nothing of them in other places either.
    let has_imported: bool =
        db.query_row("SELECT EXISTS (SELECT 1 FROM imports)", [], |row| row.get(0))?;
    let finished = found.is_empty() && !has_imported && views == 0 && results == 0;
    for line in lines {
        let (key, hash) = read(line)?;
        // One that was told before is dealt with, unless the profile was here again.
        db.prepare_cached(
            "INSERT INTO erasures (hash, key, rev, at, finished) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (hash) DO UPDATE SET rev = excluded.rev, finished = finished AND ?6",
        )?
        .execute(params![
            hash.0,
            key.bytes(),
            line.rev,
            now,
            finished,
            found.is_empty()
        ])?;
    }
    Ok(found.len() as u64)
}

/// Adds those that were merged into one of the found ones: they hold the same person's data. The relay
/// names those that it knows of, unless it forgot them as deleted ones that are old. A merging that has
/// not been sent stays: the relay erases what was merged when it comes, everywhere.
fn add_merged(
    db: &Writing<'_>,
    found: &mut Vec<Found>,
    counted: &mut Vec<(u8, Digest)>,
) -> Result<(), StoreError> {
    let ids: Vec<String> = found.iter().map(|(_, id, ..)| id.clone()).collect();
    for pk in merging::merged_into(db, &ids)? {
        if outbox::differs_rightly(db, pk)? {
            continue;
        }
        let stored = StoredProfile::get_by_pk(db, pk)?;
        counted
            .push((bucket_of(&stored.id), Digest::of(&stored.id, &stored.hash, stored.conflicts)));
        found.push((pk, stored.id, stored.deleted, stored.loose));
    }
    Ok(())
}

fn remove(db: &Writing<'_>, pk: Pk) -> Result<(), StoreError> {
    for table in ["documents", "outbox", "pending_changes", "rejected", "import_changes"] {
        db.execute(&format!("DELETE FROM {table} WHERE profile = ?1"), [pk])?;
    }
    db.execute("DELETE FROM profiles WHERE pk = ?1", [pk])?;
    Ok(())
}

/// Takes ids and values out of the reports of imports.
fn redact_reports(db: &Transaction<'_>, erased: &Erasures) -> Result<(), StoreError> {
    let reports: Vec<(i64, String)> = {
        let mut select =
            db.prepare_cached("SELECT id, report FROM imports WHERE report IS NOT NULL")?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    for (import, text) in reports {
        let damaged = |e| StoreError::Damaged(format!("report of import {import}: {e}"));
        let mut report: ImportReport = serde_json::from_str(&text).map_err(damaged)?;
        if redact(&mut report, erased) {
            let text = serde_json::to_string(&report).map_err(damaged)?;
            db.execute("UPDATE imports SET report = ?2 WHERE id = ?1", params![import, text])?;
        }
    }
    Ok(())
}

fn redact(report: &mut ImportReport, erased: &Erasures) -> bool {
    let mut lines = HashSet::new();
    for problem in &mut report.problems {
        if problem.id.as_deref().is_some_and(|id| erased.holds(id)) {
            lines.insert(problem.line);
            problem.id = None;
            problem.found = None;
            BLANK.clone_into(&mut problem.reason);
            problem.pointer.clear();
        }
    }
    for kind in &mut report.kinds {
        for example in &mut kind.examples {
            if example.id.as_deref().is_some_and(|id| erased.holds(id)) {
                lines.insert(example.line);
                example.id = None;
                example.found = None;
            }
        }
        if lines.contains(&kind.first_line) {
            BLANK.clone_into(&mut kind.example);
        }
    }
    !lines.is_empty()
}

impl Store {
    /// Whether the profile that had this id was erased for good.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_erased(&self, id: &str) -> Result<bool, StoreError> {
        self.read(|db| is_erased(db, id))
    }

    /// The erasures of which files beside the database, or free space in it, may still hold something.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn unfinished_erasures(&self) -> Result<Erasures, StoreError> {
        self.read(|db| {
            let mut erased = Erasures::default();
            let mut select =
                db.prepare_cached("SELECT key, hash FROM erasures WHERE finished = 0")?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            for row in rows {
                let (key, hash) = row?;
                erased.add(ErasureKey::from_bytes(key), ErasedId(hash));
            }
            Ok(erased)
        })
    }

    /// Imports that began after a moment (milliseconds since 1970) and have not ended: their files are
    /// being written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn running_imports(&self, after: i64) -> Result<Vec<u64>, StoreError> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT id FROM imports WHERE state = 'running' AND started_at > ?1",
            )?;
            let rows = select.query_map([after], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Writes the database's file anew and empties its log, so that nothing is left of rows that are
    /// gone, and notes that these erasures are done. Call it when the files beside the database are.
    /// Answers whether it is done: where another program reads meanwhile, it is to be called again.
    ///
    /// # Errors
    /// [`StoreError`], for a full disk too; it is still to be done then.
    pub fn finish_erasures(&self, erased: &Erasures) -> Result<bool, StoreError> {
        // Our own readers hold no snapshot between two questions; an open one keeps the log.
        let is_done = self.with_writer(|connection| {
            connection.execute_batch("VACUUM")?;
            let busy: i64 =
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            Ok(busy == 0)
        })?;
        if is_done {
            self.write(|db| {
                for hash in erased.by_key.iter().flat_map(|(_, hashes)| hashes) {
                    db.execute("UPDATE erasures SET finished = 1 WHERE hash = ?1", [hash.0])?;
                }
                Ok(())
            })?;
        }
        Ok(is_done)
    }
}

/// As [`Store::is_erased`], in a snapshot.
pub(crate) fn is_erased(db: &Transaction<'_>, id: &str) -> Result<bool, StoreError> {
    let keys: Vec<[u8; 32]> = {
        let mut select = db.prepare_cached("SELECT DISTINCT key FROM erasures")?;
        select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
    };
    let mut select = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM erasures WHERE hash = ?1)")?;
    for key in keys {
        let hash = ErasureKey::from_bytes(key).hash(id);
        if select.query_row([hash.0], |row| row.get(0))? {
            return Ok(true);
        }
    }
    Ok(false)
}
