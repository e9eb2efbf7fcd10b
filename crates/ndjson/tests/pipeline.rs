//! The pipeline's promises: order, memory, stopping, panics; none of them depends on what lines mean.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::convert::Infallible;
use std::io::{self, Cursor, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use kartei_ndjson::{Batch, Block, Flow, Limits, LineReader, Source, read_blocks, read_blocks_of};

/// So small that a modest text has thousands of blocks: at least one for each read of 256 KiB.
const SMALL: usize = 300;

fn text(lines: u32) -> Vec<u8> {
    (1..=lines).flat_map(|i| format!("line {i}\n").into_bytes()).collect()
}

fn source(text: Vec<u8>) -> Source {
    Source::new(Cursor::new(text)).unwrap()
}

fn count(_: &mut (), block: &Block) -> usize {
    block.ends.len()
}

/// Gives a few bytes at a time, as a pipe or a request's body may.
struct Trickle {
    bytes: Cursor<Vec<u8>>,
    at_once: usize,
}

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.at_once);
        self.bytes.read(&mut buffer[..most])
    }
}

#[test]
fn blocks_come_in_the_order_of_the_file() {
    let text = text(400_000);
    let length = text.len() as u64;
    let (mut next, mut batches, mut bytes) = (1, 0, 0);
    let outcome = read_blocks_of(
        SMALL,
        source(text),
        &Limits::default(),
        || 0_u64,
        |seen, block: &Block| {
            *seen += 1;
            let lines = block.lines().map(|(number, line)| {
                assert_eq!(line.unwrap(), format!("line {number}").into_bytes());
                number
            });
            lines.collect::<Vec<_>>()
        },
        |batch| {
            batches += 1;
            assert_eq!((batch.first_line, batch.lines), (next, batch.result.len() as u64));
            assert_eq!(batch.bytes, batch.inflated, "nothing is compressed");
            assert!(batch.bytes > bytes, "progress goes on");
            bytes = batch.bytes;
            for number in batch.result {
                assert_eq!(number, next);
                next += 1;
            }
            Ok::<_, Infallible>(Flow::Continue)
        },
    );
    assert_eq!(outcome.unwrap(), Flow::Continue);
    assert_eq!((next, bytes), (400_001, length));
    assert!(batches > 10, "{batches}");
}

/// While the first block is not done, the others must not be worked off behind it: their results
/// would have to be kept.
#[test]
fn a_slow_block_does_not_let_the_file_pile_up() {
    /// Eight workers and what may wait.
    const IN_FLIGHT_MAX: u64 = 16;
    /// How often the slow block lets the others go on; they need far less to come to the end of the
    /// file where nothing stops them.
    const PATIENCE: u32 = 100_000;
    let begun = AtomicU64::new(0);
    let text = text(2_000_000);
    assert!(text.len() as u64 > 4 * IN_FLIGHT_MAX * 256 * 1024, "more blocks than are in flight");
    let mut blocks = 0;
    let outcome = read_blocks_of(
        SMALL,
        source(text),
        &Limits::default(),
        || (),
        |(), block: &Block| {
            begun.fetch_add(1, Ordering::SeqCst);
            if block.first_line == 1 {
                let is_over = || begun.load(Ordering::SeqCst) > IN_FLIGHT_MAX;
                (0..PATIENCE).take_while(|_| !is_over()).for_each(|_| std::thread::yield_now());
            }
            begun.load(Ordering::SeqCst)
        },
        |Batch { result, first_line, .. }| {
            blocks += 1;
            if first_line == 1 {
                assert!(result <= IN_FLIGHT_MAX, "{result} blocks were begun");
            }
            Ok::<_, Infallible>(Flow::Continue)
        },
    );
    assert_eq!(outcome.unwrap(), Flow::Continue);
    assert!(blocks > 2 * IN_FLIGHT_MAX, "{blocks}");
}

#[test]
fn every_worker_has_a_state_of_its_own() {
    let made = AtomicU64::new(0);
    let mut seen = std::collections::BTreeMap::new();
    let outcome = read_blocks_of(
        SMALL,
        source(text(400_000)),
        &Limits::default(),
        || (made.fetch_add(1, Ordering::SeqCst), 0_u64),
        |(worker, blocks), _: &Block| {
            *blocks += 1;
            (*worker, *blocks)
        },
        |batch| {
            let (worker, blocks) = batch.result;
            seen.entry(worker).or_insert_with(Vec::new).push(blocks);
            Ok::<_, Infallible>(Flow::Continue)
        },
    );
    assert_eq!(outcome.unwrap(), Flow::Continue);
    assert!(made.load(Ordering::SeqCst) <= 8, "at most eight workers");
    for (worker, blocks) in seen {
        let expected: Vec<u64> = (1..=blocks.len() as u64).collect();
        assert_eq!(blocks, expected, "worker {worker} counts only its own");
    }
}

#[test]
fn a_sink_can_stop_the_pipeline() {
    let mut batches = 0;
    let outcome = read_blocks(
        source(text(400_000)),
        &Limits::default(),
        || (),
        count,
        |_| {
            batches += 1;
            Ok::<_, Infallible>(if batches == 2 { Flow::Stop } else { Flow::Continue })
        },
    );
    assert_eq!(outcome.unwrap(), Flow::Stop);
    assert_eq!(batches, 2);
}

#[test]
fn an_error_of_the_sink_ends_the_reading() {
    let mut batches = 0;
    let outcome = read_blocks_of(
        SMALL,
        source(text(400_000)),
        &Limits::default(),
        || (),
        count,
        |_| {
            batches += 1;
            if batches == 3 { Err("the disk is full") } else { Ok(Flow::Continue) }
        },
    );
    assert_eq!(outcome.unwrap_err().unwrap_err(), "the disk is full");
    assert_eq!(batches, 3, "nothing is handed over after an error");
}

#[test]
#[should_panic(expected = "in a worker")]
fn a_panic_of_a_worker_is_handed_on() {
    let _ = read_blocks_of(
        SMALL,
        source(text(400_000)),
        &Limits::default(),
        || (),
        |(), block: &Block| assert!(block.first_line < 100_000, "in a worker"),
        |_| Ok::<_, Infallible>(Flow::Continue),
    );
}

#[test]
#[should_panic(expected = "no state")]
fn a_panic_of_the_factory_is_handed_on() {
    let _ = read_blocks_of(
        SMALL,
        source(text(400_000)),
        &Limits::default(),
        || -> () { panic!("no state") },
        count,
        |_| Ok::<_, Infallible>(Flow::Continue),
    );
}

#[test]
#[should_panic(expected = "in the sink")]
fn a_panic_of_the_sink_does_not_hang() {
    let _ = read_blocks_of(
        SMALL,
        source(text(400_000)),
        &Limits::default(),
        || (),
        count,
        |batch| {
            assert!(batch.first_line < 100_000, "in the sink");
            Ok::<_, Infallible>(Flow::Continue)
        },
    );
}

#[test]
#[should_panic(expected = "in the input")]
fn a_panic_of_the_input_is_handed_on() {
    struct Panics(Cursor<Vec<u8>>);
    impl Read for Panics {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read(buffer)?;
            assert!(read > 0, "in the input");
            Ok(read)
        }
    }
    let _ = read_blocks_of(
        SMALL,
        Source::new(Panics(Cursor::new(text(100_000)))).unwrap(),
        &Limits::default(),
        || (),
        count,
        |_| Ok::<_, Infallible>(Flow::Continue),
    );
}

#[test]
fn an_input_may_give_a_byte_at_a_time() {
    let plain = b"\xef\xbb\xbf{\"a\":1}\r\n\n{\"b\":2}".to_vec();
    let gzip = {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&plain).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = zstd::encode_all(plain.as_slice(), 3).unwrap();
    for bytes in [plain, gzip, zstd] {
        for at_once in [1, 2, 3, 7] {
            let bytes = Cursor::new(bytes.clone());
            let length = bytes.get_ref().len() as u64;
            let mut reader = LineReader::new(Source::new(Trickle { bytes, at_once }).unwrap());
            let block = reader.next_block().unwrap().unwrap();
            let lines: Vec<_> =
                block.lines().map(|(number, line)| (number, line.unwrap())).collect();
            assert_eq!(lines, [(1, &b"{\"a\":1}"[..]), (2, b""), (3, b"{\"b\":2}")]);
            assert!(reader.next_block().unwrap().is_none());
            assert_eq!(reader.consumed(), length);
        }
    }
}

#[test]
fn a_failing_disk_is_told_after_the_whole_lines_before_it() {
    struct Fails(Cursor<Vec<u8>>);
    impl Read for Fails {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("the disk is gone")),
                read => Ok(read),
            }
        }
    }
    for lines in [3, 100_000] {
        let mut text = text(lines);
        text.extend_from_slice(b"half a li");
        let mut seen = 0;
        let outcome = read_blocks(
            Source::new(Fails(Cursor::new(text))).unwrap(),
            &Limits::default(),
            || (),
            count,
            |batch| {
                seen += batch.lines;
                Ok::<_, Infallible>(Flow::Continue)
            },
        );
        let error = outcome.unwrap_err().unwrap();
        assert!(matches!(error, kartei_ndjson::ReadError::Io(_)), "{error:?}");
        assert_eq!(seen, u64::from(lines), "whole lines, and not the half one");
    }
}
