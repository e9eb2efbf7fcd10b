//! Reading sealed bytes: of a blob, or of a draft that is not finished.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use object_store::{GetOptions, GetRange};
use tokio::task::spawn_blocking;

use super::file::read_exact_at;
use super::{Draft, MemoryDrafts};
use crate::buffer::Buffer;
use crate::error::Act;
use crate::folder::is_absent;
use crate::key::Cipher;
use crate::sealed::{
    FILE_BYTES_MAX, STRIDE_BYTES, TRAILER_BYTES, UnitPart, index, open_records, parts_of,
    sealed_bytes,
};
use crate::store::Backend;
use crate::{BlobError, BlobName, BlobStore, Operation, SealKey};

/// Units that are read at once: one is opened while the next one is fetched.
const UNITS_AHEAD: usize = 2;

/// A sealed blob that is open for reading. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct SealedBlob(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    store: BlobStore,
    name: BlobName,
    cipher: Cipher,
    size: u64,
    source: Source,
}

/// Where units come from.
#[derive(Debug)]
enum Source {
    File(File),
    /// A draft in memory.
    Memory(Arc<MemoryDrafts>, String),
    /// Through the store, by range.
    Blob,
}

impl BlobStore {
    /// Opens a blob that a draft wrote, with the key and the size that the caller kept.
    ///
    /// # Errors
    /// [`BlobError::NotFound`], [`BlobError::Damaged`] where the blob is not as long as the size
    /// says, and where the store fails.
    pub async fn open_sealed(
        &self,
        name: &BlobName,
        key: &SealKey,
        size: u64,
    ) -> Result<SealedBlob, BlobError> {
        let (source, bytes) = match &self.backend {
            Backend::Folder(folder) => {
                let path = folder.path(name);
                let opened = crate::folder::blocking(move || {
                    let file = File::open(path)?;
                    let metadata = file.metadata()?;
                    match metadata.is_file() {
                        true => Ok((file, metadata.len())),
                        false => Err(io::ErrorKind::NotFound.into()),
                    }
                });
                let opened = opened.await.map_err(|error| {
                    let error =
                        if is_absent(&error) { io::ErrorKind::NotFound.into() } else { error };
                    self.act(Operation::Get, name).io(&error)
                });
                let (file, bytes) = opened?;
                (Source::File(file), bytes)
            }
            _ => (Source::Blob, self.head(name).await?.size_bytes),
        };
        let opened = self.opened(name, key, size, source);
        if bytes != sealed_bytes(size) || size > FILE_BYTES_MAX {
            let reason = format!("it has {bytes} bytes instead of {}", sealed_bytes(size));
            return Err(opened.damaged(0, reason));
        }
        Ok(SealedBlob(Arc::new(opened)))
    }

    fn opened(&self, name: &BlobName, key: &SealKey, size: u64, source: Source) -> Opened {
        Opened { store: self.clone(), name: name.clone(), cipher: key.cipher(), size, source }
    }
}

impl Draft {
    /// Reads plaintext of a draft that is not finished, of what landed. `size` is the file's where
    /// it is known, else where the pieces end so far: it tells where the last unit's page is.
    ///
    /// A stream that ends without an error is complete; what is not there is [`BlobError::Damaged`].
    ///
    /// # Errors
    /// [`BlobError::DraftNotFound`], and always on S3, which gives nothing back before the end.
    pub async fn read(
        &self,
        key: &SealKey,
        size: u64,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        let inner = &*self.0;
        let act = inner.store.act(Operation::Get, &inner.name);
        let source = match (&inner.store.backend, &inner.file) {
            (Backend::Folder(_), Some(file)) => {
                let file = Arc::clone(file);
                let opened =
                    crate::folder::blocking(move || file.file()?.plain().try_clone()).await;
                Source::File(opened.map_err(|error| match is_absent(&error) {
                    true => self.not_found(),
                    false => act.io(&error),
                })?)
            }
            (Backend::Memory(drafts), _) => {
                Source::Memory(Arc::clone(drafts), inner.place.id.clone())
            }
            _ => {
                let reason = "S3 gives no part back before all are there; finish it first";
                return Err(act.reason(reason.to_owned()));
            }
        };
        let opened = inner.store.opened(&inner.name, key, size, source);
        Ok(SealedBlob(Arc::new(opened)).read(range))
    }
}

impl SealedBlob {
    /// Its bytes of plaintext.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// The plaintext of a range, cut to the blob's end, in pieces of at most a unit. Only the records
    /// that are in it are read, and each is checked before anything of it comes. A stream that ends
    /// without an error is complete.
    #[must_use]
    pub fn read(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes, BlobError>> {
        let size = self.0.size.min(FILE_BYTES_MAX);
        let range = range.start.min(size)..range.end.min(size);
        let opened = Arc::clone(&self.0);
        let parts = parts_of(range, opened.size);
        if let Source::Blob = opened.source {
            return fetched(opened, parts.collect()).boxed();
        }
        let unit = move |part: UnitPart| {
            let opened = Arc::clone(&opened);
            async move {
                let (of, at) = (Arc::clone(&opened), part.clone());
                let read = spawn_blocking(move || of.read_unit(&at)).await;
                read.unwrap_or_else(|error| Err(opened.failed(&part, &io::Error::other(error))))
            }
        };
        stream::iter(parts).map(unit).buffered(UNITS_AHEAD).boxed()
    }
}

impl Opened {
    /// On a thread that may block: what is wanted of a unit.
    fn read_unit(&self, part: &UnitPart) -> Result<Bytes, BlobError> {
        let len = index(part.records.end - part.records.start);
        let mut buffer = Buffer::take();
        let (records, rest) = buffer.room().split_at_mut(len);
        let trailer = &mut rest[..index(TRAILER_BYTES)];
        match &self.source {
            Source::File(file) => {
                let read = read_exact_at(file, records, part.records.start)
                    .and_then(|()| read_exact_at(file, trailer, part.trailer));
                read.map_err(|error| self.failed(part, &error))?;
            }
            Source::Memory(drafts, id) => {
                let unit = drafts.unit(id, part.unit).unwrap_or_default();
                let begin = part.unit * STRIDE_BYTES;
                for (place, into) in [(part.records.start, records), (part.trailer, trailer)] {
                    let from =
                        unit.get(index(place - begin)..).and_then(|from| from.get(..into.len()));
                    let from = from
                        .ok_or_else(|| self.failed(part, &io::ErrorKind::UnexpectedEof.into()))?;
                    into.copy_from_slice(from);
                }
            }
            Source::Blob => return Err(self.failed(part, &io::ErrorKind::Unsupported.into())),
        }
        let (records, rest) = buffer.room().split_at_mut(len);
        self.open(part, records, &rest[..index(TRAILER_BYTES)])?;
        Ok(Bytes::from_owner(buffer.cut(len)).slice(part.wanted.clone()))
    }

    fn open(&self, part: &UnitPart, records: &mut [u8], trailer: &[u8]) -> Result<(), BlobError> {
        let opened = open_records(&self.cipher, part.unit, part.first, records, trailer);
        opened.map_err(|error| self.damaged(part.offset(), error.to_string()))
    }

    fn failed(&self, part: &UnitPart, error: &io::Error) -> BlobError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                self.damaged(part.offset(), "bytes are missing".to_owned())
            }
            _ => self.store.act(Operation::Get, &self.name).io(error),
        }
    }

    fn damaged(&self, offset: u64, reason: String) -> BlobError {
        let (name, place) = (self.name.clone(), self.store.place.to_string());
        BlobError::Damaged { name, place, offset, reason }
    }
}

/// What is wanted of units that follow each other, from one request to the store: a unit's page comes
/// after its records, so they are gathered first.
fn fetched(
    opened: Arc<Opened>,
    parts: Vec<UnitPart>,
) -> impl Stream<Item = Result<Bytes, BlobError>> + Send + 'static {
    let begun = Fetch { opened, parts: parts.into(), pieces: None, held: BytesMut::new() };
    stream::try_unfold(begun, |mut fetch| async move {
        let Some(part) = fetch.parts.pop_front() else { return Ok(None) };
        let unit = fetch.next(&part).await?;
        let opened = Arc::clone(&fetch.opened);
        let wanted = part.wanted.clone();
        let task = spawn_blocking(move || {
            let mut unit = unit;
            let (records, rest) = unit.split_at_mut(index(part.records.end - part.records.start));
            let trailer = &rest[rest.len() - index(TRAILER_BYTES)..];
            opened.open(&part, records, trailer).map(|()| unit)
        });
        let unit = match task.await {
            Ok(unit) => unit?,
            Err(error) => return Err(fetch.act().reason(error.to_string())),
        };
        Ok(Some((unit.freeze().slice(wanted), fetch)))
    })
}

struct Fetch {
    opened: Arc<Opened>,
    parts: VecDeque<UnitPart>,
    /// Asked for when the first unit is.
    pieces: Option<BoxStream<'static, object_store::Result<Bytes>>>,
    held: BytesMut,
}

impl Fetch {
    /// All bytes of a unit from the first wanted record to the end of its page.
    async fn next(&mut self, part: &UnitPart) -> Result<BytesMut, BlobError> {
        let opened = Arc::clone(&self.opened);
        let act = opened.store.act(Operation::Get, &opened.name);
        let pieces = match &mut self.pieces {
            Some(pieces) => pieces,
            none => {
                let end = self.parts.back().unwrap_or(part).end();
                let range = Some(GetRange::Bounded(part.records.start..end));
                let options = GetOptions { range, ..GetOptions::default() };
                let got = opened.store.objects.get_opts(&opened.name.path(), options).await;
                none.insert(got.map_err(|error| act.failed(&error))?.into_stream())
            }
        };
        let len = index(part.end() - part.records.start);
        while self.held.len() < len {
            match pieces.try_next().await.map_err(|error| act.failed(&error))? {
                Some(piece) => self.held.extend_from_slice(&piece),
                None => return Err(opened.failed(part, &io::ErrorKind::UnexpectedEof.into())),
            }
        }
        Ok(self.held.split_to(len))
    }

    fn act(&self) -> Act<'_> {
        self.opened.store.act(Operation::Get, &self.opened.name)
    }
}
