//! The first rows of a list, found without sorting all of them.

use crate::bits::{self, short};
use crate::catalog::Catalog;
use crate::error::Damage;
use crate::order::{Order, OrderKey, Primaries, SortKey, Sorting};
use crate::parts::in_parts;

/// Candidates that may be more than the rows wanted before their ties are looked at.
const TIED_MAX: usize = if cfg!(test) { 2 } else { 1_024 };

/// The rows with the least keys so far, and all that are equal to the last of them.
#[derive(Debug)]
struct Least {
    wanted: usize,
    limit: u64,
    room: usize,
    rows: Vec<(u64, u32)>,
}

impl Least {
    fn new(wanted: usize) -> Self {
        Self { wanted, limit: u64::MAX, room: wanted * 2 + TIED_MAX, rows: Vec::new() }
    }

    #[inline]
    fn push(&mut self, key: u64, row: u32) {
        if key <= self.limit {
            self.rows.push((key, row));
            if self.rows.len() >= self.room {
                self.shrink();
            }
        }
    }

    fn shrink(&mut self) {
        if self.wanted == 0 {
            self.rows.clear();
        }
        if self.rows.len() <= self.wanted {
            return;
        }
        let (_, last, _) = self.rows.select_nth_unstable_by_key(self.wanted - 1, |row| row.0);
        let limit = last.0;
        self.limit = limit;
        self.rows.retain(|row| row.0 <= limit);
        // Where ties stay, the next time comes only when there is as much again.
        self.room = self.room.max(self.rows.len() * 2);
    }
}

/// The first `wanted` of `rows` (all of which are alive) in an order, sorted.
pub(crate) fn first(
    catalog: &Catalog,
    rows: &[u64],
    order: &Order,
    wanted: usize,
) -> Result<Vec<u32>, Damage> {
    let sorting = Sorting::new(catalog, &order.by);
    let (mut found, missing) = candidates(&sorting, rows, order.descending, wanted)?;
    if found.len() < wanted {
        // All that have the value are in; then come the others, by id.
        let by_id = Sorting::new(catalog, &OrderKey::Id);
        found.extend(candidates(&by_id, &missing, order.descending, wanted - found.len())?.0);
    }
    let mut keyed = Vec::with_capacity(found.len());
    for row in found {
        keyed.push((sorting.key(row as usize)?, row));
    }
    keyed.sort_unstable_by(|a: &(SortKey, u32), b| a.0.compare(&b.0, order.descending));
    keyed.truncate(wanted);
    Ok(keyed.into_iter().map(|(_, row)| row).collect())
}

/// Rows among which the first `wanted` with a value are, and the rows that have none.
fn candidates(
    sorting: &Sorting<'_>,
    rows: &[u64],
    descending: bool,
    wanted: usize,
) -> Result<(Vec<u32>, Vec<u64>), Damage> {
    let catalog = sorting.catalog;
    let prepared = sorting.prepare()?;
    let parts = in_parts(catalog.chunks.len(), catalog.live_count, |range| {
        let mut least = Least::new(wanted);
        let mut missing = Vec::new();
        let mut primaries = Primaries::default();
        for at in range {
            let chunk = &catalog.chunks[at];
            let of = &rows[chunk.words()];
            if of.iter().all(|word| *word == 0) {
                continue;
            }
            sorting.primaries(&prepared, at, &mut primaries)?;
            for (word, of) in of.iter().enumerate() {
                let present = of & primaries.present[word];
                if present != *of {
                    missing.push((chunk.words().start + word, of & !present));
                }
                bits::each(&[present], |bit| {
                    let row = word * bits::WORD + bit;
                    let key = primaries.keys[row];
                    least.push(if descending { !key } else { key }, short(chunk.start + row));
                });
            }
        }
        Ok::<_, Damage>((least, missing))
    });
    let mut least = Least::new(wanted);
    let mut missing = vec![0; rows.len()];
    for part in parts {
        let (of_part, missing_of_part) = part?;
        of_part.rows.into_iter().for_each(|(key, row)| least.push(key, row));
        missing_of_part.into_iter().for_each(|(word, of)| missing[word] = of);
    }
    least.shrink();
    if prepared.exact && least.rows.len() > wanted + TIED_MAX {
        return Ok((untie(sorting, &least, rows.len(), descending)?, missing));
    }
    Ok((least.rows.into_iter().map(|(_, row)| row).collect(), missing))
}

/// Of many rows that are equal in value, only those that are first by id.
fn untie(
    sorting: &Sorting<'_>,
    least: &Least,
    words: usize,
    descending: bool,
) -> Result<Vec<u32>, Damage> {
    let (mut found, mut tied) = (Vec::new(), vec![0; words]);
    for (key, row) in &least.rows {
        if *key < least.limit {
            found.push(*row);
        } else {
            bits::set(&mut tied, *row as usize);
        }
    }
    let by_id = Sorting::new(sorting.catalog, &OrderKey::Id);
    found.extend(candidates(&by_id, &tied, descending, least.wanted - found.len())?.0);
    Ok(found)
}
