//! What is to be done beside the database when the relay has had profiles erased, and erasing itself.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use kartei_local_store::{Erasures, Store};
use kartei_protocol::desktop::ErasureReport;
use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_sync_core::ids_named;

use crate::app::App;
use crate::clock;
use crate::problem::{of_relay, of_store};
use crate::sync;

/// An import that has not ended after so long died with its program.
const RUNNING_MS: i64 = 24 * 60 * 60 * 1_000;

/// Removes what files still hold of erased profiles. Nothing is lost where it fails: that it is to be
/// done stays noted, and it is tried again with the next page and the next start.
pub(crate) fn finish(store: &Store) {
    if let Err(problem) = try_finish(store) {
        tracing::warn!(code = ?problem.code, %problem, "Traces of erased profiles are still to be removed");
    }
}

fn try_finish(store: &Store) -> Result<(), Problem> {
    let erased = store.unfinished_erasures().map_err(|e| of_store(&e))?;
    if erased.is_empty() {
        return Ok(());
    }
    let running = store.running_imports(clock::now() - RUNNING_MS).map_err(|e| of_store(&e))?;
    let imports = store.folder().join("imports");
    let written = redact_all(&imports, &erased, &running).map_err(|e| {
        Problem::new(ProblemCode::FileUnwritable, format!("{}: {e}", imports.display()))
    })?;
    let is_done = written && store.finish_erasures(&erased).map_err(|e| of_store(&e))?;
    if !is_done {
        tracing::info!("Traces of erased profiles are in use and are removed later");
    }
    Ok(())
}

/// Answers whether all files could be looked at.
fn redact_all(imports: &Path, erased: &Erasures, running: &[u64]) -> io::Result<bool> {
    let folders = match std::fs::read_dir(imports) {
        Ok(folders) => folders,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let mut all = true;
    for folder in folders {
        let folder = folder?.path();
        let number = folder.file_name().and_then(|name| name.to_str()?.parse::<u64>().ok());
        if number.is_some_and(|number| running.contains(&number)) {
            all = false;
            continue;
        }
        let names_erased = |line: &[u8]| ids_named(line).iter().any(|id| erased.holds(id));
        redact(&folder.join("errors.ndjson"), Row::Line, &names_erased)?;
        redact(&folder.join("rejected.ndjson"), Row::Line, &names_erased)?;
        redact(&folder.join("errors.csv"), Row::Csv, &|row| {
            let id = row.split(|byte| *byte == b',').nth(1).unwrap_or_default();
            std::str::from_utf8(id).is_ok_and(|id| erased.holds(id))
        })?;
    }
    Ok(all)
}

/// What a row of a file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    Line,
    /// A line feed within quotes does not end it.
    Csv,
}

/// Takes rows out of a file. It has all of them or none at any moment.
fn redact(path: &Path, kind: Row, goes: &dyn Fn(&[u8]) -> bool) -> io::Result<()> {
    let open = || match File::open(path) {
        Ok(file) => Ok(Some(BufReader::new(file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let Some(mut file) = open()? else { return Ok(()) };
    let mut row = Vec::new();
    let mut is_clean = true;
    while is_clean && next_row(&mut file, kind, &mut row)? {
        is_clean = !goes(&row);
    }
    let partial = with_ending(path, ".partial");
    if is_clean {
        // One that a program left half written may hold what the whole one no longer does.
        return match std::fs::remove_file(&partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let Some(mut file) = open()? else { return Ok(()) };
    let mut written = BufWriter::new(File::create(&partial)?);
    while next_row(&mut file, kind, &mut row)? {
        if !goes(&row) {
            written.write_all(&row)?;
        }
    }
    written.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&partial, path)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Reads a row with its end into `row`. Answers whether there was one.
fn next_row(file: &mut impl BufRead, kind: Row, row: &mut Vec<u8>) -> io::Result<bool> {
    row.clear();
    loop {
        let read = file.read_until(b'\n', row)?;
        let is_open = kind == Row::Csv && row.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
        if read == 0 || !is_open {
            return Ok(!row.is_empty());
        }
    }
}

impl App {
    /// Has the relay erase a profile for good, and takes in what it says. Answers the relay's account
    /// of it: its revision, and which devices have still to confirm.
    ///
    /// # Errors
    /// [`ProblemCode::NotSignedIn`], [`ProblemCode::Forbidden`] where the token is no administrator's,
    /// [`ProblemCode::NotFound`] where the relay knows no such profile, or another problem.
    pub fn erase(&self, id: &str) -> Result<ErasureReport, Problem> {
        let client = self.shared.relay()?.ok_or_else(|| {
            let message = "only a relay erases for good: sign in with `kartei login URL`";
            Problem::new(ProblemCode::NotSignedIn, message)
        })?;
        let about = |problem: Problem| problem.about(id);
        let said = sync::block_on(client.erase(id))?.map_err(|e| about(of_relay(&e)))?;
        // Here too at once, where the relay can still be reached.
        if self.syncs.load(Ordering::Relaxed) {
            self.background.sync_now();
        } else {
            self.sync_once()?;
        }
        Ok(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_and_the_others_stay_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        let text = b"a,1\r\nb,\"x\r\nb,y\"\r\nc,\"b\"\r\n\r\nlast";
        std::fs::write(&path, text).unwrap();
        let begins = |row: &[u8]| row.starts_with(b"b");
        redact(&path, Row::Csv, &begins).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"a,1\r\nc,\"b\"\r\n\r\nlast");
        std::fs::write(&path, text).unwrap();
        redact(&path, Row::Line, &begins).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"a,1\r\nc,\"b\"\r\n\r\nlast");
        redact(&folder.path().join("none"), Row::Line, &begins).unwrap();
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1, "no other file is left");
    }
}
