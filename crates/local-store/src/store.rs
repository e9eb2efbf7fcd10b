//! Opening a data folder, and its connections: one that writes, some that read beside it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kartei_profile::RecordSchema;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::catalog::Lists;
use crate::connect::{self, Lies, PAGE_BYTES};
use crate::error::StoreError;
use crate::key::{DatabaseKey, Salt};
use crate::migrate;
use crate::rewrite;
use crate::writing::Writing;

const FILE: &str = "kartei.sqlite";

/// Pages in the write-ahead log before it is copied back: 64 MB, so that an import writes most
/// pages once.
const CHECKPOINT_PAGES: u32 = 4_000;

/// Connections for reading that are kept open.
const READERS_KEPT_MAX: usize = 4;

/// How to open a store.
#[derive(Debug, Clone, Default)]
pub struct StoreOptions {
    /// Waits this long for another program's transaction rather than five seconds.
    pub busy_timeout: Option<Duration>,
    /// The database may not grow beyond this; writes fail as on a full disk then.
    pub size_bytes_max: Option<u64>,
    /// Opens the database where it is encrypted; has no meaning where it is not.
    pub key: Option<DatabaseKey>,
}

/// Makes a folder that only this account can enter, and those above it that are missing; one that is there stays as it is.
///
/// # Errors
/// As [`std::fs::create_dir_all`].
pub fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    // Elsewhere what an account's own folders allow is inherited.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
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
    pub(crate) path: PathBuf,
    pub(crate) options: StoreOptions,
    pub(crate) schema: Arc<RecordSchema>,
    pub(crate) writer: Mutex<Connection>,
    pub(crate) readers: Mutex<Readers>,
    /// Told whenever a reader is done.
    pub(crate) reader_done: Condvar,
    /// What new connections open the file with. Changes only while there are none.
    pub(crate) key: Mutex<Option<(DatabaseKey, Salt)>>,
    pub(crate) lists: Mutex<Lists>,
}

/// Connections for reading.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    pub(crate) kept: Vec<Connection>,
    /// How many are at work.
    pub(crate) out: usize,
}

/// A reader at work, whatever becomes of the work.
struct Out<'a>(&'a Store);

impl<'a> Out<'a> {
    fn begin(store: &'a Store) -> (Self, Option<Connection>) {
        let mut readers = lock(&store.readers);
        readers.out += 1;
        let kept = readers.kept.pop();
        (Self(store), kept)
    }
}

impl Drop for Out<'_> {
    fn drop(&mut self) {
        lock(&self.0.readers).out -= 1;
        self.0.reader_done.notify_all();
    }
}

impl Store {
    /// How the database in `folder` lies on the disk. For a folder that this process has not opened.
    ///
    /// # Errors
    /// [`StoreError::Open`] where it cannot be read.
    pub fn look(folder: &Path) -> Result<Lies, StoreError> {
        connect::look(&folder.join(FILE))
    }

    /// Opens the database in `folder`, creating both where they are missing.
    ///
    /// # Errors
    /// [`StoreError`]; an existing database was not changed then.
    pub fn open(folder: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        make_private_folder(folder)
            .map_err(|e| StoreError::Open(format!("{}: {e}", folder.display())))?;
        let path = folder.join(FILE);
        let key = match connect::look(&path)? {
            Lies::Encrypted(salt) => Some((options.key.clone().ok_or(StoreError::NeedsKey)?, salt)),
            Lies::Missing | Lies::Plain => None,
        };
        let writer = open_writer(&path, &options, key.as_ref().map(|(key, _)| key))?;
        rewrite::clean_up(&path);
        Ok(Self {
            path,
            options,
            schema: Arc::new(RecordSchema::user_profile_v1()),
            writer: Mutex::new(writer),
            readers: Mutex::default(),
            reader_done: Condvar::new(),
            key: Mutex::new(key),
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
        // SQLCipher has to write every page, free ones too, and turns wiping on for that.
        writer.pragma_update(None, "secure_delete", wipes || self.is_encrypted())?;
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
        let (_out, kept) = Out::begin(self);
        let mut reader = match kept {
            Some(reader) => reader,
            None => {
                let key = self.key();
                connect::connect(&self.path, &self.options, key.as_ref().map(|(key, _)| key))?
            }
        };
        let done = work(&mut reader);
        let mut readers = lock(&self.readers);
        if readers.kept.len() < READERS_KEPT_MAX {
            readers.kept.push(reader);
        }
        done
    }

    /// Whether the database is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        lock(&self.key).is_some()
    }

    /// The key of the database and the salt that its file begins with, where it is encrypted.
    #[must_use]
    pub fn key(&self) -> Option<(DatabaseKey, Salt)> {
        lock(&self.key).clone()
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

/// Opens the connection that writes, and brings the database to the newest format.
pub(crate) fn open_writer(
    path: &Path,
    options: &StoreOptions,
    key: Option<&DatabaseKey>,
) -> Result<Connection, StoreError> {
    let wrong_key = |error| match (error, key) {
        (StoreError::Damaged(_), Some(_)) => StoreError::WrongKey,
        (error, _) => error,
    };
    let mut writer = connect::connect(path, options, key).map_err(wrong_key)?;
    let is_current = migrate::is_current(&writer).map_err(wrong_key)?;
    let journal: String = writer.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if !is_current {
        // Before the first table, or never: SQLite fixes the page size then.
        writer.pragma_update(None, "page_size", PAGE_BYTES)?;
    }
    // Also where writing the file anew broke off.
    if journal != "wal" {
        writer.pragma_update(None, "journal_mode", "WAL")?;
    }
    if !is_current {
        migrate::migrate(&mut writer)?;
    }
    writer.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    if let Some(bytes) = options.size_bytes_max {
        writer.pragma_update(None, "max_page_count", bytes / u64::from(PAGE_BYTES))?;
    }
    Ok(writer)
}

/// A panic while the lock was held has rolled its transaction back; the connection is sound.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
