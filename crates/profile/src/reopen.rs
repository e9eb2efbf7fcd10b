//! Opening decided conflicts again, which is what taking a decision back means.
//!
//! A decision is a change that supersedes all concurrent values of a field. What it superseded is in
//! the document's past still, so it can be written again: one change of whoever takes the decision
//! back, with all the values side by side. No operation in it is on top of another one of it, so
//! every replica reads them as concurrent. Two replicas that take the same decision back write the
//! same values twice, which is one conflict with two values. Whose values they are is looked up in
//! the past, not written down: a value written again is still its first writer's.
//!
//! A deletion that was offered is opened again by the side that lost: what the decision did not
//! choose is written once more, beside the decision.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::num::NonZeroU64;

use automerge as am;
use automerge::legacy::{Key, ObjectId, Op as Operation, OpId, OpType};
use automerge::{ActorId, Automerge, ExpandedChange, ObjId, ObjType, ScalarValue};

use crate::actor::Actor;
use crate::changes::Change;
use crate::deletion::{Life, WHOLE};
use crate::document::{Document, DocumentError};
use crate::edit::{Stamp, moments};
use crate::pointer;
use crate::read::{Candidate, Malformed, Reader, differ, past_of, removed, to_scalar};
use crate::schema::{Member, MergeRule, RecordSchema};

/// Marks a change that opens conflicts again, so that it is known without looking at what it wrote.
const MARK: &[u8] = b"kartei/reopens/1";

/// What opening conflicts again did.
#[derive(Debug, Default)]
pub struct Reopened {
    /// The changes, in the order in which they were made.
    pub changes: Vec<Change>,
    /// The fields that could not be brought into conflict: nothing of their past is in conflict here.
    pub left: Vec<String>,
}

/// Whether a change opens conflicts again.
pub(crate) fn reopens(meta: &am::ChangeMetadata<'_>) -> bool {
    meta.extra.as_ref() == MARK
}

/// A field in a document, with what reads and writes it.
struct Place {
    container: ObjId,
    key: String,
    member: Member,
    /// Whether its values are structured, which says how they are stored.
    structured: bool,
}

impl Document {
    /// The fields in conflict, by pointer; the empty one for an offered deletion. Also of a deleted
    /// profile, whose conflicts nobody is shown.
    ///
    /// # Errors
    /// [`DocumentError::Malformed`] where the document is not of the schema.
    pub fn contested(&self, schema: &RecordSchema) -> Result<Vec<String>, DocumentError> {
        let offered = matches!(Life::of(&self.am)?, Life::Offered { .. });
        let fields = self.reader(schema, None).contested()?;
        let whole = offered.then(|| WHOLE.to_owned()).into_iter();
        Ok(whole.chain(fields.into_iter().map(|(pointer, _)| pointer)).collect())
    }

    /// Brings decided fields back into the conflict that they were in last, on every replica. A field
    /// that is in conflict stays so.
    ///
    /// # Errors
    /// [`DocumentError`]; nothing was changed then.
    pub fn reopen(
        &mut self,
        schema: &RecordSchema,
        actor: Actor,
        stamp: &Stamp,
        pointers: &[String],
    ) -> Result<Reopened, DocumentError> {
        let mut reopened = Reopened::default();
        let mut after = self.clone();
        let contested = after.contested(schema)?;
        let mut writer = Writer::on(&after.am, actor);
        for pointer in pointers.iter().filter(|p| *p != WHOLE && !contested.contains(p)) {
            let reader = after.reader(schema, None);
            let Some(place) = reader.place(pointer)? else {
                reopened.left.push(pointer.clone());
                continue;
            };
            match parted(&reader, &place)? {
                Some(sides) => writer.values(&place, &reader.all_at(&place)?, &sides)?,
                None => reopened.left.push(pointer.clone()),
            }
        }
        if !writer.operations.is_empty() {
            for (member, value) in moments(schema, stamp) {
                let now = after.reader(schema, None).candidates(&am::ROOT, &member.name, false)?;
                writer.put(&am::ROOT, &member.name, &now, to_scalar(&value, false))?;
            }
            let change = writer.finish(&after.am, stamp);
            after.am.apply_changes([change.clone()])?;
            reopened.changes.push(change.into());
        }
        if pointers.iter().any(|p| p == WHOLE) && !contested.iter().any(|p| p == WHOLE) {
            match after.offer_again(schema)? {
                Some(change) => reopened.changes.push(change),
                None => reopened.left.push(WHOLE.to_owned()),
            }
        }
        // What others get must be a record, as with every change of theirs.
        after.record(schema)?;
        self.am = after.am;
        Ok(reopened)
    }
}

impl Reader<'_> {
    fn place(&self, pointer: &str) -> Result<Option<Place>, Malformed> {
        let path = pointer::parse(pointer).unwrap_or_default();
        let Some(member) = path.first().and_then(|name| self.schema.member(name)) else {
            return Ok(None);
        };
        let (container, key, structured) = match (&member.rule, path.as_slice()) {
            (MergeRule::Register { structured, .. }, [name]) => {
                (am::ROOT, name.clone(), *structured)
            }
            (rule @ (MergeRule::RegisterPerKey | MergeRule::Set { .. }), [name, key]) => {
                let structured = matches!(rule, MergeRule::Set { key: Some(_), .. });
                (self.container(name, ObjType::Map)?, key.clone(), structured)
            }
            _ => return Ok(None),
        };
        Ok(Some(Place { container, key, member: member.clone(), structured }))
    }

    /// All values that a field holds.
    fn all_at(&self, place: &Place) -> Result<Vec<Candidate>, Malformed> {
        self.candidates(&place.container, &place.key, place.structured)
    }

    /// Those of them that count, best first.
    fn ruled_at(&self, place: &Place) -> Result<Vec<Candidate>, Malformed> {
        Ok(self.ruled(&place.member.rule, self.all_at(place)?))
    }

    /// The change that wrote a value.
    fn written_by(&self, candidate: &Candidate) -> Result<am::ChangeMetadata<'_>, Malformed> {
        let hash = self.doc.hash_for_opid(&candidate.op);
        let meta = hash.and_then(|hash| self.doc.get_change_meta_by_hash(&hash));
        meta.ok_or_else(|| Malformed(candidate.key()))
    }

    /// The value as its first writer wrote it, where a change that opened the field's conflict again
    /// wrote this one.
    ///
    /// # Errors
    /// [`Malformed`] where the document lacks one of its own changes.
    pub(crate) fn first_written(
        &self,
        pointer: &str,
        candidate: &Candidate,
    ) -> Result<Candidate, Malformed> {
        let mut first = candidate.clone();
        let Some(place) = self.place(pointer)? else { return Ok(first) };
        loop {
            let change = self.written_by(&first)?;
            if !reopens(&change) {
                return Ok(first);
            }
            let before = Reader { doc: self.doc, schema: self.schema, heads: Some(&change.deps) };
            let sides = parted(&before, &place)?.unwrap_or_default();
            match sides.into_iter().find(|side| side.value == first.value) {
                Some(side) => first = side,
                None => return Ok(first),
            }
        }
    }
}

/// The values that a field has in conflict, or had when it was last; best first. Nothing where it never
/// was.
///
/// The decision need not have written what the field holds now: Automerge keeps the operation of a
/// value that is chosen and takes out the others. So decisions are looked for among all changes.
fn parted(from: &Reader<'_>, place: &Place) -> Result<Option<Vec<Candidate>>, Malformed> {
    let now = from.ruled_at(place)?;
    if differ(&now) {
        return Ok(Some(now));
    }
    let mut past = from.doc.get_changes_meta(&[]);
    if let Some(heads) = from.heads {
        let known: BTreeSet<am::ChangeHash> = heads
            .iter()
            .flat_map(|head| past_of(from.doc, *head))
            .chain(heads.iter().copied())
            .collect();
        past.retain(|change| known.contains(&change.hash));
    }
    // From the newest, in an order that is the same on every replica.
    past.sort_unstable_by_key(|change| Reverse((change.max_op, change.hash)));
    for change in past {
        let at = |heads: &[am::ChangeHash]| {
            Reader { doc: from.doc, schema: from.schema, heads: Some(heads) }.ruled_at(place)
        };
        let before = at(&change.deps)?;
        if differ(&before) && !differ(&at(&[change.hash])?) {
            return Ok(Some(before));
        }
    }
    Ok(None)
}

/// Writes operations that may stand side by side in one change, which a transaction cannot.
struct Writer {
    actor: ActorId,
    seq: u64,
    start: u64,
    operations: Vec<Operation>,
}

impl Writer {
    fn on(doc: &Automerge, actor: Actor) -> Self {
        let (mut seq, mut last) = (0, 0);
        for meta in doc.get_changes_meta(&[]) {
            last = last.max(meta.max_op);
            if *meta.actor == actor.id() {
                seq = seq.max(meta.seq);
            }
        }
        Self { actor: actor.id(), seq: seq + 1, start: last + 1, operations: Vec::new() }
    }

    /// The sides of a conflict in the place of what the field holds now.
    fn values(
        &mut self,
        place: &Place,
        now: &[Candidate],
        sides: &[Candidate],
    ) -> Result<(), Malformed> {
        let mut written: Vec<&Candidate> = Vec::with_capacity(sides.len());
        for side in sides {
            if !written.iter().any(|one| one.value == side.value) {
                written.push(side);
            }
        }
        // The last one counts most among the values of one actor: what was shown is shown again.
        for side in written.into_iter().rev() {
            let scalar = side
                .value
                .as_ref()
                .map_or_else(removed, |value| to_scalar(value, place.structured));
            self.put(&place.container, &place.key, now, scalar)?;
        }
        Ok(())
    }

    fn put(
        &mut self,
        obj: &ObjId,
        key: &str,
        over: &[Candidate],
        scalar: ScalarValue,
    ) -> Result<(), Malformed> {
        let op_id = |id: &ObjId| match id {
            ObjId::Id(counter, actor, _) => Ok(OpId::new(*counter, actor)),
            ObjId::Root => Err(Malformed(key.to_owned())),
        };
        let pred =
            over.iter().map(|candidate| op_id(&candidate.op)).collect::<Result<Vec<_>, _>>()?;
        let obj = match obj {
            ObjId::Root => ObjectId::Root,
            id @ ObjId::Id(..) => ObjectId::Id(op_id(id)?),
        };
        self.operations.push(Operation {
            action: OpType::Put(scalar),
            obj,
            key: Key::Map(key.into()),
            pred: pred.into(),
            insert: false,
        });
        Ok(())
    }

    fn finish(self, doc: &Automerge, stamp: &Stamp) -> am::Change {
        let expanded = ExpandedChange {
            operations: self.operations,
            actor_id: self.actor,
            hash: None,
            seq: self.seq,
            start_op: NonZeroU64::MIN.saturating_add(self.start - 1),
            time: stamp.at_seconds,
            message: stamp.by.clone(),
            deps: doc.get_heads(),
            extra_bytes: MARK.to_vec(),
            author: None,
        };
        expanded.into()
    }
}
