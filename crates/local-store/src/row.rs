//! Rows of `profiles` with their side tables: reading one, writing one.

use kartei_profile::{Document, Record, RecordHash};
use kartei_sync_core::{Digest, bucket_of};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde_json::Value;

use crate::block::BlockRow;
use crate::erasure;
use crate::error::{StoreError, damaged};
use crate::session;
use crate::writing::Writing;

/// What the side tables are keyed by.
pub(crate) type Pk = i64;

/// A profile's row without what can be read from the record.
#[derive(Debug)]
pub(crate) struct StoredProfile {
    pub(crate) pk: Pk,
    pub(crate) id: String,
    pub(crate) genesis: RecordHash,
    pub(crate) accepted: bool,
    pub(crate) edited: bool,
    pub(crate) conflicts: u64,
    pub(crate) rev: Option<u64>,
    pub(crate) import: Option<i64>,
    pub(crate) loose: bool,
    pub(crate) deleted: bool,
    pub(crate) text: String,
    pub(crate) hash: RecordHash,
    /// The profile that a deleted one was merged into.
    pub(crate) became: Option<String>,
}

const COLUMNS: &str = "pk, id, coalesce(genesis, hash), accepted, edited, conflicts, rev, import, \
     loose, deleted, record, hash, became";

impl StoredProfile {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            pk: row.get(0)?,
            id: row.get(1)?,
            genesis: RecordHash::from_bytes(row.get(2)?),
            accepted: row.get(3)?,
            edited: row.get(4)?,
            conflicts: row.get(5)?,
            rev: row.get(6)?,
            import: row.get(7)?,
            loose: row.get(8)?,
            deleted: row.get(9)?,
            text: row.get(10)?,
            hash: RecordHash::from_bytes(row.get(11)?),
            became: row.get(12)?,
        })
    }

    /// The row of a profile, also of a deleted one.
    pub(crate) fn find(db: &Transaction<'_>, id: &str) -> Result<Option<Self>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM profiles WHERE id = ?1");
        Ok(db.prepare_cached(&sql)?.query_row([id], Self::from_row).optional()?)
    }

    /// The row of a profile that is here and not deleted.
    pub(crate) fn get(db: &Transaction<'_>, id: &str) -> Result<Self, StoreError> {
        match Self::find(db, id)?.filter(|stored| !stored.deleted) {
            Some(here) => Ok(here),
            None => Err(missing(db, id)?),
        }
    }

    /// As [`StoredProfile::get`], also of a deleted one.
    pub(crate) fn get_with_past(db: &Transaction<'_>, id: &str) -> Result<Self, StoreError> {
        match Self::find(db, id)? {
            Some(here) => Ok(here),
            None => Err(missing(db, id)?),
        }
    }

    pub(crate) fn get_by_pk(db: &Transaction<'_>, pk: Pk) -> Result<Self, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM profiles WHERE pk = ?1");
        Ok(db.prepare_cached(&sql)?.query_row([pk], Self::from_row)?)
    }

    /// What a step says of the profile itself: whether it is deleted, or what it was merged into.
    pub(crate) fn whole(&self) -> Value {
        whole(self.deleted, self.became.as_deref())
    }

    pub(crate) fn record(&self) -> Result<Record, StoreError> {
        Record::from_stored(&self.text).map_err(|v| damaged(&self.id, &v))
    }

    /// The saved document of an edited profile.
    pub(crate) fn body(&self, db: &Transaction<'_>) -> Result<Vec<u8>, StoreError> {
        Ok(db
            .prepare_cached("SELECT body FROM documents WHERE profile = ?1")?
            .query_row([self.pk], |row| row.get(0))?)
    }

    /// The stored document, or the genesis document of a profile that nobody has edited.
    pub(crate) fn document(
        &self,
        db: &Transaction<'_>,
        schema: &kartei_profile::RecordSchema,
    ) -> Result<Document, StoreError> {
        if !self.edited {
            return Ok(Document::genesis(schema, &self.record()?)?);
        }
        Ok(Document::load(&self.body(db)?)?)
    }
}

/// As [`StoredProfile::whole`].
pub(crate) fn whole(deleted: bool, became: Option<&str>) -> Value {
    became.map_or(Value::Bool(deleted), Value::from)
}

/// Why a profile is not here.
pub(crate) fn missing(db: &Transaction<'_>, id: &str) -> Result<StoreError, StoreError> {
    let id = id.to_owned();
    Ok(if erasure::is_erased(db, &id)? { StoreError::Erased(id) } else { StoreError::NotFound(id) })
}

/// What a record's row needs.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) hash: RecordHash,
}

impl Prepared {
    /// Prepares a record.
    #[must_use]
    pub(crate) fn new(record: Record) -> Self {
        let hash = record.hash();
        let (id, text) = record.into_texts();
        Self { id, text, hash }
    }

    /// A record of a block.
    pub(crate) fn of(record: BlockRow<'_>) -> Self {
        Self { id: record.id.to_owned(), text: record.text.to_owned(), hash: record.hash }
    }
}

/// What changes in a row when a profile is written.
#[derive(Debug)]
pub(crate) struct Written<'a> {
    pub(crate) row: &'a Prepared,
    pub(crate) genesis: RecordHash,
    pub(crate) accepted: bool,
    /// The saved document, where there is one.
    pub(crate) document: Option<&'a [u8]>,
    pub(crate) conflicts: usize,
    pub(crate) deleted: bool,
    /// The profile that a deleted one was merged into.
    pub(crate) became: Option<String>,
    pub(crate) rev: Option<u64>,
    pub(crate) changed_at: i64,
    pub(crate) import: Option<i64>,
}

impl Written<'_> {
    /// The column `genesis`: nothing where it is the record's own hash.
    fn genesis_column(&self) -> Option<&[u8; 32]> {
        (self.genesis != self.row.hash).then(|| self.genesis.bytes())
    }
}

/// Inserts a row that is in no chunk; a deleted one is in no list.
pub(crate) fn insert(db: &Writing<'_>, written: &Written<'_>) -> Result<Pk, StoreError> {
    let pk = db.take_pk();
    db.prepare_cached(
        "INSERT INTO profiles (pk, id, hash, genesis, accepted, edited, conflicts, rev, changed_at, \
         import, loose, stamp, record, deleted, became) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?
    .execute(params![
        pk,
        written.row.id,
        written.row.hash.bytes(),
        written.genesis_column(),
        written.accepted,
        written.document.is_some(),
        written.conflicts,
        written.rev,
        written.changed_at,
        written.import,
        !written.deleted,
        db.stamp(),
        written.row.text,
        written.deleted,
        written.became,
    ])?;
    if written.document.is_some() {
        write_document(db, pk, written.document)?;
    }
    db.count_profiles(i64::from(!written.deleted));
    db.count_loose(i64::from(!written.deleted));
    digest_written(db, written);
    Ok(pk)
}

/// Writes a row anew; it is in no chunk as it is now. A deleted one leaves the lists.
pub(crate) fn update(
    db: &Writing<'_>,
    stored: &StoredProfile,
    written: &Written<'_>,
) -> Result<(), StoreError> {
    db.count_loose(i64::from(!written.deleted) - i64::from(stored.loose));
    db.count_profiles(i64::from(stored.deleted) - i64::from(written.deleted));
    digest_gone(db, stored);
    digest_written(db, written);
    if written.deleted && !stored.deleted {
        db.prepare_cached("INSERT INTO gone (pk) VALUES (?1)")?.execute([stored.pk])?;
    }
    db.prepare_cached(
        "UPDATE profiles SET hash = ?2, genesis = ?3, accepted = ?4, edited = ?5, conflicts = ?6, \
         rev = ?7, changed_at = ?8, import = ?9, record = ?10, loose = ?11, stamp = ?12, \
         deleted = ?13, became = ?14 WHERE pk = ?1",
    )?
    .execute(params![
        stored.pk,
        written.row.hash.bytes(),
        written.genesis_column(),
        written.accepted,
        written.document.is_some(),
        written.conflicts,
        written.rev,
        written.changed_at,
        written.import,
        written.row.text,
        !written.deleted,
        db.stamp(),
        written.deleted,
        written.became,
    ])?;
    if stored.edited || written.document.is_some() {
        write_document(db, stored.pk, written.document)?;
    }
    Ok(())
}

fn digest_written(db: &Writing<'_>, written: &Written<'_>) {
    if !written.deleted {
        let digest = Digest::of(&written.row.id, &written.row.hash, written.conflicts as u64);
        db.digest_added(bucket_of(&written.row.id), digest);
    }
}

fn digest_gone(db: &Writing<'_>, stored: &StoredProfile) {
    if !stored.deleted {
        let digest = Digest::of(&stored.id, &stored.hash, stored.conflicts);
        db.digest_taken(bucket_of(&stored.id), digest);
    }
}

/// Removes a profile whole, with everything that is known of it; it leaves the lists.
pub(crate) fn remove(db: &Writing<'_>, stored: &StoredProfile) -> Result<(), StoreError> {
    if stored.edited {
        session::note_loss(db)?;
    }
    digest_gone(db, stored);
    db.count_profiles(-i64::from(!stored.deleted));
    db.count_loose(-i64::from(stored.loose));
    if !stored.deleted {
        db.prepare_cached("INSERT INTO gone (pk) VALUES (?1)")?.execute([stored.pk])?;
    }
    forget_unsent(db, stored.pk)?;
    for sql in ["DELETE FROM documents WHERE profile = ?1", "DELETE FROM profiles WHERE pk = ?1"] {
        db.prepare_cached(sql)?.execute([stored.pk])?;
    }
    Ok(())
}

/// Forgets what a profile still had for the relay, and what the relay refused of it.
pub(crate) fn forget_unsent(db: &Transaction<'_>, pk: Pk) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM outbox WHERE profile = ?1",
        "DELETE FROM rejected WHERE profile = ?1",
        "DELETE FROM pending_changes WHERE profile = ?1",
    ] {
        db.prepare_cached(sql)?.execute([pk])?;
    }
    Ok(())
}

fn write_document(db: &Transaction<'_>, pk: Pk, document: Option<&[u8]>) -> Result<(), StoreError> {
    match document {
        Some(document) => db
            .prepare_cached("INSERT OR REPLACE INTO documents (profile, body) VALUES (?1, ?2)")?
            .execute(params![pk, document])?,
        None => db.prepare_cached("DELETE FROM documents WHERE profile = ?1")?.execute([pk])?,
    };
    Ok(())
}

pub(crate) fn enqueue(db: &Transaction<'_>, pk: Pk) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR IGNORE INTO outbox (profile) VALUES (?1)")?.execute([pk])?;
    // A new attempt: the old refusal may no longer hold.
    db.prepare_cached("DELETE FROM rejected WHERE profile = ?1")?.execute([pk])?;
    Ok(())
}

pub(crate) fn add_pending(
    db: &Transaction<'_>,
    pk: Pk,
    change: &kartei_profile::Change,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT OR IGNORE INTO pending_changes (profile, hash, body) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![pk, change.hash().bytes(), change.bytes()])?;
    enqueue(db, pk)
}
