//! Beginning with segments: much at once, before the feed.
//!
//! ```text
//! manifest ─▶ fetch (some at a time) ─▶ check, inflate ─▶ read: all cores ─▶ write: one
//!                                         each segment and its cursor: one transaction
//! ```
//! The cursor after a segment is a cursor of the feed like any other, so there is nothing else to
//! remember: killed in the middle, a replica goes on at the next segment, of whatever chain there is
//! then, and may as well go on with the feed.

use std::collections::VecDeque;
use std::sync::Arc;

use kartei_local_store::{LineReader, PageEnd, StoreError};
use kartei_protocol::bootstrap::BootstrapSegment;
use kartei_protocol::sync::{Cursor, ProfileLine};
use kartei_relay_client::{RelayClient, RelayError, SegmentError, read_segment};
use tokio::task::JoinHandle;

use crate::clock;
use crate::sync::emit_status;
use crate::sync::exchange::{Exchange, Failed};

/// Segments on their way at once, while one is written. Each needs some megabytes.
const FETCHES_MAX: usize = 3;

/// How often a manifest is asked for in one run, where segments go while they are fetched.
const MANIFESTS_MAX: usize = 5;

/// A replica that was never complete: it has nothing, or was broken off before the end of its first
/// pull.
pub(crate) fn is_beginning(cursor: Option<&Cursor>) -> bool {
    cursor.is_none_or(|cursor| cursor.base == 0 && cursor.rev > 0)
}

/// A segment that is being fetched. Dropping it gives it up.
struct Fetch(JoinHandle<Result<Vec<u8>, SegmentError>>);

impl Drop for Fetch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Fetch {
    fn begin(client: RelayClient, segment: BootstrapSegment) -> Self {
        Self(tokio::spawn(async move { client.segment(&segment).await }))
    }

    async fn done(mut self) -> Result<Vec<u8>, SegmentError> {
        joined((&mut self.0).await)
    }
}

/// Why a segment was not taken.
enum Taken {
    /// The store failed, or found something wrong in it.
    Not(StoreError),
    /// It is not what the manifest says.
    Unread(SegmentError),
}

impl From<SegmentError> for Taken {
    fn from(error: SegmentError) -> Self {
        Self::Unread(error)
    }
}

/// What a task came to; a panic in it goes on here.
fn joined<T>(done: Result<T, tokio::task::JoinError>) -> T {
    match done {
        Ok(done) => done,
        // Nobody cancels these tasks but whoever no longer waits for them.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Why a chain was not applied to its end.
enum Stopped {
    /// A segment went: there is another chain.
    Gone(SegmentError),
    /// Another program on this folder went on or began anew: what is left is another part.
    Elsewhere,
    /// A segment cannot be used.
    Unusable(String),
    Failed(Failed),
}

impl From<SegmentError> for Stopped {
    fn from(error: SegmentError) -> Self {
        match error {
            SegmentError::Gone(_) => Self::Gone(error),
            SegmentError::Damaged { .. } => Self::Unusable(error.to_string()),
            // Its blobs may be out of reach while its database is not.
            SegmentError::Relay(RelayError::Failed { status: 500.. }) => {
                Self::Unusable(error.to_string())
            }
            SegmentError::Relay(error) => Self::Failed(error.into()),
        }
    }
}

impl Exchange {
    /// Applies the segments that are above this replica's cursor. Where there are none, or where one
    /// cannot be used, the feed has the rest.
    pub(crate) async fn bootstrap(&self) -> Result<(), Failed> {
        for _ in 0..MANIFESTS_MAX {
            let Some(manifest) = self.client.bootstrap().await? else { return Ok(()) };
            let cursor = self.shared.store.sync_settings()?.cursor;
            if cursor.as_ref().is_some_and(|cursor| cursor.epoch != manifest.epoch) {
                // The feed says so, and the replica begins anew.
                return Ok(());
            }
            let left = manifest.above(cursor.as_ref());
            let Some(last) = left.last() else { return Ok(()) };
            tracing::info!(generation = manifest.generation, segments = left.len(), "Bootstrap");
            let in_feed = manifest.head_rev.saturating_sub(last.cursor.rev);
            match self.apply_segments(cursor, left, in_feed).await {
                Ok(()) => return Ok(()),
                Err(Stopped::Elsewhere) => {}
                Err(Stopped::Gone(error)) => {
                    tracing::info!(%error, "The manifest is asked for again");
                }
                Err(Stopped::Unusable(reason)) => {
                    tracing::warn!(reason, "The feed brings what the segments do not");
                    return Ok(());
                }
                Err(Stopped::Failed(failed)) => return Err(failed),
            }
        }
        Ok(())
    }

    /// Applies segments to a replica at `cursor`.
    async fn apply_segments(
        &self,
        mut cursor: Option<Cursor>,
        segments: &[BootstrapSegment],
        in_feed: u64,
    ) -> Result<(), Stopped> {
        let mut left: u64 = segments.iter().map(|segment| segment.lines).sum();
        let mut ahead = segments.iter();
        let mut fetches = VecDeque::with_capacity(FETCHES_MAX);
        for segment in segments {
            self.shared.view().remaining = left + in_feed;
            emit_status(&self.shared);
            while fetches.len() < FETCHES_MAX
                && let Some(next) = ahead.next()
            {
                fetches.push_back(Fetch::begin(self.client.clone(), next.clone()));
            }
            let Some(fetch) = fetches.pop_front() else { break };
            let bytes = fetch.done().await?;
            cursor = Some(self.apply_segment(cursor, segment.clone(), bytes).await?);
            left -= segment.lines;
        }
        self.shared.view().remaining = in_feed;
        Ok(())
    }

    /// Applies a segment to a replica at `asked`, and answers where it is then.
    async fn apply_segment(
        &self,
        asked: Option<Cursor>,
        segment: BootstrapSegment,
        bytes: Vec<u8>,
    ) -> Result<Cursor, Stopped> {
        let (shared, session) = (Arc::clone(&self.shared), self.session.clone());
        let (lines, digest) = (segment.lines, segment.digest.clone());
        let write = move || {
            let end = PageEnd { asked, cursor: segment.cursor.clone(), total: None };
            let gather = |lines: &mut dyn Iterator<Item = ProfileLine>| {
                let mut reader = LineReader::new(shared.store.schema());
                lines.for_each(|line| reader.add(line));
                reader.finish()
            };
            shared.store.apply_parts(&session, clock::now(), &end, |take| {
                let read =
                    read_segment(&segment, bytes, gather, |part| take(&part).map_err(Taken::Not));
                read.map_err(|error| match error {
                    Taken::Not(error) => error,
                    Taken::Unread(SegmentError::Damaged { reason, .. }) => {
                        StoreError::Damaged(reason)
                    }
                    Taken::Unread(error) => StoreError::Damaged(error.to_string()),
                })
            })
        };
        match joined(tokio::task::spawn_blocking(write).await) {
            Ok(page) => {
                self.shared.view().exchanged += lines;
                if page.changed > 0 {
                    self.shared.hub.profiles_changed();
                }
                page.cursor.ok_or(Stopped::Elsewhere)
            }
            Err(StoreError::Damaged(reason)) => {
                Err(SegmentError::Damaged { digest, reason }.into())
            }
            Err(error) => Err(Stopped::Failed(error.into())),
        }
    }
}
