//! Changes of a document as bytes, and their hashes.

use std::fmt;

use automerge as am;

use crate::actor::ActorClass;
use crate::chunks;

/// The hash of a change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeHash([u8; 32]);

impl ChangeHash {
    /// The 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// From 64 hex digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        crate::record::RecordHash::from_hex(text).map(|hash| Self(*hash.bytes()))
    }

    /// From 32 bytes as they were stored.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl From<am::ChangeHash> for ChangeHash {
    fn from(hash: am::ChangeHash) -> Self {
        Self(hash.0)
    }
}

impl From<ChangeHash> for am::ChangeHash {
    fn from(hash: ChangeHash) -> Self {
        Self(hash.0)
    }
}

impl fmt::Display for ChangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChangeHash({self})")
    }
}

/// Bytes that are no Automerge change.
#[derive(Debug, thiserror::Error)]
#[error("not a readable Automerge change")]
pub struct ChangeError;

/// One change, read and checked against its own hash.
#[derive(Debug, Clone)]
pub struct Change(am::Change);

impl Change {
    /// Reads a change.
    ///
    /// # Errors
    /// [`ChangeError`] where the bytes are damaged or not exactly one change.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ChangeError> {
        if !chunks::are_known(bytes) {
            return Err(ChangeError);
        }
        am::Change::from_bytes(bytes.to_vec()).map(Self).map_err(|_| ChangeError)
    }

    /// The bytes to store or send. Equal changes have equal bytes here: they are not compressed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.raw_bytes()
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> ChangeHash {
        self.0.hash().into()
    }

    /// The changes it was made on.
    #[must_use]
    pub fn deps(&self) -> Vec<ChangeHash> {
        self.0.deps().iter().copied().map(ChangeHash::from).collect()
    }

    /// Who made it, as the change itself says.
    #[must_use]
    pub fn by(&self) -> Option<&str> {
        self.0.message()
    }

    /// What sort of actor made it.
    #[must_use]
    pub fn class(&self) -> ActorClass {
        ActorClass::of(self.0.actor_id())
    }

    pub(crate) fn inner(&self) -> &am::Change {
        &self.0
    }
}

impl From<am::Change> for Change {
    fn from(change: am::Change) -> Self {
        Self(change)
    }
}
