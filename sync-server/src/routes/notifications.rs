//! What somebody was told.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use kartei_protocol::jobs::{Note, NotePage, NotesRead, ReadNotes};
use kartei_relay_store::NotesAsked;
use serde::Deserialize;
use utoipa::IntoParams;

use super::request::page_limit;
use crate::admin::now;
use crate::auth::Caller;
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::routes::request::Object;
use crate::serve::Relay;

/// Which notifications.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// How many, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// Those before this one.
    before: Option<i64>,
}

/// Notifications
///
/// What the person of this token was told: each thing once.
#[utoipa::path(
    get,
    path = "/notifications",
    tag = "notifications",
    params(Which),
    responses(
        (status = 200, description = "The newest first", body = NotePage),
        (status = 400, description = "A query that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn list(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<NotePage>, Failure> {
    let Query(which) = which?;
    let limit = page_limit(which.limit)?;
    let person = access.name.clone();
    let (notes, unread) = relay
        .store(move |store| {
            let asked = NotesAsked { person: &person, before: which.before, limit };
            let notes = store.notifications(access.org, &asked)?;
            Ok::<_, Failure>((notes, store.unread_notifications(access.org, &person)?))
        })
        .await?;
    let notifications = notes
        .into_iter()
        .map(|note| Note {
            id: note.id,
            kind: note.kind,
            job_id: note.job,
            created_at: note.created_at,
            read_at: note.read_at,
        })
        .collect();
    Ok(Json(NotePage { notifications, unread }))
}

/// Mark notifications as read
#[utoipa::path(
    post,
    path = "/notifications/read",
    tag = "notifications",
    request_body = ReadNotes,
    responses(
        (status = 200, description = "How many were not read before", body = NotesRead),
        (status = 400, description = "A body that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn read(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    Object(which): Object<ReadNotes>,
) -> Result<Json<NotesRead>, Failure> {
    let person = access.name.clone();
    let read = relay
        .store(move |store| store.read_notifications(access.org, &person, which.id, now()))
        .await?;
    Ok(Json(NotesRead { read }))
}
