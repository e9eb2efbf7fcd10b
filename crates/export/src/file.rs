//! An export as a file: complete, or not there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, PersistError};

use crate::error::Error;
use crate::{Format, Options, Progress, Source, Summary, write};

/// Free names that are tried before giving up: a folder that holds so many is no accident.
const NAMES_TRIED_MAX: u32 = 10_000;

/// What happens where a file of the name is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the export fails with [`Error::Exists`] before it begins.
    Refuse,
    /// It is replaced once the export is complete.
    Replace,
    /// It stays, and the export takes the next free name: `name (2).csv`.
    NextFree,
}

/// A complete file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds.
    pub summary: Summary,
}

/// Writes all records of `source` to a file.
///
/// The file appears under its name when it is complete and on the disk, by renaming a hidden
/// temporary file in the same folder. After an error or cancelling there is no new file and no
/// temporary one; only a killed process can leave one, named `.kartei-export-….part`. The folder
/// must exist.
///
/// # Errors
/// Every [`Error`].
pub fn write_file<S: Source>(
    source: &mut S,
    options: &Options,
    path: &Path,
    existing: Existing,
    on_progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Written, Error<S::Error>> {
    if existing == Existing::Refuse && is_taken(path) {
        return Err(Error::Exists { path: path.to_owned() });
    }
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let failed = |action, path: &Path, source| Error::File { action, path: path.into(), source };
    let part = part_in(folder)
        .map_err(|e| failed("make a temporary file for the export in", folder, e))?;
    let summary = write(source, options, part.as_file(), on_progress)?;
    // Before the rename: a crash must not leave an empty file under the right name.
    part.as_file().sync_all().map_err(|e| failed("bring to the disk the export", path, e))?;
    let path = match existing {
        Existing::Replace => {
            part.persist(path).map_err(|e| failed("give the export its name", path, e.error))?;
            path.to_owned()
        }
        Existing::Refuse => {
            part.persist_noclobber(path).map_err(|e| match e.error.kind() {
                io::ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
                _ => failed("give the export its name", path, e.error),
            })?;
            path.to_owned()
        }
        Existing::NextFree => persist_next_free(part, path, options.format)
            .map_err(|e| failed("give the export its name", path, e))?,
    };
    sync_folder(folder).map_err(|e| failed("bring to the disk the folder", folder, e))?;
    Ok(Written { path, summary })
}

/// The first of `path`, `name (2).csv`, `name (3).csv`, … that is free now. To be sure that it still
/// is in the end, write with [`Existing::NextFree`].
///
/// # Errors
/// Where thousands of them are taken.
pub fn free_path(path: &Path, format: Format) -> io::Result<PathBuf> {
    candidates(path, format).find(|path| !is_taken(path)).ok_or_else(no_name)
}

fn persist_next_free(mut part: NamedTempFile, path: &Path, format: Format) -> io::Result<PathBuf> {
    for candidate in candidates(path, format) {
        match part.persist_noclobber(&candidate) {
            Ok(_) => return Ok(candidate),
            Err(PersistError { error, file }) if error.kind() == io::ErrorKind::AlreadyExists => {
                part = file;
            }
            Err(e) => return Err(e.error),
        }
    }
    Err(no_name())
}

fn no_name() -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, "all numbered names are taken; choose another")
}

/// `path`, then numbered ones. The number goes before the whole ending: `name (2).ndjson.gz`.
fn candidates(path: &Path, format: Format) -> impl Iterator<Item = PathBuf> {
    let name = path.file_name().unwrap_or_default().to_owned();
    let ending = format!(".{}", format.extension());
    let (stem, ending) = match name.to_str().and_then(|name| name.strip_suffix(&ending)) {
        Some(stem) if !stem.is_empty() => (OsString::from(stem), OsString::from(ending)),
        _ => {
            let mut dotted = OsString::new();
            if let Some(extension) = path.extension() {
                dotted.push(".");
                dotted.push(extension);
            }
            (path.file_stem().unwrap_or_default().to_owned(), dotted)
        }
    };
    let path = path.to_owned();
    (1..=NAMES_TRIED_MAX).map(move |number| {
        if number == 1 {
            return path.clone();
        }
        let mut name = stem.clone();
        name.push(format!(" ({number})"));
        name.push(&ending);
        path.with_file_name(name)
    })
}

/// A link that leads nowhere is taken too.
fn is_taken(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn part_in(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".kartei-export-").suffix(".part");
    // As any saved file, and not for its owner alone as temporary files are; the umask narrows it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// A name is on the disk when its folder is. Windows has no such call and needs none.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
