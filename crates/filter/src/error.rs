//! What is wrong with a filter, and where.

use std::ops::Range;

/// What sort of mistake it is; a stable word for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterErrorCode {
    /// Longer than [`crate::TEXT_BYTES_MAX`].
    TooLong,
    /// More terms than [`crate::TERMS_MAX`].
    TooManyTerms,
    /// Nested deeper than [`crate::DEPTH_MAX`].
    TooDeep,
    /// A quotation mark without its partner.
    UnclosedQuote,
    /// A `(` without its `)`.
    UnclosedParenthesis,
    /// A `)` without its `(`, or an empty pair.
    UnexpectedParenthesis,
    /// A field and an operator without a value.
    MissingValue,
    /// `and`, `or` or `not` with nothing beside it.
    MissingOperand,
    /// A field that is probably misspelt, or an attribute that is not written as one.
    UnknownField,
    /// No such status.
    UnknownStatus,
    /// The operator does not go with the field or value.
    NoSuchComparison,
    /// A number is wanted here.
    NumberExpected,
    /// A date is wanted here.
    DateExpected,
    /// Only punctuation, where a word to search for is wanted.
    NothingToSearch,
    /// A `*` before or within a word to search for.
    MisplacedWildcard,
}

/// A filter that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// The bytes of the text that are wrong; empty at the end of the text.
    pub range: Range<usize>,
    /// What sort of mistake.
    pub code: FilterErrorCode,
    /// What is wrong and what to write instead, in English.
    pub message: String,
    /// What to write in place of the range, where that is likely.
    pub suggestion: Option<String>,
}

/// A range of bytes of a text in UTF-16 units, as browsers count.
#[must_use]
pub fn utf16_range(text: &str, bytes: &Range<usize>) -> Range<usize> {
    let units = |end: usize| text.get(..end).unwrap_or(text).encode_utf16().count();
    units(bytes.start)..units(bytes.end)
}

impl FilterError {
    /// The range in UTF-16 units, as browsers count.
    #[must_use]
    pub fn utf16_range(&self, text: &str) -> Range<usize> {
        utf16_range(text, &self.range)
    }

    /// Two lines for a terminal: the text, and marks under what is wrong.
    #[must_use]
    pub fn caret(&self, text: &str) -> String {
        let chars = |part: Option<&str>| part.map_or(0, |part| part.chars().count());
        let before = chars(text.get(..self.range.start));
        let marked = chars(text.get(self.range.clone())).max(1);
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("{line}\n{}{}", " ".repeat(before), "^".repeat(marked))
    }
}
