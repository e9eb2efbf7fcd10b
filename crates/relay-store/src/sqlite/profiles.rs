//! Profiles, their order and their changes on SQLite.

use kartei_profile::RecordHash;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, Transaction, params};

use super::erasure;
use super::upkeep;
use crate::access::OrgId;
use crate::digests::{Counted, Tally};
use crate::engine::{
    Asked, Committed, Fed, FeedLimits, FeedRow, Head, Held, Meter, NewChange, Result, Row,
    StoredChange, Want, Write,
};

pub(super) fn head(db: &Connection, org: OrgId) -> Result<Head> {
    let found = db
        .prepare_cached(
            "SELECT epoch, head_rev, horizon_rev, digest_rev = head_rev, d0, d1, d2, d3 \
             FROM organisations WHERE id = ?1",
        )?
        .query_row([org.0], |row| {
            let is_counted: bool = row.get(3)?;
            Ok(Head {
                epoch: row.get(0)?,
                rev: row.get(1)?,
                horizon_rev: row.get(2)?,
                total: if is_counted { Some(upkeep::digest(row, 4)?) } else { None },
            })
        })?;
    Ok(found)
}

pub(super) fn look(db: &Transaction<'_>, org: OrgId, asked: Asked<'_>) -> Result<Option<Held>> {
    let sql = match asked.want {
        Want::Stub => {
            "SELECT rev, genesis, hash, conflicts, changed_at, deleted, NULL, NULL FROM profiles \
             WHERE org = ?1 AND id = ?2"
        }
        Want::Record => {
            "SELECT rev, genesis, hash, conflicts, changed_at, deleted, record, NULL FROM profiles \
             WHERE org = ?1 AND id = ?2"
        }
        Want::Document => {
            "SELECT rev, genesis, hash, conflicts, changed_at, deleted, record, body FROM profiles \
             LEFT JOIN documents ON profile = pk WHERE org = ?1 AND id = ?2"
        }
    };
    let found = db
        .prepare_cached(sql)?
        .query_row(params![org.0, asked.id], |row| {
            Ok(Held {
                rev: row.get(0)?,
                genesis: RecordHash::from_bytes(row.get(1)?),
                hash: RecordHash::from_bytes(row.get(2)?),
                conflicts: row.get(3)?,
                changed_at: row.get(4)?,
                deleted: row.get(5)?,
                record: row.get(6)?,
                document: row.get(7)?,
            })
        })
        .optional()?;
    Ok(found)
}

pub(super) fn commit(db: &Transaction<'_>, org: OrgId, writes: &[Write]) -> Result<Committed> {
    let before = head(db, org)?;
    let head_before = before.rev;
    let mut head_rev = head_before;
    let mut tally = Tally::default();
    let mut revs = Vec::with_capacity(writes.len());
    let key = erasure::key(db, org)?;
    let mut next_pk = None;
    for write in writes {
        let there: Option<(i64, u64, Counted)> = db
            .prepare_cached(
                "SELECT pk, rev, hash, conflicts, deleted FROM profiles WHERE org = ?1 AND id = ?2",
            )?
            .query_row(params![org.0, write.id], |row| {
                let hash = RecordHash::from_bytes(row.get(2)?);
                let counted = Counted { hash, conflicts: row.get(3)?, deleted: row.get(4)? };
                Ok((row.get(0)?, row.get(1)?, counted))
            })
            .optional()?;
        if there.map(|(_, rev, _)| rev) != write.expected {
            revs.push(None);
            continue;
        }
        // Erased since it was looked at: judging again finds that.
        if there.is_none() && erasure::is_erased(db, org, key.as_ref(), &write.id)? {
            revs.push(None);
            continue;
        }
        head_rev += 1;
        tally.write(there.map(|(.., counted)| counted), write);
        let pk = match there {
            None => {
                let pk = match next_pk {
                    Some(pk) => pk,
                    None => erasure::next_pk(db)?,
                };
                next_pk = Some(pk + 1);
                insert(db, org, pk, head_rev, write)?;
                pk
            }
            Some((pk, ..)) => {
                update(db, pk, head_rev, write)?;
                pk
            }
        };
        extend(db, pk, head_rev, write)?;
        revs.push(Some(head_rev));
    }
    let total = if head_rev > head_before {
        upkeep::number(db, org, &before, head_rev, &tally)?
    } else {
        before.total
    };
    Ok(Committed { epoch: before.epoch, head_before, head_rev, revs, total })
}

fn insert(db: &Transaction<'_>, org: OrgId, pk: i64, rev: u64, write: &Write) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO profiles (org, id, rev, genesis, genesis_rev, hash, conflicts, changed_at, \
         deleted, genesis_record, record, pk, became) \
         VALUES (?1, ?2, ?3, ?4, ?3, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        org.0,
        write.id,
        rev,
        write.genesis.bytes(),
        write.hash.bytes(),
        write.conflicts,
        write.changed_at,
        write.deleted,
        write.genesis_record,
        write.record,
        pk,
        write.became,
    ])?;
    Ok(())
}

fn update(db: &Transaction<'_>, pk: i64, rev: u64, write: &Write) -> Result<()> {
    db.prepare_cached(
        "UPDATE profiles SET rev = ?2, hash = ?3, conflicts = ?4, changed_at = ?5, deleted = ?6, \
         genesis_record = coalesce(genesis_record, record), record = ?7, became = ?8 WHERE pk = ?1",
    )?
    .execute(params![
        pk,
        rev,
        write.hash.bytes(),
        write.conflicts,
        write.changed_at,
        write.deleted,
        write.record,
        write.became,
    ])?;
    Ok(())
}

fn extend(db: &Transaction<'_>, pk: i64, rev: u64, write: &Write) -> Result<()> {
    if let Some(document) = &write.document {
        db.prepare_cached("INSERT OR REPLACE INTO documents (profile, body) VALUES (?1, ?2)")?
            .execute(params![pk, document])?;
    }
    for NewChange { hash, body, sent_by } in &write.changes {
        db.prepare_cached(
            "INSERT INTO changes (profile, rev, hash, body, sent_by) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![pk, rev, hash, body, sent_by])?;
    }
    Ok(())
}

const FEED: &str = "SELECT pk, id, rev, genesis, genesis_rev, coalesce(genesis_record, record) \
                    FROM profiles";

fn feed_row(db: &Transaction<'_>, row: &SqlRow<'_>, base: u64) -> Result<FeedRow> {
    let pk: i64 = row.get(0)?;
    let mut select = db.prepare_cached(
        "SELECT rev, body, sent_by FROM changes WHERE profile = ?1 AND rev > ?2 ORDER BY seq",
    )?;
    let changes = select.query_map(params![pk, base], |row| {
        Ok(StoredChange { rev: row.get(0)?, body: row.get(1)?, sent_by: row.get(2)? })
    })?;
    Ok(FeedRow {
        id: row.get(1)?,
        rev: row.get(2)?,
        genesis: RecordHash::from_bytes(row.get(3)?),
        genesis_rev: row.get(4)?,
        genesis_record: row.get(5)?,
        changes: changes.collect::<std::result::Result<_, _>>()?,
    })
}

pub(super) fn feed(
    db: &Transaction<'_>,
    org: OrgId,
    from: u64,
    base: u64,
    limits: FeedLimits,
) -> Result<(Head, Fed)> {
    let head = head(db, org)?;
    let mut select =
        db.prepare_cached(&format!("{FEED} WHERE org = ?1 AND rev > ?2 ORDER BY rev"))?;
    let mut found = select.query(params![org.0, from])?;
    let (mut rows, mut meter) = (Vec::new(), Meter::new(limits));
    while let Some(row) = found.next()? {
        let row = feed_row(db, row, base)?;
        let enough = meter.took(row.size());
        rows.push(row);
        if enough {
            break;
        }
    }
    let more = found.next()?.is_some();
    Ok((head, Fed { rows, more }))
}

pub(super) fn whole(db: &Transaction<'_>, org: OrgId, id: &str) -> Result<Option<FeedRow>> {
    let mut select = db.prepare_cached(&format!("{FEED} WHERE org = ?1 AND id = ?2"))?;
    let mut found = select.query(params![org.0, id])?;
    found.next()?.map(|row| feed_row(db, row, 0)).transpose()
}

pub(super) const ROW: &str =
    "SELECT pk, id, rev, hash, conflicts, changed_at, deleted, record FROM profiles";

pub(super) fn as_row(row: &SqlRow<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        key: row.get(0)?,
        id: row.get(1)?,
        rev: row.get(2)?,
        hash: RecordHash::from_bytes(row.get(3)?),
        conflicts: row.get(4)?,
        changed_at: row.get(5)?,
        deleted: row.get(6)?,
        record: row.get(7)?,
    })
}

pub(super) fn by_key(db: &Transaction<'_>, org: OrgId, keys: &[i64]) -> Result<Vec<Row>> {
    let mut select = db.prepare_cached(&format!("{ROW} WHERE pk = ?2 AND org = ?1"))?;
    let mut rows = Vec::with_capacity(keys.len());
    for key in keys {
        rows.extend(select.query_row(params![org.0, key], as_row).optional()?);
    }
    Ok(rows)
}

pub(super) fn ids_by_key(
    db: &Transaction<'_>,
    org: OrgId,
    keys: &[i64],
) -> Result<Vec<(i64, String)>> {
    let mut select = db.prepare_cached("SELECT pk, id FROM profiles WHERE pk = ?2 AND org = ?1")?;
    let mut ids = Vec::with_capacity(keys.len());
    for key in keys {
        let found = select.query_row(params![org.0, key], |row| Ok((row.get(0)?, row.get(1)?)));
        ids.extend(found.optional()?);
    }
    Ok(ids)
}

pub(super) fn rows_since(
    db: &Transaction<'_>,
    org: OrgId,
    from: u64,
    limits: FeedLimits,
) -> Result<Vec<Row>> {
    let mut select =
        db.prepare_cached(&format!("{ROW} WHERE org = ?1 AND rev > ?2 ORDER BY rev"))?;
    let (mut rows, mut meter) = (Vec::new(), Meter::new(limits));
    for row in select.query_map(params![org.0, from], as_row)? {
        let row = row?;
        let enough = meter.took(row.record.len());
        rows.push(row);
        if enough {
            break;
        }
    }
    Ok(rows)
}
