//! How a replica takes in what the relay holds of one profile.

use kartei_profile::{
    Actor, ApplyError, Change, Document, DocumentError, Record, RecordHash, RecordSchema, Stamp,
    Violation,
};

/// What the replica holds of the profile.
#[derive(Debug)]
pub struct Local {
    /// Hash of the genesis record it began with.
    pub genesis: RecordHash,
    /// The record as it is now; in the tier `genesis` also the genesis record.
    pub record: Record,
    /// The document, where somebody edited the profile.
    pub document: Option<Document>,
}

/// What the relay sent.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// Hash of the relay's genesis record.
    pub genesis: RecordHash,
    /// That record's text, unless the cursor says that the replica has it.
    pub record: Option<&'a str>,
    /// Changes on top.
    pub changes: Vec<Change>,
}

/// Local changes that the relay does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// As before.
    Keep,
    /// These of `Taken::Stored::replayed` instead; the old ones belong to a genesis that is gone.
    Replace,
}

/// What the replica does.
#[derive(Debug)]
pub enum Taken {
    /// Nothing of it is new; the relay has the genesis, though.
    Known,
    /// Store this.
    Stored {
        /// The relay's genesis hash.
        genesis: RecordHash,
        /// The record as it is now.
        record: Box<Record>,
        /// The document; `None` in the tier `genesis`.
        document: Option<Box<Document>>,
        /// Fields in conflict, and a deletion that somebody wrote beside.
        conflicts: usize,
        /// Whether the profile is deleted; the record is then what it was.
        deleted: bool,
        /// What becomes of the local changes.
        pending: Pending,
        /// Changes that take the place of the local ones.
        replayed: Vec<Change>,
    },
}

/// What the relay sent cannot be taken. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The record is no record.
    #[error("the relay sent a record that cannot be read: {0}")]
    Record(Violation),
    /// The record is not the one that its hash names.
    #[error("the relay sent a record under the hash of another")]
    Hash,
    /// Only changes came, for a profile whose beginning is not here.
    #[error("the relay sent changes of a profile whose beginning this replica lacks")]
    GenesisMissing,
    /// The changes do not fit.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// What the replica holds itself cannot be read.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// Merges what the relay sent into what the replica holds. `actor` and `now` sign edits that have
/// to be replayed because the relay's profile began with another record than this one.
///
/// # Errors
/// [`TakeError`].
pub fn take(
    schema: &RecordSchema,
    local: Option<Local>,
    incoming: &Incoming<'_>,
    actor: Actor,
    now: &Stamp,
) -> Result<Taken, TakeError> {
    match local {
        Some(local) if local.genesis == incoming.genesis => same_genesis(schema, local, incoming),
        Some(local) => other_genesis(schema, &local, incoming, actor, now),
        None => {
            let genesis = genesis_record(incoming)?;
            if incoming.changes.is_empty() {
                return Ok(stored(incoming.genesis, genesis, None, 0, false));
            }
            let mut document = Document::genesis(schema, &genesis)?;
            document.apply(schema, &incoming.changes)?;
            read_back(schema, incoming.genesis, document)
        }
    }
}

fn same_genesis(
    schema: &RecordSchema,
    local: Local,
    incoming: &Incoming<'_>,
) -> Result<Taken, TakeError> {
    if incoming.changes.is_empty() {
        return Ok(Taken::Known);
    }
    let mut document = match local.document {
        Some(document) => document,
        None => Document::genesis(schema, &local.record)?,
    };
    if document.apply(schema, &incoming.changes)?.is_empty() {
        return Ok(Taken::Known);
    }
    read_back(schema, incoming.genesis, document)
}

fn other_genesis(
    schema: &RecordSchema,
    local: &Local,
    incoming: &Incoming<'_>,
    actor: Actor,
    now: &Stamp,
) -> Result<Taken, TakeError> {
    let mut theirs = Document::genesis(schema, &genesis_record(incoming)?)?;
    theirs.apply(schema, &incoming.changes)?;
    let built;
    let mine = match &local.document {
        Some(document) => document,
        None => {
            built = Document::genesis(schema, &local.record)?;
            &built
        }
    };
    let stamp = mine.last_stamp().unwrap_or_else(|| now.clone());
    let (document, replayed) = mine.rebase(schema, theirs, actor, &stamp)?;
    let record = document.record(schema)?;
    let conflicts = document.conflict_count(schema)?;
    let deleted = document.is_deleted();
    let untouched = replayed.is_empty() && incoming.changes.is_empty();
    Ok(Taken::Stored {
        genesis: incoming.genesis,
        record: Box::new(record),
        document: (!untouched).then(|| Box::new(document)),
        conflicts,
        deleted,
        pending: Pending::Replace,
        replayed,
    })
}

fn genesis_record(incoming: &Incoming<'_>) -> Result<Record, TakeError> {
    let text = incoming.record.ok_or(TakeError::GenesisMissing)?;
    let record = Record::from_stored(text).map_err(TakeError::Record)?;
    if record.hash() == incoming.genesis { Ok(record) } else { Err(TakeError::Hash) }
}

fn read_back(
    schema: &RecordSchema,
    genesis: RecordHash,
    document: Document,
) -> Result<Taken, TakeError> {
    let record = document.record(schema)?;
    let conflicts = document.conflict_count(schema)?;
    let deleted = document.is_deleted();
    Ok(stored(genesis, record, Some(document), conflicts, deleted))
}

fn stored(
    genesis: RecordHash,
    record: Record,
    document: Option<Document>,
    conflicts: usize,
    deleted: bool,
) -> Taken {
    Taken::Stored {
        genesis,
        record: Box::new(record),
        document: document.map(Box::new),
        conflicts,
        deleted,
        pending: Pending::Keep,
        replayed: Vec::new(),
    }
}
