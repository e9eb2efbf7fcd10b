//! Files: listed, renamed, attached, read, given to the import, deleted.

pub(crate) mod serve;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kartei_protocol::uploads::{FileChange, FileInfo, FileLink, FilePage};
use kartei_relay_store::{Access, Attached, FileQuery, FileRow};
use serde::Deserialize;
use utoipa::IntoParams;

use super::profiles::imports::{How, import_file};
use super::request::Page;
use crate::admin::now;
use crate::auth::{Keeper, may_write};
use crate::import::ImportAnswer;
use crate::openapi::Problem;
use crate::problem::{ApiCode, Failure};
use crate::routes::request::Object;
use crate::serve::Relay;
use crate::uploads::{self, checked_name, checked_type, hex};

/// Which files.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// How many, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
    /// Part of the name, in any case.
    name: Option<String>,
    /// A content type, or `text/*`.
    r#type: Option<String>,
    /// A profile that they are attached to.
    profile: Option<String>,
}

pub(in crate::routes) fn unknown() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, ApiCode::UnknownFile, "there is no such file")
}

fn told(row: FileRow) -> FileInfo {
    FileInfo {
        size: row.size(),
        digest: hex(&row.digest()),
        scan: row.scan(),
        id: row.id,
        name: row.name,
        content_type: row.content_type,
        created_at: row.created_at,
        by: row.by,
        profiles: row.profiles,
    }
}

async fn find(relay: &Relay, access: &Access, id: &str) -> Result<FileRow, Failure> {
    let (org, id) = (access.org, id.to_owned());
    relay.store(move |store| store.file(org, &id)).await?.ok_or_else(unknown)
}

/// Files
#[utoipa::path(
    get,
    path = "/api/files",
    tag = "files",
    params(Which),
    responses(
        (status = 200, description = "The newest first", body = FilePage),
        (status = 400, description = "A query that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn list(
    State(relay): State<Arc<Relay>>,
    Keeper(access): Keeper,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<FilePage>, Failure> {
    let Query(which) = which?;
    let page = Page::new(which.limit, which.cursor.as_deref(), read_cursor)?;
    let org = access.org;
    let query = FileQuery {
        limit: page.rows_max(),
        before: page.before.clone(),
        name_contains: which.name,
        content_type: which.r#type,
        profile: which.profile,
    };
    let mut rows = relay.store(move |store| store.files(org, &query)).await?;
    let next = page.next(&mut rows, |row| format!("{}_{}", row.created_at, row.id));
    Ok(Json(FilePage { files: rows.into_iter().map(told).collect(), next }))
}

fn read_cursor(text: &str) -> Option<(i64, String)> {
    text.split_once('_').and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())))
}

/// A file
///
/// What it is. Its bytes are at `/api/files/serve/{id}`.
#[utoipa::path(
    get,
    path = "/api/files/{id}",
    tag = "files",
    params(("id" = String, Path, description = "The file's id")),
    responses(
        (status = 200, description = "What it is", body = FileInfo),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 404, description = "No such file, here or for this token", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn get(
    State(relay): State<Arc<Relay>>,
    Keeper(access): Keeper,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<FileInfo>, Failure> {
    let Path(id) = id?;
    Ok(Json(told(find(&relay, &access, &id).await?)))
}

/// Rename a file
#[utoipa::path(
    patch,
    path = "/api/files/{id}",
    tag = "files",
    params(("id" = String, Path, description = "The file's id")),
    request_body = FileChange,
    responses(
        (status = 200, description = "What it is now", body = FileInfo),
        (status = 400, description = "A name or type that cannot be", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such file, here or for this token", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn change(
    State(relay): State<Arc<Relay>>,
    Keeper(access): Keeper,
    id: Result<Path<String>, PathRejection>,
    change: Result<Object<FileChange>, Failure>,
) -> Result<Json<FileInfo>, Failure> {
    may_write(&access)?;
    let Object(change) = change?;
    let Path(id) = id?;
    if let Some(name) = &change.name {
        checked_name(name)?;
    }
    if let Some(kind) = &change.content_type {
        checked_type(kind)?;
    }
    let org = access.org;
    let changed = relay
        .store(move |store| {
            store.change_file(org, &id, change.name.as_deref(), change.content_type.as_deref())
        })
        .await?;
    changed.map(|row| Json(told(row))).ok_or_else(unknown)
}

/// Delete a file
///
/// Its bytes go with the last file that has them, after a grace period.
#[utoipa::path(
    delete,
    path = "/api/files/{id}",
    tag = "files",
    params(("id" = String, Path, description = "The file's id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such file, here or for this token", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn delete(
    State(relay): State<Arc<Relay>>,
    Keeper(access): Keeper,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Failure> {
    may_write(&access)?;
    let Path(id) = id?;
    let org = access.org;
    let was_there = relay.store(move |store| store.delete_file(org, &id, now())).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(unknown()) }
}

/// Attach a file to a profile
#[utoipa::path(
    put,
    path = "/api/files/{id}/profiles/{profile}",
    tag = "files",
    params(
        ("id" = String, Path, description = "The file's id"),
        ("profile" = String, Path, description = "The record's id"),
    ),
    responses(
        (status = 204, description = "It is attached"),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such file or profile, here or for this token", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn attach(
    State(relay): State<Arc<Relay>>,
    Keeper(access): Keeper,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<StatusCode, Failure> {
    may_write(&access)?;
    let Path((file, profile)) = path?;
    let org = access.org;
    let done = relay.store(move |store| store.attach_file(org, &file, &profile, now())).await?;
    attached(done)
}

/// Detach a file from a profile
#[utoipa::path(
    delete,
    path = "/api/files/{id}/profiles/{profile}",
    tag = "files",
    params(
        ("id" = String, Path, description = "The file's id"),
        ("profile" = String, Path, description = "The record's id"),
    ),
    responses(
        (status = 204, description = "It is not attached any more"),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such file, here or for this token", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn detach(
    State(relay): State<Arc<Relay>>,
    Keeper(access): Keeper,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<StatusCode, Failure> {
    may_write(&access)?;
    let Path((file, profile)) = path?;
    let org = access.org;
    let done = relay.store(move |store| store.detach_file(org, &file, &profile)).await?;
    attached(done)
}

fn attached(done: Attached) -> Result<StatusCode, Failure> {
    match done {
        Attached::Done => Ok(StatusCode::NO_CONTENT),
        Attached::NoFile => Err(unknown()),
        Attached::NoProfile => Err(Failure::not_found()),
    }
}

/// A link to a file's bytes
///
/// Of a file that was uploaded directly to S3: whoever has the link may fetch it there for a quarter of an hour,
/// without a token.
#[utoipa::path(
    post,
    path = "/api/files/{id}/link",
    tag = "files",
    params(("id" = String, Path, description = "The file's id")),
    responses(
        (status = 200, description = "Where the bytes are", body = FileLink),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 404, description = "No such file, here or for this token", body = Problem),
        (status = 409, description = "The bytes are sealed, or a scanner holds them back", body = Problem),
        (status = 410, description = "Its bytes were lost", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn link(
    State(relay): State<Arc<Relay>>,
    Keeper(access): Keeper,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    let Path(id) = id?;
    let row = find(&relay, &access, &id).await?;
    serve::may_be_read(&row)?;
    let link = uploads::link(&relay, &access, &row, &serve::attachment(&row.name)).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(link)).into_response())
}

/// Import a file
///
/// The relay reads the file as NDJSON, plain, gzipped or zstd, as if it were the body of an import; nothing is
/// downloaded. It runs by itself, and `Location` is where to ask.
#[utoipa::path(
    post,
    path = "/api/files/{id}/import",
    tag = "files",
    params(("id" = String, Path, description = "The file's id"), How),
    responses(
        (status = 202, description = "It runs; `Location` is where to ask", body = ImportAnswer),
        (status = 400, description = "A query that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such file, here or for this token", body = Problem),
        (status = 409, description = "The file may not be read", body = Problem),
        (status = 429, description = "Too many imports run; `Retry-After` says when to ask again", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn import(
    State(relay): State<Arc<Relay>>,
    Keeper(access): Keeper,
    id: Result<Path<String>, PathRejection>,
    how: Result<Query<How>, QueryRejection>,
) -> Result<Response, Failure> {
    may_write(&access)?;
    let (Path(id), Query(how)) = (id?, how?);
    let row = find(&relay, &access, &id).await?;
    serve::may_be_read(&row)?;
    let (place, said) = import_file(&relay, &access, &how, &row).await?;
    let mut response = (StatusCode::ACCEPTED, said).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let place = HeaderValue::from_str(&place).map_err(|e| Failure::internal(&e))?;
    headers.insert(header::LOCATION, place);
    Ok(response)
}
