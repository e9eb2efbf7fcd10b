//! Rows of numbers, and the matrices made of them.

use crate::error::{at_least, finite, in_range, same_length};
use crate::moments::{mean, parts_of};
use crate::{ExactSum, StatError, Sum};

/// Rows of equally many numbers, one row behind the other in one list, without a number that is not
/// finite.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    values: &'a [f64],
    columns: usize,
}

impl<'a> Rows<'a> {
    /// Cuts a list into rows of `columns` numbers.
    ///
    /// # Errors
    /// No columns; numbers left over; a number that is not finite.
    pub fn new(values: &'a [f64], columns: usize) -> Result<Self, StatError> {
        at_least(1, columns)?;
        let over = values.len() % columns;
        same_length(values.len() - over, values.len())?;
        finite(values)?;
        Ok(Self { values, columns })
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.columns
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many numbers a row has.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The rows in order.
    pub fn iter(&self) -> std::slice::ChunksExact<'a, f64> {
        self.values.chunks_exact(self.columns)
    }

    /// The row at a place below [`Rows::len`].
    pub(crate) fn at(&self, place: usize) -> &'a [f64] {
        &self.values[place * self.columns..(place + 1) * self.columns]
    }

    fn column(&self, at: usize) -> Vec<f64> {
        self.iter().map(|row| row[at]).collect()
    }

    /// The mean of each column.
    ///
    /// # Errors
    /// No rows; a sum beyond the range of `f64`.
    pub fn means(&self) -> Result<Vec<f64>, StatError> {
        (0..self.columns).map(|at| mean(&self.column(at))).collect()
    }
}

impl<'a> IntoIterator for Rows<'a> {
    type Item = &'a [f64];
    type IntoIter = std::slice::ChunksExact<'a, f64>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A symmetric matrix, without a number that is not finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Symmetric {
    size: usize,
    cells: Vec<f64>,
}

impl Symmetric {
    /// A matrix of `size` rows and columns, row by row.
    ///
    /// # Errors
    /// No rows; not `size²` numbers; a number that is not finite; one that differs from its mirror.
    pub fn new(size: usize, cells: Vec<f64>) -> Result<Self, StatError> {
        at_least(1, size)?;
        same_length(size.saturating_mul(size), cells.len())?;
        finite(&cells)?;
        let matrix = Self { size, cells };
        let mirrored = |i: usize| (0..i).all(|j| matrix.at(i, j) == matrix.at(j, i));
        match (0..size).all(mirrored) {
            true => Ok(matrix),
            false => Err(StatError::Range("a cell and its mirror")),
        }
    }

    /// A matrix of what `cell` says for each place on and below the diagonal.
    fn from(size: usize, cell: impl Fn(usize, usize) -> f64) -> Result<Self, StatError> {
        let mut cells = vec![0.0; size * size];
        for i in 0..size {
            for j in 0..=i {
                let value = in_range(cell(i, j))?;
                (cells[i * size + j], cells[j * size + i]) = (value, value);
            }
        }
        Ok(Self { size, cells })
    }

    /// How many rows and columns.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The numbers, row by row.
    #[must_use]
    pub fn cells(&self) -> &[f64] {
        &self.cells
    }

    pub(crate) fn at(&self, row: usize, column: usize) -> f64 {
        self.cells[row * self.size + column]
    }

    /// Sets a cell and its mirror.
    pub(crate) fn put(&mut self, row: usize, column: usize, value: f64) {
        self.cells[row * self.size + column] = value;
        self.cells[column * self.size + row] = value;
    }

    pub(crate) fn with_ridge(mut self, ridge: f64) -> Self {
        let size = self.size;
        self.cells.iter_mut().step_by(size + 1).for_each(|cell| *cell += ridge);
        self
    }
}

/// The covariances of the columns with n − 1, in the products of their units: in two passes, the
/// second one corrected for the rounding of the means (Chan, Golub and LeVeque 1983). Takes
/// `rows · columns²` steps.
///
/// # Errors
/// Fewer than two rows; products beyond the range of `f64`.
pub fn covariance(rows: Rows<'_>) -> Result<Symmetric, StatError> {
    at_least(2, rows.len())?;
    let n = rows.len() as f64;
    let mut apart = Vec::with_capacity(rows.columns());
    for (at, mean) in rows.means()?.into_iter().enumerate() {
        let column: Vec<f64> = rows.iter().map(|row| row[at] - mean).collect();
        let off = column.iter().copied().collect::<Sum>().total();
        apart.push((column, off));
    }
    Symmetric::from(rows.columns(), |i, j| {
        let ((a, off_a), (b, off_b)) = (&apart[i], &apart[j]);
        let products: Sum = a.iter().zip(b).map(|(a, b)| a * b).collect();
        let sum = products.total() - off_a * (off_b / n);
        // A column that does not vary has a variance of 0, and no less.
        let sum = if i == j && sum < 0.0 { 0.0 } else { sum };
        sum / (n - 1.0)
    })
}

/// The covariances of columns with n − 1, of the exact sum of each column and those of the products of
/// columns: row by row of the lower triangle, (0, 0), (1, 0), (1, 1), (2, 0) and so on. The same bits in
/// whatever order the `n` rows came: `n Σxy − Σx Σy` is added up exactly, so what is great in it cancels
/// without a loss, and columns that do not vary have a variance of 0.
///
/// # Errors
/// Fewer than two rows; not as many products as columns need; products beyond the range of `f64`.
pub fn covariance_of_sums(
    n: u64,
    sums: &[ExactSum],
    products: &[ExactSum],
) -> Result<Symmetric, StatError> {
    at_least(2, usize::try_from(n).unwrap_or(usize::MAX))?;
    at_least(1, sums.len())?;
    same_length(sums.len() * (sums.len() + 1) / 2, products.len())?;
    let count = n as f64;
    // A sum has more digits than one f64; three have all that a result can show.
    let parts: Vec<[f64; 3]> = sums.iter().map(parts_of).collect();
    for sum in &parts {
        in_range(sum[0] * sum[0])?;
    }
    let whole: Vec<f64> = products.iter().map(ExactSum::total).collect();
    for product in &whole {
        in_range(product * count)?;
    }
    Symmetric::from(sums.len(), |i, j| {
        let mut apart = ExactSum::new();
        for part in parts_of(&products[i * (i + 1) / 2 + j]) {
            apart.add_product(count, part);
        }
        for a in parts[i] {
            for b in parts[j] {
                apart.add_product(-a, b);
            }
        }
        let apart = apart.total();
        let apart = if i == j && apart < 0.0 { 0.0 } else { apart };
        apart / count / (count - 1.0)
    })
}

/// The correlations that belong to covariances (Pearson 1896), −1 to 1; 1 on the diagonal.
///
/// # Errors
/// A column does not vary.
pub fn correlation(covariance: &Symmetric) -> Result<Symmetric, StatError> {
    let roots: Vec<f64> =
        (0..covariance.size()).map(|at| covariance.at(at, at).max(0.0).sqrt()).collect();
    if roots.contains(&0.0) {
        return Err(StatError::Constant);
    }
    Symmetric::from(covariance.size(), |i, j| match i == j {
        true => 1.0,
        false => (covariance.at(i, j) / roots[i] / roots[j]).clamp(-1.0, 1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let values = [1.0, 2.0, 3.0, 6.0, 5.0, 4.0];
        let rows = Rows::new(&values, 2).unwrap();
        assert_eq!((rows.len(), rows.columns(), rows.is_empty()), (3, 2, false));
        assert_eq!(rows.means().unwrap(), [3.0, 4.0]);
        let found = covariance(rows).unwrap();
        assert_eq!(found.cells(), [4.0, 2.0, 2.0, 4.0]);
        assert_eq!(correlation(&found).unwrap().cells(), [1.0, 0.5, 0.5, 1.0]);
    }

    fn sums_of(rows: Rows<'_>) -> (Vec<ExactSum>, Vec<ExactSum>) {
        let columns = rows.columns();
        let mut sums = vec![ExactSum::new(); columns];
        let mut products = vec![ExactSum::new(); columns * (columns + 1) / 2];
        for row in rows {
            for (i, a) in row.iter().enumerate() {
                sums[i].add(*a);
                for (j, b) in row[..=i].iter().enumerate() {
                    products[i * (i + 1) / 2 + j].add_product(*a, *b);
                }
            }
        }
        (sums, products)
    }

    #[test]
    fn of_sums_as_of_rows() {
        let values: Vec<f64> = (0..300_u32)
            .map(|at| 1e6 + f64::from(at * at % 97) / 7.0 + f64::from(at % 3))
            .collect();
        let rows = Rows::new(&values, 3).unwrap();
        let (sums, products) = sums_of(rows);
        let found = covariance_of_sums(100, &sums, &products).unwrap();
        for (found, known) in found.cells().iter().zip(covariance(rows).unwrap().cells()) {
            assert!((found - known).abs() < 1e-12 * 1e3, "{found} and not {known}");
        }
        // A third has no end in binary, and still the sums cancel to nothing.
        let still = [1.0 / 3.0; 14];
        let (sums, products) = sums_of(Rows::new(&still, 2).unwrap());
        assert_eq!(covariance_of_sums(7, &sums, &products).unwrap().cells(), [0.0; 4]);
        assert!(covariance_of_sums(1, &sums, &products).is_err());
        assert!(covariance_of_sums(7, &sums, &products[1..]).is_err());
        assert!(covariance_of_sums(7, &[], &[]).is_err());
        let (sums, products) = sums_of(Rows::new(&[1e153, 1e153], 1).unwrap());
        assert_eq!(covariance_of_sums(2, &sums, &products).unwrap().cells(), [0.0]);
        let great = [ExactSum::new(), ExactSum::new()].map(|mut sum| {
            sum.add(1e300);
            sum
        });
        assert_eq!(covariance_of_sums(2, &great[..1], &great[1..]), Err(StatError::NotFinite));
    }

    #[test]
    fn what_is_refused() {
        assert!(Rows::new(&[1.0], 0).is_err());
        assert_eq!(
            Rows::new(&[1.0, 2.0, 3.0], 2).map(|_| ()),
            Err(StatError::Shape { expected: 2, found: 3 })
        );
        assert_eq!(Rows::new(&[1.0, f64::NAN], 2).map(|_| ()), Err(StatError::NotFinite));
        let one = Rows::new(&[1.0, 2.0], 2).unwrap();
        assert_eq!(covariance(one), Err(StatError::TooFew { needed: 2, found: 1 }));
        let still = covariance(Rows::new(&[1.0, 2.0, 1.0, 3.0], 2).unwrap()).unwrap();
        assert_eq!(correlation(&still), Err(StatError::Constant));
        let great = [1e200, 0.0, -1e200, 0.0];
        assert_eq!(covariance(Rows::new(&great, 2).unwrap()), Err(StatError::NotFinite));
        assert!(Symmetric::new(0, vec![]).is_err());
        assert!(Symmetric::new(2, vec![1.0; 3]).is_err());
        assert!(Symmetric::new(2, vec![1.0, 2.0, 3.0, 4.0]).is_err());
        assert!(Symmetric::new(1, vec![f64::NAN]).is_err());
    }
}
