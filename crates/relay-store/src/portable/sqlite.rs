//! Rows of the embedded engine.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql, params_from_iter};

use super::tables::Table;
use super::{Beside, Columns, Marks, PAGE_ROWS, Page, Rows, Value, Values, refused};
use crate::engine::Result;
use crate::error::RelayStoreError;
use crate::sqlite::{FILE, Sqlite};

/// Who is just ending is waited for.
const HELD_WITHIN: Duration = Duration::from_millis(500);

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

pub(super) struct SqliteRows {
    db: Connection,
}

impl SqliteRows {
    pub(super) fn read(folder: &Path, beside: Beside) -> Result<Self> {
        let path = folder.join(FILE);
        let failed =
            |reason: String| RelayStoreError::Open { path: path.display().to_string(), reason };
        if !path.is_file() {
            return Err(failed("there is no database".to_owned()));
        }
        // Of this program's format, and without what a program that was killed left in the log.
        drop(Sqlite::open(folder)?);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&path, flags).map_err(|e| failed(e.to_string()))?;
        db.busy_timeout(HELD_WITHIN)?;
        if beside == Beside::Nobody {
            // Whoever has the file open shares a lock on it; this one is not shared, so no relay begins
            // to serve it meanwhile either.
            db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        }
        let begun = db.execute_batch("BEGIN").and_then(|()| {
            db.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get::<_, i64>(0))
        });
        match begun {
            Ok(_) => Ok(Self { db }),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
                Err(refused(format!("a program uses {}: end it first", path.display())))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A new database of a format, in a folder without one.
    pub(super) fn write(folder: &Path, format: i64) -> Result<Self> {
        let path = folder.join(FILE);
        if path.exists() {
            return Err(refused(format!("{} is there already", path.display())));
        }
        let db = Sqlite::create(folder, format)?;
        db.busy_timeout(HELD_WITHIN)?;
        db.execute_batch("BEGIN IMMEDIATE")?;
        Ok(Self { db })
    }
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

impl Rows for SqliteRows {
    fn columns(&mut self) -> Result<Columns> {
        let mut select = self.db.prepare(
            "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1, 2",
        )?;
        let mut columns = Columns::new();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for row in rows {
            let (table, column): (String, String) = row?;
            let own = columns.entry(table).or_default();
            if column != "org" {
                own.push(column);
            }
        }
        Ok(columns)
    }

    fn organisations(&mut self) -> Result<Vec<i64>> {
        let mut select = self.db.prepare("SELECT id FROM organisations ORDER BY id")?;
        let rows = select.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn page(
        &mut self,
        table: &Table,
        columns: &[String],
        org: i64,
        after: Option<&[Value]>,
    ) -> Result<Vec<Values>> {
        let names: Vec<String> = columns.iter().map(|name| format!("t.{}", quoted(name))).collect();
        let whose = match table.parent {
            Some((column, parent, key)) => {
                format!("(SELECT p.org FROM {parent} p WHERE p.{key} = t.{column}) = ?1")
            }
            // Where rows are numbered across organisations they are read in that order, not sorted.
            None if matches!(table.key, ["pk" | "id" | "seq"]) && table.name != "audit_events" => {
                "+t.org = ?1".to_owned()
            }
            None => format!("t.{} = ?1", table.org()),
        };
        let mut sql = format!("SELECT {} FROM {} t WHERE {whose}", names.join(", "), table.name);
        let mut given = vec![Value::Integer(org)];
        let key = table.key_list(|key| format!("t.{}", quoted(key)));
        if let Some(after) = after {
            let places: Vec<String> = (0..after.len()).map(|at| format!("?{}", at + 2)).collect();
            sql.push_str(&format!(" AND ({key}) > ({})", places.join(", ")));
            given.extend_from_slice(after);
        }
        if !table.key.is_empty() {
            sql.push_str(&format!(" ORDER BY {key} LIMIT {PAGE_ROWS}"));
        }
        let mut select = self.db.prepare_cached(&sql)?;
        let mut rows = select.query(params_from_iter(given))?;
        let mut page = Page::default();
        while let Some(row) = rows.next()? {
            let mut values = Vec::with_capacity(columns.len());
            for at in 0..columns.len() {
                let value = match row.get_ref(at)? {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(number) => Value::Integer(number),
                    ValueRef::Text(text) => Value::Text(
                        String::from_utf8(text.to_vec())
                            .map_err(|_| refused(format!("`{}` has a broken text", table.name)))?,
                    ),
                    ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
                    ValueRef::Real(_) => {
                        return Err(refused(format!("`{}` has a fraction", table.name)));
                    }
                };
                values.push(value);
            }
            if page.take(values) {
                break;
            }
        }
        Ok(page.rows)
    }

    fn insert(
        &mut self,
        table: &Table,
        columns: &[String],
        org: i64,
        rows: &[Values],
    ) -> Result<()> {
        let mut names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
        let org = table.has_org(true).then_some(Value::Integer(org));
        names.extend(org.iter().map(|_| "org".to_owned()));
        let places = vec!["?"; names.len()].join(", ");
        let sql = format!("INSERT INTO {} ({}) VALUES ({places})", table.name, names.join(", "));
        let mut insert = self.db.prepare_cached(&sql)?;
        for row in rows {
            insert.execute(params_from_iter(row.iter().chain(&org)))?;
        }
        Ok(())
    }

    fn marks(&mut self) -> Result<Marks> {
        let mut select = self.db.prepare("SELECT name, seq FROM sqlite_sequence")?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Only `contents` has a number of its own here; the others go on from their rows.
    fn set_marks(&mut self, marks: &Marks) -> Result<()> {
        if let Some(mark) = marks.get("contents") {
            self.db.execute("DELETE FROM sqlite_sequence WHERE name = 'contents'", [])?;
            self.db.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES ('contents', ?1)",
                [mark],
            )?;
        }
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<()> {
        self.db.execute_batch("COMMIT")?;
        // The log becomes part of the file.
        self.db.close().map_err(|(_, error)| error)?;
        Ok(())
    }
}

#[cfg(test)]
impl SqliteRows {
    /// What another program did to it.
    pub(super) fn run(&self, sql: &str) {
        self.db.execute_batch(sql).unwrap();
    }
}
