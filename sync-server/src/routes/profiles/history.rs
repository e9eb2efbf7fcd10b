//! Who changed a profile, and how.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};

use super::missing;
use crate::auth::Caller;
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::serve::Relay;
use crate::wire::History;

/// The history of a profile
#[utoipa::path(
    get,
    path = "/profiles/{id}/history",
    tag = "profiles",
    params(("id" = String, Path, description = "The record's id")),
    responses(
        (status = 200, description = "Every change, oldest first", body = History),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 404, description = "No such profile, here or for this token", body = Problem),
        (status = 410, description = "It was erased for good", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn history(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<History>, Failure> {
    let Path(id) = id?;
    let (org, asked) = (access.org, id.clone());
    let changes = relay.store(move |store| store.history(org, &id)).await?;
    let Some(changes) = changes else { return Err(missing(&relay, org, asked).await) };
    Ok(Json(History { changes: changes.into_iter().map(Into::into).collect() }))
}
