//! Taking in a page of the relay's feed.

use kartei_profile::{Change, Document, RecordHash, Stamp};
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::sync::{Cursor, ProfileLine};
use kartei_sync_core::{Incoming, Local, Pending, TakeError, Taken, take};
use rusqlite::Transaction;
use serde_json::value::RawValue;

use crate::chunk;
use crate::error::StoreError;
use crate::outbox;
use crate::row::{self, Prepared, StoredProfile, Written};
use crate::session::{self, Session};
use crate::store::Store;
use crate::writing::Writing;

/// What a page did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PulledPage {
    /// Profiles that were new or changed here.
    pub changed: u64,
    /// Whether the outbox holds something that the relay has not refused.
    pub to_send: bool,
}

impl Store {
    /// Applies lines of the feed and moves the cursor, in one transaction.
    ///
    /// # Errors
    /// [`StoreError`]; neither was applied then, and pulling again repeats nothing.
    pub fn apply_pull(
        &self,
        session: &Session,
        now: i64,
        lines: &[ProfileLine],
        cursor: &Cursor,
    ) -> Result<PulledPage, StoreError> {
        let stamp = session.stamp(now);
        self.write_repeatable(|db| {
            let mut page = PulledPage::default();
            for line in lines {
                page.changed += u64::from(take_line(self, db, session, &stamp, now, line)?);
            }
            session::put_cursor(db, cursor)?;
            chunk::pack_if_many(db)?;
            page.to_send = outbox::has_sendable(db)?;
            Ok(page)
        })
    }
}

/// Merges one profile of the relay into what is here. Answers whether anything changed.
pub(crate) fn take_line(
    store: &Store,
    db: &Writing<'_>,
    session: &Session,
    stamp: &Stamp,
    now: i64,
    line: &ProfileLine,
) -> Result<bool, StoreError> {
    let refuse = |reason: &str| {
        StoreError::Damaged(format!("answer of the relay for `{}`: {reason}", line.id))
    };
    let genesis = RecordHash::from_hex(&line.genesis).ok_or_else(|| refuse("no genesis hash"))?;
    let changes = line
        .changes
        .iter()
        .map(|bytes| Change::from_bytes(&bytes.0))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| refuse(&e.to_string()))?;
    let stored = StoredProfile::find(db, &line.id)?;
    let local = match &stored {
        Some(stored) => Some(Local {
            genesis: stored.genesis,
            record: stored.record()?,
            document: stored.edited.then(|| stored.document(db, &store.schema)).transpose()?,
        }),
        None => None,
    };
    let incoming = Incoming { genesis, record: line.record.as_deref().map(RawValue::get), changes };
    let taken = match (take(&store.schema, local, &incoming, session.actor, stamp), &stored) {
        (Ok(taken), _) => taken,
        (Err(TakeError::Document(error)), _) => return Err(error.into()),
        // One profile whose changes do not fit must not hold up all others: it stays as it is
        // here, visibly refused, and the feed goes on.
        (Err(TakeError::Apply(error)), Some(stored)) => {
            let code = ProblemCode::RelayIncompatible;
            outbox::set_aside(db, stored.pk, code, &error.to_string(), now)?;
            return Ok(true);
        }
        (Err(error), _) => return Err(refuse(&error.to_string())),
    };
    match taken {
        Taken::Known => {
            let Some(stored) = stored else { return Ok(false) };
            known(db, &stored, &incoming.changes, line.rev)?;
            Ok(false)
        }
        Taken::Stored { genesis, record, document, conflicts, deleted, pending, replayed } => {
            let row = Prepared::new(*record);
            let body = document.as_deref().map(Document::save);
            let written = Written {
                row: &row,
                genesis,
                accepted: true,
                document: body.as_deref(),
                conflicts,
                deleted,
                rev: Some(line.rev),
                changed_at: now,
                import: stored.as_ref().and_then(|stored| stored.import),
            };
            let Some(stored) = stored else {
                row::insert(db, &written)?;
                return Ok(true);
            };
            row::update(db, &stored, &written)?;
            match pending {
                Pending::Keep => forget(db, stored.pk, &incoming.changes)?,
                Pending::Replace => {
                    db.prepare_cached("DELETE FROM pending_changes WHERE profile = ?1")?
                        .execute([stored.pk])?;
                    for change in &replayed {
                        row::add_pending(db, stored.pk, change)?;
                    }
                    session.remember_actor(db)?;
                }
            }
            clear_outbox(db, stored.pk)?;
            Ok(true)
        }
    }
}

fn known(
    db: &Transaction<'_>,
    stored: &StoredProfile,
    changes: &[Change],
    rev: u64,
) -> Result<(), StoreError> {
    if !stored.accepted || stored.rev != Some(rev) {
        db.prepare_cached("UPDATE profiles SET accepted = 1, rev = ?2 WHERE pk = ?1")?
            .execute(rusqlite::params![stored.pk, rev])?;
    }
    forget(db, stored.pk, changes)?;
    clear_outbox(db, stored.pk)
}

/// Changes that came back from the relay need not be sent any more: the answer to the push that
/// brought them there may have been lost.
fn forget(db: &Transaction<'_>, pk: row::Pk, changes: &[Change]) -> Result<(), StoreError> {
    for change in changes {
        db.prepare_cached("DELETE FROM pending_changes WHERE profile = ?1 AND hash = ?2")?
            .execute(rusqlite::params![pk, change.hash().bytes()])?;
    }
    Ok(())
}

fn clear_outbox(db: &Transaction<'_>, pk: row::Pk) -> Result<(), StoreError> {
    db.prepare_cached(
        "DELETE FROM outbox WHERE profile = ?1 \
         AND NOT EXISTS (SELECT 1 FROM pending_changes WHERE profile = ?1)",
    )?
    .execute([pk])?;
    Ok(())
}
