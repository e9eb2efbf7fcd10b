//! The queue of an organisation's analyses: its room, its pauses, what runs, what hangs.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use kartei_protocol::admin::{QueueChange, QueueInfo, QueuePause, RunningJob, RunningPage};
use kartei_protocol::jobs::{JobInfo, JobProgress, JobState};
use kartei_relay_store::{Access, Acting, Deed, JobQuery, JobRow, Queue, QueueSet};

use crate::admin::now;
use crate::auth::Administrator;
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::routes::analyze::{info, unknown_job};
use crate::routes::request::{Object, Page, PageAsked};
use crate::serve::Relay;

/// More than any machine runs: what is larger is a slip of the pen.
const CAP_MAX: u64 = 1_000;
const WEIGHT_MAX: u64 = 10_000;
const ANALYSIS_CHARS_MAX: usize = 100;

fn told(queue: Queue) -> QueueInfo {
    QueueInfo {
        cap: queue.cap,
        weight: queue.weight,
        paused_at: queue.paused_at,
        paused_analyses: queue.paused,
        queued: queue.queued,
        running: queue.running,
        lag_ms: queue.lag_ms,
    }
}

/// The queue of analyses
#[utoipa::path(
    get,
    path = "/admin/queue",
    tag = "administration",
    responses(
        (status = 200, description = "The organisation's queue", body = QueueInfo),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn get(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
) -> Result<Json<QueueInfo>, Failure> {
    Ok(Json(told(relay.store(move |store| store.job_queue(access.org)).await?)))
}

/// Set the room and the share of analyses
#[utoipa::path(
    patch,
    path = "/admin/queue",
    tag = "administration",
    request_body = QueueChange,
    responses(
        (status = 200, description = "The queue afterwards", body = QueueInfo),
        (status = 400, description = "A number that is too large or too small", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn set(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    Object(QueueChange { cap, weight }): Object<QueueChange>,
) -> Result<Json<QueueInfo>, Failure> {
    if cap.is_some_and(|cap| cap > CAP_MAX) {
        return Err(Failure::invalid(format!("`cap` is 0 to {CAP_MAX}")));
    }
    if weight.is_some_and(|weight| !(1..=WEIGHT_MAX).contains(&weight)) {
        return Err(Failure::invalid(format!("`weight` is 1 to {WEIGHT_MAX}")));
    }
    let shop = Arc::clone(relay.workshop());
    let sets: Vec<QueueSet<'_>> =
        cap.map(QueueSet::Cap).into_iter().chain(weight.map(QueueSet::Weight)).collect();
    let queue = relay.store(move |_| shop.set_queue(access.org, &access.name, &sets)).await?;
    Ok(Json(told(queue)))
}

async fn paused(
    relay: &Relay,
    access: Access,
    what: QueuePause,
    since: Option<i64>,
) -> Result<Json<QueueInfo>, Failure> {
    let is_named = |name: &String| (1..=ANALYSIS_CHARS_MAX).contains(&name.len());
    if !what.analysis.as_ref().is_none_or(is_named) {
        let detail = format!("`analysis` has 1 to {ANALYSIS_CHARS_MAX} characters");
        return Err(Failure::invalid(detail));
    }
    let shop = Arc::clone(relay.workshop());
    let queue = relay
        .store(move |_| {
            let set = QueueSet::Paused(what.analysis.as_deref(), since);
            shop.set_queue(access.org, &access.name, &[set])
        })
        .await?;
    Ok(Json(told(queue)))
}

/// Pause analyses
///
/// Nothing begins any more, or nothing of one analysis; what runs goes on.
#[utoipa::path(
    post,
    path = "/admin/queue/pause",
    tag = "administration",
    request_body = QueuePause,
    responses(
        (status = 200, description = "The queue afterwards", body = QueueInfo),
        (status = 400, description = "A body that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn pause(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    Object(what): Object<QueuePause>,
) -> Result<Json<QueueInfo>, Failure> {
    paused(&relay, access, what, Some(now())).await
}

/// Resume analyses
#[utoipa::path(
    post,
    path = "/admin/queue/resume",
    tag = "administration",
    request_body = QueuePause,
    responses(
        (status = 200, description = "The queue afterwards", body = QueueInfo),
        (status = 400, description = "A body that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn resume(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    Object(what): Object<QueuePause>,
) -> Result<Json<QueueInfo>, Failure> {
    paused(&relay, access, what, None).await
}

fn running_job(row: JobRow) -> RunningJob {
    RunningJob {
        job_id: row.id,
        analysis: row.analysis,
        by: row.by,
        worker: row.worker,
        lease_until: row.lease_until,
        deadline_at: row.deadline_at,
        attempts: row.attempts,
        attempts_max: row.attempts_max,
        started_at: row.started_at,
        progress: row.progress.map(|(done, total)| JobProgress { done, total }),
    }
}

/// Analyses that run
///
/// With who has them and until when.
#[utoipa::path(
    get,
    path = "/admin/jobs/running",
    tag = "administration",
    params(PageAsked),
    responses(
        (status = 200, description = "The newest first", body = RunningPage),
        (status = 400, description = "A query that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn running(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    which: Result<Query<PageAsked>, QueryRejection>,
) -> Result<Json<RunningPage>, Failure> {
    let Query(which) = which?;
    let page = Page::asked(which.limit, which.cursor.as_deref())?;
    let query =
        JobQuery { limit: page.rows_max(), before: page.before, state: Some(JobState::Running) };
    let mut rows = relay.store(move |store| store.jobs(access.org, &query)).await?;
    let next = page.next(&mut rows, |row| row.place().to_string());
    Ok(Json(RunningPage { jobs: rows.into_iter().map(running_job).collect(), next }))
}

/// End an analysis that hangs
///
/// As failed (`forced`), wherever it is. For one that has ended nothing happens. The answer is where the job
/// is now.
#[utoipa::path(
    post,
    path = "/admin/jobs/{id}/fail",
    tag = "administration",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "Where it is now", body = JobInfo),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 404, description = "No such job, here or for this token", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn fail(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<JobInfo>, Failure> {
    let Path(job) = id?;
    let acting = Acting { job, actor: access.name, deed: Deed::Force };
    let acted = relay.workshop().acted(access.org, acting).await?;
    acted.map(|acted| Json(info(&acted.job))).ok_or_else(unknown_job)
}
