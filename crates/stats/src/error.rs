//! Why a statistic cannot be told.

/// Why a statistic cannot be told of an input. None of these is a fault of the program: the caller
/// says in its own words what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatError {
    /// A number is NaN or infinite, or what is computed of the numbers leaves the range of `f64`.
    #[error("a number is not finite")]
    NotFinite,
    /// Fewer values, rows or groups than the statistic needs.
    #[error("{found} where {needed} are needed")]
    TooFew {
        /// How many it needs at least.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// More than the statistic is told of.
    #[error("{found} where {most} at most are told")]
    TooMany {
        /// How many at most.
        most: usize,
        /// How many there are.
        found: usize,
    },
    /// Lists that belong together have different lengths.
    #[error("{found} values where {expected} belong")]
    Shape {
        /// How many belong there.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// All values are equal, so what is divided by their spread says nothing.
    #[error("the values do not vary")]
    Constant,
    /// A matrix is not positive definite: columns depend on each other linearly.
    #[error("the columns depend on each other")]
    Singular,
    /// An argument lies outside of what it means: a share above 1, a negative weight, no bins.
    #[error("{0} lies outside of its range")]
    Range(&'static str),
    /// Ties, where the exact distribution is known without ties alone.
    #[error("the values are tied")]
    Ties,
}

/// Refuses numbers that are not finite.
pub(crate) fn finite(values: &[f64]) -> Result<(), StatError> {
    match values.iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(StatError::NotFinite),
    }
}

/// Refuses fewer than are needed.
pub(crate) fn at_least(needed: usize, found: usize) -> Result<(), StatError> {
    if found < needed { Err(StatError::TooFew { needed, found }) } else { Ok(()) }
}

/// Refuses lists of different lengths.
pub(crate) fn same_length(expected: usize, found: usize) -> Result<(), StatError> {
    if found == expected { Ok(()) } else { Err(StatError::Shape { expected, found }) }
}

/// A result, where the computation did not leave the range of `f64`.
pub(crate) fn in_range(value: f64) -> Result<f64, StatError> {
    if value.is_finite() { Ok(value) } else { Err(StatError::NotFinite) }
}
