//! The profiles of an analysis, all as they are in one snapshot.

use kartei_protocol::desktop::Selection;
use rusqlite::Transaction;

use crate::error::StoreError;
use crate::row::Pk;
use crate::session;
use crate::store::Store;

/// What a snapshot is of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CohortInput {
    /// Identity of the relay's history that the revision belongs to; empty where there was no relay.
    pub epoch: String,
    /// The relay's revision up to which everything is here.
    pub rev: u64,
    /// Profiles with something that the relay does not have; 0 where there was no relay.
    pub pending: u64,
}

/// Profiles in one snapshot.
#[derive(Debug)]
pub struct Cohort<'a> {
    store: &'a Store,
    db: &'a Transaction<'a>,
}

impl Cohort<'_> {
    /// What the snapshot is of.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn input(&self) -> Result<CohortInput, StoreError> {
        let cursor = session::get_cursor(self.db)?;
        let Some(cursor) = cursor else { return Ok(CohortInput::default()) };
        let pending = self.db.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))?;
        Ok(CohortInput { epoch: cursor.epoch, rev: cursor.rev, pending })
    }

    /// The profiles that a filter holds for, with what [`Cohort::read`] knows them by; in no order.
    ///
    /// # Errors
    /// [`StoreError::Filter`] or a failure.
    pub fn chosen(&self, filter: &str) -> Result<Vec<(i64, String)>, StoreError> {
        let selection = Selection { filter: filter.to_owned(), ..Selection::default() };
        if crate::list::expression(filter, "")?.is_everything() {
            let mut select =
                self.db.prepare_cached("SELECT pk, id FROM profiles WHERE deleted = 0")?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            return Ok(rows.collect::<Result<_, _>>()?);
        }
        let (keys, _) = self.store.select_in(self.db, &selection)?;
        let mut select = self.db.prepare_cached("SELECT id FROM profiles WHERE pk = ?1")?;
        keys.into_iter().map(|pk: Pk| Ok((pk, select.query_row([pk], |row| row.get(0))?))).collect()
    }

    /// The canonical text of a profile and how many of its fields are in conflict.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn read(&self, key: i64) -> Result<(String, u64), StoreError> {
        let mut select =
            self.db.prepare_cached("SELECT record, conflicts FROM profiles WHERE pk = ?1")?;
        Ok(select.query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }
}

impl Store {
    /// Runs `work` on the profiles of one snapshot.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn cohort<T>(&self, work: impl FnOnce(&Cohort<'_>) -> T) -> Result<T, StoreError> {
        self.read(|db| Ok(work(&Cohort { store: self, db })))
    }
}
