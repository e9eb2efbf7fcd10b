//! Blobs that workers left: a cohort whose job ended before its worker came to forget it, and the result of
//! a worker that died before it could say so.

use std::collections::HashMap;

use futures_util::TryStreamExt as _;
use kartei_blob_store::{BlobName, BlobStore};
use kartei_relay_store::{OrgId, RelayStore};
use tokio::runtime::Handle;

use super::{RetentionError, remove};
use crate::jobs::{COHORTS, RESULTS};

/// Removes them; answers how many. Cohorts and results are written only while a job runs, under its own id, so
/// what ended gets none any more. Blocks, within a runtime.
pub(super) fn sweep(store: &RelayStore, blobs: &BlobStore) -> Result<u64, RetentionError> {
    let known = store.organisations()?;
    let orgs: HashMap<String, OrgId> =
        known.into_iter().map(|one| (one.id.to_string(), one.id)).collect();
    let mut swept = 0;
    for prefix in [COHORTS, RESULTS] {
        let Ok(prefix) = BlobName::new(prefix) else { continue };
        let mut listed = blobs.list(Some(&prefix));
        // One after the other: a database of its own runtime is not asked from within another one.
        while let Some(entry) = Handle::current().block_on(listed.try_next())? {
            if is_left(store, &orgs, &entry.name)? {
                swept += u64::from(remove(blobs, &entry.name)?);
            }
        }
    }
    Ok(swept)
}

/// Whether nobody comes for a blob any more. Blobs of organisations that are not here, and of names that
/// this program does not give, are somebody else's.
fn is_left(
    store: &RelayStore,
    orgs: &HashMap<String, OrgId>,
    name: &BlobName,
) -> Result<bool, RetentionError> {
    let parts: Vec<&str> = name.as_str().split('/').collect();
    let (kind, org, job) = match parts.as_slice() {
        [kind, org, job, "cohort"] if *kind == COHORTS => (COHORTS, org, job),
        [kind, org, job, _claim] if *kind == RESULTS => (RESULTS, org, job),
        _ => return Ok(false),
    };
    let Some(org) = orgs.get(*org) else { return Ok(false) };
    if store.job(*org, job)?.is_some_and(|row| !row.state.is_terminal()) {
        return Ok(false);
    }
    Ok(kind == COHORTS || !store.has_result_blob(*org, name.as_str())?)
}
