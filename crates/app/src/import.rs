//! Importing one file: pipeline into store, with progress and a report.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kartei_local_store::{ImportWriter, Prepared, Store, StoreError};
use kartei_ndjson::{Batch, Flow, Line, Source, Verdict, read};
use kartei_protocol::desktop::ImportReport;
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::clock;
use crate::problem;
use crate::report::Tally;

/// Lines in one transaction: large enough that committing costs little beside writing, small enough
/// that an edit in the window waits only a fraction of a second for its turn.
const LINES_PER_COMMIT: usize = 5_000;

/// Progress is told at most ten times a second.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Lines dealt with.
    pub lines: u64,
    /// Bytes of the file that were read, as they lie on the disk.
    pub bytes: u64,
    /// Size of the file.
    pub bytes_total: u64,
    /// Time since the start.
    pub elapsed: Duration,
}

/// How an import ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) report: ImportReport,
    pub(crate) cancelled: bool,
}

/// Imports one file. Whatever stops it half way, finished batches stay, and running it again skips
/// what is there.
pub(crate) fn import_file(
    store: &Store,
    path: &Path,
    cancel: &AtomicBool,
    on_progress: &mut dyn FnMut(Progress),
) -> Outcome {
    let started = Instant::now();
    let mut tally = Tally::default();
    let done = open(path).and_then(|(source, bytes_total)| {
        run(store, path, source, bytes_total, started, cancel, &mut tally, on_progress)
    });
    let (counts, problems, kinds) = tally.finish();
    let (cancelled, failure) = match done {
        Ok(flow) => (flow == Flow::Stop, None),
        Err(failure) => (false, Some(failure)),
    };
    let report = ImportReport {
        file: path.display().to_string(),
        counts,
        problems,
        kinds,
        seconds: started.elapsed().as_secs_f64(),
        failure,
    };
    Outcome { report, cancelled }
}

fn open(path: &Path) -> Result<(Source, u64), Problem> {
    let shown = path.display().to_string();
    let problem =
        |code, reason: &str| Problem::new(code, format!("{shown}: {reason}")).about(shown.clone());
    let metadata = std::fs::metadata(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => problem(ProblemCode::FileMissing, "there is no such file"),
        _ => problem(ProblemCode::FileUnreadable, &e.to_string()),
    })?;
    if metadata.is_dir() {
        return Err(problem(ProblemCode::NotAFile, "this is a folder; choose the files in it"));
    }
    if !metadata.is_file() {
        return Err(problem(ProblemCode::NotAFile, "this is no regular file"));
    }
    let file =
        File::open(path).map_err(|e| problem(ProblemCode::FileUnreadable, &e.to_string()))?;
    let source = Source::new(file).map_err(|e| problem::of_read(&e, &shown))?;
    Ok((source, metadata.len()))
}

#[expect(
    clippy::too_many_arguments,
    reason = "one call site; a struct would only repeat the names"
)]
fn run(
    store: &Store,
    path: &Path,
    source: Source,
    bytes_total: u64,
    started: Instant,
    cancel: &AtomicBool,
    tally: &mut Tally,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Flow, Problem> {
    let name = path
        .file_name()
        .map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    let writer = store.begin_import(&name, clock::now()).map_err(|e| problem::of_store(&e))?;
    let mut waiting: Vec<Line<Prepared>> = Vec::new();
    let mut told = started;
    let outcome = read(source, store.schema(), Prepared::new, |batch: Batch<Prepared>| {
        waiting.extend(batch.lines);
        if waiting.len() >= LINES_PER_COMMIT {
            flush(&writer, &mut waiting, tally)?;
        }
        if told.elapsed() >= PROGRESS_EVERY {
            told = Instant::now();
            let lines = tally.counts.lines;
            on_progress(Progress {
                lines,
                bytes: batch.bytes,
                bytes_total,
                elapsed: started.elapsed(),
            });
        }
        Ok(if cancel.load(Ordering::Relaxed) { Flow::Stop } else { Flow::Continue })
    });
    // Good lines before a fault of the file are imported; a fault of the store ends it here.
    if !matches!(outcome, Err(Err(_))) {
        flush(&writer, &mut waiting, tally).map_err(|e| problem::of_store(&e))?;
    }
    let lines = tally.counts.lines;
    on_progress(Progress { lines, bytes: bytes_total, bytes_total, elapsed: started.elapsed() });
    match outcome {
        Ok(flow) => Ok(flow),
        Err(Ok(error)) => Err(problem::of_read(&error, &path.display().to_string())),
        Err(Err(error)) => Err(problem::of_store(&error)),
    }
}

/// Writes what waits in one transaction, then counts it: what is counted is in the store.
fn flush(
    writer: &ImportWriter<'_>,
    waiting: &mut Vec<Line<Prepared>>,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let mut records = Vec::with_capacity(waiting.len());
    let mut said = Vec::new();
    let mut blank = 0;
    let lines = waiting.len() as u64;
    for line in waiting.drain(..) {
        match line.verdict {
            Verdict::Accepted(prepared, warning) => {
                records.push(prepared);
                said.extend(warning.map(|violation| (line.number, violation, true)));
            }
            Verdict::Rejected(violation) => said.push((line.number, violation, false)),
            Verdict::Blank => blank += 1,
        }
    }
    for landed in writer.write(&records)? {
        tally.landed(landed);
    }
    for (number, violation, warning) in said {
        tally.problem(number, violation, warning);
    }
    tally.counts.lines += lines;
    tally.counts.blank += blank;
    Ok(())
}
