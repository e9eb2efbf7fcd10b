//! Which ways there are of signing in, and the end of signing in with a provider.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kartei_protocol::sign_in::{OidcSignIn, SignInWays, SignedIn};

use super::admin::tokens::role_told;
use crate::openapi::Problem;
use crate::problem::{ApiCode, Failure};
use crate::routes::request::Object;
use crate::serve::Relay;
use crate::strangers::Knock;

/// Bytes of a request to sign in: a code, which some providers make of thousands of characters, and what is small.
pub(in crate::routes) const SIGN_IN_BYTES_MAX: usize = 16 * 1024;

/// Ways to sign in
///
/// Beside a token from an administrator, which is always one. A client that signs people in with the provider sends a
/// browser to `authorization_endpoint` (RFC 6749, 4.1.1) with the hash of a secret of its own (`S256` of RFC 7636), a `state`
/// and a `nonce`, and ends with `POST /sign-in/oidc`.
#[utoipa::path(
    get,
    path = "/sign-in",
    tag = "sign-in",
    responses((status = 200, description = "The ways that this relay has", body = SignInWays)),
)]
pub(crate) async fn ways(State(relay): State<Arc<Relay>>) -> Json<SignInWays> {
    let oidc = match relay.sign_in() {
        Some(sign_in) => Some(sign_in.way().await),
        None => None,
    };
    Json(SignInWays { oidc })
}

/// Who asks, before what they ask is read: from where, and how they call this relay.
pub(crate) struct Caller {
    address: Option<SocketAddr>,
    host: Option<String>,
}

impl FromRequestParts<Arc<Relay>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, relay: &Arc<Relay>) -> Result<Self, Failure> {
        if relay.sign_in().is_none() {
            return Err(off());
        }
        let named = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = named.or_else(|| parts.uri.authority().map(axum::http::uri::Authority::as_str));
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
        Ok(Self { address, host: host.map(str::to_owned) })
    }
}

fn off() -> Failure {
    let detail = "this relay has no provider to sign in with; ask an administrator for a token";
    Failure::new(StatusCode::NOT_FOUND, ApiCode::SignInOff, detail)
}

/// Sign in with the provider
///
/// The relay redeems the code, checks the ID token (OpenID Connect Core 1.0, 3.1.3.7) and makes a token in the person's name,
/// with the role that the provider's claim gives them. The answer is the only moment at which the token can be seen. Codes
/// that are not good are counted by address, like tokens that are not known.
#[utoipa::path(
    post,
    path = "/sign-in/oidc",
    tag = "sign-in",
    request_body = OidcSignIn,
    responses(
        (status = 201, description = "The token, which no cache may keep", body = SignedIn),
        (status = 400, description = "A body that is not understood, a `redirect_uri` that may not be, or `sign_in_failed`: a code or an ID token that is not good", body = Problem),
        (status = 403, description = "The provider knows the person: `not_admitted` where nothing gives them a role here, `forbidden` where it is less than `at_least`", body = Problem),
        (status = 404, description = "`sign_in_off`: this relay has no provider", body = Problem),
        (status = 413, description = "A body that is too large", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
        (status = 429, description = "Too many that were not good, or too many at once", body = Problem),
        (status = 502, description = "`provider_failed`: the provider and the relay do not fit together", body = Problem),
        (status = 503, description = "`provider_away`: the provider cannot be reached just now", body = Problem),
    ),
)]
pub(crate) async fn oidc(
    State(relay): State<Arc<Relay>>,
    Caller { address, host }: Caller,
    Object(asked): Object<OidcSignIn>,
) -> Result<Response, Failure> {
    let sign_in = relay.sign_in().ok_or_else(off)?;
    let knock = address.map(|address| Knock::new(address.ip(), &asked.code));
    let strangers = relay.limiter().strangers();
    if let Some(knock) = &knock {
        strangers.let_in(knock, Instant::now())?;
    }
    let admitted = sign_in.admit(&asked, host.as_deref()).await.map_err(|error| {
        if let Some(knock) = knock.as_ref().filter(|_| error.is_theirs()) {
            strangers.note(knock, false, Instant::now());
        }
        tracing::info!(reason = %error, "Somebody was not signed in");
        error
    })?;
    let made = relay.store(move |store| admitted.make_token(store)).await?;
    let signed_in = SignedIn {
        token: made.token,
        token_id: made.row.id.to_string(),
        organisation: sign_in.organisation().to_owned(),
        role: role_told(made.row.role),
        name: made.row.name,
        expires_at: made.row.expires_at.unwrap_or_default(),
    };
    let alone = [(header::CACHE_CONTROL, const { HeaderValue::from_static("no-store") })];
    Ok((StatusCode::CREATED, alone, Json(signed_in)).into_response())
}
