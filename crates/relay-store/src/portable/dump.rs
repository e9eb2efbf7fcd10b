//! Rows as bytes, for backups: a database of either engine as one file, and an embedded database of such a file.
//!
//! The file has nothing but rows, table by table in [`TABLES`]' order, each its organisation and its values;
//! how many there are of each, and what they digest to, is told at the end ([`DumpedRows`]). It is given in
//! parts that end where a row says so by its own digest, so rows that did not change between two dumps are in
//! parts that did not either, wherever they went.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    Columns, Marks, Page, PortableSource, PortableTable, Rows, SqliteRows, TABLES, Table, Tally,
    Value, Values, columns_of, each_row, named, note_blobs, note_marks, refused, tally,
};
use crate::copy::{CopiedOrganisation, DatabaseCopy};
use crate::engine::Result;
use crate::sqlite::copy::format;
use crate::store::RelayStore;

/// Bytes of a part, on average. One changed row changes one part.
const PART_BYTES: u64 = 128 * 1024;

/// A part has so many bytes at least, where its table has.
const PART_BYTES_MIN: usize = 32 * 1024;

/// Behind so many bytes a part ends whatever its rows say.
const PART_BYTES_MAX: usize = 1024 * 1024;

/// What dumped rows are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpedRows {
    /// Tables in their order.
    pub tables: Vec<DumpedTable>,
    /// The last keys that were given, of tables that remember them.
    pub marks: Marks,
}

/// A table of dumped rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpedTable {
    /// Its name.
    pub name: String,
    /// Its columns, in the order of the values.
    pub columns: Vec<String>,
    /// How many rows it has.
    pub rows: u64,
    /// BLAKE3 over them, in hex.
    pub digest: String,
}

/// Whether a part may end behind a row: the more bytes it has, the likelier.
fn ends_part(row: &[u8]) -> bool {
    let digest = blake3::hash(row);
    let draw = digest.as_bytes().first_chunk().copied().map_or(0, u64::from_le_bytes);
    draw < (u64::MAX / PART_BYTES).saturating_mul(row.len() as u64)
}

/// Gives all rows of the tables whose columns are given, in parts; `take` answers whether it wants more.
pub(super) fn dump(
    rows: &mut dyn Rows,
    columns: &Columns,
    take: &mut dyn FnMut(Vec<u8>) -> bool,
) -> Result<(DatabaseCopy, DumpedRows)> {
    let (mut sums, mut marks, mut blobs) = (Tally::new(), rows.marks()?, BTreeSet::new());
    let (mut organisations, mut part) = (Vec::new(), Vec::new());
    let mut of = "";
    let mut give = |part: &mut Vec<u8>| match part.is_empty() || take(std::mem::take(part)) {
        true => Ok(()),
        false => Err(refused("nobody takes the rows")),
    };
    each_row(rows, columns, &mut |table, org, page| {
        let own = columns_of(columns, table);
        if of != table.name {
            of = table.name;
            give(&mut part)?;
        }
        note_marks(&mut marks, table, own, &page);
        note_blobs(&mut blobs, table, own, &page);
        for row in &page {
            if of == "organisations" {
                organisations.extend(standing(own, row));
            }
            let bytes = sums.add(table, org, row);
            part.extend_from_slice(bytes);
            let may_end = part.len() >= PART_BYTES_MIN && ends_part(bytes);
            if may_end || part.len() >= PART_BYTES_MAX {
                give(&mut part)?;
            }
        }
        Ok(())
    })?;
    give(&mut part)?;
    let rows = DumpedRows { tables: told_of(columns, &sums.told()), marks };
    let blobs = blobs.into_iter().collect();
    Ok((DatabaseCopy { format: format(), organisations, blobs }, rows))
}

fn told_of(columns: &Columns, tables: &[PortableTable]) -> Vec<DumpedTable> {
    let told = tables.iter().filter_map(|table| {
        let columns = columns.get(&table.name)?.clone();
        let digest = blake3::Hash::from_bytes(table.digest).to_hex().to_string();
        Some(DumpedTable { name: table.name.clone(), columns, rows: table.rows, digest })
    });
    told.collect()
}

fn standing(columns: &[String], row: &Values) -> Option<CopiedOrganisation> {
    let of = |name: &str| named(columns, row, name);
    let (Some(Value::Text(name)), Some(Value::Text(epoch)), Some(Value::Integer(rev))) =
        (of("name"), of("epoch"), of("head_rev"))
    else {
        return None;
    };
    let (name, epoch) = (name.clone(), epoch.clone());
    Some(CopiedOrganisation { name, epoch, head_rev: u64::try_from(*rev).unwrap_or(0) })
}

impl PortableSource {
    /// Gives all rows as the bytes of one file, in parts; `take` answers whether it wants more. Memory does
    /// not grow with the database.
    ///
    /// # Errors
    /// [`RelayStoreError::Portable`](crate::RelayStoreError::Portable) where `take` wants no more, and where
    /// the database fails; what was given is of no use then.
    pub fn dump(
        mut self,
        take: &mut dyn FnMut(Vec<u8>) -> bool,
    ) -> Result<(DatabaseCopy, DumpedRows)> {
        dump(&mut *self.rows, &self.columns, take)
    }
}

impl RelayStore {
    /// Makes an embedded database of the rows that [`PortableSource::dump`] gave, in a folder without one, and
    /// reads it back. `found` is the format that they were told to have; opening it brings it to this
    /// program's.
    ///
    /// # Errors
    /// [`RelayStoreError::TooNew`](crate::RelayStoreError::TooNew),
    /// [`RelayStoreError::Portable`](crate::RelayStoreError::Portable) where the rows are not what was told, and
    /// where SQLite fails. Then there is an empty database.
    pub fn restore_rows(
        folder: &Path,
        found: i64,
        told: &DumpedRows,
        from: &mut dyn Read,
    ) -> Result<()> {
        let mut to: Box<dyn Rows> = Box::new(SqliteRows::write(folder, found)?);
        let mut taken = to.columns()?;
        for dumped in &told.tables {
            let name = &dumped.name;
            let table = TABLES.iter().find(|table| table.name == name);
            let table = table.ok_or_else(|| refused(format!("nobody knows a table `{name}`")))?;
            if taken.get(name) != Some(&dumped.columns) {
                return Err(refused(format!("the table `{name}` has other columns here")));
            }
            fill(&mut *to, table, dumped, from)?;
        }
        if from.read(&mut [0]).map_err(|error| refused(error.to_string()))? > 0 {
            return Err(refused("there are more rows than were told"));
        }
        to.set_marks(&told.marks)?;
        taken.retain(|name, _| told.tables.iter().any(|table| table.name == *name));
        let back = told_of(&taken, &tally(&mut *to, &taken)?);
        if let Some((table, _)) = told.tables.iter().zip(&back).find(|(told, is)| told != is) {
            return Err(refused(format!("`{}` is not what was backed up", table.name)));
        }
        to.commit()
    }
}

/// Inserts a table's rows, in pages.
fn fill(to: &mut dyn Rows, table: &Table, dumped: &DumpedTable, from: &mut dyn Read) -> Result<()> {
    let broken = |error: io::Error| refused(format!("the rows of `{}`: {error}", table.name));
    let (mut page, mut whose) = (Page::default(), 0);
    let mut insert = |org: i64, page: &mut Page| {
        let Page { rows, .. } = std::mem::take(page);
        to.insert(table, &dumped.columns, org, &rows)
    };
    for _ in 0..dumped.rows {
        let Value::Integer(org) = read_value(from).map_err(broken)? else {
            return Err(refused(format!("a row of `{}` is nobody's", table.name)));
        };
        let row = dumped.columns.iter().map(|_| read_value(from));
        let row = row.collect::<io::Result<Values>>().map_err(broken)?;
        if org != whose {
            insert(whose, &mut page)?;
            whose = org;
        }
        if page.take(row) {
            insert(whose, &mut page)?;
        }
    }
    insert(whose, &mut page)
}

/// The value that [`Value::encode`] wrote.
fn read_value(from: &mut dyn Read) -> io::Result<Value> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "a value is broken");
    let (mut tag, mut length) = ([0], [0; 8]);
    from.read_exact(&mut tag)?;
    from.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    // What is not there is not made room for.
    let mut bytes = Vec::new();
    if from.take(length).read_to_end(&mut bytes)? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    match tag {
        [0] => Ok(Value::Null),
        [1] => Ok(Value::Integer(i64::from_le_bytes(bytes.try_into().map_err(|_| broken())?))),
        [2] => Ok(Value::Text(String::from_utf8(bytes).map_err(|_| broken())?)),
        [3] => Ok(Value::Bytes(bytes)),
        _ => Err(broken()),
    }
}
