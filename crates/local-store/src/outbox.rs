//! What the relay does not have, and what becomes of it when the relay has answered.

use kartei_protocol::problem::ProblemCode;
use kartei_protocol::sync::{Bytes, ErasedLine, PUSH_BYTES_MAX, PushAnswer, PushEnd, PushItem};
use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::value::RawValue;

use crate::compare;
use crate::erasure;
use crate::error::StoreError;
use crate::pull;
use crate::reread;
use crate::row::{Pk, StoredProfile};
use crate::session::{self, Session};
use crate::store::Store;
use crate::writing::Writing;

/// Items to send, with what is needed to apply the answers.
#[derive(Debug)]
pub struct PushBatch {
    /// The items, in the order in which they are sent.
    pub items: Vec<PushItem>,
    sent: Vec<Sent>,
    /// How often everything had been read anew then.
    rereadings: u64,
}

#[derive(Debug)]
struct Sent {
    pk: Pk,
    genesis: [u8; 32],
    /// Hashes of the changes. Their rows' numbers would not do: SQLite gives a number again once the
    /// last row is gone, and another program may have settled the same push meanwhile.
    changes: Vec<[u8; 32]>,
}

/// What answers to a push did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// Items that the relay has now.
    pub accepted: u64,
    /// Items that began differently at the relay; they were replayed and wait again.
    pub replayed: u64,
    /// Items that the relay refused; they are kept aside.
    pub rejected: u64,
    /// Items whose profiles were erased for good, here too now.
    pub erased: u64,
    /// Whether the outbox still holds something that the relay has not refused.
    pub to_send: bool,
    /// Whether this replica is complete up to the relay's newest revision.
    pub complete: bool,
    /// Whether this replica holds what the relay does, where that can be told now.
    pub agrees: Option<bool>,
}

const SENDABLE: &str =
    "SELECT profile FROM outbox WHERE profile NOT IN (SELECT profile FROM rejected)";

pub(crate) fn has_sendable(db: &Transaction<'_>) -> Result<bool, StoreError> {
    let sql = format!("SELECT EXISTS ({SENDABLE})");
    Ok(db.prepare_cached(&sql)?.query_row([], |row| row.get(0))?)
}

/// Whether a profile has something that the relay does not have, or refused.
pub(crate) fn differs_rightly(db: &Transaction<'_>, pk: Pk) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE profile = ?1) \
             OR EXISTS (SELECT 1 FROM rejected WHERE profile = ?1)",
        )?
        .query_row([pk], |row| row.get(0))?)
}

impl Store {
    /// Whether something waits to be sent that the relay has not refused.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn has_sendable(&self) -> Result<bool, StoreError> {
        self.read(has_sendable)
    }

    /// The next items to send, oldest profiles first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn next_push(&self, items_max: usize) -> Result<PushBatch, StoreError> {
        self.read(|db| {
            let rereadings = reread::times(db)?;
            let mut batch = PushBatch { items: Vec::new(), sent: Vec::new(), rereadings };
            let mut bytes = 0;
            let sql = format!("{SENDABLE} ORDER BY profile LIMIT ?1");
            let mut statement = db.prepare_cached(&sql)?;
            let pks = statement.query_map([items_max], |row| row.get::<_, Pk>(0))?;
            for pk in pks {
                let (item, sent) = self.push_item(db, pk?)?;
                bytes += item.record.as_ref().map_or(0, |record| record.get().len());
                bytes += item.changes.iter().map(|change| change.0.len() * 4 / 3).sum::<usize>();
                if bytes > PUSH_BYTES_MAX / 2 && !batch.items.is_empty() {
                    break;
                }
                batch.items.push(item);
                batch.sent.push(sent);
            }
            Ok(batch)
        })
    }

    fn push_item(&self, db: &Transaction<'_>, pk: Pk) -> Result<(PushItem, Sent), StoreError> {
        let stored = StoredProfile::get_by_pk(db, pk)?;
        let mut statement = db.prepare_cached(
            "SELECT hash, body FROM pending_changes WHERE profile = ?1 ORDER BY seq",
        )?;
        let rows = statement
            .query_map([pk], |row| Ok((row.get::<_, [u8; 32]>(0)?, Bytes(row.get(1)?))))?
            .collect::<Result<Vec<_>, _>>()?;
        let (hashes, mut changes): (Vec<[u8; 32]>, Vec<Bytes>) = rows.into_iter().unzip();
        let mut record = None;
        if !stored.accepted {
            let text = if stored.edited {
                let document = stored.document(db, &self.schema)?;
                // The relay may lack changes that an earlier one of it had acknowledged.
                let all = document.changes();
                if all.len() > changes.len() {
                    changes = all.iter().map(|change| Bytes(change.bytes().to_vec())).collect();
                }
                document.genesis_record(&self.schema)?.text().to_owned()
            } else {
                stored.text.clone()
            };
            let raw =
                RawValue::from_string(text).map_err(|e| StoreError::Damaged(e.to_string()))?;
            record = Some(raw);
        }
        let item = PushItem { id: stored.id, genesis: stored.genesis.to_string(), record, changes };
        Ok((item, Sent { pk, genesis: *stored.genesis.bytes(), changes: hashes }))
    }

    /// Applies the relay's answers to `batch`, all in one transaction with the cursor.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was applied then, and sending again repeats nothing.
    pub fn settle(
        &self,
        session: &Session,
        now: i64,
        batch: &PushBatch,
        answers: &[PushAnswer],
        end: &PushEnd,
    ) -> Result<Settled, StoreError> {
        self.write_repeatable(|db| {
            let mut settled = Settled::default();
            if reread::times(db)? != batch.rereadings {
                // Another program on this folder reads everything anew since: the relay may no longer
                // have what it took then.
                settled.to_send = has_sendable(db)?;
                return Ok(settled);
            }
            let session = &session.here(db)?;
            for (sent, answer) in batch.sent.iter().zip(answers) {
                self.settle_one(db, session, now, sent, answer, &mut settled)?;
            }
            let erased: Vec<ErasedLine> = answers.iter().filter_map(erased_line).collect();
            settled.erased = erasure::take(db, now, &erased)?;
            settled.to_send = has_sendable(db)?;
            settled.complete = advance(db, end)?;
            let cursor = session::get_cursor(db)?;
            if let (Some(cursor), Some(rev)) = (&cursor, answers.iter().filter_map(rev_of).max()) {
                compare::note_ahead(db, cursor, &end.epoch, rev)?;
            }
            if settled.complete && cursor.is_some_and(|cursor| cursor.rev == end.head_rev) {
                settled.agrees = compare::agrees(db, end.total.as_deref())?;
            }
            Ok(settled)
        })
    }

    fn settle_one(
        &self,
        db: &Writing<'_>,
        session: &Session,
        now: i64,
        sent: &Sent,
        answer: &PushAnswer,
        settled: &mut Settled,
    ) -> Result<(), StoreError> {
        match answer {
            PushAnswer::Accepted { rev, .. } => {
                settled.accepted += 1;
                accept(db, sent, *rev)
            }
            PushAnswer::OtherGenesis { profile } => {
                settled.replayed += 1;
                let stamp = session.stamp(now);
                pull::take_line(self, db, session, &stamp, now, profile).map(|_| ())
            }
            PushAnswer::GenesisWanted { .. } => {
                settled.replayed += 1;
                offer_whole(db, sent)
            }
            PushAnswer::Rejected { code, reason, .. } => {
                settled.rejected += 1;
                set_aside(db, sent.pk, *code, reason, now)
            }
            // All of them are dealt with together.
            PushAnswer::Erased { .. } | PushAnswer::End(_) => Ok(()),
        }
    }
}

/// The revision that the relay has of an item, where the answer says so.
fn rev_of(answer: &PushAnswer) -> Option<u64> {
    match answer {
        PushAnswer::Accepted { rev, .. } => Some(*rev),
        PushAnswer::OtherGenesis { profile } => Some(profile.rev),
        _ => None,
    }
}

fn erased_line(answer: &PushAnswer) -> Option<ErasedLine> {
    match answer {
        PushAnswer::Erased { erased, .. } => Some(erased.clone()),
        _ => None,
    }
}

/// Keeps a profile's changes here, visibly refused, and out of the way of the others.
pub(crate) fn set_aside(
    db: &Transaction<'_>,
    pk: Pk,
    code: ProblemCode,
    reason: &str,
    now: i64,
) -> Result<(), StoreError> {
    let code = serde_json::to_value(code).ok();
    let code = code.as_ref().and_then(|code| code.as_str()).unwrap_or("internal");
    db.prepare_cached(
        "INSERT OR REPLACE INTO rejected (profile, code, reason, at) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![pk, code, reason, now])?;
    Ok(())
}

/// The relay has what was sent. What was added since stays pending.
fn accept(db: &Transaction<'_>, sent: &Sent, rev: u64) -> Result<(), StoreError> {
    let genesis: Option<[u8; 32]> = db
        .prepare_cached("SELECT coalesce(genesis, hash) FROM profiles WHERE pk = ?1")?
        .query_row([sent.pk], |row| row.get(0))
        .optional()?;
    if genesis != Some(sent.genesis) {
        // Replaced here meanwhile (a later line of a running import): the new one is sent next and
        // meets the relay's genesis then.
        return Ok(());
    }
    db.prepare_cached(
        "UPDATE profiles SET accepted = 1, rev = max(coalesce(rev, 0), ?2) WHERE pk = ?1",
    )?
    .execute(params![sent.pk, rev])?;
    for hash in &sent.changes {
        db.prepare_cached("DELETE FROM pending_changes WHERE profile = ?1 AND hash = ?2")?
            .execute(params![sent.pk, hash])?;
    }
    db.prepare_cached("DELETE FROM rejected WHERE profile = ?1")?.execute([sent.pk])?;
    db.prepare_cached(
        "DELETE FROM outbox WHERE profile = ?1 \
         AND NOT EXISTS (SELECT 1 FROM pending_changes WHERE profile = ?1)",
    )?
    .execute([sent.pk])?;
    Ok(())
}

/// Lists a profile with its beginning, which the relay does not have. The answer may be late: another
/// program may have settled the same push with a relay that was restored from a backup since, and then
/// nothing lists the profile any more.
fn offer_whole(db: &Transaction<'_>, sent: &Sent) -> Result<(), StoreError> {
    let is_here = db
        .prepare_cached(
            "UPDATE profiles SET accepted = 0 WHERE pk = ?1 AND coalesce(genesis, hash) = ?2",
        )?
        .execute(params![sent.pk, sent.genesis])?
        > 0;
    if is_here {
        db.prepare_cached("INSERT OR IGNORE INTO outbox (profile) VALUES (?1)")?
            .execute([sent.pk])?;
    }
    Ok(())
}

/// All revisions that the push made are this replica's own: where it had everything before, it has
/// everything now. Answers whether it has.
fn advance(db: &Transaction<'_>, end: &PushEnd) -> Result<bool, StoreError> {
    let Some(mut cursor) = session::get_cursor(db)? else { return Ok(false) };
    if cursor.epoch != end.epoch || cursor.base != cursor.rev || cursor.rev < end.head_before {
        return Ok(false);
    }
    if end.head_rev > cursor.rev {
        cursor.rev = end.head_rev;
        cursor.base = end.head_rev;
        session::put_cursor(db, &cursor)?;
    }
    Ok(true)
}
