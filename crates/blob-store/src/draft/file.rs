//! A draft's file: written at places, past the page cache where the system takes that.
//!
//! Writing through the page cache costs three times the processor (measurements in
//! docs/adr/0021), and holds memory that others want. Where the file system refuses `O_DIRECT`, as
//! some do when opening and some when writing, the ordinary way is taken.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

/// The drafts' files that are open in this process. Each is open once, so that its writers know of
/// each other, and of its end.
#[derive(Debug, Default)]
pub(crate) struct OpenDrafts(Mutex<HashMap<PathBuf, Weak<DraftFile>>>);

impl OpenDrafts {
    /// The file at a path, which is there.
    pub(super) fn open(&self, path: &Path) -> io::Result<Arc<DraftFile>> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(path).and_then(Weak::upgrade) {
            return Ok(file);
        }
        let file = Arc::new(DraftFile::open(path)?);
        files.retain(|_, file| file.strong_count() > 0);
        files.insert(path.to_owned(), Arc::downgrade(&file));
        Ok(file)
    }
}

/// An open file of a draft.
#[derive(Debug)]
pub(crate) struct DraftFile {
    plain: File,
    direct: Option<File>,
    /// Cleared at the first write that the file system refuses.
    is_direct: AtomicBool,
    turns: Mutex<Turns>,
    freed: Condvar,
}

/// Who may write.
#[derive(Debug, Default)]
struct Turns {
    /// The places that are being written.
    busy: HashSet<u64>,
    /// Nothing is written any more: the draft is finished or aborted.
    is_closed: bool,
}

impl DraftFile {
    fn open(path: &Path) -> io::Result<Self> {
        let plain = OpenOptions::new().read(true).write(true).open(path)?;
        let direct = open_direct(path);
        let is_direct = AtomicBool::new(direct.is_some());
        Ok(Self { plain, direct, is_direct, turns: Mutex::default(), freed: Condvar::new() })
    }

    /// Writes all of the bytes when it is their turn: nobody else in this process writes to the same
    /// place meanwhile. Who was stopped by then does not write over who came after, and nobody writes
    /// to what is closed. Place and length are multiples of a page.
    pub(super) fn write(&self, bytes: &[u8], place: u64, stopped: &AtomicBool) -> io::Result<()> {
        let mut turns = self.turns();
        while !turns.is_closed && !turns.busy.insert(place) {
            turns = self.wait(turns);
        }
        if turns.is_closed {
            return Err(io::ErrorKind::NotFound.into());
        }
        drop(turns);
        let written = match stopped.load(Ordering::Acquire) {
            true => Err(io::Error::other("its writer was given up")),
            false => self.write_at(bytes, place),
        };
        self.turns().busy.remove(&place);
        self.freed.notify_all();
        written
    }

    /// Lets nobody write any more, and waits for those that are at it.
    pub(super) fn close(&self) {
        let mut turns = self.turns();
        turns.is_closed = true;
        while !turns.busy.is_empty() {
            turns = self.wait(turns);
        }
        drop(turns);
        // Others wait for a turn, and are told now.
        self.freed.notify_all();
    }

    /// Lets writers go on, where closing was for nothing.
    pub(super) fn reopen(&self) {
        self.turns().is_closed = false;
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, turns: MutexGuard<'a, Turns>) -> MutexGuard<'a, Turns> {
        self.freed.wait(turns).unwrap_or_else(PoisonError::into_inner)
    }

    fn write_at(&self, bytes: &[u8], place: u64) -> io::Result<()> {
        if let Some(direct) = &self.direct
            && self.is_direct.load(Ordering::Relaxed)
        {
            match write_all_at(direct, bytes, place) {
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    self.is_direct.store(false, Ordering::Relaxed);
                }
                written => return written,
            }
        }
        write_all_at(&self.plain, bytes, place)
    }

    /// Waits until what was written survives a power failure.
    pub(super) fn sync_data(&self) -> io::Result<()> {
        self.plain.sync_data()
    }

    /// The handle for reading.
    pub(super) fn plain(&self) -> &File {
        &self.plain
    }
}

/// Reserves the file's whole length, so that a full disk is found now; where the file system cannot,
/// nothing is done.
#[cfg(target_os = "linux")]
pub(super) fn preallocate(file: &File, bytes: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    if bytes == 0 {
        return Ok(());
    }
    if i64::try_from(bytes).is_err() {
        // The system would call it an invalid argument.
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn preallocate(_file: &File, _bytes: u64) -> io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn open_direct(path: &Path) -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flag = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).ok()?;
    OpenOptions::new().write(true).custom_flags(flag).open(path).ok()
}

#[cfg(not(target_os = "linux"))]
fn open_direct(_path: &Path) -> Option<File> {
    None
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], place: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, place)
}

/// Fills the bytes from a place of the file.
#[cfg(unix)]
pub(super) fn read_exact_at(file: &File, bytes: &mut [u8], place: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, place)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut place: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        let written = file.seek_write(bytes, place)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        (bytes, place) = (&bytes[written..], place + written as u64);
    }
    Ok(())
}

/// Fills the bytes from a place of the file.
#[cfg(windows)]
pub(super) fn read_exact_at(file: &File, mut bytes: &mut [u8], mut place: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        let read = file.seek_read(bytes, place)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        (bytes, place) = (&mut bytes[read..], place + read as u64);
    }
    Ok(())
}
