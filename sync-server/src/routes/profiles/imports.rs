//! Files of records, and what became of them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt;
use kartei_blob_store::{BlobError, BlobName, Stored};
use kartei_ndjson::ReadError;
use kartei_protocol::problem::ProblemCode;
use kartei_relay_store::{Access, FileRow, ImportMode, ImportName, ImportRow};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{media_type, unsupported};
use crate::admin::now;
use crate::auth::{Caller, Writer};
use crate::import::{
    self, Carried, IMPORTS, ImportAnswer, Slot, carry, code_of, lease, state_of, status_of_error,
};
use crate::openapi::Problem;
use crate::problem::{ApiCode, Failure};
use crate::random::random_id;
use crate::routes::request::{idempotency_key, prefers_async, replayed};
use crate::serve::Relay;
use crate::uploads::{Broken, Intake};

/// Bytes of one body at most, as it comes: what a disk and a working day can take.
pub(crate) const BODY_BYTES_MAX: u64 = 20 * 1024 * 1024 * 1024;

const TYPES: &str = "application/x-ndjson, application/gzip, application/zstd";

/// How records meet profiles that are there.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// A later import: what people changed stays, and what both changed becomes a conflict.
    #[default]
    Upsert,
    /// A profile that is there with another record is rejected.
    Create,
    /// The record takes the place of what is there.
    Replace,
}

/// How to import.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct How {
    /// How records meet profiles that are there.
    #[serde(default)]
    #[param(inline)]
    mode: Mode,
    /// Only tells what would happen.
    #[serde(default)]
    dry_run: bool,
    /// Reading ends, and the answer is 422, beyond so many rejected lines.
    #[param(maximum = 4294967295_u32)]
    max_errors: Option<u32>,
}

impl How {
    fn mode(&self) -> ImportMode {
        match self.mode {
            Mode::Upsert => ImportMode::Upsert,
            Mode::Create => ImportMode::Create,
            Mode::Replace => ImportMode::Replace,
        }
    }
}

/// Import records
///
/// One record a line, plain or compressed with gzip or zstd, streamed. The status tells the truth:
/// 200 every line was applied, 207 some were rejected, 422 none was, or more were rejected than
/// `max_errors`. Sending the same again changes nothing: an `Idempotency-Key` answers as the first
/// time, and every record is known by its hash.
#[utoipa::path(
    post,
    path = "/profiles/import",
    tag = "imports",
    params(
        How,
        ("Idempotency-Key" = Option<String>, Header, description = "The client's own name for this request"),
        ("Prefer" = Option<String>, Header, description = "`respond-async` to be answered at once"),
    ),
    request_body(content(
        (String = "application/x-ndjson"),
        (String = "application/gzip"),
        (String = "application/zstd"),
    )),
    responses(
        (status = 200, description = "Every line was applied", body = ImportAnswer),
        (status = 202, description = "It runs; `Location` is where to ask", body = ImportAnswer),
        (status = 207, description = "Some lines were rejected", body = ImportAnswer),
        (status = 400, description = "The body cannot be read to its end; what came before stays", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 408, description = "The body came too slowly", body = Problem),
        (status = 409, description = "A request with this key runs", body = Problem),
        (status = 413, description = "Beyond a limit of size, ratio or lines", body = Problem),
        (status = 415, description = "Not NDJSON, gzip or zstd", body = Problem),
        (status = 422, description = "No line was applied, too many were rejected, or the key was used for another body", content(
            (ImportAnswer = "application/json"),
            (Problem = "application/problem+json"),
        )),
        (status = 429, description = "Too many imports run; `Retry-After` says when to ask again", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn import(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    how: Result<Query<How>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let Query(how) = how?;
    readable(&headers)?;
    let key = idempotency_key(&headers)?;
    let id = random_id("imp-").map_err(|e| Failure::internal(&e))?;
    let slot = relay.imports().enter(access.org, &id).ok_or_else(|| IMPORTS.reached())?;
    let stored = archive(&relay, &access, &headers, body).await?;
    let begun = begun(id, &access, &how, *stored.digest.as_bytes(), stored.size_bytes);
    let row = ImportRow { key, ..begun };
    let (row, slot) = match begin(&relay, &access, row, slot).await? {
        Begun::Replay(response) => return Ok(response),
        Begun::Run(row, slot) => (row, slot),
    };
    let org = access.org;
    if prefers_async(&headers) {
        let said = state_of(&row);
        let place = format!("/profiles/imports/{}", row.id);
        import::spawn(&relay, org, row, slot);
        let mut response = respond(StatusCode::ACCEPTED, &said);
        if let Ok(place) = HeaderValue::from_str(&place) {
            response.headers_mut().insert(header::LOCATION, place);
        }
        return Ok(response);
    }
    // A client that goes away does not break off what it began.
    let running = tokio::spawn(async move { carry(&relay, org, row, slot).await });
    let Carried { status, said, broken_off } =
        running.await.map_err(|e| Failure::internal(&e))??;
    match broken_off {
        None => Ok(respond(status, &said)),
        Some(error) => {
            let import: Value = serde_json::from_str(&said).unwrap_or_default();
            Err(problem_of(&error).with("import", import))
        }
    }
}

/// Begins an import of an uploaded file. Answers where to ask for it, and what is to be said of it.
///
/// # Errors
/// 429 where enough imports run, and a failure of the database.
pub(crate) async fn import_file(
    relay: &Arc<Relay>,
    access: &Access,
    how: &How,
    file: &FileRow,
) -> Result<(String, String), Failure> {
    let id = random_id("imp-").map_err(|e| Failure::internal(&e))?;
    let slot = relay.imports().enter(access.org, &id).ok_or_else(|| IMPORTS.reached())?;
    let begun = begun(id, access, how, file.digest(), file.size());
    let row = ImportRow { source: Some(file.id.clone()), ..begun };
    let (org, begun, own) = (access.org, row.clone(), lease(relay));
    relay.store(move |store| store.begin_import(org, &begun, &own)).await?;
    let said = state_of(&row);
    let place = format!("/profiles/imports/{}", row.id);
    import::spawn(relay, org, row, slot);
    Ok((place, said))
}

/// An import that begins now, of bytes with this digest: SHA-256 of a body, BLAKE3 of a file.
fn begun(id: String, access: &Access, how: &How, digest: [u8; 32], bytes: u64) -> ImportRow {
    ImportRow {
        id,
        by: access.name.clone(),
        mode: made_how(how.mode(), how.max_errors.map(u64::from)),
        dry_run: how.dry_run,
        key: None,
        digest,
        bytes,
        source: None,
        started_at: now(),
        finished_at: None,
        status: None,
        answer: None,
        progress: None,
        cancelled_at: None,
        attempts: 0,
    }
}

/// What is known of how a request was made, for telling it from another one with the same key.
fn made_how(mode: ImportMode, max_errors: Option<u64>) -> String {
    let word = import::mode_name(mode);
    max_errors.map_or_else(|| word.to_owned(), |max| format!("{word}, max_errors={max}"))
}

pub(super) fn readable(headers: &HeaderMap) -> Result<(), Failure> {
    let is_type = matches!(
        media_type(headers).as_str(),
        "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/gzip"
            | "application/x-gzip"
            | "application/zstd"
    );
    let encoding = headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
    // Either way the first bytes say what it is.
    if is_type && matches!(encoding, None | Some(b"gzip" | b"zstd" | b"identity")) {
        return Ok(());
    }
    let encodings = HeaderValue::from_static("gzip, zstd, identity");
    Err(unsupported(TYPES).header(header::ACCEPT_ENCODING, encodings))
}

/// Keeps the body as it comes, under its digest.
async fn archive(
    relay: &Relay,
    access: &Access,
    headers: &HeaderMap,
    body: Body,
) -> Result<Stored, Failure> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if length.and_then(|length| length.parse().ok()).is_some_and(|n: u64| n > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    let mut seen = 0_u64;
    let pace = relay.uploads().options().pace();
    let pieces = Intake::bytes(body, pace, relay.stopping()).map(move |piece| {
        let piece = piece?;
        seen += piece.len() as u64;
        if seen > BODY_BYTES_MAX {
            return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "body"));
        }
        Ok(piece)
    });
    let prefix =
        BlobName::new(format!("imports/{}", access.org)).map_err(|e| Failure::internal(&e))?;
    match relay.blobs().put_content_addressed(&prefix, pieces).await {
        Ok(stored) => Ok(stored),
        Err(BlobError::Body { source, .. }) => Err(match Broken::of(&*source) {
            Some(Broken::Slow) => {
                let detail = "the body came too slowly; nothing of it was imported";
                Failure::new(StatusCode::REQUEST_TIMEOUT, ProblemCode::TooSlow, detail)
            }
            Some(Broken::Stopping) => Failure::unavailable(),
            Some(Broken::Cut | Broken::TakenOver) => {
                Failure::invalid("the body broke off; nothing of it was imported")
            }
            None => too_large(),
        }),
        Err(error) => Err(Failure::internal(&error)),
    }
}

fn too_large() -> Failure {
    let detail = format!("the body is larger than {BODY_BYTES_MAX} bytes");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, ProblemCode::TooLarge, detail)
}

enum Begun {
    Replay(Response),
    Run(ImportRow, Slot),
}

/// Whether this very thing was asked for before.
async fn begin(
    relay: &Relay,
    access: &Access,
    row: ImportRow,
    mut slot: Slot,
) -> Result<Begun, Failure> {
    let org = access.org;
    if row.key.is_none() && !row.dry_run {
        let (digest, mode) = (row.digest, row.mode.clone());
        let known = relay
            .store(move |store| {
                let found = store.find_import(org, ImportName::Digest(&digest, &mode))?;
                Ok::<_, kartei_relay_store::RelayStoreError>((found, store.head_rev(org)?))
            })
            .await?;
        // The same bytes, and nobody wrote anything since: the answer would be the same.
        if let (Some(earlier), head_rev) = known
            && head_of(&earlier) == Some(head_rev)
        {
            return Ok(Begun::Replay(replay(&earlier)));
        }
    }
    let begun = row.clone();
    let own = lease(relay);
    if relay.store(move |store| store.begin_import(org, &begun, &own)).await? {
        return Ok(Begun::Run(row, slot));
    }
    let key = row.key.clone().unwrap_or_default();
    let earlier = relay.store(move |store| store.find_import(org, ImportName::Key(&key))).await?;
    let Some(earlier) = earlier else {
        return Err(Failure::internal(&std::io::Error::other("an import is taken and not there")));
    };
    let same = earlier.digest == row.digest && earlier.mode == row.mode;
    if !same || earlier.dry_run != row.dry_run {
        let detail = "this `Idempotency-Key` was used for another body or another mode";
        return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, ApiCode::KeyReused, detail));
    }
    if earlier.answer.is_some() {
        return Ok(Begun::Replay(replay(&earlier)));
    }
    // Where its relay died, this request goes on with it.
    let (own, asked) = (lease(relay), earlier.id.clone());
    let claimed = relay.store(move |store| store.claim_import(org, &asked, &own)).await?;
    let Some(claimed) = claimed else {
        let detail = format!("the import {} with this `Idempotency-Key` runs", earlier.id);
        return Err(Failure::new(StatusCode::CONFLICT, ApiCode::StillRunning, detail));
    };
    slot.rename(&claimed.id);
    Ok(Begun::Run(claimed, slot))
}

fn head_of(row: &ImportRow) -> Option<u64> {
    let answer: Value = serde_json::from_str(row.answer.as_deref()?).ok()?;
    answer.get("head_rev")?.as_u64()
}

fn respond(status: StatusCode, body: &str) -> Response {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn replay(row: &ImportRow) -> Response {
    let status = row.status.and_then(|status| StatusCode::from_u16(status).ok());
    let body = row.answer.as_deref().unwrap_or_default();
    let mut response = respond(status.unwrap_or(StatusCode::OK), body);
    replayed(response.headers_mut());
    response
}

/// The status of lines of which none was left unread.
pub(super) fn status_of_lines(taken: u64, rejected: u64) -> StatusCode {
    match (taken, rejected) {
        (_, 0) => StatusCode::OK,
        (0, _) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::MULTI_STATUS,
    }
}

/// A body that could not be read to its end.
pub(super) fn problem_of(error: &ReadError) -> Failure {
    Failure::new(status_of_error(error), code_of(error), error.to_string())
}

/// An import
#[utoipa::path(
    get,
    path = "/profiles/imports/{id}",
    tag = "imports",
    params(("id" = String, Path, description = "The import's id")),
    responses(
        (status = 200, description = "What it did, as far as it is known", body = ImportAnswer),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 404, description = "No such import, here or for this token", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn get(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    let Path(id) = id?;
    let row = find(&relay, &access, &id).await?;
    Ok(respond(StatusCode::OK, &state_of(&row)))
}

/// Cancel an import
///
/// What was applied stays. It has ended when its `status` is `cancelled`.
#[utoipa::path(
    delete,
    path = "/profiles/imports/{id}",
    tag = "imports",
    params(("id" = String, Path, description = "The import's id")),
    responses(
        (status = 202, description = "It is to end", body = ImportAnswer),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such import, here or for this token", body = Problem),
        (status = 409, description = "It has ended", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn cancel(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    let Path(id) = id?;
    let row = find(&relay, &access, &id).await?;
    if row.answer.is_some() {
        let detail = "the import has ended; what it did stays";
        return Err(Failure::new(StatusCode::CONFLICT, ApiCode::ImportEnded, detail));
    }
    relay.store(move |store| store.cancel_import(access.org, &id, now())).await?;
    Ok(respond(StatusCode::ACCEPTED, &state_of(&row)))
}

/// The rejected lines of an import
///
/// `errors.ndjson` says what is wrong with each; `rejected.ndjson.gz` has the lines themselves.
#[utoipa::path(
    get,
    path = "/profiles/imports/{id}/{file}",
    tag = "imports",
    params(
        ("id" = String, Path, description = "The import's id"),
        ("file" = String, Path, description = "errors.ndjson or rejected.ndjson.gz"),
    ),
    responses(
        (status = 200, description = "The file"),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not read rejected lines", body = Problem),
        (status = 404, description = "No such import or file, here or for this token", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn file(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Failure> {
    // Rejected lines are records that were meant to be written.
    let Path((id, file)) = path?;
    let kind = match file.as_str() {
        "errors.ndjson" => HeaderValue::from_static("application/x-ndjson"),
        "rejected.ndjson.gz" => HeaderValue::from_static("application/gzip"),
        _ => return Err(Failure::not_found()),
    };
    let row = find(&relay, &access, &id).await?;
    let name = import::report_name(&access.org.to_string(), &row.id, &file);
    let name = name.ok_or_else(Failure::not_found)?;
    let reading = match relay.blobs().get_stream(&name, None).await {
        Ok(reading) => reading,
        Err(error) if error.is_not_found() => return Err(Failure::not_found()),
        Err(error) => return Err(Failure::internal(&error)),
    };
    let mut response = Response::new(Body::from_stream(reading.bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    let length = HeaderValue::from(reading.entry.size_bytes);
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    Ok(response)
}

async fn find(relay: &Relay, access: &Access, id: &str) -> Result<ImportRow, Failure> {
    let (org, id) = (access.org, id.to_owned());
    let row = relay.store(move |store| store.find_import(org, ImportName::Id(&id))).await?;
    row.ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, "there is no such import")
    })
}
