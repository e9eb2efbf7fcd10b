//! Tokens as administrators have them, on Postgres.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::profiles::{self, unsigned};
use super::{Postgres, audit, usage};
use crate::access::{OrgId, Role};
use crate::engine::{NewToken, Result};
use crate::tokens::{
    Overview, Revoking, TokenEngine, TokenRevoked, TokenRow, judge, told_made, told_revoked,
};

const COLUMNS: &str = "id, name, role, created_at, created_by, expires_at, last_used_at, revoked_at, \
                       CASE WHEN pulled_at IS NOT NULL THEN confirmed_rev END";

/// What is true of a token that holds at `$2`.
const HOLDS: &str = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)";

fn read(row: &Row) -> TokenRow {
    TokenRow {
        id: row.get(0),
        name: row.get(1),
        role: row.get::<_, &str>(2).parse().unwrap_or(Role::Viewer),
        created_at: row.get(3),
        created_by: row.get(4),
        expires_at: row.get(5),
        last_used_at: row.get(6),
        revoked_at: row.get(7),
        device: row.get::<_, Option<i64>>(8).map(i64::unsigned_abs),
    }
}

async fn end(
    db: &Transaction<'_>,
    org: OrgId,
    token: &TokenRow,
    actor: &str,
    now: i64,
) -> Result<()> {
    let update = "UPDATE kartei.tokens SET revoked_at = $3 WHERE org = $1 AND id = $2";
    db.execute(update, &[&org.0, &token.id, &now]).await?;
    audit::append(db, org, &told_revoked(actor, token.id, &token.name, token.role)).await
}

impl TokenEngine for Postgres {
    fn add_token(&self, org: OrgId, token: &NewToken<'_>) -> Result<i64> {
        self.write(org, async |db| {
            let row = db
                .query_one(
                    "INSERT INTO kartei.tokens \
                     (org, name, role, hash, created_at, created_by, expires_at) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
                    &[
                        &org.0,
                        &token.name,
                        &token.role.to_string(),
                        &token.hash.as_slice(),
                        &token.now,
                        &token.by,
                        &token.expires_at,
                    ],
                )
                .await?;
            let id = row.get(0);
            audit::append(db, org, &told_made(id, token)).await?;
            Ok(id)
        })
    }

    fn tokens(&self, org: OrgId, now: i64, ended: bool) -> Result<Vec<TokenRow>> {
        self.read(org, async |db| {
            let select = format!(
                "SELECT {COLUMNS} FROM kartei.tokens WHERE org = $1 AND ($3 OR {HOLDS}) \
                 ORDER BY id DESC"
            );
            let rows = db.query(&select, &[&org.0, &now, &ended]).await?;
            Ok(rows.iter().map(read).collect())
        })
    }

    fn revoke_tokens(&self, org: OrgId, name: &str, actor: &str, now: i64) -> Result<u64> {
        self.write(org, async |db| {
            profiles::head(db, org, true).await?;
            let select = format!(
                "SELECT {COLUMNS} FROM kartei.tokens \
                 WHERE org = $1 AND name = $2 AND revoked_at IS NULL ORDER BY id"
            );
            let rows = db.query(&select, &[&org.0, &name]).await?;
            for row in &rows {
                end(db, org, &read(row), actor, now).await?;
            }
            Ok(rows.len() as u64)
        })
    }

    /// Under the organisation's lock: what two decide at once, they decide one after the other.
    fn revoke_token(&self, org: OrgId, revoking: &Revoking<'_>) -> Result<TokenRevoked> {
        self.write(org, async |db| {
            profiles::head(db, org, true).await?;
            let one = format!("SELECT {COLUMNS} FROM kartei.tokens WHERE org = $1 AND id = $2");
            let token = db.query_opt(&one, &[&org.0, &revoking.id]).await?.as_ref().map(read);
            let others = format!(
                "SELECT count(*) FROM kartei.tokens \
                 WHERE org = $1 AND {HOLDS} AND role = 'admin' AND id <> $3"
            );
            let others = db.query_one(&others, &[&org.0, &revoking.now, &revoking.id]).await?;
            let judged = judge(token.as_ref(), unsigned(&others, 0), revoking);
            if let (TokenRevoked::Now, Some(token)) = (judged, &token) {
                end(db, org, token, revoking.actor, revoking.now).await?;
            }
            Ok(judged)
        })
    }

    fn overview(&self, org: OrgId, now: i64) -> Result<Overview> {
        self.read(org, async |db| {
            let head = profiles::head(db, org, false).await?;
            let created_at = "SELECT created_at FROM kartei.organisations WHERE id = $1";
            let created_at = db.query_one(created_at, &[&org.0]).await?.get(0);
            let profiles = "SELECT count(*), count(*) FILTER (WHERE deleted) \
                            FROM kartei.profiles WHERE org = $1";
            let profiles = db.query_one(profiles, &[&org.0]).await?;
            let tokens = format!(
                "SELECT count(*), count(pulled_at) FROM kartei.tokens WHERE org = $1 AND {HOLDS}"
            );
            let tokens = db.query_one(&tokens, &[&org.0, &now]).await?;
            Ok(Overview {
                created_at,
                epoch: head.epoch,
                head_rev: head.rev,
                profiles: unsigned(&profiles, 0) - unsigned(&profiles, 1),
                deleted: unsigned(&profiles, 1),
                usage: usage::get(db, org).await?,
                tokens: unsigned(&tokens, 0),
                devices: unsigned(&tokens, 1),
            })
        })
    }
}
