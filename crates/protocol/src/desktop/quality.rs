//! The quality report, as `kartei_analysis` writes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number of profiles, and their share of those that were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    /// The number.
    pub count: u64,
    /// Between 0 and 1; nothing of no profile.
    pub share: Option<f64>,
    /// The least that the share of all may be, with 95 % confidence, while only a part was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The most that it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

/// What numbers are like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NumbersOf {
    /// How many.
    pub count: u64,
    /// The arithmetic mean.
    pub mean: Option<f64>,
    /// The standard deviation with n − 1; nothing of one number.
    pub deviation: Option<f64>,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportInput {
    /// Identity of the relay's history.
    pub epoch: String,
    /// The revision that all profiles were read at.
    pub revision: u64,
    /// Which profiles; all without a filter.
    pub filter: Option<String>,
    /// The moment that ages are counted to, in milliseconds since 1970.
    pub as_of: i64,
    /// The uploaded file whose records were looked at instead of the profiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<ReportDataset>,
}

/// An uploaded file whose records were looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportDataset {
    /// Its id at the relay.
    pub file: String,
    /// What it was called then.
    pub name: String,
    /// BLAKE3 of its bytes, in hexadecimal digits.
    pub digest: String,
    /// Records: of several with one id the last one counts.
    pub records: u64,
    /// Lines that are no record, and were left out.
    pub rejected: u64,
    /// Records of people who were erased for good, which were left out.
    pub erased: u64,
}

/// Shares of profiles as wholes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WholeProfiles {
    /// With a display name.
    pub named: Share,
    /// With a tag at least.
    pub tagged: Share,
    /// With notes.
    pub with_notes: Share,
    /// With a conflict that nobody decided.
    pub in_conflict: Share,
    /// Without an observation.
    pub unobserved: Share,
    /// With an observation in the future.
    pub observed_ahead: Share,
}

/// Who agreed to being analysed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConsentShares {
    /// They did.
    pub given: Share,
    /// They did not.
    pub withheld: Share,
    /// It is not known.
    pub unknown: Share,
}

/// How old the newest observation is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgeShare {
    /// At most so many days, and more than the class before; nothing for older ones.
    pub within_days: Option<u32>,
    /// The profiles.
    pub profiles: Share,
}

/// What an attribute's values are like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttributeQuality {
    /// Its name.
    pub name: String,
    /// Profiles that have it.
    pub present: Share,
    /// Profiles that lack it.
    pub missing: Share,
    /// Values that are texts.
    pub texts: u64,
    /// Values that are numbers.
    pub numbers: u64,
    /// Values that are yes or no.
    pub flags: u64,
    /// Values that are empty by intention.
    pub nulls: u64,
    /// How many different values there are; nothing where there are more than 20.
    pub values: Option<u64>,
    /// What its numbers are like.
    pub of_numbers: Option<NumbersOf>,
}

/// What a signal's observations are like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SignalQuality {
    /// Its name.
    pub name: String,
    /// Profiles in which it was observed.
    pub present: Share,
    /// Profiles in which it never was.
    pub missing: Share,
    /// What its values are like.
    pub of_values: Option<NumbersOf>,
}

/// A sentence that is worth saying.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportFinding {
    /// A word for programs.
    pub code: String,
    /// The attribute or signal that it is about.
    pub about: Option<String>,
    /// How many profiles or values it is about.
    pub count: u64,
    /// In English.
    pub en: String,
    /// In German.
    pub de: String,
}

/// A quality report: everything in it is of the profiles that were looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QualityReport {
    /// The version of the engine that made it.
    pub engine: u32,
    /// What was looked at.
    pub input: ReportInput,
    /// Profiles that were looked at.
    pub done: u64,
    /// Profiles of the cohort.
    pub total: u64,
    /// Shares of profiles as wholes.
    pub profiles: WholeProfiles,
    /// Who agreed to being analysed.
    pub consent: ConsentShares,
    /// How many observations profiles have.
    pub observations: Option<NumbersOf>,
    /// How old the newest observation is, the youngest class first.
    pub ages: Vec<AgeShare>,
    /// The attributes, by name.
    pub attributes: Vec<AttributeQuality>,
    /// The signals, by name.
    pub signals: Vec<SignalQuality>,
    /// Whether there are more than 1,000 names, so that some are not told apart.
    pub names_left_out: bool,
    /// What is worth saying, the gravest first.
    pub findings: Vec<ReportFinding>,
}
