//! Tokens as administrators have them, on SQLite.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{Sqlite, audit, profiles, usage};
use crate::access::{OrgId, Role};
use crate::engine::{NewToken, Result};
use crate::tokens::{
    Overview, Revoking, TokenEngine, TokenRevoked, TokenRow, judge, told_made, told_revoked,
};

const COLUMNS: &str = "id, name, role, created_at, created_by, expires_at, last_used_at, revoked_at, \
                       CASE WHEN pulled_at IS NOT NULL THEN confirmed_rev END";

/// What is true of a token that holds at `?2`.
const HOLDS: &str = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2)";

fn read(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    let role: String = row.get(2)?;
    Ok(TokenRow {
        id: row.get(0)?,
        name: row.get(1)?,
        role: role.parse().unwrap_or(Role::Viewer),
        created_at: row.get(3)?,
        created_by: row.get(4)?,
        expires_at: row.get(5)?,
        last_used_at: row.get(6)?,
        revoked_at: row.get(7)?,
        device: row.get(8)?,
    })
}

fn end(db: &Transaction<'_>, org: OrgId, token: &TokenRow, actor: &str, now: i64) -> Result<()> {
    db.execute(
        "UPDATE tokens SET revoked_at = ?3 WHERE org = ?1 AND id = ?2",
        params![org.0, token.id, now],
    )?;
    audit::append(db, org, &told_revoked(actor, token.id, &token.name, token.role))
}

impl TokenEngine for Sqlite {
    fn add_token(&self, org: OrgId, token: &NewToken<'_>) -> Result<i64> {
        self.write(|db| {
            db.execute(
                "INSERT INTO tokens (org, name, role, hash, created_at, created_by, expires_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    org.0,
                    token.name,
                    token.role.to_string(),
                    token.hash,
                    token.now,
                    token.by,
                    token.expires_at,
                ],
            )?;
            let id = db.last_insert_rowid();
            audit::append(db, org, &told_made(id, token))?;
            Ok(id)
        })
    }

    fn tokens(&self, org: OrgId, now: i64, ended: bool) -> Result<Vec<TokenRow>> {
        self.read(|db| {
            let mut select = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM tokens WHERE org = ?1 AND (?3 OR {HOLDS}) ORDER BY id DESC"
            ))?;
            let rows = select.query_map(params![org.0, now, ended], read)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn revoke_tokens(&self, org: OrgId, name: &str, actor: &str, now: i64) -> Result<u64> {
        self.write(|db| {
            let mut select = db.prepare(&format!(
                "SELECT {COLUMNS} FROM tokens \
                 WHERE org = ?1 AND name = ?2 AND revoked_at IS NULL ORDER BY id"
            ))?;
            let tokens: Vec<TokenRow> =
                select.query_map(params![org.0, name], read)?.collect::<rusqlite::Result<_>>()?;
            for token in &tokens {
                end(db, org, token, actor, now)?;
            }
            Ok(tokens.len() as u64)
        })
    }

    fn revoke_token(&self, org: OrgId, revoking: &Revoking<'_>) -> Result<TokenRevoked> {
        self.write(|db| {
            let one = format!("SELECT {COLUMNS} FROM tokens WHERE org = ?1 AND id = ?2");
            let token = db.query_row(&one, params![org.0, revoking.id], read).optional()?;
            let others = format!(
                "SELECT count(*) FROM tokens \
                 WHERE org = ?1 AND {HOLDS} AND role = 'admin' AND id <> ?3"
            );
            let asked = params![org.0, revoking.now, revoking.id];
            let others = db.query_row(&others, asked, |row| row.get(0))?;
            let judged = judge(token.as_ref(), others, revoking);
            if let (TokenRevoked::Now, Some(token)) = (judged, &token) {
                end(db, org, token, revoking.actor, revoking.now)?;
            }
            Ok(judged)
        })
    }

    fn overview(&self, org: OrgId, now: i64) -> Result<Overview> {
        self.read(|db| {
            let head = profiles::head(db, org)?;
            let created_at = db.query_row(
                "SELECT created_at FROM organisations WHERE id = ?1",
                [org.0],
                |row| row.get(0),
            )?;
            let counts: (u64, u64) = db.query_row(
                "SELECT count(*), count(*) FILTER (WHERE deleted) FROM profiles WHERE org = ?1",
                [org.0],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            let tokens =
                format!("SELECT count(*), count(pulled_at) FROM tokens WHERE org = ?1 AND {HOLDS}");
            let (tokens, devices) =
                db.query_row(&tokens, params![org.0, now], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(Overview {
                created_at,
                epoch: head.epoch,
                head_rev: head.rev,
                profiles: counts.0 - counts.1,
                deleted: counts.1,
                usage: usage::get(db, org)?,
                tokens,
                devices,
            })
        })
    }
}
