//! Analyses as jobs: a queue of each organisation, whose jobs go through the states of
//! `kartei_job_core` and leave an event with every step.
//!
//! ```text
//! act ─▶ lock the row ─▶ judge (job-core) ─▶ turn (here) ─▶ row, event, partial or result, notification
//!                                                           └──────── one transaction ────────┘
//! ```
//! An engine locks, asks and writes; what is written is decided in [`turn`], for both engines alike.

mod queue;
mod rows;
mod turn;

use crate::access::OrgId;
use crate::engine::Result;
use crate::store::RelayStore;

pub use queue::{OpenJobs, Queue, QueueSet};
pub(crate) use queue::{lag_ms, told_of_set};
pub(crate) use rows::{ClaimAsked, EventsAsked, JOB_COLUMNS, told, unknown_word};
pub use rows::{
    JobPartial, JobPast, JobQuery, JobRow, NewJobRow, NotesAsked, Notification, Payload, ResultRow,
    Submitted,
};
pub use turn::{Acted, Acting, Deed};
pub(crate) use turn::{Turn, What, turn, turn_after};

/// What the databases keep of jobs. Every method is one transaction.
pub(crate) trait JobEngine {
    /// Tells other programs that there may be something to begin. The embedded database has no way to: they
    /// look by themselves.
    fn announce_jobs(&self) -> Result<()> {
        Ok(())
    }

    /// Calls `woken` when another program announces something.
    fn hear_jobs(&self, _woken: Box<dyn Fn() + Send + Sync>) {}

    /// Keeps a job that is to be done, or finds the one that was asked for with its key.
    fn submit_job(&self, org: OrgId, job: &NewJobRow<'_>) -> Result<Submitted>;

    /// A job.
    fn job(&self, org: OrgId, id: &str) -> Result<Option<JobRow>>;

    /// A page of jobs.
    fn jobs(&self, org: OrgId, query: &JobQuery) -> Result<Vec<JobRow>>;

    /// A job's events after a number, and its state, of one snapshot.
    fn job_events(&self, org: OrgId, id: &str, asked: EventsAsked) -> Result<Option<JobPast>>;

    /// What is known so far of a job without a result.
    fn job_partial(&self, org: OrgId, id: &str) -> Result<Option<JobPartial>>;

    /// A result.
    fn job_result(&self, org: OrgId, id: &str) -> Result<Option<ResultRow>>;

    /// Organisations that have something to begin and room for it, with their turns, the next first.
    fn waiting_organisations(&self, rows_max: usize) -> Result<Vec<(OrgId, i64)>>;

    /// Takes jobs of an organisation, as many as it has room for; none where another worker is at it.
    fn claim_jobs(&self, org: OrgId, claim: &ClaimAsked<'_>) -> Result<Vec<JobRow>>;

    /// Does something with jobs; an answer for each, nothing for one that is not there.
    fn act_on_jobs(&self, org: OrgId, acts: &[Acting]) -> Result<Vec<Option<Acted>>>;

    /// Jobs that nobody vouches for any more, or that run for too long, of all organisations.
    fn lapsed_jobs(&self, rows_max: usize) -> Result<Vec<(OrgId, String)>>;

    /// An organisation's queue.
    fn job_queue(&self, org: OrgId) -> Result<Queue>;

    /// Sets an organisation's room and share, and whether it is paused; what changes is audited.
    fn set_job_queue(&self, org: OrgId, actor: &str, sets: &[QueueSet<'_>]) -> Result<Queue>;

    /// Jobs of all organisations that wait, and that run.
    fn open_jobs(&self) -> Result<OpenJobs>;

    /// What somebody was told, the newest first.
    fn notifications(&self, org: OrgId, asked: &NotesAsked<'_>) -> Result<Vec<Notification>>;

    /// How much of it was not read.
    fn unread_notifications(&self, org: OrgId, person: &str) -> Result<u64>;

    /// Marks what somebody was told as read: one, or everything.
    fn read_notifications(
        &self,
        org: OrgId,
        person: &str,
        one: Option<i64>,
        now: i64,
    ) -> Result<u64>;
}

impl RelayStore {
    /// Tells other programs on this database that there may be something to begin. It may get lost.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn announce_jobs(&self) -> Result<()> {
        self.engine.announce_jobs()
    }

    /// Calls `woken` when another program announced something, on a thread that must not wait, for as long as
    /// the store is open. Never on the embedded database.
    pub fn hear_jobs(&self, woken: impl Fn() + Send + Sync + 'static) {
        self.engine.hear_jobs(Box::new(woken));
    }

    /// Keeps a job that is to be done. With a key that the token used before it answers that job.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn submit_job(&self, org: OrgId, job: &NewJobRow<'_>) -> Result<Submitted> {
        self.engine.submit_job(org, job)
    }

    /// A job; nothing where the organisation has no such one.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn job(&self, org: OrgId, id: &str) -> Result<Option<JobRow>> {
        self.engine.job(org, id)
    }

    /// Jobs, the newest first.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn jobs(&self, org: OrgId, query: &JobQuery) -> Result<Vec<JobRow>> {
        self.engine.jobs(org, query)
    }

    /// A job's events after a number; nothing where the organisation has no such job.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn job_events(
        &self,
        org: OrgId,
        id: &str,
        after_seq: u64,
        rows_max: usize,
    ) -> Result<Option<JobPast>> {
        self.engine.job_events(org, id, EventsAsked { after_seq, rows_max })
    }

    /// What is known so far of a job that has no result; nothing where nothing is known.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn job_partial(&self, org: OrgId, id: &str) -> Result<Option<JobPartial>> {
        self.engine.job_partial(org, id)
    }

    /// A result; nothing where the organisation has no such one.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn job_result(&self, org: OrgId, id: &str) -> Result<Option<ResultRow>> {
        self.engine.job_result(org, id)
    }

    /// Organisations that have something to begin and room for it, with their turns, the next first.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn waiting_organisations(&self, rows_max: usize) -> Result<Vec<(OrgId, i64)>> {
        self.engine.waiting_organisations(rows_max)
    }

    /// Takes at most `rows_max` jobs of an organisation for `worker`, those that wait longest, as many
    /// as it has room for. `floor` is the turn that is being served.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn claim_jobs(
        &self,
        org: OrgId,
        worker: &str,
        lease_ms: i64,
        rows_max: usize,
        floor: i64,
    ) -> Result<Vec<JobRow>> {
        self.engine.claim_jobs(org, &ClaimAsked { worker, lease_ms, rows_max, floor })
    }

    /// Does something with jobs, all in one transaction; an answer for each, nothing for one that the
    /// organisation does not have. Their ids differ.
    ///
    /// # Errors
    /// [`RelayStoreError`]; nothing was done then.
    pub fn act_on_jobs(&self, org: OrgId, acts: &[Acting]) -> Result<Vec<Option<Acted>>> {
        self.engine.act_on_jobs(org, acts)
    }

    /// Does something with one job; nothing where the organisation does not have it.
    ///
    /// # Errors
    /// [`RelayStoreError`]; nothing was done then.
    pub fn act_on_job(&self, org: OrgId, acting: Acting) -> Result<Option<Acted>> {
        Ok(self.engine.act_on_jobs(org, &[acting])?.pop().flatten())
    }

    /// Jobs that nobody vouches for any more, or that run for too long, of all organisations.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn lapsed_jobs(&self, rows_max: usize) -> Result<Vec<(OrgId, String)>> {
        self.engine.lapsed_jobs(rows_max)
    }

    /// An organisation's queue.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn job_queue(&self, org: OrgId) -> Result<Queue> {
        self.engine.job_queue(org)
    }

    /// Sets something of an organisation's queue, all in one transaction; what changes is in the audit
    /// with `actor`. Answers the queue afterwards.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn set_job_queue(&self, org: OrgId, actor: &str, sets: &[QueueSet<'_>]) -> Result<Queue> {
        self.engine.set_job_queue(org, actor, sets)
    }

    /// Jobs of all organisations that wait, and that run.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn open_jobs(&self) -> Result<OpenJobs> {
        self.engine.open_jobs()
    }

    /// What somebody was told, the newest first.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn notifications(&self, org: OrgId, asked: &NotesAsked<'_>) -> Result<Vec<Notification>> {
        self.engine.notifications(org, asked)
    }

    /// How much of what somebody was told was not read.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn unread_notifications(&self, org: OrgId, person: &str) -> Result<u64> {
        self.engine.unread_notifications(org, person)
    }

    /// Marks one notification as read, or all; answers how many were not.
    ///
    /// # Errors
    /// [`RelayStoreError`].
    pub fn read_notifications(
        &self,
        org: OrgId,
        person: &str,
        one: Option<i64>,
        now: i64,
    ) -> Result<u64> {
        self.engine.read_notifications(org, person, one, now)
    }
}
