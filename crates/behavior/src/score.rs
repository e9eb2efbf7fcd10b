//! Where a person stands, how sure that is, and why.

use kartei_stats::{Sum, normal};

use crate::calibration::{Calibration, CalibrationMistake};
use crate::measure::Person;
use crate::reference::Place;
use crate::schema::{Direction, Schema};

/// The normal quantile of 90 % on both sides.
const Z_90: f64 = 1.644_853_626_951_472_2;

/// Percentiles at which one stanine ends and the next begins: 4, 7, 12, 17, 20, 17, 12, 7 and 4 % of people.
const STANINES: [f64; 8] = [0.04, 0.11, 0.23, 0.40, 0.60, 0.77, 0.89, 0.96];

/// The part of the population that somebody belongs to: stanines 1 to 3, 4 to 6, 7 to 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    /// The lowest 23 %.
    Low,
    /// The 54 % in the middle.
    Middle,
    /// The highest 23 %.
    High,
}

/// What is to be told of a person's signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standing {
    /// It was not observed.
    Unobserved,
    /// The population is too small.
    Uncalibrated,
    /// It has a place.
    Placed {
        /// Where the number stands in the population.
        place: Place,
        /// The same towards the dimension's upper end: `1 − u` where less is more.
        toward: f64,
        /// How reliable it is: λ, 0 to 1.
        reliability: f64,
    },
}

/// What a signal adds to a dimension.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// The signal, by its place in the schema.
    pub signal: usize,
    /// Its share of the weights, 0 to 1.
    pub weight: f64,
    /// `w λ (u − ½) / Σw`: all of a dimension add up to its score less ½.
    pub value: f64,
}

/// Where a person stands in a dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct DimensionScore {
    /// `½ + Σ w λ (u − ½) / Σw`, 0 to 1.
    pub score: f64,
    /// `Σ w λ / Σw`: how much of it rests on what was observed, 0 to 1.
    pub confidence: f64,
    /// Standard error of the score, of `λ (1 − λ) / 12 + u (1 − u) / N` for each signal.
    pub error: f64,
    /// The score's place among the population's; nothing where the population is too small.
    pub percentile: Option<f64>,
    /// What each signal adds.
    pub contributions: Vec<Contribution>,
}

impl DimensionScore {
    /// Between what the score lies with 90 % confidence, within 0 and 1.
    #[must_use]
    pub fn band_90(&self) -> [f64; 2] {
        [-Z_90, Z_90].map(|z| (self.score + z * self.error).clamp(0.0, 1.0))
    }

    /// The T score of the percentile: mean 50, deviation 10.
    #[must_use]
    pub fn t_score(&self) -> Option<f64> {
        self.percentile.and_then(normal::quantile).map(|z| 50.0 + 10.0 * z)
    }

    /// The stanine of the percentile, 1 to 9.
    #[must_use]
    pub fn stanine(&self) -> Option<u8> {
        self.percentile.map(stanine)
    }

    /// The part of the population.
    #[must_use]
    pub fn band(&self) -> Option<Band> {
        self.percentile.map(band)
    }
}

fn stanine(percentile: f64) -> u8 {
    STANINES.iter().fold(1, |stanine, end| stanine + u8::from(percentile > *end))
}

pub(crate) fn band(percentile: f64) -> Band {
    match stanine(percentile) {
        0..=3 => Band::Low,
        4..=6 => Band::Middle,
        _ => Band::High,
    }
}

/// Where a person stands in everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector {
    /// By signal, in the order of the schema's.
    pub signals: Vec<Standing>,
    /// By dimension, in the order of the schema's; nothing where none of its signals says anything.
    pub dimensions: Vec<Option<DimensionScore>>,
}

/// What makes scores of a schema by a calibration.
#[derive(Debug, Clone, Copy)]
pub struct Scorer<'a> {
    schema: &'a Schema,
    calibration: &'a Calibration,
}

impl<'a> Scorer<'a> {
    /// Scores by a calibration of this schema.
    ///
    /// # Errors
    /// [`CalibrationMistake::OtherSchema`].
    pub fn new(
        schema: &'a Schema,
        calibration: &'a Calibration,
    ) -> Result<Self, CalibrationMistake> {
        calibration.check_schema(schema)?;
        Ok(Self::of_checked(schema, calibration))
    }

    /// Of a calibration that is known to be of this schema.
    pub(crate) fn of_checked(schema: &'a Schema, calibration: &'a Calibration) -> Self {
        Self { schema, calibration }
    }

    /// The moment that people are to be measured at.
    #[must_use]
    pub fn as_of_ms(&self) -> i64 {
        self.calibration.as_of_ms
    }

    pub(crate) fn dimensions(&self) -> usize {
        self.schema.dimensions().len()
    }

    pub(crate) fn check_same(&self, other: &Self) -> Result<(), CalibrationMistake> {
        self.calibration.check_schema(other.schema)
    }

    /// Where a person stands that was measured at [`Scorer::as_of_ms`].
    #[must_use]
    pub fn vector(&self, person: &Person) -> Vector {
        let signals: Vec<Standing> =
            (0..self.schema.signals().len()).map(|signal| self.standing(person, signal)).collect();
        let dimensions = (0..self.schema.dimensions().len())
            .map(|dimension| {
                let mut score = self.score(&signals, dimension)?;
                let scale = &self.calibration.dimensions[dimension].scale;
                score.percentile = scale.place(score.score).map(|place| place.u);
                Some(score)
            })
            .collect();
        Vector { signals, dimensions }
    }

    fn standing(&self, person: &Person, signal: usize) -> Standing {
        let (Some(measured), fit) = (person.signals.get(signal), &self.calibration.signals[signal])
        else {
            return Standing::Unobserved;
        };
        let Some(value) = measured.value else { return Standing::Unobserved };
        let Some(place) = fit.scale.place(value) else { return Standing::Uncalibrated };
        let toward = match self.schema.signals()[signal].direction {
            Direction::Up => place.u,
            Direction::Down => 1.0 - place.u,
        };
        Standing::Placed { place, toward, reliability: fit.separation.reliability(measured.n_eff) }
    }

    /// A dimension's score, without its percentile.
    fn score(&self, signals: &[Standing], dimension: usize) -> Option<DimensionScore> {
        let weights = self.schema.weights(dimension);
        let all = weights.iter().map(|(_, weight)| *weight).collect::<Sum>().total();
        let (mut off, mut known, mut variance) = (Sum::new(), Sum::new(), Sum::new());
        let mut contributions = Vec::with_capacity(weights.len());
        for (signal, weight) in weights {
            let mut value = 0.0;
            if let Standing::Placed { toward, reliability, .. } = signals[*signal] {
                value = weight * reliability * (toward - 0.5) / all;
                off.add(value);
                known.add(weight * reliability);
                let n = self.calibration.signals[*signal].scale.n() as f64;
                let own = reliability * (1.0 - reliability) / 12.0 + toward * (1.0 - toward) / n;
                variance.add(weight * weight * own);
            }
            contributions.push(Contribution { signal: *signal, weight: weight / all, value });
        }
        let known = known.total();
        if known == 0.0 {
            return None;
        }
        Some(DimensionScore {
            score: 0.5 + off.total(),
            confidence: known / all,
            error: variance.total().sqrt() / all,
            percentile: None,
            contributions,
        })
    }

    /// The scores alone, by dimension, for those who need no reasons.
    pub(crate) fn scores(&self, person: &Person) -> Vec<Option<f64>> {
        let signals: Vec<Standing> =
            (0..self.schema.signals().len()).map(|signal| self.standing(person, signal)).collect();
        (0..self.schema.dimensions().len())
            .map(|dimension| self.score(&signals, dimension).map(|score| score.score))
            .collect()
    }
}

/// Distance of two people over the dimensions that both have: `d² = Σ c_a c_b (D_a − D_b)² / Σ c_a c_b`. Nothing where
/// they share fewer than half of the dimensions: they cannot be compared.
#[must_use]
pub fn distance(a: &Vector, b: &Vector) -> Option<f64> {
    let (mut squares, mut weights, mut shared) = (Sum::new(), Sum::new(), 0_usize);
    for (a, b) in a.dimensions.iter().zip(&b.dimensions) {
        let (Some(a), Some(b)) = (a, b) else { continue };
        let weight = a.confidence * b.confidence;
        squares.add(weight * ((a.score - b.score) * (a.score - b.score)));
        weights.add(weight);
        shared += 1;
    }
    let is_enough = shared > 0 && shared * 2 >= a.dimensions.len().max(b.dimensions.len());
    is_enough.then(|| (squares.total() / weights.total()).sqrt())
}
