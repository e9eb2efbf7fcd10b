//! Words without a field: in filters, and in a search field, where nothing can be wrong.

use unicode_normalization::char::is_combining_mark;

use crate::ast::{Expr, Term, Word};
use crate::error::{FilterError, FilterErrorCode as Code};
use crate::parse::{TERMS_MAX, TEXT_BYTES_MAX};
use crate::values::{Written, error, pieces};
use crate::words;

/// What a person types into a search field: every word must be there, the last one perhaps not
/// typed to its end (unless a blank follows); quoted words must follow each other. `None` where
/// there is no word. Of a text longer than a filter may be, the beginning counts.
#[must_use]
pub fn search(text: &str) -> Option<Expr> {
    let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    let mut parts = Vec::new();
    let mut pieces = text.split('"').enumerate().peekable();
    while let Some((number, piece)) = pieces.next() {
        let is_quoted = number % 2 == 1;
        let mut found = fold(piece);
        // What no blank follows is still being typed, in an open quote too; a closed quote has an
        // empty piece behind it.
        let is_being_typed = |piece: &str| {
            piece.rsplit(char::is_whitespace).next().is_some_and(|end| !fold(end).is_empty())
        };
        if pieces.peek().is_none() && is_being_typed(piece) {
            found.last_mut().into_iter().for_each(|word| word.prefix = true);
        }
        if is_quoted && found.len() > 1 {
            parts.push(Expr::Term(Term::Words { words: found, phrase: true }));
        } else {
            parts.extend(found.into_iter().map(single));
        }
    }
    parts.truncate(TERMS_MAX);
    if parts.len() > 1 { Some(Expr::All(parts)) } else { parts.pop() }
}

/// A bare word of a filter, or a quoted phrase.
pub(crate) fn read(written: &Written) -> Result<Expr, FilterError> {
    let pieces = pieces(&written.raw);
    let mut found = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        found.extend(fold(piece));
        let Some(next) = pieces.get(number + 1) else { break };
        let next_is_letter = next.starts_with(char::is_alphanumeric);
        // Marks come after their letters.
        let is_after_word =
            piece.trim_end_matches(is_combining_mark).ends_with(char::is_alphanumeric);
        if is_after_word && !next_is_letter {
            found.last_mut().into_iter().for_each(|word| word.prefix = true);
        } else if next_is_letter && !written.is_quoted {
            let message = "in words `*` only stands at the end: wor*";
            return Err(error(written.range.clone(), Code::MisplacedWildcard, message));
        }
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

fn fold(text: &str) -> Vec<Word> {
    let mut found = Vec::new();
    words::each(text, |word| found.push(Word { text: word.to_owned(), prefix: false }));
    found
}

fn single(word: Word) -> Expr {
    Expr::Term(Term::Words { words: vec![word], phrase: false })
}
