//! Who read a file.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use kartei_protocol::admin::{FileReadInfo, FileReads};
use kartei_relay_store::{FileRead, RelayStoreError};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Administrator;
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::routes::files::unknown;
use crate::routes::request::page_limit;
use crate::serve::Relay;

/// Which reads.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// How many, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// A read as it is told.
pub(crate) fn told((by, read): (String, FileRead)) -> FileReadInfo {
    FileReadInfo { by, at: read.at, from: read.from, to: read.to }
}

/// Who read a file
///
/// The newest reads of its bytes, also where it was deleted since. They are forgotten after some time, which the
/// operator says.
#[utoipa::path(
    get,
    path = "/admin/files/{id}/reads",
    tag = "administration",
    params(("id" = String, Path, description = "The file's id"), Which),
    responses(
        (status = 200, description = "The newest first", body = FileReads),
        (status = 400, description = "A query that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 404, description = "Neither such a file nor anybody who read it", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn list(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    id: Result<Path<String>, PathRejection>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<FileReads>, Failure> {
    let Path(id) = id?;
    let Query(which) = which?;
    let limit = page_limit(which.limit)?;
    let (reads, is_there) = relay
        .store(move |store| {
            let reads = store.reads(access.org, &id, limit)?;
            let is_there = !reads.is_empty() || store.file(access.org, &id)?.is_some();
            Ok::<_, RelayStoreError>((reads, is_there))
        })
        .await?;
    if !is_there {
        return Err(unknown());
    }
    Ok(Json(FileReads { reads: reads.into_iter().map(told).collect() }))
}
