//! Pieces of a filter's text: keywords, names, operators, values.

use std::ops::Range;

use crate::ast::Comparison;
use crate::error::{FilterError, FilterErrorCode as Code};
use crate::values::{Written, error, unescape};

/// Where the reading stands. It always is on a character's boundary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scanner<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: usize,
}

/// What stands before an operator, or a bare word.
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) range: Range<usize>,
    /// Whether it was written `attributes.KEY`; the text is the key then.
    pub(crate) is_attribute: bool,
}

/// An operator and its place.
pub(crate) struct Operator {
    pub(crate) comparison: Comparison,
    pub(crate) range: Range<usize>,
}

const OPERATORS: &[(&str, Comparison)] = &[
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("=", Comparison::Equal),
];

/// How attributes are written that could be mistaken for something else.
const ATTRIBUTE_PREFIX: &str = "attributes.";

impl<'a> Scanner<'a> {
    pub(crate) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Whether the text or a pair of parentheses ends here.
    pub(crate) fn ends(&self) -> bool {
        matches!(self.peek(), None | Some(')'))
    }

    /// Takes a keyword, where one stands here as a word of its own.
    pub(crate) fn keyword(&mut self, keyword: &str) -> Option<Range<usize>> {
        let (word, after) = self.rest().split_at_checked(keyword.len())?;
        let ends =
            after.chars().next().is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'));
        if !word.eq_ignore_ascii_case(keyword) || !ends {
            return None;
        }
        let range = self.at..self.at + keyword.len();
        self.at = range.end;
        self.blanks();
        Some(range)
    }

    pub(crate) fn is_keyword(&self, keyword: &str) -> bool {
        Scanner { ..*self }.keyword(keyword).is_some()
    }

    /// The name before an operator, or a bare word.
    pub(crate) fn name(&mut self) -> Result<Name, FilterError> {
        let start = self.at;
        let bare = self.bare_name();
        if bare == ATTRIBUTE_PREFIX && self.peek() == Some('"') {
            let text = unescape(&self.quoted()?.raw);
            return Ok(Name { text, range: start..self.at, is_attribute: true });
        }
        if bare.is_empty() {
            // An operator at the very beginning.
            let message = if self.operator().is_some() {
                "a field is missing before this: age>=30"
            } else {
                self.at += self.peek().map_or(0, char::len_utf8);
                "`!` only stands in `!=`; for the opposite of a term write `not` or `-` before it"
            };
            return Err(error(start..self.at, Code::MissingOperand, message));
        }
        let range = start..self.at;
        Ok(match bare.strip_prefix(ATTRIBUTE_PREFIX) {
            Some("") => {
                let message = "name the attribute: attributes.city:Bern";
                return Err(error(range, Code::UnknownField, message));
            }
            Some(key) => Name { text: key.to_owned(), range, is_attribute: true },
            None => Name { text: bare.to_owned(), range, is_attribute: false },
        })
    }

    /// What stands here up to a blank, parenthesis, quotation mark or operator.
    pub(crate) fn bare_name(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest
            .char_indices()
            .find(|&(at, c)| match c {
                // A word may be shouted: only `!=` is an operator.
                '!' => at == 0 || rest[at..].starts_with("!="),
                '(' | ')' | '"' | ':' | '=' | '<' | '>' => true,
                c => c.is_whitespace(),
            })
            .map_or(rest.len(), |(at, _)| at);
        self.at += length;
        &rest[..length]
    }

    /// An operator: `:` is equality, and may stand before another one.
    pub(crate) fn operator(&mut self) -> Option<Operator> {
        let start = self.at;
        let has_colon = self.rest().starts_with(':');
        self.at += usize::from(has_colon);
        let found = OPERATORS.iter().find(|(text, _)| self.rest().starts_with(text));
        let comparison = match found {
            Some((text, comparison)) => {
                self.at += text.len();
                *comparison
            }
            None if has_colon => Comparison::Equal,
            None => return None,
        };
        Some(Operator { comparison, range: start..self.at })
    }

    /// What stands between the quotation mark here and its partner.
    pub(crate) fn quoted(&mut self) -> Result<Written, FilterError> {
        let open = self.at;
        let mut escaped = false;
        for (offset, c) in self.rest().char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    let raw = self.rest()[1..offset].to_owned();
                    self.at += offset + 1;
                    return Ok(Written { raw, is_quoted: true, range: open..self.at });
                }
                _ => {}
            }
        }
        let message = "this quotation mark is not closed: add another one at the end";
        Err(error(open..open + 1, Code::UnclosedQuote, message))
    }

    /// The value after an operator.
    pub(crate) fn value(&mut self, operator: &Operator) -> Result<Written, FilterError> {
        if self.peek() == Some('"') {
            return self.quoted();
        }
        let start = self.at;
        let mut escaped = false;
        let is_end = |c: char| {
            let ends = !escaped && (c.is_whitespace() || matches!(c, '(' | ')' | '"'));
            escaped = c == '\\' && !escaped;
            ends
        };
        self.at += self.rest().find(is_end).unwrap_or(self.rest().len());
        if self.at == start {
            let message = "a value is missing after this; the empty text is \"\"";
            return Err(error(operator.range.clone(), Code::MissingValue, message));
        }
        let raw = self.text[start..self.at].to_owned();
        Ok(Written { raw, is_quoted: false, range: start..self.at })
    }
}
