//! Cuts text into blocks of whole lines without ever holding a line that is over the limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::Limits;
use crate::source::{Reached, ReadError, Source};

/// Bytes of a block before it is handed on: some hundred profiles, which become one chunk of columns,
/// and few enough that blocks in flight stay within memory.
pub(crate) const BLOCK_BYTES: usize = 1024 * 1024;

/// Lines of a block at most. Profiles come nowhere near; a file of empty or senseless lines must not
/// make a block that is small in bytes large in what is kept about its lines.
const BLOCK_LINES_MAX: usize = 64 * 1024;

/// How much is read at once.
const READ_BYTES: usize = 256 * 1024;

/// Whole lines in one piece of memory.
#[derive(Debug, Default)]
pub struct Block {
    /// Number of the first line, from 1.
    pub first_line: u64,
    /// The text, line ends included.
    pub text: Vec<u8>,
    /// Where each line ends in `text`; `None` for a line that was over the limit and is not there.
    pub ends: Vec<Option<usize>>,
}

impl Block {
    /// The lines with their numbers, without line ends; `None` for one that was over the limit.
    pub fn lines(&self) -> impl Iterator<Item = (u64, Option<&[u8]>)> {
        let mut start = 0;
        let mut number = self.first_line;
        self.ends.iter().map(move |end| {
            let line = end.map(|end| {
                let line = &self.text[start..end];
                start = end;
                line.strip_suffix(b"\n").unwrap_or(line)
            });
            number += 1;
            (number - 1, line.map(|line| line.strip_suffix(b"\r").unwrap_or(line)))
        })
    }
}

/// Reads blocks of lines.
pub struct LineReader {
    source: Source,
    consumed: Arc<AtomicU64>,
    limits: Limits,
    /// Bytes of text that were read.
    inflated: u64,
    /// What was read after the last block's last line.
    carry: Vec<u8>,
    /// The line being read is over the limit: skip to its end.
    skipping: bool,
    next_line: u64,
    ended: bool,
    block_bytes: usize,
    /// A fault that is told once the whole lines before it have been handed out.
    fault: Option<ReadError>,
}

impl LineReader {
    /// Reads lines of `source`.
    #[must_use]
    pub fn new(source: Source) -> Self {
        Self::with_limits(source, &Limits::default(), BLOCK_BYTES)
    }

    /// Reads lines of `source` within limits, in blocks of about so many bytes.
    #[must_use]
    pub fn with_limits(source: Source, limits: &Limits, block_bytes: usize) -> Self {
        Self {
            consumed: source.consumed(),
            limits: *limits,
            inflated: 0,
            source,
            carry: Vec::new(),
            skipping: false,
            next_line: 1,
            ended: false,
            block_bytes,
            fault: None,
        }
    }

    /// The next block; `None` at the end.
    ///
    /// # Errors
    /// [`ReadError`]; whole lines before the fault were handed out before.
    pub fn next_block(&mut self) -> Result<Option<Block>, ReadError> {
        self.next_into(Block::default())
    }

    /// As [`LineReader::next_block`], in the memory of a block that is no longer needed.
    ///
    /// # Errors
    /// [`ReadError`]; whole lines before the fault were handed out before.
    pub fn next_into(&mut self, mut block: Block) -> Result<Option<Block>, ReadError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        if self.ended {
            return Ok(None);
        }
        block.first_line = self.next_line;
        block.ends.clear();
        block.text.clear();
        block.text.append(&mut self.carry);
        let mut searched = 0;
        let mut line_start = 0;
        loop {
            while block.ends.len() < BLOCK_LINES_MAX
                && let Some(offset) = memchr::memchr(b'\n', &block.text[searched..])
            {
                let end = searched + offset + 1;
                if self.skipping || end - line_start > self.limits.line_bytes {
                    // Drop what is left of the line so that the text holds good lines only.
                    block.text.drain(line_start..end);
                    block.ends.push(None);
                    self.skipping = false;
                    searched = line_start;
                } else {
                    block.ends.push(Some(end));
                    line_start = end;
                    searched = end;
                }
            }
            if self.cut_at_limit(&mut block) {
                return Ok(Some(block));
            }
            let is_full = block.ends.len() >= BLOCK_LINES_MAX || line_start >= self.block_bytes;
            if is_full && !block.ends.is_empty() {
                self.carry.extend_from_slice(&block.text[line_start..]);
                block.text.truncate(line_start);
                self.next_line += block.ends.len() as u64;
                return Ok(Some(block));
            }
            if self.skipping || block.text.len() - line_start > self.limits.line_bytes {
                self.skipping = true;
                block.text.truncate(line_start);
            }
            searched = block.text.len();
            let filled = block.text.len();
            block.text.resize(filled + READ_BYTES, 0);
            let line = block.first_line + block.ends.len() as u64;
            match self.read(&mut block.text[filled..], line) {
                Ok(0) => {
                    self.ended = true;
                    block.text.truncate(filled);
                    self.finish(&mut block, line_start);
                    self.cut_at_limit(&mut block);
                    return Ok((!block.ends.is_empty()).then_some(block));
                }
                Ok(read) => block.text.truncate(filled + read),
                Err(error) => {
                    self.ended = true;
                    if block.ends.is_empty() {
                        return Err(error);
                    }
                    // What follows the last line end is half a line.
                    block.text.truncate(line_start);
                    self.fault = Some(error);
                    return Ok(Some(block));
                }
            }
        }
    }

    /// Bytes of the input that were read so far, as they lie on the disk.
    #[must_use]
    pub fn consumed(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }

    /// Bytes of text that were read so far.
    #[must_use]
    pub fn inflated(&self) -> u64 {
        self.inflated
    }

    /// Reads on, within the limits: also where a line has no end.
    fn read(&mut self, buffer: &mut [u8], line: u64) -> Result<usize, ReadError> {
        let read = self.source.read(buffer)?;
        self.inflated += read as u64;
        let Limits { inflated_bytes, ratio, ratio_from_bytes, .. } = self.limits;
        if self.inflated > inflated_bytes {
            return Err(ReadError::TooLarge(Reached { limit: inflated_bytes, line }));
        }
        let bytes = self.consumed();
        if self.inflated > ratio_from_bytes && self.inflated / ratio > bytes {
            return Err(ReadError::Ratio(Reached { limit: ratio, line }));
        }
        Ok(read)
    }

    /// The last line may lack its line end.
    fn finish(&mut self, block: &mut Block, line_start: usize) {
        if self.skipping {
            block.text.truncate(line_start);
            block.ends.push(None);
        } else if block.text.len() > line_start {
            block.ends.push(Some(block.text.len()));
        }
    }

    /// Ends the reading where a block goes over the limit of lines; those within it stay.
    fn cut_at_limit(&mut self, block: &mut Block) -> bool {
        let left = (self.limits.lines + 1).saturating_sub(block.first_line);
        if block.ends.len() as u64 <= left {
            return false;
        }
        block.ends.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        self.ended = true;
        let limit = self.limits.lines;
        self.fault =
            Some(ReadError::TooManyLines(Reached { limit, line: limit.saturating_add(1) }));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::LINE_BYTES_MAX;

    fn lines_of(text: Vec<u8>) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut reader = LineReader::new(Source::new(std::io::Cursor::new(text)).unwrap());
        let mut lines = Vec::new();
        while let Some(block) = reader.next_block().unwrap() {
            assert!(block.text.len() <= LINE_BYTES_MAX + 2 * BLOCK_BYTES, "memory stays bounded");
            lines.extend(block.lines().map(|(n, line)| (n, line.map(<[u8]>::to_vec))));
        }
        lines
    }

    #[test]
    fn every_kind_of_line_end_and_a_missing_one() {
        let lines = lines_of(b"\xef\xbb\xbfa\r\n\n b \nc".to_vec());
        let expected: Vec<(u64, Option<Vec<u8>>)> = vec![
            (1, Some(b"a".to_vec())),
            (2, Some(b"".to_vec())),
            (3, Some(b" b ".to_vec())),
            (4, Some(b"c".to_vec())),
        ];
        assert_eq!(lines, expected);
        assert_eq!(lines_of(Vec::new()), vec![]);
        assert_eq!(lines_of(b"\n".to_vec()).len(), 1);
        assert_eq!(lines_of(b"\xef\xbb\xbf".to_vec()), vec![], "a mark alone is no line");
        let second = lines_of(b"a\n\xef\xbb\xbfb\r\r\n\r".to_vec());
        assert_eq!(second[1].1.as_deref(), Some(&b"\xef\xbb\xbfb\r"[..]), "only at the start");
        assert_eq!(second[2].1.as_deref(), Some(&b""[..]), "a line end without its line feed");
    }

    #[test]
    fn blocks_of_short_lines_are_bounded_too() {
        let mut reader =
            LineReader::new(Source::new(std::io::Cursor::new(vec![b'\n'; 1_000_000])).unwrap());
        let mut lines = 0;
        while let Some(block) = reader.next_block().unwrap() {
            assert_eq!(block.first_line, lines + 1);
            assert!(block.ends.len() <= BLOCK_LINES_MAX);
            assert!(block.text.capacity() <= 2 * BLOCK_BYTES, "what is carried does not grow");
            lines += block.ends.len() as u64;
        }
        assert_eq!(lines, 1_000_000);
    }

    #[test]
    fn a_line_over_the_limit_is_skipped_and_counted() {
        for tail in [&b""[..], b"\n", b"\nlast", b"\nlast\n"] {
            let mut text = b"first\n".to_vec();
            text.extend(std::iter::repeat_n(b'x', LINE_BYTES_MAX + 1));
            text.extend_from_slice(tail);
            let lines = lines_of(text);
            assert_eq!(lines[0], (1, Some(b"first".to_vec())));
            assert_eq!(lines[1], (2, None));
            if tail.len() > 1 {
                assert_eq!(lines[2], (3, Some(b"last".to_vec())));
            } else {
                assert_eq!(lines.len(), 2);
            }
        }
    }

    #[test]
    fn a_line_at_the_limit_is_kept() {
        let mut text = vec![b'x'; LINE_BYTES_MAX - 1];
        text.push(b'\n');
        text.extend_from_slice(b"y\n");
        let lines = lines_of(text);
        assert_eq!(lines[0].1.as_ref().unwrap().len(), LINE_BYTES_MAX - 1);
        assert_eq!(lines[1], (2, Some(b"y".to_vec())));
    }

    #[test]
    fn lines_keep_their_numbers_across_blocks() {
        let text: Vec<u8> = (1..=60_000).flat_map(|i| format!("line {i}\n").into_bytes()).collect();
        let lines = lines_of(text);
        assert_eq!(lines.len(), 60_000);
        for (number, line) in lines {
            assert_eq!(line.unwrap(), format!("line {number}").into_bytes());
        }
    }
}
