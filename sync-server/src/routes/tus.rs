//! tus 1.0 (<https://tus.io/protocols/resumable-upload>, 2016-03-25), so that its clients simply work.
//!
//! Extensions: creation, creation-with-upload, creation-defer-length, checksum, expiration, termination,
//! concatenation. A partial upload is a session that makes no file; a final one reads them one after
//! another, as their borders are the client's and no pieces of ours.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Router, routing};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::uploads::{CompleteUpload, NewUpload, UploadPhase};
use kartei_relay_store::{Access, UploadRow};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::profiles::{media_type, unsupported};
use crate::auth::{Keeper, may_write};
use crate::problem::{ApiCode, Failure};
use crate::serve::Relay;
use crate::uploads::{self, Announced, At, Begin, Take};

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,creation-with-upload,creation-defer-length,checksum,expiration,\
                          termination,concatenation";
const ALGORITHMS: &str = "sha1,sha256,crc32c";
const BODY_TYPE: &str = "application/offset+octet-stream";

/// Where sessions are.
const PLACE: &str = "/api/tus";

/// Partial uploads of one final one at most: clients use four or eight.
const PARTS_MAX: usize = 64;

/// Characters of metadata that are kept for `HEAD`.
const METADATA_CHARS_MAX: usize = 4_096;

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const DEFER: HeaderName = HeaderName::from_static("upload-defer-length");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const CONCAT: HeaderName = HeaderName::from_static("upload-concat");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");

/// What this door keeps of a session.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    metadata: Option<String>,
    #[serde(default)]
    concat: Option<String>,
}

impl Kept {
    fn of(row: &UploadRow) -> Self {
        row.meta.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    fn is_partial(&self) -> bool {
        self.concat.as_deref() == Some("partial")
    }
}

/// The door's routes.
pub(crate) fn router() -> Router<Arc<Relay>> {
    Router::new()
        .route(PLACE, routing::post(begin).options(options))
        .route("/api/tus/", routing::post(begin).options(options))
        .route("/api/tus/{id}", any(session))
}

async fn options(State(relay): State<Arc<Relay>>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(RESUMABLE, HeaderValue::from_static(VERSION));
    headers.insert("tus-version", HeaderValue::from_static(VERSION));
    headers.insert("tus-extension", HeaderValue::from_static(EXTENSIONS));
    headers.insert("tus-checksum-algorithm", HeaderValue::from_static(ALGORITHMS));
    let limit = relay.uploads().options().file_bytes_max;
    headers.insert("tus-max-size", HeaderValue::from(limit));
    response
}

/// Every answer names the version.
fn tus(result: Result<Response, Failure>) -> Response {
    let mut response = result.into_response();
    response.headers_mut().insert(RESUMABLE, HeaderValue::from_static(VERSION));
    response
}

fn speaks(headers: &HeaderMap) -> Result<(), Failure> {
    if headers.get(RESUMABLE).is_some_and(|version| version == VERSION) {
        return Ok(());
    }
    let detail = "`Tus-Resumable: 1.0.0` is what this relay speaks";
    Err(Failure::new(StatusCode::PRECONDITION_FAILED, ApiCode::PreconditionFailed, detail)
        .header(HeaderName::from_static("tus-version"), HeaderValue::from_static(VERSION)))
}

async fn begin(
    State(relay): State<Arc<Relay>>,
    Keeper(access): Keeper,
    headers: HeaderMap,
    body: Body,
) -> Response {
    tus(begun(&relay, &access, &headers, body).await)
}

async fn begun(
    relay: &Arc<Relay>,
    access: &Access,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    speaks(headers)?;
    may_write(access)?;
    let metadata = text(headers, &METADATA)?;
    if metadata.as_ref().is_some_and(|text| text.len() > METADATA_CHARS_MAX) {
        return Err(Failure::invalid("`Upload-Metadata` is too long"));
    }
    let concat = text(headers, &CONCAT)?;
    let members = read_metadata(metadata.as_deref().unwrap_or_default())?;
    let member = |names: [&str; 2]| {
        names.iter().find_map(|name| members.iter().find(|(key, _)| key == name)).map(|(_, v)| v)
    };
    let new = NewUpload {
        name: member(["filename", "name"]).map_or("upload", |name| name.as_str()).to_owned(),
        size: number(headers, &LENGTH)?,
        content_type: member(["filetype", "type"]).filter(|kind| !kind.is_empty()).cloned(),
        ..NewUpload::default()
    };
    let parts = concat.as_deref().and_then(|text| text.strip_prefix("final;"));
    let meta = serde_json::to_string(&Kept { metadata, concat: concat.clone() }).ok();
    if let Some(parts) = parts {
        return joined(relay, access, parts, new, meta).await;
    }
    let is_partial = match concat.as_deref() {
        None => false,
        Some("partial") => true,
        Some(_) => return Err(Failure::invalid("`Upload-Concat` is `partial` or `final;…`")),
    };
    let defers = headers.get(DEFER).map(|value| value == "1");
    match (new.size, defers) {
        (Some(_), None) | (None, Some(true)) => {}
        _ => {
            let detail = "give `Upload-Length`, or `Upload-Defer-Length: 1`";
            return Err(Failure::invalid(detail));
        }
    }
    let has_body = headers.contains_key(header::CONTENT_TYPE) && media_type(headers) == BODY_TYPE;
    let digest = if has_body { Announced::of_tus(headers)? } else { None };
    let mut row = uploads::create(relay, access, Begin { door: "tus", new, meta }).await?;
    if has_body {
        let take =
            Take { id: row.id.clone(), at: At::End(0), length: None, digest, is_last: false };
        row = uploads::take(relay, access, take, body).await.map_err(checksum)?;
    }
    let (row, offset) = settle(relay, access, row, is_partial).await?;
    let mut response = StatusCode::CREATED.into_response();
    let headers = response.headers_mut();
    place(headers, &row)?;
    expiry(headers, &row);
    if has_body {
        headers.insert(OFFSET, HeaderValue::from(offset));
    }
    Ok(response)
}

/// Makes the file where all of it is there, also where a relay died at that. Answers the session and where it goes on.
async fn settle(
    relay: &Arc<Relay>,
    access: &Access,
    row: UploadRow,
    is_partial: bool,
) -> Result<(UploadRow, u64), Failure> {
    let state = uploads::state_of(relay, &row).await?;
    let end = state.prefix_bytes();
    let is_open = matches!(row.phase, UploadPhase::Open | UploadPhase::Completing);
    if is_partial || !is_open || row.size != Some(end) {
        return Ok((row, end));
    }
    let row = uploads::complete(relay, access, &row.id, &CompleteUpload::default()).await?;
    Ok((row, end))
}

async fn session(
    State(relay): State<Arc<Relay>>,
    method: Method,
    caller: Result<Keeper, Failure>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if method == Method::OPTIONS {
        return options(State(relay)).await;
    }
    let answer = async {
        let (Keeper(access), Path(id)) = (caller?, id?);
        speaks(&headers)?;
        // For clients behind what lets only GET and POST through.
        let named = headers.get("x-http-method-override").and_then(|value| value.to_str().ok());
        let method = match named {
            Some(named) => Method::from_bytes(named.as_bytes())
                .map_err(|_| Failure::invalid("`X-HTTP-Method-Override` names no method"))?,
            None => method,
        };
        match method {
            Method::HEAD => head(&relay, &access, &id).await,
            Method::PATCH => patch(&relay, &access, &id, &headers, body).await,
            Method::DELETE => {
                may_write(&access)?;
                uploads::abort(&relay, &access, &id).await?;
                Ok(StatusCode::NO_CONTENT.into_response())
            }
            _ => Err(Failure::new(
                StatusCode::METHOD_NOT_ALLOWED,
                ProblemCode::InvalidRequest,
                "an upload of tus knows HEAD, PATCH and DELETE",
            )),
        }
    };
    tus(answer.await)
}

async fn head(relay: &Arc<Relay>, access: &Access, id: &str) -> Result<Response, Failure> {
    let mut row = uploads::find(relay, access, id).await?;
    uploads::told_failed(&row)?;
    let kept = Kept::of(&row);
    let mut offset = uploads::state_of(relay, &row).await?.prefix_bytes();
    if may_write(access).is_ok() {
        // Who is told that everything is there asks for nothing more, so a file must be made of it by then.
        (row, offset) = settle(relay, access, row, kept.is_partial()).await?;
    }
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(OFFSET, HeaderValue::from(offset));
    match row.size {
        Some(size) => headers.insert(LENGTH, HeaderValue::from(size)),
        None => headers.insert(DEFER, HeaderValue::from_static("1")),
    };
    for (name, kept) in [(METADATA, kept.metadata), (CONCAT, kept.concat)] {
        if let Some(value) = kept.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(name, value);
        }
    }
    expiry(headers, &row);
    Ok(response)
}

async fn patch(
    relay: &Arc<Relay>,
    access: &Access,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    may_write(access)?;
    if media_type(headers) != BODY_TYPE {
        return Err(unsupported(BODY_TYPE));
    }
    let offset =
        number(headers, &OFFSET)?.ok_or_else(|| Failure::invalid("`Upload-Offset` is missing"))?;
    let digest = Announced::of_tus(headers)?;
    let row = uploads::find(relay, access, id).await?;
    let is_partial = Kept::of(&row).is_partial();
    if let Some(length) = number(headers, &LENGTH)? {
        uploads::size(relay, &row, length).await?;
    }
    let take =
        Take { id: id.to_owned(), at: At::End(offset), length: None, digest, is_last: false };
    let row = uploads::take(relay, access, take, body).await.map_err(checksum)?;
    let (row, offset) = settle(relay, access, row, is_partial).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(OFFSET, HeaderValue::from(offset));
    expiry(headers, &row);
    Ok(response)
}

/// Joins partial uploads to a file.
async fn joined(
    relay: &Arc<Relay>,
    access: &Access,
    parts: &str,
    mut new: NewUpload,
    meta: Option<String>,
) -> Result<Response, Failure> {
    let ids: Vec<&str> =
        parts.split_ascii_whitespace().filter_map(|u| u.rsplit('/').next()).collect();
    if ids.is_empty() || ids.len() > PARTS_MAX {
        let detail = format!("a final upload names 1 to {PARTS_MAX} partial ones");
        return Err(Failure::invalid(detail));
    }
    let mut rows = Vec::with_capacity(ids.len());
    let mut total = 0_u64;
    for id in ids {
        let row = uploads::find(relay, access, id).await?;
        uploads::told_failed(&row)?;
        let state = uploads::state_of(relay, &row).await?;
        let is_whole = row.size == Some(state.prefix_bytes());
        if !is_whole || !Kept::of(&row).is_partial() || row.phase != UploadPhase::Open {
            let detail = format!("`{id}` is no partial upload that is whole");
            return Err(Failure::new(StatusCode::CONFLICT, ProblemCode::UploadIncomplete, detail));
        }
        total = total.saturating_add(row.size.unwrap_or_default());
        rows.push(row);
    }
    new.size = Some(total);
    let row = uploads::create(relay, access, Begin { door: "tus", new, meta }).await?;
    let mut bodies = Vec::with_capacity(rows.len());
    for part in &rows {
        bodies.push(uploads::read(relay, part).await?);
    }
    let body = futures_util::stream::iter(bodies).flatten();
    let take =
        Take { id: row.id.clone(), at: At::End(0), length: None, digest: None, is_last: true };
    uploads::take(relay, access, take, Body::from_stream(body)).await?;
    let row = uploads::complete(relay, access, &row.id, &CompleteUpload::default()).await?;
    for part in &rows {
        uploads::abort(relay, access, &part.id).await?;
    }
    let mut response = StatusCode::CREATED.into_response();
    place(response.headers_mut(), &row)?;
    Ok(response)
}

/// tus has a status of its own for a wrong checksum.
fn checksum(failure: Failure) -> Failure {
    match (failure.is(ProblemCode::DigestMismatch), StatusCode::from_u16(460)) {
        (true, Ok(status)) => failure.status(status),
        _ => failure,
    }
}

fn place(headers: &mut HeaderMap, row: &UploadRow) -> Result<(), Failure> {
    let place = HeaderValue::from_str(&format!("{PLACE}/{}", row.id));
    headers.insert(header::LOCATION, place.map_err(|e| Failure::internal(&e))?);
    Ok(())
}

fn expiry(headers: &mut HeaderMap, row: &UploadRow) {
    if row.phase != UploadPhase::Open {
        return;
    }
    let moment = UNIX_EPOCH + Duration::from_millis(u64::try_from(row.expires_at).unwrap_or(0));
    if let Ok(value) = HeaderValue::from_str(&httpdate::fmt_http_date(moment)) {
        headers.insert(EXPIRES, value);
    }
}

pub(super) fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, Failure> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let digits = value.to_str().unwrap_or_default();
    let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| is_plain);
    number.map(Some).ok_or_else(|| {
        Failure::invalid(format!("`{name}` is no number of bytes"))
            .with("header", json!(name.as_str()))
    })
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Failure> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Failure::invalid(format!("`{name}` is no text")))?;
    Ok(Some(text.to_owned()))
}

/// Keys and values, as `key base64,key base64`.
fn read_metadata(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut members = Vec::new();
    for member in text.split(',').map(str::trim).filter(|member| !member.is_empty()) {
        let (key, value) = member.split_once(' ').unwrap_or((member, ""));
        let value =
            STANDARD.decode(value.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let value = value.ok_or_else(|| {
            Failure::invalid("`Upload-Metadata` has keys and base64 of UTF-8, with commas between")
        })?;
        members.push((key.to_owned(), value));
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_as_tus_writes_it() {
        let read =
            read_metadata("filename d29ybGQucGRm, is_confidential,filetype dGV4dA==").unwrap();
        let expected = [("filename", "world.pdf"), ("is_confidential", ""), ("filetype", "text")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(read, expected);
        assert!(read_metadata("filename %%%").is_err());
        assert!(read_metadata("filename /w==").is_err(), "no UTF-8");
    }

    #[test]
    fn numbers_are_digits_alone() {
        for (text, read) in [("0", Some(0)), ("18446744073709551615", Some(u64::MAX))] {
            let headers = [(OFFSET, HeaderValue::from_static(text))].into_iter().collect();
            assert_eq!(number(&headers, &OFFSET).unwrap(), read);
        }
        for text in ["", "-1", "+1", "1.0", "0x1", "18446744073709551616"] {
            let headers = [(OFFSET, HeaderValue::from_static(text))].into_iter().collect();
            assert!(number(&headers, &OFFSET).is_err(), "{text}");
        }
    }
}
