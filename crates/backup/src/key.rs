//! The key of a repository, and the two that are made of it.

use std::fmt;

use kartei_blob_store::{KEY_BYTES, SealKey};
use zeroize::{Zeroize, Zeroizing};

/// What each key is for, by the rules of BLAKE3's key derivation: never the same words for two purposes.
const SEALING: &str = "kartei backup 2026-11-22 sealing";
const NAMING: &str = "kartei backup 2026-11-22 names of chunks";

/// The key of a repository. It leaves the memory when it is dropped, and is shown nowhere.
#[derive(Clone)]
pub struct BackupKey {
    pub(crate) seal: SealKey,
    names: Zeroizing<[u8; KEY_BYTES]>,
}

impl BackupKey {
    /// The key that has these bytes.
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; KEY_BYTES]) -> Self {
        let seal = SealKey::from_bytes(blake3::derive_key(SEALING, &bytes));
        let names = Zeroizing::new(blake3::derive_key(NAMING, &bytes));
        bytes.zeroize();
        Self { seal, names }
    }

    /// What a chunk with these bytes is called. Without the key nobody can tell that a known text is in
    /// the repository.
    pub(crate) fn name(&self, bytes: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&self.names, bytes)
    }
}

impl fmt::Debug for BackupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupKey(..)")
    }
}
