//! All profiles of an organisation as of one revision, however long reading takes.

use crate::access::OrgId;
use crate::engine::{FeedLimits, Head, Row};
use crate::error::RelayStoreError;
use crate::store::RelayStore;

/// One snapshot of an organisation, read in the order of ids. It has a connection of its own, which
/// is closed when this is dropped, wherever the reading stands.
#[derive(Debug)]
pub struct Snapshot {
    head: Head,
    rows: Box<dyn Rows>,
}

/// What an engine reads a snapshot with.
pub(crate) trait Rows: Send + std::fmt::Debug {
    /// The next profiles that are not deleted, in the order of their ids, until a limit is reached;
    /// at least one, unless there are no more.
    fn next(&mut self, limits: FeedLimits) -> Result<Vec<Row>, RelayStoreError>;

    /// Begins anew, with the same profiles.
    fn rewind(&mut self) -> Result<(), RelayStoreError>;
}

impl Snapshot {
    /// The revision of which it is.
    #[must_use]
    pub fn rev(&self) -> u64 {
        self.head.rev
    }

    /// Identity of the history that the revision belongs to.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.head.epoch
    }

    /// The next profiles, until there are `rows_max` or their records have `bytes_max` bytes; none
    /// where all were read. Deleted ones are left out.
    ///
    /// # Errors
    /// [`RelayStoreError`]; the snapshot is of no use then.
    pub fn next(&mut self, rows_max: usize, bytes_max: usize) -> Result<Vec<Row>, RelayStoreError> {
        self.rows.next(FeedLimits { rows: rows_max, bytes: bytes_max })
    }

    /// Begins anew, with the same profiles.
    ///
    /// # Errors
    /// [`RelayStoreError`]; the snapshot is of no use then.
    pub fn rewind(&mut self) -> Result<(), RelayStoreError> {
        self.rows.rewind()
    }
}

impl RelayStore {
    /// Opens a snapshot of an organisation: what is written later does not show in it. The database
    /// keeps old states for as long as it is open, so do not keep it longer than it is read.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn snapshot(&self, org: OrgId) -> Result<Snapshot, RelayStoreError> {
        let (head, rows) = self.engine.snapshot(org)?;
        Ok(Snapshot { head, rows })
    }
}
