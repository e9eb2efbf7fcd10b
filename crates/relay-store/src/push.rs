//! Taking in what a replica sends.

use kartei_profile::{Change, Document, Record, RecordHash};
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::sync::{ProfileLine, PushAnswer, PushEnd, PushItem};
use kartei_sync_core::{Edited, Offer, Verdict, accept};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::access::OrgId;
use crate::error::RelayStoreError;
use crate::feed;
use crate::store::RelayStore;

/// What a push did.
#[derive(Debug)]
pub struct Pushed {
    /// One answer for each item, in order.
    pub answers: Vec<PushAnswer>,
    /// What it did to the order.
    pub end: PushEnd,
}

struct Held {
    pk: i64,
    rev: u64,
    genesis: RecordHash,
}

impl RelayStore {
    /// Takes in the items of one push in one transaction and numbers what they changed in one
    /// block. Sending the same again changes nothing and is answered the same way.
    ///
    /// # Errors
    /// [`RelayStoreError`]; nothing was taken then.
    pub fn push(&self, org: OrgId, items: &[PushItem]) -> Result<Pushed, RelayStoreError> {
        self.write(|db| {
            let (epoch, head_before): (String, u64) = db
                .prepare_cached("SELECT epoch, head_rev FROM organisations WHERE id = ?1")?
                .query_row([org.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let mut head_rev = head_before;
            let mut answers = Vec::with_capacity(items.len());
            for item in items {
                answers.push(self.push_one(db, org, item, &mut head_rev)?);
            }
            if head_rev > head_before {
                db.prepare_cached("UPDATE organisations SET head_rev = ?2 WHERE id = ?1")?
                    .execute(params![org.0, head_rev])?;
            }
            Ok(Pushed { answers, end: PushEnd { epoch, head_before, head_rev } })
        })
    }

    fn push_one(
        &self,
        db: &Transaction<'_>,
        org: OrgId,
        item: &PushItem,
        head_rev: &mut u64,
    ) -> Result<PushAnswer, RelayStoreError> {
        let rejected =
            |code, reason: String| PushAnswer::Rejected { id: item.id.clone(), code, reason };
        let Some(genesis) = RecordHash::from_hex(&item.genesis) else {
            return Ok(rejected(ProblemCode::InvalidRequest, "`genesis` is no SHA-256".to_owned()));
        };
        let changes: Result<Vec<Change>, _> =
            item.changes.iter().map(|bytes| Change::from_bytes(&bytes.0)).collect();
        let changes = match changes {
            Ok(changes) => changes,
            Err(error) => return Ok(rejected(ProblemCode::InvalidRequest, error.to_string())),
        };
        let held = find(db, org, &item.id)?;
        let offer = Offer {
            id: &item.id,
            genesis,
            record: item.record.as_deref().map(serde_json::value::RawValue::get),
            changes,
        };
        let mut failure = None;
        let load = || {
            let held = held.as_ref().map(|held| held.pk);
            load_document(db, &self.schema, held.unwrap_or_default()).map_err(|error| {
                let text = error.to_string();
                failure = Some(error);
                kartei_profile::DocumentError::Load(text)
            })
        };
        let verdict = accept(&self.schema, held.as_ref().map(|held| held.genesis), load, &offer);
        if let Some(failure) = failure {
            return Err(failure);
        }
        let verdict = verdict.map_err(|e| damaged(&item.id, &e))?;
        let rev = match (verdict, held) {
            (Verdict::Create { genesis, edited }, _) => {
                *head_rev += 1;
                create(db, org, *head_rev, &genesis, edited)?;
                *head_rev
            }
            (Verdict::Extend(edited), Some(held)) => {
                *head_rev += 1;
                extend(db, held.pk, *head_rev, &edited)?;
                *head_rev
            }
            (Verdict::Known, Some(held)) => held.rev,
            (Verdict::OtherGenesis, Some(_)) => {
                return Ok(PushAnswer::OtherGenesis { profile: whole(db, org, &item.id)? });
            }
            (Verdict::Rejected { code, reason }, _) => return Ok(rejected(code, reason)),
            (Verdict::GenesisWanted, _) | (_, None) => {
                return Ok(PushAnswer::GenesisWanted { id: item.id.clone() });
            }
        };
        Ok(PushAnswer::Accepted { id: item.id.clone(), rev })
    }
}

fn damaged(id: &str, error: &dyn std::fmt::Display) -> RelayStoreError {
    RelayStoreError::Damaged { id: id.to_owned(), reason: error.to_string() }
}

fn find(db: &Transaction<'_>, org: OrgId, id: &str) -> Result<Option<Held>, RelayStoreError> {
    Ok(db
        .prepare_cached("SELECT pk, rev, genesis FROM profiles WHERE org = ?1 AND id = ?2")?
        .query_row(params![org.0, id], |row| {
            Ok(Held {
                pk: row.get(0)?,
                rev: row.get(1)?,
                genesis: RecordHash::from_bytes(row.get(2)?),
            })
        })
        .optional()?)
}

fn load_document(
    db: &Transaction<'_>,
    schema: &kartei_profile::RecordSchema,
    pk: i64,
) -> Result<Document, RelayStoreError> {
    let body: Option<Vec<u8>> = db
        .prepare_cached("SELECT body FROM documents WHERE profile = ?1")?
        .query_row([pk], |row| row.get(0))
        .optional()?;
    if let Some(body) = body {
        return Document::load(&body).map_err(|e| damaged("", &e));
    }
    let (id, text): (String, String) = db
        .prepare_cached("SELECT id, record FROM profiles WHERE pk = ?1")?
        .query_row([pk], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let record = Record::from_stored(&text).map_err(|e| damaged(&id, &e))?;
    Document::genesis(schema, &record).map_err(|e| damaged(&id, &e))
}

fn create(
    db: &Transaction<'_>,
    org: OrgId,
    rev: u64,
    genesis: &Record,
    edited: Option<Edited>,
) -> Result<(), RelayStoreError> {
    db.prepare_cached(
        "INSERT INTO profiles (org, id, rev, genesis, genesis_rev, hash, conflicts, record) \
         VALUES (?1, ?2, ?3, ?4, ?3, ?4, 0, ?5)",
    )?
    .execute(params![org.0, genesis.id(), rev, genesis.hash().bytes(), genesis.text()])?;
    match edited {
        Some(edited) => extend(db, db.last_insert_rowid(), rev, &edited),
        None => Ok(()),
    }
}

fn extend(db: &Transaction<'_>, pk: i64, rev: u64, edited: &Edited) -> Result<(), RelayStoreError> {
    db.prepare_cached(
        "UPDATE profiles SET rev = ?2, hash = ?3, conflicts = ?4, \
         genesis_record = coalesce(genesis_record, record), record = ?5 WHERE pk = ?1",
    )?
    .execute(params![
        pk,
        rev,
        edited.record.hash().bytes(),
        edited.conflicts,
        edited.record.text()
    ])?;
    db.prepare_cached("INSERT OR REPLACE INTO documents (profile, body) VALUES (?1, ?2)")?
        .execute(params![pk, edited.document.save()])?;
    for change in &edited.fresh {
        db.prepare_cached(
            "INSERT INTO changes (profile, rev, hash, body) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![pk, rev, change.hash().bytes(), change.bytes()])?;
    }
    Ok(())
}

/// The profile with its beginning and all its changes.
fn whole(db: &Transaction<'_>, org: OrgId, id: &str) -> Result<ProfileLine, RelayStoreError> {
    let row = db
        .prepare_cached(&format!("{} WHERE org = ?1 AND id = ?2", feed::SELECT))?
        .query_row(params![org.0, id], feed::FeedRow::read)?;
    feed::line(db, row, 0)
}
