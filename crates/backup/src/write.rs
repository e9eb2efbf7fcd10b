//! Writing a snapshot.

use std::collections::{HashMap, HashSet};
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt, TryStreamExt};
use kartei_blob_store::{BlobError, BlobName};
use tokio::task::JoinHandle;

use crate::chunk::{self, CHUNKS, ChunkName};
use crate::limits::{AT_ONCE, CHUNK_BYTES_MAX, Cut, FILE_CHUNK_BYTES};
use crate::marks::{Mark, Work};
use crate::{BackupError, FileEntry, Repository, Snapshot, SnapshotId};

/// What a backup came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The completed backup.
    pub snapshot: Snapshot,
    /// Chunks that were not there before.
    pub new_chunks: u64,
    /// Bytes that these take in the store.
    pub new_bytes: u64,
}

/// A backup that is being written. It is none before [`finish`](Self::finish); what was written of one
/// that is dropped is used by the next one.
#[derive(Debug)]
pub struct Writer {
    repository: Repository,
    mark: Mark,
    id: SnapshotId,
    made_at: i64,
    known: HashSet<ChunkName>,
    /// The files of the backup before, by path.
    before: HashMap<String, FileEntry>,
    files: Vec<FileEntry>,
    on_their_way: FuturesUnordered<JoinHandle<Result<u64, BackupError>>>,
    new_chunks: u64,
    new_bytes: u64,
}

impl Repository {
    /// Begins a backup. `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// [`BackupError::InUse`], and where the store fails.
    pub async fn write(&self, now: i64) -> Result<Writer, BackupError> {
        let mark = self.mark(Work::Writing).await?;
        let prefix = BlobName::new(CHUNKS)?;
        let known = self
            .store
            .list(Some(&prefix))
            .try_filter_map(|entry| std::future::ready(Ok(ChunkName::of(&entry.name))))
            .try_collect()
            .await?;
        let before = match self.newest().await {
            // What cannot be read of it is read from the source.
            Ok(newest) => self.files(&newest).await.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        Ok(Writer {
            repository: self.clone(),
            mark,
            id: SnapshotId::new(now)?,
            made_at: now,
            known,
            before: before.into_iter().map(|file| (file.path.clone(), file)).collect(),
            files: Vec::new(),
            on_their_way: FuturesUnordered::new(),
            new_chunks: 0,
            new_bytes: 0,
        })
    }
}

impl Writer {
    /// Takes a file over from the backup before, without reading it; answers whether that could be done:
    /// it had this path, size and stamp, and all its chunks are there.
    pub fn keep(&mut self, path: &str, bytes: u64, stamp: &str) -> bool {
        let Some(file) = self.before.get(path) else { return false };
        let is_same = file.bytes == bytes && file.stamp.as_deref() == Some(stamp);
        if !is_same || !file.chunks.iter().all(|chunk| self.known.contains(chunk)) {
            return false;
        }
        self.files.push(file.clone());
        true
    }

    /// Adds a file: `body` gives all its bytes, in pieces. Answers how many bytes it has.
    ///
    /// # Errors
    /// [`BackupError::Copy`] where the body fails, and where the store fails.
    pub async fn add<E: std::error::Error + Send + Sync + 'static>(
        &mut self,
        path: &str,
        stamp: Option<String>,
        cut: Cut,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<u64, BackupError> {
        let (chunks, bytes, digest) = self.chunks(path, cut, body).await?;
        let digest = digest.to_hex().to_string();
        let (path, chunk_bytes) = (path.to_owned(), cut.chunk_bytes());
        self.files.push(FileEntry { path, bytes, digest, stamp, chunk_bytes, chunks });
        Ok(bytes)
    }

    /// Completes the backup: from here on it is one.
    ///
    /// # Errors
    /// [`BackupError::MarkLost`], and where the store fails; then there is no backup, unless all that failed
    /// was taking the own mark away.
    pub async fn finish(
        mut self,
        program: &str,
        subject: serde_json::Value,
    ) -> Result<Written, BackupError> {
        let completed = self.complete(program, subject).await;
        // The first error is the one to tell.
        let unmarked = self.repository.unmark(self.mark).await;
        let snapshot = completed?;
        unmarked?;
        Ok(Written { snapshot, new_chunks: self.new_chunks, new_bytes: self.new_bytes })
    }

    async fn complete(
        &mut self,
        program: &str,
        subject: serde_json::Value,
    ) -> Result<Snapshot, BackupError> {
        let mut list = Vec::new();
        for file in &self.files {
            serde_json::to_writer(&mut list, file).map_err(broken)?;
            list.push(b'\n');
        }
        let (files, bytes) =
            (self.files.len() as u64, self.files.iter().map(|file| file.bytes).sum());
        let body = futures_util::stream::once(async { Ok::<_, BlobError>(Bytes::from(list)) });
        let (list, list_bytes, _) =
            self.chunks("the list of files", Cut::Every(FILE_CHUNK_BYTES), body).await?;
        while let Some(done) = self.on_their_way.next().await {
            self.count(done?)?;
        }
        let snapshot = Snapshot {
            id: self.id.clone(),
            made_at: self.made_at,
            program: program.to_owned(),
            subject,
            files,
            bytes,
            list_bytes,
            list,
        };
        let text = serde_json::to_vec(&snapshot).map_err(broken)?;
        let sealed = self.repository.key.seal.seal_bytes(&text, &self.id.context())?;
        // Nobody gave this backup up, so no chunk that it needs was forgotten meanwhile.
        self.repository.is_marked(&self.mark).await?;
        self.repository.store.put_bytes(&self.id.blob()?, Bytes::from(sealed)).await?;
        Ok(snapshot)
    }

    /// Gives the backup up: nothing of it is seen.
    ///
    /// # Errors
    /// Where the store fails; then others wait until the mark is old.
    pub async fn give_up(self) -> Result<(), BackupError> {
        self.repository.unmark(self.mark).await
    }

    async fn chunks<E: std::error::Error + Send + Sync + 'static>(
        &mut self,
        path: &str,
        cut: Cut,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<(Vec<ChunkName>, u64, blake3::Hash), BackupError> {
        let size = cut.chunk_bytes().unwrap_or(CHUNK_BYTES_MAX);
        let size = usize::try_from(size).map_err(broken)?;
        let (mut body, mut held) = (pin!(body), BytesMut::new());
        let (mut names, mut bytes, mut hasher) = (Vec::new(), 0, blake3::Hasher::new());
        loop {
            let piece = body.next().await.transpose();
            let piece = piece.map_err(|error| BackupError::Copy {
                file: path.to_owned(),
                source: std::io::Error::other(error),
            })?;
            let is_end = piece.is_none();
            held.extend_from_slice(&piece.unwrap_or_default());
            let is_cut = is_end || cut == Cut::AtPieces;
            while held.len() >= size || (is_cut && !held.is_empty()) {
                let chunk = held.split_to(size.min(held.len())).freeze();
                hasher.update(&chunk);
                bytes += chunk.len() as u64;
                names.push(self.put(chunk).await?);
            }
            if is_end {
                return Ok((names, bytes, hasher.finalize()));
            }
        }
    }

    async fn put(&mut self, bytes: Bytes) -> Result<ChunkName, BackupError> {
        let name = chunk::name_of(&self.repository.key, &bytes);
        if !self.known.insert(name) {
            return Ok(name);
        }
        while self.on_their_way.len() >= AT_ONCE
            && let Some(done) = self.on_their_way.next().await
        {
            self.count(done?)?;
        }
        let repository = self.repository.clone();
        self.on_their_way.push(tokio::spawn(async move {
            let (key, blob) = (repository.key.clone(), name.blob()?);
            let sealed = tokio::task::spawn_blocking(move || chunk::seal(&key, name, &bytes));
            let sealed = sealed.await??;
            let bytes = sealed.len() as u64;
            match repository.store.put_bytes(&blob, sealed).await {
                // Another backup runs, and has the same.
                Ok(_) | Err(BlobError::AlreadyExists { .. }) => Ok(bytes),
                Err(error) => Err(error.into()),
            }
        }));
        Ok(name)
    }

    fn count(&mut self, done: Result<u64, BackupError>) -> Result<(), BackupError> {
        self.new_bytes += done?;
        self.new_chunks += 1;
        Ok(())
    }
}

fn broken(error: impl std::fmt::Display) -> BackupError {
    BackupError::Broken(error.to_string())
}
