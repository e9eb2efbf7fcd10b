//! Uploads and files, as relay and clients say them (docs/uploads.md).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Characters of a file's name at most, as file systems have it.
pub const NAME_CHARS_MAX: usize = 255;

/// What a client says of a file that it begins to upload.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewUpload {
    /// The file's name: 1 to 255 characters, data and never a path.
    pub name: String,
    /// Its bytes; nothing while that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// What it is said to be, such as `text/csv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// BLAKE3 of the whole file, 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// SHA-256 of the whole file, 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The client's own name for this upload, 1 to 100 visible characters: the same one answers the same session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What a client may say of a file when all of it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CompleteUpload {
    /// Its bytes, where they were not said before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// BLAKE3 of the whole file, 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// SHA-256 of the whole file, 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Where a session is. All but the first two are its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UploadPhase {
    /// It takes bytes.
    Open,
    /// All bytes are there and are made a file.
    Completing,
    /// The file is there.
    Completed,
    /// What came is not what was announced.
    Failed,
    /// Somebody ended it.
    Aborted,
    /// Nobody went on with it.
    Expired,
}

impl UploadPhase {
    /// Whether nothing follows.
    #[must_use]
    pub fn is_end(self) -> bool {
        !matches!(self, Self::Open | Self::Completing)
    }
}

/// How far an upload is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UploadState {
    /// The session's id.
    pub id: String,
    /// Where it is.
    pub state: UploadPhase,
    /// The file's name.
    pub name: String,
    /// Its bytes; nothing while that is not known.
    pub size: Option<u64>,
    /// What is durable: from each first byte up to the second, without it; in order, with gaps between.
    pub received: Vec<(u64, u64)>,
    /// How many bytes that is.
    pub received_bytes: u64,
    /// Chunks begin at multiples of this, and only the file's last piece is shorter.
    pub piece_bytes: u64,
    /// Bytes of one request at most.
    pub request_bytes_max: u64,
    /// Requests of this session at once at most.
    pub streams_max: u32,
    /// Milliseconds since 1970; each request that brings something moves it, up to a last moment.
    pub expires_at: i64,
    /// BLAKE3 of the whole, 64 hex digits, once it is completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The file's id, once it is completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The code of the problem that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Sessions of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Uploads {
    /// The newest first.
    pub uploads: Vec<UploadState>,
}

/// What a scanner says of a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ScanState {
    /// No scanner is set up.
    NotScanned,
    /// It waits for the scanner, and cannot be read yet.
    Pending,
    /// The scanner found nothing.
    Clean,
    /// The scanner found something; it cannot be read.
    Quarantined,
    /// Too large or too packed for the scanner; what that means is the operator's setting.
    NotScannable,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileInfo {
    /// Its id.
    pub id: String,
    /// Its name: data, never a path.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// What its first bytes and its uploader say that it is.
    pub content_type: String,
    /// BLAKE3, 64 hex digits.
    pub digest: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// The name of the token that uploaded it.
    pub by: String,
    /// What a scanner says.
    pub scan: ScanState,
    /// Ids of the profiles that it is attached to, in order.
    pub profiles: Vec<String>,
}

/// A page of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FilePage {
    /// The newest first.
    pub files: Vec<FileInfo>,
    /// Where the next page begins; nothing at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What is changed of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FileChange {
    /// Its new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}
