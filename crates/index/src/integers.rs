//! Whole numbers in as few bits as their range needs.
//!
//! `value = base + raw × step`, the `raw` numbers stand side by side in `width` bits each. What is
//! asked is asked of `raw`: a comparison becomes one range of `raw` numbers.

use kartei_filter::Comparison;

use crate::bits::{self, WORD};
use crate::wire::{Flaw, Reader, put, put_signed};

/// Bits of packed numbers that are counted in an array: 4,096 counters, which stay in a core's cache.
const FEW_WIDTH_MAX: u32 = 12;

/// Packed whole numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Integers<'a> {
    base: i64,
    step: u64,
    width: u32,
    len: usize,
    data: &'a [u8],
}

/// Writes numbers; their count is the reader's to know.
pub(crate) fn write(out: &mut Vec<u8>, values: &[i64]) {
    let base = values.iter().copied().min().unwrap_or_default();
    let mut step = 0;
    let mut most = 0;
    for value in values {
        let distance = value.wrapping_sub(base).cast_unsigned();
        most = most.max(distance);
        if step != 1 {
            step = common_divisor(step, distance);
        }
    }
    let step = step.max(1);
    let width = u64::BITS - (most / step).leading_zeros();
    put_signed(out, base);
    put(out, step);
    put(out, u64::from(width));
    out.reserve(values.len() * width as usize / 8 + 16);
    let mut pending = 0_u128;
    let mut filled = 0;
    for value in values {
        let distance = value.wrapping_sub(base).cast_unsigned();
        let raw = if step == 1 { distance } else { distance / step };
        pending |= u128::from(raw) << filled;
        filled += width;
        if filled >= u64::BITS {
            out.extend_from_slice(&pending.to_le_bytes()[..8]);
            pending >>= 64;
            filled -= 64;
        }
    }
    out.extend_from_slice(&pending.to_le_bytes()[..filled.div_ceil(8) as usize]);
}

fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl<'a> Integers<'a> {
    /// Reads so many numbers.
    pub(crate) fn read(reader: &mut Reader<'a>, len: usize) -> Result<Self, Flaw> {
        let base = reader.signed()?;
        let step = reader.number()?;
        let width = u32::try_from(reader.number()?).ok().filter(|width| *width <= 64);
        let width = width.ok_or(Flaw("numbers of more than 64 bits"))?;
        let bits = len.checked_mul(width as usize).ok_or(Flaw("a size is too large"))?;
        let data = reader.take(bits.div_ceil(8))?;
        Ok(Self { base, step, width, len, data })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The packed number at a place; 0 beyond the end.
    #[inline]
    fn raw(&self, at: usize) -> u64 {
        let bit = at * self.width as usize;
        let (byte, shift) = (bit / 8, bit % 8);
        let mask = if self.width == 64 { u64::MAX } else { (1 << self.width) - 1 };
        if self.width <= 56
            && let Some(eight) = self.data.get(byte..byte + 8)
        {
            let word = u64::from_le_bytes(eight.try_into().unwrap_or_default());
            return word >> shift & mask;
        }
        let tail = self.data.get(byte..).unwrap_or_default();
        let mut sixteen = [0; 16];
        let length = tail.len().min(16);
        sixteen[..length].copy_from_slice(&tail[..length]);
        #[expect(clippy::cast_possible_truncation, reason = "masked to 64 bits at most")]
        let word = (u128::from_le_bytes(sixteen) >> shift) as u64;
        word & mask
    }

    /// How many different packed numbers there can be, where they are few enough to be counted in an
    /// array.
    pub(crate) fn few(&self) -> Option<usize> {
        (self.width <= FEW_WIDTH_MAX).then(|| 1 << self.width)
    }

    /// The packed number at a place, where they are [few](Self::few).
    #[inline]
    pub(crate) fn packed(&self, at: usize) -> usize {
        usize::try_from(self.raw(at)).unwrap_or_default()
    }

    /// The number that a packed one stands for.
    pub(crate) fn unpacked(&self, packed: usize) -> i64 {
        self.value(packed as u64)
    }

    /// The number at a place.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> i64 {
        self.base.wrapping_add(self.raw(at).wrapping_mul(self.step).cast_signed())
    }

    /// The value of a packed number that need not occur.
    fn value(&self, raw: u64) -> i64 {
        let distance = i128::from(raw).saturating_mul(i128::from(self.step));
        let value = distance.saturating_add(i128::from(self.base));
        i64::try_from(value).unwrap_or(i64::MAX)
    }

    /// The first packed number that `before` does not hold for, where it holds for a beginning of
    /// the values.
    fn partition(&self, before: impl Fn(i64) -> bool) -> u128 {
        let (mut low, mut high) = (0, 1_u128 << self.width);
        while low < high {
            let middle = low + (high - low) / 2;
            #[expect(clippy::cast_possible_truncation, reason = "below 2^64")]
            if before(self.value(middle as u64)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Where a comparison with something holds. `order` compares a value with that something and
    /// grows with the value.
    pub(crate) fn range(
        &self,
        comparison: Comparison,
        order: impl Fn(i64) -> Option<std::cmp::Ordering>,
    ) -> Range {
        let end = 1_u128 << self.width;
        let equal = self.partition(|value| order(value).is_some_and(std::cmp::Ordering::is_lt));
        let above = self.partition(|value| order(value).is_some_and(std::cmp::Ordering::is_le));
        let (from, to) = match comparison {
            Comparison::Equal | Comparison::NotEqual => (equal, above),
            Comparison::Less => (0, equal),
            Comparison::LessOrEqual => (0, above),
            Comparison::Greater => (above, end),
            Comparison::GreaterOrEqual => (equal, end),
        };
        Range { from, to, inverted: comparison == Comparison::NotEqual, end }
    }

    /// Sets the bit of each place whose packed number lies in the range.
    pub(crate) fn within(&self, range: Range, out: &mut [u64]) {
        if range.from >= range.to {
            if range.inverted {
                bits::fill(out, self.len);
            }
            return;
        }
        if range.from == 0 && range.to == range.end {
            if !range.inverted {
                bits::fill(out, self.len);
            }
            return;
        }
        #[expect(clippy::cast_possible_truncation, reason = "from < to <= 2^64")]
        let (first, span) = (range.from as u64, (range.to - range.from - 1) as u64);
        for (index, word) in out.iter_mut().enumerate() {
            let start = index * WORD;
            let mut found = 0_u64;
            for bit in 0..WORD.min(self.len.saturating_sub(start)) {
                let inside = self.raw(start + bit).wrapping_sub(first) <= span;
                found |= u64::from(inside != range.inverted) << bit;
            }
            *word |= found;
        }
    }

    /// Whether the number at a place lies in the range.
    #[inline]
    pub(crate) fn is_within(&self, range: Range, at: usize) -> bool {
        let raw = u128::from(self.raw(at));
        (range.from <= raw && raw < range.to) != range.inverted
    }
}

/// A range of packed numbers, or what lies outside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    from: u128,
    to: u128,
    inverted: bool,
    end: u128,
}
