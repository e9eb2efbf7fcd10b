//! The fast way from a line to its canonical form.
//!
//! Nearly every line of a file is a plain, valid record. This reader takes those, in one pass over
//! the text and without a value of their own for each number and name: a [`tape`] of positions,
//! checked and written out along a [`plan`] that was made of the schema. Whatever is not plainly
//! right (wrong, ambiguous, rare) it declines, and [`Record::parse`](crate::Record::parse) decides
//! and says why. So the one rule is: **what this reader accepts, that one accepts with the same
//! text**; tests and a fuzz target compare the two.

mod emit;
mod plan;
mod tape;

use std::cmp::Ordering;

use sha2::{Digest, Sha256};

pub(crate) use plan::{ObjectPlan, of_record};

use crate::fields::{Fields, Scalar};
use crate::instant::Instant;
use crate::record::RecordHash;
use crate::schema::RecordSchema;
use emit::Emitter;
use tape::{Kind, Tape, View};

/// Reads lines; keep one for many lines, it keeps its memory.
#[derive(Debug, Default)]
pub struct FastReader {
    tape: Tape,
    emitter: Emitter,
}

/// A record that was read.
#[derive(Debug)]
pub struct FastRecord<'a> {
    view: View<'a>,
    emitter: &'a Emitter,
    id: &'a str,
    hash: RecordHash,
}

impl FastReader {
    /// Reads one line, and appends its canonical form to `out`.
    ///
    /// `None` says nothing about the line but that the careful reader has to look at it; `out` is
    /// as it was then.
    pub fn read<'a>(
        &'a mut self,
        schema: &RecordSchema,
        line: &'a [u8],
        out: &mut Vec<u8>,
    ) -> Option<FastRecord<'a>> {
        let plan = schema.plan()?;
        let line = std::str::from_utf8(line).ok()?;
        let view = self.tape.read(line)?;
        let start = out.len();
        if self.emitter.record(plan, view, out).is_none() {
            out.truncate(start);
            return None;
        }
        let hash = RecordHash::from_bytes(Sha256::digest(&out[start..]).into());
        let id = view.text(view.node(self.emitter.member(plan, "id")?).text);
        Some(FastRecord { view, emitter: &self.emitter, id, hash })
    }
}

impl<'a> FastRecord<'a> {
    /// The record's `id`.
    #[must_use]
    pub fn id(&self) -> &'a str {
        self.id
    }

    /// SHA-256 of the canonical form.
    #[must_use]
    pub fn hash(&self) -> RecordHash {
        self.hash
    }

    /// Tells `fields` what lists are made of.
    pub fn tell(&self, schema: &RecordSchema, fields: &mut impl Fields) {
        let Some(plan) = schema.plan() else { return };
        let view = self.view;
        let text = |node: usize| view.text(view.node(node).text);
        if let Some(name) = self.emitter.member(plan, "display_name") {
            fields.name(text(name));
        }
        for tag in self.emitter.tags() {
            fields.tag(text(*tag as usize));
        }
        for (name, value) in self.emitter.attributes() {
            let value = scalar(view, *value as usize);
            fields.attribute(text(*name as usize), value);
        }
        self.emitter.observations(|signal, value, at| {
            fields.observation(text(signal), float(text(value)), at);
        });
        if let Some(notes) = self.emitter.member(plan, "notes")
            && !text(notes).is_empty()
        {
            fields.notes(text(notes));
        }
    }
}

fn scalar<'a>(view: View<'a>, at: usize) -> Scalar<'a> {
    let node = view.node(at);
    match node.kind {
        Kind::Text => Scalar::Text(view.text(node.text)),
        Kind::Number => Scalar::Number(float(view.text(node.text)), view.text(node.text)),
        Kind::True => Scalar::Bool(true),
        Kind::False => Scalar::Bool(false),
        // Containers were refused.
        Kind::Null | Kind::Array | Kind::Object => Scalar::Null,
    }
}

/// A number of the canonical form; it was read once already.
fn float(text: &str) -> f64 {
    text.parse().unwrap_or_default()
}

/// An element on its way into order.
#[derive(Debug, Clone, Copy)]
struct Placed {
    at: Option<Instant>,
    /// Where the emitter has the element's slots.
    slots: u32,
}

/// Where the elements of a set of objects stand among each other.
fn compare(a: (Option<Instant>, &str), b: (Option<Instant>, &str)) -> Ordering {
    a.0.cmp(&b.0).then_with(|| crate::canonical::compare_utf16(a.1, b.1))
}
