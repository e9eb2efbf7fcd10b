//! Lists of an organisation's profiles, kept in memory and brought up by revisions.
//!
//! A [`LiveList`] holds the columns of all profiles of one organisation, as of one revision of its
//! database. It answers pages and selections of the filter language, sorted by anything; keys come
//! out, records stay in the database. It is a cache: whoever loses it makes it again from revision
//! 0. [`Lists`] keeps the lists of several organisations within a bound of memory.
//!
//! ```text
//! rows changed since rev() ─▶ Preparer (any thread) ─▶ BringUp::add ─▶ finish: rev() = to_rev
//!                                                          │
//!    few rows: a loose segment, its texts kept; eight of a size are merged
//!    many rows: a sealed segment, columns only; worn() names rows of those to be given again
//!                                                          ▼
//! filter, order, cursor ────────────────────────▶ kartei_index::Catalog ─▶ keys, count, cursor
//!                                                          │ texts, where columns cannot tell
//!                                                       RowSource
//! ```
//!
//! **One snapshot.** Lock the list first and open the database snapshot then: so it is never older
//! than the list. Bring the list up to it, and read the page and the records of its keys from it.
//! The crate must not know what database that is, nor anything of time, tasks or HTTP.

mod bring_up;
mod error;
mod list;
mod lists;
mod loose;
mod page;
mod prepare;
mod record;
mod row;
mod source;
#[cfg(test)]
mod tests;

pub use bring_up::BringUp;
pub use error::{BringUpError, ReadError};
pub use kartei_index::{Key, Order, OrderKey};
pub use list::{Limits, LiveList};
pub use lists::Lists;
pub use page::{Page, PageQuery, Selected};
pub use prepare::{PreparedRows, Preparer};
pub use row::{Change, Row};
pub use source::RowSource;
