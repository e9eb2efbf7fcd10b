//! The file that is sent: what it was like when it was chosen, and its parts.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};
use kartei_local_store::FilePrint;
use kartei_upload_core::{TREE_UNIT_BYTES, TreeDigest};
use tokio::sync::mpsc::Sender;

/// Bytes of a file's beginning and of its end that tell it from another one.
const END_BYTES: u64 = 64 * 1024;

/// Bytes that are handed to the connection at once; with the two that wait, what a stream keeps in memory.
const BLOCK_BYTES: u64 = 256 * 1024;

/// What keeps a part from being sent.
#[derive(Debug)]
pub(super) enum FileProblem {
    /// The file is not the one that was chosen.
    Changed,
    /// It cannot be read.
    Io(io::Error),
}

impl From<io::Error> for FileProblem {
    fn from(error: io::Error) -> Self {
        // Shorter than it was: somebody writes it anew.
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Changed } else { Self::Io(error) }
    }
}

fn modified(metadata: &Metadata) -> i64 {
    let since = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or_default()
}

/// What a file is like.
///
/// # Errors
/// Where it cannot be read.
pub(super) fn print_of(path: &Path) -> io::Result<FilePrint> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let size = metadata.len();
    let mut ends = Vec::with_capacity(64);
    for from in [0, size.saturating_sub(END_BYTES)] {
        file.seek(SeekFrom::Start(from))?;
        let mut part = Vec::new();
        (&mut file).take(END_BYTES).read_to_end(&mut part)?;
        ends.extend_from_slice(blake3::hash(&part).as_bytes());
    }
    Ok(FilePrint { size, modified: modified(&metadata), ends })
}

/// Whether a file is what it was; a look at its size and time only.
fn must_look_the_same(file: &File, print: &FilePrint) -> Result<(), FileProblem> {
    let metadata = file.metadata()?;
    let same = metadata.len() == print.size && modified(&metadata) == print.modified;
    if same { Ok(()) } else { Err(FileProblem::Changed) }
}

/// Opens the file and goes to `from`.
fn open_at(path: &Path, print: &FilePrint, from: u64) -> Result<File, FileProblem> {
    let mut file = File::open(path)?;
    must_look_the_same(&file, print)?;
    file.seek(SeekFrom::Start(from))?;
    Ok(file)
}

/// A file's digest while it is made, shared by the streams.
pub(super) type Tree = Arc<Mutex<TreeDigest>>;

fn add(tree: &Tree, from: u64, unit: &[u8]) {
    tree.lock().unwrap_or_else(PoisonError::into_inner).add(from, unit);
}

/// Reads `[from, to)` once: answers its CRC32C, and adds it to the file's digest. `looked` hears of each unit.
pub(super) fn look(
    path: &Path,
    print: &FilePrint,
    (from, to): (u64, u64),
    tree: &Tree,
    mut looked: impl FnMut(),
) -> Result<u32, FileProblem> {
    let mut file = open_at(path, print, from)?;
    let mut crc = Digest::new(CrcAlgorithm::Crc32Iscsi);
    let mut unit = Vec::new();
    let mut at = from;
    while at < to {
        unit.resize(length(TREE_UNIT_BYTES.min(to - at)), 0);
        file.read_exact(&mut unit)?;
        crc.update(&unit);
        add(tree, at, &unit);
        at += unit.len() as u64;
        looked();
    }
    must_look_the_same(&file, print)?;
    Ok(u32::try_from(crc.finalize()).unwrap_or_default())
}

/// Reads `[from, to)` block by block for a connection, for as long as somebody wants them.
pub(super) fn feed(
    path: &Path,
    print: &FilePrint,
    (from, to): (u64, u64),
    blocks: &Sender<io::Result<Bytes>>,
) {
    let read = || -> Result<(), FileProblem> {
        let mut file = open_at(path, print, from)?;
        let mut at = from;
        while at < to {
            let mut block = vec![0; length(BLOCK_BYTES.min(to - at))];
            file.read_exact(&mut block)?;
            at += block.len() as u64;
            if blocks.blocking_send(Ok(Bytes::from(block))).is_err() {
                // The request ended before its body did.
                return Ok(());
            }
        }
        Ok(())
    };
    if let Err(problem) = read() {
        // The request breaks off; what is wrong with the file is found when it is looked at next.
        let error = match problem {
            FileProblem::Changed => io::Error::other("the file changed"),
            FileProblem::Io(error) => error,
        };
        let _ = blocks.blocking_send(Err(error));
    }
}

/// The whole of a small file, with its CRC32C.
pub(super) fn whole(
    path: &Path,
    print: &FilePrint,
    tree: &Tree,
) -> Result<(u32, Bytes), FileProblem> {
    let mut file = open_at(path, print, 0)?;
    let mut content = vec![0; length(print.size)];
    file.read_exact(&mut content)?;
    must_look_the_same(&file, print)?;
    if !content.is_empty() {
        add(tree, 0, &content);
    }
    let mut crc = Digest::new(CrcAlgorithm::Crc32Iscsi);
    crc.update(&content);
    Ok((u32::try_from(crc.finalize()).unwrap_or_default(), Bytes::from(content)))
}

/// The digest of the whole file: what was not read for sending in this run is read now.
pub(super) fn digest(
    path: &Path,
    print: &FilePrint,
    tree: &Tree,
    mut looked: impl FnMut(),
) -> Result<blake3::Hash, FileProblem> {
    loop {
        let (gap, done) = {
            let tree = tree.lock().unwrap_or_else(PoisonError::into_inner);
            (tree.read().gaps(0, print.size).next(), tree.finish())
        };
        match (gap, done) {
            (Some(gap), _) => look(path, print, gap, tree, &mut looked).map(drop)?,
            (None, Some(digest)) => {
                must_look_the_same(&File::open(path)?, print)?;
                return Ok(digest);
            }
            (None, None) => return Err(FileProblem::Changed),
        }
    }
}

/// A length that is far below what a computer can address.
fn length(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(size: usize) -> Tree {
        Arc::new(Mutex::new(TreeDigest::new(size as u64)))
    }

    #[test]
    fn parts_have_the_checksum_and_the_whole_has_the_digest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.bin");
        let content: Vec<u8> = (0..3_500_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        std::fs::write(&path, &content).unwrap();
        let print = print_of(&path).unwrap();
        let tree = tree(content.len());
        let mib = 1024 * 1024;
        let crc = look(&path, &print, (mib, 2 * mib), &tree, || ()).unwrap();
        let part = &content[length(mib)..length(2 * mib)];
        assert_eq!(u64::from(crc), crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, part));
        let mut units = 0;
        let digest = digest(&path, &print, &tree, || units += 1).unwrap();
        assert_eq!(digest, blake3::hash(&content));
        assert_eq!(units, 3, "what was read for sending is not read again");
    }

    #[test]
    fn a_file_that_changes_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.bin");
        std::fs::write(&path, vec![1; 3_000_000]).unwrap();
        let print = print_of(&path).unwrap();
        std::fs::write(&path, vec![1; 2_000_000]).unwrap();
        let looked = look(&path, &print, (0, 1024 * 1024), &tree(3_000_000), || ());
        assert!(matches!(looked, Err(FileProblem::Changed)), "{looked:?}");
        assert_ne!(print_of(&path).unwrap(), print);
        std::fs::remove_file(&path).unwrap();
        let looked = look(&path, &print, (0, 1024 * 1024), &tree(3_000_000), || ());
        assert!(matches!(looked, Err(FileProblem::Io(_))), "{looked:?}");
    }

    #[test]
    fn its_ends_tell_it_from_another_of_the_same_size_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.bin");
        std::fs::write(&path, vec![1; 300_000]).unwrap();
        let print = print_of(&path).unwrap();
        let mut other = vec![1; 300_000];
        other[299_999] = 2;
        std::fs::write(&path, other).unwrap();
        let when = UNIX_EPOCH + std::time::Duration::from_millis(print.modified.unsigned_abs());
        File::options().write(true).open(&path).unwrap().set_modified(when).unwrap();
        let now = print_of(&path).unwrap();
        assert_eq!((now.size, now.modified), (print.size, print.modified));
        assert_ne!(now.ends, print.ends);
    }
}
