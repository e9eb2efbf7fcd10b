//! Imports: asking for one, its progress, its report, and what was imported before.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// Asks for an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportFiles {
    /// Files of NDJSON, plain or compressed with gzip or zstd.
    pub paths: Vec<String>,
    /// Only tells what would happen; nothing is written.
    #[serde(default)]
    pub dry_run: bool,
    /// Stops after so many lines of each file, for a quick look. Only with `dry_run`.
    #[serde(default)]
    pub lines_max: Option<u64>,
}

/// Names an import of this session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunId {
    /// The number that `import_files` answered.
    pub run: u64,
}

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// Waits for the imports before it.
    Queued,
    /// Reads and writes.
    Running,
    /// Every line was dealt with (perhaps some rejected).
    Done,
    /// Stopped on request; finished batches stay.
    Cancelled,
    /// Stopped by a problem; finished batches stay.
    Failed,
}

/// What an import did, in lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportCounts {
    /// Lines read, blank ones too.
    pub lines: u64,
    /// Profiles that were not here before.
    pub created: u64,
    /// Profiles that existed and changed.
    pub updated: u64,
    /// Profiles that already were as the line says.
    pub unchanged: u64,
    /// Lines refused.
    pub rejected: u64,
    /// Lines whose id came again later in the same file (the later line won).
    pub duplicates: u64,
    /// Blank lines.
    pub blank: u64,
    /// Lines accepted with a warning (a derived member was ignored).
    pub warned: u64,
    /// Updated profiles in which a person's edit and the file differ: conflicts.
    pub conflicts: u64,
}

/// A problem with one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineProblem {
    /// The file's line, from 1.
    pub line: u64,
    /// The record's id, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// JSON pointer of the member that is wrong; empty for the line as a whole.
    pub pointer: String,
    /// The broken rule, a stable word: `syntax`, `duplicate_member`, `required`, `format` …
    pub rule: String,
    /// What was found and what is allowed, in English.
    pub reason: String,
    /// The wrong value, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// How to mend it, in English.
    pub mend: String,
    /// Whether the line was accepted all the same.
    pub warning: bool,
}

/// The same kind of problem, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProblemKind {
    /// The broken rule.
    pub rule: String,
    /// The place, with array positions as `*`.
    pub place: String,
    /// Whether the lines were accepted all the same.
    pub warning: bool,
    /// How many lines.
    pub count: u64,
    /// The first such line.
    pub first_line: u64,
    /// The first such line's reason.
    pub example: String,
    /// How to mend it, in English.
    pub mend: String,
    /// The first such lines, at most five.
    pub examples: Vec<ProblemExample>,
}

/// One line of a kind of problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProblemExample {
    /// The file's line, from 1.
    pub line: u64,
    /// The record's id, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The wrong value, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

/// What came of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImportReport {
    /// Number in the import history; absent for a dry run and a file that could not be opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<u64>,
    /// The file's path.
    pub file: String,
    /// Lines by outcome.
    pub counts: ImportCounts,
    /// The first problems in the order of lines, at most 1,000.
    pub problems: Vec<LineProblem>,
    /// All problems by kind, most frequent first.
    pub kinds: Vec<ProblemKind>,
    /// Wall time.
    pub seconds: f64,
    /// Why the file could not be read to its end, where that was so.
    pub failure: Option<Problem>,
    /// Whether the files of problems and of rejected lines exist (`save_import_file`).
    pub has_files: bool,
}

/// An import of this session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImportRun {
    /// Its number.
    pub run: u64,
    /// Where it stands.
    pub state: ImportState,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// The files, in order.
    pub files: Vec<String>,
    /// Position of the current file in `files`.
    pub file_index: u32,
    /// Lines dealt with in the current file.
    pub lines: u64,
    /// Bytes of the current file that were read, as they lie on the disk.
    pub bytes: u64,
    /// Size of the current file.
    pub bytes_total: u64,
    /// Lines a second over the current file so far.
    pub lines_per_second: f64,
    /// Seconds left for the current file, once that can be said.
    pub seconds_left: Option<f64>,
    /// Reports of the files that have ended.
    pub reports: Vec<ImportReport>,
}

/// Names an import of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportId {
    /// Its number in the history.
    pub import: u64,
}

/// What is still here of the profiles that an import brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportedNow {
    /// Those that are as the import brought them.
    pub unchanged: u64,
    /// Those that somebody edited since.
    pub edited: u64,
    /// Those that a later import changed; they are that one's now.
    pub imported: u64,
}

/// Deletes the profiles that an import brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteImported {
    /// Its number in the history.
    pub import: u64,
    /// Whether those that were edited since go too. Otherwise they are named, and stay.
    #[serde(default)]
    pub with_edited: bool,
}

/// Asks for imports of the past.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListImports {
    /// Only those before this one: the last number of the page before.
    pub before: Option<u64>,
    /// How many at most; at most 1,000.
    pub limit: u32,
}

/// How an import came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportSource {
    /// Somebody asked for it.
    Person,
    /// The file was dropped into a watched folder.
    Watch,
}

/// An import of the past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImportEntry {
    /// Its number.
    pub import: u64,
    /// The file's name.
    pub file: String,
    /// Where the file lay.
    pub path: Option<String>,
    /// How it came to be.
    pub source: ImportSource,
    /// Who, where known.
    pub by: Option<String>,
    /// When it began: RFC 3339, UTC.
    pub started_at: String,
    /// When it ended; absent while it runs, and where the program was killed.
    pub ended_at: Option<String>,
    /// How it ended.
    pub state: ImportState,
    /// Size of the file in bytes.
    pub bytes: Option<u64>,
    /// SHA-256 of the file, lower-case hex.
    pub digest: Option<String>,
    /// Lines by outcome.
    pub counts: ImportCounts,
    /// When it was undone.
    pub undone_at: Option<String>,
    /// Whether the files of problems and of rejected lines exist.
    pub has_files: bool,
}

/// Imports of the past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImportHistory {
    /// Newest first.
    pub entries: Vec<ImportEntry>,
}

/// A file about an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportFile {
    /// Every problem as a line of NDJSON.
    ErrorsNdjson,
    /// Every problem as a row of CSV.
    ErrorsCsv,
    /// The rejected lines as they were, to be mended and imported again.
    Rejected,
}

/// Asks for a file about an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveImportFile {
    /// The import's number in the history.
    pub import: u64,
    /// Which file.
    pub file: ImportFile,
    /// Where to; else the person's folder for downloads, under a name that is free.
    #[serde(default)]
    pub to: Option<String>,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SavedFile {
    /// Its path.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// A folder whose new files are imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WatchedFolder {
    /// Names it to `remove_watched`.
    pub id: u64,
    /// Its path. Files that were imported move to `done/` in it, others to `failed/`.
    pub path: String,
    /// Files imported since the program started.
    pub imported: u64,
    /// Files that failed since the program started.
    pub failed: u64,
    /// Files that are there and not yet complete, or wait for their turn.
    pub waiting: u64,
    /// What keeps it from being watched.
    pub problem: Option<Problem>,
}

/// The folders that are watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WatchedFolders {
    /// In the order in which they were added.
    pub folders: Vec<WatchedFolder>,
}

/// Names a folder to watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddWatched {
    /// Its path; it must exist.
    pub path: String,
}

/// Names a watched folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchedId {
    /// Its number.
    pub id: u64,
}
