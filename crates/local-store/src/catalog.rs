//! The catalog in memory, brought up to a snapshot of the database.
//!
//! ```text
//! chunks after the last one read ──┐
//! loose rows since the last stamp ─┼─▶ Catalog ──▶ select, page
//! keys that are gone since ────────┘      │ columns, statuses and single records, when asked for
//!                                         ▼
//!                                       Rows
//! ```
//! Within one snapshot everything agrees: a row is in the newest chunk that names it, unless it is
//! loose. Where chunks were taken away the era has grown, and everything is read anew.

use kartei_filter::{RecordFacts, Status, Term};
use kartei_index::{Catalog, ChunkBuilder, Keys, Source};
use kartei_profile::Record;
use rusqlite::{OptionalExtension, Transaction};

use crate::block::index;
use crate::chunk::chunks_after;
use crate::error::{StoreError, damaged};
use crate::row::Pk;

/// Bytes of columns that are kept in memory at most.
const MEMORY_MAX: usize = 256 * 1024 * 1024;

/// Loose rows come in parts, one for each time that a list was asked for; so many are read again as
/// one.
const PARTS_MAX: usize = 16;

/// The catalog with how far it has come.
#[derive(Debug)]
pub(crate) struct Lists {
    pub(crate) catalog: Catalog,
    era: i64,
    stamp: i64,
    chunk: i64,
    gone: i64,
    parts: usize,
}

impl Default for Lists {
    fn default() -> Self {
        Self { catalog: Catalog::new(MEMORY_MAX), era: 0, stamp: 0, chunk: 0, gone: 0, parts: 0 }
    }
}

impl Lists {
    /// Brings the catalog to what `db` sees. A snapshot older than the catalog is answered with the
    /// newer one; rows that it does not have are not found then, which is what a reader sees who
    /// asks a moment later.
    pub(crate) fn bring_up(&mut self, db: &Transaction<'_>) -> Result<(), StoreError> {
        let (stamp, era): (i64, i64) = db
            .prepare_cached("SELECT stamp, era FROM counters")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if era != self.era {
            *self = Self { era, ..Self::default() };
        }
        if stamp <= self.stamp {
            return Ok(());
        }
        let brought = self.read_on(db, stamp);
        if brought.is_err() {
            // Half of it is worse than none.
            *self = Self::default();
        }
        brought
    }

    fn read_on(&mut self, db: &Transaction<'_>, stamp: i64) -> Result<(), StoreError> {
        for chunk in chunks_after(db, self.chunk)? {
            let keys = match &chunk.pks {
                Some(_) => Keys::Listed(chunk.keys()?),
                None => Keys::Run { first: chunk.first, count: chunk.count },
            };
            self.catalog.add_chunk(chunk.id, keys, chunk.changed_at);
            self.chunk = chunk.id;
        }
        let since = if self.parts >= PARTS_MAX {
            self.catalog.drop_rows();
            self.parts = 0;
            0
        } else {
            self.stamp
        };
        let mut builder = ChunkBuilder::default();
        let (mut keys, mut moments) = (Vec::new(), Vec::new());
        let mut select = db.prepare_cached(
            "SELECT pk, changed_at, id, record FROM profiles WHERE loose = 1 AND stamp > ?1",
        )?;
        let mut rows = select.query([since])?;
        while let Some(row) = rows.next()? {
            let text: String = row.get(3)?;
            let record = Record::from_stored(&text)
                .map_err(|v| damaged(&row.get::<_, String>(2).unwrap_or_default(), &v))?;
            index(&mut builder, &record);
            keys.push(row.get(0)?);
            moments.push(row.get(1)?);
        }
        if !keys.is_empty() {
            self.catalog.add_rows(&keys, &moments, builder.finish());
            self.parts += 1;
        }
        let mut select =
            // A deleted profile that came back is here again, as a loose row or in a new chunk.
            db.prepare_cached(
                "SELECT seq, pk FROM gone g WHERE seq > ?1 AND NOT EXISTS \
                 (SELECT 1 FROM profiles p WHERE p.pk = g.pk AND p.deleted = 0) ORDER BY seq",
            )?;
        let mut rows = select.query([self.gone])?;
        while let Some(row) = rows.next()? {
            self.gone = row.get(0)?;
            self.catalog.remove(row.get(1)?);
        }
        // Statuses change with every transaction.
        self.catalog.set_status_version(stamp.unsigned_abs());
        self.stamp = stamp;
        Ok(())
    }
}

/// What the catalog asks the database for.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    db: &'a Transaction<'a>,
    facts: RecordFacts,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(db: &'a Transaction<'a>) -> Self {
        Self { db, facts: RecordFacts::default() }
    }
}

impl Source for Rows<'_> {
    type Error = StoreError;

    fn columns(&mut self, name: &str, chunks: &[i64]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let mut select =
            self.db.prepare_cached("SELECT body FROM columns WHERE name = ?1 AND chunk = ?2")?;
        chunks
            .iter()
            .map(|chunk| Ok(select.query_row((name, chunk), |row| row.get(0)).optional()?))
            .collect()
    }

    fn with_status(&mut self, status: Status) -> Result<Vec<Pk>, StoreError> {
        // As in `status`: conflict before rejected before pending.
        let sql = match status {
            Status::Synced => return Ok(Vec::new()),
            Status::Conflict => "SELECT pk FROM profiles WHERE conflicts > 0",
            Status::Rejected => {
                "SELECT profile FROM rejected WHERE profile NOT IN \
                 (SELECT pk FROM profiles WHERE conflicts > 0)"
            }
            Status::Pending => {
                "SELECT profile FROM outbox WHERE profile NOT IN \
                 (SELECT pk FROM profiles WHERE conflicts > 0) \
                 AND profile NOT IN (SELECT profile FROM rejected)"
            }
        };
        let mut select = self.db.prepare_cached(sql)?;
        Ok(select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    fn holds(&mut self, key: Pk, term: &Term) -> Result<bool, StoreError> {
        let (id, text): (String, String) = self
            .db
            .prepare_cached("SELECT id, record FROM profiles WHERE pk = ?1")?
            .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let record = Record::from_stored(&text).map_err(|v| damaged(&id, &v))?;
        self.facts.tell(&record);
        Ok(self.facts.holds(term))
    }
}

/// A mistake in a cursor is the caller's, everything else is damage.
pub(crate) fn index_error(error: kartei_index::Error<StoreError>) -> StoreError {
    match error {
        kartei_index::Error::Source(error) => error,
        kartei_index::Error::Cursor => StoreError::Cursor,
        damaged => StoreError::Damaged(damaged.to_string()),
    }
}
