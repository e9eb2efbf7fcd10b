//! One run: replicas, relays and the network between them, moved on by the queue.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::rc::Rc;

use kartei_local_store::{PageEnd, PushBatch, Session, StoreError};
use kartei_protocol::sync::{ProfileLine, PushAnswer};
use kartei_sync_core::{Effect, Event, Failure, Phase};
use kartei_test_support::Dice;
use tempfile::TempDir;

use crate::broken::{Broken, Invariant, Result};
use crate::ledger::Ledger;
use crate::people::pick;
use crate::plan::{PerMille, Plan};
use crate::queue::{Answer, Asks, Happening, Queue, Request, Says};
use crate::relays::{Database, Sabotage};
use crate::replica::{End, Replica, Waiting};

/// When a run begins, in milliseconds since 1970.
const BEGINNING: u64 = 1_795_219_200_000;

/// How long a program waits for an answer.
const TIMEOUT_MS: u64 = 20_000;

/// Without faults everybody is at rest after this long, some polls and the longest pause after
/// failures; else something goes round in circles.
const REST_MS_MAX: u64 = 15 * 60 * 1_000;

/// And after so many happenings for each replica: a tenth of it is common.
const REST_STEPS_MAX: u64 = 200;

/// What happened in a run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) happenings: u64,
    pub(crate) acts: u64,
    pub(crate) acknowledged: u64,
    pub(crate) faults: u64,
    pub(crate) crashes: u64,
    /// Losses of power that took something, and files that had to be imported again then.
    pub(crate) power: u64,
    pub(crate) lost: u64,
    pub(crate) full: u64,
    pub(crate) beside: u64,
    pub(crate) replayed: u64,
    pub(crate) compared: u64,
    pub(crate) conflicts: u64,
    /// Deletions that were forgotten, backups restored, replicas that read everything anew.
    pub(crate) swept: u64,
    pub(crate) restored: u64,
    pub(crate) reread: u64,
    /// Exchanges after which digests agreed, and profiles that were mended.
    pub(crate) agreed: u64,
    pub(crate) mended: u64,
}

/// Everything of one run.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) dice: Dice,
    pub(crate) queue: Queue,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) databases: Vec<Database>,
    pub(crate) ledger: Ledger,
    pub(crate) counts: Counts,
    /// Whether faults still come.
    pub(crate) storm: bool,
    /// Which replica cannot reach which relay.
    pub(crate) cut: BTreeSet<(usize, usize)>,
    /// Replicas with an open store, the one used last at the end.
    open: VecDeque<usize>,
    requests: u64,
    /// Of all that happened, in its order.
    trace: DefaultHasher,
}

/// A folder that is gone with the run; in memory where the system has such a place, because a run
/// writes much and none of it is to last.
fn folder() -> std::io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }
}

impl World {
    pub(crate) fn new(plan: Plan) -> Result<Self> {
        let mut dice = Dice::seeded(plan.seed);
        let now = i64::try_from(BEGINNING).unwrap_or(0);
        let databases = (0..plan.databases)
            .map(|_| Database::new(&plan, now, folder()?))
            .collect::<Result<Vec<_>>>()?;
        let replicas = (0..plan.replicas)
            .map(|index| {
                // Two organisations have one replica at least, the first has most.
                let place = match index {
                    0 | 1 => (0, 0),
                    2 => (0, 1),
                    _ if dice.roll(3) > 0 => (0, 0),
                    _ => (pick(dice.roll(plan.databases as u64)), pick(dice.roll(2))),
                };
                Replica::new(index, place, folder()?, &mut dice)
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            plan,
            dice,
            queue: Queue::new(BEGINNING),
            replicas,
            databases,
            ledger: Ledger::default(),
            counts: Counts::default(),
            storm: true,
            cut: BTreeSet::new(),
            open: VecDeque::new(),
            requests: 0,
            trace: DefaultHasher::new(),
        })
    }

    /// Runs to the end and looks at everything then.
    pub(crate) fn run(&mut self) -> Result<()> {
        for at in 0..self.replicas.len() {
            if self.dice.roll(3) == 0 {
                self.opened(at);
                self.import(at)?;
            }
            self.tell(at, Event::SyncNow)?;
            let pause = self.dice.roll(2 * self.plan.pause_ms);
            self.queue.after(pause, Happening::Act { replica: at });
        }
        if self.plan.fault_ms > 0 {
            self.queue.after(self.plan.fault_ms, Happening::Fault);
        }
        while self.counts.acts < self.plan.acts {
            self.step()?;
        }
        self.calm_down()?;
        let latest = self.queue.now() + REST_MS_MAX;
        let last = self.counts.happenings + REST_STEPS_MAX * self.replicas.len() as u64;
        while !self.rests()? {
            self.step()?;
            if self.queue.now() > latest || self.counts.happenings > last {
                return Err(Broken::new(Invariant::Rest, self.restless()?));
            }
        }
        Ok(())
    }

    /// Prints what happens, where somebody wants to see it.
    pub(crate) fn say(&self, what: impl FnOnce() -> String) {
        if self.plan.told {
            println!("{:>12} {}", self.queue.now() - BEGINNING, what());
        }
    }

    /// The same for two runs of the same plan.
    pub(crate) fn trace(&self) -> u64 {
        self.trace.finish()
    }

    fn step(&mut self) -> Result<()> {
        let Some(happening) = self.queue.next() else {
            return Err(Broken::new(Invariant::Rest, "nothing happens any more"));
        };
        self.counts.happenings += 1;
        self.queue.now().hash(&mut self.trace);
        std::mem::discriminant(&happening).hash(&mut self.trace);
        match happening {
            Happening::Act { replica } => {
                if self.storm {
                    let pause = self.dice.roll(2 * self.plan.pause_ms);
                    self.queue.after(pause, Happening::Act { replica });
                    if self.replicas[replica].awake {
                        self.opened(replica);
                        self.act(replica)?;
                    }
                }
                Ok(())
            }
            Happening::Alarm { replica, run, number } => {
                let it = &self.replicas[replica];
                let counts = it.awake && it.run == run && it.alarm == number;
                if counts { self.tell(replica, Event::Woke) } else { Ok(()) }
            }
            Happening::Timeout { replica, request } => {
                match self.replicas[replica].answered(request) {
                    Some(_) => self.tell(replica, Event::Failed(Failure::Transient)),
                    None => Ok(()),
                }
            }
            Happening::Request(request) => self.serve(&request),
            Happening::Answer(answer) => self.receive(&answer),
            Happening::Notice { replica, run, head_rev } => self.notice(replica, run, head_rev),
            Happening::Fault => self.fault(),
            Happening::Mended(fault, replica) => self.mended(fault, replica),
        }
    }

    /// Tells an engine what happened and does what it says.
    pub(crate) fn tell(&mut self, at: usize, event: Event) -> Result<()> {
        let random = self.dice.roll(u64::MAX);
        let now = self.queue.now();
        (at, format!("{event:?}")).hash(&mut self.trace);
        let effect = self.replicas[at].engine.handle(now, random, event);
        self.say(|| format!("{at}: {event:?} → {effect:?}"));
        let replica = &mut self.replicas[at];
        match effect {
            None => Ok(()),
            Some(Effect::WakeAt(moment)) => {
                replica.alarm += 1;
                let (run, number) = (replica.run, replica.alarm);
                self.queue.at(moment, Happening::Alarm { replica: at, run, number });
                self.look_in(at)
            }
            Some(_) if replica.waiting.is_some() => {
                let detail = format!("replica {at} is to ask while it waits for an answer");
                Err(Broken::new(Invariant::Failure, detail))
            }
            Some(effect) => self.ask(at, effect == Effect::Push),
        }
    }

    /// Sends what an engine asks for.
    fn ask(&mut self, at: usize, push: bool) -> Result<()> {
        self.opened(at);
        self.requests += 1;
        let number = self.requests;
        let replica = &mut self.replicas[at];
        let (asks, batch) = if push {
            let batch = replica.store()?.next_push(self.plan.page)?;
            (Asks::Take(serde_json::to_string(&batch.items)?), Some(Rc::new(batch)))
        } else {
            (Asks::Page(replica.store()?.sync_settings()?.cursor), None)
        };
        self.say(|| format!("{at}: asks {asks:?}"));
        let replica = &mut self.replicas[at];
        replica.waiting = Some(Waiting { request: number, batch });
        let handle = pick(self.dice.roll(self.plan.handles as u64));
        let request = Request { replica: at, run: self.replicas[at].run, number, handle, asks };
        self.queue.after(TIMEOUT_MS, Happening::Timeout { replica: at, request: number });
        if !self.cut.contains(&(at, handle)) {
            let request = Rc::new(request);
            self.send(|| Happening::Request(Rc::clone(&request)));
        }
        Ok(())
    }

    /// Gives a message to the network, which may lose it, keep it for a while, or carry it twice.
    fn send(&mut self, message: impl Fn() -> Happening) {
        if self.chance(self.plan.lost) {
            return;
        }
        let times = if self.chance(self.plan.doubled) { 2 } else { 1 };
        for _ in 0..times {
            // Most are quick; a few take as long as any.
            let longest = if self.dice.roll(8) == 0 { self.plan.delay_ms } else { 50 };
            let delay = self.dice.roll(longest + 1);
            self.queue.after(delay, message());
        }
    }

    /// Whether something happens that only happens in the storm.
    pub(crate) fn chance(&mut self, chance: PerMille) -> bool {
        self.storm && chance > 0 && self.dice.roll(1_000) < chance
    }

    fn serve(&mut self, request: &Rc<Request>) -> Result<()> {
        let at = request.replica;
        if self.cut.contains(&(at, request.handle)) {
            return Ok(());
        }
        let (database, organisation) = self.replicas[at].place();
        let now = i64::try_from(self.queue.now()).unwrap_or(i64::MAX);
        let relays = &mut self.databases[database];
        let head = relays.organisations[organisation].head;
        let says = match &request.asks {
            Asks::Page(cursor) => {
                relays.page(request.handle, organisation, cursor.as_ref(), self.plan.page)?
            }
            Asks::Take(items) => relays.take(request.handle, organisation, now, items)?,
        };
        let head_rev = self.databases[database].organisations[organisation].head;
        if head_rev > head {
            self.give_notice((database, organisation), head_rev);
        }
        if self.chance(self.plan.dies) {
            // The relay dies with its work done and nobody told.
            return self.databases[database].restart(request.handle);
        }
        let answer = Rc::new(Answer { request: Rc::clone(request), says });
        self.send(|| Happening::Answer(Rc::clone(&answer)));
        Ok(())
    }

    fn give_notice(&mut self, place: (usize, usize), head_rev: u64) {
        for replica in 0..self.replicas.len() {
            let it = &self.replicas[replica];
            if it.place() != place || !it.awake || it.engine.phase() == Phase::Halted {
                continue;
            }
            let run = it.run;
            if !self.chance(self.plan.notices_lost) {
                let delay = self.dice.roll(1_000);
                self.queue.after(delay, Happening::Notice { replica, run, head_rev });
            }
        }
    }

    fn notice(&mut self, at: usize, run: u32, head_rev: u64) -> Result<()> {
        let replica = &mut self.replicas[at];
        if !replica.awake || replica.run != run {
            return Ok(());
        }
        self.opened(at);
        let cursor = self.replicas[at].store()?.sync_settings()?.cursor;
        let complete_rev = cursor.map_or(0, |cursor| cursor.base);
        self.tell(at, Event::HeadNotice { head_rev, complete_rev })
    }

    fn receive(&mut self, answer: &Answer) -> Result<()> {
        let at = answer.request.replica;
        let handle = answer.request.handle;
        let replica = &mut self.replicas[at];
        let here = replica.awake && replica.run == answer.request.run;
        if !here || self.cut.contains(&(at, handle)) {
            return Ok(());
        }
        self.opened(at);
        let number = answer.request.number;
        if let Some(waiting) = self.replicas[at].answered(number) {
            let session = self.replicas[at].session.clone();
            let late = self.counts.acts > self.plan.acts / 2;
            let relays = &mut self.databases[self.replicas[at].database];
            let taken = matches!(answer.says, Says::Taken { .. });
            if taken && late && at < 2 && relays.is_to(Sabotage::WrongReplica) {
                let other = 1 - at;
                let session = self.replicas[other].session.clone();
                self.apply(other, &session, answer, waiting.batch.as_deref())?;
            }
            let event = self.apply(at, &session, answer, waiting.batch.as_deref())?;
            if self.chance(self.plan.dies) {
                let how = [End::Stopped, End::Killed, End::PowerLost][pick(self.dice.roll(3))];
                return self.crash(at, how);
            }
            return self.tell(at, event);
        }
        // Nobody here waits for it; another program on the same folder may have asked the same.
        let past = self.replicas[at].past.iter().find(|past| past.request == number).cloned();
        if let Some(past) = past
            && self.chance(self.plan.beside)
        {
            self.counts.beside += 1;
            self.say(|| format!("{at}: another program, late:"));
            let session = self.replicas[at].beside.clone();
            self.apply(at, &session, answer, past.batch.as_deref())?;
        }
        Ok(())
    }

    /// Applies an answer to a replica's store, as its program does.
    fn apply(
        &mut self,
        at: usize,
        session: &Session,
        answer: &Answer,
        batch: Option<&PushBatch>,
    ) -> Result<Event> {
        let now = self.replicas[at].clock(self.queue.now());
        self.say(|| format!("{at}: applies the answer {:?}", answer.says));
        let done = match (&answer.says, batch) {
            (Says::StartOver(why), _) => {
                let Asks::Page(asked) = &answer.request.asks else {
                    return Ok(Event::Failed(Failure::Transient));
                };
                // The program asks again where another one moved the cursor meanwhile.
                if self.replicas[at].store()?.sync_settings()?.cursor != *asked {
                    return Ok(Event::Failed(Failure::Transient));
                }
                return self.start_over(at, *why);
            }
            (Says::Page { lines, cursor, more, total }, _) => {
                let Asks::Page(asked) = &answer.request.asks else {
                    return Ok(Event::Failed(Failure::Transient));
                };
                let lines: Vec<ProfileLine> = serde_json::from_str(lines)?;
                let before = self.beginnings(at, lines.iter().map(|line| line.id.as_str()))?;
                let store = self.replicas[at].store()?;
                let (asked, cursor, total) = (asked.clone(), cursor.clone(), total.clone());
                let end = PageEnd { asked, cursor, total };
                let pulled = store.apply_pull(session, now, &lines, &end);
                self.begun_anew(at, before)?;
                match pulled {
                    Ok(pulled) => {
                        let more = *more || pulled.cursor.is_none();
                        let to_send = if more || pulled.to_send {
                            pulled.to_send
                        } else {
                            self.compared(at, pulled.agrees)?
                        };
                        Ok(Event::Pulled { more, to_send })
                    }
                    Err(error) => Err(error),
                }
            }
            (Says::Taken { answers, end }, Some(batch)) => {
                let answers: Vec<PushAnswer> = serde_json::from_str(answers)?;
                let before =
                    self.beginnings(at, batch.items.iter().map(|item| item.id.as_str()))?;
                let store = self.replicas[at].store()?;
                let settled = store.settle(session, now, batch, &answers, end);
                self.begun_anew(at, before)?;
                match settled {
                    Ok(settled) => {
                        let to_send = if settled.to_send || !settled.complete {
                            settled.to_send
                        } else {
                            self.compared(at, settled.agrees)?
                        };
                        let progress = settled.accepted + settled.replayed + settled.rejected > 0;
                        Ok(Event::Pushed { to_send, progress, complete: settled.complete })
                    }
                    Err(error) => Err(error),
                }
            }
            // An answer of the other kind, by sabotage.
            (Says::Taken { .. }, None) => return Ok(Event::Failed(Failure::Transient)),
        };
        match done {
            Ok(event) => Ok(event),
            Err(StoreError::DiskFull | StoreError::Locked) => {
                self.counts.full += 1;
                Ok(Event::Failed(Failure::Transient))
            }
            Err(error) => {
                let detail = format!("replica {at} cannot apply an answer: {error}");
                Err(Broken::new(Invariant::Failure, detail))
            }
        }
    }

    /// What profiles began with whose acknowledged edits could be put on another beginning.
    fn beginnings<'a>(
        &mut self,
        at: usize,
        ids: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<(String, [u8; 32])>> {
        let mut beginnings = Vec::new();
        for id in ids {
            let edits = &self.ledger.edits;
            if edits.iter().any(|e| e.replica == at && e.id == id && !e.replayed) {
                match self.replicas[at].store()?.history(id) {
                    Ok(first) => {
                        beginnings.push((id.to_owned(), first[0].entry.change.bytes()));
                    }
                    // The relay forgot it, and so did this replica.
                    Err(StoreError::NotFound(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(beginnings)
    }

    fn begun_anew(&mut self, at: usize, before: Vec<(String, [u8; 32])>) -> Result<()> {
        for (id, beginning) in before {
            let history = match self.replicas[at].store()?.history(&id) {
                Ok(history) => history,
                Err(StoreError::NotFound(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            if history[0].entry.change.bytes() == beginning {
                continue;
            }
            self.counts.replayed += 1;
            for edit in self.ledger.edits.iter_mut().filter(|e| e.replica == at && e.id == id) {
                edit.replayed = true;
            }
        }
        Ok(())
    }

    /// Notes that a replica's store is used, and closes the one that was not for the longest time.
    pub(crate) fn opened(&mut self, at: usize) {
        if self.replicas.len() <= self.plan.open_max {
            return;
        }
        self.open.retain(|open| *open != at);
        self.open.push_back(at);
        while self.open.len() > self.plan.open_max {
            if let Some(oldest) = self.open.pop_front() {
                self.replicas[oldest].close();
            }
        }
    }
}
