//! The states that a profile had.

use kartei_profile::{Change, ChangeHash, Document, Record, RecordHash};

use crate::access::OrgId;
use crate::engine::FeedRow;
use crate::error::RelayStoreError;
use crate::push::damaged;
use crate::store::RelayStore;

/// A profile with all its states.
pub(crate) struct Past {
    pub(crate) row: FeedRow,
    pub(crate) document: Document,
    /// Changes with their revisions, in the order in which they came.
    pub(crate) changes: Vec<(u64, Change)>,
}

impl Past {
    fn until(&self, rev: u64) -> Vec<ChangeHash> {
        self.changes.iter().filter(|(at, _)| *at <= rev).map(|(_, c)| c.hash()).collect()
    }

    /// Whether the profile was deleted when the organisation was at `rev`.
    pub(crate) fn was_deleted(&self, rev: u64) -> bool {
        self.document.was_deleted(&self.until(rev))
    }

    /// The record when the organisation was at `rev`, and the revision that it had then.
    pub(crate) fn record_at(
        &self,
        store: &RelayStore,
        rev: u64,
    ) -> Result<(Record, u64), RelayStoreError> {
        let changes = self.until(rev);
        let newest = self.changes.iter().map(|(at, _)| *at).filter(|at| *at <= rev).max();
        let record = self
            .document
            .record_of(&store.schema, &changes)
            .map_err(|e| damaged(&self.row.id, &e))?;
        Ok((record, newest.unwrap_or(self.row.genesis_rev)))
    }

    /// The newest state with this hash, and the changes that it consists of.
    pub(crate) fn state(
        &self,
        store: &RelayStore,
        hash: RecordHash,
    ) -> Result<Option<(Record, Vec<ChangeHash>)>, RelayStoreError> {
        let mut revs: Vec<u64> = self.changes.iter().map(|(rev, _)| *rev).collect();
        revs.push(self.row.genesis_rev);
        revs.sort_unstable();
        revs.dedup();
        for rev in revs.into_iter().rev() {
            let (record, _) = self.record_at(store, rev)?;
            if record.hash() == hash {
                return Ok(Some((record, self.until(rev))));
            }
        }
        if self.row.genesis == hash {
            let genesis = Record::from_stored(&self.row.genesis_record)
                .map_err(|v| damaged(&self.row.id, &v))?;
            return Ok(Some((genesis, Vec::new())));
        }
        Ok(None)
    }
}

impl RelayStore {
    /// A profile with its changes; nothing where there is none.
    pub(crate) fn past(&self, org: OrgId, id: &str) -> Result<Option<Past>, RelayStoreError> {
        let Some(row) = self.engine.whole(org, id)? else { return Ok(None) };
        let genesis = Record::from_stored(&row.genesis_record).map_err(|v| damaged(id, &v))?;
        let mut document =
            Document::genesis(&self.schema, &genesis).map_err(|e| damaged(id, &e))?;
        let changes = row
            .changes
            .iter()
            .map(|stored| Ok((stored.rev, Change::from_bytes(&stored.body)?)))
            .collect::<Result<Vec<(u64, Change)>, kartei_profile::ChangeError>>()
            .map_err(|e| damaged(id, &e))?;
        let plain: Vec<Change> = changes.iter().map(|(_, change)| change.clone()).collect();
        document.apply(&self.schema, &plain).map_err(|e| damaged(id, &e))?;
        Ok(Some(Past { row, document, changes }))
    }
}
