//! Connections to the database's file, with the key where it is encrypted.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::StoreError;
use crate::key::{DatabaseKey, Salt};
use crate::store::StoreOptions;

/// Fixed at the first write. Measured on records of 1.3 KB: half the insert time of SQLite's 4 KiB.
pub(crate) const PAGE_BYTES: u32 = 16 * 1024;

/// How every plain database begins.
const PLAIN: &[u8; Salt::BYTES] = b"SQLite format 3\0";

/// Page cache of a connection in KiB (negative: SQLite's notation for bytes rather than pages).
const CACHE_KIB: i32 = -8 * 1024;

/// How long a write waits for another program's transaction. Our own longest one, a batch of an
/// import, takes a fraction of a second.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How the database of a data folder lies on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lies {
    /// There is none yet.
    Missing,
    /// As SQLite writes it, readable for whoever can read the file.
    Plain,
    /// Encrypted, and beginning with this salt.
    Encrypted(Salt),
}

/// Looks how a database's file lies. Only for a file that this process has not opened: closing a
/// file takes the process' locks on it away, on Unix.
pub(crate) fn look(path: &Path) -> Result<Lies, StoreError> {
    let unreadable =
        |e: std::io::Error| StoreError::Open(format!("{}: {}", path.display(), e.kind()));
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Lies::Missing),
        Err(error) => return Err(unreadable(error)),
    };
    let mut page = Vec::new();
    file.by_ref().take(u64::from(PAGE_BYTES)).read_to_end(&mut page).map_err(unreadable)?;
    if page.is_empty() {
        return Ok(Lies::Missing);
    }
    match page.first_chunk() {
        Some(start) if start != PLAIN && is_cipher_text(&page) => Ok(Lies::Encrypted(Salt(*start))),
        // Also what is no database at all: opening it says so.
        _ => Ok(Lies::Plain),
    }
}

/// Whether a page looks like random bytes: each value is in 16 KiB of them, but for one time in
/// 10^25. A page of a plain database, damaged or not, is text and zeros.
fn is_cipher_text(page: &[u8]) -> bool {
    let mut seen = [false; 256];
    page.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    page.len() == PAGE_BYTES as usize && seen.iter().all(|seen| *seen)
}

pub(crate) fn connect(
    path: &Path,
    options: &StoreOptions,
    key: Option<&DatabaseKey>,
) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|e| StoreError::Open(format!("{}: {e}", path.display())))?;
    connection.busy_timeout(options.busy_timeout.unwrap_or(BUSY_TIMEOUT))?;
    if let Some(key) = key {
        prepare_cipher(&connection)?;
        // Before anything else: the first look at the file decides how it is read.
        let keyed = connection.execute_batch(&format!("PRAGMA key = \"{}\"", *key.spec(None)));
        // An error of SQLite's could repeat the statement.
        keyed.map_err(|_| StoreError::Sqlite("it does not take its key".to_owned()))?;
    }
    connection.set_prepared_statement_cache_capacity(64);
    // Looking up the parent of each row would cost an import a tenth of its time; the check of the
    // data folder looks at them all.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// What holds for the library, and has to be said before a file is encrypted or opened.
pub(crate) fn prepare_cipher(connection: &Connection) -> Result<(), StoreError> {
    // It would write to standard error what we tell as problems.
    connection.pragma_update_and_check(None, "cipher_log_level", "NONE", |_| Ok(()))?;
    connection.pragma_update(None, "cipher_default_page_size", PAGE_BYTES)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_random_passes_for_encrypted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let looked = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            look(&path).unwrap()
        };
        assert_eq!(look(&path).unwrap(), Lies::Missing);
        assert_eq!(looked(b""), Lies::Missing);
        let random: Vec<u8> = (0..PAGE_BYTES).map(|at| (at * 167 + 13).to_le_bytes()[0]).collect();
        let salt = Salt(*random.first_chunk().unwrap());
        assert_eq!(looked(&random), Lies::Encrypted(salt));
        let mut plain = random.clone();
        plain[..Salt::BYTES].copy_from_slice(PLAIN);
        let shortened = &random[..random.len() - 1];
        let damaged = vec![b'x'; random.len()];
        for other in [&plain, shortened, &damaged] {
            assert_eq!(looked(other), Lies::Plain);
        }
    }
}
