//! Single profiles for programs that know no Automerge: reading, writing with a precondition,
//! merging three ways.

use kartei_profile::{
    Actor, Change, Conflict, Document, EditError, FieldChange, HistoryEntry, Record, RecordHash,
    Stamp, Steps, Violation,
};

use kartei_protocol::sync::{Bytes, ErasedLine, PushAnswer, PushItem};

use crate::access::OrgId;
use crate::engine::{Held, NewChange, Want, Write};
use crate::error::RelayStoreError;
use crate::push::{created, damaged};
use crate::rounds::{Judged, ask};
use crate::store::RelayStore;

/// A profile as it is, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The revision of its last change.
    pub rev: u64,
    /// Hash of the record.
    pub hash: RecordHash,
    /// Fields in conflict.
    pub conflicts: u64,
    /// Milliseconds since 1970.
    pub changed_at: i64,
    /// The record, canonical.
    pub record: String,
}

/// Who writes, and when.
#[derive(Debug, Clone)]
pub struct Author {
    /// The name that others see beside the change.
    pub name: String,
    /// Milliseconds since 1970.
    pub now: i64,
}

impl Author {
    fn stamp(&self) -> Stamp {
        Stamp { at_seconds: self.now.div_euclid(1000), by: Some(self.name.clone()) }
    }
}

/// What must be true of a profile for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// It has one of these hashes.
    Is(Vec<RecordHash>),
    /// It is there.
    There,
    /// It is not there.
    Absent,
}

impl Precondition {
    fn holds(&self, held: Option<&Held>) -> bool {
        match (self, held) {
            (Self::Is(hashes), Some(held)) => hashes.contains(&held.hash),
            (Self::There, Some(_)) | (Self::Absent, None) => true,
            (Self::Is(_) | Self::There, None) | (Self::Absent, Some(_)) => false,
        }
    }
}

/// What a write did.
#[derive(Debug)]
pub enum Outcome {
    /// The profile was not there.
    Created(Profile),
    /// It changed.
    Updated(Profile),
    /// It already was so.
    Unchanged(Profile),
    /// The precondition does not hold; the profile as it is, where there is one.
    Stale(Option<Profile>),
}

/// A write that cannot be done whatever the profile is.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// What is asked for does not fit the schema or the profile.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The record is none.
    #[error(transparent)]
    Invalid(#[from] Violation),
    /// There is no such profile.
    #[error("there is no such profile")]
    NotFound,
    /// There was one.
    #[error("this profile was erased for good; its id cannot be used again")]
    Erased,
    /// What is asked for cannot be done to the profile as it is; in words without its contents.
    #[error("{0}")]
    Patch(String),
    /// The history does not hold the state that a merge starts from.
    #[error("no state of the profile has the hash {0}")]
    UnknownBase(RecordHash),
    /// A failure.
    #[error(transparent)]
    Store(#[from] RelayStoreError),
}

/// What became of a field in a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldOutcome {
    /// Only the local record changed it: so it is now.
    Mine,
    /// Only others changed it: so it stays.
    Theirs,
    /// Both changed it to the same.
    Same,
    /// Both changed it, differently: both values are kept until somebody decides.
    Conflict,
}

/// The result of a merge.
#[derive(Debug)]
pub struct Merged {
    /// The profile as it is now.
    pub profile: Profile,
    /// Each field that either side changed, by pointer.
    pub fields: Vec<(String, FieldOutcome)>,
    /// Everything that is contested now.
    pub conflicts: Vec<Conflict>,
}

/// One state of a profile in its history.
#[derive(Debug)]
pub struct PastChange {
    /// The revision under which it came.
    pub rev: u64,
    /// The change.
    pub entry: HistoryEntry,
    /// The name of the token that brought it here first, where the change does not say this name itself.
    /// Nothing for a change that came before this was kept, and for the genesis.
    pub sent_by: Option<String>,
}

/// Makes another record of one, or tells why it cannot.
pub type Alter<'a> = &'a (dyn Fn(&Record) -> Result<Record, WriteError> + Sync);

impl RelayStore {
    /// A profile.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn profile(&self, org: OrgId, id: &str) -> Result<Option<Profile>, RelayStoreError> {
        let held = self.engine.look(org, &[ask(id, Want::Record)])?.held.pop().flatten();
        Ok(held.filter(|held| !held.deleted).and_then(|held| profile_of(&held)))
    }

    /// A profile as it was when the organisation was at `rev`; `None` where it was not there yet,
    /// or deleted.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn profile_at(
        &self,
        org: OrgId,
        id: &str,
        rev: u64,
    ) -> Result<Option<Profile>, RelayStoreError> {
        let held = self.engine.look(org, &[ask(id, Want::Record)])?.held.pop().flatten();
        let Some(current) = held else { return Ok(None) };
        if current.rev <= rev {
            return Ok(if current.deleted { None } else { profile_of(&current) });
        }
        let Some(past) = self.past(org, id)? else { return Ok(None) };
        if past.row.genesis_rev > rev || past.was_deleted(rev) {
            return Ok(None);
        }
        let (record, at) = past.record_at(self, rev)?;
        Ok(Some(Profile {
            rev: at,
            hash: record.hash(),
            conflicts: 0,
            changed_at: current.changed_at,
            record: record.text().to_owned(),
        }))
    }

    /// The changes of a profile, oldest first, with the revisions under which they came.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn history(
        &self,
        org: OrgId,
        id: &str,
    ) -> Result<Option<Vec<PastChange>>, RelayStoreError> {
        let Some(past) = self.past(org, id)? else { return Ok(None) };
        let entries = past.document.history(&self.schema).map_err(|e| damaged(id, &e))?;
        let told = |entry: HistoryEntry| {
            let mut arrived = past.changes.iter().zip(&past.row.changes);
            let found = arrived.find(|((_, change), _)| change.hash() == entry.change);
            let rev = found.map_or(past.row.genesis_rev, |((rev, _), _)| *rev);
            let sent_by = found.and_then(|(_, stored)| stored.sent_by.clone());
            PastChange { rev, entry, sent_by }
        };
        Ok(Some(entries.into_iter().map(told).collect()))
    }

    /// A profile's Automerge document, for programs that know Automerge; an unedited profile's is
    /// made.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn document(&self, org: OrgId, id: &str) -> Result<Option<Vec<u8>>, RelayStoreError> {
        let held = self.engine.look(org, &[ask(id, Want::Document)])?.held.pop().flatten();
        let Some(held) = held.filter(|held| !held.deleted) else { return Ok(None) };
        let document = self.document_of(Some(&held)).map_err(|e| damaged(id, &e))?;
        Ok(Some(document.save()))
    }

    /// Takes back a document that a program with Automerge changed: the changes in it that are not
    /// here are merged as those of a replica are.
    ///
    /// # Errors
    /// [`WriteError::Patch`] where it is no document of this profile, or a failure.
    pub fn take_document(
        &self,
        org: OrgId,
        sender: &Author,
        id: &str,
        bytes: &[u8],
    ) -> Result<Profile, WriteError> {
        let foreign = |reason: String| WriteError::Patch(reason);
        let document = Document::load(bytes).map_err(|e| foreign(e.to_string()))?;
        let genesis = document.genesis_record(&self.schema).map_err(|e| foreign(e.to_string()))?;
        if genesis.id() != id {
            return Err(foreign("it is the document of another profile".to_owned()));
        }
        if self.profile(org, id)?.is_none() {
            return Err(self.missing(org, id));
        }
        let changes = document.changes();
        let item = PushItem {
            id: id.to_owned(),
            genesis: genesis.hash().to_string(),
            record: None,
            changes: changes.iter().map(|change| Bytes(change.bytes().to_vec())).collect(),
        };
        match self.push(org, sender, &[item])?.answers.pop() {
            Some(PushAnswer::Accepted { .. }) => self.profile(org, id)?.ok_or(WriteError::NotFound),
            Some(PushAnswer::Rejected { reason, .. }) => Err(foreign(reason)),
            _ => Err(foreign("it began with another record than the profile here".to_owned())),
        }
    }

    /// Writes a record where `precondition` holds: a new profile, or the whole of one.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written then.
    pub fn put(
        &self,
        org: OrgId,
        author: &Author,
        precondition: &Precondition,
        record: &Record,
    ) -> Result<Outcome, WriteError> {
        self.change(org, author, record.id(), precondition, Some(record), &|_| Ok(record.clone()))
    }

    /// Changes a profile where `precondition` holds.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written then.
    pub fn patch(
        &self,
        org: OrgId,
        author: &Author,
        id: &str,
        precondition: &Precondition,
        change: Alter<'_>,
    ) -> Result<Outcome, WriteError> {
        self.change(org, author, id, precondition, None, change)
    }

    fn change(
        &self,
        org: OrgId,
        author: &Author,
        id: &str,
        precondition: &Precondition,
        new: Option<&Record>,
        change: Alter<'_>,
    ) -> Result<Outcome, WriteError> {
        let judge = |_: &String, whole: Option<&Held>| {
            let held = whole.filter(|held| !held.deleted);
            if !precondition.holds(held) {
                return Ok(Judged::Answer(Ok(Outcome::Stale(held.and_then(profile_of)))));
            }
            // A deleted profile that is created again keeps its history.
            let Some(held) = whole.filter(|one| !one.deleted || new.is_some()) else {
                let Some(record) = new else {
                    return Ok(Judged::Answer(Err(WriteError::NotFound)));
                };
                let write = created(author, record, None);
                let profile = profile_written(&write);
                return Ok(Judged::Write(Box::new(write), Ok(Outcome::Created(profile))));
            };
            let done = self.step(author, id, held, change);
            Ok(match done {
                Ok(Some(write)) => {
                    let profile = profile_written(&write);
                    let outcome = if held.deleted {
                        Outcome::Created(profile)
                    } else {
                        Outcome::Updated(profile)
                    };
                    Judged::Write(Box::new(write), Ok(outcome))
                }
                Ok(None) => match profile_of(held) {
                    Some(profile) => Judged::Answer(Ok(Outcome::Unchanged(profile))),
                    None => Judged::Answer(Err(WriteError::NotFound)),
                },
                Err(WriteError::Store(error)) => return Err(error),
                Err(error) => Judged::Answer(Err(error)),
            })
        };
        let (answer, rev) = self.settle_one(org, id, judge)?;
        let mut outcome = answer?;
        if let (Outcome::Created(profile) | Outcome::Updated(profile), Some(rev)) =
            (&mut outcome, rev)
        {
            profile.rev = rev;
        }
        Ok(outcome)
    }

    /// Deletes a profile where `precondition` holds, as one change of its history: what others write
    /// without knowing of it survives, and the deletion is offered as a conflict then. Answers the
    /// revision of the deletion, or the profile where the precondition does not hold.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written then.
    pub fn delete(
        &self,
        org: OrgId,
        author: &Author,
        id: &str,
        precondition: &Precondition,
    ) -> Result<Result<u64, Profile>, WriteError> {
        let judge = |_: &String, held: Option<&Held>| {
            let Some(held) = held.filter(|held| !held.deleted) else {
                return Ok(Judged::Answer(Err(WriteError::NotFound)));
            };
            if !precondition.holds(Some(held)) {
                return Ok(Judged::Answer(Ok(profile_of(held))));
            }
            let mut document = self.document_of(Some(held)).map_err(|e| damaged(id, &e))?;
            let change = match document.delete(&self.schema, new_actor()?, &author.stamp()) {
                Ok(Some(change)) => change,
                Ok(None) => return Ok(Judged::Answer(Err(WriteError::NotFound))),
                Err(error) => return Ok(Judged::Answer(Err(error.into()))),
            };
            match self.write_of(author, id, held, &document, &change) {
                Ok(write) => Ok(Judged::Write(Box::new(write), Ok(None))),
                Err(WriteError::Store(error)) => Err(error),
                Err(error) => Ok(Judged::Answer(Err(error))),
            }
        };
        let (answer, rev) = self.settle_one(org, id, judge)?;
        match (answer?, rev) {
            (None, Some(rev)) => Ok(Ok(rev)),
            (Some(current), _) => Ok(Err(current)),
            (None, None) => Err(WriteError::NotFound),
        }
    }

    fn settle_one<A: Send>(
        &self,
        org: OrgId,
        id: &str,
        judge: impl Fn(&String, Option<&Held>) -> Result<Judged<Result<A, WriteError>>, RelayStoreError>
        + Sync,
    ) -> Result<(Result<A, WriteError>, Option<u64>), RelayStoreError> {
        let erased = |_: &String, _: &ErasedLine| Err(WriteError::Erased);
        let one = [id.to_owned()];
        let mut done = self.settle(org, &one, |id| ask(id, Want::Document), erased, judge)?;
        done.answers.pop().ok_or(RelayStoreError::Overtaken)
    }

    /// Why a profile is not there.
    fn missing(&self, org: OrgId, id: &str) -> WriteError {
        match self.erasure_of(org, id) {
            Ok(Some(_)) => WriteError::Erased,
            Ok(None) => WriteError::NotFound,
            Err(error) => error.into(),
        }
    }

    /// One change on top of what a profile is; `None` where it changes nothing.
    pub(crate) fn step(
        &self,
        author: &Author,
        id: &str,
        held: &Held,
        change: impl Fn(&Record) -> Result<Record, WriteError>,
    ) -> Result<Option<Write>, WriteError> {
        let schema = &self.schema;
        let text = held.record.as_deref().unwrap_or_default();
        let record = Record::from_stored(text).map_err(|v| damaged(id, &v))?;
        let wanted = change(&record)?;
        if wanted.hash() == record.hash() && !held.deleted {
            return Ok(None);
        }
        let (actor, stamp) = (new_actor()?, author.stamp());
        if held.deleted {
            // Back, and as it is wanted, in one change.
            let mut fields = vec![(String::new(), Some(serde_json::Value::Bool(false)))];
            let differing = record.changes_to(schema, &wanted).into_iter();
            fields.extend(differing.map(|field| (field.pointer, field.after)));
            let mut document = self.document_of(Some(held)).map_err(|e| damaged(id, &e))?;
            let change = document.step(schema, actor, &stamp, Steps::Fields(&fields))?;
            return change.map(|c| self.write_of(author, id, held, &document, &c)).transpose();
        }
        let Some(body) = &held.document else {
            let begun = Document::begin(schema, &record, actor, &stamp, Steps::Record(&wanted))?;
            return Ok(begun.map(|begun| {
                written(author, id, held, &begun.document, &begun.change, &begun.record, 0)
            }));
        };
        let mut document = Document::load(body).map_err(|e| damaged(id, &e))?;
        let Some(change) = document.step(schema, actor, &stamp, Steps::Record(&wanted))? else {
            return Ok(None);
        };
        self.write_of(author, id, held, &document, &change).map(Some)
    }

    pub(crate) fn write_of(
        &self,
        author: &Author,
        id: &str,
        held: &Held,
        document: &Document,
        change: &Change,
    ) -> Result<Write, WriteError> {
        let record = document.record(&self.schema).map_err(|e| damaged(id, &e))?;
        let conflicts = document.conflict_count(&self.schema).map_err(|e| damaged(id, &e))?;
        Ok(written(author, id, held, document, change, &record, conflicts as u64))
    }

    /// Brings in a record that was made from the state with the hash `base`, on the profile's own
    /// history: what others changed since stays, and where both changed a field both values are kept.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written then.
    pub fn merge(
        &self,
        org: OrgId,
        author: &Author,
        base: RecordHash,
        local: &Record,
    ) -> Result<Merged, WriteError> {
        let id = local.id();
        // What a state of the past was does not change while others write on.
        let past = self.past(org, id)?.ok_or_else(|| self.missing(org, id))?;
        let (base_record, base_changes) =
            past.state(self, base)?.ok_or(WriteError::UnknownBase(base))?;
        let judge = |_: &String, held: Option<&Held>| {
            let Some(held) = held.filter(|held| !held.deleted) else {
                return Ok(Judged::Answer(Err(WriteError::NotFound)));
            };
            let mut document = self.document_of(Some(held)).map_err(|e| damaged(id, &e))?;
            // What others made of it is the very state that this is judged against.
            let text = held.record.as_deref().unwrap_or_default();
            let theirs = Record::from_stored(text).map_err(|v| damaged(id, &v))?;
            let (actor, stamp) = (new_actor()?, author.stamp());
            let done = document.step_at(&self.schema, actor, &stamp, &base_changes, local);
            Ok(match done {
                Err(error) => Judged::Answer(Err(error.into())),
                Ok(None) => Judged::Answer(Ok((profile_of(held), document, theirs))),
                Ok(Some(change)) => match self.write_of(author, id, held, &document, &change) {
                    Ok(write) => {
                        let profile = Some(profile_written(&write));
                        Judged::Write(Box::new(write), Ok((profile, document, theirs)))
                    }
                    Err(WriteError::Store(error)) => return Err(error),
                    Err(error) => Judged::Answer(Err(error)),
                },
            })
        };
        let (answer, rev) = self.settle_one(org, id, judge)?;
        let (profile, document, theirs) = answer?;
        let mut profile = profile.ok_or(WriteError::NotFound)?;
        profile.rev = rev.unwrap_or(profile.rev);
        let conflicts = document.conflicts(&self.schema).map_err(|e| damaged(id, &e))?;
        let fields = outcomes(
            &base_record.changes_to(&self.schema, local),
            &base_record.changes_to(&self.schema, &theirs),
            &conflicts,
        );
        Ok(Merged { profile, fields, conflicts })
    }
}

/// A new actor for each write: one that was used may have written after the state that this one
/// builds on.
fn new_actor() -> Result<Actor, RelayStoreError> {
    let mut random = [0_u8; 12];
    getrandom::fill(&mut random).map_err(|e| RelayStoreError::Random(e.to_string()))?;
    Ok(Actor::from_random(random))
}

fn profile_of(held: &Held) -> Option<Profile> {
    Some(Profile {
        rev: held.rev,
        hash: held.hash,
        conflicts: held.conflicts,
        changed_at: held.changed_at,
        record: held.record.clone()?,
    })
}

/// As it is once it is written; the revision is told by the commit.
fn profile_written(write: &Write) -> Profile {
    Profile {
        rev: 0,
        hash: write.hash,
        conflicts: write.conflicts,
        changed_at: write.changed_at,
        record: write.record.clone(),
    }
}

fn written(
    author: &Author,
    id: &str,
    held: &Held,
    document: &Document,
    change: &Change,
    record: &Record,
    conflicts: u64,
) -> Write {
    Write {
        id: id.to_owned(),
        expected: Some(held.rev),
        genesis: held.genesis,
        genesis_record: None,
        record: record.text().to_owned(),
        hash: record.hash(),
        conflicts,
        deleted: document.is_deleted(),
        became: document.became(),
        document: Some(document.save()),
        changes: vec![NewChange::of(change, &author.name)],
        changed_at: author.now,
    }
}

fn outcomes(
    mine: &[FieldChange],
    theirs: &[FieldChange],
    conflicts: &[Conflict],
) -> Vec<(String, FieldOutcome)> {
    let after = |changes: &[FieldChange], pointer: &str| {
        changes.iter().find(|change| change.pointer == pointer).map(|change| change.after.clone())
    };
    let mut pointers: Vec<&str> =
        mine.iter().chain(theirs).map(|change| change.pointer.as_str()).collect();
    pointers.sort_unstable();
    pointers.dedup();
    pointers
        .into_iter()
        .map(|pointer| {
            let outcome = match (after(mine, pointer), after(theirs, pointer)) {
                _ if conflicts.iter().any(|conflict| conflict.pointer == pointer) => {
                    FieldOutcome::Conflict
                }
                (Some(mine), Some(theirs)) if mine == theirs => FieldOutcome::Same,
                (Some(_), _) => FieldOutcome::Mine,
                (None, _) => FieldOutcome::Theirs,
            };
            (pointer.to_owned(), outcome)
        })
        .collect()
}
