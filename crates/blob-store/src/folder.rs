//! Writing into a folder so that an answer means that the bytes are on the disk: a file in the
//! staging folder, its content flushed, then renamed to its name, then the directory flushed.
//!
//! On Windows a directory cannot be opened and flushed; there the rename is in the file system's
//! journal, and a power failure may undo the newest ones as a whole, never in part.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::draft::OpenDrafts;
use crate::limits::{STAGED_AGE_MAX, WRITE_BYTES};
use crate::{BlobName, Digest};

/// Files that are being written. No name of a blob begins with a dot.
pub(crate) const STAGING: &str = ".staging";

/// Drafts. They are not swept: whoever keeps their places ends them.
pub(crate) const DRAFTS: &str = ".drafts";

/// What to do where a name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The new blob takes its place, in one step.
    Replace,
    /// Nothing is changed, and the put fails.
    Refuse,
}

/// A folder of blobs. A blob's path is its name.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
    /// Held from making a folder until it is flushed, so that nobody stores a blob in one that a
    /// power failure could still take away.
    making: Arc<Mutex<()>>,
    pub(crate) open_drafts: Arc<OpenDrafts>,
}

impl Folder {
    /// Opens the folder, makes it where it is missing, and removes what dead processes left in its
    /// staging folder.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let folder = Self {
            root: root.canonicalize()?,
            making: Arc::default(),
            open_drafts: Arc::default(),
        };
        fs::create_dir_all(folder.staging())?;
        fs::create_dir_all(folder.drafts())?;
        sync_folder(&folder.root)?;
        sweep(&folder.staging(), SystemTime::now());
        Ok(folder)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn staging(&self) -> PathBuf {
        self.root.join(STAGING)
    }

    pub(crate) fn drafts(&self) -> PathBuf {
        self.root.join(DRAFTS)
    }

    pub(crate) fn path(&self, name: &BlobName) -> PathBuf {
        let mut path = self.root.clone();
        path.extend(name.segments());
        path
    }

    /// Makes a folder below the root, with those on the way, flushed.
    pub(crate) fn make(&self, folder: &Path) -> io::Result<()> {
        // Nothing is kept under the lock, so a panic of another thread spoils nothing.
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        create_folders(&self.root, folder)
    }

    /// The size of a blob, if it is there, and that it stays there: somebody else may have renamed
    /// it a moment ago and not flushed the directory yet.
    pub(crate) async fn find_durable(&self, name: &BlobName) -> io::Result<Option<u64>> {
        let path = self.path(name);
        blocking(move || match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                sync_parent(&path)?;
                Ok(Some(metadata.len()))
            }
            Ok(_) => Ok(None),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// Removes a blob; a missing one is fine. The folders it was in stay, as others may be about to
    /// write there.
    pub(crate) async fn delete(&self, name: &BlobName) -> io::Result<()> {
        let path = self.path(name);
        blocking(move || match fs::remove_file(&path) {
            Ok(()) => sync_parent(&path),
            Err(error) if is_absent(&error) => Ok(()),
            // The name of a folder, which removing a file refuses in many ways.
            Err(_) if path.is_dir() => Ok(()),
            Err(error) => Err(error),
        })
        .await
    }
}

/// No file has the path, be it that a folder on the way is missing or is a file itself.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// A file that is being written, with the digest of what is in it. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct StagedFile {
    state: State,
    batch: Vec<Bytes>,
    batch_bytes: usize,
    size_bytes: u64,
}

#[derive(Debug)]
enum State {
    Idle(Written),
    Writing(JoinHandle<io::Result<Written>>),
    /// A write failed, or the future that waited for it was dropped.
    Broken,
}

#[derive(Debug)]
struct Written {
    file: NamedTempFile,
    hasher: Sha256,
}

impl StagedFile {
    /// An empty file in a staging folder, which is made where it is missing.
    pub(crate) async fn create(staging: PathBuf) -> io::Result<Self> {
        let file = blocking(move || {
            fs::create_dir_all(&staging)?;
            tempfile::Builder::new().prefix("put-").tempfile_in(&staging)
        })
        .await?;
        let state = State::Idle(Written { file, hasher: Sha256::new() });
        Ok(Self { state, batch: Vec::new(), batch_bytes: 0, size_bytes: 0 })
    }

    /// Bytes so far.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Adds bytes. While one batch is written the next one is gathered; the third one waits.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.batch_bytes += bytes.len();
        self.size_bytes += bytes.len() as u64;
        self.batch.push(bytes);
        if self.batch_bytes >= WRITE_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut written = self.settle().await?;
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        self.state = State::Writing(spawn_blocking(move || {
            for bytes in batch {
                written.hasher.update(&bytes);
                written.file.write_all(&bytes)?;
            }
            Ok(written)
        }));
        Ok(())
    }

    async fn settle(&mut self) -> io::Result<Written> {
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Idle(written) => Ok(written),
            State::Writing(task) => task.await.map_err(io::Error::other)?,
            State::Broken => Err(io::Error::other("an earlier write failed")),
        }
    }

    /// Writes what was gathered and answers the digest of all.
    pub(crate) async fn digest(&mut self) -> io::Result<Digest> {
        self.flush().await?;
        let written = self.settle().await?;
        let digest = Digest::from(written.hasher.clone());
        self.state = State::Idle(written);
        Ok(digest)
    }

    /// Gives the file its name; when this answers, it survives a power failure.
    pub(crate) async fn commit(
        mut self,
        folder: &Folder,
        name: &BlobName,
        taken: Taken,
    ) -> io::Result<()> {
        self.flush().await?;
        let file = self.settle().await?.file;
        let (folder, target) = (folder.clone(), folder.path(name));
        blocking(move || {
            file.as_file().sync_all()?;
            let parent = target.parent().unwrap_or(&folder.root);
            folder.make(parent)?;
            match taken {
                Taken::Replace => file.persist(&target),
                Taken::Refuse => file.persist_noclobber(&target),
            }
            .map_err(|error| error.error)?;
            sync_folder(parent)
        })
        .await
    }

    /// The file itself, from its beginning, for reading. It is removed when it is dropped.
    pub(crate) async fn into_file(mut self) -> io::Result<NamedTempFile> {
        self.flush().await?;
        Ok(self.settle().await?.file)
    }
}

/// Makes a folder below `root` with those on the way to it, each flushed where it was made.
fn create_folders(root: &Path, folder: &Path) -> io::Result<()> {
    if folder == root || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(root);
    create_folders(root, above)?;
    match fs::create_dir(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        // The name of a folder is taken by a file, which is no answer to a put that creates a file.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(io::Error::other("a beginning of the name is the name of another blob"));
        }
        Err(error) => return Err(error),
    }
    sync_folder(above)
}

/// Removes files that nobody has written to for long. What cannot be removed only takes space, so
/// it is said and left.
pub(crate) fn sweep(staging: &Path, now: SystemTime) {
    for entry in fs::read_dir(staging).into_iter().flatten().flatten() {
        let touched = entry.metadata().and_then(|metadata| metadata.modified());
        let age = touched.ok().and_then(|touched| now.duration_since(touched).ok());
        let is_old = age.is_some_and(|age| age > STAGED_AGE_MAX);
        if is_old && let Err(error) = fs::remove_file(entry.path()) {
            let file = entry.file_name();
            tracing::warn!(%error, ?file, "an abandoned file of the blob store stays");
        }
    }
}

pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), sync_folder)
}

#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_old_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("put-1");
        fs::write(&file, b"left by a process that died").unwrap();
        sweep(folder.path(), SystemTime::now());
        assert!(file.exists(), "somebody may be writing to it");
        sweep(folder.path(), SystemTime::now() + STAGED_AGE_MAX * 2);
        assert!(!file.exists());
    }

    #[tokio::test]
    async fn a_file_on_the_way_to_a_name_is_said() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        fs::write(root.path().join("a"), b"").unwrap();
        let staged = StagedFile::create(folder.staging()).await.unwrap();
        let name = BlobName::new("a/b").unwrap();
        let error = staged.commit(&folder, &name, Taken::Refuse).await.unwrap_err();
        assert!(error.to_string().contains("beginning of the name"), "{error}");
        assert_eq!(fs::read_dir(folder.staging()).unwrap().count(), 0, "nothing is left");
    }
}
