//! Organisations, and who asks, on SQLite.

use rusqlite::{OptionalExtension, params};

use super::Sqlite;
use crate::access::{Access, OrgId, Role};
use crate::engine::{FoundToken, Result};

impl Sqlite {
    pub(super) fn insert_organisation(
        &self,
        name: &str,
        epoch: &str,
        now: i64,
    ) -> Result<Option<OrgId>> {
        self.write(|db| {
            let inserted = db.execute(
                "INSERT OR IGNORE INTO organisations (name, epoch, created_at) VALUES (?1, ?2, ?3)",
                params![name, epoch, now],
            )?;
            Ok((inserted > 0).then(|| OrgId(db.last_insert_rowid())))
        })
    }

    pub(super) fn find_organisation(&self, name: &str) -> Result<Option<OrgId>> {
        self.read(|db| {
            let id = db
                .query_row("SELECT id FROM organisations WHERE name = ?1", [name], |row| row.get(0))
                .optional()?;
            Ok(id.map(OrgId))
        })
    }

    pub(super) fn find_token(&self, hash: &[u8; 32], now: i64) -> Result<Option<FoundToken>> {
        self.read(|db| {
            let found = db
                .prepare_cached(
                    "SELECT t.id, t.org, o.name, o.epoch, t.name, t.role, t.last_used_at FROM tokens t \
                     JOIN organisations o ON o.id = t.org WHERE t.hash = ?1 AND t.revoked_at IS NULL \
                     AND (t.expires_at IS NULL OR t.expires_at > ?2)",
                )?
                .query_row(params![hash, now], |row| {
                    let role: String = row.get(5)?;
                    let access = Access {
                        org: OrgId(row.get(1)?),
                        organisation: row.get(2)?,
                        epoch: row.get(3)?,
                        token: row.get(0)?,
                        name: row.get(4)?,
                        role: role.parse().unwrap_or(Role::Viewer),
                    };
                    Ok(FoundToken { id: row.get(0)?, access, last_used_at: row.get(6)? })
                })
                .optional()?;
            Ok(found)
        })
    }

    pub(super) fn mark_token(&self, org: OrgId, token: i64, now: i64) -> Result<()> {
        self.write(|db| {
            db.execute(
                "UPDATE tokens SET last_used_at = ?3 WHERE org = ?1 AND id = ?2",
                params![org.0, token, now],
            )?;
            Ok(())
        })
    }
}
