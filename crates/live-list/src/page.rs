//! Pages of a list, and the keys that a filter holds for.

use std::sync::Arc;

use kartei_filter::Expr;
use kartei_index::{Error, From, Key, Matches, Order};

use crate::error::ReadError;
use crate::list::LiveList;
use crate::source::{Records, RowSource};

/// Which page is wanted.
#[derive(Debug, Clone, Copy)]
pub struct PageQuery<'a> {
    /// Which profiles; all where there is none.
    pub filter: Option<&'a Expr>,
    /// How they are sorted.
    pub order: &'a Order,
    /// Behind which row the page begins: [`Page::next`] of a page in the same order.
    pub after: Option<&'a str>,
    /// How many rows, at least one; at most [`Limits::page_rows_max`](crate::Limits) are given.
    pub limit: usize,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The profiles, in order.
    pub keys: Vec<Key>,
    /// How many profiles the filter holds for.
    pub matching: u64,
    /// How many profiles there are.
    pub total: u64,
    /// The cursor to read on behind the last row; `None` at the end of the list. It says where that
    /// row stood, so it stays valid whatever changes, and whether or not the list was forgotten
    /// meanwhile.
    pub next: Option<String>,
    /// The revision of which all this is.
    pub rev: u64,
}

/// The profiles that a filter holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// Their keys, ascending; eight bytes each.
    pub keys: Vec<Key>,
    /// The revision of which this is.
    pub rev: u64,
}

impl LiveList {
    /// A page. `rows` is to see the revision that the list has.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn page<R: RowSource>(
        &mut self,
        query: &PageQuery<'_>,
        rows: &mut R,
    ) -> Result<Page, ReadError<R::Error>> {
        let matches = self.select(query.filter, rows)?;
        let limit = query.limit.clamp(1, self.limits.page_rows_max.max(1));
        let from = query.after.map_or(From::Rank(0), From::After);
        let mut records = Records::new(rows, &self.in_conflict, self.rev);
        let page = self
            .catalog
            .page(&matches, query.order, from, limit, &mut records)
            .map_err(read_error)?;
        Ok(Page {
            keys: page.keys,
            matching: matches.count() as u64,
            total: self.len() as u64,
            next: page.next,
            rev: self.rev,
        })
    }

    /// The keys of all profiles that a filter holds for (of all, without one), for exports. `rows`
    /// is to see the revision that the list has.
    ///
    /// # Errors
    /// [`ReadError`], but never [`ReadError::Cursor`].
    pub fn keys<R: RowSource>(
        &mut self,
        filter: Option<&Expr>,
        rows: &mut R,
    ) -> Result<Selected, ReadError<R::Error>> {
        let matches = self.select(filter, rows)?;
        let keys = self.catalog.keys(&matches).map_err(read_error)?;
        Ok(Selected { keys, rev: self.rev })
    }

    fn select<R: RowSource>(
        &mut self,
        filter: Option<&Expr>,
        rows: &mut R,
    ) -> Result<Arc<Matches>, ReadError<R::Error>> {
        let everything = Expr::All(Vec::new());
        self.catalog.set_status_version(self.changes);
        let mut records = Records::new(rows, &self.in_conflict, self.rev);
        self.catalog.select(filter.unwrap_or(&everything), &mut records).map_err(read_error)
    }
}

/// A mistake in a cursor is the caller's; damage is told as it is.
fn read_error<E>(error: Error<ReadError<E>>) -> ReadError<E> {
    match error {
        Error::Source(error) => error,
        Error::Cursor => ReadError::Cursor,
        Error::Damaged { column, what, .. } => {
            ReadError::Columns { what: format!("column {column:?}: {what}") }
        }
        Error::Outdated => ReadError::Columns { what: "rows were numbered anew".to_owned() },
    }
}
