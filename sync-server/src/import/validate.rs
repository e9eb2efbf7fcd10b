//! Whether records would be taken, in the words of an import. Stores nothing.

use std::convert::Infallible;
use std::io::Cursor;

use kartei_ndjson::{Batch, Flow, Limits, ReadError, Source, read_blocks};
use kartei_profile::RecordSchema;
use serde::Serialize;
use utoipa::ToSchema;

use super::check::{Checked, Checker, Line};
use super::report::{INLINE_MAX, ImportProblem};

/// Lines that are checked at once: a sample that a person looks at. Whole files are asked about with
/// `POST /profiles/import?dry_run=true`.
pub(crate) const VALIDATE_LINES_MAX: u64 = 10_000;

/// Bytes of them, as they come and inflated: the lines at some kilobytes each.
pub(crate) const VALIDATE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What is wrong with records.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ValidationAnswer {
    /// Lines that were read, blank ones too.
    pub(crate) lines: u64,
    /// Records that would be taken.
    pub(crate) valid: u64,
    /// Lines that would be rejected.
    pub(crate) rejected: u64,
    blank: u64,
    /// The first of them.
    errors: Vec<ImportProblem>,
    /// Whether there are more than these.
    errors_truncated: bool,
}

impl ValidationAnswer {
    fn take(&mut self, number: u64, byte_offset: Option<u64>, line: Line) {
        let Line::Wrong(violation, _) = line else {
            self.valid += 1;
            return;
        };
        self.rejected += 1;
        if self.errors.len() < INLINE_MAX {
            self.errors.push(ImportProblem::new(number, byte_offset, violation));
        } else {
            self.errors_truncated = true;
        }
    }
}

/// One record, however many lines it is written on.
pub(crate) fn validate_record(schema: &RecordSchema, text: &[u8]) -> ValidationAnswer {
    let mut answer = ValidationAnswer { lines: 1, ..ValidationAnswer::default() };
    answer.take(1, Some(0), Checker::default().line(schema, text));
    answer
}

/// One record a line, plain or compressed.
///
/// # Errors
/// [`ReadError`] where the body cannot be read, or is more than this takes.
pub(crate) fn validate_lines(
    schema: &RecordSchema,
    body: Vec<u8>,
) -> Result<ValidationAnswer, ReadError> {
    let limits = Limits {
        inflated_bytes: VALIDATE_BYTES_MAX as u64,
        lines: VALIDATE_LINES_MAX,
        ..Limits::default()
    };
    let (mut answer, mut at) = (ValidationAnswer::default(), Some(0));
    let done = read_blocks(
        Source::new(Cursor::new(body))?,
        &limits,
        Checker::default,
        |checker, block| checker.check(schema, block),
        |batch: Batch<Checked>| {
            let checked = batch.result;
            answer.lines += checked.read;
            answer.blank += checked.blank;
            for (number, start, line) in checked.lines {
                answer.take(number, at.map(|at| at + start as u64), line);
            }
            at = at.zip(checked.bytes).map(|(at, bytes)| at + bytes);
            Ok::<_, Infallible>(Flow::Continue)
        },
    );
    match done {
        Ok(_) => Ok(answer),
        Err(Ok(error)) => Err(error),
        Err(Err(never)) => match never {},
    }
}
