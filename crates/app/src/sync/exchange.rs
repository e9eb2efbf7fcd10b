//! One pull or push: the network on one side, the store on the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kartei_local_store::{LineReader, PageEnd, Reread, Session, StoreError};
use kartei_protocol::problem::Problem;
use kartei_protocol::sync::PUSH_ITEMS_MAX;
use kartei_relay_client::{RelayClient, RelayError};
use kartei_sync_core::{Event, Failure, Phase};

use crate::clock;
use crate::erasure;
use crate::problem;
use crate::shared::Shared;
use crate::sync::bootstrap::is_beginning;
use crate::sync::emit_status;

/// What the engine and the person are told of a failure.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) failure: Failure,
    pub(crate) problem: Problem,
}

impl From<RelayError> for Failed {
    fn from(error: RelayError) -> Self {
        let failure = if error.is_transient() { Failure::Transient } else { Failure::Permanent };
        Self { failure, problem: problem::of_relay(&error) }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        // A full disk or a busy database may be better in a while; damage will not.
        let passes = matches!(error, StoreError::DiskFull | StoreError::Locked);
        let failure = if passes { Failure::Transient } else { Failure::Permanent };
        Self { failure, problem: problem::of_store(&error) }
    }
}

/// The relay of this data folder, and the store.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) shared: Arc<Shared>,
    pub(crate) session: Session,
    /// Whether something was mended since the last exchange ended: once is enough.
    pub(super) has_mended: AtomicBool,
    pub(crate) client: RelayClient,
    /// Segments were applied as far as they can be: the feed has the rest.
    feed_alone: AtomicBool,
}

impl Exchange {
    /// `None` where no relay is configured.
    pub(crate) fn new(shared: Arc<Shared>, session: Session) -> Result<Option<Self>, Problem> {
        let Some(client) = shared.relay()? else { return Ok(None) };
        let (has_mended, feed_alone) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Some(Self { shared, session, has_mended, client, feed_alone }))
    }

    /// Gets a page of the feed and applies it together with the cursor.
    pub(crate) async fn pull(&self) -> Result<Event, Failed> {
        let store = &self.shared.store;
        let cursor = store.sync_settings()?.cursor;
        if is_beginning(cursor.as_ref()) && !self.feed_alone.swap(true, Ordering::Relaxed) {
            if let Err(failed) = self.bootstrap().await {
                // The next try goes on where this one ended.
                self.feed_alone.store(false, Ordering::Relaxed);
                return Err(failed);
            }
            return Ok(Event::Pulled { more: true, to_send: true });
        }
        let page = match self.client.pull(cursor.as_ref()).await {
            Ok(page) => page,
            Err(error) if cursor.is_some() => {
                let why = match error {
                    RelayError::OtherHistory => Reread::OtherHistory,
                    RelayError::CursorTooOld => Reread::Forgotten,
                    error => return Err(error.into()),
                };
                tracing::warn!(?why, "Everything is read anew");
                store.start_over(why)?;
                self.feed_alone.store(false, Ordering::Relaxed);
                return Ok(Event::Pulled { more: true, to_send: true });
            }
            Err(error) => return Err(error.into()),
        };
        let now = clock::now();
        let exchanged = page.lines.len() as u64;
        let mut reader = LineReader::new(store.schema());
        page.lines.into_iter().for_each(|line| reader.add(line));
        page.erased.into_iter().for_each(|line| reader.add_erased(line));
        let rev = page.cursor.rev;
        let end = PageEnd { asked: cursor, cursor: page.cursor, total: page.total };
        let pulled = store.apply_received(&self.session, now, &reader.finish(), &end)?;
        erasure::finish(store);
        {
            let mut view = self.shared.view();
            view.exchanged += exchanged;
            view.remaining = page.head_rev.saturating_sub(rev);
        }
        if pulled.changed > 0 {
            self.shared.hub.profiles_changed();
        }
        // Another program on this folder was quicker: there may be more after where it is.
        let more = page.more || pulled.cursor.is_none();
        let to_send = if more || pulled.to_send {
            pulled.to_send
        } else {
            self.compared(pulled.agrees).await?
        };
        emit_status(&self.shared);
        Ok(Event::Pulled { more, to_send })
    }

    /// Sends a batch of the outbox and applies the answers.
    pub(crate) async fn push(&self) -> Result<Event, Failed> {
        let store = &self.shared.store;
        let batch = store.next_push(PUSH_ITEMS_MAX)?;
        let answers = self.client.push(&batch.items).await.map_err(|error| match error {
            RelayError::Forbidden(_) => {
                Failed { failure: Failure::PushForbidden, problem: problem::of_relay(&error) }
            }
            other => other.into(),
        })?;
        let now = clock::now();
        let settled = store.settle(&self.session, now, &batch, &answers.answers, &answers.end)?;
        self.shared.view().exchanged += batch.items.len() as u64;
        if settled.erased > 0 {
            erasure::finish(store);
        }
        self.shared.hub.profiles_changed();
        let to_send = if settled.to_send || !settled.complete {
            settled.to_send
        } else {
            self.compared(settled.agrees).await?
        };
        emit_status(&self.shared);
        Ok(Event::Pushed {
            to_send,
            progress: settled.accepted + settled.replayed + settled.rejected + settled.erased > 0,
            complete: settled.complete,
        })
    }

    /// Writes a failure down, so that a later look tells the truth without trying again.
    pub(crate) fn note(&self, failed: &Failed) -> Result<(), Problem> {
        let store = &self.shared.store;
        let noted = match failed.failure {
            Failure::Transient
                if failed.problem.code == kartei_protocol::problem::ProblemCode::Offline =>
            {
                store.note_offline(clock::now())
            }
            _ => store.note_problem(&serde_json::to_string(&failed.problem).unwrap_or_default()),
        };
        noted.map_err(|e| problem::of_store(&e))
    }

    pub(crate) fn note_phase(&self, phase: Phase) -> Result<(), Problem> {
        self.has_mended.store(false, Ordering::Relaxed);
        match phase {
            Phase::UpToDate => {
                self.shared.store.note_synced(clock::now()).map_err(|e| problem::of_store(&e))
            }
            _ => Ok(()),
        }
    }
}
