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
    pub found: Option<Box<str>>,
    /// Byte position within the line, from 0, where reading failed; unknown where the line could be
    /// read and its content is wrong.
    pub offset: Option<u32>,
    /// The record's id, where the record could be read so far.
    pub id: Option<String>,
}

/// Characters of a wrong value that are shown: enough to find it again, and never a whole record.
const FOUND_CHARS_MAX: usize = 40;

/// The beginning of a wrong value.
pub(crate) fn shorten(text: String) -> String {
    match text.char_indices().nth(FOUND_CHARS_MAX) {
        None => text,
        Some(_) => text.chars().take(FOUND_CHARS_MAX - 1).chain(['…']).collect(),
    }
}

const MEND_INSTANT: &str =
    "Write a date and time in RFC 3339 with seconds and an offset, such as 2026-11-20T08:30:00Z.";

const MEND_WHOLE_NUMBER: &str = "Write a whole number without quotes, such as 1.";

/// What to do where a rule means something else in one member: rule, the member's name, sentence.
const MENDING_OF_MEMBERS: &[(Rule, &str, &str)] = &[
    (
        "pattern",
        "id",
        "Write an id of 1 to 128 letters A–Z and a–z, digits and . _ : @ - that begins with a \
         letter or digit.",
    ),
    ("pattern", "digest", "Write `blake3:` and 64 hexadecimal digits in lower case."),
    ("pattern", "at", MEND_INSTANT),
    ("pattern", "recorded_at", MEND_INSTANT),
    ("pattern", "created_at", MEND_INSTANT),
    ("pattern", "updated_at", MEND_INSTANT),
    ("type", "value", "Write a number without quotes, such as 3.5."),
    ("type", "n", MEND_WHOLE_NUMBER),
    ("type", "size", MEND_WHOLE_NUMBER),
    ("required", "id", "Add `id` with the id of this profile."),
    ("required", "schema", "Add `schema` with the version of the schema that this program reads."),
];

/// Attributes have names of their own choosing, so they come before the table above.
const MEND_ATTRIBUTE: &str = "Write a text, a number, true, false or null, and give what is nested \
                              attributes of its own.";

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
    (
        "line_length",
        "Take out what makes the record so long; the line is in the file itself only, not among \
         the rejected lines.",
    ),
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
    ("erased", "Leave the line out: whoever asked to be erased must not come back."),
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
        Self {
            pointer: pointer.into(),
            rule,
            reason: reason.into(),
            found: None,
            offset: None,
            id: None,
        }
    }

    /// How to mend it: one sentence in English.
    #[must_use]
    pub fn mend(&self) -> &'static str {
        if self.pointer.starts_with("/attributes/") {
            if self.rule == "type" {
                return MEND_ATTRIBUTE;
            }
        } else if let Some((_, member)) = self.pointer.rsplit_once('/')
            && let Some((_, _, mend)) =
                MENDING_OF_MEMBERS.iter().find(|(rule, of, _)| (*rule, *of) == (self.rule, member))
        {
            return mend;
        }
        let known = MENDING.iter().find(|(rule, _)| *rule == self.rule);
        known.map_or("Compare this line with the schema of records.", |(_, mend)| mend)
    }

    /// Shows the beginning of the wrong value.
    pub(crate) fn with_found(mut self, found: String) -> Self {
        self.found = Some(shorten(found).into());
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
        let reason = error.to_string();
        let violation = Self::new(error.pointer, rule, reason);
        Self {
            found: error.found.map(|found| shorten(found).into()),
            offset: u32::try_from(error.offset).ok(),
            ..violation
        }
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
            let alike = MENDING.iter().filter(|(_, other)| other == mend).count();
            assert_eq!(alike, 1, "{rule} says what another rule says: {mend}");
        }
    }

    #[test]
    fn some_members_say_it_in_their_own_words() {
        let mend = |pointer: &str, rule| Violation::new(pointer, rule, "").mend();
        assert!(mend("/id", "pattern").contains("1 to 128"));
        assert_eq!(mend("/observations/7/at", "pattern"), MEND_INSTANT);
        assert!(mend("/observations/7/value", "type").contains("without quotes"));
        assert_eq!(mend("/attributes/value", "type"), MEND_ATTRIBUTE);
        assert!(mend("/attributes/value", "max_length").contains("Shorten"));
        assert!(mend("/tags", "type").contains("expected type"));
        for (rule, member, mend) in MENDING_OF_MEMBERS {
            assert!(mend.ends_with('.'), "{rule} of {member}: {mend}");
            assert!(MENDING.iter().any(|(known, _)| known == rule), "{rule}");
        }
    }

    /// It is in the result of every line that is read, and inside other errors, which must not
    /// become larger than what is worth moving about.
    #[test]
    fn it_stays_small() {
        assert!(size_of::<Violation>() <= 112, "{}", size_of::<Violation>());
    }

    #[test]
    fn only_the_beginning_of_a_value_is_shown() {
        assert_eq!(shorten("é".repeat(40)), "é".repeat(40));
        assert_eq!(shorten("é".repeat(41)), format!("{}…", "é".repeat(39)));
    }

    #[test]
    fn a_line_that_cannot_be_read_says_where() {
        let of = |line: &str| Violation::from(crate::json::parse(line.as_bytes()).unwrap_err());
        let big = of(r#"{"a":1,"b":9007199254740993}"#);
        assert_eq!((big.rule, big.offset), ("number_precision", Some(11)));
        assert_eq!(big.found.as_deref(), Some("9007199254740993"));
        let far = of(&format!(r#"{{"b":1{}}}"#, "0".repeat(400)));
        assert_eq!((far.rule, far.offset), ("number_range", Some(5)));
        assert_eq!(far.found.unwrap().chars().count(), 40);
        let cut = of(r#"{"a":[1,2"#);
        assert_eq!((cut.rule, cut.offset, cut.found), ("syntax", Some(9), None));
        assert_eq!(of("{\"a\":1} x").offset, Some(8));
    }
}
