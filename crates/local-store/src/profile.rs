//! One profile as people look at it.

use kartei_profile::{Conflict, HistoryEntry, Origin, Record};
use kartei_protocol::desktop::ProfileStatus;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::error::StoreError;
use crate::list::status;
use crate::row::{StoredProfile, missing};
use crate::store::Store;

/// A profile with its state, as a row of the list or at the head of its pane.
#[derive(Debug, Clone)]
pub struct ProfileView {
    /// The canonical record's text.
    pub record: String,
    /// The record's id.
    pub id: String,
    /// SHA-256 of the record.
    pub hash: [u8; 32],
    /// The relay's revision seen last.
    pub rev: Option<u64>,
    /// Sync state.
    pub status: ProfileStatus,
    /// Whether something waits for the relay.
    pub pending: bool,
    /// Milliseconds since 1970 of the last change here.
    pub changed_at: i64,
    /// Code and reason of a refusal.
    pub rejected: Option<(String, String)>,
    /// Whether it is deleted; only [`Store::profile_with_past`] answers such ones.
    pub deleted: bool,
    /// The profile that a deleted one was merged into.
    pub became: Option<String>,
}

impl ProfileView {
    pub(crate) const COLUMNS: &str = "p.record, p.id, p.hash, p.rev, p.conflicts, p.changed_at, \
         EXISTS (SELECT 1 FROM outbox o WHERE o.profile = p.pk), \
         (SELECT code FROM rejected r WHERE r.profile = p.pk), \
         (SELECT reason FROM rejected r WHERE r.profile = p.pk), p.deleted, p.became";

    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let pending: bool = row.get(6)?;
        let code: Option<String> = row.get(7)?;
        let reason: Option<String> = row.get(8)?;
        Ok(Self {
            record: row.get(0)?,
            id: row.get(1)?,
            hash: row.get(2)?,
            rev: row.get(3)?,
            status: status(row.get(4)?, code.is_some(), pending),
            pending,
            changed_at: row.get(5)?,
            rejected: code.zip(reason),
            deleted: row.get(9)?,
            became: row.get(10)?,
        })
    }
}

/// One change with what only this replica knows about it.
#[derive(Debug, Clone)]
pub struct HistoryRow {
    /// The change.
    pub entry: HistoryEntry,
    /// The file it came from, where it was imported here.
    pub file: Option<String>,
    /// When that import ran, in milliseconds since 1970.
    pub imported_at: Option<i64>,
    /// Whether it waits for the relay.
    pub pending: bool,
}

impl Store {
    /// One profile.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], also for a deleted one, or a failure.
    pub fn profile(&self, id: &str) -> Result<ProfileView, StoreError> {
        let view = self.profile_with_past(id)?;
        if view.deleted { Err(StoreError::NotFound(id.to_owned())) } else { Ok(view) }
    }

    /// One profile, also a deleted one, as it was.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or a failure.
    pub fn profile_with_past(&self, id: &str) -> Result<ProfileView, StoreError> {
        self.read(|db| {
            let sql = format!("SELECT {} FROM profiles p WHERE p.id = ?1", ProfileView::COLUMNS);
            let found =
                db.prepare_cached(&sql)?.query_row([id], ProfileView::from_row).optional()?;
            match found {
                Some(view) => Ok(view),
                None => Err(missing(db, id)?),
            }
        })
    }

    /// The fields of a profile that are in conflict.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or a failure.
    pub fn conflicts(&self, id: &str) -> Result<Vec<Conflict>, StoreError> {
        self.read(|db| {
            let stored = StoredProfile::get(db, id)?;
            if stored.conflicts == 0 {
                return Ok(Vec::new());
            }
            Ok(stored.document(db, &self.schema)?.conflicts(&self.schema)?)
        })
    }

    /// Who wrote the value that a member of a profile shows; with an empty pointer, who deleted it.
    /// Nothing where its document does not say.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or a failure.
    pub fn origin(&self, id: &str, pointer: &str) -> Result<Option<Origin>, StoreError> {
        self.read(|db| {
            let stored = StoredProfile::get_with_past(db, id)?;
            if !stored.edited {
                return Ok(None);
            }
            Ok(stored.document(db, &self.schema)?.origin(&self.schema, pointer)?)
        })
    }

    /// Whether an actor belongs to this data folder.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_own_actor(&self, actor: &[u8]) -> Result<bool, StoreError> {
        self.read(|db| {
            let sql = "SELECT EXISTS (SELECT 1 FROM own_actors WHERE actor = ?1)";
            Ok(db.prepare_cached(sql)?.query_row([actor], |row| row.get(0))?)
        })
    }

    /// The changes of a profile, also of a deleted one, oldest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or a failure.
    pub fn history(&self, id: &str) -> Result<Vec<HistoryRow>, StoreError> {
        self.read(|db| {
            let stored = StoredProfile::get_with_past(db, id)?;
            let document = stored.document(db, &self.schema)?;
            let entries = document.history(&self.schema)?;
            entries.into_iter().map(|entry| history_row(db, &stored, entry)).collect()
        })
    }

    /// The record of a profile.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or a failure.
    pub fn record(&self, id: &str) -> Result<Record, StoreError> {
        self.read(|db| StoredProfile::get(db, id)?.record())
    }
}

fn history_row(
    db: &Transaction<'_>,
    stored: &StoredProfile,
    entry: HistoryEntry,
) -> Result<HistoryRow, StoreError> {
    let is_genesis = entry.kind == kartei_profile::HistoryKind::Genesis;
    let by_change: Option<i64> = db
        .prepare_cached("SELECT import FROM import_changes WHERE change = ?1")?
        .query_row([entry.change.bytes()], |row| row.get(0))
        .optional()?;
    // The genesis is not in that table: an import of a million untouched profiles would fill it.
    let import = match by_change {
        None if is_genesis && !stored.edited => stored.import,
        None if is_genesis => first_import(db, stored)?,
        other => other,
    };
    let source: Option<(String, i64)> = match import {
        Some(import) => db
            .prepare_cached("SELECT file, started_at FROM imports WHERE id = ?1")?
            .query_row([import], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?,
        None => None,
    };
    let pending: bool = if is_genesis {
        !stored.accepted
    } else {
        db.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM pending_changes WHERE profile = ?1 AND hash = ?2)",
        )?
        .query_row(params![stored.pk, entry.change.bytes()], |row| row.get(0))?
    };
    let (file, imported_at) = source.unzip();
    Ok(HistoryRow { entry, file, imported_at, pending })
}

/// The import that brought the genesis: the row names it until a later import over the profile
/// takes its place, so it is known for sure only where that has not happened.
fn first_import(db: &Transaction<'_>, stored: &StoredProfile) -> Result<Option<i64>, StoreError> {
    let Some(import) = stored.import else { return Ok(None) };
    let later: bool = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM import_changes WHERE import = ?1)")?
        .query_row([import], |row| row.get(0))?;
    Ok((!later).then_some(import))
}
