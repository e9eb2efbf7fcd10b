//! What both sides hold, compared; deletions that are forgotten; histories that begin anew.

use std::collections::HashMap;

use kartei_profile::{Document, Record, RecordHash};
use kartei_protocol::sync::{BucketDigests, Cursor, FETCH_IDS_MAX, Member, ProfileLine};
use kartei_sync_core::{BUCKETS, Digests, bucket_of};
use serde_json::Value;

use crate::access::{OrgId, Organisation, new_epoch};
use crate::audit::NewAudit;
use crate::engine::{AsOf, FeedLimits, Held, Row, Want, Write};
use crate::error::RelayStoreError;
use crate::feed;
use crate::parallel;
use crate::rounds::ask;
use crate::store::RelayStore;

/// Deleted profiles that are forgotten in one transaction: writers of the organisation wait for it.
const SWEEP_ROWS: usize = 2_000;

/// Rows that the check reads at once.
const CHECK_ROWS: FeedLimits = FeedLimits { rows: 2_000, bytes: 32 * 1024 * 1024 };

/// Ids that a finding names at most.
const IDS_NAMED_MAX: usize = 20;

/// The profiles of some buckets.
#[derive(Debug)]
pub struct Members {
    /// Identity of the history.
    pub epoch: String,
    /// The newest revision of the same snapshot.
    pub rev: u64,
    /// The profiles that are not deleted, in any order.
    pub members: Vec<Member>,
}

/// Whole profiles.
#[derive(Debug)]
pub struct Fetched {
    /// Those that are here, in the order in which they were asked for.
    pub lines: Vec<ProfileLine>,
    /// The newest revision before they were read.
    pub cursor: Cursor,
}

/// One sort of thing that does not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub message: String,
    /// In how many places.
    pub count: u64,
    /// The first ids that it is about.
    pub ids: Vec<String>,
    /// Whether it was mended.
    pub mended: bool,
}

/// What a check of an organisation came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Profiles that were looked at, deleted ones too.
    pub profiles: u64,
    /// What does not agree; nothing where all is well.
    pub findings: Vec<Finding>,
}

impl Checked {
    fn add(&mut self, message: &str, id: Option<&str>, mended: bool) {
        let at = self.findings.iter().position(|f| f.message == message && f.mended == mended);
        let finding = match at {
            Some(at) => &mut self.findings[at],
            None => {
                let message = message.to_owned();
                self.findings.push(Finding { message, count: 0, ids: Vec::new(), mended });
                let last = self.findings.len() - 1;
                &mut self.findings[last]
            }
        };
        finding.count += 1;
        if let Some(id) = id
            && finding.ids.len() < IDS_NAMED_MAX
        {
            finding.ids.push(id.to_owned());
        }
    }
}

/// What is told of a new history.
pub(crate) fn told_of_epoch(by: &str, epoch: &str) -> NewAudit {
    let (actor, subject) = (by.to_owned(), epoch.to_owned());
    NewAudit { actor, action: "history.begun", subject, data: Value::Null }
}

impl RelayStore {
    /// Every organisation.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn organisations(&self) -> Result<Vec<Organisation>, RelayStoreError> {
        let all = self.engine.organisations()?;
        Ok(all.into_iter().map(|(id, name)| Organisation { id, name }).collect())
    }

    /// The digests of all buckets at the newest revision.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn bucket_digests(&self, org: OrgId) -> Result<BucketDigests, RelayStoreError> {
        let (head, digests) = self.engine.digests(org)?;
        let buckets =
            digests.map(|digests| digests.iter().map(|(_, sum)| sum.to_string()).collect());
        Ok(BucketDigests { epoch: head.epoch, rev: head.rev, buckets })
    }

    /// The profiles of some buckets. Reads ids and hashes of the whole organisation.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn members(&self, org: OrgId, buckets: &[u8]) -> Result<Members, RelayStoreError> {
        let mut wanted = [false; BUCKETS];
        for bucket in buckets {
            wanted[usize::from(*bucket)] = true;
        }
        let mut members = Vec::new();
        let head = self.engine.members(org, &mut |id, hash, conflicts| {
            if wanted[usize::from(bucket_of(id))] {
                members.push(Member { id: id.to_owned(), hash: hash.to_string(), conflicts });
            }
        })?;
        Ok(Members { epoch: head.epoch, rev: head.rev, members })
    }

    /// Whole profiles by their ids, [`FETCH_IDS_MAX`] at most, deleted ones too; those that are not
    /// here are left out.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn fetch(&self, org: OrgId, ids: &[String]) -> Result<Fetched, RelayStoreError> {
        let head = self.engine.head(org)?;
        let mut lines = Vec::new();
        for id in ids.iter().take(FETCH_IDS_MAX) {
            if let Some(row) = self.engine.whole(org, id)? {
                lines.push(feed::line(row, 0)?);
            }
        }
        Ok(Fetched { lines, cursor: Cursor::complete(head.epoch, head.rev) })
    }

    /// Counts the digests where they are not those of the newest revision: after a relay of an older
    /// version wrote. Answers whether it was so. Writers of the organisation wait meanwhile.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn recount_where_stale(&self, org: OrgId) -> Result<bool, RelayStoreError> {
        let is_stale = self.engine.head(org)?.total.is_none();
        if is_stale {
            self.engine.recount(org)?;
        }
        Ok(is_stale)
    }

    /// Forgets profiles that were deleted before a moment, in milliseconds since 1970. Replicas that
    /// have not heard of these deletions read from the start at their next contact. Answers how many.
    ///
    /// # Errors
    /// [`RelayStoreError`]; what was forgotten before stays forgotten.
    pub fn sweep(&self, org: OrgId, deleted_before: i64) -> Result<u64, RelayStoreError> {
        let mut profiles = 0;
        loop {
            let swept = self.engine.sweep(org, deleted_before, SWEEP_ROWS)?;
            profiles += swept.profiles;
            if !swept.more {
                return Ok(profiles);
            }
        }
    }

    /// Begins a new history: after the database was restored from a backup, so that replicas compare
    /// what they have instead of believing revisions that are given twice.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn begin_epoch(&self, org: OrgId, by: &str) -> Result<String, RelayStoreError> {
        Ok(self.engine.begin_epoch(org, by, &new_epoch()?)?.epoch)
    }

    /// Reads every profile and says what does not agree: records with their hashes and documents,
    /// revisions, digests. With `mend`, what the document says is written into the row, as a change
    /// with a revision of its own, and the digests are counted anew.
    ///
    /// # Errors
    /// [`RelayStoreError`] where the check itself cannot be made.
    pub fn check(&self, org: OrgId, mend: bool, now: i64) -> Result<Checked, RelayStoreError> {
        let mut checked = Checked::default();
        let mut counted = Digests::default();
        let (mut from, mut above) = (0, None);
        loop {
            let (head, rows) = self.engine.rows_closely(org, from, CHECK_ROWS)?;
            let Some(last) = rows.last() else { break };
            from = last.rev;
            if from > head.rev {
                above = Some(from);
            }
            checked.profiles += rows.len() as u64;
            self.check_rows(org, &rows, mend, now, &mut checked)?;
        }
        if above.is_some() {
            checked.add("a profile has a revision above the organisation's newest", None, false);
        }
        self.engine.members(org, &mut |id, hash, conflicts| {
            counted.add_profile(id, &hash, conflicts);
        })?;
        let (head, kept) = self.engine.digests(org)?;
        let wrong = match &kept {
            None => Some("the digests are not counted up to the newest revision"),
            Some(kept) if *kept != counted || head.total != Some(counted.total()) => {
                Some("the digests are not those of the rows")
            }
            Some(_) => None,
        };
        if let Some(message) = wrong {
            if mend {
                self.engine.recount(org)?;
            }
            checked.add(message, None, mend);
        }
        Ok(checked)
    }

    fn check_rows(
        &self,
        org: OrgId,
        rows: &[Row],
        mend: bool,
        now: i64,
        checked: &mut Checked,
    ) -> Result<(), RelayStoreError> {
        let asked: Vec<_> = rows.iter().map(|row| ask(&row.id, Want::Document)).collect();
        let held = self.engine.look_closely(org, &asked)?.held;
        let work: Vec<(&Row, Option<Held>)> = rows.iter().zip(held).collect();
        let wrongs = parallel::map(&work, |(row, held)| {
            // One that changed since it was listed comes again, at the end.
            let held = held.as_ref().filter(|held| held.rev == row.rev);
            Ok::<_, RelayStoreError>(held.and_then(|held| self.wrong(row, held)))
        })?;
        let mut writes = HashMap::new();
        for ((row, _), wrong) in work.iter().zip(wrongs) {
            match wrong {
                Some((message, Some(truth))) if mend => {
                    let held = truth.write(&row.id, row.rev, now);
                    writes.insert(row.id.clone(), (message, held));
                }
                Some((message, _)) => checked.add(message, Some(&row.id), false),
                None => {}
            }
        }
        if writes.is_empty() {
            return Ok(());
        }
        let (messages, writes): (Vec<(String, &str)>, Vec<Write>) =
            writes.into_iter().map(|(id, (message, write))| ((id, message), write)).unzip();
        // All of them are there, and are looked at again whatever was written since.
        let done = self.engine.commit(org, &writes, AsOf::Rev(0))?;
        for ((id, message), rev) in messages.iter().zip(done.revs) {
            checked.add(message, Some(id), rev.is_some());
        }
        Ok(())
    }

    /// What is wrong with a row, and what it should be where that is known.
    fn wrong(&self, row: &Row, held: &Held) -> Option<(&'static str, Option<Truth>)> {
        let truth = match held.document.as_deref().map(|body| self.read(body, held)) {
            Some(Some(truth)) => Some(truth),
            Some(None) => return Some(("a document cannot be read", None)),
            None => None,
        };
        let record = Record::from_stored(&row.record)
            .ok()
            .filter(|record| record.text() == row.record && record.id() == row.id);
        if record.as_ref().is_none_or(|record| record.hash() != row.hash) {
            // Of a profile that nobody edited the beginning says what it is.
            let genesis = held.genesis;
            let begun = record.filter(|record| held.document.is_none() && record.hash() == genesis);
            let begun = begun.map(|record| Truth {
                genesis,
                record,
                conflicts: 0,
                deleted: false,
                became: None,
                body: None,
            });
            return Some(("a record is not the one that its hash was made of", truth.or(begun)));
        }
        let Some(truth) = truth else {
            return (row.deleted || row.conflicts > 0 || row.hash != held.genesis)
                .then_some(("a profile has lost its document", None));
        };
        let is_same = truth.record.hash() == row.hash
            && truth.conflicts == row.conflicts
            && truth.deleted == row.deleted;
        (!is_same).then_some(("a row is not what its document says", Some(truth)))
    }

    fn read(&self, body: &[u8], held: &Held) -> Option<Truth> {
        let document = Document::load(body).ok()?;
        Some(Truth {
            genesis: held.genesis,
            record: document.record(&self.schema).ok()?,
            conflicts: document.conflict_count(&self.schema).ok()? as u64,
            deleted: document.is_deleted(),
            became: document.became(),
            body: Some(body.to_vec()),
        })
    }
}

/// What a document says of its profile.
struct Truth {
    genesis: RecordHash,
    record: Record,
    conflicts: u64,
    deleted: bool,
    became: Option<String>,
    /// Nothing where nobody edited it.
    body: Option<Vec<u8>>,
}

impl Truth {
    fn write(self, id: &str, rev: u64, now: i64) -> Write {
        Write {
            id: id.to_owned(),
            expected: Some(rev),
            genesis: self.genesis,
            genesis_record: None,
            record: self.record.text().to_owned(),
            hash: self.record.hash(),
            conflicts: self.conflicts,
            deleted: self.deleted,
            became: self.became,
            document: self.body,
            changes: Vec::new(),
            changed_at: now,
        }
    }
}
