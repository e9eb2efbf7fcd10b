//! Opening the relay's database.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kartei_profile::RecordSchema;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::RelayStoreError;

const FILE: &str = "relay.sqlite";
const STEPS: &[&str] = &[include_str!("sql/001_first.sql")];
const PAGE_BYTES: u32 = 16 * 1024;

/// Administrators run commands beside a serving relay; each transaction is short.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The embedded engine: one SQLite file in the relay's data folder.
#[derive(Debug)]
pub struct RelayStore {
    pub(crate) schema: RecordSchema,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

impl RelayStore {
    /// Opens the database in `folder`, creating both where they are missing.
    ///
    /// # Errors
    /// [`RelayStoreError::Open`], [`RelayStoreError::TooNew`] or a failure of SQLite.
    pub fn open(folder: &Path) -> Result<Self, RelayStoreError> {
        let open_error =
            |reason: String| RelayStoreError::Open { path: folder.display().to_string(), reason };
        std::fs::create_dir_all(folder).map_err(|e| open_error(e.to_string()))?;
        let path = folder.join(FILE);
        let mut writer = connect(&path).map_err(|e| open_error(e.to_string()))?;
        migrate(&mut writer)?;
        let reader = connect(&path).map_err(|e| open_error(e.to_string()))?;
        Ok(Self {
            schema: RecordSchema::user_profile_v1(),
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
        })
    }

    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, RelayStoreError>,
    ) -> Result<T, RelayStoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, RelayStoreError>,
    ) -> Result<T, RelayStoreError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = reader.transaction()?;
        work(&snapshot)
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What was acknowledged must survive a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), RelayStoreError> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > known {
            return Err(RelayStoreError::TooNew { found, known });
        }
        let Some(step) = usize::try_from(found).ok().and_then(|next| STEPS.get(next)) else {
            return Ok(());
        };
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", found + 1)?;
        transaction.commit()?;
    }
}
