//! Records of a file on their way into the store, many in one piece of memory.

use std::ops::Range;

use kartei_index::ChunkBuilder;
use kartei_profile::{FastReader, Fields, Record, RecordHash, RecordSchema, Scalar, Violation};
use kartei_sync_core::Digest;

/// Bytes of a block's records, about: those of a reader's block and what ids and ends may add.
const BLOCK_BYTES: usize = 1_400_000;

/// One record of a block.
#[derive(Debug)]
struct Row {
    id: Range<usize>,
    text: Range<usize>,
    hash: RecordHash,
    /// Made here, in a worker, rather than by the one thread that writes.
    digest: Digest,
}

/// Records that were read, checked and indexed; ready to be written.
#[derive(Debug, Default)]
pub struct PreparedBlock {
    ids: String,
    texts: String,
    rows: Vec<Row>,
    pub(crate) columns: Vec<(String, Vec<u8>)>,
}

/// One record of a block, as it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockRow<'a> {
    pub(crate) id: &'a str,
    pub(crate) text: &'a str,
    pub(crate) hash: RecordHash,
    /// Of the profile, where it has just this record.
    pub(crate) digest: Digest,
}

impl PreparedBlock {
    /// How many records it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = BlockRow<'_>> {
        self.rows.iter().map(|row| BlockRow {
            id: &self.ids[row.id.clone()],
            text: &self.texts[row.text.clone()],
            hash: row.hash,
            digest: row.digest,
        })
    }
}

/// Makes blocks, in a worker of an import. Keep one for many blocks: it keeps its memory.
#[derive(Debug, Default)]
pub struct BlockBuilder {
    reader: FastReader,
    chunk: ChunkBuilder,
    ids: String,
    texts: Vec<u8>,
    rows: Vec<Row>,
}

impl BlockBuilder {
    /// Reads, checks and adds one line. Answers what was ignored in it, where something was.
    ///
    /// # Errors
    /// The first [`Violation`]; nothing was added then.
    pub fn add(
        &mut self,
        schema: &RecordSchema,
        line: &[u8],
    ) -> Result<Option<Violation>, Violation> {
        let start = self.texts.len();
        let id_start = self.ids.len();
        if start == 0 {
            // Doubling would end at twice of what a block needs.
            self.texts.reserve_exact(BLOCK_BYTES);
        }
        if let Some(record) = self.reader.read(schema, line, &mut self.texts) {
            self.ids.push_str(record.id());
            self.chunk.begin(record.id());
            record.tell(schema, &mut Indexed(&mut self.chunk));
            self.chunk.end();
            let row = Row {
                id: id_start..self.ids.len(),
                text: start..self.texts.len(),
                hash: record.hash(),
                digest: Digest::of(record.id(), &record.hash(), 0),
            };
            self.rows.push(row);
            return Ok(None);
        }
        let accepted = Record::parse(schema, line)?;
        let record = accepted.record;
        self.texts.extend_from_slice(record.text().as_bytes());
        self.ids.push_str(record.id());
        index(&mut self.chunk, &record);
        self.rows.push(Row {
            id: id_start..self.ids.len(),
            text: start..self.texts.len(),
            hash: record.hash(),
            digest: Digest::of(record.id(), &record.hash(), 0),
        });
        Ok(accepted.warning)
    }

    /// Adds a line that must be the record `id` with this hash, where the fast reader follows it.
    /// Answers whether it did; nothing was added otherwise.
    pub(crate) fn add_known(
        &mut self,
        schema: &RecordSchema,
        line: &[u8],
        id: &str,
        hash: RecordHash,
    ) -> bool {
        let start = self.texts.len();
        let Some(record) = self.reader.read(schema, line, &mut self.texts) else { return false };
        if record.id() != id || record.hash() != hash {
            self.texts.truncate(start);
            return false;
        }
        let id_start = self.ids.len();
        self.ids.push_str(id);
        self.chunk.begin(id);
        record.tell(schema, &mut Indexed(&mut self.chunk));
        self.chunk.end();
        let digest = Digest::of(&self.ids[id_start..], &hash, 0);
        let (id, text) = (id_start..self.ids.len(), start..self.texts.len());
        self.rows.push(Row { id, text, hash, digest });
        true
    }

    /// Whether what was added is as much as a block of an import.
    pub(crate) fn is_full(&self) -> bool {
        self.texts.len() >= BLOCK_BYTES
    }

    /// The block of what was added since the last one. The next one is made in the memory of `used`,
    /// a block that was written: what one thread allocates and another one frees piles up.
    ///
    /// # Panics
    /// Never: canonical JSON is text.
    pub fn finish(&mut self, used: Option<PreparedBlock>) -> PreparedBlock {
        let used = used.unwrap_or_default();
        let (mut ids, mut texts, mut rows) = (used.ids, used.texts.into_bytes(), used.rows);
        ids.clear();
        texts.clear();
        rows.clear();
        let texts = std::mem::replace(&mut self.texts, texts);
        PreparedBlock {
            ids: std::mem::replace(&mut self.ids, ids),
            texts: String::from_utf8(texts).expect("canonical JSON is made of strings"),
            rows: std::mem::replace(&mut self.rows, rows),
            columns: self.chunk.finish(),
        }
    }
}

/// Adds a record to a chunk.
pub(crate) fn index(chunk: &mut ChunkBuilder, record: &Record) {
    chunk.begin(record.id());
    record.tell(&mut Indexed(chunk));
    chunk.end();
}

/// Hands what a record tells to a chunk.
struct Indexed<'a>(&'a mut ChunkBuilder);

impl Fields for Indexed<'_> {
    fn name(&mut self, name: &str) {
        self.0.name(name);
    }

    fn tag(&mut self, tag: &str) {
        self.0.tag(tag);
    }

    fn attribute(&mut self, key: &str, value: Scalar<'_>) {
        self.0.attribute(key, value);
    }

    fn observation(&mut self, signal: &str, value: f64, at_millis: i64) {
        self.0.observation(signal, value, at_millis);
    }

    fn notes(&mut self, notes: &str) {
        self.0.notes(notes);
    }
}
