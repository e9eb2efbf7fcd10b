//! From calibrations and vectors to what a front end shows.

use kartei_behavior::{
    Band, Calibration, Gate, GateKind, Moved, Person, Scale, Schema, Scorer, Separation, Standing,
    Title, gates, weight_at,
};
use kartei_local_store::{CalibrationState, StoredCalibration};
use kartei_profile::Record;
use kartei_protocol::desktop as wire;

use crate::clock;

/// Observations of a signal that are told one by one.
const TOLD: usize = 20;

/// The places in the population that are marked beside a score.
const MARKS: [f64; 5] = [0.1, 0.25, 0.5, 0.75, 0.9];

pub(crate) fn titles(title: Option<&Title>) -> Option<wire::Titles> {
    title.map(|title| wire::Titles { en: title.en.clone(), de: title.de.clone() })
}

pub(super) fn schema(schema: &Schema, ready: bool) -> wire::BehaviorSchema {
    wire::BehaviorSchema {
        name: schema.name().to_owned(),
        version: schema.version(),
        title: titles(schema.title()),
        ready,
        signals: u32::try_from(schema.signals().len()).unwrap_or(u32::MAX),
        dimensions: u32::try_from(schema.dimensions().len()).unwrap_or(u32::MAX),
        text: schema.text().to_owned(),
    }
}

pub(super) fn moved(stored: &StoredCalibration) -> Option<Moved> {
    serde_json::from_str(stored.moves.as_deref()?).ok()
}

pub(super) fn info(stored: &StoredCalibration, calibration: &Calibration) -> wire::CalibrationInfo {
    wire::CalibrationInfo {
        version: stored.version.clone(),
        schema: stored.schema.clone(),
        schema_version: stored.schema_version,
        stage: match stored.state {
            CalibrationState::Draft => wire::CalibrationStage::Draft,
            CalibrationState::Active => wire::CalibrationStage::Active,
            CalibrationState::Retired => wire::CalibrationStage::Retired,
        },
        as_of: clock::text(calibration.as_of_ms),
        filter: calibration.filter.clone(),
        profiles: calibration.profiles,
        made_at: clock::text(stored.made_at),
        change_band: moved(stored).map(|moved| moved.change_band),
    }
}

pub(super) fn detail(
    stored: &StoredCalibration,
    schema: &Schema,
    calibration: &Calibration,
    active: Option<&str>,
) -> wire::CalibrationDetail {
    let moved = moved(stored);
    let signals = schema.signals().iter().zip(&calibration.signals).map(|(signal, fit)| {
        wire::SignalDiagnostics {
            name: fit.name.clone(),
            title: titles(signal.title.as_ref()),
            reversed: signal.direction == kartei_behavior::Direction::Down,
            people: fit.people,
            observations: fit.observations,
            out_of_range: fit.out_of_range,
            median: fit.median.map(|value| signal.as_observed(value)),
            range: fit.range.map(|range| range.map(|value| signal.as_observed(value))),
            method: match fit.scale {
                Scale::MidRank { .. } => wire::ScaleMethod::MidRank,
                Scale::RobustZ { .. } => wire::ScaleMethod::RobustZ,
                Scale::Uncalibrated { .. } => wire::ScaleMethod::Uncalibrated,
            },
            reliability: fit.separation.reliability(1.0),
            measured: !matches!(fit.separation, Separation::Stated { .. }),
            parts: fit.parts.to_vec(),
            stability: fit.stability,
        }
    });
    let dimensions = schema.dimensions().iter().zip(&calibration.dimensions).enumerate();
    let dimensions = dimensions.map(|(place, (dimension, fit))| {
        let moves = moved.as_ref().and_then(|moved| moved.dimensions.get(place));
        wire::DimensionDiagnostics {
            name: fit.name.clone(),
            title: titles(dimension.title.as_ref()),
            people: fit.people,
            alpha: fit.alpha,
            complete: fit.complete,
            change_band: moves.map(|moves| [moves.change_band, moves.people]),
            farthest: moves
                .map_or(&[][..], |moves| &moves.farthest)
                .iter()
                .map(|one| wire::PersonMove { id: one.id.clone(), from: one.from, to: one.to })
                .collect(),
        }
    });
    let changes = moved.as_ref().map(Moved::band_changes);
    wire::CalibrationDetail {
        calibration: info(stored, calibration),
        population: calibration.population.clone(),
        signals: signals.collect(),
        dimensions: dimensions.collect(),
        gates: gates(calibration, changes.as_deref()).into_iter().map(gate).collect(),
        compared: stored.compared_with.as_deref() == active,
        compared_with: stored.compared_with.clone(),
    }
}

fn gate(gate: Gate) -> wire::Gate {
    wire::Gate {
        kind: match gate.kind {
            GateKind::People => wire::GateKind::People,
            GateKind::Alpha => wire::GateKind::Alpha,
            GateKind::Holdout => wire::GateKind::Holdout,
            GateKind::Separation => wire::GateKind::Separation,
            GateKind::Stability => wire::GateKind::Stability,
            GateKind::Moves => wire::GateKind::Moves,
        },
        passes: gate.passes,
        failing: gate.failing,
        worst: gate.worst,
        limit: gate.limit,
    }
}

/// Where somebody stands; nothing where no signal of the schema says anything.
pub(super) fn vector(
    schema: &Schema,
    calibration: &Calibration,
    version: &str,
    record: &Record,
) -> Option<wire::BehaviorVector> {
    let scorer = Scorer::new(schema, calibration).ok()?;
    let mut person = Person::default();
    person.measure(schema, record, calibration.as_of_ms);
    if person.signals.iter().all(|one| one.counted.is_empty()) {
        return None;
    }
    let found = scorer.vector(&person);
    let dimensions = schema.dimensions().iter().zip(&calibration.dimensions);
    let dimensions = dimensions
        .zip(&found.dimensions)
        .map(|((dimension, fit), score)| {
            let parts = score.as_ref().map_or(&[][..], |score| &score.contributions);
            let marks = MARKS.map(|u| fit.scale.number_at(u));
            wire::DimensionScore {
                name: dimension.name.clone(),
                title: titles(dimension.title.as_ref()),
                score: score.as_ref().map(|score| score.score),
                band_90: score.as_ref().map(kartei_behavior::DimensionScore::band_90),
                confidence: score.as_ref().map_or(0.0, |score| score.confidence),
                percentile: score.as_ref().and_then(|score| score.percentile),
                t_score: score.as_ref().and_then(kartei_behavior::DimensionScore::t_score),
                stanine: score.as_ref().and_then(kartei_behavior::DimensionScore::stanine),
                band: score.as_ref().and_then(kartei_behavior::DimensionScore::band).map(band),
                parts: parts
                    .iter()
                    .map(|part| wire::ScorePart {
                        signal: u32::try_from(part.signal).unwrap_or(u32::MAX),
                        weight: part.weight,
                        value: part.value,
                    })
                    .collect(),
                marks: match marks {
                    [Some(a), Some(b), Some(c), Some(d), Some(e)] => Some([a, b, c, d, e]),
                    _ => None,
                },
            }
        })
        .collect();
    let signals = (0..schema.signals().len())
        .map(|place| signal(schema, calibration, place, &person, &found.signals[place], record));
    Some(wire::BehaviorVector {
        schema: schema.name().to_owned(),
        title: titles(schema.title()),
        calibration: version.to_owned(),
        as_of: clock::text(calibration.as_of_ms),
        population: calibration.profiles,
        dimensions,
        signals: signals.collect(),
    })
}

fn band(band: Band) -> wire::ScoreBand {
    match band {
        Band::Low => wire::ScoreBand::Low,
        Band::Middle => wire::ScoreBand::Middle,
        Band::High => wire::ScoreBand::High,
    }
}

fn signal(
    schema: &Schema,
    calibration: &Calibration,
    place: usize,
    person: &Person,
    standing: &Standing,
    record: &Record,
) -> wire::SignalScore {
    let (signal, measured) = (&schema.signals()[place], &person.signals[place]);
    let separation = calibration.signals[place].separation;
    let (where_, extrapolated, reliability) = match standing {
        Standing::Placed { place, reliability, .. } => {
            (Some(place.u), place.extrapolated, Some(*reliability))
        }
        Standing::Unobserved | Standing::Uncalibrated => (None, false, None),
    };
    let weights: Vec<f64> =
        measured.counted.iter().map(|one| weight_at(signal, one, calibration.as_of_ms)).collect();
    let all: f64 = weights.iter().sum();
    let observed = record.members().get("observations").and_then(serde_json::Value::as_array);
    let newest = measured.counted.iter().zip(&weights).rev().take(TOLD).map(|(one, weight)| {
        let value = observed.and_then(|all| all.get(one.place)?["value"].as_f64());
        wire::ObservationShare {
            at: clock::text(one.at_ms),
            value: value.unwrap_or(one.value),
            n: one.n,
            share: if all > 0.0 { weight / all } else { 0.0 },
        }
    });
    wire::SignalScore {
        name: signal.name.clone(),
        title: titles(signal.title.as_ref()),
        reversed: signal.direction == kartei_behavior::Direction::Down,
        standing: match standing {
            Standing::Unobserved => wire::SignalStanding::Unobserved,
            Standing::Uncalibrated => wire::SignalStanding::Uncalibrated,
            Standing::Placed { .. } if matches!(separation, Separation::None { .. }) => {
                wire::SignalStanding::DoesNotSeparate
            }
            Standing::Placed { .. } => wire::SignalStanding::Placed,
        },
        value: measured.value.map(|value| signal.as_observed(value)),
        n_eff: measured.n_eff,
        observations: measured.counted.len() as u64,
        out_of_range: measured.out_of_range,
        later: measured.later,
        place: where_,
        extrapolated,
        reliability,
        newest: newest.collect(),
    }
}
