//! Erasing profiles for good.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use kartei_relay_store::{Erased, OrgId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::author;
use crate::auth::Administrator;
use crate::erasure::{self, ErasureList, ErasureReport};
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::serve::Relay;

/// What may be erased.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Unknown {
    /// `true` erases also where no profile has this id: what refused lines of imports say of it goes,
    /// and the id is closed. Without it such an id is answered with 404, so that a slip of the pen
    /// closes nothing.
    #[serde(default)]
    unknown: bool,
}

/// Erase a profile for good
///
/// Record, document, history and archived lines go, here and on every device at its next contact; a
/// keyed hash of the id is left. Profiles that were merged into it go with it. It cannot be taken back, and the id cannot be used again. The same
/// again changes nothing, and tells which devices have confirmed since. Bodies and files outside the
/// relay (exports, backups) are not reached.
#[utoipa::path(
    post,
    path = "/profiles/{id}/erase",
    tag = "erasure",
    params(("id" = String, Path, description = "The record's id"), Unknown),
    responses(
        (status = 200, description = "It is erased", body = ErasureReport),
        (status = 400, description = "A query that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 404, description = "No such profile, here or for this token", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn erase(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<Unknown>, QueryRejection>,
) -> Result<Json<ErasureReport>, Failure> {
    let (Path(id), Query(Unknown { unknown })) = (id?, query?);
    let (author, org) = (author(&access), access.org);
    let done = relay
        .store(move |store| {
            let erasure = match store.erase(org, &author, &id, unknown)? {
                Erased::Now(erasure) | Erased::Before(erasure) => erasure,
                Erased::Missing => return Ok(None),
            };
            let report = erasure::report(store, org, &erasure)?;
            Ok::<_, kartei_relay_store::RelayStoreError>(Some((erasure.rev, report)))
        })
        .await?;
    let (rev, report) = done.ok_or_else(Failure::not_found)?;
    relay.announce(org, rev);
    clean_up(&relay, org).await;
    Ok(Json(report))
}

/// Begins what is done after an erasure.
pub(crate) async fn clean_up(relay: &Relay, org: OrgId) {
    // At once, so that no new replica begins with the profile. What fails here is done by who cleans up.
    if let Err(failure) = relay.drop_segments(org).await {
        tracing::error!(?failure, "Segments are still to be dropped");
    }
    relay.erased().notify_one();
}

/// Profiles that were erased for good
///
/// When, by whom, and which devices have still to confirm; without their ids.
#[utoipa::path(
    get,
    path = "/erasures",
    tag = "erasure",
    responses(
        (status = 200, description = "All of them, newest first", body = ErasureList),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn erasures(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
) -> Result<Json<ErasureList>, Failure> {
    let list = relay.store(move |store| erasure::list(store, access.org)).await?;
    Ok(Json(list))
}
