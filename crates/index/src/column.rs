//! The columns of a chunk: their names, and the small ones that need no module of their own.

use crate::integers::Integers;
use crate::rows::RowSet;
use crate::strings::Strings;
use crate::wire::{Flaw, Reader};

/// The id of each profile.
pub(crate) const ID: &str = "id";
/// The display names.
pub(crate) const NAME: &str = "name";
/// Tags, and which profiles have them.
pub(crate) const TAGS: &str = "tags";
/// Words, and which profiles have them.
pub(crate) const WORDS: &str = "words";
/// Names of the columns of attributes and signals, and which profiles are in them.
pub(crate) const FIELDS: &str = "fields";
/// How many observations each profile has.
pub(crate) const OBSERVATIONS: &str = "observations";
/// The instants of first observations.
pub(crate) const FIRST: &str = "first";
/// The instants of last observations.
pub(crate) const LAST: &str = "last";

/// Before the keys of attributes.
pub(crate) const ATTRIBUTE_PREFIX: &str = "a:";
/// Before the names of signals.
pub(crate) const SIGNAL_PREFIX: &str = "s:";

/// Before the names of scores.
pub(crate) const SCORE_PREFIX: &str = "c:";

/// The name of an attribute's column.
pub(crate) fn of_attribute(key: &str) -> String {
    format!("{ATTRIBUTE_PREFIX}{key}")
}

/// The name of a signal's column.
pub(crate) fn of_signal(signal: &str) -> String {
    format!("{SIGNAL_PREFIX}{signal}")
}

/// The name of a score's column.
pub(crate) fn of_score(name: &str) -> String {
    format!("{SCORE_PREFIX}{name}")
}

/// The ids of a chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids<'a> {
    /// How many bytes all of them begin with in common.
    pub(crate) shared: usize,
    pub(crate) texts: Strings<'a>,
}

impl<'a> Ids<'a> {
    pub(crate) fn open(bytes: &'a [u8], rows: usize) -> Result<Self, Flaw> {
        let mut reader = Reader::open(bytes, rows)?;
        let shared = reader.size()?;
        Ok(Self { shared, texts: Strings::read(&mut reader, rows)? })
    }
}

/// The names of a chunk's profiles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) rows: RowSet<'a>,
    pub(crate) texts: Strings<'a>,
}

impl<'a> Names<'a> {
    pub(crate) fn open(bytes: &'a [u8], rows: usize) -> Result<Self, Flaw> {
        let mut reader = Reader::open(bytes, rows)?;
        let of = RowSet::read(&mut reader, rows)?;
        Ok(Self { rows: of, texts: Strings::read(&mut reader, rows)? })
    }
}

/// Whole numbers of some rows of a chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instants<'a> {
    pub(crate) rows: RowSet<'a>,
    pub(crate) values: Integers<'a>,
}

impl<'a> Instants<'a> {
    pub(crate) fn open(bytes: &'a [u8], rows: usize) -> Result<Self, Flaw> {
        let mut reader = Reader::open(bytes, rows)?;
        let of = RowSet::read(&mut reader, rows)?;
        let len = crate::attribute::read_len(&mut reader, rows)?;
        Ok(Self { rows: of, values: Integers::read(&mut reader, len)? })
    }
}

/// How many observations each row has.
pub(crate) fn open_counts(bytes: &[u8], rows: usize) -> Result<Integers<'_>, Flaw> {
    let mut reader = Reader::open(bytes, rows)?;
    Integers::read(&mut reader, rows)
}
