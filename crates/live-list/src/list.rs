//! The list of an organisation: its state, and what it takes in memory.

use std::collections::{BTreeMap, HashMap, HashSet};

use kartei_index::{Catalog, Key, Keys};

use crate::error::BringUpError;
use crate::loose::{Part, next_merge, worn};
use crate::prepare::{PreparedRows, Preparer, Segment};

/// Bits of a place that are the row; the others are the segment.
const ROW_BITS: u32 = 10;
const _: () = assert!(crate::prepare::SEGMENT_ROWS <= 1 << ROW_BITS, "a row fits in its bits");

/// Bounds of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Profiles at most. A profile takes some 110 to 250 bytes, depending on its record and on how
    /// much changed since the list was built.
    pub profiles_max: usize,
    /// Rows of a page at most; whoever asks for more gets so many.
    pub page_rows_max: usize,
}

impl Default for Limits {
    /// Twice the million profiles that an organisation is expected to have, and pages of a size
    /// that one answer carries well.
    fn default() -> Self {
        Self { profiles_max: 2_000_000, page_rows_max: 1_000 }
    }
}

/// In which segment a profile is, and in which row of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(u64);

impl Place {
    fn new(segment: u64, row: usize) -> Self {
        Self(segment << ROW_BITS | row as u64)
    }

    fn segment(self) -> u64 {
        self.0 >> ROW_BITS
    }

    fn row(self) -> usize {
        // At most SEGMENT_ROWS.
        usize::try_from(self.0 & ((1 << ROW_BITS) - 1)).unwrap_or_default()
    }
}

/// All profiles of an organisation as of one revision, as lists see them.
///
/// Reading takes `&mut self`, because what was selected and sorted is remembered.
#[derive(Debug)]
pub struct LiveList {
    pub(crate) limits: Limits,
    pub(crate) rev: u64,
    pub(crate) catalog: Catalog,
    places: HashMap<Key, Place>,
    pub(crate) parts: BTreeMap<u64, Part>,
    pub(crate) in_conflict: HashSet<Key>,
    /// Grows with every change, so that statuses are asked for anew.
    pub(crate) changes: u64,
}

impl LiveList {
    /// An empty list at revision 0.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            rev: 0,
            // All columns are here: none is ever asked for.
            catalog: Catalog::new(0),
            places: HashMap::new(),
            parts: BTreeMap::new(),
            in_conflict: HashSet::new(),
            changes: 0,
        }
    }

    /// The revision of the database up to which the list has been brought; 0 before that.
    #[must_use]
    pub fn rev(&self) -> u64 {
        self.rev
    }

    /// How many profiles there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Forgets everything: the list is empty and at revision 0.
    pub fn clear(&mut self) {
        *self = Self::new(self.limits);
    }

    /// Bytes in memory, about: columns, keys, sorted orders, and loose rows. Counted, not measured;
    /// what the allocator wastes comes on top.
    #[must_use]
    pub fn bytes(&self) -> usize {
        // An entry and its control byte; `capacity` leaves out the eighth that stays free.
        let table = |capacity: usize, entry: usize| capacity / 7 * 8 * (entry + 1);
        let parts: usize = self.parts.values().map(|part| part.bytes + size_of::<Part>()).sum();
        parts
            + self.catalog.held()
            + table(self.places.capacity(), size_of::<(Key, Place)>())
            + table(self.in_conflict.capacity(), size_of::<Key>())
    }

    /// Keys of profiles that should be given again, as [`Change::Put`](crate::Change::Put) of the
    /// same snapshot: they are in segments of which much is dead, and those can go when the last of
    /// their rows is given. About `rows_max` keys, ascending; whole segments, at least one where
    /// there is one.
    ///
    /// Ask after every bring-up, and give them with the revision that the list has: dead rows are
    /// never more than live ones then. Whoever never does so has right lists that grow.
    #[must_use]
    pub fn worn(&self, rows_max: usize) -> Vec<Key> {
        let mut keys = Vec::new();
        for segment in worn(&self.parts) {
            if !keys.is_empty() && keys.len() + self.parts[&segment].live > rows_max {
                break;
            }
            keys.extend(self.catalog.segment_keys(segment));
        }
        keys.sort_unstable();
        keys
    }

    /// Adds prepared changes, and merges with `preparer`. Where it fails, the list is in between.
    pub(crate) fn apply(
        &mut self,
        prepared: PreparedRows,
        preparer: &mut Preparer,
    ) -> Result<(), BringUpError> {
        self.changes += 1;
        for segment in prepared.segments {
            self.add(segment);
        }
        for key in prepared.removed {
            self.take(key);
            self.in_conflict.remove(&key);
        }
        let max = self.limits.profiles_max;
        if self.places.len() > max {
            return Err(BringUpError::TooMany { max });
        }
        loop {
            let merged = next_merge(&self.parts);
            if merged.is_empty() {
                return Ok(());
            }
            self.merge(&merged, preparer)?;
        }
    }

    fn add(&mut self, segment: Segment) {
        for key in &segment.keys {
            self.take(*key);
            self.in_conflict.remove(key);
        }
        self.in_conflict.extend(segment.in_conflict);
        let keys = segment.keys;
        let number = self.catalog.add_segment(listed(&keys), segment.changed_at, segment.columns);
        let part =
            Part { rows: keys.len(), live: keys.len(), bytes: segment.bytes, loose: segment.loose };
        self.parts.insert(number, part);
        self.places.reserve(keys.len());
        for (row, key) in keys.into_iter().enumerate() {
            self.places.insert(key, Place::new(number, row));
        }
    }

    /// Takes a profile out of its segment, and the segment away where it was the last of it.
    fn take(&mut self, key: Key) {
        let Some(place) = self.places.remove(&key) else { return };
        let segment = place.segment();
        let Some(part) = self.parts.get_mut(&segment) else { return };
        part.live -= 1;
        if part.live == 0 {
            self.parts.remove(&segment);
            self.catalog.drop_segment(segment);
        } else {
            self.catalog.take_row(segment, place.row());
        }
    }

    /// Makes new segments out of what lives of loose ones.
    fn merge(&mut self, segments: &[u64], preparer: &mut Preparer) -> Result<(), BringUpError> {
        let mut rows = Vec::new();
        for segment in segments {
            let loose = self.parts.get_mut(segment).and_then(|part| part.loose.take());
            for (row, loose) in loose.into_iter().flatten().enumerate() {
                if self.places.get(&loose.key) == Some(&Place::new(*segment, row)) {
                    rows.push(loose);
                }
            }
        }
        // The last row taken out of a segment takes the segment away.
        preparer.segments(rows)?.into_iter().for_each(|merged| self.add(merged));
        Ok(())
    }
}

/// Keys that follow each other are told by the first.
fn listed(keys: &[Key]) -> Keys {
    let follow = keys.windows(2).all(|two| two[0].checked_add(1) == Some(two[1]));
    match (keys.first(), u32::try_from(keys.len())) {
        (Some(first), Ok(count)) if follow => Keys::Run { first: *first, count },
        _ => Keys::Listed(keys.iter().copied().map(Some).collect()),
    }
}
