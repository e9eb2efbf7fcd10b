//! Sessions that begin.

use std::sync::Arc;

use axum::http::StatusCode;
use kartei_blob_store::{BlobName, Draft};
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::uploads::NewUpload;
use kartei_relay_store::{Access, NewUploadRow, UploadBegun, UploadLimits, UploadRow, Usage};
use serde_json::json;

use super::direct;
use super::names::{checked_name, checked_type, hex32};
use super::room;
use super::take::{beyond, failed};
use crate::admin::now;
use crate::problem::{ApiCode, Failure};
use crate::random::random_id;
use crate::serve::Relay;

/// Characters of a client's own name for an upload at most.
const KEY_CHARS_MAX: usize = 100;

pub(super) fn new_id(prefix: &str) -> Result<String, Failure> {
    random_id(prefix).map_err(|e| Failure::internal(&e))
}

/// A session to begin.
pub(crate) struct Begin {
    /// The door that it came through.
    pub(crate) door: &'static str,
    /// What the client says of it.
    pub(crate) new: NewUpload,
    /// What the door keeps for itself.
    pub(crate) meta: Option<String>,
}

/// A session that the database does not know yet, with its draft.
pub(super) struct Prepared {
    pub(super) row: NewUploadRow,
    pub(super) draft: Draft,
    pub(super) created_at: i64,
}

/// Begins a session. The same key again answers the one that there is.
///
/// # Errors
/// 400, 413, 422, 429, 503, 507.
pub(crate) async fn create(
    relay: &Arc<Relay>,
    access: &Access,
    begin: Begin,
) -> Result<UploadRow, Failure> {
    let new = begin.new.clone();
    let Prepared { row, draft, created_at } = prepare(relay, access, begin).await?;
    let (org, limits) = (access.org, limits(relay));
    let begun = relay.store(move |store| store.begin_upload(org, &row, &limits, created_at)).await;
    let refused = match begun {
        Ok(UploadBegun::Begun(row)) => return Ok(*row),
        Ok(refused) => known_or_refused(refused, &new),
        Err(failure) => Err(failure),
    };
    discard(&draft).await;
    refused
}

pub(super) fn limits(relay: &Relay) -> UploadLimits {
    UploadLimits { open_max: u64::from(relay.uploads().options().uploads_open_max) }
}

/// The session that there is for a key, or why there is none.
pub(super) fn known_or_refused(begun: UploadBegun, new: &NewUpload) -> Result<UploadRow, Failure> {
    match begun {
        UploadBegun::Begun(row) => Ok(*row),
        UploadBegun::Known(row) if row.name == new.name && row.size == new.size => Ok(*row),
        UploadBegun::Known(_) => Err(Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            ApiCode::KeyReused,
            "this `key` was used for an upload of another name or size",
        )),
        UploadBegun::OverQuota(usage) => Err(over_quota(&usage)),
        UploadBegun::TooMany(open) => Err(too_many(open)),
    }
}

/// Looks at what a client says, and makes a place for its bytes.
pub(super) async fn prepare(
    relay: &Arc<Relay>,
    access: &Access,
    begin: Begin,
) -> Result<Prepared, Failure> {
    let Begin { door, new, meta } = begin;
    let uploads = relay.uploads();
    let keys = uploads.keys()?;
    check(&new)?;
    let digest = new.digest.as_deref().map(|text| hex32("digest", text)).transpose()?;
    let sha256 = new.sha256.as_deref().map(|text| hex32("sha256", text)).transpose()?;
    let options = uploads.options();
    if let Some(size) = new.size
        && size > options.file_bytes_max
    {
        return Err(beyond(options.file_bytes_max));
    }
    if let Some(folder) = &uploads.folder {
        room::check(folder, new.size.unwrap_or_default(), options.keep_free_percent)?;
    }
    let org = access.org;
    let (id, blob) = (new_id("up-")?, format!("files/{org}/{}", new_id("")?));
    let name = BlobName::new(&blob).map_err(|e| Failure::internal(&e))?;
    let (draft, wrapped_key) = if new.direct {
        direct::begin(relay, &name, &new).await?
    } else {
        let wrapped_key = keys.new_file(relay, org, &blob).await?;
        let draft = relay.blobs().begin_draft(&name, new.size).await.map_err(|e| failed(&e))?;
        (draft, wrapped_key)
    };
    let created_at = now();
    let row = NewUploadRow {
        id,
        token: access.token,
        by: access.name.clone(),
        door: door.to_owned(),
        key: new.key,
        name: new.name,
        content_type: new.content_type,
        meta,
        size: new.size,
        blob,
        place: draft.place(),
        piece_bytes: draft.piece_bytes(),
        wrapped_key,
        digest,
        sha256,
        expires_at: options.expires_at(created_at, created_at),
    };
    Ok(Prepared { row, draft, created_at })
}

fn check(new: &NewUpload) -> Result<(), Failure> {
    checked_name(&new.name)?;
    if let Some(kind) = &new.content_type {
        checked_type(kind)?;
    }
    match &new.key {
        Some(key)
            if key.is_empty()
                || key.len() > KEY_CHARS_MAX
                || !key.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            let detail = format!("`key` has 1 to {KEY_CHARS_MAX} visible characters");
            Err(Failure::invalid(detail))
        }
        _ => Ok(()),
    }
}

/// A draft that nothing refers to.
async fn discard(draft: &Draft) {
    if let Err(error) = draft.abort().await {
        let error: &(dyn std::error::Error + 'static) = &error;
        tracing::warn!(error, "A draft is left for the next check of the store");
    }
}

pub(super) fn over_quota(usage: &Usage) -> Failure {
    let detail = "the organisation's files have no room for this; delete some, or ask for more";
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, ProblemCode::QuotaExceeded, detail)
        .with("quota", json!(usage.quota))
        .with("used", json!(usage.used))
        .with("reserved", json!(usage.reserved))
}

fn too_many(open: u64) -> Failure {
    let detail = format!("{open} uploads of the organisation are open; complete or end some");
    Failure::new(StatusCode::TOO_MANY_REQUESTS, ProblemCode::TooManyUploads, detail)
}
