//! What a record says of itself, as filters ask for it.
//!
//! [`RecordFacts`] keeps the facts of one record at a time, all texts in one piece of memory, and
//! answers as [`Facts`]. It must not know what filters mean: that is [`crate::meaning`].

use std::ops::Range;

use kartei_profile::{Fields, Record, Scalar};

use crate::ast::{Expr, Status, Term};
use crate::meaning;

/// What filters ask of a profile.
pub trait Facts {
    /// Its id.
    fn id(&self) -> &str;
    /// Its display name, where it has one.
    fn name(&self) -> Option<&str>;
    /// Its tags.
    fn tags(&self) -> impl Iterator<Item = &str>;
    /// The value of the attribute with this key.
    fn attribute(&self, key: &str) -> Option<Scalar<'_>>;
    /// Its observations: signal, value, and instant in milliseconds since 1970.
    fn observations(&self) -> impl Iterator<Item = (&str, f64, i64)>;
    /// The texts that words are searched in, one by one: id, name, tags, values of attributes (texts,
    /// and numbers as they are written), notes.
    fn texts(&self) -> impl Iterator<Item = &str>;
    /// Where it stands with the relay; `None` where that is not known, and no status holds.
    fn status(&self) -> Option<Status>;
    /// When it was last changed in this store, in milliseconds since 1970.
    fn changed_at(&self) -> i64;
    /// The score of a dimension, 0 to 1; `None` where scores are not known, and no condition on them holds.
    fn score(&self, _name: &str) -> Option<f64> {
        None
    }
}

/// A text: its place in [`RecordFacts::letters`].
type Span = Range<usize>;

#[derive(Debug, Clone)]
enum Value {
    Text(Span),
    Number(f64, Span),
    Bool(bool),
    Null,
}

/// The facts of a record. Keep one for many: it keeps its memory.
#[derive(Debug, Clone, Default)]
pub struct RecordFacts {
    /// All texts, one after the other.
    letters: String,
    id: Span,
    name: Option<Span>,
    tags: Vec<Span>,
    attributes: Vec<(Span, Value)>,
    observations: Vec<(Span, f64, i64)>,
    notes: Option<Span>,
    status: Option<Status>,
    changed_at: i64,
}

impl Fields for RecordFacts {
    fn name(&mut self, name: &str) {
        self.name = Some(self.keep(name));
    }

    fn tag(&mut self, tag: &str) {
        let tag = self.keep(tag);
        self.tags.push(tag);
    }

    fn attribute(&mut self, key: &str, value: Scalar<'_>) {
        let key = self.keep(key);
        let value = match value {
            Scalar::Text(text) => Value::Text(self.keep(text)),
            Scalar::Number(number, text) => Value::Number(number, self.keep(text)),
            Scalar::Bool(flag) => Value::Bool(flag),
            Scalar::Null => Value::Null,
        };
        self.attributes.push((key, value));
    }

    fn observation(&mut self, signal: &str, value: f64, at_millis: i64) {
        let signal = self.keep(signal);
        self.observations.push((signal, value, at_millis));
    }

    fn notes(&mut self, notes: &str) {
        self.notes = Some(self.keep(notes));
    }
}

impl RecordFacts {
    /// Takes the facts of a record, in place of those of the one before; its status and the moment
    /// of its last change are to be said anew ([`RecordFacts::stand`]).
    pub fn tell(&mut self, record: &Record) {
        self.begin(record.id());
        record.tell(self);
    }

    /// Forgets the record before; what is told next is of the one with this id. For whoever has no
    /// [`Record`] and tells [`Fields`] itself.
    pub fn begin(&mut self, id: &str) {
        self.letters.clear();
        self.id = self.keep(id);
        self.name = None;
        self.tags.clear();
        self.attributes.clear();
        self.observations.clear();
        self.notes = None;
        self.status = None;
        self.changed_at = 0;
    }

    /// Says what no record says of itself: its status, and when it was last changed, in milliseconds
    /// since 1970. No condition on the status holds where there is none.
    pub fn stand(&mut self, status: impl Into<Option<Status>>, changed_at: i64) {
        self.status = status.into();
        self.changed_at = changed_at;
    }

    /// Whether an expression holds; as [`meaning::matches`].
    #[must_use]
    pub fn matches(&self, expr: &Expr) -> bool {
        meaning::matches(expr, self)
    }

    /// Whether a single condition holds; as [`meaning::holds`].
    #[must_use]
    pub fn holds(&self, term: &Term) -> bool {
        meaning::holds(term, self)
    }

    fn keep(&mut self, text: &str) -> Span {
        let start = self.letters.len();
        self.letters.push_str(text);
        start..self.letters.len()
    }

    fn text(&self, span: &Span) -> &str {
        &self.letters[span.clone()]
    }
}

impl Facts for RecordFacts {
    fn id(&self) -> &str {
        self.text(&self.id)
    }

    fn name(&self) -> Option<&str> {
        self.name.as_ref().map(|name| self.text(name))
    }

    fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(|tag| self.text(tag))
    }

    fn attribute(&self, key: &str) -> Option<Scalar<'_>> {
        let (_, value) = self.attributes.iter().find(|(own, _)| self.text(own) == key)?;
        Some(match value {
            Value::Text(text) => Scalar::Text(self.text(text)),
            Value::Number(number, text) => Scalar::Number(*number, self.text(text)),
            Value::Bool(flag) => Scalar::Bool(*flag),
            Value::Null => Scalar::Null,
        })
    }

    fn observations(&self) -> impl Iterator<Item = (&str, f64, i64)> {
        self.observations.iter().map(|(signal, value, at)| (self.text(signal), *value, *at))
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let values = self.attributes.iter().filter_map(|(_, value)| match value {
            Value::Text(text) | Value::Number(_, text) => Some(text),
            Value::Bool(_) | Value::Null => None,
        });
        std::iter::once(&self.id)
            .chain(&self.name)
            .chain(&self.tags)
            .chain(values)
            .chain(&self.notes)
            .map(|span| self.text(span))
    }

    fn status(&self) -> Option<Status> {
        self.status
    }

    fn changed_at(&self) -> i64 {
        self.changed_at
    }
}
