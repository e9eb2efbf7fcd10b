//! Analyses: asked for here, sent once the relay can be reached, followed until they end.
//!
//! ```text
//! ask_analysis ─▶ store: it waits ─▶ thread: submits it, with its key ─▶ relay
//! list_analyses ◀─ store: as heard last   │ follows what may still change ◀── events
//! window ◀─ HostEvent::Analysis ◀─ Board ◀┘ asks what the person is told: every half minute, and after an end
//! ```
//! The relay makes analyses and knows what became of them. What is kept here lets a window open at once, and without
//! a connection.

mod cohort;
mod commands;
mod direct;
mod here;
mod pace;
mod shown;
mod work;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use kartei_local_store::{HeardAnalysis, Store, StoredAnalysis};
use kartei_protocol::desktop::{Analyses as AnalysisList, Analysis, Notification, Notifications};
use kartei_protocol::events::HostEvent;
use kartei_protocol::jobs::{JobInfo, NewJob, Note, NotePage};
use kartei_protocol::problem::{Problem, ProblemCode};
use serde_json::Value;

use here::{HERE, Here};

use crate::hub::Hub;
use crate::problem::of_store;
use crate::shared::{Shared, lock, place};
use crate::worker::{Order, Worker};

/// What is known of an analysis only while it is followed.
#[derive(Debug, Clone, Default)]
struct Live {
    /// What it comes to so far.
    report: Option<Value>,
    seconds_left: Option<f64>,
}

/// What analyses tell: the store, the listeners, and what is known for now.
pub(crate) struct Board {
    store: Arc<Store>,
    hub: Arc<Hub>,
    live: Mutex<HashMap<String, Live>>,
    /// What the person was told; nothing before the relay was heard for the first time.
    told: Mutex<Option<NotePage>>,
    /// Why those that wait here do.
    in_the_way: Mutex<Option<Problem>>,
    /// Whether the relay is of an earlier version, which makes none.
    is_old: AtomicBool,
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board").finish_non_exhaustive()
    }
}

impl Board {
    fn new(store: Arc<Store>, hub: Arc<Hub>) -> Self {
        Self {
            store,
            hub,
            live: Mutex::default(),
            told: Mutex::default(),
            in_the_way: Mutex::default(),
            is_old: AtomicBool::new(false),
        }
    }

    /// Nothing is known any more of what only the relay knows.
    fn forget_all(&self) {
        lock(&self.live).clear();
        *lock(&self.told) = None;
        *lock(&self.in_the_way) = None;
        self.is_old.store(false, Ordering::Relaxed);
    }

    /// Which relay and organisation is signed in to.
    fn relay(&self) -> Result<String, Problem> {
        let settings = self.store.sync_settings().map_err(|e| of_store(&e))?;
        place(&settings).ok_or_else(|| {
            let message = "no relay: sign in first; analyses are made there";
            Problem::new(ProblemCode::NotSignedIn, message)
        })
    }

    fn shown(&self, stored: &StoredAnalysis) -> Analysis {
        let live = |job| lock(&self.live).get(job).and_then(|live| live.seconds_left);
        let seconds_left = stored.job.as_ref().and_then(live);
        shown::analysis(stored, seconds_left, lock(&self.in_the_way).as_ref())
    }

    /// Those of the relay, where there is one, and those that are made here.
    fn all(&self) -> Result<AnalysisList, Problem> {
        let mut stored = self.store.analyses(HERE).map_err(|e| of_store(&e))?;
        if let Ok(relay) = self.relay() {
            stored.extend(self.store.analyses(&relay).map_err(|e| of_store(&e))?);
        }
        // Those that wait, then the newest first.
        stored.sort_by_key(|one| (one.job.is_some(), std::cmp::Reverse(one.created_at)));
        let analyses = stored.iter().map(|one| self.shown(one)).collect();
        Ok(AnalysisList { analyses, supported: !self.is_old.load(Ordering::Relaxed) })
    }

    fn tell(&self, stored: &StoredAnalysis) -> Analysis {
        let analysis = self.shown(stored);
        self.hub.emit(&HostEvent::Analysis { analysis: analysis.clone() });
        analysis
    }

    fn tell_gone(&self, id: String, now: Option<String>) {
        self.hub.emit(&HostEvent::AnalysisGone { id, now });
    }

    /// Takes an analysis off the list that the relay does not have any more.
    fn forget_job(&self, relay: &str, job: &str) -> Result<(), Problem> {
        let known = self.store.find_analysis_of_job(relay, job).map_err(|e| of_store(&e))?;
        if let Some(known) = known
            && self.store.forget_analysis(known.id).map_err(|e| of_store(&e))?
        {
            self.tell_gone(job.to_owned(), None);
        }
        Ok(())
    }

    /// Keeps what the relay said of an analysis, and tells it where it is new. `waited` is its number here,
    /// where it waited here until now.
    fn hear(
        &self,
        relay: &str,
        waited: Option<u64>,
        info: JobInfo,
        seconds_left: Option<f64>,
    ) -> Result<Analysis, Problem> {
        let asked = NewJob {
            analysis: info.analysis.clone(),
            filter: info.filter.clone(),
            params: info.params.clone(),
        };
        let (job, created_at) = (info.job_id.clone(), info.created_at);
        let mut kept = info;
        if kept.status.is_terminal() {
            lock(&self.live).remove(&job);
        } else {
            // It grows with every second: only its end is worth writing down.
            let report = kept.partial.take();
            let live = Live { report, seconds_left };
            lock(&self.live).insert(job.clone(), live);
        }
        let heard = HeardAnalysis {
            asked: serde_json::to_string(&asked).unwrap_or_default(),
            heard: serde_json::to_string(&kept).unwrap_or_default(),
            event_seq: kept.event_seq,
            job,
            created_at,
        };
        let heard = self.store.hear_analysis(relay, waited, &heard);
        let (stored, is_new) = heard.map_err(|e| of_store(&e))?;
        if let Some(number) = waited {
            self.tell_gone(shown::local_id(number), stored.job.clone());
        }
        Ok(if is_new { self.tell(&stored) } else { self.shown(&stored) })
    }

    /// An analysis that a note is about, where it is known here.
    fn of_note(&self, relay: &str, note: &Note) -> Option<Analysis> {
        let job = note.job_id.as_deref()?;
        let stored = self.store.find_analysis_of_job(relay, job).ok()??;
        Some(self.shown(&stored))
    }

    fn note(&self, relay: &str, note: &Note) -> Notification {
        shown::notification(note, self.of_note(relay, note))
    }

    fn notes(&self) -> Result<Notifications, Problem> {
        let relay = self.relay()?;
        let told = lock(&self.told);
        let Some(page) = &*told else { return Ok(Notifications::default()) };
        Ok(Notifications {
            notifications: page.notifications.iter().map(|note| self.note(&relay, note)).collect(),
            unread: page.unread,
            heard: true,
        })
    }

    /// Takes what the relay tells the person, and tells what is new of it.
    fn hear_notes(&self, relay: &str, page: &NotePage) {
        let before = lock(&self.told).replace(page.clone());
        if before.as_ref() == Some(page) {
            return;
        }
        let newest = before.map(|before| before.notifications.first().map_or(0, |note| note.id));
        let is_fresh = |note: &&Note| newest.is_some_and(|newest| note.id > newest);
        let fresh = page.notifications.iter().filter(is_fresh).map(|note| self.note(relay, note));
        let fresh = fresh.collect();
        self.hub.emit(&HostEvent::Notified { fresh, unread: page.unread });
    }
}

/// What the thread is told.
#[derive(Debug)]
enum Message {
    /// Something waits, or somebody wants to see what is there.
    Look,
    Stop,
}

impl Order for Message {
    const STOP: Self = Self::Stop;

    fn is_stop(&self) -> bool {
        matches!(self, Self::Stop)
    }
}

/// The analyses of a data folder.
#[derive(Debug)]
pub(crate) struct Analyses {
    board: Arc<Board>,
    thread: Worker<Message>,
    here: Here,
}

impl Analyses {
    pub(crate) fn new(store: Arc<Store>, hub: Arc<Hub>) -> Self {
        let board = Arc::new(Board::new(store, hub));
        Self { board, thread: Worker::default(), here: Here::default() }
    }

    /// Starts, or starts anew after the relay changed. Does nothing without a relay.
    pub(crate) fn start(&self, shared: &Arc<Shared>) -> Result<(), Problem> {
        self.stop();
        self.here.start(&self.board)?;
        let Ok(relay) = self.board.relay() else { return Ok(()) };
        let (shared, board) = (Arc::clone(shared), Arc::clone(&self.board));
        self.thread.start("analyses", move |messages, _| {
            let done = crate::sync::block_on(work::work(shared, board, relay, messages));
            if let Err(problem) = done {
                tracing::error!(code = ?problem.code, "Analyses are not followed");
            }
        })
    }

    /// Stops and waits.
    pub(crate) fn stop(&self) {
        self.here.stop();
        self.thread.stop();
        self.board.forget_all();
    }

    fn look(&self) {
        self.thread.send(Message::Look);
    }
}
