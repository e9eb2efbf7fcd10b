//! Lines of the relay on their way into the store: read, checked and indexed before a transaction.
//!
//! A line without changes is a profile that nobody has edited. Where its id is not here, it needs no
//! document and no look at what is here, and takes the way of an import: one pass of the fast reader,
//! rows in blocks, columns written with their rows. Every other line is merged with care, one by one.

use std::borrow::Borrow;
use std::sync::Arc;

use kartei_profile::{RecordHash, RecordSchema};
use kartei_protocol::sync::{Cursor, ErasedLine, ProfileLine};
use kartei_sync_core::bucket_of;
use rusqlite::params;

use crate::block::{BlockBuilder, BlockRow, PreparedBlock};
use crate::erasure;
use crate::error::StoreError;
use crate::outbox;
use crate::pull::{self, PageEnd, PulledPage, Sent};
use crate::reread;
use crate::row::Pk;
use crate::session::{self, Session};
use crate::store::Store;
use crate::writing::Writing;
use crate::{chunk, compare};

/// Rows of a block at most, like those of packed chunks.
const BLOCK_ROWS: usize = 1_000;

/// New rows of a block below this stay loose: a chunk for each notice of one new profile would be
/// read for little.
const CHUNK_ROWS_MIN: usize = 50;

/// Profiles that nobody has edited, with the revision of each.
#[derive(Debug)]
struct Untouched {
    block: PreparedBlock,
    revs: Vec<u64>,
}

/// Lines that were read, ready to be applied.
#[derive(Debug)]
pub struct ReceivedLines<L> {
    untouched: Vec<Untouched>,
    /// Those with changes, and those that the fast reader leaves to the careful one.
    others: Vec<L>,
    erased: Vec<ErasedLine>,
}

/// Makes [`ReceivedLines`] of lines, one after the other.
#[derive(Debug)]
pub struct LineReader<L> {
    schema: Arc<RecordSchema>,
    builder: BlockBuilder,
    revs: Vec<u64>,
    done: ReceivedLines<L>,
}

impl<L: Borrow<ProfileLine>> LineReader<L> {
    /// A reader of lines that follow `schema`.
    #[must_use]
    pub fn new(schema: &Arc<RecordSchema>) -> Self {
        Self {
            schema: Arc::clone(schema),
            builder: BlockBuilder::default(),
            revs: Vec::new(),
            done: ReceivedLines { untouched: Vec::new(), others: Vec::new(), erased: Vec::new() },
        }
    }

    /// Adds a line. What is wrong with it is said when it is applied.
    pub fn add(&mut self, line: L) {
        if !self.add_untouched(line.borrow()) {
            self.done.others.push(line);
        } else if self.revs.len() == BLOCK_ROWS || self.builder.is_full() {
            self.cut();
        }
    }

    /// Adds a profile that was erased for good.
    pub fn add_erased(&mut self, line: ErasedLine) {
        self.done.erased.push(line);
    }

    fn add_untouched(&mut self, line: &ProfileLine) -> bool {
        let (true, Some(record)) = (line.changes.is_empty(), &line.record) else { return false };
        let Some(genesis) = RecordHash::from_hex(&line.genesis) else { return false };
        let text = record.get().as_bytes();
        let added = self.builder.add_known(&self.schema, text, &line.id, genesis);
        if added {
            self.revs.push(line.rev);
        }
        added
    }

    fn cut(&mut self) {
        if !self.revs.is_empty() {
            let block = self.builder.finish(None);
            self.done.untouched.push(Untouched { block, revs: std::mem::take(&mut self.revs) });
        }
    }

    /// All lines that were added.
    #[must_use]
    pub fn finish(mut self) -> ReceivedLines<L> {
        self.cut();
        self.done
    }
}

impl<L: Borrow<ProfileLine>> ReceivedLines<L> {
    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.others.len() + self.untouched.iter().map(|part| part.revs.len()).sum::<usize>()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.erased.is_empty()
    }
}

impl Store {
    /// Applies lines and moves the cursor, in one transaction. Applying lines again changes nothing.
    /// An answer that came so late that the replica is elsewhere by now is left out: it could take
    /// the cursor back, tell of profiles that were erased since, or say that the relay has what it has
    /// forgotten. See [`PulledPage::cursor`].
    ///
    /// # Errors
    /// [`StoreError`]; neither was applied then, and pulling again repeats nothing.
    pub fn apply_received<L: Borrow<ProfileLine>>(
        &self,
        session: &Session,
        now: i64,
        received: &ReceivedLines<L>,
        end: &PageEnd,
    ) -> Result<PulledPage, StoreError> {
        // The next pull confirms erasures: losing power must not take them back after that.
        let durable = !received.erased.is_empty();
        self.apply(session, now, end, durable, |take| take(received))
    }

    /// As [`Store::apply_received`], for lines that come in parts while they are written: `parts` hands
    /// them over, in one transaction. None of them names an erased profile.
    ///
    /// # Errors
    /// [`StoreError`], also what `parts` says; nothing was applied then.
    pub fn apply_parts<L: Borrow<ProfileLine>>(
        &self,
        session: &Session,
        now: i64,
        end: &PageEnd,
        parts: impl FnOnce(
            &mut dyn FnMut(&ReceivedLines<L>) -> Result<(), StoreError>,
        ) -> Result<(), StoreError>,
    ) -> Result<PulledPage, StoreError> {
        self.apply(session, now, end, false, parts)
    }

    fn apply<L: Borrow<ProfileLine>>(
        &self,
        session: &Session,
        now: i64,
        end: &PageEnd,
        durable: bool,
        parts: impl FnOnce(
            &mut dyn FnMut(&ReceivedLines<L>) -> Result<(), StoreError>,
        ) -> Result<(), StoreError>,
    ) -> Result<PulledPage, StoreError> {
        let stamp = session.stamp(now);
        let apply = |db: &Writing<'_>| {
            let mut page = PulledPage::default();
            let before = session::get_cursor(db)?;
            if before != end.asked {
                page.to_send = outbox::has_sendable(db)?;
                return Ok(page);
            }
            let session = session.here(db)?;
            let mut merge = |sent: Sent<'_>| -> Result<(), StoreError> {
                page.changed += u64::from(pull::take_sent(self, db, &session, &stamp, now, sent)?);
                Ok(())
            };
            let (mut created, mut erased) = (0, 0);
            parts(&mut |received| {
                for part in &received.untouched {
                    created += insert_untouched(db, now, part, &mut merge)?;
                }
                for line in &received.others {
                    merge(Sent::of(line.borrow())?)?;
                }
                erased += erasure::take(db, now, &received.erased)?;
                Ok(())
            })?;
            page.changed += created + erased;
            page.erased = erased;
            let cursor = begun_first(before, &end.cursor);
            session::put_cursor(db, &cursor)?;
            page.cursor = Some(cursor);
            if end.cursor.is_complete() {
                if let Some(why) = reread::running(db)? {
                    page.changed += reread::finish(db, why)?;
                }
                page.agrees = compare::agrees(db, end.total.as_deref())?;
            }
            chunk::pack_if_many(db)?;
            page.to_send = outbox::has_sendable(db)?;
            Ok(page)
        };
        if durable { self.write(apply) } else { self.write_repeatable(apply) }
    }
}

/// A reading from the start that goes on, perhaps with other segments, began when its first part did.
fn begun_first(before: Option<Cursor>, after: &Cursor) -> Cursor {
    let goes_on = before.filter(|before| before.epoch == after.epoch && before.begun > 0);
    let begun = goes_on.map_or(after.begun, |before| before.begun.min(after.begun));
    Cursor { begun, ..after.clone() }
}

/// Inserts what is new of a block, and has the rest merged. Answers how many rows were new.
fn insert_untouched(
    db: &Writing<'_>,
    now: i64,
    part: &Untouched,
    merge: &mut impl FnMut(Sent<'_>) -> Result<(), StoreError>,
) -> Result<u64, StoreError> {
    let first = db.next_pk();
    let mut pks = Vec::with_capacity(part.revs.len());
    for (row, rev) in part.block.rows().zip(&part.revs) {
        pks.push(insert(db, now, row, *rev)?);
    }
    let created = pks.iter().flatten().count();
    if created >= CHUNK_ROWS_MIN {
        chunk::write(db, &pks, &part.block.columns, now)?;
    } else if created > 0 {
        chunk::loosen_new(db, first, db.next_pk() - 1)?;
    }
    // After the block's own rows, which stand without gaps then and need no list of keys.
    for ((row, rev), pk) in part.block.rows().zip(&part.revs).zip(&pks) {
        if pk.is_none() {
            let (id, record) = (row.id, Some(row.text));
            merge(Sent { id, rev: *rev, genesis: row.hash, record, changes: Vec::new() })?;
        }
    }
    Ok(created as u64)
}

/// Inserts a profile that the relay has as it is; `None` where there is one with this id.
fn insert(
    db: &Writing<'_>,
    now: i64,
    row: BlockRow<'_>,
    rev: u64,
) -> Result<Option<Pk>, StoreError> {
    let pk = db.next_pk();
    let inserted = db
        .prepare_cached(
            "INSERT INTO profiles (pk, id, hash, accepted, edited, conflicts, rev, changed_at, \
             loose, stamp, record) VALUES (?1, ?2, ?3, 1, 0, 0, ?4, ?5, 0, 0, ?6) \
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![pk, row.id, row.hash.bytes(), rev, now, row.text])?;
    if inserted == 0 {
        return Ok(None);
    }
    db.count_profiles(1);
    db.digest_added(bucket_of(row.id), row.digest);
    Ok(Some(db.take_pk()))
}
