//! What is durable of uploads, on Postgres: one transaction for each organisation, and in it as many
//! round trips for a hundred sessions as for one.

use std::collections::{HashMap, HashSet};

use deadpool_postgres::Transaction;
use futures_util::future::try_join;
use kartei_protocol::uploads::UploadPhase;

use super::Postgres;
use super::profiles::{signed, unsigned};
use super::uploads::tail;
use crate::access::OrgId;
use crate::engine::Result;
use crate::landing::{Landed, LandedRow, Landing, tail_follows};
use crate::uploads::{Tail, phase_of};

pub(super) async fn list(db: &Transaction<'_>, org: OrgId, id: &str) -> Result<Vec<LandedRow>> {
    let select = db
        .prepare_cached(
            "SELECT l.at, l.len, l.tree, l.part FROM kartei.landed l \
             JOIN kartei.uploads u ON u.pk = l.upload \
             WHERE u.org = $1 AND u.id = $2 ORDER BY l.at",
        )
        .await?;
    let rows = db.query(&select, &[&org.0, &id]).await?;
    let landed = rows.iter().map(|row| LandedRow {
        offset: unsigned(row, 0),
        len: unsigned(row, 1),
        tree: row.get(2),
        part: row.get(3),
    });
    Ok(landed.collect())
}

pub(super) async fn forget(db: &Transaction<'_>, upload: i64) -> Result<()> {
    let delete = db.prepare_cached("DELETE FROM kartei.landed WHERE upload = $1").await?;
    db.execute(&delete, &[&upload]).await?;
    Ok(())
}

/// Notes all organisations at once.
pub(super) fn note(store: &Postgres, landings: &[Landing<'_>]) -> Result<Vec<Landed>> {
    store.write_each(landings, |landing| landing.org, &note_own)
}

/// A session that takes what landed.
struct Taker<'l> {
    pk: i64,
    known: Option<Tail>,
    landing: &'l Landing<'l>,
}

async fn note_own(
    db: &Transaction<'_>,
    org: OrgId,
    landings: &[&Landing<'_>],
) -> Result<Vec<Landed>> {
    // In one order, so that two relays that note the same sessions do not wait for each other.
    let select = db
        .prepare_cached(
            "SELECT id, pk, phase, tail_seq, tail_offset, tail_len FROM kartei.uploads \
             WHERE org = $1 AND id = ANY ($2) ORDER BY pk FOR UPDATE",
        )
        .await?;
    let ids: Vec<&str> = landings.iter().map(|landing| landing.id).collect();
    let rows = db.query(&select, &[&org.0, &ids]).await?;
    let found: HashMap<&str, (i64, UploadPhase, Option<Tail>)> = rows
        .iter()
        .map(|row| (row.get(0), (row.get(1), phase_of(row.get(2)), tail(row, 3))))
        .collect();
    let mut answers = Vec::with_capacity(landings.len());
    let mut takers: Vec<(usize, Taker<'_>)> = Vec::new();
    for (number, landing) in landings.iter().enumerate() {
        answers.push(match found.get(landing.id) {
            None => Landed::Unknown,
            Some((pk, UploadPhase::Open, known)) => {
                takers.push((number, Taker { pk: *pk, known: *known, landing }));
                Landed::Open { refused: Vec::new(), tail_refused: false }
            }
            Some((_, phase, _)) => Landed::Ended(*phase),
        });
    }
    if takers.is_empty() {
        return Ok(answers);
    }
    let (inserted, ()) = try_join(insert(db, org, &takers), touch(db, &takers)).await?;
    for (number, taker) in &takers {
        let mut refused = Vec::new();
        for run in &taker.landing.runs {
            if !inserted.contains(&(taker.pk, run.offset)) && !is_there(db, taker.pk, run).await? {
                refused.push(run.offset);
            }
        }
        let mut tail_refused = false;
        if let Some(next) = taker.landing.tail {
            let follows =
                refused.is_empty() && tail_follows(taker.known, next, end(db, taker.pk).await?);
            if follows {
                set_tail(db, taker.pk, next).await?;
            }
            tail_refused = !follows;
        }
        answers[*number] = Landed::Open { refused, tail_refused };
    }
    Ok(answers)
}

/// Keeps runs, without those that overlap one that is there. Those do not overlap each other, so the
/// last one that begins before a run's end is the one that reaches furthest.
async fn insert(
    db: &Transaction<'_>,
    org: OrgId,
    takers: &[(usize, Taker<'_>)],
) -> Result<HashSet<(i64, u64)>> {
    let (mut keys, mut offsets, mut lens, mut trees, mut parts) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (_, taker) in takers {
        for run in &taker.landing.runs {
            keys.push(taker.pk);
            offsets.push(signed(run.offset));
            lens.push(signed(run.len));
            trees.push(run.tree.as_slice());
            parts.push(run.part.as_deref());
        }
    }
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    let statement = db
        .prepare_cached(
            "INSERT INTO kartei.landed (upload, at, org, len, tree, part) \
             SELECT w.upload, w.at, $1, w.len, w.tree, w.part \
             FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::text[]) \
             AS w (upload, at, len, tree, part) \
             WHERE coalesce((SELECT l.at + l.len FROM kartei.landed l \
                             WHERE l.upload = w.upload AND l.at < w.at + w.len \
                             ORDER BY l.at DESC LIMIT 1), 0) <= w.at \
             RETURNING upload, at",
        )
        .await?;
    let rows = db.query(&statement, &[&org.0, &keys, &offsets, &lens, &trees, &parts]).await?;
    Ok(rows.iter().map(|row| (row.get(0), unsigned(row, 1))).collect())
}

async fn touch(db: &Transaction<'_>, takers: &[(usize, Taker<'_>)]) -> Result<()> {
    let update = db
        .prepare_cached(
            "UPDATE kartei.uploads u SET touched_at = greatest(u.touched_at, w.now), \
             expires_at = greatest(u.expires_at, w.expires_at) \
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS w (pk, now, expires_at) \
             WHERE u.pk = w.pk",
        )
        .await?;
    let keys: Vec<i64> = takers.iter().map(|(_, taker)| taker.pk).collect();
    let moments: Vec<i64> = takers.iter().map(|(_, taker)| taker.landing.now).collect();
    let ends: Vec<i64> = takers.iter().map(|(_, taker)| taker.landing.expires_at).collect();
    db.execute(&update, &[&keys, &moments, &ends]).await?;
    Ok(())
}

async fn set_tail(db: &Transaction<'_>, upload: i64, tail: Option<Tail>) -> Result<()> {
    let update = db
        .prepare_cached(
            "UPDATE kartei.uploads SET tail_seq = $2, tail_offset = $3, tail_len = $4 WHERE pk = $1",
        )
        .await?;
    let (seq, offset) = (tail.map(|tail| signed(tail.seq)), tail.map(|tail| signed(tail.offset)));
    db.execute(&update, &[&upload, &seq, &offset, &tail.map(|tail| signed(tail.len))]).await?;
    Ok(())
}

async fn is_there(db: &Transaction<'_>, upload: i64, run: &LandedRow) -> Result<bool> {
    let row = db
        .query_one(
            "SELECT EXISTS (SELECT 1 FROM kartei.landed WHERE upload = $1 AND at = $2 AND len = $3 \
             AND tree = $4 AND part IS NOT DISTINCT FROM $5)",
            &[&upload, &signed(run.offset), &signed(run.len), &run.tree, &run.part],
        )
        .await?;
    Ok(row.get(0))
}

/// Where what landed ends.
async fn end(db: &Transaction<'_>, upload: i64) -> Result<u64> {
    let select = db
        .prepare_cached(
            "SELECT at + len FROM kartei.landed WHERE upload = $1 ORDER BY at DESC LIMIT 1",
        )
        .await?;
    Ok(db.query_opt(&select, &[&upload]).await?.map_or(0, |row| unsigned(&row, 0)))
}
