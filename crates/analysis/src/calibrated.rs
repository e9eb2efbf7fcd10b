//! What making a calibration comes to, as a report: diagnostics, gates, and the dry run of whom it would move.

use kartei_behavior::{
    Calibration, Direction, ENGINE, Gate, Moved, Scale, Schema, Separation, Step, Title, gates,
};
use serde_json::{Map, Value, json};

use crate::Input;
use crate::wording::{Language, finding};

/// Characters of a version that are told in a sentence: enough to tell them apart, and to type.
const VERSION_SHOWN: usize = 8;

/// A calibration that was made or held against another one.
#[derive(Debug, Clone, Copy)]
pub struct Calibrated<'a> {
    /// What was asked for: the report's `analysis`.
    pub name: &'a str,
    /// With which parameters: JSON.
    pub params: &'a Value,
    /// Of which profiles.
    pub input: &'a Input,
    /// The schema.
    pub schema: &'a Schema,
    /// The calibration.
    pub calibration: &'a Calibration,
    /// The version of the one that it was held against; nothing where none was active.
    pub compared_with: Option<&'a str>,
    /// Whom it would move; nothing where there is nothing to hold it against, or where that is of another schema.
    pub moved: Option<&'a Moved>,
    /// Whether it is active now, where that was asked for.
    pub activated: Option<bool>,
}

impl Calibrated<'_> {
    /// The report: one JSON object with `analysis`, `engine`, `params`, `input`, `calibration` (version, schema, how
    /// many profiles it was made of), `done` and `total` profiles, `compared_with`, `moved` (people with a score, and
    /// how many change band), `findings`, and the tables `signals`, `dimensions`, `farthest` and `gates`. Shares and
    /// percentiles are 0 to 1, moments milliseconds since 1970. Where it was to be activated, `activated` says whether it
    /// is.
    #[must_use]
    pub fn report(&self) -> Value {
        let (calibration, input) = (self.calibration, self.input);
        let version = calibration.version();
        let gates = gates(calibration, self.moved.map(Moved::band_changes).as_deref());
        let mut report = json!({
            "analysis": self.name,
            "engine": ENGINE,
            "params": self.params,
            "input": {
                "epoch": input.epoch,
                "revision": input.rev,
                "filter": input.filter,
                "as_of": calibration.as_of_ms,
            },
            "calibration": {
                "version": version,
                "schema": self.schema.name(),
                "schema_version": self.schema.version(),
                "profiles": calibration.profiles,
                "population": calibration.population,
            },
            "done": input.total,
            "total": input.total,
            "partial": false,
            "compared_with": self.compared_with,
            "moved": self.moved.map(|moved| {
                json!({"profiles": moved.profiles, "change_band": moved.change_band})
            }),
            "findings": self.findings(&version, &gates),
            "signals": self.signals(),
            "dimensions": self.dimensions(),
            "farthest": self.farthest(),
            "gates": gates,
        });
        if let Some(activated) = self.activated {
            report["activated"] = json!(activated);
        }
        report
    }

    fn signals(&self) -> Vec<Value> {
        let both = self.schema.signals().iter().zip(&self.calibration.signals);
        let signals = both.map(|(signal, fit)| {
            let range = fit.range.map(|range| range.map(|value| signal.as_observed(value)));
            json!({
                "name": fit.name,
                "title": titles(signal.title.as_ref()),
                "reversed": signal.direction == Direction::Down,
                "people": fit.people,
                "observations": fit.observations,
                "out_of_range": fit.out_of_range,
                "median": fit.median.map(|value| signal.as_observed(value)),
                "range": range,
                "method": match fit.scale {
                    Scale::MidRank { .. } => "mid_rank",
                    Scale::RobustZ { .. } => "robust_z",
                    Scale::Uncalibrated { .. } => "uncalibrated",
                },
                "reliability": fit.separation.reliability(1.0),
                "measured": !matches!(fit.separation, Separation::Stated { .. }),
                "parts": fit.parts,
                "stability": fit.stability,
            })
        });
        signals.collect()
    }

    fn dimensions(&self) -> Vec<Value> {
        let both = self.schema.dimensions().iter().zip(&self.calibration.dimensions).enumerate();
        let dimensions = both.map(|(at, (dimension, fit))| {
            let mut told = Map::new();
            told.insert("name".to_owned(), json!(fit.name));
            told.insert("title".to_owned(), titles(dimension.title.as_ref()));
            told.insert("people".to_owned(), json!(fit.people));
            told.insert("alpha".to_owned(), json!(fit.alpha));
            told.insert("complete".to_owned(), json!(fit.complete));
            if let Some(moves) = self.moved.and_then(|moved| moved.dimensions.get(at)) {
                told.insert("compared".to_owned(), json!(moves.people));
                told.insert("change_band".to_owned(), json!(moves.change_band));
                told.insert("gain".to_owned(), json!(moves.gain));
                told.insert("lose".to_owned(), json!(moves.lose));
            }
            Value::Object(told)
        });
        dimensions.collect()
    }

    fn farthest(&self) -> Vec<Value> {
        let Some(moved) = self.moved else { return Vec::new() };
        let both = self.calibration.dimensions.iter().zip(&moved.dimensions);
        let moves = both.flat_map(|(fit, moves)| {
            moves.farthest.iter().map(
                |one| json!({"dimension": fit.name, "id": one.id, "from": one.from, "to": one.to}),
            )
        });
        moves.collect()
    }

    fn findings(&self, version: &str, gates: &[Gate]) -> Vec<Value> {
        let (short, schema) = (short(version), self.schema.name());
        let profiles = self.calibration.profiles;
        let made = finding("calibration", Some(version), profiles, |language| {
            let people = language.whole(profiles);
            match language {
                Language::English => {
                    format!("Calibration {short} of schema {schema} is made of {people} profiles.")
                }
                Language::German => {
                    format!("Kalibrierung {short} des Schemas {schema} ist aus {people} Profilen.")
                }
            }
        });
        let mut findings = vec![made];
        if let (Some(moved), Some(before)) = (self.moved, self.compared_with) {
            let before = self::short(before);
            findings.push(finding("moves", Some(version), moved.change_band, |language| {
                let (some, all) =
                    (language.whole(moved.change_band), language.whole(moved.profiles));
                let share = language.percent(moved.change_band, moved.profiles);
                match language {
                    Language::English => format!(
                        "Against {before}, {some} of {all} people ({share}) would change band in a dimension."
                    ),
                    Language::German => format!(
                        "Gegenüber {before} wechselten {some} von {all} Menschen ({share}) in einem Merkmal das Band."
                    ),
                }
            }));
        }
        let failing: Vec<&Gate> = gates.iter().filter(|gate| !gate.passes).collect();
        findings.extend(failing.iter().map(|gate| {
            let count = gate.failing.len() as u64;
            finding("gate", Some(gate.kind.word()), count, |language| {
                let names = language.list(&gate.failing).unwrap_or_default();
                let kind = gate.kind.word();
                match language {
                    Language::English => format!("The gate `{kind}` does not pass: {names}."),
                    Language::German => {
                        format!("Die Prüfung `{kind}` ist nicht bestanden: {names}.")
                    }
                }
            })
        }));
        if failing.is_empty() {
            findings.push(finding("gates", None, gates.len() as u64, |language| {
                language.of(["All gates pass.", "Alle Prüfungen sind bestanden."]).to_owned()
            }));
        }
        findings
    }
}

/// What is told while a calibration is made: `done` of `total` profiles, each pass counted, and which pass it is.
#[must_use]
pub fn calibrating(name: &str, input: &Input, step: Step, (done, total): (u64, u64)) -> Value {
    json!({
        "analysis": name,
        "engine": ENGINE,
        "input": {"epoch": input.epoch, "revision": input.rev, "filter": input.filter},
        "done": done,
        "total": total,
        "partial": true,
        "step": step.word(),
        "findings": [],
    })
}

fn short(version: &str) -> &str {
    version.get(..VERSION_SHOWN).unwrap_or(version)
}

fn titles(title: Option<&Title>) -> Value {
    title.map_or(Value::Null, |title| json!({"en": title.en, "de": title.de}))
}
