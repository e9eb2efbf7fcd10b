//! Looking after the database: its size, a copy while it is open, compaction.

use std::path::Path;

use kartei_protocol::desktop::{Compacted, StoreInfo};
use rusqlite::Transaction;
use rusqlite::types::Value;

use crate::chunk;
use crate::connect;
use crate::error::StoreError;
use crate::key::DatabaseKey;
use crate::store::{Store, StoreOptions};

/// Steps that a compaction leaves in place, newest first.
const ACTS_KEPT: u32 = 1_000;

/// The version of SQLite that is built in.
#[must_use]
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

impl Store {
    /// How large the database is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn info(&self) -> Result<StoreInfo, StoreError> {
        self.read(|db| {
            let page: u64 = pragma(db, "page_size")?;
            let free: u64 = pragma(db, "freelist_count")?;
            let (profiles, imports) = db.query_row(
                "SELECT profiles, (SELECT count(*) FROM imports) FROM counters",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            Ok(StoreInfo {
                profiles,
                bytes: self.bytes_on_disk(),
                free_bytes: free * page,
                imports,
            })
        })
    }

    /// The database file and its log, in bytes.
    fn bytes_on_disk(&self) -> u64 {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let mut log = self.path().as_os_str().to_owned();
        log.push("-wal");
        size(self.path()) + size(Path::new(&log))
    }

    /// Writes a copy of the database to a new file, while others read and write. The copy is one
    /// moment, is compact, and can be opened by putting it into an empty data folder. Where the
    /// database is encrypted the copy is too, with the same key.
    ///
    /// # Errors
    /// [`StoreError::Open`] where the file exists or cannot be written, or a failure; there is no
    /// file then.
    pub fn back_up(&self, to: &Path) -> Result<u64, StoreError> {
        let shown = to.display().to_string();
        let refuse = |what: String| StoreError::Open(format!("{shown}: {what}"));
        if to.exists() {
            return Err(refuse("there is a file of this name".to_owned()));
        }
        let mut partial = to.as_os_str().to_owned();
        partial.push(".partial");
        let partial = Path::new(&partial);
        // A copy that was not finished is of no use to anybody.
        let _ = std::fs::remove_file(partial);
        let target = partial.to_str().ok_or_else(|| refuse("the path is no text".to_owned()))?;
        let copied = self.with_reader(|connection| {
            connection.execute("VACUUM INTO ?1", [target])?;
            check_copy(partial, self.key().as_ref().map(|(key, _)| key))
        });
        let finished = copied.and_then(|()| {
            let sync = || {
                std::fs::File::open(partial)?.sync_all()?;
                std::fs::rename(partial, to)?;
                std::fs::metadata(to)
            };
            sync().map_err(|e| refuse(e.to_string()))
        });
        match finished {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) => {
                let _ = std::fs::remove_file(partial);
                Err(error)
            }
        }
    }

    /// Gives space back to the disk, and makes lists anew from what is there: old steps, chunks of
    /// rows that have changed since, and free pages go.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is lost then.
    pub fn compact(&self) -> Result<Compacted, StoreError> {
        let before = self.bytes_on_disk();
        self.write(|db| {
            db.execute(
                "DELETE FROM act_changes WHERE act <= \
                 (SELECT id FROM acts ORDER BY id DESC LIMIT 1 OFFSET ?1)",
                [ACTS_KEPT],
            )?;
            db.execute(
                "DELETE FROM acts WHERE id <= \
                 (SELECT id FROM acts ORDER BY id DESC LIMIT 1 OFFSET ?1)",
                [ACTS_KEPT],
            )?;
            chunk::rebuild_worn(db)
        })?;
        self.with_writer(|connection| {
            connection.execute_batch("VACUUM")?;
            // Also with others reading: what they still need stays in the log until they are done.
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        })?;
        Ok(Compacted { before, after: self.bytes_on_disk() })
    }
}

fn pragma(db: &Transaction<'_>, name: &str) -> Result<u64, StoreError> {
    let value: Value = db.pragma_query_value(None, name, |row| row.get(0))?;
    let number = match &value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        // So SQLCipher answers for the page size of an encrypted database.
        Value::Text(digits) => digits.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| StoreError::Sqlite(format!("{name} is no number")))
}

/// A copy is only worth its name when it can be read.
pub(crate) fn check_copy(path: &Path, key: Option<&DatabaseKey>) -> Result<(), StoreError> {
    let copy = connect::connect(path, &StoreOptions::default(), key)?;
    let found: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Damaged(format!("copy: {found}"))) }
}
