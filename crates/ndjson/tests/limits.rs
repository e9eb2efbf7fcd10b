//! What is compressed, cut, padded or too much: the good lines before it, then an error by name.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::convert::Infallible;
use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use kartei_ndjson::{Block, Flow, Limits, Reached, ReadError, Source, read_blocks_of};

const MIB: usize = 1024 * 1024;

fn text(lines: u32) -> Vec<u8> {
    (1..=lines).flat_map(|i| format!("{{\"line\":{i}}}\n").into_bytes()).collect()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).unwrap()
}

/// What came of a file.
#[derive(Debug)]
struct Read {
    /// Lines that were handed over; all of them are what [`text`] writes, or over the limit.
    lines: u64,
    too_long: u64,
    error: Option<ReadError>,
    /// Bytes of the file that were read.
    consumed: u64,
}

fn read(file: &[u8], limits: &Limits) -> Read {
    let source = match Source::new(Cursor::new(file.to_vec())) {
        Ok(source) => source,
        Err(error) => return Read { lines: 0, too_long: 0, error: Some(error), consumed: 0 },
    };
    let consumed = source.consumed();
    let (mut lines, mut too_long) = (0, 0);
    let outcome = read_blocks_of(
        64 * 1024,
        source,
        limits,
        || (),
        |(), block: &Block| {
            let is_good = |(number, line): (u64, Option<&[u8]>)| match line {
                None => None,
                Some(b"") => Some(()),
                Some(line) => {
                    assert_eq!(line, format!("{{\"line\":{number}}}").into_bytes());
                    Some(())
                }
            };
            block.lines().map(is_good).filter(Option::is_none).count() as u64
        },
        |batch| {
            assert_eq!(batch.first_line, lines + 1);
            lines += batch.lines;
            too_long += batch.result;
            Ok::<_, Infallible>(Flow::Continue)
        },
    );
    let error = outcome.err().map(|e| e.expect("the sink never fails"));
    let consumed = consumed.load(std::sync::atomic::Ordering::Relaxed);
    Read { lines, too_long, error, consumed }
}

fn read_all(file: &[u8]) -> Read {
    read(file, &Limits::default())
}

#[test]
fn all_members_of_a_gzip_file_are_read_and_every_byte_of_it() {
    let text = text(100_000);
    let mut file = Vec::new();
    // Members end anywhere, also within a line, and may be empty.
    for part in text.chunks(333_333) {
        file.extend(gzip(part));
        file.extend(gzip(b""));
    }
    let read = read_all(&file);
    assert!(read.error.is_none(), "{:?}", read.error);
    assert_eq!((read.lines, read.consumed), (100_000, file.len() as u64));
}

#[test]
fn all_frames_of_a_zstd_file_are_read_and_every_byte_of_it() {
    let text = text(100_000);
    // A frame without text, as parallel compressors write one before each other frame.
    let skippable = b"\x50\x2a\x4d\x18\x04\0\0\0\x01\x02\x03\x04";
    let mut file = Vec::new();
    for part in text.chunks(333_333) {
        file.extend_from_slice(skippable);
        file.extend(zstd(part));
    }
    let read = read_all(&file);
    assert!(read.error.is_none(), "{:?}", read.error);
    assert_eq!((read.lines, read.consumed), (100_000, file.len() as u64));
}

#[test]
fn a_cut_file_is_an_error_after_its_good_lines() {
    let text = text(300_000);
    for file in [gzip(&text), zstd(&text)] {
        for cut in [file.len() / 2, file.len() - 3, file.len() - 1] {
            let read = read_all(&file[..cut]);
            assert!(matches!(read.error, Some(ReadError::Damaged(_))), "{cut}: {:?}", read.error);
            assert!(read.lines > 10_000, "whole lines before the cut are kept: {}", read.lines);
        }
        // Half a header.
        let read = read_all(&file[..5]);
        assert!(matches!(read.error, Some(ReadError::Damaged(_))), "{:?}", read.error);
    }
}

#[test]
fn a_flipped_bit_is_found_by_the_checksum() {
    let text = text(1_000);
    let mut file = gzip(&text);
    let middle = file.len() - 6;
    file[middle] ^= 1;
    let read = read_all(&file);
    assert!(matches!(read.error, Some(ReadError::Damaged(_))), "{:?}", read.error);
}

#[test]
fn what_follows_a_compressed_stream_is_an_error_after_its_lines() {
    let text = text(1_000);
    for mut file in [gzip(&text), zstd(&text)] {
        file.extend_from_slice(b"\nthis is not part of the stream");
        let read = read_all(&file);
        assert!(matches!(read.error, Some(ReadError::Damaged(_))), "{:?}", read.error);
        assert_eq!(read.lines, 1_000);
    }
}

/// Many megabytes of white space in some kilobytes, without a line end and with them: also what is
/// skipped counts.
#[test]
fn bombs_end_at_the_ratio() {
    let limits = Limits { ratio_from_bytes: 8 * MIB as u64, ..Limits::default() };
    for byte in *b" \n" {
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        (0..32).for_each(|_| bomb.write_all(&vec![byte; MIB]).unwrap());
        let bomb = bomb.finish().unwrap();
        let read = read(&bomb, &limits);
        let Some(ReadError::Ratio(Reached { limit: 400, line })) = read.error else {
            panic!("{:?}", read.error)
        };
        assert_eq!(line, read.lines + 1, "the first line that was not handed over");
        assert!(read.lines < 16 * MIB as u64, "the rest is not inflated");
    }
    let bomb = zstd(&vec![b' '; 32 * MIB]);
    assert!(matches!(read(&bomb, &limits).error, Some(ReadError::Ratio(_))));
    // With the real floor, a bomb that does no harm is a file of blank lines.
    let small = read_all(&gzip(&vec![b'\n'; MIB]));
    assert!(small.error.is_none());
    assert_eq!(small.lines, MIB as u64);
}

#[test]
fn limits_of_size_and_lines_are_within_them_and_say_which() {
    let text = text(50_000);
    let length = text.len() as u64;
    let exact = Limits { lines: 50_000, inflated_bytes: length, ..Limits::default() };
    assert!(read(&text, &exact).error.is_none(), "at the limit is within it");
    assert!(read(&gzip(&text), &exact).error.is_none());

    let fewer = Limits { lines: 49_999, ..Limits::default() };
    let read_fewer = read(&text, &fewer);
    let Some(ReadError::TooManyLines(reached)) = read_fewer.error else { panic!() };
    assert_eq!(reached, Reached { limit: 49_999, line: 50_000 });
    assert_eq!(read_fewer.lines, 49_999, "those within it are handed over");

    let smaller = Limits { inflated_bytes: length - 1, ..Limits::default() };
    let read_smaller = read(&gzip(&text), &smaller);
    let Some(ReadError::TooLarge(reached)) = read_smaller.error else { panic!() };
    assert_eq!(reached, Reached { limit: length - 1, line: read_smaller.lines + 1 });
    assert!(read_smaller.lines > 30_000, "{}", read_smaller.lines);
    let said = ReadError::TooLarge(reached).to_string();
    for words in [(length - 1).to_string(), format!("line {}", reached.line), "split".to_owned()] {
        assert!(said.contains(&words), "{said}");
    }
}

#[test]
fn a_line_over_its_limit_is_left_out_and_the_others_are_not() {
    let limits = Limits { line_bytes: 16, ..Limits::default() };
    // Line ends are counted: 15 and one more are 16.
    let fits = "{\"line\":1}\n\n{\"line\":3}\n";
    assert_eq!(read(fits.as_bytes(), &limits).too_long, 0);
    for long in ["0123456789abcdef\n", "0123456789abcdef0"] {
        let read = read(format!("{fits}{long}").as_bytes(), &limits);
        assert_eq!((read.lines, read.too_long), (4, 1), "{long}");
        assert!(read.error.is_none());
    }
    let mut text = vec![b'x'; MIB];
    text.extend_from_slice(b"\n{\"line\":2}\n");
    let read = read(&text, &limits);
    assert_eq!((read.lines, read.too_long), (2, 1));
}
