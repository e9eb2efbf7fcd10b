//! Streams profiles out of NDJSON, plain or gzipped, with limits and a verdict for every line.
//!
//! [`read`] is the pipeline: one thread reads and inflates, workers check and canonicalise lines in
//! parallel, and the caller's thread receives batches in the order of the file. Memory is bounded by
//! the blocks in flight, whatever the file's size. This crate must not know where records go.

mod lines;
mod pipeline;
mod source;

pub use lines::{Block, LINE_BYTES_MAX, LineReader};
pub use pipeline::{Batch, Flow, Line, Verdict, read};
pub use source::{ReadError, Source};
