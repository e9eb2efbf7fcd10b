//! Exports as a stream.
//!
//! ```text
//! Snapshot (one revision) ─▶ filter ─▶ kartei_export ─▶ pieces, some of them waiting ─▶ connection
//!         one thread, which waits where the client reads slowly           event loop
//! ```
//! What breaks off must not look complete: the stream ends without an error only behind
//! [`Piece::End`]. Everything is given back when the client goes away, or reads nothing for
//! [`STALLED_MAX`].

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use kartei_export::{Batch, Error, Options, Source};
use kartei_filter::{Expr, RecordFacts, Status};
use kartei_profile::Record;
use kartei_relay_store::{RelayStoreError, Row, Snapshot};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::gate::Limit;
use crate::problem::ApiCode;

/// Exports at once: each holds a snapshot and a thread.
pub(crate) const EXPORTS: Limit =
    Limit { name: "exports", of_one: 2, of_all: 4, code: ApiCode::TooManyExports };

/// Rows that are read at once, and their bytes.
const ROWS_AT_ONCE: usize = 500;
const BYTES_AT_ONCE: usize = 4 * 1024 * 1024;

/// Pieces of some hundred kilobytes that wait for the client.
const PIECES_WAITING_MAX: usize = 4;

/// How long a client may read nothing. The database keeps old states meanwhile, so it is not long;
/// and longer than a busy machine or a bad line needs.
const STALLED_MAX: Duration = Duration::from_secs(60);

/// A part of what is sent.
#[derive(Debug)]
pub(crate) enum Piece {
    Bytes(Bytes),
    /// Nothing is missing.
    End,
    Failed(ExportError),
}

/// Why an export cannot be made.
pub(crate) type ExportError = Error<SourceError>;

/// Why profiles cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error(transparent)]
    Store(#[from] RelayStoreError),
    #[error("the stored profile `{id}` cannot be read")]
    Damaged { id: String },
}

/// Makes an export on a thread of its own, which ends when the pieces are no longer taken. `held` is
/// kept until then. Call it within the runtime.
pub(crate) fn begin(
    snapshot: Snapshot,
    filter: Option<Expr>,
    options: Options,
    held: impl Send + 'static,
) -> mpsc::Receiver<Piece> {
    let (sender, pieces) = mpsc::channel(PIECES_WAITING_MAX);
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let _held = held;
        let mut source = Filtered { snapshot, filter, facts: RecordFacts::default() };
        let out = Pieces { sender: sender.clone(), runtime: runtime.clone() };
        let mut go_on = |_| match sender.is_closed() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let done = kartei_export::write(&mut source, &options, out, &mut go_on);
        // The snapshot is not kept while the last pieces wait.
        drop(source);
        let last = match done {
            Ok(_) => Piece::End,
            Err(error) => Piece::Failed(error),
        };
        // Nobody is there any more, or never will be: it ends without an end then.
        let _ = runtime.block_on(sender.send_timeout(last, STALLED_MAX));
    });
    pieces
}

/// The writing end. Waits while the client reads slowly.
struct Pieces {
    sender: mpsc::Sender<Piece>,
    runtime: Handle,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Piece::Bytes(Bytes::copy_from_slice(bytes));
        match self.runtime.block_on(self.sender.send_timeout(piece, STALLED_MAX)) {
            Ok(()) => Ok(bytes.len()),
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => Err(io::ErrorKind::TimedOut.into()),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The profiles of a snapshot that a filter holds for.
struct Filtered {
    snapshot: Snapshot,
    filter: Option<Expr>,
    facts: RecordFacts,
}

impl Filtered {
    fn is_wanted(&mut self, row: &Row) -> Result<bool, SourceError> {
        let Some(filter) = &self.filter else { return Ok(true) };
        let record = Record::from_stored(&row.record)
            .map_err(|_| SourceError::Damaged { id: row.id.clone() })?;
        self.facts.tell(&record);
        // As in lists: a relay's profiles wait for no relay, and none refused them.
        let status = (row.conflicts > 0).then_some(Status::Conflict);
        self.facts.stand(status, row.changed_at);
        Ok(self.facts.matches(filter))
    }
}

impl Source for Filtered {
    type Error = SourceError;

    fn next(&mut self, batch: &mut Batch) -> Result<(), SourceError> {
        // One that stays empty would be the end.
        while batch.is_empty() {
            let rows = self.snapshot.next(ROWS_AT_ONCE, BYTES_AT_ONCE)?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in rows {
                if self.is_wanted(&row)? {
                    batch.push(&row.record);
                }
            }
        }
        Ok(())
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        Ok(self.snapshot.rewind()?)
    }
}
