//! Deciding conflicts: one or several fields as one change.

use serde_json::Value;

use crate::actor::Actor;
use crate::changes::Change;
use crate::deletion::{self, Life, WHOLE};
use crate::document::{Document, DocumentError, op_for};
use crate::edit::{EditError, Stamp};
use crate::field;
use crate::pointer;
use crate::record::Record;
use crate::schema::RecordSchema;

/// What a field in conflict becomes.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// One of its values, by the key that names it.
    Side(String),
    /// Another value, written by hand; nothing removes the field.
    Value(Option<Value>),
}

/// The end of one conflict.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The field; empty for a deletion that somebody wrote beside.
    pub pointer: String,
    /// What it becomes.
    pub choice: Choice,
}

impl Document {
    /// Decides a conflict for the value that `key` names; with an empty pointer an offered deletion.
    ///
    /// # Errors
    /// [`EditError::NoConflict`] where the field has no conflict any more or none with this value.
    pub fn resolve(
        &mut self,
        schema: &RecordSchema,
        actor: Actor,
        stamp: &Stamp,
        pointer: &str,
        key: &str,
    ) -> Result<Option<Change>, EditError> {
        let (pointer, choice) = (pointer.to_owned(), Choice::Side(key.to_owned()));
        self.decide(schema, actor, stamp, &[Decision { pointer, choice }])
    }

    /// Decides conflicts, all of them or none, as one change.
    ///
    /// # Errors
    /// [`EditError::NoConflict`] where a field has no such conflict any more,
    /// [`EditError::Invalid`] where a value written by hand does not fit the schema.
    pub fn decide(
        &mut self,
        schema: &RecordSchema,
        actor: Actor,
        stamp: &Stamp,
        decisions: &[Decision],
    ) -> Result<Option<Change>, EditError> {
        let contested = self.reader(schema, None).contested().map_err(DocumentError::from)?;
        let by_hand = self.written_by_hand(schema, decisions)?;
        let mut ops = Vec::with_capacity(decisions.len());
        for Decision { pointer, choice } in decisions {
            let no_conflict = || EditError::NoConflict { pointer: pointer.clone() };
            if pointer == WHOLE {
                let Choice::Side(key) = choice else { return Err(no_conflict()) };
                let life = Life::of(&self.am).map_err(DocumentError::from)?;
                let became = deletion::became(&self.am, None).map_err(DocumentError::from)?;
                ops.extend(life.decide(key, became.as_deref()).ok_or_else(no_conflict)?);
                continue;
            }
            let (_, sides) =
                contested.iter().find(|(p, _)| p == pointer).ok_or_else(no_conflict)?;
            let value = match choice {
                Choice::Side(key) => {
                    let side = sides.iter().find(|side| side.key() == *key);
                    side.ok_or_else(no_conflict)?.value.clone()
                }
                Choice::Value(_) => by_hand.as_ref().and_then(|r| r.field(schema, pointer)),
            };
            let path = pointer::parse(pointer).ok_or_else(no_conflict)?;
            ops.push(op_for(schema, &path, value).ok_or_else(no_conflict)?);
        }
        self.commit_touched(schema, actor, stamp, ops)
    }

    /// The record with the values that were written by hand, checked and canonical; nothing where
    /// there are none. Sides need no check: each was in a record.
    fn written_by_hand(
        &self,
        schema: &RecordSchema,
        decisions: &[Decision],
    ) -> Result<Option<Record>, EditError> {
        let by_hand = decisions.iter().filter_map(|decision| match &decision.choice {
            Choice::Value(value) => Some((&decision.pointer, value.as_ref())),
            Choice::Side(_) => None,
        });
        let mut members = None;
        for (pointer, value) in by_hand {
            let members = match &mut members {
                Some(members) => members,
                None => members.insert(self.record(schema)?.members().clone()),
            };
            field::put(schema, members, pointer, value)?;
        }
        let Some(members) = members else { return Ok(None) };
        let accepted = Record::accept(schema, &Value::Object(members));
        Ok(Some(accepted.map_err(EditError::Invalid)?.record))
    }
}
