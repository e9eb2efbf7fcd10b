//! Blobs that are written in pieces, in any order, by several writers and across restarts, and are
//! seen under their name only when they are finished ([`Draft`]).
//!
//! What is written is sealed (`sealed.rs`) and lies at its place from the beginning, so
//! finishing costs the same for any size. A draft is known by its name and [`Draft::place`], which
//! the caller keeps; which pieces landed is the caller's to keep as well ([`Landed`]).

mod direct;
mod file;
mod folder;
mod memory;
mod place;
mod source;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::multipart::PartId;

use crate::sealed::{UNIT_BYTES, sealed_bytes};
use crate::store::Backend;
use crate::tree::Landed;
use crate::upload::create_whole;
use crate::{BlobError, BlobName, BlobStore, Operation, SealKey};

pub use direct::Presigned;
pub(crate) use file::OpenDrafts;
use folder::{DRAFT_NAME_BYTES_MAX, Entry, Finished, FolderDraft};
pub(crate) use memory::MemoryDrafts;
use place::{Kind, Place, S3_BYTES_MAX, s3_piece_bytes};
pub use source::SealedBlob;
pub use writer::{PieceWriter, Settled};

/// A blob that is being written. Cloning is cheap, and clones are the same draft. In a folder its
/// file stays open from the first use until the last clone is dropped, or it is finished.
#[derive(Clone)]
pub struct Draft(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: BlobStore,
    pub(crate) name: BlobName,
    pub(crate) place: Place,
    /// In a folder, the file.
    pub(crate) file: Option<Arc<FolderDraft>>,
}

/// A draft that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftEntry {
    /// The blob that it will be.
    pub name: BlobName,
    /// As [`Draft::place`] told it.
    pub place: String,
    /// When something was last written to it.
    pub modified: SystemTime,
}

impl BlobStore {
    /// Begins a blob that is written in pieces, and seen under `name` only when it is finished.
    /// `size` is its bytes of plaintext where they are known: in a folder they are reserved where
    /// the file system can, and on S3 they decide the piece. Two drafts of one name do not meet; the
    /// first that is finished has it in a folder, the last one on S3, so names should be random.
    ///
    /// In a folder the draft itself survives a power failure from the first
    /// [`checkpoint`](PieceWriter::checkpoint) on.
    ///
    /// # Errors
    /// [`BlobError::Full`], [`BlobError::TooLarge`] over 1.1 TiB on S3, a name of more than 220
    /// bytes in a folder, and where the store fails.
    pub async fn begin_draft(
        &self,
        name: &BlobName,
        size: Option<u64>,
    ) -> Result<Draft, BlobError> {
        self.begin(name, size, false).await
    }

    pub(crate) async fn begin(
        &self,
        name: &BlobName,
        size: Option<u64>,
        is_plain: bool,
    ) -> Result<Draft, BlobError> {
        let act = self.act(Operation::Put, name);
        let place = |kind, id| Place { kind, piece_bytes: UNIT_BYTES, id };
        match &self.backend {
            Backend::Folder(_) => {
                if name.as_str().len() > DRAFT_NAME_BYTES_MAX {
                    return Err(act.reason(format!(
                        "a draft's name has {DRAFT_NAME_BYTES_MAX} bytes at most; take a shorter one"
                    )));
                }
                let draft = self.draft(name, place(Kind::Folder, self.draft_id(name)?));
                if let Some(file) = &draft.0.file {
                    let created = Arc::clone(file).create(size).await;
                    created.map_err(|error| act.io(&error))?;
                }
                Ok(draft)
            }
            Backend::Memory(drafts) => {
                let id = self.draft_id(name)?;
                drafts.begin(name, &id);
                Ok(self.draft(name, place(Kind::Memory, id)))
            }
            Backend::S3 { buckets, .. } => {
                let bucket = if is_plain { &buckets.presigned } else { &buckets.own };
                let piece_bytes = s3_piece_bytes(size).ok_or_else(|| BlobError::TooLarge {
                    operation: Operation::Put,
                    name: name.clone(),
                    limit_bytes: S3_BYTES_MAX,
                    advice: "cut it into several files",
                })?;
                let id = bucket.create_multipart(&name.path()).await;
                let id = id.map_err(|error| act.failed(&error))?;
                let kind = Kind::S3 { is_plain };
                Ok(self.draft(name, Place { kind, piece_bytes, id }))
            }
        }
    }

    /// A draft that was begun before, by this process or another one, from what [`Draft::place`]
    /// told. Nothing is asked: that it is gone is told by the first use. A draft that was finished
    /// can be finished again, so that a lost answer costs nothing.
    ///
    /// # Errors
    /// Where the place is none, or one of another store.
    pub async fn open_draft(&self, name: &BlobName, place: &str) -> Result<Draft, BlobError> {
        let place = Place::parse(place);
        let is_here = place.as_ref().is_some_and(|place| match &self.backend {
            Backend::Folder(_) => place.kind == Kind::Folder,
            Backend::Memory(_) => place.kind == Kind::Memory,
            Backend::S3 { .. } => matches!(place.kind, Kind::S3 { .. }),
        });
        match place {
            Some(place) if is_here => Ok(self.draft(name, place)),
            _ => Err(self.act(Operation::Put, name).reason(
                "its draft was begun in another store; open that one, or begin the draft anew"
                    .to_owned(),
            )),
        }
    }

    /// The drafts of a folder, in no particular order, for a look at what nobody wants any more. On
    /// S3 none are told: `object_store` cannot list multipart uploads, so a rule of the bucket has
    /// to end forgotten ones (`AbortIncompleteMultipartUpload`).
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub async fn list_drafts(&self) -> Result<Vec<DraftEntry>, BlobError> {
        let (kind, found) = match &self.backend {
            Backend::Folder(folder) => {
                let drafts = folder.drafts();
                let found = crate::folder::blocking(move || folder::list(&drafts)).await;
                (Kind::Folder, found.map_err(|error| self.list_failed(&error))?)
            }
            Backend::Memory(drafts) => (Kind::Memory, drafts.list()),
            Backend::S3 { .. } => return Ok(Vec::new()),
        };
        let entry = |(name, id, modified)| {
            let place = Place { kind, piece_bytes: UNIT_BYTES, id }.text();
            DraftEntry { name, place, modified }
        };
        Ok(found.into_iter().map(entry).collect())
    }

    fn list_failed(&self, error: &std::io::Error) -> BlobError {
        BlobError::Failed {
            operation: Operation::List,
            subject: "all drafts".to_owned(),
            place: self.place.to_string(),
            reason: error.to_string(),
        }
    }

    fn draft(&self, name: &BlobName, place: Place) -> Draft {
        let file = match &self.backend {
            Backend::Folder(folder) => Some(Arc::new(FolderDraft::new(folder, name, &place.id))),
            _ => None,
        };
        Draft(Arc::new(Inner { store: self.clone(), name: name.clone(), place, file }))
    }

    fn draft_id(&self, name: &BlobName) -> Result<String, BlobError> {
        let act = self.act(Operation::Put, name);
        let id = getrandom::u64().map_err(|error| act.reason(error.to_string()))?;
        Ok(format!("{id:016x}"))
    }
}

impl Draft {
    /// Where it is, for a database: text that [`BlobStore::open_draft`] reads.
    #[must_use]
    pub fn place(&self) -> String {
        self.0.place.text()
    }

    /// The blob that it will be.
    #[must_use]
    pub fn name(&self) -> &BlobName {
        &self.0.name
    }

    /// Bytes of plaintext of every piece but the last: 1 MiB in a folder and in memory, 8 MiB or
    /// more on S3.
    #[must_use]
    pub fn piece_bytes(&self) -> u64 {
        self.0.place.piece_bytes
    }

    /// Writes plaintext from `offset` onwards, a multiple of [`piece_bytes`](Self::piece_bytes).
    /// Several writers may be at different pieces. Dropping one gives up what is not durable, and
    /// after that nothing of it is written in this process.
    #[must_use]
    pub fn write_from(&self, key: &SealKey, offset: u64) -> PieceWriter {
        PieceWriter::new(self.clone(), key, offset)
    }

    /// Makes the blob visible, durably. `pieces` are all that landed, in any order. Where it was
    /// finished before, that is fine.
    ///
    /// # Errors
    /// [`BlobError::DraftIncomplete`] where the pieces are not the whole, [`BlobError::DraftNotFound`]
    /// where neither the draft nor the blob is there, [`BlobError::AlreadyExists`] where another
    /// draft was finished under the name, and where the store fails.
    pub async fn finish(&self, size: u64, pieces: &[Landed]) -> Result<(), BlobError> {
        self.name_it(size, pieces, Entry::Goes).await
    }

    async fn name_it(&self, size: u64, pieces: &[Landed], entry: Entry) -> Result<(), BlobError> {
        let inner = &*self.0;
        let pieces = self.whole(size, pieces)?;
        match (&inner.store.backend, &inner.file) {
            (Backend::Folder(_), Some(file)) => match Arc::clone(file).finish(size, entry).await {
                Ok(Finished::There) => Ok(()),
                Ok(Finished::Gone) => Err(self.not_found()),
                Err(error) => Err(inner.store.act(Operation::Put, &inner.name).io(&error)),
            },
            (Backend::Memory(drafts), _) => {
                let Some(bytes) = drafts.whole(&inner.place.id) else {
                    return self.finished_before(size).await;
                };
                let created = create_whole(&*inner.store.objects, &inner.name.path(), bytes).await;
                let act = inner.store.act(Operation::Put, &inner.name);
                created.map_err(|error| act.failed(&error))?;
                drafts.remove(&inner.place.id);
                Ok(())
            }
            _ => self.complete(size, &pieces).await,
        }
    }

    /// After [`PieceWriter::publish`]: somebody knows of the blob now, and the draft is no longer listed.
    ///
    /// # Errors
    /// Where the folder fails; the blob stays.
    pub async fn release(&self) -> Result<(), BlobError> {
        let inner = &*self.0;
        let Some(file) = &inner.file else { return Ok(()) };
        let act = inner.store.act(Operation::Delete, &inner.name);
        Arc::clone(file).release().await.map_err(|error| act.io(&error))
    }

    /// Gives it up, with all that was written; where it is gone or was finished, nothing happens.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn abort(&self) -> Result<(), BlobError> {
        let inner = &*self.0;
        let act = inner.store.act(Operation::Delete, &inner.name);
        match (&inner.store.backend, &inner.file) {
            (Backend::S3 { buckets, .. }, _) => {
                match buckets.own.abort_multipart(&inner.name.path(), &inner.place.id).await {
                    Ok(()) => Ok(()),
                    Err(error) if is_no_upload(&error) => Ok(()),
                    Err(error) => Err(act.failed(&error)),
                }
            }
            (Backend::Memory(drafts), _) => {
                drafts.remove(&inner.place.id);
                Ok(())
            }
            (_, Some(file)) => Arc::clone(file).abort().await.map_err(|error| act.io(&error)),
            (Backend::Folder(_), None) => Ok(()),
        }
    }

    /// The pieces in order, where they are the whole.
    fn whole(&self, size: u64, pieces: &[Landed]) -> Result<Vec<Landed>, BlobError> {
        let mut pieces: Vec<Landed> = pieces.iter().filter(|run| run.len > 0).cloned().collect();
        pieces.sort_by_key(|run| run.offset);
        let mut reached = 0;
        for run in &pieces {
            if run.offset != reached || !reached.is_multiple_of(self.piece_bytes()) {
                break;
            }
            reached = run.end();
        }
        let is_whole = reached == size && pieces.last().map_or(0, Landed::end) == size;
        let name = self.0.name.clone();
        if is_whole { Ok(pieces) } else { Err(BlobError::DraftIncomplete { name, reached, size }) }
    }

    async fn complete(&self, size: u64, pieces: &[Landed]) -> Result<(), BlobError> {
        let inner = &*self.0;
        let Backend::S3 { buckets, .. } = &inner.store.backend else { return Ok(()) };
        let (act, path) = (inner.store.act(Operation::Put, &inner.name), inner.name.path());
        if size == 0 {
            // An upload without a part cannot be completed.
            let put = buckets.own.put(&path, Bytes::new().into()).await;
            put.map_err(|error| act.failed(&error))?;
            return self.abort().await;
        }
        let is_plain = inner.place.is_plain();
        let bucket = if is_plain { &buckets.presigned } else { &buckets.own };
        let tags = pieces.iter().flat_map(|run| run.part.iter().flat_map(|tags| tags.lines()));
        let id = |tag: &str| match is_plain {
            true => direct::content_id(tag),
            false => Some(tag.to_owned()),
        };
        let parts = tags.map(|tag| id(tag).map(|content_id| PartId { content_id }));
        let parts: Vec<PartId> = parts.collect::<Option<_>>().unwrap_or_default();
        let expected = size.div_ceil(self.piece_bytes());
        if parts.len() as u64 != expected {
            let reason =
                format!("its rows name {} parts of {expected}; begin it anew", parts.len());
            return Err(act.reason(reason));
        }
        match bucket.complete_multipart(&path, &inner.place.id, parts).await {
            Ok(_) if is_plain => self.check_size(size).await,
            Ok(_) => Ok(()),
            // The answer to an earlier request may be lost, or this one was sent twice.
            Err(error) => match self.finished_before(size).await {
                Err(_) if !is_no_upload(&error) => Err(act.failed(&error)),
                found => found,
            },
        }
    }

    /// Whether the blob is there with the right length.
    async fn finished_before(&self, size: u64) -> Result<(), BlobError> {
        let inner = &*self.0;
        let bytes = if inner.place.is_plain() { size } else { sealed_bytes(size) };
        match inner.store.find(&inner.name).await? {
            Some(found) if found.size_bytes == bytes => Ok(()),
            _ => Err(self.not_found()),
        }
    }

    pub(crate) fn not_found(&self) -> BlobError {
        BlobError::DraftNotFound {
            name: self.0.name.clone(),
            place: self.0.store.place.to_string(),
        }
    }
}

/// Whether the server does not know the upload.
pub(crate) fn is_no_upload(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
        || error.to_string().contains("<Code>NoSuchUpload</Code>")
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("name", &self.0.name).field("place", &self.place()).finish()
    }
}
