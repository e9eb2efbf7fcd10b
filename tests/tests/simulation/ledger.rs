//! What people were told is kept, and so must be there in the end.

use std::collections::{BTreeMap, BTreeSet};

use kartei_profile::ChangeHash;

/// An organisation: which database, and which of its organisations.
pub(crate) type Place = (usize, usize);

/// An edit that a replica's store acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Edited {
    pub(crate) place: Place,
    pub(crate) replica: usize,
    pub(crate) id: String,
    pub(crate) change: ChangeHash,
    /// Whether the replica put it on another beginning before the relay had it: another change says
    /// the same then.
    pub(crate) replayed: bool,
}

/// All that was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) edits: Vec<Edited>,
    observations: BTreeMap<(Place, String), BTreeSet<String>>,
    withdrawn: BTreeSet<(Place, String, String)>,
    /// The last value of each person's own attribute, by profile and replica.
    values: BTreeMap<(Place, String, usize), u64>,
}

impl Ledger {
    pub(crate) fn observed(&mut self, place: Place, id: &str, observation: &str) {
        self.observations.entry((place, id.to_owned())).or_default().insert(observation.to_owned());
    }

    /// Somebody removed it: from now on it may be there or not.
    pub(crate) fn withdraw(&mut self, place: Place, id: &str, observation: &str) {
        self.withdrawn.insert((place, id.to_owned(), observation.to_owned()));
    }

    /// A profile is gone for good, with everything that anybody was told of it; what somebody adds to
    /// it later counts again.
    pub(crate) fn forget(&mut self, place: Place, id: &str) {
        self.edits.retain(|edit| edit.place != place || edit.id != id);
        self.observations.remove(&(place, id.to_owned()));
        self.values.retain(|(at, profile, _), _| *at != place || profile != id);
    }

    pub(crate) fn set(&mut self, place: Place, id: &str, replica: usize, value: Option<u64>) {
        let key = (place, id.to_owned(), replica);
        match value {
            Some(value) => self.values.insert(key, value),
            None => self.values.remove(&key),
        };
    }

    /// Whether an edit of this person was put on another beginning.
    pub(crate) fn is_replayed(&self, place: Place, id: &str, replica: usize) -> bool {
        let of = |edit: &&Edited| edit.place == place && edit.id == id && edit.replica == replica;
        self.edits.iter().filter(of).any(|edit| edit.replayed)
    }

    /// Observations that must be in a profile.
    pub(crate) fn observations(&self) -> impl Iterator<Item = (Place, &str, &str)> {
        self.observations.iter().flat_map(|((place, id), all)| {
            all.iter()
                .filter(|one| !self.withdrawn.contains(&(*place, id.clone(), (*one).clone())))
                .map(|one| (*place, id.as_str(), one.as_str()))
        })
    }

    /// Values that must be in a profile: where, in which, whose, and what.
    pub(crate) fn values(&self) -> impl Iterator<Item = (Place, &str, usize, u64)> {
        self.values.iter().map(|((place, id, who), value)| (*place, id.as_str(), *who, *value))
    }
}
