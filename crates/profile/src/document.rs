//! The Automerge document of a profile that somebody edited.
//!
//! ```text
//! scaffold ── genesis ──┬── import ── import      (actors derived from their content)
//!                       └── edit ── edit          (people's actors)
//! ```
//! The scaffold makes the containers, the genesis holds the first record; both are the same bytes
//! wherever they are made. A later import is a change on the *import line* (the changes whose
//! actors are derived), not on top of what people did since: so two replicas that import the same
//! file make the same change whatever else they hold, and a field that both the file and a person
//! changed becomes a conflict by itself. Deleting is a change as well (see `deletion`). Documents are
//! never kept live: load, change, save, drop.

use std::collections::BTreeSet;

use automerge as am;
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, ObjType, ReadDoc};
use serde_json::{Map, Value};

use crate::actor::{self, Actor, ActorClass};
use crate::changes::{Change, ChangeHash};
use crate::chunks;
use crate::deletion::{self, Life};
use crate::diff::{Extent, Op, diff};
use crate::edit::Stamp;
use crate::genesis;
use crate::history::{self, HistoryEntry};
use crate::read::{Conflict, Malformed, Reader, heads_within, removed, to_scalar};
use crate::record::Record;
use crate::schema::{Member, MergeRule, RecordSchema};

/// The first life of a profile; higher after an erasure.
pub(crate) const FIRST_INCARNATION: u32 = 1;

/// A profile's document.
#[derive(Debug, Clone)]
pub struct Document {
    pub(crate) am: Automerge,
}

/// A document that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The bytes are damaged.
    #[error("the stored document cannot be loaded: {0}")]
    Load(String),
    /// Automerge refused an operation.
    #[error("the document refused an operation: {0}")]
    Operation(String),
    /// The content is not of the schema.
    #[error("the document's `{0}` is not what the schema says")]
    Malformed(String),
}

impl From<Malformed> for DocumentError {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error.0)
    }
}

impl From<am::AutomergeError> for DocumentError {
    fn from(error: am::AutomergeError) -> Self {
        Self::Operation(error.to_string())
    }
}

/// Changes that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A change of the scaffold or genesis actor that is not the expected one.
    #[error("change {0} claims to be the genesis of this profile, but is not")]
    ForeignGenesis(ChangeHash),
    /// Changes were made on others that are not here.
    #[error("changes build on {0}, which is missing")]
    Missing(ChangeHash),
    /// One actor numbered two different changes alike.
    #[error("an actor numbered two different changes alike; one replica was restored from a copy")]
    Forked,
    /// The document afterwards is not of the schema.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// What an import over an existing document did.
#[derive(Debug)]
pub enum ImportOutcome {
    /// The file says what the last import already said.
    Unchanged,
    /// A change was made.
    Changed(Box<Change>),
}

impl Document {
    /// The document of a record that nobody has edited. The same for the same record everywhere.
    ///
    /// # Errors
    /// [`DocumentError::Operation`] where Automerge refuses, which is a fault of this program.
    pub fn genesis(schema: &RecordSchema, record: &Record) -> Result<Self, DocumentError> {
        let scaffold = match schema.scaffold().get() {
            Some(made) => made.clone(),
            None => {
                let made = scaffold(schema)?;
                schema.scaffold().get_or_init(|| made).clone()
            }
        };
        let ops = diff(schema, &Map::new(), record.members(), Extent::Whole);
        let mut doc = Self { am: scaffold };
        let actor = actor::genesis(record.id(), FIRST_INCARNATION, &record.hash());
        let targets = doc.targets(schema, &ops)?;
        let change = genesis::change(schema, &doc.am, actor, &ops, &targets)?;
        doc.am.apply_changes([change])?;
        Ok(doc)
    }

    /// Loads a saved document.
    ///
    /// # Errors
    /// [`DocumentError::Load`] where the bytes are damaged.
    pub fn load(bytes: &[u8]) -> Result<Self, DocumentError> {
        if !chunks::are_known(bytes) {
            return Err(DocumentError::Load("it is no document of this program".to_owned()));
        }
        Automerge::load(bytes).map(|am| Self { am }).map_err(|e| DocumentError::Load(e.to_string()))
    }

    /// The bytes to store. Not a fingerprint: compare heads or record hashes instead.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        self.am.save_nocompress()
    }

    /// The newest changes, sorted.
    #[must_use]
    pub fn heads(&self) -> Vec<ChangeHash> {
        let mut heads: Vec<ChangeHash> = self.am.get_heads().into_iter().map(Into::into).collect();
        heads.sort_unstable();
        heads
    }

    /// The hash of the genesis change.
    ///
    /// # Errors
    /// [`DocumentError::Malformed`] where there is none.
    pub fn genesis_hash(&self) -> Result<ChangeHash, DocumentError> {
        self.am
            .get_changes_meta(&[])
            .iter()
            .find(|meta| ActorClass::of(&meta.actor) == ActorClass::Genesis)
            .map(|meta| meta.hash.into())
            .ok_or_else(|| DocumentError::Malformed("genesis".to_owned()))
    }

    /// The record that the profile began with.
    ///
    /// # Errors
    /// [`DocumentError::Malformed`] where the document is not of the schema.
    pub fn genesis_record(&self, schema: &RecordSchema) -> Result<Record, DocumentError> {
        let genesis = [am::ChangeHash::from(self.genesis_hash()?)];
        Ok(Record::from_canonical(self.reader(schema, Some(&genesis)).members()?))
    }

    /// The record as every replica with these changes reads it.
    ///
    /// # Errors
    /// [`DocumentError::Malformed`] where the document is not of the schema.
    pub fn record(&self, schema: &RecordSchema) -> Result<Record, DocumentError> {
        Ok(Record::from_canonical(self.reader(schema, None).members()?))
    }

    /// The record as it was after a change; `None` where that change is not here.
    ///
    /// # Errors
    /// [`DocumentError::Malformed`] where the document is not of the schema.
    pub fn record_at(
        &self,
        schema: &RecordSchema,
        change: ChangeHash,
    ) -> Result<Option<Record>, DocumentError> {
        if !self.has(change) {
            return Ok(None);
        }
        let heads = [am::ChangeHash::from(change)];
        let members = self.reader(schema, Some(&heads)).members()?;
        if members.is_empty() {
            // A deletion that was replayed beside the genesis knows of no record: what it hid is the
            // record that the profile began with.
            return self.record_of(schema, &[change]).map(Some);
        }
        Ok(Some(Record::from_canonical(members)))
    }

    /// The record as it was when only these changes, and scaffold and genesis, were here. All causes
    /// of a change must be among them.
    ///
    /// # Errors
    /// [`DocumentError::Malformed`] where the document is not of the schema.
    pub fn record_of(
        &self,
        schema: &RecordSchema,
        changes: &[ChangeHash],
    ) -> Result<Record, DocumentError> {
        let heads = self.heads_of(changes);
        Ok(Record::from_canonical(self.reader(schema, Some(&heads)).members()?))
    }

    /// The heads of the state that consists of these changes, scaffold and genesis.
    pub(crate) fn heads_of(&self, changes: &[ChangeHash]) -> Vec<am::ChangeHash> {
        let metas = self.am.get_changes_meta(&[]);
        let among = metas.iter().filter(|meta| {
            matches!(ActorClass::of(&meta.actor), ActorClass::Scaffold | ActorClass::Genesis)
                || changes.contains(&meta.hash.into())
        });
        heads_within(&self.am, &among.map(|meta| meta.hash).collect())
    }

    /// The record as it would be without some changes; `None` where others were made on top of them.
    ///
    /// # Errors
    /// [`DocumentError`] where the document is not of the schema.
    pub fn record_without(
        &self,
        schema: &RecordSchema,
        changes: &[ChangeHash],
    ) -> Result<Option<Record>, DocumentError> {
        let is_out = |hash: &am::ChangeHash| changes.contains(&(*hash).into());
        let metas = self.am.get_changes_meta(&[]);
        let rest = metas.iter().filter(|meta| !is_out(&meta.hash));
        if rest.clone().any(|meta| meta.deps.iter().any(is_out)) {
            return Ok(None);
        }
        let heads = heads_within(&self.am, &rest.map(|meta| meta.hash).collect());
        Ok(Some(Record::from_canonical(self.reader(schema, Some(&heads)).members()?)))
    }

    /// The fields with several values that differ, by pointer; before them, with an empty pointer,
    /// a deletion that somebody wrote beside. A deleted profile has no conflicts.
    ///
    /// # Errors
    /// [`DocumentError::Malformed`] where the document is not of the schema.
    pub fn conflicts(&self, schema: &RecordSchema) -> Result<Vec<Conflict>, DocumentError> {
        let life = Life::of(&self.am)?;
        if life == Life::Deleted {
            return Ok(Vec::new());
        }
        let mut conflicts: Vec<Conflict> = life.conflict(&self.am)?.into_iter().collect();
        conflicts.extend(self.reader(schema, None).conflicts()?);
        Ok(conflicts)
    }

    /// How many [`Document::conflicts`] there are.
    ///
    /// # Errors
    /// [`DocumentError::Malformed`] where the document is not of the schema.
    pub fn conflict_count(&self, schema: &RecordSchema) -> Result<usize, DocumentError> {
        let contested = || Ok(self.reader(schema, None).contested()?.len());
        match Life::of(&self.am)? {
            Life::Deleted => Ok(0),
            Life::Offered { .. } => contested().map(|fields| fields + 1),
            Life::Kept => contested(),
        }
    }

    /// Every change of the profile, oldest first, with the fields that it changed.
    ///
    /// # Errors
    /// [`DocumentError::Malformed`] where the document is not of the schema.
    pub fn history(&self, schema: &RecordSchema) -> Result<Vec<HistoryEntry>, DocumentError> {
        history::read(&self.am, schema).map_err(Into::into)
    }

    /// The changes beyond scaffold and genesis, in causal order.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let all = self.am.get_changes(&[]).into_iter().map(Change::from);
        all.filter(|c| !matches!(c.class(), ActorClass::Scaffold | ActorClass::Genesis)).collect()
    }

    /// Whether the document holds this change.
    #[must_use]
    pub fn has(&self, hash: ChangeHash) -> bool {
        self.am.get_change_meta_by_hash(&hash.into()).is_some()
    }

    /// Takes changes of other replicas; answers those that were new. Repeats change nothing, order
    /// does not matter as long as all causes are among them or already here.
    ///
    /// # Errors
    /// [`ApplyError`]; the document is as it was before, then.
    pub fn apply(
        &mut self,
        schema: &RecordSchema,
        changes: &[Change],
    ) -> Result<Vec<Change>, ApplyError> {
        let mut fresh: Vec<Change> = Vec::new();
        for change in changes {
            if self.has(change.hash()) || fresh.iter().any(|f| f.hash() == change.hash()) {
                continue;
            }
            if matches!(change.class(), ActorClass::Scaffold | ActorClass::Genesis) {
                return Err(ApplyError::ForeignGenesis(change.hash()));
            }
            fresh.push(change.clone());
        }
        if fresh.is_empty() {
            return Ok(fresh);
        }
        let mut trial = self.am.clone();
        trial.apply_changes(fresh.iter().map(|c| c.inner().clone()).collect::<Vec<_>>()).map_err(
            |e| match e {
                am::AutomergeError::DuplicateSeqNumber(..) => ApplyError::Forked,
                other => ApplyError::Document(other.into()),
            },
        )?;
        let wanted: Vec<am::ChangeHash> = fresh.iter().map(|c| c.hash().into()).collect();
        if let Some(missing) = trial.get_missing_deps(&wanted).first() {
            return Err(ApplyError::Missing((*missing).into()));
        }
        let trial = Self { am: trial };
        // Whoever wrote the changes, the result must be a record before it replaces one.
        trial.record(schema)?;
        Life::of(&trial.am).map_err(DocumentError::from)?;
        deletion::became(&trial.am, None).map_err(DocumentError::from)?;
        self.am = trial.am;
        Ok(fresh)
    }

    /// Brings a later file's record of the same profile in: what the file changed since the last
    /// import is changed here, on the import line.
    ///
    /// # Errors
    /// [`DocumentError`] where the document cannot be read.
    pub fn import(
        &mut self,
        schema: &RecordSchema,
        file: &Record,
    ) -> Result<ImportOutcome, DocumentError> {
        let line = self.import_line();
        let base = self.reader(schema, Some(&line)).members()?;
        self.import_ops(schema, file, &line, &diff(schema, &base, file.members(), Extent::Import))
    }

    pub(crate) fn import_ops(
        &mut self,
        schema: &RecordSchema,
        file: &Record,
        line: &[am::ChangeHash],
        ops: &[Op],
    ) -> Result<ImportOutcome, DocumentError> {
        if ops.is_empty() {
            return Ok(ImportOutcome::Unchanged);
        }
        let hashes: Vec<ChangeHash> = line.iter().copied().map(Into::into).collect();
        let actor = actor::import(&hashes, &file.hash());
        match self.commit_at(schema, line, actor, CommitOptions::default().with_time(0), ops)? {
            Some(change) => Ok(ImportOutcome::Changed(Box::new(change))),
            None => Ok(ImportOutcome::Unchanged),
        }
    }

    /// The heads of the import line: scaffold, genesis and imports without what people did.
    pub(crate) fn import_line(&self) -> Vec<am::ChangeHash> {
        let derived: BTreeSet<am::ChangeHash> = self
            .am
            .get_changes_meta(&[])
            .iter()
            .filter(|meta| ActorClass::of(&meta.actor).is_derived())
            .map(|meta| meta.hash)
            .collect();
        heads_within(&self.am, &derived)
    }

    /// Writes a person's change on top of everything that is here.
    pub(crate) fn commit_edit(
        &mut self,
        schema: &RecordSchema,
        actor: Actor,
        stamp: &Stamp,
        ops: &[Op],
    ) -> Result<Option<Change>, DocumentError> {
        let heads = self.am.get_heads();
        self.commit_at(schema, &heads, actor.id(), stamp.options(), ops)
    }

    /// Makes one change on `heads` and takes it in.
    pub(crate) fn commit_at(
        &mut self,
        schema: &RecordSchema,
        heads: &[am::ChangeHash],
        actor: ActorId,
        options: CommitOptions,
        ops: &[Op],
    ) -> Result<Option<Change>, DocumentError> {
        if ops.is_empty() {
            return Ok(None);
        }
        let mut sorted = heads.to_vec();
        sorted.sort_unstable();
        let mut own = self.am.get_heads();
        own.sort_unstable();
        if sorted == own {
            return self.commit_here(schema, actor, options, ops);
        }
        let mut branch = Self { am: self.am.fork_at(heads)? };
        let Some(change) = branch.commit_here(schema, actor, options, ops)? else {
            return Ok(None);
        };
        self.am.apply_changes([change.inner().clone()])?;
        Ok(Some(change))
    }

    /// Makes one change on everything that is here. Where it fails, nothing was changed.
    fn commit_here(
        &mut self,
        schema: &RecordSchema,
        actor: ActorId,
        options: CommitOptions,
        ops: &[Op],
    ) -> Result<Option<Change>, DocumentError> {
        let targets = self.targets(schema, ops)?;
        self.am.set_actor(actor);
        let mut tx = self.am.transaction();
        if let Err(error) = apply(&mut tx, schema, ops, &targets) {
            tx.rollback();
            return Err(error);
        }
        let (hash, _) = tx.commit_with(options);
        let Some(hash) = hash else { return Ok(None) };
        let change = self
            .am
            .get_change_by_hash(&hash)
            .ok_or_else(|| DocumentError::Operation("the change was not kept".to_owned()))?;
        Ok(Some(change.into()))
    }

    pub(crate) fn reader<'a>(
        &'a self,
        schema: &'a RecordSchema,
        heads: Option<&'a [am::ChangeHash]>,
    ) -> Reader<'a> {
        Reader { doc: &self.am, schema, heads }
    }

    /// The containers that the steps write to, looked up before a transaction borrows the document.
    pub(crate) fn targets(
        &self,
        schema: &RecordSchema,
        ops: &[Op],
    ) -> Result<Targets, DocumentError> {
        let mut targets = Targets::new();
        for op in ops {
            let (Op::Key { member, .. } | Op::Element { member, .. } | Op::Text { member, .. }) =
                op
            else {
                continue;
            };
            if targets.contains_key(member) {
                continue;
            }
            let kind = schema.member(member).and_then(|m| container_of(&m.rule));
            let kind = kind.ok_or_else(|| DocumentError::Malformed(member.clone()))?;
            let id = self.reader(schema, None).container(member, kind)?;
            targets.insert(member.clone(), id);
        }
        Ok(targets)
    }
}

pub(crate) type Targets = std::collections::BTreeMap<String, am::ObjId>;

fn container_of(rule: &MergeRule) -> Option<ObjType> {
    match rule {
        MergeRule::RegisterPerKey | MergeRule::Set { .. } => Some(ObjType::Map),
        MergeRule::Text => Some(ObjType::Text),
        _ => None,
    }
}

/// The change that makes the containers.
pub(crate) fn scaffold(schema: &RecordSchema) -> Result<Automerge, DocumentError> {
    let mut doc = Automerge::new();
    commit_derived(&mut doc, actor::scaffold(schema.name()), |tx| {
        for member in schema.members() {
            match container_of(&member.rule) {
                Some(kind) => {
                    tx.put_object(am::ROOT, &member.name, kind)?;
                }
                None => continue,
            }
        }
        Ok(())
    })?;
    Ok(doc)
}

fn commit_derived(
    doc: &mut Automerge,
    actor: ActorId,
    write: impl FnOnce(&mut am::transaction::Transaction<'_>) -> Result<(), DocumentError>,
) -> Result<(), DocumentError> {
    doc.set_actor(actor);
    let mut tx = doc.transaction();
    write(&mut tx)?;
    tx.commit_with(CommitOptions::default().with_time(0));
    Ok(())
}

/// Writes the steps as explicit single operations in their order. The order is part of the format:
/// genesis hashes depend on it, and golden fixtures hold it fast.
pub(crate) fn apply(
    tx: &mut am::transaction::Transaction<'_>,
    schema: &RecordSchema,
    ops: &[Op],
    targets: &Targets,
) -> Result<(), DocumentError> {
    let target = |member: &str| {
        targets.get(member).cloned().ok_or_else(|| DocumentError::Malformed(member.to_owned()))
    };
    for op in ops {
        match op {
            Op::Register { member, value } => {
                let structured = is_structured(schema.member(member));
                let scalar = value.as_ref().map_or_else(removed, |v| to_scalar(v, structured));
                tx.put(am::ROOT, member, scalar)?;
            }
            Op::Key { member, key, value } => {
                let scalar = value.as_ref().map_or_else(removed, |v| to_scalar(v, false));
                tx.put(target(member)?, key, scalar)?;
            }
            Op::Element { member, key, value: Some(value) } => {
                tx.put(target(member)?, key, to_scalar(value, value.is_object()))?;
            }
            Op::Element { member, key, value: None } => tx.delete(target(member)?, key)?,
            Op::Text { member, text } => {
                let id = target(member)?;
                if tx.length(&id) == 0 {
                    tx.splice_text(&id, 0, 0, text)?;
                } else {
                    tx.update_text(&id, text)?;
                }
            }
        }
    }
    Ok(())
}

pub(crate) fn is_structured(member: Option<&Member>) -> bool {
    member.is_some_and(|m| matches!(m.rule, MergeRule::Register { structured: true, .. }))
}

/// A register's value for a forced write: chosen among the concurrent ones.
pub(crate) fn op_for(schema: &RecordSchema, path: &[String], value: Option<Value>) -> Option<Op> {
    let member = schema.member(path.first()?)?;
    let name = member.name.clone();
    match (&member.rule, path.get(1)) {
        (MergeRule::Register { .. }, None) => Some(Op::Register { member: name, value }),
        (MergeRule::RegisterPerKey, Some(key)) => {
            Some(Op::Key { member: name, key: key.clone(), value })
        }
        (MergeRule::Set { .. }, Some(key)) => {
            Some(Op::Element { member: name, key: key.clone(), value })
        }
        _ => None,
    }
}
