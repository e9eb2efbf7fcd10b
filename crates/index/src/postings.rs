//! Terms, sorted, and the rows that have each of them: words, tags, and which fields there are.

use crate::integers::{self, Integers};
use crate::rows::{self, RowSet};
use crate::strings::{self, Strings};
use crate::wire::{self, Flaw, Reader, put};

/// Lists of rows from one whose place is written down to the next; like the blocks of texts.
const BLOCK: usize = 16;

/// Terms of a chunk at most, for each row: a profile of 4 MiB has fewer words.
const TERMS_PER_ROW_MAX: usize = 1 << 21;

/// Terms and their rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Postings<'a> {
    rows: usize,
    terms: Strings<'a>,
    starts: Integers<'a>,
    data: &'a [u8],
}

/// Memory for writing columns, kept from chunk to chunk.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) integers: Vec<i64>,
}

/// A column of sorted terms and their rows, which ascend.
pub(crate) fn column<'t>(
    rows: usize,
    terms: impl Iterator<Item = (&'t [u8], &'t [u32])> + Clone,
    scratch: &mut Scratch,
) -> Vec<u8> {
    let mut out = wire::begin(rows);
    let texts = terms.clone().map(|(text, _)| text);
    strings::write(&mut out, texts, &mut scratch.bytes, &mut scratch.integers);
    scratch.bytes.clear();
    scratch.integers.clear();
    for (at, (_, of)) in terms.enumerate() {
        if at % BLOCK == 0 {
            scratch.integers.push(i64::try_from(scratch.bytes.len()).unwrap_or(i64::MAX));
        }
        rows::write(&mut scratch.bytes, of, rows);
    }
    integers::write(&mut out, &scratch.integers);
    out.reserve(scratch.bytes.len() + 10);
    put(&mut out, scratch.bytes.len() as u64);
    out.extend_from_slice(&scratch.bytes);
    out
}

impl<'a> Postings<'a> {
    /// Opens the column of a chunk with so many rows.
    pub(crate) fn open(bytes: &'a [u8], rows: usize) -> Result<Self, Flaw> {
        let mut reader = Reader::open(bytes, rows)?;
        let terms = Strings::read(&mut reader, rows.saturating_mul(TERMS_PER_ROW_MAX))?;
        let starts = Integers::read(&mut reader, terms.len().div_ceil(BLOCK))?;
        let length = reader.size()?;
        Ok(Self { rows, terms, starts, data: reader.take(length)? })
    }

    /// Calls `found` with the rows of the terms at these places.
    fn rows_of(
        &self,
        places: std::ops::Range<usize>,
        mut found: impl FnMut(usize, RowSet<'a>) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        if places.is_empty() {
            return Ok(());
        }
        let start = usize::try_from(self.starts.get(places.start / BLOCK)).ok();
        let rest = start.and_then(|start| self.data.get(start..));
        let mut reader = Reader::inside(rest.ok_or(Flaw("rows outside their column"))?);
        for at in places.start / BLOCK * BLOCK..places.end {
            let set = RowSet::read(&mut reader, self.rows)?;
            if at >= places.start {
                found(at, set)?;
            }
        }
        Ok(())
    }

    /// Adds the rows that have the term.
    pub(crate) fn add_term(&self, term: &[u8], out: &mut [u64]) -> Result<(), Flaw> {
        let Some(at) = self.terms.find(term, &mut Vec::new())? else { return Ok(()) };
        self.rows_of(at..at + 1, |_, set| set.add_to(out, self.rows))
    }

    /// Adds the rows that have a term which begins so.
    pub(crate) fn add_prefix(&self, prefix: &[u8], out: &mut [u64]) -> Result<(), Flaw> {
        let places = self.terms.starting_with(prefix, &mut Vec::new())?;
        self.rows_of(places, |_, set| set.add_to(out, self.rows))
    }

    /// Adds the rows that have a term which fits.
    pub(crate) fn add_fitting(
        &self,
        fits: impl Fn(&[u8]) -> bool,
        out: &mut [u64],
    ) -> Result<(), Flaw> {
        let mut fitting = Vec::new();
        self.terms.each(|at, text| {
            if fits(text) {
                fitting.push(at);
            }
        })?;
        for at in fitting {
            self.rows_of(at..at + 1, |_, set| set.add_to(out, self.rows))?;
        }
        Ok(())
    }

    /// Calls `found` with each term and its rows.
    pub(crate) fn each(&self, mut found: impl FnMut(&[u8], RowSet<'a>)) -> Result<(), Flaw> {
        let mut sets = Vec::new();
        self.rows_of(0..self.terms.len(), |_, set| {
            sets.push(set);
            Ok(())
        })?;
        self.terms.each(|at, text| found(text, sets[at]))
    }
}
