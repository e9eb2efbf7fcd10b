//! Organisations, and who asks, on Postgres.

use super::{How, Postgres, get};
use crate::access::{Access, OrgId, Role};
use crate::engine::{FoundToken, Result};

impl Postgres {
    pub(super) async fn insert_organisation(
        &self,
        name: &str,
        epoch: &str,
        now: i64,
    ) -> Result<Option<OrgId>> {
        let client = get(&self.pool).await?;
        let create = client.prepare_cached("SELECT kartei.create_organisation($1, $2, $3)").await?;
        let made: Option<i64> = client.query_one(&create, &[&name, &epoch, &now]).await?.get(0);
        Ok(made.map(OrgId))
    }

    pub(super) async fn find_organisation(&self, name: &str) -> Result<Option<OrgId>> {
        let client = get(&self.pool).await?;
        let find = client.prepare_cached("SELECT kartei.organisation_by_name($1)").await?;
        let found: Option<i64> = client.query_one(&find, &[&name]).await?.get(0);
        Ok(found.map(OrgId))
    }

    pub(super) async fn find_token(&self, hash: &[u8; 32], now: i64) -> Result<Option<FoundToken>> {
        let client = get(&self.pool).await?;
        let find = client
            .prepare_cached(
                "SELECT id, org, organisation, epoch, name, role, last_used_at \
                 FROM kartei.token_at($1, $2)",
            )
            .await?;
        let row = client.query_opt(&find, &[&hash.as_slice(), &now]).await?;
        Ok(row.map(|row| FoundToken {
            id: row.get(0),
            access: Access {
                org: OrgId(row.get(1)),
                token: row.get(0),
                organisation: row.get(2),
                epoch: row.get(3),
                name: row.get(4),
                role: row.get::<_, &str>(5).parse().unwrap_or(Role::Viewer),
            },
            last_used_at: row.get(6),
        }))
    }

    pub(super) async fn mark_token(&self, org: OrgId, token: i64, now: i64) -> Result<()> {
        let mut client = get(&self.pool).await?;
        let db = self.begin(&mut client, org, How::Write).await?;
        let mark =
            db.prepare_cached("UPDATE kartei.tokens SET last_used_at = $2 WHERE id = $1").await?;
        db.execute(&mark, &[&token, &now]).await?;
        db.commit().await?;
        Ok(())
    }

    pub(super) async fn all_organisations(&self) -> Result<Vec<(OrgId, String)>> {
        let client = get(&self.pool).await?;
        let select =
            client.prepare_cached("SELECT org, name FROM kartei.all_organisations()").await?;
        let rows = client.query(&select, &[]).await?;
        Ok(rows.iter().map(|row| (OrgId(row.get(0)), row.get(1))).collect())
    }
}
