//! What can go wrong in a store, by what a person can do about it.

use kartei_profile::{DocumentError, EditError, Violation};
use rusqlite::ErrorCode;

use kartei_filter::FilterError;

/// A failure of the store. Whatever was asked for has not happened, then, not in part either.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No room on the disk.
    #[error("there is no room left on the disk for the data folder")]
    DiskFull,
    /// Another program holds the database.
    #[error("another program holds the data folder's database")]
    Locked,
    /// Written by a newer version.
    #[error("the data folder has format {found}, this program knows formats up to {known}")]
    TooNew {
        /// The database's format.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// Not a database, or a damaged one.
    #[error("the data folder's database is damaged: {0}")]
    Damaged(String),
    /// Encrypted, and no key was given.
    #[error("the data folder's database is encrypted, and its key is not here")]
    NeedsKey,
    /// Encrypted with another key than the one that was given.
    #[error("the key does not open the data folder's database")]
    WrongKey,
    /// The folder or file cannot be opened.
    #[error("the data folder cannot be opened: {0}")]
    Open(String),
    /// No such profile.
    #[error("there is no profile `{0}` here")]
    NotFound(String),
    /// There was one.
    #[error("the profile `{0}` was erased for good")]
    Erased(String),
    /// No such change in the profile's history.
    #[error("the history of `{id}` has no change {change}")]
    NoChange {
        /// The profile.
        id: String,
        /// The change's hash, hex.
        change: String,
    },
    /// No such import in the history.
    #[error("there is no import {0} in the history")]
    NoImport(u64),
    /// No such saved view.
    #[error("there is no saved view `{0}`")]
    NoView(String),
    /// No such upload.
    #[error("there is no upload {0} here")]
    NoUpload(u64),
    /// No such calibration.
    #[error("there is no calibration `{0}` here")]
    NoCalibration(String),
    /// Something is in the way of what was asked for.
    #[error("{0}")]
    Blocked(String),
    /// A step is done whole or not at all; carries what stands in the way out of the transaction.
    #[error("{} profiles stand in the way", .0.refused)]
    InTheWay(Box<kartei_protocol::desktop::ActDone>),
    /// A place in a list that this program did not name.
    #[error("the place to read on from is not one that a list named")]
    Cursor,
    /// The filter does not parse.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// No active calibration has a score of this name.
    #[error("there is no score `{name}`; {}", known_scores(.known))]
    NoScore {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The edit cannot be made.
    #[error(transparent)]
    Edit(EditError),
    /// Any other failure of SQLite.
    #[error("the data folder's database failed: {0}")]
    Sqlite(String),
}

fn known_scores(known: &[String]) -> String {
    match known {
        [] => "activate a calibration first".to_owned(),
        known => format!("there is: {}", known.join(", ")),
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Damaged(error.to_string())
            }
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::Open(error.to_string())
            }
            _ => Self::Sqlite(error.to_string()),
        }
    }
}

impl From<DocumentError> for StoreError {
    fn from(error: DocumentError) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<EditError> for StoreError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Document(error) => error.into(),
            other => Self::Edit(other),
        }
    }
}

/// A stored record that cannot be read is damage, whatever the violation says.
pub(crate) fn damaged(id: &str, violation: &Violation) -> StoreError {
    StoreError::Damaged(format!("record of `{id}`: {violation}"))
}
