//! The pipeline: read and inflate, work in parallel, hand over in order.
//!
//! ```text
//! reader ──blocks──▶ workers, each with a state of its own ──results──▶ caller, in order
//!  ▲  ▲                 │                                                     │
//!  │  └── used blocks ◀─┘                                                     │
//!  └────────────────────── leave to read one more block ◀─────────────────────┘
//! ```
//!
//! Results wait for those before them. So that one slow block does not let the rest of the file pile
//! up behind it, the reader needs leave for each block, and gets it back when the caller is done with
//! the block's result.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::limits::Limits;
use crate::lines::{BLOCK_BYTES, Block, LineReader};
use crate::source::{ReadError, Source};

/// Blocks that wait, before the workers and after them together, beside one for each worker: enough
/// to ride out a slow commit, few enough to stay within some tens of megabytes.
const BLOCKS_WAITING_MAX: usize = 6;

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
    /// Bytes of text that were read when this block was; those of the input where it is not
    /// compressed.
    pub inflated: u64,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop here; what was handed over stays.
    Stop,
}

/// A block on its way to the workers.
struct Raw {
    sequence: u64,
    bytes: u64,
    inflated: u64,
    block: Block,
}

/// What a thread died of.
type Panic = Box<dyn Any + Send>;

/// What a worker hands on.
type Worked<T> = Result<(u64, Batch<T>), Panic>;

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
    let in_flight = workers + BLOCKS_WAITING_MAX;
    let stopped = AtomicBool::new(false);
    let (raw_tx, raw_rx) = bounded::<Raw>(in_flight);
    let (done_tx, done_rx) = bounded::<Worked<T>>(in_flight);
    let (used_tx, used_rx) = bounded::<Block>(in_flight);
    let (leave_tx, leave_rx) = bounded::<()>(in_flight);
    for _ in 0..in_flight {
        // Its own capacity, so it cannot be full.
        let _ = leave_tx.try_send(());
    }
    thread::scope(|scope| {
        let reader = scope.spawn({
            let stopped = &stopped;
            let mut lines = LineReader::with_limits(source, limits, block_bytes);
            move || read(&mut lines, &leave_rx, &used_rx, &raw_tx, stopped)
        });
        for _ in 0..workers {
            let (raw_rx, done_tx, used_tx) = (raw_rx.clone(), done_tx.clone(), used_tx.clone());
            let (worker, work) = (&worker, &work);
            scope.spawn(move || {
                // The state dies with the thread, so nobody sees it half changed.
                let run = AssertUnwindSafe(|| {
                    work_off(&mut worker(), work, &raw_rx, &used_tx, &done_tx);
                });
                if let Err(panic) = catch_unwind(run) {
                    // The caller may be gone: then it has an error of its own to tell.
                    let _ = done_tx.send(Err(panic));
                }
            });
        }
        // Only the workers hold these now: the channels close when they are done.
        drop((raw_rx, done_tx, used_tx));
        let outcome = hand_over(&done_rx, &leave_tx, &mut sink);
        stopped.store(true, Ordering::Relaxed);
        // Unblocks whoever still sends or waits.
        drop((done_rx, leave_tx));
        let read = reader.join().unwrap_or_else(|panic| resume_unwind(panic));
        match (outcome, read) {
            (Err(Ended::Panicked(panic)), _) => resume_unwind(panic),
            (Err(Ended::Sink(error)), _) => Err(Err(error)),
            (Ok(Flow::Stop), _) => Ok(Flow::Stop),
            (Ok(Flow::Continue), Err(error)) => Err(Ok(error)),
            (Ok(Flow::Continue), Ok(())) => Ok(Flow::Continue),
        }
    })
}

fn read(
    lines: &mut LineReader,
    leave: &Receiver<()>,
    used: &Receiver<Block>,
    blocks: &Sender<Raw>,
    stopped: &AtomicBool,
) -> Result<(), ReadError> {
    let mut sequence = 0;
    while leave.recv().is_ok() && !stopped.load(Ordering::Relaxed) {
        let empty = used.try_recv().unwrap_or_default();
        let Some(block) = lines.next_into(empty)? else { break };
        let raw = Raw { sequence, bytes: lines.consumed(), inflated: lines.inflated(), block };
        if blocks.send(raw).is_err() {
            break;
        }
        sequence += 1;
    }
    Ok(())
}

/// What a worker does until there is nothing more, or nobody wants it.
fn work_off<W, T>(
    state: &mut W,
    work: &impl Fn(&mut W, &Block) -> T,
    raw: &Receiver<Raw>,
    used: &Sender<Block>,
    done: &Sender<Worked<T>>,
) {
    for Raw { sequence, bytes, inflated, block } in raw {
        let result = work(state, &block);
        let (first_line, lines) = (block.first_line, block.ends.len() as u64);
        // The reader may be done.
        let _ = used.try_send(block);
        let batch = Batch { result, first_line, lines, bytes, inflated };
        if done.send(Ok((sequence, batch))).is_err() {
            return;
        }
    }
}

/// Why the handing over ended early.
enum Ended<E> {
    Sink(E),
    Panicked(Panic),
}

/// Workers finish out of order; results wait here for those before them. Not more can wait than
/// there is leave to read.
fn hand_over<T, E>(
    done: &Receiver<Worked<T>>,
    leave: &Sender<()>,
    sink: &mut impl FnMut(Batch<T>) -> Result<Flow, E>,
) -> Result<Flow, Ended<E>> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for worked in done {
        let (sequence, batch) = worked.map_err(Ended::Panicked)?;
        waiting.insert(sequence, batch);
        while let Some(batch) = waiting.remove(&next) {
            next += 1;
            if sink(batch).map_err(Ended::Sink)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
            // The reader may be done.
            let _ = leave.try_send(());
        }
    }
    Ok(Flow::Continue)
}
