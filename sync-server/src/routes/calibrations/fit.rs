//! Calibrations that the relay makes of the profiles that it has, and dry runs of them: jobs, as analyses are.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use kartei_behavior::{Schema, ready};
use kartei_profile::Instant;
use kartei_protocol::calibrations::{CalibrationStage, DryRunAt, FitAt};
use kartei_protocol::jobs::JobInfo;
use kartei_protocol::problem::ProblemCode;
use kartei_relay_store::{Access, CalibrationRow, OrgId, WholeCalibration};
use serde::Serialize;
use serde_json::json;

use super::super::analyze::{Submission, keep, told};
use super::super::profiles::list::filter_of;
use super::super::request::idempotency_key;
use super::{raw, unknown};
use crate::auth::Writer;
use crate::jobs::calibrate::{CALIBRATION, DRY_RUN, DryRunParams, FitParams};
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::routes::request::Object;
use crate::serve::Relay;

fn missing(what: String) -> Failure {
    Failure::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, what)
}

fn blocked(why: String) -> Failure {
    Failure::new(StatusCode::CONFLICT, ProblemCode::Blocked, why)
}

async fn whole(relay: &Relay, org: OrgId, version: &str) -> Result<WholeCalibration, Failure> {
    let wanted = version.to_owned();
    let found = relay.store(move |store| store.calibration(org, &wanted)).await?;
    found.ok_or_else(|| missing(format!("there is no calibration `{version}` here")))
}

/// The schema that a calibration is of. It was read when the calibration was added.
fn schema_in(whole: &WholeCalibration) -> Result<Schema, Failure> {
    Schema::parse(&whole.schema_text).map_err(|e| Failure::internal(&e))
}

/// A schema by its name, of those that come with the program and those that calibrations are of; its newest version
/// where none is named.
async fn named(
    relay: &Relay,
    org: OrgId,
    rows: &[CalibrationRow],
    (name, version): (&str, Option<u32>),
) -> Result<Schema, Failure> {
    let fits = |its: u32| version.is_none_or(|version| version == its);
    let ready = ready().into_iter().filter(|one| one.name() == name && fits(one.version()));
    let ready = ready.max_by_key(Schema::version);
    let row = rows.iter().filter(|row| row.schema == name && fits(row.schema_version));
    let row = row.max_by_key(|row| row.schema_version);
    match (ready, row) {
        (ready, Some(row))
            if ready.as_ref().is_none_or(|one| one.version() < row.schema_version) =>
        {
            schema_in(&whole(relay, org, &row.version).await?)
        }
        (Some(ready), _) => Ok(ready),
        (None, _) => {
            let version = version.map(|version| format!(" {version}")).unwrap_or_default();
            Err(missing(format!("there is no behaviour schema `{name}`{version}")))
        }
    }
}

/// A schema that comes with the request. A version of one that is known never changes.
async fn brought(
    relay: &Relay,
    org: OrgId,
    rows: &[CalibrationRow],
    text: &str,
) -> Result<Schema, Failure> {
    let schema = Schema::parse(text).map_err(|e| Failure::invalid(format!("schema: {e}")))?;
    kartei_behavior::check_taken(&schema).map_err(|e| blocked(e.to_string()))?;
    let is_it = |row: &&CalibrationRow| {
        row.schema == schema.name() && row.schema_version == schema.version()
    };
    if let Some(row) = rows.iter().find(is_it) {
        let known = schema_in(&whole(relay, org, &row.version).await?)?;
        if known.hash() != schema.hash() {
            return Err(blocked(format!(
                "a calibration is of another version {} of schema `{}`: give it the next version",
                schema.version(),
                schema.name()
            )));
        }
    }
    Ok(schema)
}

fn active(rows: &[CalibrationRow], schema: &str) -> Option<String> {
    let is_it =
        |row: &&CalibrationRow| row.schema == schema && row.stage == CalibrationStage::Active;
    rows.iter().find(is_it).map(|row| row.version.clone())
}

/// What the job is told, with all that depends on what is there now, and of which profiles it is.
async fn pinned(
    relay: &Relay,
    org: OrgId,
    asked: &FitAt,
) -> Result<(FitParams, Option<String>), Failure> {
    let as_of = asked.as_of.as_deref().map(Instant::parse).transpose();
    let as_of = as_of.map_err(|e| Failure::invalid(format!("as_of: {e}")))?;
    let rows = relay.store(move |store| store.calibrations(org)).await?;
    let (schema, filter) = match (&asked.same_fit_as, &asked.schema_text, &asked.schema) {
        // Whose fit is kept was made of its own profiles; the moment is looked for among all.
        (Some(version), ..) => (schema_in(&whole(relay, org, version).await?)?, None),
        (None, Some(_), Some(_)) => {
            let detail = "say `schema`, or bring it as `schema_text`";
            return Err(Failure::invalid(detail.to_owned()));
        }
        (None, Some(text), None) => {
            (brought(relay, org, &rows, text.get()).await?, asked.filter.clone())
        }
        (None, None, Some(name)) => {
            let wanted = (name.as_str(), asked.schema_version);
            (named(relay, org, &rows, wanted).await?, asked.filter.clone())
        }
        (None, None, None) => {
            let detail = "say which `schema`, such as `bfi`, or `same_fit_as`";
            return Err(Failure::invalid(detail.to_owned()));
        }
    };
    let filter = filter.filter(|filter| !filter.is_empty());
    filter_of(filter.as_deref())?;
    let is_ready = ready().iter().any(|one| one.hash() == schema.hash());
    let params = FitParams {
        schema: schema.name().to_owned(),
        schema_version: schema.version(),
        schema_text: match is_ready || asked.same_fit_as.is_some() {
            true => None,
            false => Some(raw(schema.text().to_owned())?),
        },
        as_of: as_of.map(Instant::unix_millis),
        same_fit_as: asked.same_fit_as.clone(),
        compared_with: active(&rows, schema.name()),
        activate: asked.activate,
    };
    Ok((params, filter))
}

/// Keeps a job, and tells of it.
async fn submitted(
    relay: &Arc<Relay>,
    access: &Access,
    name: &str,
    (params, filter): (impl Serialize, Option<String>),
    request: serde_json::Value,
    key: Option<String>,
) -> Result<Response, Failure> {
    let submission = Submission {
        analysis: name.to_owned(),
        filter,
        params: serde_json::to_string(&params).map_err(|e| Failure::internal(&e))?,
        request,
        key,
        retry_of: None,
    };
    let (row, is_new) = keep(relay, access, submission).await?;
    told(if is_new { StatusCode::CREATED } else { StatusCode::OK }, &row, is_new)
}

/// Make a calibration
///
/// Of the organisation's profiles, as a job: it is followed, cancelled and tried again as analyses are. Once it is
/// completed the calibration is a draft here, and the result has its version, diagnostics and gates, and whom it would
/// move against the one that was active at the request.
#[utoipa::path(
    post,
    path = "/calibrations/fit",
    tag = "calibrations",
    params(("Idempotency-Key" = Option<String>, Header, description = "The client's own name for this request")),
    request_body = FitAt,
    responses(
        (status = 200, description = "It was submitted before, with this key", body = JobInfo),
        (status = 201, description = "It waits; `Location` is where to ask", body = JobInfo),
        (status = 400, description = "A schema, moment or filter that is none", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such schema, or no such calibration to take the fit of", body = Problem),
        (status = 409, description = "The schema that was brought is another one than the known one of that version", body = Problem),
        (status = 410, description = "The job of this `Idempotency-Key` was deleted by the rules of retention", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
        (status = 422, description = "The `Idempotency-Key` was used for something else", body = Problem),
        (status = 429, description = "As many wait as may; `Retry-After` says when to ask again", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn fit(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    headers: HeaderMap,
    asked: Result<Object<FitAt>, Failure>,
) -> Result<Response, Failure> {
    let Object(asked) = asked?;
    let key = idempotency_key(&headers)?;
    let pinned = pinned(&relay, access.org, &asked).await?;
    submitted(&relay, &access, CALIBRATION, pinned, json!({"fit": asked}), key).await
}

/// Look whom a calibration moves
///
/// Of all the organisation's profiles, as a job: it is followed, cancelled and tried again as analyses are. The result
/// has the calibration's diagnostics and gates, and whom it would move against the active one or `with`.
#[utoipa::path(
    post,
    path = "/calibrations/{version}/compare",
    tag = "calibrations",
    params(
        ("version" = String, Path, description = "The calibration's version"),
        ("Idempotency-Key" = Option<String>, Header, description = "The client's own name for this request"),
    ),
    request_body = DryRunAt,
    responses(
        (status = 200, description = "It was submitted before, with this key", body = JobInfo),
        (status = 201, description = "It waits; `Location` is where to ask", body = JobInfo),
        (status = 400, description = "No version", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such calibration, here or for this token", body = Problem),
        (status = 409, description = "They are not of one schema", body = Problem),
        (status = 410, description = "The job of this `Idempotency-Key` was deleted by the rules of retention", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
        (status = 422, description = "The `Idempotency-Key` was used for something else", body = Problem),
        (status = 429, description = "As many wait as may; `Retry-After` says when to ask again", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn compare(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    version: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    asked: Result<Object<DryRunAt>, Failure>,
) -> Result<Response, Failure> {
    let Object(asked) = asked?;
    let (Path(version), org) = (version?, access.org);
    let key = idempotency_key(&headers)?;
    let wanted = version.clone();
    let found = relay.store(move |store| store.calibration(org, &wanted)).await?;
    let one = found.ok_or_else(unknown)?;
    let compared_with = match &asked.with {
        Some(with) => {
            let other = whole(&relay, org, with).await?;
            let other = kartei_behavior::Calibration::parse(&other.body);
            let other = other.map_err(|e| Failure::internal(&e))?;
            other.check_schema(&schema_in(&one)?).map_err(|e| blocked(e.to_string()))?;
            Some(with.clone())
        }
        None => {
            let rows = relay.store(move |store| store.calibrations(org)).await?;
            active(&rows, &one.row.schema)
        }
    };
    let request = json!({"compare": version, "asked": asked});
    let params = DryRunParams { version, compared_with };
    submitted(&relay, &access, DRY_RUN, (params, None), request, key).await
}
