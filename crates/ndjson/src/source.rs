//! What a file is by its first bytes, and the text inside it.

use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// What follows the first byte, 0x50 to 0x5f, of a zstd frame that holds no text (RFC 8878, 3.1.2).
/// Parallel compressors begin files with one.
const ZSTD_SKIPPABLE_TAIL: [u8; 3] = [0x2a, 0x4d, 0x18];
/// The longest of the marks above and below.
const MAGIC_BYTES_MAX: usize = 6;
/// Compressions that people use, and this program does not.
const OTHER_MAGIC: [(&[u8], &str); 3] =
    [(b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"PK\x03\x04", "zip")];

/// 128 MiB of window at most: what `zstd --long` makes by default, and half of what would break the
/// limit of memory.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Bytes in which a NUL tells that a file is no text.
const PROBE_BYTES: usize = 4096;

/// Read buffer: large enough that system calls cost nothing beside inflating.
const BUFFER_BYTES: usize = 256 * 1024;

/// Why an input could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system could not read.
    #[error("the input could not be read")]
    Io(#[source] io::Error),
    /// A compressed stream is damaged or ends early.
    #[error("the compressed stream is damaged or ends early ({0})")]
    Damaged(String),
    /// The text is larger than [`Limits::inflated_bytes`](crate::Limits).
    #[error(
        "the file inflates to more than {} bytes, the limit of one file, which was reached in line \
         {}; what comes before is read: split the file and import the rest",
        .0.limit, .0.line
    )]
    TooLarge(Reached),
    /// The text is more times larger than its compressed form than [`Limits::ratio`](crate::Limits).
    #[error(
        "the file inflates to more than {} times its size, as no real data does; reading ended in \
         line {}: if it is yours, inflate it and import the inflated file",
        .0.limit, .0.line
    )]
    Ratio(Reached),
    /// More lines than [`Limits::lines`](crate::Limits).
    #[error(
        "the file has more than {} lines, the limit of one file; reading ended before line {}: \
         split the file and import the rest",
        .0.limit, .0.line
    )]
    TooManyLines(Reached),
    /// The input is no text.
    #[error("the input is not text: NDJSON has one JSON object a line, in UTF-8")]
    Binary,
    /// The input is UTF-16.
    #[error("the input is UTF-16; save it as UTF-8")]
    Utf16,
    /// A compression that is not known.
    #[error("the input is compressed with {0}; use gzip, zstd or no compression")]
    Compression(&'static str),
}

/// A limit that a file goes beyond, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The limit's value.
    pub limit: u64,
    /// The line that goes beyond it, from 1.
    pub line: u64,
}

/// The text of an input, inflated where it was compressed.
pub struct Source {
    /// What was looked at, and is still to be read.
    head: Cursor<Vec<u8>>,
    text: Box<dyn Read + Send>,
    /// A fault that is told once the bytes before it were.
    fault: Option<io::Error>,
    consumed: Arc<AtomicU64>,
    compressed: bool,
}

impl Source {
    /// Looks at the first bytes and decides how to read on. `input` may give as few bytes at a time
    /// as it likes: a file, a pipe, the body of a request.
    ///
    /// # Errors
    /// [`ReadError`] where the input is no NDJSON by its first bytes, or cannot be read at all.
    pub fn new(input: impl Read + Send + 'static) -> Result<Self, ReadError> {
        let consumed = Arc::new(AtomicU64::new(0));
        let mut counted = Counted { inner: input, consumed: Arc::clone(&consumed) };
        let (head, fault) = fill(&mut counted, MAGIC_BYTES_MAX);
        if let Some(fault) = fault {
            return Err(ReadError::Io(fault));
        }
        if let Some((_, name)) = OTHER_MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Err(ReadError::Compression(name));
        }
        let is_gzip = head.starts_with(&GZIP_MAGIC);
        let is_zstd = is_zstd(&head);
        let compressed = is_gzip || is_zstd;
        let whole = Cursor::new(head).chain(counted);
        let mut text: Box<dyn Read + Send> = if is_gzip {
            Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, whole)))
        } else if is_zstd {
            let buffered = BufReader::with_capacity(BUFFER_BYTES, whole);
            let mut decoder =
                zstd::stream::read::Decoder::with_buffer(buffered).map_err(ReadError::Io)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(ReadError::Io)?;
            Box::new(decoder)
        } else {
            Box::new(whole)
        };
        let (head, mut fault) = fill(&mut text, PROBE_BYTES);
        if let Some(fault) = fault.take_if(|_| head.is_empty()) {
            return Err(read_error(fault, compressed));
        }
        check_text(&head)?;
        let start = if head.starts_with(&BOM) { BOM.len() as u64 } else { 0 };
        let mut head = Cursor::new(head);
        head.set_position(start);
        Ok(Self { head, text, fault, consumed, compressed })
    }

    /// Counts the bytes taken from the input as it lies on the disk. When [`Source::read`] has
    /// answered 0, that is every byte of it: a compressed input ends where its last member or frame
    /// does, and anything after that is a fault.
    #[must_use]
    pub fn consumed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.consumed)
    }

    /// Fills `buffer`, to its end unless the input ends or fails before; 0 is the end. What comes
    /// before a fault is answered first, the fault by the next call.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] or [`ReadError::Io`].
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let mut filled = self.head.read(buffer).unwrap_or_default();
        while filled < buffer.len() && self.fault.is_none() {
            match self.text.read(&mut buffer[filled..]) {
                Ok(0) => return Ok(filled),
                Ok(read) => filled += read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => self.fault = Some(e),
            }
        }
        match self.fault.take_if(|_| filled == 0) {
            Some(fault) => Err(read_error(fault, self.compressed)),
            None => Ok(filled),
        }
    }
}

fn is_zstd(head: &[u8]) -> bool {
    let is_skippable =
        matches!(head.first(), Some(0x50..=0x5f)) && head[1..].starts_with(&ZSTD_SKIPPABLE_TAIL);
    head.starts_with(&ZSTD_MAGIC) || is_skippable
}

/// The first `length` bytes, or fewer where the input ends or fails before.
fn fill(input: &mut impl Read, length: usize) -> (Vec<u8>, Option<io::Error>) {
    let mut bytes = Vec::with_capacity(length);
    let fault = input.take(length as u64).read_to_end(&mut bytes).err();
    (bytes, fault)
}

fn read_error(error: io::Error, compressed: bool) -> ReadError {
    // zstd's own faults are of no kind.
    let of_the_stream = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::Other
    );
    if compressed && of_the_stream {
        ReadError::Damaged(error.to_string())
    } else {
        ReadError::Io(error)
    }
}

fn check_text(head: &[u8]) -> Result<(), ReadError> {
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return Err(ReadError::Utf16);
    }
    if head.contains(&0) { Err(ReadError::Binary) } else { Ok(()) }
}

struct Counted<R> {
    inner: R,
    consumed: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.consumed.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}
