//! Writing the database anew: encrypted where it was plain, plain where it was encrypted, or under
//! another key.
//!
//! ```text
//! kartei.sqlite, held alone ──▶ kartei.sqlite.rewritten ──▶ read back ──▶ renamed over the old one
//! ```
//! Whether the database is encrypted is what its file is, and nothing else: breaking off at any point
//! leaves the old one or the new one, whole.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::catalog::Lists;
use crate::connect::{self, BUSY_TIMEOUT, PAGE_BYTES};
use crate::error::StoreError;
use crate::key::{DatabaseKey, Salt};
use crate::store::{Store, lock, open_writer};
use crate::upkeep::check_copy;

/// What the new file is called until it is whole.
const ENDING: &str = ".rewritten";

/// Bytes that are overwritten at a time.
const WIPE_BYTES: usize = 1024 * 1024;

/// How far writing anew has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RewriteStep {
    /// No other connection has the database.
    Alone,
    /// Everything is in the new file.
    Copied,
    /// The new file was read back, and is on the disk.
    Checked,
    /// The new file has the place of the old one.
    Replaced,
}

/// How writing anew ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewritten {
    /// Whether the old file was overwritten before the system got its room back.
    pub wiped: bool,
}

impl Store {
    /// Writes the database anew, encrypted under `key` or plain. Reading and writing wait meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Locked`] where another program has the database, or a part of this one goes on
    /// reading it; any other failure. The database is as it was then.
    pub fn rewrite(
        &self,
        key: Option<(DatabaseKey, Salt)>,
        on: &mut dyn FnMut(RewriteStep),
    ) -> Result<Rewritten, StoreError> {
        let mut writer = lock(&self.writer);
        // Until the end: nobody gets a connection while this is held.
        let patience = self.options.busy_timeout.unwrap_or(BUSY_TIMEOUT);
        let (mut readers, waited) = self
            .reader_done
            .wait_timeout_while(lock(&self.readers), patience, |readers| readers.out > 0)
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if waited.timed_out() {
            return Err(StoreError::Locked);
        }
        readers.kept.clear();
        // In its place for as long as there is none: it has no tables, so nothing can be lost in it.
        let old = std::mem::replace(&mut *writer, Connection::open_in_memory()?);
        let mut replaced = false;
        let done = rewrite(&self.path, old, key.as_ref(), &mut |step| {
            replaced |= step == RewriteStep::Replaced;
            on(step);
        });
        if done.is_err() {
            remove(&rewritten(&self.path));
        }
        if replaced {
            *lock(&self.key) = key;
        }
        let key = self.key();
        *writer = open_writer(&self.path, &self.options, key.as_ref().map(|(key, _)| key))?;
        // Nobody reads, so nobody holds them.
        *lock(&self.lists) = Lists::default();
        done
    }

    /// How many bytes of how many are in the new file, while the database is written anew.
    #[must_use]
    pub fn bytes_rewritten(&self) -> (u64, u64) {
        let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let (done, total) = (size(&rewritten(&self.path)), size(&self.path));
        (done.min(total), total)
    }
}

/// Removes what is left of writing anew that broke off. For whoever has the database open: nobody
/// else can be writing it anew then.
pub(crate) fn clean_up(path: &Path) {
    remove(&rewritten(path));
}

fn remove(path: &Path) {
    // Most of the time there is nothing to remove; what cannot be removed is in nobody's way.
    let _ = fs::remove_file(path);
}

fn rewritten(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ENDING);
    PathBuf::from(name)
}

fn rewrite(
    path: &Path,
    old: Connection,
    key: Option<&(DatabaseKey, Salt)>,
    on: &mut dyn FnMut(RewriteStep),
) -> Result<Rewritten, StoreError> {
    let new = rewritten(path);
    let unwritable = |e: io::Error| match e.kind() {
        io::ErrorKind::StorageFull => StoreError::DiskFull,
        _ => StoreError::Open(format!("{}: {e}", new.display())),
    };
    hold_alone(&old)?;
    on(RewriteStep::Alone);
    remove(&new);
    copy(&old, &new, key)?;
    on(RewriteStep::Copied);
    let permissions = fs::metadata(path).map_err(unwritable)?.permissions();
    fs::set_permissions(&new, permissions).map_err(unwritable)?;
    File::options().write(true).open(&new).and_then(|file| file.sync_all()).map_err(unwritable)?;
    check_copy(&new, key.map(|(key, _)| key))?;
    on(RewriteStep::Checked);
    let doomed = File::options().write(true).open(path);
    // Windows renames over nothing that SQLite has open. Elsewhere the lock is held until nobody can
    // come to the old file any more.
    let held = if cfg!(windows) {
        drop(old);
        None
    } else {
        Some(old)
    };
    fs::rename(&new, path).map_err(unwritable)?;
    if let Some(folder) = path.parent() {
        // Not every system can; then the rename is on the disk a moment later.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    on(RewriteStep::Replaced);
    drop(held);
    // The place of the old file on the disk, as far as the disk writes where it is told to.
    Ok(Rewritten { wiped: doomed.and_then(wipe).is_ok() })
}

/// Brings everything into the one file, and keeps every other connection off it for as long as this
/// one is open.
fn hold_alone(old: &Connection) -> Result<(), StoreError> {
    let journal: String = old.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    if journal != "delete" {
        return Err(StoreError::Locked);
    }
    old.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT")?;
    Ok(())
}

fn copy(old: &Connection, new: &Path, key: Option<&(DatabaseKey, Salt)>) -> Result<(), StoreError> {
    connect::prepare_cipher(old)?;
    let name = new.to_str().ok_or_else(|| StoreError::Open("its path is no text".to_owned()))?;
    // An empty key: plain. Without one it would have that of the old file.
    let spec = key.map(|(key, salt)| key.spec(Some(salt))).unwrap_or_default();
    old.execute("ATTACH ?1 AS rewritten KEY ?2", [name, &*spec])
        .map_err(|_| StoreError::Open(format!("{name}: it cannot be written")))?;
    if key.is_none() {
        old.pragma_update(Some("rewritten"), "page_size", PAGE_BYTES)?;
    }
    // It is of no use before it is whole, and brought to the disk then.
    old.execute_batch("PRAGMA rewritten.journal_mode = OFF; PRAGMA rewritten.synchronous = OFF")?;
    old.execute_batch("BEGIN")?;
    old.query_row("SELECT sqlcipher_export('rewritten')", [], |_| Ok(()))?;
    for pragma in ["user_version", "application_id"] {
        let value: i64 = old.pragma_query_value(Some("main"), pragma, |row| row.get(0))?;
        old.pragma_update(Some("rewritten"), pragma, value)?;
    }
    old.execute_batch("COMMIT; DETACH rewritten")?;
    Ok(())
}

fn wipe(mut file: File) -> io::Result<()> {
    let mut left = file.metadata()?.len();
    file.rewind()?;
    let zeros = vec![0; WIPE_BYTES];
    while left > 0 {
        let part = usize::try_from(left).map_or(WIPE_BYTES, |left| left.min(WIPE_BYTES));
        file.write_all(&zeros[..part])?;
        left -= part as u64;
    }
    file.sync_all()
}
