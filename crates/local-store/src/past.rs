//! The import history: how imports ended, what they said, and taking one back.

use std::collections::BTreeMap;

use kartei_profile::{ChangeHash, RecordHash, Steps};
use kartei_protocol::desktop::{
    ActDone, ActKind, ImportCounts, ImportEntry, ImportReport, ImportSource, ImportState, Obstacle,
};
use kartei_sync_core::{Digest, bucket_of};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde_json::Value;

use crate::acts::{Recorder, moment};
use crate::bulk::{Job, Outcome, all_or_nothing, nothing_done, refuse};
use crate::chunk;
use crate::edit::WHOLE;
use crate::error::StoreError;
use crate::row::Pk;
use crate::session::Session;
use crate::store::Store;
use crate::writing::Writing;

/// Imports in one page of the history at most.
const PAGE_MAX: u32 = 1_000;

/// How an import ended.
#[derive(Debug, Clone)]
pub struct ImportEnd<'a> {
    /// How.
    pub state: ImportState,
    /// When, in milliseconds since 1970.
    pub now: i64,
    /// SHA-256 of the file, where it was read to its end.
    pub digest: Option<[u8; 32]>,
    /// What is said of it.
    pub report: &'a ImportReport,
}

/// A folder whose new files are imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Its number.
    pub id: u64,
    /// Its path.
    pub path: String,
}

const COLUMNS: &str = "id, file, path, source, by, started_at, ended_at, state, bytes, digest, counts, \
     undone_at, coalesce(json_extract(report, '$.has_files'), 0)";

impl Store {
    /// Notes how an import ended.
    ///
    /// # Errors
    /// [`StoreError`]; the history shows it as still running then.
    pub fn end_import(&self, import: u64, end: &ImportEnd<'_>) -> Result<(), StoreError> {
        let counts = json(&end.report.counts)?;
        let report = json(end.report)?;
        self.write(|db| {
            db.execute(
                "UPDATE imports SET state = ?2, ended_at = ?3, digest = ?4, counts = ?5, report = ?6 \
                 WHERE id = ?1",
                params![import, word(end.state), end.now, end.digest, counts, report],
            )?;
            Ok(())
        })
    }

    /// Imports of the past, newest first: those before `before`, where that is given.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn imports(&self, before: Option<u64>, limit: u32) -> Result<Vec<ImportEntry>, StoreError> {
        self.read(|db| {
            let sql =
                format!("SELECT {COLUMNS} FROM imports WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
            let before = before.map_or(i64::MAX, |id| i64::try_from(id).unwrap_or(i64::MAX));
            let mut select = db.prepare_cached(&sql)?;
            let rows = select.query_map(params![before, limit.min(PAGE_MAX)], entry)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// What was said of an import; counts alone, where the program was killed while it ran.
    ///
    /// # Errors
    /// [`StoreError::NoImport`] or a failure.
    pub fn import_report(&self, import: u64) -> Result<ImportReport, StoreError> {
        self.read(|db| {
            let (file, report): (String, Option<String>) = db
                .prepare_cached("SELECT coalesce(path, file), report FROM imports WHERE id = ?1")?
                .query_row([import], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?
                .ok_or(StoreError::NoImport(import))?;
            match report {
                Some(report) => serde_json::from_str(&report)
                    .map_err(|e| StoreError::Damaged(format!("report of import {import}: {e}"))),
                None => Ok(ImportReport {
                    import: Some(import),
                    file,
                    counts: ImportCounts::default(),
                    problems: Vec::new(),
                    kinds: Vec::new(),
                    seconds: 0.0,
                    failure: None,
                    has_files: false,
                }),
            }
        })
    }

    /// The import that brought a file with this SHA-256 to its end, where one did and stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn import_of_file(&self, digest: &[u8; 32]) -> Result<Option<u64>, StoreError> {
        self.read(|db| {
            Ok(db
                .prepare_cached(
                    "SELECT id FROM imports WHERE digest = ?1 AND state = 'done' \
                     AND undone_at IS NULL ORDER BY id DESC LIMIT 1",
                )?
                .query_row([digest], |row| row.get(0))
                .optional()?)
        })
    }

    /// Takes an import back as one step: profiles that it brought go, those that it changed get back
    /// what they were. Only as a whole: what stands in the way is named, and nothing changes then.
    ///
    /// # Errors
    /// [`StoreError::NoImport`], [`StoreError::Blocked`] where it was undone before, or a failure.
    pub fn undo_import(
        &self,
        session: &Session,
        now: i64,
        import: u64,
    ) -> Result<ActDone, StoreError> {
        let undone = self.write(|db| {
            let session = &session.here(db)?;
            let before: Option<i64> = db
                .prepare_cached("SELECT undone_at FROM imports WHERE id = ?1")?
                .query_row([import], |row| row.get(0))
                .optional()?
                .ok_or(StoreError::NoImport(import))?;
            if let Some(at) = before {
                let message = format!("import {import} was undone before, at {}", moment(at));
                return Err(StoreError::Blocked(message));
            }
            let mut done = nothing_done();
            stand_in_the_way(db, import, &mut done)?;
            if done.refused > 0 {
                return Ok(Err(done));
            }
            let mut act =
                Recorder::begin(db, ActKind::Import, now, session.author.as_deref(), None)?;
            let changed = changed_by(db, import)?;
            let pks: Vec<Pk> = changed.keys().copied().collect();
            let work = |job: &Job| {
                let changes = changed.get(&job.stored.pk).map_or(&[][..], Vec::as_slice);
                self.without(session, now, job, changes)
            };
            self.each(db, session, now, &pks, &mut act, &mut done, work)?;
            if done.refused > 0 {
                // The transaction is given up: all or nothing.
                return Err(StoreError::InTheWay(Box::new(done)));
            }
            let gone = delete_created(db, import)?;
            act.count(gone);
            done.changed += gone;
            done.act = act.finish()?;
            db.execute("UPDATE imports SET undone_at = ?2 WHERE id = ?1", params![import, now])?;
            Ok(Ok(done))
        });
        all_or_nothing(undone.map(|done| done.unwrap_or_else(|in_the_way| in_the_way)))
    }

    /// A profile without what an import changed in it.
    fn without(
        &self,
        session: &Session,
        now: i64,
        job: &Job,
        changes: &[ChangeHash],
    ) -> Result<Outcome, StoreError> {
        let stored = &job.stored;
        if stored.deleted {
            // What it would be is hidden, and the import is in its history as it was.
            return Ok(Outcome::Unchanged);
        }
        let Some(document) = job.document()? else { return Ok(Outcome::Unchanged) };
        let Some(before) = document.record_without(&self.schema, changes)? else {
            return Ok(Outcome::Refused(Obstacle {
                id: stored.id.clone(),
                reason: "it was changed again on top of this import".to_owned(),
                code: "edited_since".to_owned(),
            }));
        };
        let record = stored.record()?;
        let mut fields: Vec<(String, Option<Value>)> = record
            .changes_to(&self.schema, &before)
            .into_iter()
            .map(|field| (field.pointer, field.after))
            .collect();
        // A field that came into conflict shows what it showed, and is no longer contested.
        for conflict in document.conflicts(&self.schema)? {
            if conflict.values.iter().any(|value| changes.contains(&value.change))
                && !fields.iter().any(|(pointer, _)| *pointer == conflict.pointer)
            {
                let value = match conflict.pointer.as_str() {
                    // The import stood beside a deletion, which holds without it.
                    WHOLE => Some(Value::Bool(true)),
                    pointer => before.field(&self.schema, pointer),
                };
                fields.push((conflict.pointer, value));
            }
        }
        self.outcome(session, now, job, Steps::Fields(&fields))
    }

    /// The watched folders, in the order in which they were added.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn watched(&self) -> Result<Vec<Watched>, StoreError> {
        self.read(|db| {
            let mut select = db.prepare_cached("SELECT id, path FROM watched ORDER BY id")?;
            let rows =
                select.query_map([], |row| Ok(Watched { id: row.get(0)?, path: row.get(1)? }))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Adds a watched folder; one that is there already stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add_watched(&self, path: &str, now: i64) -> Result<(), StoreError> {
        self.write(|db| {
            db.execute(
                "INSERT OR IGNORE INTO watched (path, added_at) VALUES (?1, ?2)",
                params![path, now],
            )?;
            Ok(())
        })
    }

    /// Forgets a watched folder. Answers whether there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn remove_watched(&self, id: u64) -> Result<bool, StoreError> {
        self.write(|db| Ok(db.execute("DELETE FROM watched WHERE id = ?1", [id])? > 0))
    }
}

/// Names the profiles that keep an import from being undone.
fn stand_in_the_way(
    db: &Transaction<'_>,
    import: u64,
    done: &mut ActDone,
) -> Result<(), StoreError> {
    let mut select = db.prepare_cached(
        "SELECT p.id, p.edited, p.accepted, p.import IS i.id FROM imports i \
         JOIN profiles p ON p.pk BETWEEN i.first_pk AND i.last_pk \
         WHERE i.id = ?1 AND (p.import IS i.id OR p.edited) AND (p.edited OR p.accepted) \
         AND p.deleted = 0",
    )?;
    let rows = select.query_map([import], |row| {
        Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    for row in rows {
        let (id, edited, accepted, is_last): (String, bool, bool, bool) = row?;
        let (reason, code) = match (edited, accepted, is_last) {
            (_, _, false) => ("a later import changed it", "imported_since"),
            (true, _, true) => ("it was edited since", "edited_since"),
            (false, ..) => ("the relay has it, and cannot delete it yet", "at_relay"),
        };
        refuse(done, Obstacle { id, reason: reason.to_owned(), code: code.to_owned() });
    }
    Ok(())
}

/// The profiles that an import changed, with its changes: a file may name a profile twice.
fn changed_by(
    db: &Transaction<'_>,
    import: u64,
) -> Result<BTreeMap<Pk, Vec<ChangeHash>>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT profile, change FROM import_changes WHERE import = ?1 AND profile IS NOT NULL",
    )?;
    let rows =
        select.query_map([import], |row| Ok((row.get(0)?, ChangeHash::from_bytes(row.get(1)?))))?;
    let mut changed: BTreeMap<Pk, Vec<ChangeHash>> = BTreeMap::new();
    for row in rows {
        let (pk, change) = row?;
        changed.entry(pk).or_default().push(change);
    }
    Ok(changed)
}

/// Removes the profiles that an import brought; nothing was built on them. Answers how many.
fn delete_created(db: &Writing<'_>, import: u64) -> Result<u64, StoreError> {
    let range: (Option<Pk>, Option<Pk>) = db
        .prepare_cached("SELECT first_pk, last_pk FROM imports WHERE id = ?1")?
        .query_row([import], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(first), Some(last)) = range else { return Ok(0) };
    let brought =
        "SELECT pk FROM profiles WHERE pk BETWEEN ?1 AND ?2 AND import = ?3 AND deleted = 0";
    for table in ["outbox", "rejected", "pending_changes"] {
        let sql = format!("DELETE FROM {table} WHERE profile IN ({brought})");
        db.execute(&sql, params![first, last, import])?;
    }
    {
        let mut select = db.prepare(
            "SELECT id, hash, conflicts FROM profiles \
             WHERE pk BETWEEN ?1 AND ?2 AND import = ?3 AND deleted = 0",
        )?;
        let mut rows = select.query(params![first, last, import])?;
        while let Some(row) = rows.next()? {
            let id: String = row.get(0)?;
            let hash = RecordHash::from_bytes(row.get(1)?);
            db.digest_taken(bucket_of(&id), Digest::of(&id, &hash, row.get(2)?));
        }
    }
    let loose: i64 = db.query_row(
        &format!("SELECT count(*) FROM ({brought} AND loose = 1)"),
        params![first, last, import],
        |row| row.get(0),
    )?;
    let deleted = db.execute(
        "DELETE FROM profiles WHERE pk BETWEEN ?1 AND ?2 AND import = ?3 AND deleted = 0",
        params![first, last, import],
    )?;
    db.count_profiles(-i64::try_from(deleted).unwrap_or(i64::MAX));
    db.count_loose(-loose);
    chunk::forget_deleted(db, first, last)?;
    Ok(deleted as u64)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<ImportEntry> {
    let source: String = row.get(3)?;
    let state: String = row.get(7)?;
    let digest: Option<Vec<u8>> = row.get(9)?;
    let counts: Option<String> = row.get(10)?;
    Ok(ImportEntry {
        import: row.get(0)?,
        file: row.get(1)?,
        path: row.get(2)?,
        source: if source == "watch" { ImportSource::Watch } else { ImportSource::Person },
        by: row.get(4)?,
        started_at: moment(row.get(5)?),
        ended_at: row.get::<_, Option<i64>>(6)?.map(moment),
        state: state_of(&state),
        bytes: row.get(8)?,
        digest: digest.map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        counts: counts.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
        undone_at: row.get::<_, Option<i64>>(11)?.map(moment),
        has_files: row.get(12)?,
    })
}

fn word(state: ImportState) -> &'static str {
    match state {
        ImportState::Queued | ImportState::Running => "running",
        ImportState::Done => "done",
        ImportState::Cancelled => "cancelled",
        ImportState::Failed => "failed",
    }
}

/// Imports of the first format did not say how they ended; they are shown as done.
fn state_of(word: &str) -> ImportState {
    match word {
        "running" => ImportState::Running,
        "cancelled" => ImportState::Cancelled,
        "failed" => ImportState::Failed,
        _ => ImportState::Done,
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Damaged(e.to_string()))
}
