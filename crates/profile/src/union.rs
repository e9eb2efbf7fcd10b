//! Two records that are of one person, as one (docs/adr/0030).
//!
//! Which rule a member has says what becomes of it, as in a merge of two versions; but here nothing
//! is older than the other, so what one of them lacks it never had: it gets it. Where both have a
//! field with different values, the kept record's stays, unless the other's is asked for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::diff::{elements, outermost, structured_text};
use crate::edit::EditError;
use crate::field;
use crate::instant::Instant;
use crate::pointer::escape;
use crate::record::Record;
use crate::schema::{Member, MergeRule, RecordSchema};
use crate::violation::Violation;

/// Between the notes of the two.
const BETWEEN_NOTES: &str = "\n\n";

/// A field that both records have, with different values.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// JSON pointer of the field; for an element of a set, the set's and the element's key.
    pub pointer: String,
    /// The value in the record that is kept.
    pub kept: Value,
    /// The value in the one that is merged into it.
    pub merged: Value,
}

/// What two records are as one.
#[derive(Debug, Clone, PartialEq)]
pub struct Union {
    /// The record, under the id of the one that is kept; nothing where it would not fit the schema.
    pub record: Option<Record>,
    /// Its members, also where they do not fit.
    pub members: Map<String, Value>,
    /// The fields that were chosen for, or could be.
    pub differences: Vec<Difference>,
    /// What does not fit: at most one violation for each member.
    pub limits: Vec<Violation>,
}

impl Union {
    /// The value of a field, also where the record does not fit.
    #[must_use]
    pub fn field(&self, schema: &RecordSchema, pointer: &str) -> Option<Value> {
        field::of(schema, &self.members, pointer)
    }
}

impl Record {
    /// This record with everything of `other`, which is of the same person. `take` names the fields
    /// whose values are taken from `other` where both have one. Without it all but notes, id and the
    /// moment of the last change are the same whichever of the two is kept, where nothing differs.
    ///
    /// # Errors
    /// [`EditError::Target`] where `take` names a field in which the two do not differ.
    pub fn united(
        &self,
        schema: &RecordSchema,
        other: &Self,
        take: &BTreeSet<String>,
    ) -> Result<Union, EditError> {
        let mut members = self.members().clone();
        let mut differences = Vec::new();
        for member in schema.members() {
            let Some(theirs) = other.members().get(&member.name) else { continue };
            let mine = self.members().get(&member.name);
            if let Some(value) = united(member, mine, theirs, &mut differences) {
                members.insert(member.name.clone(), value);
            }
        }
        for pointer in take {
            let Some(difference) = differences.iter().find(|one| one.pointer == *pointer) else {
                let reason = "the two profiles do not differ there";
                return Err(EditError::Target { pointer: pointer.clone(), reason });
            };
            field::put(schema, &mut members, pointer, Some(&difference.merged))?;
        }
        let (record, limits) = checked(schema, &members);
        Ok(Union { record, members, differences, limits })
    }
}

/// What becomes of a member that the other record has; nothing where it stays.
fn united(
    member: &Member,
    mine: Option<&Value>,
    theirs: &Value,
    differences: &mut Vec<Difference>,
) -> Option<Value> {
    let pointer = format!("/{}", escape(&member.name));
    let mut differ = |pointer: String, kept: &Value, merged: &Value| {
        if kept != merged {
            differences.push(Difference { pointer, kept: kept.clone(), merged: merged.clone() });
        }
    };
    match (&member.rule, mine) {
        // The moment of the last change is that of the merging.
        (MergeRule::Identity | MergeRule::Derived | MergeRule::Max, _) => None,
        (_, None) => Some(theirs.clone()),
        (MergeRule::Register { prefer: Some(prefer), .. }, Some(mine)) => {
            Some(preferred(member, prefer, [mine, theirs]).clone())
        }
        (MergeRule::Register { prefer: None, .. }, Some(mine)) => {
            differ(pointer, mine, theirs);
            None
        }
        (MergeRule::Min, Some(mine)) => Some(outermost(&MergeRule::Min, [mine, theirs]).clone()),
        (MergeRule::Text, Some(mine)) => joined(mine.as_str()?, theirs.as_str()?),
        (MergeRule::RegisterPerKey, Some(mine)) => {
            let mut all = theirs.as_object()?.clone();
            for (key, value) in mine.as_object()? {
                if let Some(merged) = all.insert(key.clone(), value.clone()) {
                    differ(format!("{pointer}/{}", escape(key)), value, &merged);
                }
            }
            Some(Value::Object(all))
        }
        (MergeRule::Set { key, .. }, Some(mine)) => {
            let by = key.as_deref();
            let (own, others) = (elements(by, Some(mine)), elements(by, Some(theirs)));
            let mut all = mine.as_array()?.clone();
            for item in theirs.as_array()? {
                let name = by.map_or(item, |by| &item[by]).as_str()?;
                match (own.get(name), others.get(name)) {
                    (Some(kept), Some(merged)) => {
                        differ(format!("{pointer}/{}", escape(name)), kept, merged);
                    }
                    _ => all.push(item.clone()),
                }
            }
            Some(Value::Array(all))
        }
    }
}

/// The value that wins without being asked for, else the newer one; whichever comes first.
fn preferred<'a>(
    member: &Member,
    (name, value): &(String, Value),
    both: [&'a Value; 2],
) -> &'a Value {
    let rank = |one: &&Value| {
        let at = member.inner_instants.iter().find_map(|name| one.get(name)?.as_str());
        let at = at.and_then(|at| Instant::parse(at).ok());
        (one.get(name) == Some(value), at, structured_text(one))
    };
    let [mine, theirs] = both;
    if rank(&theirs) > rank(&mine) { theirs } else { mine }
}

/// One text below the other, where neither holds the other already.
fn joined(mine: &str, theirs: &str) -> Option<Value> {
    if mine.contains(theirs) {
        return None;
    }
    let text = match theirs.contains(mine) {
        true => theirs.to_owned(),
        false => format!("{mine}{BETWEEN_NOTES}{theirs}"),
    };
    Some(Value::String(text))
}

/// The record of these members, or what does not fit: member by member, since the first violation
/// alone would have people come back for the next.
fn checked(
    schema: &RecordSchema,
    members: &Map<String, Value>,
) -> (Option<Record>, Vec<Violation>) {
    let mut limits: BTreeMap<String, Violation> = BTreeMap::new();
    let mut rest = members.clone();
    loop {
        match Record::accept(schema, &Value::Object(rest.clone())) {
            Ok(accepted) => {
                let record = limits.is_empty().then_some(accepted.record);
                return (record, limits.into_values().collect());
            }
            Err(violation) => {
                let path = crate::pointer::parse(&violation.pointer).unwrap_or_default();
                let name = path.into_iter().next().unwrap_or_default();
                let is_part = rest.remove(&name).is_some();
                limits.insert(name, violation);
                if !is_part {
                    return (None, limits.into_values().collect());
                }
            }
        }
    }
}
