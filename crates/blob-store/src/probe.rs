//! Whether a store works, for the moment at which a relay starts.

use bytes::Bytes;

use crate::error::Act;
use crate::{BlobError, BlobName, BlobStore, ByteRange, Operation};
use futures_util::TryStreamExt;

/// Probes are written below this name. One is left only where the process dies in the middle.
const PROBES: &str = "kartei-probe";

const CONTENT: &[u8] = b"kartei-probe";

/// What [`check`](BlobStore::check) found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Whether the store itself refuses to create what is there. Where not, creators of one name
    /// that overlap can all succeed, and the last one's bytes stay.
    pub honours_create: bool,
}

impl BlobStore {
    /// Writes a small blob, looks it up, reads it as a whole and in part, and deletes it.
    ///
    /// # Errors
    /// Where one of these fails, with what to look at, or answers something else.
    pub async fn check(&self) -> Result<Checked, BlobError> {
        let name = BlobName::new(PROBES)?.join(&format!("{:016x}", random(self)?))?;
        self.put_bytes(&name, Bytes::from_static(CONTENT)).await?;
        let checked = self.check_probe(&name).await;
        // The first error is the one to tell.
        let deleted = self.delete(&name).await;
        let checked = checked?;
        deleted?;
        match self.find(&name).await? {
            None => Ok(checked),
            Some(_) => Err(wrong(&self.act(Operation::Delete, &name), "it is still there")),
        }
    }

    async fn check_probe(&self, name: &BlobName) -> Result<Checked, BlobError> {
        let size_bytes = self.head(name).await?.size_bytes;
        if size_bytes != CONTENT.len() as u64 {
            return Err(wrong(&self.act(Operation::Head, name), "its size is another one"));
        }
        let whole = self.get(name).await?;
        let part = self.get_stream(name, Some(ByteRange::Between(1, 3))).await?;
        let part: Vec<Bytes> = part.bytes.try_collect().await?;
        if whole != CONTENT || part.concat() != CONTENT[1..3] {
            return Err(wrong(&self.act(Operation::Get, name), "other bytes came back"));
        }
        Ok(Checked { honours_create: self.refuses_to_create(name).await? })
    }
}

fn wrong(act: &Act<'_>, what: &str) -> BlobError {
    act.reason(format!("{what}; this store cannot keep blobs"))
}

fn random(store: &BlobStore) -> Result<u64, BlobError> {
    let name = BlobName::new(PROBES)?;
    getrandom::u64().map_err(|error| store.act(Operation::Put, &name).reason(error.to_string()))
}
