//! Contents: the bytes behind files, each once for an organisation.
//!
//! ```text
//! referenced ─▶ unreferenced ─▶ condemned ─▶ its blob is deleted ─▶ forgotten
//!        ▲           │           (key destroyed)
//!        └───────────┘ the same came again
//! ```
//! A content is condemned before its blob is deleted, in a transaction that looks whether a file has
//! it, and forgotten after. Whoever dies in between leaves a condemned row that is listed again: no
//! blob that nobody finds, and no file without bytes.

use kartei_protocol::uploads::ScanState;
use serde_json::Value;

use crate::access::OrgId;
use crate::audit::NewAudit;
use crate::engine::Result;
use crate::store::RelayStore;

/// What the databases keep of contents. Every method is one transaction.
pub(crate) trait ContentEngine {
    /// Contents of an organisation with ids above `after`, in order.
    fn contents(&self, org: OrgId, after: i64, rows_max: usize) -> Result<Vec<ContentRow>>;

    /// A content.
    fn content(&self, org: OrgId, id: i64) -> Result<Option<ContentRow>>;

    /// Contents that no file had since a moment, and those that are condemned.
    fn unreferenced(&self, before: i64, rows_max: usize) -> Result<Vec<(OrgId, i64)>>;

    /// Contents that a scanner has to look at.
    fn unscanned(&self, rows_max: usize) -> Result<Vec<(OrgId, i64)>>;

    /// Destroys the key of a content that no file has; `false` where one has it.
    fn condemn_content(&self, org: OrgId, id: i64, now: i64) -> Result<bool>;

    /// Forgets a condemned content; `false` where it is not condemned.
    fn forget_content(&self, org: OrgId, id: i64) -> Result<bool>;

    /// Notes whether a content's bytes are missing.
    fn mark_content(&self, org: OrgId, id: i64, lost_at: Option<i64>) -> Result<bool>;

    /// Keeps what a scanner says.
    fn set_scan(&self, org: OrgId, id: i64, scan: ScanState) -> Result<bool>;

    /// The organisation's key for its files' keys, wrapped.
    fn org_key(&self, org: OrgId) -> Result<Option<Vec<u8>>>;

    /// Keeps a key for an organisation that has none; answers the one that it has.
    fn set_org_key(&self, org: OrgId, wrapped: &[u8]) -> Result<Vec<u8>>;

    /// Replaces a key; `false` where it is another one than `old`.
    fn rewrap_org_key(&self, org: OrgId, by: &str, old: &[u8], new: &[u8]) -> Result<bool>;
}

/// A content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentRow {
    /// Its number, which is not given again.
    pub id: i64,
    /// The name of its bytes in the blob store.
    pub blob: String,
    /// The key of its bytes, wrapped; empty once it is condemned.
    pub wrapped_key: Vec<u8>,
    /// Bytes.
    pub size: u64,
    /// BLAKE3.
    pub digest: [u8; 32],
    /// How many files have it.
    pub refs: u64,
    /// What a scanner says.
    pub scan: ScanState,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Since when no file has it, in milliseconds since 1970.
    pub unreferenced_at: Option<i64>,
    /// When it was given up, in milliseconds since 1970: its blob may be gone.
    pub condemned_at: Option<i64>,
    /// When its bytes were found missing or damaged, in milliseconds since 1970.
    pub lost_at: Option<i64>,
}

/// The columns of a content, of both engines, in the order in which they read them.
pub(crate) const CONTENT_COLUMNS: &str = "id, blob, wrapped_key, size, digest, refs, scan, \
    created_at, unreferenced_at, condemned_at, lost_at";

/// The same where there are other tables in the question.
pub(crate) const CONTENT_COLUMNS_OF_C: &str = "c.id, c.blob, c.wrapped_key, c.size, c.digest, \
    c.refs, c.scan, c.created_at, c.unreferenced_at, c.condemned_at, c.lost_at";

/// A scan's state as it is stored.
pub(crate) fn scan_text(scan: ScanState) -> &'static str {
    match scan {
        ScanState::NotScanned => "not_scanned",
        ScanState::Pending => "pending",
        ScanState::Clean => "clean",
        ScanState::Quarantined => "quarantined",
        ScanState::NotScannable => "not_scannable",
    }
}

/// A stored state. What a later version says is not clean to this one.
pub(crate) fn scan_of(text: &str) -> ScanState {
    match text {
        "not_scanned" => ScanState::NotScanned,
        "pending" => ScanState::Pending,
        "clean" => ScanState::Clean,
        "not_scannable" => ScanState::NotScannable,
        _ => ScanState::Quarantined,
    }
}

/// What is told of a key that another one wraps from now on.
pub(crate) fn told_of_key(by: &str) -> NewAudit {
    let (actor, subject) = (by.to_owned(), "key of the organisation".to_owned());
    NewAudit { actor, action: "key.rotated", subject, data: Value::Null }
}

impl RelayStore {
    /// Contents of an organisation with ids above `after`, in order, also condemned ones.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn contents(&self, org: OrgId, after: i64, rows_max: usize) -> Result<Vec<ContentRow>> {
        self.engine.contents(org, after, rows_max)
    }

    /// A content.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn content(&self, org: OrgId, id: i64) -> Result<Option<ContentRow>> {
        self.engine.content(org, id)
    }

    /// Contents of all organisations that no file had since before a moment (milliseconds since 1970),
    /// and those that were condemned and not forgotten.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn unreferenced_contents(
        &self,
        before: i64,
        rows_max: usize,
    ) -> Result<Vec<(OrgId, ContentRow)>> {
        self.named(&self.engine.unreferenced(before, rows_max)?)
    }

    /// Contents of all organisations that wait for a scanner, the oldest first.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn unscanned_contents(&self, rows_max: usize) -> Result<Vec<(OrgId, ContentRow)>> {
        self.named(&self.engine.unscanned(rows_max)?)
    }

    /// Those that are still there.
    fn named(&self, named: &[(OrgId, i64)]) -> Result<Vec<(OrgId, ContentRow)>> {
        let found = named.iter().map(|(org, id)| Ok((*org, self.engine.content(*org, *id)?)));
        let there = |one: Result<(OrgId, Option<ContentRow>)>| match one {
            Ok((org, content)) => content.map(|content| Ok((org, content))),
            Err(error) => Some(Err(error)),
        };
        found.filter_map(there).collect()
    }

    /// Gives a content up: its key is destroyed, and no file gets it any more. `true`: the caller
    /// deletes its blob, and then says [`RelayStore::forget_content`]. `false`: a file has it, or it is
    /// not there. Asking again about a condemned one answers `true` again.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn condemn_content(&self, org: OrgId, id: i64, now: i64) -> Result<bool> {
        self.engine.condemn_content(org, id, now)
    }

    /// Forgets a condemned content whose blob is deleted; `false` where it is not condemned.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn forget_content(&self, org: OrgId, id: i64) -> Result<bool> {
        self.engine.forget_content(org, id)
    }

    /// Notes that a content's bytes are missing or damaged. The next upload of the same bytes takes
    /// their place. Nothing for one that is condemned.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn mark_content_lost(&self, org: OrgId, id: i64, now: i64) -> Result<bool> {
        self.engine.mark_content(org, id, Some(now))
    }

    /// Notes that a content's bytes are there after all.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn mark_content_found(&self, org: OrgId, id: i64) -> Result<bool> {
        self.engine.mark_content(org, id, None)
    }

    /// Keeps what a scanner says of a content; `false` where there is none.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn set_scan(&self, org: OrgId, id: i64, scan: ScanState) -> Result<bool> {
        self.engine.set_scan(org, id, scan)
    }

    /// The organisation's key, which wraps its files' keys, as it is wrapped by the operator's.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn org_key(&self, org: OrgId) -> Result<Option<Vec<u8>>> {
        self.engine.org_key(org)
    }

    /// Keeps a key for an organisation that has none. Answers the one that it has: where another relay
    /// was quicker, theirs.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn set_org_key(&self, org: OrgId, wrapped: &[u8]) -> Result<Vec<u8>> {
        self.engine.set_org_key(org, wrapped)
    }

    /// Keeps the same key wrapped by another one; `false` where it is no longer `old`.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn rewrap_org_key(&self, org: OrgId, by: &str, old: &[u8], new: &[u8]) -> Result<bool> {
        self.engine.rewrap_org_key(org, by, old, new)
    }
}
