//! Conflicts that people decide: those of one profile, or one side of many.

use std::collections::HashSet;

use kartei_profile::{Choice, Conflict, ConflictValue, Decision};
use kartei_protocol::desktop::{ActDone, ActKind, Obstacle, Side};
use rusqlite::Transaction;

use crate::acts::Recorder;
use crate::bulk::{BULK_PROFILES_MAX, Job, Outcome, not_here, nothing_done, refuse};
use crate::edit::{changed_fields, contested, made};
use crate::error::StoreError;
use crate::list::by_ids;
use crate::session::Session;
use crate::store::Store;

/// Actors of this data folder.
type OwnActors = HashSet<Vec<u8>>;

impl Store {
    /// Decides a conflict for the value that `key` names.
    ///
    /// # Errors
    /// As [`Store::decide`].
    pub fn resolve(
        &self,
        session: &Session,
        now: i64,
        id: &str,
        pointer: &str,
        key: &str,
    ) -> Result<bool, StoreError> {
        let (pointer, choice) = (pointer.to_owned(), Choice::Side(key.to_owned()));
        self.decide(session, now, id, &[Decision { pointer, choice }])
    }

    /// Decides conflicts of a profile, all of these or none, as one step. Answers whether anything
    /// changed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Edit`] or a failure; nothing changed then.
    pub fn decide(
        &self,
        session: &Session,
        now: i64,
        id: &str,
        decisions: &[Decision],
    ) -> Result<bool, StoreError> {
        self.change(session, now, id, ActKind::Resolve, |db, session, stored| {
            let schema = &self.schema;
            let mut document = stored.document(db, schema)?;
            let (stamp, before) = (session.stamp(now), contested(schema, stored, &document)?);
            match document.decide(schema, session.actor, &stamp, decisions)? {
                Some(change) => made(schema, &document, vec![change], &before).map(Some),
                None => Ok(None),
            }
        })
    }

    /// Decides the conflicts of many profiles for one side, as one step: what was written on this
    /// device, or what was not. A field without that side stays in conflict; where no field of a
    /// profile has it, the profile is named.
    ///
    /// # Errors
    /// [`StoreError::Blocked`] for too many at once, or a failure; nothing changed then.
    pub fn decide_many(
        &self,
        session: &Session,
        now: i64,
        ids: &[String],
        side: Side,
    ) -> Result<ActDone, StoreError> {
        self.write(|db| {
            let session = &session.here(db)?;
            let (pks, missing) = by_ids(db, ids)?;
            if pks.len() > BULK_PROFILES_MAX {
                return Err(StoreError::Blocked(format!(
                    "{} profiles are more than the {BULK_PROFILES_MAX} of one step",
                    pks.len()
                )));
            }
            let kind = ActKind::Resolve;
            let mut act = Recorder::begin(db, kind, now, session.author.as_deref(), None)?;
            let mut done = nothing_done();
            for id in missing {
                refuse(&mut done, not_here(id));
            }
            let mut own = own_actors(db)?;
            own.insert(session.actor.bytes().to_vec());
            let work = |job: &Job| self.decided(session, now, job, side, &own);
            self.each(db, session, now, &pks, &mut act, &mut done, work)?;
            done.act = act.finish()?;
            Ok(done)
        })
    }

    fn decided(
        &self,
        session: &Session,
        now: i64,
        job: &Job,
        side: Side,
        own: &OwnActors,
    ) -> Result<Outcome, StoreError> {
        let schema = &self.schema;
        let Some(mut document) = job.document()? else { return Ok(Outcome::Unchanged) };
        let conflicts = document.conflicts(schema)?;
        if conflicts.is_empty() {
            return Ok(Outcome::Unchanged);
        }
        let decisions: Vec<Decision> =
            conflicts.into_iter().filter_map(|conflict| of_side(conflict, side, own)).collect();
        if decisions.is_empty() {
            let (id, code) = (job.stored.id.clone(), "no_such_side".to_owned());
            let reason = match side {
                Side::Mine => "nothing of this conflict was written on this device",
                Side::Theirs => "all of this conflict was written on this device",
            };
            return Ok(Outcome::Refused(Obstacle { id, reason: reason.to_owned(), code }));
        }
        let (stamp, before) = (session.stamp(now), contested(schema, &job.stored, &document)?);
        let Some(change) = document.decide(schema, session.actor, &stamp, &decisions)? else {
            return Ok(Outcome::Unchanged);
        };
        let made = made(schema, &document, vec![change], &before)?;
        let fields = changed_fields(schema, &job.stored, &made)?;
        Ok(Outcome::Changed(Box::new(made), fields))
    }
}

/// The decision for a side of a conflict, where it has it. Of several values of one side the first
/// counts: the one that every replica shows.
fn of_side(conflict: Conflict, side: Side, own: &OwnActors) -> Option<Decision> {
    let is_of_side = |value: &ConflictValue| own.contains(&value.actor) == (side == Side::Mine);
    let chosen = conflict.values.into_iter().find(is_of_side)?;
    Some(Decision { pointer: conflict.pointer, choice: Choice::Side(chosen.key) })
}

fn own_actors(db: &Transaction<'_>) -> Result<OwnActors, StoreError> {
    let mut select = db.prepare_cached("SELECT actor FROM own_actors")?;
    Ok(select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
