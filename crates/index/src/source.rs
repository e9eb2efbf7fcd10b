//! What a catalog asks its store for.

use kartei_filter::{Status, Term};

use crate::keys::Key;

/// The store behind a [`Catalog`](crate::Catalog).
pub trait Source {
    /// What reading fails with.
    type Error;

    /// The bodies of one column for the given chunks, in that order; `None` where a chunk has no
    /// such column.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn columns(&mut self, name: &str, chunks: &[i64]) -> Result<Vec<Option<Vec<u8>>>, Self::Error>;

    /// The keys of the profiles with that status. Never called for [`Status::Synced`], which is
    /// what none of the others is.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn with_status(&mut self, status: Status) -> Result<Vec<Key>, Self::Error>;

    /// Says which profiles [`holds`](Self::holds) may be asked about next, at most those of one
    /// chunk, so that they can be read together. Need not do anything.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn expect(&mut self, _keys: &[Key]) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Whether a term holds for a profile. Asked only where columns cannot tell: phrases, and
    /// whether one of three or more observations of a profile has a certain value.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn holds(&mut self, key: Key, term: &Term) -> Result<bool, Self::Error>;
}
