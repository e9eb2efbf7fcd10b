//! Small sealed texts beside the backups, of what must be known also where a backup is older.

use bytes::Bytes;
use futures_util::TryStreamExt;
use kartei_blob_store::{BlobName, BlobNameError};

use crate::{BackupError, Repository, SnapshotId};

const NOTES: &str = "notes";

/// A note that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its name, which begins with the moment at which it was written.
    pub id: SnapshotId,
    /// What it says.
    pub text: Vec<u8>,
}

impl Repository {
    /// Keeps a note, unless the newest one says the same. `now` is in milliseconds since 1970. Answers
    /// whether it was written.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn note(&self, now: i64, text: &[u8]) -> Result<bool, BackupError> {
        if let Some(id) = self.note_ids().await?.last()
            && self.read_note(id).await?.is_ok_and(|note| note.text == text)
        {
            return Ok(false);
        }
        let id = SnapshotId::new(now)?;
        let sealed = self.key.seal.seal_bytes(text, &context(&id))?;
        self.store.put_bytes(&blob(&id)?, Bytes::from(sealed)).await?;
        Ok(true)
    }

    /// All notes, the newest first; in the place of one that cannot be read, the name of its blob.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn notes(&self) -> Result<Vec<Result<Note, String>>, BackupError> {
        let mut notes = Vec::new();
        for id in self.note_ids().await?.iter().rev() {
            notes.push(self.read_note(id).await?);
        }
        Ok(notes)
    }

    async fn note_ids(&self) -> Result<Vec<SnapshotId>, BackupError> {
        let listed = self.store.list(Some(&BlobName::new(NOTES)?));
        let name = |name: &BlobName| {
            SnapshotId::named(name.as_str().rsplit('/').next().unwrap_or_default())
        };
        let mut ids: Vec<SnapshotId> =
            listed.map_ok(|entry| name(&entry.name)).try_collect().await?;
        ids.sort_unstable();
        Ok(ids)
    }

    async fn read_note(&self, id: &SnapshotId) -> Result<Result<Note, String>, BackupError> {
        let blob = blob(id)?;
        let sealed = self.store.get(&blob).await?;
        let opened = self.key.seal.open_bytes(&sealed, &context(id));
        Ok(opened.map(|text| Note { id: id.clone(), text }).map_err(|_| blob.to_string()))
    }
}

fn blob(id: &SnapshotId) -> Result<BlobName, BlobNameError> {
    BlobName::new(format!("{NOTES}/{id}"))
}

fn context(id: &SnapshotId) -> Vec<u8> {
    format!("kartei backup note {id}").into_bytes()
}
