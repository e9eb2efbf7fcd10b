//! Bytes and streams to store.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::Notify;

pub(crate) const MIB: usize = 1024 * 1024;

/// Bytes that look random and are the same for the same seed (xorshift64).
pub(crate) fn noise(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}

/// The bytes in pieces of a size that fits nothing else here.
pub(crate) fn pieces(bytes: &Bytes) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    const PIECE: usize = 100_003;
    let bytes = bytes.clone();
    let starts = (0..bytes.len()).step_by(PIECE);
    stream::iter(starts.map(move |start| Ok(bytes.slice(start..(start + PIECE).min(bytes.len())))))
}

/// The bytes, and then an error.
pub(crate) fn broken(bytes: &Bytes) -> impl Stream<Item = Result<Bytes, String>> + Send {
    pieces(bytes)
        .map(|piece| piece.map_err(|never| match never {}))
        .chain(stream::iter([Err("the sender went away".to_owned())]))
}

/// The bytes, and then nothing more for ever; who waits is told when that is reached.
pub(crate) fn stalled(
    bytes: &Bytes,
    reached: Arc<Notify>,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    pieces(bytes).chain(stream::poll_fn(move |_| {
        reached.notify_one();
        std::task::Poll::Pending
    }))
}
