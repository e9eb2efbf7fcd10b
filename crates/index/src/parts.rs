//! Work on all chunks in two threads, where there is enough of it.

use std::ops::Range;
use std::thread;

/// Rows from which on a second thread is worth its start, some 50 µs.
const PARALLEL_ROWS_MIN: usize = if cfg!(test) { 1 << 5 } else { 1 << 16 };

/// Does `work` on consecutive ranges of chunks, and answers their results in that order.
pub(crate) fn in_parts<T: Send>(
    chunks: usize,
    rows: usize,
    work: impl Fn(Range<usize>) -> T + Sync,
) -> Vec<T> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 || rows < PARALLEL_ROWS_MIN {
        return vec![work(0..chunks)];
    }
    let middle = chunks / 2;
    let (first, second) = both(|| work(0..middle), || work(middle..chunks));
    vec![first, second]
}

/// Does both at the same time.
pub(crate) fn both<A: Send, B: Send>(
    first: impl FnOnce() -> A,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    thread::scope(|scope| {
        let other = scope.spawn(second);
        let first = first();
        match other.join() {
            Ok(second) => (first, second),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
