//! Deleting a profile: a flag in its document, outside the schema.
//!
//! Whoever deletes a profile sets the flag on top of everything they know, whoever takes that back
//! clears it. So a profile *is* deleted when every head of its document is a change that set the
//! flag: all else was known to somebody who deleted it. Where another change is a head, somebody
//! wrote without knowing of the deletion, or on top of it: what they wrote survives, and the
//! deletion is offered as a conflict of the whole profile, at the pointer [`WHOLE`], until somebody
//! decides. The record is what it was: deleting and taking it back leave no moment in it.
//!
//! A profile that was merged into another one is deleted by a change that also names that one
//! (docs/adr/0030). The name counts as long as the profile is deleted, and goes with the deletion.

use std::collections::{BTreeMap, BTreeSet};

use automerge as am;
use automerge::{Automerge, ReadDoc, ScalarValue};
use serde_json::Value;

use crate::actor::{self, Actor, ActorClass};
use crate::changes::{Change, ChangeHash};
use crate::diff::Op;
use crate::document::{Document, DocumentError};
use crate::edit::{EditError, Stamp, Steps};
use crate::read::{Conflict, ConflictValue, Malformed, removed};
use crate::schema::RecordSchema;

/// The flag's key at the root of a document. No member of a schema can be called so.
pub(crate) const FLAG: &str = "~deleted";

/// The key at the root that names the profile which this one was merged into.
const BECAME: &str = "~became";

/// What becomes of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate<'a> {
    /// It is kept, or brought back.
    Stays,
    /// It is deleted.
    Goes,
    /// It is deleted, since it was merged into this one.
    Becomes(&'a str),
}

impl<'a> Fate<'a> {
    /// What a value of the pointer [`WHOLE`] says: `true` for deleted, a text for merged.
    pub(crate) fn of(value: Option<&'a Value>) -> Self {
        match value {
            Some(Value::Bool(true)) => Self::Goes,
            Some(Value::String(into)) => Self::Becomes(into),
            _ => Self::Stays,
        }
    }
}

/// The JSON pointer of the whole profile: whether it is deleted, `true` or `false`; or the id of the
/// profile that it was merged into.
pub(crate) const WHOLE: &str = "";

/// What names the sides of an offered deletion when one is chosen.
const KEPT: &str = "kept";
const DELETED: &str = "deleted";

/// Whether a profile is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// It is not.
    Kept,
    /// Somebody deleted it, somebody else wrote beside that.
    Offered { deletion: am::ChangeHash, beside: am::ChangeHash },
    /// It is.
    Deleted,
}

impl Life {
    /// Reads the flag.
    ///
    /// # Errors
    /// [`Malformed`] where it holds something else than `true` or `false`.
    pub(crate) fn of(doc: &Automerge) -> Result<Self, Malformed> {
        Self::from(doc, settings(doc, None)?, doc.get_heads())
    }

    /// Reads the flag as it was with these heads.
    fn at(doc: &Automerge, heads: &[am::ChangeHash]) -> Result<Self, Malformed> {
        Self::from(doc, settings(doc, Some(heads))?, heads.to_vec())
    }

    fn from(
        doc: &Automerge,
        settings: Vec<(am::ChangeHash, bool)>,
        heads: Vec<am::ChangeHash>,
    ) -> Result<Self, Malformed> {
        let deletions: BTreeSet<am::ChangeHash> =
            settings.into_iter().filter_map(|(hash, set)| set.then_some(hash)).collect();
        let Some(deletion) = latest(doc, deletions.iter().copied()) else { return Ok(Self::Kept) };
        let beside = heads.into_iter().filter(|head| !deletions.contains(head));
        Ok(match latest(doc, beside) {
            Some(beside) => Self::Offered { deletion, beside },
            None => Self::Deleted,
        })
    }

    /// The conflict of an offered deletion.
    ///
    /// # Errors
    /// [`Malformed`] where the document lacks one of its own changes.
    pub(crate) fn conflict(self, doc: &Automerge) -> Result<Option<Conflict>, Malformed> {
        let Self::Offered { deletion, beside } = self else { return Ok(None) };
        let into = became(doc, Some(&[deletion]))?;
        let deleted = into.map_or(Value::Bool(true), Value::String);
        let values = vec![
            side(doc, beside, (KEPT, Value::Bool(false)))?,
            side(doc, deletion, (DELETED, deleted))?,
        ];
        Ok(Some(Conflict { pointer: WHOLE.to_owned(), base: None, values }))
    }

    /// The steps that make it so; none where it is so, and nobody says otherwise. `became` is what
    /// the document says of a merging now.
    pub(crate) fn steps_to(self, fate: Fate<'_>, became: Option<&str>) -> Vec<Op> {
        let forget = became.map(|_| merged_into(None));
        match (self, fate) {
            (Self::Kept, Fate::Stays) | (Self::Deleted, Fate::Goes) => Vec::new(),
            // The deletion that is offered may be a merging, and stays one.
            (Self::Offered { .. }, Fate::Goes) => set_again(),
            (Self::Kept, Fate::Goes) => forget.into_iter().chain([set(true)]).collect(),
            (Self::Offered { .. } | Self::Deleted, Fate::Stays) => {
                forget.into_iter().chain([set(false)]).collect()
            }
            (Self::Deleted, Fate::Becomes(into)) if became == Some(into) => Vec::new(),
            (Self::Kept, Fate::Becomes(into)) => vec![merged_into(Some(into)), set(true)],
            (Self::Offered { .. } | Self::Deleted, Fate::Becomes(into)) => {
                let mut steps = set_again();
                steps.push(merged_into(Some(into)));
                steps
            }
        }
    }

    /// The steps that decide an offered deletion for the side that `key` names.
    pub(crate) fn decide(self, key: &str, became: Option<&str>) -> Option<Vec<Op>> {
        match (self, key) {
            (Self::Offered { .. }, KEPT) => Some(self.steps_to(Fate::Stays, became)),
            (Self::Offered { .. }, DELETED) => Some(self.steps_to(Fate::Goes, became)),
            _ => None,
        }
    }
}

/// The steps that set the flag where it is set: Automerge drops a step that writes what is there.
pub(crate) fn set_again() -> Vec<Op> {
    vec![set(false), set(true)]
}

/// The step that sets or clears the flag.
pub(crate) fn set(deleted: bool) -> Op {
    Op::Register { member: FLAG.to_owned(), value: Some(Value::Bool(deleted)) }
}

/// The step that names the profile which this one was merged into, or forgets it.
pub(crate) fn merged_into(into: Option<&str>) -> Op {
    Op::Register { member: BECAME.to_owned(), value: into.map(Value::from) }
}

/// The same where it may be there already: Automerge drops a step that writes what is there.
pub(crate) fn merged_again(into: Option<&str>) -> Vec<Op> {
    into.map_or_else(Vec::new, |into| vec![merged_into(None), merged_into(Some(into))])
}

/// Whether a step is one of [`set`] or [`merged_into`].
pub(crate) fn is_set(op: &Op) -> bool {
    matches!(op, Op::Register { member, .. } if member == FLAG || member == BECAME)
}

/// The profile that this one was merged into, as the document says with some heads or now. It counts
/// only where the profile is deleted. Of several, the one that every replica shows.
///
/// # Errors
/// [`Malformed`] where the key holds something else than a text.
pub(crate) fn became(
    doc: &Automerge,
    at: Option<&[am::ChangeHash]>,
) -> Result<Option<String>, Malformed> {
    let malformed = || Malformed(BECAME.to_owned());
    let found = match at {
        Some(heads) => doc.get_at(am::ROOT, BECAME, heads),
        None => doc.get(am::ROOT, BECAME),
    };
    match found.map_err(|_| malformed())? {
        None => Ok(None),
        Some((am::Value::Scalar(scalar), _)) => match scalar.as_ref() {
            ScalarValue::Str(into) => Ok(Some(into.to_string())),
            scalar if *scalar == removed() => Ok(None),
            _ => Err(malformed()),
        },
        Some(_) => Err(malformed()),
    }
}

/// The change that deleted the profile, or offers to; nothing where none does.
///
/// # Errors
/// [`Malformed`] where the flag holds something else than `true` or `false`.
pub(crate) fn latest_deletion(doc: &Automerge) -> Result<Option<am::ChangeHash>, Malformed> {
    let set = settings(doc, None)?.into_iter().filter_map(|(hash, set)| set.then_some(hash));
    Ok(latest(doc, set))
}

/// What a change did to the flag, where it did something.
///
/// # Errors
/// [`Malformed`] where the flag holds something else than `true` or `false`.
pub(crate) fn set_by(doc: &Automerge, change: am::ChangeHash) -> Result<Option<bool>, Malformed> {
    let found = settings(doc, Some(&[change]))?.into_iter().find(|(hash, _)| *hash == change);
    Ok(found.map(|(_, set)| set))
}

/// The concurrent values of the flag, with some heads or now, with the changes that wrote them.
fn settings(
    doc: &Automerge,
    at: Option<&[am::ChangeHash]>,
) -> Result<Vec<(am::ChangeHash, bool)>, Malformed> {
    let malformed = || Malformed(FLAG.to_owned());
    let all = match at {
        Some(heads) => doc.get_all_at(am::ROOT, FLAG, heads),
        None => doc.get_all(am::ROOT, FLAG),
    };
    let mut settings = Vec::new();
    for (value, op) in all.map_err(|_| malformed())? {
        let am::Value::Scalar(scalar) = value else { return Err(malformed()) };
        let ScalarValue::Boolean(set) = *scalar else { return Err(malformed()) };
        settings.push((doc.hash_for_opid(&op).ok_or_else(malformed)?, set));
    }
    Ok(settings)
}

/// The change that stands for several, the same on every replica: a person's before an import's,
/// then the one that knew most.
fn latest(
    doc: &Automerge,
    changes: impl Iterator<Item = am::ChangeHash>,
) -> Option<am::ChangeHash> {
    changes.max_by_key(|hash| {
        let meta = doc.get_change_meta_by_hash(hash);
        let rank = meta.map(|m| (ActorClass::of(&m.actor) == ActorClass::Person, m.max_op));
        (rank, *hash)
    })
}

fn side(
    doc: &Automerge,
    change: am::ChangeHash,
    (key, value): (&str, Value),
) -> Result<ConflictValue, Malformed> {
    let meta = doc.get_change_meta_by_hash(&change).ok_or_else(|| Malformed(FLAG.to_owned()))?;
    let class = ActorClass::of(&meta.actor);
    Ok(ConflictValue {
        value: Some(value),
        key: key.to_owned(),
        change: change.into(),
        actor: meta.actor.to_bytes().to_vec(),
        class,
        by: meta.message.as_ref().map(ToString::to_string),
        at: (class == ActorClass::Person).then_some(meta.timestamp),
    })
}

impl Document {
    /// Whether the profile is deleted: whether everything in it was known to somebody who deleted
    /// it. A deletion that somebody wrote beside is a conflict instead.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        // What cannot be read was refused when it came.
        Life::of(&self.am).is_ok_and(|life| life == Life::Deleted)
    }

    /// The profile that this one was merged into; nothing where it is not deleted.
    #[must_use]
    pub fn became(&self) -> Option<String> {
        // What cannot be read was refused when it came.
        if self.is_deleted() { became(&self.am, None).ok().flatten() } else { None }
    }

    /// Whether the profile was deleted when it consisted of these changes.
    #[must_use]
    pub fn was_deleted(&self, changes: &[ChangeHash]) -> bool {
        let heads = self.heads_of(changes);
        let settings = settings(&self.am, Some(&heads)).unwrap_or_default();
        heads.iter().all(|head| settings.contains(&(*head, true)))
    }

    /// Deletes the profile, on top of everything that is here. Answers `None` where it is deleted.
    ///
    /// # Errors
    /// [`EditError`]; nothing was changed then.
    pub fn delete(
        &mut self,
        schema: &RecordSchema,
        actor: Actor,
        stamp: &Stamp,
    ) -> Result<Option<Change>, EditError> {
        self.step(schema, actor, stamp, Steps::Delete)
    }

    /// Offers the deletion again that was decided last: writes what the decision did not choose once
    /// more, beside the decision, in the name of whoever wrote it. The same change on every replica
    /// that takes the same decision back. Answers `None` where no deletion was offered.
    pub(crate) fn offer_again(
        &mut self,
        schema: &RecordSchema,
    ) -> Result<Option<Change>, DocumentError> {
        let Some((decision, offered)) = self.decision_on_deletion()? else { return Ok(None) };
        let Life::Offered { deletion, beside } = offered else { return Ok(None) };
        let deletes = Life::of(&self.am)? != Life::Deleted;
        let missing = || Malformed(FLAG.to_owned());
        let of = |hash| self.am.get_change_meta_by_hash(&hash).ok_or_else(missing);
        let (decided, first) = (of(decision)?, of(if deletes { deletion } else { beside })?);
        let by_person = ActorClass::of(&first.actor) == ActorClass::Person;
        let stamp = Stamp {
            // An import carries no moment.
            at_seconds: if by_person { first.timestamp } else { decided.timestamp },
            by: first.message.as_ref().map(ToString::to_string),
        };
        let ops = if deletes {
            let into = became(&self.am, Some(&[deletion]))?;
            [set_again(), merged_again(into.as_deref())].concat()
        } else {
            vec![set(false)]
        };
        let (heads, actor) = (decided.deps.clone(), actor::reopening(decision.into()));
        self.commit_at(schema, &heads, actor, stamp.options(), &ops)
    }

    /// The newest change that set the flag while a deletion was offered, and what was offered.
    fn decision_on_deletion(&self) -> Result<Option<(am::ChangeHash, Life)>, Malformed> {
        let doc = &self.am;
        let mut open: BTreeSet<am::ChangeHash> =
            settings(doc, None)?.into_iter().map(|(hash, _)| hash).collect();
        let mut found = BTreeMap::new();
        while !open.is_empty() && found.is_empty() {
            let mut before = BTreeSet::new();
            for hash in open {
                let meta = doc.get_change_meta_by_hash(&hash);
                let deps = meta.ok_or_else(|| Malformed(FLAG.to_owned()))?.deps;
                match Life::at(doc, &deps)? {
                    offered @ Life::Offered { .. } => {
                        found.insert(hash, offered);
                    }
                    _ => before.extend(settings(doc, Some(&deps))?.into_iter().map(|(h, _)| h)),
                }
            }
            open = before;
        }
        let decision = latest(doc, found.keys().copied());
        Ok(decision.and_then(|hash| Some((hash, *found.get(&hash)?))))
    }

    /// Brings a deleted profile back, or turns an offered deletion down. Answers `None` where there
    /// is neither.
    ///
    /// # Errors
    /// [`EditError`]; nothing was changed then.
    pub fn revive(
        &mut self,
        schema: &RecordSchema,
        actor: Actor,
        stamp: &Stamp,
    ) -> Result<Option<Change>, EditError> {
        let back = [(WHOLE.to_owned(), Some(Value::Bool(false)))];
        self.step(schema, actor, stamp, Steps::Fields(&back))
    }
}
