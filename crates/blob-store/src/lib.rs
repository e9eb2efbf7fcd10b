//! Bytes under names, written once and then only read: archives of imports, packed segments,
//! reports, uploads. They lie in a folder, in memory or in a bucket of S3; what uses them cannot
//! tell which. Start at [`BlobStore`].
//!
//! Three promises hold on all of them (`tests/contract.rs` runs on each): a blob is there as a
//! whole or not at all; an answer to a put means that it is durable; a [`BlobName`] cannot leave
//! the store. Every put computes the SHA-256 on the way.
//!
//! What is too large for one request, or comes in pieces, is a [`Draft`]: written at its places by
//! several writers and across restarts, sealed under a key of its own, hashed on the way, and seen
//! under its name when it is finished. [`BlobStore::open_sealed`] reads it.
//!
//! Whole blobs are sealed where [`BlobStore::sealing`] named somebody who has keys for them: whoever stores and reads them
//! does not see a difference.
//!
//! What is not promised: that a multipart upload of a process that died goes away by itself. Let
//! the bucket end unfinished uploads after some days (`AbortIncompleteMultipartUpload`).
//!
//! This crate knows nothing of what the bytes mean, of organisations or of HTTP routes.

mod address;
mod at_rest;
mod buffer;
mod digest;
mod draft;
mod error;
mod folder;
mod key;
mod limits;
mod name;
mod probe;
mod read;
mod s3;
mod sealed;
mod store;
mod tree;
mod upload;
mod write;

pub use at_rest::AtRest;
pub use digest::{Digest, DigestError};
pub use draft::{Draft, DraftEntry, PieceWriter, Presigned, SealedBlob, Settled};
pub use error::{BlobError, BoxError, Operation};
pub use key::{KEY_BYTES, SEAL_OVERHEAD_BYTES, SealError, SealKey};
pub use limits::{BLOB_BYTES_MAX, PART_BYTES, PARTS_IN_FLIGHT_MAX, PARTS_MAX, WHOLE_BYTES_MAX};
pub use name::{BlobName, BlobNameError, NAME_BYTES_MAX, SEGMENT_BYTES_MAX};
pub use probe::Checked;
pub use read::{BlobEntry, BlobReading, ByteRange};
pub use sealed::{RECORD_BYTES, TRAILER_BYTES, UNIT_BYTES, sealed_bytes};
pub use store::BlobStore;
pub use tree::{Landed, root_of};
pub use write::Stored;

// Named for its feature alone; see Cargo.toml.
use reqwest as _;
