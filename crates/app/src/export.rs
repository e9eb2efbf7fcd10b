//! Exports, each on a thread of its own.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kartei_export::{Batch, Error, Existing, Format, Options, Phase, Progress, Source, write_file};
use kartei_local_store::{Exported, StoreError};
use kartei_protocol::desktop::{ExportFormat, ExportProfiles, ExportRun, ExportState, Selection};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::app::App;
use crate::files;
use crate::hub::Hub;
use crate::problem::of_filter;
use crate::shared::Shared;

/// Progress is told at most ten times a second.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Exports that are remembered in a session.
const RUNS_KEPT_MAX: usize = 100;

#[derive(Debug)]
struct Run {
    shown: ExportRun,
    cancel: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The exports of this session.
#[derive(Debug, Default)]
pub(crate) struct Exports {
    runs: Arc<Mutex<BTreeMap<u64, Run>>>,
    next: AtomicU64,
}

impl Exports {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Run>> {
        lock(&self.runs)
    }

    /// Whether an export runs.
    pub(crate) fn is_busy(&self) -> bool {
        self.lock().values().any(|run| run.shown.state == ExportState::Running)
    }

    /// Stops what runs and waits for it; what is not complete leaves no file.
    pub(crate) fn shutdown(&self) {
        let threads: Vec<JoinHandle<()>> = {
            let mut runs = self.lock();
            runs.values().for_each(|run| run.cancel.store(true, Ordering::Relaxed));
            runs.values_mut().filter_map(|run| run.thread.take()).collect()
        };
        for thread in threads {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

fn lock(runs: &Mutex<BTreeMap<u64, Run>>) -> MutexGuard<'_, BTreeMap<u64, Run>> {
    runs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The records of the store, as exports read them.
struct Records<'a, 'b>(&'a mut Exported<'b>);

impl Source for Records<'_, '_> {
    type Error = StoreError;

    fn next(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        self.0.next(|record| batch.push(record))
    }

    fn rewind(&mut self) -> Result<(), StoreError> {
        self.0.rewind();
        Ok(())
    }
}

fn of_export(error: Error<StoreError>, path: &Path, selection: &Selection) -> Problem {
    let message = error.to_string();
    match error {
        Error::Source(error) => of_filter(&error, &selection.filter),
        Error::Write { source, .. } | Error::File { source, .. } => files::of_write(path, &source),
        Error::Exists { .. } => files::unwritable(path, &message),
        Error::Columns { .. } => Problem::new(ProblemCode::FileLimit, message),
        Error::Record { .. } => Problem::new(ProblemCode::StoreDamaged, message),
        Error::Parquet { source, .. } => {
            Problem::new(ProblemCode::Internal, format!("{message}: {source}"))
        }
        Error::Cancelled | Error::Changed { .. } => Problem::new(ProblemCode::Internal, message),
    }
}

fn format_of(format: ExportFormat) -> Format {
    match format {
        ExportFormat::Ndjson => Format::Ndjson,
        ExportFormat::NdjsonGz => Format::NdjsonGz,
        ExportFormat::Csv => Format::Csv,
        ExportFormat::CsvObservations => Format::CsvObservations,
        ExportFormat::Parquet => Format::Parquet,
    }
}

fn name_of(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::Ndjson => "profiles.ndjson",
        ExportFormat::NdjsonGz => "profiles.ndjson.gz",
        ExportFormat::Csv => "profiles.csv",
        ExportFormat::CsvObservations => "observations.csv",
        ExportFormat::Parquet => "profiles.parquet",
    }
}

impl App {
    /// Writes a selection to `out` on this thread. Answers how many profiles there were.
    ///
    /// # Errors
    /// A problem of the store or the filter, or that `out` could not be written.
    pub fn export(
        &self,
        selection: &Selection,
        format: ExportFormat,
        out: impl Write + Send,
    ) -> Result<u64, Problem> {
        let options = Options::new(format_of(format));
        let written = self.shared.store.export(selection, |exported| {
            let mut go_on = |_| ControlFlow::Continue(());
            kartei_export::write(&mut Records(exported), &options, out, &mut go_on)
        });
        match written {
            Ok(Ok(summary)) => Ok(summary.profiles),
            Ok(Err(error)) => Err(of_export(error, Path::new("the output"), selection)),
            Err(error) => Err(of_filter(&error, &selection.filter)),
        }
    }

    pub(crate) fn start_export(&self, request: ExportProfiles) -> Result<ExportRun, Problem> {
        let total = self
            .shared
            .store
            .count_selected(&request.selection)
            .map_err(|e| of_filter(&e, &request.selection.filter))?;
        let path = match &request.to {
            Some(path) => PathBuf::from(path),
            None => files::free_name(&files::downloads(), name_of(request.format)),
        };
        files::must_not_exist(&path)?;
        let run = self.exports.next.fetch_add(1, Ordering::Relaxed) + 1;
        let shown = ExportRun {
            run,
            state: ExportState::Running,
            format: request.format,
            path: path.display().to_string(),
            profiles: 0,
            profiles_total: total,
            bytes: None,
            failure: None,
        };
        let cancel = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            run,
            path,
            request,
            cancel: Arc::clone(&cancel),
            runs: Arc::clone(&self.exports.runs),
            shared: Arc::clone(&self.shared),
        };
        let mut runs = self.exports.lock();
        while runs.len() >= RUNS_KEPT_MAX {
            runs.pop_first();
        }
        runs.insert(run, Run { shown: shown.clone(), cancel, thread: None });
        let thread = std::thread::Builder::new()
            .name("export".to_owned())
            .spawn(move || worker.work())
            .map_err(|e| {
                Problem::new(ProblemCode::Internal, format!("start the export thread: {e}"))
            })?;
        if let Some(entry) = runs.get_mut(&run) {
            entry.thread = Some(thread);
        }
        Ok(shown)
    }

    pub(crate) fn stop_export(&self, run: u64) -> Result<ExportRun, Problem> {
        let runs = self.exports.lock();
        let entry = runs.get(&run).ok_or_else(|| unknown(run))?;
        entry.cancel.store(true, Ordering::Relaxed);
        Ok(entry.shown.clone())
    }

    pub(crate) fn export_run(&self, run: u64) -> Result<ExportRun, Problem> {
        self.exports.lock().get(&run).map(|run| run.shown.clone()).ok_or_else(|| unknown(run))
    }
}

fn unknown(run: u64) -> Problem {
    Problem::new(ProblemCode::NotFound, format!("there is no export {run} in this session"))
}

struct Worker {
    run: u64,
    path: PathBuf,
    request: ExportProfiles,
    cancel: Arc<AtomicBool>,
    runs: Arc<Mutex<BTreeMap<u64, Run>>>,
    shared: Arc<Shared>,
}

impl Worker {
    fn tell(&self, hub: &Hub, change: impl FnOnce(&mut ExportRun)) {
        let shown = lock(&self.runs).get_mut(&self.run).map(|run| {
            change(&mut run.shown);
            run.shown.clone()
        });
        if let Some(run) = shown {
            hub.emit(&HostEvent::Export { run });
        }
    }

    fn work(self) {
        let hub = &self.shared.hub;
        let mut told = Instant::now();
        let selection = &self.request.selection;
        let options = Options::new(format_of(self.request.format));
        let written = self.shared.store.export(selection, |exported| {
            let total = exported.count();
            let mut on_progress = |progress: Progress| {
                if told.elapsed() >= PROGRESS_EVERY && progress.phase == Phase::Writing {
                    told = Instant::now();
                    self.tell(hub, |run| {
                        (run.profiles, run.profiles_total) = (progress.profiles, total);
                    });
                }
                if self.cancel.load(Ordering::Relaxed) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            write_file(
                &mut Records(exported),
                &options,
                &self.path,
                Existing::Refuse,
                &mut on_progress,
            )
        });
        let written = written.unwrap_or_else(|error| Err(Error::Source(error)));
        self.tell(hub, |run| match written {
            Ok(written) => {
                run.state = ExportState::Done;
                run.profiles = written.summary.profiles;
                run.profiles_total = written.summary.profiles;
                run.bytes = Some(written.summary.bytes);
            }
            Err(Error::Cancelled) => run.state = ExportState::Cancelled,
            Err(error) => {
                run.state = ExportState::Failed;
                run.failure = Some(of_export(error, &self.path, selection));
            }
        });
    }
}
