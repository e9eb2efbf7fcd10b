//! What any bytes are given to: the readers of everything that comes from outside. `tests/fuzz` runs
//! them under libFuzzer, `tests/tests/fuzz.rs` for a short while with every test run.

use std::io::Cursor;

use kartei_filter::{RecordFacts, Status};
use kartei_ndjson::{Block, Flow, Limits, Source, read_blocks_of};
use kartei_profile::{Change, Document, FastReader, Record, RecordSchema};

/// Bytes of a block: small, so that lines end in all places of blocks.
const BLOCK_BYTES: usize = 64;

/// A target.
pub type Target = fn(&RecordSchema, &[u8]);

/// All targets by their names, which are those of their corpora.
pub const TARGETS: [(&str, Target); 4] =
    [("ndjson", ndjson), ("record", record), ("filter", filter), ("document", document)];

/// The reader of files: every line has its number once, in order, and lines and blanks are those of
/// the text.
///
/// # Panics
/// Where that is not so.
pub fn ndjson(_: &RecordSchema, bytes: &[u8]) {
    let Ok(source) = Source::new(Cursor::new(bytes.to_vec())) else { return };
    let limits = Limits { inflated_bytes: 1 << 22, ratio_from_bytes: 1 << 20, ..Limits::default() };
    let mut next = 1;
    let mut text = Vec::new();
    let outcome = read_blocks_of(
        BLOCK_BYTES,
        source,
        &limits,
        || (),
        |(), block: &Block| {
            block.lines().map(|(n, line)| (n, line.map(<[u8]>::to_vec))).collect::<Vec<_>>()
        },
        |batch| {
            for (number, line) in batch.result {
                assert_eq!(number, next, "lines are numbered one after the other");
                next += 1;
                text.extend(line.into_iter().flatten());
            }
            Ok::<_, std::convert::Infallible>(Flow::Continue)
        },
    );
    let is_plain =
        !bytes.starts_with(&[0x1f, 0x8b]) && !bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    if outcome.is_ok() && is_plain {
        let all = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let ends = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let expected: Vec<u8> = all.iter().copied().filter(|byte| !ends(byte)).collect();
        let found: Vec<u8> = text.into_iter().filter(|byte| !ends(byte)).collect();
        assert_eq!(found, expected, "nothing between line ends is lost");
    }
}

/// The record parser: what it accepts is canonical, and reads as itself again; what the fast reader
/// takes, both take alike.
///
/// # Panics
/// Where that is not so.
pub fn record(schema: &RecordSchema, bytes: &[u8]) {
    let slow = Record::parse(schema, bytes).ok().map(|accepted| accepted.record);
    if let Some(record) = &slow {
        let again = Record::parse(schema, record.text().as_bytes()).expect("canonical is accepted");
        assert_eq!(again.record.text(), record.text(), "canonical form is stable");
        assert_eq!(again.record.hash(), record.hash());
        let stored = Record::from_stored(record.text()).expect("canonical is readable");
        assert_eq!(stored.text(), record.text());
    }
    let mut text = Vec::new();
    let mut reader = FastReader::default();
    if let Some(fast) = reader.read(schema, bytes, &mut text) {
        let slow = slow.expect("the fast reader takes only what the parser takes");
        assert_eq!(fast.hash(), slow.hash());
        assert_eq!(text, slow.text().as_bytes());
    }
}

/// The filter parser: an expression, or a mistake at a place within the text.
///
/// # Panics
/// Where that is not so.
pub fn filter(schema: &RecordSchema, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let example = br#"{"schema":"user_profile.v1","id":"a","tags":["vip"],"notes":"green tea"}"#;
    let mut facts = RecordFacts::default();
    facts.tell(&Record::parse(schema, example).expect("a record").record);
    facts.stand(Status::Pending, 0);
    match kartei_filter::parse(&text) {
        Ok(expr) => {
            let turned = kartei_filter::Expr::Not(Box::new(expr.clone()));
            assert_ne!(facts.matches(&expr), facts.matches(&turned));
        }
        Err(error) => {
            assert!(text.get(error.range.clone()).is_some(), "{error:?}");
            assert!(error.caret(&text).ends_with('^'));
            assert!(error.utf16_range(&text).end <= text.encode_utf16().count());
        }
    }
    if let Some(expr) = kartei_filter::words(&text) {
        let _ = facts.matches(&expr);
    }
}

/// The decoders of documents and changes: what loads can be read or is refused, and can be saved.
///
/// # Panics
/// Where that is not so.
pub fn document(schema: &RecordSchema, bytes: &[u8]) {
    if let Ok(change) = Change::from_bytes(bytes) {
        assert_eq!(change.bytes(), bytes, "a change is its bytes");
    }
    let Ok(document) = Document::load(bytes) else { return };
    if let Ok(record) = document.record(schema) {
        assert!(Record::from_stored(record.text()).is_ok());
        let again = Document::load(&document.save()).expect("what was saved loads");
        assert_eq!(again.record(schema).expect("and reads").text(), record.text());
    }
    // Damaged history is told, not a panic.
    let _ = document.history(schema);
    let _ = document.conflicts(schema);
}
