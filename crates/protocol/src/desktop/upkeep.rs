//! Looking after the data folder.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How large the data folder is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreInfo {
    /// Profiles.
    pub profiles: u64,
    /// Bytes of the database on the disk, its log included.
    pub bytes: u64,
    /// Bytes of it that a compaction would give back, about.
    pub free_bytes: u64,
    /// Imports in the history.
    pub imports: u64,
}

/// Asks for a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CheckStore {
    /// Also mends what can be mended.
    pub repair: bool,
}

/// Something that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// A stable word: `sqlite`, `hash`, `document`, `outbox`, `columns`, `counter` …
    pub code: String,
    /// What is wrong and for what, in English.
    pub message: String,
    /// How many times; the message is the first one.
    pub count: u64,
    /// Whether it was mended.
    pub repaired: bool,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreCheck {
    /// Profiles that were read.
    pub profiles: u64,
    /// Nothing: everything is as it must be.
    pub findings: Vec<Finding>,
}

/// Asks for a copy of the data folder's database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BackupStore {
    /// The file; else one in the person's folder for downloads, under a name that is free.
    pub to: Option<String>,
}

/// What a compaction gave back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Compacted {
    /// Bytes before.
    pub before: u64,
    /// Bytes after.
    pub after: u64,
}
