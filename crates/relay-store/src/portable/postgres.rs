//! Rows of Postgres: one transaction, in which one organisation after the other is said to be the one that
//! it runs for. So no role above row-level security is needed to read or write them all.

use std::collections::BTreeMap;

use deadpool_postgres::ClientWrapper;
use futures_util::{StreamExt, pin_mut};
use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;

use super::tables::{TABLES, Table};
use super::{Beside, Columns, Marks, PAGE_ROWS, Page, Rows, Value, Values, refused};
use crate::engine::Result;
use crate::error::RelayStoreError;
use crate::postgres::{connect, get, migrate, runtime};

/// What the schema's comment says while something is moved there.
const UNFINISHED: &str = "kartei: a move into this database has not ended";

/// What a column is called in SQL, and its type.
type Types = BTreeMap<(String, String), Kind>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bigint,
    Integer,
    Boolean,
    Text,
    Bytea,
}

impl Kind {
    fn sql(self) -> &'static str {
        match self {
            Self::Bigint => "bigint",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Text => "text",
            Self::Bytea => "bytea",
        }
    }
}

pub(super) struct PostgresRows {
    // Before the runtime that it is driven by.
    client: ClientWrapper,
    runtime: Runtime,
    types: Types,
}

fn connected(url: &str) -> Result<(Runtime, ClientWrapper)> {
    let runtime = runtime()?;
    let pool = connect::pool(connect::config(url)?)?;
    let client = runtime.block_on(async { Ok::<_, RelayStoreError>(get(&pool).await?.own()) })?;
    Ok((runtime, client))
}

/// Sessions of roles that can serve this database, other than this one. Roles above row-level security are
/// somebody who looks after it.
const USED: &str = "SELECT count(*) FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid \
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() \
    AND NOT r.rolsuper AND has_schema_privilege(a.usesysid, 'kartei', 'USAGE')";

const SOMETHING: &str = "SELECT EXISTS (SELECT FROM kartei.all_organisations())";

/// Whether the database has been moved to as a whole.
pub(crate) async fn check_finished(client: &ClientWrapper) -> Result<()> {
    let row = client.query_one(MARK, &[]).await?;
    let mark: Option<String> = row.get(0);
    if mark.as_deref() == Some(UNFINISHED) {
        return Err(refused(
            "a move into this database has not ended: run `kartei-relay migrate-store` again, or drop \
             its schema `kartei`",
        ));
    }
    Ok(())
}

const MARK: &str = "SELECT obj_description(n.oid, 'pg_namespace') FROM pg_namespace n \
    WHERE n.nspname = 'kartei'";

/// Refuses a database that has organisations.
async fn refuse_used(client: &ClientWrapper) -> Result<()> {
    let there = "SELECT to_regprocedure('kartei.all_organisations()') IS NOT NULL";
    if client.query_one(there, &[]).await?.get(0) && client.query_one(SOMETHING, &[]).await?.get(0)
    {
        return Err(refused("the database that is moved to has organisations already"));
    }
    Ok(())
}

pub(super) fn look(url: &str) -> Result<()> {
    let (runtime, client) = connected(url)?;
    runtime.block_on(refuse_used(&client))
}

pub(super) fn begin(url: &str, relay_role: Option<&str>) -> Result<()> {
    let runtime = runtime()?;
    let pool = connect::pool(connect::config(url)?)?;
    // One connection for all of it, or the end of the first would be awaited by the second.
    runtime.block_on(async {
        let mut client = get(&pool).await?;
        refuse_used(&client).await?;
        client.batch_execute("CREATE SCHEMA IF NOT EXISTS kartei").await?;
        let used: i64 = client.query_one(USED, &[]).await?.get(0);
        if used > 0 {
            return Err(refused("a program uses the database that is moved to: end it first"));
        }
        // The mark first: a database that is migrated and empty could be served.
        client.batch_execute(&format!("COMMENT ON SCHEMA kartei IS '{UNFINISHED}'")).await?;
        migrate::run(&mut client, relay_role).await?;
        Ok(())
    })
}

impl PostgresRows {
    pub(super) fn read(url: &str, beside: Beside) -> Result<Self> {
        let (runtime, client) = connected(url)?;
        runtime.block_on(async {
            migrate::check(&client).await?;
            let used: i64 = client.query_one(USED, &[]).await?.get(0);
            if beside == Beside::Nobody && used > 0 {
                return Err(refused(format!(
                    "{used} other connections use the database: end the relays that serve it first"
                )));
            }
            // Sorting would read everything before the first row; the keys' indexes have the order. Where rows
            // go may be slow: the server's limits for those who serve are not for this.
            client
                .batch_execute(
                    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL enable_sort = off; \
                     SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0",
                )
                .await?;
            Ok(())
        })?;
        let types = runtime.block_on(types(&client))?;
        Ok(Self { client, runtime, types })
    }

    pub(super) fn write(url: &str) -> Result<Self> {
        let (runtime, client) = connected(url)?;
        runtime.block_on(async {
            client.batch_execute("BEGIN; SET LOCAL enable_sort = off").await?;
            // Of two that are started at once the second waits, and then finds something.
            client.query_one("SELECT pg_advisory_xact_lock($1)", &[&migrate::LOCK]).await?;
            if client.query_one(SOMETHING, &[]).await?.get(0) {
                return Err(refused("the database that is moved to has organisations already"));
            }
            Ok(())
        })?;
        let types = runtime.block_on(types(&client))?;
        Ok(Self { client, runtime, types })
    }

    fn kind(&self, table: &str, column: &str) -> Result<Kind> {
        self.types
            .get(&(table.to_owned(), column.to_owned()))
            .copied()
            .ok_or_else(|| refused(format!("`{table}` has no column `{column}`")))
    }
}

async fn types(client: &ClientWrapper) -> Result<Types> {
    let rows = client
        .query(
            "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_attribute a ON a.attrelid = c.oid \
             WHERE n.nspname = 'kartei' AND c.relkind IN ('r', 'p') AND a.attnum > 0 \
             AND NOT a.attisdropped AND c.relname <> 'formats'",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let (table, column, kind): (String, String, String) =
                (row.get(0), row.get(1), row.get(2));
            let kind = match kind.as_str() {
                "bigint" => Kind::Bigint,
                "integer" => Kind::Integer,
                "boolean" => Kind::Boolean,
                "text" => Kind::Text,
                "bytea" => Kind::Bytea,
                other => {
                    return Err(refused(format!(
                        "`{table}.{column}` has the type {other}, which is not moved"
                    )));
                }
            };
            Ok(((table, column), kind))
        })
        .collect()
}

async fn run_for(client: &ClientWrapper, org: i64) -> Result<()> {
    let set = client.prepare_cached("SELECT set_config('kartei.org', $1, true)").await?;
    client.query_one(&set, &[&org.to_string()]).await?;
    Ok(())
}

fn read_value(row: &tokio_postgres::Row, at: usize, kind: Kind) -> Result<Value> {
    let value = match kind {
        Kind::Bigint => row.try_get::<_, Option<i64>>(at)?.map(Value::Integer),
        Kind::Integer => {
            row.try_get::<_, Option<i32>>(at)?.map(|number| Value::Integer(number.into()))
        }
        Kind::Boolean => {
            row.try_get::<_, Option<bool>>(at)?.map(|truth| Value::Integer(truth.into()))
        }
        Kind::Text => row.try_get::<_, Option<String>>(at)?.map(Value::Text),
        Kind::Bytea => row.try_get::<_, Option<Vec<u8>>>(at)?.map(Value::Bytes),
    };
    Ok(value.unwrap_or(Value::Null))
}

type Given = Box<dyn ToSql + Sync + Send>;

/// One column's values as an array.
fn array(kind: Kind, values: &[&Value]) -> Result<Given> {
    fn each<T>(values: &[&Value], of: impl Fn(&Value) -> Option<T>) -> Result<Vec<Option<T>>> {
        let one = |value: &&Value| match value {
            Value::Null => Ok(None),
            value => of(value).map(Some).ok_or_else(|| refused("a value has another type")),
        };
        values.iter().map(one).collect()
    }
    let number = |value: &Value| match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    };
    Ok(match kind {
        Kind::Bigint => Box::new(each(values, number)?),
        Kind::Integer => Box::new(each(values, |v| number(v).and_then(|n| i32::try_from(n).ok()))?),
        Kind::Boolean => Box::new(each(values, |v| number(v).map(|n| n != 0))?),
        Kind::Text => Box::new(each(values, |value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        })?),
        Kind::Bytea => Box::new(each(values, |value| match value {
            Value::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        })?),
    })
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

impl Rows for PostgresRows {
    fn columns(&mut self) -> Result<Columns> {
        let mut columns = Columns::new();
        for (table, column) in self.types.keys() {
            let own = columns.entry(table.clone()).or_default();
            if column != "org" {
                own.push(column.clone());
            }
        }
        Ok(columns)
    }

    fn organisations(&mut self) -> Result<Vec<i64>> {
        self.runtime.block_on(async {
            let rows = self
                .client
                .query("SELECT org FROM kartei.all_organisations() ORDER BY 1", &[])
                .await?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        })
    }

    fn page(
        &mut self,
        table: &Table,
        columns: &[String],
        org: i64,
        after: Option<&[Value]>,
    ) -> Result<Vec<Values>> {
        let kinds = columns
            .iter()
            .map(|column| self.kind(table.name, column))
            .collect::<Result<Vec<_>>>()?;
        // Texts in the order of their bytes, as the other engine has them.
        let of_key = |key: &str| match self.kind(table.name, key) {
            Ok(Kind::Text) => format!("{} COLLATE \"C\"", quoted(key)),
            _ => quoted(key),
        };
        let names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
        let (names, key) = (names.join(", "), table.key_list(of_key));
        let mut sql =
            format!("SELECT {names} FROM kartei.{} WHERE {} = $1", table.name, table.org());
        let mut given: Vec<Given> = vec![Box::new(org)];
        if let Some(after) = after {
            let places: Vec<String> = (0..after.len()).map(|at| format!("${}", at + 2)).collect();
            sql.push_str(&format!(" AND ({key}) > ({})", places.join(", ")));
            for (key, value) in table.key.iter().zip(after) {
                given.push(match (self.kind(table.name, key)?, value) {
                    (Kind::Bigint, Value::Integer(number)) => Box::new(*number),
                    (Kind::Integer, Value::Integer(number)) => {
                        Box::new(i32::try_from(*number).map_err(|_| refused("a key is too large"))?)
                    }
                    (Kind::Text, Value::Text(text)) => Box::new(text.clone()),
                    _ => return Err(refused(format!("`{}` has another key", table.name))),
                });
            }
        }
        if !table.key.is_empty() {
            sql.push_str(&format!(" ORDER BY {key} LIMIT {PAGE_ROWS}"));
        }
        self.runtime.block_on(async {
            run_for(&self.client, org).await?;
            let select = self.client.prepare_cached(&sql).await?;
            let given = given.iter().map(|one| &**one as &(dyn ToSql + Sync));
            let rows = self.client.query_raw(&select, given).await?;
            pin_mut!(rows);
            let mut page = Page::default();
            while let Some(row) = rows.next().await {
                let row = row?;
                let values = kinds.iter().enumerate().map(|(at, kind)| read_value(&row, at, *kind));
                if page.take(values.collect::<Result<_>>()?) {
                    break;
                }
            }
            Ok(page.rows)
        })
    }

    fn insert(
        &mut self,
        table: &Table,
        columns: &[String],
        org: i64,
        rows: &[Values],
    ) -> Result<()> {
        let mut given: Vec<Given> = vec![Box::new(org)];
        let (mut names, mut arrays, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        for (at, column) in columns.iter().enumerate() {
            let kind = self.kind(table.name, column)?;
            let values: Vec<&Value> = rows.iter().filter_map(|row| row.get(at)).collect();
            given.push(array(kind, &values)?);
            names.push(quoted(column));
            arrays.push(format!("${}::{}[]", at + 2, kind.sql()));
            taken.push(format!("x.c{at}"));
        }
        let marks: Vec<String> = (0..columns.len()).map(|at| format!("c{at}")).collect();
        // What is said twice is said once more where the rows have no column for it.
        let org_column = match table.has_org(false) {
            true => ("org, ", "$1::bigint, "),
            false => ("", ""),
        };
        let sql = format!(
            "INSERT INTO kartei.{} ({}{}) OVERRIDING SYSTEM VALUE \
             SELECT {}{} FROM unnest({}) AS x ({}) WHERE $1::bigint IS NOT NULL",
            table.name,
            org_column.0,
            names.join(", "),
            org_column.1,
            taken.join(", "),
            arrays.join(", "),
            marks.join(", ")
        );
        self.runtime.block_on(async {
            run_for(&self.client, org).await?;
            let insert = self.client.prepare_cached(&sql).await?;
            let given: Vec<&(dyn ToSql + Sync)> =
                given.iter().map(|one| &**one as &(dyn ToSql + Sync)).collect();
            self.client.execute(&insert, &given).await?;
            Ok(())
        })
    }

    fn marks(&mut self) -> Result<Marks> {
        self.runtime.block_on(async {
            let rows = self
                .client
                .query(
                    "SELECT t.relname::text, \
                     CASE WHEN s.relkind = 'S' THEN pg_sequence_last_value(s.oid) END \
                     FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' \
                     JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace n ON n.oid = t.relnamespace \
                     WHERE n.nspname = 'kartei' AND d.deptype = 'i' \
                     AND CASE WHEN s.relkind = 'S' THEN pg_sequence_last_value(s.oid) END IS NOT NULL",
                    &[],
                )
                .await?;
            Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
        })
    }

    fn set_marks(&mut self, marks: &Marks) -> Result<()> {
        self.runtime.block_on(async {
            let rows = self
                .client
                .query(
                    "SELECT c.relname::text, a.attname::text FROM pg_attribute a \
                     JOIN pg_class c ON c.oid = a.attrelid \
                     JOIN pg_namespace n ON n.oid = c.relnamespace \
                     WHERE n.nspname = 'kartei' AND a.attidentity <> ''",
                    &[],
                )
                .await?;
            for row in &rows {
                let (table, column): (String, String) = (row.get(0), row.get(1));
                let known = TABLES.iter().any(|known| known.name == table);
                let Some(mark) = marks.get(&table).filter(|mark| known && **mark > 0) else {
                    continue;
                };
                self.client
                    .query_one(
                        "SELECT setval(pg_get_serial_sequence($1, $2), $3)",
                        &[&format!("kartei.{table}"), &column, mark],
                    )
                    .await?;
            }
            Ok(())
        })
    }

    fn commit(self: Box<Self>) -> Result<()> {
        self.runtime.block_on(async {
            self.client.batch_execute("COMMENT ON SCHEMA kartei IS NULL; COMMIT").await?;
            Ok(())
        })
    }
}
