//! Chains of segments, on Postgres.

use tokio_postgres::Row;

use crate::access::OrgId;
use crate::engine::{Head, Result};
use crate::error::RelayStoreError;
use crate::postgres::{Postgres, profiles};
use crate::segments::{ChainName, Segment, Segments, StoredChain};

const COLUMNS: &str = "number, from_rev, rev, digest, bytes, lines, blob, made_at";

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn read(row: &Row) -> Result<Segment> {
    let unsigned = |at: usize| row.get::<_, i64>(at).unsigned_abs();
    let digest: &[u8] = row.get(3);
    let digest = digest.try_into().map_err(|_| RelayStoreError::Damaged {
        id: row.get(6),
        reason: "the digest of a segment is not 32 bytes".to_owned(),
    })?;
    Ok(Segment {
        number: unsigned(0),
        from_rev: unsigned(1),
        rev: unsigned(2),
        digest,
        bytes: unsigned(4),
        lines: unsigned(5),
        blob: row.get(6),
        made_at: row.get(7),
    })
}

impl Segments for Postgres {
    fn chain(&self, org: OrgId) -> Result<(Head, StoredChain)> {
        self.read(org, async |db| {
            let head = profiles::head(db, org, false).await?;
            let row = db
                .query_one("SELECT chain FROM kartei.organisations WHERE id = $1", &[&org.0])
                .await?;
            let generation: i64 = row.get(0);
            let rows = db
                .query(
                    &format!(
                        "SELECT {COLUMNS}, epoch FROM kartei.segments \
                         WHERE org = $1 AND generation = $2 ORDER BY number"
                    ),
                    &[&org.0, &generation],
                )
                .await?;
            let segments =
                rows.iter().map(|row| Ok((row.get(8), read(row)?))).collect::<Result<_>>()?;
            Ok((head, StoredChain { generation: generation.unsigned_abs(), segments }))
        })
    }

    fn add_segment(&self, org: OrgId, chain: ChainName<'_>, segment: &Segment) -> Result<bool> {
        self.write(org, async |db| {
            // The lock keeps a chain from being dropped between the look and the commit.
            let added = db
                .execute(
                    "INSERT INTO kartei.segments (org, generation, number, epoch, from_rev, rev, \
                     digest, bytes, lines, blob, made_at) \
                     SELECT id, chain, $4, epoch, $5, $6, $7, $8, $9, $10, $11 FROM \
                     (SELECT id, chain, epoch FROM kartei.organisations WHERE id = $1 FOR UPDATE) o \
                     WHERE chain = $2 AND epoch = $3 ON CONFLICT DO NOTHING",
                    &[
                        &org.0,
                        &signed(chain.generation),
                        &chain.epoch,
                        &signed(segment.number),
                        &signed(segment.from_rev),
                        &signed(segment.rev),
                        &segment.digest.as_slice(),
                        &signed(segment.bytes),
                        &signed(segment.lines),
                        &segment.blob,
                        &segment.made_at,
                    ],
                )
                .await?;
            Ok(added > 0)
        })
    }

    fn renew_chain(&self, org: OrgId, generation: u64, now: i64) -> Result<bool> {
        self.write(org, async |db| {
            let renewed = db
                .execute(
                    "UPDATE kartei.organisations SET chain = chain + 1 WHERE id = $1 AND chain = $2",
                    &[&org.0, &signed(generation)],
                )
                .await?;
            if renewed > 0 {
                db.execute(
                    "UPDATE kartei.segments SET dropped_at = $3 \
                     WHERE org = $1 AND generation = $2 AND dropped_at IS NULL",
                    &[&org.0, &signed(generation), &now],
                )
                .await?;
            }
            Ok(renewed > 0)
        })
    }

    fn drop_chain(&self, org: OrgId) -> Result<()> {
        self.write(org, async |db| {
            db.execute(
                "UPDATE kartei.organisations SET chain = chain + 1 WHERE id = $1",
                &[&org.0],
            )
            .await?;
            db.execute("DELETE FROM kartei.segments WHERE org = $1", &[&org.0]).await?;
            Ok(())
        })
    }

    fn forget_segments(&self, org: OrgId, renewed_before: i64) -> Result<Vec<String>> {
        self.write(org, async |db| {
            db.execute(
                "DELETE FROM kartei.segments WHERE org = $1 AND dropped_at < $2",
                &[&org.0, &renewed_before],
            )
            .await?;
            let rows =
                db.query("SELECT blob FROM kartei.segments WHERE org = $1", &[&org.0]).await?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        })
    }

    fn segment(&self, org: OrgId, digest: &[u8; 32]) -> Result<Option<Segment>> {
        self.read(org, async |db| {
            let row = db
                .query_opt(
                    &format!(
                        "SELECT {COLUMNS} FROM kartei.segments WHERE org = $1 AND digest = $2 \
                         ORDER BY generation DESC LIMIT 1"
                    ),
                    &[&org.0, &digest.as_slice()],
                )
                .await?;
            row.map(|row| read(&row)).transpose()
        })
    }

    fn count_up_to(&self, org: OrgId, rev: u64) -> Result<u64> {
        self.read(org, async |db| {
            let row = db
                .query_one(
                    "SELECT count(*) FROM kartei.profiles WHERE org = $1 AND rev <= $2",
                    &[&org.0, &signed(rev)],
                )
                .await?;
            Ok(row.get::<_, i64>(0).unsigned_abs())
        })
    }
}
