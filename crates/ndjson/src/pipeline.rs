//! The pipeline: read and inflate, check in parallel, hand over in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use kartei_profile::{Record, RecordSchema, Violation};

use crate::lines::{Block, LINE_BYTES_MAX, LineReader};
use crate::source::{ReadError, Source};

/// Blocks between two stages at most: enough to ride out a slow commit, few enough that a hundred
/// records in every one of them stay within some tens of megabytes.
const BLOCKS_IN_FLIGHT_MAX: usize = 4;

/// Workers at most: beyond this the one writer is the limit.
const WORKERS_MAX: usize = 8;

/// What is said of one line.
#[derive(Debug)]
pub enum Verdict<T> {
    /// The record, prepared by the caller's function, and what was ignored in it.
    Accepted(T, Option<Violation>),
    /// Why it was refused.
    Rejected(Violation),
    /// Nothing but white space.
    Blank,
}

/// One line and what is said of it.
#[derive(Debug)]
pub struct Line<T> {
    /// From 1.
    pub number: u64,
    /// Accepted, rejected or blank.
    pub verdict: Verdict<T>,
}

/// Lines in the order of the file.
#[derive(Debug)]
pub struct Batch<T> {
    /// The lines.
    pub lines: Vec<Line<T>>,
    /// Bytes of the input that were read when this batch was, as they lie on the disk.
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

/// Reads `source` to its end. `prepare` runs in the workers on every accepted record; `sink`
/// runs on the calling thread, in the order of the file.
///
/// # Errors
/// `Err(Ok(error))` where the input could not be read further (everything before was handed over),
/// `Err(Err(error))` where `sink` failed.
pub fn read<T, E>(
    source: Source,
    schema: &RecordSchema,
    prepare: impl Fn(Record) -> T + Sync,
    mut sink: impl FnMut(Batch<T>) -> Result<Flow, E>,
) -> Result<Flow, Result<ReadError, E>>
where
    T: Send,
{
    let workers = thread::available_parallelism().map_or(1, usize::from).clamp(1, WORKERS_MAX);
    let consumed = source.consumed();
    let stopped = AtomicBool::new(false);
    let (raw_tx, raw_rx) = bounded::<Numbered<Block>>(BLOCKS_IN_FLIGHT_MAX);
    let (done_tx, done_rx) = bounded::<Numbered<Vec<Line<T>>>>(BLOCKS_IN_FLIGHT_MAX);
    thread::scope(|scope| {
        let reader = scope.spawn({
            let stopped = &stopped;
            move || read_blocks(source, &consumed, &raw_tx, stopped)
        });
        for _ in 0..workers {
            let (raw_rx, done_tx) = (raw_rx.clone(), done_tx.clone());
            let prepare = &prepare;
            scope.spawn(move || check_blocks(&raw_rx, &done_tx, schema, prepare));
        }
        // Only the workers hold these now: the channels close when they are done.
        drop((raw_rx, done_tx));
        let outcome = hand_over(&done_rx, &mut sink);
        stopped.store(true, Ordering::Relaxed);
        // Unblocks whoever still sends.
        drop(done_rx);
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match (outcome, read) {
            (Err(error), _) => Err(Err(error)),
            (Ok(Flow::Stop), _) => Ok(Flow::Stop),
            (Ok(Flow::Continue), Err(error)) => Err(Ok(error)),
            (Ok(Flow::Continue), Ok(())) => Ok(Flow::Continue),
        }
    })
}

fn read_blocks(
    source: Source,
    consumed: &AtomicU64,
    blocks: &Sender<Numbered<Block>>,
    stopped: &AtomicBool,
) -> Result<(), ReadError> {
    let mut lines = LineReader::new(source);
    let mut sequence = 0;
    while !stopped.load(Ordering::Relaxed) {
        let Some(block) = lines.next_block()? else { break };
        let bytes = consumed.load(Ordering::Relaxed);
        if blocks.send(Numbered { sequence, bytes, item: block }).is_err() {
            break;
        }
        sequence += 1;
    }
    Ok(())
}

fn check_blocks<T>(
    blocks: &Receiver<Numbered<Block>>,
    done: &Sender<Numbered<Vec<Line<T>>>>,
    schema: &RecordSchema,
    prepare: &impl Fn(Record) -> T,
) {
    for Numbered { sequence, bytes, item: block } in blocks {
        let lines = block.lines().map(|(number, line)| Line {
            number,
            verdict: line.map_or_else(over_limit, |line| check(schema, line, prepare)),
        });
        if done.send(Numbered { sequence, bytes, item: lines.collect() }).is_err() {
            return;
        }
    }
}

fn over_limit<T>() -> Verdict<T> {
    Verdict::Rejected(Violation {
        pointer: String::new(),
        rule: "line_length",
        reason: format!("the line is longer than {LINE_BYTES_MAX} bytes"),
        id: None,
    })
}

fn check<T>(schema: &RecordSchema, line: &[u8], prepare: &impl Fn(Record) -> T) -> Verdict<T> {
    if line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
        return Verdict::Blank;
    }
    match Record::parse(schema, line) {
        Ok(accepted) => Verdict::Accepted(prepare(accepted.record), accepted.warning),
        Err(violation) => Verdict::Rejected(violation),
    }
}

/// Workers finish out of order; batches wait here for those before them. Not more can wait than
/// are in flight.
fn hand_over<T, E>(
    done: &Receiver<Numbered<Vec<Line<T>>>>,
    sink: &mut impl FnMut(Batch<T>) -> Result<Flow, E>,
) -> Result<Flow, E> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for Numbered { sequence, bytes, item } in done {
        waiting.insert(sequence, (bytes, item));
        while let Some((bytes, lines)) = waiting.remove(&next) {
            next += 1;
            if sink(Batch { lines, bytes })? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
    }
    Ok(Flow::Continue)
}
