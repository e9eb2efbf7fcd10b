//! Reading everything, in order.

use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Hands the canonical text of every record to `sink`, sorted by id, from one snapshot.
    /// Answers how many there were. `sink` answers `false` to stop.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn export(&self, mut sink: impl FnMut(&str) -> bool) -> Result<u64, StoreError> {
        self.read(|db| {
            let mut statement = db.prepare("SELECT record FROM profiles ORDER BY id")?;
            let mut rows = statement.query([])?;
            let mut count = 0;
            while let Some(row) = rows.next()? {
                let text = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
                if !sink(text) {
                    break;
                }
                count += 1;
            }
            Ok(count)
        })
    }
}
