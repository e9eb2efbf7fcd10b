//! Writing pieces: while units are hashed, sealed and written on other threads, the next one is
//! filled. In a folder no more than these three are held, on S3 also the part that is being gathered
//! and the one on its way.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Buf, Bytes, BytesMut};
use kartei_pieces::tree::hash_unit;
use object_store::PutPayload;
use object_store::multipart::PartId;
use tokio::task::{JoinHandle, spawn_blocking};

use super::folder::Entry;
use super::place::Kind;
use super::{Draft, is_no_upload};
use crate::buffer::Buffer;
use crate::key::Cipher;
use crate::sealed::{
    FILE_BYTES_MAX, STRIDE_BYTES, UNIT, UNIT_BYTES, index, open_records, seal_unit, unit_bytes,
};
use crate::store::Backend;
use crate::tree::Landed;
use crate::{BlobError, Operation, SealError, SealKey};

/// Units of a writer that are hashed, sealed and written at once, beside the one that is filled: one
/// keeps the processor busy while the other waits for the disk.
const SEALING_MAX: usize = 2;

/// Writes plaintext into a draft, from one place onwards. Where one of its calls fails, or the future
/// of one is dropped, drop the writer and begin another at what landed.
#[derive(Debug)]
pub struct PieceWriter {
    draft: Draft,
    cipher: Arc<Cipher>,
    /// The unit that is being filled.
    unit: u64,
    buffer: Option<Buffer>,
    filled: usize,
    /// Those before it, in order.
    sealing: VecDeque<JoinHandle<Result<Sealed, Fault>>>,
    /// On S3.
    part: Part,
    sending: Option<Sending>,
    /// Whole pieces that were written and not answered yet.
    written: Option<Landed>,
    /// Whether all of them were flushed already.
    is_flushed: bool,
    /// Why it is of no use any more, or that a call is under way.
    broken: Option<&'static str>,
    stop: Stop,
}

/// What a writer leaves at its end.
#[derive(Debug)]
pub struct Settled {
    /// What is durable and was not answered by a checkpoint.
    pub landed: Vec<Landed>,
    /// The plaintext after it: less than a piece, and nothing where the end was written.
    pub rest: Bytes,
}

/// Tells the tasks of a dropped writer.
#[derive(Debug)]
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The units of a part, as far as they are there.
#[derive(Debug, Default)]
struct Part {
    run: Option<Landed>,
    units: Vec<Bytes>,
}

/// A part on its way.
#[derive(Debug)]
struct Sending {
    run: Landed,
    /// Stopped where it is dropped.
    task: tokio::task::JoinSet<object_store::Result<PartId>>,
}

/// A unit that is sealed and, but for S3, written.
#[derive(Debug)]
struct Sealed {
    run: Landed,
    buffer: Buffer,
    is_flushed: bool,
}

/// What failed on the other thread.
#[derive(Debug)]
enum Fault {
    Io(io::Error),
    Seal(SealError),
    Gone,
}

impl PieceWriter {
    pub(super) fn new(draft: Draft, key: &SealKey, offset: u64) -> Self {
        let broken = match offset.is_multiple_of(draft.piece_bytes()) {
            _ if draft.0.place.is_plain() => {
                Some("the parts of a plain draft are brought by presigned requests")
            }
            true if offset <= FILE_BYTES_MAX => None,
            true => Some("no file is as large"),
            false => Some("writing begins at a multiple of a piece"),
        };
        Self {
            cipher: Arc::new(key.cipher()),
            unit: offset / UNIT_BYTES,
            draft,
            buffer: None,
            filled: 0,
            sealing: VecDeque::with_capacity(SEALING_MAX),
            part: Part::default(),
            sending: None,
            written: None,
            is_flushed: false,
            broken,
            stop: Stop(Arc::default()),
        }
    }

    /// Adds plaintext. Waits while the unit before is still being written.
    ///
    /// # Errors
    /// [`BlobError::Full`], [`BlobError::DraftNotFound`], and where the store fails, also for what was
    /// added before.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        self.enter()?;
        while !bytes.is_empty() {
            let room = self.buffer.get_or_insert_with(Buffer::take).room();
            let taken = bytes.len().min(UNIT - self.filled);
            room[self.filled..][..taken].copy_from_slice(&bytes[..taken]);
            bytes.advance(taken);
            self.filled += taken;
            if self.filled == UNIT {
                self.seal(false).await?;
            }
        }
        self.leave();
        Ok(())
    }

    /// Waits until all whole pieces so far are durable, and answers those that were not answered
    /// yet, as one run.
    ///
    /// # Errors
    /// As [`write`](Self::write). Nothing of what this call would have answered counts then.
    pub async fn checkpoint(&mut self) -> Result<Vec<Landed>, BlobError> {
        self.enter()?;
        self.settle().await?;
        self.sent().await?;
        let landed = self.durable().await?;
        self.leave();
        Ok(landed)
    }

    /// Ends writing. With `is_end` what is left is the file's last piece and is written; otherwise
    /// what is not a whole piece comes back.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn finish(mut self, is_end: bool) -> Result<Settled, BlobError> {
        self.enter()?;
        if is_end && self.filled > 0 {
            // A small file's only unit is flushed where it is written, which saves a thread's turn.
            let is_only = self.sealing.is_empty() && self.written.is_none();
            self.seal(is_only).await?;
        }
        self.settle().await?;
        if is_end && !self.part.units.is_empty() {
            self.send().await?;
        }
        self.sent().await?;
        let landed = self.durable().await?;
        let rest = if is_end { Bytes::new() } else { self.rest()? };
        Ok(Settled { landed, rest })
    }

    /// Ends writing of a draft that this writer alone wrote from its beginning, and makes the blob of it:
    /// visible and durable when this answers, with one flush for its bytes and one for its name. In a folder the
    /// draft stays listed beside the blob until [`Draft::release`], so that a process that dies before
    /// anybody knows of the blob leaves a trace of it; [`Draft::abort`] leaves the blob.
    ///
    /// # Errors
    /// As [`write`](Self::write) and [`Draft::finish`].
    pub async fn publish(mut self) -> Result<Vec<Landed>, BlobError> {
        self.enter()?;
        self.seal(false).await?;
        self.settle().await?;
        if !self.part.units.is_empty() {
            self.send().await?;
        }
        self.sent().await?;
        let landed: Vec<Landed> = self.written.take().into_iter().collect();
        let size = landed.last().map_or(0, Landed::end);
        self.draft.name_it(size, &landed, Entry::Stays).await?;
        Ok(landed)
    }

    /// Until it leaves, a call may have been dropped in the middle.
    fn enter(&mut self) -> Result<(), BlobError> {
        match self.broken.replace("an earlier call failed or was given up; begin another writer") {
            None => Ok(()),
            Some(why) => {
                self.broken = Some(why);
                let draft = &self.draft.0;
                Err(draft.store.act(Operation::Put, &draft.name).reason(why.to_owned()))
            }
        }
    }

    fn leave(&mut self) {
        self.broken = None;
    }

    /// Hands what was filled to another thread, as soon as the unit before is done.
    async fn seal(&mut self, is_flushed: bool) -> Result<(), BlobError> {
        while self.sealing.len() >= SEALING_MAX {
            self.settle_one().await?;
        }
        let Some(buffer) = self.buffer.take() else { return Ok(()) };
        let (unit, len) = (self.unit, std::mem::take(&mut self.filled));
        let (draft, cipher) = (self.draft.clone(), Arc::clone(&self.cipher));
        let stopped = Arc::clone(&self.stop.0);
        self.unit += 1;
        let task = move || {
            let mut sealed = seal(&draft, &cipher, unit, buffer, len, &stopped)?;
            if let (Some(file), true) = (&draft.0.file, is_flushed) {
                file.flush().map_err(Fault::Io)?;
                sealed.is_flushed = true;
            }
            Ok(sealed)
        };
        self.sealing.push_back(spawn_blocking(task));
        Ok(())
    }

    /// Waits for all units that are being sealed.
    async fn settle(&mut self) -> Result<(), BlobError> {
        while !self.sealing.is_empty() {
            self.settle_one().await?;
        }
        Ok(())
    }

    async fn settle_one(&mut self) -> Result<(), BlobError> {
        let Some(sealing) = self.sealing.pop_front() else { return Ok(()) };
        let sealed = sealing.await;
        let sealed = sealed.unwrap_or_else(|error| Err(Fault::Io(io::Error::other(error))));
        let Sealed { run, buffer, is_flushed } = sealed.map_err(|fault| self.draft.fault(fault))?;
        self.is_flushed = is_flushed;
        let Kind::S3 { .. } = self.draft.0.place.kind else {
            return join(&mut self.written, run).map_err(|why| self.wrong(why));
        };
        join(&mut self.part.run, run).map_err(|why| self.wrong(why))?;
        self.part.units.push(Bytes::from_owner(buffer));
        if self.part.run.as_ref().is_some_and(|run| run.len == self.draft.piece_bytes()) {
            self.send().await?;
        }
        Ok(())
    }

    /// Sends the part that was gathered, as soon as the one before has arrived.
    async fn send(&mut self) -> Result<(), BlobError> {
        self.sent().await?;
        let Part { run, units } = std::mem::take(&mut self.part);
        let (Some(run), Backend::S3 { buckets, .. }) = (run, &self.draft.0.store.backend) else {
            return Ok(());
        };
        let number = usize::try_from(run.offset / self.draft.piece_bytes()).unwrap_or(usize::MAX);
        let (bucket, draft) = (Arc::clone(&buckets.own), self.draft.clone());
        let mut task = tokio::task::JoinSet::new();
        task.spawn(async move {
            let (path, id) = (draft.0.name.path(), &draft.0.place.id);
            bucket.put_part(&path, id, number, PutPayload::from_iter(units)).await
        });
        self.sending = Some(Sending { run, task });
        Ok(())
    }

    /// Waits for the part that is on its way.
    async fn sent(&mut self) -> Result<(), BlobError> {
        let Some(Sending { run, task }) = &mut self.sending else { return Ok(()) };
        let Some(sent) = task.join_next().await else { return Ok(()) };
        let draft = &self.draft;
        let sent = sent.map_err(|error| draft.fault(Fault::Io(io::Error::other(error))))?;
        let part = sent.map_err(|error| match is_no_upload(&error) {
            true => draft.not_found(),
            false => draft.0.store.act(Operation::Put, &draft.0.name).failed(&error),
        })?;
        let run = Landed { part: Some(part.content_id), ..run.clone() };
        self.sending = None;
        join(&mut self.written, run).map_err(|why| self.wrong(why))
    }

    /// What was written, as soon as it is durable.
    async fn durable(&mut self) -> Result<Vec<Landed>, BlobError> {
        let is_due = self.written.is_some() && !self.is_flushed;
        if let (Some(file), true) = (&self.draft.0.file, is_due) {
            let synced = Arc::clone(file).sync().await;
            synced.map_err(|error| self.draft.fault(Fault::Io(error)))?;
        }
        Ok(self.written.take().into_iter().collect())
    }

    /// The plaintext that is not written: of a part that is not whole, and of the unit that is
    /// being filled.
    fn rest(&mut self) -> Result<Bytes, BlobError> {
        let units = std::mem::take(&mut self.part.units);
        let first = self.unit - units.len() as u64;
        let mut rest = BytesMut::with_capacity(units.len() * UNIT + self.filled);
        for (unit, sealed) in (first..).zip(units) {
            let begin = rest.len();
            rest.extend_from_slice(&sealed[..UNIT]);
            let opened = open_records(&self.cipher, unit, 0, &mut rest[begin..], &sealed[UNIT..]);
            opened.map_err(|error| self.draft.fault(Fault::Seal(error)))?;
        }
        if let Some(buffer) = &mut self.buffer {
            rest.extend_from_slice(&buffer.room()[..self.filled]);
        }
        Ok(rest.freeze())
    }

    fn wrong(&self, why: &'static str) -> BlobError {
        let draft = &self.draft.0;
        draft.store.act(Operation::Put, &draft.name).reason(why.to_owned())
    }
}

impl Draft {
    fn fault(&self, fault: Fault) -> BlobError {
        match fault {
            Fault::Gone => self.not_found(),
            // A draft's folder is there, so it is the draft that is not.
            Fault::Io(error) if error.kind() == io::ErrorKind::NotFound => self.not_found(),
            Fault::Io(error) => self.0.store.act(Operation::Put, &self.0.name).io(&error),
            Fault::Seal(source) => BlobError::NotSealed { name: self.0.name.clone(), source },
        }
    }
}

/// On a thread that may block: hashes, seals and writes a unit.
fn seal(
    draft: &Draft,
    cipher: &Cipher,
    unit: u64,
    mut buffer: Buffer,
    len: usize,
    stopped: &AtomicBool,
) -> Result<Sealed, Fault> {
    let tree = hash_unit(unit, &buffer.room()[..len]);
    seal_unit(cipher, unit, buffer.room(), len).map_err(Fault::Seal)?;
    let buffer = buffer.cut(index(unit_bytes(len as u64)));
    let inner = &*draft.0;
    if let Some(file) = &inner.file {
        let file = file.file().map_err(Fault::Io)?;
        file.write(buffer.as_ref(), unit * STRIDE_BYTES, stopped).map_err(Fault::Io)?;
    }
    if let Backend::Memory(drafts) = &inner.store.backend
        && !drafts.write(&inner.place.id, unit, buffer.as_ref(), stopped)
    {
        return Err(Fault::Gone);
    }
    let run = Landed { offset: unit * UNIT_BYTES, len: len as u64, tree, part: None };
    Ok(Sealed { run, buffer, is_flushed: false })
}

/// Adds a run to those before it.
fn join(before: &mut Option<Landed>, next: Landed) -> Result<(), &'static str> {
    let joined = match before.take() {
        None => next,
        Some(before) => before.join(next).map_err(|_| "pieces were written out of order")?,
    };
    *before = Some(joined);
    Ok(())
}
