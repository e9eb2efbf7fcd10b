//! Analyses: asked for and waited for, or as jobs that are asked about later.

pub(super) mod events;
mod keep;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kartei_analysis::{Analysis, AskedWrongly, Scored};
use kartei_blob_store::BlobName;
use kartei_protocol::calibrations::CalibrationStage;
use kartei_protocol::jobs::{
    FailReason, JobInfo, JobPage, JobProgress, JobResult, JobState, NewJob,
};
use kartei_protocol::problem::ProblemCode;
use kartei_relay_store::{
    Access, Acting, CalibrationRow, Deed, FileRead, Gone, JobQuery, JobRow, Named, OrgId, Payload,
    RelayStoreError, ResultRow,
};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use utoipa::IntoParams;

pub(in crate::routes) use keep::{Submission, keep};

use super::profiles::list::filter_of;
use super::request::{Page, idempotency_key, prefers_async, prefers_wait, replayed};
use crate::admin::now;
use crate::auth::{Caller, Writer, may_write};
use crate::erasure::{names_erased, without_erased};
use crate::jobs::{DatasetError, file_of};
use crate::openapi::Problem;
use crate::problem::{ApiCode, Failure};
use crate::routes::request::Object;
use crate::serve::Relay;
use crate::uploads::hex;

/// How long an answer waits for a result, unless less is asked for: proxies cut a silent connection
/// after half a minute or so.
const WAIT_MAX: Duration = Duration::from_secs(25);

pub(in crate::routes) fn unknown_job() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, "there is no such job")
}

fn unknown_result() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, "there is no such result")
}

/// What is told of a job.
pub(in crate::routes) fn info(row: &JobRow) -> JobInfo {
    JobInfo {
        job_id: row.id.clone(),
        status: row.state,
        analysis: row.analysis.clone(),
        filter: row.filter.clone(),
        params: serde_json::from_str(&row.params).unwrap_or_default(),
        by: row.by.clone(),
        created_at: row.created_at,
        started_at: row.started_at,
        finished_at: row.finished_at,
        attempts: row.attempts,
        cancel_requested_at: row.cancel_asked_at,
        progress: row.progress.map(|(done, total)| JobProgress { done, total }),
        event_seq: row.event_seq,
        retry_of: row.retry_of.clone(),
        result_id: row.result.clone(),
        result_deleted_at: row.result_deleted_at,
        held_at: row.held_at,
        reason: row.reason,
        detail: row.detail.clone(),
        partial: None,
    }
}

async fn find(relay: &Relay, org: OrgId, id: &str) -> Result<JobRow, Failure> {
    let id = id.to_owned();
    let found = relay
        .store(move |store| {
            let Some(mut row) = store.job(org, &id)? else { return Ok(None) };
            without_erased(store, org, std::slice::from_mut(&mut row))?;
            let gone =
                if row.deleted_at.is_some() { store.gone(org, Named::Job(&id))? } else { None };
            Ok::<_, RelayStoreError>(Some((row, gone)))
        })
        .await?;
    match found {
        Some((_, Some(gone))) => {
            Err(gone_for(gone, "this analysis was deleted by the rules of retention"))
        }
        Some((row, None)) => Ok(row),
        None => Err(unknown_job()),
    }
}

/// What was there, and is marked or purged.
fn gone_for(gone: Gone, detail: &str) -> Failure {
    Failure::new(StatusCode::GONE, ProblemCode::Deleted, detail)
        .with("deleted_at", json!(gone.deleted_at))
        .with("restorable_until", json!(gone.restore_until))
}

fn place(row: &JobRow) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(&format!("/analyze/jobs/{}", row.id)).map_err(|e| Failure::internal(&e))
}

/// What is asked for, where it can be asked for.
fn checked(asked: &NewJob) -> Result<Analysis, Failure> {
    filter_of(asked.filter.as_deref())?;
    let analysis = Analysis::new(&asked.analysis, &asked.params)
        .map_err(|wrong| Failure::invalid(wrong.to_string()))?;
    filter_of(analysis.other().flatten())?;
    Ok(analysis)
}

/// All that the analysis is told, with the calibration that scores are made by: the one that is active now, whichever
/// is when a worker begins.
async fn pinned(relay: &Relay, org: OrgId, mut analysis: Analysis) -> Result<String, Failure> {
    if analysis.scored() == Scored::Never {
        return Ok(analysis.params().to_string());
    }
    let rows = relay.store(move |store| store.calibrations(org)).await?;
    let wrong = |wrong: AskedWrongly| Failure::invalid(wrong.to_string());
    let named = |version: &str| {
        let found = rows.iter().find(|row| row.version == version);
        found.ok_or_else(|| wrong(AskedWrongly::NoCalibration(version.to_owned())))
    };
    let against = analysis.against().map(named).transpose()?;
    if let Some(version) = &analysis.calibration {
        let row = named(version)?;
        let of = |row: &CalibrationRow| (row.schema.clone(), row.schema_version);
        if let Some(against) = against.filter(|against| of(against) != of(row)) {
            return Err(wrong(AskedWrongly::OtherSchema(against.version.clone())));
        }
        return Ok(analysis.params().to_string());
    }
    // What is held against another one is of its schema.
    let fits = |row: &CalibrationRow| against.is_none_or(|against| against.schema == row.schema);
    let active: Vec<&CalibrationRow> =
        rows.iter().filter(|row| row.stage == CalibrationStage::Active && fits(row)).collect();
    match (active.as_slice(), analysis.scored()) {
        ([only], _) => analysis.calibration = Some(only.version.clone()),
        (_, Scored::Perhaps) => {}
        ([], _) => {
            let detail = AskedWrongly::Uncalibrated(analysis.name()).to_string();
            return Err(Failure::new(StatusCode::CONFLICT, ProblemCode::Blocked, detail));
        }
        (several, _) => {
            let schemas: Vec<&str> = several.iter().map(|row| row.schema.as_str()).collect();
            let detail = AskedWrongly::SeveralCalibrations(schemas.join(", ")).to_string();
            return Err(Failure::new(StatusCode::CONFLICT, ProblemCode::Blocked, detail));
        }
    }
    Ok(analysis.params().to_string())
}

/// Whether a file can be analysed; that its submitter reads it is kept, before a worker does.
async fn may_read_dataset(relay: &Relay, access: &Access, file: String) -> Result<(), Failure> {
    let (org, token) = (access.org, access.token);
    let read = relay
        .store(move |store| match file_of(store, org, &file) {
            Ok(row) => {
                let to = row.size();
                let read = FileRead { org, file: row.id, token, at: now(), from: 0, to };
                store.note_reads(&[read]).map(Ok)
            }
            Err(DatasetError::Store(error)) => Err(error),
            Err(error) => Ok(Err(error)),
        })
        .await?;
    read.map_err(|error| match error {
        DatasetError::Withheld(_) => {
            Failure::new(StatusCode::CONFLICT, ApiCode::FileQuarantined, error.to_string())
        }
        error => Failure::invalid(error.to_string()),
    })
}

/// Keeps an analysis that is to be made; whether it is a new one.
async fn submit(
    relay: &Arc<Relay>,
    access: &Access,
    asked: NewJob,
    key: Option<String>,
    retry_of: Option<String>,
) -> Result<(JobRow, bool), Failure> {
    may_write(access)?;
    let analysis = checked(&asked)?;
    // The members of an object are in the order of their names: equal requests are equal bytes.
    let request = json!({"asked": asked, "retry_of": retry_of});
    if let Some(file) = &analysis.dataset {
        may_read_dataset(relay, access, file.clone()).await?;
    }
    let params = pinned(relay, access.org, analysis).await?;
    let NewJob { analysis, filter, .. } = asked;
    keep(relay, access, Submission { analysis, filter, params, request, key, retry_of }).await
}

/// An answer that tells of a job and where it is.
pub(in crate::routes) fn told(
    status: StatusCode,
    row: &JobRow,
    is_new: bool,
) -> Result<Response, Failure> {
    let mut response = (status, Json(info(row))).into_response();
    response.headers_mut().insert(header::LOCATION, place(row)?);
    if !is_new {
        replayed(response.headers_mut());
    }
    Ok(response)
}

/// Analyse profiles
///
/// Answers the result itself. What takes longer than `Prefer: wait=N` seconds (25 at most, and unless
/// asked otherwise) goes on as a job: 202, and `Location` is where to ask.
#[utoipa::path(
    post,
    path = "/analyze",
    tag = "analyses",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The client's own name for this request"),
        ("Prefer" = Option<String>, Header, description = "`wait=N` seconds at most, or `respond-async`"),
    ),
    request_body = NewJob,
    responses(
        (status = 200, description = "The result", body = Object),
        (status = 202, description = "It goes on as a job; `Location` is where to ask", body = JobInfo),
        (status = 400, description = "An analysis, parameter or filter that is none", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 409, description = "Somebody ended it meanwhile; or it is made of scores, and no calibration is active, or several are; or a scanner has not let its file through", body = Problem),
        (status = 410, description = "The job of this `Idempotency-Key` was deleted by the rules of retention", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
        (status = 422, description = "The analysis cannot be made of these profiles; or the `Idempotency-Key` was used for another one", body = Problem),
        (status = 429, description = "As many wait as may; `Retry-After` says when to ask again", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn analyze(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    headers: HeaderMap,
    Object(asked): Object<NewJob>,
) -> Result<Response, Failure> {
    let org = access.org;
    let wait = match prefers_async(&headers) {
        true => Duration::ZERO,
        false => prefers_wait(&headers).unwrap_or(WAIT_MAX).min(WAIT_MAX),
    };
    let since = Instant::now();
    let (mut row, is_new) =
        submit(&relay, &access, asked, idempotency_key(&headers)?, None).await?;
    let mut follower = relay.workshop().follow(org, &row.id);
    loop {
        follower.mark();
        row = find(&relay, org, &row.id).await?;
        if row.state.is_terminal() {
            break;
        }
        let Some(left) = wait.checked_sub(since.elapsed()).filter(|left| !left.is_zero()) else {
            return told(StatusCode::ACCEPTED, &row, is_new);
        };
        match tokio::time::timeout(left, follower.next()).await {
            Ok(true) => {}
            Ok(false) | Err(_) => return told(StatusCode::ACCEPTED, &row, is_new),
        }
    }
    let mut response = match (row.state, &row.result) {
        (JobState::Completed, Some(result)) => {
            let result = found(&relay, org, result).await?;
            let text = text_of(&relay, org, &result).await?;
            ([(header::CONTENT_TYPE, "application/json")], text).into_response()
        }
        (JobState::Canceled, _) => {
            let detail = "the analysis was cancelled before it was done";
            return Err(Failure::new(StatusCode::CONFLICT, ApiCode::JobCanceled, detail)
                .with("job_id", json!(row.id)));
        }
        _ => return Err(failure_of(&row)),
    };
    response.headers_mut().insert(header::CONTENT_LOCATION, place(&row)?);
    if !is_new {
        replayed(response.headers_mut());
    }
    Ok(response)
}

/// What a job that failed is answered with.
fn failure_of(row: &JobRow) -> Failure {
    let status = match row.reason {
        Some(FailReason::Analysis) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let detail = row.detail.clone().unwrap_or_else(|| "the analysis failed".to_owned());
    Failure::new(status, ApiCode::AnalysisFailed, detail)
        .with("job_id", json!(row.id))
        .with("reason", json!(row.reason.map(FailReason::word)))
}

/// Submit an analysis
///
/// It waits for a worker; `Location` is where to ask. The same `Idempotency-Key` with the same request
/// answers the same job.
#[utoipa::path(
    post,
    path = "/analyze/jobs",
    tag = "analyses",
    params(("Idempotency-Key" = Option<String>, Header, description = "The client's own name for this request")),
    request_body = NewJob,
    responses(
        (status = 200, description = "It was submitted before, with this key", body = JobInfo),
        (status = 201, description = "It waits; `Location` is where to ask", body = JobInfo),
        (status = 400, description = "An analysis, parameter or filter that is none", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 409, description = "It is made of scores, and no calibration is active, or several are; or a scanner has not let its file through", body = Problem),
        (status = 410, description = "The job of this `Idempotency-Key` was deleted by the rules of retention", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
        (status = 422, description = "The `Idempotency-Key` was used for another one", body = Problem),
        (status = 429, description = "As many wait as may; `Retry-After` says when to ask again", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn create(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    headers: HeaderMap,
    Object(asked): Object<NewJob>,
) -> Result<Response, Failure> {
    let (row, is_new) = submit(&relay, &access, asked, idempotency_key(&headers)?, None).await?;
    told(if is_new { StatusCode::CREATED } else { StatusCode::OK }, &row, is_new)
}

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// How many, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
    /// Those in this state.
    status: Option<JobState>,
}

/// Analyses
#[utoipa::path(
    get,
    path = "/analyze/jobs",
    tag = "analyses",
    params(Which),
    responses(
        (status = 200, description = "The newest first", body = JobPage),
        (status = 400, description = "A query that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn list(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<JobPage>, Failure> {
    let Query(which) = which?;
    let page = Page::asked(which.limit, which.cursor.as_deref())?;
    let query = JobQuery { limit: page.rows_max(), before: page.before, state: which.status };
    let rows = relay.store(move |store| {
        let mut rows = store.jobs(access.org, &query)?;
        without_erased(store, access.org, &mut rows)?;
        Ok::<_, RelayStoreError>(rows)
    });
    let mut rows = rows.await?;
    let next = page.next(&mut rows, |row| row.place().to_string());
    Ok(Json(JobPage { jobs: rows.iter().map(info).collect(), next }))
}

/// An analysis
///
/// With what is known so far, as long as it has no result.
#[utoipa::path(
    get,
    path = "/analyze/jobs/{id}",
    tag = "analyses",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "Where it is", body = JobInfo),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 404, description = "No such job, here or for this token", body = Problem),
        (status = 410, description = "It was deleted by the rules of retention; `restorable_until` says until when an administrator can restore it", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn get(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<JobInfo>, Failure> {
    let Path(id) = id?;
    let row = find(&relay, access.org, &id).await?;
    let mut info = info(&row);
    if row.result.is_none() {
        let known = relay.store(move |store| {
            let Some(known) = store.job_partial(access.org, &id)? else { return Ok(None) };
            let is_erased = names_erased(store, access.org, &known.payload)?;
            Ok::<_, RelayStoreError>((!is_erased).then_some(known))
        });
        info.partial = known.await?.and_then(|known| serde_json::from_str(&known.payload).ok());
    }
    Ok(Json(info))
}

/// Cancel an analysis
///
/// One that waits ends at once; one that runs hears of it within moments and keeps what it knows. For one
/// that has ended nothing happens. The answer is where the job is now.
#[utoipa::path(
    post,
    path = "/analyze/jobs/{id}/cancel",
    tag = "analyses",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "Where it is now", body = JobInfo),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such job, here or for this token", body = Problem),
        (status = 410, description = "It was deleted by the rules of retention; `restorable_until` says until when an administrator can restore it", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn cancel(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<JobInfo>, Failure> {
    let Path(job) = id?;
    // One that is gone answers so.
    find(&relay, access.org, &job).await?;
    let acting = Acting { job, actor: access.name, deed: Deed::Cancel };
    let acted = relay.workshop().acted(access.org, acting).await?;
    let mut job = acted.ok_or_else(unknown_job)?.job;
    let told = relay.store(move |store| {
        without_erased(store, access.org, std::slice::from_mut(&mut job))?;
        Ok::<_, RelayStoreError>(info(&job))
    });
    Ok(Json(told.await?))
}

/// Try an analysis again
///
/// As a new job with the same request, of the profiles as they are now; for one that failed or was
/// cancelled.
#[utoipa::path(
    post,
    path = "/analyze/jobs/{id}/retry",
    tag = "analyses",
    params(
        ("id" = String, Path, description = "The job's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "The client's own name for this request"),
    ),
    responses(
        (status = 200, description = "It was submitted before, with this key", body = JobInfo),
        (status = 201, description = "The new job; `Location` is where to ask", body = JobInfo),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such job, here or for this token", body = Problem),
        (status = 410, description = "It was deleted by the rules of retention; `restorable_until` says until when an administrator can restore it", body = Problem),
        (status = 409, description = "It has not ended, or it was completed", body = Problem),
        (status = 422, description = "The `Idempotency-Key` was used for another one", body = Problem),
        (status = 429, description = "As many wait as may; `Retry-After` says when to ask again", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn retry(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Path(id) = id?;
    let row = find(&relay, access.org, &id).await?;
    if !matches!(row.state, JobState::Failed | JobState::Canceled) {
        let detail = "only an analysis that failed or was cancelled is tried again";
        return Err(Failure::new(StatusCode::CONFLICT, ProblemCode::Blocked, detail)
            .with("job_status", json!(row.state)));
    }
    let key = idempotency_key(&headers)?;
    let (row, is_new) = if kartei_analysis::NAMES.contains(&row.analysis.as_str()) {
        let params = serde_json::from_str(&row.params).unwrap_or_default();
        let asked = NewJob { analysis: row.analysis, filter: row.filter, params };
        submit(&relay, &access, asked, key, Some(row.id)).await?
    } else {
        // Calibrations: all was checked and chosen when it was asked for.
        keep(&relay, &access, Submission::again(row, key)).await?
    };
    told(if is_new { StatusCode::CREATED } else { StatusCode::OK }, &row, is_new)
}

async fn found(relay: &Relay, org: OrgId, id: &str) -> Result<ResultRow, Failure> {
    let id = id.to_owned();
    let found = relay
        .store(move |store| match store.job_result(org, &id)? {
            Some(row) => Ok::<_, RelayStoreError>(Ok(row)),
            None => Ok(Err(store.gone(org, Named::Result(&id))?)),
        })
        .await?;
    found.map_err(|gone| match gone {
        Some(gone) => gone_for(gone, "this result was deleted by the rules of retention"),
        None => unknown_result(),
    })
}

/// The bytes of a result, wherever they lie. One that names somebody who was erased since is answered to nobody.
async fn text_of(relay: &Relay, org: OrgId, result: &ResultRow) -> Result<String, Failure> {
    let text = match &result.payload {
        Payload::Here(text) => text.clone(),
        Payload::Blob(name) => {
            let name = BlobName::new(name.clone()).map_err(|e| Failure::internal(&e))?;
            let bytes = relay.blobs().get(&name).await.map_err(|e| Failure::internal(&e))?;
            String::from_utf8(bytes.to_vec()).map_err(|e| Failure::internal(&e))?
        }
    };
    let (text, is_erased) = relay
        .store(move |store| {
            let is_erased = names_erased(store, org, &text)?;
            Ok::<_, RelayStoreError>((text, is_erased))
        })
        .await?;
    if is_erased {
        let detail = "this result names a profile that was erased for good; make it again";
        return Err(Failure::new(StatusCode::GONE, ProblemCode::Deleted, detail));
    }
    Ok(text)
}

/// A result
///
/// By its permalink: it never changes.
#[utoipa::path(
    get,
    path = "/analyze/results/{id}",
    tag = "analyses",
    params(("id" = String, Path, description = "The result's id")),
    responses(
        (status = 200, description = "The result", body = JobResult),
        (status = 304, description = "The client has it"),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 404, description = "No such result, here or for this token", body = Problem),
        (status = 410, description = "It was deleted by the rules of retention (`restorable_until` says until when an administrator can restore it), or names a profile that was erased since", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn result(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Path(id) = id?;
    let row = found(&relay, access.org, &id).await?;
    let tag = format!("\"{}\"", hex(&row.digest));
    let known = crate::conditions::tags(&headers, &header::IF_NONE_MATCH)?.unwrap_or_default();
    let is_known = known.iter().any(|one| one == "*" || *one == hex(&row.digest));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let text = text_of(&relay, access.org, &row).await?;
        let result = RawValue::from_string(text).map_err(|e| Failure::internal(&e))?;
        Json(JobResult {
            result_id: row.id,
            job_id: row.job,
            by: row.by,
            created_at: row.created_at,
            digest: hex(&row.digest),
            result,
        })
        .into_response()
    };
    let tag = HeaderValue::from_str(&tag).map_err(|e| Failure::internal(&e))?;
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}
