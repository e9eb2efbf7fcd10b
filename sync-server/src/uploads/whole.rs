//! Uploads in one request. A small one costs one transaction: its bytes are in the blob store before the database
//! knows of it, and then it is session, content and file at once, together with others that wait meanwhile.
//!
//! ```text
//! body ─▶ draft, sealed ─▶ blob, durable; the draft stays listed ─▶ one transaction ─▶ answer
//!                                      │ a relay that dies here      ▲ the draft goes
//!                                      └─▶ the sweep finds the draft
//! ```
//! Nobody knows the session before the answer, so a body that breaks off leaves nothing. What is larger, or of
//! unknown length, goes the ordinary way: there every piece that came counts.

use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use kartei_blob_store::{Draft, PieceWriter, SealKey, root_of};
use kartei_protocol::uploads::{CompleteUpload, NewUpload};
use kartei_relay_store::{
    Access, NewUploadRow, OrgId, UploadBegun, UploadDone, UploadRow, UploadWish, WholeUpload,
    WholeUploaded,
};
use sha2::{Digest as _, Sha256};

use super::begin::{Begin, Prepared, create, known_or_refused, limits, new_id, prepare};
use super::digest::Announced;
use super::intake::{Broken, Intake};
use super::session::{clear, complete, not_announced};
use super::sniff::{LOOKED_AT, sniff};
use super::take::{At, Take, beyond, failed, take};
use crate::admin::now;
use crate::metrics::Uploaded;
use crate::problem::Failure;
use crate::serve::Relay;

/// A file of this size at most is one transaction: a unit of the blob store, of which a connection that breaks
/// keeps nothing in the ordinary way either.
const WHOLE_BYTES_MAX: u64 = 1024 * 1024;

/// A body that begins an upload.
pub(crate) struct First {
    /// How many bytes it says to have.
    pub(crate) length: Option<u64>,
    /// What its digest is said to be.
    pub(crate) digest: Option<Announced>,
    /// Whether the file ends with it, and is made.
    pub(crate) is_last: bool,
}

/// Begins a session with its first bytes, and makes a file of them where those are all.
///
/// # Errors
/// A [`Failure`], as those of creating, taking and completing.
pub(crate) async fn begin_with(
    relay: &Arc<Relay>,
    access: &Access,
    begin: Begin,
    first: First,
    body: Body,
) -> Result<UploadRow, Failure> {
    if first.is_last && is_small(relay, &begin.new, first.length) {
        match foresee(relay, access, &begin.new).await? {
            None => return whole(relay, access, begin, first.digest, body).await,
            // Some of it may be there, and its session goes on.
            Some(UploadBegun::Known(_)) => {}
            Some(refused) => return known_or_refused(refused, &begin.new),
        }
    }
    let id = create(relay, access, begin).await?.id;
    let First { length, digest, is_last } = first;
    let bytes = Take { id: id.clone(), at: At::Place(0), length, digest, is_last };
    let row = take(relay, access, bytes, body).await?;
    if is_last { complete(relay, access, &id, &CompleteUpload::default()).await } else { Ok(row) }
}

/// Only in a folder drafts can be listed, and with them what a relay that died left.
fn is_small(relay: &Relay, new: &NewUpload, length: Option<u64>) -> bool {
    relay.uploads().folder.is_some()
        && !new.direct
        && length.is_some_and(|length| length <= WHOLE_BYTES_MAX && new.size == Some(length))
}

/// Why it would not begin, before its bytes come.
async fn foresee(
    relay: &Relay,
    access: &Access,
    new: &NewUpload,
) -> Result<Option<UploadBegun>, Failure> {
    let (org, token, key) = (access.org, access.token, new.key.clone());
    let wish = UploadWish { token, key, size: new.size.unwrap_or_default(), limits: limits(relay) };
    relay.store(move |store| store.foresee_upload(org, &wish)).await
}

async fn whole(
    relay: &Arc<Relay>,
    access: &Access,
    begin: Begin,
    digest: Option<Announced>,
    body: Body,
) -> Result<UploadRow, Failure> {
    let (relay, access) = (Arc::clone(relay), access.clone());
    // A client that goes away ends its body; what was begun after that ends by itself.
    let task = tokio::spawn(async move {
        let new = begin.new.clone();
        let Prepared { row, draft, .. } = prepare(&relay, &access, begin).await?;
        match bring(&relay, access.org, &row, &draft, digest, body).await {
            Ok(done) => file(&relay, access.org, row, &draft, done, &new).await,
            Err(failure) => {
                withdraw(&relay, &draft).await;
                Err(failure)
            }
        }
    });
    task.await.map_err(|e| Failure::internal(&e))?
}

/// Takes the body to its blob, and looks whether it is what was announced.
async fn bring(
    relay: &Arc<Relay>,
    org: OrgId,
    row: &NewUploadRow,
    draft: &Draft,
    digest: Option<Announced>,
    body: Body,
) -> Result<UploadDone, Failure> {
    let uploads = relay.uploads();
    let size = row.size.unwrap_or_default();
    let key = uploads.keys()?.of_file(relay, org, &row.blob, &row.wrapped_key).await?;
    let stream = uploads.streams().enter((org, row.id.clone()), 0, size.max(1)).await?;
    let pace = uploads.options().pace();
    let intake = Intake::new(body, pace, stream.stopped(), relay.stopping(), digest);
    let hasher = row.sha256.map(|_| Sha256::new());
    let Read { writer, first, sha256 } = read(draft, &key, intake, size, hasher).await?;
    if row.sha256 != sha256 {
        return Err(not_announced());
    }
    let landed = writer.publish().await.map_err(|e| failed(&e))?;
    let found = root_of(size, &landed).ok_or_else(|| Failure::internal(&Unhashed))?;
    if row.digest.is_some_and(|expected| expected != found) {
        return Err(not_announced());
    }
    Ok(UploadDone {
        digest: found,
        size,
        content_type: row.content_type.clone().unwrap_or_else(|| sniff(&first).to_owned()),
        file_id: new_id("file-")?,
        scan: uploads.options().scan.first(size),
        now: now(),
    })
}

/// Every unit is hashed where it is sealed.
#[derive(Debug, thiserror::Error)]
#[error("the bytes of an upload have no digest")]
struct Unhashed;

/// A body that came.
struct Read {
    writer: PieceWriter,
    /// Its first bytes, to be looked at.
    first: Bytes,
    /// Where one was announced.
    sha256: Option<[u8; 32]>,
}

async fn read(
    draft: &Draft,
    key: &SealKey,
    mut intake: Intake,
    size: u64,
    mut sha256: Option<Sha256>,
) -> Result<Read, Failure> {
    let mut writer = draft.write_from(key, 0);
    let (mut first, mut came) = (BytesMut::new(), 0_u64);
    while let Some(bytes) = intake.next().await.map_err(Broken::failure)? {
        came += bytes.len() as u64;
        if came > size {
            return Err(beyond(size));
        }
        let looked = LOOKED_AT.saturating_sub(first.len() as u64);
        let looked = usize::try_from(looked).unwrap_or_default().min(bytes.len());
        first.extend_from_slice(&bytes[..looked]);
        if let Some(sha256) = &mut sha256 {
            sha256.update(&bytes);
        }
        writer.write(bytes).await.map_err(|e| failed(&e))?;
    }
    if came < size {
        return Err(Broken::Cut.failure());
    }
    if !intake.is_as_announced() {
        return Err(Announced::mismatch());
    }
    let sha256 = sha256.map(|sha256| sha256.finalize().into());
    Ok(Read { writer, first: first.freeze(), sha256 })
}

/// Makes a file of bytes that are durable.
async fn file(
    relay: &Arc<Relay>,
    org: OrgId,
    row: NewUploadRow,
    draft: &Draft,
    done: UploadDone,
    new: &NewUpload,
) -> Result<UploadRow, Failure> {
    let upload = WholeUpload { org, new: row, limits: limits(relay), done };
    // Where there is no answer, the database may know the file all the same. So the bytes and the draft's entry
    // stay, and the sweep asks which it is.
    let answer = relay.uploads().wholes().ask(relay, upload).await?;
    if let WholeUploaded::Done { upload, .. } = &answer {
        relay.metrics().uploaded(Uploaded::Completed(upload.size.unwrap_or_default()));
    }
    match answer {
        WholeUploaded::Done { upload, is_new_content: true } => {
            if let Err(error) = draft.release().await {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(error, "The entry of a draft is left for the sweep");
            }
            relay.uploads().scans().look();
            Ok(*upload)
        }
        WholeUploaded::Done { mut upload, .. } => {
            // Equal bytes are there already.
            clear(relay, &upload).await?;
            upload.draft = false;
            Ok(*upload)
        }
        WholeUploaded::Refused(refused) => {
            withdraw(relay, draft).await;
            let known = known_or_refused(refused, new)?;
            // Another request with the same key was quicker.
            if known.file.is_some() { Ok(known) } else { Err(Broken::TakenOver.failure()) }
        }
    }
}

/// Removes what nobody knows of: the blob first, so that the draft tells of it until it is gone.
async fn withdraw(relay: &Relay, draft: &Draft) {
    let removed = match relay.blobs().delete(draft.name()).await {
        Ok(()) => draft.abort().await,
        failed => failed,
    };
    if let Err(error) = removed {
        let error: &(dyn std::error::Error + 'static) = &error;
        tracing::warn!(error, "A draft is left for the sweep");
    }
}
