//! The organisation's tokens: who may ask, for how long.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kartei_protocol::admin::{NewToken, TokenCreated, TokenInfo, TokenList, TokenRole};
use kartei_protocol::problem::ProblemCode;
use kartei_relay_store::{Role, TokenRevoked, TokenRow, TokenWish};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::admin::now;
use crate::auth::Administrator;
use crate::openapi::Problem;
use crate::problem::{ApiCode, Failure};
use crate::routes::request::Object;
use crate::serve::Relay;

/// What is listed beside the tokens that hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Include {
    /// Those that were revoked or have come to their end.
    Ended,
}

/// Which tokens.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// `ended`: also those that were revoked or have come to their end.
    #[param(inline)]
    include: Option<Include>,
}

pub(in crate::routes) fn role_told(role: Role) -> TokenRole {
    match role {
        Role::Viewer => TokenRole::Viewer,
        Role::Analyst => TokenRole::Analyst,
        Role::Admin => TokenRole::Admin,
    }
}

pub(crate) fn role_meant(role: TokenRole) -> Role {
    match role {
        TokenRole::Viewer => Role::Viewer,
        TokenRole::Analyst => Role::Analyst,
        TokenRole::Admin => Role::Admin,
    }
}

/// A token as it is told to who asks with the token `yours`; at the relay's own machine nobody does.
pub(crate) fn told(token: TokenRow, yours: Option<i64>) -> TokenInfo {
    TokenInfo {
        token_id: token.id.to_string(),
        is_yours: yours == Some(token.id),
        name: token.name,
        role: role_told(token.role),
        created_at: token.created_at,
        created_by: token.created_by,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
        revoked_at: token.revoked_at,
    }
}

/// Tokens
#[utoipa::path(
    get,
    path = "/admin/tokens",
    tag = "administration",
    params(Which),
    responses(
        (status = 200, description = "The newest first", body = TokenList),
        (status = 400, description = "A query that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn list(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<TokenList>, Failure> {
    let Query(which) = which?;
    let ended = which.include == Some(Include::Ended);
    let tokens = relay.store(move |store| store.tokens(access.org, now(), ended)).await?;
    let told = tokens.into_iter().map(|token| told(token, Some(access.token))).collect();
    Ok(Json(TokenList { tokens: told }))
}

/// Make a token
///
/// The answer is the only moment at which it can be seen: a hash of it is kept.
#[utoipa::path(
    post,
    path = "/admin/tokens",
    tag = "administration",
    request_body = NewToken,
    responses(
        (status = 201, description = "The token, which no cache may keep", body = TokenCreated),
        (status = 400, description = "A body that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
        (status = 422, description = "A name that is empty, too long or has control characters, or days out of range", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn create(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    Object(NewToken { name, role, expires_in_days }): Object<NewToken>,
) -> Result<Response, Failure> {
    let asker = access.token;
    let made = relay
        .store(move |store| {
            let role = role_meant(role);
            let wish = TokenWish { name: &name, role, days: expires_in_days, by: &access.name };
            wish.check().map_err(|refused| {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Failure::new(status, ProblemCode::InvalidRequest, refused.to_string())
            })?;
            Ok::<_, Failure>(store.make_token(access.org, &wish, now())?)
        })
        .await?;
    let created = TokenCreated { token: made.token, info: told(made.row, Some(asker)) };
    let alone = [(header::CACHE_CONTROL, const { HeaderValue::from_static("no-store") })];
    Ok((StatusCode::CREATED, alone, Json(created)).into_response())
}

/// Revoke a token
///
/// For good: with the next request, and open event streams within seconds. Again is no mistake. The last
/// administrator's token stays, as nobody could make another one over HTTP then.
#[utoipa::path(
    delete,
    path = "/admin/tokens/{id}",
    tag = "administration",
    params(("id" = String, Path, description = "The token's id")),
    responses(
        (status = 204, description = "It is revoked"),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 404, description = "No such token, here or for this token", body = Problem),
        (status = 409, description = "`last_administrator`: no other administrator's token holds", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn revoke(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Failure> {
    let Path(id) = id?;
    let id: i64 = id.parse().map_err(|_| unknown())?;
    let revoked = relay
        .store(move |store| store.revoke_token(access.org, id, &access.name, false, now()))
        .await?;
    match revoked {
        TokenRevoked::Now | TokenRevoked::Before => Ok(StatusCode::NO_CONTENT),
        TokenRevoked::Missing => Err(unknown()),
        TokenRevoked::LastAdministrator => Err(Failure::new(
            StatusCode::CONFLICT,
            ApiCode::LastAdministrator,
            "no other administrator's token holds; make one first",
        )),
    }
}

fn unknown() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, "there is no such token")
}
