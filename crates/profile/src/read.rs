//! From a document to a record: which of several values counts, and which are in conflict.
//!
//! Every replica that holds the same changes reads the same record, because the choice among
//! concurrent values depends on the values, their operation ids and the class of their actors only.

use std::collections::{BTreeMap, BTreeSet};

use automerge as am;
use automerge::{ObjId, ObjType, ReadDoc, ScalarValue};
use serde_json::{Map, Value};

use crate::actor::ActorClass;
use crate::canonical::compare_utf16;
use crate::changes::ChangeHash;
use crate::diff::outermost;
use crate::instant::Instant;
use crate::json;
use crate::pointer::escape;
use crate::schema::{Member, MergeRule, RecordSchema};

/// One of several concurrent values of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct ConflictValue {
    /// The value; `None` where this side removed the field. Of the whole profile: whether this side
    /// deleted it, or the id of the profile that this side merged it into.
    pub value: Option<Value>,
    /// Names the value when one is chosen: `counter@actor`; of the whole profile `kept` or `deleted`.
    pub key: String,
    /// The change that set it.
    pub change: ChangeHash,
    /// The actor that set it.
    pub actor: Vec<u8>,
    /// What sort of actor.
    pub class: ActorClass,
    /// Who, where the change says so.
    pub by: Option<String>,
    /// When, in seconds since 1970; `None` for imports, which carry no time.
    pub at: Option<i64>,
}

/// A field with several values that differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// JSON pointer of the field; empty where the whole profile was deleted by one side.
    pub pointer: String,
    /// The value before the sides parted, where there was one.
    pub base: Option<Value>,
    /// The values, the one that is shown first.
    pub values: Vec<ConflictValue>,
}

/// One value of a register with what decides its rank.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) value: Option<Value>,
    pub(crate) op: ObjId,
    class: ActorClass,
    counter: u64,
    actor: Vec<u8>,
}

impl Candidate {
    pub(crate) fn key(&self) -> String {
        let mut key = format!("{}@", self.counter);
        for byte in &self.actor {
            key.push_str(&format!("{byte:02x}"));
        }
        key
    }
}

/// Reads a document at some heads, or as it is.
pub(crate) struct Reader<'a> {
    pub(crate) doc: &'a am::Automerge,
    pub(crate) schema: &'a RecordSchema,
    pub(crate) heads: Option<&'a [am::ChangeHash]>,
}

/// The document holds something that no replica writes.
#[derive(Debug, thiserror::Error)]
#[error("the document's `{0}` is not what the schema says")]
pub(crate) struct Malformed(pub(crate) String);

impl Reader<'_> {
    fn get_all(&self, obj: &ObjId, key: &str) -> Result<Vec<(am::Value<'_>, ObjId)>, Malformed> {
        let all = match self.heads {
            Some(heads) => self.doc.get_all_at(obj, key, heads),
            None => self.doc.get_all(obj, key),
        };
        all.map_err(|_| Malformed(key.to_owned()))
    }

    fn keys(&self, obj: &ObjId) -> Vec<String> {
        match self.heads {
            Some(heads) => self.doc.keys_at(obj, heads).collect(),
            None => self.doc.keys(obj).collect(),
        }
    }

    pub(crate) fn container(&self, name: &str, kind: ObjType) -> Result<ObjId, Malformed> {
        let found = self.doc.get(am::ROOT, name).map_err(|_| Malformed(name.to_owned()))?;
        match found {
            Some((am::Value::Object(found), id)) if found == kind => Ok(id),
            _ => Err(Malformed(name.to_owned())),
        }
    }

    /// The concurrent values of one register, best first.
    pub(crate) fn candidates(
        &self,
        obj: &ObjId,
        key: &str,
        structured: bool,
    ) -> Result<Vec<Candidate>, Malformed> {
        let mut candidates = Vec::with_capacity(1);
        for (value, op) in self.get_all(obj, key)? {
            let am::Value::Scalar(scalar) = value else { return Err(Malformed(key.to_owned())) };
            let value = from_scalar(&scalar, structured).ok_or(Malformed(key.to_owned()))?;
            let (counter, actor, class) = match &op {
                ObjId::Id(counter, actor, _) => {
                    (*counter, actor.to_bytes().to_vec(), ActorClass::of(actor))
                }
                ObjId::Root => (0, Vec::new(), ActorClass::Scaffold),
            };
            candidates.push(Candidate { value, op, class, counter, actor });
        }
        candidates.sort_by(|a, b| {
            let rank = |c: &Candidate| (c.class == ActorClass::Person, c.counter);
            rank(b).cmp(&rank(a)).then_with(|| b.actor.cmp(&a.actor))
        });
        Ok(candidates)
    }

    /// The candidates of a register after its own rule has had its say.
    pub(crate) fn ruled(&self, rule: &MergeRule, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        if let MergeRule::Register { prefer: Some((member, preferred)), .. } = rule {
            let wins =
                |c: &Candidate| c.value.as_ref().and_then(|v| v.get(member)) == Some(preferred);
            if candidates.iter().any(wins) {
                candidates.retain(wins);
            }
        }
        candidates
    }

    pub(crate) fn root_candidates(&self, member: &Member) -> Result<Vec<Candidate>, Malformed> {
        let structured = matches!(member.rule, MergeRule::Register { structured: true, .. });
        let candidates = self.candidates(&am::ROOT, &member.name, structured)?;
        Ok(self.ruled(&member.rule, candidates))
    }

    /// The record's members, canonical.
    pub(crate) fn members(&self) -> Result<Map<String, Value>, Malformed> {
        let mut record = Map::new();
        for member in self.schema.members() {
            if let Some(value) = self.member(member)? {
                record.insert(member.name.clone(), value);
            }
        }
        Ok(record)
    }

    fn member(&self, member: &Member) -> Result<Option<Value>, Malformed> {
        match &member.rule {
            MergeRule::Derived => Ok(None),
            MergeRule::Identity | MergeRule::Register { .. } => {
                let first = self.root_candidates(member)?.into_iter().next();
                Ok(first.and_then(|candidate| candidate.value))
            }
            MergeRule::Min | MergeRule::Max => {
                let candidates = self.root_candidates(member)?;
                let values: Vec<Value> = candidates.into_iter().filter_map(|c| c.value).collect();
                Ok((!values.is_empty()).then(|| outermost(&member.rule, &values).clone()))
            }
            MergeRule::Text => {
                let text = self.text(&member.name)?;
                Ok((!text.is_empty()).then_some(Value::String(text)))
            }
            MergeRule::RegisterPerKey => {
                let mut map = Map::new();
                for (key, candidates) in self.entries(member)? {
                    if let Some(value) = candidates.into_iter().next().and_then(|c| c.value) {
                        map.insert(key, value);
                    }
                }
                Ok((!map.is_empty()).then_some(Value::Object(map)))
            }
            MergeRule::Set { key, .. } => {
                let mut items = Vec::new();
                for (name, candidates) in self.entries(member)? {
                    let Some(value) = candidates.into_iter().next().and_then(|c| c.value) else {
                        continue;
                    };
                    items.push((name, value));
                }
                let items = rebuild_set(member, key.as_deref(), items)?;
                Ok((!items.is_empty()).then_some(Value::Array(items)))
            }
        }
    }

    pub(crate) fn text(&self, member: &str) -> Result<String, Malformed> {
        let id = self.container(member, ObjType::Text)?;
        let text = match self.heads {
            Some(heads) => self.doc.text_at(&id, heads),
            None => self.doc.text(&id),
        };
        text.map_err(|_| Malformed(member.to_owned()))
    }

    /// All keys of a container with their candidates, best first.
    pub(crate) fn entries(
        &self,
        member: &Member,
    ) -> Result<BTreeMap<String, Vec<Candidate>>, Malformed> {
        let id = self.container(&member.name, ObjType::Map)?;
        let structured = matches!(member.rule, MergeRule::Set { key: Some(_), .. });
        let mut entries = BTreeMap::new();
        for key in self.keys(&id) {
            let candidates = self.candidates(&id, &key, structured)?;
            entries.insert(key, candidates);
        }
        Ok(entries)
    }

    /// The fields whose concurrent values differ, with their candidates, by pointer.
    pub(crate) fn contested(&self) -> Result<Vec<(String, Vec<Candidate>)>, Malformed> {
        let mut contested = Vec::new();
        for member in self.schema.members() {
            match &member.rule {
                MergeRule::Register { .. } => {
                    let candidates = self.root_candidates(member)?;
                    if differ(&candidates) {
                        contested.push((format!("/{}", escape(&member.name)), candidates));
                    }
                }
                MergeRule::RegisterPerKey | MergeRule::Set { .. } => {
                    for (key, candidates) in self.entries(member)? {
                        if differ(&candidates) {
                            let pointer = format!("/{}/{}", escape(&member.name), escape(&key));
                            contested.push((pointer, candidates));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(contested)
    }

    pub(crate) fn conflicts(&self) -> Result<Vec<Conflict>, Malformed> {
        let contested = self.contested()?;
        let mut conflicts = Vec::with_capacity(contested.len());
        for (pointer, candidates) in contested {
            conflicts.push(self.conflict(pointer, &candidates)?);
        }
        Ok(conflicts)
    }

    fn conflict(&self, pointer: String, candidates: &[Candidate]) -> Result<Conflict, Malformed> {
        let mut values: Vec<ConflictValue> = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            if values.iter().any(|v| v.value == candidate.value) {
                continue;
            }
            let malformed = || Malformed(pointer.clone());
            let first = self.first_written(&pointer, candidate)?;
            let hash = self.doc.hash_for_opid(&first.op).ok_or_else(malformed)?;
            let meta = self.doc.get_change_meta_by_hash(&hash).ok_or_else(malformed)?;
            values.push(ConflictValue {
                value: candidate.value.clone(),
                key: candidate.key(),
                change: hash.into(),
                actor: first.actor,
                class: first.class,
                by: meta.message.as_ref().map(ToString::to_string),
                at: (first.class == ActorClass::Person).then_some(meta.timestamp),
            });
        }
        let base = self.base_of(&pointer, &values)?;
        Ok(Conflict { pointer, base, values })
    }

    /// The field's value where all sides' pasts still agreed.
    fn base_of(&self, pointer: &str, values: &[ConflictValue]) -> Result<Option<Value>, Malformed> {
        let pasts: Vec<BTreeSet<am::ChangeHash>> =
            values.iter().map(|v| past_of(self.doc, v.change.into())).collect();
        let Some((first, rest)) = pasts.split_first() else { return Ok(None) };
        let common: BTreeSet<am::ChangeHash> = first
            .iter()
            .filter(|hash| rest.iter().all(|past| past.contains(*hash)))
            .copied()
            .collect();
        let heads = heads_within(self.doc, &common);
        let before = Reader { doc: self.doc, schema: self.schema, heads: Some(&heads) };
        let Some(path) = crate::pointer::parse(pointer) else { return Ok(None) };
        let Some(member) = path.first().and_then(|name| self.schema.member(name)) else {
            return Ok(None);
        };
        let best = match path.get(1) {
            None => before.root_candidates(member)?.into_iter().next(),
            Some(key) => before.entries(member)?.remove(key).and_then(|c| c.into_iter().next()),
        };
        Ok(best.and_then(|candidate| candidate.value))
    }
}

pub(crate) fn differ(candidates: &[Candidate]) -> bool {
    candidates.windows(2).any(|pair| pair[0].value != pair[1].value)
}

/// All changes before `change`, without itself.
pub(crate) fn past_of(doc: &am::Automerge, change: am::ChangeHash) -> BTreeSet<am::ChangeHash> {
    let mut past = BTreeSet::new();
    let mut open = vec![change];
    while let Some(hash) = open.pop() {
        for dep in doc.get_change_meta_by_hash(&hash).into_iter().flat_map(|meta| meta.deps) {
            if past.insert(dep) {
                open.push(dep);
            }
        }
    }
    past
}

/// The changes of a past-closed set that no other of the set builds on.
pub(crate) fn heads_within(
    doc: &am::Automerge,
    changes: &BTreeSet<am::ChangeHash>,
) -> Vec<am::ChangeHash> {
    let mut heads = changes.clone();
    for hash in changes {
        for dep in doc.get_change_meta_by_hash(hash).into_iter().flat_map(|meta| meta.deps) {
            heads.remove(&dep);
        }
    }
    heads.into_iter().collect()
}

fn rebuild_set(
    member: &Member,
    key: Option<&str>,
    items: Vec<(String, Value)>,
) -> Result<Vec<Value>, Malformed> {
    let Some(key) = key else {
        let mut names: Vec<String> = items.into_iter().map(|(name, _)| name).collect();
        names.sort_by(|a, b| compare_utf16(a, b));
        return Ok(names.into_iter().map(Value::String).collect());
    };
    let mut sortable = Vec::with_capacity(items.len());
    for (name, content) in items {
        let Value::Object(mut object) = content else { return Err(Malformed(name)) };
        let instant = member
            .order
            .as_deref()
            .and_then(|order| object.get(order))
            .and_then(Value::as_str)
            .and_then(|text| Instant::parse(text).ok());
        object.insert(key.to_owned(), Value::String(name.clone()));
        sortable.push((instant, name, object));
    }
    sortable.sort_by(|(at_a, a, _), (at_b, b, _)| at_a.cmp(at_b).then_with(|| compare_utf16(a, b)));
    Ok(sortable.into_iter().map(|(_, _, object)| Value::Object(object)).collect())
}

/// The scalar that stands for a removed register. Removing is a value like any other, so that
/// removing and setting at the same time is a conflict that somebody decides.
pub(crate) fn removed() -> ScalarValue {
    ScalarValue::Bytes(Vec::new())
}

pub(crate) fn to_scalar(value: &Value, structured: bool) -> ScalarValue {
    match value {
        _ if structured => ScalarValue::Str(crate::diff::structured_text(value).into()),
        Value::Null => ScalarValue::Null,
        Value::Bool(b) => ScalarValue::Boolean(*b),
        Value::String(text) => ScalarValue::Str(text.into()),
        Value::Number(number) => match number.as_i64() {
            // The fixed number rule: integers within ±2^53 are Int, all else is F64.
            Some(integer) if integer.unsigned_abs() <= 1 << 53 => ScalarValue::Int(integer),
            _ => ScalarValue::F64(number.as_f64().unwrap_or_default()),
        },
        Value::Array(_) | Value::Object(_) => {
            ScalarValue::Str(crate::diff::structured_text(value).into())
        }
    }
}

/// `Some(None)` is a removed register; `None` is no value of ours.
fn from_scalar(scalar: &ScalarValue, structured: bool) -> Option<Option<Value>> {
    let value = match scalar {
        ScalarValue::Bytes(bytes) if bytes.is_empty() => return Some(None),
        ScalarValue::Str(text) if structured => json::parse(text.as_bytes()).ok()?,
        ScalarValue::Str(text) => Value::String(text.to_string()),
        ScalarValue::Null => Value::Null,
        ScalarValue::Boolean(b) => Value::Bool(*b),
        ScalarValue::Int(integer) => Value::from(*integer),
        ScalarValue::F64(x) => Value::Number(json::number(*x)?),
        _ => return None,
    };
    Some(Some(value))
}
