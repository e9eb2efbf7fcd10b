//! Who changed what and when.

use automerge as am;
use serde_json::{Map, Value};

use crate::actor::ActorClass;
use crate::changes::ChangeHash;
use crate::diff::elements;
use crate::pointer::escape;
use crate::read::{Malformed, Reader};
use crate::schema::{MergeRule, RecordSchema};

/// One field's change.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// JSON pointer of the field.
    pub pointer: String,
    /// Its value before, where there was one.
    pub before: Option<Value>,
    /// Its value after, where there is one.
    pub after: Option<Value>,
}

/// What sort of change it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryKind {
    /// The first content.
    Genesis,
    /// A later import.
    Import,
    /// A person's edit.
    Edit,
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    /// Its hash.
    pub change: ChangeHash,
    /// What sort of change it was.
    pub kind: HistoryKind,
    /// Who, where the change says so.
    pub by: Option<String>,
    /// When, in seconds since 1970; imports carry no time.
    pub at: Option<i64>,
    /// What it changed; empty for the genesis, which brought everything.
    pub fields: Vec<FieldChange>,
}

/// The changes in causal order, oldest first, without the scaffold.
pub(crate) fn read(
    doc: &am::Automerge,
    schema: &RecordSchema,
) -> Result<Vec<HistoryEntry>, Malformed> {
    let mut entries = Vec::new();
    for meta in doc.get_changes_meta(&[]) {
        let class = ActorClass::of(&meta.actor);
        let kind = match class {
            ActorClass::Scaffold => continue,
            ActorClass::Genesis => HistoryKind::Genesis,
            ActorClass::Import => HistoryKind::Import,
            ActorClass::Person => HistoryKind::Edit,
        };
        let fields = if kind == HistoryKind::Genesis {
            Vec::new()
        } else {
            let members =
                |heads: &[am::ChangeHash]| Reader { doc, schema, heads: Some(heads) }.members();
            field_changes(schema, &members(&meta.deps)?, &members(&[meta.hash])?)
        };
        entries.push(HistoryEntry {
            change: meta.hash.into(),
            kind,
            by: meta.message.as_ref().map(ToString::to_string),
            at: (class == ActorClass::Person).then_some(meta.timestamp),
            fields,
        });
    }
    Ok(entries)
}

/// What differs between two records, to the depth at which people edit: keys of maps and elements
/// of sets singly, everything else whole. The moment that every edit leaves is not listed.
fn field_changes(
    schema: &RecordSchema,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    for member in schema.members() {
        let (old, new) = (before.get(&member.name), after.get(&member.name));
        if old == new || member.rule == MergeRule::Max {
            continue;
        }
        let pointer = format!("/{}", escape(&member.name));
        let parts = |value: Option<&Value>| match &member.rule {
            MergeRule::RegisterPerKey => {
                Some(value.and_then(Value::as_object).map_or_else(Default::default, |map| {
                    map.iter().map(|(k, v)| (k.clone(), v.clone())).collect()
                }))
            }
            MergeRule::Set { key, .. } => Some(elements(key.as_deref(), value)),
            _ => None,
        };
        match (parts(old), parts(new)) {
            (Some(old), Some(new)) => {
                let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
                keys.sort();
                keys.dedup();
                for key in keys.into_iter().filter(|key| old.get(*key) != new.get(*key)) {
                    changes.push(FieldChange {
                        pointer: format!("{pointer}/{}", escape(key)),
                        before: old.get(key).cloned(),
                        after: new.get(key).cloned(),
                    });
                }
            }
            _ => changes.push(FieldChange { pointer, before: old.cloned(), after: new.cloned() }),
        }
    }
    changes
}
