//! Pages of sorted lists.
//!
//! The first rows of a list are found without sorting it all; who reads on, or comes again, gets
//! all profiles sorted, once, and from then on patched.

use std::borrow::Cow;

use crate::bits;
use crate::catalog::Catalog;
use crate::cursor;
use crate::error::{Damage, Error};
use crate::head;
use crate::keys::Key;
use crate::order::{self, Order, OrderKey, SortKey, Sorting};
use crate::permutation::{Permutation, Permutations, partition};
use crate::place;
use crate::select::Matches;
use crate::source::Source;

/// Rows that are found at once at the beginning of a list: several pages. Tests have few profiles,
/// and want all ways to be gone.
const HEAD_ROWS: usize = if cfg!(test) { 10 } else { 1_024 };

/// Matches up to which all of them are sorted for themselves; going through a million sorted
/// profiles to find them takes longer.
const FEW: usize = if cfg!(test) { 5 } else { 4_096 };

/// Beginnings that are kept.
const HEADS_MAX: usize = 4;

/// Beginnings in one order after which all profiles are sorted by it.
const BEGINNINGS_MAX: u32 = 3;

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From<'a> {
    /// At the row with this place in the list, from 0.
    Rank(u64),
    /// Behind the row with this mark: [`Page::next`] of a page in the same order.
    After(&'a str),
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The profiles.
    pub keys: Vec<Key>,
    /// The place of the first of them in the list, from 0.
    pub rank: u64,
    /// The mark to read on behind the last of them; `None` at the end of the list.
    pub next: Option<String>,
}

/// The beginning of a list.
#[derive(Debug)]
struct Head {
    order: Order,
    matches: u64,
    version: u64,
    rows: Vec<u32>,
}

/// What is kept of sorted lists.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) permutations: Permutations,
    heads: Vec<Head>,
    beginnings: Vec<(OrderKey, u32)>,
}

impl Orders {
    fn head(&self, order: &Order, matches: u64, version: u64) -> Option<&Head> {
        self.heads
            .iter()
            .find(|head| head.order == *order && head.matches == matches && head.version == version)
    }

    /// Forgets lists by what they are sorted by.
    pub(crate) fn forget(&mut self, is_it: impl Fn(&OrderKey) -> bool) {
        self.permutations.forget(&is_it);
        self.heads.retain(|head| !is_it(&head.order.by));
    }

    /// Bytes of what is kept.
    pub(crate) fn bytes(&self) -> usize {
        let heads: usize = self.heads.iter().map(|head| head.rows.capacity()).sum();
        self.permutations.bytes() + heads * size_of::<u32>()
    }

    /// Counts beginnings in an order, and says whether they are many.
    fn begin(&mut self, by: &OrderKey) -> bool {
        match self.beginnings.iter_mut().find(|(of, _)| of == by) {
            Some((_, times)) => {
                *times += 1;
                *times > BEGINNINGS_MAX
            }
            None => {
                self.beginnings.truncate(HEADS_MAX);
                self.beginnings.insert(0, (by.clone(), 1));
                false
            }
        }
    }
}

/// A page as rows.
struct Rows {
    rows: Vec<usize>,
    rank: usize,
    more: bool,
}

enum Start {
    Rank(usize),
    After(SortKey),
}

impl Catalog {
    /// A page of at most `limit` matches in an order.
    ///
    /// # Errors
    /// [`Error::Cursor`], [`Error::Outdated`], [`Error::Damaged`] and [`Error::Source`].
    pub fn page<S: Source>(
        &mut self,
        matches: &Matches,
        order: &Order,
        from: From<'_>,
        limit: usize,
        source: &mut S,
    ) -> Result<Page, Error<S::Error>> {
        if matches.numbering != self.numbering {
            return Err(Error::Outdated);
        }
        let start = match from {
            From::Rank(rank) => Start::Rank(usize::try_from(rank).unwrap_or(usize::MAX)),
            From::After(mark) => Start::After(cursor::read(&order.by, mark).ok_or(Error::Cursor)?),
        };
        self.load(&order::columns(&order.by), source)?;
        let found = self.rows_of_page(matches, order, &start, limit)?;
        let mut next = None;
        if let (true, Some(last)) = (found.more, found.rows.last()) {
            let key = Sorting::new(self, &order.by).key(*last)?;
            next = Some(cursor::write(&order.by, &key));
        }
        let keys = found.rows.iter().filter_map(|row| self.key_of(*row)).collect();
        Ok(Page { keys, rank: found.rank as u64, next })
    }

    /// The place of a match in the list, from 0; `None` for a profile that is none.
    ///
    /// # Errors
    /// As [`Catalog::page`].
    pub fn rank<S: Source>(
        &mut self,
        matches: &Matches,
        order: &Order,
        key: Key,
        source: &mut S,
    ) -> Result<Option<u64>, Error<S::Error>> {
        if matches.numbering != self.numbering {
            return Err(Error::Outdated);
        }
        let Some(row) = self.row_of(key) else { return Ok(None) };
        if !bits::has(&matches.rows, row) {
            return Ok(None);
        }
        self.load(&order::columns(&order.by), source)?;
        if let Some(rank) = self.rank_of_unsorted(matches, order, row)? {
            return Ok(Some(rank as u64));
        }
        let start = Start::After(Sorting::new(self, &order.by).key(row)?);
        // The rows behind it begin one place further. One is asked for: a beginning of the list that
        // ends at this row could not tell otherwise that it reaches far enough.
        let behind = self.rows_of_page(matches, order, &start, 1)?;
        Ok(Some(behind.rank.saturating_sub(1) as u64))
    }

    /// The place of a match where counting what comes before it is less work than what
    /// [`Catalog::rows_of_page`] would do, and leave behind for whoever asks again.
    fn rank_of_unsorted(
        &mut self,
        matches: &Matches,
        order: &Order,
        row: usize,
    ) -> Result<Option<usize>, Damage> {
        let (rows, count) = self.matches_of_today(matches);
        if count <= FEW || self.orders.permutations.has(&order.by) || self.orders.begin(&order.by) {
            return Ok(None);
        }
        place::before(self, &rows, order, row)
    }

    fn rows_of_page(
        &mut self,
        matches: &Matches,
        order: &Order,
        start: &Start,
        limit: usize,
    ) -> Result<Rows, Damage> {
        let (rows, count) = self.matches_of_today(matches);
        let few = count <= FEW;
        let deep = match start {
            Start::Rank(rank) => rank.saturating_add(limit) > HEAD_ROWS,
            Start::After(_) => false,
        };
        if few || (!deep && !self.orders.permutations.has(&order.by)) {
            if self.orders.head(order, matches.id, self.version).is_none()
                && (few || !self.orders.begin(&order.by))
            {
                let wanted = if few { count } else { HEAD_ROWS };
                let rows = head::first(self, &rows, order, wanted)?;
                self.orders.heads.truncate(HEADS_MAX - 1);
                let version = self.version;
                let head = Head { order: order.clone(), matches: matches.id, version, rows };
                self.orders.heads.insert(0, head);
            }
            if let Some(head) = self.orders.head(order, matches.id, self.version)
                && let Some(page) = self.page_of_head(head, count, start, limit)?
            {
                return Ok(page);
            }
        }
        self.sort(&order.by)?;
        let Some(sorted) = self.orders.permutations.get(&order.by) else {
            return Ok(Rows { rows: Vec::new(), rank: 0, more: false });
        };
        let sorting = Sorting::new(self, &order.by);
        page_of_all(&sorting, sorted, &rows, count, order.descending, start, limit)
    }

    /// Matches that are still there, and how many.
    fn matches_of_today<'m>(&self, matches: &'m Matches) -> (Cow<'m, [u64]>, usize) {
        if matches.version == self.version {
            return (Cow::Borrowed(&matches.rows), matches.count);
        }
        let mut rows = self.live.clone();
        for (at, live) in rows.iter_mut().enumerate() {
            *live &= matches.rows.get(at).copied().unwrap_or_default();
        }
        let count = bits::count(&rows);
        (Cow::Owned(rows), count)
    }

    /// The page, if it lies in the beginning that is known.
    fn page_of_head(
        &self,
        head: &Head,
        count: usize,
        start: &Start,
        limit: usize,
    ) -> Result<Option<Rows>, Damage> {
        let complete = head.rows.len() >= count;
        let rank = match start {
            Start::Rank(rank) => *rank,
            Start::After(after) => {
                let sorting = Sorting::new(self, &head.order.by);
                partition(head.rows.len(), |at| {
                    let key = sorting.key(head.rows[at] as usize)?;
                    Ok(key.compare(after, head.order.descending).is_le())
                })?
            }
        };
        let end = rank.saturating_add(limit);
        if !complete && end > head.rows.len() {
            return Ok(None);
        }
        let rank = rank.min(head.rows.len());
        let end = end.min(head.rows.len());
        let rows = head.rows[rank..end].iter().map(|row| *row as usize).collect();
        Ok(Some(Rows { rows, rank, more: end < count }))
    }
}

fn page_of_all(
    sorting: &Sorting<'_>,
    sorted: &Permutation,
    matches: &[u64],
    count: usize,
    descending: bool,
    start: &Start,
    limit: usize,
) -> Result<Rows, Damage> {
    let all = count == sorted.len();
    let (mut place, mut rank) = (0, 0);
    match start {
        Start::Rank(wanted) if all => {
            place = (*wanted).min(count);
            rank = place;
        }
        Start::Rank(wanted) => {
            let wanted = (*wanted).min(count);
            while rank < wanted && place < sorted.len() {
                rank += usize::from(bits::has(matches, sorted.row(place, descending)));
                place += 1;
            }
        }
        Start::After(after) => {
            place = partition(sorted.len(), |place| {
                let key = sorting.key(sorted.row(place, descending))?;
                Ok(key.compare(after, descending).is_le())
            })?;
            rank = if all {
                place
            } else {
                (0..place).filter(|at| bits::has(matches, sorted.row(*at, descending))).count()
            };
        }
    }
    let mut rows = Vec::with_capacity(limit.min(count));
    while place < sorted.len() && rows.len() < limit {
        let row = sorted.row(place, descending);
        if bits::has(matches, row) {
            rows.push(row);
        }
        place += 1;
    }
    let more = rank + rows.len() < count;
    Ok(Rows { rows, rank, more })
}
