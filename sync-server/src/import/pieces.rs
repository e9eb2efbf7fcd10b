//! A stream of bytes as something that blocks.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

/// Pieces on their way from the event loop to the thread that reads: with those of some hundred
/// kilobytes that stores hand out, a few megabytes.
const PIECES_WAITING_MAX: usize = 16;

/// The reading end. Blocks: not for the event loop.
#[derive(Debug)]
pub(crate) struct Pieces {
    waiting: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

/// Feeds a stream to a thread that reads it. Ends with the stream, or when the reader is gone.
pub(crate) fn feed<E: std::error::Error + Send + Sync + 'static>(
    mut stream: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
) -> Pieces {
    let (sender, waiting) = mpsc::channel(PIECES_WAITING_MAX);
    tokio::spawn(async move {
        while let Some(piece) = stream.next().await {
            if sender.send(piece.map_err(io::Error::other)).await.is_err() {
                return;
            }
        }
    });
    Pieces { waiting, current: Bytes::new() }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.waiting.blocking_recv() {
                None => return Ok(0),
                Some(piece) => self.current = piece?,
            }
        }
        let n = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..n]);
        Ok(n)
    }
}
