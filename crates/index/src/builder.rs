//! Makes the columns of a chunk out of what records tell, piece by piece.
//!
//! Runs for every profile of an import. Nothing is allocated per profile: texts are kept once in
//! [`Interner`]s, and everything keeps its memory from chunk to chunk.

use kartei_filter::words::Folder;
use kartei_profile::Scalar;

use crate::collect::{AttributeRows, SignalRows, TermRows, Texts};
use crate::intern::Interner;
use crate::numbers::normal;
use crate::postings::{self, Scratch};
use crate::{attribute, column, integers, rows, signal, strings, wire};

/// Keys and signals that are remembered from chunk to chunk; beyond that they are forgotten, so
/// that files with ever new keys do not fill the memory.
const NAMES_KEPT_MAX: usize = 4_096;

/// Makes chunks. Keep one for many chunks: it keeps its memory.
///
/// For each profile [`begin`](Self::begin), then what it has in any order, then
/// [`end`](Self::end); after the last one [`finish`](Self::finish).
#[derive(Debug, Default)]
pub struct ChunkBuilder {
    row: u32,
    ids: Texts,
    names: Texts,
    name_rows: Vec<u32>,
    tags: TermRows,
    tag_texts: Interner,
    tag_words: Vec<Vec<u32>>,
    words: Words,
    keys: Interner,
    attributes: Vec<AttributeRows>,
    attribute_expected: usize,
    signal_names: Interner,
    signals: Vec<SignalRows>,
    signal_before: usize,
    observations: Vec<i64>,
    observed_rows: Vec<u32>,
    first: Vec<i64>,
    last: Vec<i64>,
    seen: Option<(i64, i64)>,
    seen_count: i64,
    scratch: Scratch,
    sorted: Vec<(u64, u32)>,
}

/// The words of a chunk.
#[derive(Debug, Default)]
struct Words {
    folder: Folder,
    texts: Interner,
    rows: TermRows,
}

impl Words {
    fn add(&mut self, text: &str, row: u32) {
        self.folder.each(text, |word| {
            let (term, _) = self.texts.number(word.as_bytes());
            self.rows.add(term, row);
        });
    }

    /// Adds words, and notes which they are, for a text that is likely to come again.
    fn add_noting(&mut self, text: &str, row: u32, noted: &mut Vec<u32>) {
        noted.clear();
        self.folder.each(text, |word| {
            let (term, _) = self.texts.number(word.as_bytes());
            self.rows.add(term, row);
            noted.push(term);
        });
    }

    fn add_noted(&mut self, noted: &[u32], row: u32) {
        for term in noted {
            self.rows.add(*term, row);
        }
    }
}

impl ChunkBuilder {
    /// Begins a profile.
    pub fn begin(&mut self, id: &str) {
        self.ids.push(id.as_bytes());
        self.words.add(id, self.row);
        self.attribute_expected = 0;
        self.seen = None;
        self.seen_count = 0;
    }

    /// The display name. Only the first one counts.
    pub fn name(&mut self, name: &str) {
        if self.name_rows.last() == Some(&self.row) {
            return;
        }
        self.names.push(name.as_bytes());
        self.name_rows.push(self.row);
        self.words.add(name, self.row);
    }

    /// A tag.
    pub fn tag(&mut self, tag: &str) {
        let (number, new) = self.tag_texts.number(tag.as_bytes());
        self.tags.add(number, self.row);
        let at = number as usize;
        if new {
            if at == self.tag_words.len() {
                self.tag_words.push(Vec::new());
            }
            self.words.add_noting(tag, self.row, &mut self.tag_words[at]);
        } else {
            self.words.add_noted(&self.tag_words[at], self.row);
        }
    }

    /// An attribute. Keys of a profile differ; of equal ones only the first counts.
    pub fn attribute(&mut self, key: &str, value: Scalar<'_>) {
        let at = self.attribute_at(key);
        self.attribute_expected = at + 1;
        let attribute = &mut self.attributes[at];
        let row = self.row;
        if attribute.rows.last() == Some(&row) {
            return;
        }
        attribute.rows.push(row);
        match value {
            Scalar::Number(number, text) => {
                attribute.numbers.push(normal(number));
                attribute.number_rows.push(row);
                self.words.add(text, row);
            }
            Scalar::Text(text) => {
                let (code, new) = attribute.texts.number(text.as_bytes());
                attribute.codes.push(code);
                attribute.text_rows.push(row);
                let at = code as usize;
                if new {
                    if at == attribute.text_words.len() {
                        attribute.text_words.push(Vec::new());
                    }
                    self.words.add_noting(text, row, &mut attribute.text_words[at]);
                } else {
                    self.words.add_noted(&attribute.text_words[at], row);
                }
            }
            Scalar::Bool(true) => attribute.true_rows.push(row),
            Scalar::Bool(false) => attribute.false_rows.push(row),
            Scalar::Null => attribute.null_rows.push(row),
        }
    }

    /// Records have mostly the same keys in the same order, so the next one is known.
    fn attribute_at(&mut self, key: &str) -> usize {
        let expected = self.attribute_expected;
        if self.attributes.get(expected).is_some_and(|one| one.key.as_bytes() == key.as_bytes()) {
            return expected;
        }
        let (number, new) = self.keys.number(key.as_bytes());
        if new {
            self.attributes.push(AttributeRows { key: key.to_owned(), ..AttributeRows::default() });
        }
        number as usize
    }

    /// An observation: its signal, finite value, and instant in milliseconds since 1970.
    pub fn observation(&mut self, signal: &str, value: f64, at_millis: i64) {
        let at = self.signal_at(signal);
        self.signal_before = at;
        self.signals[at].add(self.row, normal(value));
        self.seen_count += 1;
        let (first, last) = self.seen.unwrap_or((at_millis, at_millis));
        self.seen = Some((first.min(at_millis), last.max(at_millis)));
    }

    /// Observations often come in the order that they had in the profile before.
    fn signal_at(&mut self, signal: &str) -> usize {
        let before = self.signal_before;
        let expected = self.signals.get(before).map_or(0, |one| one.successor);
        if self.signals.get(expected).is_some_and(|one| one.name.as_bytes() == signal.as_bytes()) {
            return expected;
        }
        let (number, new) = self.signal_names.number(signal.as_bytes());
        if new {
            self.signals.push(SignalRows { name: signal.to_owned(), ..SignalRows::default() });
        }
        if let Some(before) = self.signals.get_mut(before) {
            before.successor = number as usize;
        }
        number as usize
    }

    /// The notes.
    pub fn notes(&mut self, notes: &str) {
        self.words.add(notes, self.row);
    }

    /// Ends a profile.
    pub fn end(&mut self) {
        self.observations.push(self.seen_count);
        if let Some((first, last)) = self.seen {
            self.observed_rows.push(self.row);
            self.first.push(first);
            self.last.push(last);
        }
        self.row += 1;
    }

    /// The columns of the profiles since the last call, by name; none where there was no profile.
    pub fn finish(&mut self) -> Vec<(String, Vec<u8>)> {
        let rows = self.row as usize;
        let mut columns = Vec::with_capacity(8 + self.attributes.len() + self.signals.len());
        if rows > 0 {
            self.write(rows, &mut columns);
        }
        self.forget();
        columns
    }

    fn write(&mut self, rows: usize, columns: &mut Vec<(String, Vec<u8>)>) {
        let scratch = &mut self.scratch;
        columns.push((column::ID.to_owned(), self.ids.column(rows, None, scratch)));
        if !self.name_rows.is_empty() {
            let names = self.names.column(rows, Some(&self.name_rows), scratch);
            columns.push((column::NAME.to_owned(), names));
        }
        if self.tag_texts.len() > 0 {
            let tags = self.tags.column(rows, &self.tag_texts, &mut self.sorted, scratch);
            columns.push((column::TAGS.to_owned(), tags));
        }
        let words = self.words.rows.column(rows, &self.words.texts, &mut self.sorted, scratch);
        columns.push((column::WORDS.to_owned(), words));
        let mut counts = wire::begin(rows);
        integers::write(&mut counts, &self.observations);
        columns.push((column::OBSERVATIONS.to_owned(), counts));
        if !self.observed_rows.is_empty() {
            for (name, instants) in [(column::FIRST, &self.first), (column::LAST, &self.last)] {
                let mut out = wire::begin(rows);
                rows::write(&mut out, &self.observed_rows, rows);
                wire::put(&mut out, instants.len() as u64);
                integers::write(&mut out, instants);
                columns.push((name.to_owned(), out));
            }
        }
        self.write_fields(rows, columns);
    }

    fn write_fields(&mut self, rows: usize, columns: &mut Vec<(String, Vec<u8>)>) {
        let scratch = &mut self.scratch;
        let first = columns.len();
        let mut fields: Vec<(String, &[u32])> = Vec::new();
        for one in self.attributes.iter_mut().filter(|one| !one.rows.is_empty()) {
            let name = column::of_attribute(&one.key);
            one.code_texts(&mut self.sorted);
            let values = attribute::Values {
                numbers: &one.numbers,
                number_rows: &one.number_rows,
                codes: &one.sorted_codes,
                text_rows: &one.text_rows,
                true_rows: &one.true_rows,
                false_rows: &one.false_rows,
                null_rows: &one.null_rows,
            };
            let texts = self.sorted.iter().map(|(_, code)| one.texts.get(*code));
            columns.push((name.clone(), attribute::column(rows, &values, texts, scratch)));
            fields.push((name, &one.rows));
        }
        for one in self.signals.iter().filter(|one| !one.rows.is_empty()) {
            let name = column::of_signal(&one.name);
            let body =
                signal::column(rows, &one.rows, &one.counts, &one.least, &one.greatest, scratch);
            columns.push((name.clone(), body));
            fields.push((name, &one.rows));
        }
        if fields.is_empty() {
            return;
        }
        fields.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        let terms = fields.iter().map(|(name, rows)| (name.as_bytes(), *rows));
        let body = postings::column(rows, terms, scratch);
        columns.insert(first, (column::FIELDS.to_owned(), body));
    }

    fn forget(&mut self) {
        self.row = 0;
        self.ids.clear();
        self.names.clear();
        self.name_rows.clear();
        self.tags.clear();
        self.tag_texts.clear();
        self.words.texts.clear();
        self.words.rows.clear();
        self.observations.clear();
        self.observed_rows.clear();
        self.first.clear();
        self.last.clear();
        self.signal_before = 0;
        if self.attributes.len() > NAMES_KEPT_MAX {
            self.keys.clear();
            self.attributes.clear();
        }
        if self.signals.len() > NAMES_KEPT_MAX {
            self.signal_names.clear();
            self.signals.clear();
        }
        self.attributes.iter_mut().for_each(AttributeRows::clear);
        self.signals.iter_mut().for_each(SignalRows::clear);
    }
}

impl Texts {
    /// The column of these texts, of all rows or of some.
    fn column(&self, rows: usize, of: Option<&[u32]>, scratch: &mut Scratch) -> Vec<u8> {
        let mut out = wire::begin(rows);
        match of {
            Some(of) => rows::write(&mut out, of, rows),
            // What all ids begin with; it is left out where lists are sorted by them.
            None => wire::put(&mut out, self.shared_length() as u64),
        }
        strings::write(&mut out, self.iter(), &mut scratch.bytes, &mut scratch.integers);
        out
    }
}
