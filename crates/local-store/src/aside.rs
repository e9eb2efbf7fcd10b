//! Profiles that stand apart: those that are deleted, and those that the relay refused.

use rusqlite::{Row, params};

use crate::error::StoreError;
use crate::store::Store;

/// A profile that is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedRow {
    /// Its id.
    pub id: String,
    /// Its record, as it was.
    pub record: String,
    /// When this store learnt of it, in milliseconds since 1970.
    pub changed_at: i64,
    /// Whether the relay does not know of it yet.
    pub pending: bool,
    /// The profile that it was merged into.
    pub became: Option<String>,
}

/// A profile of which the relay refused something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// Its id.
    pub id: String,
    /// Its record, as it is here.
    pub record: String,
    /// The relay's stable word for the reason.
    pub code: String,
    /// The reason, in English.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Whether it is deleted here: it is the deletion that was refused.
    pub deleted: bool,
}

impl Store {
    /// Deleted profiles, the last one first, from the one at `offset` on; and how many there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn deleted(&self, offset: u64, limit: u32) -> Result<(Vec<DeletedRow>, u64), StoreError> {
        self.page(
            "SELECT p.id, p.record, p.changed_at, \
             EXISTS (SELECT 1 FROM outbox o WHERE o.profile = p.pk), p.became \
             FROM profiles p WHERE p.deleted = 1 \
             ORDER BY p.changed_at DESC, p.id DESC LIMIT ?1 OFFSET ?2",
            "SELECT count(*) FROM profiles WHERE deleted = 1",
            (offset, limit),
            |row| {
                Ok(DeletedRow {
                    id: row.get(0)?,
                    record: row.get(1)?,
                    changed_at: row.get(2)?,
                    pending: row.get(3)?,
                    became: row.get(4)?,
                })
            },
        )
    }

    /// Profiles of which the relay refused something, the last one first, from the one at `offset` on;
    /// and how many there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rejected(&self, offset: u64, limit: u32) -> Result<(Vec<RejectedRow>, u64), StoreError> {
        self.page(
            "SELECT p.id, p.record, r.code, r.reason, r.at, p.deleted \
             FROM rejected r JOIN profiles p ON p.pk = r.profile \
             ORDER BY r.at DESC, r.profile LIMIT ?1 OFFSET ?2",
            "SELECT count(*) FROM rejected",
            (offset, limit),
            |row| {
                Ok(RejectedRow {
                    id: row.get(0)?,
                    record: row.get(1)?,
                    code: row.get(2)?,
                    reason: row.get(3)?,
                    at: row.get(4)?,
                    deleted: row.get(5)?,
                })
            },
        )
    }

    fn page<T>(
        &self,
        select: &str,
        count: &str,
        (offset, limit): (u64, u32),
        row: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<(Vec<T>, u64), StoreError> {
        self.read(|db| {
            let rows = db
                .prepare_cached(select)?
                .query_map(params![limit, offset], row)?
                .collect::<Result<Vec<_>, _>>()?;
            let total = db.prepare_cached(count)?.query_row([], |row| row.get(0))?;
            Ok((rows, total))
        })
    }

    /// Lets what the relay refused be sent once more: one profile, or all. Answers how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn send_again(&self, id: Option<&str>) -> Result<u64, StoreError> {
        self.write(|db| {
            let let_go = match id {
                Some(id) => db.execute(
                    "DELETE FROM rejected \
                     WHERE profile = (SELECT pk FROM profiles WHERE id = ?1)",
                    [id],
                )?,
                None => db.execute("DELETE FROM rejected", [])?,
            };
            Ok(let_go as u64)
        })
    }
}
