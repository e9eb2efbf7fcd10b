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

use std::sync::Arc;

use kartei_filter::{Expr, RecordFacts, Status, Term};
use kartei_index::{Catalog, ChunkBuilder, Keys, Matches, Order, OrderKey, Source, score_of};
use kartei_profile::Record;
use kartei_protocol::desktop::SortKey;
use rusqlite::{OptionalExtension, Transaction};

use crate::block::index;
use crate::chunk::chunks_after;
use crate::error::{StoreError, damaged};
use crate::row::Pk;
use crate::scores::{Scales, others_than};

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
    /// What scores are by.
    scales: Arc<Scales>,
    /// The versions of the calibrations that were active, readable or not.
    calibrations: Vec<String>,
    /// Profiles whose scores were not made when this was brought up.
    waiting: u64,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            catalog: Catalog::new(MEMORY_MAX),
            era: 0,
            stamp: 0,
            chunk: 0,
            gone: 0,
            parts: 0,
            scales: Arc::default(),
            calibrations: Vec::new(),
            waiting: 0,
        }
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
            let (scales, calibrations) = (Arc::clone(&self.scales), self.calibrations.clone());
            *self = Self { era, scales, calibrations, ..Self::default() };
        }
        if stamp <= self.stamp {
            return Ok(());
        }
        if let Some(scales) = others_than(&self.scales, &mut self.calibrations, db)? {
            let calibrations = std::mem::take(&mut self.calibrations);
            *self = Self { era, scales, calibrations, ..Self::default() };
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
        let scales = Arc::clone(&self.scales);
        let mut scorers = scales.scorers();
        let mut scores = scorers.begin();
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
            scorers.add(&mut scores, Some(&record));
            keys.push(row.get(0)?);
            moments.push(row.get(1)?);
        }
        if !keys.is_empty() {
            let mut columns = builder.finish();
            columns.extend(scorers.columns_of(scores));
            self.catalog.add_rows(&keys, &moments, columns);
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
        if self.waiting > 0 {
            // Some may have been made since.
            self.catalog.forget_scores();
        }
        self.waiting = self.scales.waiting(db)?;
        // Statuses change with every transaction.
        self.catalog.set_status_version(stamp.unsigned_abs());
        self.stamp = stamp;
        Ok(())
    }
}

impl Lists {
    /// What the catalog asks a snapshot for.
    pub(crate) fn rows<'a>(&self, db: &'a Transaction<'a>) -> Rows<'a> {
        Rows { db, facts: RecordFacts::default(), scales: Arc::clone(&self.scales) }
    }

    /// The profiles that an expression holds for.
    pub(crate) fn select(
        &mut self,
        expr: &Expr,
        rows: &mut Rows<'_>,
    ) -> Result<Arc<Matches>, StoreError> {
        self.scales.check(expr)?;
        self.catalog.select(expr, rows).map_err(index_error)
    }

    /// An order that lists can have.
    pub(crate) fn order(&self, sort: &SortKey, descending: bool) -> Result<Order, StoreError> {
        let by = match sort {
            SortKey::Id => OrderKey::Id,
            SortKey::Changed => OrderKey::Changed,
            SortKey::Name => OrderKey::Name,
            SortKey::Observations => OrderKey::Observations,
            SortKey::LastObservation => OrderKey::LastObservation,
            SortKey::Attribute(key) => OrderKey::Attribute(key.clone()),
            SortKey::Score(name) => {
                self.scales.check_name(name)?;
                OrderKey::Score(name.clone())
            }
        };
        Ok(Order { by, descending })
    }

    pub(crate) fn scales(&self) -> &Arc<Scales> {
        &self.scales
    }

    /// Profiles whose scores are still to be made.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting
    }
}

/// What the catalog asks the database for.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    db: &'a Transaction<'a>,
    facts: RecordFacts,
    scales: Arc<Scales>,
}

impl Source for Rows<'_> {
    type Error = StoreError;

    fn columns(&mut self, name: &str, chunks: &[i64]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        if let Some(score) = score_of(name) {
            return self.scales.columns(self.db, score, chunks);
        }
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
