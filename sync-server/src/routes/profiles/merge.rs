//! Three ways to one record, for clients without Automerge.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use kartei_profile::{Record, RecordHash};

use super::{RECORD_BYTES_MAX, author, media_type, same_id, unsupported};
use crate::auth::Writer;
use crate::body::read_text;
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::serve::Relay;
use crate::wire::{MergeAnswer, MergeRequest};

/// Merge a record that was made offline
///
/// The relay merges on the profile's own history: what others changed since `base` stays, what only
/// the client changed is taken, and where both changed a field both values are kept as a conflict.
#[utoipa::path(
    post,
    path = "/profiles/{id}/merge",
    tag = "profiles",
    params(("id" = String, Path, description = "The record's id")),
    request_body = MergeRequest,
    responses(
        (status = 200, description = "Merged", body = MergeAnswer),
        (status = 400, description = "Not the JSON that is expected", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such profile, here or for this token", body = Problem),
        (status = 409, description = "The profile never had the hash `base`", body = Problem),
        (status = 410, description = "The profile was erased for good", body = Problem),
        (status = 413, description = "More than 4 MiB", body = Problem),
        (status = 415, description = "Not application/json", body = Problem),
        (status = 422, description = "The record does not fit the schema", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn merge(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<MergeAnswer>, Failure> {
    let (Path(id), body) = (id?, body?);
    if media_type(&headers) != "application/json" {
        return Err(unsupported("application/json"));
    }
    let text = read_text(&headers, &body, RECORD_BYTES_MAX)?;
    let request: MergeRequest = serde_json::from_slice(&text).map_err(|e| {
        let place = format!("line {}, column {}", e.line(), e.column());
        Failure::invalid(format!("expected {{\"base\", \"record\"}}; wrong at {place}"))
    })?;
    let base = RecordHash::from_hex(request.base.trim_matches('"'));
    let base = base.ok_or_else(|| Failure::invalid("`base` is no SHA-256 in hex"))?;
    let accepted = Record::parse(relay.schema(), request.record.get().as_bytes());
    let record = accepted.map_err(|violation| Failure::violation(&violation))?.record;
    same_id(&id, &record)?;
    let author = author(&access);
    let merged = relay.store(move |store| store.merge(access.org, &author, base, &record)).await?;
    relay.announce(access.org, merged.profile.rev);
    Ok(Json(MergeAnswer::new(merged.profile, merged.fields, merged.conflicts)))
}
