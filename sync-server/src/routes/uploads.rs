//! The interface of record for uploads: `POST /api/upload?action=…`.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kartei_protocol::uploads::{
    BroughtParts, CompleteUpload, NewUpload, SignedParts, UploadState, Uploads, WantedParts,
};
use kartei_relay_store::Access;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::{IntoParams, ToSchema};

use super::profiles::{media_type, unsupported};
use crate::auth::{Keeper, may_write};
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::serve::Relay;
use crate::uploads::{self, Announced, At, Begin, First, REQUEST_BYTES_MAX, Take};

/// Bytes of what is said about an upload: some names and digests.
const SAID_BYTES_MAX: usize = 16 * 1024;

/// Sessions that are listed.
const LISTED_MAX: usize = 200;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// Begins an upload.
    Create,
    /// Brings bytes.
    Chunk,
    /// Makes a file of what came.
    Complete,
    /// Tells how far it is.
    Status,
    /// Gives it up.
    Abort,
    /// Signs requests that bring parts to S3, for an upload that was begun with `direct`.
    Sign,
    /// Tells which parts came there.
    Brought,
}

/// What a request says of itself.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// What is to be done.
    action: Action,
    /// The session's id, for all but `create`.
    upload: Option<String>,
    /// Where a chunk begins, a multiple of `piece_bytes`.
    offset: Option<u64>,
    /// With `chunk`, and with `create` that brings raw bytes: the file ends with this body, and is made.
    #[serde(default)]
    complete: bool,
    /// With `create` that brings raw bytes: the file's name.
    name: Option<String>,
    /// The same: the file's bytes.
    size: Option<u64>,
    /// The same: what it is.
    content_type: Option<String>,
    /// The same, and with `complete=true`: BLAKE3 of the whole, 64 hex digits.
    digest: Option<String>,
    /// The same: SHA-256 of the whole, 64 hex digits.
    sha256: Option<String>,
    /// With `create`: the client's own name for the upload.
    key: Option<String>,
}

/// Upload a file
///
/// One route for every step. Chunks are raw bytes; `create` and `complete` take JSON, and `create` takes the
/// first bytes of a file instead, with what describes it in the query. Where the operator allows it, `sign` and
/// `brought` let a client bring the parts to S3 by itself.
#[utoipa::path(
    post,
    path = "/api/upload",
    tag = "uploads",
    params(Asked),
    request_body(content(
        (NewUpload = "application/json"),
        (CompleteUpload = "application/json"),
        (WantedParts = "application/json"),
        (BroughtParts = "application/json"),
        (Vec<u8> = "application/octet-stream"),
    )),
    responses(
        (status = 200, description = "The upload as it is now; with `sign`, the signed requests", content(
            (UploadState = "application/json"),
            (SignedParts = "application/json"),
        )),
        (status = 201, description = "It was begun", body = UploadState),
        (status = 400, description = "A request that is not understood, a place between pieces, or a body that is not what its digest says", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such upload, here or for this token", body = Problem),
        (status = 408, description = "The body came too slowly", body = Problem),
        (status = 409, description = "Bytes are missing, or another request took over", body = Problem),
        (status = 410, description = "The upload has ended", body = Problem),
        (status = 413, description = "More bytes than were announced, or than there is room for", body = Problem),
        (status = 415, description = "Neither JSON nor raw bytes", body = Problem),
        (status = 422, description = "The file is not what its digest says, or the key was used before", body = Problem),
        (status = 429, description = "Too many uploads or requests at once", body = Problem),
        (status = 503, description = "The relay's memory is in use; `Retry-After` says when to ask again", body = Problem),
        (status = 507, description = "The relay's disk is full", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn upload(
    State(relay): State<Arc<Relay>>,
    Keeper(access): Keeper,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let Query(asked) = asked?;
    if asked.action != Action::Status {
        may_write(&access)?;
    }
    match asked.action {
        Action::Create => create(&relay, &access, asked, &headers, body).await,
        Action::Chunk => chunk(&relay, &access, asked, &headers, body).await,
        Action::Complete => {
            let said = said(body).await?;
            let row = uploads::complete(&relay, &access, &named(&asked)?, &said).await?;
            answer(&relay, StatusCode::OK, &row).await
        }
        Action::Status => {
            let row = uploads::find(&relay, &access, &named(&asked)?).await?;
            answer(&relay, StatusCode::OK, &row).await
        }
        Action::Sign => {
            let wanted: WantedParts = said(body).await?;
            let signed = uploads::sign(&relay, &access, &named(&asked)?, &wanted).await?;
            let headers = [(header::CACHE_CONTROL, "no-store")];
            Ok((headers, Json(signed)).into_response())
        }
        Action::Brought => {
            let parts: BroughtParts = said(body).await?;
            let row = uploads::brought(&relay, &access, &named(&asked)?, &parts).await?;
            answer(&relay, StatusCode::OK, &row).await
        }
        Action::Abort => {
            let row = uploads::abort(&relay, &access, &named(&asked)?).await?;
            answer(&relay, StatusCode::OK, &row).await
        }
    }
}

async fn create(
    relay: &Arc<Relay>,
    access: &Access,
    asked: Asked,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    match media_type(headers).as_str() {
        "application/json" => {
            let new: NewUpload = said(body).await?;
            let begin = Begin { door: "record", new, meta: None };
            let row = uploads::create(relay, access, begin).await?;
            answer(relay, StatusCode::CREATED, &row).await
        }
        "application/octet-stream" => {
            // Told before a session is begun for it.
            let length = length_of(headers)?;
            let digest = Announced::of_content(headers)?;
            let name = asked.name.ok_or_else(|| Failure::invalid("`name` is missing"))?;
            let Asked { size, content_type, digest: whole, sha256, key, complete, .. } = asked;
            let size = size.or(length.filter(|_| complete));
            let new =
                NewUpload { name, size, content_type, digest: whole, sha256, key, direct: false };
            let begin = Begin { door: "record", new, meta: None };
            let first = First { length, digest, is_last: complete };
            let row = uploads::begin_with(relay, access, begin, first, body).await?;
            answer(relay, StatusCode::CREATED, &row).await
        }
        _ => Err(unsupported("application/json, application/octet-stream")),
    }
}

async fn chunk(
    relay: &Arc<Relay>,
    access: &Access,
    asked: Asked,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    if media_type(headers) != "application/octet-stream" {
        return Err(unsupported("application/octet-stream"));
    }
    let id = named(&asked)?;
    let offset = asked.offset.ok_or_else(|| Failure::invalid("`offset` is missing"))?;
    let take = Take {
        id: id.clone(),
        at: At::Place(offset),
        length: length_of(headers)?,
        digest: Announced::of_content(headers)?,
        is_last: asked.complete,
    };
    let mut row = uploads::take(relay, access, take, body).await?;
    if asked.complete {
        let said = CompleteUpload { size: None, digest: asked.digest, sha256: asked.sha256 };
        row = uploads::complete(relay, access, &id, &said).await?;
    }
    answer(relay, StatusCode::OK, &row).await
}

/// A body that is compressed on its way would lie about its size.
fn length_of(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => {}
        Some(_) => {
            return Err(unsupported("bytes as they are, without `Content-Encoding`")
                .header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity")));
        }
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|length| length.parse().ok());
    if length.is_some_and(|length| length > REQUEST_BYTES_MAX) {
        return Err(uploads::beyond_request());
    }
    Ok(length)
}

fn named(asked: &Asked) -> Result<String, Failure> {
    asked.upload.clone().ok_or_else(|| Failure::invalid("`upload` is missing: the session's id"))
}

/// What a body says; nothing said is what nothing says.
async fn said<T: DeserializeOwned + Default>(body: Body) -> Result<T, Failure> {
    let bytes = to_bytes(body, SAID_BYTES_MAX).await;
    let bytes = bytes.map_err(|_| Failure::invalid("the body broke off, or is no description"))?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| Failure::invalid(format!("the body cannot be read: {error}")))
}

async fn answer(
    relay: &Relay,
    status: StatusCode,
    row: &kartei_relay_store::UploadRow,
) -> Result<Response, Failure> {
    let state = uploads::state_of(relay, row).await?;
    let mut response = (status, Json(&state)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::CREATED
        && let Ok(place) =
            HeaderValue::from_str(&format!("/api/upload?action=status&upload={}", state.id))
    {
        headers.insert(header::LOCATION, place);
    }
    Ok(response)
}

/// Uploads
///
/// The newest sessions of the organisation, open ones and those that ended lately.
#[utoipa::path(
    get,
    path = "/api/uploads",
    tag = "uploads",
    responses(
        (status = 200, description = "The newest first", body = Uploads),
        (status = 401, description = "No token, or one that is not known", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn list(
    State(relay): State<Arc<Relay>>,
    Keeper(access): Keeper,
) -> Result<Json<Uploads>, Failure> {
    let org = access.org;
    let rows = relay.store(move |store| store.uploads(org, LISTED_MAX)).await?;
    let mut uploads = Vec::with_capacity(rows.len());
    for row in &rows {
        uploads.push(uploads::state_of(&relay, row).await?);
    }
    Ok(Json(Uploads { uploads }))
}
