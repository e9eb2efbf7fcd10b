//! Direct uploads and downloads: the client talks to S3 by itself, with requests that this relay signed.
//!
//! ```text
//! create direct ─▶ sign some parts ─▶ PUT to S3 ─▶ tell what S3 answered ─▶ … ─▶ complete
//! ```
//! A signature holds for one part with one SHA-256 and a quarter of an hour, so they are made just in
//! time. Nobody here sees the bytes before the end: completing reads them once for their digest. They lie
//! there as they came, without the relay's encryption, so an operator has to allow it.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use kartei_blob_store::{BlobName, Digest, Draft, Landed};
use kartei_pieces::Spot;
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::uploads::{
    BroughtParts, FileLink, NewUpload, SignedPart, SignedParts, WantedParts,
};
use kartei_relay_store::{Access, FileRead, FileRow, LandedRow, Noted, UploadNote, UploadRow};

use super::content::PLAIN;
use super::names::hex32;
use super::session::{self, gone, ranges_of};
use super::take::failed;
use crate::admin::now;
use crate::problem::Failure;
use crate::serve::Relay;

/// How long a signed request is good.
const EXPIRES: Duration = Duration::from_mins(15);

/// Parts of one request: as many as a client sends at once.
const PARTS_MAX: usize = 8;

/// A draft whose parts the client brings.
///
/// # Errors
/// 409 where the relay has no S3, or its operator does not want it; 400 without a size.
pub(super) async fn begin(
    relay: &Relay,
    name: &BlobName,
    new: &NewUpload,
) -> Result<(Draft, Vec<u8>), Failure> {
    let off = || {
        let detail = "this relay takes no direct uploads; send the bytes to it, without `direct`";
        Failure::new(StatusCode::CONFLICT, ProblemCode::DirectOff, detail)
    };
    if !relay.uploads().options().direct_uploads {
        return Err(off());
    }
    if new.size.is_none_or(|size| size == 0) {
        return Err(Failure::invalid("a direct upload says its `size`, which is not 0"));
    }
    let draft = relay.blobs().begin_plain_draft(name, new.size).await.map_err(|e| failed(&e))?;
    Ok((draft.ok_or_else(off)?, PLAIN.to_vec()))
}

/// Whether the client brings the parts of this session to S3.
pub(super) fn is_direct(row: &UploadRow) -> bool {
    row.wrapped_key == PLAIN
}

/// The relay takes no bytes of such a session.
pub(super) fn parts_only() -> Failure {
    let detail = "the parts of this upload go to S3: ask for signed requests with `action=sign`";
    Failure::new(StatusCode::CONFLICT, ProblemCode::DirectOff, detail)
}

async fn session_of(relay: &Relay, access: &Access, id: &str) -> Result<UploadRow, Failure> {
    let row = session::row_of(relay, access.org, id).await?;
    session::must_be_open(&row)?;
    if is_direct(&row) {
        return Ok(row);
    }
    let detail = "this upload is not direct: send its bytes with `action=chunk`";
    Err(Failure::new(StatusCode::CONFLICT, ProblemCode::DirectOff, detail))
}

fn check_count(count: usize) -> Result<(), Failure> {
    if (1..=PARTS_MAX).contains(&count) {
        return Ok(());
    }
    Err(Failure::invalid(format!("`parts` has 1 to {PARTS_MAX} parts")))
}

/// Where a part is, and how many bytes it has.
fn place_of(row: &UploadRow, number: u64) -> Result<(u64, u64), Failure> {
    let size = row.size.unwrap_or_default();
    let offset = number.checked_mul(row.piece_bytes).filter(|offset| *offset < size);
    let offset = offset.ok_or_else(|| {
        let last = size.div_ceil(row.piece_bytes).saturating_sub(1);
        Failure::invalid(format!("there is no part {number}: the last one is {last}"))
    })?;
    Ok((offset, row.piece_bytes.min(size - offset)))
}

/// Signs requests that bring parts.
///
/// # Errors
/// 400 for parts that the file does not have, 404, 409 where one is there already, 410.
pub(crate) async fn sign(
    relay: &Relay,
    access: &Access,
    id: &str,
    wanted: &WantedParts,
) -> Result<SignedParts, Failure> {
    check_count(wanted.parts.len())?;
    let row = session_of(relay, access, id).await?;
    let (org, asked) = (row.org, id.to_owned());
    let there = ranges_of(&relay.store(move |store| store.landed(org, &asked)).await?);
    let session::Opened { draft, .. } = session::open(relay, &row).await?;
    let expires_at = now() + i64::try_from(EXPIRES.as_millis()).unwrap_or_default();
    let mut parts = Vec::with_capacity(wanted.parts.len());
    for part in &wanted.parts {
        let (offset, bytes) = place_of(&row, part.number)?;
        if matches!(there.at(offset), Spot::Here(_)) {
            let detail = format!("part {} is there already", part.number);
            return Err(Failure::new(StatusCode::CONFLICT, ProblemCode::DirectOff, detail));
        }
        let sha256 = Digest::from(hex32("sha256", &part.sha256)?);
        let signed = draft.presign_part(part.number, &sha256, EXPIRES).await;
        let signed = signed.map_err(|e| failed(&e))?.ok_or_else(parts_only)?;
        let headers = signed.header.into_iter().map(|(name, value)| (name.to_owned(), value));
        parts.push(SignedPart {
            number: part.number,
            method: signed.method.to_owned(),
            url: signed.url,
            headers: headers.collect(),
            bytes,
        });
    }
    Ok(SignedParts { parts, expires_at })
}

/// Notes parts that the client brought. What it says of them is checked when completing.
///
/// # Errors
/// 400, 404, 409, 410.
pub(crate) async fn brought(
    relay: &Arc<Relay>,
    access: &Access,
    id: &str,
    brought: &BroughtParts,
) -> Result<UploadRow, Failure> {
    check_count(brought.parts.len())?;
    let row = session_of(relay, access, id).await?;
    let (org, asked) = (row.org, id.to_owned());
    let there = ranges_of(&relay.store(move |store| store.landed(org, &asked)).await?);
    let mut landed = Vec::new();
    for part in &brought.parts {
        let (offset, len) = place_of(&row, part.number)?;
        if matches!(there.at(offset), Spot::Here(_)) {
            // It was told twice.
            continue;
        }
        let sha256 = Digest::from(hex32("sha256", &part.sha256)?);
        let tag = part.etag.as_str();
        let run = Landed::direct(offset, len, tag, &sha256)
            .ok_or_else(|| Failure::invalid("`etag` is what S3 answered, with its quotes"))?;
        landed.push(LandedRow { offset, len, tree: run.tree, part: run.part });
    }
    if !landed.is_empty() {
        let now = now();
        let expires_at = relay.uploads().options().expires_at(row.created_at, now);
        let id = row.id.clone();
        let note = UploadNote { org, id, landed, tail: None, now, expires_at };
        match relay.uploads().journal().ask(relay, note).await? {
            // Overlap: the same was told by another request just now.
            Noted::Open | Noted::Overlap(_) => {}
            Noted::Ended(phase) => return Err(gone(phase)),
            Noted::Unknown => return Err(session::unknown()),
        }
    }
    session::row_of(relay, org, id).await
}

/// A request that fetches a file's bytes from S3, good for a quarter of an hour.
///
/// # Errors
/// 409 where the bytes are sealed: then only the relay can read them.
pub(crate) async fn link(
    relay: &Relay,
    access: &Access,
    row: &FileRow,
    disposition: &str,
) -> Result<FileLink, Failure> {
    let sealed = || {
        let detail = "this file is sealed; the relay gives it out at /api/files/serve";
        Failure::new(StatusCode::CONFLICT, ProblemCode::DirectOff, detail)
    };
    if row.content.wrapped_key != PLAIN {
        return Err(sealed());
    }
    let now = now();
    let read = FileRead {
        org: access.org,
        file: row.id.clone(),
        token: access.token,
        at: now,
        from: 0,
        to: row.size(),
    };
    // Whoever has the link may read all of it.
    relay.store(move |store| store.note_reads(&[read])).await?;
    let name = BlobName::new(&row.content.blob).map_err(|e| Failure::internal(&e))?;
    let signed = relay.blobs().presign_get(&name, EXPIRES, Some(disposition)).await;
    let signed = signed.map_err(|e| failed(&e))?.ok_or_else(sealed)?;
    let expires_at = now + i64::try_from(EXPIRES.as_millis()).unwrap_or_default();
    Ok(FileLink { url: signed.url, expires_at })
}
