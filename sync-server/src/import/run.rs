//! From the bytes of a body to profiles.

use std::io;
use std::time::Instant;

use axum::http::StatusCode;
use futures_util::stream::BoxStream;
use kartei_blob_store::{BlobError, BlobName, BlobStore};
use kartei_ndjson::{Batch, Flow, Limits, ReadError, Source, read_blocks};
use kartei_profile::{RecordSchema, Violation};
use kartei_protocol::problem::ProblemCode;
use kartei_relay_store::{
    ImportLanded, ImportMode, ImportRecord, Noting, RelayStore, RelayStoreError,
};
use tokio::runtime::Handle;

use super::Request;
use super::check::{Checked, Checker, Line};
use super::pieces::{Pieces, feed};
use super::progress::{Known, Progress};
use super::report::{ImportAnswer, ImportStatus, Report};
use crate::halting::{Halt, Halting};

/// Records in one transaction: large enough that committing, and the 256 digests that nearly every
/// transaction touches, cost little beside writing; small enough that other writers of the
/// organisation wait for a tenth of a second.
const RECORDS_PER_COMMIT: usize = 4_000;

/// And their text, in bytes: what such records usually have, so that large ones wait no longer.
const BYTES_PER_COMMIT: usize = 4 * 1024 * 1024;

/// How an import ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) answer: ImportAnswer,
    /// Why the body was not read to its end.
    pub(crate) broken_off: Option<ReadError>,
}

/// Why an import was given up. What was brought in before stays; sending it again goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error(transparent)]
    Store(#[from] RelayStoreError),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error("the report of the import could not be written")]
    Report(#[from] io::Error),
    #[error("the import does not go on here")]
    Halted(Halt),
}

impl ImportError {
    fn halt(&self) -> Option<Halt> {
        match self {
            Self::Halted(halt) => Some(*halt),
            Self::Store(RelayStoreError::ImportCancelled(_)) => Some(Halt::Cancelled),
            Self::Store(RelayStoreError::ImportLost(_)) => Some(Halt::Lost),
            Self::Store(_) | Self::Blob(_) | Self::Report(_) => None,
        }
    }
}

/// The word for a mode, as requests say it.
pub(crate) fn mode_name(mode: ImportMode) -> &'static str {
    match mode {
        ImportMode::Upsert => "upsert",
        ImportMode::Create => "create",
        ImportMode::Replace => "replace",
    }
}

/// What `how_made` in the routes wrote: the mode, and how many lines may be rejected.
pub(crate) fn read_mode(text: &str) -> (ImportMode, Option<u64>) {
    let (mode, rest) = text.split_once(", max_errors=").unwrap_or((text, ""));
    let mode = match mode {
        "create" => ImportMode::Create,
        "replace" => ImportMode::Replace,
        _ => ImportMode::Upsert,
    };
    (mode, rest.parse().ok())
}

/// Where the report of an import is kept.
pub(crate) fn report_name(org: &str, id: &str, file: &str) -> Option<BlobName> {
    BlobName::new(format!("reports/{org}/{id}/{file}")).ok()
}

/// Runs an import to its end. Blocks: not for the event loop, but called within its runtime.
pub(super) fn run(
    store: &RelayStore,
    blobs: &BlobStore,
    request: &Request,
    halting: &Halting,
    body: BoxStream<'static, Result<bytes::Bytes, BlobError>>,
) -> Result<Ended, ImportError> {
    let started = Instant::now();
    // Nothing of a dry run is kept, so it begins anew.
    let kept = request.row.progress.as_deref().filter(|_| !request.row.dry_run);
    let progress = Progress::read(kept);
    let mut work = Work {
        store,
        request,
        halting,
        report: Report::new()?,
        known: progress.clone(),
        progress,
        waiting: Vec::new(),
        waiting_bytes: 0,
        only_new: false,
        at: Some(0),
    };
    let outcome = read(store.schema(), feed(body), &mut work);
    let outcome = match outcome {
        Ok(()) => work.flush().map_err(Stopped::Failed),
        Err(Stopped::Read(error)) => {
            work.flush().map_err(Stopped::Failed).and(Err(Stopped::Read(error)))
        }
        failed => failed,
    };
    let (broken_off, is_cancelled) = match outcome {
        Ok(()) => (None, false),
        Err(Stopped::Read(error)) => (Some(error), false),
        Err(Stopped::Failed(error)) => match error.halt() {
            Some(Halt::Cancelled) => (None, true),
            Some(halt) => return Err(ImportError::Halted(halt)),
            None => return Err(error),
        },
    };
    let (report, progress) = (work.report, work.progress);
    let applied = progress.created + progress.updated + progress.unchanged;
    let over_budget = request.max_errors.is_some_and(|max| report.rejected > max);
    let status = match (&broken_off, over_budget, report.rejected, applied) {
        _ if is_cancelled => ImportStatus::Cancelled,
        (Some(_), ..) => ImportStatus::BrokenOff,
        (None, true, ..) => ImportStatus::TooManyErrors,
        (None, false, 0, _) => ImportStatus::Completed,
        (None, false, _, 0) => ImportStatus::Rejected,
        (None, false, ..) => ImportStatus::CompletedWithErrors,
    };
    let head_rev = store.head_rev(request.org)?;
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (answer, files) = report.finish(&request.row, status, &progress, (head_rev, millis))?;
    if let Some(files) = files {
        let org = request.org.to_string();
        for (name, file) in
            [("errors.ndjson", files.errors), ("rejected.ndjson.gz", files.rejected)]
        {
            let Some(name) = report_name(&org, &request.row.id, name) else { continue };
            let file = tokio::fs::File::from_std(file);
            Handle::current().block_on(blobs.put_reader(&name, file))?;
        }
    }
    Ok(Ended { answer, broken_off })
}

/// The status that an import is answered with.
pub(super) fn status_of(ended: &Ended) -> StatusCode {
    match (&ended.broken_off, ended.answer.status) {
        (Some(error), _) => status_of_error(error),
        (None, ImportStatus::CompletedWithErrors) => StatusCode::MULTI_STATUS,
        (None, ImportStatus::Rejected | ImportStatus::TooManyErrors) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        (None, ImportStatus::Cancelled) => StatusCode::CONFLICT,
        (None, _) => StatusCode::OK,
    }
}

/// The status of a body that could not be read to its end.
pub(crate) fn status_of_error(error: &ReadError) -> StatusCode {
    match code_of(error) {
        ProblemCode::FileLimit => StatusCode::PAYLOAD_TOO_LARGE,
        ProblemCode::NotNdjson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// And its word.
pub(crate) fn code_of(error: &ReadError) -> ProblemCode {
    match error {
        ReadError::TooLarge(_) | ReadError::Ratio(_) | ReadError::TooManyLines(_) => {
            ProblemCode::FileLimit
        }
        ReadError::Damaged(_) => ProblemCode::DamagedArchive,
        ReadError::Io(_) => ProblemCode::FileUnreadable,
        _ => ProblemCode::NotNdjson,
    }
}

enum Stopped {
    Read(ReadError),
    Failed(ImportError),
}

struct Work<'a> {
    store: &'a RelayStore,
    request: &'a Request,
    halting: &'a Halting,
    report: Report,
    /// What an earlier run did.
    known: Progress,
    progress: Progress,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    /// Whether the records before were all new.
    only_new: bool,
    /// Where the next block begins in the text, while that is known.
    at: Option<u64>,
}

fn read(schema: &RecordSchema, body: Pieces, work: &mut Work<'_>) -> Result<(), Stopped> {
    let source = Source::new(body).map_err(Stopped::Read)?;
    let done = read_blocks(
        source,
        &Limits::default(),
        Checker::default,
        |checker, block| checker.check(schema, block),
        |batch: Batch<Checked>| work.take(batch.result),
    );
    match done {
        Ok(_) => Ok(()),
        Err(Ok(error)) => Err(Stopped::Read(error)),
        Err(Err(error)) => Err(Stopped::Failed(error)),
    }
}

impl Work<'_> {
    fn take(&mut self, checked: Checked) -> Result<Flow, ImportError> {
        if let Some(halt) = self.halting.heard() {
            return Err(ImportError::Halted(halt));
        }
        self.report.lines += checked.read;
        self.report.blank += checked.blank;
        for (number, start, line) in checked.lines {
            let offset = self.at.map(|at| at + start as u64);
            match line {
                Line::Record(record) => match self.known.of(number) {
                    Known::Open => {
                        self.waiting_bytes += record.text.len();
                        self.waiting.push((number, offset, record));
                    }
                    Known::Applied => {}
                    Known::Refused => self.refuse(number, offset, record)?,
                },
                Line::Wrong(violation, text) => {
                    self.report.reject(number, offset, violation, text.as_deref())?;
                }
            }
            if self.waiting.len() >= RECORDS_PER_COMMIT || self.waiting_bytes >= BYTES_PER_COMMIT {
                self.flush()?;
            }
        }
        self.at = self.at.zip(checked.bytes).map(|(at, bytes)| at + bytes);
        let enough = self.request.max_errors.is_some_and(|max| self.report.rejected > max);
        Ok(if enough { Flow::Stop } else { Flow::Continue })
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        if waiting.is_empty() {
            return Ok(());
        }
        let records: Vec<ImportRecord> = waiting.iter().map(|(.., one)| one.clone()).collect();
        let Request { org, author, mode, lease, row, .. } = self.request;
        self.progress.lines = self.report.lines;
        self.progress.blank = self.report.blank;
        self.progress.rejected = self.report.rejected;
        let landed = if row.dry_run {
            self.store.look_at_records(*org, *mode, &records)?
        } else {
            let told = |landed: &[Option<ImportLanded>]| {
                let mut progress = self.progress.clone();
                progress.settle(lines_with(&waiting, landed.iter().copied()));
                progress.text()
            };
            let likely_new = self.only_new;
            let noting = Noting { import: &row.id, lease, progress: &told, likely_new };
            self.store.import_records(*org, author, *mode, &records, &noting)?
        };
        self.only_new = landed.iter().all(|one| *one == ImportLanded::Created);
        self.progress.settle(lines_with(&waiting, landed.iter().copied().map(Some)));
        for ((line, offset, record), landed) in waiting.into_iter().zip(landed) {
            if matches!(landed, ImportLanded::Exists | ImportLanded::Erased) {
                self.refuse(line, offset, record)?;
            }
        }
        Ok(())
    }

    fn refuse(
        &mut self,
        line: u64,
        offset: Option<u64>,
        record: ImportRecord,
    ) -> Result<(), ImportError> {
        // Erased at that time, or since.
        if let Some(erasure) = self.store.erasure_of(self.request.org, &record.id)? {
            // Traces of the person came in again with the body, and are to be removed again.
            self.store.reopen_erasure(self.request.org, erasure.rev)?;
            let reason = "the profile was erased for good; its id cannot be used again";
            let violation = Violation::new("/id", "erased", reason);
            // Without the id, and without the line.
            return Ok(self.report.reject(line, offset, violation, None)?);
        }
        let reason = "a profile with this id is there, with another record";
        let mut violation = Violation::new("/id", "exists", reason);
        violation.id = Some(record.id);
        Ok(self.report.reject(line, offset, violation, Some(record.text.as_bytes()))?)
    }
}

type Waiting = (u64, Option<u64>, ImportRecord);

fn lines_with(
    waiting: &[Waiting],
    landed: impl Iterator<Item = Option<ImportLanded>>,
) -> impl Iterator<Item = (u64, Option<ImportLanded>)> {
    waiting.iter().map(|(line, ..)| *line).zip(landed)
}
