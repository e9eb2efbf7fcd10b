//! Who asks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use kartei_protocol::problem::ProblemCode;
use kartei_relay_store::{Access, Role, Standing};

use crate::problem::Failure;
use crate::serve::Relay;
use crate::standing::standing;
use crate::strangers::Knock;

/// The checked token of a request. A handler that takes one cannot be reached without.
pub(crate) struct Caller(pub(crate) Access);

/// The same of an administrator: any other token is refused.
pub(crate) struct Administrator(pub(crate) Access);

/// The same of somebody who may write: a viewer's token is refused.
pub(crate) struct Writer(pub(crate) Access);

/// The same for uploads and files, whose requests are counted.
pub(crate) struct Keeper(pub(crate) Access);

/// The same, with where the organisation stands: not older than the request.
pub(crate) struct Reader(pub(crate) Standing);

/// The token of a request, unchecked.
pub(crate) fn bearer(parts: &Parts) -> Result<&str, Failure> {
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    header.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(Failure::unauthorized)
}

impl FromRequestParts<Arc<Relay>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, relay: &Arc<Relay>) -> Result<Self, Failure> {
        let Reader(standing) = Reader::from_request_parts(parts, relay).await?;
        Ok(Self(standing.access))
    }
}

impl FromRequestParts<Arc<Relay>> for Administrator {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, relay: &Arc<Relay>) -> Result<Self, Failure> {
        let Caller(access) = Caller::from_request_parts(parts, relay).await?;
        if access.role == Role::Admin {
            return Ok(Self(access));
        }
        let detail = "only an administrator's token may do this";
        Err(Failure::new(StatusCode::FORBIDDEN, ProblemCode::Forbidden, detail))
    }
}

impl FromRequestParts<Arc<Relay>> for Writer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, relay: &Arc<Relay>) -> Result<Self, Failure> {
        let Caller(access) = Caller::from_request_parts(parts, relay).await?;
        may_write(&access)?;
        Ok(Self(access))
    }
}

/// Whether a token's role may write, where that is known only within a request.
pub(crate) fn may_write(access: &Access) -> Result<(), Failure> {
    if access.role.may_write() { Ok(()) } else { Err(Failure::forbidden()) }
}

impl FromRequestParts<Arc<Relay>> for Keeper {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, relay: &Arc<Relay>) -> Result<Self, Failure> {
        let Caller(access) = Caller::from_request_parts(parts, relay).await?;
        relay.limiter().token(access.token)?;
        Ok(Self(access))
    }
}

impl FromRequestParts<Arc<Relay>> for Reader {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, relay: &Arc<Relay>) -> Result<Self, Failure> {
        let token = bearer(parts)?;
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let knock = address.map(|address| Knock::new(address, token));
        let strangers = relay.limiter().strangers();
        if let Some(knock) = &knock {
            strangers.let_in(knock, Instant::now())?;
        }
        let found = standing(relay, token).await?;
        if let Some(knock) = &knock {
            strangers.note(knock, found.is_some(), Instant::now());
        }
        found.map(Self).ok_or_else(Failure::unauthorized)
    }
}
