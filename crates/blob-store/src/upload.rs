//! Writing to an object store: one request for what fits in a part, else a multipart upload, in
//! constant memory. An upload that is not completed is aborted, also where its future is dropped.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{
    Error, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, Result,
};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};

use crate::Digest;
use crate::folder::Taken;
use crate::limits::{PART_BYTES, PARTS_IN_FLIGHT_MAX};

/// A blob that is being written to an object store, with the digest of what came so far.
#[derive(Debug)]
pub(crate) struct Upload {
    store: Arc<dyn ObjectStore>,
    path: Path,
    /// What is not on its way yet: less than a part.
    part: BytesMut,
    hasher: Sha256,
    size_bytes: u64,
    multipart: Option<Multipart>,
}

impl Upload {
    /// Begins; nothing is sent before a part is full.
    pub(crate) fn new(store: Arc<dyn ObjectStore>, path: Path) -> Self {
        let (part, hasher) = (BytesMut::new(), Sha256::new());
        Self { store, path, part, hasher, size_bytes: 0, multipart: None }
    }

    /// Bytes so far.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The digest of the bytes so far.
    pub(crate) fn digest(&self) -> Digest {
        self.hasher.clone().into()
    }

    /// Adds bytes. Waits while enough parts are on their way.
    pub(crate) async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        self.size_bytes += bytes.len() as u64;
        // Before anything can fail, so that who only wants the digest can go on.
        self.hasher.update(&bytes);
        while !bytes.is_empty() {
            // A full part is sent only when more comes: a blob of exactly one part needs no upload.
            if self.part.len() == PART_BYTES {
                self.send().await?;
            }
            let room = PART_BYTES - self.part.len();
            let taken = bytes.split_to(room.min(bytes.len()));
            self.part.extend_from_slice(&taken);
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<()> {
        let part = std::mem::take(&mut self.part).freeze();
        let begun = match self.multipart.take() {
            Some(begun) => begun,
            None => Multipart::begin(&self.store, &self.path),
        };
        self.multipart.insert(begun).send(part).await
    }

    /// Makes the blob visible, all of it at once. `Refuse` holds for what fits in a part, and as far
    /// as the server honours `If-None-Match`; see [`put_bytes`](crate::BlobStore::put_bytes).
    pub(crate) async fn commit(mut self, taken: Taken) -> Result<()> {
        if self.multipart.is_some() {
            self.send().await?;
            if let Some(multipart) = self.multipart.take() {
                multipart.complete().await?;
            }
            return Ok(());
        }
        put_whole(&*self.store, &self.path, self.part.freeze(), taken).await
    }

    /// Gives up, and waits until the server knows. The hasher has seen all bytes so far.
    pub(crate) async fn abort(mut self) -> Sha256 {
        if let Some(multipart) = self.multipart.take() {
            multipart.abort().await;
        }
        self.hasher
    }
}

/// Stores bytes in one request.
pub(crate) async fn put_whole(
    store: &dyn ObjectStore,
    path: &Path,
    bytes: Bytes,
    taken: Taken,
) -> Result<()> {
    if taken == Taken::Refuse {
        match create_whole(store, path, bytes.clone()).await {
            // The caller has looked before: what is left is a race between two creators.
            Err(error) if lacks_conditions(&error) => {}
            other => return other,
        }
    }
    store.put(path, bytes.into()).await.map(drop)
}

/// Stores bytes in one request, as far as the store can tell that the name is free.
pub(crate) async fn create_whole(store: &dyn ObjectStore, path: &Path, bytes: Bytes) -> Result<()> {
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    store.put_opts(path, PutPayload::from(bytes), options).await.map(drop)
}

/// The server says that it does not know conditional writes.
pub(crate) fn lacks_conditions(error: &Error) -> bool {
    matches!(error, Error::NotImplemented { .. } | Error::NotSupported { .. })
        || error.to_string().contains("<Code>NotImplemented</Code>")
}

/// A multipart upload which is aborted where it is not completed.
#[derive(Debug)]
struct Multipart(Option<Open>);

#[derive(Debug)]
struct Open {
    begun: Begun,
    parts: JoinSet<Result<()>>,
}

/// The request that begins an upload runs as a task, so that its answer is not lost where nobody
/// waits for it any more: without the answer the upload could not be aborted.
#[derive(Debug)]
enum Begun {
    Asked(JoinHandle<Result<Box<dyn MultipartUpload>>>),
    Known(Box<dyn MultipartUpload>),
    /// It could not be begun.
    Never,
}

impl Multipart {
    fn begin(store: &Arc<dyn ObjectStore>, path: &Path) -> Self {
        let (store, path) = (Arc::clone(store), path.clone());
        let asked = tokio::spawn(async move { store.put_multipart(&path).await });
        Self(Some(Open { begun: Begun::Asked(asked), parts: JoinSet::new() }))
    }

    async fn send(&mut self, part: Bytes) -> Result<()> {
        let Some(open) = &mut self.0 else { return Ok(()) };
        while open.parts.len() >= PARTS_IN_FLIGHT_MAX {
            open.one_part_done().await?;
        }
        let sending = open.begun.known().await?.put_part(part.into());
        open.parts.spawn(sending);
        Ok(())
    }

    async fn complete(mut self) -> Result<()> {
        let Some(open) = &mut self.0 else { return Ok(()) };
        while !open.parts.is_empty() {
            open.one_part_done().await?;
        }
        match open.begun.known().await?.complete().await {
            Ok(_) => {
                self.0 = None;
                Ok(())
            }
            Err(error) => {
                self.abort().await;
                Err(error)
            }
        }
    }

    async fn abort(mut self) {
        if let Some(open) = self.0.take() {
            open.abort().await;
        }
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        let Some(open) = self.0.take() else { return };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(open.abort())),
            Err(_) => {
                tracing::warn!("an upload of the blob store was left open: no runtime is left");
            }
        }
    }
}

impl Open {
    async fn one_part_done(&mut self) -> Result<()> {
        match self.parts.join_next().await {
            Some(done) => done?,
            None => Ok(()),
        }
    }

    /// Parts that arrive after the abort would stay, so they are stopped first.
    async fn abort(mut self) {
        self.parts.shutdown().await;
        let aborted = match self.begun.known().await {
            Ok(upload) => upload.abort().await,
            // What could not be begun has nothing to be aborted.
            Err(_) => return,
        };
        match aborted {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => tracing::warn!(
                %error,
                "an upload of the blob store stays open; a rule of the bucket that ends unfinished \
                 uploads removes its parts"
            ),
        }
    }
}

impl Begun {
    async fn known(&mut self) -> Result<&mut Box<dyn MultipartUpload>> {
        if let Self::Asked(asked) = self {
            // Where this await is dropped, the task is still asked.
            let answer = asked.await;
            *self = Self::Never;
            *self = Self::Known(answer??);
        }
        match self {
            Self::Known(upload) => Ok(upload),
            _ => Err(Error::Generic { store: "S3", source: "the upload was never begun".into() }),
        }
    }
}
