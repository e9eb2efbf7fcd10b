//! Where a profile stands in a list, found by counting what comes before it: one look at a column,
//! where sorting all profiles takes ten.

use std::cmp::Ordering;

use crate::bits;
use crate::catalog::Catalog;
use crate::column::Names;
use crate::error::Damage;
use crate::order::{Order, OrderKey, Prepared, Primaries, SortKey, Sorting, fold_name};
use crate::parts::in_parts;
use crate::wire::Flaw;

/// What the rows of a chunk are compared with.
struct Wanted {
    key: SortKey,
    /// Where values are numbers, the value.
    primary: u64,
}

/// The rows of a chunk as they stand to a value.
#[derive(Debug, Default)]
struct Sides {
    less: Vec<u64>,
    equal: Vec<u64>,
    /// Rows that have a value at all.
    present: Vec<u64>,
    primaries: Primaries,
    folded: Vec<u8>,
}

/// How many of `rows` (all of which are alive) come before one of them; `None` where values cannot be
/// compared without sorting them.
pub(crate) fn before(
    catalog: &Catalog,
    rows: &[u64],
    order: &Order,
    row: usize,
) -> Result<Option<usize>, Damage> {
    let sorting = Sorting::new(catalog, &order.by);
    let prepared = sorting.prepare()?;
    let by_text = matches!(order.by, OrderKey::Id | OrderKey::Name);
    if !by_text && !prepared.exact {
        return Ok(None);
    }
    let mut wanted = Wanted { key: sorting.key(row)?, primary: 0 };
    if !by_text {
        let at = catalog.chunk_of(row);
        let mut primaries = Primaries::default();
        sorting.primaries(&prepared, at, &mut primaries)?;
        wanted.primary = primaries.keys[row - catalog.chunks[at].start];
    }
    let parts = in_parts(catalog.chunks.len(), catalog.live_count, |range| {
        let (mut count, mut tied) = (0, Vec::new());
        let mut sides = Sides::default();
        for at in range {
            let words = catalog.chunks[at].words();
            let of = &rows[words.clone()];
            if of.iter().all(|word| *word == 0) {
                continue;
            }
            sides.read(&sorting, &prepared, at, &wanted)?;
            for (word, of) in of.iter().enumerate() {
                let (before, equal) = sides.word(word, wanted.key.missing, order.descending);
                count += (of & before).count_ones() as usize;
                if of & equal != 0 {
                    tied.push((words.start + word, of & equal));
                }
            }
        }
        Ok::<_, Damage>((count, tied))
    });
    let (mut count, mut tied) = (0, vec![0; rows.len()]);
    for part in parts {
        let (of_part, tied_of_part) = part?;
        count += of_part;
        tied_of_part.into_iter().for_each(|(word, of)| tied[word] = of);
    }
    if order.by == OrderKey::Id || bits::count(&tied) < 2 {
        return Ok(Some(count));
    }
    // What is equal in value stands by its id.
    let by_id = Order { by: OrderKey::Id, descending: order.descending };
    Ok(before(catalog, &tied, &by_id, row)?.map(|more| count + more))
}

impl Sides {
    /// Compares the rows of a chunk.
    fn read(
        &mut self,
        sorting: &Sorting<'_>,
        prepared: &Prepared,
        at: usize,
        wanted: &Wanted,
    ) -> Result<(), Damage> {
        let rows = sorting.catalog.chunks[at].rows();
        for set in [&mut self.less, &mut self.equal, &mut self.present] {
            set.clear();
            set.resize(bits::words_for(rows), 0);
        }
        match sorting.by {
            OrderKey::Id => {
                bits::fill(&mut self.present, rows);
                let texts = sorting.ids(at)?.texts;
                let of = &wanted.key.parts[2];
                texts
                    .each(|row, id| self.put(row, id.cmp(of)))
                    .map_err(|flaw| sorting.damage(at, 0, flaw))
            }
            OrderKey::Name => match sorting.values(at) {
                Some(body) => self
                    .read_names(body, rows, &wanted.key)
                    .map_err(|flaw| sorting.damage(at, 1, flaw)),
                None => Ok(()),
            },
            _ => {
                let mut primaries = std::mem::take(&mut self.primaries);
                sorting.primaries(prepared, at, &mut primaries)?;
                self.present.copy_from_slice(&primaries.present);
                bits::each(&primaries.present, |row| {
                    self.put(row, primaries.keys[row].cmp(&wanted.primary));
                });
                self.primaries = primaries;
                Ok(())
            }
        }
    }

    fn read_names(&mut self, body: &[u8], rows: usize, wanted: &SortKey) -> Result<(), Flaw> {
        let names = Names::open(body, rows)?;
        names.rows.add_to(&mut self.present, rows)?;
        let present = std::mem::take(&mut self.present);
        let mut folded = std::mem::take(&mut self.folded);
        let [of_folded, of_name, _] = &wanted.parts;
        let mut places = bits::iter(&present);
        let mut flawless = Ok(());
        names.texts.each(|_, name| {
            let Some(row) = places.next() else { return };
            flawless = flawless.and(fold_name(name, &mut folded));
            self.put(row, folded.cmp(of_folded).then_with(|| name.cmp(of_name)));
        })?;
        drop(places);
        self.present = present;
        self.folded = folded;
        flawless
    }

    fn put(&mut self, row: usize, side: Ordering) {
        match side {
            Ordering::Less => bits::set(&mut self.less, row),
            Ordering::Equal => bits::set(&mut self.equal, row),
            Ordering::Greater => {}
        }
    }

    /// Of the rows of a word, those that come before the wanted one, and those that are equal to it.
    fn word(&self, word: usize, missing: bool, descending: bool) -> (u64, u64) {
        let present = self.present[word];
        match (missing, descending) {
            // Rows without the value stand behind all that have it, in both directions.
            (true, _) => (present, !present),
            (false, false) => (self.less[word], self.equal[word]),
            (false, true) => (present & !self.less[word] & !self.equal[word], self.equal[word]),
        }
    }
}
