//! Bodies of imports as they came, and their rejected lines, once their time is over (docs/adr/0039).

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::TryStreamExt as _;
use kartei_blob_store::{BlobEntry, BlobName, BlobStore, Digest};
use kartei_relay_store::{ImportLeft, ImportsGoing, OrgId, RelayStore};
use tokio::runtime::Handle;

use super::{RetentionError, remove};
use crate::admin::now;

/// A body lies there a moment before its import is known, and a report before the import has ended.
const SETTLED_MS: i64 = 60 * 60 * 1_000;

/// Removes them; answers how many files went. Blocks, within a runtime.
pub(super) fn purge(
    store: &RelayStore,
    blobs: &BlobStore,
    org: OrgId,
    actor: &str,
) -> Result<u64, RetentionError> {
    let now = now();
    let Some(until) = store.retention_policy(org)?.imports_until(now) else { return Ok(0) };
    let stored_until = until.min(now - SETTLED_MS);
    let (mut going, mut told) = (Vec::new(), ImportsGoing::default());
    for entry in listed(blobs, &format!("imports/{org}"))? {
        let Some(digest) = last_part(&entry.name).parse::<Digest>().ok() else { continue };
        let body = ImportLeft::Body(digest.as_bytes());
        if moment(entry.stored_at) <= stored_until && !store.import_needs(org, body, until)? {
            told.bodies += 1;
            told.bytes += entry.size_bytes;
            going.push(entry.name);
        }
    }
    for entry in listed(blobs, &format!("reports/{org}"))? {
        let parts: Vec<&str> = entry.name.as_str().split('/').collect();
        let [_, _, id, _] = parts.as_slice() else { continue };
        let reports = ImportLeft::Reports(id);
        if moment(entry.stored_at) <= stored_until && !store.import_needs(org, reports, until)? {
            told.reports += 1;
            told.bytes += entry.size_bytes;
            going.push(entry.name);
        }
    }
    // The audit first: what breaks off in between is told and done again, and nothing goes untold.
    if going.is_empty() || !store.begin_import_purge(org, actor, told)? {
        return Ok(0);
    }
    let mut gone = 0;
    for name in going {
        gone += u64::from(remove(blobs, &name)?);
    }
    Ok(gone)
}

fn listed(blobs: &BlobStore, prefix: &str) -> Result<Vec<BlobEntry>, RetentionError> {
    let Ok(prefix) = BlobName::new(prefix) else { return Ok(Vec::new()) };
    Ok(Handle::current().block_on(blobs.list(Some(&prefix)).try_collect())?)
}

fn last_part(name: &BlobName) -> &str {
    name.as_str().rsplit('/').next().unwrap_or_default()
}

/// In milliseconds since 1970.
fn moment(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
