//! Reading everything back, to say what is damaged or missing before somebody needs it.

use std::collections::BTreeMap;
use std::fmt;

use futures_util::{StreamExt, stream};

use crate::chunk::ChunkName;
use crate::limits::AT_ONCE;
use crate::{BackupError, Repository, SnapshotId};

/// Something that cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The backups that need it, the oldest first.
    pub snapshots: Vec<SnapshotId>,
    /// What cannot be read back: a file, a list of files, or a snapshot itself.
    pub what: String,
    /// Why, with the name of the blob.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshots: Vec<&str> = self.snapshots.iter().map(|id| id.0.as_str()).collect();
        write!(f, "{} ({}): {}", self.what, snapshots.join(", "), self.reason)
    }
}

/// What was read, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Backups that were looked at.
    pub snapshots: u64,
    /// Different chunks that were read.
    pub chunks: u64,
    /// Bytes that they have outside of the repository.
    pub bytes: u64,
    /// What cannot be read back; nothing where all is well.
    pub damages: Vec<Damage>,
}

/// Who needs a chunk: the first file that was met, and the snapshots.
type Needed = BTreeMap<ChunkName, (String, Vec<SnapshotId>)>;

impl Repository {
    /// Reads every chunk that some backups need, each once, and compares it with its name.
    ///
    /// # Errors
    /// Where the store fails in another way than lacking something.
    pub async fn verify(&self, ids: &[SnapshotId]) -> Result<Verified, BackupError> {
        let (mut verified, mut needed) = (Verified::default(), Needed::new());
        for id in ids {
            verified.snapshots += 1;
            match self.needs(id, &mut needed).await {
                Ok(()) => {}
                Err(error) if is_damage(&error) => verified.damages.push(Damage {
                    snapshots: vec![id.clone()],
                    what: "a snapshot".to_owned(),
                    reason: error.to_string(),
                }),
                Err(error) => return Err(error),
            }
        }
        let mut read = stream::iter(needed)
            .map(|(name, (file, snapshots))| async move {
                (self.chunk(name, &file).await, file, snapshots)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((chunk, what, snapshots)) = read.next().await {
            match chunk {
                Ok(bytes) => {
                    verified.chunks += 1;
                    verified.bytes += bytes.len() as u64;
                }
                Err(error) if is_damage(&error) => {
                    let reason = error.to_string();
                    verified.damages.push(Damage { snapshots, what, reason });
                }
                Err(error) => return Err(error),
            }
        }
        verified.damages.sort_by(|a, b| (&a.what, &a.reason).cmp(&(&b.what, &b.reason)));
        Ok(verified)
    }

    async fn needs(&self, id: &SnapshotId, needed: &mut Needed) -> Result<(), BackupError> {
        let snapshot = self.load(id).await?;
        let mut need = |name: ChunkName, file: &str| {
            let (_, snapshots) =
                needed.entry(name).or_insert_with(|| (file.to_owned(), Vec::new()));
            if snapshots.last() != Some(id) {
                snapshots.push(id.clone());
            }
        };
        let files = self.files(&snapshot).await?;
        for name in &snapshot.list {
            need(*name, "the list of files");
        }
        for file in &files {
            for name in &file.chunks {
                need(*name, &file.path);
            }
        }
        Ok(())
    }
}

/// Whether an error says that something is not as it was written, rather than that it cannot be reached.
fn is_damage(error: &BackupError) -> bool {
    matches!(
        error,
        BackupError::DamagedSnapshot { .. }
            | BackupError::UnknownSnapshot { .. }
            | BackupError::MissingChunk { .. }
            | BackupError::DamagedChunk { .. }
            | BackupError::OtherFile { .. }
    )
}
