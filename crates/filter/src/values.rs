//! Values of a filter: numbers, dates, statuses, texts with wildcards; and words that are nearly so.

use std::ops::Range;

use kartei_profile::Instant;

use crate::ast::{Operand, Pattern, Status};
use crate::error::{FilterError, FilterErrorCode as Code};

pub(crate) fn error(range: Range<usize>, code: Code, message: impl Into<String>) -> FilterError {
    FilterError { range, code, message: message.into(), suggestion: None }
}

/// A value as it was written.
pub(crate) struct Written {
    /// Between the quotes, with escapes, or the bare text.
    pub(crate) raw: String,
    pub(crate) is_quoted: bool,
    pub(crate) range: Range<usize>,
}

pub(crate) fn operand(written: &Written) -> Operand {
    if !written.is_quoted {
        match written.raw.as_str() {
            "true" => return Operand::Bool(true),
            "false" => return Operand::Bool(false),
            "null" => return Operand::Null,
            raw => {
                if let Some(number) = parse_number(raw) {
                    return Operand::Number(number);
                }
            }
        }
    }
    Operand::Text(pattern(&written.raw))
}

/// A finite number as people and JSON write it; not `inf`, `nan` or `1_000`.
fn parse_number(text: &str) -> Option<f64> {
    let is_plain =
        text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let number: f64 = if is_plain { text.parse().ok()? } else { return None };
    number.is_finite().then_some(number)
}

pub(crate) fn number(written: &Written) -> Result<f64, FilterError> {
    parse_number(&written.raw).ok_or_else(|| {
        let message = format!("`{}` is not a number", written.raw);
        error(written.range.clone(), Code::NumberExpected, message)
    })
}

pub(crate) fn status(written: &Written) -> Result<Status, FilterError> {
    Status::of_word(&written.raw).ok_or_else(|| {
        let message = format!(
            "there is no status `{}`; it is one of synced, pending, conflict, rejected",
            written.raw
        );
        let mut error = error(written.range.clone(), Code::UnknownStatus, message);
        let mut words = Status::ALL.iter().map(|status| status.word());
        let near = words.find(|word| is_one_slip(&written.raw, word));
        error.suggestion = near.map(str::to_owned);
        error
    })
}

/// A year, month, day or instant, in milliseconds since 1970; what is left out is its beginning.
pub(crate) fn moment(written: &Written) -> Result<i64, FilterError> {
    let text = written.raw.as_str();
    let full = match text.len() {
        4 => format!("{text}-01-01T00:00:00Z"),
        7 => format!("{text}-01T00:00:00Z"),
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    };
    match Instant::parse(&full) {
        Ok(instant) => Ok(instant.unix_millis()),
        Err(_) => Err(error(
            written.range.clone(),
            Code::DateExpected,
            format!("`{text}` is not a date; write 2026-01-31 or 2026-01-31T12:00:00Z"),
        )),
    }
}

/// Without its backslashes; each makes the next character plain.
pub(crate) fn unescape(raw: &str) -> String {
    let mut plain = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    plain
}

/// A text in which `*` stands for any characters, unless a backslash stands before it.
pub(crate) fn pattern(raw: &str) -> Pattern {
    let mut pieces = pieces(raw);
    if pieces.len() == 1 { Pattern::Exact(pieces.remove(0)) } else { Pattern::Wild(pieces) }
}

/// What stands between the wildcards, without backslashes; at least one.
pub(crate) fn pieces(raw: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => pieces.push(std::mem::take(&mut piece)),
            '\\' => piece.push(chars.next().unwrap_or('\\')),
            c => piece.push(c),
        }
    }
    pieces.push(piece);
    pieces
}

/// Whether, apart from case, `a` becomes `b` by a letter added, left out or replaced, by two
/// neighbours exchanged, or by nothing at all.
pub(crate) fn is_one_slip(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.chars().collect());
    let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    match (&a[same..], &b[same..]) {
        ([], [] | [_]) | ([_], []) => true,
        ([x, y, a @ ..], [z, w, b @ ..]) if x == w && y == z && a == b => true,
        ([_, a_rest @ ..], [_, b_rest @ ..]) if a.len() == b.len() => a_rest == b_rest,
        ([_, a_rest @ ..], b_rest) if a.len() == b.len() + 1 => a_rest == b_rest,
        (a_rest, [_, b_rest @ ..]) if b.len() == a.len() + 1 => a_rest == b_rest,
        _ => false,
    }
}

/// Whether, apart from case, `a` is `b`, or `b` with two neighbouring letters exchanged.
pub(crate) fn is_exchanged(a: &str, b: &str) -> bool {
    a.chars().count() == b.chars().count() && is_one_slip(a, b) && {
        let sorted = |text: &str| {
            let mut chars: Vec<char> = text.to_lowercase().chars().collect();
            chars.sort_unstable();
            chars
        };
        sorted(a) == sorted(b)
    }
}
