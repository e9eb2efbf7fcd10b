//! Lists of texts, each written as what differs from the one before.
//!
//! Every sixteenth text is written whole, so that one text is read in a few steps and sorted lists
//! are searched by halving.

use std::cmp::Ordering;

use crate::integers::{self, Integers};
use crate::wire::{Flaw, Reader, put};

/// Texts from one that is written whole to the next.
const BLOCK: usize = 16;

/// Lengths from here on are written as a number of their own.
const LONG: usize = 15;

/// A list of texts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strings<'a> {
    len: usize,
    starts: Integers<'a>,
    data: &'a [u8],
}

/// Writes texts. `data` and `starts` are memory to use.
pub(crate) fn write<'t>(
    out: &mut Vec<u8>,
    texts: impl Iterator<Item = &'t [u8]>,
    data: &mut Vec<u8>,
    starts: &mut Vec<i64>,
) {
    data.clear();
    starts.clear();
    let mut before: &[u8] = &[];
    let mut len = 0;
    for text in texts {
        if len % BLOCK == 0 {
            starts.push(i64::try_from(data.len()).unwrap_or(i64::MAX));
            before = &[];
        }
        let shared = shared_length(before, text);
        let own = text.len() - shared;
        let lengths = (shared.min(LONG) << 4) | own.min(LONG);
        data.push(u8::try_from(lengths).unwrap_or(u8::MAX));
        for length in [shared, own] {
            if length >= LONG {
                put(data, (length - LONG) as u64);
            }
        }
        data.extend_from_slice(&text[shared..]);
        before = text;
        len += 1;
    }
    put(out, len as u64);
    integers::write(out, starts);
    out.reserve(data.len() + 10);
    put(out, data.len() as u64);
    out.extend_from_slice(data);
}

/// How many bytes two texts begin with in common.
#[inline]
pub(crate) fn shared_length(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

impl<'a> Strings<'a> {
    /// Reads a list of at most `most` texts.
    pub(crate) fn read(reader: &mut Reader<'a>, most: usize) -> Result<Self, Flaw> {
        let len = reader.size()?;
        if len > most {
            return Err(Flaw("more texts than rows"));
        }
        let starts = Integers::read(reader, len.div_ceil(BLOCK))?;
        let length = reader.size()?;
        Ok(Self { len, starts, data: reader.take(length)? })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn block(&self, block: usize) -> Result<Reader<'a>, Flaw> {
        let start = usize::try_from(self.starts.get(block)).ok();
        let rest = start.and_then(|start| self.data.get(start..));
        rest.map(Reader::inside).ok_or(Flaw("texts outside their column"))
    }

    /// Calls `found` with each text and its place.
    #[inline]
    pub(crate) fn each(&self, mut found: impl FnMut(usize, &[u8])) -> Result<(), Flaw> {
        let mut text = Vec::with_capacity(64);
        let mut reader = Reader::inside(self.data);
        for at in 0..self.len {
            if at % BLOCK == 0 {
                text.clear();
            }
            step(&mut reader, &mut text)?;
            found(at, &text);
        }
        Ok(())
    }

    /// Puts the text at a place into `text`.
    pub(crate) fn get(&self, at: usize, text: &mut Vec<u8>) -> Result<(), Flaw> {
        text.clear();
        if at >= self.len {
            return Err(Flaw("a text that is not there"));
        }
        let mut reader = self.block(at / BLOCK)?;
        for _ in 0..=at % BLOCK {
            step(&mut reader, text)?;
        }
        Ok(())
    }

    /// In a sorted list: the place of the first text that is not less than `wanted`, with that text
    /// in `text` (where the place is one).
    pub(crate) fn lower_bound(&self, wanted: &[u8], text: &mut Vec<u8>) -> Result<usize, Flaw> {
        let (mut low, mut high) = (0, self.len.div_ceil(BLOCK));
        // The last block whose first text is less than what is wanted.
        while low < high {
            let middle = low + (high - low) / 2;
            let mut reader = self.block(middle)?;
            let lengths = reader.byte()?;
            let mut own = usize::from(lengths & 0xf);
            if own == LONG {
                own = own.saturating_add(reader.size()?);
            }
            if reader.take(own)? < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let start = low.saturating_sub(1) * BLOCK;
        text.clear();
        if start >= self.len {
            return Ok(self.len);
        }
        let mut reader = self.block(start / BLOCK)?;
        for at in start..self.len {
            if at % BLOCK == 0 {
                text.clear();
            }
            step(&mut reader, text)?;
            if text.as_slice() >= wanted {
                return Ok(at);
            }
        }
        Ok(self.len)
    }

    /// In a sorted list: the place of a text.
    pub(crate) fn find(&self, wanted: &[u8], text: &mut Vec<u8>) -> Result<Option<usize>, Flaw> {
        let at = self.lower_bound(wanted, text)?;
        Ok((at < self.len && text.as_slice().cmp(wanted) == Ordering::Equal).then_some(at))
    }

    /// In a sorted list: the places of the texts that begin with `prefix`.
    pub(crate) fn starting_with(
        &self,
        prefix: &[u8],
        text: &mut Vec<u8>,
    ) -> Result<std::ops::Range<usize>, Flaw> {
        let start = self.lower_bound(prefix, text)?;
        if start >= self.len {
            return Ok(start..start);
        }
        let mut reader = self.block(start / BLOCK)?;
        text.clear();
        for at in start / BLOCK * BLOCK..self.len {
            if at % BLOCK == 0 {
                text.clear();
            }
            step(&mut reader, text)?;
            if at >= start && !text.starts_with(prefix) {
                return Ok(start..at);
            }
        }
        Ok(start..self.len)
    }
}

/// Reads the next text over the one before.
#[inline]
fn step(reader: &mut Reader<'_>, text: &mut Vec<u8>) -> Result<(), Flaw> {
    let lengths = usize::from(reader.byte()?);
    let (mut shared, mut own) = (lengths >> 4, lengths & 0xf);
    if shared == LONG {
        shared = shared.saturating_add(reader.size()?);
    }
    if own == LONG {
        own = own.saturating_add(reader.size()?);
    }
    if shared > text.len() {
        return Err(Flaw("a text shares more than there is"));
    }
    text.truncate(shared);
    text.extend_from_slice(reader.take(own)?);
    Ok(())
}
