//! Edits by people: one or several fields as one change.

use automerge::transaction::CommitOptions;
use serde_json::{Map, Value};

use crate::actor::Actor;
use crate::changes::Change;
use crate::diff::{Extent, diff};
use crate::document::{Document, DocumentError, op_for};
use crate::instant::Instant;
use crate::pointer;
use crate::record::Record;
use crate::schema::{MergeRule, RecordSchema};
use crate::violation::Violation;

/// One edit. Pointers are JSON pointers into the record.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Sets a member, or one key of a map.
    Set {
        /// The field.
        pointer: String,
        /// Its new value.
        value: Value,
    },
    /// Removes a member, or one key of a map.
    Unset {
        /// The field.
        pointer: String,
    },
    /// Adds an element to a set.
    Add {
        /// The set.
        pointer: String,
        /// The element.
        value: Value,
    },
    /// Takes an element out of a set, named by itself or by its key.
    Remove {
        /// The set.
        pointer: String,
        /// The element or its key.
        value: Value,
    },
}

impl Edit {
    fn pointer(&self) -> &str {
        match self {
            Self::Set { pointer, .. }
            | Self::Unset { pointer }
            | Self::Add { pointer, .. }
            | Self::Remove { pointer, .. } => pointer,
        }
    }
}

/// When and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub at_seconds: i64,
    /// The person, as shown to others.
    pub by: Option<String>,
}

impl Stamp {
    pub(crate) fn options(&self) -> CommitOptions {
        let options = CommitOptions::default().with_time(self.at_seconds);
        match &self.by {
            Some(by) => options.with_message(by.clone()),
            None => options,
        }
    }
}

/// An edit that cannot be made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The pointer names nothing that can be edited.
    #[error("`{pointer}` cannot be edited: {reason}")]
    Target {
        /// The pointer as given.
        pointer: String,
        /// Why.
        reason: &'static str,
    },
    /// The record would not fit its schema.
    #[error(transparent)]
    Invalid(Violation),
    /// No conflict there, or none with this key.
    #[error("`{pointer}` has no such conflict any more")]
    NoConflict {
        /// The pointer as given.
        pointer: String,
    },
    /// The document cannot be read.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

impl Document {
    /// Applies edits as one change. Answers `None` where they change nothing.
    ///
    /// # Errors
    /// [`EditError`]; nothing was changed then.
    pub fn edit(
        &mut self,
        schema: &RecordSchema,
        actor: Actor,
        stamp: &Stamp,
        edits: &[Edit],
    ) -> Result<Option<Change>, EditError> {
        let current = self.record(schema)?;
        let mut wanted = current.members().clone();
        for edit in edits {
            apply_to_record(schema, &mut wanted, edit)?;
        }
        let wanted =
            Record::accept(schema, &Value::Object(wanted)).map_err(EditError::Invalid)?.record;
        let mut ops = diff(schema, current.members(), wanted.members(), Extent::Whole);
        // Setting a contested field to the value it already shows is a decision all the same.
        let contested = self.reader(schema, None).contested().map_err(DocumentError::from)?;
        for edit in edits {
            let Edit::Set { pointer, value } = edit else { continue };
            let Some(path) = pointer::parse(pointer) else { continue };
            let shown = wanted.members().get(&path[0]);
            let shown = path.get(1).map_or(shown, |key| shown.and_then(|map| map.get(key)));
            let value = shown.unwrap_or(value).clone();
            if contested.iter().any(|(p, _)| p == pointer)
                && let Some(op) = op_for(schema, &path, Some(value))
                && !ops.contains(&op)
            {
                ops.push(op);
            }
        }
        self.commit_touched(schema, actor, stamp, ops)
    }

    /// Decides a conflict for the value that `key` names.
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
        let no_conflict = || EditError::NoConflict { pointer: pointer.to_owned() };
        let contested = self.reader(schema, None).contested().map_err(DocumentError::from)?;
        let (_, candidates) =
            contested.into_iter().find(|(p, _)| p == pointer).ok_or_else(no_conflict)?;
        let chosen = candidates.into_iter().find(|c| c.key() == key).ok_or_else(no_conflict)?;
        let path = pointer::parse(pointer).ok_or_else(no_conflict)?;
        let op = op_for(schema, &path, chosen.value).ok_or_else(no_conflict)?;
        self.commit_touched(schema, actor, stamp, vec![op])
    }

    /// Commits steps of a person, and with them the moment into members that keep the latest one.
    fn commit_touched(
        &mut self,
        schema: &RecordSchema,
        actor: Actor,
        stamp: &Stamp,
        mut ops: Vec<crate::diff::Op>,
    ) -> Result<Option<Change>, EditError> {
        if ops.is_empty() {
            return Ok(None);
        }
        if let Ok(at) = Instant::from_unix_millis(stamp.at_seconds.saturating_mul(1000)) {
            let latest = schema.members().iter().filter(|m| m.rule == MergeRule::Max);
            for member in latest {
                let value = Some(Value::String(at.to_string()));
                let op = crate::diff::Op::Register { member: member.name.clone(), value };
                if !ops.iter().any(|o| matches!(o, crate::diff::Op::Register { member: m, .. } if *m == member.name)) {
                    ops.push(op);
                }
            }
        }
        Ok(self.commit_edit(schema, actor, stamp, &ops)?)
    }
}

fn apply_to_record(
    schema: &RecordSchema,
    record: &mut Map<String, Value>,
    edit: &Edit,
) -> Result<(), EditError> {
    let pointer = edit.pointer();
    let refuse = |reason| EditError::Target { pointer: pointer.to_owned(), reason };
    let path = pointer::parse(pointer).ok_or_else(|| refuse("it is no JSON pointer"))?;
    let name = path.first().ok_or_else(|| refuse("name a member of the record"))?;
    let rule = schema.rule(name).ok_or_else(|| refuse("the schema has no such member"))?;
    match (edit, rule, &path[1..]) {
        (_, MergeRule::Identity, _) => Err(refuse("it never changes")),
        (_, MergeRule::Derived, _) => Err(refuse("it is computed")),
        (Edit::Set { value, .. }, MergeRule::RegisterPerKey, [key]) => {
            let map = record.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Some(map) = map.as_object_mut() {
                map.insert(key.clone(), value.clone());
            }
            Ok(())
        }
        (Edit::Unset { .. }, MergeRule::RegisterPerKey, [key]) => {
            if let Some(map) = record.get_mut(name).and_then(Value::as_object_mut) {
                map.remove(key);
            }
            Ok(())
        }
        (Edit::Set { value, .. }, _, []) => {
            record.insert(name.clone(), value.clone());
            Ok(())
        }
        (Edit::Unset { .. }, _, []) => {
            record.remove(name);
            Ok(())
        }
        (Edit::Add { value, .. }, MergeRule::Set { .. }, []) => {
            let set = record.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new()));
            if let Some(items) = set.as_array_mut()
                && !items.contains(value)
            {
                items.push(value.clone());
            }
            Ok(())
        }
        (Edit::Remove { value, .. }, MergeRule::Set { key, .. }, []) => {
            if let Some(items) = record.get_mut(name).and_then(Value::as_array_mut) {
                items.retain(|item| match key {
                    Some(key) => &item[key.as_str()] != value,
                    None => item != value,
                });
            }
            Ok(())
        }
        (Edit::Add { .. } | Edit::Remove { .. }, _, _) => Err(refuse("it is no set")),
        _ => Err(refuse("it has no such part")),
    }
}
