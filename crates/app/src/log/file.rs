//! Files that go round: lines are appended to `kartei.log`, which becomes `kartei.1.log` when it is
//! full, and so on; the last one goes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Bytes of one file at most: some 4,000 entries, days of use.
pub(super) const FILE_BYTES_MAX: u64 = 512 * 1024;

/// Files that are kept: 2 MB altogether, which is read in a blink and fits in a message.
pub(super) const FILES_KEPT: u32 = 4;

/// The log of one folder, which is made with the first line.
#[derive(Debug)]
pub(super) struct LogFile {
    folder: PathBuf,
    bytes_max: u64,
    open: Option<(File, u64)>,
}

/// The file's path; 0 is the newest.
pub(super) fn path_of(folder: &Path, number: u32) -> PathBuf {
    match number {
        0 => folder.join("kartei.log"),
        _ => folder.join(format!("kartei.{number}.log")),
    }
}

impl LogFile {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self::with_limit(folder, FILE_BYTES_MAX)
    }

    fn with_limit(folder: PathBuf, bytes_max: u64) -> Self {
        Self { folder, bytes_max, open: None }
    }

    /// Appends a line, which brings its end along.
    pub(super) fn append(&mut self, line: &str) -> io::Result<()> {
        let bytes = line.len() as u64;
        if self.open()?.1 + bytes > self.bytes_max {
            self.turn()?;
        }
        let (file, written) = self.open()?;
        // One call for a line: two programs on one folder do not mix theirs.
        file.write_all(line.as_bytes())?;
        *written += bytes;
        Ok(())
    }

    fn open(&mut self) -> io::Result<&mut (File, u64)> {
        if self.open.is_none() {
            fs::create_dir_all(&self.folder)?;
            let file = File::options().create(true).append(true).open(path_of(&self.folder, 0))?;
            let written = file.metadata()?.len();
            self.open = Some((file, written));
        }
        self.open.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn turn(&mut self) -> io::Result<()> {
        self.open = None;
        for number in (0..FILES_KEPT - 1).rev() {
            let from = path_of(&self.folder, number);
            if from.exists() {
                // Takes the place of the one that is too old.
                fs::rename(from, path_of(&self.folder, number + 1))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_files_go_round_and_the_oldest_lines_go() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::with_limit(folder.path().to_owned(), 30);
        // Three lines fit in a file.
        for number in 0..20 {
            log.append(&format!("line {number:03}\n")).unwrap();
        }
        let kept = |number| fs::read_to_string(path_of(folder.path(), number)).unwrap();
        assert_eq!(kept(0), "line 018\nline 019\n");
        assert_eq!(kept(1), "line 015\nline 016\nline 017\n");
        assert_eq!(kept(3), "line 009\nline 010\nline 011\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[test]
    fn another_start_of_the_program_goes_on_where_the_last_one_ended() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["first\n", "second\n"] {
            LogFile::with_limit(folder.path().join("logs"), 30).append(text).unwrap();
        }
        let text = fs::read_to_string(path_of(&folder.path().join("logs"), 0)).unwrap();
        assert_eq!(text, "first\nsecond\n");
    }
}
