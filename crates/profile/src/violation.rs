//! What is wrong with a line or an edit: where, which rule, and how to mend it.

use std::fmt;

use crate::json::{Fault, ParseError};

/// The broken rule, as a stable word that reports are grouped by. For rules of JSON Schema it is
/// the schema's keyword.
pub type Rule = &'static str;

/// One reason why a record is refused. Never holds the record's contents beyond a shortened value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer (RFC 6901) of the member; empty for the record as a whole.
    pub pointer: String,
    /// The broken rule.
    pub rule: Rule,
    /// What was found, what is allowed.
    pub reason: String,
    /// The record's id, where the record could be read so far.
    pub id: Option<String>,
}

impl Violation {
    pub(crate) fn new(pointer: impl Into<String>, rule: Rule, reason: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), rule, reason: reason.into(), id: None }
    }

    pub(crate) fn with_id(mut self, id: Option<&str>) -> Self {
        self.id = id.map(str::to_owned);
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "{}: {}", self.pointer, self.reason)
        }
    }
}

impl std::error::Error for Violation {}

impl From<ParseError> for Violation {
    fn from(error: ParseError) -> Self {
        let rule = match error.fault {
            Fault::Syntax(_) => "syntax",
            Fault::Utf8 => "utf8",
            Fault::DuplicateMember => "duplicate_member",
            Fault::LoneSurrogate => "lone_surrogate",
            Fault::Nul => "nul",
            Fault::NumberRange => "number_range",
            Fault::NumberPrecision => "number_precision",
            Fault::Depth => "depth",
            Fault::Trailing => "trailing",
        };
        Self::new(error.pointer.clone(), rule, format!("{error}"))
    }
}
