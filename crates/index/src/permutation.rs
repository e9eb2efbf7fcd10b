//! All profiles, sorted; kept, and patched when few of them changed.

use crate::bits::{self, short};
use crate::catalog::Catalog;
use crate::error::Damage;
use crate::order::{OrderKey, Primaries, SortKey, Sorting};
use crate::parts::{both, in_parts};
use crate::texts::SortedTexts;

/// New rows up to which a sorted list is patched: each costs some 20 looks at sort keys, about
/// 10 µs.
const PATCHED_MAX: usize = if cfg!(test) { 8 } else { 2_000 };

/// All profiles in ascending order.
#[derive(Debug)]
pub(crate) struct Permutation {
    /// Rows that have the value.
    pub(crate) present: Vec<u32>,
    /// Rows that have not, by id.
    pub(crate) missing: Vec<u32>,
    /// Both.
    covers: Vec<u64>,
    pub(crate) version: u64,
}

/// Two numbers to sort a row by, the row's rank by id (or nothing), and the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    primary: u64,
    rank: u32,
    row: u32,
}

impl Permutation {
    /// Sorts all profiles; `by_id` is the order of ids, for all orders but that one.
    pub(crate) fn build(sorting: &Sorting<'_>, by_id: Option<&Self>) -> Result<Self, Damage> {
        let catalog = sorting.catalog;
        let mut ranks = Vec::new();
        if let Some(by_id) = by_id {
            ranks.resize(catalog.live.len() * bits::WORD, 0);
            for (rank, row) in (0..).zip(&by_id.present) {
                ranks[*row as usize] = rank;
            }
        }
        let prepared = sorting.prepare()?;
        let parts = in_parts(catalog.chunks.len(), catalog.live_count, |range| {
            let mut items = Vec::with_capacity(catalog.live_count / 2);
            let mut missing = Vec::new();
            let mut primaries = Primaries::default();
            for at in range {
                let chunk = &catalog.chunks[at];
                let live = &catalog.live[chunk.words()];
                sorting.primaries(&prepared, at, &mut primaries)?;
                bits::each(live, |row| {
                    let number = chunk.start + row;
                    let rank = ranks.get(number).copied().unwrap_or_default();
                    let item = Item { primary: primaries.keys[row], rank, row: short(number) };
                    if bits::has(&primaries.present, row) {
                        items.push(item);
                    } else {
                        missing.push(Item { primary: 0, ..item });
                    }
                });
            }
            items.sort_unstable();
            missing.sort_unstable();
            Ok::<_, Damage>((items, missing))
        });
        let (mut items, mut missing) = (Vec::new(), Vec::new());
        for part in parts {
            let (more, more_missing) = part?;
            items = merge(&items, more);
            missing = merge(&missing, more_missing);
        }
        if !prepared.exact {
            untie(sorting, &mut items)?;
        }
        let row = |item: &Item| item.row;
        Ok(Self {
            present: items.iter().map(row).collect(),
            missing: missing.iter().map(row).collect(),
            covers: catalog.live.clone(),
            version: catalog.version,
        })
    }

    /// Brings the list up to date, if few rows are new since.
    pub(crate) fn patch(&mut self, sorting: &Sorting<'_>) -> Result<bool, Damage> {
        let catalog = sorting.catalog;
        let before = |word: usize| self.covers.get(word).copied().unwrap_or_default();
        let (mut new, mut gone) = (vec![0; catalog.live.len()], false);
        for (word, live) in catalog.live.iter().enumerate() {
            new[word] = live & !before(word);
            gone |= before(word) & !live != 0;
        }
        gone |= self.covers.len() > catalog.live.len();
        if bits::count(&new) > PATCHED_MAX {
            return Ok(false);
        }
        if gone {
            let live = |row: &u32| bits::has(&catalog.live, *row as usize);
            self.present.retain(live);
            self.missing.retain(live);
        }
        let mut rows = Vec::new();
        for row in bits::iter(&new) {
            rows.push((sorting.key(row)?, short(row)));
        }
        rows.sort_unstable();
        let at = rows.partition_point(|(key, _)| !key.missing);
        insert(sorting, &mut self.missing, &rows[at..])?;
        insert(sorting, &mut self.present, &rows[..at])?;
        self.covers.clone_from(&catalog.live);
        self.version = catalog.version;
        Ok(true)
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.present.len() + self.missing.len()
    }

    /// The row at a place in an ascending or descending list.
    #[inline]
    pub(crate) fn row(&self, place: usize, descending: bool) -> usize {
        let (part, at) = match place.checked_sub(self.present.len()) {
            None => (&self.present, place),
            Some(at) => (&self.missing, at),
        };
        part[if descending { part.len() - 1 - at } else { at }] as usize
    }
}

/// The first place among `len` whose key does not come before, by halving.
pub(crate) fn partition(
    len: usize,
    mut before: impl FnMut(usize) -> Result<bool, Damage>,
) -> Result<usize, Damage> {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

fn insert(
    sorting: &Sorting<'_>,
    rows: &mut Vec<u32>,
    new: &[(SortKey, u32)],
) -> Result<(), Damage> {
    if new.is_empty() {
        return Ok(());
    }
    let mut merged = Vec::with_capacity(rows.len() + new.len());
    let mut from = 0;
    for (key, row) in new {
        let rest = &rows[from..];
        let at = partition(rest.len(), |at| Ok(sorting.key(rest[at] as usize)? < *key))?;
        merged.extend_from_slice(&rest[..at]);
        merged.push(*row);
        from += at;
    }
    merged.extend_from_slice(&rows[from..]);
    *rows = merged;
    Ok(())
}

fn merge(mut first: &[Item], second: Vec<Item>) -> Vec<Item> {
    if first.is_empty() {
        return second;
    }
    let mut merged = Vec::with_capacity(first.len() + second.len());
    let mut second = second.as_slice();
    while let ([a, first_rest @ ..], [b, second_rest @ ..]) = (first, second) {
        if a <= b {
            merged.push(*a);
            first = first_rest;
        } else {
            merged.push(*b);
            second = second_rest;
        }
    }
    merged.extend_from_slice(first);
    merged.extend_from_slice(second);
    merged
}

/// Sorts rows with equal primary keys by their sort keys.
fn untie(sorting: &Sorting<'_>, items: &mut [Item]) -> Result<(), Damage> {
    let mut middle = items.len() / 2;
    while middle > 0 && middle < items.len() && items[middle - 1].primary == items[middle].primary {
        middle += 1;
    }
    let texts = SortedTexts::read(sorting)?;
    let (first, second) = items.split_at_mut(middle);
    both(|| untie_part(&texts, first), || untie_part(&texts, second));
    Ok(())
}

fn untie_part(texts: &SortedTexts, items: &mut [Item]) {
    for tied in items.chunk_by_mut(|a, b| a.primary == b.primary) {
        if tied.len() > 1 {
            tied.sort_unstable_by(|a, b| {
                texts.compare(a.row as usize, b.row as usize).then_with(|| a.rank.cmp(&b.rank))
            });
        }
    }
}

/// Sorted lists that are kept: 4 bytes per profile each.
const KEPT_MAX: usize = 6;

/// The sorted lists that are kept, the latest last.
#[derive(Debug, Default)]
pub(crate) struct Permutations(Vec<(OrderKey, Permutation)>);

impl Permutations {
    /// Whether there is one, be it out of date.
    pub(crate) fn has(&self, by: &OrderKey) -> bool {
        self.0.iter().any(|(of, _)| of == by)
    }

    /// Forgets those that `is_it` says.
    pub(crate) fn forget(&mut self, is_it: impl Fn(&OrderKey) -> bool) {
        self.0.retain(|(by, _)| !is_it(by));
    }

    /// Bytes of what is kept.
    pub(crate) fn bytes(&self) -> usize {
        let of = |one: &Permutation| {
            (one.present.capacity() + one.missing.capacity()) * size_of::<u32>()
                + one.covers.len() * size_of::<u64>()
        };
        self.0.iter().map(|(_, permutation)| of(permutation)).sum()
    }

    pub(crate) fn get(&self, by: &OrderKey) -> Option<&Permutation> {
        self.0.iter().find(|(of, _)| of == by).map(|(_, permutation)| permutation)
    }

    fn take(&mut self, by: &OrderKey) -> Option<Permutation> {
        let at = self.0.iter().position(|(of, _)| of == by)?;
        Some(self.0.remove(at).1)
    }

    fn put(&mut self, by: &OrderKey, permutation: Permutation) {
        if self.0.len() == KEPT_MAX {
            // The order of ids is what all others are built with.
            let at = self.0.iter().position(|(of, _)| *of != OrderKey::Id).unwrap_or_default();
            self.0.remove(at);
        }
        self.0.push((by.clone(), permutation));
    }
}

impl Catalog {
    /// Sorts all profiles, or brings the sorted list up to date. The columns must be loaded.
    pub(crate) fn sort(&mut self, by: &OrderKey) -> Result<(), Damage> {
        let mut known = self.orders.permutations.take(by);
        if known.as_ref().is_some_and(|known| known.version != self.version) {
            let sorting = Sorting::new(self, by);
            if !known.as_mut().map_or(Ok(false), |known| known.patch(&sorting))? {
                known = None;
            }
        }
        let sorted = match known {
            Some(known) => known,
            None if *by == OrderKey::Id => Permutation::build(&Sorting::new(self, by), None)?,
            None => {
                self.sort(&OrderKey::Id)?;
                let by_id = self.orders.permutations.get(&OrderKey::Id);
                Permutation::build(&Sorting::new(self, by), by_id)?
            }
        };
        self.orders.permutations.put(by, sorted);
        Ok(())
    }
}
