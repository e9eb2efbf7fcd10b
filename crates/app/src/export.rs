//! Exports, each on a thread of its own.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kartei_export::{Batch, Error, Existing, Format, Options, Phase, Progress, Source, write_file};
use kartei_local_store::{Exported, StoreError};
use kartei_protocol::desktop::{ExportFormat, ExportProfiles, ExportRun, ExportState, Selection};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::app::App;
use crate::files;
use crate::problem::of_filter;
use crate::runs::{Shown, Telling};
use crate::shared::Shared;

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
        let path = files::place(request.to.as_deref(), name_of(request.format))?;
        let to = path.display().to_string();
        let format = request.format;
        let shown = |run, _: &[&ExportRun]| {
            Ok(ExportRun {
                run,
                state: ExportState::Running,
                format,
                path: to,
                profiles: 0,
                profiles_total: total,
                bytes: None,
                failure: None,
            })
        };
        let shared = Arc::clone(&self.shared);
        let work = move |telling| work(telling, &shared, &request, &path);
        self.exports.start(&self.shared.hub, shown, work)
    }
}

impl Shown for ExportRun {
    const NAME: &'static str = "export";

    fn is_running(&self) -> bool {
        self.state == ExportState::Running
    }

    fn event(self) -> HostEvent {
        HostEvent::Export { run: self }
    }
}

/// Writes the file; what is not complete leaves none.
fn work(mut telling: Telling<ExportRun>, shared: &Shared, request: &ExportProfiles, path: &Path) {
    let cancel = telling.cancel();
    let selection = &request.selection;
    let options = Options::new(format_of(request.format));
    let written = shared.store.export(selection, |exported| {
        let total = exported.count();
        let mut on_progress = |progress: Progress| {
            if progress.phase == Phase::Writing {
                telling.progress(|run| {
                    (run.profiles, run.profiles_total) = (progress.profiles, total);
                });
            }
            if cancel.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        write_file(&mut Records(exported), &options, path, Existing::Refuse, &mut on_progress)
    });
    let written = written.unwrap_or_else(|error| Err(Error::Source(error)));
    telling.tell(|run| match written {
        Ok(written) => {
            run.state = ExportState::Done;
            run.profiles = written.summary.profiles;
            run.profiles_total = written.summary.profiles;
            run.bytes = Some(written.summary.bytes);
        }
        Err(Error::Cancelled) => run.state = ExportState::Cancelled,
        Err(error) => {
            run.state = ExportState::Failed;
            run.failure = Some(of_export(error, path, selection));
        }
    });
}
