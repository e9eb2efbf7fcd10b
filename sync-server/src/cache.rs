//! Profiles that were read lately, and never older than what a request may expect.
//!
//! Each organisation's part is true up to a revision. A request brings the organisation's newest
//! revision, asked after it arrived; where that is newer, the profiles that changed in between are
//! thrown out first. A revision belongs to one change: where rows do not account for all revisions in
//! between, something changed twice or was erased, and everything is thrown out.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kartei_relay_store::{OrgId, Profile, Row};

/// Bytes of one organisation's profiles: some ten thousand usual ones.
const BYTES_OF_ONE_MAX: usize = 32 * 1024 * 1024;

/// Bytes of all of them.
const BYTES_MAX: usize = 128 * 1024 * 1024;

/// What a profile takes beside its record: its id twice, and the tables' own.
const OVERHEAD_BYTES: usize = 400;

/// Where an organisation stands, as a request knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stand {
    pub(crate) org: OrgId,
    pub(crate) epoch: String,
    pub(crate) head_rev: u64,
}

/// What the cache says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// This is the profile.
    Profile(Arc<Profile>),
    /// It has to be read.
    Missing,
    /// What changed after this revision is to be told first.
    Behind(u64),
}

/// Profiles of all organisations.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    parts: Mutex<Parts>,
    /// Who tells what changed; others wait rather than ask the same.
    pub(crate) telling: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Parts {
    by_org: HashMap<OrgId, Part>,
    bytes: usize,
    /// Counts uses, so that the part that was not used for longest is known.
    clock: u64,
}

#[derive(Debug)]
struct Part {
    epoch: String,
    /// What is here is true up to this revision, at least.
    rev: u64,
    profiles: HashMap<String, Entry>,
    /// In the order in which they came; those that were used get a second chance.
    order: VecDeque<String>,
    bytes: usize,
    used_at: u64,
}

#[derive(Debug)]
struct Entry {
    profile: Arc<Profile>,
    was_used: bool,
}

fn size(id: &str, profile: &Profile) -> usize {
    2 * id.len() + profile.record.len() + OVERHEAD_BYTES
}

impl Cache {
    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for a profile.
    pub(crate) fn find(&self, stand: &Stand, id: &str) -> Found {
        let mut parts = self.lock();
        parts.clock += 1;
        let now = parts.clock;
        if parts.by_org.get(&stand.org).is_some_and(|part| part.epoch != stand.epoch) {
            parts.forget(stand.org);
        }
        let part = parts.by_org.entry(stand.org).or_insert_with(|| Part {
            epoch: stand.epoch.clone(),
            rev: stand.head_rev,
            profiles: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            used_at: now,
        });
        part.used_at = now;
        if part.rev < stand.head_rev {
            return Found::Behind(part.rev);
        }
        match part.profiles.get_mut(id) {
            Some(entry) => {
                entry.was_used = true;
                Found::Profile(Arc::clone(&entry.profile))
            }
            None => Found::Missing,
        }
    }

    /// Tells the first rows that changed after `from`, and the newest revision of their snapshot.
    pub(crate) fn tell(&self, stand: &Stand, from: u64, to: u64, rows: &[Row]) {
        let mut parts = self.lock();
        let Some(part) = parts.by_org.get_mut(&stand.org) else { return };
        if part.epoch != stand.epoch || part.rev != from {
            return;
        }
        let before = part.bytes;
        if u64::try_from(rows.len()).ok() == to.checked_sub(from) {
            for row in rows {
                part.remove(&row.id);
            }
        } else {
            part.clear();
        }
        part.rev = to;
        let freed = before - part.bytes;
        parts.bytes -= freed;
    }

    /// Keeps a profile that was read after `stand` was asked for.
    pub(crate) fn keep(&self, stand: &Stand, id: &str, profile: &Arc<Profile>) {
        let mut parts = self.lock();
        let Some(part) = parts.by_org.get_mut(&stand.org) else { return };
        // Where the part is true beyond what the reader knew, it may have changed in between.
        if part.epoch != stand.epoch || part.rev > stand.head_rev {
            return;
        }
        let before = part.bytes;
        part.remove(id);
        part.bytes += size(id, profile);
        part.order.push_back(id.to_owned());
        part.profiles
            .insert(id.to_owned(), Entry { profile: Arc::clone(profile), was_used: false });
        part.shrink();
        let after = part.bytes;
        parts.bytes = parts.bytes + after - before;
        parts.shrink(stand.org);
    }
}

impl Parts {
    fn forget(&mut self, org: OrgId) {
        if let Some(part) = self.by_org.remove(&org) {
            self.bytes -= part.bytes;
        }
    }

    /// Forgets organisations that were not used for longest, but for `kept`.
    fn shrink(&mut self, kept: OrgId) {
        while self.bytes > BYTES_MAX {
            let others = self.by_org.iter().filter(|(org, _)| **org != kept);
            let Some(oldest) = others.min_by_key(|(_, part)| part.used_at).map(|(org, _)| *org)
            else {
                return;
            };
            self.forget(oldest);
        }
    }
}

impl Part {
    fn remove(&mut self, id: &str) {
        if let Some(entry) = self.profiles.remove(id) {
            self.bytes -= size(id, &entry.profile);
        }
    }

    fn clear(&mut self) {
        self.profiles.clear();
        self.order.clear();
        self.bytes = 0;
    }

    fn shrink(&mut self) {
        while self.bytes > BYTES_OF_ONE_MAX {
            let Some(id) = self.order.pop_front() else { return };
            match self.profiles.get_mut(&id) {
                Some(entry) if entry.was_used => {
                    entry.was_used = false;
                    self.order.push_back(id);
                }
                Some(_) => self.remove(&id),
                None => {}
            }
        }
        // Ids of what changed stay in the order; they must not outgrow what is kept.
        if self.order.len() > 2 * self.profiles.len() + 64 {
            self.order = self.profiles.keys().cloned().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use kartei_profile::RecordHash;
    use kartei_relay_store::RelayStore;

    use super::*;

    fn stand(head_rev: u64) -> Stand {
        // Organisations come from a store alone.
        let folder = tempfile::tempdir().unwrap();
        let store = RelayStore::open(folder.path()).unwrap();
        let org = store.create_organisation("One", 0).unwrap().id;
        Stand { org, epoch: "e".to_owned(), head_rev }
    }

    fn profile(bytes: usize) -> Arc<Profile> {
        let record = "x".repeat(bytes);
        let hash = RecordHash::from_bytes([0; 32]);
        Arc::new(Profile { rev: 1, hash, conflicts: 0, changed_at: 0, record })
    }

    fn row(id: &str, rev: u64) -> Row {
        let hash = RecordHash::from_bytes([0; 32]);
        let (id, record) = (id.to_owned(), String::new());
        Row { key: 1, id, rev, hash, conflicts: 0, changed_at: 0, deleted: false, record }
    }

    #[test]
    fn what_changed_is_thrown_out_and_what_cannot_be_told_as_well() {
        let (cache, at) = (Cache::default(), stand(5));
        let later = |head_rev| Stand { head_rev, ..at.clone() };
        let is_there = |stand: &Stand, id| matches!(cache.find(stand, id), Found::Profile(_));
        assert_eq!(cache.find(&at, "p"), Found::Missing);
        for id in ["p", "q"] {
            cache.keep(&at, id, &profile(10));
        }
        assert!(is_there(&at, "p"));
        assert_eq!(cache.find(&later(6), "p"), Found::Behind(5));
        cache.tell(&later(6), 5, 6, &[row("p", 6)]);
        assert_eq!(cache.find(&later(6), "p"), Found::Missing);
        assert!(is_there(&later(6), "q"));
        // Read before revision 6 was told: it may be older.
        cache.keep(&at, "p", &profile(10));
        assert_eq!(cache.find(&later(6), "p"), Found::Missing);
        // Two revisions and one row: something was erased, and nobody says what.
        cache.tell(&later(8), 6, 8, &[row("x", 7)]);
        assert_eq!(cache.find(&later(8), "q"), Found::Missing);
        cache.keep(&later(8), "q", &profile(10));
        let restored = Stand { epoch: "f".to_owned(), ..later(8) };
        assert_eq!(cache.find(&restored, "q"), Found::Missing, "of another history");
        assert_eq!(cache.lock().bytes, 0);
    }

    #[test]
    fn it_stays_within_its_bytes_and_keeps_what_is_used() {
        let (cache, at) = (Cache::default(), stand(1));
        assert_eq!(cache.find(&at, "used"), Found::Missing);
        cache.keep(&at, "used", &profile(10));
        let (large, count) = (1024 * 1024, 3 * BYTES_OF_ONE_MAX / (1024 * 1024));
        for n in 0..count {
            cache.keep(&at, &format!("p-{n}"), &profile(large));
            assert!(matches!(cache.find(&at, "used"), Found::Profile(_)), "after {n}");
        }
        let parts = cache.lock();
        let bytes: usize = parts.by_org.values().map(|part| part.bytes).sum();
        assert!(bytes <= BYTES_OF_ONE_MAX && bytes == parts.bytes, "{bytes}");
        assert!(parts.by_org.values().all(|part| part.order.len() <= part.profiles.len() + 64));
    }
}
