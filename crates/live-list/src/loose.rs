//! Which segments are merged or made again.
//!
//! Changes come a few at a time, and each time they make a segment. So that there are never many,
//! eight loose ones of about the same size become one, as in a log-structured merge tree: a row is
//! indexed three or four times before it is in a sealed segment. What died meanwhile is left out.

use std::collections::BTreeMap;

use crate::row::Row;

/// Loose segments of a size that are merged: there are at most three sizes and less than so many
/// segments of each.
pub(crate) const MERGED: usize = if cfg!(test) { 2 } else { 8 };

/// Segments are worn when more than one in so many of their rows is dead: they take twice the memory
/// that they should then, and for each change about one row is read again. At one in four it would
/// be a third more memory, and three rows for each change.
const WORN_PART: usize = 2;

/// What a list knows of one of its segments.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) rows: usize,
    /// Rows that are profiles of today; never 0.
    pub(crate) live: usize,
    /// Bytes of columns and loose rows, about.
    pub(crate) bytes: usize,
    /// All its rows, where it is loose.
    pub(crate) loose: Option<Vec<Row>>,
}

impl Part {
    fn is_worn(&self) -> bool {
        (self.rows - self.live) * WORN_PART > self.rows
    }
}

/// Loose segments to be merged next, or one that is to be made again because most of it is dead;
/// none where all is well.
pub(crate) fn next_merge(parts: &BTreeMap<u64, Part>) -> Vec<u64> {
    let mut by_size: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for (segment, part) in parts.iter().filter(|(_, part)| part.loose.is_some()) {
        if part.is_worn() {
            return vec![*segment];
        }
        by_size.entry(part.live.ilog(MERGED)).or_default().push(*segment);
    }
    by_size.into_values().find(|segments| segments.len() >= MERGED).unwrap_or_default()
}

/// Worn segments, the most worn first.
pub(crate) fn worn(parts: &BTreeMap<u64, Part>) -> Vec<u64> {
    let mut worn: Vec<(&u64, &Part)> =
        parts.iter().filter(|(_, part)| part.loose.is_none() && part.is_worn()).collect();
    worn.sort_by_key(|(segment, part)| (part.live * 1_000 / part.rows, **segment));
    worn.into_iter().map(|(segment, _)| *segment).collect()
}
