//! What an analysis is made with beside the profiles: the moment, the calibration, the profile that it is about.

use std::collections::BTreeMap;

use kartei_behavior::{Fitted, Scores, Vector};
use kartei_profile::Record;
use serde_json::{Map, Value, json};

use crate::asked::{Analysis, AskedWrongly, Before, Kind, Scored};
use crate::order::Seed;
use crate::{Accumulator, ENGINE_VERSION, Input, duplicates};

/// An analysis with all that it is made with.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) analysis: Analysis,
    /// Milliseconds since 1970.
    pub(crate) as_of_ms: i64,
    pub(crate) scale: Option<Fitted>,
    /// What its scores are held against.
    pub(crate) against: Option<Fitted>,
    /// Where the profile stands that it is about.
    pub(crate) focus: Option<Vector>,
}

/// What the scores of an analysis are made by.
#[derive(Debug, Clone, Default)]
pub struct Scales {
    /// The one that it names.
    pub scale: Option<Fitted>,
    /// The one that scores are held against ([`Analysis::against`]).
    pub against: Option<Fitted>,
}

impl From<Option<Fitted>> for Scales {
    fn from(scale: Option<Fitted>) -> Self {
        Self { scale, against: None }
    }
}

/// What makes the scores that an analysis looks at.
#[derive(Debug, Clone)]
pub struct Scoring<'c> {
    pub(crate) scale: Scores<'c>,
    pub(crate) against: Option<Scores<'c>>,
}

impl Context {
    /// An analysis at a moment, which is that of the calibration where scores are looked at. The scales are those
    /// that the analysis names, the record that of the profile that it is about.
    ///
    /// # Errors
    /// [`AskedWrongly`] where a calibration or a profile is missing that the analysis needs, or has no score; where two
    /// calibrations are of different schemas.
    pub fn new(
        mut analysis: Analysis,
        as_of_ms: i64,
        scales: impl Into<Scales>,
        focus: Option<&Record>,
    ) -> Result<Self, AskedWrongly> {
        let Scales { scale, against } = scales.into();
        let scale = scale.filter(|_| analysis.scored() != Scored::Never);
        if analysis.scored() == Scored::Always && scale.is_none() {
            return Err(AskedWrongly::Uncalibrated(analysis.name()));
        }
        analysis.calibration = scale.as_ref().map(|scale| scale.version().to_owned());
        let against = match (&mut analysis.kind, against, &scale) {
            (Kind::Drift { before: Before::Calibration(version), .. }, other, Some(scale)) => {
                let other = other.ok_or_else(|| AskedWrongly::NoCalibration(version.clone()))?;
                let is_comparable = other.calibration().check_schema(scale.schema());
                is_comparable.map_err(|_| AskedWrongly::OtherSchema(version.clone()))?;
                other.version().clone_into(version);
                Some(other)
            }
            _ => None,
        };
        let focus = match (analysis.focus(), &scale) {
            (Some(id), Some(scale)) => {
                let record = focus.ok_or_else(|| AskedWrongly::NoProfile(id.to_owned()))?;
                let vector = scale.scores().vector(record);
                if vector.dimensions.iter().all(Option::is_none) {
                    return Err(AskedWrongly::NoScore(id.to_owned()));
                }
                Some(vector)
            }
            _ => None,
        };
        let as_of_ms = scale.as_ref().map_or(as_of_ms, |scale| scale.calibration().as_of_ms);
        Ok(Self { analysis, as_of_ms, scale, against, focus })
    }

    /// What is asked for, with the calibration's version.
    #[must_use]
    pub fn analysis(&self) -> &Analysis {
        &self.analysis
    }

    /// What makes scores, where any are looked at; each thread has one of its own.
    #[must_use]
    pub fn scores(&self) -> Option<Scoring<'_>> {
        let against = self.against.as_ref().map(Fitted::scores);
        self.scale.as_ref().map(|scale| Scoring { scale: scale.scores(), against })
    }

    /// What draws the order of the visit: the same request visits the same profiles in the same order, wherever.
    #[must_use]
    pub fn seed(&self, filter: Option<&str>) -> Seed {
        self.analysis.seed(filter)
    }

    /// Whether the profiles of a chunk of the visit are looked at, by its number, from 0. Where they are not they need
    /// not be read: it is enough to count them ([`Accumulator::pass_over`]).
    #[must_use]
    pub fn looks_at(&self, chunk: usize) -> bool {
        !matches!(self.analysis.kind, Kind::Duplicates { .. }) || chunk < duplicates::CHUNKS
    }

    /// Nothing seen yet.
    #[must_use]
    pub fn begin(&self) -> Accumulator {
        Accumulator::begin(self)
    }

    /// What people call the dimensions, in English and German, by name.
    pub(crate) fn titles(&self) -> BTreeMap<String, [String; 2]> {
        let Some(scale) = &self.scale else { return BTreeMap::new() };
        let names = scale.names().into_iter().enumerate();
        names.map(|(at, name)| (name.to_owned(), scale.titles(at).map(str::to_owned))).collect()
    }

    /// What scores were made by, with what people call the dimensions; nothing without scores.
    pub(crate) fn calibration(&self) -> Value {
        let Some(scale) = &self.scale else { return Value::Null };
        let schema = scale.schema();
        let titles = self.titles().into_iter();
        let titles = titles.map(|(name, [en, de])| (name, json!({"en": en, "de": de})));
        json!({
            "version": scale.version(),
            "schema": schema.name(),
            "schema_version": schema.version(),
            "profiles": scale.calibration().profiles,
            "titles": titles.collect::<Map<String, Value>>(),
        })
    }

    /// The members that all reports begin with.
    pub(crate) fn head(&self, input: &Input, seen: u64) -> Map<String, Value> {
        let head = json!({
            "analysis": self.analysis.name(),
            "engine": ENGINE_VERSION,
            "params": self.analysis.params(),
            "input": {
                "epoch": input.epoch,
                "revision": input.rev,
                "filter": input.filter,
                // Whether two profiles are of one person is a matter of no moment.
                "as_of": (!matches!(self.analysis.kind, Kind::Duplicates { .. })).then_some(self.as_of_ms),
            },
            "calibration": self.calibration(),
            "done": seen,
            "total": input.total,
            "partial": seen < input.total,
        });
        match head {
            Value::Object(head) => head,
            _ => Map::new(),
        }
    }
}
