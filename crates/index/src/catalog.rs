//! All chunks of a store, and which of their rows are the profiles of today.
//!
//! Rows are numbered through all chunks; the numbers of a chunk that is forgotten are not used
//! again, so that lists of rows stay right, until much is unused and all are numbered anew.

use std::collections::HashMap;

use crate::bits::{self, WORD, words_for};
use crate::cache::Columns;
use crate::error::Error;
use crate::keys::{Key, KeyList, Keys};
use crate::page::Orders;
use crate::select::Selections;
use crate::source::Source;

/// Rows that may be unused, besides as many as are used, before rows are numbered anew.
const UNUSED_MAX: usize = if cfg!(test) { 1 << 9 } else { 1 << 18 };

/// When rows were last changed in this store, in milliseconds since 1970.
#[derive(Debug)]
pub(crate) enum Changed {
    /// All at once.
    At(i64),
    /// Each row.
    Each(Vec<i64>),
}

/// Where the columns of a chunk are.
#[derive(Debug)]
pub(crate) enum Origin {
    /// In the store; the place among all stored chunks.
    Stored { id: i64, at: usize },
    /// Here.
    Memory(HashMap<String, Vec<u8>>),
}

/// A chunk in the catalog.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The number of its first row, a multiple of [`WORD`].
    pub(crate) start: usize,
    pub(crate) keys: KeyList,
    pub(crate) changed: Changed,
    pub(crate) origin: Origin,
    /// Tells it from all chunks that the catalog ever had; grows from chunk to chunk.
    pub(crate) number: u64,
}

impl Chunk {
    /// How many rows it has.
    pub(crate) fn rows(&self) -> usize {
        self.keys.rows()
    }

    /// The words of its rows in a set of all rows.
    pub(crate) fn words(&self) -> std::ops::Range<usize> {
        let first = self.start / WORD;
        first..first + words_for(self.rows())
    }

    /// Its id, 0 in memory.
    pub(crate) fn id(&self) -> i64 {
        match self.origin {
            Origin::Stored { id, .. } => id,
            Origin::Memory(_) => 0,
        }
    }

    /// When a row was last changed.
    pub(crate) fn changed_at(&self, row: usize) -> i64 {
        match &self.changed {
            Changed::At(at) => *at,
            Changed::Each(each) => each.get(row).copied().unwrap_or_default(),
        }
    }
}

/// All profiles of a store, as lists see them. Holds columns in memory up to a budget; asks a
/// [`Source`] for the others.
#[derive(Debug)]
pub struct Catalog {
    pub(crate) chunks: Vec<Chunk>,
    /// The number that the next row gets, a multiple of [`WORD`].
    end: usize,
    /// The number that the next chunk gets.
    next_chunk: u64,
    /// Rows that are profiles of today.
    pub(crate) live: Vec<u64>,
    pub(crate) live_count: usize,
    /// Grows with every change of `live`.
    pub(crate) version: u64,
    /// Grows when rows are numbered anew.
    pub(crate) numbering: u64,
    stored: Vec<i64>,
    /// Stored rows that rows in memory supersede, by key.
    covered: HashMap<Key, usize>,
    pub(crate) columns: Columns,
    pub(crate) selections: Selections,
    pub(crate) orders: Orders,
}

impl Catalog {
    /// An empty catalog that keeps columns of about `memory_max` bytes in memory. Rows in memory
    /// and sorted orders (four bytes per profile each) are not counted.
    #[must_use]
    pub fn new(memory_max: usize) -> Self {
        Self {
            chunks: Vec::new(),
            end: 0,
            next_chunk: 0,
            live: Vec::new(),
            live_count: 0,
            version: 0,
            numbering: 0,
            stored: Vec::new(),
            covered: HashMap::new(),
            columns: Columns::new(memory_max),
            selections: Selections::default(),
            orders: Orders::default(),
        }
    }

    /// How many profiles there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live_count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live_count == 0
    }

    /// Bytes of columns in memory, without those of rows that were added by
    /// [`add_rows`](Self::add_rows).
    #[must_use]
    pub fn memory(&self) -> usize {
        self.columns.bytes()
    }

    /// Adds a stored chunk whose rows were all changed at `changed_at`, in milliseconds since
    /// 1970. It supersedes the rows with the same keys in everything that was added before, so add
    /// chunks in the order of their ids.
    pub fn add_chunk(&mut self, id: i64, keys: Keys, changed_at: i64) {
        let origin = Origin::Stored { id, at: self.stored.len() };
        self.stored.push(id);
        self.add(KeyList::from(keys), Changed::At(changed_at), origin);
    }

    /// Adds rows in memory with their keys, times of change (milliseconds since 1970) and the
    /// columns that a [`ChunkBuilder`](crate::ChunkBuilder) made of them. They supersede the rows
    /// with the same keys in everything that was added before.
    pub fn add_rows(&mut self, keys: &[Key], changed_at: &[i64], columns: Vec<(String, Vec<u8>)>) {
        if keys.is_empty() {
            return;
        }
        let origin = Origin::Memory(columns.into_iter().collect());
        self.add(KeyList::listed(keys.to_vec()), Changed::Each(changed_at.to_vec()), origin);
    }

    fn add(&mut self, keys: KeyList, changed: Changed, origin: Origin) {
        let in_memory = matches!(origin, Origin::Memory(_));
        self.supersede(&keys, in_memory);
        self.push(keys, changed, origin);
    }

    /// Adds a chunk without looking for rows with the same keys, and answers its number.
    pub(crate) fn push(&mut self, keys: KeyList, changed: Changed, origin: Origin) -> u64 {
        let number = self.next_chunk;
        self.next_chunk += 1;
        let chunk = Chunk { start: self.end, keys, changed, origin, number };
        self.end += words_for(chunk.rows()) * WORD;
        self.live.resize(self.end / WORD, 0);
        chunk.keys.each(|_, row| {
            bits::set(&mut self.live, chunk.start + row);
            self.live_count += 1;
        });
        self.chunks.push(chunk);
        self.version += 1;
        number
    }

    fn supersede(&mut self, keys: &KeyList, in_memory: bool) {
        let Some((least, greatest)) = keys.span() else { return };
        if !in_memory {
            self.covered.retain(|key, _| keys.row_of(*key).is_none());
        }
        for chunk in &self.chunks {
            let overlap = |(first, last): (Key, Key)| first <= greatest && least <= last;
            if !chunk.keys.span().is_some_and(overlap) {
                continue;
            }
            let was_stored = matches!(chunk.origin, Origin::Stored { .. });
            keys.each(|key, _| {
                let Some(row) = chunk.keys.row_of(key).map(|row| chunk.start + row) else { return };
                if bits::has(&self.live, row) {
                    bits::clear(&mut self.live, row);
                    self.live_count -= 1;
                    if was_stored && in_memory {
                        self.covered.insert(key, row);
                    }
                }
            });
        }
    }

    /// Forgets all rows in memory. Stored rows that they superseded come back, except those that
    /// were removed or superseded by a stored chunk meanwhile.
    pub fn drop_rows(&mut self) {
        for chunk in self.chunks.iter().filter(|chunk| matches!(chunk.origin, Origin::Memory(_))) {
            let words = &mut self.live[chunk.words()];
            self.live_count -= bits::count(words);
            words.fill(0);
        }
        self.chunks.retain(|chunk| matches!(chunk.origin, Origin::Stored { .. }));
        for row in std::mem::take(&mut self.covered).into_values() {
            bits::set(&mut self.live, row);
            self.live_count += 1;
        }
        self.version += 1;
        self.number_anew_if_sparse();
    }

    /// Numbers all rows anew where most numbers are of rows that were forgotten.
    pub(crate) fn number_anew_if_sparse(&mut self) {
        let used: usize = self.chunks.iter().map(|chunk| chunk.words().len() * WORD).sum();
        if self.end > used * 2 + UNUSED_MAX {
            self.number_anew();
        }
    }

    fn number_anew(&mut self) {
        let mut live = Vec::new();
        for chunk in &mut self.chunks {
            let words = chunk.words();
            chunk.start = live.len() * WORD;
            live.extend_from_slice(&self.live[words]);
        }
        self.live = live;
        self.end = self.live.len() * WORD;
        self.numbering += 1;
        self.selections.forget();
        self.orders = Orders::default();
    }

    /// Takes a profile away that was deleted.
    pub fn remove(&mut self, key: Key) {
        self.covered.remove(&key);
        if let Some(row) = self.row_of(key) {
            bits::clear(&mut self.live, row);
            self.live_count -= 1;
            self.version += 1;
        }
    }

    /// The row of a profile of today.
    pub(crate) fn row_of(&self, key: Key) -> Option<usize> {
        let rows = self
            .chunks
            .iter()
            .rev()
            .filter_map(|chunk| chunk.keys.row_of(key).map(|row| chunk.start + row));
        rows.into_iter().find(|row| bits::has(&self.live, *row))
    }

    /// The place of the chunk that has a row.
    pub(crate) fn chunk_of(&self, row: usize) -> usize {
        self.chunks.partition_point(|chunk| chunk.start <= row).saturating_sub(1)
    }

    /// The key of a row.
    pub(crate) fn key_of(&self, row: usize) -> Option<Key> {
        let chunk = self.chunks.get(self.chunk_of(row))?;
        chunk.keys.key_of(row - chunk.start)
    }

    /// The rows of profiles of today with these keys, which are sorted.
    pub(crate) fn rows_of(&self, keys: &[Key]) -> Vec<u64> {
        let mut rows = vec![0; self.live.len()];
        for chunk in &self.chunks {
            let Some((least, greatest)) = chunk.keys.span() else { continue };
            let from = keys.partition_point(|key| *key < least);
            let to = keys.partition_point(|key| *key <= greatest);
            for row in keys[from..to].iter().filter_map(|key| chunk.keys.row_of(*key)) {
                bits::set(&mut rows, chunk.start + row);
            }
        }
        rows.iter_mut().zip(&self.live).for_each(|(rows, live)| *rows &= live);
        rows
    }

    /// Loads columns.
    pub(crate) fn load<S: Source>(
        &mut self,
        names: &[String],
        source: &mut S,
    ) -> Result<(), Error<S::Error>> {
        self.columns.load(names, &self.stored, source)
    }

    /// The bodies of a loaded column, one for each chunk.
    pub(crate) fn bodies<'a>(&'a self, name: &str) -> Vec<Option<&'a [u8]>> {
        let body = |chunk: &'a Chunk| match &chunk.origin {
            Origin::Memory(columns) => columns.get(name).map(Vec::as_slice),
            Origin::Stored { at, .. } => self.columns.body(name, *at),
        };
        self.chunks.iter().map(body).collect()
    }
}
