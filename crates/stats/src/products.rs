//! Sums of products of columns whose numbers lie between 0 and 1.

use serde::{Deserialize, Serialize};

use crate::error::at_least;
use crate::matrix::covariance_of_sums;
use crate::{ExactSum, StatError, Symmetric};

/// Bits that are kept of a number behind the point.
const BITS: u32 = 48;

/// What a number of this size rounds to: its last bit counts `2^-48`.
const ROUNDING: f64 = 16.0;

/// One, as it is kept.
const ONE: u64 = 1 << BITS;

/// What is needed for the covariances of columns of numbers from 0 to 1: the sum of each column and those of the
/// products of each two.
///
/// Each number is rounded to the nearest multiple of `2^-48` (3.6e-15), ties to even; from there on everything is a
/// whole number and nothing is lost. So the sums are the same bits in whatever order the rows came and however
/// parts were merged. A product is `2^96` at most and a sum has fewer than `2^32` of them: none leaves 128 bits.
///
/// This is a fixed-point accumulator (Kulisch) as [`ExactSum`] is one, for one range of numbers instead of all, which
/// makes a product one multiplication and one addition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct CrossProducts {
    rows: u32,
    /// Multiples of `2^-48`.
    sums: Vec<u128>,
    /// Multiples of `2^-96`, row by row of the lower triangle.
    products: Vec<u128>,
}

/// Of a triangle with so many rows.
fn cells(columns: usize) -> usize {
    columns * (columns + 1) / 2
}

/// A number from 0 to 1 as a multiple of `2^-48`. What rounding made of a score may lie a little outside.
fn fixed(number: f64) -> u64 {
    debug_assert!((-1e-9..=1.0 + 1e-9).contains(&number), "{number} is not between 0 and 1");
    // What is no number is not greater than 0 either.
    let within = if number > 0.0 { number.min(1.0) } else { 0.0 };
    (within + ROUNDING).to_bits() - ROUNDING.to_bits()
}

impl CrossProducts {
    /// Of no rows yet.
    #[must_use]
    pub fn new(columns: usize) -> Self {
        Self { rows: 0, sums: vec![0; columns], products: vec![0; cells(columns)] }
    }

    /// How many rows were taken in.
    #[must_use]
    pub fn rows(&self) -> u64 {
        u64::from(self.rows)
    }

    /// Takes a row in, and says whether it was taken: not where it has another number of columns, nor after `2^32 − 1`
    /// rows. A number outside of 0 to 1 is a mistake of the caller: it is taken for the nearer end, and stops a build
    /// with debug assertions.
    pub fn add(&mut self, row: &[f64]) -> bool {
        let Some(rows) = self.rows.checked_add(1) else { return false };
        if row.len() != self.sums.len() {
            return false;
        }
        self.rows = rows;
        let row: Vec<u64> = row.iter().map(|number| fixed(*number)).collect();
        let mut products = self.products.as_mut_slice();
        for (i, (own, sum)) in row.iter().zip(&mut self.sums).enumerate() {
            *sum += u128::from(*own);
            let (line, below) = products.split_at_mut(i + 1);
            for (other, product) in row.iter().zip(line) {
                *product += u128::from(*own) * u128::from(*other);
            }
            products = below;
        }
        true
    }

    /// Takes the rows of another part in, and says whether they were taken: not where they have another number of
    /// columns, nor where there would be `2^32` rows or more.
    pub fn merge(&mut self, other: &Self) -> bool {
        let Some(rows) = self.rows.checked_add(other.rows) else { return false };
        if other.sums.len() != self.sums.len() {
            return false;
        }
        self.rows = rows;
        let sums = self.sums.iter_mut().zip(&other.sums);
        let products = self.products.iter_mut().zip(&other.products);
        sums.chain(products).for_each(|(ours, theirs)| *ours += theirs);
        true
    }

    /// The mean of each column.
    ///
    /// # Errors
    /// No rows.
    pub fn means(&self) -> Result<Vec<f64>, StatError> {
        at_least(1, usize::from(self.rows > 0))?;
        let rows = f64::from(self.rows);
        Ok(self.sums.iter().map(|sum| exact(*sum, BITS).total() / rows).collect())
    }

    /// The covariances of the columns with n − 1, as [`covariance_of_sums`] has them of the rounded numbers.
    ///
    /// # Errors
    /// Fewer than two rows; no columns.
    pub fn covariance(&self) -> Result<Symmetric, StatError> {
        let all = |sums: &[u128], places: u32| -> Vec<ExactSum> {
            sums.iter().map(|sum| exact(*sum, places)).collect()
        };
        let (sums, products) = (all(&self.sums, BITS), all(&self.products, 2 * BITS));
        covariance_of_sums(self.rows(), &sums, &products)
    }
}

/// A multiple of `2^-places` as a sum.
fn exact(fixed: u128, places: u32) -> ExactSum {
    const PART: u32 = 43;
    let mut sum = ExactSum::new();
    let mut unit = (0..places).fold(1.0, |unit, _| unit / 2.0);
    for part in 0..3 {
        // 43 bits are less than a number has, so all of this is exact.
        let bits = (fixed >> (part * PART)) & ((1 << PART) - 1);
        sum.add(bits as f64 * unit);
        unit *= (1_u64 << PART) as f64;
    }
    sum
}

/// As it is read, not checked yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rows: u32,
    sums: Vec<u128>,
    products: Vec<u128>,
}

impl TryFrom<Written> for CrossProducts {
    type Error = &'static str;

    fn try_from(Written { rows, sums, products }: Written) -> Result<Self, Self::Error> {
        if products.len() != cells(sums.len()) {
            return Err("not as many products as columns have");
        }
        let most = u128::from(rows) * u128::from(ONE);
        let is_within = sums.iter().all(|sum| *sum <= most);
        if !is_within || products.iter().any(|product| *product > most * u128::from(ONE)) {
            return Err("a sum of numbers beyond 1");
        }
        Ok(Self { rows, sums, products })
    }
}

#[cfg(test)]
#[path = "products_tests.rs"]
mod tests;
