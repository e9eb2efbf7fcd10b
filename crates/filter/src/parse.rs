//! From a text to an expression, by recursive descent.

use std::ops::Range;

use crate::ast::{Comparison, Expr, Operand, Pattern, Term, Word};
use crate::error::{FilterError, FilterErrorCode as Code};
use crate::values::{Written, error, moment, near, number, operand, pattern, status, unescape};
use crate::words;

/// Bytes of a filter at most.
pub const TEXT_BYTES_MAX: usize = 10_000;

/// Terms of a filter at most; a person types a handful.
pub const TERMS_MAX: usize = 200;

/// Depth of parentheses and negations at most: the parser calls itself for each.
pub const DEPTH_MAX: usize = 64;

/// Fields that are not attributes.
const FIELDS: &[&str] = &[
    "tag",
    "id",
    "name",
    "status",
    "has",
    "observed",
    "after",
    "before",
    "changed",
    "observations",
    "attributes",
];

/// Parses a filter; the empty one holds for everything.
///
/// # Errors
/// [`FilterError`] at the first mistake.
pub fn parse(text: &str) -> Result<Expr, FilterError> {
    let mut parser = Parser { text, at: 0, terms: 0, depth: 0 };
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("a filter has at most {TEXT_BYTES_MAX} bytes");
        return Err(error(0..text.len(), Code::TooLong, message));
    }
    parser.blanks();
    if parser.rest().is_empty() {
        return Ok(Expr::All(Vec::new()));
    }
    let expr = parser.any()?;
    match parser.rest().chars().next() {
        None => Ok(expr),
        Some(_) => Err(error(
            parser.at..parser.at + 1,
            Code::UnexpectedParenthesis,
            "this `)` closes nothing: remove it, or open one before",
        )),
    }
}

/// What a person types into a search field: every word must be there, the last one perhaps not
/// typed to its end (unless a blank follows); quoted words must follow each other. `None` where
/// there is no word.
#[must_use]
pub fn search(text: &str) -> Option<Expr> {
    let text: String = text.chars().take(TEXT_BYTES_MAX / 4).collect();
    let mut parts = Vec::new();
    let mut pieces = text.split('"').peekable();
    let mut is_quoted = false;
    while let Some(piece) = pieces.next() {
        let is_last = pieces.peek().is_none();
        let mut found = fold(piece);
        if is_last && !is_quoted && piece.ends_with(char::is_alphanumeric) {
            found.last_mut().into_iter().for_each(|word| word.prefix = true);
        }
        // A quote that is still open is being typed.
        if is_quoted && is_last {
            found.last_mut().into_iter().for_each(|word| word.prefix = true);
        }
        if is_quoted && found.len() > 1 {
            parts.push(Expr::Term(Term::Words { words: found, phrase: true }));
        } else {
            parts.extend(found.into_iter().map(single));
        }
        is_quoted = !is_quoted;
    }
    parts.truncate(TERMS_MAX);
    match parts.len() {
        0 => None,
        1 => parts.pop(),
        _ => Some(Expr::All(parts)),
    }
}

fn fold(text: &str) -> Vec<Word> {
    let mut found = Vec::new();
    words::each(text, |word| found.push(Word { text: word.to_owned(), prefix: false }));
    found
}

fn single(word: Word) -> Expr {
    Expr::Term(Term::Words { words: vec![word], phrase: false })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    terms: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes a keyword, where one stands here as a word of its own.
    fn keyword(&mut self, keyword: &str) -> Option<Range<usize>> {
        let word = self.rest().get(..keyword.len())?;
        let follows = self.rest()[keyword.len()..].chars().next();
        let ends = follows.is_none_or(|c| c.is_whitespace() || c == '(' || c == ')' || c == '"');
        if !word.eq_ignore_ascii_case(keyword) || !ends {
            return None;
        }
        let range = self.at..self.at + keyword.len();
        self.at = range.end;
        self.blanks();
        Some(range)
    }

    fn deeper(&mut self, range: Range<usize>) -> Result<(), FilterError> {
        self.depth += 1;
        if self.depth <= DEPTH_MAX {
            return Ok(());
        }
        let message = format!("nested deeper than {DEPTH_MAX} levels");
        Err(error(range, Code::TooDeep, message))
    }

    fn any(&mut self) -> Result<Expr, FilterError> {
        let mut parts = vec![self.all()?];
        while let Some(range) = self.keyword("or") {
            if self.ends() {
                return Err(missing_operand(range, "or"));
            }
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expr::Any))
    }

    fn all(&mut self) -> Result<Expr, FilterError> {
        let mut parts = Vec::new();
        loop {
            let before = self.at;
            if let Some(range) = self.keyword("and") {
                if parts.is_empty() || self.ends() || self.is_keyword("or") {
                    return Err(missing_operand(range, "and"));
                }
            } else if self.is_keyword("or") {
                if parts.is_empty() {
                    return Err(missing_operand(before..before + 2, "or"));
                }
                break;
            }
            if self.ends() {
                break;
            }
            parts.push(self.unary()?);
            self.blanks();
        }
        Ok(one_or(parts, Expr::All))
    }

    fn ends(&self) -> bool {
        matches!(self.peek(), None | Some(')'))
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        Parser { text: self.text, at: self.at, terms: 0, depth: 0 }.keyword(keyword).is_some()
    }

    fn unary(&mut self) -> Result<Expr, FilterError> {
        let negation = self.keyword("not").or_else(|| {
            let next = self.rest().strip_prefix('-')?.chars().next()?;
            if next.is_whitespace() || next == ')' {
                return None;
            }
            self.at += 1;
            Some(self.at - 1..self.at)
        });
        if let Some(range) = negation {
            if self.ends() || self.is_keyword("or") || self.is_keyword("and") {
                return Err(missing_operand(range, "not"));
            }
            self.deeper(range)?;
            let inner = self.unary()?;
            self.depth -= 1;
            return Ok(Expr::Not(Box::new(inner)));
        }
        if self.peek() != Some('(') {
            return self.term();
        }
        let open = self.at..self.at + 1;
        self.deeper(open.clone())?;
        self.at += 1;
        self.blanks();
        if self.peek() == Some(')') {
            let message = "there is nothing between these parentheses";
            return Err(error(open.start..self.at + 1, Code::UnexpectedParenthesis, message));
        }
        let inner = self.any()?;
        if self.peek() != Some(')') {
            let message = "this `(` is not closed: add a `)`";
            return Err(error(open, Code::UnclosedParenthesis, message));
        }
        self.at += 1;
        self.depth -= 1;
        Ok(inner)
    }

    fn term(&mut self) -> Result<Expr, FilterError> {
        let start = self.at;
        self.terms += 1;
        if self.terms > TERMS_MAX {
            let message = format!("a filter has at most {TERMS_MAX} terms");
            return Err(error(start..self.text.len(), Code::TooManyTerms, message));
        }
        if self.peek() == Some('"') {
            let written = self.quoted()?;
            return free_words(&written);
        }
        let (name, is_attribute) = self.name()?;
        let name_range = start..self.at;
        let Some((operator, operator_range)) = self.operator() else {
            if is_attribute {
                let message = "a comparison is missing: attributes.age>=30";
                return Err(error(name_range, Code::MissingValue, message));
            }
            // A bare word goes on over characters that only matter in fields.
            let raw = self.text[name_range.clone()].to_owned();
            return free_words(&Written { raw, is_quoted: false, range: name_range });
        };
        if is_attribute {
            return self.attribute(name, operator, operator_range);
        }
        self.field(name, name_range, operator, operator_range)
    }

    /// The name before an operator, or a bare word; whether it was `attributes.KEY`.
    fn name(&mut self) -> Result<(String, bool), FilterError> {
        let is_end = |c: char| {
            c.is_whitespace() || matches!(c, '(' | ')' | '"' | ':' | '=' | '!' | '<' | '>')
        };
        let length = self.rest().find(is_end).unwrap_or(self.rest().len());
        let bare = &self.rest()[..length];
        if bare == "attributes." && self.rest()[length..].starts_with('"') {
            self.at += length;
            let written = self.quoted()?;
            return Ok((unescape(&written.raw), true));
        }
        // An operator at the very beginning: something to say about it follows.
        self.at += length;
        if length == 0 {
            let start = self.at;
            if self.operator().is_none() {
                self.at += self.peek().map_or(0, char::len_utf8);
            }
            let message = "a field is missing before this: age>=30";
            return Err(error(start..self.at, Code::MissingOperand, message));
        }
        match bare.strip_prefix("attributes.") {
            Some(key) if !key.is_empty() => Ok((key.to_owned(), true)),
            _ => Ok((bare.to_owned(), false)),
        }
    }

    /// An operator: `:` is equality, and may stand before another one.
    fn operator(&mut self) -> Option<(Comparison, Range<usize>)> {
        const OPERATORS: &[(&str, Comparison)] = &[
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
            ("=", Comparison::Equal),
        ];
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
        Some((comparison, start..self.at))
    }

    fn quoted(&mut self) -> Result<Written, FilterError> {
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
    fn value(&mut self, operator: &Range<usize>) -> Result<Written, FilterError> {
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
            let message = "a value is missing after this";
            return Err(error(operator.clone(), Code::MissingValue, message));
        }
        let raw = self.text[start..self.at].to_owned();
        Ok(Written { raw, is_quoted: false, range: start..self.at })
    }

    fn attribute(
        &mut self,
        key: String,
        comparison: Comparison,
        operator: Range<usize>,
    ) -> Result<Expr, FilterError> {
        let written = self.value(&operator)?;
        let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        let operand = operand(&written);
        let operand = match operand {
            Operand::Bool(_) | Operand::Null if !equality => {
                let message = format!("`{}` can only be compared with `=` and `!=`", written.raw);
                return Err(error(operator, Code::NoSuchComparison, message));
            }
            // Order is by code points; a wildcard has no place in it.
            Operand::Text(_) if !equality => Operand::Text(Pattern::Exact(unescape(&written.raw))),
            operand => operand,
        };
        Ok(Expr::Term(Term::Attribute { key, comparison, operand }))
    }

    fn field(
        &mut self,
        name: String,
        name_range: Range<usize>,
        comparison: Comparison,
        operator: Range<usize>,
    ) -> Result<Expr, FilterError> {
        if let "tag" | "id" | "name" | "status" | "has" | "after" | "before" = name.as_str()
            && comparison != Comparison::Equal
        {
            let negated = format!("not {name}:…");
            let message = match comparison {
                Comparison::NotEqual => format!("`{name}` only goes with `:`; write `{negated}`"),
                _ => format!("`{name}` only goes with `:`"),
            };
            return Err(error(operator, Code::NoSuchComparison, message));
        }
        let term = match name.as_str() {
            "tag" => Term::Tag(pattern(&self.value(&operator)?.raw)),
            "id" => Term::Id(pattern(&self.value(&operator)?.raw)),
            "name" => Term::Name(pattern(&self.value(&operator)?.raw)),
            "has" => Term::Has(unescape(&self.value(&operator)?.raw)),
            "status" => Term::Status(status(&self.value(&operator)?)?),
            "after" => Term::After(moment(&self.value(&operator)?)?),
            "before" => Term::Before(moment(&self.value(&operator)?)?),
            "changed" => Term::Changed(comparison, moment(&self.value(&operator)?)?),
            "observations" => Term::Observations(comparison, number(&self.value(&operator)?)?),
            "observed" => return self.observed(comparison, &operator),
            "attributes" => {
                let message = "name the attribute: attributes.city:Bern";
                return Err(error(name_range, Code::UnknownField, message));
            }
            _ => {
                if let Some(field) = near(&name, FIELDS.iter().copied()) {
                    let message = format!(
                        "there is no field `{name}`; did you mean `{field}`? For an attribute of \
                         this name write `attributes.{name}`"
                    );
                    let mut error = error(name_range, Code::UnknownField, message);
                    error.suggestion = Some(field.to_owned());
                    return Err(error);
                }
                return self.attribute(name, comparison, operator);
            }
        };
        Ok(Expr::Term(term))
    }

    fn observed(
        &mut self,
        comparison: Comparison,
        operator: &Range<usize>,
    ) -> Result<Expr, FilterError> {
        if comparison != Comparison::Equal {
            let message = "name a signal after `observed:`, and compare then: observed:visits>3";
            return Err(error(operator.clone(), Code::NoSuchComparison, message));
        }
        let signal = if self.peek() == Some('"') {
            unescape(&self.quoted()?.raw)
        } else {
            let is_end = |c: char| {
                c.is_whitespace() || matches!(c, '(' | ')' | '"' | ':' | '=' | '!' | '<' | '>')
            };
            let length = self.rest().find(is_end).unwrap_or(self.rest().len());
            if length == 0 {
                let message = "a signal is missing after this: observed:order_value>100";
                return Err(error(operator.clone(), Code::MissingValue, message));
            }
            self.at += length;
            self.text[self.at - length..self.at].to_owned()
        };
        let test = match self.operator() {
            Some((comparison, range)) => Some((comparison, number(&self.value(&range)?)?)),
            None => None,
        };
        Ok(Expr::Term(Term::Observed { signal, test }))
    }
}

fn one_or(mut parts: Vec<Expr>, make: impl FnOnce(Vec<Expr>) -> Expr) -> Expr {
    match parts.len() {
        1 => parts.remove(0),
        _ => make(parts),
    }
}

fn missing_operand(range: Range<usize>, keyword: &str) -> FilterError {
    let message = match keyword {
        "not" => "`not` needs a term after it".to_owned(),
        _ => format!(
            "`{keyword}` needs a term before and after it; to search for the word, quote it"
        ),
    };
    error(range, Code::MissingOperand, message)
}

fn free_words(written: &Written) -> Result<Expr, FilterError> {
    let (raw, prefix) = match written.raw.strip_suffix('*') {
        Some(raw) if !raw.ends_with('\\') => (raw, true),
        _ => (written.raw.as_str(), false),
    };
    let mut found = fold(&unescape(raw));
    if let Some(last) = found.last_mut() {
        last.prefix = prefix;
    }
    match found.len() {
        0 => {
            let message = "there is no letter and no digit in this to search for";
            Err(error(written.range.clone(), Code::NothingToSearch, message))
        }
        1 => Ok(found.pop().map_or(Expr::All(Vec::new()), single)),
        _ if written.is_quoted => Ok(Expr::Term(Term::Words { words: found, phrase: true })),
        _ => Ok(Expr::All(found.into_iter().map(single).collect())),
    }
}
