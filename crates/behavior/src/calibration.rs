//! What was found out about a population: what scores of a schema are measured by.

use kartei_profile::json;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::reference::Scale;
use crate::schema::{Schema, canonical, hex};

/// Parts of a population that its stability is told by.
pub(crate) const PARTS: usize = 10;

/// How well observations of a signal tell people apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum Separation {
    /// From a one-way random-effects analysis of variance: `λ = n_eff / (n_eff + k)`, Kelley's regression of the true
    /// on the observed score.
    Measured {
        /// Variance within people, the mean square within.
        sigma2: f64,
        /// Variance between people.
        tau2: f64,
        /// `sigma2 / tau2`.
        k: f64,
    },
    /// People differ no more from each other than from themselves: `λ = 0`.
    None {
        /// Variance within people, the mean square within.
        sigma2: f64,
    },
    /// Nobody was observed twice, or the signal is made of when and not of what was observed: what the schema states.
    Stated {
        /// `λ`.
        reliability: f64,
    },
}

impl Separation {
    /// How reliable a number is that is worth so many observations: λ, 0 to 1.
    #[must_use]
    pub fn reliability(&self, n_eff: f64) -> f64 {
        match self {
            Self::Measured { k, .. } => n_eff / (n_eff + k),
            Self::None { .. } => 0.0,
            Self::Stated { reliability } => *reliability,
        }
    }
}

/// What was found out about a signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalFit {
    /// Its name.
    pub name: String,
    /// People that have a number.
    pub people: u64,
    /// Observations that count.
    pub observations: u64,
    /// Observations out of the valid range.
    pub out_of_range: u64,
    /// Mean of the observations; nothing where there are none.
    pub mean: Option<f64>,
    /// The smallest and the greatest of people's numbers.
    pub range: Option<[f64; 2]>,
    /// Their median and their median absolute deviation.
    pub median: Option<f64>,
    /// See `median`.
    pub mad: Option<f64>,
    /// How numbers get their place.
    pub scale: Scale,
    /// How well it tells people apart.
    pub separation: Separation,
    /// How many people lie in each tenth of the places.
    pub parts: [u64; PARTS],
    /// Largest difference of places by four fifths of the people to places by the other fifth, and what it stays
    /// below in 99 of 100 samples of one population. Nothing where they are too few.
    pub holdout: Option<Holdout>,
    /// Population stability index against the calibration before; nothing without one.
    pub stability: Option<f64>,
}

/// How a scale holds for people that it was not made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holdout {
    /// People that it was tried on.
    pub people: u64,
    /// The largest difference of two places, 0 to 1.
    pub off: f64,
    /// What it stays below in 99 of 100 samples (Smirnov 1948).
    pub bound: f64,
}

/// What was found out about a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DimensionFit {
    /// Its name.
    pub name: String,
    /// People that have a score.
    pub people: u64,
    /// How scores get their percentile.
    pub scale: Scale,
    /// Cronbach's α of its signals; nothing where there are fewer than two, or fewer than three people have all.
    pub alpha: Option<f64>,
    /// People that have all of its signals.
    pub complete: u64,
}

/// The schema that a calibration is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaName {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// SHA-256 of its canonical form.
    pub hash: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Version1 {
    #[serde(rename = "calibration.v1")]
    Name,
}

/// A calibration. It never changes; its version is a hash of what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    pub(crate) calibration: Version1,
    /// The engine that made it.
    pub engine: u32,
    /// Of which schema.
    pub schema: SchemaName,
    /// The moment that all scores are of, in milliseconds since 1970.
    pub as_of_ms: i64,
    /// Which profiles it was made of; empty for all.
    pub filter: String,
    /// How many of them have a number of any signal.
    pub profiles: u64,
    /// A hash of these, ids and records, whatever their order.
    pub population: String,
    /// By signal, in the order of the schema's.
    pub signals: Vec<SignalFit>,
    /// By dimension, in the order of the schema's.
    pub dimensions: Vec<DimensionFit>,
}

/// Why a text is no calibration of a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalibrationMistake {
    /// It is no calibration that this program knows.
    #[error("no calibration: {0}")]
    Unreadable(String),
    /// It is one of another schema.
    #[error("the calibration is of schema {found}, not of {asked}")]
    OtherSchema {
        /// The schema's name and version that it is of.
        found: String,
        /// The one that was asked for.
        asked: String,
    },
}

impl Calibration {
    /// Reads what [`Calibration::text`] wrote.
    ///
    /// # Errors
    /// [`CalibrationMistake::Unreadable`].
    pub fn parse(text: &str) -> Result<Self, CalibrationMistake> {
        let value = json::parse(text.as_bytes())
            .map_err(|violation| CalibrationMistake::Unreadable(violation.to_string()))?;
        serde_json::from_value(value).map_err(|e| CalibrationMistake::Unreadable(e.to_string()))
    }

    /// The canonical form (RFC 8785): equal calibrations have equal texts, and reading one back has the same bits.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_value(self).map(|value| canonical(&value)).unwrap_or_default()
    }

    /// Its version: the first 16 bytes of the SHA-256 of its text, in hexadecimal digits.
    #[must_use]
    pub fn version(&self) -> String {
        hex(&Sha256::digest(self.text().as_bytes())[..16])
    }

    /// The same fit for another moment: another calibration.
    #[must_use]
    pub fn at(&self, as_of_ms: i64) -> Self {
        Self { as_of_ms, ..self.clone() }
    }

    /// Whether it differs from another one by its moment at most.
    #[must_use]
    pub fn has_fit_of(&self, other: &Self) -> bool {
        self.at(other.as_of_ms).text() == other.text()
    }

    /// Checks that it is of this very schema.
    ///
    /// # Errors
    /// [`CalibrationMistake::OtherSchema`].
    pub fn check_schema(&self, schema: &Schema) -> Result<(), CalibrationMistake> {
        let fits = self.schema.hash == schema.hash()
            && self.signals.len() == schema.signals().len()
            && self.dimensions.len() == schema.dimensions().len();
        if fits {
            return Ok(());
        }
        Err(CalibrationMistake::OtherSchema {
            found: format!("{} {}", self.schema.name, self.schema.version),
            asked: format!("{} {}", schema.name(), schema.version()),
        })
    }
}
