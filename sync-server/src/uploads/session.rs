//! Sessions: asked for, completed, ended.

use std::io::Write;
use std::sync::Arc;

use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use kartei_blob_store::{BlobError, BlobName, Draft, Landed, SealKey, root_of};
use kartei_pieces::Ranges;
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::uploads::{CompleteUpload, UploadPhase, UploadState};
use kartei_relay_store::{
    Access, Completing, LandedRow, OrgId, Reserved, Tail, UploadCompleted, UploadDone, UploadEnd,
    UploadRow,
};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::REQUEST_BYTES_MAX;
use super::begin::{new_id, over_quota};
use super::content::{Content, key_of};
use super::names::{hex, hex32};
use super::sniff::{LOOKED_AT, sniff};
use super::streams::STREAMS_MAX;
use super::take::{beyond, failed};
use crate::admin::now;
use crate::metrics::Uploaded;
use crate::problem::Failure;
use crate::serve::Relay;

/// A session of the organisation.
///
/// # Errors
/// 404 where there is none, or another organisation's.
pub(crate) async fn row_of(relay: &Relay, org: OrgId, id: &str) -> Result<UploadRow, Failure> {
    let asked = id.to_owned();
    let row = relay.store(move |store| store.upload(org, &asked)).await?;
    row.ok_or_else(unknown)
}

/// No such session, here or for this token.
pub(super) fn unknown() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, ProblemCode::UnknownUpload, "there is no such upload")
}

/// As [`row_of`], for whoever asks.
pub(crate) async fn find(relay: &Relay, access: &Access, id: &str) -> Result<UploadRow, Failure> {
    row_of(relay, access.org, id).await
}

/// What is said of a session.
///
/// # Errors
/// A failure of the database.
pub(crate) async fn state_of(relay: &Relay, row: &UploadRow) -> Result<UploadState, Failure> {
    let ranges = match row.phase {
        UploadPhase::Open | UploadPhase::Completing => landed(relay, row).await?.1,
        _ => Ranges::default(),
    };
    Ok(state(row, ranges))
}

/// What is said of a session, with what is there of it.
pub(crate) fn state(row: &UploadRow, mut ranges: Ranges) -> UploadState {
    if let Some(tail) = row.tail {
        ranges.add(tail.offset, tail.offset + tail.len);
    }
    if row.phase == UploadPhase::Completed {
        ranges.add(0, row.size.unwrap_or_default());
    }
    UploadState {
        id: row.id.clone(),
        state: row.phase,
        name: row.name.clone(),
        size: row.size,
        received_bytes: ranges.len(),
        received: ranges.into_vec(),
        piece_bytes: row.piece_bytes,
        request_bytes_max: REQUEST_BYTES_MAX,
        streams_max: STREAMS_MAX,
        expires_at: row.expires_at,
        digest: row.digest.filter(|_| row.phase == UploadPhase::Completed).map(|d| hex(&d)),
        file: row.file.clone(),
        problem: row.problem.clone(),
    }
}

async fn landed(relay: &Relay, row: &UploadRow) -> Result<(Vec<Landed>, Ranges), Failure> {
    let (org, id) = (row.org, row.id.clone());
    let rows = relay.store(move |store| store.landed(org, &id)).await?;
    let ranges = ranges_of(&rows);
    let landed = rows
        .into_iter()
        .map(|row| Landed { offset: row.offset, len: row.len, tree: row.tree, part: row.part })
        .collect();
    Ok((landed, ranges))
}

/// What is there of a file, by its journal.
pub(super) fn ranges_of(rows: &[LandedRow]) -> Ranges {
    rows.iter().map(|row| (row.offset, row.offset + row.len)).collect()
}

/// Where a session's bytes are, and the key that they are sealed with.
pub(super) struct Opened {
    name: BlobName,
    /// None where the client brings the bytes to S3 as they are.
    pub(super) key: Option<SealKey>,
    pub(super) draft: Draft,
}

impl Opened {
    /// What is complete, under its name.
    async fn content(&self, relay: &Relay, size: u64) -> Result<Content, Failure> {
        let opened = Content::open(relay.blobs(), &self.name, self.key.as_ref(), size).await;
        opened.map_err(|e| failed(&e))
    }
}

/// Opens a session's draft.
pub(super) async fn open(relay: &Relay, row: &UploadRow) -> Result<Opened, Failure> {
    let key = key_of(relay, row.org, &row.blob, &row.wrapped_key).await?;
    let name = BlobName::new(&row.blob).map_err(|e| Failure::internal(&e))?;
    let draft = relay.blobs().open_draft(&name, &row.place).await.map_err(|e| failed(&e))?;
    Ok(Opened { name, key, draft })
}

/// Up to where everything is there, with the tail.
pub(super) fn end_of(row: &UploadRow, ranges: &Ranges) -> u64 {
    let prefix = ranges.prefix();
    match row.tail {
        Some(tail) if tail.offset == prefix => tail.offset + tail.len,
        _ => prefix,
    }
}

/// # Errors
/// 410 where the session takes nothing any more.
pub(super) fn must_be_open(row: &UploadRow) -> Result<(), Failure> {
    if row.phase == UploadPhase::Open { Ok(()) } else { Err(gone(row.phase)) }
}

/// The session takes nothing any more.
pub(super) fn gone(phase: UploadPhase) -> Failure {
    let detail = match phase {
        UploadPhase::Completed | UploadPhase::Completing => "this upload is complete",
        UploadPhase::Expired => "this upload has expired; begin again",
        UploadPhase::Failed => "this upload has failed; begin again",
        UploadPhase::Open | UploadPhase::Aborted => "this upload was ended; begin again",
    };
    Failure::new(StatusCode::GONE, ProblemCode::UploadGone, detail).with("state", json!(phase))
}

/// The size of a session that was begun without one becomes known.
///
/// # Errors
/// 400 where it was said otherwise, 410, 413.
pub(crate) async fn size(relay: &Relay, row: &UploadRow, size: u64) -> Result<(), Failure> {
    if size > relay.uploads().options().file_bytes_max {
        return Err(beyond(relay.uploads().options().file_bytes_max));
    }
    let (org, id) = (row.org, row.id.clone());
    match relay.store(move |store| store.size_upload(org, &id, size, now())).await? {
        Reserved::Ok => Ok(()),
        Reserved::Differs(known) => {
            Err(Failure::invalid(format!("the upload was announced with {known} bytes")))
        }
        Reserved::OverQuota(usage) => Err(over_quota(&usage)),
        Reserved::Ended(phase) => Err(gone(phase)),
        Reserved::Unknown => Err(unknown()),
    }
}

/// The bytes of a session that is whole and was made no file.
///
/// # Errors
/// Where its draft is gone.
pub(crate) async fn read(
    relay: &Relay,
    row: &UploadRow,
) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, Failure> {
    let (runs, _) = landed(relay, row).await?;
    let size = row.size.unwrap_or_default();
    let opened = open(relay, row).await?;
    // Only under its name a store of objects reads it back.
    opened.draft.finish(size, &runs).await.map_err(|e| failed(&e))?;
    Ok(opened.content(relay, size).await?.read(0..size))
}

/// Makes a file of a session: nothing is missing, the digests hold, the quota still does.
///
/// # Errors
/// 409 with what is missing, 410, 413, 422.
pub(crate) async fn complete(
    relay: &Arc<Relay>,
    access: &Access,
    id: &str,
    said: &CompleteUpload,
) -> Result<UploadRow, Failure> {
    let (relay, org, id, said) = (Arc::clone(relay), access.org, id.to_owned(), said.clone());
    // A client that goes away does not break off what it began.
    let task = tokio::spawn(async move { completed(&relay, org, &id, &said).await });
    task.await.map_err(|e| Failure::internal(&e))?
}

async fn completed(
    relay: &Arc<Relay>,
    org: OrgId,
    id: &str,
    said: &CompleteUpload,
) -> Result<UploadRow, Failure> {
    let row = row_of(relay, org, id).await?;
    if row.phase == UploadPhase::Completed {
        return Ok(row);
    }
    if row.phase.is_end() {
        return Err(gone(row.phase));
    }
    let digest = said.digest.as_deref().map(|text| hex32("digest", text)).transpose()?;
    let sha256 = said.sha256.as_deref().map(|text| hex32("sha256", text)).transpose()?;
    // What still comes is there already, or the file would not be whole.
    relay.uploads().streams().stop(&(org, id.to_owned())).await;
    let row = row_of(relay, org, id).await?;
    let (mut landed_runs, mut ranges) = landed(relay, &row).await?;
    let size = match row.size.or(said.size) {
        Some(size) => size,
        None => end_of(&row, &ranges),
    };
    if said.size.is_some_and(|said| said != size) {
        return Err(Failure::invalid(format!("the file was announced with {size} bytes")));
    }
    let opened = open(relay, &row).await?;
    if row.size.is_none() {
        let asked = id.to_owned();
        match relay.store(move |store| store.size_upload(org, &asked, size, now())).await? {
            Reserved::Ok => {}
            Reserved::Differs(size) => return Err(beyond(size)),
            Reserved::OverQuota(usage) => return Err(over_quota(&usage)),
            Reserved::Ended(phase) => return Err(gone(phase)),
            Reserved::Unknown => return Err(unknown()),
        }
    }
    // What an appending door left over is the last piece now.
    let tail = row.tail.filter(|tail| {
        tail.offset == ranges.prefix() && tail.offset + tail.len == size && ranges.len() < size
    });
    if let (Some(tail), Some(key)) = (tail, &opened.key) {
        let rest = read_tail(relay, &row, key).await?;
        let mut writer = opened.draft.write_from(key, tail.offset);
        writer.write(rest).await.map_err(|e| failed(&e))?;
        let settled = writer.finish(true).await.map_err(|e| failed(&e))?;
        for run in settled.landed {
            ranges.add(run.offset, run.offset + run.len);
            landed_runs.push(run);
        }
    }
    let missing: Vec<(u64, u64)> = ranges.gaps(0, size).collect();
    if !missing.is_empty() {
        let detail = "bytes are missing; send them and complete again";
        return Err(Failure::new(StatusCode::CONFLICT, ProblemCode::UploadIncomplete, detail)
            .with("missing", json!(missing)));
    }
    let asked = id.to_owned();
    match relay.store(move |store| store.begin_completing(org, &asked, now())).await? {
        Completing::Ours(_) => {}
        Completing::Already(row) => return Ok(*row),
        Completing::Ended(row) => return Err(gone(row.phase)),
        Completing::Unknown => return Err(unknown()),
    }
    // Under its name it can be read, and nobody knows of it before the database does.
    opened.draft.finish(size, &landed_runs).await.map_err(|e| failed(&e))?;
    let blob = opened.content(relay, size).await?;
    let found = match root_of(size, &landed_runs) {
        Some(found) => found,
        None => read_all(&blob, blake3::Hasher::new()).await?.finalize().into(),
    };
    let announced = row.digest.into_iter().chain(digest);
    let mut holds = announced.into_iter().all(|expected| expected == found);
    let sha256s: Vec<[u8; 32]> = row.sha256.into_iter().chain(sha256).collect();
    if holds && !sha256s.is_empty() {
        let read: [u8; 32] = read_all(&blob, Sha256::new()).await?.finalize().into();
        holds = sha256s.iter().all(|expected| *expected == read);
    }
    if !holds {
        end(relay, &row, UploadEnd::Failed("digest_mismatch")).await?;
        return Err(not_announced());
    }
    let kind = match &row.content_type {
        Some(kind) => kind.clone(),
        None => sniffed(&blob).await?,
    };
    let done = UploadDone {
        digest: found,
        size,
        content_type: kind,
        file_id: new_id("file-")?,
        scan: relay.uploads().options().scan.first(size),
        now: now(),
    };
    let asked = id.to_owned();
    match relay.store(move |store| store.complete_upload(org, &asked, &done)).await? {
        UploadCompleted::Done { is_new_content, .. } => {
            relay.metrics().uploaded(Uploaded::Completed(size));
            if is_new_content {
                relay.uploads().scans().look();
            } else {
                // Equal bytes are there already.
                clear(relay, &row).await?;
            }
        }
        UploadCompleted::OverQuota(usage) => {
            clear(relay, &row).await?;
            return Err(over_quota(&usage));
        }
        UploadCompleted::Ended(ended) => {
            clear(relay, &row).await?;
            return Err(gone(ended.phase));
        }
        UploadCompleted::Unknown => return Err(unknown()),
    }
    if row.tail.is_some() {
        drop_tail(relay, &row).await;
    }
    row_of(relay, org, id).await
}

/// The file is not what its digest says.
pub(super) fn not_announced() -> Failure {
    let detail = "what came is not what was announced; nothing is kept, upload it again";
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, ProblemCode::DigestMismatch, detail)
}

async fn sniffed(blob: &Content) -> Result<String, Failure> {
    let mut first = BytesMut::new();
    let mut pieces = blob.read(0..blob.size().min(LOOKED_AT));
    while let Some(piece) = pieces.try_next().await.map_err(|e| failed(&e))? {
        first.extend_from_slice(&piece);
    }
    Ok(sniff(&first).to_owned())
}

/// Reads a whole blob; hashing runs on a thread that may be busy.
async fn read_all<H: Write + Send + 'static>(blob: &Content, mut hasher: H) -> Result<H, Failure> {
    let mut pieces = blob.read(0..blob.size());
    while let Some(piece) = pieces.try_next().await.map_err(|e| failed(&e))? {
        let task = tokio::task::spawn_blocking(move || hasher.write_all(&piece).map(|()| hasher));
        let hashed = task.await.map_err(|e| Failure::internal(&e))?;
        hasher = hashed.map_err(|e| Failure::internal(&e))?;
    }
    Ok(hasher)
}

async fn remove(relay: &Relay, name: &BlobName) {
    if let Err(error) = relay.blobs().delete(name).await {
        let error: &(dyn std::error::Error + 'static) = &error;
        tracing::warn!(error, "A blob is left for the next check of the store");
    }
}

/// Ends a session because somebody wants it; one that has ended is as it is.
///
/// # Errors
/// 404; 410 where it is complete.
pub(crate) async fn abort(
    relay: &Arc<Relay>,
    access: &Access,
    id: &str,
) -> Result<UploadRow, Failure> {
    let row = find(relay, access, id).await?;
    if row.phase == UploadPhase::Completed {
        return Err(gone(row.phase));
    }
    if !row.phase.is_end() {
        end(relay, &row, UploadEnd::Aborted).await?;
    }
    find(relay, access, id).await
}

/// Ends a session, in the database first: from then on nothing is noted for it.
pub(super) async fn end(
    relay: &Arc<Relay>,
    row: &UploadRow,
    how: UploadEnd<'static>,
) -> Result<(), Failure> {
    let (org, id) = (row.org, row.id.clone());
    let ended = relay.store(move |store| store.end_upload(org, &id, how, now())).await?;
    let Some(row) = ended else { return Ok(()) };
    relay.metrics().uploaded(match how {
        UploadEnd::Aborted => Uploaded::Aborted,
        UploadEnd::Expired => Uploaded::Expired,
        UploadEnd::Failed(_) => Uploaded::Failed,
    });
    relay.uploads().streams().stop(&(org, row.id.clone())).await;
    clear(relay, &row).await
}

/// Removes what a session that ended wrote, and says so in the database. What is left by a crash in between, the
/// sweep removes.
pub(super) async fn clear(relay: &Arc<Relay>, row: &UploadRow) -> Result<(), Failure> {
    let name = BlobName::new(&row.blob).map_err(|e| Failure::internal(&e))?;
    match relay.blobs().open_draft(&name, &row.place).await {
        Ok(draft) => draft.abort().await.map_err(|e| failed(&e))?,
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(failed(&error)),
    }
    relay.blobs().delete(&name).await.map_err(|e| failed(&e))?;
    drop_tail(relay, row).await;
    let (org, id) = (row.org, row.id.clone());
    relay.store(move |store| store.draft_cleared(org, &id)).await
}

/// The answer of a session that failed before.
pub(crate) fn told_failed(row: &UploadRow) -> Result<(), Failure> {
    if row.phase.is_end() && row.phase != UploadPhase::Completed {
        return Err(gone(row.phase));
    }
    Ok(())
}

fn tail_name(row: &UploadRow, seq: u64) -> Result<BlobName, Failure> {
    let name = BlobName::new(format!("tails/{}/{}/{seq}", row.org, row.id));
    name.map_err(|e| Failure::internal(&e))
}

fn tail_context(row: &UploadRow, seq: u64) -> Vec<u8> {
    format!("kartei tail {} {seq}", row.id).into_bytes()
}

/// Keeps bytes of less than a piece, durable, under a name that none had before.
pub(super) async fn keep_tail(
    relay: &Relay,
    row: &UploadRow,
    key: &SealKey,
    seq: u64,
    rest: &Bytes,
) -> Result<(), Failure> {
    let name = tail_name(row, seq)?;
    let sealed =
        key.seal_bytes(rest, &tail_context(row, seq)).map_err(|e| Failure::internal(&e))?;
    // What a crash left there was never noted.
    relay.blobs().delete(&name).await.map_err(|e| failed(&e))?;
    relay.blobs().put_bytes(&name, sealed.into()).await.map_err(|e| failed(&e))?;
    Ok(())
}

/// The tail's bytes.
pub(super) async fn read_tail(
    relay: &Relay,
    row: &UploadRow,
    key: &SealKey,
) -> Result<Bytes, Failure> {
    let Some(Tail { seq, .. }) = row.tail else { return Ok(Bytes::new()) };
    let sealed = relay.blobs().get(&tail_name(row, seq)?).await.map_err(|e| failed(&e))?;
    let bytes = key.open_bytes(&sealed, &tail_context(row, seq));
    Ok(bytes.map_err(|e| Failure::internal(&e))?.into())
}

/// The tail of a row is no longer needed.
pub(super) async fn drop_tail(relay: &Relay, row: &UploadRow) {
    let Some(Tail { seq, .. }) = row.tail else { return };
    if let Ok(name) = tail_name(row, seq) {
        remove(relay, &name).await;
    }
}
