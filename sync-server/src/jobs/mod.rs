//! Analyses as jobs (docs/adr/0025).
//!
//! ```text
//! route ─▶ Workshop::submit ─▶ queue (relay-store) ─▶ wake ─▶ work: claim ─▶ run, on a thread
//!              ▲                                                   │ every 5 s: alive?
//!              │ follow: what moved                                ▼
//!          event streams ◀── told ◀──────────────── act: partial, result, fault
//! ```
//! The database decides everything: who has a job, whether a write still counts, what happened. What is
//! kept here makes it quick: a worker that waits is woken, a client that follows a job is told. Whatever
//! of that is lost is made up for by looking again.

pub(crate) mod calibrate;
mod cohort;
mod command;
mod dataset;
mod run;
mod work;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) use cohort::COHORTS;
use cohort::Cohort;
pub(crate) use dataset::{DatasetError, file_of};
use kartei_blob_store::BlobStore;
use kartei_live_list::Lists;
use kartei_protocol::jobs::JobEventKind;
use kartei_relay_store::{
    Acted, Acting, JobRow, NewJobRow, OrgId, Queue, QueueSet, RelayStore, RelayStoreError,
    Submitted,
};
use tokio::sync::{Notify, watch};

use crate::metrics::Metrics;
use crate::uploads::Keys;

pub(crate) use command::{JobsCommand, Work, run_jobs, run_worker};
pub(crate) use run::RESULTS;
pub(crate) use work::{WorkOptions, work};

/// How long one attempt of a job may take: a million profiles take some minutes.
pub(crate) const DEADLINE_MS: i64 = 3_600_000;

/// How often a client's stream looks for what other relays and workers did to its job.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What workers and followers of jobs share.
#[derive(Debug)]
pub(crate) struct Workshop {
    /// Names this run in leases.
    name: String,
    store: Arc<RelayStore>,
    blobs: BlobStore,
    lists: Arc<Lists<OrgId>>,
    /// What uploaded files are opened with.
    keys: Option<Arc<Keys>>,
    metrics: Arc<Metrics>,
    /// Something may be there to be claimed.
    wake: Notify,
    /// The same is to be told to workers of other programs.
    announced: Notify,
    /// Jobs that somebody follows, with the number of their newest event.
    followed: Mutex<HashMap<(OrgId, String), watch::Sender<u64>>>,
    stopping: watch::Receiver<bool>,
}

impl Workshop {
    pub(crate) fn new(
        name: String,
        store: Arc<RelayStore>,
        blobs: BlobStore,
        lists: Arc<Lists<OrgId>>,
        keys: Option<Arc<Keys>>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let (wake, announced, followed) = (Notify::new(), Notify::new(), Mutex::default());
        let metrics = Arc::new(Metrics::new());
        Self { name, store, blobs, lists, keys, metrics, wake, announced, followed, stopping }
    }

    /// Does something that blocks, off the event loop.
    async fn aside<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, RelayStoreError> + Send + 'static,
    ) -> Result<T, RelayStoreError> {
        let shop = Arc::clone(self);
        let span = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || span.in_scope(|| work(&shop))).await;
        done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    /// Wakes a worker, here and elsewhere.
    fn wake_one(&self) {
        self.wake.notify_one();
        self.announced.notify_one();
    }

    /// Keeps a job that is to be done, and wakes a worker. Blocks.
    pub(crate) fn submit(
        &self,
        org: OrgId,
        job: &NewJobRow<'_>,
    ) -> Result<Submitted, RelayStoreError> {
        let submitted = self.store.submit_job(org, job)?;
        if let Submitted::New(row) = &submitted {
            self.tell(org, row, JobEventKind::Queued);
            self.wake_one();
        }
        Ok(submitted)
    }

    /// Sets something of an organisation's queue. More may begin then, so a worker is woken. Blocks.
    pub(crate) fn set_queue(
        &self,
        org: OrgId,
        actor: &str,
        sets: &[QueueSet<'_>],
    ) -> Result<Queue, RelayStoreError> {
        let queue = self.store.set_job_queue(org, actor, sets)?;
        tracing::info!(org_id = %org, cap = queue.cap, weight = queue.weight, "Queue set");
        self.wake_one();
        Ok(queue)
    }

    /// The numbers of what happened here.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// As [`act`](Self::act), off the event loop.
    pub(crate) async fn acted(
        self: &Arc<Self>,
        org: OrgId,
        acting: Acting,
    ) -> Result<Option<Acted>, RelayStoreError> {
        self.aside(move |shop| shop.act(org, acting)).await
    }

    /// Does something with a job, and tells of it; nothing where there is no such job. Blocks, within a
    /// runtime.
    fn act(&self, org: OrgId, acting: Acting) -> Result<Option<Acted>, RelayStoreError> {
        let acted = self.store.act_on_job(org, acting)?;
        if let Some(acted) = &acted
            && let Some(step) = acted.step()
        {
            self.tell(org, &acted.job, step.kind);
            if step.to.is_terminal() && acted.job.input.is_some() {
                // Nobody goes on with it, whoever ended it.
                Cohort::forget(&self.blobs, org, &acted.job.id);
            }
            // There is room, or it waits again.
            if !matches!(step.kind, JobEventKind::Partial | JobEventKind::CancelRequested) {
                self.wake_one();
            }
        }
        Ok(acted)
    }

    /// Tells the log, the numbers and those who follow that something happened to a job.
    fn tell(&self, org: OrgId, row: &JobRow, kind: JobEventKind) {
        tracing::info!(
            job_id = row.id,
            org_id = %org,
            status = row.state.word(),
            event = kind.word(),
            event_seq = row.event_seq,
            attempts = row.attempts,
            "Job moved"
        );
        self.metrics.moved(org, row, kind);
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        followed.retain(|_, sender| sender.receiver_count() > 0);
        if let Some(sender) = followed.get(&(org, row.id.clone())) {
            sender.send_replace(row.event_seq);
        }
    }

    /// Follows a job.
    pub(crate) fn follow(self: &Arc<Self>, org: OrgId, id: &str) -> Follower {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = followed.entry((org, id.to_owned())).or_insert_with(|| watch::channel(0).0);
        Follower { moved: sender.subscribe(), stopping: self.stopping.clone() }
    }
}

/// Hears that something may have happened to a job.
pub(crate) struct Follower {
    moved: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
}

impl Follower {
    /// What happens from now on is heard. Called before looking, so that nothing is missed in between.
    pub(crate) fn mark(&mut self) {
        self.moved.borrow_and_update();
    }

    /// Waits until there may be something new; `false` where the relay stops.
    pub(crate) async fn next(&mut self) -> bool {
        tokio::select! {
            moved = self.moved.changed() => moved.is_ok(),
            () = tokio::time::sleep(LOOK_EVERY) => true,
            _ = self.stopping.wait_for(|stopping| *stopping) => false,
        }
    }
}
