//! What a snapshot says: a small sealed head, and a list of files that is itself kept in chunks.

use std::fmt;

use kartei_blob_store::{BlobName, BlobNameError};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::BackupError;
use crate::chunk::ChunkName;

/// Below this name all snapshots lie.
pub(crate) const SNAPSHOTS: &str = "snapshots";

const MOMENT: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]t[hour][minute][second][subsecond digits:3]z");

/// The name of a snapshot: the moment in UTC, to the millisecond, and something random. Names sort by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotId(pub(crate) String);

impl SnapshotId {
    /// A new one for a moment in milliseconds since 1970.
    pub(crate) fn new(made_at: i64) -> Result<Self, BackupError> {
        let nanos = i128::from(made_at) * 1_000_000;
        let moment = OffsetDateTime::from_unix_timestamp_nanos(nanos);
        let moment = moment.ok().and_then(|moment| moment.format(MOMENT).ok());
        let moment =
            moment.ok_or_else(|| BackupError::Broken("the clock is far off".to_owned()))?;
        let random = getrandom::u32().map_err(|e| BackupError::Broken(e.to_string()))?;
        Ok(Self(format!("{moment}-{random:08x}")))
    }

    /// The one that a person or a blob names.
    pub(crate) fn named(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn blob(&self) -> Result<BlobName, BlobNameError> {
        BlobName::new(format!("{SNAPSHOTS}/{}", self.0))
    }

    /// What the snapshot is sealed for.
    pub(crate) fn context(&self) -> Vec<u8> {
        format!("kartei backup snapshot {}", self.0).into_bytes()
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A completed backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its name.
    pub id: SnapshotId,
    /// When it was begun, in milliseconds since 1970.
    pub made_at: i64,
    /// The version of the program that made it.
    pub program: String,
    /// What it is of, in the words of who made it: database, format and so on. No contents.
    pub subject: serde_json::Value,
    /// How many files it has.
    pub files: u64,
    /// Bytes of all files as they are outside of the repository.
    pub bytes: u64,
    /// Bytes of the list of files, and its chunks.
    pub(crate) list_bytes: u64,
    pub(crate) list: Vec<ChunkName>,
}

/// A file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// What it is called: segments with `/` between them, as who made it gave it.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// BLAKE3 of all of it, in hex.
    pub digest: String,
    /// Something of the source that changes when the file does, to know it again without reading it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<String>,
    /// Bytes of each chunk but the last; none where it was cut by what is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chunk_bytes: Option<u32>,
    pub(crate) chunks: Vec<ChunkName>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time_within_a_second_too() {
        let made: Vec<SnapshotId> = [1_795_395_737_009, 1_795_395_737_010, 1_795_395_737_999]
            .iter()
            .chain(&[1_795_395_738_000])
            .map(|made_at| SnapshotId::new(*made_at).unwrap())
            .collect();
        assert!(made.is_sorted(), "{made:?}");
        assert!(made[0].0.starts_with("20261123t010217009z-"), "{}", made[0]);
    }
}
