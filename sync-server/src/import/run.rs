//! From the bytes of a body to profiles.

use std::io;
use std::time::Instant;

use futures_util::stream::BoxStream;
use kartei_blob_store::{BlobError, BlobName, BlobStore};
use kartei_ndjson::{Batch, Flow, Limits, ReadError, Source, read_blocks};
use kartei_profile::{RecordSchema, Violation};
use kartei_relay_store::{ImportLanded, ImportMode, ImportRecord, RelayStore, RelayStoreError};
use tokio::runtime::Handle;

use super::Request;
use super::check::{Checked, Checker, Line};
use super::pieces::{Pieces, feed};
use super::report::{ImportAnswer, ImportStatus, Report};

/// Records in one transaction: large enough that committing costs little beside writing, small enough
/// that other writers of the organisation wait for some hundredths of a second.
const RECORDS_PER_COMMIT: usize = 1_000;

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
}

/// The word for a mode, as requests say it.
pub(crate) fn mode_name(mode: ImportMode) -> &'static str {
    match mode {
        ImportMode::Upsert => "upsert",
        ImportMode::Create => "create",
        ImportMode::Replace => "replace",
    }
}

/// Where the report of an import is kept.
pub(crate) fn report_name(org: &str, id: &str, file: &str) -> Option<BlobName> {
    BlobName::new(format!("reports/{org}/{id}/{file}")).ok()
}

/// Runs an import to its end. Blocks: not for the event loop, but called within its runtime.
pub(crate) fn run(
    store: &RelayStore,
    blobs: &BlobStore,
    request: &Request,
    org: &str,
    body: BoxStream<'static, Result<bytes::Bytes, BlobError>>,
) -> Result<Ended, ImportError> {
    let started = Instant::now();
    let mut work =
        Work { store, request, report: Report::new()?, waiting: Vec::new(), at: Some(0) };
    let outcome = read(store.schema(), feed(body), &mut work);
    let broken_off = match outcome {
        Ok(()) => None,
        Err(Stopped::Read(error)) => Some(error),
        Err(Stopped::Failed(error)) => return Err(error),
    };
    work.flush()?;
    let report = work.report;
    let applied = report.created + report.updated + report.unchanged;
    let over_budget = request.max_errors.is_some_and(|max| report.rejected > max);
    let status = match (&broken_off, over_budget, report.rejected, applied) {
        (Some(_), ..) => ImportStatus::BrokenOff,
        (None, true, ..) => ImportStatus::TooManyErrors,
        (None, false, 0, _) => ImportStatus::Completed,
        (None, false, _, 0) => ImportStatus::Rejected,
        (None, false, ..) => ImportStatus::CompletedWithErrors,
    };
    let head_rev = store.head_rev(request.access.org)?;
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (answer, files) = report.finish(request, status, head_rev, millis)?;
    if let Some(files) = files {
        for (name, file) in
            [("errors.ndjson", files.errors), ("rejected.ndjson.gz", files.rejected)]
        {
            let Some(name) = report_name(org, &request.id, name) else { continue };
            let file = tokio::fs::File::from_std(file);
            Handle::current().block_on(blobs.put_reader(&name, file))?;
        }
    }
    Ok(Ended { answer, broken_off })
}

enum Stopped {
    Read(ReadError),
    Failed(ImportError),
}

struct Work<'a> {
    store: &'a RelayStore,
    request: &'a Request,
    report: Report,
    waiting: Vec<(u64, Option<u64>, ImportRecord)>,
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
        self.report.lines += checked.read;
        self.report.blank += checked.blank;
        for (number, start, line) in checked.lines {
            let offset = self.at.map(|at| at + start as u64);
            match line {
                Line::Record(record) => self.waiting.push((number, offset, record)),
                Line::Wrong(violation, text) => {
                    self.report.reject(number, offset, violation, text.as_deref())?;
                }
            }
            if self.waiting.len() >= RECORDS_PER_COMMIT {
                self.flush()?;
            }
        }
        self.at = self.at.zip(checked.bytes).map(|(at, bytes)| at + bytes);
        let enough = self.request.max_errors.is_some_and(|max| self.report.rejected > max);
        Ok(if enough { Flow::Stop } else { Flow::Continue })
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        let waiting = std::mem::take(&mut self.waiting);
        let records: Vec<ImportRecord> = waiting.iter().map(|(.., one)| one.clone()).collect();
        let Request { access, author, mode, .. } = self.request;
        let landed = if self.request.dry_run {
            self.store.look_at_records(access.org, *mode, &records)?
        } else {
            self.store.import_records(access.org, author, *mode, &records)?
        };
        for ((line, offset, record), landed) in waiting.into_iter().zip(landed) {
            match landed {
                ImportLanded::Created => self.report.created += 1,
                ImportLanded::Unchanged => self.report.unchanged += 1,
                ImportLanded::Updated(conflicts) => {
                    self.report.updated += 1;
                    self.report.conflicts += conflicts;
                }
                ImportLanded::Exists => {
                    let reason = "a profile with this id is there, with another record";
                    let mut violation = Violation::new("/id", "exists", reason);
                    violation.id = Some(record.id);
                    self.report.reject(line, offset, violation, Some(record.text.as_bytes()))?;
                }
            }
        }
        Ok(())
    }
}
