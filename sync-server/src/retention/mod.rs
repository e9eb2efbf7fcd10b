//! What analyses leave: planned, marked, restored and purged (docs/adr/0026). What imports leave: purged by age
//! (docs/adr/0039).
//!
//! The database decides what goes; here go the blobs behind it, and whatever a worker left that died at the
//! wrong moment.

mod command;
mod imports;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use kartei_blob_store::{BlobError, BlobName, BlobStore};
use kartei_protocol::admin::{
    PurgeReport, RetentionChange, RetentionInfo, RetentionPlan, RetentionRun, RetentionShare,
};
use kartei_relay_store::{
    Applied, Applying, OrgId, Plan, Policy, PolicySet, Purged, RelayStore, RelayStoreError,
    THE_RELAY,
};
use tokio::runtime::Handle;

pub(crate) use command::{RetentionCommand, run};

use crate::random::random_id;
use crate::rounds::Rounds;
use crate::serve::Relay;
use crate::uploads::hex;

/// How often a serving relay purges and sweeps. What it looks for becomes due by the day.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Blobs that are asked for at once.
const BLOBS_AT_ONCE: usize = 200;

const DAYS_MAX: u32 = 36_500;
const RESTORE_DAYS_MAX: u32 = 365;

#[derive(Debug, thiserror::Error)]
pub(crate) enum RetentionError {
    #[error(transparent)]
    Store(#[from] RelayStoreError),
    #[error("a blob of what was purged cannot be removed")]
    Blob(#[from] BlobError),
    #[error("the operating system gave no random bytes")]
    Random(#[from] std::io::Error),
}

/// What is to be set, within what makes sense.
pub(crate) fn checked(change: RetentionChange) -> Result<PolicySet, String> {
    let RetentionChange { results_days, jobs_days, imports_days, restore_days, automatic, hold } =
        change;
    let is_over = |days: Option<Option<u32>>| days.flatten().is_some_and(|days| days > DAYS_MAX);
    if [results_days, jobs_days, imports_days].into_iter().any(is_over) {
        return Err(format!("days are 0 to {DAYS_MAX}, or none"));
    }
    if restore_days.is_some_and(|days| days > RESTORE_DAYS_MAX) {
        return Err(format!("the days to restore are 0 to {RESTORE_DAYS_MAX}"));
    }
    Ok(PolicySet { results_days, jobs_days, imports_days, restore_days, automatic, hold })
}

pub(crate) fn told_policy(policy: &Policy) -> RetentionInfo {
    RetentionInfo {
        results_days: policy.results_days,
        jobs_days: policy.jobs_days,
        imports_days: policy.imports_days,
        restore_days: policy.restore_days,
        automatic: policy.automatic,
        held_at: policy.held_at,
    }
}

pub(crate) fn told_plan(plan: Plan) -> RetentionPlan {
    let kinds = plan.kinds.into_iter().map(|share| RetentionShare {
        kind: share.kind.word().to_owned(),
        count: share.count,
        bytes: share.bytes,
        oldest: share.oldest,
        sample_ids: share.samples,
        more: !share.is_all,
    });
    RetentionPlan { plan_hash: hex(&plan.hash), as_of: plan.as_of, kinds: kinds.collect() }
}

pub(crate) fn told_run(run: kartei_relay_store::RetentionRun) -> RetentionRun {
    RetentionRun {
        run_id: run.id,
        by: run.by,
        as_of: run.as_of,
        applied_at: run.at,
        restorable_until: run.restore_until,
        results: run.results,
        jobs: run.jobs,
        bytes: run.bytes,
        restored_at: run.restored_at,
        purged_at: run.purged_at,
    }
}

/// Applies a plan. Blocks.
pub(crate) fn apply(
    store: &RelayStore,
    org: OrgId,
    actor: &str,
    (plan, as_of): ([u8; 32], i64),
) -> Result<Applied, RetentionError> {
    let run = random_id("run-")?;
    let applied = store.apply_retention(org, actor, &Applying { run: &run, plan, as_of })?;
    if let Applied::Run(run) = &applied {
        tracing::info!(
            org_id = %org,
            run_id = run.id,
            results = run.results,
            jobs = run.jobs,
            "Retention applied"
        );
    }
    Ok(applied)
}

/// Takes away what can no longer be restored, the blobs that nothing names any more, and what imports left
/// where its time is over. Blocks, within a
/// runtime.
pub(crate) fn purge(
    store: &RelayStore,
    blobs: &BlobStore,
    org: OrgId,
    actor: &str,
) -> Result<PurgeReport, RetentionError> {
    let mut purged = Purged::default();
    while let Some(some) = store.purge_some(org, actor)? {
        purged = purged.and(some);
    }
    let mut report =
        PurgeReport { results: purged.results, jobs: purged.jobs, blobs: 0, imports: 0 };
    loop {
        // Also those that an earlier purge did not come to.
        let condemned = store.condemned_blobs(org, BLOBS_AT_ONCE)?;
        for (blob, is_named) in &condemned {
            if !is_named && let Ok(name) = BlobName::new(blob.as_str()) {
                report.blobs += u64::from(remove(blobs, &name)?);
            }
            store.forget_blob(org, blob)?;
        }
        if condemned.len() < BLOBS_AT_ONCE {
            break;
        }
    }
    report.imports = imports::purge(store, blobs, org, actor)?;
    if report != PurgeReport::default() {
        let PurgeReport { results, jobs, blobs, imports } = report;
        tracing::info!(org_id = %org, results, jobs, blobs, imports, "Retention purged");
    }
    Ok(report)
}

/// Removes a blob; whether it was there. Blocks, within a runtime.
fn remove(blobs: &BlobStore, name: &BlobName) -> Result<bool, BlobError> {
    match Handle::current().block_on(blobs.delete(name)) {
        Ok(()) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// One round over all organisations. What fails for one does not keep the others.
fn round(store: &RelayStore, blobs: &BlobStore) -> Result<(), RetentionError> {
    for organisation in store.organisations()? {
        let org = organisation.id;
        let one = || -> Result<(), RetentionError> {
            if store.retention_policy(org)?.automatic {
                let plan = store.plan_retention(org, THE_RELAY)?;
                let is_due = plan.kinds.iter().any(|share| share.count > 0);
                if is_due {
                    // Where it is stale, another relay applied it.
                    apply(store, org, THE_RELAY, (plan.hash, plan.as_of))?;
                }
            }
            purge(store, blobs, org, THE_RELAY)?;
            Ok(())
        };
        if let Err(error) = one() {
            tracing::warn!(
                org_id = %org,
                error = &error as &dyn std::error::Error,
                "Retention failed; the next round may succeed"
            );
        }
    }
    let swept = sweep::sweep(store, blobs)?;
    if swept > 0 {
        tracing::info!(blobs = swept, "What workers left of jobs that ended is gone");
    }
    Ok(())
}

/// Looks after what analyses and imports leave for as long as the relay runs, at once and then every day. Several relays
/// may do it at once: each job is taken once.
pub(crate) async fn keep(relay: Arc<Relay>) {
    let mut rounds = Rounds::every(EVERY, relay.stopping());
    while rounds.next().await {
        let relay = Arc::clone(&relay);
        let done = tokio::task::spawn_blocking(move || relay.with(round)).await;
        if let Ok(Err(error)) = done {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "Retention failed; the next round may succeed"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_ever_is_said_with_null() {
        let change = |text: &str| serde_json::from_str::<RetentionChange>(text).unwrap();
        assert_eq!(change("{}").results_days, None);
        assert_eq!(change(r#"{"results_days": null}"#).results_days, Some(None));
        assert_eq!(change(r#"{"jobs_days": 7}"#).jobs_days, Some(Some(7)));
        assert!(checked(change(r#"{"jobs_days": 36501}"#)).is_err());
        assert!(checked(change(r#"{"restore_days": 366}"#)).is_err());
        assert!(checked(change(r#"{"results_days": null, "hold": true}"#)).is_ok());
    }
}
