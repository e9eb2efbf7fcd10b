//! Files that must be whole: keys, and names that a move put into a folder.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context, Result};

/// Writes a file that nobody else may read: whole, or not at all. Answers whether it was written; one that is there
/// already is left as it is.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<bool> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".key-")
        .tempfile_in(folder)
        .with_context(|| format!("write in {}", folder.display()))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error).with_context(|| format!("write {}", path.display())),
    }
}

/// Sees to it that the names in a folder outlive a loss of power.
///
/// # Errors
/// Where the folder cannot be flushed.
pub(crate) fn flush_names(folder: &Path) -> Result<()> {
    // Windows flushes names by itself, and opens no folder as a file.
    if cfg!(unix) {
        let opened = File::open(folder).and_then(|folder| folder.sync_all());
        opened.with_context(|| format!("flush {}", folder.display()))?;
    }
    Ok(())
}
