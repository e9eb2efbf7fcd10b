//! The lists of several organisations, within a bound of memory.
//!
//! Each list has a lock of its own, so that one that is being built holds up nobody but those who
//! want that one. The lock of the map is held for looking up only.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::list::{Limits, LiveList};

/// A list in the map.
#[derive(Debug)]
struct Entry {
    list: Arc<Mutex<LiveList>>,
    /// Bytes when it was last let go.
    bytes: usize,
    used_at: u64,
}

#[derive(Debug)]
struct Map<O> {
    entries: HashMap<O, Entry>,
    clock: u64,
}

/// Lists by organisation. Where they take more memory than they may, the least recently used are
/// forgotten; but never one in use, nor the one used last, even where it alone takes more.
#[derive(Debug)]
pub struct Lists<O> {
    limits: Limits,
    bytes_max: usize,
    map: Mutex<Map<O>>,
}

impl<O: Eq + Hash + Clone> Lists<O> {
    /// No lists yet: of all that will be, `bytes_max` bytes (as [`LiveList::bytes`] counts them)
    /// are kept. Lists that are just being built are counted when they are done.
    #[must_use]
    pub fn new(limits: Limits, bytes_max: usize) -> Self {
        let map = Map { entries: HashMap::new(), clock: 0 };
        Self { limits, bytes_max, map: Mutex::new(map) }
    }

    /// Works with the list of an organisation, alone; it is empty where it is not in memory. Blocks
    /// while others work with the same list, and does not where they work with other ones; never
    /// call it from within `work`.
    ///
    /// Open the snapshot of the database in `work`, then bring the list up to it.
    pub fn with<T>(&self, organisation: &O, work: impl FnOnce(&mut LiveList) -> T) -> T {
        let list = self.take(organisation);
        let mut locked = lock_list(&list);
        let done = work(&mut locked);
        let bytes = locked.bytes();
        drop(locked);
        self.give_back(organisation, list, bytes);
        done
    }

    /// Forgets the list of an organisation. Who works with it may go on, with a list that nobody
    /// else will see.
    pub fn forget(&self, organisation: &O) {
        self.map().entries.remove(organisation);
    }

    /// Bytes of all lists when they were last used.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.map().entries.values().map(|entry| entry.bytes).sum()
    }

    /// How many lists are in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map().entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn take(&self, organisation: &O) -> Arc<Mutex<LiveList>> {
        let mut map = self.map();
        map.clock += 1;
        let used_at = map.clock;
        let entry = map.entries.entry(organisation.clone()).or_insert_with(|| Entry {
            list: Arc::new(Mutex::new(LiveList::new(self.limits))),
            bytes: 0,
            used_at,
        });
        entry.used_at = used_at;
        Arc::clone(&entry.list)
    }

    fn give_back(&self, organisation: &O, list: Arc<Mutex<LiveList>>, bytes: usize) {
        let mut map = self.map();
        if let Some(entry) = map.entries.get_mut(organisation)
            && Arc::ptr_eq(&entry.list, &list)
        {
            entry.bytes = bytes;
        }
        drop(list);
        let forgotten = map.make_room(self.bytes_max);
        drop(map);
        // Freeing some hundred megabytes takes a while: not with the map locked.
        drop(forgotten);
    }

    fn map(&self) -> MutexGuard<'_, Map<O>> {
        // Nothing is left half done in it.
        self.map.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<O: Eq + Hash + Clone> Map<O> {
    fn make_room(&mut self, bytes_max: usize) -> Vec<Entry> {
        let mut forgotten = Vec::new();
        let mut bytes: usize = self.entries.values().map(|entry| entry.bytes).sum();
        let last = self.entries.values().map(|entry| entry.used_at).max();
        while bytes > bytes_max {
            // Nobody takes another one out while the map is locked.
            let idle =
                |entry: &Entry| Arc::strong_count(&entry.list) == 1 && Some(entry.used_at) != last;
            let oldest = self
                .entries
                .iter()
                .filter(|(_, entry)| idle(entry))
                .min_by_key(|(_, entry)| entry.used_at)
                .map(|(organisation, _)| organisation.clone());
            let Some(entry) = oldest.and_then(|oldest| self.entries.remove(&oldest)) else { break };
            bytes -= entry.bytes;
            forgotten.push(entry);
        }
        forgotten
    }
}

/// A list on which somebody panicked is begun anew.
fn lock_list(list: &Mutex<LiveList>) -> MutexGuard<'_, LiveList> {
    list.lock().unwrap_or_else(|poisoned| {
        list.clear_poison();
        let mut list = poisoned.into_inner();
        list.clear();
        list
    })
}
