//! Bytes under names, written once and then only read: archives of imports, packed segments,
//! reports, uploads. They lie in a folder, in memory or in a bucket of S3; what uses them cannot
//! tell which. Start at [`BlobStore`].
//!
//! Three promises hold on all of them (`tests/contract.rs` runs on each): a blob is there as a
//! whole or not at all; an answer to a put means that it is durable; a [`BlobName`] cannot leave
//! the store. Every put computes the SHA-256 on the way.
//!
//! What is not promised: that a multipart upload of a process that died goes away by itself. Let
//! the bucket end unfinished uploads after some days (`AbortIncompleteMultipartUpload`).
//!
//! This crate knows nothing of what the bytes mean, of organisations or of HTTP routes.

mod address;
mod digest;
mod error;
mod folder;
mod limits;
mod name;
mod probe;
mod read;
mod s3;
mod store;
mod upload;
mod write;

pub use digest::{Digest, DigestError};
pub use error::{BlobError, BoxError, Operation};
pub use limits::{BLOB_BYTES_MAX, PART_BYTES, PARTS_IN_FLIGHT_MAX, PARTS_MAX, WHOLE_BYTES_MAX};
pub use name::{BlobName, BlobNameError, NAME_BYTES_MAX, SEGMENT_BYTES_MAX};
pub use probe::Checked;
pub use read::{BlobEntry, BlobReading, ByteRange};
pub use store::BlobStore;
pub use write::Stored;

// Named for its feature alone; see Cargo.toml.
use reqwest as _;
