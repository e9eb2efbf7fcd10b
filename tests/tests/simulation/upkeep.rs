//! What relays do by the month or after an accident, and comparing with them: deletions that are
//! forgotten, backups that are restored, digests.

use std::collections::{BTreeMap, BTreeSet};

use kartei_local_store::{Reread, Store};
use kartei_protocol::sync::FETCH_IDS_MAX;
use kartei_relay_store::RelayStoreError;
use kartei_sync_core::Event;

use crate::broken::{Broken, Invariant, Result};
use crate::ledger::Place;
use crate::plan::Plan;
use crate::queue::Says;
use crate::relays::Database;
use crate::world::World;

/// What is done where a replica that is complete finds that it differs from its relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDifference {
    /// It is broken: nothing explains it.
    Tell,
    /// Nobody looks.
    Ignore,
    /// It is mended, as the program does.
    Mend,
}

impl World {
    /// Forgets all deletions of a database, and what people were told of such profiles: with them it
    /// went for good.
    pub(crate) fn sweep(&mut self, database: usize) -> Result<()> {
        let now = i64::try_from(self.queue.now()).unwrap_or(i64::MAX);
        for organisation in 0..Plan::ORGANISATIONS {
            let id = self.databases[database].organisations[organisation].id;
            let relay = self.databases[database].handle(0);
            let (_, rows) = relay.rows_since(id, 0, usize::MAX, usize::MAX)?;
            let gone: BTreeSet<&str> =
                rows.iter().filter(|row| row.deleted).map(|row| row.id.as_str()).collect();
            let swept = relay.sweep(id, now + 1)?;
            if swept != gone.len() as u64 {
                let detail = format!("{swept} of {} deletions were forgotten", gone.len());
                return Err(Broken::new(Invariant::Failure, detail));
            }
            self.counts.swept += swept;
            self.databases[database].organisations[organisation]
                .forget(|profile| gone.contains(profile));
            for profile in gone {
                self.ledger.forget((database, organisation), profile);
            }
        }
        Ok(())
    }

    /// Keeps a copy of a database, or restores the one that was kept and begins new histories.
    pub(crate) fn back_up_or_restore(&mut self, database: usize) -> Result<()> {
        let relays = &mut self.databases[database];
        if !relays.has_backup() {
            return relays.back_up();
        }
        relays.restore(self.plan.handles)?;
        self.counts.restored += 1;
        for replica in 0..self.replicas.len() {
            // What goes on from the accident on is another history for the ledger's eyes as well.
            self.replicas[replica].past.clear();
        }
        Ok(())
    }

    /// The relay cannot go on from where the replica is: it reads everything anew.
    pub(crate) fn start_over(&mut self, at: usize, why: Reread) -> Result<Event> {
        self.counts.reread += 1;
        self.replicas[at].store()?.start_over(why)?;
        self.replicas[at].forced();
        Ok(Event::Pulled { more: true, to_send: true })
    }

    /// After an exchange: what digests say. Answers whether something is to be sent now.
    pub(crate) fn compared(&mut self, at: usize, agrees: Option<bool>) -> Result<bool> {
        let place = self.replicas[at].place();
        match (agrees, self.plan.on_difference) {
            (Some(true), _) => self.counts.agreed += 1,
            (Some(false), OnDifference::Tell) => {
                let detail = format!("replica {at} is complete and differs from its relay");
                return Err(Broken::new(Invariant::Digest, detail));
            }
            (Some(false), OnDifference::Mend) => self.mend(at, place)?,
            (Some(false), OnDifference::Ignore) | (None, _) => {}
        }
        Ok(self.replicas[at].store()?.has_sendable()?)
    }

    fn mend(&mut self, at: usize, place: Place) -> Result<()> {
        let now = self.replicas[at].clock(self.queue.now());
        let session = self.replicas[at].session.clone();
        let id = self.databases[place.0].organisations[place.1].id;
        let relay = self.databases[place.0].handle(0);
        let theirs = relay.bucket_digests(id)?;
        let store: &Store = self.replicas[at].store()?;
        let Some(buckets) = store.differing_buckets(&theirs)? else { return Ok(()) };
        let found = relay.members(id, &buckets)?;
        let differing = store.differences(&buckets, &found.epoch, found.rev, &found.members)?;
        for part in differing.unwrap_or_default().chunks(FETCH_IDS_MAX) {
            let lines = relay.fetch(id, part)?.lines;
            let mended = store.mend_differences(&session, now, part, &lines)?;
            self.counts.mended += mended.replaced + mended.offered;
        }
        if store.end_comparison(&theirs, "it still differs")? {
            let detail = format!("replica {at} still differs after it was mended");
            return Err(Broken::new(Invariant::Digest, detail));
        }
        Ok(())
    }
}

/// What a relay says to a cursor that it cannot go on from.
pub(crate) fn refusal(error: RelayStoreError) -> Result<Says> {
    match error {
        RelayStoreError::OtherEpoch => Ok(Says::StartOver(Reread::OtherHistory)),
        RelayStoreError::CursorTooOld { .. } => Ok(Says::StartOver(Reread::Forgotten)),
        error => Err(error.into()),
    }
}

impl Database {
    /// What was seen of organisations is what the restored database has.
    pub(crate) fn seen_anew(&mut self) -> Result<()> {
        for organisation in 0..Plan::ORGANISATIONS {
            let id = self.organisations[organisation].id;
            let page = self.handle(0).feed(id, None, usize::MAX, usize::MAX)?;
            let mut genesis = BTreeMap::new();
            let mut held = BTreeSet::new();
            for line in &page.lines {
                genesis.insert(line.id.clone(), line.genesis.clone());
                for bytes in &line.changes {
                    let change = kartei_profile::Change::from_bytes(&bytes.0)
                        .map_err(|e| Broken::new(Invariant::Failure, e.to_string()))?;
                    held.insert((line.id.clone(), change.hash()));
                }
            }
            let seen = &mut self.organisations[organisation];
            seen.head = page.head_rev;
            seen.genesis = genesis;
            // What the backup lacks comes back from those who have it; the ledger knows who does.
            seen.taken.retain(|taken| held.contains(taken));
        }
        Ok(())
    }
}
