//! Lines become records, or problems: the same for an import and for who only asks.

use kartei_ndjson::{Block, LINE_BYTES_MAX};
use kartei_profile::{FastReader, Record, RecordSchema, Violation};
use kartei_relay_store::ImportRecord;

/// One line on its way from a worker.
pub(crate) enum Line {
    Record(ImportRecord),
    Wrong(Violation, Option<Vec<u8>>),
}

/// What a worker made of a block.
pub(crate) struct Checked {
    /// Number, and where it begins in the text of the block.
    pub(crate) lines: Vec<(u64, usize, Line)>,
    pub(crate) read: u64,
    pub(crate) blank: u64,
    /// Bytes of the block's text; `None` where a line was left out of it.
    pub(crate) bytes: Option<u64>,
}

/// Checks lines; one for each worker.
#[derive(Default)]
pub(crate) struct Checker {
    reader: FastReader,
    text: Vec<u8>,
}

impl Checker {
    pub(crate) fn check(&mut self, schema: &RecordSchema, block: &Block) -> Checked {
        let mut checked = Checked {
            lines: Vec::with_capacity(block.ends.len()),
            read: 0,
            blank: 0,
            bytes: Some(block.text.len() as u64),
        };
        let mut start = 0;
        for ((number, line), end) in block.lines().zip(&block.ends) {
            checked.read += 1;
            let begins = start;
            start = end.unwrap_or(start);
            let Some(line) = line else {
                let reason = format!("the line is longer than {LINE_BYTES_MAX} bytes");
                let violation = Violation::new("", "line_length", reason);
                checked.lines.push((number, begins, Line::Wrong(violation, None)));
                checked.bytes = None;
                continue;
            };
            if line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
                checked.blank += 1;
                continue;
            }
            checked.lines.push((number, begins, self.line(schema, line)));
        }
        checked
    }

    pub(crate) fn line(&mut self, schema: &RecordSchema, line: &[u8]) -> Line {
        self.text.clear();
        if let Some(record) = self.reader.read(schema, line, &mut self.text) {
            let (id, hash) = (record.id().to_owned(), record.hash());
            if let Ok(text) = String::from_utf8(self.text.clone()) {
                return Line::Record(ImportRecord { id, hash, text });
            }
        }
        match Record::parse(schema, line) {
            Ok(accepted) => {
                let record = accepted.record;
                let (id, hash) = (record.id().to_owned(), record.hash());
                Line::Record(ImportRecord { id, hash, text: record.text().to_owned() })
            }
            Err(mut violation) => {
                // A shortened value may still be personal.
                violation.found = None;
                Line::Wrong(violation, Some(line.to_vec()))
            }
        }
    }
}
