//! Edits and decisions by people: the change, its outbox row and its step in one transaction.

use kartei_profile::{
    Change, ChangeHash, Document, Edit, FieldChange, Record, RecordSchema, Stamp, Steps,
};
use kartei_protocol::desktop::ActKind;
use serde_json::Value;

use crate::acts::Recorder;
use crate::error::StoreError;
use crate::row::{self, Prepared, StoredProfile, Written};
use crate::session::Session;
use crate::store::Store;
use crate::writing::Writing;

/// The pointer of the profile itself: `true` where it is deleted, the id of the profile that it was
/// merged into where it was.
pub(crate) const WHOLE: &str = "";

/// What a change of one profile made, ready to be written.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) body: Vec<u8>,
    /// In the order in which they were made.
    pub(crate) changes: Vec<Change>,
    pub(crate) record: Record,
    pub(crate) conflicts: usize,
    pub(crate) deleted: bool,
    /// The profile that a deleted one was merged into.
    pub(crate) became: Option<String>,
    /// The fields whose conflicts ended.
    pub(crate) decided: Vec<String>,
    /// The fields that came into conflict.
    pub(crate) reopened: Vec<String>,
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
        self.change(session, now, id, ActKind::Edit, |db, session, stored| {
            step(&self.schema, db, session, now, stored, Steps::Edits(edits))
        })
    }

    /// Deletes a profile. Its history stays, and the deletion can be taken back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or a failure; nothing changed then.
    pub fn delete(&self, session: &Session, now: i64, id: &str) -> Result<bool, StoreError> {
        self.change(session, now, id, ActKind::Delete, |db, session, stored| {
            step(&self.schema, db, session, now, stored, Steps::Delete)
        })
    }

    /// The record of a profile, also of a deleted one, as it was after a change.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::NoChange`] or a failure.
    pub fn record_at(&self, id: &str, change: ChangeHash) -> Result<Record, StoreError> {
        self.read(|db| {
            let stored = StoredProfile::get_with_past(db, id)?;
            record_at(&self.schema, &stored, &stored.document(db, &self.schema)?, change)
        })
    }

    /// Gives a profile back the content that it had after a change, as a new change; a deleted one
    /// is brought back. Answers whether anything changed.
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
        self.change(session, now, id, ActKind::Restore, |db, session, stored| {
            // The one step that reaches a deleted profile: it is the way back.
            let document = stored.document(db, &self.schema)?;
            let past = record_at(&self.schema, stored, &document, change)?;
            let mut fields: Vec<_> = stored
                .record()?
                .changes_to(&self.schema, &past)
                .into_iter()
                .map(|field| (field.pointer, field.after))
                .collect();
            if stored.deleted {
                fields.push((WHOLE.to_owned(), Some(Value::Bool(false))));
            }
            step(&self.schema, db, session, now, stored, Steps::Fields(&fields))
        })
    }

    pub(crate) fn change(
        &self,
        session: &Session,
        now: i64,
        id: &str,
        kind: ActKind,
        make: impl FnOnce(&Writing<'_>, &Session, &StoredProfile) -> Result<Option<Made>, StoreError>,
    ) -> Result<bool, StoreError> {
        self.write(|db| {
            let session = session.here(db)?;
            let stored = match kind {
                ActKind::Restore => StoredProfile::get_with_past(db, id)?,
                _ => StoredProfile::get(db, id)?,
            };
            let Some(made) = make(db, &session, &stored)? else { return Ok(false) };
            let fields = changed_fields(&self.schema, &stored, &made)?;
            let mut act = Recorder::begin(db, kind, now, session.author.as_deref(), None)?;
            act.note(stored.pk, &stored.id, &fields, &made.decided)?;
            act.finish()?;
            write_made(db, &stored, made, now)?;
            session.remember_actor(db)?;
            Ok(true)
        })
    }
}

/// What a change did to a profile, field by field; the profile itself where it was deleted or brought
/// back. A field that came into a conflict or out of it is named although it shows the same.
pub(crate) fn changed_fields(
    schema: &RecordSchema,
    stored: &StoredProfile,
    made: &Made,
) -> Result<Vec<FieldChange>, StoreError> {
    let mut fields = stored.record()?.changes_to(schema, &made.record);
    let (before, after) = (stored.whole(), row::whole(made.deleted, made.became.as_deref()));
    if before != after {
        let pointer = WHOLE.to_owned();
        fields.push(FieldChange { pointer, before: Some(before), after: Some(after.clone()) });
    }
    for pointer in made.decided.iter().chain(&made.reopened) {
        if !fields.iter().any(|field| field.pointer == *pointer) {
            let shown = match pointer.as_str() {
                WHOLE => Some(after.clone()),
                pointer => made.record.field(schema, pointer),
            };
            let (pointer, before) = (pointer.clone(), shown.clone());
            fields.push(FieldChange { pointer, before, after: shown });
        }
    }
    Ok(fields)
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
            changes: vec![begun.change],
            record: begun.record,
            conflicts: 0,
            deleted: begun.document.is_deleted(),
            became: begun.document.became(),
            decided: Vec::new(),
            reopened: Vec::new(),
        }));
    };
    let mut document = Document::load(body)?;
    let contested = contested(schema, stored, &document)?;
    match document.step(schema, session.actor, &stamp, steps)? {
        Some(change) => made(schema, &document, vec![change], &contested).map(Some),
        None => Ok(None),
    }
}

/// The fields in conflict before a step, as [`made`] wants them.
pub(crate) fn contested(
    schema: &RecordSchema,
    stored: &StoredProfile,
    document: &Document,
) -> Result<Vec<String>, StoreError> {
    // Those of a deleted profile are not counted.
    match stored.conflicts > 0 || stored.deleted {
        true => Ok(document.contested(schema)?),
        false => Ok(Vec::new()),
    }
}

/// What changes made of a profile whose fields in conflict were `before`.
pub(crate) fn made(
    schema: &RecordSchema,
    document: &Document,
    changes: Vec<Change>,
    before: &[String],
) -> Result<Made, StoreError> {
    let after = document.contested(schema)?;
    let deleted = document.is_deleted();
    let conflicts = if deleted { 0 } else { after.len() };
    let decided = before.iter().filter(|pointer| !after.contains(pointer)).cloned().collect();
    let mut reopened = after;
    reopened.retain(|pointer| !before.contains(pointer));
    let (body, record) = (document.save(), document.record(schema)?);
    let became = document.became();
    Ok(Made { body, changes, record, conflicts, deleted, became, decided, reopened })
}

/// Writes what a change made, and puts it into the outbox.
pub(crate) fn write_made(
    db: &Writing<'_>,
    stored: &StoredProfile,
    made: Made,
    now: i64,
) -> Result<(), StoreError> {
    let row = Prepared::new(made.record);
    let written = Written {
        row: &row,
        genesis: stored.genesis,
        accepted: stored.accepted,
        document: Some(&made.body),
        conflicts: made.conflicts,
        deleted: made.deleted,
        became: made.became,
        rev: stored.rev,
        changed_at: now,
        import: stored.import,
    };
    row::update(db, stored, &written)?;
    made.changes.iter().try_for_each(|change| row::add_pending(db, stored.pk, change))
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
