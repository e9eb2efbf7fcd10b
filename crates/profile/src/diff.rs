//! What turns one record into another, member by member, as the schema's rules allow.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::canonical::write_jcs;
use crate::instant::Instant;
use crate::schema::{Member, MergeRule, RecordSchema};

/// How much of the difference counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it: a person's edit.
    Whole,
    /// All but removals from grow-only sets: a later import of the same profile.
    Import,
    /// Only what is new or other: an import with no common past, which can remove nothing.
    Overlay,
}

/// One step of a difference. Values are as they stand in the record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Op {
    /// Sets the member itself, or removes it.
    Register { member: String, value: Option<Value> },
    /// Sets one key of a map of registers, or removes it.
    Key { member: String, key: String, value: Option<Value> },
    /// Puts an element into a set (`true`, or its content), or takes it out.
    Element { member: String, key: String, value: Option<Value> },
    /// Replaces a text.
    Text { member: String, text: String },
}

/// The elements of a set by their keys: `true` for plain ones, else the content without the key.
pub(crate) fn elements(key: Option<&str>, set: Option<&Value>) -> BTreeMap<String, Value> {
    let items = set.and_then(Value::as_array).into_iter().flatten();
    let mut elements = BTreeMap::new();
    for item in items {
        match (key, item) {
            (None, Value::String(name)) => {
                elements.insert(name.clone(), Value::Bool(true));
            }
            (Some(key), Value::Object(object)) => {
                let mut content = object.clone();
                if let Some(Value::String(name)) = content.remove(key) {
                    elements.insert(name, Value::Object(content));
                }
            }
            _ => {}
        }
    }
    elements
}

/// The steps from `from` to `to`, in the order of the genesis encoding: members by name, keys by
/// name within them.
pub(crate) fn diff(
    schema: &RecordSchema,
    from: &Map<String, Value>,
    to: &Map<String, Value>,
    extent: Extent,
) -> Vec<Op> {
    let mut ops = Vec::new();
    for member in schema.members() {
        diff_member(member, from.get(&member.name), to.get(&member.name), extent, &mut ops);
    }
    ops
}

fn diff_member(
    member: &Member,
    from: Option<&Value>,
    to: Option<&Value>,
    extent: Extent,
    ops: &mut Vec<Op>,
) {
    if from == to {
        return;
    }
    let name = || member.name.clone();
    match &member.rule {
        MergeRule::Derived => {}
        // `schema` and `id` appear once, in the genesis, whose `from` is empty.
        MergeRule::Identity if from.is_some() => {}
        MergeRule::Identity | MergeRule::Register { .. } => {
            if to.is_some() || extent != Extent::Overlay {
                ops.push(Op::Register { member: name(), value: to.cloned() });
            }
        }
        MergeRule::Min | MergeRule::Max => {
            let value = match (from, to) {
                (Some(from), Some(to)) if extent != Extent::Whole => {
                    Some(outermost(&member.rule, [from, to]).clone())
                }
                (Some(from), None) if extent != Extent::Whole => Some(from.clone()),
                _ => to.cloned(),
            };
            if value.as_ref() != from {
                ops.push(Op::Register { member: name(), value });
            }
        }
        MergeRule::Text => {
            let text = to.and_then(Value::as_str).unwrap_or_default();
            if !text.is_empty() || extent != Extent::Overlay {
                ops.push(Op::Text { member: name(), text: text.to_owned() });
            }
        }
        MergeRule::RegisterPerKey => {
            let keys = |value: Option<&Value>| -> BTreeMap<String, Value> {
                let map = value.and_then(Value::as_object).into_iter().flatten();
                map.map(|(k, v)| (k.clone(), v.clone())).collect()
            };
            let removes = extent != Extent::Overlay;
            for (key, value) in changed(&keys(from), &keys(to), removes) {
                ops.push(Op::Key { member: name(), key, value });
            }
        }
        MergeRule::Set { key, grow_only } => {
            let removes = match extent {
                Extent::Whole => true,
                Extent::Import => !grow_only,
                Extent::Overlay => false,
            };
            let (from, to) = (elements(key.as_deref(), from), elements(key.as_deref(), to));
            for (key, value) in changed(&from, &to, removes) {
                ops.push(Op::Element { member: name(), key, value });
            }
        }
    }
}

fn changed(
    from: &BTreeMap<String, Value>,
    to: &BTreeMap<String, Value>,
    removes: bool,
) -> BTreeMap<String, Option<Value>> {
    let mut changed = BTreeMap::new();
    for (key, value) in to {
        if from.get(key) != Some(value) {
            changed.insert(key.clone(), Some(value.clone()));
        }
    }
    if removes {
        for key in from.keys().filter(|key| !to.contains_key(*key)) {
            changed.insert(key.clone(), None);
        }
    }
    changed
}

/// The smallest or largest instant, as the rule says.
pub(crate) fn outermost<'a>(
    rule: &MergeRule,
    values: impl IntoIterator<Item = &'a Value>,
) -> &'a Value {
    let at = |value: &&Value| value.as_str().and_then(|text| Instant::parse(text).ok());
    let values = values.into_iter();
    let chosen =
        if *rule == MergeRule::Min { values.min_by_key(at) } else { values.max_by_key(at) };
    chosen.unwrap_or(&Value::Null)
}

/// A structured value as the text that a document holds.
pub(crate) fn structured_text(value: &Value) -> String {
    let mut out = Vec::new();
    write_jcs(value, &mut out);
    String::from_utf8(out).expect("canonical JSON is made of strings")
}
