//! Writing one profile, with a precondition.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use kartei_profile::{Record, RecordSchema};
use kartei_relay_store::{Access, Outcome, WriteError};
use serde_json::Value;

use super::{RECORD_BYTES_MAX, answer, author, media_type, record_of, same_id, unsupported};
use crate::auth::Writer;
use crate::body::read_text;
use crate::conditions::{REVISION, failed, precondition};
use crate::openapi::{Problem, UserProfile};
use crate::problem::Failure;
use crate::serve::Relay;
use crate::wire::PatchStep;

/// Changes of a profile, as a patch says them.
#[derive(Debug)]
enum Patch {
    /// RFC 7396.
    Merge(Value),
    /// RFC 6902.
    Operations(json_patch::Patch),
}

const PATCHES: &str = "application/merge-patch+json, application/json-patch+json";

/// Create or replace a profile
///
/// `If-None-Match: *` creates it, `If-Match` replaces what the client saw. What differs becomes one
/// change with the token's name in the profile's history.
#[utoipa::path(
    put,
    path = "/profiles/{id}",
    tag = "profiles",
    params(
        ("id" = String, Path, description = "The record's id"),
        ("If-Match" = Option<String>, Header, description = "The tag that was seen, or *"),
        ("If-None-Match" = Option<String>, Header, description = "* where there must be none"),
    ),
    request_body = UserProfile,
    responses(
        (status = 200, description = "Changed, or so already", body = UserProfile),
        (status = 201, description = "Created", body = UserProfile),
        (status = 400, description = "Headers that contradict each other", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 410, description = "The profile was erased for good", body = Problem),
        (status = 412, description = "Not what was seen; `current` is what it is", body = Problem),
        (status = 413, description = "More than 4 MiB", body = Problem),
        (status = 415, description = "Not application/json", body = Problem),
        (status = 422, description = "The record does not fit the schema", body = Problem),
        (status = 428, description = "No precondition", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn put(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let (Path(id), body) = (id?, body?);
    let when = precondition(&headers)?;
    let record = record_of(relay.schema(), &headers, &body)?;
    same_id(&id, &record)?;
    let author = author(&access);
    let outcome = relay.store(move |store| store.put(access.org, &author, &when, &record)).await?;
    done(&relay, &access, &id, outcome)
}

/// Change a profile
///
/// A JSON merge patch (RFC 7396) or a JSON patch (RFC 6902) of the record.
#[utoipa::path(
    patch,
    path = "/profiles/{id}",
    tag = "profiles",
    params(
        ("id" = String, Path, description = "The record's id"),
        ("If-Match" = String, Header, description = "The tag that was seen, or *"),
    ),
    request_body(content(
        (Object = "application/merge-patch+json"),
        (Vec<PatchStep> = "application/json-patch+json"),
    )),
    responses(
        (status = 200, description = "Changed, or so already", body = UserProfile),
        (status = 400, description = "A patch that is none", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such profile, here or for this token", body = Problem),
        (status = 409, description = "The patch does not fit the profile", body = Problem),
        (status = 410, description = "The profile was erased for good", body = Problem),
        (status = 412, description = "Not what was seen; `current` is what it is", body = Problem),
        (status = 413, description = "More than 4 MiB", body = Problem),
        (status = 415, description = "Another kind of patch", body = Problem),
        (status = 422, description = "The record would not fit the schema", body = Problem),
        (status = 428, description = "No precondition", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn patch(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let (Path(id), body) = (id?, body?);
    let when = precondition(&headers)?;
    let patch = read_patch(&headers, &body)?;
    let (author, at) = (author(&access), id.clone());
    let outcome = relay
        .store(move |store| {
            let schema = store.schema();
            store.patch(access.org, &author, &at, &when, &|record| patched(schema, record, &patch))
        })
        .await?;
    if matches!(outcome, Outcome::Stale(None)) {
        return Err(Failure::not_found());
    }
    done(&relay, &access, &id, outcome)
}

/// Delete a profile
///
/// As one change of its history, which others can take back. Who writes to it without knowing of the
/// deletion keeps what they wrote, and is asked.
#[utoipa::path(
    delete,
    path = "/profiles/{id}",
    tag = "profiles",
    params(
        ("id" = String, Path, description = "The record's id"),
        ("If-Match" = String, Header, description = "The tag that was seen, or *"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 400, description = "Headers that contradict each other", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such profile, here or for this token", body = Problem),
        (status = 410, description = "The profile was erased for good", body = Problem),
        (status = 412, description = "Not what was seen; `current` is what it is", body = Problem),
        (status = 428, description = "No precondition", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn delete(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Path(id) = id?;
    let when = precondition(&headers)?;
    let author = author(&access);
    let done = relay.store(move |store| store.delete(access.org, &author, &id, &when)).await?;
    let rev = done.map_err(|current| failed(Some(&current)))?;
    relay.announce(access.org, rev);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(REVISION, HeaderValue::from(rev));
    Ok(response)
}

/// Hand a document back
///
/// What a program with Automerge changed in the document that it was given; merged as the changes of
/// a replica are.
#[utoipa::path(
    post,
    path = "/profiles/{id}/document",
    tag = "profiles",
    params(("id" = String, Path, description = "The record's id")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "The record as it is now", body = UserProfile),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such profile, here or for this token", body = Problem),
        (status = 409, description = "Not a document of this profile", body = Problem),
        (status = 410, description = "The profile was erased for good", body = Problem),
        (status = 413, description = "More than 4 MiB", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn take_document(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    id: Result<Path<String>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let (Path(id), body) = (id?, body?);
    let sender = author(&access);
    let profile =
        relay.store(move |store| store.take_document(access.org, &sender, &id, &body)).await?;
    relay.announce(access.org, profile.rev);
    Ok(answer(StatusCode::OK, &profile))
}

fn read_patch(headers: &HeaderMap, body: &[u8]) -> Result<Patch, Failure> {
    let kind = media_type(headers);
    let is_known =
        matches!(kind.as_str(), "application/merge-patch+json" | "application/json-patch+json");
    if !is_known {
        return Err(unsupported(PATCHES));
    }
    let text = read_text(headers, body, RECORD_BYTES_MAX)?;
    let wrong = |error: serde_json::Error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Failure::invalid(format!("the patch cannot be read at {place}"))
    };
    if kind == "application/merge-patch+json" {
        return Ok(Patch::Merge(serde_json::from_slice(&text).map_err(wrong)?));
    }
    Ok(Patch::Operations(serde_json::from_slice(&text).map_err(wrong)?))
}

fn patched(schema: &RecordSchema, record: &Record, patch: &Patch) -> Result<Record, WriteError> {
    let mut value = Value::Object(record.members().clone());
    match patch {
        Patch::Merge(patch) => json_patch::merge(&mut value, patch),
        Patch::Operations(operations) => {
            // Only the place is told: the library's own words could hold values.
            json_patch::patch(&mut value, operations).map_err(|error| {
                WriteError::Patch(format!(
                    "operation {} at `{}` does not fit the profile",
                    error.operation, error.path
                ))
            })?;
        }
    }
    let patched = Record::accept(schema, &value)?.record;
    if patched.id() != record.id() {
        return Err(WriteError::Patch("a patch cannot change the id".to_owned()));
    }
    Ok(patched)
}

fn done(relay: &Relay, access: &Access, id: &str, outcome: Outcome) -> Result<Response, Failure> {
    let (status, profile) = match outcome {
        Outcome::Stale(current) => return Err(failed(current.as_ref())),
        Outcome::Created(profile) => (StatusCode::CREATED, profile),
        Outcome::Updated(profile) | Outcome::Unchanged(profile) => (StatusCode::OK, profile),
    };
    relay.announce(access.org, profile.rev);
    let mut response = answer(status, &profile);
    if status == StatusCode::CREATED
        && let Ok(place) = HeaderValue::from_str(&format!("/profiles/{id}"))
    {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_applied_to_the_record() {
        let schema = RecordSchema::user_profile_v1();
        let line = br#"{"schema":"user_profile.v1","id":"p","attributes":{"city":"Bern","n":1}}"#;
        let record = Record::parse(&schema, line).unwrap().record;
        let read = |kind: &'static str, text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            read_patch(&headers, text.as_bytes())
        };
        let merge = read("application/merge-patch+json", r#"{"attributes":{"n":null,"x":"y"}}"#);
        let patched_record = patched(&schema, &record, &merge.unwrap()).unwrap();
        assert_eq!(
            patched_record.members()["attributes"],
            serde_json::json!({"city":"Bern","x":"y"})
        );
        let operations = r#"[{"op":"test","path":"/attributes/city","value":"Ulm"}]"#;
        let operations = read("application/json-patch+json; charset=utf-8", operations).unwrap();
        let refused = patched(&schema, &record, &operations).unwrap_err().to_string();
        assert!(refused.contains("/attributes/city") && !refused.contains("Ulm"), "{refused}");
        let renamed = read("application/merge-patch+json", r#"{"id":"q"}"#).unwrap();
        assert!(patched(&schema, &record, &renamed).is_err());
        assert!(read("application/json", "{}").is_err());
        assert!(read("application/merge-patch+json", "{").is_err());
    }
}
