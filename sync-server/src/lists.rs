//! Lists of profiles: which fit a filter, in an order, page by page.
//!
//! They are read from columns in memory (`kartei_live_list`), which every relay makes for itself from
//! the database and brings up to the newest revision before it answers.

use std::collections::HashMap;

use kartei_filter::Expr;
use kartei_live_list::{
    BringUpError, Change, Key, Limits, Lists, LiveList, Order, Page, PageQuery, ReadError,
    RowSource,
};
use kartei_relay_store::{OrgId, RelayStore, RelayStoreError, Row};

/// Bytes of all lists in memory: those of some million profiles.
const MEMORY_MAX: usize = 512 * 1024 * 1024;

/// Rows that are read from the database at once, and their bytes.
const ROWS_AT_ONCE: usize = 5_000;
const BYTES_AT_ONCE: usize = 16 * 1024 * 1024;

/// Threads that build a list that is not in memory yet.
const THREADS: usize = 2;

/// Rows of worn segments that are given again at a time: a few milliseconds beside a page.
const RENEWED_AT_ONCE: usize = 1_000;

/// The lists of all organisations.
pub(crate) fn lists() -> Lists<OrgId> {
    Lists::new(Limits::default(), MEMORY_MAX)
}

/// Why a list cannot be answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    #[error(transparent)]
    Store(#[from] RelayStoreError),
    #[error("the list of an organisation cannot be made")]
    BringUp(#[from] BringUpError),
    #[error("the cursor is none of this list")]
    Cursor,
    #[error("a list cannot be read")]
    Read(#[source] ReadError<RelayStoreError>),
}

/// A page with its rows.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) rows: Vec<Row>,
    pub(crate) total: u64,
    pub(crate) next: Option<String>,
    pub(crate) rev: u64,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) filter: Option<Expr>,
    pub(crate) order: Order,
    pub(crate) after: Option<String>,
    pub(crate) limit: usize,
}

/// Answers a question about an organisation's profiles. Blocks: not for the event loop.
pub(crate) fn page(
    lists: &Lists<OrgId>,
    store: &RelayStore,
    org: OrgId,
    question: &Question,
) -> Result<Listed, ListError> {
    lists.with(&org, |list| {
        bring_up(list, store, org)?;
        let query = PageQuery {
            filter: question.filter.as_ref(),
            order: &question.order,
            after: question.after.as_deref(),
            limit: question.limit,
        };
        let page: Page =
            list.page(&query, &mut Texts { store, org }).map_err(|error| match error {
                ReadError::Cursor => ListError::Cursor,
                other => ListError::Read(other),
            })?;
        let mut found: HashMap<i64, Row> =
            store.by_key(org, &page.keys)?.into_iter().map(|row| (row.key, row)).collect();
        // One that went or was deleted since the list was brought up is left out.
        let rows = page.keys.iter().filter_map(|key| found.remove(key));
        let rows = rows.filter(|row| !row.deleted).collect();
        Ok(Listed { rows, total: page.matching, next: page.next, rev: page.rev })
    })
}

/// The profiles that each of some filters holds for (all, without one), all of the same revision, and that revision.
/// Blocks: not for the event loop.
pub(crate) fn chosen(
    lists: &Lists<OrgId>,
    store: &RelayStore,
    org: OrgId,
    filters: &[Option<&Expr>],
) -> Result<(Vec<Vec<Key>>, u64), ListError> {
    lists.with(&org, |list| {
        bring_up(list, store, org)?;
        let mut texts = Texts { store, org };
        let select = |filter: &Option<&Expr>| {
            let selected = list.keys(*filter, &mut texts).map_err(ListError::Read)?;
            Ok(selected.keys)
        };
        let keys = filters.iter().map(select).collect::<Result<_, ListError>>()?;
        Ok((keys, list.rev()))
    })
}

/// Brings a list to the newest revision.
fn bring_up(list: &mut LiveList, store: &RelayStore, org: OrgId) -> Result<(), ListError> {
    if list.rev() == 0 {
        build(list, store, org)?;
    }
    loop {
        let (head, rows) = store.rows_since(org, list.rev(), ROWS_AT_ONCE, BYTES_AT_ONCE)?;
        // The last row of a snapshot carries its newest revision.
        let to = rows.last().map_or(head, |row| row.rev);
        // Their keys are not given again, so that it does not matter which comes first.
        let erased = store.erasures(org, list.rev(), to)?;
        let erased = erased.into_iter().map(|erasure| Change::Removed(erasure.profile));
        list.bring_up(rows.into_iter().map(change).chain(erased), to)?;
        if to >= head {
            break;
        }
    }
    let worn = list.worn(RENEWED_AT_ONCE);
    if !worn.is_empty() {
        let rev = list.rev();
        let rows = store.by_key(org, &worn)?;
        // What changed meanwhile comes with the next revisions.
        list.bring_up(rows.into_iter().filter(|row| row.rev <= rev).map(change), rev)?;
    }
    Ok(())
}

/// Makes a list that is not in memory, on several threads. Profiles that change while it is read are
/// left for the revisions that follow.
fn build(list: &mut LiveList, store: &RelayStore, org: OrgId) -> Result<(), ListError> {
    let to = store.head_rev(org)?;
    let mut from = 0;
    let batches = std::iter::from_fn(|| {
        if from >= to {
            return None;
        }
        match store.rows_since(org, from, ROWS_AT_ONCE, BYTES_AT_ONCE) {
            Ok((_, rows)) => {
                from = rows.last().map_or(to, |row| row.rev);
                let rows = rows.into_iter().filter(|row| row.rev <= to);
                Some(Ok(rows.map(change).collect::<Vec<Change>>()))
            }
            Err(error) => {
                from = to;
                Some(Err(ListError::Store(error)))
            }
        }
    });
    list.bring_up_on(THREADS, batches, to)
}

fn change(row: Row) -> Change {
    if row.deleted {
        return Change::Removed(row.key);
    }
    Change::Put(kartei_live_list::Row {
        key: row.key,
        id: row.id,
        text: row.record,
        conflicts: u32::try_from(row.conflicts).unwrap_or(u32::MAX),
        changed_at: row.changed_at,
        rev: row.rev,
    })
}

/// Records, where columns cannot tell.
struct Texts<'a> {
    store: &'a RelayStore,
    org: OrgId,
}

impl RowSource for Texts<'_> {
    type Error = RelayStoreError;

    fn texts(
        &mut self,
        keys: &[Key],
        found: &mut dyn FnMut(Key, &str),
    ) -> Result<(), RelayStoreError> {
        for row in self.store.by_key(self.org, keys)? {
            found(row.key, &row.record);
        }
        Ok(())
    }
}
