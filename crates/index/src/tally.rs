//! Values and how often they came up, while a field is counted.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::attribute::Attribute;
use crate::bits;
use crate::facet::{Counts, Value};
use crate::intern::Interner;
use crate::numbers::{Numbers, ordered};
use crate::postings::Postings;
use crate::rows::RowSet;
use crate::strings::Strings;
use crate::wire::Flaw;

/// The values of a field that came up so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    texts: Interner,
    text_counts: Vec<usize>,
    /// By the bits of the number.
    numbers: HashMap<u64, usize>,
    yes: usize,
    no: usize,
    null: usize,
    present: usize,
    memory: Memory,
}

/// Memory to use from chunk to chunk.
#[derive(Debug, Default)]
struct Memory {
    rows: Vec<u64>,
    /// For each code, or packed number, how often it came up.
    by_code: Vec<usize>,
    bits: Vec<u64>,
}

impl Tally {
    /// How many different values came up.
    pub(crate) fn distinct(&self) -> usize {
        let others = [self.yes, self.no, self.null].iter().filter(|count| **count > 0).count();
        self.texts.len() + self.numbers.len() + others
    }

    /// Whether most values are numbers.
    pub(crate) fn is_numeric(&self) -> bool {
        self.numbers.values().sum::<usize>() * 2 > self.present
    }

    fn add_text(&mut self, text: &[u8], count: usize) {
        let (number, new) = self.texts.number(text);
        if new {
            self.text_counts.push(0);
        }
        self.text_counts[number as usize] += count;
    }

    /// Counts the tags of the selected rows of a chunk.
    pub(crate) fn tags(&mut self, body: &[u8], rows: usize, within: &[u64]) -> Result<(), Flaw> {
        let mut of = std::mem::take(&mut self.memory.rows);
        let mut any = vec![0; within.len()];
        let mut flawless = Ok(());
        Postings::open(body, rows)?.each(|tag, set| {
            of.clear();
            of.resize(within.len(), 0);
            flawless = flawless.and(set.add_to(&mut of, rows));
            let mut count = 0;
            for ((of, within), any) in of.iter().zip(within).zip(&mut any) {
                let both = of & within;
                *any |= both;
                count += both.count_ones() as usize;
            }
            if count > 0 {
                self.add_text(tag, count);
            }
        })?;
        self.present += bits::count(&any);
        self.memory.rows = of;
        flawless
    }

    /// Counts the values of an attribute in the selected rows of a chunk.
    pub(crate) fn attribute(
        &mut self,
        body: &[u8],
        rows: usize,
        within: &[u64],
    ) -> Result<(), Flaw> {
        let attribute = Attribute::open(body, rows)?;
        let mut memory = std::mem::take(&mut self.memory);
        if let Some(numbers) = &attribute.numbers {
            self.numbers(numbers, &attribute.number_rows, (rows, within), &mut memory)?;
        }
        if let Some((strings, codes)) = &attribute.texts {
            memory.by_code.clear();
            memory.by_code.resize(strings.len(), 0);
            let by_code = &mut memory.by_code;
            let set = &attribute.text_rows;
            self.present += each_selected(set, (rows, within), &mut memory.rows, |place| {
                let code = usize::try_from(codes.get(place)).unwrap_or(usize::MAX);
                if let Some(count) = by_code.get_mut(code) {
                    *count += 1;
                }
            })?;
            self.texts(strings, by_code)?;
        }
        for (set, count) in [
            (&attribute.true_rows, &mut self.yes),
            (&attribute.false_rows, &mut self.no),
            (&attribute.null_rows, &mut self.null),
        ] {
            let here = each_selected(set, (rows, within), &mut memory.rows, |_| ())?;
            *count += here;
            self.present += here;
        }
        self.memory = memory;
        Ok(())
    }

    fn texts(&mut self, strings: &Strings<'_>, by_code: &[usize]) -> Result<(), Flaw> {
        strings.each(|code, text| {
            if by_code[code] > 0 {
                self.add_text(text, by_code[code]);
            }
        })
    }

    fn numbers(
        &mut self,
        numbers: &Numbers<'_>,
        set: &RowSet<'_>,
        within: (usize, &[u64]),
        memory: &mut Memory,
    ) -> Result<(), Flaw> {
        let integers = numbers.integers();
        if let Some(few) = integers.few() {
            memory.by_code.clear();
            memory.by_code.resize(few, 0);
            let by_code = &mut memory.by_code;
            self.present += each_selected(set, within, &mut memory.rows, |place| {
                by_code[integers.packed(place)] += 1;
            })?;
            for (packed, count) in by_code.iter().enumerate().filter(|(_, count)| **count > 0) {
                let value = numbers.decoded(integers.unpacked(packed));
                *self.numbers.entry(value.to_bits()).or_default() += count;
            }
            return Ok(());
        }
        memory.bits.clear();
        let found = &mut memory.bits;
        self.present += each_selected(set, within, &mut memory.rows, |place| {
            found.push(numbers.get(place).to_bits());
        })?;
        // Sorted, equal ones stand together: fewer steps than finding each in a map.
        memory.bits.sort_unstable();
        for same in memory.bits.chunk_by(|a, b| a == b) {
            *self.numbers.entry(same[0]).or_default() += same.len();
        }
        Ok(())
    }

    /// Adds what another tally counted.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (number, count) in (0..).zip(&other.text_counts) {
            self.add_text(other.texts.get(number), *count);
        }
        for (bits, count) in &other.numbers {
            *self.numbers.entry(*bits).or_default() += count;
        }
        self.yes += other.yes;
        self.no += other.no;
        self.null += other.null;
        self.present += other.present;
    }

    /// What was counted; no values where there are more than `most`.
    pub(crate) fn counts(&self, most: usize) -> Counts {
        if self.distinct() > most {
            return Counts { values: Vec::new(), present: self.present, too_many: true };
        }
        let mut values = Vec::with_capacity(self.distinct());
        for (number, count) in (0..).zip(&self.text_counts) {
            let text = String::from_utf8_lossy(self.texts.get(number)).into_owned();
            values.push((Value::Text(text), *count));
        }
        for (bits, count) in &self.numbers {
            values.push((Value::Number(f64::from_bits(*bits)), *count));
        }
        for (value, count) in
            [(Value::Bool(true), self.yes), (Value::Bool(false), self.no), (Value::Null, self.null)]
        {
            if count > 0 {
                values.push((value, count));
            }
        }
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| in_order(&a.0, &b.0)));
        Counts { values, present: self.present, too_many: false }
    }
}

/// The order of values as lists sort them: numbers, texts, booleans, null.
fn in_order(a: &Value, b: &Value) -> Ordering {
    let kind = |value: &Value| match value {
        Value::Number(_) => 0,
        Value::Text(_) => 1,
        Value::Bool(_) => 2,
        Value::Null => 3,
    };
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => ordered(*a).cmp(&ordered(*b)),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        _ => kind(a).cmp(&kind(b)),
    }
}

/// Calls `found` with the place among a set's rows of each that is selected, and counts them.
/// `within` is how many rows the chunk has, and the selected ones; `present` is memory to use.
fn each_selected(
    set: &RowSet<'_>,
    (rows, within): (usize, &[u64]),
    present: &mut Vec<u64>,
    mut found: impl FnMut(usize),
) -> Result<usize, Flaw> {
    if set.is_empty() {
        return Ok(0);
    }
    if set.is_all() {
        bits::each(within, &mut found);
        return Ok(bits::count(within));
    }
    present.clear();
    present.resize(within.len(), 0);
    set.add_to(present, rows)?;
    let (mut before, mut count) = (0, 0);
    for (word, within) in present.iter().zip(within) {
        let mut left = word & within;
        while left != 0 {
            let below = (1 << left.trailing_zeros()) - 1;
            found(before + (word & below).count_ones() as usize);
            left &= left - 1;
            count += 1;
        }
        before += word.count_ones() as usize;
    }
    Ok(count)
}
