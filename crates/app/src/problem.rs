//! From failures of the parts to what a front end shows.

use kartei_filter::utf16_range;
use kartei_local_store::{StoreError, expression};
use kartei_ndjson::ReadError;
use kartei_profile::EditError;
use kartei_protocol::problem::{Problem, ProblemCode, TextRange};
use kartei_relay_client::RelayError;

pub(crate) fn of_store(error: &StoreError) -> Problem {
    let (code, advice) = match error {
        StoreError::DiskFull => (
            ProblemCode::DiskFull,
            "what was written before is safe; free some space and try again",
        ),
        StoreError::Locked => (
            ProblemCode::StoreLocked,
            "nothing was changed; wait for it or close it, then try again",
        ),
        StoreError::TooNew { .. } => {
            (ProblemCode::StoreTooNew, "nothing was changed; use the newer version of Kartei")
        }
        StoreError::Damaged(_) => {
            (ProblemCode::StoreDamaged, "nothing was changed; keep a copy of the folder")
        }
        StoreError::NeedsKey => (
            ProblemCode::StoreNeedsKey,
            "nothing was changed; unlock the keychain and try again, or give the recovery key",
        ),
        StoreError::WrongKey => (
            ProblemCode::WrongKey,
            "nothing was changed; give the recovery key of this data folder",
        ),
        StoreError::Open(_) => (ProblemCode::StoreDamaged, "check that the folder can be written"),
        StoreError::NotFound(id) => {
            return Problem::new(ProblemCode::NotFound, error.to_string()).about(id.clone());
        }
        StoreError::Erased(id) => {
            return Problem::new(ProblemCode::Erased, error.to_string()).about(id.clone());
        }
        StoreError::NoChange { id, .. } => {
            return Problem::new(ProblemCode::NotFound, error.to_string()).about(id.clone());
        }
        StoreError::NoImport(_)
        | StoreError::NoView(_)
        | StoreError::NoUpload(_)
        | StoreError::NoCalibration(_) => {
            return Problem::new(ProblemCode::NotFound, error.to_string());
        }
        StoreError::Blocked(_) | StoreError::InTheWay(_) => {
            return Problem::new(ProblemCode::Blocked, error.to_string());
        }
        StoreError::Cursor => return Problem::new(ProblemCode::InvalidRequest, error.to_string()),
        StoreError::Filter(filter) => {
            return Problem::new(ProblemCode::InvalidFilter, filter.to_string());
        }
        StoreError::NoScore { .. } => {
            return Problem::new(ProblemCode::InvalidFilter, error.to_string());
        }
        StoreError::Edit(edit) => return of_edit(edit),
        StoreError::Sqlite(_) => (ProblemCode::Internal, "nothing was changed"),
    };
    Problem::new(code, format!("{error}; {advice}"))
}

/// As [`of_store`]; a mistake in `filter` is told with its place.
pub(crate) fn of_filter(error: &StoreError, filter: &str) -> Problem {
    let mut problem = of_store(error);
    let range = match error {
        StoreError::Filter(mistake) => Some(mistake.range.clone()),
        StoreError::NoScore { name, .. } => {
            let written = format!("score.{name}");
            filter.find(&written).map(|at| at..at + written.len())
        }
        _ => None,
    };
    let range = range.map(|bytes| utf16_range(filter, &bytes));
    let unit = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    problem.range = range.map(|range| TextRange { start: unit(range.start), end: unit(range.end) });
    problem
}

/// That a filter can be read and names no score: for what has to be the same wherever it is made, and whatever calibration
/// is active.
pub(crate) fn check_without_scores(filter: &str) -> Result<(), Problem> {
    let expr = expression(filter, "").map_err(|e| of_filter(&e, filter))?;
    let Some(score) = expr.score() else { return Ok(()) };
    let message =
        format!("only lists can be filtered by `score.{score}`; filter by what profiles say");
    Err(Problem::new(ProblemCode::Blocked, message))
}

fn of_edit(error: &EditError) -> Problem {
    match error {
        EditError::Target { pointer, .. } => {
            Problem::new(ProblemCode::InvalidRequest, error.to_string()).about(pointer.clone())
        }
        EditError::Invalid(violation) => {
            let message = format!("the edit is not allowed: {violation}");
            Problem::new(ProblemCode::InvalidRecord, message).about(violation.pointer.clone())
        }
        EditError::NoConflict { pointer } => {
            Problem::new(ProblemCode::NotFound, error.to_string()).about(pointer.clone())
        }
        EditError::Document(inner) => Problem::new(ProblemCode::StoreDamaged, inner.to_string()),
    }
}

pub(crate) fn of_read(error: &ReadError, path: &str) -> Problem {
    let code = match error {
        ReadError::Io(_) => ProblemCode::FileUnreadable,
        ReadError::Damaged(_) => ProblemCode::DamagedArchive,
        ReadError::TooLarge(_) | ReadError::Ratio(_) | ReadError::TooManyLines(_) => {
            ProblemCode::FileLimit
        }
        ReadError::Binary | ReadError::Utf16 | ReadError::Compression(_) => ProblemCode::NotNdjson,
    };
    let reason = match error {
        ReadError::Io(source) => format!("{path}: {error}: {source}"),
        _ => format!("{path}: {error}"),
    };
    Problem::new(code, reason).about(path)
}

pub(crate) fn of_relay(error: &RelayError) -> Problem {
    let code = match error {
        RelayError::Address { .. } | RelayError::Insecure(_) | RelayError::Authorities { .. } => {
            ProblemCode::InvalidRequest
        }
        RelayError::Certificate(fault) => fault.code(),
        RelayError::Unreachable(_) | RelayError::CutOff => ProblemCode::Offline,
        RelayError::Unauthorized => ProblemCode::Unauthorized,
        RelayError::Forbidden(_) => ProblemCode::Forbidden,
        RelayError::SignIn(_) => ProblemCode::SignInFailed,
        RelayError::Failed { .. } => ProblemCode::RelayFailed,
        RelayError::Refused { code: Some(code), .. } => *code,
        RelayError::Refused { .. } => ProblemCode::RelayFailed,
        RelayError::CursorTooOld => ProblemCode::CursorTooOld,
        RelayError::OtherHistory | RelayError::Incompatible(_) => ProblemCode::RelayIncompatible,
    };
    Problem::new(code, error.to_string())
}
