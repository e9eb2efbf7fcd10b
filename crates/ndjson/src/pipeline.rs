//! The pipeline: read and inflate, work in parallel, hand over in order.
//!
//! ```text
//! reader ──blocks──▶ workers, each with a state of its own ──results──▶ caller, in order
//!    ▲                                                                      │
//!    └───────────────────── blocks that are no longer needed ◀──────────────┘
//! ```

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::limits::Limits;
use crate::lines::{BLOCK_BYTES, Block, LineReader};
use crate::source::{ReadError, Source};

/// Blocks between two stages at most: enough to ride out a slow commit, few enough to stay within
/// some tens of megabytes.
const BLOCKS_IN_FLIGHT_MAX: usize = 4;

/// Workers at most: beyond this the one writer is the limit.
const WORKERS_MAX: usize = 8;

/// What became of a block.
#[derive(Debug)]
pub struct Batch<T> {
    /// What the worker made of it.
    pub result: T,
    /// Number of its first line, from 1.
    pub first_line: u64,
    /// How many lines it had.
    pub lines: u64,
    /// Bytes of the input that were read when this block was, as they lie on the disk.
    pub bytes: u64,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop here; what was handed over stays.
    Stop,
}

struct Numbered<T> {
    sequence: u64,
    bytes: u64,
    item: T,
}

/// What a worker hands on: the result, first line and number of lines.
type Worked<T> = Numbered<(T, u64, u64)>;

/// Reads `source` to its end. `work` runs in the workers on every block, with the state that
/// `worker` made for that thread; `sink` runs on the calling thread, in the order of the file.
///
/// # Errors
/// `Err(Ok(error))` where the input could not be read further or is beyond a limit (everything
/// before was handed over), `Err(Err(error))` where `sink` failed.
pub fn read_blocks<W, T: Send, E>(
    source: Source,
    limits: &Limits,
    worker: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, &Block) -> T + Sync,
    sink: impl FnMut(Batch<T>) -> Result<Flow, E>,
) -> Result<Flow, Result<ReadError, E>> {
    read_blocks_of(BLOCK_BYTES, source, limits, worker, work, sink)
}

/// As [`read_blocks`], with blocks of about so many bytes.
///
/// # Errors
/// As [`read_blocks`].
pub fn read_blocks_of<W, T: Send, E>(
    block_bytes: usize,
    source: Source,
    limits: &Limits,
    worker: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, &Block) -> T + Sync,
    mut sink: impl FnMut(Batch<T>) -> Result<Flow, E>,
) -> Result<Flow, Result<ReadError, E>> {
    let workers = thread::available_parallelism().map_or(1, usize::from).clamp(1, WORKERS_MAX);
    let stopped = AtomicBool::new(false);
    let (raw_tx, raw_rx) = bounded::<Numbered<Block>>(BLOCKS_IN_FLIGHT_MAX);
    let (done_tx, done_rx) = bounded::<Worked<T>>(BLOCKS_IN_FLIGHT_MAX);
    let (used_tx, used_rx) = unbounded::<Block>();
    thread::scope(|scope| {
        let reader = scope.spawn({
            let stopped = &stopped;
            move || read(source, limits, block_bytes, &used_rx, &raw_tx, stopped)
        });
        let mut threads = Vec::with_capacity(workers);
        for _ in 0..workers {
            let (raw_rx, done_tx, used_tx) = (raw_rx.clone(), done_tx.clone(), used_tx.clone());
            let (worker, work) = (&worker, &work);
            threads.push(scope.spawn(move || {
                let mut state = worker();
                for Numbered { sequence, bytes, item: block } in raw_rx {
                    let lines = block.ends.len() as u64;
                    let item = (work(&mut state, &block), block.first_line, lines);
                    // The reader may be done.
                    let _ = used_tx.send(block);
                    if done_tx.send(Numbered { sequence, bytes, item }).is_err() {
                        return;
                    }
                }
            }));
        }
        // Only the workers hold these now: the channels close when they are done.
        drop((raw_rx, done_tx, used_tx));
        let outcome = hand_over(&done_rx, &mut sink);
        stopped.store(true, Ordering::Relaxed);
        // Unblocks whoever still sends.
        drop(done_rx);
        for thread in threads {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        let read = reader.join().unwrap_or_else(|panic| resume_unwind(panic));
        match (outcome, read) {
            (Err(error), _) => Err(Err(error)),
            (Ok(Flow::Stop), _) => Ok(Flow::Stop),
            (Ok(Flow::Continue), Err(error)) => Err(Ok(error)),
            (Ok(Flow::Continue), Ok(())) => Ok(Flow::Continue),
        }
    })
}

fn read(
    source: Source,
    limits: &Limits,
    block_bytes: usize,
    used: &Receiver<Block>,
    blocks: &Sender<Numbered<Block>>,
    stopped: &AtomicBool,
) -> Result<(), ReadError> {
    let consumed = source.consumed();
    let mut lines = LineReader::with_limits(source, limits, block_bytes);
    let mut sequence = 0;
    while !stopped.load(Ordering::Relaxed) {
        let empty = used.try_recv().unwrap_or_default();
        let Some(block) = lines.next_into(empty)? else { break };
        let bytes = consumed.load(Ordering::Relaxed);
        if blocks.send(Numbered { sequence, bytes, item: block }).is_err() {
            break;
        }
        sequence += 1;
    }
    Ok(())
}

/// Workers finish out of order; results wait here for those before them. Not more can wait than
/// are in flight.
fn hand_over<T, E>(
    done: &Receiver<Worked<T>>,
    sink: &mut impl FnMut(Batch<T>) -> Result<Flow, E>,
) -> Result<Flow, E> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for Numbered { sequence, bytes, item } in done {
        waiting.insert(sequence, (bytes, item));
        while let Some((bytes, (result, first_line, lines))) = waiting.remove(&next) {
            next += 1;
            if sink(Batch { result, first_line, lines, bytes })? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
    }
    Ok(Flow::Continue)
}
