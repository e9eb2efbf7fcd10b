//! Some replicas of one organisation and its relay, moved step by step: for courses of events without
//! chance.

use kartei_local_store::{
    BlockBuilder, ImportStart, PageEnd, PushBatch, Reread, Session, Settled, Store, StoreOptions,
};
use kartei_profile::{Actor, Edit};
use kartei_relay_store::{Author, OrgId, Pushed, RelayStore, RelayStoreError};
use kartei_sync_core::{Effect, Engine, Event};
use serde_json::json;
use tempfile::TempDir;

use crate::people::records;

/// Rows of a page and items of a push: fewer than any case has profiles.
pub(crate) const PAGE: usize = 2;

/// More steps than any exchange here takes.
const STEPS_MAX: usize = 200;

/// Whose token the desks have.
pub(crate) fn sender() -> Author {
    Author { name: "a desk".to_owned(), now: 0 }
}

/// A replica.
pub(crate) struct Desk {
    pub(crate) store: Store,
    pub(crate) session: Session,
    engine: Engine,
    effect: Option<Effect>,
    _folder: TempDir,
}

/// Some replicas of one organisation and its relay.
pub(crate) struct Office {
    pub(crate) relay: RelayStore,
    pub(crate) org: OrgId,
    pub(crate) desks: Vec<Desk>,
    _folder: TempDir,
}

impl Office {
    pub(crate) fn new(desks: u8) -> Self {
        let folder = TempDir::new().unwrap();
        let relay = RelayStore::open(folder.path()).unwrap();
        let org = relay.create_organisation("org", 0).unwrap().id;
        let desks = (0..desks).map(|number| {
            let folder = TempDir::new().unwrap();
            let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
            let session = Session { actor: Actor::from_random([number; 12]), author: None };
            Desk { store, session, engine: Engine::new(), effect: None, _folder: folder }
        });
        Self { relay, org, desks: desks.collect(), _folder: folder }
    }

    pub(crate) fn import(&self, at: usize, id: &str) {
        let record = json!({"schema": "user_profile.v1", "id": id}).to_string();
        let store = &self.desks[at].store;
        let mut builder = BlockBuilder::default();
        builder.add(store.schema(), record.as_bytes()).unwrap();
        let start = ImportStart { file: "file".to_owned(), ..ImportStart::default() };
        store.begin_import(&start).unwrap().write(&[builder.finish(None)]).unwrap();
    }

    pub(crate) fn set(&self, at: usize, id: &str, value: &str) {
        let edit = [Edit::Set { pointer: format!("/attributes/{value}"), value: json!(value) }];
        let desk = &self.desks[at];
        assert!(desk.store.edit(&desk.session, 0, id, &edit).unwrap(), "{id} has no {value} yet");
    }

    pub(crate) fn has(&self, at: usize, id: &str, value: &str) -> bool {
        let record = self.desks[at].store.record(id).unwrap();
        record.members().get("attributes").and_then(|a| a.get(value)) == Some(&json!(value))
    }

    pub(crate) fn tell(&mut self, at: usize, event: Event) {
        let desk = &mut self.desks[at];
        desk.effect = match desk.engine.handle(0, 0, event) {
            Some(Effect::WakeAt(_)) => None,
            other => other,
        };
    }

    pub(crate) fn push(&self, batch: &PushBatch) -> Pushed {
        self.relay.push(self.org, &sender(), &batch.items).unwrap()
    }

    /// Sends a batch and applies the answers.
    pub(crate) fn settle(&self, at: usize, batch: &PushBatch) -> Settled {
        let desk = &self.desks[at];
        let said = self.push(batch);
        desk.store.settle(&desk.session, 0, batch, &said.answers, &said.end).unwrap()
    }

    fn pull(&self, at: usize) -> Event {
        let desk = &self.desks[at];
        let cursor = desk.store.sync_settings().unwrap().cursor;
        let why = match self.relay.feed(self.org, cursor.as_ref(), PAGE, usize::MAX) {
            Ok(page) => {
                let end = PageEnd { asked: cursor, cursor: page.cursor, total: page.total };
                let done = desk.store.apply_pull(&desk.session, 0, &page.lines, &end).unwrap();
                assert_ne!(done.agrees, Some(false), "who has everything has what the relay has");
                return Event::Pulled { more: page.more, to_send: done.to_send };
            }
            Err(RelayStoreError::OtherEpoch) => Reread::OtherHistory,
            Err(RelayStoreError::CursorTooOld { .. }) => Reread::Forgotten,
            Err(error) => panic!("the feed: {error}"),
        };
        desk.store.start_over(why).unwrap();
        Event::Pulled { more: true, to_send: true }
    }

    /// The relay loses everything: a backup from before the first push is restored.
    pub(crate) fn lose_everything(&mut self) {
        let fresh = Self::new(0);
        (self.relay, self.org, self._folder) = (fresh.relay, fresh.org, fresh._folder);
    }

    /// The relay forgets all deletions.
    pub(crate) fn sweep(&self) {
        assert!(self.relay.sweep(self.org, 1).unwrap() > 0, "something was deleted");
    }

    pub(crate) fn delete(&self, at: usize, id: &str) {
        let desk = &self.desks[at];
        assert!(desk.store.delete(&desk.session, 0, id).unwrap(), "{id} is there");
    }

    /// Everybody has the same, nothing waits, and nothing was refused.
    pub(crate) fn agree(&mut self) {
        // Twice: what the last one sends, the first one gets then.
        for at in (0..self.desks.len()).chain(0..self.desks.len()) {
            self.sync(at);
        }
        for (at, desk) in self.desks.iter().enumerate() {
            let totals = desk.store.totals().unwrap();
            assert_eq!((totals.pending, totals.rejected), (0, 0), "desk {at} is done");
            assert_eq!(self.records(at), self.records(0), "desk {at} reads as the first one");
        }
    }

    /// One pull or push.
    pub(crate) fn exchange(&mut self, at: usize) {
        let desk = &self.desks[at];
        let event = match desk.effect {
            Some(Effect::Pull) => self.pull(at),
            _ => {
                let done = self.settle(at, &desk.store.next_push(PAGE).unwrap());
                let progress = done.accepted + done.replayed + done.rejected > 0;
                Event::Pushed { to_send: done.to_send, progress, complete: done.complete }
            }
        };
        self.tell(at, event);
    }

    /// Everything that there is to exchange, now.
    pub(crate) fn sync(&mut self, at: usize) {
        if self.desks[at].effect.is_none() {
            self.tell(at, Event::SyncNow);
        }
        for _ in 0..STEPS_MAX {
            if self.desks[at].effect.is_none() {
                return;
            }
            self.exchange(at);
        }
        panic!("the exchange does not come to an end");
    }

    pub(crate) fn records(&self, at: usize) -> Vec<String> {
        records(&self.desks[at].store).unwrap()
    }
}
