//! What a filter means on one record: the obvious way, which every faster one must agree with.

use kartei_profile::{Fields, Record, Scalar};

use crate::ast::{Comparison, Expr, Operand, Status, Term, Word};
use crate::words::Folder;

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Number(f64),
    Bool(bool),
    Null,
}

/// What filters ask of a record. Keep one for many: it keeps its memory.
#[derive(Debug, Clone, Default)]
pub struct RecordFacts {
    id: String,
    name: Option<String>,
    tags: Vec<String>,
    attributes: Vec<(String, Value)>,
    observations: Vec<(String, f64, i64)>,
    /// The texts that words are searched in.
    texts: Vec<String>,
    status: Option<Status>,
    changed_at: i64,
}

impl Fields for RecordFacts {
    fn name(&mut self, name: &str) {
        self.name = Some(name.to_owned());
        self.texts.push(name.to_owned());
    }

    fn tag(&mut self, tag: &str) {
        self.tags.push(tag.to_owned());
        self.texts.push(tag.to_owned());
    }

    fn attribute(&mut self, key: &str, value: Scalar<'_>) {
        let value = match value {
            Scalar::Text(text) => {
                self.texts.push(text.to_owned());
                Value::Text(text.to_owned())
            }
            Scalar::Number(number, text) => {
                self.texts.push(text.to_owned());
                Value::Number(number)
            }
            Scalar::Bool(flag) => Value::Bool(flag),
            Scalar::Null => Value::Null,
        };
        self.attributes.push((key.to_owned(), value));
    }

    fn observation(&mut self, signal: &str, value: f64, at_millis: i64) {
        self.observations.push((signal.to_owned(), value, at_millis));
    }

    fn notes(&mut self, notes: &str) {
        self.texts.push(notes.to_owned());
    }
}

impl RecordFacts {
    /// Takes the facts of a record, in place of those of the one before.
    pub fn tell(&mut self, record: &Record) {
        *self = Self { id: record.id().to_owned(), ..Self::default() };
        self.texts.push(record.id().to_owned());
        record.tell(self);
    }

    /// Says what no record says of itself: its status, and when it was last changed, in milliseconds
    /// since 1970.
    pub fn stand(&mut self, status: Status, changed_at: i64) {
        self.status = Some(status);
        self.changed_at = changed_at;
    }

    /// Whether an expression holds.
    #[must_use]
    pub fn matches(&self, expr: &Expr) -> bool {
        match expr {
            Expr::All(parts) => parts.iter().all(|part| self.matches(part)),
            Expr::Any(parts) => parts.iter().any(|part| self.matches(part)),
            Expr::Not(inner) => !self.matches(inner),
            Expr::Term(term) => self.holds(term),
        }
    }

    /// Whether a single condition holds.
    #[must_use]
    pub fn holds(&self, term: &Term) -> bool {
        match term {
            Term::Tag(pattern) => self.tags.iter().any(|tag| pattern.fits(tag)),
            Term::Id(pattern) => pattern.fits(&self.id),
            Term::Name(pattern) => self.name.as_ref().is_some_and(|name| pattern.fits(name)),
            Term::Status(status) => self.status == Some(*status),
            Term::Has(key) => self.attributes.iter().any(|(k, _)| k == key),
            Term::Attribute { key, comparison, operand } => {
                let found = self.attributes.iter().find(|(k, _)| k == key);
                found.is_some_and(|(_, value)| compares(value, *comparison, operand))
            }
            Term::Observed { signal, test } => {
                self.observations.iter().filter(|(s, ..)| s == signal).any(|(_, value, _)| {
                    test.is_none_or(|(comparison, limit)| {
                        value.partial_cmp(&limit).is_some_and(|order| comparison.holds(order))
                    })
                })
            }
            Term::After(millis) => self.observations.iter().any(|(.., at)| at >= millis),
            Term::Before(millis) => self.observations.iter().any(|(.., at)| at < millis),
            Term::Changed(comparison, millis) => comparison.holds(self.changed_at.cmp(millis)),
            Term::Observations(comparison, count) => {
                // Counts are far below 2^53.
                #[expect(clippy::cast_precision_loss, reason = "as said")]
                let own = self.observations.len() as f64;
                own.partial_cmp(count).is_some_and(|order| comparison.holds(order))
            }
            Term::Words { words, phrase } => {
                let mut folder = Folder::default();
                let texts: Vec<Vec<String>> = self
                    .texts
                    .iter()
                    .map(|text| {
                        let mut found = Vec::new();
                        folder.each(text, |word| found.push(word.to_owned()));
                        found
                    })
                    .collect();
                if *phrase {
                    texts.iter().any(|text| follow_each_other(text, words))
                } else {
                    words.iter().all(|word| texts.iter().flatten().any(|own| is_word(own, word)))
                }
            }
        }
    }
}

fn is_word(own: &str, word: &Word) -> bool {
    if word.prefix { own.starts_with(&word.text) } else { own == word.text }
}

fn follow_each_other(text: &[String], words: &[Word]) -> bool {
    text.windows(words.len().max(1))
        .any(|part| part.iter().zip(words).all(|(own, word)| is_word(own, word)))
}

fn compares(value: &Value, comparison: Comparison, operand: &Operand) -> bool {
    let order = match (value, operand) {
        (Value::Number(own), Operand::Number(other)) => own.partial_cmp(other),
        (Value::Text(own), Operand::Text(pattern)) => match (comparison, pattern) {
            (Comparison::Equal, _) => return pattern.fits(own),
            (Comparison::NotEqual, _) => return !pattern.fits(own),
            (_, crate::ast::Pattern::Exact(other)) => Some(own.as_str().cmp(other)),
            // The parser makes none of these.
            (_, crate::ast::Pattern::Wild(_)) => None,
        },
        (Value::Bool(own), Operand::Bool(other)) => Some(own.cmp(other)),
        (Value::Null, Operand::Null) => Some(std::cmp::Ordering::Equal),
        // Values of different types differ, and have no order.
        _ => return comparison == Comparison::NotEqual,
    };
    order.is_some_and(|order| comparison.holds(order))
}
