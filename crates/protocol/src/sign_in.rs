//! Signing in: which ways a relay has, and the end of signing in with a provider (OpenID Connect Core 1.0, with RFC 6749,
//! 7636, 8252 and 9207).
//!
//! The client begins it, with secrets of its own, and ends it here. The relay keeps nothing between.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::admin::TokenRole;

/// Which ways there are of getting a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignInWays {
    /// By signing in with a provider, in a browser; nothing where the relay has none. A token from an administrator
    /// is always good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<OidcWay>,
}

/// Where people sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OidcWay {
    /// Who the provider is: an address, which `iss` in the answer to a browser has to be (RFC 9207).
    pub issuer: String,
    /// Where a browser is sent. Nothing while the relay cannot reach the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_endpoint: Option<String>,
    /// What the provider knows the relay as.
    pub client_id: String,
    /// What is asked for, with blanks between.
    pub scopes: String,
    /// Whether the provider says who it is in the answer to the browser: an answer without `iss` is another one's then.
    pub says_issuer: bool,
}

/// What a browser came back with, and the secrets that it was sent away with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OidcSignIn {
    /// The provider's code, which is good once.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 4096))]
    pub code: String,
    /// Of which the browser brought the hash (RFC 7636): 43 to 128 letters, digits, `-`, `.`, `_` and `~`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9._~-]{43,128}$"))]
    pub code_verifier: String,
    /// Where the browser came back to: the relay's page for administrators, or a port of the client's own machine,
    /// `http://127.0.0.1:PORT/…` or `http://[::1]:PORT/…` (RFC 8252).
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 2048))]
    pub redirect_uri: String,
    /// What the ID token has to repeat.
    #[cfg_attr(feature = "openapi", schema(min_length = 16, max_length = 256))]
    pub nonce: String,
    /// What the client is of no use below: whoever has less is told so, and no token is made. Any role without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<TokenRole>,
}

impl fmt::Debug for OidcSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest must never reach a log.
        f.debug_struct("OidcSignIn").finish_non_exhaustive()
    }
}

/// Somebody is signed in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedIn {
    /// The token, which is shown this once.
    pub token: String,
    /// Its id.
    pub token_id: String,
    /// The organisation.
    pub organisation: String,
    /// Whose it is.
    pub name: String,
    /// What it may do.
    pub role: TokenRole,
    /// When it ends, in milliseconds since 1970.
    pub expires_at: i64,
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn").field("token_id", &self.token_id).finish_non_exhaustive()
    }
}
