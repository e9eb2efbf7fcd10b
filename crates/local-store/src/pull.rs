//! Taking in a page of the relay's feed.

use kartei_profile::{Change, Document, RecordHash, Stamp};
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::sync::{Cursor, ProfileLine};
use kartei_sync_core::{Incoming, Local, Pending, TakeError, Taken, take};
use rusqlite::Transaction;
use serde_json::value::RawValue;

use crate::error::StoreError;
use crate::outbox;
use crate::received::LineReader;
use crate::reread;
use crate::row::{self, Prepared, StoredProfile, Written};
use crate::session::{self, Session};
use crate::store::Store;
use crate::writing::Writing;

/// What a page did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PulledPage {
    /// Where the replica is now. Nothing where it had gone elsewhere since it asked (another program
    /// on the same folder, or a late answer): then the page was left out, and is to be asked for again
    /// from there.
    pub cursor: Option<Cursor>,
    /// Profiles that were new or changed here.
    pub changed: u64,
    /// Those of them that were erased for good.
    pub erased: u64,
    /// Whether the outbox holds something that the relay has not refused.
    pub to_send: bool,
    /// Whether this replica holds what the relay does, where that can be told now.
    pub agrees: Option<bool>,
}

/// The end of a page of the feed, and what it is the answer to.
#[derive(Debug, Clone)]
pub struct PageEnd {
    /// The cursor that was asked with.
    pub asked: Option<Cursor>,
    /// Where to go on.
    pub cursor: Cursor,
    /// Digest of all that the relay has, where the page is the last one.
    pub total: Option<String>,
}

/// What the relay sent of one profile.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) id: &'a str,
    pub(crate) rev: u64,
    pub(crate) genesis: RecordHash,
    pub(crate) record: Option<&'a str>,
    pub(crate) changes: Vec<Change>,
}

fn refusal(id: &str, reason: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged(format!("answer of the relay for `{id}`: {reason}"))
}

impl<'a> Sent<'a> {
    /// Reads a line.
    pub(crate) fn of(line: &'a ProfileLine) -> Result<Self, StoreError> {
        let genesis = RecordHash::from_hex(&line.genesis)
            .ok_or_else(|| refusal(&line.id, &"no genesis hash"))?;
        let changes = line
            .changes
            .iter()
            .map(|bytes| Change::from_bytes(&bytes.0))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| refusal(&line.id, &e))?;
        let record = line.record.as_deref().map(RawValue::get);
        Ok(Self { id: &line.id, rev: line.rev, genesis, record, changes })
    }
}

impl Store {
    /// Applies lines of the feed and moves the cursor, in one transaction. An answer that came so
    /// late that the replica is elsewhere by now is left out: see [`PulledPage::cursor`].
    ///
    /// # Errors
    /// [`StoreError`]; neither was applied then, and pulling again repeats nothing.
    pub fn apply_pull(
        &self,
        session: &Session,
        now: i64,
        lines: &[ProfileLine],
        end: &PageEnd,
    ) -> Result<PulledPage, StoreError> {
        let mut reader = LineReader::new(self.schema());
        lines.iter().for_each(|line| reader.add(line));
        self.apply_received(session, now, &reader.finish(), end)
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
    take_sent(store, db, session, stamp, now, Sent::of(line)?)
}

/// As [`take_line`].
pub(crate) fn take_sent(
    store: &Store,
    db: &Writing<'_>,
    session: &Session,
    stamp: &Stamp,
    now: i64,
    sent: Sent<'_>,
) -> Result<bool, StoreError> {
    let mut stored = StoredProfile::find(db, sent.id)?;
    if let Some(forgotten) = &stored
        && reread::replaces_forgotten(store, db, forgotten, &sent)?
    {
        row::remove(db, forgotten)?;
        stored = None;
    }
    if let Some(stored) = stored.as_ref().filter(|s| s.genesis == sent.genesis)
        && sent.changes.is_empty()
    {
        // Nothing is on top of the beginning that both have: known without reading the record.
        known(db, stored, &[], sent.rev)?;
        let whole = sent.record.is_some();
        reread::offer_lacking(store, db, stored, whole, sent.genesis, &[])?;
        return Ok(false);
    }
    let local = match &stored {
        Some(stored) => Some(Local {
            genesis: stored.genesis,
            record: stored.record()?,
            document: stored.edited.then(|| stored.document(db, &store.schema)).transpose()?,
        }),
        None => None,
    };
    let Sent { id, rev, genesis, record, changes } = sent;
    let is_whole = record.is_some();
    let incoming = Incoming { genesis, record, changes };
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
        (Err(error), _) => return Err(refusal(id, &error)),
    };
    match taken {
        Taken::Known => {
            let Some(stored) = stored else { return Ok(false) };
            known(db, &stored, &incoming.changes, rev)?;
            reread::offer_lacking(store, db, &stored, is_whole, genesis, &incoming.changes)?;
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
                became: document.as_deref().and_then(Document::became),
                rev: stored.as_ref().and_then(|stored| stored.rev).max(Some(rev)),
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
                    if stored.edited {
                        // What was made on the former beginning may come back with it.
                        session::note_loss(db)?;
                    }
                }
            }
            clear_outbox(db, stored.pk)?;
            reread::offer_lacking(store, db, &stored, is_whole, genesis, &incoming.changes)?;
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
    // A segment may tell what the profile was before a revision that was pushed from here.
    if !stored.accepted || stored.rev < Some(rev) {
        db.prepare_cached(
            "UPDATE profiles SET accepted = 1, rev = max(coalesce(rev, 0), ?2) WHERE pk = ?1",
        )?
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
