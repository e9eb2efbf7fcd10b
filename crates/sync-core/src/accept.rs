//! The relay's verdict on one pushed profile.

use std::cell::RefCell;

use kartei_profile::{
    ApplyError, Change, Document, DocumentError, FastReader, Record, RecordHash, RecordSchema,
};
use kartei_protocol::problem::ProblemCode;

/// One pushed profile, as it came.
#[derive(Debug)]
pub struct Offer<'a> {
    /// The record's id.
    pub id: &'a str,
    /// Hash of the genesis record that the replica's profile began with.
    pub genesis: RecordHash,
    /// That record's text, where the replica sent it.
    pub record: Option<&'a str>,
    /// Changes on top.
    pub changes: Vec<Change>,
}

/// What the relay does with it.
#[derive(Debug)]
pub enum Verdict {
    /// Store it as new, as nobody has edited it: under the id and hash of the offer.
    CreateUntouched {
        /// The record, canonical.
        text: String,
    },
    /// Store it as new: the genesis record, and the document where it was edited already.
    Create {
        /// The genesis record.
        genesis: Box<Record>,
        /// The document and the changes in it, where there are any.
        edited: Option<Edited>,
    },
    /// Store the document in place of the old one and keep the fresh changes.
    Extend(Edited),
    /// Everything in it is here already.
    Known,
    /// The profile here began with another record.
    OtherGenesis,
    /// The profile is not here, or lacks what the changes build on, and it was not sent whole.
    GenesisWanted,
    /// It is refused; nothing changes.
    Rejected {
        /// The closed code.
        code: ProblemCode,
        /// What is wrong, without the record's contents.
        reason: String,
    },
}

/// A document after changes.
#[derive(Debug)]
pub struct Edited {
    /// The document.
    pub document: Document,
    /// The record it reads as.
    pub record: Record,
    /// The changes that were not here.
    pub fresh: Vec<Change>,
    /// Fields in conflict, and a deletion that somebody wrote beside.
    pub conflicts: usize,
    /// Whether the profile is deleted; the record is then what it was.
    pub deleted: bool,
}

/// Judges an offer against what the relay holds: the genesis record's hash and a way to get the
/// document, which is loaded only where changes came.
///
/// # Errors
/// [`DocumentError`] where what the relay itself holds cannot be read.
pub fn accept(
    schema: &RecordSchema,
    held: Option<RecordHash>,
    load: impl FnOnce() -> Result<Document, DocumentError>,
    offer: &Offer<'_>,
) -> Result<Verdict, DocumentError> {
    match held {
        None => create(schema, offer),
        Some(genesis) if genesis != offer.genesis => Ok(Verdict::OtherGenesis),
        Some(_) if offer.changes.is_empty() => Ok(Verdict::Known),
        // Restored from a backup, or forgotten and made again: the replica believes that what it builds
        // on is here, and has it.
        Some(_) => extend(schema, load()?, &offer.changes, offer.record.is_none()),
    }
}

fn create(schema: &RecordSchema, offer: &Offer<'_>) -> Result<Verdict, DocumentError> {
    let Some(text) = offer.record else { return Ok(Verdict::GenesisWanted) };
    // What a replica says is canonical is checked like any line that comes from outside.
    if offer.changes.is_empty()
        && let Some(text) = plain(schema, offer, text)
    {
        return Ok(Verdict::CreateUntouched { text });
    }
    let record = match Record::parse(schema, text.as_bytes()) {
        Ok(accepted) => accepted.record,
        Err(violation) => {
            let reason = format!("the record is refused: {violation}");
            return Ok(Verdict::Rejected { code: ProblemCode::InvalidRecord, reason });
        }
    };
    if record.id() != offer.id || record.hash() != offer.genesis {
        let reason = "the record does not have the id and hash that it was sent under".to_owned();
        return Ok(Verdict::Rejected { code: ProblemCode::InvalidRecord, reason });
    }
    if offer.changes.is_empty() {
        return Ok(Verdict::Create { genesis: Box::new(record), edited: None });
    }
    let document = Document::genesis(schema, &record)?;
    Ok(match extend(schema, document, &offer.changes, false)? {
        Verdict::Extend(edited) => {
            Verdict::Create { genesis: Box::new(record), edited: Some(edited) }
        }
        other => other,
    })
}

/// The canonical text of a record that the fast reader takes and that has the offer's id and hash.
/// Where it does not, the careful one says why.
fn plain(schema: &RecordSchema, offer: &Offer<'_>, text: &str) -> Option<String> {
    thread_local! {
        // Its memory is worth keeping from record to record.
        static READER: RefCell<FastReader> = RefCell::default();
    }
    READER.with_borrow_mut(|reader| {
        let mut out = Vec::with_capacity(text.len());
        let record = reader.read(schema, text.as_bytes(), &mut out)?;
        let is_it = record.id() == offer.id && record.hash() == offer.genesis;
        if is_it { String::from_utf8(out).ok() } else { None }
    })
}

/// `may_want`: whether the replica has more of the profile than it sent.
fn extend(
    schema: &RecordSchema,
    mut document: Document,
    changes: &[Change],
    may_want: bool,
) -> Result<Verdict, DocumentError> {
    let fresh = match document.apply(schema, changes) {
        Ok(fresh) => fresh,
        Err(ApplyError::Missing(_)) if may_want => return Ok(Verdict::GenesisWanted),
        Err(error) => {
            let code = match &error {
                ApplyError::Forked | ApplyError::ForeignGenesis(_) | ApplyError::Missing(_) => {
                    ProblemCode::InvalidRequest
                }
                ApplyError::Document(_) => ProblemCode::InvalidRecord,
            };
            return Ok(Verdict::Rejected { code, reason: error.to_string() });
        }
    };
    if fresh.is_empty() {
        return Ok(Verdict::Known);
    }
    let record = document.record(schema)?;
    let conflicts = document.conflict_count(schema)?;
    let deleted = document.is_deleted();
    Ok(Verdict::Extend(Edited { document, record, fresh, conflicts, deleted }))
}
