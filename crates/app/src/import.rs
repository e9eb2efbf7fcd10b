//! Importing one file: pipeline into store, with progress and a report.
//!
//! ```text
//! reader thread: read, hash, inflate, split ─▶ blocks of ~1 MiB
//! workers: check, canonicalise, index       ─▶ a prepared block and what is wrong in it
//! this thread: some blocks in one transaction ─▶ store;  counts, problems ─▶ report and its files
//! ```

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kartei_local_store::{
    BlockBuilder, ImportEnd, ImportStart, ImportWriter, PreparedBlock, Store, StoreError,
};
use kartei_ndjson::{Batch, Block, Flow, LINE_BYTES_MAX, Limits, Source, read_blocks};
use kartei_profile::{RecordSchema, Violation};
use kartei_protocol::desktop::{ImportReport, ImportState};
use kartei_protocol::problem::{Problem, ProblemCode};
use sha2::{Digest, Sha256};

use crate::clock;
use crate::past::folder_of;
use crate::problem;
use crate::report::{ReportFiles, Tally};
use crate::shared::lock;

/// Lines in one transaction: large enough that committing costs little beside writing, small enough
/// that an edit in the window waits only a fraction of a second for its turn.
const LINES_PER_COMMIT: u64 = 2_500;

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

/// What is imported, and how.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) path: PathBuf,
    pub(crate) data_dir: PathBuf,
    pub(crate) by: Option<String>,
    pub(crate) watched: bool,
    pub(crate) dry_run: bool,
    pub(crate) lines_max: Option<u64>,
}

/// How an import ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) report: ImportReport,
    pub(crate) cancelled: bool,
}

/// Imports one file. Whatever stops it half way, finished batches stay, and running it again skips
/// what is there. `began` is told the import's number in the history.
pub(crate) fn import_file(
    store: &Store,
    job: &Job,
    cancel: &AtomicBool,
    began: &mut dyn FnMut(u64),
    on_progress: &mut dyn FnMut(Progress),
) -> Outcome {
    let mut import = Import {
        store,
        job,
        cancel,
        started: Instant::now(),
        bytes_total: 0,
        tally: Tally::default(),
        files: None,
        waiting: Vec::new(),
        lines_waiting: 0,
        number: None,
        digest: None,
    };
    let done = import.run(began, on_progress);
    import.end(done)
}

/// Blocks whose memory can be used again.
type Used = Mutex<Vec<PreparedBlock>>;

/// What a worker made of a block.
struct Checked {
    block: PreparedBlock,
    said: Vec<Said>,
    lines: u64,
    blank: u64,
}

/// A problem with one line.
struct Said {
    line: u64,
    violation: Violation,
    /// The line itself, where it was rejected and is not over the limit.
    rejected: Option<Vec<u8>>,
    warning: bool,
}

struct Import<'a> {
    store: &'a Store,
    job: &'a Job,
    cancel: &'a AtomicBool,
    started: Instant,
    bytes_total: u64,
    tally: Tally,
    files: Option<ReportFiles>,
    waiting: Vec<Checked>,
    lines_waiting: u64,
    number: Option<u64>,
    digest: Option<[u8; 32]>,
}

impl Import<'_> {
    fn run(
        &mut self,
        began: &mut dyn FnMut(u64),
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<bool, Problem> {
        let path = &self.job.path;
        let (file, bytes_total) = open(path)?;
        self.bytes_total = bytes_total;
        let hasher = Arc::new(Mutex::new(Sha256::new()));
        let hashed = Hashed { inner: file, hasher: Arc::clone(&hasher) };
        let source =
            Source::new(hashed).map_err(|e| problem::of_read(&e, &path.display().to_string()))?;
        let writer = begin(self.store, self.job, bytes_total).map_err(|e| problem::of_store(&e))?;
        if !self.job.dry_run {
            began(writer.import());
            self.number = Some(writer.import());
            self.files = Some(ReportFiles::new(folder_of(&self.job.data_dir, writer.import())));
        }
        let store = self.store;
        let schema = store.schema();
        let mut told = self.started;
        // Blocks that were written, for the workers to fill again.
        let used = Mutex::new(Vec::new());
        let outcome = read_blocks(
            source,
            &Limits::default(),
            BlockBuilder::default,
            |builder, block| check(schema, builder, block, &used),
            |batch: Batch<Checked>| {
                let bytes = batch.bytes;
                self.lines_waiting += batch.lines;
                self.waiting.push(batch.result);
                if self.lines_waiting >= LINES_PER_COMMIT || self.job.lines_max.is_some() {
                    self.flush(&writer, &used)?;
                }
                if told.elapsed() >= PROGRESS_EVERY {
                    told = Instant::now();
                    on_progress(self.progress(bytes));
                }
                let is_enough =
                    self.job.lines_max.is_some_and(|max| self.tally.counts.lines >= max);
                let is_over = is_enough || self.cancel.load(Ordering::Relaxed);
                Ok::<_, Problem>(if is_over { Flow::Stop } else { Flow::Continue })
            },
        );
        // Good lines before a fault of the file are imported; a fault of the store ends it here.
        if !matches!(outcome, Err(Err(_))) {
            self.flush(&writer, &used)?;
        }
        on_progress(self.progress(self.bytes_total));
        match outcome {
            Ok(Flow::Stop) => Ok(self.cancel.load(Ordering::Relaxed)),
            Ok(Flow::Continue) => {
                let hasher = lock(&hasher).clone();
                self.digest = Some(hasher.finalize().into());
                Ok(false)
            }
            Err(Ok(error)) => Err(problem::of_read(&error, &path.display().to_string())),
            Err(Err(problem)) => Err(problem),
        }
    }

    fn progress(&self, bytes: u64) -> Progress {
        Progress {
            lines: self.tally.counts.lines,
            bytes,
            bytes_total: self.bytes_total,
            elapsed: self.started.elapsed(),
        }
    }

    /// Writes what waits in one transaction, then counts it: what is counted is in the store.
    fn flush(&mut self, writer: &ImportWriter<'_>, used: &Used) -> Result<(), Problem> {
        self.lines_waiting = 0;
        let mut blocks = Vec::with_capacity(self.waiting.len());
        let mut said = Vec::new();
        for checked in self.waiting.drain(..) {
            self.tally.counts.lines += checked.lines;
            self.tally.counts.blank += checked.blank;
            blocks.push(checked.block);
            said.extend(checked.said);
        }
        for landed in writer.write(&blocks).map_err(|e| problem::of_store(&e))? {
            self.tally.landed(landed);
        }
        lock(used).append(&mut blocks);
        for Said { line, violation, rejected, warning } in said {
            let problem = self.tally.problem(line, violation, warning);
            if let Some(files) = &mut self.files {
                files.problem(&problem, rejected.as_deref());
            }
        }
        Ok(())
    }

    fn end(mut self, done: Result<bool, Problem>) -> Outcome {
        let (cancelled, mut failure) = match done {
            Ok(cancelled) => (cancelled, None),
            Err(failure) => (false, Some(failure)),
        };
        let has_files = match self.files.take().map(ReportFiles::finish) {
            None => false,
            Some(Ok(has_files)) => has_files,
            Some(Err(error)) => {
                let message = format!("the report of this import could not be written: {error}");
                let problem = Problem::new(ProblemCode::FileUnwritable, message);
                failure = failure.or(Some(problem));
                false
            }
        };
        let (counts, problems, kinds) = self.tally.finish();
        let mut report = ImportReport {
            import: self.number,
            file: self.job.path.display().to_string(),
            counts,
            problems,
            kinds,
            seconds: self.started.elapsed().as_secs_f64(),
            failure,
            has_files,
        };
        if let Some(number) = self.number {
            let state = match (&report.failure, cancelled) {
                (Some(_), _) => ImportState::Failed,
                (None, true) => ImportState::Cancelled,
                (None, false) => ImportState::Done,
            };
            let end = ImportEnd { state, now: clock::now(), digest: self.digest, report: &report };
            if let Err(error) = self.store.end_import(number, &end) {
                let problem = problem::of_store(&error);
                report.failure = report.failure.take().or(Some(problem));
            }
        }
        Outcome { report, cancelled }
    }
}

fn begin<'s>(store: &'s Store, job: &Job, bytes: u64) -> Result<ImportWriter<'s>, StoreError> {
    if job.dry_run {
        return Ok(store.begin_dry_run(clock::now()));
    }
    let name = job.path.file_name().unwrap_or(job.path.as_os_str());
    store.begin_import(&ImportStart {
        file: name.to_string_lossy().into_owned(),
        // Found again from wherever the program is started next.
        path: std::path::absolute(&job.path).ok().map(|path| path.display().to_string()),
        watched: job.watched,
        by: job.by.clone(),
        bytes: Some(bytes),
        now: clock::now(),
    })
}

/// Checks the lines of a block; runs in a worker.
fn check(schema: &RecordSchema, builder: &mut BlockBuilder, block: &Block, used: &Used) -> Checked {
    let (mut said, mut lines, mut blank) = (Vec::new(), 0, 0);
    for (line, text) in block.lines() {
        lines += 1;
        let Some(text) = text else {
            said.push(Said { line, violation: over_limit(), rejected: None, warning: false });
            continue;
        };
        if text.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
            blank += 1;
            continue;
        }
        match builder.add(schema, text) {
            Ok(None) => {}
            Ok(Some(violation)) => {
                said.push(Said { line, violation, rejected: None, warning: true });
            }
            Err(violation) => {
                let rejected = Some(text.to_vec());
                said.push(Said { line, violation, rejected, warning: false });
            }
        }
    }
    let block = builder.finish(lock(used).pop());
    Checked { block, said, lines, blank }
}

fn over_limit() -> Violation {
    let reason = format!("the line is longer than {LINE_BYTES_MAX} bytes");
    Violation::new("", "line_length", reason)
}

fn open(path: &Path) -> Result<(File, u64), Problem> {
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
    Ok((file, metadata.len()))
}

/// Hashes what passes.
struct Hashed<R> {
    inner: R,
    hasher: Arc<Mutex<Sha256>>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        lock(&self.hasher).update(&buffer[..n]);
        Ok(n)
    }
}
