//! An organisation from above, its tokens and its devices. Moments are milliseconds since 1970.

use serde::{Deserialize, Serialize};

crate::jobs::words! {
    /// What a token may do.
    TokenRole {
        /// Reads.
        Viewer = "viewer",
        /// Reads and writes.
        Analyst = "analyst",
        /// Everything in the organisation.
        Admin = "admin",
    }
}

/// What an organisation's files take up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileUse {
    /// Bytes of files; equal contents count for each.
    pub used: u64,
    /// Bytes that uploads that have not ended may still come to.
    pub reserved: u64,
    /// How many bytes both may be together; no limit without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<u64>,
    /// How many files.
    pub files: u64,
    /// How many uploads have not ended.
    pub open_uploads: u64,
}

/// How profiles lie where they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProfilesLie {
    /// As they are.
    Open,
    /// The organisation asked for sealed ones; a serving relay seals what was there.
    Sealing,
    /// Sealed with the organisation's key.
    Sealed,
    /// It asked for open ones again; a serving relay opens what was there.
    Opening,
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrganisationInfo {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: i64,
    /// Identity of its history.
    pub epoch: String,
    /// Its newest revision.
    pub head_rev: u64,
    /// Profiles that are there.
    pub profiles: u64,
    /// Deleted profiles of which devices are still told.
    pub deleted: u64,
    /// Its files and uploads.
    pub files: FileUse,
    /// Tokens that hold.
    pub tokens: u64,
    /// Those of them with which somebody keeps a copy.
    pub devices: u64,
    /// How its profiles lie.
    pub profiles_lie: ProfilesLie,
}

/// How much an organisation's files may take up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct QuotaChange {
    /// In bytes; no limit with `null`.
    #[serde(deserialize_with = "Option::deserialize")]
    #[cfg_attr(feature = "openapi", schema(required, maximum = 9223372036854775807_i64))]
    pub bytes: Option<u64>,
}

/// A token. The token itself is shown when it is made, and never again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenInfo {
    /// Its id.
    pub token_id: String,
    /// Whose it is; colleagues see the name beside changes.
    pub name: String,
    /// What it may do.
    pub role: TokenRole,
    /// When it was made.
    pub created_at: i64,
    /// Who made it: a token's name, or `administrator` for the relay's own machine; nothing where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When it ends by itself; never without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// When it was used last, to a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<i64>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<i64>,
    /// Whether it is the token that asks.
    pub is_yours: bool,
}

/// Tokens, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenList {
    /// The tokens.
    pub tokens: Vec<TokenInfo>,
}

/// A token that is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// Whose it is: 1 to 200 characters, none of them a control character.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 200, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$")
    )]
    pub name: String,
    /// What it may do.
    pub role: TokenRole,
    /// After how many days it ends, 1 to 3,650; never without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 3650))]
    pub expires_in_days: Option<i64>,
}

/// A token that was made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenCreated {
    /// The token, `kartei_…`: only here, and never again.
    pub token: String,
    /// What is kept of it.
    #[serde(flatten)]
    pub info: TokenInfo,
}

impl std::fmt::Debug for TokenCreated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenCreated").field("info", &self.info).finish_non_exhaustive()
    }
}

/// A device: a token with which somebody keeps a copy of the organisation's profiles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceInfo {
    /// Its token's id.
    pub replica_id: String,
    /// Its token's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it asked last, to a minute.
    pub last_seen_at: i64,
    /// Up to which revision it is known to have everything: noted where something was erased, so it may have more.
    /// Nothing where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rev: Option<u64>,
}

/// Devices whose tokens hold, those that asked last first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceList {
    /// The devices.
    pub devices: Vec<DeviceInfo>,
}

/// That somebody read bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileReadInfo {
    /// The token's name.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The first byte that was asked for.
    pub from: u64,
    /// The byte after the last one.
    pub to: u64,
}

/// Who read a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileReads {
    /// The newest first.
    pub reads: Vec<FileReadInfo>,
}
