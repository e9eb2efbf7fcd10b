//! Edits and decisions by people: the change, its outbox row and its step in one transaction.

use kartei_profile::{Change, ChangeHash, Document, Edit, Record, RecordSchema, Stamp, Steps};
use kartei_protocol::desktop::ActKind;

use crate::acts::Recorder;
use crate::error::StoreError;
use crate::row::{self, Prepared, StoredProfile, Written};
use crate::session::Session;
use crate::store::Store;
use crate::writing::Writing;

/// What a change of one profile made, ready to be written.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) body: Vec<u8>,
    pub(crate) change: Change,
    pub(crate) record: Record,
    pub(crate) conflicts: usize,
}

impl Store {
    /// Applies edits to a profile as one change. Answers whether anything changed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Edit`] or a failure; nothing changed then.
    pub fn edit(
        &self,
        session: &Session,
        now: i64,
        id: &str,
        edits: &[Edit],
    ) -> Result<bool, StoreError> {
        self.change(session, now, id, ActKind::Edit, |db, stored| {
            step(&self.schema, db, session, now, stored, Steps::Edits(edits))
        })
    }

    /// Decides a conflict for the value that `key` names.
    ///
    /// # Errors
    /// As [`Store::edit`].
    pub fn resolve(
        &self,
        session: &Session,
        now: i64,
        id: &str,
        pointer: &str,
        key: &str,
    ) -> Result<bool, StoreError> {
        self.change(session, now, id, ActKind::Resolve, |db, stored| {
            let schema = &self.schema;
            let mut document = stored.document(db, schema)?;
            let stamp = session.stamp(now);
            match document.resolve(schema, session.actor, &stamp, pointer, key)? {
                Some(change) => made(schema, &document, change).map(Some),
                None => Ok(None),
            }
        })
    }

    /// The record of a profile as it was after a change.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::NoChange`] or a failure.
    pub fn record_at(&self, id: &str, change: ChangeHash) -> Result<Record, StoreError> {
        self.read(|db| {
            let stored = StoredProfile::get(db, id)?;
            record_at(&self.schema, &stored, &stored.document(db, &self.schema)?, change)
        })
    }

    /// Gives a profile back the content that it had after a change, as a new change. Answers whether
    /// anything changed.
    ///
    /// # Errors
    /// As [`Store::record_at`] and [`Store::edit`].
    pub fn restore(
        &self,
        session: &Session,
        now: i64,
        id: &str,
        change: ChangeHash,
    ) -> Result<bool, StoreError> {
        self.change(session, now, id, ActKind::Restore, |db, stored| {
            let document = stored.document(db, &self.schema)?;
            let past = record_at(&self.schema, stored, &document, change)?;
            let fields: Vec<_> = stored
                .record()?
                .changes_to(&self.schema, &past)
                .into_iter()
                .map(|field| (field.pointer, field.after))
                .collect();
            step(&self.schema, db, session, now, stored, Steps::Fields(&fields))
        })
    }

    fn change(
        &self,
        session: &Session,
        now: i64,
        id: &str,
        kind: ActKind,
        make: impl FnOnce(&Writing<'_>, &StoredProfile) -> Result<Option<Made>, StoreError>,
    ) -> Result<bool, StoreError> {
        self.write(|db| {
            let stored = StoredProfile::get(db, id)?;
            let Some(made) = make(db, &stored)? else { return Ok(false) };
            let before = stored.record()?;
            let fields = before.changes_to(&self.schema, &made.record);
            let mut act = Recorder::begin(db, kind, now, session.author.as_deref(), None)?;
            act.note(stored.pk, &stored.id, &fields)?;
            act.finish()?;
            write_made(db, &stored, made, now)?;
            session.remember_actor(db)?;
            Ok(true)
        })
    }
}

/// Takes steps on a profile: with its document where it has one, else with a new one.
pub(crate) fn step(
    schema: &RecordSchema,
    db: &rusqlite::Transaction<'_>,
    session: &Session,
    now: i64,
    stored: &StoredProfile,
    steps: Steps<'_>,
) -> Result<Option<Made>, StoreError> {
    let body = stored.edited.then(|| stored.body(db)).transpose()?;
    step_on(schema, session, now, stored, body.as_deref(), steps)
}

/// As [`step`], without the database.
pub(crate) fn step_on(
    schema: &RecordSchema,
    session: &Session,
    now: i64,
    stored: &StoredProfile,
    body: Option<&[u8]>,
    steps: Steps<'_>,
) -> Result<Option<Made>, StoreError> {
    let stamp = session.stamp(now);
    let Some(body) = body else {
        let begun = Document::begin(schema, &stored.record()?, session.actor, &stamp, steps)?;
        return Ok(begun.map(|begun| Made {
            body: begun.document.save(),
            change: begun.change,
            record: begun.record,
            conflicts: 0,
        }));
    };
    let mut document = Document::load(body)?;
    match document.step(schema, session.actor, &stamp, steps)? {
        Some(change) => made(schema, &document, change).map(Some),
        None => Ok(None),
    }
}

fn made(schema: &RecordSchema, document: &Document, change: Change) -> Result<Made, StoreError> {
    Ok(Made {
        body: document.save(),
        change,
        record: document.record(schema)?,
        conflicts: document.conflict_count(schema)?,
    })
}

/// Writes what a change made, and puts it into the outbox.
pub(crate) fn write_made(
    db: &Writing<'_>,
    stored: &StoredProfile,
    made: Made,
    now: i64,
) -> Result<(), StoreError> {
    let row = Prepared::new(made.record);
    write_row(db, stored, &row, &made.body, made.conflicts, now)?;
    row::add_pending(db, stored.pk, &made.change)
}

fn write_row(
    db: &Writing<'_>,
    stored: &StoredProfile,
    row: &Prepared,
    body: &[u8],
    conflicts: usize,
    now: i64,
) -> Result<(), StoreError> {
    let written = Written {
        row,
        genesis: stored.genesis,
        accepted: stored.accepted,
        document: Some(body),
        conflicts,
        rev: stored.rev,
        changed_at: now,
        import: stored.import,
    };
    row::update(db, stored, &written)
}

fn record_at(
    schema: &RecordSchema,
    stored: &StoredProfile,
    document: &Document,
    change: ChangeHash,
) -> Result<Record, StoreError> {
    document
        .record_at(schema, change)?
        .ok_or_else(|| StoreError::NoChange { id: stored.id.clone(), change: change.to_string() })
}

impl Session {
    pub(crate) fn stamp(&self, now: i64) -> Stamp {
        Stamp { at_seconds: now.div_euclid(1000), by: self.author.clone() }
    }
}
