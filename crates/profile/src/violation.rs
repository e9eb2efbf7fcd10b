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
    /// The wrong value as JSON, shortened, where it could be read.
    pub found: Option<String>,
    /// The record's id, where the record could be read so far.
    pub id: Option<String>,
}

/// What to do about each rule's violation.
const MENDING: &[(Rule, &str)] = &[
    ("syntax", "Write one complete JSON object on this line."),
    (
        "trailing",
        "Keep one JSON object on this line and move what follows it to a line of its own.",
    ),
    ("utf8", "Save the file as UTF-8."),
    ("duplicate_member", "Keep one of the members with this name and remove the others."),
    ("lone_surrogate", "Write the character itself, or both halves of its escape."),
    ("nul", "Remove the character U+0000."),
    (
        "number_range",
        "Write a number that binary64 can hold (up to 1.8e308, down to 5e-324), or a text.",
    ),
    ("number_precision", "Write a number with at most 15 significant digits, or a text."),
    ("depth", "Flatten the value: records are nested a few levels only."),
    ("line_length", "Split the record, or take out what makes it so long."),
    ("type", "Write a value of the expected type here."),
    ("schema", "Compare this value with the schema of records."),
    (
        "schema_version",
        "Set `schema` to the version that this program reads, and check the other members.",
    ),
    ("required", "Add this member."),
    ("unknown_member", "Take this member out, or move it into `attributes`."),
    ("max_length", "Shorten this text."),
    ("min_length", "Write something here, or take the member out."),
    ("max_items", "Take elements out of this list."),
    ("max_properties", "Take members out of this object."),
    ("unique_items", "Keep one of the equal elements."),
    ("pattern", "Write this value in the expected form."),
    ("format", "Write a date and time in RFC 3339 with its offset, such as 2026-11-20T08:30:00Z."),
    ("instant", "Write a date and time that exists, in RFC 3339 with its offset."),
    ("minimum", "Write a larger number."),
    ("maximum", "Write a smaller number."),
    ("reserved", "Choose another name."),
    ("property_names", "Give this member a name of 1 to 64 characters."),
    (
        "duplicate_key",
        "Keep one of the elements with this key, or give the other one a key of its own.",
    ),
    (
        "derived_member",
        "Nothing has to be done: this member is computed anew. Leave it out next time.",
    ),
];

impl Violation {
    /// A violation of which neither value nor id is known.
    pub fn new(pointer: impl Into<String>, rule: Rule, reason: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), rule, reason: reason.into(), found: None, id: None }
    }

    /// How to mend it: one sentence in English.
    #[must_use]
    pub fn mend(&self) -> &'static str {
        let known = MENDING.iter().find(|(rule, _)| *rule == self.rule);
        known.map_or("Compare this line with the schema of records.", |(_, mend)| mend)
    }

    pub(crate) fn with_found(mut self, found: String) -> Self {
        self.found = Some(found);
        self
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_says_how_to_mend_it() {
        // Every word that this crate's sources make violations of.
        let sources = [
            include_str!("violation.rs"),
            include_str!("schema.rs"),
            include_str!("record.rs"),
            include_str!("canonical.rs"),
        ];
        let mut seen = 0;
        for source in sources {
            let source = source.split("#[cfg(test)]").next().unwrap_or_default();
            for part in source.split("Violation::new(").skip(1) {
                // The second argument, where it is a word.
                let rule = part.split(',').nth(1).map(str::trim).unwrap_or_default();
                let Some(rule) = rule.strip_prefix('"').and_then(|r| r.strip_suffix('"')) else {
                    continue;
                };
                assert!(MENDING.iter().any(|(known, _)| *known == rule), "{rule}");
                seen += 1;
            }
        }
        assert!(seen >= 5, "{seen}");
        for (rule, mend) in MENDING {
            assert!(mend.ends_with('.'), "{rule}: {mend}");
            let same = MENDING.iter().filter(|(other, _)| other == rule).count();
            assert_eq!(same, 1, "{rule} stands twice");
        }
    }
}
