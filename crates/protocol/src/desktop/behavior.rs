//! Behaviour vectors and the calibrations that they are by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// A name for people, in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Titles {
    /// English.
    pub en: String,
    /// German.
    pub de: String,
}

/// A version of a behaviour schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BehaviorSchema {
    /// Its name.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// Its name for people.
    pub title: Option<Titles>,
    /// Whether it comes with the program.
    pub ready: bool,
    /// Its signals.
    pub signals: u32,
    /// Its dimensions.
    pub dimensions: u32,
    /// The schema as JSON text.
    pub text: String,
}

/// A text that may be a schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchemaText {
    /// JSON.
    pub text: String,
    /// Whether it is kept where nothing is wrong with it; else it is looked at alone.
    #[serde(default)]
    pub keep: bool,
}

/// What a text is as a schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckedSchema {
    /// The schema, where nothing is wrong with it.
    pub schema: Option<BehaviorSchema>,
    /// Where it is wrong, as a JSON pointer.
    pub pointer: Option<String>,
    /// What is wrong, and how to mend it.
    pub reason: Option<String>,
}

/// Where a calibration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationStage {
    /// Made, and moves nobody yet.
    Draft,
    /// Scores are by it.
    Active,
    /// Scores were by it.
    Retired,
}

/// A calibration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationInfo {
    /// A hash of what it says, 32 hexadecimal digits.
    pub version: String,
    /// Its schema.
    pub schema: String,
    /// The version of that.
    pub schema_version: u32,
    /// Where it stands.
    pub stage: CalibrationStage,
    /// The moment that scores are of.
    pub as_of: String,
    /// Which profiles it was made of; empty for all.
    pub filter: String,
    /// How many they were.
    pub profiles: u64,
    /// When it was made.
    pub made_at: String,
    /// People that change band with it, where that was looked at.
    pub change_band: Option<u64>,
}

/// What somebody did with a calibration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationAct {
    /// Which one.
    pub version: String,
    /// Its schema.
    pub schema: String,
    /// `fitted`, `activated`, `retired`, `rolled_back` or `deleted`.
    pub act: String,
    /// Who.
    pub by: Option<String>,
    /// When.
    pub at: String,
}

/// All that there is to calibrate by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Calibrations {
    /// Schemas, by name and version.
    pub schemas: Vec<BehaviorSchema>,
    /// Calibrations, the newest first.
    pub calibrations: Vec<CalibrationInfo>,
    /// What was done with them, the newest first.
    pub acts: Vec<CalibrationAct>,
    /// What runs now.
    pub running: Option<CalibrationRun>,
}

/// Asks for a calibration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FitCalibration {
    /// The schema's name.
    pub schema: String,
    /// Its version; the newest where it is left out.
    #[serde(default)]
    pub schema_version: Option<u32>,
    /// Which profiles; empty for all.
    #[serde(default)]
    pub filter: String,
    /// The moment that scores are of, RFC 3339; that of the newest observation that counts where it is left out.
    #[serde(default)]
    pub as_of: Option<String>,
    /// The version of a calibration of this schema, or the beginning of it: its fit is taken as it is, only the moment
    /// is another one. Which profiles has no meaning then.
    #[serde(default)]
    pub same_fit_as: Option<String>,
}

/// Asks whom a calibration moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareCalibrations {
    /// Its version, or the beginning of it that no other has.
    pub version: String,
    /// The one that it is compared with; the active one of its schema where it is left out.
    #[serde(default)]
    pub with: Option<String>,
}

/// Names a calibration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalibrationId {
    /// Its version, or the beginning of it that no other has.
    pub version: String,
}

/// Makes a calibration the one that scores are by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivateCalibration {
    /// Its version, or the beginning of it that no other has.
    pub version: String,
    /// Whether gates that it does not pass were seen.
    #[serde(default)]
    pub accept: bool,
}

/// What is done to a calibration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationStep {
    /// Looks for the newest observation.
    Moment,
    /// Reads what numbers there are.
    Numbers,
    /// Measures how people differ.
    Spread,
    /// Makes everybody's scores.
    Scores,
    /// Looks whom it moves.
    Moves,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationRunState {
    /// Works.
    Running,
    /// The calibration is there.
    Done,
    /// Stopped on request; nothing was kept.
    Cancelled,
    /// Stopped by a problem; nothing was kept.
    Failed,
}

/// A calibration that is being made, or compared, in this session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationRun {
    /// Its number.
    pub run: u64,
    /// Where it stands.
    pub state: CalibrationRunState,
    /// The schema's name.
    pub schema: String,
    /// What it does.
    pub step: CalibrationStep,
    /// Profiles that it looked at in this step.
    pub profiles: u64,
    /// Profiles to look at in each step.
    pub profiles_total: u64,
    /// The calibration, once it is there.
    pub version: Option<String>,
    /// Why it failed.
    pub failure: Option<Problem>,
}

/// How a signal's numbers get their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScaleMethod {
    /// By mid-ranks.
    MidRank,
    /// By a robust z: fewer than 30 people.
    RobustZ,
    /// Not at all: fewer than 10 people.
    Uncalibrated,
}

/// What a calibration knows of a signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SignalDiagnostics {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: Option<Titles>,
    /// Whether less is more.
    pub reversed: bool,
    /// People that have a number.
    pub people: u64,
    /// Observations that count.
    pub observations: u64,
    /// Observations out of the valid range.
    pub out_of_range: u64,
    /// Median of people's numbers.
    pub median: Option<f64>,
    /// The smallest and the greatest.
    pub range: Option<[f64; 2]>,
    /// How numbers get their place.
    pub method: ScaleMethod,
    /// Reliability of one observation, 0 to 1.
    pub reliability: f64,
    /// Whether that was measured; else the schema states it.
    pub measured: bool,
    /// People in each tenth of the places.
    pub parts: Vec<u64>,
    /// Population stability index against the calibration that was active.
    pub stability: Option<f64>,
}

/// What a calibration knows of a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DimensionDiagnostics {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: Option<Titles>,
    /// People that have a score.
    pub people: u64,
    /// Cronbach's α.
    pub alpha: Option<f64>,
    /// People that have all of its signals.
    pub complete: u64,
    /// People that change band, and all that have a percentile before and after.
    pub change_band: Option<[u64; 2]>,
    /// Who moves farthest.
    pub farthest: Vec<PersonMove>,
}

/// Where somebody moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PersonMove {
    /// The profile's id.
    pub id: String,
    /// The percentile now, 0 to 1.
    pub from: f64,
    /// The percentile then.
    pub to: f64,
}

/// What a gate looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// People that have a number of a signal.
    People,
    /// Cronbach's α of a dimension.
    Alpha,
    /// How the scale of a signal holds for people that it was not made of.
    Holdout,
    /// Whether people differ from each other more than from themselves.
    Separation,
    /// Population stability index.
    Stability,
    /// Share of people that change band.
    Moves,
}

/// Something that a calibration should keep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gate {
    /// What is looked at.
    pub kind: GateKind,
    /// Whether it passes.
    pub passes: bool,
    /// The signals or dimensions that do not.
    pub failing: Vec<String>,
    /// The worst of all.
    pub worst: Option<f64>,
    /// What it is held against.
    pub limit: f64,
}

/// All that is known of a calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationDetail {
    /// The calibration.
    pub calibration: CalibrationInfo,
    /// A hash of all its profiles.
    pub population: String,
    /// Signals, in the order of the schema's.
    pub signals: Vec<SignalDiagnostics>,
    /// Dimensions, in the order of the schema's.
    pub dimensions: Vec<DimensionDiagnostics>,
    /// What it should keep.
    pub gates: Vec<Gate>,
    /// The version that `change_band` and `farthest` are against.
    pub compared_with: Option<String>,
    /// Whether that is the active one still.
    pub compared: bool,
}

/// Where a signal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalStanding {
    /// It was not observed.
    Unobserved,
    /// The population is too small.
    Uncalibrated,
    /// It does not tell people apart.
    DoesNotSeparate,
    /// It has a place.
    Placed,
}

/// An observation, and its share in a signal's number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObservationShare {
    /// When.
    pub at: String,
    /// Its value as it was observed.
    pub value: f64,
    /// How often it was observed.
    pub n: u64,
    /// Its share, 0 to 1.
    pub share: f64,
}

/// A signal of somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SignalScore {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: Option<Titles>,
    /// Whether less is more.
    pub reversed: bool,
    /// Where it stands.
    pub standing: SignalStanding,
    /// The number; of a duration as it is observed, not its logarithm.
    pub value: Option<f64>,
    /// How many observations it is worth.
    pub n_eff: f64,
    /// Observations that count.
    pub observations: u64,
    /// Observations out of the valid range.
    pub out_of_range: u64,
    /// Observations later than the moment of the calibration.
    pub later: u64,
    /// Share of the population below, 0 to 1.
    pub place: Option<f64>,
    /// The number lies outside of what the population has.
    pub extrapolated: bool,
    /// How reliable it is, 0 to 1.
    pub reliability: Option<f64>,
    /// The observations that weigh most.
    pub newest: Vec<ObservationShare>,
}

/// What a signal adds to a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScorePart {
    /// The signal's place among the vector's.
    pub signal: u32,
    /// Its share of the weights, 0 to 1.
    pub weight: f64,
    /// What it adds to ½.
    pub value: f64,
}

/// The part of the population that somebody belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScoreBand {
    /// The lowest 23 %.
    Low,
    /// The 54 % in the middle.
    Middle,
    /// The highest 23 %.
    High,
}

/// A dimension of somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DimensionScore {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: Option<Titles>,
    /// The score, 0 to 1; nothing where no signal says anything.
    pub score: Option<f64>,
    /// Between what it lies with 90 % confidence.
    pub band_90: Option<[f64; 2]>,
    /// How much of it rests on what was observed, 0 to 1.
    pub confidence: f64,
    /// Share of the population with a lower score, 0 to 1.
    pub percentile: Option<f64>,
    /// The T score of that: mean 50, deviation 10.
    pub t_score: Option<f64>,
    /// The stanine of that, 1 to 9.
    pub stanine: Option<u8>,
    /// The part of the population.
    pub band: Option<ScoreBand>,
    /// What each signal adds.
    pub parts: Vec<ScorePart>,
    /// The population's scores at 10, 25, 50, 75 and 90 %; nothing where it is too small.
    pub marks: Option<[f64; 5]>,
}

/// Where somebody stands, by one calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BehaviorVector {
    /// The schema.
    pub schema: String,
    /// Its name for people.
    pub title: Option<Titles>,
    /// The calibration.
    pub calibration: String,
    /// The moment that it is of.
    pub as_of: String,
    /// Profiles of its population.
    pub population: u64,
    /// Dimensions, in the order of the schema's.
    pub dimensions: Vec<DimensionScore>,
    /// Signals, in the order of the schema's.
    pub signals: Vec<SignalScore>,
}

/// Where somebody stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BehaviorVectors {
    /// By each active calibration whose signals were observed.
    pub vectors: Vec<BehaviorVector>,
    /// Whether any calibration is active.
    pub calibrated: bool,
}
