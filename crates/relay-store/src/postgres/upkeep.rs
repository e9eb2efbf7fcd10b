//! Digests, forgotten deletions and new histories on Postgres.

use deadpool_postgres::Transaction;
use kartei_profile::RecordHash;
use kartei_sync_core::{Digest, Digests};
use tokio_postgres::Row as SqlRow;

use super::audit;
use super::profiles::{hash, head, signed, unsigned};
use crate::access::OrgId;
use crate::digests::Tally;
use crate::engine::{Head, Result, Swept};
use crate::upkeep::told_of_epoch;

/// Rows of a portal that are fetched at once; they have no records.
const FETCH_ROWS: i32 = 10_000;

/// First half of the number under which one relay at a time sweeps an organisation; the second half
/// is the organisation's. It means nothing.
const SWEEP_LOCK: i32 = 0x7377_6565;

fn word(row: &SqlRow, at: usize) -> u32 {
    u32::try_from(row.get::<_, i64>(at)).unwrap_or_default()
}

/// Four words from a column on.
pub(super) fn digest(row: &SqlRow, at: usize) -> Digest {
    Digest::from_words([word(row, at), word(row, at + 1), word(row, at + 2), word(row, at + 3)])
}

/// Digests column by column.
#[derive(Default)]
struct Columns {
    buckets: Vec<i32>,
    words: [Vec<i64>; 4],
}

impl Columns {
    fn of(digests: impl Iterator<Item = (u8, Digest)>) -> Self {
        let mut columns = Self::default();
        for (bucket, digest) in digests {
            columns.buckets.push(i32::from(bucket));
            for (column, word) in columns.words.iter_mut().zip(digest.words()) {
                column.push(i64::from(word));
            }
        }
        columns
    }
}

/// Notes what a commit did, together with its newest revision, in one round trip.
pub(super) async fn number(
    db: &Transaction<'_>,
    org: OrgId,
    before: &Head,
    head_rev: u64,
    tally: &Tally,
) -> Result<Option<Digest>> {
    let Some(total) = tally.total(before) else {
        let number = db
            .prepare_cached("UPDATE kartei.organisations SET head_rev = $2 WHERE id = $1")
            .await?;
        db.execute(&number, &[&org.0, &signed(head_rev)]).await?;
        return Ok(None);
    };
    let number = db
        .prepare_cached(
            "WITH added AS (INSERT INTO kartei.digests AS d (org, bucket, d0, d1, d2, d3) \
             SELECT $1, bucket, d0, d1, d2, d3 FROM unnest($7::integer[], $8::bigint[], \
             $9::bigint[], $10::bigint[], $11::bigint[]) AS w (bucket, d0, d1, d2, d3) \
             ON CONFLICT (org, bucket) DO UPDATE SET d0 = (d.d0 + excluded.d0) & 4294967295, \
             d1 = (d.d1 + excluded.d1) & 4294967295, d2 = (d.d2 + excluded.d2) & 4294967295, \
             d3 = (d.d3 + excluded.d3) & 4294967295) \
             UPDATE kartei.organisations SET head_rev = $2, digest_rev = $2, d0 = $3, d1 = $4, \
             d2 = $5, d3 = $6 WHERE id = $1",
        )
        .await?;
    let [t0, t1, t2, t3] = total.words().map(i64::from);
    let Columns { buckets, words: [w0, w1, w2, w3] } = Columns::of(tally.buckets());
    db.execute(
        &number,
        &[&org.0, &signed(head_rev), &t0, &t1, &t2, &t3, &buckets, &w0, &w1, &w2, &w3],
    )
    .await?;
    Ok(Some(total))
}

pub(super) async fn digests(db: &Transaction<'_>, org: OrgId) -> Result<(Head, Option<Digests>)> {
    let head = head(db, org, false).await?;
    if head.total.is_none() {
        return Ok((head, None));
    }
    let select = db
        .prepare_cached("SELECT bucket, d0, d1, d2, d3 FROM kartei.digests WHERE org = $1")
        .await?;
    let mut digests = Digests::default();
    for row in db.query(&select, &[&org.0]).await? {
        let bucket = u8::try_from(row.get::<_, i32>(0)).unwrap_or_default();
        digests.add(bucket, digest(&row, 1));
    }
    Ok((head, Some(digests)))
}

pub(super) async fn members(
    db: &Transaction<'_>,
    org: OrgId,
    each: &mut dyn FnMut(&str, RecordHash, u64),
) -> Result<()> {
    let select = db
        .prepare_cached(
            "SELECT id, hash, conflicts FROM kartei.profiles WHERE org = $1 AND NOT deleted",
        )
        .await?;
    let portal = db.bind(&select, &[&org.0]).await?;
    loop {
        let part = db.query_portal(&portal, FETCH_ROWS).await?;
        for row in &part {
            each(row.get(0), hash(row, 1)?, u64::from(row.get::<_, i32>(2).unsigned_abs()));
        }
        if i32::try_from(part.len()).unwrap_or(i32::MAX) < FETCH_ROWS {
            return Ok(());
        }
    }
}

pub(super) async fn recount(db: &Transaction<'_>, org: OrgId) -> Result<Head> {
    // Under the lock: what is counted is what the newest revision has.
    let head = head(db, org, true).await?;
    let mut digests = Digests::default();
    members(db, org, &mut |id, hash, conflicts| digests.add_profile(id, &hash, conflicts)).await?;
    let Columns { buckets, words: [w0, w1, w2, w3] } = Columns::of(digests.iter());
    db.execute("DELETE FROM kartei.digests WHERE org = $1", &[&org.0]).await?;
    db.execute(
        "INSERT INTO kartei.digests (org, bucket, d0, d1, d2, d3) \
         SELECT $1, bucket, d0, d1, d2, d3 FROM unnest($2::integer[], $3::bigint[], $4::bigint[], \
         $5::bigint[], $6::bigint[]) AS w (bucket, d0, d1, d2, d3)",
        &[&org.0, &buckets, &w0, &w1, &w2, &w3],
    )
    .await?;
    let total = digests.total();
    let [t0, t1, t2, t3] = total.words().map(i64::from);
    db.execute(
        "UPDATE kartei.organisations SET digest_rev = head_rev, d0 = $2, d1 = $3, d2 = $4, d3 = $5 \
         WHERE id = $1",
        &[&org.0, &t0, &t1, &t2, &t3],
    )
    .await?;
    Ok(Head { total: Some(total), ..head })
}

pub(super) async fn sweep(
    db: &Transaction<'_>,
    org: OrgId,
    deleted_before: i64,
    rows_max: usize,
) -> Result<Swept> {
    let second = i32::try_from(org.0 & 0x7fff_ffff).unwrap_or_default();
    let mine: bool = db
        .query_one("SELECT pg_try_advisory_xact_lock($1, $2)", &[&SWEEP_LOCK, &second])
        .await?
        .get(0);
    if !mine {
        return Ok(Swept::default());
    }
    // Under the lock: nobody revives meanwhile what is taken away here.
    head(db, org, true).await?;
    let last: Option<i64> = db
        .query_one(
            "SELECT max(rev) FROM kartei.profiles WHERE org = $1 AND deleted AND changed_at < $2",
            &[&org.0, &deleted_before],
        )
        .await?
        .get(0);
    let Some(last) = last else { return Ok(Swept::default()) };
    let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
    let rows = db
        .query(
            "SELECT pk, rev FROM kartei.profiles WHERE org = $1 AND deleted AND rev <= $2 \
             ORDER BY rev LIMIT $3",
            &[&org.0, &last, &rows_max],
        )
        .await?;
    let keys: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let horizon_rev: i64 = rows.last().map_or(0, |row| row.get(1));
    db.execute("DELETE FROM kartei.changes WHERE profile = ANY ($1)", &[&keys]).await?;
    db.execute("DELETE FROM kartei.documents WHERE profile = ANY ($1)", &[&keys]).await?;
    db.execute("DELETE FROM kartei.attachments WHERE profile = ANY ($1)", &[&keys]).await?;
    db.execute("DELETE FROM kartei.profiles WHERE pk = ANY ($1)", &[&keys]).await?;
    db.execute(
        "UPDATE kartei.organisations SET horizon_rev = greatest(horizon_rev, $2), chain = chain + 1 \
         WHERE id = $1",
        &[&org.0, &horizon_rev],
    )
    .await?;
    // Segments that have what was deleted, and none that says so any more, are for nobody.
    db.execute("DELETE FROM kartei.segments WHERE org = $1", &[&org.0]).await?;
    Ok(Swept { profiles: keys.len() as u64, more: horizon_rev < last })
}

pub(super) async fn begin_epoch(
    db: &Transaction<'_>,
    org: OrgId,
    by: &str,
    epoch: &str,
) -> Result<Head> {
    db.execute("UPDATE kartei.organisations SET epoch = $2 WHERE id = $1", &[&org.0, &epoch])
        .await?;
    audit::append(db, org, &told_of_epoch(by, epoch)).await?;
    head(db, org, false).await
}

/// Asks where an organisation's history stands.
pub(super) const HEAD: &str = "SELECT epoch, head_rev, horizon_rev, digest_rev = head_rev, \
                               d0, d1, d2, d3 FROM kartei.organisations WHERE id = $1";

/// What [`HEAD`] answers.
pub(super) fn read_head(row: &SqlRow) -> Head {
    let is_counted: bool = row.get(3);
    Head {
        epoch: row.get(0),
        rev: unsigned(row, 1),
        horizon_rev: unsigned(row, 2),
        total: is_counted.then(|| digest(row, 4)),
    }
}
