//! What a calibration should keep before scores are by it.

use serde::Serialize;

use crate::calibration::{Calibration, Separation};
use crate::moves::BandChanges;
use crate::reference::RANKS_FROM;

/// Cronbach's α below which items of a scale have little in common (Nunnally 1967, for early research).
const ALPHA_MIN: f64 = 0.6;

/// How many times its bound a hold-out may be off: among some hundred signals, chance alone passes it once in a
/// thousand calibrations.
const HOLDOUT_MAX: f64 = 1.5;

/// Population stability index from which a population is another one, by the usual rule.
const STABILITY_MAX: f64 = 0.25;

/// Share of people that may change band in a dimension.
const MOVES_MAX: f64 = 0.2;

/// What is looked at; its word in JSON is its name in small letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// People that have a number of a signal: from 30 on there are ranks.
    People,
    /// Cronbach's α of a dimension.
    Alpha,
    /// The largest difference of a scale for people that it was not made of, in its bound.
    Holdout,
    /// Signals that do not tell people apart.
    Separation,
    /// The population stability index of a signal.
    Stability,
    /// The share of people that change band in a dimension.
    Moves,
}

impl GateKind {
    /// Its word, as everywhere outside of this program.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Alpha => "alpha",
            Self::Holdout => "holdout",
            Self::Separation => "separation",
            Self::Stability => "stability",
            Self::Moves => "moves",
        }
    }
}

/// Something that a calibration should keep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gate {
    /// What is looked at.
    pub kind: GateKind,
    /// The signals or dimensions that do not pass, in the order of the schema's.
    pub failing: Vec<String>,
    /// The worst of all; nothing where there is nothing to look at.
    pub worst: Option<f64>,
    /// What it is held against.
    pub limit: f64,
    /// Whether it passes.
    pub passes: bool,
}

/// The gates of a calibration; `moved` is how many it moves against the one before, by dimension.
#[must_use]
pub fn gates(calibration: &Calibration, moved: Option<&[BandChanges]>) -> Vec<Gate> {
    let signals = &calibration.signals;
    let least = |kind, limit, numbers: Vec<(&str, f64)>| gate(kind, limit, &numbers, true);
    let most = |kind, limit, numbers: Vec<(&str, f64)>| gate(kind, limit, &numbers, false);
    let mut gates = vec![
        least(
            GateKind::People,
            RANKS_FROM as f64,
            signals.iter().map(|fit| (fit.name.as_str(), fit.people as f64)).collect(),
        ),
        least(
            GateKind::Alpha,
            ALPHA_MIN,
            calibration
                .dimensions
                .iter()
                .filter_map(|fit| Some((fit.name.as_str(), fit.alpha?)))
                .collect(),
        ),
        most(
            GateKind::Holdout,
            HOLDOUT_MAX,
            signals
                .iter()
                .filter_map(|fit| Some((fit.name.as_str(), fit.holdout.map(|h| h.off / h.bound)?)))
                .collect(),
        ),
        most(
            GateKind::Separation,
            0.0,
            signals
                .iter()
                .map(|fit| {
                    let is_blind = matches!(fit.separation, Separation::None { .. });
                    (fit.name.as_str(), f64::from(u8::from(is_blind)))
                })
                .collect(),
        ),
        most(
            GateKind::Stability,
            STABILITY_MAX,
            signals.iter().filter_map(|fit| Some((fit.name.as_str(), fit.stability?))).collect(),
        ),
    ];
    if let Some(moved) = moved {
        let share = |part: u64, of: u64| if of == 0 { 0.0 } else { part as f64 / of as f64 };
        gates.push(most(
            GateKind::Moves,
            MOVES_MAX,
            calibration
                .dimensions
                .iter()
                .zip(moved)
                .map(|(fit, moves)| (fit.name.as_str(), share(moves.change_band, moves.people)))
                .collect(),
        ));
    }
    gates
}

/// The gates that a calibration does not pass and that nobody has seen yet, before it takes the place of `active`. With
/// the fit of that one, whom it moves is all that is new.
#[must_use]
pub fn unseen(
    calibration: &Calibration,
    active: Option<&Calibration>,
    moved: Option<&[BandChanges]>,
) -> Vec<GateKind> {
    let is_rolled = active.is_some_and(|active| calibration.has_fit_of(active));
    let failing = gates(calibration, moved).into_iter().filter(|gate| !gate.passes);
    let kinds = failing.map(|gate| gate.kind);
    kinds.filter(|kind| !is_rolled || *kind == GateKind::Moves).collect()
}

fn gate(kind: GateKind, limit: f64, numbers: &[(&str, f64)], is_least: bool) -> Gate {
    let keeps = |number: f64| if is_least { number >= limit } else { number <= limit };
    let failing: Vec<String> = numbers
        .iter()
        .filter(|(_, number)| !keeps(*number))
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let each = numbers.iter().map(|(_, number)| *number);
    let worst = if is_least { each.min_by(f64::total_cmp) } else { each.max_by(f64::total_cmp) };
    Gate { kind, passes: failing.is_empty(), failing, worst, limit }
}
