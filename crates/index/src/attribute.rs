//! The values of one attribute: numbers, texts, booleans and null, each kind with its rows.

use kartei_filter::{Comparison, Operand};

use crate::bits;
use crate::fit::Fit;
use crate::integers::{self, Integers};
use crate::numbers::{self, Numbers};
use crate::postings::Scratch;
use crate::rows::{self, RowSet};
use crate::strings::{self, Strings};
use crate::wire::{self, Flaw, Reader};

/// What is written of an attribute of a chunk.
#[derive(Debug, Default)]
pub(crate) struct Values<'a> {
    pub(crate) numbers: &'a [f64],
    pub(crate) number_rows: &'a [u32],
    /// For each row with a text, its place among `texts`.
    pub(crate) codes: &'a [i64],
    pub(crate) text_rows: &'a [u32],
    pub(crate) true_rows: &'a [u32],
    pub(crate) false_rows: &'a [u32],
    pub(crate) null_rows: &'a [u32],
}

/// The column of an attribute; `texts` are sorted.
pub(crate) fn column<'t>(
    rows: usize,
    values: &Values<'_>,
    texts: impl Iterator<Item = &'t [u8]>,
    scratch: &mut Scratch,
) -> Vec<u8> {
    let mut out = wire::begin(rows);
    rows::write(&mut out, values.number_rows, rows);
    rows::write(&mut out, values.text_rows, rows);
    rows::write(&mut out, values.true_rows, rows);
    rows::write(&mut out, values.false_rows, rows);
    rows::write(&mut out, values.null_rows, rows);
    if !values.numbers.is_empty() {
        wire::put(&mut out, values.numbers.len() as u64);
        numbers::write(&mut out, values.numbers, &mut scratch.integers);
    }
    if !values.codes.is_empty() {
        strings::write(&mut out, texts, &mut scratch.bytes, &mut scratch.integers);
        wire::put(&mut out, values.codes.len() as u64);
        integers::write(&mut out, values.codes);
    }
    out
}

/// The column of an attribute, opened.
#[derive(Debug)]
pub(crate) struct Attribute<'a> {
    rows: usize,
    pub(crate) number_rows: RowSet<'a>,
    pub(crate) text_rows: RowSet<'a>,
    pub(crate) true_rows: RowSet<'a>,
    pub(crate) false_rows: RowSet<'a>,
    pub(crate) null_rows: RowSet<'a>,
    pub(crate) numbers: Option<Numbers<'a>>,
    pub(crate) texts: Option<(Strings<'a>, Integers<'a>)>,
}

/// One value of a row; texts are their bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    Text(Vec<u8>),
    Bool(bool),
    Null,
}

/// How many values follow, one for each row of a set.
pub(crate) fn read_len(reader: &mut Reader<'_>, rows: usize) -> Result<usize, Flaw> {
    let len = reader.size()?;
    if len > rows { Err(Flaw("more values than rows")) } else { Ok(len) }
}

impl<'a> Attribute<'a> {
    /// Opens the column of a chunk with so many rows.
    pub(crate) fn open(bytes: &'a [u8], rows: usize) -> Result<Self, Flaw> {
        let mut reader = Reader::open(bytes, rows)?;
        let [number_rows, text_rows, true_rows, false_rows, null_rows] = [
            RowSet::read(&mut reader, rows)?,
            RowSet::read(&mut reader, rows)?,
            RowSet::read(&mut reader, rows)?,
            RowSet::read(&mut reader, rows)?,
            RowSet::read(&mut reader, rows)?,
        ];
        let mut numbers = None;
        if !number_rows.is_empty() {
            let len = read_len(&mut reader, rows)?;
            numbers = Some(Numbers::read(&mut reader, len)?);
        }
        let mut texts = None;
        if !text_rows.is_empty() {
            let strings = Strings::read(&mut reader, rows)?;
            let len = read_len(&mut reader, rows)?;
            texts = Some((strings, Integers::read(&mut reader, len)?));
        }
        Ok(Self { rows, number_rows, text_rows, true_rows, false_rows, null_rows, numbers, texts })
    }

    /// Adds the rows whose value compares so.
    pub(crate) fn add_matching(
        &self,
        comparison: Comparison,
        operand: &Operand,
        out: &mut [u64],
    ) -> Result<(), Flaw> {
        let differs = comparison == Comparison::NotEqual;
        let equality = differs || comparison == Comparison::Equal;
        let is_number = matches!(operand, Operand::Number(_));
        if let Operand::Number(operand) = operand
            && let Some(numbers) = &self.numbers
        {
            let range = numbers.range(comparison, *operand);
            scatter(&self.number_rows, numbers.integers(), range, self.rows, out)?;
        }
        let is_text = matches!(operand, Operand::Text(_));
        if let Operand::Text(pattern) = operand
            && let Some((strings, codes)) = &self.texts
        {
            let fit = Fit::of(pattern);
            let mut fitting = vec![0; bits::words_for(strings.len())];
            strings.each(|at, text| {
                let holds = match comparison {
                    Comparison::Equal => fit.fits(text),
                    Comparison::NotEqual => !fit.fits(text),
                    _ => fit.exact().is_some_and(|exact| comparison.holds(text.cmp(exact))),
                };
                if holds {
                    bits::set(&mut fitting, at);
                }
            })?;
            let has = |place| {
                usize::try_from(codes.get(place)).is_ok_and(|code| bits::has(&fitting, code))
            };
            scatter_each(&self.text_rows, codes.len(), has, self.rows, out)?;
        }
        let is_true = matches!(operand, Operand::Bool(true));
        let is_false = matches!(operand, Operand::Bool(false));
        let is_null = matches!(operand, Operand::Null);
        for (same, set, compared) in [
            (is_number, &self.number_rows, true),
            (is_text, &self.text_rows, true),
            (is_true, &self.true_rows, false),
            (is_false, &self.false_rows, false),
            (is_null, &self.null_rows, false),
        ] {
            let whole = if same { !compared && !differs } else { differs };
            if whole && equality {
                set.add_to(out, self.rows)?;
            }
        }
        Ok(())
    }

    /// The value of a row.
    pub(crate) fn get(&self, row: usize) -> Result<Option<Value>, Flaw> {
        if let (Some(place), Some(numbers)) = (self.number_rows.place(row)?, &self.numbers) {
            return Ok(Some(Value::Number(numbers.get(place))));
        }
        if let (Some(place), Some((strings, codes))) = (self.text_rows.place(row)?, &self.texts) {
            let mut text = Vec::new();
            let code = usize::try_from(codes.get(place)).unwrap_or(usize::MAX);
            strings.get(code, &mut text)?;
            return Ok(Some(Value::Text(text)));
        }
        for (set, value) in [
            (&self.true_rows, Value::Bool(true)),
            (&self.false_rows, Value::Bool(false)),
            (&self.null_rows, Value::Null),
        ] {
            if set.place(row)?.is_some() {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// Adds the rows of a set whose number lies in a range; numbers stand in the order of rows.
pub(crate) fn scatter(
    set: &RowSet<'_>,
    integers: &Integers<'_>,
    range: integers::Range,
    rows: usize,
    out: &mut [u64],
) -> Result<(), Flaw> {
    if set.is_all() {
        integers.within(range, out);
        return Ok(());
    }
    scatter_each(set, integers.len(), |place| integers.is_within(range, place), rows, out)
}

/// Adds the rows of a set for whose place among its rows something holds.
pub(crate) fn scatter_each(
    set: &RowSet<'_>,
    len: usize,
    holds: impl Fn(usize) -> bool,
    rows: usize,
    out: &mut [u64],
) -> Result<(), Flaw> {
    if set.is_all() {
        for place in 0..len.min(rows) {
            if holds(place) {
                bits::set(out, place);
            }
        }
        return Ok(());
    }
    let mut present = vec![0; bits::words_for(rows)];
    set.add_to(&mut present, rows)?;
    let mut place = 0;
    bits::each(&present, |row| {
        if place < len && holds(place) {
            bits::set(out, row);
        }
        place += 1;
    });
    Ok(())
}
