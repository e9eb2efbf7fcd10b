//! What can go wrong when lists are read.

use crate::wire::Flaw;

/// Why a list could not be read; `E` is what the [`Source`](crate::Source) failed with.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    /// Stored bytes are not what was written.
    #[error(
        "the column {column:?} of chunk {chunk} is damaged ({what}); the profiles are safe, their \
         columns have to be made anew"
    )]
    Damaged {
        /// The chunk; 0 for rows in memory.
        chunk: i64,
        /// The column.
        column: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The text is no mark of a page in this order.
    #[error("this is no mark of a page in this order; read the list from its beginning")]
    Cursor,
    /// The matches were selected before rows were numbered anew.
    #[error("the list was selected before the store was reorganised; select it again")]
    Outdated,
    /// The store behind the columns failed.
    #[error("reading what columns are made of failed")]
    Source(#[source] E),
}

/// A damaged column, before it is known what the source fails with.
#[derive(Debug)]
pub(crate) struct Damage {
    pub(crate) chunk: i64,
    pub(crate) column: String,
    pub(crate) flaw: Flaw,
}

impl<E> From<Damage> for Error<E> {
    fn from(damage: Damage) -> Self {
        Self::Damaged { chunk: damage.chunk, column: damage.column, what: damage.flaw.0 }
    }
}
