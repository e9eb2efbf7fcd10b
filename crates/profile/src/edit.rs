//! Edits by people: one or several fields as one change.

use automerge::transaction::CommitOptions;
use serde_json::{Map, Value};

use crate::actor::Actor;
use crate::changes::{Change, ChangeHash};
use crate::deletion::{self, Fate, Life, WHOLE};
use crate::diff::{Extent, Op, diff};
use crate::document::{Document, DocumentError, op_for};
use crate::field;
use crate::instant::Instant;
use crate::pointer;
use crate::record::Record;
use crate::schema::{Member, MergeRule, RecordSchema};
use crate::text;
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
    /// Writes on in a text: what others wrote into it since `base` stays.
    Text {
        /// The text's member.
        pointer: String,
        /// The text that was written on.
        base: String,
        /// What it became.
        value: String,
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
    pub(crate) fn pointer(&self) -> &str {
        match self {
            Self::Set { pointer, .. }
            | Self::Unset { pointer }
            | Self::Text { pointer, .. }
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

/// What a person does to a profile, in one change.
#[derive(Debug, Clone, Copy)]
pub enum Steps<'a> {
    /// Edits, one after the other.
    Edits(&'a [Edit]),
    /// Fields that are given a value, as [`Record::field`] reads them, or taken away: what taking
    /// back and restoring do. The empty pointer is the profile itself: `true` deletes it, `false`
    /// brings it back, a text says which profile it was merged into.
    Fields(&'a [(String, Option<Value>)]),
    /// The whole record is to be so.
    Record(&'a Record),
    /// The profile is deleted.
    Delete,
    /// The profile is deleted, since it was merged into the one with this id.
    Become(&'a str),
}

/// What the first edit of a profile made.
#[derive(Debug)]
pub struct Begun {
    /// The document, with the change in it.
    pub document: Document,
    /// The change.
    pub change: Change,
    /// The record as the document now reads.
    pub record: Record,
}

impl Steps<'_> {
    /// The record after these steps.
    fn wanted(&self, schema: &RecordSchema, from: &Record) -> Result<Record, EditError> {
        let mut members = from.members().clone();
        match self {
            Self::Record(record) => return Ok((*record).clone()),
            Self::Delete | Self::Become(_) => return Ok(from.clone()),
            Self::Edits(edits) => {
                for edit in *edits {
                    apply_to_record(schema, &mut members, edit)?;
                }
            }
            Self::Fields(fields) => {
                for (pointer, value) in fields.iter().filter(|(pointer, _)| pointer != WHOLE) {
                    field::put(schema, &mut members, pointer, value.as_ref())?;
                }
            }
        }
        let accepted = Record::accept(schema, &Value::Object(members));
        Ok(accepted.map_err(EditError::Invalid)?.record)
    }

    /// The fields that are set, or taken away where all fields are named, by pointer.
    fn set(&self) -> Vec<&str> {
        match self {
            Self::Record(_) | Self::Delete | Self::Become(_) => Vec::new(),
            Self::Edits(edits) => {
                let set = edits.iter().filter(|edit| matches!(edit, Edit::Set { .. }));
                set.map(Edit::pointer).collect()
            }
            Self::Fields(fields) => fields.iter().map(|(pointer, _)| pointer.as_str()).collect(),
        }
    }

    /// What is to become of the profile; nothing where it stays as it is.
    fn fate(&self) -> Option<Fate<'_>> {
        match self {
            Self::Delete => Some(Fate::Goes),
            Self::Become(into) => Some(Fate::Becomes(into)),
            Self::Fields(fields) => {
                let whole = fields.iter().find(|(pointer, _)| pointer == WHOLE);
                whole.map(|(_, value)| Fate::of(value.as_ref()))
            }
            Self::Edits(_) | Self::Record(_) => None,
        }
    }
}

impl Document {
    /// Makes the document of a profile that nobody has edited, with a first change. Answers `None`
    /// where the steps change nothing. The same as [`Document::genesis`] and [`Document::edit`],
    /// without reading the document back.
    ///
    /// # Errors
    /// [`EditError`].
    pub fn begin(
        schema: &RecordSchema,
        record: &Record,
        actor: Actor,
        stamp: &Stamp,
        steps: Steps<'_>,
    ) -> Result<Option<Begun>, EditError> {
        let wanted = steps.wanted(schema, record)?;
        let mut ops = diff(schema, record.members(), wanted.members(), Extent::Whole);
        ops.extend(steps.fate().into_iter().flat_map(|fate| Life::Kept.steps_to(fate, None)));
        if ops.is_empty() {
            return Ok(None);
        }
        add_moment(schema, stamp, &mut ops);
        let mut document = Self::genesis(schema, record)?;
        let Some(change) = document.commit_edit(schema, actor, stamp, &ops)? else {
            return Ok(None);
        };
        let mut members = wanted.members().clone();
        for op in &ops {
            let Op::Register { member, value: Some(value) } = op else { continue };
            if schema.rule(member) == Some(&MergeRule::Max) {
                members.insert(member.clone(), value.clone());
            }
        }
        Ok(Some(Begun { document, change, record: Record::from_canonical(members) }))
    }

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
        self.step(schema, actor, stamp, Steps::Edits(edits))
    }

    /// Takes steps as one change. Answers `None` where they change nothing.
    ///
    /// # Errors
    /// [`EditError`]; nothing was changed then.
    pub fn step(
        &mut self,
        schema: &RecordSchema,
        actor: Actor,
        stamp: &Stamp,
        steps: Steps<'_>,
    ) -> Result<Option<Change>, EditError> {
        let current = self.record(schema)?;
        let wanted = steps.wanted(schema, &current)?;
        let mut ops = diff(schema, current.members(), wanted.members(), Extent::Whole);
        // Setting a contested field to the value it already shows is a decision all the same.
        let contested = self.reader(schema, None).contested().map_err(DocumentError::from)?;
        for pointer in steps.set() {
            if contested.iter().any(|(p, _)| p == pointer)
                && let Some(path) = pointer::parse(pointer)
                && let Some(op) = op_for(schema, &path, wanted.field(schema, pointer))
                && !ops.contains(&op)
            {
                ops.push(op);
            }
        }
        if let Some(fate) = steps.fate() {
            let life = Life::of(&self.am).map_err(DocumentError::from)?;
            let became = deletion::became(&self.am, None).map_err(DocumentError::from)?;
            ops.extend(life.steps_to(fate, became.as_deref()));
        }
        self.commit_touched(schema, actor, stamp, ops)
    }

    /// Makes the change that turns the state which consists of `base` and its causes into `wanted`,
    /// and takes it in beside what came since. Answers `None` where it changes nothing. The actor must
    /// be a new one: it writes in the past.
    ///
    /// # Errors
    /// [`EditError`]; nothing was changed then.
    pub fn step_at(
        &mut self,
        schema: &RecordSchema,
        actor: Actor,
        stamp: &Stamp,
        base: &[ChangeHash],
        wanted: &Record,
    ) -> Result<Option<Change>, EditError> {
        let heads = self.heads_of(base);
        let from = self.reader(schema, Some(&heads)).members().map_err(DocumentError::from)?;
        let mut ops = diff(schema, &from, wanted.members(), Extent::Whole);
        if ops.is_empty() {
            return Ok(None);
        }
        add_moment(schema, stamp, &mut ops);
        Ok(self.commit_at(schema, &heads, actor.id(), stamp.options(), &ops)?)
    }

    /// Commits steps of a person, and with them the moment into members that keep the latest one.
    pub(crate) fn commit_touched(
        &mut self,
        schema: &RecordSchema,
        actor: Actor,
        stamp: &Stamp,
        mut ops: Vec<Op>,
    ) -> Result<Option<Change>, EditError> {
        if ops.is_empty() {
            return Ok(None);
        }
        add_moment(schema, stamp, &mut ops);
        Ok(self.commit_edit(schema, actor, stamp, &ops)?)
    }
}

/// Adds the moment to members that keep the latest one. Deleting alone leaves the record as it is, so
/// that taking it back does too.
fn add_moment(schema: &RecordSchema, stamp: &Stamp, ops: &mut Vec<Op>) {
    if ops.iter().all(deletion::is_set) {
        return;
    }
    for (latest, at) in moments(schema, stamp) {
        let is_it = |op: &Op| matches!(op, Op::Register { member, .. } if *member == latest.name);
        if !ops.iter().any(is_it) {
            ops.push(Op::Register { member: latest.name.clone(), value: Some(at) });
        }
    }
}

/// The members that keep the latest moment, with the one that a change leaves in them; none for a
/// moment that no clock shows.
pub(crate) fn moments<'a>(
    schema: &'a RecordSchema,
    stamp: &Stamp,
) -> impl Iterator<Item = (&'a Member, Value)> {
    let at = Instant::from_unix_millis(stamp.at_seconds.saturating_mul(1000)).ok();
    let at = at.map(|at| Value::String(at.to_string()));
    let latest = schema.members().iter().filter(|member| member.rule == MergeRule::Max);
    latest.filter_map(move |member| Some((member, at.clone()?)))
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
        (Edit::Text { base, value, .. }, MergeRule::Text, []) => {
            let current = record.get(name).and_then(Value::as_str).unwrap_or_default();
            let text = text::merged(base, value, current)?;
            record.insert(name.clone(), Value::String(text));
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
        (Edit::Text { .. }, _, _) => Err(refuse("it is no text that is merged by character")),
        _ => Err(refuse("it has no such part")),
    }
}
