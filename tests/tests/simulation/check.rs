//! Looking at everything: while a run goes on at what claims to be complete, in the end at all.

use std::collections::{BTreeMap, BTreeSet};

use kartei_profile::{Change, Conflict, Document, Record, RecordSchema};
use kartei_protocol::sync::ProfileLine;
use kartei_relay_store::Row;
use kartei_sync_core::Phase;
use serde_json::{Value, json};

use crate::broken::{Broken, Invariant, Result};
use crate::ledger::Place;
use crate::people::{mark, observation_ids, own_key, records};
use crate::plan::Plan;
use crate::world::World;

/// From so many replicas on, only one in [`CLOSELY_EVERY`] is asked for its histories: that takes
/// longer than the run.
const CROWD: usize = 50;
const CLOSELY_EVERY: usize = 10;

/// Hashes of a profile's changes, the derived ones too.
type Changes = BTreeSet<[u8; 32]>;

/// What a relay holds of an organisation.
struct Held {
    rows: BTreeMap<String, Row>,
    changes: BTreeMap<String, Changes>,
    /// Profiles whole.
    lines: BTreeMap<String, ProfileLine>,
}

impl Held {
    /// Whether somebody is asked to decide between this value of a field and others.
    fn asks_for(&self, id: &str, pointer: &str, value: &Value) -> Result<bool> {
        let wrong = |error: &dyn std::fmt::Display| {
            Broken::new(Invariant::History, format!("`{id}` at the relay: {error}"))
        };
        let Some(line) = self.lines.get(id) else { return Ok(false) };
        let schema = RecordSchema::user_profile_v1();
        let record = line.record.as_ref().map(|record| record.get()).unwrap_or_default();
        let record = Record::from_stored(record).map_err(|e| wrong(&e))?;
        let mut document = Document::genesis(&schema, &record).map_err(|e| wrong(&e))?;
        let changes = line.changes.iter().map(|bytes| Change::from_bytes(&bytes.0));
        let changes: Vec<Change> =
            changes.collect::<std::result::Result<_, _>>().map_err(|e| wrong(&e))?;
        document.apply(&schema, &changes).map_err(|e| wrong(&e))?;
        let conflicts = document.conflicts(&schema).map_err(|e| wrong(&e))?;
        let asked = conflicts.iter().filter(|conflict| conflict.pointer == pointer);
        let mut values = asked.flat_map(|conflict| &conflict.values);
        Ok(values.any(|one| one.value.as_ref() == Some(value)))
    }
}

/// The conflicts of each profile, as a replica sees them.
type Seen = BTreeMap<String, Vec<Conflict>>;

impl World {
    /// Whether nothing is under way and everybody is complete.
    pub(crate) fn rests(&mut self) -> Result<bool> {
        let idle = |r: &crate::replica::Replica| {
            r.waiting.is_none() && r.engine.phase() == Phase::UpToDate
        };
        if !self.replicas.iter().all(idle) || self.queue.carries_messages() {
            return Ok(false);
        }
        for at in 0..self.replicas.len() {
            if self.unrest(at)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What keeps a replica from resting.
    fn unrest(&mut self, at: usize) -> Result<Option<String>> {
        let (database, organisation) = self.replicas[at].place();
        let head = self.databases[database].organisations[organisation].head;
        self.opened(at);
        let replica = &mut self.replicas[at];
        let phase = replica.engine.phase();
        let store = replica.store()?;
        let base = store.sync_settings()?.cursor.map_or(0, |cursor| cursor.base);
        let sendable = store.has_sendable()?;
        let rests = phase == Phase::UpToDate && base == head && !sendable;
        Ok((!rests).then(|| {
            format!("replica {at} is {phase:?} at {base} of {head}, has to send: {sendable}; ")
        }))
    }

    pub(crate) fn restless(&mut self) -> Result<String> {
        let mut all = String::new();
        for at in 0..self.replicas.len() {
            all.push_str(&self.unrest(at)?.unwrap_or_default());
        }
        Ok(all)
    }

    /// Compares a replica with its relay now and then, where it has everything and nothing to send.
    pub(crate) fn look_in(&mut self, at: usize) -> Result<()> {
        if !self.chance(self.plan.looked_at) || self.unrest(at)?.is_some() {
            return Ok(());
        }
        let place = self.replicas[at].place();
        let id = self.databases[place.0].organisations[place.1].id;
        let relay = self.databases[place.0].handle(0);
        let (_, mut rows) = relay.rows_since(id, 0, usize::MAX, usize::MAX)?;
        rows.retain(|row| !row.deleted);
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        let store = self.replicas[at].store()?;
        if store.totals()?.pending > 0 {
            return Ok(());
        }
        let lines = records(store)?;
        self.counts.compared += 1;
        if lines.iter().ne(rows.iter().map(|row| &row.record)) {
            let detail = format!("replica {at} says that it is complete and reads otherwise");
            return Err(Broken::new(Invariant::Complete, detail));
        }
        Ok(())
    }

    /// Everything that does not hold at rest.
    pub(crate) fn check(&mut self) -> Result<Vec<Broken>> {
        let mut broken = Vec::new();
        for database in 0..self.plan.databases {
            for organisation in 0..Plan::ORGANISATIONS {
                self.check_place((database, organisation), &mut broken)?;
            }
        }
        Ok(broken)
    }

    fn check_place(&mut self, place: Place, broken: &mut Vec<Broken>) -> Result<()> {
        let held = self.held(place)?;
        self.counts.conflicts += held.rows.values().map(|row| row.conflicts).sum::<u64>();
        self.check_kept(place, &held, broken)?;
        let mut first: Option<Seen> = None;
        for at in 0..self.replicas.len() {
            if self.replicas[at].place() == place {
                self.opened(at);
                let seen = self.check_replica(at, &held, broken)?;
                // Whoever lacks a profile was noticed by its records.
                let first = first.get_or_insert_with(|| seen.clone());
                for (id, conflicts) in &seen {
                    if first.get(id).is_some_and(|others| others != conflicts) {
                        let detail = format!("replica {at} sees others of `{id}` in {place:?}");
                        broken.push(Broken::new(Invariant::Conflicts, detail));
                    }
                }
            }
        }
        Ok(())
    }

    fn held(&self, (database, organisation): Place) -> Result<Held> {
        let relays = &self.databases[database];
        let id = relays.organisations[organisation].id;
        let (_, rows) = relays.handle(0).rows_since(id, 0, usize::MAX, usize::MAX)?;
        let feed = relays.handle(0).feed(id, None, usize::MAX, usize::MAX)?;
        let (mut changes, mut lines) = (BTreeMap::new(), BTreeMap::new());
        for line in feed.lines {
            let hashes: Result<Changes> = line
                .changes
                .iter()
                .map(|bytes| match Change::from_bytes(&bytes.0) {
                    Ok(change) => Ok(change.hash().bytes()),
                    Err(error) => Err(Broken::new(Invariant::History, error.to_string())),
                })
                .collect();
            changes.insert(line.id.clone(), hashes?);
            lines.insert(line.id.clone(), line);
        }
        let rows = rows.into_iter().map(|row| (row.id.clone(), row)).collect();
        Ok(Held { rows, changes, lines })
    }

    /// What the relay must hold because somebody was told so.
    fn check_kept(&self, place: Place, held: &Held, broken: &mut Vec<Broken>) -> Result<()> {
        let mut miss = |invariant, detail| broken.push(Broken::new(invariant, detail));
        let has = |id: &str, hash: &[u8; 32]| {
            held.changes.get(id).is_some_and(|changes| changes.contains(hash))
        };
        for (id, change) in &self.databases[place.0].organisations[place.1].taken {
            if !has(id, &change.bytes()) {
                miss(Invariant::Edits, format!("the relay took {change} of `{id}` and lost it"));
            }
        }
        for edit in self.ledger.edits.iter().filter(|e| e.place == place && !e.replayed) {
            if !has(&edit.id, &edit.change.bytes()) {
                let (id, at) = (&edit.id, edit.replica);
                miss(Invariant::Edits, format!("an edit of `{id}` by replica {at} is lost"));
            }
        }
        let mut parsed: BTreeMap<&str, Value> = BTreeMap::new();
        for (id, row) in &held.rows {
            parsed.insert(id, serde_json::from_str(&row.record)?);
            if row.record.contains("place-")
                && row.record.matches("place-").count() != row.record.matches(&mark(place)).count()
            {
                miss(Invariant::Apart, format!("`{id}` of {place:?} tells of another"));
            }
        }
        let nothing = json!({});
        for (_, id, observation) in self.ledger.observations().filter(|(p, _, _)| *p == place) {
            let record = parsed.get(id).unwrap_or(&nothing);
            let times = observation_ids(record).filter(|one| *one == observation).count();
            if times != 1 {
                let detail = format!("{observation} is in `{id}` of {place:?} {times} times");
                miss(Invariant::Observations, detail);
            }
        }
        for (_, id, who, value) in self.ledger.values().filter(|(p, ..)| *p == place) {
            let record = parsed.get(id).unwrap_or(&nothing);
            let found = &record["attributes"][own_key(who)];
            // Of a person's edits that were put on another beginning, one replica may have known the
            // earlier and another the later ones. Then somebody is asked, and none of them is gone.
            let replayed = self.ledger.is_replayed(place, id, who);
            let pointer = format!("/attributes/{}", own_key(who));
            if *found != json!(value)
                && !(replayed && held.asks_for(id, &pointer, &json!(value))?)
            {
                let detail = format!("`{id}` of {place:?}: {who} set {value}, it is {found}");
                miss(Invariant::Edits, detail);
            }
        }
        Ok(())
    }

    /// Compares a replica with its relay.
    fn check_replica(&mut self, at: usize, held: &Held, broken: &mut Vec<Broken>) -> Result<Seen> {
        let mut miss = |invariant, detail| broken.push(Broken::new(invariant, detail));
        let sound = self.plan.replicas < CROWD;
        let store = self.replicas[at].store()?;
        let totals = store.totals()?;
        if totals.pending + totals.rejected > 0 {
            miss(Invariant::Outbox, format!("replica {at} is at rest with {totals:?}"));
        }
        if sound {
            let found = store.check(false)?.findings;
            if !found.is_empty() {
                miss(Invariant::Sound, format!("the folder of replica {at}: {found:?}"));
            }
        }
        let live = held.rows.values().filter(|row| !row.deleted).count();
        if totals.profiles != live as u64 {
            let (mine, theirs) = (totals.profiles, live);
            miss(Invariant::Records, format!("replica {at} has {mine} profiles, not {theirs}"));
        }
        // In a crowd some are looked at closely, and everybody for what they read.
        let closely = sound || at.is_multiple_of(CLOSELY_EVERY);
        let mut all = Seen::new();
        for (id, row) in &held.rows {
            let Ok(view) = store.profile_with_past(id) else {
                miss(Invariant::Records, format!("replica {at} has no `{id}`"));
                continue;
            };
            if view.deleted != row.deleted
                || view.record != row.record
                || view.hash != *row.hash.bytes()
            {
                miss(Invariant::Records, format!("replica {at} reads `{id}` otherwise"));
            }
            if view.rev != Some(row.rev) {
                let detail =
                    format!("replica {at} saw `{id}` at {:?}, it is {}", view.rev, row.rev);
                miss(Invariant::Forward, detail);
            }
            if !closely {
                continue;
            }
            // Of a deleted profile nobody is asked to decide anything.
            let shown = !row.deleted && !view.deleted;
            let conflicts = if shown { store.conflicts(id)? } else { Vec::new() };
            if shown && conflicts.len() as u64 != row.conflicts {
                let (mine, theirs) = (conflicts.len(), row.conflicts);
                let detail = format!("replica {at} sees {mine} in `{id}`, the relay {theirs}");
                miss(Invariant::Conflicts, detail);
            }
            let history = store.history(id)?;
            let changes: Changes =
                history.iter().skip(1).map(|row| row.entry.change.bytes()).collect();
            if held.changes.get(id) != Some(&changes) {
                let theirs = held.changes.get(id).map_or(0, BTreeSet::len);
                let detail = format!(
                    "replica {at} has {} changes of `{id}`, the relay {theirs}",
                    changes.len()
                );
                miss(Invariant::History, detail);
            }
            all.insert(id.clone(), conflicts);
        }
        Ok(all)
    }
}
