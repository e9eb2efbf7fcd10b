//! Numbers of records: as decimals where all of them are short ones, else as their bits.

use std::cmp::Ordering;

use kartei_filter::Comparison;

use crate::integers::{self, Integers, Range};
use crate::wire::{Flaw, Reader};

/// Digits behind the point at most: prices have 2, coordinates 6.
const DIGITS_MAX: usize = 6;

/// `10^digits`, exact in binary64.
const POWERS: [f64; DIGITS_MAX + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];

/// Marks numbers that are kept as their bits.
const AS_BITS: u8 = 0xff;

/// Below this, adding and taking away [`ROUNDER`] rounds to a whole number.
const ROUNDABLE: f64 = 2_251_799_813_685_248.0;

/// 1.5 × 2^52: the sum has no bits left for fractions.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// Packed numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers<'a> {
    digits: u8,
    integers: Integers<'a>,
}

/// The bits of a number as a whole number that grows with it.
#[inline]
pub(crate) fn ordered(value: f64) -> i64 {
    let bits = value.to_bits().cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

#[inline]
fn unordered(bits: i64) -> f64 {
    f64::from_bits((bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()).cast_unsigned())
}

/// The number times a power of ten, if that is whole and leads back to the very same number.
#[inline]
fn scaled(value: f64, power: f64) -> Option<i64> {
    let product = value * power;
    if product.abs() >= ROUNDABLE {
        return None;
    }
    let whole = (product + ROUNDER) - ROUNDER;
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^51")]
    ((whole / power).to_bits() == value.to_bits()).then_some(whole as i64)
}

/// Writes finite numbers; `scratch` is memory to use.
pub(crate) fn write(out: &mut Vec<u8>, values: &[f64], scratch: &mut Vec<i64>) {
    let mut digits = 0;
    'digits: while digits <= DIGITS_MAX {
        scratch.clear();
        for value in values {
            match scaled(*value, POWERS[digits]) {
                Some(whole) => scratch.push(whole),
                None => {
                    digits += 1;
                    // This number says how many digits it needs; the ones before are tried anew.
                    while digits <= DIGITS_MAX && scaled(*value, POWERS[digits]).is_none() {
                        digits += 1;
                    }
                    continue 'digits;
                }
            }
        }
        out.push(u8::try_from(digits).unwrap_or(AS_BITS));
        integers::write(out, scratch);
        return;
    }
    out.push(AS_BITS);
    scratch.clear();
    scratch.extend(values.iter().map(|value| ordered(*value)));
    integers::write(out, scratch);
}

/// Without the sign of zero, which canonical JSON has not.
#[inline]
pub(crate) fn normal(value: f64) -> f64 {
    value + 0.0
}

#[expect(clippy::cast_precision_loss, reason = "what was written is below 2^51")]
#[inline]
fn decode(digits: u8, whole: i64) -> f64 {
    match POWERS.get(usize::from(digits)) {
        Some(power) => whole as f64 / power,
        None => unordered(whole),
    }
}

impl<'a> Numbers<'a> {
    /// Reads so many numbers.
    pub(crate) fn read(reader: &mut Reader<'a>, len: usize) -> Result<Self, Flaw> {
        let digits = reader.byte()?;
        if digits != AS_BITS && usize::from(digits) > DIGITS_MAX {
            return Err(Flaw("numbers with too many digits"));
        }
        Ok(Self { digits, integers: Integers::read(reader, len)? })
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> f64 {
        decode(self.digits, self.integers.get(at))
    }

    /// The number that a whole one in [`integers`](Self::integers) stands for.
    pub(crate) fn decoded(&self, whole: i64) -> f64 {
        decode(self.digits, whole)
    }

    pub(crate) fn integers(&self) -> &Integers<'a> {
        &self.integers
    }

    /// Where a comparison with a number holds.
    pub(crate) fn range(&self, comparison: Comparison, operand: f64) -> Range {
        let order =
            |whole: i64| -> Option<Ordering> { decode(self.digits, whole).partial_cmp(&operand) };
        self.integers.range(comparison, order)
    }
}
