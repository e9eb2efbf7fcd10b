//! From a record's text to what lists are made of.
//!
//! Nearly every text is plain, and the fast reader tells it in one pass. What it declines, or would
//! write otherwise, is read the careful way, so that both say the same of every text.

use std::sync::LazyLock;

use kartei_filter::RecordFacts;
use kartei_index::ChunkBuilder;
use kartei_profile::{FastReader, Fields, Record, RecordSchema, Scalar};

/// Compiled once: it takes about a millisecond.
static SCHEMA: LazyLock<RecordSchema> = LazyLock::new(RecordSchema::user_profile_v1);

/// Takes what records tell, one after the other.
pub(crate) trait Told: Fields {
    /// A record begins.
    fn begin(&mut self, id: &str);
    /// It ends.
    fn end(&mut self);
}

/// Reads texts. Keep one for many: it keeps its memory.
#[derive(Debug, Default)]
pub(crate) struct RecordReader {
    fast: FastReader,
    /// The text as the fast reader writes it.
    written: Vec<u8>,
}

impl RecordReader {
    /// Tells `told` a record.
    ///
    /// # Errors
    /// What is wrong with the text: it is no record, or has another id than `id`. Nothing was told
    /// then.
    pub(crate) fn tell(
        &mut self,
        text: &str,
        id: Option<&str>,
        told: &mut impl Told,
    ) -> Result<(), String> {
        let is_id = |own: &str| match id {
            Some(id) if id != own => Err(format!("it has the id {own:?}")),
            _ => Ok(()),
        };
        self.written.clear();
        if let Some(record) = self.fast.read(&SCHEMA, text.as_bytes(), &mut self.written)
            && self.written == text.as_bytes()
        {
            is_id(record.id())?;
            told.begin(record.id());
            record.tell(&SCHEMA, told);
            told.end();
            return Ok(());
        }
        let record = Record::from_stored(text).map_err(|violation| violation.to_string())?;
        is_id(record.id())?;
        told.begin(record.id());
        record.tell(told);
        told.end();
        Ok(())
    }
}

/// Hands what a record tells to a chunk.
#[derive(Debug)]
pub(crate) struct Indexed<'a>(pub(crate) &'a mut ChunkBuilder);

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

impl Told for Indexed<'_> {
    fn begin(&mut self, id: &str) {
        self.0.begin(id);
    }

    fn end(&mut self) {
        self.0.end();
    }
}

impl Told for RecordFacts {
    fn begin(&mut self, id: &str) {
        self.begin(id);
    }

    fn end(&mut self) {}
}
