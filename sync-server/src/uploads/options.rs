//! How the operator wants uploads.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::intake::Pace;
use super::scan::ScanOptions;

/// Bodies that are taken at once. In a folder they need 128 MiB together, on S3 a GiB: two buffers of a unit
/// each, or two parts.
const STREAMS_DEFAULT: usize = 64;

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Options of uploads.
#[derive(Debug, Clone, Args)]
pub(crate) struct UploadOptions {
    /// A file with the operator's key: 64 hex digits. It wraps the keys of all files. A relay with its
    /// own folder makes one there where none is named.
    #[arg(long, env = "KARTEI_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Hours after which an upload that nobody goes on with is given up.
    #[arg(long, env = "KARTEI_UPLOAD_IDLE_HOURS", default_value_t = 24, value_name = "HOURS")]
    upload_idle_hours: u32,
    /// Days after which an upload is given up even though it goes on.
    #[arg(long, env = "KARTEI_UPLOAD_DAYS_MAX", default_value_t = 7, value_name = "DAYS")]
    upload_days_max: u32,
    /// Bytes of a file at most.
    #[arg(long, env = "KARTEI_FILE_BYTES_MAX", default_value_t = 1 << 40, value_name = "BYTES")]
    pub(crate) file_bytes_max: u64,
    /// Uploads of an organisation that are open at once.
    #[arg(long, env = "KARTEI_UPLOADS_OPEN_MAX", default_value_t = 1_000, value_name = "NUMBER")]
    pub(crate) uploads_open_max: u32,
    /// Bodies that are taken at once; each needs two buffers of 1 MiB, or two parts of 8 MiB on S3.
    #[arg(long, env = "KARTEI_UPLOAD_STREAMS", default_value_t = STREAMS_DEFAULT, value_name = "NUMBER")]
    upload_streams: usize,
    /// Percent of the disk that uploads leave free.
    #[arg(long, env = "KARTEI_KEEP_FREE_PERCENT", default_value_t = 5, value_name = "PERCENT",
          value_parser = clap::value_parser!(u8).range(0..=90))]
    pub(crate) keep_free_percent: u8,
    /// Seconds in which a body must bring 1 KiB for each of them, or end; otherwise it is broken off.
    #[arg(long, env = "KARTEI_SLOW_SECONDS", default_value_t = 30, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..))]
    slow_seconds: u64,
    /// Hours that bytes stay after the last file with them was deleted.
    #[arg(long, env = "KARTEI_FILE_GRACE_HOURS", default_value_t = 24, value_name = "HOURS")]
    file_grace_hours: u32,
    /// Lets clients bring parts to S3 by themselves. What they bring is not encrypted by this relay.
    #[arg(long, env = "KARTEI_DIRECT_UPLOADS")]
    pub(crate) direct_uploads: bool,
    #[command(flatten)]
    pub(crate) scan: ScanOptions,
    /// Also speaks the draft of the IETF for resumable uploads, at /api/resumable.
    #[arg(long, env = "KARTEI_RESUMABLE_DRAFT")]
    pub(crate) resumable_draft: bool,
}

/// A line at 8 kbit/s is slower than any that people upload over.
const PACE_BYTES_PER_SECOND: u64 = 1024;

impl UploadOptions {
    pub(super) fn streams(&self) -> usize {
        self.upload_streams
    }

    /// The speed that bodies must have.
    pub(crate) fn pace(&self) -> Pace {
        Pace {
            window: Duration::from_secs(self.slow_seconds),
            bytes: PACE_BYTES_PER_SECOND * self.slow_seconds,
        }
    }

    /// When a session that was begun and touched then is given up.
    pub(crate) fn expires_at(&self, created_at: i64, touched_at: i64) -> i64 {
        let idle = touched_at + i64::from(self.upload_idle_hours) * HOUR_MS;
        idle.min(created_at + i64::from(self.upload_days_max) * 24 * HOUR_MS)
    }

    /// What nobody refers to since before this moment is removed.
    pub(crate) fn unreferenced_before(&self, now: i64) -> i64 {
        now - i64::from(self.file_grace_hours) * HOUR_MS
    }
}
