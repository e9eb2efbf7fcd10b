//! Comparing with the relay, and mending what differs (docs/adr/0011).
//!
//! The total is compared after each complete exchange, in the transaction that completed it. Where it
//! differs, buckets are compared, then the profiles of those that differ, by what their records say
//! rather than by what was noted of them; those that differ are fetched whole and replaced. Profiles
//! with something that the relay does not have differ rightly: their buckets are left out.

use std::collections::{HashMap, HashSet};

use kartei_profile::{Change, Document, RecordHash};
use kartei_protocol::desktop::RepairReport;
use kartei_protocol::sync::{BucketDigests, Cursor, Member, ProfileLine};
use kartei_sync_core::{BUCKETS, Digests, bucket_of};
use rusqlite::Transaction;
use sha2::{Digest as _, Sha256};

use crate::acts::moment;
use crate::error::StoreError;
use crate::relays::Relays;
use crate::reread;
use crate::row::{self, Prepared, StoredProfile, Written};
use crate::session::{self, Session};
use crate::store::Store;
use crate::writing::{Writing, kept_digests};
use crate::{chunk, outbox};

const REPAIRED: &str = "repaired";
const DIFFERS: &str = "differs";
const AHEAD: &str = "ahead";
const SCRUBBED_AT: &str = "scrubbed_at";
const COMPARED_AT: &str = "compared_at";

/// How long what is kept of the rows is believed before all of them are read again.
const SCRUB_EVERY_MS: i64 = 24 * 60 * 60 * 1_000;

/// How often buckets are compared while something waits or was refused: the total differs then.
const COMPARE_EVERY_MS: i64 = 60 * 60 * 1_000;

/// Ids that a report names at most.
const IDS_NAMED_MAX: usize = 20;

/// What a repair did to some profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mended {
    /// Profiles that were replaced by the relay's.
    pub replaced: u64,
    /// Profiles with something that the relay lacks: it is sent next.
    pub offered: u64,
}

/// The digests of the rows, by what their records say. `Record::hash` is the SHA-256 of the text.
fn count_texts(db: &Transaction<'_>) -> Result<Digests, StoreError> {
    let mut digests = Digests::default();
    let mut select = db.prepare("SELECT id, record, conflicts FROM profiles WHERE deleted = 0")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (id, text) = (row.get_ref(0)?, row.get_ref(1)?);
        let id = id.as_str().map_err(rusqlite::Error::from)?;
        let text = text.as_bytes().map_err(rusqlite::Error::from)?;
        digests.add_profile(id, &hash_of(text), row.get(2)?);
    }
    Ok(digests)
}

fn hash_of(text: &[u8]) -> RecordHash {
    RecordHash::from_bytes(Sha256::digest(text).into())
}

/// Whether the digests that are kept are those of the rows; where none are kept yet they are not wrong.
pub(crate) fn digests_are_true(db: &Transaction<'_>) -> Result<bool, StoreError> {
    match kept_digests(db)? {
        Some(kept) => Ok(kept == count_texts(db)?),
        None => Ok(true),
    }
}

/// Counts the digests anew, by what the records say: what differs from the relay then is found.
pub(crate) fn recount(db: &Writing<'_>) -> Result<(), StoreError> {
    db.digests_counted(count_texts(db)?);
    Ok(())
}

/// Notes that a replica at `cursor` has a profile as it is at a revision of a history, which may be
/// beyond it: the answer to a push says so where others have written meanwhile.
pub(crate) fn note_ahead(
    db: &Transaction<'_>,
    cursor: &Cursor,
    epoch: &str,
    rev: u64,
) -> Result<(), StoreError> {
    if cursor.epoch != epoch || rev <= cursor.rev || is_ahead(db, epoch, rev)? {
        return Ok(());
    }
    session::put(db, AHEAD, Some(&format!("{rev} {epoch}")))
}

/// Whether this replica has something of a revision above this one.
fn is_ahead(db: &Transaction<'_>, epoch: &str, rev: u64) -> Result<bool, StoreError> {
    let noted = session::get(db, AHEAD)?;
    let noted = noted.as_deref().and_then(|noted| noted.split_once(' '));
    Ok(noted.is_some_and(|(ahead, of)| of == epoch && ahead.parse().is_ok_and(|a: u64| a > rev)))
}

/// Whether this replica holds what the relay does, whose total this is, at the revision where the
/// cursor is. Nothing where they differ rightly or where it cannot be told.
pub(crate) fn agrees(db: &Writing<'_>, total: Option<&str>) -> Result<Option<bool>, StoreError> {
    let Some(total) = total.and_then(|total| total.parse().ok()) else { return Ok(None) };
    let differs_rightly: bool = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM outbox) OR EXISTS (SELECT 1 FROM rejected)")?
        .query_row([], |row| row.get(0))?;
    if differs_rightly || reread::running(db)?.is_some() {
        return Ok(None);
    }
    // A page that was asked for before a push and comes after it tells of an earlier moment.
    if let Some(cursor) = session::get_cursor(db)?
        && is_ahead(db, &cursor.epoch, cursor.rev)?
    {
        return Ok(None);
    }
    let Some(own) = db.digests()? else { return Ok(None) };
    let same = own.total() == total;
    if same && session::get(db, DIFFERS)?.is_some() {
        session::put(db, DIFFERS, None)?;
    }
    Ok(Some(same))
}

/// Buckets of profiles with something that the relay does not have.
fn left_out(db: &Transaction<'_>) -> Result<[bool; BUCKETS], StoreError> {
    let mut left_out = [false; BUCKETS];
    let mut select = db.prepare(
        "SELECT id FROM profiles WHERE pk IN (SELECT profile FROM outbox) \
         OR pk IN (SELECT profile FROM rejected)",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        left_out[usize::from(bucket_of(&id))] = true;
    }
    Ok(left_out)
}

/// Whether this replica has exactly what the relay had at that revision.
fn is_at(db: &Transaction<'_>, epoch: &str, rev: u64) -> Result<bool, StoreError> {
    let cursor = session::get_cursor(db)?;
    let there = cursor.is_some_and(|c| c.is_complete() && c.epoch == epoch && c.rev == rev);
    Ok(there && reread::running(db)?.is_none())
}

fn differing(
    db: &Transaction<'_>,
    own: Option<Digests>,
    theirs: &BucketDigests,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(texts) = &theirs.buckets else { return Ok(None) };
    let Some(own) = own else { return Ok(None) };
    if texts.len() != BUCKETS || !is_at(db, &theirs.epoch, theirs.rev)? {
        return Ok(None);
    }
    let left_out = left_out(db)?;
    let differs = |(bucket, digest): &(u8, kartei_sync_core::Digest)| {
        let at = usize::from(*bucket);
        !left_out[at] && texts[at].parse() != Ok(*digest)
    };
    Ok(Some(own.iter().filter(differs).map(|(bucket, _)| bucket).collect()))
}

impl Store {
    /// The buckets that differ from the relay's; nothing where it cannot be told now, because this
    /// replica is not at that revision, or one side has to count first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn differing_buckets(&self, theirs: &BucketDigests) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|db| differing(db, kept_digests(db)?, theirs))
    }

    /// The profiles of some buckets that differ from the relay's, in no order; nothing where it
    /// cannot be told now. Records are hashed, not believed. Reads the ids of all profiles.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn differences(
        &self,
        buckets: &[u8],
        epoch: &str,
        rev: u64,
        theirs: &[Member],
    ) -> Result<Option<Vec<String>>, StoreError> {
        self.read(|db| {
            if !is_at(db, epoch, rev)? {
                return Ok(None);
            }
            let mut wanted = [false; BUCKETS];
            for bucket in buckets {
                wanted[usize::from(*bucket)] = true;
            }
            let skipped = left_out(db)?;
            let mut left: HashMap<&str, &Member> =
                theirs.iter().map(|member| (member.id.as_str(), member)).collect();
            let mut differing = Vec::new();
            let mut select =
                db.prepare("SELECT id, hash, conflicts, record FROM profiles WHERE deleted = 0")?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let id = row.get_ref(0)?;
                let id = id.as_str().map_err(rusqlite::Error::from)?;
                let bucket = usize::from(bucket_of(id));
                if !wanted[bucket] || skipped[bucket] {
                    continue;
                }
                let noted = RecordHash::from_bytes(row.get(1)?);
                let conflicts: u64 = row.get(2)?;
                let text = row.get_ref(3)?;
                let hash = hash_of(text.as_bytes().map_err(rusqlite::Error::from)?);
                let same = left.remove(id).is_some_and(|member| {
                    member.hash == hash.to_string() && member.conflicts == conflicts
                });
                if !same || noted != hash {
                    differing.push(id.to_owned());
                }
            }
            let missing = left.into_keys().filter(|id| !skipped[usize::from(bucket_of(id))]);
            differing.extend(missing.map(str::to_owned));
            Ok(Some(differing))
        })
    }

    /// Mends profiles that differ: `lines` are those of them that the relay has, whole. What is here
    /// and not there is offered. Profiles that were edited here since are left alone. The report of
    /// repairs grows by them.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was mended then.
    pub fn mend_differences(
        &self,
        session: &Session,
        now: i64,
        ids: &[String],
        lines: &[ProfileLine],
    ) -> Result<Mended, StoreError> {
        self.write(|db| {
            let by_id: HashMap<&str, &ProfileLine> =
                lines.iter().map(|line| (line.id.as_str(), line)).collect();
            let mut mended = Mended::default();
            let mut named = Vec::new();
            for id in ids {
                let before = (mended.replaced, mended.offered);
                self.mend_one(db, session, now, id, by_id.get(id.as_str()), &mut mended)?;
                if before != (mended.replaced, mended.offered) {
                    named.push(id.clone());
                }
            }
            note(db, now, &mended, named)?;
            chunk::pack_if_many(db)?;
            Ok(mended)
        })
    }

    fn mend_one(
        &self,
        db: &Writing<'_>,
        session: &Session,
        now: i64,
        id: &str,
        line: Option<&&ProfileLine>,
        mended: &mut Mended,
    ) -> Result<(), StoreError> {
        let stored = StoredProfile::find(db, id)?;
        if let Some(stored) = &stored
            && outbox::differs_rightly(db, stored.pk)?
        {
            return Ok(());
        }
        let Some(line) = line else {
            if let Some(stored) = stored.filter(|stored| !stored.deleted) {
                db.execute("UPDATE profiles SET accepted = 0 WHERE pk = ?1", [stored.pk])?;
                row::enqueue(db, stored.pk)?;
                mended.offered += 1;
            }
            return Ok(());
        };
        let lacking = self.replace(db, session, now, stored.as_ref(), line)?;
        if lacking {
            mended.offered += 1;
        } else {
            mended.replaced += 1;
        }
        Ok(())
    }

    /// Writes the relay's profile over whatever is here. Changes that are here and not there are kept,
    /// and offered; answers whether there are any.
    pub(crate) fn replace(
        &self,
        db: &Writing<'_>,
        session: &Session,
        now: i64,
        stored: Option<&StoredProfile>,
        line: &ProfileLine,
    ) -> Result<bool, StoreError> {
        let Some(theirs) = self.relays(session, now, line)? else { return Ok(false) };
        let Relays { genesis, changes, mut record, mut document, mut conflicts, mut deleted } =
            theirs;
        let theirs: HashSet<_> = changes.iter().map(Change::hash).collect();
        // A document that is sound and has the same beginning may know more than the relay.
        let mine = stored.filter(|stored| stored.edited && stored.genesis == genesis);
        let mine = mine.and_then(|stored| Document::load(&stored.body(db).ok()?).ok());
        let mut lacking = Vec::new();
        let mut loses = stored.is_some_and(|stored| stored.edited);
        if let Some(mut mine) = mine
            && mine.apply(&self.schema, &changes).is_ok()
        {
            loses = false;
            lacking = mine.changes();
            lacking.retain(|change| !theirs.contains(&change.hash()));
            if !lacking.is_empty() {
                *record = mine.record(&self.schema)?;
                conflicts = mine.conflict_count(&self.schema)?;
                deleted = mine.is_deleted();
                document = Some(Box::new(mine));
            }
        }
        let prepared = Prepared::new(*record);
        let body = document.as_deref().map(Document::save);
        let written = Written {
            row: &prepared,
            genesis,
            accepted: true,
            document: body.as_deref(),
            conflicts,
            deleted,
            became: document.as_deref().and_then(Document::became),
            rev: Some(line.rev),
            changed_at: now,
            import: stored.and_then(|stored| stored.import),
        };
        let pk = match stored {
            Some(stored) => {
                row::update(db, stored, &written)?;
                stored.pk
            }
            None => row::insert(db, &written)?,
        };
        if loses {
            session::note_loss(db)?;
        }
        reread::offer(db, pk, &lacking)?;
        Ok(!lacking.is_empty())
    }

    /// Ends a comparison: the digests are counted anew from the rows, and buckets that differ still
    /// are a problem that a person is told of, in the words of `problem`. Answers whether any does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn end_comparison(
        &self,
        theirs: &BucketDigests,
        problem: &str,
    ) -> Result<bool, StoreError> {
        self.write(|db| {
            recount(db)?;
            let left = differing(db, db.digests()?, theirs)?.unwrap_or_default();
            let problem = (!left.is_empty()).then_some(problem);
            session::put(db, DIFFERS, problem)?;
            Ok(!left.is_empty())
        })
    }

    /// Whether it is time to compare buckets, because the total cannot be compared for so long; notes
    /// that it is done now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn buckets_are_due(&self, now: i64) -> Result<bool, StoreError> {
        let last = self.read(|db| session::get(db, COMPARED_AT))?;
        let last: Option<i64> = last.and_then(|text| text.parse().ok());
        let is_due = last.is_none_or(|last| !(0..COMPARE_EVERY_MS).contains(&(now - last)));
        if is_due {
            let now = now.to_string();
            self.write_repeatable(|db| session::put(db, COMPARED_AT, Some(&now)))?;
        }
        // The first time only starts the clock.
        Ok(is_due && last.is_some())
    }

    /// What differs from the relay although a repair was tried, as its caller wrote it down.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn difference_left(&self) -> Result<Option<String>, StoreError> {
        self.read(|db| session::get(db, DIFFERS))
    }

    /// The last repair.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn repaired(&self) -> Result<Option<RepairReport>, StoreError> {
        self.read(last_report)
    }

    /// Once a day, reads all rows and counts the digests anew where they are not those of the rows:
    /// what was changed behind this program's back then differs from the relay. Answers whether it
    /// was so.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn scrub(&self, now: i64) -> Result<bool, StoreError> {
        let (last, is_counted) = self.read(|db| {
            let last: Option<i64> = session::get(db, SCRUBBED_AT)?.and_then(|t| t.parse().ok());
            Ok((last, kept_digests(db)?.is_some()))
        })?;
        // A clock that was set back must not put it off for ever.
        let is_due = last.is_none_or(|last| !(0..SCRUB_EVERY_MS).contains(&(now - last)));
        if !is_due && is_counted {
            return Ok(false);
        }
        // A folder that was made today was counted as it was written.
        let is_true = is_counted && (last.is_none() || self.read(digests_are_true)?);
        self.write_repeatable(|db| {
            if !is_true {
                recount(db)?;
            }
            session::put(db, SCRUBBED_AT, Some(&now.to_string()))
        })?;
        Ok(!is_true)
    }
}

fn last_report(db: &Transaction<'_>) -> Result<Option<RepairReport>, StoreError> {
    Ok(session::get(db, REPAIRED)?.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Adds to the report of repairs. What is mended in one moment is one repair.
fn note(
    db: &Writing<'_>,
    now: i64,
    mended: &Mended,
    mut named: Vec<String>,
) -> Result<(), StoreError> {
    if named.is_empty() {
        return Ok(());
    }
    let at = moment(now);
    let earlier = last_report(db)?.filter(|report| report.at == at);
    let mut report =
        earlier.unwrap_or(RepairReport { at, replaced: 0, offered: 0, ids: Vec::new() });
    report.replaced += mended.replaced;
    report.offered += mended.offered;
    named.truncate(IDS_NAMED_MAX.saturating_sub(report.ids.len()));
    report.ids.append(&mut named);
    let text = serde_json::to_string(&report).map_err(|e| StoreError::Damaged(e.to_string()))?;
    session::put(db, REPAIRED, Some(&text))
}
