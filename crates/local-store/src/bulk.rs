//! Bulk edits, undo and redo: one step on many profiles, in one transaction.

use std::collections::HashMap;

use kartei_profile::{Document, Edit, EditError, FieldChange, Steps};
use kartei_protocol::desktop::{ActDone, ActKind, Obstacle, Selection, SortKey};
use rusqlite::{OptionalExtension, Transaction};
use serde_json::Value;

use crate::acts::{self, Recorder, StoredField};
use crate::edit::{Made, WHOLE, changed_fields, contested, made, step_on, write_made};
use crate::error::StoreError;
use crate::row::{Pk, StoredProfile};
use crate::session::Session;
use crate::store::Store;
use crate::writing::Writing;
use crate::{chunk, many};

/// Profiles that one bulk edit changes at most. It is one transaction, and other programs wait for
/// it.
pub const BULK_PROFILES_MAX: usize = 200_000;

/// Profiles that stayed as they were and are named.
const OBSTACLES_NAMED_MAX: usize = 100;

/// A profile with what is needed to change it away from the database.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) stored: StoredProfile,
    body: Option<Vec<u8>>,
}

impl Job {
    /// The document of an edited profile.
    pub(crate) fn document(&self) -> Result<Option<Document>, StoreError> {
        Ok(self.body.as_deref().map(Document::load).transpose()?)
    }
}

/// What became of a profile.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It already was so.
    Unchanged,
    /// It stays as it was.
    Refused(Obstacle),
    /// It changes so.
    Changed(Box<Made>, Vec<FieldChange>),
}

impl Store {
    /// Applies the same edits to many profiles, as one step. Profiles that the edits do not fit stay
    /// as they are, and are named.
    ///
    /// # Errors
    /// [`StoreError::Filter`], [`StoreError::Blocked`] for too many at once, or a failure; nothing
    /// changed then.
    pub fn edit_many(
        &self,
        session: &Session,
        now: i64,
        selection: &Selection,
        edits: &[Edit],
    ) -> Result<ActDone, StoreError> {
        self.step_many(session, now, selection, ActKind::Bulk, Steps::Edits(edits))
    }

    /// Deletes many profiles, as one step.
    ///
    /// # Errors
    /// As [`Store::edit_many`].
    pub fn delete_many(
        &self,
        session: &Session,
        now: i64,
        selection: &Selection,
    ) -> Result<ActDone, StoreError> {
        self.step_many(session, now, selection, ActKind::Delete, Steps::Delete)
    }

    fn step_many(
        &self,
        session: &Session,
        now: i64,
        selection: &Selection,
        kind: ActKind,
        steps: Steps<'_>,
    ) -> Result<ActDone, StoreError> {
        self.settle_scores(&selection.filter, &SortKey::Id)?;
        self.write(|db| {
            let session = &session.here(db)?;
            let (pks, missing) = self.select_in(db, selection)?;
            if pks.len() > BULK_PROFILES_MAX {
                return Err(StoreError::Blocked(format!(
                    "{} profiles are more than the {BULK_PROFILES_MAX} of one step: narrow the filter",
                    pks.len()
                )));
            }
            let mut act = Recorder::begin(db, kind, now, session.author.as_deref(), None)?;
            let mut done = nothing_done();
            for id in missing {
                refuse(&mut done, not_here(id));
            }
            let work = |job: &Job| self.outcome(session, now, job, steps);
            self.each(db, session, now, &pks, &mut act, &mut done, work)?;
            done.act = act.finish()?;
            Ok(done)
        })
    }

    /// Takes the last step back. A profile whose fields were changed since stays as it is, whole.
    ///
    /// # Errors
    /// [`StoreError::Blocked`] where there is none, or a failure.
    pub fn undo(&self, session: &Session, now: i64) -> Result<ActDone, StoreError> {
        self.write(|db| match acts::to_undo(db)? {
            Some(act) => self.revert(db, session, now, (act, false)),
            None => Err(StoreError::Blocked("there is nothing to undo".to_owned())),
        })
    }

    /// Does again what was last taken back.
    ///
    /// # Errors
    /// [`StoreError::Blocked`] where there is none, or a failure.
    pub fn redo(&self, session: &Session, now: i64) -> Result<ActDone, StoreError> {
        let done = self.write(|db| match acts::to_redo(db)? {
            Some(act) => self.revert(db, session, now, (act, true)),
            None => Err(StoreError::Blocked("there is nothing to redo".to_owned())),
        });
        all_or_nothing(done)
    }

    fn revert(
        &self,
        db: &Writing<'_>,
        session: &Session,
        now: i64,
        (reverted, again): (i64, bool),
    ) -> Result<ActDone, StoreError> {
        let session = &session.here(db)?;
        let changes = acts::changes_of(db, reverted)?;
        let mut act =
            Recorder::begin(db, ActKind::Undo, now, session.author.as_deref(), Some(reverted))?;
        let mut done = nothing_done();
        let mut pks = Vec::with_capacity(changes.len());
        let mut merges = false;
        for (pk, fields) in &changes {
            let into = fields.iter().find_map(merged_again_into);
            merges |= into.is_some();
            if let Some(into) = into
                && StoredProfile::find(db, into)?.is_none_or(|stored| stored.deleted)
            {
                refuse(&mut done, gone_since(into));
            } else if exists(db, *pk)? {
                pks.push(*pk);
            } else {
                // Its import was undone since.
                refuse(&mut done, not_here(format!("#{pk}")));
            }
        }
        let changes: HashMap<Pk, Vec<StoredField>> = changes.into_iter().collect();
        let work = |job: &Job| {
            let fields = changes.get(&job.stored.pk).map_or(&[][..], Vec::as_slice);
            self.reverted(session, now, job, fields)
        };
        self.each(db, session, now, &pks, &mut act, &mut done, work)?;
        // To merge again is as whole as to merge: who goes must be in the one that stays.
        if again && merges && done.refused > 0 {
            return Err(StoreError::InTheWay(Box::new(done)));
        }
        done.act = act.finish()?;
        Ok(done)
    }

    fn reverted(
        &self,
        session: &Session,
        now: i64,
        job: &Job,
        fields: &[StoredField],
    ) -> Result<Outcome, StoreError> {
        let refused = |reason: String, code: &str| {
            let id = job.stored.id.clone();
            Ok(Outcome::Refused(Obstacle { id, reason, code: code.to_owned() }))
        };
        let is_deleted = Some(job.stored.whole());
        let was_deleted_here =
            |field: &StoredField| field.pointer == WHOLE && field.after == is_deleted;
        if job.stored.deleted && !fields.iter().any(was_deleted_here) {
            return refused("it was deleted since".to_owned(), "deleted");
        }
        let record = job.stored.record()?;
        let mut back: Vec<(String, Option<Value>)> = Vec::with_capacity(fields.len());
        let mut reopen: Vec<String> = Vec::new();
        for field in fields {
            let now = match field.pointer.as_str() {
                WHOLE => is_deleted.clone(),
                pointer => record.field(&self.schema, pointer),
            };
            if field.decided && now == field.after {
                reopen.push(field.pointer.clone());
                continue;
            }
            // Taking back a deletion that somebody wrote beside turns it down.
            if now == field.after || field.pointer == WHOLE {
                back.push((field.pointer.clone(), field.before.clone()));
            } else if now != field.before {
                return refused(format!("`{}` was changed since", field.pointer), "edited_since");
            }
        }
        if reopen.is_empty() {
            return self.outcome(session, now, job, Steps::Fields(&back));
        }
        let before = fields.iter().map(|field| (field.pointer.clone(), field.before.clone()));
        match self.reopened(session, now, job, &reopen, back, &before.collect()) {
            Err(StoreError::Edit(error)) => {
                Ok(Outcome::Refused(not_allowed(&job.stored.id, &error)))
            }
            outcome => outcome,
        }
    }

    /// A profile with fields in conflict again, and others set back.
    fn reopened(
        &self,
        session: &Session,
        now: i64,
        job: &Job,
        reopen: &[String],
        mut back: Vec<(String, Option<Value>)>,
        before: &HashMap<String, Option<Value>>,
    ) -> Result<Outcome, StoreError> {
        let (schema, stamp) = (&self.schema, session.stamp(now));
        let Some(mut document) = job.document()? else { return Ok(Outcome::Unchanged) };
        let contested = contested(schema, &job.stored, &document)?;
        let again = document.reopen(schema, session.actor, &stamp, reopen)?;
        // Where the conflict is no longer known (the profile began anew with the relay's), what was
        // shown comes back.
        back.extend(
            again
                .left
                .into_iter()
                .filter_map(|pointer| before.get(&pointer).map(|value| (pointer, value.clone()))),
        );
        let mut changes = again.changes;
        changes.extend(document.step(schema, session.actor, &stamp, Steps::Fields(&back))?);
        if changes.is_empty() {
            return Ok(Outcome::Unchanged);
        }
        let made = made(schema, &document, changes, &contested)?;
        let fields = changed_fields(schema, &job.stored, &made)?;
        Ok(Outcome::Changed(Box::new(made), fields))
    }

    pub(crate) fn outcome(
        &self,
        session: &Session,
        now: i64,
        job: &Job,
        steps: Steps<'_>,
    ) -> Result<Outcome, StoreError> {
        let stored = &job.stored;
        match step_on(&self.schema, session, now, stored, job.body.as_deref(), steps) {
            Ok(None) => Ok(Outcome::Unchanged),
            Ok(Some(made)) => {
                let fields = changed_fields(&self.schema, stored, &made)?;
                Ok(Outcome::Changed(Box::new(made), fields))
            }
            Err(StoreError::Edit(error)) => Ok(Outcome::Refused(not_allowed(&stored.id, &error))),
            Err(error) => Err(error),
        }
    }

    /// Runs `work` on profiles and writes what they become.
    #[expect(clippy::too_many_arguments, reason = "a struct would only repeat the names")]
    pub(crate) fn each(
        &self,
        db: &Writing<'_>,
        session: &Session,
        now: i64,
        pks: &[Pk],
        act: &mut Recorder<'_>,
        done: &mut ActDone,
        work: impl Fn(&Job) -> Result<Outcome, StoreError> + Sync,
    ) -> Result<(), StoreError> {
        let jobs = pks.iter().map(|pk| {
            let stored = StoredProfile::get_by_pk(db, *pk)?;
            let body = stored.edited.then(|| stored.body(db)).transpose()?;
            Ok(Job { stored, body })
        });
        many::run(pks.len(), jobs, work, |job, outcome| {
            match outcome? {
                Outcome::Unchanged => done.unchanged += 1,
                Outcome::Refused(obstacle) => refuse(done, obstacle),
                Outcome::Changed(made, fields) => {
                    let comes_back = !made.deleted && !made.reopened.is_empty();
                    act.note(job.stored.pk, &job.stored.id, &fields, &made.decided)?;
                    write_made(db, &job.stored, *made, now)?;
                    done.changed += 1;
                    done.reopened += u64::from(comes_back);
                }
            }
            Ok(())
        })?;
        if done.changed > 0 {
            session.remember_actor(db)?;
        }
        chunk::pack_if_many(db)
    }
}

/// The profile that taking a step back would merge another one into.
fn merged_again_into(field: &StoredField) -> Option<&str> {
    let before = field.before.as_ref().filter(|_| field.pointer == WHOLE);
    before.and_then(Value::as_str)
}

/// What stood in the way of a transaction that was given up for it.
pub(crate) fn all_or_nothing(done: Result<ActDone, StoreError>) -> Result<ActDone, StoreError> {
    match done {
        Err(StoreError::InTheWay(mut done)) => {
            (done.changed, done.reopened) = (0, 0);
            Ok(*done)
        }
        done => done,
    }
}

fn gone_since(id: &str) -> Obstacle {
    let reason = "the profile that another one was merged into is not here any more".to_owned();
    Obstacle { id: id.to_owned(), reason, code: "survivor_gone".to_owned() }
}

pub(crate) fn nothing_done() -> ActDone {
    let obstacles = Vec::new();
    ActDone { act: None, changed: 0, reopened: 0, unchanged: 0, refused: 0, obstacles }
}

pub(crate) fn refuse(done: &mut ActDone, obstacle: Obstacle) {
    done.refused += 1;
    if done.obstacles.len() < OBSTACLES_NAMED_MAX {
        done.obstacles.push(obstacle);
    }
}

pub(crate) fn not_here(id: String) -> Obstacle {
    let reason = "there is no such profile here".to_owned();
    Obstacle { id, reason, code: "not_found".to_owned() }
}

fn not_allowed(id: &str, error: &EditError) -> Obstacle {
    Obstacle { id: id.to_owned(), reason: error.to_string(), code: "not_allowed".to_owned() }
}

fn exists(db: &Transaction<'_>, pk: Pk) -> Result<bool, StoreError> {
    let found = db
        .prepare_cached("SELECT 1 FROM profiles WHERE pk = ?1")?
        .query_row([pk], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}
