//! The relay's own state of a profile: to compare with, and to take in the place of what it refused.

use kartei_profile::{Change, Document, FieldChange, Record, RecordHash};
use kartei_protocol::desktop::ActKind;
use kartei_protocol::sync::ProfileLine;
use kartei_sync_core::{Incoming, Taken, take};
use rusqlite::Transaction;
use serde_json::value::RawValue;

use crate::acts::Recorder;
use crate::edit::WHOLE;
use crate::error::StoreError;
use crate::row::{self, Pk, Prepared, StoredProfile, Written};
use crate::session::{self, Session};
use crate::store::Store;

/// A profile as the relay has it, read from a line that holds all of it.
#[derive(Debug)]
pub(crate) struct Relays {
    pub(crate) genesis: RecordHash,
    pub(crate) changes: Vec<Change>,
    pub(crate) record: Box<Record>,
    pub(crate) document: Option<Box<Document>>,
    pub(crate) conflicts: usize,
    pub(crate) deleted: bool,
}

/// What would be given up by taking the relay's state of a profile.
#[derive(Debug)]
pub struct RelaysVersion {
    /// Whether it is deleted there.
    pub deleted: bool,
    /// What differs from the relay's record to the one here.
    pub fields: Vec<FieldChange>,
    /// Changes here that the relay does not have.
    pub changes: usize,
}

impl Store {
    /// Reads a line of the relay by itself; nothing where it tells of nothing.
    pub(crate) fn relays(
        &self,
        session: &Session,
        now: i64,
        line: &ProfileLine,
    ) -> Result<Option<Relays>, StoreError> {
        let refuse = |reason: String| {
            StoreError::Damaged(format!("answer of the relay for `{}`: {reason}", line.id))
        };
        let genesis = RecordHash::from_hex(&line.genesis)
            .ok_or_else(|| refuse("no genesis hash".to_owned()))?;
        let changes = line.changes.iter().map(|bytes| Change::from_bytes(&bytes.0));
        let changes: Vec<Change> =
            changes.collect::<Result<_, _>>().map_err(|e| refuse(e.to_string()))?;
        let incoming = Incoming {
            genesis,
            record: line.record.as_deref().map(RawValue::get),
            changes: changes.clone(),
        };
        let taken = take(&self.schema, None, &incoming, session.actor, &session.stamp(now));
        Ok(match taken.map_err(|e| refuse(e.to_string()))? {
            Taken::Known => None,
            Taken::Stored { record, document, conflicts, deleted, .. } => {
                Some(Relays { genesis, changes, record, document, conflicts, deleted })
            }
        })
    }

    /// What taking the relay's state of a profile would give up.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Damaged`] where the line cannot be read, or a failure.
    pub fn compare_with_relays(
        &self,
        session: &Session,
        now: i64,
        line: &ProfileLine,
    ) -> Result<RelaysVersion, StoreError> {
        let theirs = self.relays(session, now, line)?.ok_or_else(|| tells_nothing(&line.id))?;
        self.read(|db| {
            let stored = StoredProfile::get_with_past(db, &line.id)?;
            let changes = given_up(self, db, &stored, &theirs)?;
            let fields = theirs.record.changes_to(&self.schema, &stored.record()?);
            Ok(RelaysVersion { deleted: theirs.deleted, fields, changes })
        })
    }

    /// Puts the relay's state of a profile in the place of one of which the relay refused something.
    /// What is given up is a step, and can be brought back as a new change. Answers whether the
    /// record changed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Blocked`] where nothing of it is refused,
    /// [`StoreError::Damaged`] where the line cannot be read, or a failure; nothing changed then.
    pub fn take_relays(
        &self,
        session: &Session,
        now: i64,
        line: &ProfileLine,
    ) -> Result<bool, StoreError> {
        let theirs = self.relays(session, now, line)?.ok_or_else(|| tells_nothing(&line.id))?;
        self.write(|db| {
            let stored = StoredProfile::get_with_past(db, &line.id)?;
            if !is_refused(db, stored.pk)? {
                let reason = format!("the relay refuses nothing of `{}` any more", line.id);
                return Err(StoreError::Blocked(reason));
            }
            let mut fields = stored.record()?.changes_to(&self.schema, &theirs.record);
            let became = theirs.document.as_deref().and_then(Document::became);
            let (before, after) = (stored.whole(), row::whole(theirs.deleted, became.as_deref()));
            if before != after {
                let (before, after) = (Some(before), Some(after));
                fields.push(FieldChange { pointer: WHOLE.to_owned(), before, after });
            }
            if !fields.is_empty() {
                let (kind, by) = (ActKind::TakeRelays, session.author.as_deref());
                let mut act = Recorder::begin(db, kind, now, by, None)?;
                act.note(stored.pk, &stored.id, &fields, &[])?;
                act.finish()?;
            }
            let prepared = Prepared::new(*theirs.record);
            let body = theirs.document.as_deref().map(Document::save);
            let written = Written {
                row: &prepared,
                genesis: theirs.genesis,
                accepted: true,
                document: body.as_deref(),
                conflicts: theirs.conflicts,
                deleted: theirs.deleted,
                became,
                rev: Some(line.rev),
                changed_at: now,
                import: stored.import,
            };
            row::update(db, &stored, &written)?;
            // An earlier push may have brought them to somebody all the same.
            session::note_loss(db)?;
            row::forget_unsent(db, stored.pk)?;
            Ok(!fields.is_empty())
        })
    }
}

fn tells_nothing(id: &str) -> StoreError {
    StoreError::Damaged(format!("answer of the relay for `{id}`: it tells nothing"))
}

fn is_refused(db: &Transaction<'_>, pk: Pk) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM rejected WHERE profile = ?1)")?
        .query_row([pk], |row| row.get(0))?)
}

/// How many changes here the relay does not have. With another beginning it has none of them.
fn given_up(
    store: &Store,
    db: &Transaction<'_>,
    stored: &StoredProfile,
    theirs: &Relays,
) -> Result<usize, StoreError> {
    let mine = stored.document(db, &store.schema)?.changes();
    let same = stored.genesis == theirs.genesis;
    let has = |change: &&Change| !theirs.changes.iter().any(|one| one.hash() == change.hash());
    Ok(mine.iter().filter(|change| !same || has(change)).count())
}
