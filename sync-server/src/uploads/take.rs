//! Taking bytes: from a body to durable runs in the journal.
//!
//! The work is a task of its own. A client that goes away ends its body, and what came before is
//! written and noted all the same.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use kartei_blob_store::{BlobError, Draft, Landed, PieceWriter, SealKey};
use kartei_pieces::{Ranges, Spot};
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::uploads::UploadPhase;
use kartei_relay_store::{
    Access, LandedRow, Noted, OrgId, Reserved, Tail, UploadEnd, UploadNote, UploadRow,
};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::sleep;

use super::begin::over_quota;
use super::digest::Announced;
use super::direct;
use super::intake::{Broken, Intake};
use super::session::{self, gone};
use super::streams::Stream;
use super::{CHECKPOINT_BYTES, LEASE_BYTES, REQUEST_BYTES_MAX, room};
use crate::admin::now;
use crate::metrics::Uploaded;
use crate::problem::Failure;
use crate::serve::Relay;

/// Time for a write that is under way when another request takes over. A disk and a store that work need less; one
/// that hangs is not waited for, or who takes over would wait for as long as the store may be silent.
const GRACE: Duration = Duration::from_secs(2);

/// Where a body begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// At a place of a piece; what is there already is passed over.
    Place(u64),
    /// Directly after what is there without a gap, which is up to here as the client knows.
    End(u64),
}

/// A body for a session.
pub(crate) struct Take {
    /// The session.
    pub(crate) id: String,
    /// Where it begins.
    pub(crate) at: At,
    /// How many bytes it says to have.
    pub(crate) length: Option<u64>,
    /// What its digest is said to be.
    pub(crate) digest: Option<Announced>,
    /// Whether the file ends with it.
    pub(crate) is_last: bool,
}

/// Takes a body. Answers the session as it is then, with what is there.
///
/// # Errors
/// A [`Failure`]; what came before it and is durable counts, unless the digest is wrong.
pub(crate) async fn take(
    relay: &Arc<Relay>,
    access: &Access,
    take: Take,
    body: Body,
) -> Result<UploadRow, Failure> {
    let (relay, org) = (Arc::clone(relay), access.org);
    let task = tokio::spawn(async move { Taking::begin(&relay, org, take, body).await });
    task.await.map_err(|e| Failure::internal(&e))?
}

/// One body on its way.
struct Taking<'a> {
    relay: &'a Arc<Relay>,
    org: OrgId,
    row: UploadRow,
    ranges: Ranges,
    draft: Draft,
    key: SealKey,
    /// Where the next byte belongs.
    place: u64,
    writer: Option<PieceWriter>,
    unsettled: u64,
    /// Runs that are durable and not noted yet.
    landed: Vec<Landed>,
    /// The tail that was there when this began, until what follows it is noted.
    had_tail: bool,
    /// Notes wait for the digest.
    holds_notes: bool,
    appends: bool,
    /// Another request goes on with the session.
    stopped: watch::Receiver<bool>,
}

impl<'a> Taking<'a> {
    async fn begin(
        relay: &'a Arc<Relay>,
        org: OrgId,
        take: Take,
        body: Body,
    ) -> Result<UploadRow, Failure> {
        let appends = matches!(take.at, At::End(_));
        // Appending is one at a time: the newest request goes on.
        let (from, until) = match take.at {
            At::Place(place) => {
                (place, take.length.map_or(u64::MAX, |length| place.saturating_add(length)))
            }
            At::End(_) => (0, u64::MAX),
        };
        // Before a place is taken, so that what is not there costs nothing.
        let row = session::row_of(relay, org, &take.id).await?;
        if row.phase == UploadPhase::Completed && !appends {
            // It came twice.
            return Ok(row);
        }
        session::must_be_open(&row)?;
        if direct::is_direct(&row) {
            return Err(direct::parts_only());
        }
        if let At::Place(place) = take.at {
            check_place(&row, place, take.length)?;
        }
        let session = (org, take.id.clone());
        let stream = relay.uploads().streams().enter(session, from, until.max(from + 1)).await?;
        // What the stopped one still noted is seen now.
        let row = session::row_of(relay, org, &take.id).await?;
        session::must_be_open(&row)?;
        let id = take.id.clone();
        let landed = relay.store(move |store| store.landed(org, &id)).await?;
        let ranges = session::ranges_of(&landed);
        let place = match take.at {
            At::Place(place) => place,
            At::End(known) => {
                let end = session::end_of(&row, &ranges);
                if known != end {
                    return Err(other_end(end));
                }
                ranges.prefix()
            }
        };
        let session::Opened { draft, key, .. } = session::open(relay, &row).await?;
        let key = key.ok_or_else(direct::parts_only)?;
        let taking = Self {
            relay,
            org,
            ranges,
            draft,
            key,
            place,
            writer: None,
            unsettled: 0,
            landed: Vec::new(),
            had_tail: row.tail.is_some(),
            holds_notes: take.digest.is_some(),
            appends,
            stopped: stream.stopped(),
            row,
        };
        taking.run(take, body, &stream).await
    }

    async fn run(mut self, take: Take, body: Body, stream: &Stream) -> Result<UploadRow, Failure> {
        let pace = self.relay.uploads().options().pace();
        let mut intake =
            Intake::new(body, pace, stream.stopped(), self.relay.stopping(), take.digest);
        if self.appends && self.had_tail {
            let tail = session::read_tail(self.relay, &self.row, &self.key).await?;
            self.put(tail).await?;
        }
        let outcome = loop {
            match intake.next().await {
                Ok(None) => break Ok(()),
                Ok(Some(bytes)) => {
                    if let Err(failure) = self.put(bytes).await {
                        break Err(failure);
                    }
                    if self.unsettled >= CHECKPOINT_BYTES
                        && let Err(failure) = self.checkpoint().await
                    {
                        break Err(failure);
                    }
                }
                Err(broken) => break Err(broken.failure()),
            }
        };
        let outcome = match outcome {
            Ok(()) if !intake.is_as_announced() => Err(Announced::mismatch()),
            other => other,
        };
        if let (Err(failure), true) = (&outcome, self.holds_notes) {
            // A part of a body has no digest, so nothing of it counts: what is on the disk without a note
            // is written over. Until then nobody else may write there, so the last write is waited for.
            let _ = self.close(false).await;
            tracing::debug!(?failure, "A body does not count");
            return outcome.map(|()| self.row);
        }
        // After a failure as well: what came before it is whole, and nobody else may write there yet.
        let ended = self.end(outcome.is_ok() && take.is_last).await;
        outcome?;
        ended?;
        session::row_of(self.relay, self.org, &take.id).await
    }

    /// Takes bytes to their place.
    async fn put(&mut self, mut bytes: Bytes) -> Result<(), Failure> {
        let end = self.place.saturating_add(bytes.len() as u64);
        if let Some(size) = self.row.size
            && end > size
        {
            return Err(beyond(size));
        }
        self.have_room_until(end).await?;
        while !bytes.is_empty() {
            match self.ranges.at(self.place) {
                Spot::Here(until) => {
                    self.close(false).await?;
                    let count = (until - self.place).min(bytes.len() as u64);
                    drop(bytes.split_to(usize::try_from(count).unwrap_or(bytes.len())));
                    self.place += count;
                }
                Spot::Gap(until) => {
                    let count = (until - self.place).min(bytes.len() as u64);
                    let part = bytes.split_to(usize::try_from(count).unwrap_or(bytes.len()));
                    let writer = match &mut self.writer {
                        Some(writer) => writer,
                        none => none.insert(self.draft.write_from(&self.key, self.place)),
                    };
                    match unless_it_hangs(&self.stopped, writer.write(part)).await {
                        Some(Ok(())) => {}
                        Some(Err(error)) => {
                            // It writes nothing more, and would only say so again.
                            self.writer = None;
                            return Err(self.not_written(&error).await);
                        }
                        None => return Err(self.give_up()),
                    }
                    self.place += count;
                    self.unsettled += count;
                }
            }
        }
        Ok(())
    }

    /// Reserves what a session of unknown size needs, a lease at a time.
    async fn have_room_until(&mut self, end: u64) -> Result<(), Failure> {
        let limit = self.relay.uploads().options().file_bytes_max;
        if end > limit {
            return Err(beyond(limit));
        }
        if self.row.size.is_some() || end <= self.row.reserved {
            return Ok(());
        }
        let (org, id, until) = (self.org, self.row.id.clone(), end + LEASE_BYTES);
        match self.relay.store(move |store| store.reserve_more(org, &id, until)).await? {
            Reserved::Ok => {
                self.row.reserved = until;
                Ok(())
            }
            Reserved::OverQuota(usage) => Err(over_quota(&usage)),
            Reserved::Ended(phase) => Err(gone(phase)),
            Reserved::Differs(size) => Err(beyond(size)),
            Reserved::Unknown => Err(session::unknown()),
        }
    }

    async fn checkpoint(&mut self) -> Result<(), Failure> {
        self.unsettled = 0;
        let Some(writer) = &mut self.writer else { return Ok(()) };
        match unless_it_hangs(&self.stopped, writer.checkpoint()).await {
            Some(Ok(landed)) => self.landed.extend(landed),
            Some(Err(error)) => {
                self.writer = None;
                return Err(self.not_written(&error).await);
            }
            None => return Err(self.give_up()),
        }
        if self.holds_notes { Ok(()) } else { self.note(None).await }
    }

    /// Ends the run of pieces that is being written. Answers what is left of a last piece.
    async fn close(&mut self, is_end: bool) -> Result<Bytes, Failure> {
        let Some(writer) = self.writer.take() else { return Ok(Bytes::new()) };
        match unless_it_hangs(&self.stopped, writer.finish(is_end)).await {
            Some(Ok(settled)) => {
                self.landed.extend(settled.landed);
                Ok(settled.rest)
            }
            Some(Err(error)) => Err(self.not_written(&error).await),
            None => Err(self.give_up()),
        }
    }

    /// Drops the writer, and what it had under way: nothing of that is written any more.
    fn give_up(&mut self) -> Failure {
        self.writer = None;
        Broken::TakenOver.failure()
    }

    /// What a failed write answers. Where the draft itself is gone, what was acknowledged is too.
    async fn not_written(&self, error: &BlobError) -> Failure {
        if error.is_not_found() { lost(self.relay, &self.row).await } else { failed(error) }
    }

    /// After the body.
    async fn end(&mut self, is_last: bool) -> Result<(), Failure> {
        // Where the size is known, its end is the end whatever the client says.
        let is_end = match self.row.size {
            Some(size) => self.place == size,
            None => is_last,
        };
        let rest = self.close(is_end).await?;
        if !self.appends || rest.is_empty() {
            return self.note(None).await;
        }
        let seq = self.row.tail.map_or(0, |tail| tail.seq) + 1;
        let offset = self.place - rest.len() as u64;
        session::keep_tail(self.relay, &self.row, &self.key, seq, &rest).await?;
        self.note(Some(Tail { seq, offset, len: rest.len() as u64 })).await
    }

    /// Notes what is durable.
    async fn note(&mut self, tail: Option<Tail>) -> Result<(), Failure> {
        let landed: Vec<LandedRow> = self.landed.drain(..).map(row_of).collect();
        if landed.is_empty() && tail.is_none() {
            return Ok(());
        }
        // A tail that was read in is within what landed, or within the new one.
        let changes_tail = tail.is_some() || (self.appends && self.had_tail);
        let now = now();
        let options = self.relay.uploads().options();
        let note = UploadNote {
            org: self.org,
            id: self.row.id.clone(),
            landed: landed.clone(),
            tail: changes_tail.then_some(tail),
            now,
            expires_at: options.expires_at(self.row.created_at, now),
        };
        match self.relay.uploads().journal().ask(self.relay, note).await? {
            Noted::Open => {}
            Noted::Ended(phase) => return Err(gone(phase)),
            Noted::Overlap(_) => return Err(Broken::TakenOver.failure()),
            Noted::Unknown => return Err(session::unknown()),
        }
        for run in &landed {
            self.ranges.add(run.offset, run.offset + run.len);
        }
        if changes_tail && self.had_tail {
            session::drop_tail(self.relay, &self.row).await;
            self.had_tail = false;
        }
        Ok(())
    }
}

/// What a writer answers; nothing where it hangs although another request goes on with the session.
async fn unless_it_hangs<T>(
    stopped: &watch::Receiver<bool>,
    work: impl Future<Output = Result<T, BlobError>>,
) -> Option<Result<T, BlobError>> {
    let mut stopped = stopped.clone();
    let hangs = async {
        // An error is that the request itself is gone, and with it who waits here.
        let _ = stopped.wait_for(|stopped| *stopped).await;
        sleep(GRACE).await;
    };
    tokio::select! {
        answer = work => Some(answer),
        () = hangs => None,
    }
}

fn row_of(landed: Landed) -> LandedRow {
    let Landed { offset, len, tree, part, .. } = landed;
    LandedRow { offset, len, tree, part }
}

fn check_place(row: &UploadRow, place: u64, length: Option<u64>) -> Result<(), Failure> {
    if !place.is_multiple_of(row.piece_bytes) {
        let detail = format!("a chunk begins at a multiple of {} bytes", row.piece_bytes);
        return Err(Failure::new(StatusCode::BAD_REQUEST, ProblemCode::OffsetInvalid, detail)
            .with("piece_bytes", json!(row.piece_bytes)));
    }
    if let Some(length) = length {
        if length > REQUEST_BYTES_MAX {
            return Err(beyond_request());
        }
        if let Some(size) = row.size
            && place.saturating_add(length) > size
        {
            return Err(beyond(size));
        }
    }
    Ok(())
}

/// A request with more than one may have.
pub(crate) fn beyond_request() -> Failure {
    let detail = format!("a request has at most {REQUEST_BYTES_MAX} bytes; send several");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, ProblemCode::SizeExceeded, detail)
}

/// More came than was announced, or than files may have.
pub(super) fn beyond(size: u64) -> Failure {
    let detail = format!("the file has at most {size} bytes, and this goes beyond them");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, ProblemCode::SizeExceeded, detail)
}

fn other_end(end: u64) -> Failure {
    let detail = format!("the upload goes on at {end}");
    Failure::new(StatusCode::CONFLICT, ProblemCode::OffsetInvalid, detail)
        .with("offset", json!(end))
}

/// A failure of the blob store.
pub(super) fn failed(error: &BlobError) -> Failure {
    match error {
        error if error.is_full() => room::full(),
        error if error.is_away() => room::away(error),
        error => Failure::internal(error),
    }
}

/// The bytes of a session are no longer there: it ends, rather than to go back.
async fn lost(relay: &Arc<Relay>, row: &UploadRow) -> Failure {
    let (org, id) = (row.org, row.id.clone());
    let end = move |store: &kartei_relay_store::RelayStore| {
        store.end_upload(org, &id, UploadEnd::Failed("bytes_lost"), now())
    };
    if let Err(failure) = relay.store(end).await {
        return failure;
    }
    relay.metrics().uploaded(Uploaded::Failed);
    tracing::error!(upload = row.id, "The bytes of an upload are gone");
    gone(UploadPhase::Failed)
}
