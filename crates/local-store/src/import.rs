//! Writing the records of a file.

use std::collections::HashMap;

use kartei_profile::{ImportOutcome, Record};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::error::{StoreError, damaged};
use crate::row::{self, Prepared, StoredProfile, Written};
use crate::store::Store;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    /// The profile was not here.
    Created,
    /// The profile was here and changed; fields in conflict afterwards that were not before.
    Updated {
        /// How many fields came into conflict.
        new_conflicts: u64,
    },
    /// The profile was here and is as it was.
    Unchanged,
    /// The profile came before in this same file; this line took its place.
    Duplicate,
}

/// Writes the records of one file in the order of its lines.
#[derive(Debug)]
pub struct ImportWriter<'a> {
    store: &'a Store,
    import: i64,
    now: i64,
}

impl Store {
    /// Begins an import: a row in the import history.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn begin_import(&self, file: &str, now: i64) -> Result<ImportWriter<'_>, StoreError> {
        let import = self.write(|db| {
            db.execute(
                "INSERT INTO imports (file, started_at) VALUES (?1, ?2)",
                params![file, now],
            )?;
            Ok(db.last_insert_rowid())
        })?;
        Ok(ImportWriter { store: self, import, now })
    }
}

impl ImportWriter<'_> {
    /// Writes records in one transaction: all of them or none. Answers what became of each.
    ///
    /// # Errors
    /// [`StoreError`]; none of them was written then, and those of earlier calls stay.
    pub fn write(&self, records: &[Prepared]) -> Result<Vec<Landed>, StoreError> {
        // Of several lines with one id only the last counts; that is decided before anything is
        // written where they meet in one batch, and by the row's import where they do not.
        let mut last = HashMap::with_capacity(records.len());
        for (i, prepared) in records.iter().enumerate() {
            last.insert(prepared.id(), i);
        }
        self.store.write(|db| {
            let one = |(i, prepared): (usize, &Prepared)| {
                if last[prepared.id()] == i {
                    self.write_one(db, prepared)
                } else {
                    Ok(Landed::Duplicate)
                }
            };
            records.iter().enumerate().map(one).collect()
        })
    }

    fn write_one(&self, db: &Transaction<'_>, prepared: &Prepared) -> Result<Landed, StoreError> {
        let Some((pk, hash)) = find_hash(db, prepared.id())? else {
            let pk = row::insert(db, &self.written(prepared))?;
            db.prepare_cached("INSERT INTO outbox (profile) VALUES (?1)")?.execute([pk])?;
            return Ok(Landed::Created);
        };
        if hash == *prepared.hash.bytes() {
            return Ok(Landed::Unchanged);
        }
        let stored = StoredProfile::get_by_pk(db, pk)?;
        let from_this_file = stored.import == Some(self.import);
        if from_this_file && !stored.edited && !stored.accepted {
            // An earlier line of this very file made the profile, and nobody has built on it.
            row::update(db, pk, &self.written(prepared))?;
            row::enqueue(db, pk)?;
            return Ok(Landed::Duplicate);
        }
        self.merge(db, &stored, prepared)
    }

    /// An import over what is here: a change on the import line of the profile's document.
    fn merge(
        &self,
        db: &Transaction<'_>,
        stored: &StoredProfile,
        prepared: &Prepared,
    ) -> Result<Landed, StoreError> {
        let schema = &self.store.schema;
        let mut document = stored.document(db, schema)?;
        let record = Record::from_stored(&prepared.text).map_err(|v| damaged(&prepared.id, &v))?;
        let change = match document.import(schema, &record)? {
            ImportOutcome::Unchanged => return Ok(Landed::Unchanged),
            ImportOutcome::Changed(change) => change,
        };
        let record = document.record(schema)?;
        let conflicts = document.conflict_count(schema)?;
        let row = Prepared::new(record);
        let written = Written {
            row: &row,
            genesis: stored.genesis,
            accepted: stored.accepted,
            document: Some(&document),
            conflicts,
            rev: stored.rev,
            changed_at: self.now,
            import: Some(self.import),
        };
        row::update(db, stored.pk, &written)?;
        row::add_pending(db, stored.pk, &change)?;
        db.prepare_cached("INSERT OR IGNORE INTO import_changes (change, import) VALUES (?1, ?2)")?
            .execute(params![change.hash().bytes(), self.import])?;
        let new_conflicts = (conflicts as u64).saturating_sub(stored.conflicts);
        Ok(Landed::Updated { new_conflicts })
    }

    fn written<'p>(&self, prepared: &'p Prepared) -> Written<'p> {
        Written {
            row: prepared,
            genesis: prepared.hash,
            accepted: false,
            document: None,
            conflicts: 0,
            rev: None,
            changed_at: self.now,
            import: Some(self.import),
        }
    }
}

fn find_hash(db: &Transaction<'_>, id: &str) -> Result<Option<(i64, [u8; 32])>, StoreError> {
    Ok(db
        .prepare_cached("SELECT pk, hash FROM profiles WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}
