//! What a filter means on one profile: the obvious way, which every faster one must agree with.

use std::cmp::Ordering;

use kartei_profile::Scalar;

use crate::ast::{Comparison, Expr, Operand, Pattern, Term, Word};
use crate::facts::Facts;
use crate::words::Folder;

/// Whether an expression holds for a profile.
#[must_use]
pub fn matches(expr: &Expr, facts: &impl Facts) -> bool {
    match expr {
        Expr::All(parts) => parts.iter().all(|part| matches(part, facts)),
        Expr::Any(parts) => parts.iter().any(|part| matches(part, facts)),
        Expr::Not(inner) => !matches(inner, facts),
        Expr::Term(term) => holds(term, facts),
    }
}

/// Whether a single condition holds for a profile.
#[must_use]
pub fn holds(term: &Term, facts: &impl Facts) -> bool {
    match term {
        Term::Tag(pattern) => facts.tags().any(|tag| pattern.fits(tag)),
        Term::Id(pattern) => pattern.fits(facts.id()),
        Term::Name(pattern) => facts.name().is_some_and(|name| pattern.fits(name)),
        Term::Status(status) => facts.status() == Some(*status),
        Term::Has(key) => facts.attribute(key).is_some(),
        Term::Attribute { key, comparison, operand } => {
            facts.attribute(key).is_some_and(|value| compares(value, *comparison, operand))
        }
        Term::Observed { signal, test } => {
            facts.observations().filter(|(own, ..)| own == signal).any(|(_, value, _)| {
                test.is_none_or(|(comparison, limit)| numbers_compare(value, comparison, limit))
            })
        }
        Term::After(millis) => facts.observations().any(|(.., at)| at >= *millis),
        Term::Before(millis) => facts.observations().any(|(.., at)| at < *millis),
        Term::Changed(comparison, millis) => comparison.holds(facts.changed_at().cmp(millis)),
        Term::Observations(comparison, count) => {
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
            let own = facts.observations().count() as f64;
            numbers_compare(own, *comparison, *count)
        }
        Term::Score { name, comparison, value } => {
            facts.score(name).is_some_and(|own| numbers_compare(own, *comparison, *value))
        }
        Term::Words { words, phrase: true } if words.len() > 1 => has_phrase(words, facts),
        Term::Words { words, .. } => has_words(words, facts),
    }
}

/// Whether each of the words stands in some text.
fn has_words(words: &[Word], facts: &impl Facts) -> bool {
    let mut missing: Vec<&Word> = words.iter().collect();
    let mut folder = Folder::default();
    for text in facts.texts() {
        folder.each(text, |own| missing.retain(|word| !is_word(own, word)));
    }
    missing.is_empty()
}

/// Whether the words follow each other in some text.
fn has_phrase(words: &[Word], facts: &impl Facts) -> bool {
    let mut folder = Folder::default();
    facts.texts().any(|text| {
        let mut own: Vec<String> = Vec::new();
        folder.each(text, |word| own.push(word.to_owned()));
        own.windows(words.len())
            .any(|part| part.iter().zip(words).all(|(own, word)| is_word(own, word)))
    })
}

fn is_word(own: &str, word: &Word) -> bool {
    if word.prefix { own.starts_with(&word.text) } else { own == word.text }
}

fn compares(value: Scalar<'_>, comparison: Comparison, operand: &Operand) -> bool {
    match (value, operand) {
        (Scalar::Number(own, _), Operand::Number(other)) => {
            numbers_compare(own, comparison, *other)
        }
        (Scalar::Text(own), Operand::Text(pattern)) => match (comparison, pattern) {
            (Comparison::Equal, _) => pattern.fits(own),
            (Comparison::NotEqual, _) => !pattern.fits(own),
            // Bytes of UTF-8 are in the order of code points.
            (_, Pattern::Exact(other)) => comparison.holds(own.cmp(other)),
            // The parser makes none of these.
            (_, Pattern::Wild(_)) => false,
        },
        (Scalar::Bool(own), Operand::Bool(other)) => comparison.holds(own.cmp(other)),
        (Scalar::Null, Operand::Null) => comparison.holds(Ordering::Equal),
        // Values of different types differ, and have no order.
        _ => comparison == Comparison::NotEqual,
    }
}

fn numbers_compare(own: f64, comparison: Comparison, other: f64) -> bool {
    own.partial_cmp(&other).is_some_and(|order| comparison.holds(order))
}
