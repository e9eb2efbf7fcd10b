//! Calibrations at a relay: what scores of an organisation's people are made by (docs/behavior.md).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::jobs::words;

words! {
    /// Where a calibration stands.
    CalibrationStage {
        /// Made, and nobody's scores are by it yet.
        Draft = "draft",
        /// Scores are by it.
        Active = "active",
        /// Scores were by it.
        Retired = "retired",
    }
}

/// A calibration that was made somewhere, with its schema.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewCalibration {
    /// The behaviour schema: `schemas/behavior_schema.v1.schema.json`.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub schema: Box<RawValue>,
    /// The calibration, as the program that made it wrote it.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub calibration: Box<RawValue>,
}

/// A calibration, without what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CalibrationEntry {
    /// A hash of what it says, 32 hexadecimal digits.
    pub version: String,
    /// The schema's name.
    pub schema: String,
    /// The schema's version.
    pub schema_version: u32,
    /// Where it stands.
    pub stage: CalibrationStage,
    /// The moment that scores are of, in milliseconds since 1970 as all moments here.
    pub as_of: i64,
    /// How many profiles it was made of.
    pub profiles: u64,
    /// Who brought it here: a token's name.
    pub made_by: String,
    /// When.
    pub made_at: i64,
    /// Who brought it into its stage.
    pub changed_by: String,
    /// When.
    pub changed_at: i64,
}

/// All calibrations of an organisation, the one that was changed last first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CalibrationList {
    /// The calibrations.
    pub calibrations: Vec<CalibrationEntry>,
}

/// What a calibration should keep before scores are by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CalibrationGate {
    /// What is looked at: `people`, `alpha`, `holdout`, `separation`, `stability` or `moves`.
    pub kind: String,
    /// Whether it passes.
    pub passes: bool,
    /// The signals or dimensions that do not.
    pub failing: Vec<String>,
    /// The worst of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst: Option<f64>,
    /// What it is held against.
    pub limit: f64,
}

/// A calibration with all that it says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CalibrationAnswer {
    /// The calibration.
    #[serde(flatten)]
    pub entry: CalibrationEntry,
    /// What it should keep before scores are by it; `moves` is one of them once somebody has looked whom it moves.
    pub gates: Vec<CalibrationGate>,
    /// The version that it was held against when somebody looked whom it moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared_with: Option<String>,
    /// Its schema.
    #[serde(rename = "schema_text")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub schema: Box<RawValue>,
    /// What it says.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub calibration: Box<RawValue>,
}

/// Makes a calibration the one that scores of its schema are by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ActivateAt {
    /// The version that is active now; nothing where none is.
    #[serde(default)]
    pub instead_of: Option<String>,
    /// Whether gates that it does not pass were seen.
    #[serde(default)]
    pub accept: bool,
}

/// Asks for a calibration of the organisation's profiles.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FitAt {
    /// The name of a schema that comes with the program, such as `bfi`, or that a calibration of the organisation is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Its version; the newest without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_version: Option<u32>,
    /// A behaviour schema of one's own, in place of a name: `schemas/behavior_schema.v1.schema.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub schema_text: Option<Box<RawValue>>,
    /// Which profiles: a filter, in the same language as lists; all without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The moment of the scores (RFC 3339), such as `2026-11-20T00:00:00Z`; that of the newest observation without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// The version of a calibration whose fit is taken, for another moment; `schema` and `filter` are its own then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_fit_as: Option<String>,
    /// Activates it once it is made, in place of the one that was active at the request, where it passes its gates. Of
    /// the active one's own fit whom it moves is the only one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub activate: bool,
}

/// Asks whom a calibration moves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DryRunAt {
    /// The version that it is held against; the one that is active without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
}
