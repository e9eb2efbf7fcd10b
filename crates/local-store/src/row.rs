//! Rows of `profiles` with their side tables: reading one, writing one.

use kartei_profile::{Document, Record, RecordHash};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde_json::Value;

use crate::error::{StoreError, damaged};

/// What the side tables are keyed by.
pub(crate) type Pk = i64;

/// A profile's row without what can be read from the record.
#[derive(Debug)]
pub(crate) struct StoredProfile {
    pub(crate) pk: Pk,
    pub(crate) id: String,
    pub(crate) genesis: RecordHash,
    pub(crate) accepted: bool,
    pub(crate) edited: bool,
    pub(crate) conflicts: u64,
    pub(crate) rev: Option<u64>,
    pub(crate) import: Option<i64>,
    pub(crate) text: String,
}

const COLUMNS: &str = "pk, id, genesis, accepted, edited, conflicts, rev, import, record";

impl StoredProfile {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            pk: row.get(0)?,
            id: row.get(1)?,
            genesis: RecordHash::from_bytes(row.get(2)?),
            accepted: row.get(3)?,
            edited: row.get(4)?,
            conflicts: row.get(5)?,
            rev: row.get(6)?,
            import: row.get(7)?,
            text: row.get(8)?,
        })
    }

    pub(crate) fn find(db: &Transaction<'_>, id: &str) -> Result<Option<Self>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM profiles WHERE id = ?1");
        Ok(db.prepare_cached(&sql)?.query_row([id], Self::from_row).optional()?)
    }

    pub(crate) fn get(db: &Transaction<'_>, id: &str) -> Result<Self, StoreError> {
        Self::find(db, id)?.ok_or_else(|| StoreError::NotFound(id.to_owned()))
    }

    pub(crate) fn get_by_pk(db: &Transaction<'_>, pk: Pk) -> Result<Self, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM profiles WHERE pk = ?1");
        Ok(db.prepare_cached(&sql)?.query_row([pk], Self::from_row)?)
    }

    pub(crate) fn record(&self) -> Result<Record, StoreError> {
        Record::from_stored(&self.text).map_err(|v| damaged(&self.id, &v))
    }

    /// The stored document, or the genesis document of a profile that nobody has edited.
    pub(crate) fn document(
        &self,
        db: &Transaction<'_>,
        schema: &kartei_profile::RecordSchema,
    ) -> Result<Document, StoreError> {
        if !self.edited {
            return Ok(Document::genesis(schema, &self.record()?)?);
        }
        let body: Vec<u8> = db
            .prepare_cached("SELECT body FROM documents WHERE profile = ?1")?
            .query_row([self.pk], |row| row.get(0))?;
        Ok(Document::load(&body)?)
    }
}

/// What the list sorts and searches by, taken from a record once when it is written.
#[derive(Debug, Clone, PartialEq)]
struct Facets {
    name: Option<String>,
    observations: usize,
    search: String,
}

impl Facets {
    fn of(record: &Record) -> Self {
        let members = record.members();
        let name = members.get("display_name").and_then(Value::as_str).map(str::to_owned);
        let observations =
            members.get("observations").and_then(Value::as_array).map_or(0, Vec::len);
        let mut search = record.id().to_owned();
        let mut add = |text: &str| {
            search.push('\n');
            search.push_str(text);
        };
        name.iter().for_each(|name| add(name));
        members.get("tags").and_then(Value::as_array).into_iter().flatten().for_each(|tag| {
            add(tag.as_str().unwrap_or_default());
        });
        for value in members.get("attributes").and_then(Value::as_object).into_iter().flatten() {
            match value.1 {
                Value::String(text) => add(text),
                Value::Number(number) => add(&number.to_string()),
                _ => {}
            }
        }
        members.get("notes").and_then(Value::as_str).into_iter().for_each(add);
        Self { name, observations, search }
    }
}

/// What a record's row needs, made by the workers of an import. The parsed members are not among
/// it: thousands of them wait for one transaction.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) hash: RecordHash,
    facets: Facets,
}

impl Prepared {
    /// Prepares a record.
    #[must_use]
    pub fn new(record: Record) -> Self {
        let facets = Facets::of(&record);
        let hash = record.hash();
        let (id, text) = record.into_texts();
        Self { id, text, hash, facets }
    }

    /// The record's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// What changes in a row when a profile is written.
#[derive(Debug)]
pub(crate) struct Written<'a> {
    pub(crate) row: &'a Prepared,
    pub(crate) genesis: RecordHash,
    pub(crate) accepted: bool,
    pub(crate) document: Option<&'a Document>,
    pub(crate) conflicts: usize,
    pub(crate) rev: Option<u64>,
    pub(crate) changed_at: i64,
    pub(crate) import: Option<i64>,
}

pub(crate) fn insert(db: &Transaction<'_>, written: &Written<'_>) -> Result<Pk, StoreError> {
    db.prepare_cached(
        "INSERT INTO profiles (id, hash, genesis, accepted, edited, conflicts, rev, changed_at, \
         import, observations, name, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        written.row.id,
        written.row.hash.bytes(),
        written.genesis.bytes(),
        written.accepted,
        written.document.is_some(),
        written.conflicts,
        written.rev,
        written.changed_at,
        written.import,
        written.row.facets.observations,
        written.row.facets.name,
        written.row.text,
    ])?;
    let pk = db.last_insert_rowid();
    if written.document.is_some() {
        write_document(db, pk, written.document)?;
    }
    db.prepare_cached("INSERT INTO search (rowid, body) VALUES (?1, ?2)")?
        .execute(params![pk, written.row.facets.search])?;
    Ok(pk)
}

pub(crate) fn update(
    db: &Transaction<'_>,
    pk: Pk,
    written: &Written<'_>,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE profiles SET hash = ?2, genesis = ?3, accepted = ?4, edited = ?5, conflicts = ?6, \
         rev = ?7, changed_at = ?8, import = ?9, observations = ?10, name = ?11, record = ?12 \
         WHERE pk = ?1",
    )?
    .execute(params![
        pk,
        written.row.hash.bytes(),
        written.genesis.bytes(),
        written.accepted,
        written.document.is_some(),
        written.conflicts,
        written.rev,
        written.changed_at,
        written.import,
        written.row.facets.observations,
        written.row.facets.name,
        written.row.text,
    ])?;
    write_document(db, pk, written.document)?;
    db.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([pk])?;
    db.prepare_cached("INSERT INTO search (rowid, body) VALUES (?1, ?2)")?
        .execute(params![pk, written.row.facets.search])?;
    Ok(())
}

fn write_document(
    db: &Transaction<'_>,
    pk: Pk,
    document: Option<&Document>,
) -> Result<(), StoreError> {
    match document {
        Some(document) => db
            .prepare_cached("INSERT OR REPLACE INTO documents (profile, body) VALUES (?1, ?2)")?
            .execute(params![pk, document.save()])?,
        None => db.prepare_cached("DELETE FROM documents WHERE profile = ?1")?.execute([pk])?,
    };
    Ok(())
}

pub(crate) fn enqueue(db: &Transaction<'_>, pk: Pk) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR IGNORE INTO outbox (profile) VALUES (?1)")?.execute([pk])?;
    // A new attempt: the old refusal may no longer hold.
    db.prepare_cached("DELETE FROM rejected WHERE profile = ?1")?.execute([pk])?;
    Ok(())
}

pub(crate) fn add_pending(
    db: &Transaction<'_>,
    pk: Pk,
    change: &kartei_profile::Change,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT OR IGNORE INTO pending_changes (profile, hash, body) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![pk, change.hash().bytes(), change.bytes()])?;
    enqueue(db, pk)
}
