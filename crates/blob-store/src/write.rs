//! Storing blobs: all or nothing, with the digest computed on the way.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::at_rest::{Sealing, scope};
use crate::error::Act;
use crate::folder::{StagedFile, Taken};
use crate::limits::{BLOB_BYTES_MAX, PART_BYTES, READ_BYTES, WHOLE_BYTES_MAX};
use crate::store::Backend;
use crate::upload::{Upload, create_whole, lacks_conditions, put_whole};
use crate::{BlobError, BlobName, BlobStore, BoxError, Digest, Operation};

/// What a put answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The blob's name.
    pub name: BlobName,
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// Whether an equal blob was there already and was kept.
    pub was_present: bool,
}

type Body<'a> = BoxStream<'a, Result<Bytes, BoxError>>;

impl BlobStore {
    /// Stores a stream of unknown length under a name; a blob that has the name is replaced, in one
    /// step. When this answers the blob is durable: flushed in a folder, acknowledged by S3.
    ///
    /// It needs 32 MiB of memory at most on S3 and 2 MiB and two pieces of the stream in a folder.
    /// Where the stream ends with an error, or where the future is dropped, nothing is stored, and a
    /// multipart upload is aborted.
    ///
    /// # Errors
    /// Where the stream or the store fails, and over [`BLOB_BYTES_MAX`].
    pub async fn put_stream<S, E>(&self, name: &BlobName, body: S) -> Result<Stored, BlobError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<BoxError>,
    {
        let filling = self.filling(self.sink(name).await?, name).await?;
        self.put(name, body.map_err(Into::into).boxed(), filling, None, Taken::Replace).await
    }

    /// Stores what a reader gives, as [`put_stream`](Self::put_stream) does.
    ///
    /// # Errors
    /// As `put_stream`.
    pub async fn put_reader<R>(&self, name: &BlobName, reader: R) -> Result<Stored, BlobError>
    where
        R: AsyncRead + Send,
    {
        self.put_stream(name, pin!(pieces(reader))).await
    }

    /// Creates a blob from bytes; where the name is taken nothing is changed.
    ///
    /// In a folder, in memory and on S3 servers that honour `If-None-Match` (Amazon's, R2), one of
    /// several creators at the same time wins. On others (Garage ignores it) a look before is what
    /// there is: creators that overlap can both succeed, and the last one stays.
    /// [`check`](Self::check) says which it is; names that are random or hold the content's digest
    /// do not depend on it. Where a request is repeated because its answer was lost, the blob that
    /// is there can be this call's own, so whoever must know compares it.
    ///
    /// # Errors
    /// [`BlobError::AlreadyExists`], over [`WHOLE_BYTES_MAX`], and where the store fails.
    pub async fn put_bytes(&self, name: &BlobName, bytes: Bytes) -> Result<Stored, BlobError> {
        let act = self.act(Operation::Put, name);
        if bytes.len() as u64 > WHOLE_BYTES_MAX {
            return Err(too_large(&act, WHOLE_BYTES_MAX, "put_stream takes more"));
        }
        if matches!(self.backend, Backend::S3 { .. }) && self.find(name).await?.is_some() {
            let place = self.place.to_string();
            return Err(BlobError::AlreadyExists { name: name.clone(), place });
        }
        if let Backend::Folder(_) = &self.backend {
            let body = stream::once(async { Ok(bytes) }).boxed();
            let filling = self.filling(self.sink(name).await?, name).await?;
            return self.put(name, body, filling, None, Taken::Refuse).await;
        }
        // In one request whatever the size: there are no conditions on multipart uploads.
        let (size_bytes, hashed) = (bytes.len() as u64, bytes.clone());
        let digest = tokio::task::spawn_blocking(move || Digest::of(&hashed)).await;
        let digest = digest.map_err(|error| act.reason(error.to_string()))?;
        let whole = Sink::Whole { bytes: BytesMut::new(), hasher: Sha256::new() };
        let mut filling = self.filling(whole, name).await?;
        let bytes = if filling.sealing.is_none() {
            bytes
        } else {
            self.write(&mut filling, bytes, &act).await?;
            self.close(&mut filling, &act).await?;
            filling.sink.take_whole().unwrap_or_default()
        };
        let put = put_whole(&*self.objects, &name.path(), bytes, Taken::Refuse).await;
        put.map_err(|error| act.failed(&error))?;
        Ok(Stored { name: name.clone(), digest, size_bytes, was_present: false })
    }

    /// Whether the store itself refuses to create a blob that is there, without a look before.
    pub(crate) async fn refuses_to_create(&self, name: &BlobName) -> Result<bool, BlobError> {
        if let Backend::Folder(_) = &self.backend {
            return Ok(true);
        }
        let act = self.act(Operation::Put, name);
        match create_whole(&*self.objects, &name.path(), Bytes::new()).await {
            Ok(()) => Ok(false),
            Err(error) if lacks_conditions(&error) => Ok(false),
            Err(error) => match act.failed(&error) {
                error if error.is_already_exists() => Ok(true),
                error => Err(error),
            },
        }
    }

    /// Stores a stream under `<prefix>/<its SHA-256>`. Where a blob of that name and size is there,
    /// it is kept.
    ///
    /// The name is not known before the end, so on S3 a stream of more than one part is gathered in
    /// a file in the default folder first; [`put_announced`](Self::put_announced) needs none.
    ///
    /// # Errors
    /// As [`put_stream`](Self::put_stream).
    pub async fn put_content_addressed<S, E>(
        &self,
        prefix: &BlobName,
        body: S,
    ) -> Result<Stored, BlobError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<BoxError>,
    {
        let act = self.act(Operation::Put, prefix);
        let mut body = body.map_err(Into::into).boxed();
        let sink = match &self.backend {
            Backend::Folder(folder) => {
                let staged = StagedFile::create(folder.staging()).await;
                Sink::File(staged.map_err(|error| act.io(&error))?)
            }
            _ => Sink::Whole { bytes: BytesMut::new(), hasher: Sha256::new() },
        };
        let mut filling = self.filling(sink, prefix).await?;
        let spool = match &self.backend {
            Backend::S3 { spool, .. } => Some(spool),
            _ => None,
        };
        while let Some(bytes) = next(&mut body, prefix).await? {
            if let (Some(spool), Sink::Whole { bytes: held, .. }) = (spool, &mut filling.sink)
                && held.len() + bytes.len() > PART_BYTES
            {
                let held = held.split().freeze();
                filling.sink =
                    spooled(spool.clone(), held).await.map_err(|error| act.io(&error))?;
            }
            self.write(&mut filling, bytes, &act).await?;
        }
        let digest = self.close(&mut filling, &act).await?;
        let (size_bytes, stored_bytes) = (filling.size_bytes(), filling.sink.size_bytes());
        let name = prefix.join(&digest.to_string())?;
        if self.durable_size(&name).await? == Some(stored_bytes) {
            return Ok(Stored { name, digest, size_bytes, was_present: true });
        }
        match (filling.sink, &self.backend) {
            (Sink::File(staged), Backend::S3 { .. }) => {
                let file = staged.into_file().await.map_err(|error| act.io(&error))?;
                let reopened = file.reopen().map_err(|error| act.io(&error))?;
                let body = crate::read::file_pieces(reopened, stored_bytes).map_err(Into::into);
                // As it was gathered: what is sealed is sealed already, and its name is that of what it says.
                let as_is = Filling::plain(self.sink(&name).await?);
                let expected = filling.seen.is_none().then_some(digest);
                let put = self.put(&name, body.boxed(), as_is, expected, Taken::Replace).await?;
                Ok(Stored { digest, size_bytes, ..put })
            }
            (sink, _) => {
                self.commit(sink, &name, Taken::Replace).await?;
                Ok(Stored { name, digest, size_bytes, was_present: false })
            }
        }
    }

    /// Stores a stream whose SHA-256 is known before, under `<prefix>/<its SHA-256>`. Where a blob
    /// of that name is there, the stream is read and checked all the same, so that nobody learns or
    /// gets by a digest alone what they do not have, and the blob is kept.
    ///
    /// # Errors
    /// [`BlobError::DigestDiffers`], and as [`put_stream`](Self::put_stream). Nothing is stored then.
    pub async fn put_announced<S, E>(
        &self,
        prefix: &BlobName,
        digest: Digest,
        body: S,
    ) -> Result<Stored, BlobError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<BoxError>,
    {
        let name = prefix.join(&digest.to_string())?;
        let filling = match self.durable_size(&name).await? {
            Some(_) => Filling::plain(Sink::nowhere()),
            None => self.filling(self.sink(&name).await?, &name).await?,
        };
        let body = body.map_err(Into::into).boxed();
        self.put(&name, body, filling, Some(digest), Taken::Replace).await
    }

    async fn put(
        &self,
        name: &BlobName,
        body: Body<'_>,
        mut filling: Filling,
        expected: Option<Digest>,
        taken: Taken,
    ) -> Result<Stored, BlobError> {
        match self.fill(&mut filling, name, body, expected).await {
            Ok(digest) => {
                let (size_bytes, stored_bytes) = (filling.size_bytes(), filling.sink.size_bytes());
                let mut was_present = matches!(filling.sink, Sink::Nowhere { .. });
                if let Err(error) = self.commit(filling.sink, name, taken).await {
                    was_present = expected.is_some() && self.has(name, Some(stored_bytes)).await;
                    if !was_present {
                        return Err(error);
                    }
                }
                Ok(Stored { name: name.clone(), digest, size_bytes, was_present })
            }
            Err(error) => {
                filling.sink.abort().await;
                Err(error)
            }
        }
    }

    /// Whether a blob that was named by its content is there now. Asked after an error: on Garage
    /// the first upload that is completed ends the others to the same name, and where the answer to
    /// a completion is lost, the next attempt finds no upload.
    async fn has(&self, name: &BlobName, size_bytes: Option<u64>) -> bool {
        let found = self.durable_size(name).await.ok().flatten();
        found.is_some_and(|found| size_bytes.is_none_or(|expected| expected == found))
    }

    async fn fill(
        &self,
        filling: &mut Filling,
        name: &BlobName,
        mut body: Body<'_>,
        expected: Option<Digest>,
    ) -> Result<Digest, BlobError> {
        let act = self.act(Operation::Put, name);
        while let Some(bytes) = next(&mut body, name).await? {
            let written = self.write(filling, bytes, &act).await;
            let Err(error) = written else { continue };
            // Only an upload can have been overtaken by an equal one; then the rest is checked.
            let may_be_there = expected.is_some() && matches!(error, BlobError::Failed { .. });
            let is_there = may_be_there && self.has(name, None).await;
            match std::mem::replace(&mut filling.sink, Sink::nowhere()) {
                Sink::Upload(upload) if is_there => {
                    let size_bytes = upload.size_bytes();
                    filling.sink = Sink::Nowhere { hasher: upload.abort().await, size_bytes };
                }
                failed => {
                    filling.sink = failed;
                    return Err(error);
                }
            }
        }
        let found = self.close(filling, &act).await?;
        match expected {
            Some(expected) if expected != found => {
                Err(BlobError::DigestDiffers { name: name.clone(), expected, found })
            }
            _ => Ok(found),
        }
    }

    /// What a blob's bytes go through, which are sealed where somebody has a key for them.
    async fn filling(&self, sink: Sink, name: &BlobName) -> Result<Filling, BlobError> {
        let (act, scope) = (self.act(Operation::Put, name), scope(name));
        let Some(at_rest) = self.at_rest.as_ref().filter(|keys| keys.covers(scope)) else {
            return Ok(Filling::plain(sink));
        };
        let key = at_rest.sealing(scope).await.map_err(|error| act.reason(error.to_string()))?;
        let Some(key) = key else { return Ok(Filling::plain(sink)) };
        let begun = Sealing::begin(&key, scope);
        let (sealing, head) = begun.map_err(|error| act.reason(error.to_string()))?;
        let mut filling = Filling { sink, sealing: Some(sealing), seen: Some(Seen::default()) };
        self.pour(&mut filling.sink, head, &act).await?;
        Ok(filling)
    }

    async fn write(
        &self,
        filling: &mut Filling,
        bytes: Bytes,
        act: &Act<'_>,
    ) -> Result<(), BlobError> {
        let Some(mut sealing) = filling.sealing.take() else {
            return self.pour(&mut filling.sink, bytes, act).await;
        };
        let mut seen = filling.seen.take().unwrap_or_default();
        let worked = tokio::task::spawn_blocking(move || {
            seen.hasher.update(&bytes);
            seen.size_bytes += bytes.len() as u64;
            let sealed = sealing.push(&bytes);
            (sealing, seen, sealed)
        });
        let (sealing, seen, sealed) = worked.await.map_err(|e| act.reason(e.to_string()))?;
        (filling.sealing, filling.seen) = (Some(sealing), Some(seen));
        let sealed = sealed.map_err(|error| act.reason(error.to_string()))?;
        self.pour(&mut filling.sink, sealed, act).await
    }

    /// Ends what is sealed; answers the digest of what it says.
    async fn close(&self, filling: &mut Filling, act: &Act<'_>) -> Result<Digest, BlobError> {
        if let Some(sealing) = filling.sealing.take() {
            let last = sealing.finish().map_err(|error| act.reason(error.to_string()))?;
            self.pour(&mut filling.sink, last, act).await?;
        }
        match &filling.seen {
            Some(seen) => Ok(seen.hasher.clone().into()),
            None => filling.sink.digest().await.map_err(|error| act.io(&error)),
        }
    }

    async fn pour(&self, sink: &mut Sink, bytes: Bytes, act: &Act<'_>) -> Result<(), BlobError> {
        if sink.size_bytes() + bytes.len() as u64 > BLOB_BYTES_MAX {
            return Err(too_large(act, BLOB_BYTES_MAX, "cut it into several blobs"));
        }
        if bytes.is_empty() {
            return Ok(());
        }
        match sink {
            Sink::File(staged) => staged.write(bytes).await.map_err(|error| act.io(&error)),
            Sink::Upload(upload) => upload.write(bytes).await.map_err(|error| act.failed(&error)),
            Sink::Whole { bytes: held, hasher } => {
                hasher.update(&bytes);
                held.extend_from_slice(&bytes);
                Ok(())
            }
            Sink::Nowhere { hasher, size_bytes } => {
                hasher.update(&bytes);
                *size_bytes += bytes.len() as u64;
                Ok(())
            }
        }
    }

    async fn commit(&self, sink: Sink, name: &BlobName, taken: Taken) -> Result<(), BlobError> {
        let act = self.act(Operation::Put, name);
        match (sink, &self.backend) {
            (Sink::File(staged), Backend::Folder(folder)) => {
                staged.commit(folder, name, taken).await.map_err(|error| act.io(&error))
            }
            (Sink::File(_), _) => Err(act.reason("a file was staged for no folder".to_owned())),
            (Sink::Upload(upload), _) => {
                upload.commit(taken).await.map_err(|error| act.failed(&error))
            }
            (Sink::Whole { bytes, .. }, _) => {
                let put = put_whole(&*self.objects, &name.path(), bytes.freeze(), taken).await;
                put.map_err(|error| act.failed(&error))
            }
            (Sink::Nowhere { .. }, _) => Ok(()),
        }
    }

    async fn sink(&self, name: &BlobName) -> Result<Sink, BlobError> {
        match &self.backend {
            Backend::Folder(folder) => {
                let staged = StagedFile::create(folder.staging()).await;
                let act = self.act(Operation::Put, name);
                Ok(Sink::File(staged.map_err(|error| act.io(&error))?))
            }
            _ => Ok(Sink::Upload(Upload::new(Arc::clone(&self.objects), name.path()))),
        }
    }

    /// The size of a blob that is there to stay.
    async fn durable_size(&self, name: &BlobName) -> Result<Option<u64>, BlobError> {
        match &self.backend {
            Backend::Folder(folder) => {
                let act = self.act(Operation::Head, name);
                folder.find_durable(name).await.map_err(|error| act.io(&error))
            }
            _ => Ok(self.find(name).await?.map(|found| found.size_bytes)),
        }
    }
}

/// What was given of bytes that are sealed: their digest is not that of what is stored.
#[derive(Debug, Default)]
struct Seen {
    hasher: Sha256,
    size_bytes: u64,
}

/// What the bytes go through, and where to.
#[derive(Debug)]
struct Filling {
    sink: Sink,
    /// Until its end.
    sealing: Option<Sealing>,
    /// Where it is sealed.
    seen: Option<Seen>,
}

impl Filling {
    fn plain(sink: Sink) -> Self {
        Self { sink, sealing: None, seen: None }
    }

    /// Bytes that were given.
    fn size_bytes(&self) -> u64 {
        self.seen.as_ref().map_or_else(|| self.sink.size_bytes(), |seen| seen.size_bytes)
    }
}

/// Where the bytes go until all of them are there.
#[derive(Debug)]
enum Sink {
    File(StagedFile),
    Upload(Upload),
    /// In memory, for what is stored in one request.
    Whole {
        bytes: BytesMut,
        hasher: Sha256,
    },
    /// They are there already and are only checked.
    Nowhere {
        hasher: Sha256,
        size_bytes: u64,
    },
}

impl Sink {
    fn size_bytes(&self) -> u64 {
        match self {
            Self::File(staged) => staged.size_bytes(),
            Self::Upload(upload) => upload.size_bytes(),
            Self::Whole { bytes, .. } => bytes.len() as u64,
            Self::Nowhere { size_bytes, .. } => *size_bytes,
        }
    }

    /// What is held in memory.
    fn take_whole(&mut self) -> Option<Bytes> {
        match self {
            Self::Whole { bytes, .. } => Some(bytes.split().freeze()),
            _ => None,
        }
    }

    async fn digest(&mut self) -> std::io::Result<Digest> {
        match self {
            Self::File(staged) => staged.digest().await,
            Self::Upload(upload) => Ok(upload.digest()),
            Self::Whole { hasher, .. } | Self::Nowhere { hasher, .. } => Ok(hasher.clone().into()),
        }
    }

    async fn abort(self) {
        if let Self::Upload(upload) = self {
            upload.abort().await;
        }
    }

    fn nowhere() -> Self {
        Self::Nowhere { hasher: Sha256::new(), size_bytes: 0 }
    }
}

async fn spooled(spool: PathBuf, held: Bytes) -> std::io::Result<Sink> {
    let mut staged = StagedFile::create(spool).await?;
    staged.write(held).await?;
    Ok(Sink::File(staged))
}

async fn next(body: &mut Body<'_>, name: &BlobName) -> Result<Option<Bytes>, BlobError> {
    let piece = body.try_next().await;
    piece.map_err(|source| BlobError::Body { name: name.clone(), source })
}

fn too_large(act: &Act<'_>, limit_bytes: u64, advice: &'static str) -> BlobError {
    BlobError::TooLarge { operation: act.operation, name: act.name.clone(), limit_bytes, advice }
}

/// What a reader gives, in pieces.
fn pieces(reader: impl AsyncRead + Send) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    stream::try_unfold(Box::pin(reader), |mut reader| async move {
        let mut piece = BytesMut::with_capacity(READ_BYTES);
        let read = reader.read_buf(&mut piece).await?;
        Ok((read > 0).then(|| (piece.freeze(), reader)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server's request does has to move between threads; this fails to compile otherwise.
    #[tokio::test]
    async fn puts_and_gets_can_move_between_threads() {
        let store = BlobStore::open("memory:", "unused".as_ref()).unwrap();
        let work = async move {
            let (name, other) = (BlobName::new("a").unwrap(), BlobName::new("b").unwrap());
            let body = || stream::iter([Ok::<_, std::io::Error>(Bytes::from("abc"))]);
            store.put_stream(&name, body()).await?;
            store.put_reader(&name, &b"abc"[..]).await?;
            store.put_bytes(&other, Bytes::from("abc")).await?;
            store.put_content_addressed(&name, body()).await?;
            store.put_announced(&name, Digest::of(b"abc"), body()).await?;
            store.check().await?;
            store.delete(&other).await?;
            store.get_stream(&name, None).await?.bytes.try_collect::<Vec<_>>().await
        };
        assert_eq!(tokio::spawn(work).await.unwrap().unwrap().concat(), b"abc");
    }
}
