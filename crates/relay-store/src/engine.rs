//! What the rules of this crate ask of a database.
//!
//! ```text
//! RelayStore: rules (push, REST writes, feed pages)       knows no SQL
//!      │  look ──▶ judge on this side, no lock held ──▶ commit, and again for what was overtaken
//!      ▼
//! Vault: seals and opens records where an organisation asked for it (`sealed`)
//!      ▼
//! Engine: one transaction a method                        knows no rule
//!   ├── sqlite    one writer, one file
//!   └── postgres  a pool; the organisation's row orders the writers
//! ```
//! A commit names the revision that each write was judged against. The engine takes the
//! organisation's lock, writes those that are still true, numbers them in one block, and answers
//! which ones were overtaken.

use std::fmt::Debug;

use kartei_profile::{Change, RecordHash};
use kartei_sync_core::{Digest, Digests};

use crate::access::{Access, OrgId, Role};
use crate::audit::AuditEngine;
use crate::calibrations::CalibrationEngine;
use crate::contents::ContentEngine;
use crate::deliveries::DeliveryEngine;
use crate::erasure::ErasureEngine;
use crate::error::RelayStoreError;
use crate::files::FileEngine;
use crate::jobs::JobEngine;
use crate::leases::{Kept, Lease, Note};
use crate::presence::{Seat, Seats};
use crate::retention::RetentionEngine;
use crate::sealed::SealEngine;
use crate::segments::Segments;
use crate::snapshot::Rows;
use crate::tokens::TokenEngine;
use crate::uploads::UploadEngine;
use crate::whole::WholeEngine;

pub(crate) type Result<T> = std::result::Result<T, RelayStoreError>;

/// A database of the relay. Every method is one transaction and blocks.
pub(crate) trait Engine:
    Debug
    + Send
    + Sync
    + Segments
    + ErasureEngine
    + UploadEngine
    + WholeEngine
    + ContentEngine
    + FileEngine
    + JobEngine
    + AuditEngine
    + RetentionEngine
    + DeliveryEngine
    + CalibrationEngine
    + TokenEngine
    + SealEngine
{
    /// Creates an organisation; `None` where the name is taken.
    fn create_organisation(&self, name: &str, epoch: &str, now: i64) -> Result<Option<OrgId>>;

    /// The organisation with this name.
    fn organisation(&self, name: &str) -> Result<Option<OrgId>>;

    /// The token with this hash, where it holds `now`.
    fn token(&self, hash: &[u8; 32], now: i64) -> Result<Option<FoundToken>>;

    /// Notes that a token was used.
    fn touch_token(&self, org: OrgId, token: i64, now: i64) -> Result<()>;

    /// Where the organisation's history stands.
    fn head(&self, org: OrgId) -> Result<Head>;

    /// What connected replicas may have to be told, of some organisations, in any order.
    fn notices(&self, orgs: &[OrgId]) -> Result<Vec<Notice>>;

    /// Holds a seat until a moment; what others see changes only where it is another one.
    fn sit(&self, org: OrgId, seat: &Seat, now: i64, until: i64) -> Result<()>;

    /// Ends what a session holds.
    fn leave(&self, org: OrgId, token: i64, session: &str, now: i64) -> Result<()>;

    /// The seats that are held, and their counter, of one snapshot.
    fn seats(&self, org: OrgId, now: i64) -> Result<Seats>;

    /// Takes away what nobody holds any more.
    fn expire_seats(&self, org: OrgId, now: i64) -> Result<()>;

    /// What is known of profiles, one answer for each question, all of one snapshot.
    fn look(&self, org: OrgId, asked: &[Asked<'_>]) -> Result<Looked>;

    /// Writes profiles and numbers them. Ids differ. They were judged by what was there `as_of`:
    /// where that still holds, new profiles need not be looked for again.
    fn commit(&self, org: OrgId, writes: &[Write], as_of: AsOf) -> Result<Committed>;

    /// The rows above `from` in the order of their revisions, with their changes above `base`, until
    /// `rows_max` or `bytes_max` is reached (at least one), and the head, all of one snapshot.
    fn feed(&self, org: OrgId, from: u64, base: u64, limits: FeedLimits) -> Result<(Head, Fed)>;

    /// One profile with its beginning and all its changes.
    fn whole(&self, org: OrgId, id: &str) -> Result<Option<FeedRow>>;

    /// Profiles by key, those that are there, in any order.
    fn by_key(&self, org: OrgId, keys: &[i64]) -> Result<Vec<Row>>;

    /// The ids of profiles by key, of those that are there, in any order.
    fn ids_by_key(&self, org: OrgId, keys: &[i64]) -> Result<Vec<(i64, String)>>;

    /// As [`Engine::commit`], together with how far an import is. Nothing is written where the lease
    /// is no longer its own.
    fn commit_noted(
        &self,
        org: OrgId,
        writes: &[Write],
        as_of: AsOf,
        note: &Note<'_>,
    ) -> Result<Committed>;

    /// Keeps that an import began; `false` where its key is taken.
    fn begin_import(&self, org: OrgId, import: &ImportRow, lease: &Lease) -> Result<bool>;

    /// Keeps what an import came to; `false` where the lease is not its own.
    fn end_import(&self, org: OrgId, id: &str, lease: &Lease, end: ImportEnd<'_>) -> Result<bool>;

    /// Imports that have not ended and whose lease is over.
    fn abandoned_imports(&self) -> Result<Vec<(OrgId, String)>>;

    /// Takes an import that has not ended and whose lease is over.
    fn claim_import(&self, org: OrgId, id: &str, lease: &Lease) -> Result<Option<ImportRow>>;

    /// Renews a lease, with the progress where there is one.
    fn renew_import(
        &self,
        org: OrgId,
        id: &str,
        lease: &Lease,
        progress: Option<&str>,
    ) -> Result<Kept>;

    /// Keeps that an import that has not ended is to end.
    fn cancel_import(&self, org: OrgId, id: &str, now: i64) -> Result<()>;

    /// The newest import that is named so.
    fn find_import(&self, org: OrgId, named: ImportName<'_>) -> Result<Option<ImportRow>>;

    /// All profiles as of one revision, to be read for as long as that takes.
    fn snapshot(&self, org: OrgId) -> Result<(Head, Box<dyn Rows>)>;

    /// The rows above `from` in the order of their revisions, as they are.
    fn rows_since(&self, org: OrgId, from: u64, limits: FeedLimits) -> Result<(Head, Vec<Row>)>;

    /// Every organisation with its name.
    fn organisations(&self) -> Result<Vec<(OrgId, String)>>;

    /// The digests of all buckets, where they are those of the newest revision, of one snapshot.
    fn digests(&self, org: OrgId) -> Result<(Head, Option<Digests>)>;

    /// Tells of each profile that is not deleted its id, hash and conflicts, all of one snapshot.
    fn members(&self, org: OrgId, each: &mut dyn FnMut(&str, RecordHash, u64)) -> Result<Head>;

    /// Counts the digests anew, from the rows; nobody writes meanwhile.
    fn recount(&self, org: OrgId) -> Result<Head>;

    /// Forgets profiles that were deleted before a moment, and with them all that were deleted at
    /// smaller revisions; `rows_max` at once, the oldest first. Nothing where another relay is at it.
    fn sweep(&self, org: OrgId, deleted_before: i64, rows_max: usize) -> Result<Swept>;

    /// Names the organisation's history anew.
    fn begin_epoch(&self, org: OrgId, by: &str, epoch: &str) -> Result<Head>;
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    /// How many deleted profiles.
    pub(crate) profiles: u64,
    /// Whether there are more.
    pub(crate) more: bool,
}

/// A token to keep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewToken<'a> {
    pub(crate) name: &'a str,
    pub(crate) role: Role,
    pub(crate) hash: [u8; 32],
    /// Who makes it.
    pub(crate) by: &'a str,
    pub(crate) expires_at: Option<i64>,
    /// Who this is elsewhere, where somebody signed in.
    pub(crate) subject: Option<&'a str>,
    pub(crate) now: i64,
}

/// A token that is known.
#[derive(Debug, Clone)]
pub(crate) struct FoundToken {
    pub(crate) id: i64,
    pub(crate) access: Access,
    pub(crate) last_used_at: Option<i64>,
}

/// Where an organisation's history stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) epoch: String,
    pub(crate) rev: u64,
    /// Deleted profiles up to here are forgotten.
    pub(crate) horizon_rev: u64,
    /// Digest of all profiles; nothing where a relay wrote that does not know digests.
    pub(crate) total: Option<Digest>,
}

/// What connected replicas of an organisation may have to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// The organisation.
    pub org: OrgId,
    /// Its newest revision.
    pub head_rev: u64,
    /// The counter of its open profiles.
    pub presence: u64,
}

/// How much is wanted of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// That it is there, and what it began with.
    Stub,
    /// Its record.
    Record,
    /// Its document, or its record where it has none.
    Document,
}

/// A question about a profile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) id: &'a str,
    pub(crate) want: Want,
}

/// What is known of a profile.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) rev: u64,
    pub(crate) genesis: RecordHash,
    pub(crate) hash: RecordHash,
    pub(crate) conflicts: u64,
    pub(crate) changed_at: i64,
    pub(crate) deleted: bool,
    /// The record, unless a stub was asked for.
    pub(crate) record: Option<String>,
    /// The document, where it was asked for and the profile was edited.
    pub(crate) document: Option<Vec<u8>>,
}

/// What some profiles were like.
#[derive(Debug)]
pub(crate) struct Looked {
    /// The organisation's newest revision then.
    pub(crate) as_of: u64,
    /// One answer for each question.
    pub(crate) held: Vec<Option<Held>>,
}

/// When it was looked whether profiles are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AsOf {
    /// When this was the organisation's newest revision.
    Rev(u64),
    /// Some of them never: they are taken to be new until the database says otherwise.
    Hope,
}

impl AsOf {
    /// What holds for all that was seen then or at a revision.
    pub(crate) fn and(self, rev: u64) -> Self {
        match self {
            Self::Rev(other) => Self::Rev(other.min(rev)),
            Self::Hope => Self::Hope,
        }
    }
}

/// A profile to be written.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) id: String,
    /// The revision that this was judged against; `None` for a profile that was not there.
    pub(crate) expected: Option<u64>,
    /// Hash and text of the record that it begins with; the text only for a new profile.
    pub(crate) genesis: RecordHash,
    pub(crate) genesis_record: Option<String>,
    pub(crate) record: String,
    pub(crate) hash: RecordHash,
    pub(crate) conflicts: u64,
    pub(crate) deleted: bool,
    /// The profile that a deleted one was merged into.
    pub(crate) became: Option<String>,
    /// The document, for an edited profile.
    pub(crate) document: Option<Vec<u8>>,
    /// Changes that were not there, in causal order.
    pub(crate) changes: Vec<NewChange>,
    pub(crate) changed_at: i64,
}

/// A change to be kept.
#[derive(Debug)]
pub(crate) struct NewChange {
    pub(crate) hash: [u8; 32],
    pub(crate) body: Vec<u8>,
    /// As in [`StoredChange::sent_by`].
    pub(crate) sent_by: Option<String>,
}

impl NewChange {
    /// A change that came with the token of this name. What a change says of its author is the word of the
    /// program that made it, so another name is kept beside it.
    pub(crate) fn of(change: &Change, sender: &str) -> Self {
        Self {
            hash: change.hash().bytes(),
            body: change.bytes().to_vec(),
            sent_by: (change.by() != Some(sender)).then(|| sender.to_owned()),
        }
    }
}

/// What a commit did.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) epoch: String,
    pub(crate) head_before: u64,
    pub(crate) head_rev: u64,
    /// The revision of each write; `None` where it was overtaken and nothing was written.
    pub(crate) revs: Vec<Option<u64>>,
    /// Digest of all profiles at `head_rev`, where it is known.
    pub(crate) total: Option<Digest>,
}

/// How much of a feed at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FeedLimits {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

/// A part of the feed.
#[derive(Debug)]
pub(crate) struct Fed {
    pub(crate) rows: Vec<FeedRow>,
    /// Whether rows above the last one remain.
    pub(crate) more: bool,
}

/// A profile of the feed.
#[derive(Debug)]
pub(crate) struct FeedRow {
    pub(crate) id: String,
    pub(crate) rev: u64,
    pub(crate) genesis: RecordHash,
    pub(crate) genesis_rev: u64,
    /// The record that it began with.
    pub(crate) genesis_record: String,
    pub(crate) changes: Vec<StoredChange>,
}

/// A change of a profile.
#[derive(Debug)]
pub(crate) struct StoredChange {
    /// The revision under which it came.
    pub(crate) rev: u64,
    pub(crate) body: Vec<u8>,
    /// The name of the token that brought it first, where the change does not say this name itself.
    pub(crate) sent_by: Option<String>,
}

impl FeedRow {
    /// About how many bytes it takes on the wire.
    pub(crate) fn size(&self) -> usize {
        self.genesis_record.len()
            + self.changes.iter().map(|change| change.body.len() * 4 / 3).sum::<usize>()
            + 128
    }
}

/// A profile as it is.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its key, which is never used again.
    pub key: i64,
    /// The record's id.
    pub id: String,
    /// The revision of its last change.
    pub rev: u64,
    /// Hash of the record.
    pub hash: RecordHash,
    /// Fields in conflict.
    pub conflicts: u64,
    /// Milliseconds since 1970.
    pub changed_at: i64,
    /// Whether it was deleted.
    pub deleted: bool,
    /// The record, canonical.
    pub record: String,
}

/// An import over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// Its id.
    pub id: String,
    /// Who imported.
    pub by: String,
    /// How records meet profiles that are there.
    pub mode: String,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// The client's own name for the request.
    pub key: Option<String>,
    /// SHA-256 of the body as it came.
    pub digest: [u8; 32],
    /// Size of the body as it came.
    pub bytes: u64,
    /// The id of the file that it reads, where it reads one.
    pub source: Option<String>,
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// Milliseconds since 1970; nothing while it runs, or where it was broken off.
    pub finished_at: Option<i64>,
    /// The status that it was answered with.
    pub status: Option<u16>,
    /// The body that it was answered with.
    pub answer: Option<String>,
    /// How far it is, in the words of who runs it.
    pub progress: Option<String>,
    /// When somebody asked for its end.
    pub cancelled_at: Option<i64>,
    /// How often it was taken up since it last came further.
    pub attempts: u32,
}

/// How an import ended.
#[derive(Debug, Clone, Copy)]
pub struct ImportEnd<'a> {
    /// Milliseconds since 1970.
    pub now: i64,
    /// The status that it is answered with.
    pub status: u16,
    /// The body that it is answered with.
    pub answer: &'a str,
}

/// What an import is found by.
#[derive(Debug, Clone, Copy)]
pub enum ImportName<'a> {
    /// Its id.
    Id(&'a str),
    /// The client's own name for it.
    Key(&'a str),
    /// What came in, finished and really written, in this mode.
    Digest(&'a [u8; 32], &'a str),
}

/// Cuts rows off where they become too many bytes; at least one is kept.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: FeedLimits,
    rows: usize,
    bytes: usize,
}

impl Meter {
    pub(crate) fn new(limits: FeedLimits) -> Self {
        Self { limits, rows: 0, bytes: 0 }
    }

    /// Counts a row that was taken; answers whether that is enough.
    pub(crate) fn took(&mut self, bytes: usize) -> bool {
        self.rows += 1;
        self.bytes += bytes;
        self.rows >= self.limits.rows || self.bytes >= self.limits.bytes
    }
}
