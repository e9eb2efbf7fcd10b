//! Failures of the relay's storage.

/// A failure; nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum RelayStoreError {
    /// SQLite failed.
    #[error("the relay's database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// Postgres failed.
    #[error("the relay's database failed")]
    Postgres(#[from] tokio_postgres::Error),
    /// Postgres cannot be reached, or its address is wrong.
    #[error("the relay's database cannot be used: {0}")]
    Connect(String),
    /// The role could see every organisation.
    #[error(
        "the database role `{role}` {why}, so one organisation would not be kept from another: give \
         the relay a role of its own (`kartei-relay migrate --relay-role NAME`)"
    )]
    UnsafeRole {
        /// The role.
        role: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Not migrated yet, or by an older version.
    #[error(
        "the relay's database has format {found}, this program needs {known}: run `kartei-relay \
         migrate` with the database's owner"
    )]
    TooOld {
        /// The database's format.
        found: i64,
        /// The one that this program needs.
        known: i64,
    },
    /// A step was applied from other words than this program's.
    #[error("the database's format {format} was made by another program than this one")]
    OtherStep {
        /// The step's number.
        format: i32,
    },
    /// Another relay has the import, or it ended; nothing was written.
    #[error("the import `{0}` is no longer run here")]
    ImportLost(String),
    /// Somebody cancelled the import; nothing more was written.
    #[error("the import `{0}` was cancelled")]
    ImportCancelled(String),
    /// Other writers were quicker, again and again.
    #[error("other writers changed the same profiles again and again; nothing more was written")]
    Overtaken,
    /// The folder or file cannot be opened.
    #[error("the relay's data folder `{path}` cannot be opened: {reason}")]
    Open {
        /// The path.
        path: String,
        /// Why.
        reason: String,
    },
    /// Written by a newer version.
    #[error("the relay's database has format {found}, this program knows formats up to {known}")]
    TooNew {
        /// The database's format.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// Its rows cannot be moved, or were not moved to their end.
    #[error("{0}")]
    Portable(String),
    /// Profiles lie sealed, or are to, and the key is not at hand.
    #[error(
        "the organisation's profiles are sealed, and the operator's key that opens them is not here: name it with \
         --key-file or KARTEI_KEY_FILE"
    )]
    Sealed,
    /// A stored document cannot be read.
    #[error("the stored profile `{id}` cannot be read: {reason}")]
    Damaged {
        /// The record's id.
        id: String,
        /// Why.
        reason: String,
    },
    /// There is one with this name already.
    #[error("there is an organisation `{0}` already")]
    OrganisationExists(String),
    /// There is none with this name.
    #[error("there is no organisation `{0}`")]
    OrganisationMissing(String),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    Random(String),
    /// The cursor belongs to another history of the relay.
    #[error("the cursor belongs to another history of this relay")]
    OtherEpoch,
    /// Deletions after the cursor are forgotten.
    #[error(
        "deletions after revision {after} are forgotten up to revision {horizon_rev}: read from the start"
    )]
    CursorTooOld {
        /// Up to where the cursor knows of them.
        after: u64,
        /// Up to where they are forgotten.
        horizon_rev: u64,
    },
}

impl RelayStoreError {
    /// Whether the database is out of reach or busy just now: the same question may be answered in a
    /// moment, without anybody mending anything.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Overtaken => true,
            Self::Postgres(error) => {
                // Class 08 is connections, 57P the database's own going and coming (PostgreSQL's
                // documentation, appendix A).
                let away = |code: &str| code.starts_with("08") || code.starts_with("57P");
                error.is_closed() || error.code().is_some_and(|state| away(state.code()))
            }
            Self::Sqlite(error) => {
                error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
            }
            _ => false,
        }
    }
}
