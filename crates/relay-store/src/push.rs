//! Taking in what a replica sends.

use kartei_profile::{Change, Document, DocumentError, Record, RecordHash};
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::sync::{PushAnswer, PushEnd, PushItem};
use kartei_sync_core::{Edited, Offer, Verdict, accept};

use crate::access::OrgId;
use crate::engine::{Held, NewChange, Want, Write};
use crate::error::RelayStoreError;
use crate::feed;
use crate::rest::Author;
use crate::rounds::{Judged, ask};
use crate::store::RelayStore;

/// What a push did.
#[derive(Debug)]
pub struct Pushed {
    /// One answer for each item, in order.
    pub answers: Vec<PushAnswer>,
    /// What it did to the order.
    pub end: PushEnd,
    /// The revision of the last profile that was erased since it had been merged into one that is.
    pub follows_erased: Option<u64>,
}

/// The answer to an item, as far as judging goes.
enum Said {
    Answer(PushAnswer),
    Accepted,
    /// Accepted, of a profile that was merged into the one with this id.
    Merged(String),
    /// Answered with the relay's own profile.
    OtherGenesis,
}

impl RelayStore {
    /// Takes in the items of one push and numbers what they changed. Changes keep the author that they
    /// name; where that is not `sender`, history tells both. Sending the same again changes
    /// nothing and is answered the same way. Where other writers are quicker, the items that they
    /// overtook are judged again, so that a push can come to more than one commit.
    ///
    /// # Errors
    /// [`RelayStoreError`]; some items may have been taken then, as if only those had been sent.
    pub fn push(
        &self,
        org: OrgId,
        sender: &Author,
        items: &[PushItem],
    ) -> Result<Pushed, RelayStoreError> {
        let want = |item: &PushItem| {
            if item.changes.is_empty() { Want::Stub } else { Want::Document }
        };
        let done = self.settle(
            org,
            items,
            |item| ask(&item.id, want(item)),
            |item, erased| {
                let (id, erased) = (item.id.clone(), erased.clone());
                Said::Answer(PushAnswer::Erased { id, erased })
            },
            |item, held| self.judge_one(sender, item, held),
        )?;
        let mut answers = Vec::with_capacity(items.len());
        let mut follows_erased = None;
        for (item, (said, rev)) in items.iter().zip(done.answers) {
            let id = item.id.clone();
            answers.push(match (said, rev) {
                (Said::Answer(answer), _) => answer,
                (Said::Accepted, Some(rev)) => PushAnswer::Accepted { id, rev },
                (Said::Merged(into), Some(rev)) => {
                    match self.follow_erased(org, sender.now, &id, &into)? {
                        Some(erased) => {
                            follows_erased = Some(erased.rev);
                            PushAnswer::Erased { id, erased }
                        }
                        None => PushAnswer::Accepted { id, rev },
                    }
                }
                (Said::OtherGenesis | Said::Accepted | Said::Merged(_), _) => {
                    self.own(org, &item.id)?
                }
            });
        }
        Ok(Pushed { answers, end: done.end, follows_erased })
    }

    fn judge_one(
        &self,
        sender: &Author,
        item: &PushItem,
        held: Option<&Held>,
    ) -> Result<Judged<Said>, RelayStoreError> {
        let rejected = |code, reason: String| {
            Judged::Answer(Said::Answer(PushAnswer::Rejected { id: item.id.clone(), code, reason }))
        };
        let Some(genesis) = RecordHash::from_hex(&item.genesis) else {
            return Ok(rejected(ProblemCode::InvalidRequest, "`genesis` is no SHA-256".to_owned()));
        };
        let changes: Result<Vec<Change>, _> =
            item.changes.iter().map(|bytes| Change::from_bytes(&bytes.0)).collect();
        let changes = match changes {
            Ok(changes) => changes,
            Err(error) => return Ok(rejected(ProblemCode::InvalidRequest, error.to_string())),
        };
        let offer = Offer {
            id: &item.id,
            genesis,
            record: item.record.as_deref().map(serde_json::value::RawValue::get),
            changes,
        };
        let load = || self.document_of(held);
        let verdict = accept(&self.schema, held.map(|held| held.genesis), load, &offer)
            .map_err(|e| damaged(&item.id, &e))?;
        Ok(match (verdict, held) {
            (Verdict::CreateUntouched { text }, _) => {
                let write = untouched(sender.now, &item.id, genesis, text);
                Judged::Write(Box::new(write), Said::Accepted)
            }
            (Verdict::Create { genesis, edited }, _) => {
                let said = edited.as_ref().map_or(Said::Accepted, accepted);
                Judged::Write(Box::new(created(sender, &genesis, edited)), said)
            }
            (Verdict::Extend(edited), Some(held)) => {
                let said = accepted(&edited);
                Judged::Write(Box::new(extended(sender, held, &item.id, &edited)), said)
            }
            (Verdict::Known, Some(held)) => {
                let (id, rev) = (item.id.clone(), held.rev);
                Judged::Answer(Said::Answer(PushAnswer::Accepted { id, rev }))
            }
            (Verdict::OtherGenesis, Some(_)) => Judged::Answer(Said::OtherGenesis),
            (Verdict::Rejected { code, reason }, _) => rejected(code, reason),
            (Verdict::GenesisWanted, _) | (_, None) => {
                Judged::Answer(Said::Answer(PushAnswer::GenesisWanted { id: item.id.clone() }))
            }
        })
    }

    /// The document of what is held; of an unedited profile the one that it would begin with.
    pub(crate) fn document_of(&self, held: Option<&Held>) -> Result<Document, DocumentError> {
        let missing = || DocumentError::Load("neither document nor record".to_owned());
        let held = held.ok_or_else(missing)?;
        if let Some(body) = &held.document {
            return Document::load(body);
        }
        let text = held.record.as_deref().ok_or_else(missing)?;
        let record = Record::from_stored(text).map_err(|e| DocumentError::Load(e.to_string()))?;
        Document::genesis(&self.schema, &record)
    }

    /// The relay's own profile, for a replica that began with another record.
    fn own(&self, org: OrgId, id: &str) -> Result<PushAnswer, RelayStoreError> {
        match self.engine.whole(org, id)? {
            Some(row) => Ok(PushAnswer::OtherGenesis { profile: feed::line(row, 0)? }),
            // It went meanwhile; the replica sends its own.
            None => Ok(PushAnswer::GenesisWanted { id: id.to_owned() }),
        }
    }
}

fn accepted(edited: &Edited) -> Said {
    edited.document.became().map_or(Said::Accepted, Said::Merged)
}

pub(crate) fn damaged(id: &str, error: &dyn std::fmt::Display) -> RelayStoreError {
    RelayStoreError::Damaged { id: id.to_owned(), reason: error.to_string() }
}

/// A new profile that nobody has edited.
pub(crate) fn untouched(now: i64, id: &str, hash: RecordHash, text: String) -> Write {
    Write {
        id: id.to_owned(),
        expected: None,
        genesis: hash,
        genesis_record: None,
        record: text,
        hash,
        conflicts: 0,
        deleted: false,
        became: None,
        document: None,
        changes: Vec::new(),
        changed_at: now,
    }
}

pub(crate) fn created(sender: &Author, genesis: &Record, edited: Option<Edited>) -> Write {
    let begun = untouched(sender.now, genesis.id(), genesis.hash(), genesis.text().to_owned());
    match edited {
        None => begun,
        Some(edited) => {
            let genesis_record = Some(begun.record.clone());
            Write { genesis_record, ..with(sender, &edited, begun) }
        }
    }
}

pub(crate) fn extended(sender: &Author, held: &Held, id: &str, edited: &Edited) -> Write {
    let same = Write {
        id: id.to_owned(),
        expected: Some(held.rev),
        genesis: held.genesis,
        genesis_record: None,
        record: String::new(),
        hash: held.hash,
        conflicts: 0,
        deleted: false,
        became: None,
        document: None,
        changes: Vec::new(),
        changed_at: sender.now,
    };
    with(sender, edited, same)
}

fn with(sender: &Author, edited: &Edited, write: Write) -> Write {
    Write {
        record: edited.record.text().to_owned(),
        hash: edited.record.hash(),
        conflicts: edited.conflicts as u64,
        deleted: edited.deleted,
        became: edited.document.became(),
        document: Some(edited.document.save()),
        changes: edited.fresh.iter().map(|change| NewChange::of(change, &sender.name)).collect(),
        ..write
    }
}
