//! Whether records would be taken.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use kartei_ndjson::ReadError;

use super::imports::{problem_of, readable, status_of_lines};
use super::{RECORD_BYTES_MAX, media_type};
use crate::auth::Caller;
use crate::body::read_text;
use crate::import::{ValidationAnswer, validate_lines, validate_record};
use crate::openapi::{Problem, UserProfile};
use crate::problem::Failure;
use crate::serve::Relay;

/// Check records
///
/// One record as `application/json`, or up to 10,000 lines of NDJSON in at most 32 MiB, plain or
/// compressed. Problems are told as by an import, with the same statuses: 200 all would be taken, 207
/// some would be rejected, 422 none would be taken. Nothing is stored. What would become of a whole
/// file, beside what is there, says `POST /profiles/import?dry_run=true`.
#[utoipa::path(
    post,
    path = "/profiles/validate",
    tag = "profiles",
    request_body(content(
        (UserProfile = "application/json"),
        (String = "application/x-ndjson"),
        (String = "application/gzip"),
        (String = "application/zstd"),
    )),
    responses(
        (status = 200, description = "All would be taken", body = ValidationAnswer),
        (status = 207, description = "Some lines would be rejected", body = ValidationAnswer),
        (status = 400, description = "The body cannot be read to its end", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 413, description = "More lines or bytes than are checked at once", body = Problem),
        (status = 415, description = "Not JSON, NDJSON, gzip or zstd", body = Problem),
        (status = 422, description = "No line would be taken", body = ValidationAnswer),
    ),
    security(("token" = [])),
)]
pub(crate) async fn validate(
    State(relay): State<Arc<Relay>>,
    Caller(_): Caller,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<ValidationAnswer>), Failure> {
    let body = body?;
    let is_one = media_type(&headers) == "application/json";
    let body = if is_one {
        read_text(&headers, &body, RECORD_BYTES_MAX)?
    } else {
        readable(&headers)?;
        body.to_vec()
    };
    let answer = relay
        .store(move |store| match is_one {
            true => Ok(validate_record(store.schema(), &body)),
            false => validate_lines(store.schema(), body).map_err(Unread),
        })
        .await?;
    Ok((status_of_lines(answer.valid, answer.rejected), Json(answer)))
}

/// A body that could not be read to its end.
struct Unread(ReadError);

impl From<Unread> for Failure {
    fn from(Unread(error): Unread) -> Self {
        problem_of(&error)
    }
}
