//! All profiles that fit a filter, as a file.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;
use kartei_export::{Error, Format, Options};
use kartei_protocol::problem::ProblemCode;
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

use super::list::filter_of;
use crate::auth::Caller;
use crate::conditions::{REVISION, tags};
use crate::export::{ExportError, Piece, begin};
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::serve::Relay;

/// What is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
enum ExportFormat {
    /// One canonical record a line.
    #[default]
    #[serde(rename = "ndjson")]
    Ndjson,
    /// The same, compressed.
    #[serde(rename = "ndjson.gz")]
    NdjsonGz,
    /// One row a profile.
    #[serde(rename = "csv")]
    Csv,
    /// One row an observation.
    #[serde(rename = "csv_observations")]
    CsvObservations,
    /// One typed row a profile.
    #[serde(rename = "parquet")]
    Parquet,
}

impl From<ExportFormat> for Format {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Ndjson => Self::Ndjson,
            ExportFormat::NdjsonGz => Self::NdjsonGz,
            ExportFormat::Csv => Self::Csv,
            ExportFormat::CsvObservations => Self::CsvObservations,
            ExportFormat::Parquet => Self::Parquet,
        }
    }
}

/// Which profiles, and how they are written.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// How they are written.
    #[serde(default)]
    #[param(inline)]
    format: ExportFormat,
    /// Which ones; the language of `GET /profiles`.
    filter: Option<String>,
}

/// Export profiles
///
/// In the order of their ids, streamed. Everything is of one revision, `Kartei-Revision`: what is
/// written meanwhile changes nothing in it. An export that cannot be completed ends with a broken
/// connection and never looks complete. The entity tag is weak: another version of the relay may
/// write the same profiles with other bytes.
#[utoipa::path(
    get,
    path = "/profiles/export",
    tag = "profiles",
    params(
        Wanted,
        ("If-None-Match" = Option<String>, Header, description = "The tag of an export that the client has"),
    ),
    responses(
        (status = 200, description = "The profiles", content(
            (String = "application/x-ndjson"),
            (Vec<u8> = "application/gzip"),
            (String = "text/csv"),
            (Vec<u8> = "application/vnd.apache.parquet"),
        ), headers(
            ("Kartei-Revision" = u64, description = "The revision that all of it is of"),
            ("ETag" = String, description = "Weak: the revision, format and filter"),
        )),
        (status = 304, description = "Nothing was written since the export that `If-None-Match` names"),
        (status = 400, description = "A filter that cannot be read, with `range` in bytes; a wrong parameter", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 422, description = "More columns than the format has", body = Problem),
        (status = 429, description = "Too many exports run; `Retry-After` says when to ask again", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn export(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Query(wanted) = wanted?;
    let filter = filter_of(wanted.filter.as_deref())?;
    let place = relay.exports().enter(access.org)?;
    let snapshot = relay.store(move |store| store.snapshot(access.org)).await?;
    let format = Format::from(wanted.format);
    let (rev, tag) = (snapshot.rev(), tag_of(snapshot.epoch(), snapshot.rev(), &wanted));
    let known = tags(&headers, &header::IF_NONE_MATCH)?.unwrap_or_default();
    if known.iter().any(|one| one == "*" || *one == tag.replace('"', "")) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        describe(response.headers_mut(), rev, &tag);
        return Ok(response);
    }
    let mut pieces = begin(snapshot, filter, Options::new(format), place);
    // What is wrong from the start is still told with a status.
    let first = match pieces.recv().await {
        Some(Piece::Failed(error)) => return Err(failed(&error)),
        first => first,
    };
    let mut response = Response::new(streamed(first, pieces));
    let headers = response.headers_mut();
    describe(headers, rev, &tag);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    let name = format!("attachment; filename=\"profiles-{rev}.{}\"", format.extension());
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

fn describe(headers: &mut axum::http::HeaderMap, rev: u64, tag: &str) {
    headers.insert(REVISION, HeaderValue::from(rev));
    headers.insert(header::VARY, HeaderValue::from_static("authorization"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
}

/// What the bytes depend on. The filter is written in hexadecimal digits: it can hold anything.
fn tag_of(epoch: &str, rev: u64, wanted: &Wanted) -> String {
    let mut tag = format!("W/\"{epoch}-{rev}-{:?}-", wanted.format);
    for byte in wanted.filter.as_deref().unwrap_or_default().bytes() {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

fn failed(error: &ExportError) -> Failure {
    match error {
        Error::Columns { .. } => Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            ProblemCode::InvalidRequest,
            error.to_string(),
        ),
        other => Failure::internal(other),
    }
}

fn streamed(first: Option<Piece>, pieces: mpsc::Receiver<Piece>) -> Body {
    let begun = (Some(first), pieces);
    Body::from_stream(stream::try_unfold(begun, async |(first, mut pieces)| {
        let piece = match first {
            Some(first) => first,
            None => pieces.recv().await,
        };
        match piece {
            Some(Piece::Bytes(bytes)) => Ok(Some((bytes, (None, pieces)))),
            Some(Piece::End) => Ok(None),
            Some(Piece::Failed(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "Export broke off");
                Err(io::Error::other("the export broke off"))
            }
            None => Err(io::Error::other("the export broke off")),
        }
    }))
}
