//! Sums that lose little ([`Sum`]) or nothing ([`ExactSum`]).

use serde::{Deserialize, Serialize};

/// Neumaier's compensated sum (Neumaier 1974): what each addition rounds away is added up beside it.
/// It depends on the order; [`ExactSum`] does not. With numbers that are not finite, or where the
/// sum leaves the range of `f64`, the total is not finite.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    /// The sum of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a number in.
    pub fn add(&mut self, value: f64) {
        let next = self.sum + value;
        self.lost += if self.sum.abs() >= value.abs() {
            (self.sum - next) + value
        } else {
            (value - next) + self.sum
        };
        self.sum = next;
    }

    /// The sum so far.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.sum + self.lost
    }
}

impl FromIterator<f64> for Sum {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut sum = Self::new();
        sum.extend(values);
        sum
    }
}

impl Extend<f64> for Sum {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.add(value));
    }
}

/// Bits of a chunk that are its own; what is above them belongs to the next one.
const BITS: u32 = 32;
const LOW: u64 = (1 << BITS) - 1;
const WIDE_LOW: u128 = (1 << BITS) - 1;

/// Chunk `i` counts `2^(32 i − 1074)`. The greatest `f64` reaches into chunk 65; the two above it
/// hold the carries of more additions than any machine makes.
const CHUNKS: usize = 68;
const TOP: usize = CHUNKS - 1;

/// One addition brings less than `2^52` to a chunk, which holds less than `2^32` after carrying.
/// Half of what would fit, so that two sums that wait to be carried can be added.
const WAITING_MAX: u32 = 1 << 10;

/// The exact sum of any finite numbers, whatever their order and however partial sums are merged: a
/// fixed-point number wide enough for all of `f64` (Kulisch), in chunks that overlap so that carries
/// wait for a thousand additions (the small superaccumulator of Neal 2015). It is rounded once, to
/// nearest with ties to even, by [`ExactSum::total`].
///
/// Equal sums are equal and serialise to the same text, whatever they were added up from. 552 bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct ExactSum {
    chunks: [i64; CHUNKS],
    waiting: u32,
}

impl Default for ExactSum {
    fn default() -> Self {
        Self { chunks: [0; CHUNKS], waiting: 0 }
    }
}

impl PartialEq for ExactSum {
    fn eq(&self, other: &Self) -> bool {
        self.carried() == other.carried()
    }
}

impl Eq for ExactSum {}

impl ExactSum {
    /// The sum of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a number in, exactly. A number that is not finite is a mistake of the caller: it is not
    /// taken in, and stops a build with debug assertions.
    #[inline]
    pub fn add(&mut self, value: f64) {
        let (mantissa, place, sign) = parts(value);
        if !value.is_finite() {
            debug_assert!(false, "a number that is not finite");
            return;
        }
        let (chunk, shift) = ((place >> 5) as usize, place & 31);
        // Shifting out of the word drops what the second line takes.
        let low = ((mantissa << shift) & LOW) as i64;
        let high = (mantissa >> (BITS - shift)) as i64;
        self.chunks[chunk] += (low ^ sign) - sign;
        self.chunks[chunk + 1] += (high ^ sign) - sign;
        self.note();
    }

    /// Takes the product of two numbers in. Exact where both lie in `2^-400..2^400` or are zero, and
    /// wherever else no bit of the product is below `2^-1074`; bits below that are cut off, of each
    /// product by itself, so the sum still does not depend on the order. A product that is not finite
    /// as an `f64` is a mistake of the caller: it is not taken in, and stops a build with debug
    /// assertions.
    ///
    /// The mantissas are multiplied as integers, which gives the same product as Dekker's (1971)
    /// splitting without its limits.
    #[inline]
    pub fn add_product(&mut self, a: f64, b: f64) {
        if !(a * b).is_finite() {
            debug_assert!(false, "a product that is not finite");
            return;
        }
        let ((m, at_a, sign_a), (n, at_b, sign_b)) = (parts(a), parts(b));
        let (mut product, sign) = (u128::from(m) * u128::from(n), sign_a ^ sign_b);
        // Both places count from 2^-1074, so their sum counts from 2^-2148.
        let (at, from) = (at_a + at_b, 1074);
        let place = at.saturating_sub(from);
        product = product.checked_shr(from.saturating_sub(at)).unwrap_or(0);
        let (chunk, shift) = ((place >> 5) as usize, place & 31);
        let rest = product >> (BITS - shift);
        let low = |word: u128| (word & WIDE_LOW) as i64;
        // 106 bits of the product and 31 of the shift: 41 are left for the last word.
        let last = (rest >> (2 * BITS)) as i64;
        let words = [low(product << shift), low(rest), low(rest >> BITS), last];
        for (chunk, word) in self.chunks[chunk..chunk + 4].iter_mut().zip(words) {
            *chunk += (word ^ sign) - sign;
        }
        self.note();
    }

    /// Takes another sum in.
    pub fn merge(&mut self, other: &Self) {
        carry(&mut self.chunks);
        for (ours, theirs) in self.chunks.iter_mut().zip(&other.chunks) {
            *ours += theirs;
        }
        carry(&mut self.chunks);
        self.waiting = 0;
    }

    /// The sum, rounded once: to the nearest `f64`, ties to even. Infinite where the sum is beyond
    /// the range of `f64`; `+0` where it is zero.
    #[must_use]
    pub fn total(&self) -> f64 {
        let (is_negative, limbs) = self.magnitude();
        let Some(last) = limbs.iter().rposition(|limb| *limb != 0) else { return 0.0 };
        let top_bit = last * 32 + 31 - limbs[last].leading_zeros() as usize;
        // What has 53 bits at most is its own pattern of bits, subnormal or not.
        let bits = match top_bit.checked_sub(52) {
            None | Some(0) => u64::from(limbs[0]) | u64::from(limbs[1]) << BITS,
            Some(place) if place > 2045 => f64::INFINITY.to_bits(),
            Some(place) => {
                let (mantissa, rest) = (window(&limbs, place), window(&limbs, place - 1) & 1);
                let is_half = !lower_bits(&limbs, place - 1);
                let up = rest & (u64::from(!is_half) | mantissa & 1);
                // The mantissa's highest bit adds the one that the exponent lacks, and a carry out
                // of it goes where it belongs, up to infinity.
                ((place as u64) << 52) + mantissa + up
            }
        };
        let total = f64::from_bits(bits);
        if is_negative { -total } else { total }
    }

    fn note(&mut self) {
        self.waiting += 1;
        if self.waiting == WAITING_MAX {
            carry(&mut self.chunks);
            self.waiting = 0;
        }
    }

    /// The one form of the sum: chunks of 32 bits, the sign in the top one.
    fn carried(&self) -> [i64; CHUNKS] {
        let mut chunks = self.chunks;
        carry(&mut chunks);
        chunks
    }

    /// Whether the sum is negative, and the limbs of its magnitude.
    fn magnitude(&self) -> (bool, [u32; CHUNKS + 1]) {
        let mut chunks = self.carried();
        let is_negative = chunks[TOP] < 0;
        if is_negative {
            chunks.iter_mut().for_each(|chunk| *chunk = -*chunk);
            carry(&mut chunks);
        }
        let mut limbs = [0; CHUNKS + 1];
        for (limb, chunk) in limbs.iter_mut().zip(&chunks) {
            *limb = (chunk.unsigned_abs() & LOW) as u32;
        }
        limbs[TOP + 1] = (chunks[TOP].unsigned_abs() >> BITS) as u32;
        (is_negative, limbs)
    }
}

/// Mantissa, the place of its lowest bit counted from `2^-1074`, and all ones for a negative number.
fn parts(value: f64) -> (u64, u32, i64) {
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as u32;
    let is_normal = u64::from(exponent != 0);
    let mantissa = bits & ((1 << 52) - 1) | is_normal << 52;
    (mantissa, exponent.saturating_sub(1), (bits as i64) >> 63)
}

fn carry(chunks: &mut [i64; CHUNKS]) {
    let mut carried = 0;
    for chunk in &mut chunks[..TOP] {
        let all = *chunk + carried;
        carried = all >> BITS;
        *chunk = all & LOW as i64;
    }
    chunks[TOP] += carried;
}

/// The 53 bits from a place on.
fn window(limbs: &[u32; CHUNKS + 1], place: usize) -> u64 {
    let limb = |at: usize| u128::from(limbs.get(at).copied().unwrap_or(0));
    let (at, shift) = (place / 32, place % 32);
    let word = limb(at) | limb(at + 1) << 32 | limb(at + 2) << 64;
    ((word >> shift) & ((1 << 53) - 1)) as u64
}

/// Whether any bit below a place is set.
fn lower_bits(limbs: &[u32; CHUNKS + 1], place: usize) -> bool {
    let (at, shift) = (place / 32, place % 32);
    limbs[..at].iter().any(|limb| *limb != 0) || limbs[at] & ((1 << shift) - 1) != 0
}

/// A sum as it is written: sign and magnitude in limbs of 32 bits, the lowest first, without zeros
/// at either end.
#[derive(Serialize, Deserialize)]
struct Written {
    negative: bool,
    /// The first limb counts `2^(32 · first − 1074)`.
    first: usize,
    limbs: Vec<u32>,
}

impl From<ExactSum> for Written {
    fn from(sum: ExactSum) -> Self {
        let (negative, limbs) = sum.magnitude();
        let first = limbs.iter().position(|limb| *limb != 0).unwrap_or(0);
        let end = limbs.iter().rposition(|limb| *limb != 0).map_or(0, |last| last + 1);
        Self { negative, first, limbs: limbs[first.min(end)..end].to_vec() }
    }
}

impl TryFrom<Written> for ExactSum {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let mut sum = Self::default();
        for (offset, limb) in written.limbs.into_iter().enumerate() {
            let at = written.first.checked_add(offset).ok_or("a sum beyond its range")?;
            // The top chunk would have room for more, but no sum grows so far.
            let chunk = sum.chunks.get_mut(at).ok_or("a sum beyond its range")?;
            *chunk = if written.negative { -i64::from(limb) } else { i64::from(limb) };
        }
        carry(&mut sum.chunks);
        Ok(sum)
    }
}

#[cfg(test)]
#[path = "sum_tests.rs"]
mod tests;
