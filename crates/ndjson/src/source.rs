//! What a file is by its first bytes, and the text inside it.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
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
    #[error("the file inflates to more than {0} bytes: split it")]
    TooLarge(u64),
    /// The text is more times larger than its compressed form than [`Limits::ratio`](crate::Limits).
    #[error("the file inflates to more than {0} times its size, as no real data does")]
    Ratio(u64),
    /// More lines than [`Limits::lines`](crate::Limits).
    #[error("the file has more than {0} lines: split it")]
    TooManyLines(u64),
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

/// The text of an input, inflated where it was compressed.
pub struct Source {
    text: Box<dyn Read + Send>,
    consumed: Arc<AtomicU64>,
    compressed: bool,
}

impl Source {
    /// Looks at the first bytes and decides how to read on.
    ///
    /// # Errors
    /// [`ReadError`] where the input is no NDJSON by its first bytes, or cannot be read at all.
    pub fn new(input: impl Read + Send + 'static) -> Result<Self, ReadError> {
        let consumed = Arc::new(AtomicU64::new(0));
        let counted = Counted { inner: input, consumed: Arc::clone(&consumed) };
        let mut buffered = BufReader::with_capacity(BUFFER_BYTES, counted);
        let head = buffered.fill_buf().map_err(ReadError::Io)?;
        let is_gzip = head.starts_with(&GZIP_MAGIC);
        let is_zstd = head.starts_with(&ZSTD_MAGIC);
        let compressed = is_gzip || is_zstd;
        if let Some((_, name)) = OTHER_MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Err(ReadError::Compression(name));
        }
        let inflated: Box<dyn Read + Send> = if is_gzip {
            Box::new(MultiGzDecoder::new(buffered))
        } else if is_zstd {
            let mut decoder =
                zstd::stream::read::Decoder::with_buffer(buffered).map_err(ReadError::Io)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(ReadError::Io)?;
            Box::new(decoder)
        } else {
            Box::new(buffered)
        };
        let mut text = BufReader::with_capacity(BUFFER_BYTES, inflated);
        let head = text.fill_buf().map_err(|e| read_error(e, compressed))?;
        check_text(head)?;
        if head.starts_with(&BOM) {
            text.consume(BOM.len());
        }
        Ok(Self { text: Box::new(text), consumed, compressed })
    }

    /// Counts the bytes taken from the input as it lies on the disk.
    #[must_use]
    pub fn consumed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.consumed)
    }

    /// Fills `buffer`; 0 is the end.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] or [`ReadError::Io`].
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        loop {
            match self.text.read(buffer) {
                Ok(n) => return Ok(n),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(read_error(e, self.compressed)),
            }
        }
    }
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
    let head = &head[..head.len().min(PROBE_BYTES)];
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
