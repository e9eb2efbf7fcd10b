//! Fields as people edit them: keys of maps and elements of sets singly, everything else whole.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::diff::elements;
use crate::edit::EditError;
use crate::pointer::{self, escape};
use crate::record::Record;
use crate::schema::{MergeRule, RecordSchema};

/// One field's change.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// JSON pointer of the field; for an element of a set, the set's and the element's key.
    pub pointer: String,
    /// Its value before, where there was one; for a plain element of a set `true`.
    pub before: Option<Value>,
    /// Its value after, where there is one.
    pub after: Option<Value>,
}

impl Record {
    /// The value of the field at `pointer`, as [`FieldChange`] gives it.
    #[must_use]
    pub fn field(&self, schema: &RecordSchema, pointer: &str) -> Option<Value> {
        of(schema, self.members(), pointer)
    }

    /// The fields that the two records have, by pointer, with the value in each; of sets nothing, and
    /// not the moment of the last change.
    #[must_use]
    pub fn side_by_side(&self, schema: &RecordSchema, other: &Self) -> Vec<FieldChange> {
        let mut fields = Vec::new();
        for member in schema.members() {
            let both = [self, other].map(|one| one.members().get(&member.name));
            let is_listed = !matches!(
                member.rule,
                MergeRule::Identity | MergeRule::Derived | MergeRule::Max | MergeRule::Set { .. }
            );
            if !is_listed || both == [None, None] {
                continue;
            }
            let pointer = format!("/{}", escape(&member.name));
            if member.rule != MergeRule::RegisterPerKey {
                let [before, after] = both.map(Option::<&Value>::cloned);
                fields.push(FieldChange { pointer, before, after });
                continue;
            }
            let [mine, theirs] = both.map(|value| parts(&member.rule, value).unwrap_or_default());
            let keys: BTreeSet<&String> = mine.keys().chain(theirs.keys()).collect();
            fields.extend(keys.into_iter().map(|key| FieldChange {
                pointer: format!("{pointer}/{}", escape(key)),
                before: mine.get(key).cloned(),
                after: theirs.get(key).cloned(),
            }));
        }
        fields
    }
    /// What differs from this record to `after`. The moment that every edit leaves is not listed.
    #[must_use]
    pub fn changes_to(&self, schema: &RecordSchema, after: &Self) -> Vec<FieldChange> {
        changes(schema, self.members(), after.members())
    }
}

/// The value of a field of these members, as [`FieldChange`] gives it.
pub(crate) fn of(
    schema: &RecordSchema,
    members: &Map<String, Value>,
    pointer: &str,
) -> Option<Value> {
    let path = pointer::parse(pointer)?;
    let (name, rest) = path.split_first()?;
    let value = members.get(name);
    match (schema.rule(name)?, rest) {
        (MergeRule::RegisterPerKey, [key]) => value?.get(key).cloned(),
        (MergeRule::Set { key: by, .. }, [key]) => elements(by.as_deref(), value).remove(key),
        (_, []) => value.cloned(),
        _ => None,
    }
}

/// What differs between two records, field by field.
pub(crate) fn changes(
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
        match (parts(&member.rule, old), parts(&member.rule, new)) {
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

/// The fields within a member, where it has some.
fn parts(rule: &MergeRule, value: Option<&Value>) -> Option<BTreeMap<String, Value>> {
    match rule {
        MergeRule::RegisterPerKey => {
            let map = value.and_then(Value::as_object).into_iter().flatten();
            Some(map.map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        MergeRule::Set { key, .. } => Some(elements(key.as_deref(), value)),
        _ => None,
    }
}

/// Gives a field a value, or takes it away.
pub(crate) fn put(
    schema: &RecordSchema,
    record: &mut Map<String, Value>,
    pointer: &str,
    value: Option<&Value>,
) -> Result<(), EditError> {
    let refuse = |reason| EditError::Target { pointer: pointer.to_owned(), reason };
    let path = pointer::parse(pointer).ok_or_else(|| refuse("it is no JSON pointer"))?;
    let name = path.first().ok_or_else(|| refuse("name a member of the record"))?;
    let rule = schema.rule(name).ok_or_else(|| refuse("the schema has no such member"))?;
    match (rule, &path[1..]) {
        (MergeRule::Identity, _) => Err(refuse("it never changes")),
        (MergeRule::Derived, _) => Err(refuse("it is computed")),
        (MergeRule::RegisterPerKey, [key]) => {
            let map = record.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            let map = map.as_object_mut().ok_or_else(|| refuse("it is no map"))?;
            match value {
                Some(value) => map.insert(key.clone(), value.clone()),
                None => map.remove(key),
            };
            Ok(())
        }
        (MergeRule::Set { key: by, .. }, [key]) => {
            let set = record.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new()));
            let set = set.as_array_mut().ok_or_else(|| refuse("it is no set"))?;
            set.retain(|item| match by {
                Some(by) => item[by.as_str()] != key.as_str(),
                None => item != key.as_str(),
            });
            match (by, value) {
                (_, None) => {}
                (None, Some(_)) => set.push(Value::String(key.clone())),
                (Some(by), Some(Value::Object(content))) => {
                    let mut item = content.clone();
                    item.insert(by.clone(), Value::String(key.clone()));
                    set.push(Value::Object(item));
                }
                (Some(_), Some(_)) => return Err(refuse("an element of it is an object")),
            }
            Ok(())
        }
        (_, []) => {
            match value {
                Some(value) => record.insert(name.clone(), value.clone()),
                None => record.remove(name),
            };
            Ok(())
        }
        _ => Err(refuse("it has no such part")),
    }
}
