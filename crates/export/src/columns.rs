//! The first pass: which attributes and signals there are, and of which types.

use std::collections::{BTreeMap, BTreeSet};

use crate::csv::{FIXED_COLUMNS, SIGNAL_COLUMNS};
use crate::error::Error;
use crate::row::{Outline, Scalar, read};
use crate::source::{Feed, Source};

/// Columns of a CSV: as many as a sheet of Excel or LibreOffice has, the narrowest readers of CSV.
pub const CSV_COLUMNS_MAX: usize = 16_384;

/// Attributes of a Parquet file. Every row group describes each of its columns in memory and in the
/// file, and every row holds a place for it: more would cost gigabytes for a million profiles.
pub const PARQUET_ATTRIBUTES_MAX: usize = 1024;

/// Names that the first pass holds at most, so that it gives up before memory does.
const NAMES_MAX: usize = CSV_COLUMNS_MAX;

/// Integers up to here are the same as INT64 and as DOUBLE.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// The type that holds all values of an attribute; `null` fits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only `null` so far.
    Empty,
    Bool,
    Integer,
    Double,
    Text,
    /// Values of several types, as JSON.
    Mixed,
}

impl Kind {
    pub(crate) fn of(value: &Scalar<'_>) -> Self {
        match value {
            Scalar::Null => Self::Empty,
            Scalar::Bool(_) => Self::Bool,
            Scalar::Text(_) => Self::Text,
            Scalar::Number(x) if x.value.fract() == 0.0 && x.value.abs() <= INTEGER_MAX => {
                Self::Integer
            }
            Scalar::Number(_) => Self::Double,
        }
    }

    fn join(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Empty, kind) | (kind, Self::Empty) => kind,
            (Self::Integer, Self::Double) | (Self::Double, Self::Integer) => Self::Double,
            _ => Self::Mixed,
        }
    }

    /// Whether a column of this kind can hold a value of the kind `value`.
    pub(crate) fn holds(self, value: Self) -> bool {
        self.join(value) == self
    }
}

/// The columns that depend on the profiles, sorted by code points.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) attributes: BTreeMap<String, Kind>,
    pub(crate) signals: BTreeSet<String>,
}

impl Columns {
    /// Reads all records, then starts the source again.
    pub(crate) fn find<S: Source>(feed: &mut Feed<'_, S>) -> Result<Self, Error<S::Error>> {
        let mut columns = Self::default();
        feed.each_first(|position, record| {
            let outline: Outline<'_> = read(position, record)?;
            for (key, value) in &outline.attributes.0 {
                let kind = Kind::of(&value.scalar);
                if let Some(known) = columns.attributes.get_mut(&*key.0) {
                    *known = known.join(kind);
                } else {
                    columns.attributes.insert(key.0.clone().into_owned(), kind);
                }
            }
            for signal in &outline.observations.0 {
                if !columns.signals.contains(&*signal.0) {
                    columns.signals.insert(signal.0.clone().into_owned());
                }
            }
            if columns.attributes.len().max(columns.signals.len()) > NAMES_MAX {
                return Err(Error::Columns { max: NAMES_MAX });
            }
            Ok(())
        })?;
        Ok(columns)
    }

    pub(crate) fn check_for_csv<E>(&self) -> Result<(), Error<E>> {
        let signals = self.signals.len() * SIGNAL_COLUMNS.len();
        let needed = FIXED_COLUMNS.len() + self.attributes.len() + signals;
        check(needed, CSV_COLUMNS_MAX)
    }

    pub(crate) fn check_for_parquet<E>(&self) -> Result<(), Error<E>> {
        check(self.attributes.len(), PARQUET_ATTRIBUTES_MAX)
    }
}

fn check<E>(needed: usize, max: usize) -> Result<(), Error<E>> {
    if needed > max { Err(Error::Columns { max }) } else { Ok(()) }
}
