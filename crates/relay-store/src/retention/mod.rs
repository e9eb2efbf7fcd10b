//! How long what analyses and imports leave is kept, and how it goes.
//!
//! ```text
//! plan (dry run) ─▶ plan hash ─▶ apply: the same again? ─▶ marked, under a run ─▶ purge ─▶ blobs
//!                                                              └─ restore ◀── as long as it is in time
//! ```
//! Nothing is taken that has not ended or that is held; triggers keep everybody else from taking it. What is
//! marked is left as it is, so that restoring brings back the same bytes. Every step is in the audit, in its
//! own transaction.
//!
//! Bodies and rejected lines of imports go without a plan, by age alone, where the organisation says after how long.
//! They lie outside of the database, so the audit has them before they go.

mod plan;
mod policy;
mod told;

use crate::access::OrgId;
use crate::engine::Result;
use crate::jobs::JobRow;
use crate::store::RelayStore;

pub(crate) use plan::{CHOSEN_MAX, Choice, Chosen, bytes_of};
pub use plan::{Plan, PlanShare};
pub use policy::{Kind, Policy, PolicySet};
pub(crate) use told::{
    gone_of, hold_told, told_of_imports, told_of_plan, told_of_purge, told_of_run,
};

/// Jobs that one transaction marks or restores.
const MARKED_AT_ONCE: usize = 500;

/// Jobs whose results one transaction purges.
pub(crate) const RESULTS_AT_ONCE: usize = 500;

/// Jobs that one transaction purges; each has some events.
pub(crate) const JOBS_AT_ONCE: usize = 50;

/// An import that has not ended after so long died with its relay.
pub(crate) const IMPORT_RUNS_MS: i64 = 24 * 60 * 60 * 1_000;

/// A plan that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRun {
    /// Its key in the table; later runs have larger ones.
    pub(crate) pk: i64,
    /// Its id.
    pub id: String,
    /// Who applied it.
    pub by: String,
    /// What was due at this moment, in milliseconds since 1970, as all moments here.
    pub as_of: i64,
    /// When it was applied.
    pub at: i64,
    /// Until when it can be restored.
    pub restore_until: i64,
    /// Jobs whose results were marked.
    pub results: u64,
    /// Jobs that were marked.
    pub jobs: u64,
    /// Bytes that they take up.
    pub bytes: u64,
    /// When it was restored.
    pub restored_at: Option<i64>,
    /// When the last of it was purged.
    pub purged_at: Option<i64>,
}

impl RetentionRun {
    /// Where a page after this one goes on.
    #[must_use]
    pub fn place(&self) -> i64 {
        self.pk
    }
}

/// A plan that is to be applied.
#[derive(Debug, Clone, Copy)]
pub struct Applying<'a> {
    /// The run's id, opaque and never given before.
    pub run: &'a str,
    /// What the plan said.
    pub plan: [u8; 32],
    /// The moment that it said.
    pub as_of: i64,
}

/// What became of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// It is marked.
    Run(RetentionRun),
    /// It would be another one now, or it was applied before.
    Stale,
}

/// A run that began, with what it is to mark.
#[derive(Debug)]
pub(crate) enum Begun {
    Run(RetentionRun, Choice),
    Stale,
}

/// What became of a run that is to be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restored {
    /// It is there again.
    Run(RetentionRun),
    /// It is too late.
    Over(RetentionRun),
    /// There is no such run.
    Missing,
}

/// What a purge took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Jobs whose results are gone.
    pub results: u64,
    /// Jobs that are gone.
    pub jobs: u64,
}

impl Purged {
    /// Together with what another transaction took.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { results: self.results + other.results, jobs: self.jobs + other.jobs }
    }
}

/// Something that is marked, or gone while its job is told of still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// Since when, in milliseconds since 1970.
    pub deleted_at: i64,
    /// Until when it can be restored; nothing where it is purged.
    pub restore_until: Option<i64>,
}

/// Something that may be gone.
#[derive(Debug, Clone, Copy)]
pub enum Named<'a> {
    /// A job's id.
    Job(&'a str),
    /// A result's id.
    Result(&'a str),
}

/// What an import left outside of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportLeft<'a> {
    /// A body, under this digest.
    Body(&'a [u8; 32]),
    /// Rejected lines and what is wrong with them, under the import's id.
    Reports(&'a str),
}

/// How much of that goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImportsGoing {
    /// Bodies.
    pub bodies: u64,
    /// Files of reports.
    pub reports: u64,
    /// Bytes of both.
    pub bytes: u64,
}

/// What the databases do about retention. Every method is one transaction.
pub(crate) trait RetentionEngine {
    fn retention_policy(&self, org: OrgId) -> Result<Policy>;

    fn set_retention(&self, org: OrgId, actor: &str, set: &PolicySet) -> Result<Policy>;

    /// Looks what is due now; tells the audit.
    fn plan_retention(&self, org: OrgId, actor: &str) -> Result<Plan>;

    /// Begins a run where the plan is still the same.
    fn begin_run(&self, org: OrgId, actor: &str, asked: &Applying<'_>) -> Result<Begun>;

    /// Marks what is still due; answers the run.
    fn mark(
        &self,
        org: OrgId,
        run: &RetentionRun,
        kind: Kind,
        chosen: &[Chosen],
    ) -> Result<RetentionRun>;

    fn retention_runs(
        &self,
        org: OrgId,
        before: Option<i64>,
        rows_max: usize,
    ) -> Result<Vec<RetentionRun>>;

    /// Begins to restore a run: it is not purged from then on.
    fn begin_restore(&self, org: OrgId, actor: &str, run: &str) -> Result<Restored>;

    /// Restores some of a run; answers how many.
    fn restore_some(
        &self,
        org: OrgId,
        actor: &str,
        run: &RetentionRun,
        rows_max: usize,
    ) -> Result<u64>;

    /// Takes away some of what is past its time; nothing where nothing is left.
    fn purge_some(&self, org: OrgId, actor: &str) -> Result<Option<Purged>>;

    /// Blobs of purged results, with whether a result names them still.
    fn condemned_blobs(&self, org: OrgId, rows_max: usize) -> Result<Vec<(String, bool)>>;

    /// Forgets such a blob.
    fn forget_blob(&self, org: OrgId, blob: &str) -> Result<()>;

    /// Whether a result names a blob, or a purged one did whose blob is still to go.
    fn has_result_blob(&self, org: OrgId, blob: &str) -> Result<bool>;

    /// Holds a job, or lets it go. One that is held is not marked any more.
    fn hold_job(&self, org: OrgId, actor: &str, id: &str, hold: bool) -> Result<Option<JobRow>>;

    fn gone(&self, org: OrgId, named: Named<'_>) -> Result<Option<Gone>>;

    /// Whether an import needs something that lies there: one that ended after this moment, or may run still.
    fn import_needs(&self, org: OrgId, left: ImportLeft<'_>, until: i64) -> Result<bool>;

    /// Tells the audit what of imports goes now; `false`, and nothing is told, where the organisation is held.
    fn begin_import_purge(&self, org: OrgId, actor: &str, going: ImportsGoing) -> Result<bool>;
}

impl RelayStore {
    /// How long an organisation keeps what its analyses leave.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError), as all of these.
    pub fn retention_policy(&self, org: OrgId) -> Result<Policy> {
        self.engine.retention_policy(org)
    }

    /// Sets that; answers the policy afterwards.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn set_retention(&self, org: OrgId, actor: &str, set: &PolicySet) -> Result<Policy> {
        self.engine.set_retention(org, actor, set)
    }

    /// What would be taken away now. Nothing is.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn plan_retention(&self, org: OrgId, actor: &str) -> Result<Plan> {
        self.engine.plan_retention(org, actor)
    }

    /// Marks what a plan chose, where it would choose the same for its moment still. What came under hold
    /// meanwhile is left out.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError); what was marked before stays marked, under the run.
    pub fn apply_retention(
        &self,
        org: OrgId,
        actor: &str,
        asked: &Applying<'_>,
    ) -> Result<Applied> {
        let (mut run, choice) = match self.engine.begin_run(org, actor, asked)? {
            Begun::Run(run, choice) => (run, choice),
            Begun::Stale => return Ok(Applied::Stale),
        };
        for kind in Kind::ALL {
            for chosen in choice.of(kind).chunks(MARKED_AT_ONCE) {
                run = self.engine.mark(org, &run, kind, chosen)?;
            }
        }
        Ok(Applied::Run(run))
    }

    /// Runs, the newest first.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn retention_runs(
        &self,
        org: OrgId,
        before: Option<i64>,
        rows_max: usize,
    ) -> Result<Vec<RetentionRun>> {
        self.engine.retention_runs(org, before, rows_max)
    }

    /// Brings back what a run marked, as long as it is in time; while the organisation is held also later,
    /// as nothing was purged then. Once begun it can always be ended.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError); the same again goes on.
    pub fn restore_run(&self, org: OrgId, actor: &str, run: &str) -> Result<Restored> {
        let restored = self.engine.begin_restore(org, actor, run)?;
        if let Restored::Run(run) = &restored {
            while self.engine.restore_some(org, actor, run, MARKED_AT_ONCE)? > 0 {}
        }
        Ok(restored)
    }

    /// Takes away some of what can no longer be restored, in one transaction; nothing where nothing is left
    /// to take. Blobs are named by [`condemned_blobs`](Self::condemned_blobs) then.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn purge_some(&self, org: OrgId, actor: &str) -> Result<Option<Purged>> {
        self.engine.purge_some(org, actor)
    }

    /// Blobs of purged results, with whether another result names them still.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn condemned_blobs(&self, org: OrgId, rows_max: usize) -> Result<Vec<(String, bool)>> {
        self.engine.condemned_blobs(org, rows_max)
    }

    /// Forgets such a blob, once it is gone.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn forget_blob(&self, org: OrgId, blob: &str) -> Result<()> {
        self.engine.forget_blob(org, blob)
    }

    /// Whether a result names a blob, or a purged one did and the blob is still to go.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn has_result_blob(&self, org: OrgId, blob: &str) -> Result<bool> {
        self.engine.has_result_blob(org, blob)
    }

    /// Whether an import needs something that lies there: one that ended after `until`, in milliseconds since
    /// 1970, or began less than a day before that and has not ended.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn import_needs(&self, org: OrgId, left: ImportLeft<'_>, until: i64) -> Result<bool> {
        self.engine.import_needs(org, left, until)
    }

    /// Tells the audit what of imports goes now; `false` where the organisation is held, and nothing may go.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn begin_import_purge(&self, org: OrgId, actor: &str, going: ImportsGoing) -> Result<bool> {
        self.engine.begin_import_purge(org, actor, going)
    }

    /// Holds a job, or lets it go; nothing where the organisation has no such one. What was marked of it
    /// and is not purged yet is there again.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn hold_job(
        &self,
        org: OrgId,
        actor: &str,
        id: &str,
        hold: bool,
    ) -> Result<Option<JobRow>> {
        self.engine.hold_job(org, actor, id, hold)
    }

    /// Since when a job or a result is gone; nothing where it is there, or never was.
    ///
    /// # Errors
    /// [`RelayStoreError`](crate::RelayStoreError).
    pub fn gone(&self, org: OrgId, named: Named<'_>) -> Result<Option<Gone>> {
        self.engine.gone(org, named)
    }
}
