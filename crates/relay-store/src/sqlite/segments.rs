//! Chains of segments, on SQLite.

use rusqlite::{OptionalExtension, Row, params};

use crate::access::OrgId;
use crate::engine::{Head, Result};
use crate::segments::{ChainName, Segment, Segments, StoredChain};
use crate::sqlite::{Sqlite, profiles};

const COLUMNS: &str = "number, from_rev, rev, digest, bytes, lines, blob, made_at";

fn read(row: &Row<'_>) -> rusqlite::Result<Segment> {
    Ok(Segment {
        number: row.get(0)?,
        from_rev: row.get(1)?,
        rev: row.get(2)?,
        digest: row.get(3)?,
        bytes: row.get(4)?,
        lines: row.get(5)?,
        blob: row.get(6)?,
        made_at: row.get(7)?,
    })
}

impl Segments for Sqlite {
    fn chain(&self, org: OrgId) -> Result<(Head, StoredChain)> {
        self.read(|db| {
            let head = profiles::head(db, org)?;
            let generation: u64 = db
                .prepare_cached("SELECT chain FROM organisations WHERE id = ?1")?
                .query_row([org.0], |row| row.get(0))?;
            let mut select = db.prepare_cached(&format!(
                "SELECT {COLUMNS}, epoch FROM segments WHERE org = ?1 AND generation = ?2 \
                 ORDER BY number"
            ))?;
            let rows = select
                .query_map(params![org.0, generation], |row| Ok((row.get(8)?, read(row)?)))?;
            let segments = rows.collect::<rusqlite::Result<_>>()?;
            Ok((head, StoredChain { generation, segments }))
        })
    }

    fn add_segment(&self, org: OrgId, chain: ChainName<'_>, segment: &Segment) -> Result<bool> {
        self.write(|db| {
            let added = db
                .prepare_cached(
                    "INSERT INTO segments (org, generation, number, epoch, from_rev, rev, digest, \
                     bytes, lines, blob, made_at) \
                     SELECT id, chain, ?4, epoch, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM organisations \
                     WHERE id = ?1 AND chain = ?2 AND epoch = ?3 ON CONFLICT DO NOTHING",
                )?
                .execute(params![
                    org.0,
                    chain.generation,
                    chain.epoch,
                    segment.number,
                    segment.from_rev,
                    segment.rev,
                    segment.digest,
                    segment.bytes,
                    segment.lines,
                    segment.blob,
                    segment.made_at,
                ])?;
            Ok(added > 0)
        })
    }

    fn renew_chain(&self, org: OrgId, generation: u64, now: i64) -> Result<bool> {
        self.write(|db| {
            let renewed = db.execute(
                "UPDATE organisations SET chain = chain + 1 WHERE id = ?1 AND chain = ?2",
                params![org.0, generation],
            )?;
            db.execute(
                "UPDATE segments SET dropped_at = ?3 WHERE org = ?1 AND generation = ?2 \
                 AND dropped_at IS NULL AND ?4 > 0",
                params![org.0, generation, now, renewed],
            )?;
            Ok(renewed > 0)
        })
    }

    fn drop_chain(&self, org: OrgId) -> Result<()> {
        self.write(|db| {
            db.execute("UPDATE organisations SET chain = chain + 1 WHERE id = ?1", [org.0])?;
            db.execute("DELETE FROM segments WHERE org = ?1", [org.0])?;
            Ok(())
        })
    }

    fn forget_segments(&self, org: OrgId, renewed_before: i64) -> Result<Vec<String>> {
        self.write(|db| {
            db.execute(
                "DELETE FROM segments WHERE org = ?1 AND dropped_at < ?2",
                params![org.0, renewed_before],
            )?;
            let mut select = db.prepare_cached("SELECT blob FROM segments WHERE org = ?1")?;
            let blobs = select.query_map([org.0], |row| row.get(0))?;
            Ok(blobs.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn segment(&self, org: OrgId, digest: &[u8; 32]) -> Result<Option<Segment>> {
        self.read(|db| {
            let found = db
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM segments WHERE org = ?1 AND digest = ?2 \
                     ORDER BY generation DESC LIMIT 1"
                ))?
                .query_row(params![org.0, digest], read)
                .optional()?;
            Ok(found)
        })
    }

    fn count_up_to(&self, org: OrgId, rev: u64) -> Result<u64> {
        self.read(|db| {
            let count = db
                .prepare_cached("SELECT count(*) FROM profiles WHERE org = ?1 AND rev <= ?2")?
                .query_row(params![org.0, rev], |row| row.get(0))?;
            Ok(count)
        })
    }
}
