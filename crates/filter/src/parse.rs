//! From a text to an expression, by recursive descent.

use std::ops::Range;

use crate::ast::Expr;
use crate::error::{FilterError, FilterErrorCode as Code};
use crate::scan::Scanner;
use crate::term;
use crate::values::error;

/// Bytes of a filter at most.
pub const TEXT_BYTES_MAX: usize = 10_000;

/// Terms of a filter at most; a person types a handful. A bare `a-b` is two.
pub const TERMS_MAX: usize = 200;

/// Depth of parentheses and negations at most: the parser calls itself for each.
pub const DEPTH_MAX: usize = 64;

/// Parses a filter; the empty one holds for everything.
///
/// # Errors
/// [`FilterError`] at the first mistake.
pub fn parse(text: &str) -> Result<Expr, FilterError> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("a filter has at most {TEXT_BYTES_MAX} bytes");
        let start = text.floor_char_boundary(TEXT_BYTES_MAX);
        return Err(error(start..text.len(), Code::TooLong, message));
    }
    let mut parser = Parser { scanner: Scanner { text, at: 0 }, terms: 0, depth: 0 };
    parser.scanner.blanks();
    if parser.scanner.rest().is_empty() {
        return Ok(Expr::All(Vec::new()));
    }
    let expr = parser.any()?;
    // Only a parenthesis ends an expression before the text ends.
    if let Some(c) = parser.scanner.peek() {
        let at = parser.scanner.at;
        let message = "this `)` closes nothing: remove it, or open one before";
        return Err(error(at..at + c.len_utf8(), Code::UnexpectedParenthesis, message));
    }
    Ok(expr)
}

/// A part of a filter, beside which others stand that must hold too.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    /// As it was typed.
    pub(crate) text: String,
    pub(crate) expr: Expr,
}

/// The parts of a filter that must all hold. A whole that is one choice (`a or b`) is one part, in
/// parentheses, so that others can stand beside it.
///
/// # Errors
/// [`FilterError`] at the first mistake.
pub(crate) fn parts(text: &str) -> Result<Vec<Part>, FilterError> {
    let whole = parse(text)?;
    let mut parser = Parser { scanner: Scanner { text, at: 0 }, terms: 0, depth: 0 };
    parser.scanner.blanks();
    let mut parts = Vec::new();
    while !parser.scanner.ends() {
        if parser.scanner.is_keyword("or") {
            return Ok(vec![Part { text: format!("({})", text.trim()), expr: whole }]);
        }
        if parser.scanner.keyword("and").is_some() {
            continue;
        }
        let start = parser.scanner.at;
        let expr = parser.unary()?;
        parts.push(Part { text: text[start..parser.scanner.at].trim_end().to_owned(), expr });
        parser.scanner.blanks();
    }
    Ok(parts)
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    terms: usize,
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Expr, FilterError> {
        let mut parts = vec![self.all()?];
        while let Some(range) = self.scanner.keyword("or") {
            if self.scanner.ends() {
                return Err(missing_operand(range, "or"));
            }
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expr::Any))
    }

    fn all(&mut self) -> Result<Expr, FilterError> {
        let mut parts = Vec::new();
        loop {
            let before = self.scanner.at;
            if let Some(range) = self.scanner.keyword("and") {
                let has_next = !self.scanner.ends() && self.binary_keyword().is_none();
                if parts.is_empty() || !has_next {
                    return Err(missing_operand(range, "and"));
                }
            } else if self.scanner.is_keyword("or") {
                if parts.is_empty() {
                    return Err(missing_operand(before..before + "or".len(), "or"));
                }
                break;
            }
            if self.scanner.ends() {
                break;
            }
            parts.push(self.unary()?);
            self.scanner.blanks();
        }
        Ok(one_or(parts, Expr::All))
    }

    fn binary_keyword(&self) -> Option<&'static str> {
        ["and", "or"].into_iter().find(|keyword| self.scanner.is_keyword(keyword))
    }

    fn unary(&mut self) -> Result<Expr, FilterError> {
        if let Some(range) = self.negation() {
            if self.scanner.ends() || self.binary_keyword().is_some() {
                return Err(missing_operand(range, "not"));
            }
            self.deeper(range)?;
            let inner = self.unary()?;
            self.depth -= 1;
            return Ok(Expr::Not(Box::new(inner)));
        }
        if self.scanner.peek() == Some('(') {
            return self.parentheses();
        }
        let start = self.scanner.at;
        let expr = term::read(&mut self.scanner)?;
        self.terms += expr.terms().count();
        if self.terms > TERMS_MAX {
            let message = format!("a filter has at most {TERMS_MAX} terms");
            return Err(error(start..self.scanner.text.len(), Code::TooManyTerms, message));
        }
        Ok(expr)
    }

    /// Takes a `not`, or a `-` that something follows.
    fn negation(&mut self) -> Option<Range<usize>> {
        self.scanner.keyword("not").or_else(|| {
            let next = self.scanner.rest().strip_prefix('-')?.chars().next()?;
            if next.is_whitespace() || next == ')' {
                return None;
            }
            self.scanner.at += 1;
            Some(self.scanner.at - 1..self.scanner.at)
        })
    }

    fn parentheses(&mut self) -> Result<Expr, FilterError> {
        let open = self.scanner.at..self.scanner.at + 1;
        self.deeper(open.clone())?;
        self.scanner.at = open.end;
        self.scanner.blanks();
        if self.scanner.peek() == Some(')') {
            let message = "there is nothing between these parentheses";
            let both = open.start..self.scanner.at + 1;
            return Err(error(both, Code::UnexpectedParenthesis, message));
        }
        let inner = self.any()?;
        if self.scanner.peek() != Some(')') {
            let message = "this `(` is not closed: add a `)`";
            return Err(error(open, Code::UnclosedParenthesis, message));
        }
        self.scanner.at += 1;
        self.depth -= 1;
        Ok(inner)
    }

    fn deeper(&mut self, range: Range<usize>) -> Result<(), FilterError> {
        self.depth += 1;
        if self.depth <= DEPTH_MAX {
            return Ok(());
        }
        let message = format!("nested deeper than {DEPTH_MAX} levels");
        Err(error(range, Code::TooDeep, message))
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
        "not" => "`not` and `-` need a term after them".to_owned(),
        _ => format!(
            "`{keyword}` needs a term before and after it; to search for the word, quote it"
        ),
    };
    error(range, Code::MissingOperand, message)
}
