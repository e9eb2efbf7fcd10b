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
    /// The client brings the parts to S3 by itself, with requests that the relay signs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub direct: bool,
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

/// Parts of a direct upload that a client is about to bring.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WantedParts {
    /// 1 to 8 of them.
    pub parts: Vec<WantedPart>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WantedPart {
    /// Counted from 0; each has `piece_bytes`, the last one may have fewer.
    pub number: u64,
    /// SHA-256 of its bytes, 64 hex digits: others are not taken.
    pub sha256: String,
}

/// Signed requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedParts {
    /// In the order in which they were asked for.
    pub parts: Vec<SignedPart>,
    /// Milliseconds since 1970: until then they are good.
    pub expires_at: i64,
}

/// One of them. Whoever has it may send it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedPart {
    /// Which part.
    pub number: u64,
    /// `PUT`.
    pub method: String,
    /// Where it goes.
    pub url: String,
    /// Headers that have to be sent with it.
    pub headers: std::collections::BTreeMap<String, String>,
    /// The bytes that it has.
    pub bytes: u64,
}

impl std::fmt::Debug for SignedPart {
    /// Without the address, which is a secret until it expires.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedPart").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Parts that a client brought.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BroughtParts {
    /// 1 to 8 of them.
    pub parts: Vec<BroughtPart>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BroughtPart {
    /// Which part.
    pub number: u64,
    /// As it was signed.
    pub sha256: String,
    /// The header `ETag` of the answer of S3, with its quotes.
    pub etag: String,
}

/// A request that fetches a file from S3. Whoever has it may send it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileLink {
    /// What to get.
    pub url: String,
    /// Milliseconds since 1970: until then it is good.
    pub expires_at: i64,
}

impl std::fmt::Debug for FileLink {
    /// Without the address, which is a secret until it expires.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileLink").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl UploadState {
    /// Up to where everything is there from the beginning on.
    #[must_use]
    pub fn prefix_bytes(&self) -> u64 {
        self.received.first().filter(|(from, _)| *from == 0).map_or(0, |(_, until)| *until)
    }
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
    /// Its new name: 1 to 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 255, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$")
    )]
    pub name: Option<String>,
    /// What it is from now on, such as `text/csv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(pattern = "^[!#$&^_.+0-9A-Za-z-]+/[!#$&^_.+0-9A-Za-z-]+$")
    )]
    pub content_type: Option<String>,
}
