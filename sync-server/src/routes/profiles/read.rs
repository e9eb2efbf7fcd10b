//! Reading one profile.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kartei_relay_store::{Profile, Standing};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{answer, merged, missing, not_modified};
use crate::auth::{Caller, Reader};
use crate::cache::{Found, Stand};
use crate::conditions::is_known;
use crate::openapi::{Problem, UserProfile};
use crate::problem::{ApiCode, Failure};
use crate::serve::Relay;

/// What is read of changes in between to keep the rest of the cache; beyond it all is read anew.
const CHANGED_ROWS_MAX: usize = 200;
const CHANGED_BYTES_MAX: usize = 1024 * 1024;

/// Which state is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct At {
    /// The profile as it was when the organisation had this revision.
    at_rev: Option<u64>,
}

/// One profile
///
/// The record in its canonical form. The entity tag is the SHA-256 of these bytes.
#[utoipa::path(
    get,
    path = "/profiles/{id}",
    tag = "profiles",
    params(("id" = String, Path, description = "The record's id"), At),
    responses(
        (status = 200, description = "The record", body = UserProfile, headers(
            ("ETag" = String, description = "SHA-256 of the record, in quotes"),
            ("Last-Modified" = String, description = "When it was last changed"),
            ("Kartei-Revision" = u64, description = "The revision of its last change"),
            ("Kartei-Conflicts" = u64, description = "How many of its fields are in conflict"),
        )),
        (status = 304, description = "It is what `If-None-Match` names"),
        (status = 308, description = "It was merged into another one, which `Location` names", body = Problem),
        (status = 400, description = "A wrong parameter", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 404, description = "No such profile, here or for this token", body = Problem),
        (status = 410, description = "It was erased for good", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn get(
    State(relay): State<Arc<Relay>>,
    Reader(standing): Reader,
    id: Result<Path<String>, PathRejection>,
    at: Result<Query<At>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let (Path(id), Query(at)) = (id?, at?);
    let org = standing.access.org;
    let asked = id.clone();
    let found = match at.at_rev {
        None => current(&relay, standing, id).await?,
        Some(rev) if rev > standing.head_rev => {
            let detail = format!("the organisation has no revision {rev} yet");
            return Err(Failure::new(StatusCode::BAD_REQUEST, ApiCode::UnknownRevision, detail));
        }
        Some(rev) => {
            let past = relay.store(move |store| store.profile_at(org, &id, rev)).await?;
            past.map(Arc::new)
        }
    };
    let Some(profile) = found else {
        // What it was at some revision is no question of where it is now.
        return Err(match at.at_rev {
            None => merged(&relay, org, asked).await,
            Some(_) => missing(&relay, org, asked).await,
        });
    };
    if is_known(&headers, profile.hash)? {
        return Ok(not_modified(&profile));
    }
    Ok(answer(StatusCode::OK, &profile))
}

/// A profile as it is: from memory where that is as new as the request.
async fn current(
    relay: &Arc<Relay>,
    standing: Standing,
    id: String,
) -> Result<Option<Arc<Profile>>, Failure> {
    let Standing { access, head_rev } = standing;
    let (org, cache) = (access.org, relay.cache());
    let stand = Stand { org, epoch: access.epoch, head_rev };
    let mut found = cache.find(&stand, &id);
    if matches!(found, Found::Behind(_)) {
        let _telling = cache.telling.lock().await;
        // Somebody may have told it meanwhile.
        if let Found::Behind(from) = cache.find(&stand, &id) {
            let (to, rows) = relay
                .store(move |store| {
                    store.rows_since(org, from, CHANGED_ROWS_MAX, CHANGED_BYTES_MAX)
                })
                .await?;
            cache.tell(&stand, from, to, &rows);
        }
        found = cache.find(&stand, &id);
    }
    if let Found::Profile(profile) = found {
        return Ok(Some(profile));
    }
    let asked = id.clone();
    let read = relay.store(move |store| store.profile(org, &asked)).await?.map(Arc::new);
    if let Some(profile) = &read {
        cache.keep(&stand, &id, profile);
    }
    Ok(read)
}

/// A profile's Automerge document
///
/// For programs that know Automerge. What they change in it can be handed back.
#[utoipa::path(
    get,
    path = "/profiles/{id}/document",
    tag = "profiles",
    params(("id" = String, Path, description = "The record's id")),
    responses(
        (status = 200, description = "The saved document", content_type = "application/octet-stream"),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 404, description = "No such profile, here or for this token", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn document(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    let Path(id) = id?;
    let body = relay.store(move |store| store.document(access.org, &id)).await?;
    let body = body.ok_or_else(Failure::not_found)?;
    let kind = HeaderValue::from_static("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

/// The schema of records
#[utoipa::path(
    get,
    path = "/profiles/schema",
    tag = "profiles",
    responses((status = 200, description = "JSON Schema, draft 2020-12, with rules of merging")),
)]
pub(crate) async fn schema() -> Response {
    const SCHEMA: &str = include_str!("../../../../schemas/user_profile.v1.schema.json");
    let kind = HeaderValue::from_static("application/schema+json");
    ([(header::CONTENT_TYPE, kind)], SCHEMA).into_response()
}
