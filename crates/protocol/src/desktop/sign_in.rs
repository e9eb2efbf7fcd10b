//! Signing in with a relay's provider, in the system's browser.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A relay that somebody may sign in to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelayAddress {
    /// Base address, `http://` or `https://`.
    pub url: String,
}

/// Which ways of signing in a relay has besides a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RelayWays {
    /// The provider that people sign in with in the browser, as they know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// Begins to sign in with a relay's provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginSignIn {
    /// The relay's base address.
    pub url: String,
    /// Whether the system's browser is opened.
    pub open_browser: bool,
}

/// A sign-in that goes on in a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BegunSignIn {
    /// What the browser is to open.
    pub address: String,
    /// The provider, as people know it.
    pub provider: String,
    /// Whether a browser was asked to.
    pub opened: bool,
}
