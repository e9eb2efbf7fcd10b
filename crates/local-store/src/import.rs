//! Writing the records of a file.

use std::collections::HashMap;

use kartei_profile::{ImportOutcome, Record};
use kartei_sync_core::bucket_of;
use rusqlite::{OptionalExtension, params};

use crate::block::{BlockRow, PreparedBlock};
use crate::chunk;
use crate::error::{StoreError, damaged};
use crate::row::{self, Pk, Prepared, StoredProfile, Written};
use crate::store::Store;
use crate::writing::Writing;

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
    /// The profile stands twice in this file: the later line counts.
    Duplicate,
}

/// What is known of a file before it is read.
#[derive(Debug, Clone, Default)]
pub struct ImportStart {
    /// The file's name.
    pub file: String,
    /// Where it lies.
    pub path: Option<String>,
    /// Whether a watched folder brought it, rather than a person.
    pub watched: bool,
    /// Who imports, where known.
    pub by: Option<String>,
    /// The file's size.
    pub bytes: Option<u64>,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// Writes the records of one file in the order of its lines.
#[derive(Debug)]
pub struct ImportWriter<'a> {
    store: &'a Store,
    import: i64,
    now: i64,
    /// Only tells what would happen.
    dry: bool,
}

/// One block with fewer new profiles than this leaves them loose: its columns would be read for
/// little.
const NEW_ROWS_MIN: usize = 50;

impl Store {
    /// Begins an import: a row in the import history.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn begin_import(&self, start: &ImportStart) -> Result<ImportWriter<'_>, StoreError> {
        let import = self.write(|db| {
            db.execute(
                "INSERT INTO imports (file, path, source, by, bytes, started_at, state) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'running')",
                params![
                    start.file,
                    start.path,
                    if start.watched { "watch" } else { "person" },
                    start.by,
                    start.bytes,
                    start.now,
                ],
            )?;
            Ok(db.last_insert_rowid())
        })?;
        Ok(ImportWriter { store: self, import, now: start.now, dry: false })
    }

    /// Begins an import that only tells what would happen; nothing of it is written.
    #[must_use]
    pub fn begin_dry_run(&self, now: i64) -> ImportWriter<'_> {
        ImportWriter { store: self, import: 0, now, dry: true }
    }
}

/// What the records of one transaction need to know of each other.
struct Commit<'b> {
    blocks: &'b [PreparedBlock],
    /// For each id the place of its last record; made when it is first asked for.
    last: Option<HashMap<&'b str, (usize, usize)>>,
}

impl<'b> Commit<'b> {
    fn is_last(&mut self, id: &str, place: (usize, usize)) -> bool {
        let blocks = self.blocks;
        let last = self.last.get_or_insert_with(|| {
            let rows = blocks.iter().enumerate().flat_map(|(b, block)| {
                block.rows().enumerate().map(move |(r, row)| (row.id, (b, r)))
            });
            rows.collect()
        });
        last.get(id) == Some(&place)
    }
}

impl ImportWriter<'_> {
    /// Number of the import in the history; 0 for a dry run.
    #[must_use]
    pub fn import(&self) -> u64 {
        self.import.unsigned_abs()
    }

    /// Writes blocks in one transaction: all of them or none. Answers what became of each record, in
    /// order.
    ///
    /// # Errors
    /// [`StoreError`]; none of them was written then, and those of earlier calls stay.
    pub fn write(&self, blocks: &[PreparedBlock]) -> Result<Vec<Landed>, StoreError> {
        if self.dry {
            return self.look(blocks);
        }
        let mut landed = Vec::with_capacity(blocks.iter().map(PreparedBlock::len).sum());
        self.store.write_repeatable(|db| {
            let mut commit = Commit { blocks, last: None };
            let first = db.next_pk();
            for (b, block) in blocks.iter().enumerate() {
                self.write_block(db, &mut commit, b, block, &mut landed)?;
            }
            if db.next_pk() > first {
                db.prepare_cached(
                    "UPDATE imports SET first_pk = coalesce(first_pk, ?2), last_pk = ?3 WHERE id = ?1",
                )?
                .execute(params![self.import, first, db.next_pk() - 1])?;
            }
            chunk::pack_if_many(db)
        })?;
        Ok(landed)
    }

    fn write_block(
        &self,
        db: &Writing<'_>,
        commit: &mut Commit<'_>,
        b: usize,
        block: &PreparedBlock,
        landed: &mut Vec<Landed>,
    ) -> Result<(), StoreError> {
        let first = db.next_pk();
        let mut pks = Vec::with_capacity(block.len());
        for (r, record) in block.rows().enumerate() {
            let created = self.create(db, record)?;
            pks.push(created);
            landed.push(match created {
                Some(_) => Landed::Created,
                None => self.meet(db, commit, (b, r), record)?,
            });
        }
        let created = pks.iter().flatten().count();
        if created >= NEW_ROWS_MIN || created == block.len() {
            chunk::write(db, &pks, &block.columns, self.now)
        } else if created > 0 {
            chunk::loosen_new(db, first, db.next_pk() - 1)
        } else {
            Ok(())
        }
    }

    /// Inserts a profile; `None` where there is one with this id.
    fn create(&self, db: &Writing<'_>, record: BlockRow<'_>) -> Result<Option<Pk>, StoreError> {
        let pk = db.next_pk();
        // Trying to insert asks the index once, where asking first would ask it twice.
        let inserted = db
            .prepare_cached(
                "INSERT INTO profiles (pk, id, hash, accepted, edited, conflicts, changed_at, import, \
                 loose, stamp, record) VALUES (?1, ?2, ?3, 0, 0, 0, ?4, ?5, 0, 0, ?6) \
                 ON CONFLICT (id) DO NOTHING",
            )?
            .execute(params![
                pk,
                record.id,
                record.hash.bytes(),
                self.now,
                self.import,
                record.text
            ])?;
        if inserted == 0 {
            return Ok(None);
        }
        db.prepare_cached("INSERT INTO outbox (profile) VALUES (?1)")?.execute([pk])?;
        db.count_profiles(1);
        db.digest_added(bucket_of(record.id), record.digest);
        Ok(Some(db.take_pk()))
    }

    /// A record whose profile is here already.
    fn meet(
        &self,
        db: &Writing<'_>,
        commit: &mut Commit<'_>,
        place: (usize, usize),
        record: BlockRow<'_>,
    ) -> Result<Landed, StoreError> {
        let (pk, hash, deleted): (Pk, [u8; 32], bool) = db
            .prepare_cached("SELECT pk, hash, deleted FROM profiles WHERE id = ?1")?
            .query_row([record.id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        // Of a deleted profile the last import counts: one that says something else brings it back.
        if hash == *record.hash.bytes() && !deleted {
            return Ok(Landed::Unchanged);
        }
        let stored = StoredProfile::get_by_pk(db, pk)?;
        if stored.import == Some(self.import) && !stored.edited && !stored.accepted {
            // An earlier line of this very file made the profile, and nobody has built on it.
            let prepared = Prepared::of(record);
            row::update(db, &stored, &self.written(&prepared))?;
            row::enqueue(db, pk)?;
            return Ok(Landed::Duplicate);
        }
        if !commit.is_last(record.id, place) {
            return Ok(Landed::Duplicate);
        }
        self.merge(db, &stored, record)
    }

    /// An import over what is here: a change on the import line of the profile's document.
    fn merge(
        &self,
        db: &Writing<'_>,
        stored: &StoredProfile,
        record: BlockRow<'_>,
    ) -> Result<Landed, StoreError> {
        let schema = &self.store.schema;
        let mut document = stored.document(db, schema)?;
        let record = Record::from_stored(record.text).map_err(|v| damaged(record.id, &v))?;
        let change = match document.import(schema, &record)? {
            ImportOutcome::Unchanged => return Ok(Landed::Unchanged),
            ImportOutcome::Changed(change) => change,
        };
        let record = document.record(schema)?;
        let conflicts = document.conflict_count(schema)?;
        let row = Prepared::new(record);
        let body = document.save();
        let written = Written {
            row: &row,
            genesis: stored.genesis,
            accepted: stored.accepted,
            document: Some(&body),
            conflicts,
            deleted: document.is_deleted(),
            became: document.became(),
            rev: stored.rev,
            changed_at: self.now,
            import: Some(self.import),
        };
        row::update(db, stored, &written)?;
        row::add_pending(db, stored.pk, &change)?;
        db.prepare_cached(
            "INSERT OR IGNORE INTO import_changes (change, import, profile) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![change.hash().bytes(), self.import, stored.pk])?;
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
            deleted: false,
            became: None,
            rev: None,
            changed_at: self.now,
            import: Some(self.import),
        }
    }

    /// What would become of each record; conflicts are not foreseen.
    fn look(&self, blocks: &[PreparedBlock]) -> Result<Vec<Landed>, StoreError> {
        self.store.read(|db| {
            let mut select = db.prepare_cached("SELECT hash FROM profiles WHERE id = ?1")?;
            let mut landed = Vec::new();
            for record in blocks.iter().flat_map(PreparedBlock::rows) {
                let hash: Option<[u8; 32]> =
                    select.query_row([record.id], |row| row.get(0)).optional()?;
                landed.push(match hash {
                    None => Landed::Created,
                    Some(hash) if hash == *record.hash.bytes() => Landed::Unchanged,
                    Some(_) => Landed::Updated { new_conflicts: 0 },
                });
            }
            Ok(landed)
        })
    }
}
