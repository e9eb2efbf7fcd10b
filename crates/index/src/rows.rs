//! Sets of rows of a chunk, in the shortest of several forms.

use crate::bits;
use crate::wire::{Flaw, Reader, put};

const ONE: u64 = 0;
const GAPS: u64 = 1;
const BITS: u64 = 2;
const ALL_OR_NONE: u64 = 3;

/// A set of rows of a chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowSet<'a> {
    /// Every row, or none.
    Whole(bool),
    /// One row.
    One(usize),
    /// The gaps between rows, as LEB128.
    Gaps(&'a [u8]),
    /// A bit for each row.
    Bits(&'a [u8]),
}

/// Writes rows, which ascend, of a chunk with `total` rows.
pub(crate) fn write(out: &mut Vec<u8>, rows: &[u32], total: usize) {
    match rows {
        [] => put(out, 1 << 2 | ALL_OR_NONE),
        _ if rows.len() == total => put(out, ALL_OR_NONE),
        [row] => put(out, u64::from(*row) << 2 | ONE),
        _ => {
            let bytes = total.div_ceil(8);
            if rows.len() >= bytes {
                return write_bits(out, rows, bytes);
            }
            let start = out.len();
            let mut next = 0;
            for row in rows {
                put(out, u64::from(row - next));
                next = row + 1;
            }
            let length = out.len() - start;
            if length >= bytes {
                out.truncate(start);
                return write_bits(out, rows, bytes);
            }
            // The length stands before the gaps; it is short, and so are they.
            put(out, (length as u64) << 2 | GAPS);
            out[start..].rotate_left(length);
        }
    }
}

fn write_bits(out: &mut Vec<u8>, rows: &[u32], bytes: usize) {
    put(out, BITS);
    let start = out.len();
    out.resize(start + bytes, 0);
    for row in rows {
        out[start + *row as usize / 8] |= 1 << (row % 8);
    }
}

impl<'a> RowSet<'a> {
    /// Reads a set of rows of a chunk with `total` rows.
    #[inline]
    pub(crate) fn read(reader: &mut Reader<'a>, total: usize) -> Result<Self, Flaw> {
        let number = reader.size()?;
        let rest = number >> 2;
        match number as u64 & 3 {
            ONE if rest < total => Ok(Self::One(rest)),
            ONE => Err(Flaw("a row that is not in its chunk")),
            GAPS => Ok(Self::Gaps(reader.take(rest)?)),
            BITS => Ok(Self::Bits(reader.take(total.div_ceil(8))?)),
            _ => Ok(Self::Whole(rest == 0)),
        }
    }

    pub(crate) fn is_all(&self) -> bool {
        matches!(self, Self::Whole(true))
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Whole(false))
    }

    /// Adds the rows to `out`, which has words for `total` rows.
    pub(crate) fn add_to(&self, out: &mut [u64], total: usize) -> Result<(), Flaw> {
        match self {
            Self::Whole(false) => {}
            Self::Whole(true) => bits::fill(out, total),
            Self::One(row) => bits::set(out, *row),
            Self::Gaps(bytes) => {
                let mut reader = Reader::inside(bytes);
                let mut left = bytes.len();
                let mut next = 0_usize;
                while left > 0 {
                    let gap = reader.size()?;
                    let row = next.saturating_add(gap);
                    if row >= total {
                        return Err(Flaw("a row that is not in its chunk"));
                    }
                    bits::set(out, row);
                    next = row + 1;
                    left = reader.left();
                }
            }
            Self::Bits(bytes) => {
                if !total.is_multiple_of(8)
                    && bytes.last().is_some_and(|last| last >> (total % 8) != 0)
                {
                    return Err(Flaw("a row that is not in its chunk"));
                }
                for (word, eight) in out.iter_mut().zip(bytes.chunks(8)) {
                    let mut padded = [0; 8];
                    padded[..eight.len()].copy_from_slice(eight);
                    *word |= u64::from_le_bytes(padded);
                }
            }
        }
        Ok(())
    }

    /// Which place among its rows a row has, if it is in the set.
    pub(crate) fn place(&self, row: usize) -> Result<Option<usize>, Flaw> {
        match self {
            Self::Whole(all) => Ok(all.then_some(row)),
            Self::One(one) => Ok((*one == row).then_some(0)),
            Self::Gaps(bytes) => {
                let mut reader = Reader::inside(bytes);
                let mut next = 0_usize;
                let mut place = 0;
                while reader.left() > 0 {
                    let at = next.saturating_add(reader.size()?);
                    if at >= row {
                        return Ok((at == row).then_some(place));
                    }
                    next = at + 1;
                    place += 1;
                }
                Ok(None)
            }
            Self::Bits(bytes) => {
                let Some(byte) = bytes.get(row / 8).filter(|byte| **byte >> (row % 8) & 1 == 1)
                else {
                    return Ok(None);
                };
                let below = (byte & ((1 << (row % 8)) - 1)).count_ones() as usize;
                let before: u32 = bytes[..row / 8].iter().map(|byte| byte.count_ones()).sum();
                Ok(Some(before as usize + below))
            }
        }
    }
}
