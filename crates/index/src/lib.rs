//! Columns and words of profiles in chunks, and the lists that are read from them.
//!
//! A [`ChunkBuilder`] makes the columns of some hundred profiles; whoever stores them hands their
//! bytes back when a [`Catalog`] asks its [`Source`] for them. The catalog answers which profiles a
//! filter holds for ([`Catalog::select`]) and reads lists of them page by page, sorted
//! ([`Catalog::page`]), and counts how many of them have each value ([`Catalog::count_attribute`]).
//! What it answers is what [`kartei_filter`] means, profile by profile.
//!
//! Columns are kept as they were written and evaluated so: a comparison becomes a range of packed
//! numbers, a word a search among sorted terms. Bytes are checked wherever they are read; damaged
//! ones are an error and never a panic. The crate must not know where columns are stored.

mod attribute;
mod bits;
mod builder;
mod cache;
mod catalog;
mod collect;
mod column;
mod cursor;
mod error;
mod evaluate;
mod facet;
mod fit;
mod head;
mod integers;
mod intern;
mod keys;
mod names;
mod numbers;
mod order;
mod page;
mod parts;
mod permutation;
mod place;
mod plan;
mod postings;
mod rows;
mod scores;
mod segment;
mod select;
mod signal;
mod source;
mod strings;
mod tally;
#[cfg(test)]
mod tests;
mod texts;
mod wire;

pub use builder::ChunkBuilder;
pub use catalog::Catalog;
pub use error::Error;
pub use facet::{Counts, DISTINCT_MAX, Outline, Value};
pub use keys::{Key, Keys};
pub use order::{Order, OrderKey};
pub use page::{From, Page};
pub use scores::{ScoreColumns, score_column, score_of};
pub use select::Matches;
pub use source::Source;
