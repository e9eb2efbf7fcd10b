//! What somebody was told is kept, and so must be there in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::files;

/// An edit that was acknowledged. Its field is touched by no other act.
#[derive(Debug, Clone)]
pub(crate) struct Edited {
    pub(crate) id: String,
    pub(crate) pointer: String,
    pub(crate) by: String,
}

/// What is known of an observation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Observed {
    /// Whether somebody was told that it is kept.
    pub(crate) acknowledged: bool,
    /// Whether an earlier state was restored since: it may be there or not.
    pub(crate) withdrawn: bool,
}

/// Everything that was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    pub(crate) edits: Vec<Edited>,
    /// A field that one step set, and of how many profiles.
    pub(crate) bulk: Vec<(String, u64)>,
    /// By profile and signal.
    pub(crate) observations: BTreeMap<String, BTreeMap<String, Observed>>,
    pub(crate) deleted: BTreeSet<String>,
    pub(crate) imported: BTreeSet<u64>,
}

/// The promises, for all threads.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    promises: Mutex<Promises>,
    number: AtomicU64,
}

impl Ledger {
    pub(crate) fn promises(&self) -> MutexGuard<'_, Promises> {
        self.promises.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that nobody had before.
    pub(crate) fn number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn edited(&self, id: &str, pointer: String, by: &str) {
        let edited = Edited { id: id.to_owned(), pointer, by: by.to_owned() };
        self.promises().edits.push(edited);
    }

    /// An observation is about to be made: from now on others may see it.
    pub(crate) fn observing(&self, id: &str, signal: &str) {
        let mut promises = self.promises();
        let all = promises.observations.entry(id.to_owned()).or_default();
        all.entry(signal.to_owned()).or_default();
    }

    pub(crate) fn observed(&self, id: &str, signal: &str) {
        let mut promises = self.promises();
        let all = promises.observations.entry(id.to_owned()).or_default();
        all.entry(signal.to_owned()).or_default().acknowledged = true;
    }

    /// An earlier state was restored: observations that were there may be gone.
    pub(crate) fn restored(&self, id: &str) {
        for observed in self.promises().observations.entry(id.to_owned()).or_default().values_mut()
        {
            observed.withdrawn = true;
        }
    }

    /// A file is about to be imported.
    pub(crate) fn importing(&self, number: u64) {
        for id in files::base_ids_of(number) {
            self.observing(&id, &files::file_signal(number));
        }
    }

    pub(crate) fn imported(&self, number: u64) {
        for id in files::base_ids_of(number) {
            self.observed(&id, &files::file_signal(number));
        }
        self.promises().imported.insert(number);
    }
}
