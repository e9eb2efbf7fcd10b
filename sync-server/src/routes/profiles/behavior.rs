//! Where somebody stands, by the calibrations that are active.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kartei_behavior::{Calibration, DimensionScore, Person, Schema, Scorer, Standing, Vector};
use kartei_profile::Record;
use kartei_protocol::calibrations::CalibrationStage;
use kartei_relay_store::{OrgId, RelayStore, RelayStoreError, WholeCalibration};
use serde::Serialize;
use utoipa::ToSchema;

use super::missing;
use crate::auth::Caller;
use crate::conditions::tags;
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::serve::Relay;

/// Where somebody stands, by each active calibration.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Behavior {
    /// The profile.
    id: String,
    /// SHA-256 of the record that this is of.
    hash: String,
    /// By schema.
    vectors: Vec<BehaviorOf>,
}

/// Where somebody stands, by one calibration.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BehaviorOf {
    /// The schema's name.
    schema: String,
    /// The schema's version.
    schema_version: u32,
    /// The calibration's version. Scores by different ones cannot be compared.
    calibration: String,
    /// The moment that scores are of, in milliseconds since 1970.
    as_of: i64,
    /// In the order of the schema's; those that nothing is known of are left out.
    dimensions: Vec<Score>,
}

/// A dimension.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Score {
    /// Its name.
    name: String,
    /// 0 to 1.
    score: f64,
    /// Between what it lies with 90 % confidence.
    #[schema(value_type = Vec<f64>)]
    band_90: [f64; 2],
    /// How much of it rests on what was observed, 0 to 1.
    confidence: f64,
    /// Its place in the population, 0 to 1; nothing where that is too small.
    percentile: Option<f64>,
    /// The T score of that.
    t_score: Option<f64>,
    /// The stanine of that.
    stanine: Option<u8>,
    /// What each signal adds: with ½ they add up to the score.
    contributions: Vec<Part>,
}

/// What a signal adds to a dimension.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Part {
    /// The signal.
    signal: String,
    /// Its share of the weights, 0 to 1.
    weight: f64,
    /// Where its number stands in the population, towards the dimension's upper end; nothing where it has no place.
    place: Option<f64>,
    /// How reliable that is, 0 to 1.
    reliability: Option<f64>,
    /// What it adds.
    value: f64,
}

fn score(schema: &Schema, vector: &Vector, dimension: usize, score: &DimensionScore) -> Score {
    let parts = score.contributions.iter().map(|part| {
        let placed = match vector.signals.get(part.signal) {
            Some(Standing::Placed { toward, reliability, .. }) => Some((*toward, *reliability)),
            _ => None,
        };
        Part {
            signal: schema.signals()[part.signal].name.clone(),
            weight: part.weight,
            place: placed.map(|(place, _)| place),
            reliability: placed.map(|(_, reliability)| reliability),
            value: part.value,
        }
    });
    Score {
        name: schema.dimensions()[dimension].name.clone(),
        score: score.score,
        band_90: score.band_90(),
        confidence: score.confidence,
        percentile: score.percentile,
        t_score: score.t_score(),
        stanine: score.stanine(),
        contributions: parts.collect(),
    }
}

fn behavior_of(whole: &WholeCalibration, record: &Record) -> Result<BehaviorOf, Failure> {
    let schema = Schema::parse(&whole.schema_text).map_err(|e| Failure::internal(&e))?;
    let calibration = Calibration::parse(&whole.body).map_err(|e| Failure::internal(&e))?;
    let scorer = Scorer::new(&schema, &calibration).map_err(|e| Failure::internal(&e))?;
    let mut person = Person::default();
    person.measure(&schema, record, scorer.as_of_ms());
    let vector = scorer.vector(&person);
    let scores = vector.dimensions.iter().enumerate();
    let dimensions =
        scores.filter_map(|(at, one)| Some(score(&schema, &vector, at, one.as_ref()?))).collect();
    Ok(BehaviorOf {
        schema: whole.row.schema.clone(),
        schema_version: whole.row.schema_version,
        calibration: whole.row.version.clone(),
        as_of: calibration.as_of_ms,
        dimensions,
    })
}

/// The active calibrations of an organisation, by schema.
fn active(store: &RelayStore, org: OrgId) -> Result<Vec<WholeCalibration>, RelayStoreError> {
    let mut rows = store.calibrations(org)?;
    rows.retain(|row| row.stage == CalibrationStage::Active);
    rows.sort_by(|a, b| a.schema.cmp(&b.schema));
    let mut whole = Vec::new();
    for row in rows {
        whole.extend(store.calibration(org, &row.version)?);
    }
    Ok(whole)
}

/// Where somebody stands
///
/// The scores of a profile by each active calibration, with what each signal adds. The entity tag names the record and
/// the calibrations: as long as both are the same, so are the scores.
#[utoipa::path(
    get,
    path = "/profiles/{id}/behavior",
    tag = "calibrations",
    params(
        ("id" = String, Path, description = "The record's id"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an answer before"),
    ),
    responses(
        (status = 200, description = "The scores", body = Behavior, headers(("ETag", description = "SHA-256 of the record and the versions of the calibrations"))),
        (status = 304, description = "It is what `If-None-Match` names"),
        (status = 400, description = "An `If-None-Match` that is none", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 404, description = "No such profile, here or for this token", body = Problem),
        (status = 410, description = "It was erased for good", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn get(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let (Path(id), org) = (id?, access.org);
    let asked = id.clone();
    let look = move |store: &RelayStore| {
        let Some(profile) = store.profile(org, &asked)? else { return Ok(None) };
        Ok::<_, RelayStoreError>(Some((profile, active(store, org)?)))
    };
    let Some((profile, active)) = relay.store(look).await? else {
        return Err(missing(&relay, org, id).await);
    };
    let mut tag = profile.hash.to_string();
    for one in &active {
        tag.push('.');
        tag.push_str(&one.row.version);
    }
    let known = tags(&headers, &header::IF_NONE_MATCH)?.unwrap_or_default();
    let quoted = HeaderValue::from_str(&format!("\"{tag}\"")).map_err(|e| Failure::internal(&e))?;
    if known.iter().any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, quoted)]).into_response());
    }
    let record = Record::from_stored(&profile.record).map_err(|e| Failure::internal(&e))?;
    let vectors = active.iter().map(|one| behavior_of(one, &record)).collect::<Result<_, _>>()?;
    let told = Behavior { id, hash: profile.hash.to_string(), vectors };
    Ok(([(header::ETAG, quoted)], Json(told)).into_response())
}
