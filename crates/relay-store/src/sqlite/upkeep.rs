//! Digests, forgotten deletions and new histories on SQLite.

use kartei_profile::RecordHash;
use kartei_sync_core::{Digest, Digests};
use rusqlite::{Transaction, params};

use super::audit;
use super::profiles::head;
use crate::access::OrgId;
use crate::digests::Tally;
use crate::engine::{Head, Result, Swept};
use crate::upkeep::told_of_epoch;

pub(super) fn organisations(db: &Transaction<'_>) -> Result<Vec<(OrgId, String)>> {
    let mut select = db.prepare_cached("SELECT id, name FROM organisations ORDER BY id")?;
    let rows = select.query_map([], |row| Ok((OrgId(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

/// Four words from a column on.
pub(super) fn digest(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Digest> {
    Ok(Digest::from_words([row.get(at)?, row.get(at + 1)?, row.get(at + 2)?, row.get(at + 3)?]))
}

/// Notes what a commit did, together with its newest revision.
pub(super) fn number(
    db: &Transaction<'_>,
    org: OrgId,
    before: &Head,
    head_rev: u64,
    tally: &Tally,
) -> Result<Option<Digest>> {
    let Some(total) = tally.total(before) else {
        db.prepare_cached("UPDATE organisations SET head_rev = ?2 WHERE id = ?1")?
            .execute(params![org.0, head_rev])?;
        return Ok(None);
    };
    let mut add = db.prepare_cached(
        "INSERT INTO digests (org, bucket, d0, d1, d2, d3) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (org, bucket) DO UPDATE SET d0 = (d0 + excluded.d0) & 4294967295, \
         d1 = (d1 + excluded.d1) & 4294967295, d2 = (d2 + excluded.d2) & 4294967295, \
         d3 = (d3 + excluded.d3) & 4294967295",
    )?;
    for (bucket, more) in tally.buckets() {
        let [d0, d1, d2, d3] = more.words();
        add.execute(params![org.0, bucket, d0, d1, d2, d3])?;
    }
    let [d0, d1, d2, d3] = total.words();
    db.prepare_cached(
        "UPDATE organisations SET head_rev = ?2, digest_rev = ?2, d0 = ?3, d1 = ?4, d2 = ?5, d3 = ?6 \
         WHERE id = ?1",
    )?
    .execute(params![org.0, head_rev, d0, d1, d2, d3])?;
    Ok(Some(total))
}

pub(super) fn digests(db: &Transaction<'_>, org: OrgId) -> Result<(Head, Option<Digests>)> {
    let head = head(db, org)?;
    if head.total.is_none() {
        return Ok((head, None));
    }
    let mut digests = Digests::default();
    let mut select =
        db.prepare_cached("SELECT bucket, d0, d1, d2, d3 FROM digests WHERE org = ?1")?;
    let mut rows = select.query([org.0])?;
    while let Some(row) = rows.next()? {
        digests.add(row.get(0)?, digest(row, 1)?);
    }
    Ok((head, Some(digests)))
}

pub(super) fn members(
    db: &Transaction<'_>,
    org: OrgId,
    each: &mut dyn FnMut(&str, RecordHash, u64),
) -> Result<Head> {
    let mut select = db.prepare_cached(
        "SELECT id, hash, conflicts FROM profiles WHERE org = ?1 AND deleted = 0",
    )?;
    let mut rows = select.query([org.0])?;
    while let Some(row) = rows.next()? {
        let id = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        each(id, RecordHash::from_bytes(row.get(1)?), row.get(2)?);
    }
    head(db, org)
}

pub(super) fn recount(db: &Transaction<'_>, org: OrgId) -> Result<Head> {
    let mut digests = Digests::default();
    let head = members(db, org, &mut |id, hash, conflicts| {
        digests.add_profile(id, &hash, conflicts);
    })?;
    db.execute("DELETE FROM digests WHERE org = ?1", [org.0])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO digests (org, bucket, d0, d1, d2, d3) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (bucket, sum) in digests.iter() {
        let [d0, d1, d2, d3] = sum.words();
        insert.execute(params![org.0, bucket, d0, d1, d2, d3])?;
    }
    let total = digests.total();
    let [d0, d1, d2, d3] = total.words();
    db.execute(
        "UPDATE organisations SET digest_rev = head_rev, d0 = ?2, d1 = ?3, d2 = ?4, d3 = ?5 \
         WHERE id = ?1",
        params![org.0, d0, d1, d2, d3],
    )?;
    Ok(Head { total: Some(total), ..head })
}

pub(super) fn sweep(
    db: &Transaction<'_>,
    org: OrgId,
    deleted_before: i64,
    rows_max: usize,
) -> Result<Swept> {
    let last: Option<u64> = db.query_row(
        "SELECT max(rev) FROM profiles WHERE org = ?1 AND deleted = 1 AND changed_at < ?2",
        params![org.0, deleted_before],
        |row| row.get(0),
    )?;
    let Some(last) = last else { return Ok(Swept::default()) };
    let rows: Vec<(i64, u64)> = db
        .prepare_cached(
            "SELECT pk, rev FROM profiles WHERE org = ?1 AND deleted = 1 AND rev <= ?2 ORDER BY rev \
             LIMIT ?3",
        )?
        .query_map(params![org.0, last, rows_max], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<std::result::Result<_, _>>()?;
    let mut horizon_rev = 0;
    for (pk, rev) in &rows {
        for sql in [
            "DELETE FROM changes WHERE profile = ?1",
            "DELETE FROM documents WHERE profile = ?1",
            "DELETE FROM attachments WHERE profile = ?1",
            "DELETE FROM profiles WHERE pk = ?1",
        ] {
            db.prepare_cached(sql)?.execute([pk])?;
        }
        horizon_rev = *rev;
    }
    db.execute(
        "UPDATE organisations SET horizon_rev = max(horizon_rev, ?2), chain = chain + 1 WHERE id = ?1",
        params![org.0, horizon_rev],
    )?;
    // Segments that have what was deleted, and none that says so any more, are for nobody.
    db.execute("DELETE FROM segments WHERE org = ?1", [org.0])?;
    Ok(Swept { profiles: rows.len() as u64, more: horizon_rev < last })
}

pub(super) fn begin_epoch(db: &Transaction<'_>, org: OrgId, by: &str, epoch: &str) -> Result<Head> {
    db.execute("UPDATE organisations SET epoch = ?2 WHERE id = ?1", params![org.0, epoch])?;
    audit::append(db, org, &told_of_epoch(by, epoch))?;
    head(db, org)
}
