//! Reading many records, in order.

use kartei_protocol::desktop::Selection;
use rusqlite::Transaction;

use crate::error::StoreError;
use crate::row::Pk;
use crate::store::Store;

/// The records of a selection, sorted by id, in one snapshot. Can be read more than once.
#[derive(Debug)]
pub struct Exported<'a> {
    db: &'a Transaction<'a>,
    /// In the order of their ids; nothing for all profiles.
    keys: Option<Vec<Pk>>,
    count: u64,
}

impl Exported<'_> {
    /// How many records there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Hands the canonical text of every record to `sink`, which answers `false` to stop.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn each(&self, sink: &mut dyn FnMut(&str) -> bool) -> Result<(), StoreError> {
        let Some(keys) = &self.keys else {
            let mut select = self.db.prepare("SELECT record FROM profiles ORDER BY id")?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                if !sink(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?) {
                    break;
                }
            }
            return Ok(());
        };
        let mut select = self.db.prepare_cached("SELECT record FROM profiles WHERE pk = ?1")?;
        for pk in keys {
            let goes_on = select.query_row([pk], |row| {
                Ok(sink(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?))
            })?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }
}

impl Store {
    /// Runs `work` on the records of a selection; ids that are not here are left out.
    ///
    /// # Errors
    /// [`StoreError::Filter`] or a failure.
    pub fn export<T>(
        &self,
        selection: &Selection,
        work: impl FnOnce(&Exported<'_>) -> T,
    ) -> Result<T, StoreError> {
        let is_all = selection.ids.is_none()
            && crate::list::expression(&selection.filter, &selection.search)?.is_everything();
        self.read(|db| {
            let keys = if is_all { None } else { Some(self.sorted_by_id(db, selection)?) };
            let count = match &keys {
                Some(keys) => keys.len() as u64,
                None => db.query_row("SELECT profiles FROM counters", [], |row| row.get(0))?,
            };
            Ok(work(&Exported { db, keys, count }))
        })
    }

    fn sorted_by_id(
        &self,
        db: &Transaction<'_>,
        selection: &Selection,
    ) -> Result<Vec<Pk>, StoreError> {
        let (keys, _) = self.select_in(db, selection)?;
        let mut select = db.prepare_cached("SELECT id FROM profiles WHERE pk = ?1")?;
        let mut named: Vec<(String, Pk)> = keys
            .into_iter()
            .map(|pk| Ok((select.query_row([pk], |row| row.get(0))?, pk)))
            .collect::<Result<_, StoreError>>()?;
        named.sort_unstable();
        Ok(named.into_iter().map(|(_, pk)| pk).collect())
    }
}
