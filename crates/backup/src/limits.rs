//! Sizes and times, each with its reason.

use std::time::Duration;

/// Bytes of a chunk of a database: 16 pages of 16 KiB. An edit changes some pages here and there, so small
/// against writing much again, and large against a request for each.
pub const PAGE_CHUNK_BYTES: u32 = 256 * 1024;

/// Bytes of a chunk of a file that never changes: few requests, and memory for some at once.
pub const FILE_CHUNK_BYTES: u32 = 4 * 1024 * 1024;

/// Bytes of a chunk at most, so that a snapshot cannot ask for all memory.
pub const CHUNK_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// Where a file is cut into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// After so many bytes, 1 to [`CHUNK_BYTES_MAX`].
    Every(u32),
    /// Where each piece ends that its body gives, and after [`CHUNK_BYTES_MAX`]. What moved within the file is
    /// found again where the same pieces come again.
    AtPieces,
}

impl Cut {
    pub(crate) fn chunk_bytes(self) -> Option<u32> {
        match self {
            Self::Every(bytes) => Some(bytes),
            Self::AtPieces => None,
        }
    }
}

/// Chunks on their way to or from the store at once: enough for a line with some delay, and with the
/// largest chunks 64 MiB.
pub(crate) const AT_ONCE: usize = 4;

/// Level of zstd: pages and records become a third of their size at hundreds of megabytes a second.
pub(crate) const LEVEL: i32 = 3;

/// A mark that is older belongs to a program that died: a first backup of terabytes takes hours.
pub(crate) const MARK_AGE_MAX: Duration = Duration::from_hours(48);

/// Chunks that are deleted between two looks whether the own mark is still there.
pub(crate) const DELETED_BETWEEN_LOOKS: usize = 500;
