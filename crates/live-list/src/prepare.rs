//! Rows made into columns, on any thread.

use std::collections::HashMap;

use kartei_index::{ChunkBuilder, Key};

use crate::error::BringUpError;
use crate::record::{Indexed, RecordReader};
use crate::row::{Change, Row};

/// Rows of a segment at most: words and texts are kept once per segment, and one is made anew in
/// about 10 ms. Tests have few profiles, and want all ways to be gone.
pub(crate) const SEGMENT_ROWS: usize = if cfg!(test) { 12 } else { 1_000 };

/// Bytes of records in a segment, about, where records are large.
const SEGMENT_BYTES: usize = 4 << 20;

/// Rows from which on a segment is sealed: its texts are not kept.
pub(crate) const SEALED_ROWS: usize = if cfg!(test) { 8 } else { 512 };

/// Bytes of texts from which on a segment is sealed, however few rows it has: what loose segments
/// hold besides columns stays within some 20 times this.
const SEALED_BYTES: usize = 1 << 20;

/// Bytes that a column takes besides its name and body: its place in a table of columns, which is
/// half full at worst, and what the allocator adds to both texts.
const COLUMN_BYTES: usize = 96;

/// Columns of some rows.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) keys: Vec<Key>,
    pub(crate) changed_at: Vec<i64>,
    /// Keys of rows with conflicts.
    pub(crate) in_conflict: Vec<Key>,
    pub(crate) columns: Vec<(String, Vec<u8>)>,
    /// The rows themselves, where they are to be merged with others later.
    pub(crate) loose: Option<Vec<Row>>,
    /// Bytes of columns and rows in memory, about.
    pub(crate) bytes: usize,
}

/// Changes that are ready to be added to a list.
#[derive(Debug, Default)]
pub struct PreparedRows {
    pub(crate) segments: Vec<Segment>,
    pub(crate) removed: Vec<Key>,
    /// The greatest revision, and the profile that has it.
    pub(crate) newest: Option<(u64, String)>,
}

/// Prepares changes. Keep one for many batches, one for each thread: it keeps its memory.
#[derive(Debug, Default)]
pub struct Preparer {
    reader: RecordReader,
    builder: ChunkBuilder,
}

impl Preparer {
    /// Reads and indexes a batch of changes, best some thousand rows. Of several changes of one
    /// profile the last one counts.
    ///
    /// # Errors
    /// [`BringUpError::Damaged`].
    pub fn prepare(&mut self, batch: Vec<Change>) -> Result<PreparedRows, BringUpError> {
        let last: HashMap<Key, usize> =
            batch.iter().enumerate().map(|(at, change)| (change.key(), at)).collect();
        let is_repeated = last.len() < batch.len();
        let mut prepared = PreparedRows::default();
        let mut rows = Vec::with_capacity(batch.len());
        for (at, change) in batch.into_iter().enumerate() {
            if is_repeated && last.get(&change.key()) != Some(&at) {
                continue;
            }
            match change {
                Change::Removed(key) => prepared.removed.push(key),
                Change::Put(row) => {
                    if prepared.newest.as_ref().is_none_or(|(rev, _)| *rev < row.rev) {
                        prepared.newest = Some((row.rev, row.id.clone()));
                    }
                    rows.push(row);
                }
            }
        }
        prepared.segments = self.segments(rows)?;
        Ok(prepared)
    }

    /// Makes segments of rows, whose keys differ.
    pub(crate) fn segments(&mut self, rows: Vec<Row>) -> Result<Vec<Segment>, BringUpError> {
        let mut segments = Vec::new();
        let (mut part, mut bytes) = (Vec::new(), 0);
        for row in rows {
            bytes += row.text.len();
            part.push(row);
            if part.len() == SEGMENT_ROWS || bytes >= SEGMENT_BYTES {
                segments.push(self.segment(std::mem::take(&mut part), bytes)?);
                bytes = 0;
            }
        }
        if !part.is_empty() {
            segments.push(self.segment(part, bytes)?);
        }
        Ok(segments)
    }

    fn segment(&mut self, mut rows: Vec<Row>, text_bytes: usize) -> Result<Segment, BringUpError> {
        for row in &rows {
            let told = if row.key == Key::MIN {
                Err("its key stands for no profile".to_owned())
            } else {
                self.reader.tell(&row.text, Some(&row.id), &mut Indexed(&mut self.builder))
            };
            if let Err(what) = told {
                // What was told of the rows before is not to turn up in the next segment.
                self.builder.finish();
                return Err(BringUpError::Damaged { id: row.id.clone(), key: row.key, what });
            }
        }
        let mut columns = self.builder.finish();
        let mut bytes = 0;
        for (name, body) in &mut columns {
            body.shrink_to_fit();
            bytes += name.capacity() + body.capacity() + COLUMN_BYTES;
        }
        let keys = rows.iter().map(|row| row.key).collect();
        let changed_at = rows.iter().map(|row| row.changed_at).collect();
        let in_conflict = rows.iter().filter(|row| row.conflicts > 0).map(|row| row.key).collect();
        let loose = (rows.len() < SEALED_ROWS && text_bytes < SEALED_BYTES).then(|| {
            rows.shrink_to_fit();
            let texts = rows.iter().map(|row| row.text.capacity() + row.id.capacity());
            bytes += texts.sum::<usize>() + rows.capacity() * size_of::<Row>();
            rows
        });
        Ok(Segment { keys, changed_at, in_conflict, columns, loose, bytes })
    }
}
