//! How much a file may be.

/// Bytes of one line at most, line end included. A record at every limit of its schema is smaller.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Inflated bytes of one file at most: some hundred million profiles, and an end for whatever
/// inflates without one.
pub const INFLATED_BYTES_MAX: u64 = 512 * 1024 * 1024 * 1024;

/// How many times larger than its compressed form a text may be. NDJSON of real profiles shrinks to
/// a tenth; the worst that a person might make (one record again and again) to a hundredth or two.
/// A gzip bomb comes to a thousandth.
pub const RATIO_MAX: u64 = 400;

/// Inflated bytes from which on the ratio counts: below, no harm is done.
pub const RATIO_FROM_BYTES: u64 = 64 * 1024 * 1024;

/// Lines of one file at most.
pub const LINES_MAX: u64 = 100_000_000;

/// Limits of one file. A line over its limit is left out and named; beyond the others the file is not
/// read further, and what was read before stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one line, line end included.
    pub line_bytes: usize,
    /// Inflated bytes.
    pub inflated_bytes: u64,
    /// Inflated bytes for each byte on the disk, once [`Limits::ratio_from_bytes`] are inflated.
    pub ratio: u64,
    /// Inflated bytes from which on the ratio counts.
    pub ratio_from_bytes: u64,
    /// Lines.
    pub lines: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_bytes: LINE_BYTES_MAX,
            inflated_bytes: INFLATED_BYTES_MAX,
            ratio: RATIO_MAX,
            ratio_from_bytes: RATIO_FROM_BYTES,
            lines: LINES_MAX,
        }
    }
}
