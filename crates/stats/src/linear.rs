//! Principal components, and distances that know how columns hang together.

use crate::error::{at_least, finite, in_range, same_length};
use crate::matrix::{Rows, Symmetric, covariance};
use crate::{StatError, Sum};

/// Sweeps over all pairs at most; ten are plenty for matrices of a hundred rows.
const SWEEPS_MAX: u32 = 64;

/// An off-diagonal cell that is smaller than this share of both its diagonal ones changes neither of
/// them in `f64`.
const NO_SHARE: f64 = 1.0 / (1_u64 << 56) as f64;

/// Components of an eigenvector whose magnitudes differ by no more than this share are equally great.
const EQUALLY_GREAT: f64 = 1e-9;

/// Eigenvalues from the greatest to the smallest, and the unit vector that belongs to each.
#[derive(Debug, Clone, PartialEq)]
pub struct Eigen {
    /// The eigenvalues, descending.
    pub values: Vec<f64>,
    /// For each eigenvalue its vector: of length 1, and of both signs the one whose component with
    /// the greatest magnitude is positive, the first one of several that differ by no more than a
    /// billionth.
    pub vectors: Vec<Vec<f64>>,
}

/// The eigenvalues and eigenvectors of a symmetric matrix, by cyclic rotations in the order of rows
/// (Jacobi 1846; the formulas of Rutishauser 1966). To the last digits of the greatest eigenvalue.
/// Takes about `10 · size³` steps.
#[must_use]
pub fn eigen(matrix: &Symmetric) -> Eigen {
    let size = matrix.size();
    let mut turned = matrix.clone();
    let mut vectors: Vec<Vec<f64>> =
        (0..size).map(|i| (0..size).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..SWEEPS_MAX {
        let mut is_diagonal = true;
        for p in 0..size {
            for q in p + 1..size {
                is_diagonal &= !rotate(&mut turned, &mut vectors, p, q);
            }
        }
        if is_diagonal {
            break;
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|a, b| turned.at(*b, *b).total_cmp(&turned.at(*a, *a)));
    Eigen {
        values: order.iter().map(|at| turned.at(*at, *at)).collect(),
        vectors: order.iter().map(|at| with_sign(&vectors[*at])).collect(),
    }
}

/// Makes a cell and its mirror zero; says whether there was anything to do. `vectors` has one vector
/// for each column of the matrix.
fn rotate(matrix: &mut Symmetric, vectors: &mut [Vec<f64>], p: usize, q: usize) -> bool {
    let (cell, low, high) = (matrix.at(p, q), matrix.at(p, p), matrix.at(q, q));
    if cell.abs() <= NO_SHARE * low.abs().min(high.abs()) {
        matrix.put(p, q, 0.0);
        return false;
    }
    // The tangent of the smaller one of both angles; halves first, so that nothing overflows.
    let ratio = (0.5 * high - 0.5 * low) / cell;
    let tangent = if ratio.abs() > 1e150 {
        0.5 / ratio
    } else {
        let whole = 1.0 / (ratio.abs() + (ratio * ratio + 1.0).sqrt());
        if ratio < 0.0 { -whole } else { whole }
    };
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    let half = sine / (1.0 + cosine);
    let turn = |a: f64, b: f64| (a - sine * (b + half * a), b + sine * (a - half * b));
    matrix.put(p, p, low - tangent * cell);
    matrix.put(q, q, high + tangent * cell);
    matrix.put(p, q, 0.0);
    for i in (0..matrix.size()).filter(|i| *i != p && *i != q) {
        let (a, b) = turn(matrix.at(i, p), matrix.at(i, q));
        matrix.put(i, p, a);
        matrix.put(i, q, b);
    }
    let (before, after) = vectors.split_at_mut(q);
    for (a, b) in before[p].iter_mut().zip(&mut after[0]) {
        (*a, *b) = turn(*a, *b);
    }
    true
}

fn with_sign(vector: &[f64]) -> Vec<f64> {
    let greatest = vector.iter().fold(0.0_f64, |greatest, one| greatest.max(one.abs()));
    // Rounding decides nothing where two are as great.
    let leading = vector.iter().find(|one| one.abs() >= greatest * (1.0 - EQUALLY_GREAT));
    // Zero is left without a sign.
    let sign = if leading.is_some_and(|leading| *leading < 0.0) { -1.0 } else { 1.0 };
    vector.iter().map(|component| component * sign + 0.0).collect()
}

/// Principal components, the one that explains most first.
#[derive(Debug, Clone, PartialEq)]
pub struct Components {
    /// The variance along each component, in the square of the columns' unit; 0 at least.
    pub variances: Vec<f64>,
    /// Its share of all variance; together 1.
    pub ratios: Vec<f64>,
    /// For each component the weights of the columns, of length 1, with the sign of [`Eigen`].
    pub weights: Vec<Vec<f64>>,
}

/// The principal components (Pearson 1901; Hotelling 1933) of columns, given their covariances, or
/// their correlations where their units do not compare.
///
/// # Errors
/// Nothing varies.
pub fn principal_components(matrix: &Symmetric) -> Result<Components, StatError> {
    let Eigen { values, vectors } = eigen(matrix);
    // What rounding leaves below zero is zero; of zeros with different signs `max` may take either.
    let variance = |value| Ok(in_range(value)?.max(0.0) + 0.0);
    let variances = values.into_iter().map(variance).collect::<Result<Vec<f64>, StatError>>()?;
    let whole = in_range(variances.iter().copied().collect::<Sum>().total())?;
    if whole == 0.0 {
        return Err(StatError::Constant);
    }
    let ratios = variances.iter().map(|variance| variance / whole).collect();
    Ok(Components { variances, ratios, weights: vectors })
}

/// A positive definite matrix as `L Lᵀ` with a lower triangle `L` (Cholesky, published by Benoît
/// 1924).
#[derive(Debug, Clone, PartialEq)]
pub struct Cholesky {
    /// Row `i` has `i + 1` numbers.
    rows: Vec<Vec<f64>>,
}

impl Cholesky {
    /// Takes a matrix apart. Takes `size³ / 6` steps.
    ///
    /// # Errors
    /// The matrix is not positive definite, as far as `f64` can tell.
    pub fn new(matrix: &Symmetric) -> Result<Self, StatError> {
        let size = matrix.size();
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(size);
        for i in 0..size {
            let mut row: Vec<f64> = Vec::with_capacity(i + 1);
            for (j, above) in rows.iter().enumerate() {
                row.push((matrix.at(i, j) - product(&row, &above[..j])) / above[j]);
            }
            let diagonal = matrix.at(i, i);
            let rest = diagonal - product(&row, &row);
            // What is left of the diagonal is nothing but rounding.
            if rest.is_nan() || rest <= diagonal * f64::EPSILON * size as f64 {
                return Err(StatError::Singular);
            }
            row.push(rest.sqrt());
            rows.push(row);
        }
        Ok(Self { rows })
    }

    /// The `x` of `L Lᵀ x = b`.
    ///
    /// # Errors
    /// `b` has another length, or a number that is not finite; the result is beyond `f64`.
    pub fn solve(&self, b: &[f64]) -> Result<Vec<f64>, StatError> {
        let mut x = self.forward(b)?;
        for i in (0..x.len()).rev() {
            let below: Sum = (i + 1..x.len()).map(|j| self.rows[j][i] * x[j]).collect();
            x[i] = in_range((x[i] - below.total()) / self.rows[i][i])?;
        }
        Ok(x)
    }

    /// The `z` of `L z = b`.
    fn forward(&self, b: &[f64]) -> Result<Vec<f64>, StatError> {
        same_length(self.rows.len(), b.len())?;
        finite(b)?;
        let mut z: Vec<f64> = Vec::with_capacity(b.len());
        for (row, b) in self.rows.iter().zip(b) {
            let i = z.len();
            z.push(in_range((b - product(&z, &row[..i])) / row[i])?);
        }
        Ok(z)
    }
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).collect::<Sum>().total()
}

/// How far a row lies from the middle of others, in terms of how these spread (Mahalanobis 1936).
#[derive(Debug, Clone, PartialEq)]
pub struct Mahalanobis {
    means: Vec<f64>,
    spread: Cholesky,
}

impl Mahalanobis {
    /// Learns means and covariances (with n − 1) of rows. `ridge` is added to each variance, in the
    /// square of the columns' unit: 0 for the plain distance, a little where columns depend on each
    /// other or rows are few (Hoerl and Kennard 1970).
    ///
    /// # Errors
    /// Fewer than two rows; columns that depend on each other, without a ridge; a ridge that is
    /// negative or not finite; products beyond the range of `f64`.
    pub fn new(rows: Rows<'_>, ridge: f64) -> Result<Self, StatError> {
        at_least(2, rows.len())?;
        Self::of(rows.means()?, covariance(rows)?, ridge)
    }

    /// Of means and covariances that are known, as [`Mahalanobis::new`] has it of rows.
    ///
    /// # Errors
    /// Not as many means as the matrix has columns, or one that is not finite; a matrix that is not
    /// positive definite, with the ridge; a ridge that is negative or not finite.
    pub fn of(means: Vec<f64>, covariance: Symmetric, ridge: f64) -> Result<Self, StatError> {
        if !(ridge >= 0.0 && ridge.is_finite()) {
            return Err(StatError::Range("a ridge"));
        }
        same_length(covariance.size(), means.len())?;
        finite(&means)?;
        let spread = Cholesky::new(&covariance.with_ridge(ridge))?;
        Ok(Self { means, spread })
    }

    /// The squared distance of a row, `(x − μ)ᵀ Σ⁻¹ (x − μ)`, without a unit: for normal columns it is
    /// distributed as χ² with as many degrees of freedom as there are columns.
    ///
    /// # Errors
    /// The row has another length, or a number that is not finite; the result is beyond `f64`.
    pub fn square(&self, row: &[f64]) -> Result<f64, StatError> {
        same_length(self.means.len(), row.len())?;
        let apart: Vec<f64> = row.iter().zip(&self.means).map(|(x, mean)| x - mean).collect();
        let z = self.spread.forward(&apart)?;
        in_range(product(&z, &z))
    }
}

#[cfg(test)]
#[path = "linear_tests.rs"]
mod tests;
