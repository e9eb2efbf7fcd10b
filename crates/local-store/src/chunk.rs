//! Chunks of columns in the database: writing them, and packing rows that are in none.

use std::collections::{HashMap, HashSet};

use kartei_index::ChunkBuilder;
use rusqlite::{Transaction, params};
use sha2::{Digest, Sha256};

use crate::block::index;
use crate::error::{StoreError, damaged};
use crate::row::Pk;
use crate::scores;
use crate::writing::Writing;
use kartei_profile::Record;

/// Loose rows that are left loose: they are read one by one when a list is opened, some
/// microseconds each.
const LOOSE_MAX: i64 = 4_000;

/// Chunks are worn when one in so many of their rows is dead.
const WORN_PART: i64 = 5;

/// Rows of a packed chunk at most, like the blocks of an import.
const CHUNK_ROWS: usize = 1_000;

/// Writes the columns of rows that were just written. A row without a key is in the columns, but
/// made no profile.
pub(crate) fn write(
    db: &Writing<'_>,
    pks: &[Option<Pk>],
    columns: &[(String, Vec<u8>)],
    changed_at: i64,
) -> Result<(), StoreError> {
    let Some(first) = pks.iter().flatten().next().copied() else { return Ok(()) };
    let follow = pks.iter().zip(first..).all(|(pk, expected)| *pk == Some(expected));
    let listed = (!follow).then(|| encode_pks(first, pks));
    let chunk = db.take_pk();
    db.prepare_cached(
        "INSERT INTO chunks (id, first, count, pks, changed_at, digest) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![chunk, first, pks.len(), listed, changed_at, digest_of(columns)])?;
    let mut insert =
        db.prepare_cached("INSERT INTO columns (chunk, name, body) VALUES (?1, ?2, ?3)")?;
    for (name, body) in columns {
        insert.execute(params![chunk, name, body])?;
    }
    Ok(())
}

/// What a chunk's row says of its columns; they are ordered by name here.
fn digest_of<'c>(columns: impl IntoIterator<Item = &'c (String, Vec<u8>)>) -> [u8; 32] {
    let mut columns: Vec<_> = columns.into_iter().collect();
    columns.sort_unstable_by_key(|(name, _)| name);
    let mut hasher = Sha256::new();
    for (name, body) in columns {
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update((body.len() as u64).to_le_bytes());
        hasher.update(body);
    }
    hasher.finalize().into()
}

/// The columns that do not have what their chunk says, by chunk.
pub(crate) fn damaged_chunks(db: &Transaction<'_>) -> Result<Vec<i64>, StoreError> {
    let mut by_chunk: HashMap<i64, Vec<(String, i64)>> = HashMap::new();
    {
        let mut select = db.prepare("SELECT chunk, name, rowid FROM columns")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            by_chunk.entry(row.get(0)?).or_default().push((row.get(1)?, row.get(2)?));
        }
    }
    let mut damaged = Vec::new();
    let mut select = db.prepare("SELECT id, digest FROM chunks")?;
    let mut body = db.prepare("SELECT body FROM columns WHERE rowid = ?1")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let chunk: i64 = row.get(0)?;
        let columns = by_chunk
            .remove(&chunk)
            .unwrap_or_default()
            .into_iter()
            .map(|(name, rowid)| Ok((name, body.query_row([rowid], |row| row.get(0))?)))
            .collect::<Result<Vec<(String, Vec<u8>)>, StoreError>>()?;
        if digest_of(&columns).as_slice() != row.get::<_, Vec<u8>>(1)? {
            damaged.push(chunk);
        }
    }
    // Columns of no chunk are as wrong.
    damaged.extend(by_chunk.into_keys());
    Ok(damaged)
}

/// Keys that do not simply follow each other: for each row a LEB128 number, 0 where it has no key,
/// else one more than the distance from the first key. Keys of one chunk only grow.
fn encode_pks(first: Pk, pks: &[Option<Pk>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(pks.len() * 2);
    for pk in pks {
        let mut number = pk.map_or(0, |pk| (pk - first).unsigned_abs() + 1);
        loop {
            let low = u8::try_from(number & 0x7f).unwrap_or_default();
            number >>= 7;
            if number == 0 {
                bytes.push(low);
                break;
            }
            bytes.push(low | 0x80);
        }
    }
    bytes
}

/// Reads what [`encode_pks`] wrote.
pub(crate) fn decode_pks(first: Pk, bytes: &[u8]) -> Result<Vec<Option<Pk>>, StoreError> {
    let broken = || StoreError::Damaged("a chunk's list of keys".to_owned());
    let mut pks = Vec::new();
    let mut number = 0_u64;
    let mut shift = 0;
    for byte in bytes {
        if shift > 56 {
            return Err(broken());
        }
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            let distance = i64::try_from(number).map_err(|_| broken())?;
            pks.push(match distance {
                0 => None,
                _ => Some(first.checked_add(distance - 1).ok_or_else(broken)?),
            });
            (number, shift) = (0, 0);
        }
    }
    if shift == 0 { Ok(pks) } else { Err(broken()) }
}

/// Packs loose rows into chunks where they have become many. Belongs into every transaction that
/// may leave many of them.
pub(crate) fn pack_if_many(db: &Writing<'_>) -> Result<(), StoreError> {
    if db.loose() > LOOSE_MAX { pack(db) } else { Ok(()) }
}

/// Packs all loose rows into chunks.
pub(crate) fn pack(db: &Writing<'_>) -> Result<(), StoreError> {
    let mut loose: Vec<Pk> = {
        let mut select = db.prepare_cached("SELECT pk FROM profiles WHERE loose = 1")?;
        select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
    };
    // In the order of keys, which is the order of pages.
    loose.sort_unstable();
    let mut builder = ChunkBuilder::default();
    let mut rows: Vec<Option<Pk>> = Vec::with_capacity(CHUNK_ROWS);
    let mut moment = 0;
    for pk in &loose {
        let (id, changed_at, text): (String, i64, String) = db
            .prepare_cached("SELECT id, changed_at, record FROM profiles WHERE pk = ?1")?
            .query_row([pk], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        // One chunk has one moment of change.
        if rows.len() == CHUNK_ROWS || (!rows.is_empty() && moment != changed_at) {
            write(db, &rows, &builder.finish(), moment)?;
            rows.clear();
        }
        moment = changed_at;
        let record = Record::from_stored(&text).map_err(|v| damaged(&id, &v))?;
        index(&mut builder, &record);
        rows.push(Some(*pk));
    }
    write(db, &rows, &builder.finish(), moment)?;
    db.execute("UPDATE profiles SET loose = 0 WHERE loose = 1", [])?;
    db.count_loose(-db.loose());
    Ok(())
}

/// Marks new rows between two keys as loose: too few of their block to be worth its columns.
pub(crate) fn loosen_new(db: &Writing<'_>, first: Pk, last: Pk) -> Result<(), StoreError> {
    let changed = db
        // A later line of the block may have written one of them again: it is loose, and counted.
        .prepare_cached(
            "UPDATE profiles SET loose = 1, stamp = ?3 \
             WHERE pk BETWEEN ?1 AND ?2 AND loose = 0",
        )?
        .execute(params![first, last, db.stamp()])?;
    db.count_loose(i64::try_from(changed).unwrap_or(i64::MAX));
    Ok(())
}

/// Chunks whose rows were deleted go with them; of others the deleted rows are listed as gone. All
/// keys of an import's chunks lie between `first` and `last`, which are the keys of its rows.
pub(crate) fn forget_deleted(db: &Writing<'_>, first: Pk, last: Pk) -> Result<(), StoreError> {
    // Chunks are numbered from the same counter as rows, after their own rows.
    let chunks: Vec<ChunkRow> =
        chunks_after(db, first)?.into_iter().take_while(|c| c.id <= last + 1).collect();
    let mut dropped = Vec::new();
    let mut live =
        db.prepare_cached("SELECT EXISTS (SELECT 1 FROM profiles WHERE pk = ?1 AND deleted = 0)")?;
    for chunk in chunks {
        let pks = chunk.keys()?;
        let mut gone = Vec::new();
        for pk in pks.iter().flatten() {
            let lives: bool = live.query_row([pk], |row| row.get(0))?;
            if !lives {
                gone.push(*pk);
            }
        }
        if gone.len() == pks.iter().flatten().count() {
            dropped.push(chunk.id);
        } else {
            for pk in gone {
                db.prepare_cached("INSERT INTO gone (pk) VALUES (?1)")?.execute([pk])?;
            }
        }
    }
    drop_chunks(db, &dropped)
}

/// Makes the chunks anew that have columns of these rows, which are gone: nothing of them is left.
pub(crate) fn repack_without(db: &Writing<'_>, gone: &HashSet<Pk>) -> Result<(), StoreError> {
    let mut dropped = Vec::new();
    let mut loosen = db.prepare_cached(
        "UPDATE profiles SET loose = 1, stamp = ?2 WHERE pk = ?1 AND loose = 0 AND deleted = 0",
    )?;
    for chunk in chunks_after(db, 0)? {
        let keys = chunk.keys()?;
        if !keys.iter().flatten().any(|pk| gone.contains(pk)) {
            continue;
        }
        for pk in keys.iter().flatten() {
            let changed = loosen.execute([*pk, db.stamp()])?;
            db.count_loose(i64::try_from(changed).unwrap_or(i64::MAX));
        }
        dropped.push(chunk.id);
    }
    drop(loosen);
    for pk in gone {
        db.prepare_cached("DELETE FROM gone WHERE pk = ?1")?.execute([pk])?;
    }
    // Whoever has read the lists reads them anew, also where the rows were in no chunk.
    drop_chunks(db, &dropped)?;
    if dropped.is_empty() { Ok(()) } else { pack(db) }
}

/// Takes chunks away, all in one pass over the columns.
pub(crate) fn drop_chunks(db: &Writing<'_>, chunks: &[i64]) -> Result<(), StoreError> {
    let list = serde_json::to_string(chunks).map_err(|e| StoreError::Damaged(e.to_string()))?;
    db.execute("DELETE FROM columns WHERE chunk IN (SELECT value FROM json_each(?1))", [&list])?;
    scores::forget(db, Some(&list))?;
    db.execute("DELETE FROM chunks WHERE id IN (SELECT value FROM json_each(?1))", [&list])?;
    db.next_era();
    Ok(())
}

/// Makes all chunks anew from the records, and counts anew.
pub(crate) fn rebuild_all(db: &Writing<'_>) -> Result<(), StoreError> {
    db.execute_batch("DELETE FROM columns; DELETE FROM chunks; DELETE FROM gone;")?;
    scores::forget(db, None)?;
    db.execute("UPDATE profiles SET loose = 1 - deleted, stamp = ?1", [db.stamp()])?;
    let (profiles, last): (i64, Pk) = db.query_row(
        "SELECT count(*) - coalesce(sum(deleted), 0), coalesce(max(pk), 0) FROM profiles",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    db.recount(profiles, profiles, last + 1);
    db.next_era();
    pack(db)
}

/// Makes chunks anew of which a good part of the rows is no longer theirs.
pub(crate) fn rebuild_worn(db: &Writing<'_>) -> Result<(), StoreError> {
    let (in_chunks, profiles): (i64, i64) = db.query_row(
        "SELECT coalesce((SELECT sum(count) FROM chunks), 0), profiles - loose FROM counters",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    if (in_chunks - profiles) * WORN_PART > in_chunks { rebuild_all(db) } else { pack(db) }
}

impl ChunkRow {
    /// The keys of its rows; nothing for a row that made no profile.
    pub(crate) fn keys(&self) -> Result<Vec<Option<Pk>>, StoreError> {
        match &self.pks {
            Some(bytes) => decode_pks(self.first, bytes),
            None => Ok((self.first..).take(self.count as usize).map(Some).collect()),
        }
    }
}

/// A chunk as it is listed.
#[derive(Debug)]
pub(crate) struct ChunkRow {
    pub(crate) id: i64,
    pub(crate) first: Pk,
    pub(crate) count: u32,
    pub(crate) pks: Option<Vec<u8>>,
    pub(crate) changed_at: i64,
}

/// The chunks after `after`, in order.
pub(crate) fn chunks_after(db: &Transaction<'_>, after: i64) -> Result<Vec<ChunkRow>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT id, first, count, pks, changed_at FROM chunks WHERE id > ?1 ORDER BY id",
    )?;
    let rows = select.query_map([after], |row| {
        Ok(ChunkRow {
            id: row.get(0)?,
            first: row.get(1)?,
            count: row.get(2)?,
            pks: row.get(3)?,
            changed_at: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
