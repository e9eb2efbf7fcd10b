//! What administrators did.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use kartei_protocol::admin::{AuditEvent, AuditPage};
use kartei_relay_store::AuditQuery;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::audit_export::{self, Form};
use crate::auth::Administrator;
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::routes::request::Page;
use crate::serve::Relay;
use crate::uploads::hex;

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AuditFormat {
    /// A page.
    Json,
    /// All of them, one row an event.
    Csv,
    /// All of them, one line an event.
    Ndjson,
}

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
    /// Those of this actor: a token's name, `administrator` or `relay`.
    actor: Option<String>,
    /// Those from this moment on, in milliseconds since 1970.
    since: Option<i64>,
    /// Those before this moment, in milliseconds since 1970.
    until: Option<i64>,
    /// A page as JSON; or all that matches, streamed, as `csv` or `ndjson`. Without it `Accept` decides.
    #[param(inline)]
    format: Option<AuditFormat>,
}

impl Which {
    /// How all of it is to be written; nothing where a page is.
    fn form(&self, headers: &HeaderMap) -> Option<Form> {
        let accepts = |kind: &str| {
            let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
            accepted.is_some_and(|accepted| accepted.trim_start().starts_with(kind))
        };
        match self.format {
            Some(AuditFormat::Json) => None,
            Some(AuditFormat::Csv) => Some(Form::Csv),
            Some(AuditFormat::Ndjson) => Some(Form::Ndjson),
            None if accepts(Form::Csv.media_type()) => Some(Form::Csv),
            None if accepts(Form::Ndjson.media_type()) => Some(Form::Ndjson),
            None => None,
        }
    }
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
/// each event hashed together with the one before. An export that cannot be completed ends with a broken connection;
/// `limit` and `cursor` are for pages.
#[utoipa::path(
    get,
    path = "/admin/audit",
    tag = "administration",
    params(Which),
    responses(
        (status = 200, description = "The newest first", content(
            (AuditPage = "application/json"),
            (String = "text/csv"),
            (String = "application/x-ndjson"),
        )),
        (status = 400, description = "A query that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn list(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    headers: HeaderMap,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(which) = which?;
    let form = which.form(&headers);
    if form.is_some() && (which.limit.is_some() || which.cursor.is_some()) {
        return Err(Failure::invalid("an export has all that matches: no `limit`, no `cursor`"));
    }
    let page = Page::asked(which.limit, which.cursor.as_deref())?;
    let Which { action, actor, since, until, .. } = which;
    let (limit, before) = (page.rows_max(), page.before);
    let query = AuditQuery { limit, before, action, actor, since, until };
    if let Some(form) = form {
        return audit_export::answer(relay, access.org, query, form).await;
    }
    let mut events = relay.store(move |store| store.audit(access.org, &query)).await?;
    let next = page.next(&mut events, |event| event.seq.to_string());
    Ok(Json(AuditPage { events: events.into_iter().map(told).collect(), next }).into_response())
}
