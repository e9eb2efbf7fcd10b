//! What administrators did.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use kartei_protocol::admin::{AuditEvent, AuditPage};
use kartei_relay_store::AuditQuery;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Administrator;
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::routes::request::Page;
use crate::serve::Relay;
use crate::uploads::hex;

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// How many, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
    /// Those with this word, such as `job.forced`.
    action: Option<String>,
}

/// An event as it is told.
pub(crate) fn told(event: kartei_relay_store::AuditEvent) -> AuditEvent {
    AuditEvent {
        seq: event.seq,
        at: event.at,
        actor: event.actor,
        action: event.action,
        subject: event.subject,
        data: serde_json::from_str(&event.data).unwrap_or_default(),
        hash: hex(&event.hash),
    }
}

/// Audit
///
/// What administrators and the relay's upkeep did with analyses and what they leave: numbered without holes,
/// each event hashed together with the one before.
#[utoipa::path(
    get,
    path = "/admin/audit",
    tag = "administration",
    params(Which),
    responses(
        (status = 200, description = "The newest first", body = AuditPage),
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
) -> Result<Json<AuditPage>, Failure> {
    let Query(which) = which?;
    let page = Page::asked(which.limit, which.cursor.as_deref())?;
    let query = AuditQuery { limit: page.rows_max(), before: page.before, action: which.action };
    let mut events = relay.store(move |store| store.audit(access.org, &query)).await?;
    let next = page.next(&mut events, |event| event.seq.to_string());
    Ok(Json(AuditPage { events: events.into_iter().map(told).collect(), next }))
}
