//! Calibrations: made or brought here, looked at, activated. docs/behavior.md says what they are.

pub(super) mod fit;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kartei_behavior::{BandChanges, Calibration, Gate, GateKind, Schema, gates, unseen};
use kartei_profile::RecordHash;
use kartei_protocol::calibrations::{
    ActivateAt, CalibrationAnswer, CalibrationEntry, CalibrationGate, CalibrationList,
    CalibrationStage, NewCalibration,
};
use kartei_protocol::problem::ProblemCode;
use kartei_relay_store::{
    Activated, CALIBRATIONS_MAX, CalibrationAdded, CalibrationDeleted, CalibrationRow, DryRun,
    NewCalibrationRow, OrgId, WholeCalibration,
};
use serde_json::json;
use serde_json::value::RawValue;

use crate::auth::{Caller, Writer};
use crate::conditions;
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::routes::request::Object;
use crate::serve::Relay;

fn entry(row: CalibrationRow) -> CalibrationEntry {
    CalibrationEntry {
        version: row.version,
        schema: row.schema,
        schema_version: row.schema_version,
        stage: row.stage,
        as_of: row.as_of,
        profiles: row.profiles,
        made_by: row.made_by,
        made_at: row.made_at,
        changed_by: row.changed_by,
        changed_at: row.changed_at,
    }
}

fn unknown() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, "there is no such calibration")
}

/// All of an organisation, as answered and with a hash of that.
fn listed(rows: Vec<CalibrationRow>) -> Result<(String, RecordHash), Failure> {
    let list = CalibrationList { calibrations: rows.into_iter().map(entry).collect() };
    let text = serde_json::to_string(&list).map_err(|e| Failure::internal(&e))?;
    let hash = RecordHash::from_bytes(*blake3::hash(text.as_bytes()).as_bytes());
    Ok((text, hash))
}

/// Calibrations
///
/// All of the organisation, the one that was changed last first. Ask with `If-None-Match`: as long as nothing
/// changed the answer is 304.
#[utoipa::path(
    get,
    path = "/calibrations",
    tag = "calibrations",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of an answer before")),
    responses(
        (status = 200, description = "All calibrations", body = CalibrationList, headers(("ETag", description = "A hash of the answer"))),
        (status = 304, description = "Nothing changed"),
        (status = 400, description = "An `If-None-Match` that is none", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn list(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let rows = relay.store(move |store| store.calibrations(access.org)).await?;
    let (text, hash) = listed(rows)?;
    let tag = HeaderValue::from_str(&conditions::tag(hash)).map_err(|e| Failure::internal(&e))?;
    if conditions::is_known(&headers, hash)? {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::ETAG, tag), (header::CONTENT_TYPE, kind)], text).into_response())
}

fn gate(gate: Gate) -> CalibrationGate {
    CalibrationGate {
        kind: gate.kind.word().to_owned(),
        passes: gate.passes,
        failing: gate.failing,
        worst: gate.worst,
        limit: gate.limit,
    }
}

fn raw(text: String) -> Result<Box<RawValue>, Failure> {
    RawValue::from_string(text).map_err(|e| Failure::internal(&e))
}

/// What it says. It was read when it was added.
fn said(whole: &WholeCalibration) -> Result<Calibration, Failure> {
    Calibration::parse(&whole.body).map_err(|e| Failure::internal(&e))
}

/// How many it moves, as that was kept.
fn moved(dry_run: Option<&DryRun>) -> Result<Option<Vec<BandChanges>>, Failure> {
    let moves = dry_run.and_then(|dry_run| dry_run.moves.as_deref());
    moves.map(|moves| serde_json::from_str(moves).map_err(|e| Failure::internal(&e))).transpose()
}

/// The gates that a draft does not pass and that nobody has seen yet, in place of the one of the version `instead_of`.
async fn unseen_gates(
    relay: &Relay,
    org: OrgId,
    whole: &WholeCalibration,
    instead_of: Option<String>,
) -> Result<Vec<GateKind>, Failure> {
    let Some(instead_of) = instead_of else { return Ok(unseen(&said(whole)?, None, None)) };
    let dry_run = whole.dry_run.as_ref().filter(|dry_run| dry_run.compared_with == instead_of);
    let found = relay.store(move |store| store.calibration(org, &instead_of)).await?;
    // Where there is no such version, activating says so.
    let Some(active) = found else { return Ok(Vec::new()) };
    let mut kinds = unseen(&said(whole)?, Some(&said(&active)?), moved(dry_run)?.as_deref());
    if dry_run.is_none() {
        kinds.push(GateKind::Moves);
    }
    Ok(kinds)
}

/// One calibration
///
/// With its schema, all that it says, and what it should keep before scores are by it.
#[utoipa::path(
    get,
    path = "/calibrations/{version}",
    tag = "calibrations",
    params(("version" = String, Path, description = "The calibration's version")),
    responses(
        (status = 200, description = "The calibration", body = CalibrationAnswer),
        (status = 400, description = "No version", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 404, description = "No such calibration, here or for this token", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn get(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    version: Result<Path<String>, PathRejection>,
) -> Result<Json<CalibrationAnswer>, Failure> {
    let Path(version) = version?;
    let found = relay.store(move |store| store.calibration(access.org, &version)).await?;
    let whole = found.ok_or_else(unknown)?;
    let moved = moved(whole.dry_run.as_ref())?;
    Ok(Json(CalibrationAnswer {
        gates: gates(&said(&whole)?, moved.as_deref()).into_iter().map(gate).collect(),
        entry: entry(whole.row),
        compared_with: whole.dry_run.map(|dry_run| dry_run.compared_with),
        schema: raw(whole.schema_text)?,
        calibration: raw(whole.body)?,
    }))
}

/// Bring a calibration
///
/// It is a draft until somebody activates it. Its version is a hash of what it says: bringing the same one again
/// changes nothing.
#[utoipa::path(
    post,
    path = "/calibrations",
    tag = "calibrations",
    request_body = NewCalibration,
    responses(
        (status = 200, description = "It was here", body = CalibrationEntry),
        (status = 201, description = "It is a draft; `Location` is where it is", body = CalibrationEntry),
        (status = 400, description = "A schema or a calibration that is none, or one of another schema", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 409, description = "The organisation has as many as it may", body = Problem),
        (status = 413, description = "More than 32 MiB", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn add(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    brought: Result<Object<NewCalibration>, Failure>,
) -> Result<Response, Failure> {
    let Object(brought) = brought?;
    let schema = Schema::parse(brought.schema.get())
        .map_err(|e| Failure::invalid(format!("schema: {e}")))?;
    let calibration = Calibration::parse(brought.calibration.get())
        .map_err(|e| Failure::invalid(format!("calibration: {e}")))?;
    calibration.check_schema(&schema).map_err(|e| Failure::invalid(e.to_string()))?;
    let added = relay
        .store(move |store| {
            let (version, body) = (calibration.version(), calibration.text());
            let new = NewCalibrationRow {
                version: &version,
                schema: schema.name(),
                schema_version: schema.version(),
                as_of: calibration.as_of_ms,
                profiles: calibration.profiles,
                schema_text: schema.text(),
                body: &body,
            };
            store.add_calibration(access.org, &access.name, &new)
        })
        .await?;
    let (status, row) = match added {
        CalibrationAdded::New(row) => (StatusCode::CREATED, row),
        CalibrationAdded::Same(row) => (StatusCode::OK, row),
        CalibrationAdded::TooMany => {
            let detail = format!(
                "an organisation has {CALIBRATIONS_MAX} calibrations at most; delete drafts"
            );
            return Err(Failure::new(StatusCode::CONFLICT, ProblemCode::Blocked, detail));
        }
    };
    let place = HeaderValue::from_str(&format!("/calibrations/{}", row.version));
    let place = place.map_err(|e| Failure::internal(&e))?;
    Ok((status, [(header::LOCATION, place)], Json(entry(row))).into_response())
}

/// Activate a calibration
///
/// In one step: the one that was active retires. `instead_of` says which one that is; where another one became active
/// meanwhile nothing changes. Where it does not pass its gates, `accept` has to say that this was seen; as long as
/// nobody has looked whom it moves against that one, `moves` is one that it does not pass.
#[utoipa::path(
    post,
    path = "/calibrations/{version}/activate",
    tag = "calibrations",
    params(("version" = String, Path, description = "The calibration's version")),
    request_body = ActivateAt,
    responses(
        (status = 200, description = "It is active", body = CalibrationEntry),
        (status = 400, description = "No version", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such calibration, here or for this token", body = Problem),
        (status = 409, description = "Another one is active than `instead_of` (`active` says which), or gates fail (code `gates`)", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn activate(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    version: Result<Path<String>, PathRejection>,
    asked: Result<Object<ActivateAt>, Failure>,
) -> Result<Json<CalibrationEntry>, Failure> {
    let Object(asked) = asked?;
    let (Path(version), org) = (version?, access.org);
    let wanted = version.clone();
    let found = relay.store(move |store| store.calibration(org, &wanted)).await?;
    let whole = found.ok_or_else(unknown)?;
    if whole.row.stage == CalibrationStage::Draft && !asked.accept {
        let failing: Vec<&str> = unseen_gates(&relay, org, &whole, asked.instead_of.clone())
            .await?
            .into_iter()
            .map(GateKind::word)
            .collect();
        if !failing.is_empty() {
            let detail = format!(
                "the calibration does not pass: {}; look at them, then send `accept`. Whom it moves is known behind \
                 POST /calibrations/{version}/compare",
                failing.join(", ")
            );
            return Err(Failure::new(StatusCode::CONFLICT, ProblemCode::Gates, detail)
                .with("gates", json!(failing)));
        }
    }
    let activated = relay.store(move |store| {
        store.activate_calibration(org, &access.name, &version, asked.instead_of.as_deref())
    });
    match activated.await? {
        Activated::Now(row) | Activated::Already(row) => Ok(Json(entry(row))),
        Activated::Missing => Err(unknown()),
        Activated::Overtaken(active) => {
            let detail = "another calibration of this schema is active than `instead_of` says: look at it first";
            Err(Failure::new(StatusCode::CONFLICT, ProblemCode::Blocked, detail)
                .with("active", json!(active)))
        }
    }
}

/// Delete a draft
#[utoipa::path(
    delete,
    path = "/calibrations/{version}",
    tag = "calibrations",
    params(("version" = String, Path, description = "The calibration's version")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "No version", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token may not write", body = Problem),
        (status = 404, description = "No such calibration, here or for this token", body = Problem),
        (status = 409, description = "Scores are or were by it", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn delete(
    State(relay): State<Arc<Relay>>,
    Writer(access): Writer,
    version: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Failure> {
    let Path(version) = version?;
    let deleted =
        relay.store(move |store| store.delete_calibration(access.org, &access.name, &version));
    match deleted.await? {
        CalibrationDeleted::Gone => Ok(StatusCode::NO_CONTENT),
        CalibrationDeleted::Missing => Err(unknown()),
        CalibrationDeleted::NoDraft => {
            let detail =
                "scores are or were by this calibration: it stays, so that they can be explained";
            Err(Failure::new(StatusCode::CONFLICT, ProblemCode::Blocked, detail))
        }
    }
}
