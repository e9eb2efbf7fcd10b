//! What a commit does to the digests of its organisation.

use kartei_profile::RecordHash;
use kartei_sync_core::{Digest, Digests};

use crate::engine::{Head, Write};

/// What is counted of a profile that a commit found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) hash: RecordHash,
    pub(crate) conflicts: u64,
    pub(crate) deleted: bool,
}

/// The difference that a commit makes, bucket by bucket.
#[derive(Debug, Default)]
pub(crate) struct Tally(Digests);

impl Tally {
    /// A profile is written that was so before, or was not there.
    pub(crate) fn write(&mut self, before: Option<Counted>, write: &Write) {
        if let Some(before) = before.filter(|before| !before.deleted) {
            self.0.take_profile(&write.id, &before.hash, before.conflicts);
        }
        if !write.deleted {
            self.0.add_profile(&write.id, &write.hash, write.conflicts);
        }
    }

    /// A profile that was so before is there no longer.
    pub(crate) fn remove(&mut self, id: &str, before: Counted) {
        if !before.deleted {
            self.0.take_profile(id, &before.hash, before.conflicts);
        }
    }

    /// The new total, where the old one was that of the newest revision.
    pub(crate) fn total(&self, before: &Head) -> Option<Digest> {
        before.total.map(|total| total.plus(self.0.total()))
    }

    /// The buckets that it changes, and by how much.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (u8, Digest)> {
        self.0.iter().filter(|(_, digest)| *digest != Digest::default())
    }
}
