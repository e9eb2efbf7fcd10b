//! Profiles, their order and their changes on Postgres.
//!
//! Writers of an organisation take its row under lock before they look whether what they judged is
//! still so, and number what they write in one block: revisions become visible in the order in which
//! they were given, and a reader that has seen one never misses a smaller one. Rows go over the wire
//! as arrays, so that a batch of a thousand costs as many round trips as one.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use futures_util::future::{join3, try_join};
use kartei_profile::RecordHash;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Portal, Row as SqlRow, Statement};

use super::erasure;
use super::upkeep::{self, HEAD};
use crate::access::OrgId;
use crate::digests::{Counted, Tally};
use crate::engine::{
    AsOf, Asked, Committed, Fed, FeedLimits, FeedRow, Head, Held, Looked, Meter, Result, Row,
    StoredChange, Want, Write,
};
use crate::error::RelayStoreError;

/// Rows of a portal that are fetched at once. A record can have megabytes: what is fetched beyond the
/// limit is thrown away.
const FETCH_ROWS: i32 = 250;

pub(super) fn unsigned(row: &SqlRow, at: usize) -> u64 {
    row.get::<_, i64>(at).unsigned_abs()
}

pub(super) fn hash(row: &SqlRow, at: usize) -> Result<RecordHash> {
    let bytes: &[u8] = row.get(at);
    let bytes = bytes.try_into().map_err(|_| RelayStoreError::Damaged {
        id: String::new(),
        reason: "a hash is not 32 bytes".to_owned(),
    })?;
    Ok(RecordHash::from_bytes(bytes))
}

pub(super) fn signed(rev: u64) -> i64 {
    i64::try_from(rev).unwrap_or(i64::MAX)
}

pub(super) async fn head(db: &Transaction<'_>, org: OrgId, lock: bool) -> Result<Head> {
    let lock = if lock { "FOR UPDATE" } else { "" };
    let select = db.prepare_cached(&format!("{HEAD} {lock}")).await?;
    let row = db.query_one(&select, &[&org.0]).await?;
    Ok(upkeep::read_head(&row))
}

pub(super) async fn look(db: &Transaction<'_>, org: OrgId, asked: &[Asked<'_>]) -> Result<Looked> {
    let select = db
        .prepare_cached(
            "SELECT a.at, p.rev, p.genesis, p.hash, p.conflicts, p.changed_at, p.deleted, \
             CASE WHEN a.want > 0 THEN p.record END, CASE WHEN a.want > 1 THEN d.body END \
             FROM unnest($2::text[], $3::integer[]) WITH ORDINALITY AS a (id, want, at) \
             JOIN kartei.profiles p ON p.org = $1 AND p.id = a.id \
             LEFT JOIN kartei.documents d ON a.want > 1 AND d.profile = p.pk",
        )
        .await?;
    let ids: Vec<&str> = asked.iter().map(|one| one.id).collect();
    let wants: Vec<i32> = asked
        .iter()
        .map(|one| match one.want {
            Want::Stub => 0,
            Want::Record => 1,
            Want::Document => 2,
        })
        .collect();
    // Both at once: a read of one profile is as long as its round trips.
    let found = async { Ok(db.query(&select, &[&org.0, &ids, &wants]).await?) };
    let (head, found) = try_join(head(db, org, false), found).await?;
    let as_of = head.rev;
    let mut held: Vec<Option<Held>> = vec![None; asked.len()];
    for row in found {
        let at = usize::try_from(unsigned(&row, 0)).unwrap_or_default();
        if let Some(slot) = at.checked_sub(1).and_then(|at| held.get_mut(at)) {
            *slot = Some(Held {
                rev: unsigned(&row, 1),
                genesis: hash(&row, 2)?,
                hash: hash(&row, 3)?,
                conflicts: u64::from(row.get::<_, i32>(4).unsigned_abs()),
                changed_at: row.get(5),
                deleted: row.get(6),
                record: row.get(7),
                document: row.get(8),
            });
        }
    }
    Ok(Looked { as_of, held })
}

/// Key, revision, and what digests count, of some profiles, by id.
async fn stand(
    db: &Transaction<'_>,
    org: OrgId,
    ids: &[&str],
) -> Result<HashMap<String, (i64, u64, Counted)>> {
    let mut there = HashMap::with_capacity(ids.len());
    if ids.is_empty() {
        return Ok(there);
    }
    let select = db
        .prepare_cached(
            "SELECT id, pk, rev, hash, conflicts, deleted FROM kartei.profiles \
             WHERE org = $1 AND id = ANY ($2)",
        )
        .await?;
    for row in db.query(&select, &[&org.0, &ids]).await? {
        let conflicts = u64::from(row.get::<_, i32>(4).unsigned_abs());
        let counted = Counted { hash: hash(&row, 3)?, conflicts, deleted: row.get(5) };
        there.insert(row.get(0), (row.get(1), unsigned(&row, 2), counted));
    }
    Ok(there)
}

pub(super) async fn commit(
    db: &Transaction<'_>,
    org: OrgId,
    writes: &[Write],
    as_of: AsOf,
) -> Result<Committed> {
    let before = head(db, org, true).await?;
    let head_before = before.rev;
    // Under the lock: where nobody wrote since, what was not there is not there.
    let trusted = as_of == AsOf::Hope || as_of == AsOf::Rev(before.rev);
    let doubtful = writes.iter().filter(|write| write.expected.is_some() || !trusted);
    let ids: Vec<&str> = doubtful.map(|write| write.id.as_str()).collect();
    let there = stand(db, org, &ids).await?;
    let mut head_rev = head_before;
    let mut tally = Tally::default();
    let mut revs = Vec::with_capacity(writes.len());
    let erased = erasure::among(db, org, writes).await?;
    let (mut fresh, mut old) = (Vec::new(), Vec::new());
    for write in writes {
        let there = there.get(write.id.as_str()).copied();
        if there.map(|(_, rev, _)| rev) != write.expected {
            revs.push(None);
            continue;
        }
        // Erased since it was looked at: judging again finds that.
        if there.is_none() && erased.contains(write.id.as_str()) {
            revs.push(None);
            continue;
        }
        head_rev += 1;
        tally.write(there.map(|(.., counted)| counted), write);
        revs.push(Some(head_rev));
        match there {
            None => fresh.push((head_rev, write)),
            Some((pk, ..)) => old.push((pk, head_rev, write)),
        }
    }
    let mut total = before.total;
    if head_rev > head_before {
        let mut keyed: Vec<(i64, u64, &Write)> = Vec::with_capacity(old.len());
        let keys = insert(db, org, &fresh).await?;
        if keys.len() < fresh.len() {
            // Hoped in vain.
            return Err(RelayStoreError::Overtaken);
        }
        keyed.extend(fresh.iter().zip(keys).map(|((rev, write), pk)| (pk, *rev, *write)));
        update(db, &old).await?;
        keyed.extend(old);
        extend(db, org, &keyed).await?;
        total = upkeep::number(db, org, &before, head_rev, &tally).await?;
    }
    Ok(Committed { epoch: before.epoch, head_before, head_rev, revs, total })
}

/// Inserts new profiles; answers their keys in the same order, without those that were there.
async fn insert(db: &Transaction<'_>, org: OrgId, fresh: &[(u64, &Write)]) -> Result<Vec<i64>> {
    if fresh.is_empty() {
        return Ok(Vec::new());
    }
    let statement = db
        .prepare_cached(
            "INSERT INTO kartei.profiles (org, id, rev, genesis, genesis_rev, hash, conflicts, \
             changed_at, deleted, genesis_record, record, became) \
             SELECT $1, id, rev, genesis, rev, hash, conflicts, changed_at, deleted, genesis_record, \
             record, became FROM unnest($2::text[], $3::bigint[], $4::bytea[], $5::bytea[], \
             $6::integer[], $7::bigint[], $8::boolean[], $9::text[], $10::text[], $11::text[]) \
             AS w (id, rev, genesis, hash, conflicts, changed_at, deleted, genesis_record, record, \
             became) \
             ON CONFLICT (org, id) DO NOTHING RETURNING rev, pk",
        )
        .await?;
    let column = Columns::of(fresh.iter().map(|(rev, write)| (*rev, *write)));
    let ids: Vec<&str> = fresh.iter().map(|(_, write)| write.id.as_str()).collect();
    let geneses: Vec<&[u8]> =
        fresh.iter().map(|(_, write)| write.genesis.bytes().as_slice()).collect();
    let beginnings: Vec<Option<&str>> =
        fresh.iter().map(|(_, write)| write.genesis_record.as_deref()).collect();
    let rows = db
        .query(
            &statement,
            &[
                &org.0,
                &ids,
                &column.revs,
                &geneses,
                &column.hashes,
                &column.conflicts,
                &column.moments,
                &column.deleted,
                &beginnings,
                &column.records,
                &column.became,
            ],
        )
        .await?;
    let keys: HashMap<i64, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(column.revs.iter().filter_map(|rev| keys.get(rev).copied()).collect())
}

async fn update(db: &Transaction<'_>, old: &[(i64, u64, &Write)]) -> Result<()> {
    if old.is_empty() {
        return Ok(());
    }
    let statement = db
        .prepare_cached(
            "UPDATE kartei.profiles p SET rev = w.rev, hash = w.hash, conflicts = w.conflicts, \
             changed_at = w.changed_at, deleted = w.deleted, \
             genesis_record = coalesce(p.genesis_record, p.record), record = w.record, \
             became = w.became \
             FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::integer[], $5::bigint[], \
             $6::boolean[], $7::text[], $8::text[]) \
             AS w (pk, rev, hash, conflicts, changed_at, deleted, record, became) \
             WHERE p.pk = w.pk",
        )
        .await?;
    let column = Columns::of(old.iter().map(|(_, rev, write)| (*rev, *write)));
    let keys: Vec<i64> = old.iter().map(|(pk, ..)| *pk).collect();
    db.execute(
        &statement,
        &[
            &keys,
            &column.revs,
            &column.hashes,
            &column.conflicts,
            &column.moments,
            &column.deleted,
            &column.records,
            &column.became,
        ],
    )
    .await?;
    Ok(())
}

/// What new and old profiles have in common, column by column.
struct Columns<'w> {
    revs: Vec<i64>,
    hashes: Vec<&'w [u8]>,
    conflicts: Vec<i32>,
    moments: Vec<i64>,
    deleted: Vec<bool>,
    records: Vec<&'w str>,
    became: Vec<Option<&'w str>>,
}

impl<'w> Columns<'w> {
    fn of(writes: impl ExactSizeIterator<Item = (u64, &'w Write)>) -> Self {
        let rows = writes.len();
        let mut columns = Self {
            revs: Vec::with_capacity(rows),
            hashes: Vec::with_capacity(rows),
            conflicts: Vec::with_capacity(rows),
            moments: Vec::with_capacity(rows),
            deleted: Vec::with_capacity(rows),
            records: Vec::with_capacity(rows),
            became: Vec::with_capacity(rows),
        };
        for (rev, write) in writes {
            columns.revs.push(signed(rev));
            columns.hashes.push(write.hash.bytes().as_slice());
            columns.conflicts.push(i32::try_from(write.conflicts).unwrap_or(i32::MAX));
            columns.moments.push(write.changed_at);
            columns.deleted.push(write.deleted);
            columns.records.push(&write.record);
            columns.became.push(write.became.as_deref());
        }
        columns
    }
}

/// Keeps documents and changes.
async fn extend(db: &Transaction<'_>, org: OrgId, keyed: &[(i64, u64, &Write)]) -> Result<()> {
    let (mut keys, mut bodies) = (Vec::new(), Vec::new());
    for (pk, _, write) in keyed {
        if let Some(document) = &write.document {
            keys.push(*pk);
            bodies.push(document.as_slice());
        }
    }
    if !keys.is_empty() {
        let statement = db
            .prepare_cached(
                "INSERT INTO kartei.documents (profile, org, body) \
                 SELECT pk, $1, body FROM unnest($2::bigint[], $3::bytea[]) AS w (pk, body) \
                 ON CONFLICT (profile) DO UPDATE SET body = excluded.body",
            )
            .await?;
        db.execute(&statement, &[&org.0, &keys, &bodies]).await?;
    }
    let (mut keys, mut revs, mut hashes, mut bodies, mut senders) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (pk, rev, write) in keyed {
        for change in &write.changes {
            keys.push(*pk);
            revs.push(signed(*rev));
            hashes.push(change.hash.as_slice());
            bodies.push(change.body.as_slice());
            senders.push(change.sent_by.as_deref());
        }
    }
    if !keys.is_empty() {
        // The order of arrival is causal within a profile, and readers rely on it.
        let statement = db
            .prepare_cached(
                "INSERT INTO kartei.changes (org, profile, rev, hash, body, sent_by) \
                 SELECT $1, pk, rev, hash, body, sent_by FROM unnest($2::bigint[], \
                 $3::bigint[], $4::bytea[], $5::bytea[], $6::text[]) \
                 WITH ORDINALITY AS w (pk, rev, hash, body, sent_by, at) ORDER BY at",
            )
            .await?;
        db.execute(&statement, &[&org.0, &keys, &revs, &hashes, &bodies, &senders]).await?;
    }
    Ok(())
}

const FEED: &str = "SELECT pk, id, rev, genesis, genesis_rev, coalesce(genesis_record, record) \
                    FROM kartei.profiles";

fn feed_row(row: &SqlRow) -> Result<(i64, FeedRow)> {
    let fed = FeedRow {
        id: row.get(1),
        rev: unsigned(row, 2),
        genesis: hash(row, 3)?,
        genesis_rev: unsigned(row, 4),
        genesis_record: row.get(5),
        changes: Vec::new(),
    };
    Ok((row.get(0), fed))
}

async fn add_changes(db: &Transaction<'_>, rows: &mut [(i64, FeedRow)], base: u64) -> Result<()> {
    let select = db
        .prepare_cached(
            "SELECT profile, rev, body, sent_by FROM kartei.changes \
             WHERE profile = ANY ($1) AND rev > $2 ORDER BY seq",
        )
        .await?;
    let keys: Vec<i64> = rows.iter().map(|(pk, _)| *pk).collect();
    let mut by_key: HashMap<i64, &mut FeedRow> =
        rows.iter_mut().map(|(pk, row)| (*pk, row)).collect();
    for row in db.query(&select, &[&keys, &signed(base)]).await? {
        if let Some(profile) = by_key.get_mut(&row.get(0)) {
            let (rev, body, sent_by) = (unsigned(&row, 1), row.get(2), row.get(3));
            profile.changes.push(StoredChange { rev, body, sent_by });
        }
    }
    Ok(())
}

/// A portal over rows that come in the order of an index. Left alone, the planner sorts all that
/// follows for each page where it has no statistics: on a table that was just filled.
async fn in_index_order(
    db: &Transaction<'_>,
    select: &Statement,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Portal> {
    // All three go out together and are done in this order.
    let (off, portal, on) = join3(
        db.batch_execute("SET LOCAL enable_sort = off"),
        db.bind(select, parameters),
        db.batch_execute("SET LOCAL enable_sort = on"),
    )
    .await;
    off?;
    on?;
    Ok(portal?)
}

pub(super) async fn feed(
    db: &Transaction<'_>,
    org: OrgId,
    from: u64,
    base: u64,
    limits: FeedLimits,
) -> Result<(Head, Fed)> {
    let head = head(db, org, false).await?;
    let select =
        db.prepare_cached(&format!("{FEED} WHERE org = $1 AND rev > $2 ORDER BY rev")).await?;
    let portal = in_index_order(db, &select, &[&org.0, &signed(from)]).await?;
    let (mut rows, mut meter, mut more) = (Vec::new(), Meter::new(limits), false);
    'parts: loop {
        let part = db.query_portal(&portal, FETCH_ROWS).await?;
        let is_last = i32::try_from(part.len()).unwrap_or(i32::MAX) < FETCH_ROWS;
        let mut part = part.iter().map(feed_row).collect::<Result<Vec<_>>>()?;
        add_changes(db, &mut part, base).await?;
        let mut part = part.into_iter().map(|(_, row)| row).peekable();
        while let Some(row) = part.next() {
            let enough = meter.took(row.size());
            rows.push(row);
            if enough {
                more = part.peek().is_some()
                    || (!is_last && !db.query_portal(&portal, 1).await?.is_empty());
                break 'parts;
            }
        }
        if is_last {
            break;
        }
    }
    Ok((head, Fed { rows, more }))
}

pub(super) async fn whole(db: &Transaction<'_>, org: OrgId, id: &str) -> Result<Option<FeedRow>> {
    let select = db.prepare_cached(&format!("{FEED} WHERE org = $1 AND id = $2")).await?;
    let Some(row) = db.query_opt(&select, &[&org.0, &id]).await? else { return Ok(None) };
    let mut rows = [feed_row(&row)?];
    add_changes(db, &mut rows, 0).await?;
    let [(_, row)] = rows;
    Ok(Some(row))
}

pub(super) const ROW: &str =
    "SELECT pk, id, rev, hash, conflicts, changed_at, deleted, record FROM kartei.profiles";

pub(super) fn as_row(row: &SqlRow) -> Result<Row> {
    Ok(Row {
        key: row.get(0),
        id: row.get(1),
        rev: unsigned(row, 2),
        hash: hash(row, 3)?,
        conflicts: u64::from(row.get::<_, i32>(4).unsigned_abs()),
        changed_at: row.get(5),
        deleted: row.get(6),
        record: row.get(7),
    })
}

pub(super) async fn by_key(db: &Transaction<'_>, org: OrgId, keys: &[i64]) -> Result<Vec<Row>> {
    let select = db.prepare_cached(&format!("{ROW} WHERE org = $1 AND pk = ANY ($2)")).await?;
    db.query(&select, &[&org.0, &keys]).await?.iter().map(as_row).collect()
}

pub(super) async fn ids_by_key(
    db: &Transaction<'_>,
    org: OrgId,
    keys: &[i64],
) -> Result<Vec<(i64, String)>> {
    let select = db
        .prepare_cached("SELECT pk, id FROM kartei.profiles WHERE org = $1 AND pk = ANY ($2)")
        .await?;
    let rows = db.query(&select, &[&org.0, &keys]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

pub(super) async fn rows_since(
    db: &Transaction<'_>,
    org: OrgId,
    from: u64,
    limits: FeedLimits,
) -> Result<(Head, Vec<Row>)> {
    let head = head(db, org, false).await?;
    let select =
        db.prepare_cached(&format!("{ROW} WHERE org = $1 AND rev > $2 ORDER BY rev")).await?;
    let portal = in_index_order(db, &select, &[&org.0, &signed(from)]).await?;
    let (mut rows, mut meter) = (Vec::new(), Meter::new(limits));
    loop {
        let part = db.query_portal(&portal, FETCH_ROWS).await?;
        let is_last = i32::try_from(part.len()).unwrap_or(i32::MAX) < FETCH_ROWS;
        for row in &part {
            let row = as_row(row)?;
            let enough = meter.took(row.record.len());
            rows.push(row);
            if enough {
                return Ok((head, rows));
            }
        }
        if is_last {
            return Ok((head, rows));
        }
    }
}
