//! What a chunk's columns are written from, collected row by row.

use crate::intern::Interner;
use crate::postings::{self, Scratch};
use crate::strings::shared_length;

/// Texts one after the other.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    pub(crate) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| &self.bytes[std::mem::replace(&mut start, *end)..*end])
    }

    /// How many bytes all of them begin with in common.
    pub(crate) fn shared_length(&self) -> usize {
        let mut texts = self.iter();
        let Some(first) = texts.next() else { return 0 };
        texts.fold(first.len(), |shared, text| shared_length(&first[..shared], text))
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// Which rows have which terms.
#[derive(Debug, Default)]
pub(crate) struct TermRows {
    /// For each term the last row that has it, plus one.
    last: Vec<u32>,
    /// For each term how many rows have it.
    counts: Vec<u32>,
    /// Term and row, in the order of rows.
    pairs: Vec<(u32, u32)>,
    grouped: Vec<u32>,
}

impl TermRows {
    /// Notes that a row has a term; terms are numbered without holes as they come up.
    #[inline]
    pub(crate) fn add(&mut self, term: u32, row: u32) {
        let at = term as usize;
        if at >= self.last.len() {
            self.last.resize(at + 1, 0);
            self.counts.resize(at + 1, 0);
        }
        if self.last[at] != row + 1 {
            self.last[at] = row + 1;
            self.counts[at] += 1;
            self.pairs.push((term, row));
        }
    }

    /// The column of all terms; `sorted` is memory to use.
    pub(crate) fn column(
        &mut self,
        rows: usize,
        texts: &Interner,
        sorted: &mut Vec<(u64, u32)>,
        scratch: &mut Scratch,
    ) -> Vec<u8> {
        // From here on `counts` is where the rows of each term end.
        let mut end = 0;
        for count in &mut self.counts {
            end += *count;
            *count = end - *count;
        }
        self.grouped.clear();
        self.grouped.resize(self.pairs.len(), 0);
        for (term, row) in &self.pairs {
            let at = &mut self.counts[*term as usize];
            self.grouped[*at as usize] = *row;
            *at += 1;
        }
        texts.sort(sorted);
        let terms = sorted.iter().map(|(_, term)| {
            let at = *term as usize;
            let start = if at == 0 { 0 } else { self.counts[at - 1] };
            (texts.get(*term), &self.grouped[start as usize..self.counts[at] as usize])
        });
        postings::column(rows, terms, scratch)
    }

    pub(crate) fn clear(&mut self) {
        self.last.clear();
        self.counts.clear();
        self.pairs.clear();
    }
}

/// The values of one attribute.
#[derive(Debug, Default)]
pub(crate) struct AttributeRows {
    pub(crate) key: String,
    pub(crate) rows: Vec<u32>,
    pub(crate) numbers: Vec<f64>,
    pub(crate) number_rows: Vec<u32>,
    pub(crate) texts: Interner,
    /// For each text the numbers of its words.
    pub(crate) text_words: Vec<Vec<u32>>,
    pub(crate) codes: Vec<u32>,
    pub(crate) sorted_codes: Vec<i64>,
    pub(crate) text_rows: Vec<u32>,
    pub(crate) true_rows: Vec<u32>,
    pub(crate) false_rows: Vec<u32>,
    pub(crate) null_rows: Vec<u32>,
}

impl AttributeRows {
    /// Numbers the texts anew in the order of their bytes, and leaves that order in `sorted`.
    pub(crate) fn code_texts(&mut self, sorted: &mut Vec<(u64, u32)>) {
        self.texts.sort(sorted);
        let mut ranks = vec![0; sorted.len()];
        for (rank, (_, code)) in (0..).zip(sorted.iter()) {
            ranks[*code as usize] = rank;
        }
        self.sorted_codes.clear();
        self.sorted_codes.extend(self.codes.iter().map(|code| ranks[*code as usize]));
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.numbers.clear();
        self.number_rows.clear();
        self.texts.clear();
        self.codes.clear();
        self.text_rows.clear();
        self.true_rows.clear();
        self.false_rows.clear();
        self.null_rows.clear();
    }
}

/// The values of one signal.
#[derive(Debug, Default)]
pub(crate) struct SignalRows {
    pub(crate) name: String,
    /// The signal that was observed after this one, the last time.
    pub(crate) successor: usize,
    pub(crate) rows: Vec<u32>,
    pub(crate) counts: Vec<i64>,
    pub(crate) least: Vec<f64>,
    pub(crate) greatest: Vec<f64>,
}

impl SignalRows {
    #[inline]
    pub(crate) fn add(&mut self, row: u32, value: f64) {
        if self.rows.last() == Some(&row)
            && let (Some(count), Some(least), Some(greatest)) =
                (self.counts.last_mut(), self.least.last_mut(), self.greatest.last_mut())
        {
            *count += 1;
            *least = least.min(value);
            *greatest = greatest.max(value);
            return;
        }
        self.rows.push(row);
        self.counts.push(1);
        self.least.push(value);
        self.greatest.push(value);
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.counts.clear();
        self.least.clear();
        self.greatest.clear();
    }
}
