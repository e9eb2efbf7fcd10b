//! Results of analyses that name somebody who was erased after they were made. Results never change, so such a one is
//! answered to nobody any more; retention takes its bytes away.

use std::collections::HashSet;

use kartei_relay_store::{OrgId, RelayStore, RelayStoreError};
use kartei_sync_core::{ErasedId, has_text};
use serde_json::Value;

/// Whether a result, as it was written, names a profile that was erased since.
///
/// # Errors
/// [`RelayStoreError`].
pub(crate) fn names_erased(
    store: &RelayStore,
    org: OrgId,
    result: &str,
) -> Result<bool, RelayStoreError> {
    let told: Value = serde_json::from_str(result).unwrap_or_default();
    let made_of = told.pointer("/input/revision").and_then(Value::as_u64).unwrap_or_default();
    let erasures = store.erasures(org, made_of, u64::MAX)?;
    if erasures.is_empty() {
        return Ok(false);
    }
    let Some(key) = store.erasure_key(org)? else { return Ok(false) };
    let hashes: HashSet<ErasedId> = erasures.iter().map(|erasure| erasure.hash).collect();
    Ok(has_text(&told, &|text| hashes.contains(&key.hash(text))))
}
