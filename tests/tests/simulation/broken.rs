//! What must hold, and how a run says that it did not.

use kartei_local_store::StoreError;
use kartei_relay_store::RelayStoreError;

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// Without faults everybody comes to rest.
    Rest,
    /// At rest every replica and the relay hold the same records under the same hashes.
    Records,
    /// At rest every replica sees the same conflicts, as many as the relay counts.
    Conflicts,
    /// At rest every replica and the relay hold the same changes of a profile.
    History,
    /// An edit that was acknowledged, by the replica's store or by the relay, is not lost.
    Edits,
    /// An observation that was added and that nobody removed is there once.
    Observations,
    /// Revisions have no holes.
    Holes,
    /// Revisions never go back, and no cursor is ahead of the relay.
    Forward,
    /// Nothing of one organisation is visible in another.
    Apart,
    /// A replica that is complete up to the relay's newest revision reads as the relay does.
    Complete,
    /// The digests of a replica that is complete and has nothing to send are the relay's.
    Digest,
    /// At rest nothing waits to be sent and nothing was refused.
    Outbox,
    /// A data folder agrees with itself.
    Sound,
    /// Nothing fails that no fault explains.
    Failure,
}

/// One invariant that does not hold.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    pub(crate) invariant: Invariant,
    pub(crate) detail: String,
}

impl Broken {
    pub(crate) fn new(invariant: Invariant, detail: impl Into<String>) -> Self {
        Self { invariant, detail: detail.into() }
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.detail)
    }
}

pub(crate) type Result<T> = std::result::Result<T, Broken>;

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::new(Invariant::Failure, format!("a replica's store: {error}"))
    }
}

impl From<RelayStoreError> for Broken {
    fn from(error: RelayStoreError) -> Self {
        Self::new(Invariant::Failure, format!("the relay's store: {error} ({error:?})"))
    }
}

impl From<serde_json::Error> for Broken {
    fn from(error: serde_json::Error) -> Self {
        Self::new(Invariant::Failure, format!("the wire: {error}"))
    }
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self::new(Invariant::Failure, format!("files of the simulation: {error}"))
    }
}
