//! Replicas and a relay with real stores, real decisions and an unreliable network, without
//! sockets or clocks: requests and answers get lost, programs die between any two steps, pages and
//! batches are tiny. At the end everybody has the same, and nothing that was acknowledged is gone.
//! A failing seed is printed and replays exactly.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;

use kartei_local_store::{BlockBuilder, ImportStart, Session, Store, StoreOptions};
use kartei_profile::{Actor, Edit};
use kartei_protocol::desktop::Selection;
use kartei_relay_store::{OrgId, RelayStore};
use kartei_sync_core::{Effect, Engine, Event, Failure};
use serde_json::{Value, json};
use tempfile::TempDir;

const REPLICAS: usize = 3;
const SEEDS: u64 = 60;
const STEPS: usize = 90;
const PROFILES: u64 = 6;
/// The moment of everything, in milliseconds since 1970: time decides nothing here.
const NOW: i64 = 1_795_219_200_000;

/// SplitMix64 (Steele, Lea and Flood, 2014): enough to choose what happens next.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Imports a file with one record.
fn import(store: &Store, now: i64, record: &Value) {
    let mut builder = BlockBuilder::default();
    builder.add(store.schema(), record.to_string().as_bytes()).unwrap();
    let start = ImportStart { file: "file".to_owned(), now, ..ImportStart::default() };
    store.begin_import(&start).unwrap().write(&[builder.finish(None)]).unwrap();
}

struct Replica {
    folder: TempDir,
    store: Store,
    session: Session,
    engine: Engine,
    effect: Option<Effect>,
    edits: u64,
}

struct World {
    random: Random,
    relay: RelayStore,
    org: OrgId,
    replicas: Vec<Replica>,
    clock: i64,
    /// What each replica's person last set, by profile and replica, after the edit was acknowledged.
    set: BTreeMap<(String, usize), u64>,
    /// Observations that must be there, by profile.
    facts: BTreeMap<String, Vec<String>>,
    faults: bool,
    _relay_folder: TempDir,
}

fn open(folder: &TempDir, random: &mut Random) -> (Store, Session) {
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&random.next().to_be_bytes());
    let session = Session { actor: Actor::from_random(bytes), author: Some("person".into()) };
    (store, session)
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let relay_folder = TempDir::new().unwrap();
        let relay = RelayStore::open(relay_folder.path()).unwrap();
        let org = relay.create_organisation("org", 0).unwrap().id;
        let replicas = (0..REPLICAS)
            .map(|_| {
                let folder = TempDir::new().unwrap();
                let (store, session) = open(&folder, &mut random);
                Replica { folder, store, session, engine: Engine::new(), effect: None, edits: 0 }
            })
            .collect();
        Self {
            random,
            relay,
            org,
            replicas,
            clock: 1_770_000_000_000,
            set: BTreeMap::new(),
            facts: BTreeMap::new(),
            faults: true,
            _relay_folder: relay_folder,
        }
    }

    fn step(&mut self) {
        self.clock += 1_000;
        let at = usize::try_from(self.random.below(REPLICAS as u64)).unwrap();
        match self.random.below(10) {
            0 | 1 => self.import(at),
            2..=4 => self.edit(at),
            5 => self.crash(at),
            _ => {
                if self.replicas[at].effect.is_none() {
                    self.tell(at, Event::SyncNow);
                }
                self.exchange(at);
            }
        }
    }

    fn profile(&mut self) -> String {
        format!("p{}", self.random.below(PROFILES))
    }

    /// A file with one profile; its content varies, so replicas begin the same profile differently.
    fn import(&mut self, at: usize) {
        let id = self.profile();
        let variant = self.random.below(3);
        let fact = format!("file-{id}-{variant}");
        let record = json!({
            "schema": "user_profile.v1", "id": id,
            "attributes": { "city": format!("city{variant}"), "same": 1 },
            "observations": [{"id": fact, "signal": "s", "value": variant, "at": "2026-01-01T00:00:00Z"}]
        });
        import(&self.replicas[at].store, self.clock, &record);
        self.facts.entry(id).or_default().push(fact);
    }

    fn edit(&mut self, at: usize) {
        let id = self.profile();
        self.replicas[at].edits += 1;
        let edits = self.replicas[at].edits;
        let fact = format!("fact-{at}-{edits}");
        let observation =
            json!({"id": fact, "signal": "s", "value": edits, "at": "2026-01-02T00:00:00Z"});
        let changes = [
            Edit::Set { pointer: format!("/attributes/r{at}"), value: json!(edits) },
            Edit::Set { pointer: "/attributes/shared".into(), value: json!(self.random.below(3)) },
            Edit::Add { pointer: "/observations".into(), value: observation },
        ];
        let replica = &self.replicas[at];
        if replica.store.edit(&replica.session, self.clock, &id, &changes).is_ok() {
            self.set.insert((id.clone(), at), edits);
            self.facts.entry(id).or_default().push(fact);
        }
    }

    /// The program dies and is started again: what it knew beyond its store is gone.
    fn crash(&mut self, at: usize) {
        let replica = &mut self.replicas[at];
        let (store, session) = open(&replica.folder, &mut self.random);
        replica.store = store;
        replica.session = session;
        replica.engine = Engine::new();
        replica.effect = None;
    }

    fn tell(&mut self, at: usize, event: Event) {
        let now = u64::try_from(self.clock).unwrap();
        let random = self.random.next();
        let replica = &mut self.replicas[at];
        replica.effect = match replica.engine.handle(now, random, event) {
            Some(Effect::WakeAt(_)) => None,
            other => other,
        };
    }

    fn lost(&mut self) -> bool {
        self.faults && self.random.chance(15)
    }

    fn exchange(&mut self, at: usize) {
        let event = match self.replicas[at].effect {
            Some(Effect::Pull) => self.pull(at),
            Some(Effect::Push) => self.push(at),
            _ => return,
        };
        match event {
            Some(event) => self.tell(at, event),
            None => self.crash(at),
        }
    }

    /// `None`: the program died in the middle.
    fn pull(&mut self, at: usize) -> Option<Event> {
        if self.lost() {
            return Some(Event::Failed(Failure::Transient));
        }
        let cursor = self.replicas[at].store.sync_settings().unwrap().cursor;
        let page = self.relay.feed(self.org, cursor.as_ref(), 2, usize::MAX).unwrap();
        if self.lost() {
            return Some(Event::Failed(Failure::Transient));
        }
        let replica = &self.replicas[at];
        let pulled = replica
            .store
            .apply_pull(&replica.session, self.clock, &page.lines, &page.cursor)
            .unwrap();
        if self.lost() {
            return None;
        }
        Some(Event::Pulled { more: page.more, to_send: pulled.to_send })
    }

    fn push(&mut self, at: usize) -> Option<Event> {
        let batch = self.replicas[at].store.next_push(2).unwrap();
        if self.lost() {
            return Some(Event::Failed(Failure::Transient));
        }
        let pushed = self.relay.push(self.org, NOW, &batch.items).unwrap();
        if self.faults && self.random.chance(15) {
            // The same request arrives twice, as behind a proxy that tries again.
            self.relay.push(self.org, NOW, &batch.items).unwrap();
        }
        if self.lost() {
            return None;
        }
        let replica = &self.replicas[at];
        let settled = replica
            .store
            .settle(&replica.session, self.clock, &batch, &pushed.answers, &pushed.end)
            .unwrap();
        assert_eq!(settled.rejected, 0, "nothing here may be refused: {:?}", pushed.answers);
        Some(Event::Pushed {
            to_send: settled.to_send,
            progress: settled.accepted + settled.replayed > 0,
            complete: settled.complete,
        })
    }

    /// Without faults, a bounded number of cycles brings everybody to the same state.
    fn settle(&mut self) {
        self.faults = false;
        for _ in 0..4 {
            for at in 0..REPLICAS {
                self.clock += 1_000;
                let mut steps = 0;
                self.run_cycle(at, &mut steps);
                self.tell(at, Event::SyncNow);
                self.run_cycle(at, &mut steps);
            }
        }
    }

    /// Lets the cycle that is under way come to its end.
    fn run_cycle(&mut self, at: usize, steps: &mut usize) {
        while self.replicas[at].effect.is_some() {
            self.exchange(at);
            *steps += 1;
            assert!(*steps < 500, "the exchange does not come to an end");
        }
    }

    fn export(&self, at: usize) -> Vec<String> {
        let mut lines = Vec::new();
        self.replicas[at]
            .store
            .export(&Selection::default(), |exported| {
                let mut seen = usize::MAX;
                while lines.len() != seen {
                    seen = lines.len();
                    exported.next(|line| lines.push(line.to_owned())).unwrap();
                }
            })
            .unwrap();
        lines
    }

    fn check(&self) {
        let lines = self.export(0);
        for at in 0..REPLICAS {
            assert_eq!(self.export(at), lines, "replica {at} differs");
            let totals = self.replicas[at].store.totals().unwrap();
            assert_eq!(totals.pending, 0, "replica {at} still has something to send");
            assert_eq!(
                totals.conflicts,
                self.replicas[0].store.totals().unwrap().conflicts,
                "replica {at} sees other conflicts"
            );
        }
        let relay = self.relay.feed(self.org, None, 1_000, usize::MAX).unwrap();
        assert_eq!(relay.lines.len(), lines.len(), "the relay has every profile once");
        let records: BTreeMap<String, Value> = lines
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|record| (record["id"].as_str().unwrap().to_owned(), record))
            .collect();
        assert_eq!(records.len(), lines.len(), "no profile twice");
        for ((id, at), value) in &self.set {
            assert_eq!(
                records[id]["attributes"][format!("r{at}")],
                json!(value),
                "{id}: an edit was lost"
            );
        }
        for (id, facts) in &self.facts {
            let observations = records[id]["observations"].as_array().unwrap();
            let ids: Vec<&str> = observations.iter().map(|o| o["id"].as_str().unwrap()).collect();
            for fact in facts {
                let times = ids.iter().filter(|id| *id == fact).count();
                assert_eq!(times, 1, "{id}: {fact} is there {times} times");
            }
        }
    }
}

#[test]
fn replicas_converge_whatever_the_network_loses() {
    for seed in 0..SEEDS {
        let outcome = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            for _ in 0..STEPS {
                world.step();
            }
            world.settle();
            world.check();
        });
        if let Err(panic) = outcome {
            eprintln!("the failing seed is {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// A profile that moves up in the feed while a replica pages owes it every change since the page
/// that the replica was last complete at, not only those above its position.
#[test]
fn a_profile_that_moves_while_a_replica_pages_loses_no_change() {
    let mut world = World::new(1);
    world.faults = false;
    for i in 0..PROFILES {
        let record = json!({"schema": "user_profile.v1", "id": format!("p{i}")});
        import(&world.replicas[0].store, 0, &record);
    }
    world.settle();
    let set = |world: &mut World, id: &str, key: &str| {
        let edit = [Edit::Set { pointer: format!("/attributes/{key}"), value: json!(1) }];
        let replica = &world.replicas[0];
        replica.store.edit(&replica.session, world.clock, id, &edit).unwrap();
        world.tell(0, Event::SyncNow);
        while world.replicas[0].effect.is_some() {
            world.exchange(0);
        }
    };
    for i in 0..PROFILES {
        set(&mut world, &format!("p{i}"), "first");
    }
    // Replica 1 takes one page of two profiles; then the next one in line moves to the end of the
    // feed, and the page that replaces it goes past the revision of its first change.
    world.tell(1, Event::SyncNow);
    world.exchange(1);
    set(&mut world, "p2", "second");
    while world.replicas[1].effect.is_some() {
        world.exchange(1);
    }
    world.settle();
    assert_eq!(world.export(0), world.export(1));
}

/// A data folder that was copied while a program ran numbers two different changes alike. That
/// profile is set aside with the reason; everything else goes on, and nothing of it is lost.
#[test]
fn a_copied_data_folder_stops_one_profile_and_no_other() {
    let mut world = World::new(2);
    world.faults = false;
    world.replicas[1].session.actor = world.replicas[0].session.actor;
    for id in ["p0", "p1"] {
        let record = json!({"schema": "user_profile.v1", "id": id});
        import(&world.replicas[0].store, 0, &record);
    }
    world.settle();
    let edit = |world: &World, at: usize, id: &str, value: &str| {
        let edit = [Edit::Set { pointer: "/attributes/x".into(), value: json!(value) }];
        let replica = &world.replicas[at];
        replica.store.edit(&replica.session, world.clock, id, &edit).unwrap();
    };
    edit(&world, 0, "p0", "original");
    edit(&world, 1, "p0", "copy");
    edit(&world, 1, "p1", "fine");
    for at in [0, 1, 0, 1, 2] {
        world.tell(at, Event::SyncNow);
        world.run_cycle(at, &mut 0);
    }
    let value = |at: usize, id: &str| {
        world.replicas[at].store.record(id).unwrap().members()["attributes"]["x"].clone()
    };
    assert_eq!(value(0, "p1"), json!("fine"), "the other profile went through");
    assert_eq!(value(2, "p0"), json!("original"));
    assert_eq!(value(1, "p0"), json!("copy"), "what was typed there is still there");
    let copy = world.replicas[1].store.profile("p0").unwrap();
    assert!(copy.rejected.is_some(), "and says that it is set aside");
    assert_eq!(world.replicas[0].store.totals().unwrap().rejected, 0);
}
