//! Imports one after another, on a thread of their own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};
use kartei_local_store::Store;
use kartei_protocol::desktop::{ImportRun, ImportState};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::hub::Hub;
use crate::import::{Job, Progress, import_file};

/// Files in one request at most: a person drops some; thousands would be a folder.
pub(crate) const FILES_MAX: usize = 1_000;

/// Runs that are remembered in a session.
const RUNS_KEPT_MAX: usize = 100;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) paths: Vec<String>,
    pub(crate) by: Option<String>,
    /// A watched folder brought it.
    pub(crate) watched: bool,
    pub(crate) dry_run: bool,
    pub(crate) lines_max: Option<u64>,
}

struct Run {
    shown: ImportRun,
    request: Request,
    cancel: Arc<AtomicBool>,
}

#[derive(Default)]
struct Runs(Mutex<BTreeMap<u64, Run>>);

impl Runs {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is shown of a run, and answers it.
    fn update(&self, run: u64, change: impl FnOnce(&mut ImportRun)) -> Option<ImportRun> {
        let mut runs = self.lock();
        let entry = runs.get_mut(&run)?;
        change(&mut entry.shown);
        Some(entry.shown.clone())
    }
}

/// The imports of this session.
pub(crate) struct ImportQueue {
    runs: Arc<Runs>,
    next: AtomicU64,
    requests: Mutex<Option<Sender<u64>>>,
    worker: Mutex<Option<JoinHandle<()>>>,
    /// Number in the history of the import that runs; 0 for none.
    running: Arc<AtomicU64>,
}

impl std::fmt::Debug for ImportQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportQueue").finish_non_exhaustive()
    }
}

impl ImportQueue {
    /// Starts the thread. `after` is called when an import has written something.
    pub(crate) fn start(
        data_dir: PathBuf,
        store: Arc<Store>,
        hub: Arc<Hub>,
        after: impl Fn() + Send + 'static,
    ) -> Result<Self, Problem> {
        let running = Arc::new(AtomicU64::new(0));
        let runs = Arc::new(Runs::default());
        let (requests, waiting) = unbounded();
        let worker = Worker {
            data_dir,
            store,
            hub,
            runs: Arc::clone(&runs),
            running: Arc::clone(&running),
            after: Box::new(after),
        };
        let worker = std::thread::Builder::new()
            .name("import".to_owned())
            .spawn(move || worker.work(&waiting))
            .map_err(|e| {
                Problem::new(ProblemCode::Internal, format!("start the import thread: {e}"))
            })?;
        Ok(Self {
            runs,
            next: AtomicU64::new(1),
            requests: Mutex::new(Some(requests)),
            worker: Mutex::new(Some(worker)),
            running,
        })
    }

    /// Whether the import of this number in the history runs.
    pub(crate) fn is_running(&self, import: u64) -> bool {
        self.running.load(Ordering::Relaxed) == import
    }

    /// Whether an import runs or waits that writes something.
    pub(crate) fn is_busy(&self) -> bool {
        let waits = |run: &Run| {
            !run.shown.dry_run
                && matches!(run.shown.state, ImportState::Queued | ImportState::Running)
        };
        self.runs.lock().values().any(waits)
    }

    pub(crate) fn add(&self, request: Request) -> Result<ImportRun, Problem> {
        let files = request.paths.clone();
        if files.is_empty() || files.len() > FILES_MAX {
            let message = format!("an import takes 1 to {FILES_MAX} files");
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        let run = self.next.fetch_add(1, Ordering::Relaxed);
        let shown = ImportRun {
            run,
            state: ImportState::Queued,
            dry_run: request.dry_run,
            files,
            file_index: 0,
            lines: 0,
            bytes: 0,
            bytes_total: 0,
            lines_per_second: 0.0,
            seconds_left: None,
            reports: Vec::new(),
        };
        {
            let mut runs = self.runs.lock();
            while runs.len() >= RUNS_KEPT_MAX {
                runs.pop_first();
            }
            runs.insert(run, Run { shown: shown.clone(), request, cancel: Arc::default() });
        }
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = requests.as_ref().is_some_and(|requests| requests.send(run).is_ok());
        if sent { Ok(shown) } else { Err(Problem::new(ProblemCode::Internal, "Kartei is closing")) }
    }

    pub(crate) fn get(&self, run: u64) -> Result<ImportRun, Problem> {
        self.runs.update(run, |_| ()).ok_or_else(|| unknown(run))
    }

    pub(crate) fn cancel(&self, run: u64) -> Result<ImportRun, Problem> {
        let runs = self.runs.lock();
        let entry = runs.get(&run).ok_or_else(|| unknown(run))?;
        entry.cancel.store(true, Ordering::Relaxed);
        Ok(entry.shown.clone())
    }

    /// Stops the running import after its current batch and waits for the thread.
    pub(crate) fn shutdown(&self) {
        for run in self.runs.lock().values() {
            run.cancel.store(true, Ordering::Relaxed);
        }
        drop(self.requests.lock().unwrap_or_else(PoisonError::into_inner).take());
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker {
            // A panic there was reported when it happened.
            let _ = worker.join();
        }
    }
}

fn unknown(run: u64) -> Problem {
    Problem::new(ProblemCode::NotFound, format!("there is no import {run} in this session"))
}

/// What the thread works with.
struct Worker {
    data_dir: PathBuf,
    store: Arc<Store>,
    hub: Arc<Hub>,
    runs: Arc<Runs>,
    running: Arc<AtomicU64>,
    after: Box<dyn Fn() + Send>,
}

impl Worker {
    fn work(&self, waiting: &Receiver<u64>) {
        for run in waiting {
            let asked = {
                let runs = self.runs.lock();
                runs.get(&run).map(|entry| (entry.request.clone(), Arc::clone(&entry.cancel)))
            };
            if let Some((request, cancel)) = asked {
                self.run(run, &request, &cancel);
            }
        }
    }

    fn tell(&self, run: u64, change: impl FnOnce(&mut ImportRun)) {
        if let Some(shown) = self.runs.update(run, change) {
            self.hub.emit(&HostEvent::Import { run: shown });
        }
    }

    fn run(&self, run: u64, request: &Request, cancel: &AtomicBool) {
        self.runs.update(run, |shown| shown.state = ImportState::Running);
        let mut end = ImportState::Done;
        for (index, file) in request.paths.iter().enumerate() {
            self.tell(run, |shown| shown.file_index = u32::try_from(index).unwrap_or(u32::MAX));
            let job = Job {
                path: PathBuf::from(file),
                data_dir: self.data_dir.clone(),
                by: request.by.clone(),
                watched: request.watched,
                dry_run: request.dry_run,
                lines_max: request.lines_max,
            };
            let mut began = |import| self.running.store(import, Ordering::Relaxed);
            let mut on_progress = |progress| self.tell(run, |shown| show(shown, progress));
            let outcome = import_file(&self.store, &job, cancel, &mut began, &mut on_progress);
            self.running.store(0, Ordering::Relaxed);
            let counts = &outcome.report.counts;
            if !request.dry_run && counts.created + counts.updated + counts.duplicates > 0 {
                self.hub.profiles_changed();
                (self.after)();
            }
            if outcome.report.failure.is_some() {
                end = ImportState::Failed;
            }
            self.tell(run, |shown| shown.reports.push(outcome.report));
            if outcome.cancelled {
                end = ImportState::Cancelled;
                break;
            }
        }
        self.tell(run, |shown| shown.state = end);
    }
}

#[expect(clippy::cast_precision_loss, reason = "rates for people")]
fn show(shown: &mut ImportRun, progress: Progress) {
    let seconds = progress.elapsed.as_secs_f64();
    shown.lines = progress.lines;
    shown.bytes = progress.bytes;
    shown.bytes_total = progress.bytes_total;
    shown.lines_per_second = if seconds > 0.0 { progress.lines as f64 / seconds } else { 0.0 };
    let left = progress.bytes_total.saturating_sub(progress.bytes) as f64;
    let rate = progress.bytes as f64 / seconds.max(1e-9);
    shown.seconds_left = (progress.bytes > 0 && seconds > 0.5).then(|| left / rate.max(1.0));
}
