//! The end of every format: buffers, counts, and keeps the reason of a failure.

use std::io::{self, Write};

/// Bytes gathered before they are written. A system call for each row would cost more than the row.
const BUFFER_BYTES: usize = 128 * 1024;

/// A writer that counts. Unlike [`io::BufWriter`] it writes nothing when it is dropped, so that what
/// was given up does not look complete.
pub(crate) struct Sink<W> {
    out: W,
    buffer: Vec<u8>,
    buffer_bytes: usize,
    bytes: u64,
    failure: Option<io::Error>,
    is_closed: bool,
}

impl<W: Write> Sink<W> {
    pub(crate) fn new(out: W) -> Self {
        Self::with_buffer(out, BUFFER_BYTES)
    }

    /// With a buffer of another size, so that tests see what goes out and when.
    pub(crate) fn with_buffer(out: W, buffer_bytes: usize) -> Self {
        let buffer = Vec::with_capacity(buffer_bytes);
        Self { out, buffer, buffer_bytes, bytes: 0, failure: None, is_closed: false }
    }

    /// Lets nothing more through: encoders that write their trailer when dropped would else turn a
    /// part of an export into something that looks whole.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.buffer.clear();
    }

    /// Why writing failed, for encoders that wrap the reason into an error of their own.
    pub(crate) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Writes what is left, flushes, and answers how many bytes went out.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        self.write_buffer()?;
        self.out.flush()?;
        Ok(self.bytes)
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        let written = self.out.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(|e| {
            self.is_closed = true;
            let copy = match e.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(e.kind(), e.to_string()),
            };
            self.failure = Some(e);
            copy
        })
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_closed {
            return Err(io::Error::other("the export was given up"));
        }
        self.buffer.extend_from_slice(bytes);
        self.bytes += bytes.len() as u64;
        if self.buffer.len() >= self.buffer_bytes {
            self.write_buffer()?;
        }
        Ok(bytes.len())
    }

    /// Does nothing: encoders flush more often than is good. [`Self::finish`] writes everything.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
