//! The genesis of a document as one ready change.
//!
//! A transaction looks for each operation's place among those before it. The genesis needs none of
//! that: it only writes new keys into the empty containers of the scaffold, so its operations can be
//! written down as they come. The bytes are the same, which a test holds fast.

use std::num::NonZeroU64;

use automerge as am;
use automerge::legacy::{ElementId, Key, ObjectId, Op as Operation, OpId, OpType, SortedVec};
use automerge::{ActorId, Automerge, ExpandedChange, ObjId, ScalarValue};

use crate::diff::Op;
use crate::document::{DocumentError, Targets, is_structured};
use crate::read::to_scalar;
use crate::schema::RecordSchema;

/// The change of `actor` that makes a record out of the scaffold by `ops`.
///
/// # Errors
/// [`DocumentError`] where an operation is none that a first record can need.
pub(crate) fn change(
    schema: &RecordSchema,
    scaffold: &Automerge,
    actor: ActorId,
    ops: &[Op],
    targets: &Targets,
) -> Result<am::Change, DocumentError> {
    let before = scaffold.get_changes(&[]).iter().map(am::Change::max_op).max().unwrap_or_default();
    let start_op = NonZeroU64::MIN.saturating_add(before);
    let mut writer = Writer { actor, next: start_op.get(), operations: Vec::with_capacity(64) };
    for op in ops {
        let other = || DocumentError::Operation(format!("{op:?} is no part of a first record"));
        match op {
            Op::Register { member, value: Some(value) } => {
                let scalar = to_scalar(value, is_structured(schema.member(member)));
                writer.put(ObjectId::Root, member, scalar);
            }
            Op::Key { member, key, value: Some(value) } => {
                writer.put(container(targets, member)?, key, to_scalar(value, false));
            }
            Op::Element { member, key, value: Some(value) } => {
                let scalar = to_scalar(value, value.is_object());
                writer.put(container(targets, member)?, key, scalar);
            }
            Op::Text { member, text } => writer.text(&container(targets, member)?, text),
            Op::Register { .. } | Op::Key { .. } | Op::Element { .. } => return Err(other()),
        }
    }
    let expanded = ExpandedChange {
        operations: writer.operations,
        actor_id: writer.actor,
        hash: None,
        seq: 1,
        start_op,
        time: 0,
        message: None,
        deps: scaffold.get_heads(),
        extra_bytes: Vec::new(),
        author: None,
    };
    Ok(expanded.into())
}

struct Writer {
    actor: ActorId,
    /// Counter of the next operation.
    next: u64,
    operations: Vec<Operation>,
}

impl Writer {
    fn put(&mut self, obj: ObjectId, key: &str, scalar: ScalarValue) {
        self.push(obj, Key::Map(key.into()), scalar, false);
    }

    /// One insertion for each character, each behind the one before.
    fn text(&mut self, obj: &ObjectId, text: &str) {
        let mut after = ElementId::Head;
        for c in text.chars() {
            let this = ElementId::Id(OpId::new(self.next, &self.actor));
            let key = Key::Seq(std::mem::replace(&mut after, this));
            self.push(obj.clone(), key, ScalarValue::Str(c.encode_utf8(&mut [0; 4]).into()), true);
        }
    }

    fn push(&mut self, obj: ObjectId, key: Key, scalar: ScalarValue, insert: bool) {
        let (action, pred) = (OpType::Put(scalar), SortedVec::new());
        self.operations.push(Operation { action, obj, key, pred, insert });
        self.next += 1;
    }
}

fn container(targets: &Targets, member: &str) -> Result<ObjectId, DocumentError> {
    match targets.get(member) {
        Some(ObjId::Id(counter, actor, _)) => Ok(ObjectId::Id(OpId::new(*counter, actor))),
        _ => Err(DocumentError::Malformed(member.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;
    use crate::actor;
    use crate::diff::{Extent, diff};
    use crate::document::{Document, FIRST_INCARNATION, apply, scaffold};
    use crate::record::Record;

    proptest! {
        #[test]
        fn it_is_the_change_that_a_transaction_makes(
            notes in ".{0,40}",
            name in "\\PC{1,20}",
            attributes in prop::collection::btree_map("[a-zä𝄞]{1,6}", scalar(), 0..6),
            tags in prop::collection::btree_set("[a-zé👩‍👧]{1,6}", 0..4),
            values in prop::collection::vec((-1e9..1e9_f64, 0..1000_u32), 0..5),
        ) {
            let schema = &RecordSchema::user_profile_v1();
            let observations: Vec<_> = values
                .iter()
                .map(|(value, n)| json!({
                    "signal": "order_value", "value": value, "n": n + 1,
                    "at": format!("2026-01-01T00:{:02}:00Z", n % 60), "source": "test",
                }))
                .collect();
            let line = json!({
                "schema": "user_profile.v1", "id": "p-1", "display_name": name, "notes": notes,
                "attributes": attributes, "tags": tags, "observations": observations,
                "consent": {"analytics": true, "recorded_at": "2026-01-01T00:00:00Z"},
                "created_at": "2026-01-01T00:00:00+01:00",
            });
            // Some made texts are no record; those are not the matter here.
            let Ok(accepted) = Record::parse(schema, line.to_string().as_bytes()) else {
                return Ok(());
            };
            let made = Document::genesis(schema, &accepted.record).unwrap();
            let ops = diff(schema, &Map::new(), accepted.record.members(), Extent::Whole);
            let mut slow = Document { am: scaffold(schema).unwrap() };
            let targets = slow.targets(schema, &ops).unwrap();
            let record = &accepted.record;
            slow.am.set_actor(actor::genesis(record.id(), FIRST_INCARNATION, &record.hash()));
            let mut tx = slow.am.transaction();
            apply(&mut tx, schema, &ops, &targets).unwrap();
            tx.commit_with(am::transaction::CommitOptions::default().with_time(0));
            prop_assert_eq!(made.heads(), slow.heads());
            let read = made.record(schema).unwrap();
            prop_assert_eq!(read.text(), record.text());
        }
    }

    fn scalar() -> impl Strategy<Value = serde_json::Value> {
        prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|b| json!(b)),
            any::<i32>().prop_map(|n| json!(n)),
            (-1e300..1e300_f64).prop_map(|n| json!(n)),
            ".{0,12}".prop_map(|t| json!(t)),
        ]
    }
}
