//! The program itself: its versions, its log, its sample data, and what is told of it when something
//! is wrong.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Versions, and the place of the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct About {
    /// The program's version.
    pub version: String,
    /// The data folder.
    pub data_dir: String,
    /// The version of SQLite.
    pub sqlite: String,
    /// The format of the data folder's database.
    pub store_format: u32,
    /// The schema that records follow.
    pub record_schema: String,
    /// Operating system and processor, as in `linux x86_64`.
    pub platform: String,
    /// The engine that shows the window, where the shell knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_engine: Option<String>,
}

/// How much an entry of the log matters; the lesser first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Something happened as it should.
    #[default]
    Info,
    /// Something did not, and the program goes on by itself.
    Warn,
    /// Something did not, and somebody should look.
    Error,
}

/// Asks for a part of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReadLog {
    /// Entries that matter at least so much.
    pub level: LogLevel,
    /// Letters that occur in the entry, capitals or not.
    pub search: String,
    /// How many at most; at most 1,000. 0: 200.
    pub limit: u32,
}

/// One entry of the log. It holds no record contents, ids, names or paths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogEntry {
    /// When: RFC 3339, UTC.
    pub at: String,
    /// How much it matters.
    pub level: LogLevel,
    /// The part of the program, as in `kartei_app::sync`.
    pub place: String,
    /// What happened, in English.
    pub message: String,
    /// Numbers and stable words about it.
    pub fields: BTreeMap<String, Value>,
}

/// A part of the log, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogPage {
    /// The entries.
    pub entries: Vec<LogEntry>,
    /// How many there are of what was asked for.
    pub matching: u64,
    /// How many are kept altogether.
    pub total: u64,
}

/// The sample data that comes with the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SampleData {
    /// How many profiles it has.
    pub offered: u64,
    /// How many of them are in the data folder now.
    pub here: u64,
    /// The import that brought them, where it stands; undoing it removes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<u64>,
    /// A filter that shows them.
    pub filter: String,
}

/// What the window tells of itself, for a diagnostic bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WindowFacts {
    /// The language, as `de`.
    pub language: String,
    /// The theme that was chosen.
    pub theme: String,
    /// The density that was chosen.
    pub density: String,
    /// The engine, as it names itself.
    pub engine: String,
    /// Width and height in CSS pixels, and pixels per CSS pixel.
    pub size: String,
}

/// Asks for a diagnostic bundle to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrepareDiagnostics {
    /// Also checks the data folder, which takes about a minute for a million profiles.
    pub check: bool,
    /// What the window tells of itself.
    pub window: WindowFacts,
}

/// One file of a diagnostic bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiagnosticFile {
    /// Its name in the bundle.
    pub name: String,
    /// All that it holds.
    pub text: String,
}

/// A diagnostic bundle that nobody has written yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnostics {
    /// Its number in this session, for `save_diagnostics`.
    pub bundle: u64,
    /// Its files, whole: what is saved is what was shown.
    pub files: Vec<DiagnosticFile>,
}

/// Saves the bundle that was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveDiagnostics {
    /// Its number.
    pub bundle: u64,
    /// The file; else one in the person's folder for downloads, under a name that is free.
    #[serde(default)]
    pub to: Option<String>,
}
