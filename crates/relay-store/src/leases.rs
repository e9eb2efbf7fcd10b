//! Who runs an import: one relay at a time, for as long as it says so.
//!
//! The lease is a moment of the database's clock. A relay renews it while it imports, and with every
//! batch; what it counts is kept in the transaction of the records that it counts, and only while the
//! lease is its own. So an import that another relay took up is never written by two, and its counts
//! are exact whatever died when.

use crate::access::OrgId;
use crate::engine::ImportRow;
use crate::error::RelayStoreError;
use crate::store::RelayStore;

/// A relay's hold on an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Names the run of a relay; a relay that starts again is another one.
    pub runner: String,
    /// For how long, from each renewal on.
    pub millis: i64,
}

/// What became of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It goes on.
    Ours,
    /// It goes on, and the import is to end.
    Cancelled,
    /// Another relay has it, or it ended.
    Lost,
}

/// What is kept of an import with records.
pub(crate) struct Note<'a> {
    pub(crate) import: &'a str,
    pub(crate) lease: &'a Lease,
    /// From the revisions of the writes, nothing where one was overtaken.
    pub(crate) progress: &'a dyn Fn(&[Option<u64>]) -> String,
}

impl Note<'_> {
    /// As an error, where records may not be written.
    pub(crate) fn check(&self, kept: Kept) -> Result<(), RelayStoreError> {
        match kept {
            Kept::Ours => Ok(()),
            Kept::Cancelled => Err(RelayStoreError::ImportCancelled(self.import.to_owned())),
            Kept::Lost => Err(RelayStoreError::ImportLost(self.import.to_owned())),
        }
    }
}

impl RelayStore {
    /// The imports that no relay runs any more, of all organisations, oldest first.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn abandoned_imports(&self) -> Result<Vec<(OrgId, String)>, RelayStoreError> {
        self.engine.abandoned_imports()
    }

    /// Takes an import that has not ended and that no relay runs; `None` where one does.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn claim_import(
        &self,
        org: OrgId,
        id: &str,
        lease: &Lease,
    ) -> Result<Option<ImportRow>, RelayStoreError> {
        self.engine.claim_import(org, id, lease)
    }

    /// Renews a lease, with how far the import is where that is known.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn renew_import(
        &self,
        org: OrgId,
        id: &str,
        lease: &Lease,
        progress: Option<&str>,
    ) -> Result<Kept, RelayStoreError> {
        self.engine.renew_import(org, id, lease, progress)
    }

    /// Asks for the end of an import that has not ended. The relay that runs it, or takes it up,
    /// ends it.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn cancel_import(&self, org: OrgId, id: &str, now: i64) -> Result<(), RelayStoreError> {
        self.engine.cancel_import(org, id, now)
    }
}
