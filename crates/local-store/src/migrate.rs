//! Formats of the database, forward only.

use rusqlite::Connection;

use crate::error::StoreError;

/// One step for each format; the position is the format that it leads to, from 1.
const STEPS: &[&str] = &[
    include_str!("sql/001_first.sql"),
    include_str!("sql/002_columns.sql"),
    include_str!("sql/003_deletions.sql"),
    include_str!("sql/004_deleted_list.sql"),
    include_str!("sql/005_erasures.sql"),
    include_str!("sql/006_digests.sql"),
    include_str!("sql/007_views.sql"),
    include_str!("sql/008_uploads.sql"),
    include_str!("sql/009_analyses.sql"),
    include_str!("sql/010_behavior.sql"),
    include_str!("sql/011_scores.sql"),
    include_str!("sql/012_merges.sql"),
];

/// The format that this program writes.
#[must_use]
pub fn newest_format() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}

/// Brings the database to the newest format.
///
/// # Errors
/// [`StoreError::TooNew`] where a newer program wrote it; nothing was touched then.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    loop {
        // Two programs may open a fresh folder at once: the format is read again under the lock.
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > known {
            return Err(StoreError::TooNew { found, known });
        }
        let Some(step) = usize::try_from(found).ok().and_then(|next| STEPS.get(next)) else {
            return Ok(());
        };
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", found + 1)?;
        transaction.commit()?;
    }
}

/// Whether a database of this format needs no step, so that opening it takes no write lock.
pub(crate) fn is_current(connection: &Connection) -> Result<bool, StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    Ok(found == known)
}
