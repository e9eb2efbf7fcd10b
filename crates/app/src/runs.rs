//! Work that a person started and may stop, each on a thread of its own: exports, downloads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::hub::Hub;
use crate::shared::lock;

/// Progress is told at most ten times a second.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Runs of a sort that are remembered in a session.
const KEPT_MAX: usize = 100;

/// What is shown of a run.
pub(crate) trait Shown: Clone + Send + 'static {
    /// What one is called in messages, and its thread.
    const NAME: &'static str;

    /// Whether it still runs.
    fn is_running(&self) -> bool;

    /// The event that tells it.
    fn event(self) -> HostEvent;
}

#[derive(Debug)]
struct Run<S> {
    shown: S,
    cancel: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

type All<S> = Mutex<BTreeMap<u64, Run<S>>>;

/// The runs of a sort in this session.
#[derive(Debug)]
pub(crate) struct Runs<S> {
    all: Arc<All<S>>,
    next: AtomicU64,
}

impl<S> Default for Runs<S> {
    fn default() -> Self {
        Self { all: Arc::default(), next: AtomicU64::default() }
    }
}

impl<S: Shown> Runs<S> {
    /// Starts a run. `shown` makes what is shown of the one with this number, and may refuse because of
    /// those that run; `work` does it.
    pub(crate) fn start(
        &self,
        hub: &Arc<Hub>,
        shown: impl FnOnce(u64, &[&S]) -> Result<S, Problem>,
        work: impl FnOnce(Telling<S>) + Send + 'static,
    ) -> Result<S, Problem> {
        let mut all = lock(&self.all);
        let running: Vec<&S> =
            all.values().map(|run| &run.shown).filter(|shown| shown.is_running()).collect();
        let run = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let shown = shown(run, &running)?;
        let telling = Telling {
            run,
            all: Arc::clone(&self.all),
            hub: Arc::clone(hub),
            cancel: Arc::default(),
            told: Instant::now(),
        };
        let cancel = Arc::clone(&telling.cancel);
        let thread = std::thread::Builder::new()
            .name(S::NAME.to_owned())
            .spawn(move || work(telling))
            .map_err(|e| {
                let message = format!("start the {} thread: {e}", S::NAME);
                Problem::new(ProblemCode::Internal, message)
            })?;
        while all.len() >= KEPT_MAX {
            all.pop_first();
        }
        all.insert(run, Run { shown: shown.clone(), cancel, thread: Some(thread) });
        Ok(shown)
    }

    /// Asks a run to stop.
    pub(crate) fn stop(&self, run: u64) -> Result<S, Problem> {
        let all = lock(&self.all);
        let run = all.get(&run).ok_or_else(|| unknown::<S>(run))?;
        run.cancel.store(true, Ordering::Relaxed);
        Ok(run.shown.clone())
    }

    /// A run as it is.
    pub(crate) fn get(&self, run: u64) -> Result<S, Problem> {
        lock(&self.all).get(&run).map(|run| run.shown.clone()).ok_or_else(|| unknown::<S>(run))
    }

    /// What runs, the oldest.
    pub(crate) fn running(&self) -> Option<S> {
        let all = lock(&self.all);
        all.values().map(|run| &run.shown).find(|shown| shown.is_running()).cloned()
    }

    /// Whether one runs.
    pub(crate) fn is_busy(&self) -> bool {
        lock(&self.all).values().any(|run| run.shown.is_running())
    }

    /// Stops what runs and waits for it.
    pub(crate) fn shutdown(&self) {
        let threads: Vec<JoinHandle<()>> = {
            let mut all = lock(&self.all);
            all.values().for_each(|run| run.cancel.store(true, Ordering::Relaxed));
            all.values_mut().filter_map(|run| run.thread.take()).collect()
        };
        for thread in threads {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

fn unknown<S: Shown>(run: u64) -> Problem {
    let message = format!("there is no {} {run} in this session", S::NAME);
    Problem::new(ProblemCode::NotFound, message)
}

/// What the thread of a run is given.
pub(crate) struct Telling<S> {
    run: u64,
    all: Arc<All<S>>,
    hub: Arc<Hub>,
    cancel: Arc<AtomicBool>,
    told: Instant,
}

impl<S: Shown> Telling<S> {
    /// Becomes `true` when somebody stops it.
    pub(crate) fn cancel(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancel)
    }

    /// Changes what is shown, and tells it.
    pub(crate) fn tell(&self, change: impl FnOnce(&mut S)) {
        let shown = lock(&self.all).get_mut(&self.run).map(|run| {
            change(&mut run.shown);
            run.shown.clone()
        });
        if let Some(shown) = shown {
            self.hub.emit(&shown.event());
        }
    }

    /// Tells how far it is, where that was not told just now.
    pub(crate) fn progress(&mut self, change: impl FnOnce(&mut S)) {
        if self.told.elapsed() >= PROGRESS_EVERY {
            self.told = Instant::now();
            self.tell(change);
        }
    }
}
