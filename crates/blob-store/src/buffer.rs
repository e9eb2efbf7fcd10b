//! Buffers of one unit that begin where a page begins, as writing past the page cache wants it. They
//! are used again: touching fresh memory costs more than sealing what is in it.

use std::sync::{Mutex, PoisonError};

use crate::sealed::{STRIDE_BYTES, TRAILER as PAGE, index};

/// Idle buffers that are kept, of about a megabyte each: three for each of eight uploads.
const KEPT_MAX: usize = 24;

static IDLE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Room for a sealed unit. What is in it at first is anything. Dropped, it waits for its next use.
#[derive(Debug)]
pub(crate) struct Buffer {
    memory: Vec<u8>,
    begin: usize,
    /// How much of it is seen as bytes.
    len: usize,
}

impl Buffer {
    /// One that was used before, or a new one.
    pub(crate) fn take() -> Self {
        // A buffer is whole at any time, so a panic of another thread spoils nothing.
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let len = index(STRIDE_BYTES);
        let memory = idle.unwrap_or_else(|| vec![0; len + PAGE]);
        // The pointer's promise is weak, so an answer out of reach only loses the alignment.
        let begin = memory.as_ptr().align_offset(PAGE);
        Self { memory, begin: if begin <= PAGE { begin } else { 0 }, len }
    }

    /// All of it.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.memory[self.begin..][..index(STRIDE_BYTES)]
    }

    /// The buffer as its first `len` bytes.
    pub(crate) fn cut(mut self, len: usize) -> Self {
        self.len = len.min(index(STRIDE_BYTES));
        self
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[self.begin..][..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT_MAX {
            idle.push(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_buffer_begins_with_a_page() {
        let mut buffers: Vec<Buffer> = (0..3).map(|_| Buffer::take()).collect();
        for buffer in &mut buffers {
            assert_eq!(buffer.room().as_ptr().align_offset(PAGE), 0);
            assert_eq!(buffer.room().len() as u64, STRIDE_BYTES);
        }
        assert_eq!(buffers.remove(0).cut(5).as_ref().len(), 5);
    }
}
