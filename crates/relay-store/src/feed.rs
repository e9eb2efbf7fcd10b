//! The feed: every profile once, in the order of its last change.

use kartei_protocol::sync::{Bytes, Cursor, ProfileLine};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde_json::value::RawValue;

use crate::access::OrgId;
use crate::error::RelayStoreError;
use crate::store::RelayStore;

/// A page of the feed.
#[derive(Debug)]
pub struct FeedPage {
    /// Profiles in the order of their revisions.
    pub lines: Vec<ProfileLine>,
    /// Where to go on.
    pub cursor: Cursor,
    /// The newest revision of the same snapshot.
    pub head_rev: u64,
    /// Whether rows above the cursor remain.
    pub more: bool,
}

pub(crate) const SELECT: &str =
    "SELECT pk, id, rev, genesis, genesis_rev, coalesce(genesis_record, record) FROM profiles";

pub(crate) struct FeedRow {
    pk: i64,
    id: String,
    rev: u64,
    genesis: [u8; 32],
    genesis_rev: u64,
    genesis_record: String,
}

impl FeedRow {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            pk: row.get(0)?,
            id: row.get(1)?,
            rev: row.get(2)?,
            genesis: row.get(3)?,
            genesis_rev: row.get(4)?,
            genesis_record: row.get(5)?,
        })
    }
}

/// A row as it goes over the wire to a replica that is complete up to `base`.
pub(crate) fn line(
    db: &Transaction<'_>,
    row: FeedRow,
    base: u64,
) -> Result<ProfileLine, RelayStoreError> {
    let mut statement =
        db.prepare_cached("SELECT body FROM changes WHERE profile = ?1 AND rev > ?2 ORDER BY seq")?;
    let changes = statement
        .query_map(params![row.pk, base], |row| Ok(Bytes(row.get(0)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    let record = if row.genesis_rev > base {
        let raw = RawValue::from_string(row.genesis_record)
            .map_err(|e| RelayStoreError::Damaged { id: row.id.clone(), reason: e.to_string() })?;
        Some(raw)
    } else {
        None
    };
    let genesis = kartei_profile::RecordHash::from_bytes(row.genesis).to_string();
    Ok(ProfileLine { id: row.id, rev: row.rev, genesis, record, changes })
}

fn size_of(line: &ProfileLine) -> usize {
    let record = line.record.as_ref().map_or(0, |record| record.get().len());
    record + line.changes.iter().map(|change| change.0.len() * 4 / 3).sum::<usize>() + 128
}

impl RelayStore {
    /// The rows above `cursor`, or from the start, until `rows_max` or `bytes_max` is reached.
    ///
    /// # Errors
    /// [`RelayStoreError::OtherEpoch`] for a cursor of another history, or a failure.
    pub fn feed(
        &self,
        org: OrgId,
        cursor: Option<&Cursor>,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<FeedPage, RelayStoreError> {
        self.read(|db| {
            let (epoch, head_rev): (String, u64) = db
                .prepare_cached("SELECT epoch, head_rev FROM organisations WHERE id = ?1")?
                .query_row([org.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let (base, from) = match cursor {
                Some(cursor) if cursor.epoch != epoch || cursor.rev > head_rev => {
                    return Err(RelayStoreError::OtherEpoch);
                }
                Some(cursor) => (cursor.base, cursor.rev),
                None => (0, 0),
            };
            let sql = format!("{SELECT} WHERE org = ?1 AND rev > ?2 ORDER BY rev LIMIT ?3");
            let mut statement = db.prepare_cached(&sql)?;
            let rows = statement.query_map(params![org.0, from, rows_max], FeedRow::read)?;
            let (mut lines, mut bytes) = (Vec::new(), 0);
            for row in rows {
                let line = line(db, row?, base)?;
                bytes += size_of(&line);
                lines.push(line);
                if bytes >= bytes_max {
                    break;
                }
            }
            let rev = lines.last().map_or(head_rev, |line| line.rev);
            let more: bool = db
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM profiles WHERE org = ?1 AND rev > ?2)",
                )?
                .query_row(params![org.0, rev], |row| row.get(0))?;
            // Where nothing follows, the replica has everything of this snapshot: it is complete.
            let (base, rev) = if more { (base, rev) } else { (head_rev, head_rev) };
            Ok(FeedPage { lines, cursor: Cursor { epoch, base, rev }, head_rev, more })
        })
    }

    /// The newest revision of an organisation.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn head_rev(&self, org: OrgId) -> Result<u64, RelayStoreError> {
        self.read(|db| {
            let head = db
                .prepare_cached("SELECT head_rev FROM organisations WHERE id = ?1")?
                .query_row([org.0], |row| row.get(0))
                .optional()?;
            Ok(head.unwrap_or_default())
        })
    }
}
