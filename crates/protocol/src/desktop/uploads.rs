//! Uploads and the relay's files, as a front end sees them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::uploads::ScanState;

/// Files to send.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddUploads {
    /// Their paths, at most 1,000.
    pub paths: Vec<String>,
    /// The profile that they are attached to once they are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<String>,
}

/// Names an upload of this data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadId {
    /// Its number.
    pub id: u64,
}

/// What an upload is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UploadStage {
    /// Its turn comes, or it is tried again at `retry_at`; `problem` says what was in the way.
    Waiting,
    /// Bytes are on their way.
    Running,
    /// All bytes are there and become a file.
    Completing,
    /// Somebody held it.
    Paused,
    /// The file is at the relay.
    Done,
    /// It would fail again: see `problem`.
    Failed,
    /// The file on this computer changed since it was chosen; nothing of the new one was sent.
    Changed,
}

/// An upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Upload {
    /// Its number.
    pub id: u64,
    /// The file's name at the relay.
    pub name: String,
    /// Where the file is.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// What it is at.
    pub stage: UploadStage,
    /// Bytes that the relay has for good.
    pub durable: u64,
    /// The same with what is on its way.
    pub sent: u64,
    /// Bytes a second, smoothed, while it runs.
    pub rate: Option<f64>,
    /// Seconds that are left at this rate.
    pub seconds_left: Option<f64>,
    /// Requests that send bytes now.
    pub streams: u32,
    /// Bytes of a request, as they are chosen now.
    pub request_bytes: u64,
    /// What failed, or what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// When it is tried again: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<String>,
    /// The file's id at the relay, once it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The profile that it is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<String>,
    /// When it was chosen: RFC 3339, UTC.
    pub created_at: String,
}

/// Uploads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Uploads {
    /// The newest first.
    pub uploads: Vec<Upload>,
}

/// Asks for a page of files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListFiles {
    /// What their names contain; empty for any.
    pub filter: String,
    /// The profile that they are attached to.
    pub profile: Option<String>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// A page of files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileList {
    /// Whether the relay keeps files at all; one of an earlier version does not.
    pub supported: bool,
    /// The newest first.
    pub files: Vec<RelayFile>,
    /// Where the next page begins; nothing at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A file at the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RelayFile {
    /// Its id.
    pub id: String,
    /// Its name: data, never a path.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// What it is said to be.
    pub content_type: String,
    /// BLAKE3, 64 hex digits.
    pub digest: String,
    /// When it came: RFC 3339, UTC.
    pub created_at: String,
    /// The name of the token that uploaded it.
    pub by: String,
    /// What a scanner says.
    pub scan: ScanState,
    /// Ids of the profiles that it is attached to, in order.
    pub profiles: Vec<String>,
}

/// Names a file at the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileId {
    /// Its id.
    pub id: String,
}

/// A file's new name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameFile {
    /// Its id.
    pub id: String,
    /// 1 to 255 characters.
    pub name: String,
}

/// A file and a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileAt {
    /// The file's id.
    pub id: String,
    /// The profile's id.
    pub profile: String,
}

/// Asks for a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DownloadFile {
    /// Its id.
    pub id: String,
    /// A new file; without it, one in the folder for downloads with the file's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// What a download is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DownloadStage {
    /// Bytes come.
    Running,
    /// The file is here, and is what the relay says that it is.
    Done,
    /// See `failure`; what came is kept for the next time.
    Failed,
    /// Somebody stopped it; what came is kept for the next time.
    Cancelled,
}

/// A download of this session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DownloadRun {
    /// Its number.
    pub run: u64,
    /// The file's id.
    pub file: String,
    /// The file's name at the relay.
    pub name: String,
    /// Where it goes.
    pub path: String,
    /// What it is at.
    pub stage: DownloadStage,
    /// Bytes that are here.
    pub bytes: u64,
    /// Bytes of the file.
    pub size: u64,
    /// What failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Problem>,
}

/// An import that the relay does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RelayImport {
    /// Its id at the relay.
    pub import: String,
}
