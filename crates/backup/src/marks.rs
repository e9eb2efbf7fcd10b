//! Who is at work: writers may overlap, but nobody may forget chunks that somebody is about to need.
//!
//! Each leaves its own mark first and looks for the other sort's marks then. Where two look at the same
//! time at least one sees the other, and goes away. A mark that is two days old is of a program that died:
//! whoever takes it away makes sure that its owner, should it live, does not come to an end.

use std::time::SystemTime;

use bytes::Bytes;
use futures_util::TryStreamExt;
use kartei_blob_store::BlobName;

use crate::limits::MARK_AGE_MAX;
use crate::{BackupError, Repository};

const WRITING: &str = "marks/writing";
const FORGETTING: &str = "marks/forgetting";

/// What somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Adds a snapshot.
    Writing,
    /// Removes chunks.
    Forgetting,
}

/// The mark of somebody who is at work.
#[derive(Debug)]
pub(crate) struct Mark(BlobName);

impl Repository {
    /// Leaves a mark, unless somebody is at work who must not be met.
    pub(crate) async fn mark(&self, work: Work) -> Result<Mark, BackupError> {
        let (own, others, who): (_, &[&str], _) = match work {
            Work::Writing => (WRITING, &[FORGETTING], "`kartei-relay forget`"),
            Work::Forgetting => (FORGETTING, &[WRITING, FORGETTING], "somebody"),
        };
        let random = getrandom::u64().map_err(|e| BackupError::Broken(e.to_string()))?;
        let mark = Mark(BlobName::new(format!("{own}/{random:016x}"))?);
        self.store.put_bytes(&mark.0, Bytes::from_static(b"kartei")).await?;
        let stale = SystemTime::now().checked_sub(MARK_AGE_MAX);
        for others in others {
            let prefix = BlobName::new(*others)?;
            let found: Vec<_> = self.store.list(Some(&prefix)).try_collect().await?;
            for entry in found.into_iter().filter(|entry| entry.name != mark.0) {
                if stale.is_some_and(|stale| entry.stored_at < stale) {
                    self.store.delete(&entry.name).await?;
                    continue;
                }
                self.unmark(mark).await?;
                let (place, mark) = (self.place().to_owned(), entry.name.to_string());
                return Err(BackupError::InUse { who, place, mark });
            }
        }
        Ok(mark)
    }

    /// Whether the own mark still stands.
    pub(crate) async fn is_marked(&self, mark: &Mark) -> Result<(), BackupError> {
        match self.store.find(&mark.0).await? {
            Some(_) => Ok(()),
            None => Err(BackupError::MarkLost { place: self.place().to_owned() }),
        }
    }

    /// Takes the own mark away.
    pub(crate) async fn unmark(&self, mark: Mark) -> Result<(), BackupError> {
        Ok(self.store.delete(&mark.0).await?)
    }
}
