//! A place for backups: opening it, what snapshots it has, the files of one.

use std::fmt;

use bytes::Bytes;
use futures_util::TryStreamExt;
use kartei_blob_store::{BlobError, BlobName, BlobStore};
use serde::{Deserialize, Serialize};

use crate::chunk::{self, ChunkName};
use crate::limits::CHUNK_BYTES_MAX;
use crate::snapshot::SNAPSHOTS;
use crate::{BackupError, BackupKey, FileEntry, Snapshot, SnapshotId};

/// The blob that says that here is a repository.
const HEAD: &str = "repository";

const HEAD_CONTEXT: &[u8] = b"kartei backup repository";

/// The form that this program writes and reads.
const FORM: u32 = 1;

/// What the head says to everybody, and what only the key opens.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    form: u32,
    /// Hex of a sealed word.
    proof: String,
}

/// Backups at one place, under one key. Cloning is cheap.
#[derive(Clone)]
pub struct Repository {
    pub(crate) store: BlobStore,
    pub(crate) key: BackupKey,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repository({})", self.store.place())
    }
}

impl Repository {
    /// Opens the repository in a store.
    ///
    /// # Errors
    /// [`BackupError::NoRepository`], [`BackupError::OtherKey`], [`BackupError::OtherForm`], and where the
    /// store fails.
    pub async fn open(store: BlobStore, key: BackupKey) -> Result<Self, BackupError> {
        let place = store.place().to_owned();
        let text = match store.get(&BlobName::new(HEAD)?).await {
            Ok(text) => text,
            Err(error) if error.is_not_found() => {
                return Err(BackupError::NoRepository { place });
            }
            Err(error) => return Err(error.into()),
        };
        let other_key = || BackupError::OtherKey { place: place.clone() };
        let head: Head = serde_json::from_slice(&text).map_err(|_| other_key())?;
        if head.form != FORM {
            return Err(BackupError::OtherForm { place, found: head.form, known: FORM });
        }
        let proof = unhex(&head.proof).ok_or_else(other_key)?;
        key.seal.open_bytes(&proof, HEAD_CONTEXT).map_err(|_| other_key())?;
        Ok(Self { store, key })
    }

    /// Opens the repository in a store, or begins one where the store is empty.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`BackupError::NotEmpty`].
    pub async fn open_or_begin(store: BlobStore, key: BackupKey) -> Result<Self, BackupError> {
        match Self::open(store.clone(), key.clone()).await {
            Err(BackupError::NoRepository { .. }) => {}
            other => return other,
        }
        if store.list(None).try_next().await?.is_some() {
            return Err(BackupError::NotEmpty { place: store.place().to_owned() });
        }
        let proof = key.seal.seal_bytes(b"kartei", HEAD_CONTEXT)?;
        let head = Head { form: FORM, proof: hex(&proof) };
        let text = serde_json::to_vec(&head).map_err(|e| BackupError::Broken(e.to_string()))?;
        match store.put_bytes(&BlobName::new(HEAD)?, Bytes::from(text)).await {
            // Somebody was quicker; whether with the same key is seen below.
            Ok(_) | Err(BlobError::AlreadyExists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Self::open(store, key).await
    }

    /// Where it is, for people.
    #[must_use]
    pub fn place(&self) -> &str {
        self.store.place()
    }

    /// The names of all completed backups, the oldest first.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn ids(&self) -> Result<Vec<SnapshotId>, BackupError> {
        let prefix = BlobName::new(SNAPSHOTS)?;
        let mut ids: Vec<SnapshotId> = self
            .store
            .list(Some(&prefix))
            .map_ok(|entry| {
                SnapshotId::named(entry.name.as_str().rsplit('/').next().unwrap_or_default())
            })
            .try_collect()
            .await?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// The newest backup.
    ///
    /// # Errors
    /// [`BackupError::NoSnapshot`], [`BackupError::DamagedSnapshot`], and where the store fails.
    pub async fn newest(&self) -> Result<Snapshot, BackupError> {
        match self.ids().await?.last() {
            Some(id) => self.load(id).await,
            None => Err(BackupError::NoSnapshot { place: self.place().to_owned() }),
        }
    }

    /// The backup that a person names.
    ///
    /// # Errors
    /// [`BackupError::UnknownSnapshot`], [`BackupError::DamagedSnapshot`], and where the store fails.
    pub async fn named(&self, id: &str) -> Result<Snapshot, BackupError> {
        self.load(&SnapshotId::named(id)).await
    }

    /// The backup with this name.
    ///
    /// # Errors
    /// As [`named`](Self::named).
    pub async fn load(&self, id: &SnapshotId) -> Result<Snapshot, BackupError> {
        let unknown =
            || BackupError::UnknownSnapshot { id: id.to_string(), place: self.place().to_owned() };
        let blob = id.blob().map_err(|_| unknown())?;
        let sealed = match self.store.get(&blob).await {
            Ok(sealed) => sealed,
            Err(error) if error.is_not_found() => return Err(unknown()),
            Err(error) => return Err(error.into()),
        };
        let text = self.key.seal.open_bytes(&sealed, &id.context());
        let text = text.map_err(|_| damaged(id, "its bytes were changed"))?;
        let snapshot: Snapshot =
            serde_json::from_slice(&text).map_err(|_| damaged(id, "it cannot be understood"))?;
        if snapshot.id != *id {
            return Err(damaged(id, "it is another one under this name"));
        }
        Ok(snapshot)
    }

    /// The files of a backup, in the order in which they were added.
    ///
    /// # Errors
    /// [`BackupError::DamagedSnapshot`], [`BackupError::MissingChunk`], [`BackupError::DamagedChunk`], and where
    /// the store fails.
    pub async fn files(&self, snapshot: &Snapshot) -> Result<Vec<FileEntry>, BackupError> {
        let id = &snapshot.id;
        let mut text = Vec::new();
        for name in &snapshot.list {
            text.extend(self.chunk(*name, &format!("the list of files of {id}")).await?);
        }
        if text.len() as u64 != snapshot.list_bytes {
            return Err(damaged(id, "its list of files has another length"));
        }
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let files: Vec<FileEntry> = lines
            .map(serde_json::from_slice)
            .collect::<Result<_, _>>()
            .map_err(|_| damaged(id, "its list of files cannot be understood"))?;
        let is_sound = |file: &FileEntry| match file.chunk_bytes {
            Some(bytes) => {
                (1..=CHUNK_BYTES_MAX).contains(&bytes)
                    && file.bytes.div_ceil(bytes.into()) == file.chunks.len() as u64
            }
            // No chunk is empty.
            None => file.chunks.len() as u64 <= file.bytes,
        };
        if files.len() as u64 != snapshot.files || !files.iter().all(is_sound) {
            return Err(damaged(id, "its list of files does not add up"));
        }
        Ok(files)
    }

    /// The bytes of a chunk, checked. `file` is what it is read for.
    pub(crate) async fn chunk(&self, name: ChunkName, file: &str) -> Result<Vec<u8>, BackupError> {
        let (blob, file) = (name.blob()?, file.to_owned());
        let chunk = blob.to_string();
        let sealed = match self.store.get(&blob).await {
            Ok(sealed) => sealed,
            Err(error) if error.is_not_found() => {
                return Err(BackupError::MissingChunk { file, chunk });
            }
            Err(error) => return Err(error.into()),
        };
        let key = self.key.clone();
        let opened = tokio::task::spawn_blocking(move || chunk::open(&key, name, &sealed)).await?;
        opened.ok_or(BackupError::DamagedChunk { file, chunk })
    }
}

fn damaged(id: &SnapshotId, reason: &str) -> BackupError {
    BackupError::DamagedSnapshot { id: id.to_string(), reason: reason.to_owned() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}
