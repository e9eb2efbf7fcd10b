//! What organisations use, on SQLite.

use rusqlite::{OptionalExtension, Transaction, params};

use crate::access::OrgId;
use crate::engine::Result;
use crate::quota::Usage;

pub(super) fn get(db: &Transaction<'_>, org: OrgId) -> Result<Usage> {
    let found = db
        .prepare_cached("SELECT used, reserved, quota, files, open FROM usage WHERE org = ?1")?
        .query_row([org.0], |row| {
            Ok(Usage {
                used: row.get(0)?,
                reserved: row.get(1)?,
                quota: row.get(2)?,
                files: row.get(3)?,
                open: row.get(4)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

pub(super) fn put(db: &Transaction<'_>, org: OrgId, usage: &Usage) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO usage (org, used, reserved, quota, files, open) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (org) DO UPDATE SET used = excluded.used, reserved = excluded.reserved, \
         quota = excluded.quota, files = excluded.files, open = excluded.open",
    )?
    .execute(params![org.0, usage.used, usage.reserved, usage.quota, usage.files, usage.open])?;
    Ok(())
}

pub(super) fn recount(db: &Transaction<'_>, org: OrgId, now: i64) -> Result<Usage> {
    let quota = get(db, org)?.quota;
    let (used, files) = db.query_row(
        "SELECT coalesce(sum(c.size), 0), count(*) FROM files f JOIN contents c ON c.id = f.content \
         WHERE f.org = ?1",
        [org.0],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let (reserved, open) = db.query_row(
        "SELECT coalesce(sum(reserved), 0), count(*) FROM uploads \
         WHERE org = ?1 AND phase IN ('open', 'completing')",
        [org.0],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let usage = Usage { used, reserved, quota, files, open };
    put(db, org, &usage)?;
    db.execute(
        "UPDATE contents SET refs = (SELECT count(*) FROM files f WHERE f.content = contents.id) \
         WHERE org = ?1 AND refs <> (SELECT count(*) FROM files f WHERE f.content = contents.id)",
        [org.0],
    )?;
    db.execute(
        "UPDATE contents SET unreferenced_at = CASE refs WHEN 0 THEN ?2 END \
         WHERE org = ?1 AND (refs = 0) <> (unreferenced_at IS NOT NULL)",
        params![org.0, now],
    )?;
    Ok(usage)
}
