//! Sizes, counts and times, each with its reason.

use std::time::Duration;

const MIB: usize = 1024 * 1024;

/// Bytes of a part of a multipart upload. At least 5 MiB is the protocol's rule, equal parts are
/// R2's; 8 MiB is what a put holds while it fills one, and what is sent again after a failure.
pub const PART_BYTES: usize = 8 * MIB;

/// Parts of one put on their way at once. With the one being filled that is 32 MiB for each put:
/// enough to keep a gigabit line full at 50 ms, and a dozen puts still fit in a small machine.
pub const PARTS_IN_FLIGHT_MAX: usize = 3;

/// Parts of a multipart upload at most, a rule of the protocol.
pub const PARTS_MAX: usize = 10_000;

/// Bytes of a blob at most, so that all parts can be equal without knowing the size before:
/// 78 GiB, four times the largest import body.
pub const BLOB_BYTES_MAX: u64 = PART_BYTES as u64 * PARTS_MAX as u64;

/// Bytes of a blob that [`get`](crate::BlobStore::get) reads as a whole, and of what
/// [`put_bytes`](crate::BlobStore::put_bytes) takes: what a request may cost in memory.
pub const WHOLE_BYTES_MAX: u64 = 64 * MIB as u64;

/// Bytes that a folder's writer gathers before it hashes and writes them on another thread: long
/// against handing over to that thread, short against memory.
pub(crate) const WRITE_BYTES: usize = MIB;

/// Bytes that one look into a file reads, for the same reasons.
pub(crate) const READ_BYTES: usize = MIB / 4;

/// Age of a file in the staging folder before opening the store removes it. A put writes to its
/// file all the time, so one that nobody has touched for a day belongs to a process that died.
pub(crate) const STAGED_AGE_MAX: Duration = Duration::from_hours(24);

/// Time to reach a server: a reachable one answers in less than a second.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Time without a byte from the server. It includes sending a part, so a part may go at 70 kB/s.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_mins(2);

/// Further attempts after one that failed in a way that may pass. With the pauses below, an
/// endpoint that refuses connections is reported within a few seconds.
pub(crate) const RETRIES_MAX: usize = 5;

/// No attempt begins this long after the first: a signature is good for some minutes only.
pub(crate) const RETRY_WITHIN: Duration = Duration::from_mins(3);

/// The pause before the second attempt; it grows at random up to [`RETRY_PAUSE_MAX`].
pub(crate) const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause between two attempts.
pub(crate) const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);

/// Characters of a server's own words in an error: a sentence, not a page.
pub(crate) const REASON_CHARS_MAX: usize = 300;
