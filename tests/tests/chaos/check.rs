//! What must hold when everybody is at rest.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use kartei_local_store::{Store, StoreOptions};
use kartei_profile::Conflict;
use serde_json::Value;

use crate::files;
use crate::reader::{Reader, Told};
use crate::world::{DATABASE, World};

/// Findings that are printed; the rest is of the same kind.
const SHOWN: usize = 12;

/// Every revision that something came under.
const REVISIONS: &str = "SELECT count(*), coalesce(max(rev), 0) FROM \
    (SELECT rev FROM kartei.changes UNION SELECT rev FROM kartei.profiles \
     UNION SELECT genesis_rev FROM kartei.profiles) given";

/// What the relay knows of a profile's past.
#[derive(Default)]
struct Past {
    changes: BTreeSet<String>,
    /// Fields that some change gave a value.
    set: BTreeSet<String>,
    deletions: usize,
}

/// A replica as it stands.
struct Replica {
    name: &'static str,
    store: Store,
}

impl World {
    /// Compares everybody, and holds them to what they promised.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.ensure_broken()?;
        let mut broken = Vec::new();
        let feed = self.feed()?;
        if feed != self.reader.known {
            let all: BTreeSet<&String> = feed.keys().chain(self.reader.known.keys()).collect();
            let differs = |id: &&String| feed.get(*id) != self.reader.known.get(*id);
            let ids: Vec<&String> = all.into_iter().filter(differs).take(SHOWN).collect();
            broken.push(format!("the reader beside has missed something of {ids:?}"));
        }
        self.check_revisions(&feed, &mut broken)?;
        let pasts = self.pasts()?;
        let mut replicas = Vec::new();
        for desk in &self.desks {
            let store = Store::open(desk.client.data(), StoreOptions::default())?;
            replicas.push(Replica { name: desk.name, store });
        }
        let mut seen: Option<BTreeMap<String, Vec<Conflict>>> = None;
        for replica in &replicas {
            let conflicts = replica.check(&feed, &pasts, &mut broken)?;
            let first = seen.get_or_insert_with(|| conflicts.clone());
            for (id, mine) in &conflicts {
                if first.get(id) != Some(mine) {
                    broken.push(format!("{} sees other conflicts in {id}", replica.name));
                }
            }
        }
        self.check_promises(&feed, &pasts, &replicas[0].store, &mut broken)?;
        if broken.is_empty() {
            return Ok(());
        }
        bail!("{} findings:\n{}", broken.len(), broken[..broken.len().min(SHOWN)].join("\n"));
    }

    /// The feed from its beginning, read anew.
    fn feed(&self) -> Result<BTreeMap<String, Told>> {
        let mut reader = Reader::new(self.direct.clone(), kartei_test_support::Dice::seeded(0));
        while !reader.finish()? {}
        Ok(reader.known)
    }

    fn check_revisions(
        &self,
        feed: &BTreeMap<String, Told>,
        broken: &mut Vec<String>,
    ) -> Result<()> {
        let newest = feed.values().map(|told| told.revision).max().unwrap_or_default();
        let postgres = &self.faults.postgres;
        let head = postgres.sql(DATABASE, "SELECT head_rev FROM kartei.organisations")?;
        if head != newest.to_string() {
            broken.push(format!("the head is {head}, the feed ends at {newest}"));
        }
        let given = postgres.sql(DATABASE, REVISIONS)?;
        if given != format!("{newest}|{newest}") {
            broken.push(format!("revisions (count|newest) are {given} of {newest}"));
        }
        Ok(())
    }

    /// The past of every profile that could be edited, from the relay.
    fn pasts(&self) -> Result<BTreeMap<String, Past>> {
        let mut pasts = BTreeMap::new();
        let shared = (1..=files::FILES).step_by(2).flat_map(files::shared_ids);
        for id in files::base_ids().chain(shared) {
            let reply = self.direct.get(&format!("/profiles/{id}/history"))?;
            if reply.status == 404 {
                // A shared one whose files nobody has imported yet.
                continue;
            }
            let history = reply.expect(200)?.json();
            let mut past = Past::default();
            for entry in history["changes"].as_array().context("a history has changes")? {
                let change = entry["change"].as_str().context("a change has a hash")?;
                past.changes.insert(change.to_owned());
                past.deletions += usize::from(entry["kind"] == "deletion");
                let fields = entry["fields"].as_array().context("a change has fields")?;
                let set = fields.iter().filter(|field| !field["after"].is_null());
                past.set
                    .extend(set.filter_map(|field| Some(field["pointer"].as_str()?.to_owned())));
            }
            pasts.insert(id, past);
        }
        Ok(pasts)
    }

    fn check_promises(
        &self,
        feed: &BTreeMap<String, Told>,
        pasts: &BTreeMap<String, Past>,
        store: &Store,
        broken: &mut Vec<String>,
    ) -> Result<()> {
        let promises = self.ledger.promises();
        for edited in &promises.edits {
            if !pasts.get(&edited.id).is_some_and(|past| past.set.contains(&edited.pointer)) {
                let (pointer, by) = (&edited.pointer, &edited.by);
                broken.push(format!("the edit {pointer} of {} by {by} is lost", edited.id));
            }
        }
        for (pointer, changed) in &promises.bulk {
            let found = pasts.values().filter(|past| past.set.contains(pointer)).count();
            if found as u64 != *changed {
                broken.push(format!("a step set {pointer} of {changed} profiles, {found} have it"));
            }
        }
        for id in &promises.deleted {
            if pasts.get(id).is_none_or(|past| past.deletions == 0) {
                broken.push(format!("the deletion of {id} is lost"));
            }
        }
        for number in &promises.imported {
            for id in files::own_ids(*number).chain(files::shared_ids(*number)) {
                if !feed.contains_key(&id) {
                    broken.push(format!("{id} of file {number} is lost"));
                }
            }
        }
        for (id, signals) in &promises.observations {
            let record: Value = serde_json::from_str(&store.profile_with_past(id)?.record)?;
            let observations = record["observations"].as_array().cloned().unwrap_or_default();
            for (signal, observed) in signals {
                let times = observations.iter().filter(|one| one["signal"] == **signal).count();
                if times > 1 || (times == 0 && observed.acknowledged && !observed.withdrawn) {
                    broken.push(format!("the observation {signal} is in {id} {times} times"));
                }
            }
        }
        Ok(())
    }
}

impl Replica {
    /// Compares this replica with the relay; answers the conflicts that it shows.
    fn check(
        &self,
        feed: &BTreeMap<String, Told>,
        pasts: &BTreeMap<String, Past>,
        broken: &mut Vec<String>,
    ) -> Result<BTreeMap<String, Vec<Conflict>>> {
        let Self { name, store } = self;
        let totals = store.totals()?;
        let live = feed.values().filter(|told| !told.deleted).count() as u64;
        if totals.profiles != live || totals.pending > 0 || totals.rejected > 0 {
            broken.push(format!("{name} is at rest with {totals:?}, the relay has {live}"));
        }
        let findings = store.check(false)?.findings;
        if !findings.is_empty() {
            broken.push(format!("the folder of {name}: {findings:?}"));
        }
        let mut conflicts = BTreeMap::new();
        for (id, told) in feed {
            let Ok(view) = store.profile_with_past(id) else {
                broken.push(format!("{name} has no {id}"));
                continue;
            };
            let hash: String = view.hash.iter().map(|byte| format!("{byte:02x}")).collect();
            if hash != told.hash || view.deleted != told.deleted {
                let (mine, theirs) = (view.deleted, told.deleted);
                let how = format!("{hash} (deleted: {mine}), the relay {} ({theirs})", told.hash);
                broken.push(format!("{name} reads {id} as {how}"));
            }
            if view.rev != Some(told.revision) {
                let (mine, theirs) = (view.rev, told.revision);
                broken.push(format!("{name} saw {id} at {mine:?}, it is {theirs}"));
            }
            if !told.deleted {
                let mine = store.conflicts(id)?;
                if mine.len() as u64 != told.conflicts {
                    let theirs = told.conflicts;
                    broken.push(format!(
                        "{name} sees {} conflicts in {id}, not {theirs}",
                        mine.len()
                    ));
                }
                conflicts.insert(id.clone(), mine);
            }
            if let Some(past) = pasts.get(id) {
                let history = store.history(id)?;
                let mine: BTreeSet<String> =
                    history.iter().map(|row| row.entry.change.to_string()).collect();
                if mine != past.changes {
                    let (mine, theirs) = (mine.len(), past.changes.len());
                    broken.push(format!("{name} has {mine} changes of {id}, the relay {theirs}"));
                }
            }
        }
        ensure!(!feed.is_empty(), "the feed is empty");
        Ok(conflicts)
    }
}
