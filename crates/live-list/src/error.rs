//! What can go wrong when a list is brought up or read.

use kartei_index::Key;

/// Why a list could not be brought up. Where some rows had been added already, the list is empty
/// and at revision 0 afterwards; otherwise it is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BringUpError {
    /// A record's text is not what was stored.
    #[error(
        "the stored record of profile {id:?} (key {key}) is damaged ({what}); restore it from a \
         backup or from a replica that has it"
    )]
    Damaged {
        /// The profile's id.
        id: String,
        /// Its key.
        key: Key,
        /// What is wrong with it.
        what: String,
    },
    /// The list is further already.
    #[error(
        "the list is at revision {at} and cannot go back to {to}; open the snapshot of the \
         database after locking the list"
    )]
    Behind {
        /// Where the list is.
        at: u64,
        /// Where it was to be brought.
        to: u64,
    },
    /// A row is newer than the revision that the list is brought up to.
    #[error(
        "profile {id:?} is of revision {rev}, the list is brought up to {to} only; read rows and \
         revision in one snapshot"
    )]
    Ahead {
        /// The profile's id.
        id: String,
        /// The revision of its row.
        rev: u64,
        /// Where the list was to be brought.
        to: u64,
    },
    /// There are more profiles than the list may have.
    #[error("there are more than {max} profiles; raise the limit of lists if memory allows")]
    TooMany {
        /// How many it may have.
        max: usize,
    },
}

/// Why a list could not be read; `E` is what the [`RowSource`](crate::RowSource) failed with.
#[derive(Debug, thiserror::Error)]
pub enum ReadError<E> {
    /// The text is no cursor of this order.
    #[error("this is no cursor of a list in this order; read the list from its beginning")]
    Cursor,
    /// The database failed.
    #[error("reading records to check a filter failed")]
    Rows(#[source] E),
    /// The database has no such profile.
    #[error(
        "the database has no profile with key {key}, the list at revision {rev} has; read both in \
         one snapshot"
    )]
    Missing {
        /// The key.
        key: Key,
        /// Where the list is.
        rev: u64,
    },
    /// A record's text is not what was stored.
    #[error(
        "the stored record of profile {id:?} (key {key}) is damaged ({what}); restore it from a \
         backup or from a replica that has it"
    )]
    Damaged {
        /// The profile's id; empty where even that cannot be read.
        id: String,
        /// Its key.
        key: Key,
        /// What is wrong with it.
        what: String,
    },
    /// The columns in memory are not what was put there.
    #[error("the list in memory is damaged ({what}); forget it and bring it up from revision 0")]
    Columns {
        /// What is wrong with it.
        what: String,
    },
}
