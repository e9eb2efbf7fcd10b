//! Opening a data folder, and its connections: one that writes, some that read beside it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kartei_profile::RecordSchema;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::catalog::Lists;
use crate::error::StoreError;
use crate::migrate;
use crate::writing::Writing;

const FILE: &str = "kartei.sqlite";

/// Fixed at the first write. Measured on records of 1.3 KB: half the insert time of SQLite's 4 KiB.
const PAGE_BYTES: u32 = 16 * 1024;

/// Pages in the write-ahead log before it is copied back: 64 MB, so that an import writes most
/// pages once.
const CHECKPOINT_PAGES: u32 = 4_000;

/// Page cache of a connection in KiB (negative: SQLite's notation for bytes rather than pages).
const CACHE_KIB: i32 = -8 * 1024;

/// How long a write waits for another program's transaction. Our own longest one, a batch of an
/// import, takes a fraction of a second.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections for reading that are kept open.
const READERS_KEPT_MAX: usize = 4;

/// How to open a store.
#[derive(Debug, Clone, Default)]
pub struct StoreOptions {
    /// Waits this long for another program's transaction rather than five seconds.
    pub busy_timeout: Option<Duration>,
    /// The database may not grow beyond this; writes fail as on a full disk then.
    pub size_bytes_max: Option<u64>,
}

/// How many profiles are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// All profiles.
    pub profiles: u64,
    /// With something that the relay does not have.
    pub pending: u64,
    /// With fields in conflict.
    pub conflicts: u64,
    /// With something that the relay refused.
    pub rejected: u64,
}

/// One data folder's database.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    options: StoreOptions,
    pub(crate) schema: Arc<RecordSchema>,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    pub(crate) lists: Mutex<Lists>,
}

impl Store {
    /// Opens the database in `folder`, creating both where they are missing.
    ///
    /// # Errors
    /// [`StoreError`]; an existing database was not changed then.
    pub fn open(folder: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder)
            .map_err(|e| StoreError::Open(format!("{}: {e}", folder.display())))?;
        let path = folder.join(FILE);
        let mut writer = connect(&path, &options)?;
        if !migrate::is_current(&writer)? {
            // Before the first table, or never: SQLite fixes the page size then.
            writer.pragma_update(None, "page_size", PAGE_BYTES)?;
            writer.pragma_update(None, "journal_mode", "WAL")?;
            migrate::migrate(&mut writer)?;
        }
        writer.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        if let Some(bytes) = options.size_bytes_max {
            writer.pragma_update(None, "max_page_count", bytes / u64::from(PAGE_BYTES))?;
        }
        Ok(Self {
            path,
            options,
            schema: Arc::new(RecordSchema::user_profile_v1()),
            writer: Mutex::new(writer),
            readers: Mutex::new(Vec::new()),
            lists: Mutex::default(),
        })
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// The schema that records here follow.
    #[must_use]
    pub fn schema(&self) -> &Arc<RecordSchema> {
        &self.schema
    }

    /// Runs `work` in a write transaction. It is on the disk when this returns: what a person did
    /// survives losing power.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transact("FULL", false, work)
    }

    /// Runs `work` in a write transaction that the system writes to the disk when it likes. Losing
    /// power may take it back, whole, together with all later ones: for what can be had again.
    pub(crate) fn write_repeatable<T>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transact("NORMAL", false, work)
    }

    /// As [`write`](Self::write); what it deletes is also overwritten in the files. Readers of
    /// another program may keep the log's old pages a while longer.
    pub(crate) fn write_wiping<T>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let done = self.transact("FULL", true, work)?;
        self.with_writer(|writer| {
            Ok(writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
        })?;
        Ok(done)
    }

    fn transact<T>(
        &self,
        synchronous: &str,
        wipes: bool,
        work: impl FnOnce(&Writing<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = lock(&self.writer);
        // Both hold for the writer until somebody says otherwise: each transaction does.
        writer.pragma_update(None, "synchronous", synchronous)?;
        writer.pragma_update(None, "secure_delete", wipes)?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let writing = Writing::begin(transaction)?;
        let done = work(&writing)?;
        writing.commit()?;
        Ok(done)
    }

    /// Runs `work` on one snapshot of the database.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with_reader(|reader| {
            let snapshot = reader.transaction()?;
            work(&snapshot)
        })
    }

    /// The database's file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` on the connection that writes, in no transaction.
    pub(crate) fn with_writer<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        work(&mut lock(&self.writer))
    }

    /// Runs `work` on a connection beside the one that writes.
    pub(crate) fn with_reader<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let kept = lock(&self.readers).pop();
        let mut reader = match kept {
            Some(reader) => reader,
            None => connect(&self.path, &self.options)?,
        };
        let done = work(&mut reader);
        let mut readers = lock(&self.readers);
        if readers.len() < READERS_KEPT_MAX {
            readers.push(reader);
        }
        done
    }

    /// Counts by state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn totals(&self) -> Result<Totals, StoreError> {
        self.read(|db| {
            let count = |sql: &str| -> Result<u64, StoreError> {
                Ok(db.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
            };
            Ok(Totals {
                profiles: count("SELECT profiles FROM counters")?,
                pending: count("SELECT count(*) FROM outbox")?,
                conflicts: count("SELECT count(*) FROM profiles WHERE conflicts > 0")?,
                rejected: count("SELECT count(*) FROM rejected")?,
            })
        })
    }
}

fn connect(path: &Path, options: &StoreOptions) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|e| StoreError::Open(format!("{}: {e}", path.display())))?;
    connection.busy_timeout(options.busy_timeout.unwrap_or(BUSY_TIMEOUT))?;
    connection.set_prepared_statement_cache_capacity(64);
    // Looking up the parent of each row would cost an import a tenth of its time; the check of the
    // data folder looks at them all.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// A panic while the lock was held has rolled its transaction back; the connection is sound.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
