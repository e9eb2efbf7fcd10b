//! All that a relay's database holds, in a form that both engines know
//! ([ADR 34](../../../docs/adr/0034-both-engines-give-and-take-the-same-rows.md)).
//!
//! Tables come in [`TABLES`]' order, each organisation by organisation, rows by their key. Columns are in
//! the order of their names, read from the database's own catalogue and without `org`, which each row has
//! beside it. So a column that a later format adds is moved without a word here, and a table that nobody
//! named is found before anything is read.

mod dump;
mod postgres;
mod sqlite;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::engine::Result;
use crate::error::RelayStoreError;
use crate::store::RelayStore;
pub use dump::{DumpedRows, DumpedTable};
use postgres::PostgresRows;
use sqlite::SqliteRows;
use tables::{LOCAL, TABLES, Table};

/// Rows of a page. More are not held, whatever the size of a table.
const PAGE_ROWS: usize = 200;

/// A page ends after so many bytes.
const PAGE_BYTES: usize = 4 << 20;

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    /// Numbers and truth values.
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    fn size(&self) -> usize {
        match self {
            Self::Null | Self::Integer(_) => 9,
            Self::Text(text) => 9 + text.len(),
            Self::Bytes(bytes) => 9 + bytes.len(),
        }
    }

    fn encode(&self, to: &mut Vec<u8>) {
        let mut put = |tag: u8, bytes: &[u8]| {
            to.push(tag);
            to.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            to.extend_from_slice(bytes);
        };
        match self {
            Self::Null => put(0, &[]),
            Self::Integer(number) => put(1, &number.to_le_bytes()),
            Self::Text(text) => put(2, text.as_bytes()),
            Self::Bytes(bytes) => put(3, bytes),
        }
    }
}

/// A row: its values in the order of the columns' names.
type Values = Vec<Value>;

/// Rows that are read together: a page's worth at most.
#[derive(Default)]
pub(crate) struct Page {
    rows: Vec<Values>,
    bytes: usize,
}

impl Page {
    /// Takes a row in; answers whether that was the last one.
    fn take(&mut self, row: Values) -> bool {
        self.bytes += row.iter().map(Value::size).sum::<usize>();
        self.rows.push(row);
        self.rows.len() >= PAGE_ROWS || self.bytes >= PAGE_BYTES
    }
}

/// Columns of each table, in their names' order and without `org`.
pub(crate) type Columns = BTreeMap<String, Vec<String>>;

/// The next keys that tables give, where a database keeps them apart from its rows.
pub(crate) type Marks = BTreeMap<String, i64>;

/// A database within one transaction, read or written row by row.
pub(crate) trait Rows {
    /// All tables there are.
    fn columns(&mut self) -> Result<Columns>;
    /// Ids of organisations, ascending.
    fn organisations(&mut self) -> Result<Vec<i64>>;
    /// The rows of an organisation behind a key, in the key's order. None is the end.
    fn page(
        &mut self,
        table: &Table,
        columns: &[String],
        org: i64,
        after: Option<&[Value]>,
    ) -> Result<Vec<Values>>;
    fn insert(
        &mut self,
        table: &Table,
        columns: &[String],
        org: i64,
        rows: &[Values],
    ) -> Result<()>;
    /// The last keys that were given, of the tables that remember them.
    fn marks(&mut self) -> Result<Marks>;
    /// Sees to it that keys up to these are not given again.
    fn set_marks(&mut self, marks: &Marks) -> Result<()>;
    fn commit(self: Box<Self>) -> Result<()>;
}

fn refused(text: impl Into<String>) -> RelayStoreError {
    RelayStoreError::Portable(text.into())
}

/// The columns of the tables that are moved.
///
/// # Errors
/// Where there is a table that this program does not move, or one lacks.
fn known_columns(rows: &mut dyn Rows) -> Result<Columns> {
    let mut found = rows.columns()?;
    found.retain(|name, _| !LOCAL.contains(&name.as_str()));
    let known = |name: &String| TABLES.iter().any(|table| table.name == name);
    if let Some(other) = found.keys().find(|name| !known(name)) {
        return Err(refused(format!("the database has a table `{other}` that is not moved")));
    }
    if let Some(table) = TABLES.iter().find(|table| !found.contains_key(table.name)) {
        return Err(refused(format!("the database lacks the table `{}`", table.name)));
    }
    Ok(found)
}

fn columns_of<'a>(columns: &'a Columns, table: &Table) -> &'a [String] {
    columns.get(table.name).map_or(&[], Vec::as_slice)
}

/// A table as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortableTable {
    /// Its name.
    pub name: String,
    /// Rows of all organisations.
    pub rows: u64,
    /// BLAKE3 over its rows in their order; the same on both engines.
    pub digest: [u8; 32],
}

/// Reads all rows of the tables whose columns are given, in their order.
fn each_row(
    rows: &mut dyn Rows,
    columns: &Columns,
    take: &mut dyn FnMut(&'static Table, i64, Vec<Values>) -> Result<()>,
) -> Result<()> {
    let organisations = rows.organisations()?;
    for table in TABLES.iter().filter(|table| columns.contains_key(table.name)) {
        let own = columns_of(columns, table);
        let at = table.key_places(own)?;
        for org in &organisations {
            let mut after: Option<Values> = None;
            loop {
                let page = rows.page(table, own, *org, after.as_deref())?;
                let Some(last) = page.last() else { break };
                after = Some(at.iter().filter_map(|place| last.get(*place)).cloned().collect());
                take(table, *org, page)?;
                // One row of an organisation: there is no second page.
                if at.is_empty() {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Counts rows and digests them, table by table.
struct Tally {
    tables: BTreeMap<&'static str, (u64, blake3::Hasher)>,
    scratch: Vec<u8>,
}

impl Tally {
    fn new() -> Self {
        let empty = |table: &Table| (table.name, (0, blake3::Hasher::new()));
        Self { tables: TABLES.iter().map(empty).collect(), scratch: Vec::new() }
    }

    /// Counts a row. Answers its bytes: its organisation, and then its values.
    fn add(&mut self, table: &Table, org: i64, row: &Values) -> &[u8] {
        self.scratch.clear();
        Value::Integer(org).encode(&mut self.scratch);
        row.iter().for_each(|value| value.encode(&mut self.scratch));
        if let Some((count, hasher)) = self.tables.get_mut(table.name) {
            hasher.update(&self.scratch);
            *count += 1;
        }
        &self.scratch
    }

    fn told(&self) -> Vec<PortableTable> {
        let told = |table: &Table| {
            let (rows, hasher) = self.tables.get(table.name)?;
            let digest = *hasher.finalize().as_bytes();
            Some(PortableTable { name: table.name.to_owned(), rows: *rows, digest })
        };
        TABLES.iter().filter_map(told).collect()
    }
}

fn tally(rows: &mut dyn Rows, columns: &Columns) -> Result<Vec<PortableTable>> {
    let mut tally = Tally::new();
    each_row(rows, columns, &mut |table, org, page| {
        for row in &page {
            tally.add(table, org, row);
        }
        Ok(())
    })?;
    Ok(tally.told())
}

/// Tables whose rows name blobs.
const NAMES_BLOBS: [&str; 2] = ["contents", "job_results"];

/// A value of a row, by its column's name.
fn named<'a>(columns: &[String], row: &'a Values, name: &str) -> Option<&'a Value> {
    columns.iter().position(|known| known == name).and_then(|at| row.get(at))
}

/// Names of blobs without which something cannot be read.
fn note_blobs(names: &mut BTreeSet<String>, table: &Table, columns: &[String], rows: &[Values]) {
    if !NAMES_BLOBS.contains(&table.name) {
        return;
    }
    for row in rows {
        let of = |name: &str| named(columns, row, name);
        let is_there = table.name != "contents"
            || matches!(of("refs"), Some(Value::Integer(refs)) if *refs > 0)
                && of("condemned_at") == Some(&Value::Null)
                && of("lost_at") == Some(&Value::Null);
        if let (true, Some(Value::Text(blob))) = (is_there, of("blob")) {
            names.insert(blob.clone());
        }
    }
}

/// The largest keys that were moved, for tables that number their rows.
fn note_marks(marks: &mut Marks, table: &Table, columns: &[String], rows: &[Values]) {
    let mut note = |name: &str, column: &str| {
        let Some(place) = columns.iter().position(|known| known == column) else { return };
        for row in rows {
            if let Some(Value::Integer(key)) = row.get(place) {
                let mark = marks.entry(name.to_owned()).or_insert(*key);
                *mark = (*mark).max(*key);
            }
        }
    };
    if let [key] = table.key {
        note(table.name, key);
    }
    match table.name {
        "organisations" => note("organisations", "id"),
        // The key of an erased profile is not given again.
        "erasures" => note("profiles", "profile"),
        _ => {}
    }
}

/// Moves what `from` has into `to`, which is empty, compares both sides, and commits.
fn move_rows(
    mut from: Box<dyn Rows>,
    columns: &Columns,
    mut to: Box<dyn Rows>,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<Vec<PortableTable>> {
    let taken = known_columns(&mut *to)?;
    if let Some((name, _)) = columns.iter().find(|(name, own)| taken.get(*name) != Some(own)) {
        return Err(refused(format!("the two databases' tables `{name}` have other columns")));
    }
    let (mut sums, mut marks) = (Tally::new(), from.marks()?);
    let mut moved = 0;
    each_row(&mut *from, columns, &mut |table, org, page| {
        let own = columns_of(columns, table);
        for row in &page {
            sums.add(table, org, row);
        }
        note_marks(&mut marks, table, own, &page);
        to.insert(table, own, org, &page)?;
        moved += page.len() as u64;
        progress(table.name, moved);
        Ok(())
    })?;
    to.set_marks(&marks)?;
    let (was, is) = (sums.told(), tally(&mut *to, columns)?);
    if let Some((was, is)) = was.iter().zip(&is).find(|(was, is)| was != is) {
        let (name, before, after) = (&was.name, was.rows, is.rows);
        return Err(refused(format!(
            "`{name}` reads back otherwise ({before} rows went, {after} came); nothing was kept"
        )));
    }
    to.commit()?;
    drop(from);
    Ok(is)
}

/// A database that is read from or moved to.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// The embedded one, in a folder.
    Folder(&'a Path),
    /// Postgres, by its address; who is moved to is addressed as its owner.
    Postgres(&'a str),
}

/// Whether others may use a database while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// A relay that serves it is a reason to refuse.
    Nobody,
    /// They may: what is read is of one moment.
    Others,
}

/// A database that is held for reading, as of one moment.
pub struct PortableSource {
    rows: Box<dyn Rows>,
    columns: Columns,
}

impl std::fmt::Debug for PortableSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PortableSource")
    }
}

impl PortableSource {
    /// Opens a database of this program's format.
    ///
    /// # Errors
    /// [`RelayStoreError::Portable`] where a relay uses it or it has a table that is not moved, and as
    /// opening a store.
    pub fn open(place: Place<'_>, beside: Beside) -> Result<Self> {
        let mut rows: Box<dyn Rows> = match place {
            Place::Folder(folder) => Box::new(SqliteRows::read(folder, beside)?),
            Place::Postgres(url) => Box::new(PostgresRows::read(url, beside)?),
        };
        let columns = known_columns(&mut *rows)?;
        Ok(Self { rows, columns })
    }

    /// Reads every row; what each table comes to.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn tally(&mut self) -> Result<Vec<PortableTable>> {
        tally(&mut *self.rows, &self.columns)
    }

    /// Names of blobs without which something cannot be read: contents of files and results of analyses.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn blobs(&mut self) -> Result<Vec<String>> {
        let mut names = BTreeSet::new();
        let mut columns = self.columns.clone();
        columns.retain(|table, _| NAMES_BLOBS.contains(&table.as_str()));
        each_row(&mut *self.rows, &columns, &mut |table, _, page| {
            note_blobs(&mut names, table, columns_of(&columns, table), &page);
            Ok(())
        })?;
        Ok(names.into_iter().collect())
    }

    /// Moves everything into an empty database, in one transaction of its own, reads it back, compares,
    /// and commits. Where anything fails the target is as it was, but for the mark of an unfinished move
    /// where it is Postgres. `progress` is told the table and how many rows went.
    ///
    /// # Errors
    /// [`RelayStoreError::Portable`] where the target is not empty or reads back otherwise, and where
    /// either database fails.
    pub fn move_to(
        self,
        to: Place<'_>,
        progress: &mut dyn FnMut(&str, u64),
    ) -> Result<Vec<PortableTable>> {
        let to: Box<dyn Rows> = match to {
            Place::Folder(folder) => {
                Box::new(SqliteRows::write(folder, crate::sqlite::copy::format())?)
            }
            Place::Postgres(url) => Box::new(PostgresRows::write(url)?),
        };
        move_rows(self.rows, &self.columns, to, progress)
    }
}

impl RelayStore {
    /// Brings an empty Postgres database to this program's format and marks it as one that is being moved
    /// to: no relay serves it until [`PortableSource::move_to`] ended.
    ///
    /// # Errors
    /// [`RelayStoreError::Portable`] where something is in it, and as [`RelayStore::migrate`].
    pub fn begin_portable(url: &str, relay_role: Option<&str>) -> Result<()> {
        postgres::begin(url, relay_role)
    }

    /// Whether a Postgres database may be moved to; nothing is changed.
    ///
    /// # Errors
    /// [`RelayStoreError::Portable`] where something is in it, and as connecting.
    pub fn look_portable(url: &str) -> Result<()> {
        postgres::look(url)
    }
}

pub(crate) use postgres::check_finished;

#[cfg(test)]
mod tests;
