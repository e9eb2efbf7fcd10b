//! Reading many records, in order.

use kartei_protocol::desktop::{Selection, SortKey};
use rusqlite::Transaction;

use crate::error::StoreError;
use crate::row::Pk;
use crate::store::Store;

/// Records that are read at once.
const PART: usize = 500;

/// The records of a selection, sorted by id, in one snapshot. Can be read more than once.
#[derive(Debug)]
pub struct Exported<'a> {
    db: &'a Transaction<'a>,
    /// In the order of their ids; nothing for all profiles.
    keys: Option<Vec<Pk>>,
    count: u64,
    /// Of `keys`, how many were read.
    read: usize,
    /// Of all profiles, the last one that was read.
    last: Option<String>,
}

impl Exported<'_> {
    /// How many records there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Begins again.
    pub fn rewind(&mut self) {
        (self.read, self.last) = (0, None);
    }

    /// Hands the canonical text of the next records to `take`: some hundred, or none at the end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn next(&mut self, mut take: impl FnMut(&str)) -> Result<(), StoreError> {
        if let Some(keys) = &self.keys {
            let part = keys.iter().skip(self.read).take(PART);
            self.read += part.len();
            let mut select = self.db.prepare_cached("SELECT record FROM profiles WHERE pk = ?1")?;
            for pk in part {
                let mut rows = select.query([pk])?;
                if let Some(row) = rows.next()? {
                    take(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?);
                }
            }
            return Ok(());
        }
        let after = if self.last.is_some() { "AND id > ?2" } else { "" };
        let sql = format!(
            "SELECT id, record FROM profiles WHERE deleted = 0 {after} ORDER BY id LIMIT ?1"
        );
        let mut select = self.db.prepare_cached(&sql)?;
        let mut rows = match &self.last {
            Some(last) => select.query((PART, last))?,
            None => select.query([PART])?,
        };
        let mut last = None;
        while let Some(row) = rows.next()? {
            take(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
            last = Some(row.get(0)?);
        }
        // At the end nothing comes after the last one, again and again.
        if last.is_some() {
            self.last = last;
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
        work: impl FnOnce(&mut Exported<'_>) -> T,
    ) -> Result<T, StoreError> {
        self.settle_scores(&selection.filter, &SortKey::Id)?;
        let is_all = selection.ids.is_none()
            && crate::list::expression(&selection.filter, &selection.search)?.is_everything();
        self.read(|db| {
            let keys = if is_all { None } else { Some(self.sorted_by_id(db, selection)?) };
            let count = match &keys {
                Some(keys) => keys.len() as u64,
                None => db.query_row("SELECT profiles FROM counters", [], |row| row.get(0))?,
            };
            Ok(work(&mut Exported { db, keys, count, read: 0, last: None }))
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
