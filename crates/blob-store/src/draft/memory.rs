//! Drafts in memory, for tests: sealed units in a map.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;

use crate::BlobName;

/// The drafts of a store in memory, by id.
#[derive(Debug, Default)]
pub(crate) struct MemoryDrafts(Mutex<HashMap<String, MemoryDraft>>);

#[derive(Debug)]
struct MemoryDraft {
    name: BlobName,
    modified: SystemTime,
    units: BTreeMap<u64, Bytes>,
}

impl MemoryDrafts {
    pub(crate) fn begin(&self, name: &BlobName, id: &str) {
        let modified = SystemTime::now();
        let draft = MemoryDraft { name: name.clone(), modified, units: BTreeMap::new() };
        self.lock().insert(id.to_owned(), draft);
    }

    /// Keeps a sealed unit; false where the draft is gone, or its writer was given up.
    pub(crate) fn write(&self, id: &str, unit: u64, sealed: &[u8], stopped: &AtomicBool) -> bool {
        let mut drafts = self.lock();
        let Some(draft) = drafts.get_mut(id) else { return false };
        if stopped.load(Ordering::Acquire) {
            return false;
        }
        draft.units.insert(unit, Bytes::copy_from_slice(sealed));
        draft.modified = SystemTime::now();
        true
    }

    /// A sealed unit; none where the draft or the unit is not there.
    pub(crate) fn unit(&self, id: &str, unit: u64) -> Option<Bytes> {
        self.lock().get(id)?.units.get(&unit).cloned()
    }

    /// All units, one after the other; none where the draft is gone.
    pub(crate) fn whole(&self, id: &str) -> Option<Bytes> {
        let drafts = self.lock();
        let units: Vec<&[u8]> = drafts.get(id)?.units.values().map(|unit| &**unit).collect();
        Some(units.concat().into())
    }

    pub(crate) fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    pub(crate) fn list(&self) -> Vec<(BlobName, String, SystemTime)> {
        let drafts = self.lock();
        let entry =
            |(id, draft): (&String, &MemoryDraft)| (draft.name.clone(), id.clone(), draft.modified);
        drafts.iter().map(entry).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, MemoryDraft>> {
        // Every change is one insertion or removal, so a panic of another thread spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
