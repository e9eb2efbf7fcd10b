//! Erasing a profile for good (docs/adr/0012).
//!
//! Record, document, changes and row go in one transaction, under the organisation's lock and with a
//! revision of its own. What is left is that revision, the keyed hash of the id, when and by whom. The
//! hash is looked up before a profile is made, and once more under the lock that makes it.

use std::collections::HashMap;

use kartei_protocol::sync::{Bytes, ErasedLine};
use kartei_sync_core::{ERASURE_KEY_BYTES, ErasedId, ErasureKey};
use serde_json::Value;

use crate::access::{Access, OrgId};
use crate::audit::NewAudit;
use crate::engine::{Engine, FeedLimits, Result};
use crate::error::RelayStoreError;
use crate::rest::Author;
use crate::store::RelayStore;

/// Stands for the digest of a body of which nothing is kept.
const NOTHING_KEPT: [u8; 32] = [0; 32];

/// Stands for the key of the profile where none had the erased id. Keys begin at 1.
pub(crate) const NO_PROFILE: i64 = 0;

/// Mergings that an id is followed through at most. A person does some of them; documents might be made
/// to lead on without end.
const MERGINGS_MAX: usize = 64;

/// Rows that are read at once while profiles of erased ids are looked for.
const AGAIN_ROWS: FeedLimits = FeedLimits { rows: 2_000, bytes: 32 * 1024 * 1024 };

/// What erasing asks of a database. Every method is one transaction and blocks.
pub(crate) trait ErasureEngine {
    /// Removes the profile with this id under the organisation's lock and numbers the erasure.
    fn erase(&self, org: OrgId, erasing: &Erasing<'_>) -> Result<Erased>;

    /// Notes an erasure that another copy of this database had: its hash under the key, which becomes the
    /// organisation's where it has none. It gets a revision of its own. What was so already changes
    /// nothing.
    fn close(&self, org: OrgId, closing: &Closing<'_>) -> Result<Closed>;

    /// The ids of the deleted profiles that were merged into the one with this id.
    fn merged_into(&self, org: OrgId, id: &str) -> Result<Vec<String>>;

    /// Where the id of a profile leads: whether it is deleted, and what it was merged into then.
    fn leads_to(&self, org: OrgId, id: &str) -> Result<Option<(bool, Option<String>)>>;

    /// The organisation's key; nothing where nothing was erased.
    fn erasure_key(&self, org: OrgId) -> Result<Option<ErasureKey>>;

    /// Those of some hashes that belong to erased profiles.
    fn find_erasures(&self, org: OrgId, hashes: &[ErasedId]) -> Result<Vec<Erasure>>;

    /// Erasures with revisions above `from`, up to `to`, in their order.
    fn erasures(&self, org: OrgId, from: u64, to: u64) -> Result<Vec<Erasure>>;

    /// Notes that a device reads the feed, and has applied it up to `rev`. Writes only where that is
    /// the first time, or there are erasures that it had not confirmed.
    fn confirm(&self, org: OrgId, token: i64, rev: u64, now: i64) -> Result<()>;

    /// The devices that may have had what an erasure removed: whose first look was before it.
    fn devices(&self, org: OrgId, erasure: &Erasure) -> Result<Vec<Device>>;

    /// The organisations that have erasures whose traces are still to be removed.
    fn unfinished(&self) -> Result<Vec<OrgId>>;

    /// Notes that no trace is left outside the tables, unless something came in again since.
    fn finish(&self, org: OrgId, erasure: &Erasure, at: i64) -> Result<()>;

    /// Notes that something of it came in again.
    fn reopen(&self, org: OrgId, rev: u64) -> Result<()>;

    /// Digests of the bodies of imports that began after a moment and have not ended.
    fn open_imports(&self, org: OrgId, after: i64) -> Result<Vec<[u8; 32]>>;

    /// Notes that the body that is kept under `from` is kept under `to`, or nowhere.
    fn move_archive(&self, org: OrgId, from: &[u8; 32], to: &[u8; 32], now: i64) -> Result<()>;

    /// What ended imports were answered with, by their ids.
    fn import_answers(&self, org: OrgId) -> Result<Vec<(String, String)>>;

    /// Keeps another answer of an import.
    fn replace_import_answer(&self, org: OrgId, id: &str, answer: &str) -> Result<()>;

    /// Removes what the database's files still hold of rows that are gone. Answers whether it is gone
    /// now; where others read meanwhile it is asked again later.
    fn scrub(&self) -> Result<bool>;
}

/// A profile to erase.
#[derive(Debug)]
pub(crate) struct Erasing<'a> {
    pub(crate) id: &'a str,
    /// Whether the id is closed and told to everyone even where no profile has it.
    pub(crate) unknown: bool,
    /// The key of an organisation that has none yet.
    pub(crate) fresh_key: [u8; ERASURE_KEY_BYTES],
    pub(crate) by: &'a str,
    pub(crate) now: i64,
}

/// An erasure of another copy of the database.
#[derive(Debug)]
pub(crate) struct Closing<'a> {
    pub(crate) key: &'a ErasureKey,
    pub(crate) hash: ErasedId,
    pub(crate) by: &'a str,
    pub(crate) at: i64,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// It is noted.
    Now,
    /// It was noted before.
    Before,
    /// The organisation has another key, under which the hash means nothing.
    OtherKey,
}

/// What is known of an organisation's erasures, to do them again in a database that was restored from
/// before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownErasures {
    /// The organisation's key. Whoever has it can try ids.
    pub key: ErasureKey,
    /// The hash of each id, when it was erased in milliseconds since 1970, and by whom.
    pub erased: Vec<(ErasedId, i64, String)>,
}

/// What erasing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erased {
    /// The profile is gone.
    Now(Erasure),
    /// It was erased before; nothing changed.
    Before(Erasure),
    /// There is no such profile, none of that id was erased, and unknown ids were not meant.
    Missing,
}

/// What is kept of an erased profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Its revision in the organisation's order.
    pub rev: u64,
    /// The profile's key, for those who have it in memory; 0 where there was none.
    pub profile: i64,
    /// Its id under the organisation's key.
    pub hash: ErasedId,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Who erased it.
    pub by: String,
    /// When its traces outside the tables were removed, in milliseconds since 1970; nothing while
    /// that is to be done.
    pub finished_at: Option<i64>,
    /// How often something of it came in again.
    pub opened: i64,
    /// How many files were detached from it.
    pub attachments: u64,
}

/// A device that has to confirm an erasure, or has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its token's name.
    pub name: String,
    /// When it said that it has applied the erasure, in milliseconds since 1970.
    pub confirmed_at: Option<i64>,
    /// Whether its token was revoked or ended since: it cannot come back and confirm.
    pub revoked: bool,
}

/// What is told of an erasure. The audit is never changed, so it names the revision, and never the id.
pub(crate) fn told(by: &str, rev: u64) -> NewAudit {
    let (actor, subject) = (by.to_owned(), format!("revision {rev}"));
    NewAudit { actor, action: "profile.erased", subject, data: Value::Null }
}

impl RelayStore {
    /// Erases a profile for good, and first those that were merged into it, which hold the same person's
    /// data, each with a revision of its own. The same again changes nothing. With `unknown` it does so for an id
    /// of which there is no profile, only traces: lines of imports that were refused.
    ///
    /// # Errors
    /// [`RelayStoreError`]; nothing was erased then.
    pub fn erase(&self, org: OrgId, author: &Author, id: &str, unknown: bool) -> Result<Erased> {
        self.erase_merged(org, author, id)?;
        let erased = self.erase_one(org, author, id, unknown)?;
        if erased != Erased::Missing {
            // Somebody may have merged another one meanwhile.
            self.erase_merged(org, author, id)?;
        }
        Ok(erased)
    }

    /// What is known of an organisation's erasures; nothing where nothing was erased.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn known_erasures(&self, org: OrgId) -> Result<Option<KnownErasures>> {
        let Some(key) = self.engine.erasure_key(org)? else { return Ok(None) };
        let erasures = self.erasures(org, 0, u64::MAX)?;
        let erased = erasures.into_iter().map(|one| (one.hash, one.at, one.by)).collect();
        Ok(Some(KnownErasures { key, erased }))
    }

    /// Does erasures again that this database does not know, as it was restored from before them: their
    /// ids are closed, and profiles that have one are erased. Answers how many were not known. Reads all
    /// profiles where there are any.
    ///
    /// # Errors
    /// [`RelayStoreError`]; calling again goes on.
    pub fn erase_again(&self, org: OrgId, known: &KnownErasures, now: i64) -> Result<u64> {
        let KnownErasures { key, erased } = known;
        let mut wanted = HashMap::new();
        for (hash, at, by) in erased {
            // An id is closed before its profile is looked for: nobody brings it back in between.
            let closing = Closing { key, hash: *hash, by, at: *at };
            if self.engine.close(org, &closing)? != Closed::Before {
                wanted.insert(*hash, by);
            }
        }
        if wanted.is_empty() {
            return Ok(0);
        }
        let mut found = Vec::new();
        let mut from = 0;
        // Ids are wanted alone, which lie open: whoever has no key can do this too.
        let engine: &dyn Engine = &*self.engine;
        loop {
            let (_, rows) = engine.rows_since(org, from, AGAIN_ROWS)?;
            let Some(last) = rows.last() else { break };
            from = last.rev;
            let ids = rows.into_iter().map(|row| row.id);
            found.extend(ids.filter_map(|id| wanted.get(&key.hash(&id)).map(|by| (id, *by))));
        }
        for (id, by) in found {
            let author = Author { name: by.clone(), now };
            self.erase(org, &author, &id, false)?;
        }
        Ok(wanted.len() as u64)
    }

    fn erase_one(&self, org: OrgId, author: &Author, id: &str, unknown: bool) -> Result<Erased> {
        let mut fresh_key = [0; ERASURE_KEY_BYTES];
        getrandom::fill(&mut fresh_key).map_err(|e| RelayStoreError::Random(e.to_string()))?;
        let erasing = Erasing { id, unknown, fresh_key, by: &author.name, now: author.now };
        self.engine.erase(org, &erasing)
    }

    /// Erases the profiles that were merged into one, or into one of those, and so on; the last of a
    /// chain first, so that dying in between leaves nothing that cannot be found again.
    fn erase_merged(&self, org: OrgId, author: &Author, id: &str) -> Result<()> {
        let mut found = vec![id.to_owned()];
        let mut at = 0;
        while let Some(id) = found.get(at) {
            let more = self.engine.merged_into(org, id)?;
            let more: Vec<String> = more.into_iter().filter(|id| !found.contains(id)).collect();
            found.extend(more);
            at += 1;
        }
        for id in found.iter().skip(1).rev() {
            self.erase_one(org, author, id, false)?;
        }
        Ok(())
    }

    /// Erases a profile that was merged into one that is erased: whoever merged it could not know. Answers
    /// its own erasure.
    pub(crate) fn follow_erased(
        &self,
        org: OrgId,
        now: i64,
        id: &str,
        into: &str,
    ) -> Result<Option<ErasedLine>> {
        let Some(before) = self.erasure_of(org, into)? else { return Ok(None) };
        let author = Author { name: before.by, now };
        let erased = self.erase(org, &author, id, false)?;
        let (Erased::Now(erasure) | Erased::Before(erasure)) = erased else { return Ok(None) };
        let Some(key) = self.engine.erasure_key(org)? else { return Ok(None) };
        Ok(Some(line(&erasure, &key)))
    }

    /// The id of the profile that one with this id was merged into, followed to one that is not merged
    /// itself; nothing where it was not, or where that one is not here.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn survivor(&self, org: OrgId, id: &str) -> Result<Option<String>> {
        let mut seen = vec![id.to_owned()];
        while let Some(at) = seen.last()
            && seen.len() <= MERGINGS_MAX
        {
            match self.engine.leads_to(org, at)? {
                Some((false, _)) => return Ok((at != id).then(|| at.clone())),
                Some((true, Some(into))) if !seen.contains(&into) => seen.push(into),
                Some((true, _)) | None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The erasure of the profile that had this id.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn erasure_of(&self, org: OrgId, id: &str) -> Result<Option<Erasure>> {
        Ok(self.erased_of(org, &[id])?.pop().flatten().map(|(erasure, _)| erasure))
    }

    /// For each id its erasure with the organisation's key, where its profile was erased.
    pub(crate) fn erased_of(
        &self,
        org: OrgId,
        ids: &[&str],
    ) -> Result<Vec<Option<(Erasure, ErasureKey)>>> {
        let nothing = || ids.iter().map(|_| None).collect();
        if ids.is_empty() {
            return Ok(nothing());
        }
        let Some(key) = self.engine.erasure_key(org)? else { return Ok(nothing()) };
        let hashes: Vec<ErasedId> = ids.iter().map(|id| key.hash(id)).collect();
        let found = self.engine.find_erasures(org, &hashes)?;
        let of = |hash: &ErasedId| found.iter().find(|one| one.hash == *hash).cloned();
        Ok(hashes.iter().map(|hash| of(hash).map(|erasure| (erasure, key.clone()))).collect())
    }

    /// Erasures with revisions above `from`, up to `to`, in their order.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn erasures(&self, org: OrgId, from: u64, to: u64) -> Result<Vec<Erasure>> {
        if from >= to {
            return Ok(Vec::new());
        }
        // Databases count with a sign.
        self.engine.erasures(org, from, to.min(i64::MAX.unsigned_abs()))
    }

    /// The same for a replica.
    pub(crate) fn erased_lines(&self, org: OrgId, from: u64, to: u64) -> Result<Vec<ErasedLine>> {
        let erasures = self.erasures(org, from, to)?;
        if erasures.is_empty() {
            return Ok(Vec::new());
        }
        let Some(key) = self.engine.erasure_key(org)? else { return Ok(Vec::new()) };
        Ok(erasures.iter().map(|erasure| line(erasure, &key)).collect())
    }

    /// The key under which the organisation's erased ids are known; nothing where there are none.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn erasure_key(&self, org: OrgId) -> Result<Option<ErasureKey>> {
        self.engine.erasure_key(org)
    }

    /// Notes that a device has applied the feed up to `rev`, and with it the erasures up to there.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn confirm_erasures(&self, access: &Access, rev: u64, now: i64) -> Result<()> {
        self.engine.confirm(access.org, access.token, rev, now)
    }

    /// The devices that may have had what an erasure removed, by name.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn erasure_devices(&self, org: OrgId, erasure: &Erasure) -> Result<Vec<Device>> {
        self.engine.devices(org, erasure)
    }

    /// The organisations that have erasures whose traces outside the tables are to be removed.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn unfinished_erasures(&self) -> Result<Vec<OrgId>> {
        self.engine.unfinished()
    }

    /// Notes that no trace of an erased profile is left outside the tables, unless something of it came
    /// in again after `erasure` was read.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn finish_erasure(&self, org: OrgId, erasure: &Erasure, now: i64) -> Result<()> {
        self.engine.finish(org, erasure, now)
    }

    /// Notes that something of an erased profile came in again and is to be removed.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn reopen_erasure(&self, org: OrgId, rev: u64) -> Result<()> {
        self.engine.reopen(org, rev)
    }

    /// SHA-256 of the bodies of imports that began after a moment (milliseconds since 1970) and have
    /// not ended.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn open_imports(&self, org: OrgId, after: i64) -> Result<Vec<[u8; 32]>> {
        self.engine.open_imports(org, after)
    }

    /// Notes that the body of imports that was kept under the digest `from` is kept without the lines
    /// of erased people, under `to`; nothing where no part of it is kept.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn move_archive(
        &self,
        org: OrgId,
        from: &[u8; 32],
        to: Option<&[u8; 32]>,
        now: i64,
    ) -> Result<()> {
        self.engine.move_archive(org, from, to.unwrap_or(&NOTHING_KEPT), now)
    }

    /// What ended imports were answered with, by their ids.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn import_answers(&self, org: OrgId) -> Result<Vec<(String, String)>> {
        self.engine.import_answers(org)
    }

    /// Keeps another answer of an import.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn replace_import_answer(&self, org: OrgId, id: &str, answer: &str) -> Result<()> {
        self.engine.replace_import_answer(org, id, answer)
    }

    /// Removes what the database's own files still hold of rows that are gone: SQLite's file is written
    /// anew and its log emptied. Postgres does so by its own vacuum. Answers whether it is done; where
    /// others read meanwhile it is to be asked again.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn scrub(&self) -> Result<bool> {
        self.engine.scrub()
    }
}

/// An erasure as it goes over the wire.
pub(crate) fn line(erasure: &Erasure, key: &ErasureKey) -> ErasedLine {
    ErasedLine {
        rev: erasure.rev,
        key: Bytes(key.bytes().to_vec()),
        hash: Bytes(erasure.hash.0.to_vec()),
    }
}
