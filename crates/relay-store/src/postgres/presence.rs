//! Presence on Postgres: a table that is not logged, since a crash of the database cuts every
//! connection and so ends what it would tell.

use deadpool_postgres::Transaction;

use crate::access::OrgId;
use crate::engine::{Notice, Result};
use crate::postgres::{Postgres, get};
use crate::presence::{SEATS_PER_TOKEN_MAX, SEATS_TOLD_MAX, Seat, Seats};

pub(super) async fn sit(
    db: &Transaction<'_>,
    org: OrgId,
    seat: &Seat,
    now: i64,
    until: i64,
) -> Result<()> {
    // A word of somebody who sits there already changes nothing that others see.
    let hold = db
        .prepare_cached(
            "UPDATE kartei.presence SET until = $5 WHERE org = $1 AND token = $2 AND session = $3 \
             AND profile = $4 AND until > $6",
        )
        .await?;
    let held = db
        .execute(&hold, &[&org.0, &seat.token, &seat.session, &seat.profile, &until, &now])
        .await?;
    if held > 0 {
        return Ok(());
    }
    let sit = db
        .prepare_cached(
            "INSERT INTO kartei.presence (org, token, session, person, profile, until) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (org, token, session) \
             DO UPDATE SET person = excluded.person, profile = excluded.profile, \
                           until = excluded.until",
        )
        .await?;
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
        [&org.0, &seat.token, &seat.session, &seat.person, &seat.profile, &until];
    db.execute(&sit, &values).await?;
    let prune = db
        .prepare_cached(
            "DELETE FROM kartei.presence WHERE org = $1 AND token = $2 AND session NOT IN \
             (SELECT session FROM kartei.presence WHERE org = $1 AND token = $2 \
              ORDER BY until DESC, session LIMIT $3)",
        )
        .await?;
    let most = i64::try_from(SEATS_PER_TOKEN_MAX).unwrap_or(i64::MAX);
    db.execute(&prune, &[&org.0, &seat.token, &most]).await?;
    count(db, org, now).await
}

pub(super) async fn leave(
    db: &Transaction<'_>,
    org: OrgId,
    token: i64,
    session: &str,
    now: i64,
) -> Result<()> {
    let leave = db
        .prepare_cached(
            "DELETE FROM kartei.presence WHERE org = $1 AND token = $2 AND session = $3",
        )
        .await?;
    match db.execute(&leave, &[&org.0, &token, &session]).await? {
        0 => Ok(()),
        _ => count(db, org, now).await,
    }
}

pub(super) async fn expire(db: &Transaction<'_>, org: OrgId, now: i64) -> Result<()> {
    let expire =
        db.prepare_cached("DELETE FROM kartei.presence WHERE org = $1 AND until <= $2").await?;
    match db.execute(&expire, &[&org.0, &now]).await? {
        0 => Ok(()),
        _ => count(db, org, now).await,
    }
}

/// As [`crate::presence::next_version`]. The counter's row is the only lock, and orders who changed
/// seats: whoever reads the counter sees the seats that it stands for.
async fn count(db: &Transaction<'_>, org: OrgId, now: i64) -> Result<()> {
    let count = db
        .prepare_cached(
            "INSERT INTO kartei.presence_heads AS heads (org, version) VALUES ($1, $2) \
             ON CONFLICT (org) DO UPDATE SET version = greatest(heads.version + 1, $2)",
        )
        .await?;
    db.execute(&count, &[&org.0, &now]).await?;
    Ok(())
}

pub(super) async fn seats(db: &Transaction<'_>, org: OrgId, now: i64) -> Result<Seats> {
    let version =
        db.prepare_cached("SELECT version FROM kartei.presence_heads WHERE org = $1").await?;
    let version = db.query_opt(&version, &[&org.0]).await?;
    let select = db
        .prepare_cached(
            "SELECT profile, person, token, session FROM kartei.presence \
             WHERE org = $1 AND until > $2 \
             ORDER BY profile, person COLLATE \"C\", token, session LIMIT $3",
        )
        .await?;
    let most = i64::try_from(SEATS_TOLD_MAX).unwrap_or(i64::MAX);
    let rows = db.query(&select, &[&org.0, &now, &most]).await?;
    Ok(Seats {
        version: version.map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()),
        seats: rows
            .iter()
            .map(|row| Seat {
                profile: row.get(0),
                person: row.get(1),
                token: row.get(2),
                session: row.get(3),
            })
            .collect(),
    })
}

impl Postgres {
    pub(super) async fn notices_of(&self, orgs: &[OrgId]) -> Result<Vec<Notice>> {
        let client = get(&self.pool).await?;
        let ids: Vec<i64> = orgs.iter().map(|org| org.0).collect();
        let select = client
            .prepare_cached("SELECT org, head_rev, presence FROM kartei.notices_of($1)")
            .await?;
        let rows = client.query(&select, &[&ids]).await?;
        Ok(rows
            .iter()
            .map(|row| Notice {
                org: OrgId(row.get(0)),
                head_rev: row.get::<_, i64>(1).unsigned_abs(),
                presence: row.get::<_, i64>(2).unsigned_abs(),
            })
            .collect())
    }
}
