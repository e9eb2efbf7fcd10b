//! The feed: every profile once, in the order of its last change.

use kartei_protocol::sync::{Bytes, Cursor, ErasedLine, ProfileLine};
use serde_json::value::RawValue;

use crate::access::OrgId;
use crate::engine::{FeedLimits, FeedRow, Head, Row};
use crate::error::RelayStoreError;
use crate::store::RelayStore;

/// A page of the feed.
#[derive(Debug)]
pub struct FeedPage {
    /// Profiles in the order of their revisions.
    pub lines: Vec<ProfileLine>,
    /// Profiles that were erased between the cursors, in the order of their revisions.
    pub erased: Vec<ErasedLine>,
    /// Where to go on.
    pub cursor: Cursor,
    /// The newest revision of the same snapshot.
    pub head_rev: u64,
    /// Whether rows above the cursor remain.
    pub more: bool,
    /// Digest of all profiles at `head_rev`, where nothing remains and it is known.
    pub total: Option<String>,
}

/// A row as it goes over the wire to a replica that is complete up to `base`.
pub(crate) fn line(row: FeedRow, base: u64) -> Result<ProfileLine, RelayStoreError> {
    let record = if row.genesis_rev > base {
        let raw = RawValue::from_string(row.genesis_record)
            .map_err(|e| RelayStoreError::Damaged { id: row.id.clone(), reason: e.to_string() })?;
        Some(raw)
    } else {
        None
    };
    let changes = row.changes.into_iter().map(|change| Bytes(change.body)).collect();
    Ok(ProfileLine { id: row.id, rev: row.rev, genesis: row.genesis.to_string(), record, changes })
}

fn is_recent(after: u64, head: &Head) -> Result<(), RelayStoreError> {
    let horizon_rev = head.horizon_rev;
    if after >= horizon_rev {
        return Ok(());
    }
    Err(RelayStoreError::CursorTooOld { after, horizon_rev })
}

/// Where a feed stands: a page for a cursor is the same as long as this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedState(Head);

impl RelayStore {
    /// Where an organisation's feed stands.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn feed_state(&self, org: OrgId) -> Result<FeedState, RelayStoreError> {
        self.engine.head(org).map(FeedState)
    }

    /// The rows above `cursor`, or from the start, until `rows_max` or `bytes_max` is reached.
    ///
    /// # Errors
    /// [`RelayStoreError::OtherEpoch`] for a cursor of another history,
    /// [`RelayStoreError::CursorTooOld`] where it lacks deletions that are forgotten, or a failure.
    pub fn feed(
        &self,
        org: OrgId,
        cursor: Option<&Cursor>,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<FeedPage, RelayStoreError> {
        let (base, from) = cursor.map_or((0, 0), |cursor| (cursor.base, cursor.rev));
        let limits = FeedLimits { rows: rows_max, bytes: bytes_max };
        let (head, fed) = self.engine.feed(org, from, base, limits)?;
        if cursor.is_some_and(|cursor| cursor.epoch != head.epoch || cursor.rev > head.rev) {
            return Err(RelayStoreError::OtherEpoch);
        }
        if let Some(cursor) = cursor {
            is_recent(cursor.base.max(cursor.begun), &head)?;
        }
        let lines: Vec<ProfileLine> =
            fed.rows.into_iter().map(|row| line(row, base)).collect::<Result<_, _>>()?;
        let start = base;
        // Where nothing follows, the replica has everything of this snapshot: it is complete.
        let total = head.total.filter(|_| !fed.more).map(|total| total.to_string());
        let begun = cursor.map_or(head.rev, |cursor| cursor.begun);
        let cursor = match lines.last() {
            Some(last) if fed.more => Cursor { epoch: head.epoch, base, rev: last.rev, begun },
            _ => Cursor::complete(head.epoch, head.rev),
        };
        // What this page counts was erased before its snapshot: it can be asked for afterwards. A
        // replica that becomes complete is told all above its base, because it may have got to its
        // place on another way than by the feed.
        let told = if fed.more { from } else { start };
        let erased = self.erased_lines(org, told, cursor.rev)?;
        Ok(FeedPage { lines, erased, cursor, head_rev: head.rev, more: fed.more, total })
    }

    /// The newest revision of an organisation.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn head_rev(&self, org: OrgId) -> Result<u64, RelayStoreError> {
        Ok(self.engine.head(org)?.rev)
    }

    /// Looks whether a reader that knows of everything up to `after` knows of all deletions that are
    /// forgotten since; one that knows of nothing reads from the start.
    ///
    /// # Errors
    /// [`RelayStoreError::CursorTooOld`] where it does not, or a failure.
    pub fn must_be_recent(&self, org: OrgId, after: u64) -> Result<(), RelayStoreError> {
        if after == 0 { Ok(()) } else { is_recent(after, &self.engine.head(org)?) }
    }

    /// Profiles as they are, in the order of their revisions, above `from`; and the newest revision
    /// of the same snapshot.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn rows_since(
        &self,
        org: OrgId,
        from: u64,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<(u64, Vec<Row>), RelayStoreError> {
        let limits = FeedLimits { rows: rows_max, bytes: bytes_max };
        let (head, rows) = self.engine.rows_since(org, from, limits)?;
        Ok((head.rev, rows))
    }

    /// Profiles by their keys, those that are there, in any order.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn by_key(&self, org: OrgId, keys: &[i64]) -> Result<Vec<Row>, RelayStoreError> {
        self.engine.by_key(org, keys)
    }

    /// The ids of profiles by their keys, of those that are there, in any order.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn ids_by_key(
        &self,
        org: OrgId,
        keys: &[i64],
    ) -> Result<Vec<(i64, String)>, RelayStoreError> {
        self.engine.ids_by_key(org, keys)
    }

    /// Identity of an organisation's history: revisions count within it.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn epoch(&self, org: OrgId) -> Result<String, RelayStoreError> {
        Ok(self.engine.head(org)?.epoch)
    }
}
