//! Streams lines out of NDJSON, plain or compressed with gzip or zstd, within limits.
//!
//! [`read_blocks`] is the pipeline: one thread reads and inflates, workers do what the caller says
//! with blocks of lines in parallel, and the caller's thread receives what they made in the order of
//! the file. Memory is bounded by the blocks in flight, whatever the file's size. This crate must not
//! know what lines mean nor where they go.

mod limits;
mod lines;
mod pipeline;
mod source;

pub use limits::{
    INFLATED_BYTES_MAX, LINE_BYTES_MAX, LINES_MAX, Limits, RATIO_FROM_BYTES, RATIO_MAX,
};
pub use lines::{Block, LineReader};
pub use pipeline::{Batch, Flow, read_blocks, read_blocks_of};
pub use source::{Reached, ReadError, Source};
