//! Backups of files in a blob store: sealed, incremental, and whole or not there at all
//! ([ADR 31](../../../docs/adr/0031-a-backup-is-sealed-chunks-and-a-list.md)). Start at [`Repository`].
//!
//! ```text
//! repository            form, and something that only the right key opens
//! chunks/ab/ab…         a piece of a file, perhaps compressed, sealed; named by BLAKE3 under a key
//! snapshots/2026…z-…    sealed: when, what of, how many files, and the chunks of the list of files
//! notes/2026…z-…        sealed: what must be known also where a backup is older
//! marks/…               who is writing or forgetting just now
//! ```
//!
//! A file is cut at fixed places or where its source says, so what did not change between two backups is the
//! same chunk and is written once. The snapshot is written last: a backup that broke off is none. Everything is
//! authenticated from the snapshot down, so what comes back is what went in, or an error with a name.
//!
//! This crate knows nothing of databases, organisations or what the files mean.

mod chunk;
mod error;
mod forget;
mod key;
mod limits;
mod marks;
mod notes;
mod read;
mod repository;
mod snapshot;
mod verify;
mod write;

pub use error::BackupError;
pub use forget::Forgotten;
pub use key::BackupKey;
pub use limits::{CHUNK_BYTES_MAX, Cut, FILE_CHUNK_BYTES, PAGE_CHUNK_BYTES};
pub use notes::Note;
pub use repository::Repository;
pub use snapshot::{FileEntry, Snapshot, SnapshotId};
pub use verify::{Damage, Verified};
pub use write::{Writer, Written};
