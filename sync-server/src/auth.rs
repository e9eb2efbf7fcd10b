//! Who asks.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use kartei_relay_store::Access;

use crate::admin::now;
use crate::problem::Failure;
use crate::serve::Relay;

/// The checked token of a request. A handler that takes one cannot be reached without.
pub(crate) struct Caller(pub(crate) Access);

impl FromRequestParts<Arc<Relay>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, relay: &Arc<Relay>) -> Result<Self, Failure> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
        let token = token.ok_or_else(Failure::unauthorized)?;
        let access = relay.store(move |store| store.authenticate(&token, now())).await?;
        access.map(Self).ok_or_else(Failure::unauthorized)
    }
}
