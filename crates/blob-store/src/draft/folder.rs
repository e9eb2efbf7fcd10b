//! Drafts in a folder: one file each, of the final length from the beginning, renamed at the end.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::file::{DraftFile, preallocate};
use crate::BlobName;
use crate::folder::{Folder, blocking, is_absent, sync_folder, sync_parent};
use crate::sealed::sealed_bytes;

/// Between the name and the id in a file's name, and instead of `/`. No name has it.
const JOINT: char = '+';

/// Bytes of a blob's name at most, so that its draft's file name stays below the 255 of file systems.
pub(crate) const DRAFT_NAME_BYTES_MAX: usize = 220;

/// A draft's file.
#[derive(Debug)]
pub(crate) struct FolderDraft {
    folder: Folder,
    path: PathBuf,
    target: PathBuf,
    file: Mutex<Option<Arc<DraftFile>>>,
    /// Whether the file's entry in its directory survives a power failure, as far as is known here.
    is_entry_durable: AtomicBool,
}

/// What becomes of a draft's own entry when the blob gets its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It goes.
    Goes,
    /// It stays beside the name, for who looks for blobs that nobody came to know of.
    Stays,
}

/// How finishing went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finished {
    /// The blob is there, by this call or by one before it.
    There,
    /// Neither the draft nor a blob of this size is there.
    Gone,
}

impl FolderDraft {
    pub(crate) fn new(folder: &Folder, name: &BlobName, id: &str) -> Self {
        Self {
            path: folder.drafts().join(file_name(name, id)),
            target: folder.path(name),
            folder: folder.clone(),
            file: Mutex::default(),
            is_entry_durable: AtomicBool::new(false),
        }
    }

    /// Makes the file. A power failure may take it away until the first checkpoint.
    pub(crate) async fn create(self: Arc<Self>, size: Option<u64>) -> io::Result<()> {
        blocking(move || {
            let file = OpenOptions::new().write(true).create_new(true).open(&self.path)?;
            let reserved = preallocate(&file, size.map_or(0, sealed_bytes));
            if reserved.is_err() {
                fs::remove_file(&self.path)?;
            }
            reserved
        })
        .await
    }

    /// The open file. It stays open as long as this draft is used.
    pub(crate) fn file(&self) -> io::Result<Arc<DraftFile>> {
        let mut file = self.cached();
        if let Some(file) = &*file {
            return Ok(Arc::clone(file));
        }
        Ok(Arc::clone(file.insert(self.folder.open_drafts.open(&self.path)?)))
    }

    /// Waits until all that was written survives a power failure.
    pub(crate) async fn sync(self: Arc<Self>) -> io::Result<()> {
        blocking(move || self.flush()).await
    }

    /// The same, on a thread that may block.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.file()?.sync_data()?;
        if !self.is_entry_durable.load(Ordering::Acquire) {
            sync_folder(&self.folder.drafts())?;
            self.is_entry_durable.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Gives the file its length and its name. No writer of this process is at it then, nor later.
    pub(crate) async fn finish(self: Arc<Self>, size: u64, entry: Entry) -> io::Result<Finished> {
        blocking(move || {
            let bytes = sealed_bytes(size);
            let file = match self.file() {
                Ok(file) => file,
                Err(error) if is_absent(&error) => return self.find(bytes),
                Err(error) => return Err(error),
            };
            file.close();
            let published = self.publish(file.plain(), bytes, entry);
            match &published {
                Ok(Finished::There) => *self.cached() = None,
                _ if self.path.exists() => file.reopen(),
                _ => {}
            }
            published
        })
        .await
    }

    fn publish(&self, file: &fs::File, bytes: u64, entry: Entry) -> io::Result<Finished> {
        if self.target.exists() {
            // Be it that another call finished this draft since it was opened.
            let is_draft = self.path.exists();
            let taken = || Err(io::ErrorKind::AlreadyExists.into());
            return if is_draft { taken() } else { self.find(bytes) };
        }
        let len = file.metadata()?.len();
        if len < bytes {
            // What was told to have landed is lost: another file system, or one that was mended.
            return Ok(Finished::Gone);
        }
        if len > bytes {
            file.set_len(bytes)?;
        }
        // What landed is durable already, unless a second writer wrote the same over it since.
        file.sync_all()?;
        let parent = self.target.parent().unwrap_or(self.folder.root());
        self.folder.make(parent)?;
        match self.name_it(entry) {
            Ok(()) => sync_folder(parent).map(|()| Finished::There),
            // Another one finished it since it was opened.
            Err(error) if is_absent(&error) => self.find(bytes),
            Err(error) => Err(error),
        }
    }

    fn name_it(&self, entry: Entry) -> io::Result<()> {
        if entry == Entry::Stays {
            match fs::hard_link(&self.path, &self.target) {
                // Some file systems know one name of a file only. The blob matters more than its second entry.
                Err(error)
                    if error.kind() != io::ErrorKind::AlreadyExists && !is_absent(&error) => {}
                linked => return linked,
            }
        }
        fs::rename(&self.path, &self.target)
    }

    /// Whether a blob of this length is there to stay.
    fn find(&self, bytes: u64) -> io::Result<Finished> {
        match fs::metadata(&self.target) {
            Ok(found) if found.is_file() && found.len() == bytes => {
                sync_parent(&self.target)?;
                Ok(Finished::There)
            }
            Ok(_) => Ok(Finished::Gone),
            Err(error) if is_absent(&error) => Ok(Finished::Gone),
            Err(error) => Err(error),
        }
    }

    /// Removes the entry that stayed. It may be there again after a power failure.
    pub(crate) async fn release(self: Arc<Self>) -> io::Result<()> {
        blocking(move || match fs::remove_file(&self.path) {
            Err(error) if !is_absent(&error) => Err(error),
            _ => Ok(()),
        })
        .await
    }

    /// Removes the file; a missing one is fine.
    pub(crate) async fn abort(self: Arc<Self>) -> io::Result<()> {
        blocking(move || {
            match self.file() {
                Ok(file) => file.close(),
                Err(error) if is_absent(&error) => return Ok(()),
                // One that cannot be opened has no writers, and may still be removed.
                Err(_) => {}
            }
            *self.cached() = None;
            match fs::remove_file(&self.path) {
                Ok(()) => sync_folder(&self.folder.drafts()),
                Err(error) if is_absent(&error) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }

    fn cached(&self) -> MutexGuard<'_, Option<Arc<DraftFile>>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files of drafts: name, id and last modification. What else lies there is
/// left out.
pub(crate) fn list(drafts: &Path) -> io::Result<Vec<(BlobName, String, SystemTime)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(drafts)? {
        let entry = entry?;
        let Some((name, id)) = entry.file_name().to_str().and_then(named) else { continue };
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        match modified {
            Ok(modified) => found.push((name, id, modified)),
            // Finished or aborted since it was listed.
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn file_name(name: &BlobName, id: &str) -> String {
    let segments: Vec<&str> = name.segments().collect();
    format!("{}{JOINT}{JOINT}{id}", segments.join(&JOINT.to_string()))
}

fn named(file: &str) -> Option<(BlobName, String)> {
    let (name, id) = file.rsplit_once("++")?;
    Some((BlobName::new(name.replace(JOINT, "/")).ok()?, id.to_owned()))
}
