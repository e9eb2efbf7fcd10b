//! What an import is answered with.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use kartei_blob_store::Digest;
use kartei_profile::Violation;
use kartei_relay_store::ImportRow;
use serde::Serialize;
use utoipa::ToSchema;

use super::progress::Progress;
use super::run::{mode_name, read_mode};

/// Problems in the answer itself. All of them are in `errors.ndjson`.
pub(super) const INLINE_MAX: usize = 100;

/// How an import ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ImportStatus {
    /// It has not ended. Where its relay died, another one goes on after some seconds.
    Running,
    /// Every line was applied.
    Completed,
    /// Some lines were rejected.
    CompletedWithErrors,
    /// No line was applied.
    Rejected,
    /// More lines were rejected than `max_errors`; what came before stays.
    TooManyErrors,
    /// The body could not be read to its end, or relays broke off again and again; what came before
    /// stays.
    BrokenOff,
    /// Somebody cancelled it; what came before stays.
    Cancelled,
}

/// One rejected line. Never holds the record's contents.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ImportProblem {
    /// From 1; blank lines count.
    line: u64,
    /// Where the line begins in the inflated text; absent behind a line that was too long to be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    byte_offset: Option<u64>,
    /// The record's id, where it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// JSON pointer into the record.
    pointer: String,
    /// The broken rule.
    keyword: &'static str,
    /// What is wrong.
    message: String,
    /// What to do.
    mend: &'static str,
}

impl ImportProblem {
    pub(super) fn new(line: u64, byte_offset: Option<u64>, violation: Violation) -> Self {
        let mend = violation.mend();
        Self {
            line,
            byte_offset,
            id: violation.id,
            pointer: violation.pointer,
            keyword: violation.rule,
            message: violation.reason,
            mend,
        }
    }
}

/// What came in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Payload {
    /// SHA-256 of the body, under which it is kept.
    sha256: String,
    /// Its size.
    bytes: u64,
}

/// Where to read on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ImportLinks {
    /// This answer.
    #[serde(rename = "self")]
    this: String,
    /// All rejected lines, as NDJSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<String>,
    /// The rejected lines themselves, to be mended and sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<String>,
}

/// What an import did.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ImportAnswer {
    pub(crate) import_id: String,
    pub(crate) status: ImportStatus,
    mode: &'static str,
    dry_run: bool,
    payload: Payload,
    /// Lines that were read, blank ones too.
    pub(crate) lines: u64,
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    /// Fields that came into conflict.
    conflicts: u64,
    pub(crate) rejected: u64,
    blank: u64,
    /// The organisation's newest revision afterwards; absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) head_rev: Option<u64>,
    /// Of the run that ended it; absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    /// The first rejected lines.
    errors: Vec<ImportProblem>,
    /// Whether there are more than these.
    errors_truncated: bool,
    links: ImportLinks,
}

impl ImportAnswer {
    /// As far as `progress` tells.
    pub(super) fn new(row: &ImportRow, status: ImportStatus, progress: &Progress) -> Self {
        Self {
            import_id: row.id.clone(),
            status,
            mode: mode_name(read_mode(&row.mode).0),
            dry_run: row.dry_run,
            payload: Payload { sha256: Digest::from(row.digest).to_string(), bytes: row.bytes },
            lines: progress.lines,
            created: progress.created,
            updated: progress.updated,
            unchanged: progress.unchanged,
            conflicts: progress.conflicts,
            rejected: progress.rejected,
            blank: progress.blank,
            head_rev: None,
            duration_ms: None,
            errors: Vec::new(),
            errors_truncated: progress.rejected > 0,
            links: ImportLinks {
                this: format!("/profiles/imports/{}", row.id),
                errors: None,
                rejected: None,
            },
        }
    }

    pub(super) fn is_dry_run(&self) -> bool {
        self.dry_run
    }
}

/// Counts and collects while an import runs.
pub(super) struct Report {
    pub(super) lines: u64,
    pub(super) blank: u64,
    pub(super) rejected: u64,
    inline: Vec<ImportProblem>,
    errors: BufWriter<std::fs::File>,
    rejects: GzEncoder<BufWriter<std::fs::File>>,
}

/// The two files of a report, at their beginnings.
pub(super) struct ReportFiles {
    pub(super) errors: std::fs::File,
    pub(super) rejected: std::fs::File,
}

impl Report {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            lines: 0,
            blank: 0,
            rejected: 0,
            inline: Vec::new(),
            errors: BufWriter::new(tempfile::tempfile()?),
            rejects: GzEncoder::new(BufWriter::new(tempfile::tempfile()?), Compression::fast()),
        })
    }

    /// A line that is not applied, with its text where it was read.
    pub(super) fn reject(
        &mut self,
        line: u64,
        byte_offset: Option<u64>,
        violation: Violation,
        text: Option<&[u8]>,
    ) -> io::Result<()> {
        self.rejected += 1;
        let problem = ImportProblem::new(line, byte_offset, violation);
        serde_json::to_writer(&mut self.errors, &problem)?;
        self.errors.write_all(b"\n")?;
        if let Some(text) = text {
            self.rejects.write_all(text)?;
            self.rejects.write_all(b"\n")?;
        }
        if self.inline.len() < INLINE_MAX {
            self.inline.push(problem);
        }
        Ok(())
    }

    /// The answer, and the files where lines were rejected.
    pub(super) fn finish(
        self,
        row: &ImportRow,
        status: ImportStatus,
        progress: &Progress,
        (head_rev, duration_ms): (u64, u64),
    ) -> io::Result<(ImportAnswer, Option<ReportFiles>)> {
        let has_files = self.rejected > 0;
        let mut answer = ImportAnswer::new(row, status, progress);
        answer.lines = self.lines;
        answer.blank = self.blank;
        answer.rejected = self.rejected;
        answer.head_rev = Some(head_rev);
        answer.duration_ms = Some(duration_ms);
        answer.errors_truncated = self.rejected > self.inline.len() as u64;
        answer.errors = self.inline;
        let link = |name: &str| has_files.then(|| format!("{}/{name}", answer.links.this));
        let (errors, rejected) = (link("errors.ndjson"), link("rejected.ndjson.gz"));
        answer.links.errors = errors;
        answer.links.rejected = rejected;
        if !has_files {
            return Ok((answer, None));
        }
        let rewind = |mut file: std::fs::File| -> io::Result<std::fs::File> {
            file.seek(SeekFrom::Start(0))?;
            Ok(file)
        };
        let into_file = |buffer: BufWriter<std::fs::File>| {
            buffer.into_inner().map_err(io::IntoInnerError::into_error)
        };
        let errors = rewind(into_file(self.errors)?)?;
        let rejected = rewind(into_file(self.rejects.finish()?)?)?;
        Ok((answer, Some(ReportFiles { errors, rejected })))
    }
}
