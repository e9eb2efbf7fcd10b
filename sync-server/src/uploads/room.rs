//! Whether there is room on the disk, and what is answered where there is none or the store is away.

use std::path::Path;

use axum::http::{HeaderValue, StatusCode, header};
use kartei_blob_store::BlobError;
use kartei_protocol::problem::ProblemCode;

use crate::gate::ASK_AGAIN_SECONDS;
use crate::problem::Failure;

/// Refuses what would fill the disk beyond the part that is to stay free: a full disk stops the
/// database as well.
///
/// # Errors
/// 507.
pub(super) fn check(folder: &Path, bytes: u64, keep_free_percent: u8) -> Result<(), Failure> {
    let Some((free, total)) = space(folder) else { return Ok(()) };
    let kept = total / 100 * u64::from(keep_free_percent);
    if free.saturating_sub(bytes) >= kept {
        return Ok(());
    }
    Err(full())
}

/// The answer where no room is left.
pub(super) fn full() -> Failure {
    let detail = "the relay's disk has no room for this; its operator has to make some";
    Failure::new(StatusCode::INSUFFICIENT_STORAGE, ProblemCode::DiskFull, detail)
}

/// The answer where the store of bytes is away: nothing is wrong with the request, and what was
/// acknowledged stays.
pub(super) fn away(error: &BlobError) -> Failure {
    tracing::warn!(error = error as &dyn std::error::Error, "The store of bytes is away");
    let detail =
        "the relay's store of bytes cannot be reached just now; ask for the state and go on";
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, ProblemCode::RelayFailed, detail)
        .header(header::RETRY_AFTER, HeaderValue::from(ASK_AGAIN_SECONDS))
}

/// Free and all bytes of a folder's disk; nothing where that cannot be told.
#[cfg(unix)]
pub(crate) fn space(folder: &Path) -> Option<(u64, u64)> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some((disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize))
}

/// Elsewhere the write itself finds out.
#[cfg(not(unix))]
pub(crate) fn space(_folder: &Path) -> Option<(u64, u64)> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_before_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(folder.path(), 1, 0).is_ok());
        assert!(check(folder.path(), u64::MAX, 1).is_err());
        assert!(check(folder.path(), 0, 100).is_err());
        assert!(check(Path::new("/no/such/folder"), u64::MAX, 100).is_ok());
    }
}
