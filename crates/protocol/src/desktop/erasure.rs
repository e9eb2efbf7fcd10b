//! Erasing a profile for good.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A device that may have had what was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErasureDevice {
    /// Its token's name.
    pub name: String,
    /// When it confirmed that it has erased the profile too, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<String>,
    /// Whether its token was revoked before it confirmed: it cannot any more.
    #[serde(default)]
    pub revoked: bool,
}

/// What the relay says of an erasure. The profile's id is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErasureReport {
    /// Its revision in the organisation's order.
    pub revision: u64,
    /// HMAC-SHA256 of the id under a key that only the relay and its replicas have, hex.
    pub hash: String,
    /// When, RFC 3339.
    pub at: String,
    /// Who.
    pub by: String,
    /// How many devices have still to confirm.
    pub outstanding: u64,
    /// The devices that may have had the profile.
    pub devices: Vec<ErasureDevice>,
    /// When the relay had removed it from archives of imports and from free space in its database
    /// too, RFC 3339; nothing while it is at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archives_clean_at: Option<String>,
}
