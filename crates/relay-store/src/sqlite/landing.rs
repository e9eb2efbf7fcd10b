//! What is durable of uploads, on SQLite.

use kartei_protocol::uploads::UploadPhase;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::access::OrgId;
use crate::engine::Result;
use crate::landing::{Landed, LandedRow, Landing, tail_follows};
use crate::uploads::{Tail, phase_of};

pub(super) fn list(db: &Transaction<'_>, org: OrgId, id: &str) -> Result<Vec<LandedRow>> {
    let mut select = db.prepare_cached(
        "SELECT l.at, l.len, l.tree, l.part FROM landed l JOIN uploads u ON u.pk = l.upload \
         WHERE u.org = ?1 AND u.id = ?2 ORDER BY l.at",
    )?;
    let rows = select.query_map(params![org.0, id], |row| {
        Ok(LandedRow {
            offset: row.get(0)?,
            len: row.get(1)?,
            tree: row.get(2)?,
            part: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn forget(db: &Transaction<'_>, upload: i64) -> Result<()> {
    db.prepare_cached("DELETE FROM landed WHERE upload = ?1")?.execute([upload])?;
    Ok(())
}

pub(super) fn note(db: &Transaction<'_>, landing: &Landing<'_>) -> Result<Landed> {
    let found: Option<(i64, String, Option<Tail>)> = db
        .prepare_cached(
            "SELECT pk, phase, tail_seq, tail_offset, tail_len FROM uploads \
             WHERE org = ?1 AND id = ?2",
        )?
        .query_row(params![landing.org.0, landing.id], |row| {
            let tail = match (row.get(2)?, row.get(3)?, row.get(4)?) {
                (Some(seq), Some(offset), Some(len)) => Some(Tail { seq, offset, len }),
                _ => None,
            };
            Ok((row.get(0)?, row.get(1)?, tail))
        })
        .optional()?;
    let Some((pk, phase, known)) = found else { return Ok(Landed::Unknown) };
    let phase = phase_of(&phase);
    if phase != UploadPhase::Open {
        return Ok(Landed::Ended(phase));
    }
    let mut refused = Vec::new();
    for run in &landing.runs {
        if !insert(db, pk, run)? && !is_there(db, pk, run)? {
            refused.push(run.offset);
        }
    }
    let tail = match landing.tail {
        Some(next) if refused.is_empty() && tail_follows(known, next, end(db, pk)?) => Some(next),
        _ => None,
    };
    let tail_refused = landing.tail.is_some() && tail.is_none();
    if let Some(tail) = tail {
        db.prepare_cached(
            "UPDATE uploads SET tail_seq = ?2, tail_offset = ?3, tail_len = ?4 WHERE pk = ?1",
        )?
        .execute(params![
            pk,
            tail.map(|tail| tail.seq),
            tail.map(|tail| tail.offset),
            tail.map(|tail| tail.len),
        ])?;
    }
    db.prepare_cached(
        "UPDATE uploads SET touched_at = max(touched_at, ?2), expires_at = max(expires_at, ?3) \
         WHERE pk = ?1",
    )?
    .execute(params![pk, landing.now, landing.expires_at])?;
    Ok(Landed::Open { refused, tail_refused })
}

/// Keeps a run, unless it overlaps one that is there. Those do not overlap each other, so the last one
/// that begins before its end is the one that reaches furthest.
fn insert(db: &Transaction<'_>, upload: i64, run: &LandedRow) -> Result<bool> {
    let inserted = db
        .prepare_cached(
            "INSERT INTO landed (upload, at, len, tree, part) SELECT ?1, ?2, ?3, ?4, ?5 \
             WHERE coalesce((SELECT at + len FROM landed WHERE upload = ?1 AND at < ?6 \
                             ORDER BY at DESC LIMIT 1), 0) <= ?2",
        )?
        .execute(params![upload, run.offset, run.len, run.tree, run.part, run.end()])?;
    Ok(inserted > 0)
}

fn is_there(db: &Transaction<'_>, upload: i64, run: &LandedRow) -> Result<bool> {
    let there = db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM landed WHERE upload = ?1 AND at = ?2 AND len = ?3 \
             AND tree = ?4 AND part IS ?5)",
        )?
        .query_row(params![upload, run.offset, run.len, run.tree, run.part], |row| row.get(0))?;
    Ok(there)
}

/// Where what landed ends.
fn end(db: &Transaction<'_>, upload: i64) -> Result<u64> {
    let end = db
        .prepare_cached("SELECT at + len FROM landed WHERE upload = ?1 ORDER BY at DESC LIMIT 1")?
        .query_row([upload], |row| row.get(0))
        .optional()?;
    Ok(end.unwrap_or(0))
}
