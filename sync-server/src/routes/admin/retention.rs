//! How long what analyses leave is kept, and how it goes.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use kartei_protocol::admin::{
    ApplyPlan, JobHold, PurgeReport, RetentionChange, RetentionInfo, RetentionPlan, RetentionRun,
    RunPage,
};
use kartei_protocol::problem::ProblemCode;
use kartei_relay_store::{Access, Applied, Restored};
use serde_json::json;

use crate::auth::Administrator;
use crate::openapi::Problem;
use crate::problem::{ApiCode, Failure};
use crate::retention::{self, told_plan, told_policy, told_run};
use crate::routes::analyze::unknown_job;
use crate::routes::request::{Object, Page, PageAsked};
use crate::serve::Relay;
use crate::uploads::hex32;

/// How long what is kept
#[utoipa::path(
    get,
    path = "/admin/retention",
    tag = "administration",
    responses(
        (status = 200, description = "The organisation's rules", body = RetentionInfo),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn get(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
) -> Result<Json<RetentionInfo>, Failure> {
    let policy = relay.store(move |store| store.retention_policy(access.org)).await?;
    Ok(Json(told_policy(&policy)))
}

/// Set how long what is kept
///
/// `hold` keeps everything of the organisation, whatever its age, also what is marked already.
#[utoipa::path(
    patch,
    path = "/admin/retention",
    tag = "administration",
    request_body = RetentionChange,
    responses(
        (status = 200, description = "The rules afterwards", body = RetentionInfo),
        (status = 400, description = "A number that is too large", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn set(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    Object(change): Object<RetentionChange>,
) -> Result<Json<RetentionInfo>, Failure> {
    let set = retention::checked(change).map_err(Failure::invalid)?;
    let policy =
        relay.store(move |store| store.set_retention(access.org, &access.name, &set)).await?;
    Ok(Json(told_policy(&policy)))
}

/// Plan what goes
///
/// A dry run: what would be marked now. Nothing is.
#[utoipa::path(
    post,
    path = "/admin/retention/plan",
    tag = "administration",
    responses(
        (status = 200, description = "What is due", body = RetentionPlan),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn plan(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
) -> Result<Json<RetentionPlan>, Failure> {
    let plan = relay.store(move |store| store.plan_retention(access.org, &access.name)).await?;
    Ok(Json(told_plan(plan)))
}

/// Apply a plan
///
/// Marks exactly what the plan chose, where it would choose the same for its moment still. What is marked is
/// answered with 410, and can be restored for a while.
#[utoipa::path(
    post,
    path = "/admin/retention/apply",
    tag = "administration",
    request_body = ApplyPlan,
    responses(
        (status = 200, description = "What was marked", body = RetentionRun),
        (status = 400, description = "A hash that is none", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 409, description = "The plan would be another one now, or was applied before", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn apply(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    Object(ApplyPlan { plan_hash, as_of }): Object<ApplyPlan>,
) -> Result<Json<RetentionRun>, Failure> {
    let hash = hex32("plan_hash", &plan_hash)?;
    let applied = relay
        .store(move |store| {
            retention::apply(store, access.org, &access.name, (hash, as_of)).map_err(failed)
        })
        .await?;
    match applied {
        Applied::Run(run) => Ok(Json(told_run(run))),
        Applied::Stale => {
            let detail = "the plan would be another one now, or was applied before: plan again";
            Err(Failure::new(StatusCode::CONFLICT, ApiCode::PlanStale, detail))
        }
    }
}

fn failed(error: retention::RetentionError) -> Failure {
    match error {
        retention::RetentionError::Store(error) => error.into(),
        error => Failure::internal(&error),
    }
}

/// Plans that were applied
#[utoipa::path(
    get,
    path = "/admin/retention/runs",
    tag = "administration",
    params(PageAsked),
    responses(
        (status = 200, description = "The newest first", body = RunPage),
        (status = 400, description = "A query that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn runs(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    which: Result<Query<PageAsked>, QueryRejection>,
) -> Result<Json<RunPage>, Failure> {
    let Query(which) = which?;
    let page = Page::asked(which.limit, which.cursor.as_deref())?;
    let (before, rows_max) = (page.before, page.rows_max());
    let mut runs =
        relay.store(move |store| store.retention_runs(access.org, before, rows_max)).await?;
    let next = page.next(&mut runs, |run| run.place().to_string());
    Ok(Json(RunPage { runs: runs.into_iter().map(told_run).collect(), next }))
}

/// Restore a run
///
/// Everything that it marked and that is not purged yet is there again, as it was. What is due still is
/// marked by the next plan: hold it, or keep it for longer.
#[utoipa::path(
    post,
    path = "/admin/retention/runs/{id}/restore",
    tag = "administration",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run", body = RetentionRun),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 404, description = "No such run, here or for this token", body = Problem),
        (status = 409, description = "The time to restore it is over", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn restore(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<RetentionRun>, Failure> {
    let Path(id) = id?;
    match relay.store(move |store| store.restore_run(access.org, &access.name, &id)).await? {
        Restored::Run(run) => Ok(Json(told_run(run))),
        Restored::Over(run) => {
            let detail = "the time to restore this run is over";
            Err(Failure::new(StatusCode::CONFLICT, ApiCode::RestoreOver, detail)
                .with("restorable_until", json!(run.restore_until)))
        }
        Restored::Missing => {
            let detail = "there is no such run";
            Err(Failure::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, detail))
        }
    }
}

/// Purge
///
/// Takes away for good what can no longer be restored. The relay does it by itself, every day.
#[utoipa::path(
    post,
    path = "/admin/retention/purge",
    tag = "administration",
    responses(
        (status = 200, description = "What is gone", body = PurgeReport),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn purge(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
) -> Result<Json<PurgeReport>, Failure> {
    let blobs = relay.blobs().clone();
    let report = relay
        .store(move |store| {
            retention::purge(store, &blobs, access.org, &access.name).map_err(failed)
        })
        .await?;
    Ok(Json(report))
}

async fn held(
    relay: &Relay,
    access: Access,
    id: String,
    hold: bool,
) -> Result<Json<JobHold>, Failure> {
    let row = relay.store(move |store| store.hold_job(access.org, &access.name, &id, hold)).await?;
    let row = row.ok_or_else(unknown_job)?;
    Ok(Json(JobHold { job_id: row.id, held_at: row.held_at }))
}

/// Hold an analysis
///
/// It is kept, whatever its age. What was marked of it and is not purged yet is there again.
#[utoipa::path(
    put,
    path = "/admin/jobs/{id}/hold",
    tag = "administration",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "It is held", body = JobHold),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 404, description = "No such job, here or for this token", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn hold(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<JobHold>, Failure> {
    let Path(id) = id?;
    held(&relay, access, id, true).await
}

/// Let an analysis go
#[utoipa::path(
    delete,
    path = "/admin/jobs/{id}/hold",
    tag = "administration",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "It is not held", body = JobHold),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 404, description = "No such job, here or for this token", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn release(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<JobHold>, Failure> {
    let Path(id) = id?;
    held(&relay, access, id, false).await
}
