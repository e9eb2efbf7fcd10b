//! Copies of a database, for backups.

use std::path::Path;

use crate::error::RelayStoreError;
use crate::sqlite::copy as engine;
use crate::store::RelayStore;

/// A copy of a database, of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseCopy {
    /// Its format, as the embedded engine counts them.
    pub format: i64,
    /// The organisations in it.
    pub organisations: Vec<CopiedOrganisation>,
    /// Names of blobs without which something in it cannot be read: contents of files and results of
    /// analyses. Empty where it has an older format than this program's.
    pub blobs: Vec<String>,
}

/// Where an organisation stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedOrganisation {
    /// Its name.
    pub name: String,
    /// Identity of its history.
    pub epoch: String,
    /// Its newest revision.
    pub head_rev: u64,
}

impl RelayStore {
    /// Copies the embedded database of a data folder to a file that is not there yet, while relays and
    /// commands may go on writing. The copy has the same pages, so copies of two moments are alike where
    /// nothing was written between them.
    ///
    /// # Errors
    /// [`RelayStoreError::Open`] where there is no database, [`RelayStoreError::TooNew`], and where SQLite
    /// fails; the file is of no use then.
    pub fn copy_embedded(folder: &Path, to: &Path) -> Result<DatabaseCopy, RelayStoreError> {
        engine::copy(folder, to)
    }

    /// What is wrong with the file of an embedded database, in SQLite's words; nothing where it is sound.
    /// Reads all of it.
    ///
    /// # Errors
    /// [`RelayStoreError::Open`], and where SQLite cannot read it at all.
    pub fn embedded_damages(folder: &Path) -> Result<Vec<String>, RelayStoreError> {
        engine::damages(folder)
    }

    /// The format of embedded databases that this program makes, and the newest that it reads.
    #[must_use]
    pub fn embedded_format() -> i64 {
        engine::format()
    }
}
