//! Removing old backups, and the chunks that only they needed.

use std::collections::HashSet;

use futures_util::TryStreamExt;
use kartei_blob_store::BlobName;

use crate::chunk::{CHUNKS, ChunkName};
use crate::limits::DELETED_BETWEEN_LOOKS;
use crate::marks::{Mark, Work};
use crate::{BackupError, Repository, SnapshotId};

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// The backups, the oldest first.
    pub snapshots: Vec<SnapshotId>,
    /// Chunks that nobody needs any more, also those of backups that broke off.
    pub chunks: u64,
    /// Bytes that these took in the store.
    pub bytes: u64,
}

impl Repository {
    /// Keeps the newest `keep` backups, at least one, and removes the others with the chunks that only
    /// they needed.
    ///
    /// # Errors
    /// [`BackupError::InUse`]; where a backup that is kept cannot be read, as nobody could say which chunks
    /// it needs: nothing was removed then; and where the store fails: calling again goes on.
    pub async fn forget(&self, keep: usize) -> Result<Forgotten, BackupError> {
        let mark = self.mark(Work::Forgetting).await?;
        let forgotten = self.forget_marked(&mark, keep.max(1)).await;
        // The first error is the one to tell.
        let unmarked = self.unmark(mark).await;
        let forgotten = forgotten?;
        unmarked.map(|()| forgotten)
    }

    async fn forget_marked(&self, mark: &Mark, keep: usize) -> Result<Forgotten, BackupError> {
        let ids = self.ids().await?;
        let (old, kept) = ids.split_at(ids.len().saturating_sub(keep));
        let mut needed = HashSet::new();
        for id in kept {
            let snapshot = self.load(id).await?;
            for file in self.files(&snapshot).await? {
                needed.extend(file.chunks);
            }
            needed.extend(snapshot.list);
        }
        self.is_marked(mark).await?;
        // A snapshot goes before its chunks: dying in between leaves chunks that the next one removes.
        for id in old {
            self.store.delete(&id.blob()?).await?;
        }
        let mut forgotten = Forgotten { snapshots: old.to_vec(), ..Forgotten::default() };
        let all: Vec<_> = self.store.list(Some(&BlobName::new(CHUNKS)?)).try_collect().await?;
        let is_needed = |name: &BlobName| ChunkName::of(name).is_none_or(|n| needed.contains(&n));
        for (number, entry) in all.iter().filter(|entry| !is_needed(&entry.name)).enumerate() {
            if number % DELETED_BETWEEN_LOOKS == 0 {
                self.is_marked(mark).await?;
            }
            self.store.delete(&entry.name).await?;
            forgotten.chunks += 1;
            forgotten.bytes += entry.size_bytes;
        }
        Ok(forgotten)
    }
}
