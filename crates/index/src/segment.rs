//! Segments: chunks in memory that whoever adds them also takes away, one by one.
//!
//! [`Catalog::add_rows`] looks in all chunks for rows that it supersedes, and its rows are forgotten
//! together. Who knows where each profile stands adds segments instead, takes their rows one by
//! one, and drops a segment when it wants to.

use crate::bits;
use crate::catalog::{Catalog, Changed, Origin};
use crate::keys::{Key, KeyList, Keys};

impl Catalog {
    /// Adds a segment with the keys of its rows, their times of change (milliseconds since 1970,
    /// one for each row) and the columns that a [`ChunkBuilder`](crate::ChunkBuilder) made of them;
    /// answers its number, which no other segment ever has. Rows with the same keys must have been
    /// taken before: they are not looked for.
    pub fn add_segment(
        &mut self,
        keys: Keys,
        changed_at: Vec<i64>,
        columns: Vec<(String, Vec<u8>)>,
    ) -> u64 {
        let origin = Origin::Memory(columns.into_iter().collect());
        self.push(KeyList::from(keys), Changed::Each(changed_at), origin)
    }

    /// Takes a row of a segment away, counted from 0; says whether it was there.
    pub fn take_row(&mut self, segment: u64, row: usize) -> bool {
        let Some(at) = self.segment_at(segment) else { return false };
        let chunk = &self.chunks[at];
        let number = chunk.start + row;
        if row >= chunk.rows() || !bits::has(&self.live, number) {
            return false;
        }
        bits::clear(&mut self.live, number);
        self.live_count -= 1;
        self.version += 1;
        true
    }

    /// The keys of a segment's rows that were not taken, in the order of rows; none where there is
    /// no such segment.
    #[must_use]
    pub fn segment_keys(&self, segment: u64) -> Vec<Key> {
        let Some(at) = self.segment_at(segment) else { return Vec::new() };
        let chunk = &self.chunks[at];
        let live = &self.live[chunk.words()];
        bits::iter(live).filter_map(|row| chunk.keys.key_of(row)).collect()
    }

    /// Drops a segment with the rows that were not taken.
    pub fn drop_segment(&mut self, segment: u64) {
        let Some(at) = self.segment_at(segment) else { return };
        let words = self.chunks[at].words();
        self.live_count -= bits::count(&self.live[words.clone()]);
        self.live[words].fill(0);
        self.chunks.remove(at);
        self.version += 1;
        self.number_anew_if_sparse();
    }

    /// Bytes held besides columns: keys and times of rows, sorted orders, and what was selected.
    #[must_use]
    pub fn held(&self) -> usize {
        let times = |changed: &Changed| match changed {
            Changed::At(_) => 0,
            Changed::Each(each) => each.capacity() * size_of::<i64>(),
        };
        let chunks = self.chunks.iter().map(|chunk| chunk.keys.bytes() + times(&chunk.changed));
        let live = self.live.capacity() * size_of::<u64>();
        chunks.sum::<usize>() + live + self.selections.bytes() + self.orders.bytes()
    }

    fn segment_at(&self, segment: u64) -> Option<usize> {
        // Chunks stand in the order in which they were added.
        let at = self.chunks.binary_search_by_key(&segment, |chunk| chunk.number).ok()?;
        matches!(self.chunks[at].origin, Origin::Memory(_)).then_some(at)
    }
}
