//! Profiles for integrators: programs that know HTTP and JSON, and no Automerge.

pub(crate) mod behavior;
pub(crate) mod changes;
pub(crate) mod erasures;
pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod imports;
pub(crate) mod list;
pub(crate) mod merge;
pub(crate) mod read;
pub(crate) mod validate;
pub(crate) mod write;

use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use kartei_profile::Record;
use kartei_relay_store::{Author, OrgId, Profile};

use crate::admin::now;
use crate::body::read_text;
use crate::conditions::{CONFLICTS, REVISION, tag};
use crate::problem::{ApiCode, Failure};
use crate::serve::Relay;

/// Bytes of one record at most, as for a line of a file.
pub(crate) const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A profile as an answer: its record, with what is known of it in the headers.
fn answer(status: StatusCode, profile: &Profile) -> Response {
    let mut response = Response::new(Body::from(profile.record.clone()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    describe(headers, profile);
    response
}

/// The client has it already.
fn not_modified(profile: &Profile) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    describe(response.headers_mut(), profile);
    response
}

fn describe(headers: &mut HeaderMap, profile: &Profile) {
    headers.insert(REVISION, HeaderValue::from(profile.rev));
    headers.insert(CONFLICTS, HeaderValue::from(profile.conflicts));
    // Anyone may keep it, and must ask whether it is still so.
    headers.insert(header::VARY, HeaderValue::from_static("authorization, accept-encoding"));
    if let Ok(value) = HeaderValue::from_str(&tag(profile.hash)) {
        headers.insert(header::ETAG, value);
    }
    let millis = u64::try_from(profile.changed_at).unwrap_or_default();
    let moment = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(millis));
    if let Ok(value) = HeaderValue::from_str(&moment) {
        headers.insert(header::LAST_MODIFIED, value);
    }
}

/// The media type of a body, without parameters, in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = value.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

pub(crate) fn unsupported(allowed: &'static str) -> Failure {
    Failure::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ApiCode::UnsupportedMediaType,
        format!("send the body as {allowed}"),
    )
    .header(header::ACCEPT, HeaderValue::from_static(allowed))
}

/// The one record of a body.
fn record_of(
    schema: &kartei_profile::RecordSchema,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Record, Failure> {
    if media_type(headers) != "application/json" {
        return Err(unsupported("application/json"));
    }
    let text = read_text(headers, body, RECORD_BYTES_MAX)?;
    match Record::parse(schema, &text) {
        Ok(accepted) => Ok(accepted.record),
        Err(violation) => Err(Failure::violation(&violation)),
    }
}

/// A record that names another profile than the address does.
fn same_id(id: &str, record: &Record) -> Result<(), Failure> {
    if record.id() == id {
        return Ok(());
    }
    let detail = "the record has another id than the address";
    Err(Failure::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        kartei_protocol::problem::ProblemCode::InvalidRecord,
        detail,
    )
    .with("pointer", "/id".into()))
}

/// Why a profile is not there.
async fn missing(relay: &Relay, org: OrgId, id: String) -> Failure {
    match relay.store(move |store| store.erasure_of(org, &id)).await {
        Ok(Some(_)) => Failure::erased(),
        Ok(None) => Failure::not_found(),
        Err(failure) => failure,
    }
}

/// Why a profile is not there under its own id: perhaps it was merged, and is there under another one.
async fn merged(relay: &Relay, org: OrgId, id: String) -> Failure {
    let asked = id.clone();
    let into = match relay.store(move |store| store.survivor(org, &asked)).await {
        Ok(Some(into)) => into,
        Ok(None) => return missing(relay, org, id).await,
        Err(failure) => return failure,
    };
    // Ids have no letters that a path could not have.
    let Ok(place) = HeaderValue::from_str(&format!("/profiles/{into}")) else {
        return Failure::not_found();
    };
    let detail = "this profile was merged into another one";
    Failure::new(StatusCode::PERMANENT_REDIRECT, ApiCode::Merged, detail)
        .with("into", into.into())
        .header(header::LOCATION, place)
        // It may be taken back: nobody is to keep it.
        .header(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"))
}

fn author(access: &kartei_relay_store::Access) -> Author {
    Author { name: access.name.clone(), now: now() }
}
