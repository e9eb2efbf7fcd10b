//! Reading the log for the window and for a diagnostic bundle.

use std::fs;
use std::io;
use std::path::Path;

use kartei_protocol::desktop::{LogEntry, LogPage, ReadLog};
use kartei_protocol::problem::{Problem, ProblemCode};

use super::file::{FILES_KEPT, path_of};
use super::folder_of;
use crate::app::App;

/// Entries in an answer where no number is asked for: some screens of them.
const LIMIT_DEFAULT: u32 = 200;

/// Entries in one answer at most.
const LIMIT_MAX: u32 = 1_000;

impl App {
    pub(crate) fn log_page(&self, request: &ReadLog) -> Result<LogPage, Problem> {
        let entries = self.log_entries()?;
        let total = entries.len() as u64;
        let search = request.search.trim().to_lowercase();
        let limit = if request.limit == 0 { LIMIT_DEFAULT } else { request.limit.min(LIMIT_MAX) };
        let matching: Vec<LogEntry> = entries
            .into_iter()
            .filter(|entry| entry.level >= request.level && says(entry, &search))
            .collect();
        Ok(LogPage {
            matching: matching.len() as u64,
            total,
            entries: matching.into_iter().take(limit as usize).collect(),
        })
    }

    /// All entries, newest first.
    pub(crate) fn log_entries(&self) -> Result<Vec<LogEntry>, Problem> {
        entries(&folder_of(&self.data_dir)).map_err(|error| {
            let message = format!("the log cannot be read: {error}");
            Problem::new(ProblemCode::FileUnreadable, message)
        })
    }
}

fn entries(folder: &Path) -> io::Result<Vec<LogEntry>> {
    let mut all = Vec::new();
    for number in 0..FILES_KEPT {
        let bytes = match fs::read(path_of(folder, number)) {
            Ok(bytes) => bytes,
            // Not so many yet; or turned round while this reads.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        // A line that was cut off by a loss of power is no entry.
        let text = String::from_utf8_lossy(&bytes);
        all.extend(text.lines().rev().filter_map(|line| serde_json::from_str(line).ok()));
    }
    Ok(all)
}

fn says(entry: &LogEntry, search: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(search);
    has(&entry.message)
        || has(&entry.place)
        || entry.fields.iter().any(|(name, value)| has(&format!("{name}={value}").replace('"', "")))
}

#[cfg(test)]
mod tests {
    use kartei_protocol::desktop::LogLevel;

    use super::*;

    #[test]
    fn the_newest_come_first_over_all_files_and_a_torn_line_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let line = |message: &str| {
            format!(
                r#"{{"at":"2026-11-20T13:03:00Z","level":"warn","place":"kartei_app::sync","message":"{message}","fields":{{"code":"Offline"}}}}"#
            )
        };
        fs::write(path_of(folder.path(), 1), format!("{}\n{}\n", line("a"), line("b"))).unwrap();
        fs::write(path_of(folder.path(), 0), format!("{}\n{{\"at\":\"20", line("c"))).unwrap();
        let entries = entries(folder.path()).unwrap();
        let said: Vec<&str> = entries.iter().map(|entry| entry.message.as_str()).collect();
        assert_eq!(said, ["c", "b", "a"]);
        assert_eq!(entries[0].level, LogLevel::Warn);
        assert!(says(&entries[0], "code=offline") && says(&entries[0], "app::sync"));
        assert!(!says(&entries[0], "online"));
    }
}
