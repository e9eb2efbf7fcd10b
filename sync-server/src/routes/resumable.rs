//! The IETF's draft "Resumable Uploads for HTTP" (draft-ietf-httpbis-resumable-upload-12, interop
//! version 8), where the operator switches it on: a draft may still change.
//!
//! Without the interim response 104, which the draft leaves open to servers that cannot send one: the HTTP
//! library cannot. A client that wants to know where it goes on before its first body has ended begins
//! with an empty one.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::uploads::{CompleteUpload, NewUpload, UploadPhase};
use kartei_relay_store::{Access, UploadRow};
use serde::Deserialize;
use serde_json::json;

use super::profiles::{media_type, unsupported};
use super::tus::number;
use crate::admin::now;
use crate::auth::{Keeper, may_write};
use crate::problem::Failure;
use crate::serve::Relay;
use crate::uploads::{self, Announced, At, Begin, Take};

const INTEROP: &str = "8";
const BODY_TYPE: &str = "application/partial-upload";

const VERSION: HeaderName = HeaderName::from_static("upload-draft-interop-version");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const COMPLETE: HeaderName = HeaderName::from_static("upload-complete");
const LIMIT: HeaderName = HeaderName::from_static("upload-limit");

/// The draft's own kinds of problems.
const MISMATCHING: &str =
    "https://iana.org/assignments/http-problem-types#mismatching-upload-offset";
const INCONSISTENT: &str =
    "https://iana.org/assignments/http-problem-types#inconsistent-upload-length";
const COMPLETED: &str = "https://iana.org/assignments/http-problem-types#completed-upload";

/// What the request says beside its headers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    /// The file's name.
    name: Option<String>,
}

/// The door's routes.
pub(crate) fn router() -> Router<Arc<Relay>> {
    Router::new()
        .route("/api/resumable", post(begin).options(options))
        .route("/api/resumable/{id}", any(session))
}

async fn options(State(relay): State<Arc<Relay>>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    limit(response.headers_mut(), &relay, None);
    response
}

fn limit(headers: &mut HeaderMap, relay: &Relay, row: Option<&UploadRow>) {
    let mut text = format!("max-size={}", relay.uploads().options().file_bytes_max);
    if let Some(row) = row {
        let left = (row.expires_at - now()).max(0) / 1_000;
        text.push_str(&format!(", max-age={left}"));
    }
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(LIMIT, value);
    }
}

fn speaks(headers: &HeaderMap) -> Result<(), Failure> {
    match headers.get(VERSION) {
        Some(version) if version != INTEROP => {
            Err(Failure::invalid("this relay speaks interop version 8 of the draft"))
        }
        _ => Ok(()),
    }
}

/// A boolean of structured fields (RFC 9651).
fn is_complete(headers: &HeaderMap) -> Result<Option<bool>, Failure> {
    match headers.get(COMPLETE).map(HeaderValue::as_bytes) {
        None => Ok(None),
        Some(b"?1") => Ok(Some(true)),
        Some(b"?0") => Ok(Some(false)),
        Some(_) => Err(Failure::invalid("`Upload-Complete` is ?0 or ?1")),
    }
}

async fn begin(
    State(relay): State<Arc<Relay>>,
    Keeper(access): Keeper,
    named: Result<Query<Named>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    speaks(&headers)?;
    may_write(&access)?;
    let Query(named) = named?;
    let is_last = is_complete(&headers)?
        .ok_or_else(|| Failure::invalid("`Upload-Complete` says whether this is all: ?0 or ?1"))?;
    let content = number(&headers, &header::CONTENT_LENGTH)?;
    let announced = number(&headers, &LENGTH)?;
    let size = match (announced, content.filter(|_| is_last)) {
        (Some(announced), Some(content)) if announced != content => {
            return Err(inconsistent());
        }
        (announced, content) => announced.or(content),
    };
    let kind = media_type(&headers);
    let new = NewUpload {
        name: named.name.unwrap_or_else(|| "upload".to_owned()),
        size,
        content_type: Some(kind).filter(|kind| !kind.is_empty() && kind != BODY_TYPE),
        ..NewUpload::default()
    };
    let digest = Announced::of_content(&headers)?;
    let row = uploads::create(&relay, &access, Begin { door: "draft", new, meta: None }).await?;
    let mut response = append(&relay, &access, &row, 0, digest, is_last, body).await?;
    *response.status_mut() = StatusCode::CREATED;
    let place = HeaderValue::from_str(&format!("/api/resumable/{}", row.id));
    response.headers_mut().insert(header::LOCATION, place.map_err(|e| Failure::internal(&e))?);
    Ok(response)
}

async fn append(
    relay: &Arc<Relay>,
    access: &Access,
    row: &UploadRow,
    offset: u64,
    digest: Option<Announced>,
    is_last: bool,
    body: Body,
) -> Result<Response, Failure> {
    let take = Take { id: row.id.clone(), at: At::End(offset), length: None, digest, is_last };
    let taken = uploads::take(relay, access, take, body).await.map_err(|f| mismatching(f, offset));
    let mut row = taken?;
    if is_last {
        row = uploads::complete(relay, access, &row.id, &CompleteUpload::default()).await?;
    }
    told(relay, &row, StatusCode::NO_CONTENT).await
}

async fn told(
    relay: &Arc<Relay>,
    row: &UploadRow,
    status: StatusCode,
) -> Result<Response, Failure> {
    let state = uploads::state_of(relay, row).await?;
    let mut response = status.into_response();
    let headers = response.headers_mut();
    let end = state.prefix_bytes();
    headers.insert(OFFSET, HeaderValue::from(end));
    let is_complete = row.phase == UploadPhase::Completed;
    let complete = if is_complete { "?1" } else { "?0" };
    headers.insert(COMPLETE, HeaderValue::from_static(complete));
    if let Some(size) = row.size {
        headers.insert(LENGTH, HeaderValue::from(size));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    limit(headers, relay, (!is_complete).then_some(row));
    Ok(response)
}

async fn session(
    State(relay): State<Arc<Relay>>,
    method: Method,
    Keeper(access): Keeper,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    speaks(&headers)?;
    let Path(id) = id?;
    let row = uploads::find(&relay, &access, &id).await?;
    match method {
        Method::HEAD | Method::GET => {
            uploads::told_failed(&row)?;
            told(&relay, &row, StatusCode::NO_CONTENT).await
        }
        Method::PATCH => patch(&relay, &access, &row, &headers, body).await,
        Method::DELETE => {
            may_write(&access)?;
            uploads::abort(&relay, &access, &id).await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Method::OPTIONS => Ok(options(State(relay)).await),
        _ => Err(Failure::new(
            StatusCode::METHOD_NOT_ALLOWED,
            ProblemCode::InvalidRequest,
            "an upload resource knows HEAD, PATCH and DELETE",
        )),
    }
}

async fn patch(
    relay: &Arc<Relay>,
    access: &Access,
    row: &UploadRow,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    may_write(access)?;
    if media_type(headers) != BODY_TYPE {
        return Err(unsupported(BODY_TYPE));
    }
    if row.phase == UploadPhase::Completed {
        let failure = Failure::invalid("this upload is complete, and takes nothing more");
        return Err(failure.kind(COMPLETED));
    }
    if row.phase == UploadPhase::Completing {
        // All of it is there, and the relay that made a file of it may have died at that.
        let row = uploads::complete(relay, access, &row.id, &CompleteUpload::default()).await?;
        return told(relay, &row, StatusCode::NO_CONTENT).await;
    }
    let offset =
        number(headers, &OFFSET)?.ok_or_else(|| Failure::invalid("`Upload-Offset` is missing"))?;
    let is_last =
        is_complete(headers)?.ok_or_else(|| Failure::invalid("`Upload-Complete` is missing"))?;
    let content = number(headers, &header::CONTENT_LENGTH)?;
    let ends_at = content.filter(|_| is_last).and_then(|content| offset.checked_add(content));
    let announced = number(headers, &LENGTH)?;
    for said in [announced, ends_at].into_iter().flatten() {
        if row.size.is_some_and(|size| size != said) || announced.is_some_and(|a| a != said) {
            return Err(inconsistent());
        }
    }
    if let Some(length) = announced.or(ends_at) {
        uploads::size(relay, row, length).await?;
    }
    let digest = Announced::of_content(headers)?;
    append(relay, access, row, offset, digest, is_last, body).await
}

fn inconsistent() -> Failure {
    Failure::invalid("the lengths of this upload do not agree").kind(INCONSISTENT)
}

/// The offset is another one, in the draft's words.
fn mismatching(failure: Failure, provided: u64) -> Failure {
    let Some(expected) = failure.member("offset").and_then(serde_json::Value::as_u64) else {
        return failure;
    };
    if !failure.is(ProblemCode::OffsetInvalid) {
        return failure;
    }
    failure
        .kind(MISMATCHING)
        .with("expected-offset", json!(expected))
        .with("provided-offset", json!(provided))
        .header(OFFSET, HeaderValue::from(expected))
        .header(COMPLETE, HeaderValue::from_static("?0"))
}
