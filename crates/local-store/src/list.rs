//! Pages of the list, and the profiles that a selection names.
//!
//! The first page of a list without filter in the order of ids is read from SQLite's own index:
//! nothing has to be loaded for it. Every other one is answered by the catalog.

use std::collections::BTreeMap;
use std::sync::Arc;

use kartei_filter::Expr;
use kartei_index::From;
use kartei_profile::Record;
use kartei_protocol::desktop::{FindPlace, ListProfiles, ProfileStatus, Selection, SortKey};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::catalog::index_error;
use crate::error::{StoreError, damaged};
use crate::profile::ProfileView;
use crate::row::Pk;
use crate::scores::Scales;
use crate::store::{Store, lock};

/// Rows in a page at most: some screens full, and no more than a window can use.
const PAGE_ROWS_MAX: u32 = 1_000;

/// What a place begins with that SQLite's index finds: an id follows.
const BY_ID: &str = "id:";

/// A page with the counts around it.
#[derive(Debug)]
pub struct Page {
    /// The rows.
    pub rows: Vec<ProfileView>,
    /// Rank of the first row among all that match.
    pub offset: u64,
    /// How many profiles match.
    pub matching: u64,
    /// How many there are.
    pub total: u64,
    /// Names the last row, to read on after it; `None` at the end.
    pub next: Option<String>,
    /// The scores of each row by their names, where they were asked for; else nothing.
    pub scores: Vec<BTreeMap<String, f64>>,
    /// How many profiles wait for their scores.
    pub unscored: u64,
}

/// A filter and the words of a search as one expression.
///
/// # Errors
/// [`StoreError::Filter`].
pub fn expression(filter: &str, search: &str) -> Result<Expr, StoreError> {
    let filter = kartei_filter::parse(filter)?;
    Ok(match kartei_filter::words(search) {
        Some(words) => filter.and(words),
        None => filter,
    })
}

impl Store {
    /// One page of the list, and the counts, from one snapshot.
    ///
    /// # Errors
    /// [`StoreError::Filter`], [`StoreError::Cursor`] or a failure.
    pub fn list(&self, request: &ListProfiles) -> Result<Page, StoreError> {
        let expr = expression(&request.filter, &request.search)?;
        let limit = request.limit.min(PAGE_ROWS_MAX);
        self.read(|db| {
            let total: u64 = db
                .prepare_cached("SELECT profiles FROM counters")?
                .query_row([], |row| row.get(0))?;
            let after_id = request.after.as_deref().and_then(|after| after.strip_prefix(BY_ID));
            let is_first = request.offset == 0 && request.after.is_none();
            let is_plain = expr.is_everything() && request.sort == SortKey::Id && !request.scores;
            if is_plain && (is_first || after_id.is_some()) {
                return page_by_id(db, request, after_id, limit, total);
            }
            let mut lists = lock(&self.lists);
            lists.bring_up(db)?;
            let mut rows = lists.rows(db);
            let matches = lists.select(&expr, &mut rows)?;
            let order = lists.order(&request.sort, request.descending)?;
            let from = match &request.after {
                Some(after) => From::After(after),
                None => From::Rank(request.offset),
            };
            let page = lists
                .catalog
                .page(&matches, &order, from, limit as usize, &mut rows)
                .map_err(index_error)?;
            let matching = matches.count() as u64;
            let (scales, unscored) = (Arc::clone(lists.scales()), lists.waiting());
            drop(lists);
            let rows = views(db, &page.keys)?;
            let scores = if request.scores { scores_of(&scales, &rows)? } else { Vec::new() };
            let (offset, next) = (page.rank, page.next);
            Ok(Page { rows, offset, matching, total, next, scores, unscored })
        })
    }

    /// The rank of a profile among all that a list has; `None` where it is not here, or not in it.
    ///
    /// # Errors
    /// [`StoreError::Filter`] or a failure.
    pub fn rank(&self, request: &FindPlace) -> Result<Option<u64>, StoreError> {
        let expr = expression(&request.filter, &request.search)?;
        self.read(|db| {
            let (keys, _) = by_ids(db, std::slice::from_ref(&request.id))?;
            let Some(key) = keys.first() else { return Ok(None) };
            let mut lists = lock(&self.lists);
            lists.bring_up(db)?;
            let mut rows = lists.rows(db);
            let matches = lists.select(&expr, &mut rows)?;
            let order = lists.order(&request.sort, request.descending)?;
            lists.catalog.rank(&matches, &order, *key, &mut rows).map_err(index_error)
        })
    }

    /// The first rows of a selection in the order of a list, and how many it has.
    ///
    /// # Errors
    /// [`StoreError::Filter`] or a failure.
    pub fn rows_of(
        &self,
        selection: &Selection,
        sort: &SortKey,
        descending: bool,
        limit: usize,
    ) -> Result<(Vec<ProfileView>, u64), StoreError> {
        self.settle_scores(&selection.filter, sort)?;
        self.read(|db| {
            let (keys, _) = self.select_in(db, selection)?;
            let mut lists = lock(&self.lists);
            lists.bring_up(db)?;
            let matches = lists.catalog.matches_of(&keys);
            let order = lists.order(sort, descending)?;
            let mut rows = lists.rows(db);
            let page = lists
                .catalog
                .page(&matches, &order, From::Rank(0), limit, &mut rows)
                .map_err(index_error)?;
            drop(lists);
            Ok((views(db, &page.keys)?, matches.count() as u64))
        })
    }

    /// How many profiles a selection names.
    ///
    /// # Errors
    /// [`StoreError::Filter`] or a failure.
    pub fn count_selected(&self, selection: &Selection) -> Result<u64, StoreError> {
        self.settle_scores(&selection.filter, &SortKey::Id)?;
        self.read(|db| Ok(self.select_in(db, selection)?.0.len() as u64))
    }

    /// The keys of the profiles that a selection names, and the ids that name none.
    pub(crate) fn select_in(
        &self,
        db: &Transaction<'_>,
        selection: &Selection,
    ) -> Result<(Vec<Pk>, Vec<String>), StoreError> {
        if let Some(ids) = &selection.ids {
            return by_ids(db, ids);
        }
        let expr = expression(&selection.filter, &selection.search)?;
        if expr.is_everything() {
            let mut select =
                db.prepare_cached("SELECT pk FROM profiles WHERE deleted = 0 ORDER BY pk")?;
            let keys = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            return Ok((keys, Vec::new()));
        }
        let mut lists = lock(&self.lists);
        lists.bring_up(db)?;
        let mut rows = lists.rows(db);
        let matches = lists.select(&expr, &mut rows)?;
        let keys = lists.catalog.keys(&matches).map_err(index_error)?;
        Ok((keys, Vec::new()))
    }

    /// Loads what lists are read from, so that the first list need not wait for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn warm(&self) -> Result<(), StoreError> {
        self.read(|db| lock(&self.lists).bring_up(db))
    }
}

pub(crate) fn by_ids(
    db: &Transaction<'_>,
    ids: &[String],
) -> Result<(Vec<Pk>, Vec<String>), StoreError> {
    let mut select = db.prepare_cached("SELECT pk FROM profiles WHERE id = ?1 AND deleted = 0")?;
    let (mut keys, mut missing) = (Vec::with_capacity(ids.len()), Vec::new());
    for id in ids {
        match select.query_row([id], |row| row.get(0)).optional()? {
            Some(pk) => keys.push(pk),
            None => missing.push(id.clone()),
        }
    }
    // One profile named twice is one profile.
    keys.sort_unstable();
    keys.dedup();
    Ok((keys, missing))
}

fn page_by_id(
    db: &Transaction<'_>,
    request: &ListProfiles,
    after: Option<&str>,
    limit: u32,
    total: u64,
) -> Result<Page, StoreError> {
    let (direction, beyond) = if request.descending { ("DESC", "<") } else { ("ASC", ">") };
    let condition = after.map_or(String::new(), |_| format!("AND p.id {beyond} ?2"));
    let sql = format!(
        "SELECT {} FROM profiles p WHERE p.deleted = 0 {condition} ORDER BY p.id {direction} LIMIT ?1",
        ProfileView::COLUMNS
    );
    let mut select = db.prepare_cached(&sql)?;
    let rows = match after {
        Some(after) => select.query_map(params![limit, after], ProfileView::from_row)?,
        None => select.query_map([limit], ProfileView::from_row)?,
    };
    let rows: Vec<ProfileView> = rows.collect::<Result<_, _>>()?;
    let is_full = rows.len() == limit as usize;
    let next = rows.last().filter(|_| is_full).map(|last| format!("{BY_ID}{}", last.id));
    // Which rank a row has is known to whoever read the page before.
    let (offset, scores) = (request.offset, Vec::new());
    Ok(Page { rows, offset, matching: total, total, next, scores, unscored: 0 })
}

/// The scores of some rows, by their names.
pub(crate) fn scores_of(
    scales: &Scales,
    rows: &[ProfileView],
) -> Result<Vec<BTreeMap<String, f64>>, StoreError> {
    let mut scorers = scales.scorers();
    let of = |row: &ProfileView| {
        let record = Record::from_stored(&row.record).map_err(|v| damaged(&row.id, &v))?;
        Ok(scorers.named(&record))
    };
    rows.iter().map(of).collect()
}

fn views(db: &Transaction<'_>, keys: &[Pk]) -> Result<Vec<ProfileView>, StoreError> {
    let sql = format!("SELECT {} FROM profiles p WHERE p.pk = ?1", ProfileView::COLUMNS);
    let mut select = db.prepare_cached(&sql)?;
    keys.iter().map(|pk| Ok(select.query_row([pk], ProfileView::from_row)?)).collect()
}

/// Conflict outranks refusal outranks pending: what needs a person comes first.
pub(crate) fn status(conflicts: u64, rejected: bool, pending: bool) -> ProfileStatus {
    if conflicts > 0 {
        ProfileStatus::Conflict
    } else if rejected {
        ProfileStatus::Rejected
    } else if pending {
        ProfileStatus::Pending
    } else {
        ProfileStatus::Synced
    }
}
