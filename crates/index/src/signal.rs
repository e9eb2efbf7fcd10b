//! The values of one signal: for each row that has some, how many, the least and the greatest.

use kartei_filter::Comparison;

use crate::attribute::{read_len, scatter};
use crate::bits::{self, WORD};
use crate::integers::{self, Integers};
use crate::numbers::{self, Numbers};
use crate::postings::Scratch;
use crate::rows::{self, RowSet};
use crate::wire::{self, Flaw, Reader, put};

/// The column of a signal: its rows, and for each of them how many values, the least and the
/// greatest. All slices have one length.
pub(crate) fn column(
    rows: usize,
    of: &[u32],
    counts: &[i64],
    least: &[f64],
    greatest: &[f64],
    scratch: &mut Scratch,
) -> Vec<u8> {
    let mut out = wire::begin(rows);
    rows::write(&mut out, of, rows);
    put(&mut out, of.len() as u64);
    integers::write(&mut out, counts);
    numbers::write(&mut out, least, &mut scratch.integers);
    let differing = || (0..of.len()).filter(|at| least[*at] < greatest[*at]);
    let differing_rows: Vec<u32> = differing().map(|at| of[at]).collect();
    rows::write(&mut out, &differing_rows, rows);
    if !differing_rows.is_empty() {
        let values: Vec<f64> = differing().map(|at| greatest[at]).collect();
        put(&mut out, values.len() as u64);
        numbers::write(&mut out, &values, &mut scratch.integers);
    }
    out
}

/// The column of a signal, opened.
#[derive(Debug)]
pub(crate) struct Signal<'a> {
    rows: usize,
    present: RowSet<'a>,
    counts: Integers<'a>,
    least: Numbers<'a>,
    /// Rows with several values that differ, and the greatest of each.
    differing: RowSet<'a>,
    greatest: Option<Numbers<'a>>,
}

impl<'a> Signal<'a> {
    /// Opens the column of a chunk with so many rows.
    pub(crate) fn open(bytes: &'a [u8], rows: usize) -> Result<Self, Flaw> {
        let mut reader = Reader::open(bytes, rows)?;
        let present = RowSet::read(&mut reader, rows)?;
        let len = read_len(&mut reader, rows)?;
        let counts = Integers::read(&mut reader, len)?;
        let least = Numbers::read(&mut reader, len)?;
        let differing = RowSet::read(&mut reader, rows)?;
        let mut greatest = None;
        if !differing.is_empty() {
            let len = read_len(&mut reader, rows)?;
            greatest = Some(Numbers::read(&mut reader, len)?);
        }
        Ok(Self { rows, present, counts, least, differing, greatest })
    }

    fn add_least(&self, comparison: Comparison, operand: f64, out: &mut [u64]) -> Result<(), Flaw> {
        let range = self.least.range(comparison, operand);
        scatter(&self.present, self.least.integers(), range, self.rows, out)
    }

    fn add_greatest(
        &self,
        comparison: Comparison,
        operand: f64,
        out: &mut [u64],
    ) -> Result<(), Flaw> {
        let Some(greatest) = &self.greatest else { return Ok(()) };
        let range = greatest.range(comparison, operand);
        scatter(&self.differing, greatest.integers(), range, self.rows, out)
    }

    /// Adds the rows with three values or more, of which the least is less than `operand` and the
    /// greatest is greater.
    fn add_between(
        &self,
        operand: f64,
        greatest: &Numbers<'_>,
        out: &mut [u64],
    ) -> Result<(), Flaw> {
        let mut present = vec![0; bits::words_for(self.rows)];
        let mut differing = present.clone();
        self.present.add_to(&mut present, self.rows)?;
        self.differing.add_to(&mut differing, self.rows)?;
        // The places of a word's first rows among all present and all differing ones.
        let (mut place, mut differing_place) = (0, 0);
        for (at, (present, differing)) in present.iter().zip(&differing).enumerate() {
            bits::each(&[*differing], |bit| {
                let own = place + (present & ((1 << bit) - 1)).count_ones() as usize;
                if self.counts.get(own) > 2
                    && self.least.get(own) < operand
                    && greatest.get(differing_place) > operand
                {
                    bits::set(out, at * WORD + bit);
                }
                differing_place += 1;
            });
            place += present.count_ones() as usize;
        }
        Ok(())
    }

    /// Adds the rows with a value that compares so to `certain`, and those which may have one to
    /// `possible`: whether three or more values have one in between, the column cannot tell.
    pub(crate) fn add_matching(
        &self,
        comparison: Comparison,
        operand: f64,
        certain: &mut [u64],
        possible: &mut [u64],
    ) -> Result<(), Flaw> {
        // Least or greatest fits: a value fits. For any comparison but `Equal`, one of the two
        // fits if any value does.
        self.add_least(comparison, operand, certain)?;
        self.add_greatest(comparison, operand, certain)?;
        if let (Comparison::Equal, Some(greatest)) = (comparison, &self.greatest) {
            self.add_between(operand, greatest, possible)?;
        }
        possible
            .iter_mut()
            .zip(certain.iter())
            .for_each(|(possible, certain)| *possible |= certain);
        Ok(())
    }
}
