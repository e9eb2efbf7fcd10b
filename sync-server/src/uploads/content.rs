//! What a file has, whoever wrote it: sealed by the relay, or brought to S3 by the client as it is.

use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use kartei_blob_store::{
    BlobError, BlobName, BlobNameError, BlobStore, ByteRange, SealError, SealKey, SealedBlob,
};
use kartei_relay_store::{ContentRow, OrgId, RelayStore, RelayStoreError};
use tokio::runtime::Handle;

use super::keys::Keys;
use super::take::failed;
use crate::problem::Failure;
use crate::serve::Relay;

/// What stands in the place of a key where a file has none. No wrapped key is as short.
pub(crate) const PLAIN: &[u8] = b"plain";

/// A file's bytes, open for reading.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Sealed with the file's key.
    Sealed(SealedBlob),
    /// As they are.
    Plain { store: BlobStore, name: BlobName, size: u64 },
}

impl Content {
    /// Opens a blob that is complete. Without a key it lies there as it is.
    ///
    /// # Errors
    /// Where it is not there, or has another length.
    pub(super) async fn open(
        store: &BlobStore,
        name: &BlobName,
        key: Option<&SealKey>,
        size: u64,
    ) -> Result<Self, BlobError> {
        match key {
            Some(key) => store.open_sealed(name, key, size).await.map(Self::Sealed),
            None => Ok(Self::Plain { store: store.clone(), name: name.clone(), size }),
        }
    }

    /// Its bytes.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Sealed(sealed) => sealed.size(),
            Self::Plain { size, .. } => *size,
        }
    }

    /// The bytes of a range. A stream that ends without an error is complete.
    pub(crate) fn read(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes, BlobError>> {
        match self {
            Self::Sealed(sealed) => sealed.read(range),
            Self::Plain { .. } if range.is_empty() => stream::empty().boxed(),
            Self::Plain { store, name, .. } => {
                let (store, name) = (store.clone(), name.clone());
                let reading = async move {
                    let range = ByteRange::Between(range.start, range.end);
                    store.get_stream(&name, Some(range)).await.map(|reading| reading.bytes)
                };
                stream::once(reading).try_flatten().boxed()
            }
        }
    }
}

/// The key of what is kept with this wrapped one; none where it lies there as it is.
pub(super) async fn key_of(
    relay: &Relay,
    org: OrgId,
    blob: &str,
    wrapped: &[u8],
) -> Result<Option<SealKey>, Failure> {
    if wrapped == PLAIN {
        return Ok(None);
    }
    relay.uploads().keys()?.of_file(relay, org, blob, wrapped).await.map(Some)
}

/// Opens what a file has, to be read.
///
/// # Errors
/// Where its key or its bytes cannot be had.
pub(crate) async fn open_content(
    relay: &Relay,
    org: OrgId,
    content: &ContentRow,
) -> Result<Content, Failure> {
    let key = key_of(relay, org, &content.blob, &content.wrapped_key).await?;
    let name = BlobName::new(&content.blob).map_err(|e| Failure::internal(&e))?;
    Content::open(relay.blobs(), &name, key.as_ref(), content.size).await.map_err(|e| failed(&e))
}

/// Why a file cannot be read by a worker.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(
        "this worker has no operator's key to open uploaded files with: name it with --key-file"
    )]
    Keyless,
    #[error("the key of the file does not open: it was wrapped by another operator's key")]
    Key(#[from] SealError),
    #[error(transparent)]
    Store(#[from] RelayStoreError),
    #[error("the file has a name that no blob can have")]
    Name(#[from] BlobNameError),
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// As [`open_content`], for a worker, which has no relay around it. Blocks, within a runtime.
///
/// # Errors
/// [`OpenError`].
pub(crate) fn open_aside(
    store: &RelayStore,
    blobs: &BlobStore,
    keys: Option<&Keys>,
    org: OrgId,
    content: &ContentRow,
) -> Result<Content, OpenError> {
    let key = match &content.wrapped_key[..] {
        PLAIN => None,
        wrapped => {
            let keys = keys.ok_or(OpenError::Keyless)?;
            Some(keys.of_kept(store, org, &content.blob, wrapped)?)
        }
    };
    let name = BlobName::new(&content.blob)?;
    Ok(Handle::current().block_on(Content::open(blobs, &name, key.as_ref(), content.size))?)
}
