//! Where an organisation is told, and what became of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kartei_protocol::admin::{Delivery, DeliveryPage, DeliveryState, NewWebhook, WebhookInfo};
use kartei_protocol::problem::ProblemCode;
use kartei_relay_store::{DeliveryRow, OrgId, Resent, Webhook};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Administrator;
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::routes::request::{Object, Page};
use crate::serve::Relay;
use crate::webhooks::{new_secret, webhook_id};

fn told(webhook: Webhook, secret: Option<String>) -> WebhookInfo {
    WebhookInfo { url: webhook.url, by: webhook.by, created_at: webhook.created_at, secret }
}

fn no_webhook() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, "there is no webhook")
}

/// The webhook
#[utoipa::path(
    get,
    path = "/admin/webhook",
    tag = "administration",
    responses(
        (status = 200, description = "Where the organisation is told, without the secret", body = WebhookInfo),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 404, description = "There is none", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn get(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
) -> Result<Json<WebhookInfo>, Failure> {
    let webhook = relay.store(move |store| store.webhook(access.org)).await?;
    Ok(Json(told(webhook.ok_or_else(no_webhook)?, None)))
}

/// Set the webhook
///
/// With a new secret, which is shown this once. What is told from then on comes as the Standard Webhooks
/// specification says, signed with it.
#[utoipa::path(
    put,
    path = "/admin/webhook",
    tag = "administration",
    request_body = NewWebhook,
    responses(
        (status = 200, description = "It is set; `secret` is shown this once", body = WebhookInfo),
        (status = 400, description = "An address that is not allowed", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
        (status = 503, description = "The relay has no operator's key", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn set(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    Object(asked): Object<NewWebhook>,
) -> Result<Response, Failure> {
    let url = relay.webhooks().checked(&asked.url).map_err(Failure::invalid)?;
    let (sealed, secret) = new_secret(&relay, access.org).await?;
    let webhook = relay
        .store(move |store| store.set_webhook(access.org, &access.name, url.as_str(), &sealed))
        .await?;
    let answer = Json(told(webhook, Some(secret)));
    Ok(([(header::CACHE_CONTROL, "no-store")], answer).into_response())
}

/// Take the webhook away
///
/// What was on its way there is suppressed.
#[utoipa::path(
    delete,
    path = "/admin/webhook",
    tag = "administration",
    responses(
        (status = 204, description = "There is none"),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 404, description = "There was none", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn remove(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
) -> Result<StatusCode, Failure> {
    let was = relay.store(move |store| store.remove_webhook(access.org, &access.name)).await?;
    if was { Ok(StatusCode::NO_CONTENT) } else { Err(no_webhook()) }
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// How many, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
    /// Those in this state.
    status: Option<DeliveryState>,
}

fn delivery(org: OrgId, row: DeliveryRow) -> Delivery {
    Delivery {
        id: row.id,
        webhook_id: webhook_id(org, &row),
        person: row.person,
        channel: row.channel,
        status: row.state,
        kind: row.kind,
        job_id: row.job,
        attempts: row.attempts,
        due_at: row.due_at,
        answer: row.status,
        detail: row.detail,
        finished_at: row.finished_at,
    }
}

/// Deliveries of notifications
#[utoipa::path(
    get,
    path = "/admin/deliveries",
    tag = "administration",
    params(Which),
    responses(
        (status = 200, description = "The newest first", body = DeliveryPage),
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
) -> Result<Json<DeliveryPage>, Failure> {
    let Query(which) = which?;
    let page = Page::asked(which.limit, which.cursor.as_deref())?;
    let (before, rows_max) = (page.before, page.rows_max());
    let find = move |store: &kartei_relay_store::RelayStore| {
        store.deliveries(access.org, which.status, before, rows_max)
    };
    let mut rows = relay.store(find).await?;
    let next = page.next(&mut rows, |row| row.id.to_string());
    let deliveries = rows.into_iter().map(|row| delivery(access.org, row)).collect();
    Ok(Json(DeliveryPage { deliveries, next }))
}

/// Send again
///
/// What ended, over the webhook, with the same id: a receiver that has it knows.
#[utoipa::path(
    post,
    path = "/admin/deliveries/{id}/send",
    tag = "administration",
    params(("id" = i64, Path, description = "The delivery's number")),
    responses(
        (status = 200, description = "It is sent again", body = Delivery),
        (status = 400, description = "No number", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 404, description = "No such delivery, here or for this token", body = Problem),
        (status = 409, description = "It is on its way, or there is no webhook", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn resend(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<Delivery>, Failure> {
    let (Path(id), org) = (id?, access.org);
    match relay.store(move |store| store.resend(org, &access.name, id)).await? {
        Resent::Again(row) => Ok(Json(delivery(org, row))),
        Resent::Blocked => {
            let detail = "it is on its way, or goes no way that can be gone again";
            Err(Failure::new(StatusCode::CONFLICT, ProblemCode::Blocked, detail))
        }
        Resent::Missing => {
            let detail = "there is no such delivery";
            Err(Failure::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, detail))
        }
    }
}
