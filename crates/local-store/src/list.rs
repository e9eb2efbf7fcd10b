//! Pages of the list.

use kartei_protocol::desktop::{ListProfiles, ProfileStatus, SortKey};
use rusqlite::types::Value as Sql;
use rusqlite::{Transaction, params_from_iter};

use crate::error::StoreError;
use crate::filter::Filter;
use crate::profile::ProfileView;
use crate::store::Store;

/// Rows in a page at most: some screens full, and no more than a window can use.
pub(crate) const PAGE_ROWS_MAX: u32 = 1_000;

/// A page with the counts around it.
#[derive(Debug)]
pub struct Page {
    /// The rows.
    pub rows: Vec<ProfileView>,
    /// How many profiles match.
    pub matching: u64,
    /// How many there are.
    pub total: u64,
}

impl Store {
    /// One page of the list, and the counts, from one snapshot.
    ///
    /// # Errors
    /// [`StoreError::Filter`] or a failure.
    pub fn list(&self, request: &ListProfiles) -> Result<Page, StoreError> {
        let filter = Filter::parse(&request.filter)?;
        let words = search_expression(&request.search);
        self.read(|db| {
            let total = db
                .prepare_cached("SELECT count(*) FROM profiles")?
                .query_row([], |row| row.get(0))?;
            let (condition, mut parameters) = conditions(&filter, words.as_deref());
            let matching = if filter.is_empty() && words.is_none() {
                total
            } else {
                db.prepare_cached(&format!("SELECT count(*) FROM profiles WHERE {condition}"))?
                    .query_row(params_from_iter(&parameters), |row| row.get(0))?
            };
            parameters.push(Sql::Integer(i64::from(request.limit.min(PAGE_ROWS_MAX))));
            parameters.push(Sql::Integer(i64::try_from(request.offset).unwrap_or(i64::MAX)));
            let rows = page(db, request, &condition, &parameters)?;
            Ok(Page { rows, matching, total })
        })
    }
}

fn conditions(filter: &Filter, words: Option<&str>) -> (String, Vec<Sql>) {
    let (condition, parameters) = filter.sql();
    let mut parameters = parameters.to_vec();
    let Some(words) = words else { return (condition, parameters) };
    parameters.push(Sql::Text(words.to_owned()));
    (format!("{condition} AND pk IN (SELECT rowid FROM search WHERE body MATCH ?)"), parameters)
}

fn page(
    db: &Transaction<'_>,
    request: &ListProfiles,
    condition: &str,
    parameters: &[Sql],
) -> Result<Vec<ProfileView>, StoreError> {
    let direction = if request.descending { "DESC" } else { "ASC" };
    // The id makes every order total, so that pages neither repeat nor skip a row.
    let order = match request.sort {
        SortKey::Id => format!("id {direction}"),
        SortKey::Changed => format!("changed_at {direction}, id {direction}"),
        SortKey::Name => format!("name IS NULL, name COLLATE NOCASE {direction}, id {direction}"),
        SortKey::Observations => format!("observations {direction}, id {direction}"),
    };
    // The inner query orders and skips on narrow columns; records are read for the page alone.
    let sql = format!(
        "SELECT {columns} FROM profiles p \
         JOIN (SELECT pk AS chosen, row_number() OVER (ORDER BY {order}) AS place FROM profiles \
               WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?) ON p.pk = chosen ORDER BY place",
        columns = ProfileView::COLUMNS,
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(parameters), ProfileView::from_row)?;
    rows.map(|row| Ok(row?)).collect()
}

/// What a person typed, as an expression of FTS5: every word must be there, the last may be the
/// beginning of one. Quotes make operators of FTS5 plain words.
fn search_expression(text: &str) -> Option<String> {
    let words: Vec<String> =
        text.split_whitespace().map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect();
    if words.is_empty() { None } else { Some(format!("{} *", words.join(" "))) }
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
