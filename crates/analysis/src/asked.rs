//! What is asked for: an analysis with its parameters, checked.

use kartei_profile::Instant;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::order::Seed;

/// Segments at most.
pub const SEGMENTS_MAX: u32 = 12;

/// Profiles that a list of some names at most.
pub const MOST_MAX: u32 = 500;

/// The names of all analyses.
pub const NAMES: [&str; 9] = [
    "quality",
    "distribution",
    "compare",
    "segments",
    "map",
    "similar",
    "outliers",
    "drift",
    "duplicates",
];

/// An analysis that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// Which one, and what it is told.
    pub kind: Kind,
    /// Version of the calibration that scores are made by, once it is named; of one that needs none it stays empty.
    pub calibration: Option<String>,
    /// Id of an uploaded file whose records are looked at instead of the profiles.
    pub dataset: Option<String>,
}

/// Which analysis, with what it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// What is missing, old, mixed up or contradictory in the profiles.
    Quality,
    /// How scores are distributed, dimension by dimension.
    Distribution,
    /// Two cohorts held against each other.
    Compare {
        /// Who is on side B, as a filter; without one everybody who is not on side A.
        other: Option<String>,
    },
    /// Groups of people with scores that are alike.
    Segments {
        /// How many, 2 to [`SEGMENTS_MAX`]; without it the number that tells groups apart best.
        k: Option<u32>,
    },
    /// Everybody on a plane, alike near alike: the first two principal components.
    Map,
    /// Who is most like somebody.
    Similar {
        /// Whom.
        id: String,
        /// How many are told.
        most: u32,
    },
    /// Who is unlike the others.
    Outliers {
        /// How many are told.
        most: u32,
    },
    /// What became of the population between two moments, or is by two calibrations.
    Drift {
        /// What the scores are held against.
        before: Before,
        /// The later moment, in milliseconds since 1970; that of the calibration without it.
        to_ms: Option<i64>,
    },
    /// Which profiles are perhaps of one person.
    Duplicates {
        /// How many pairs are told.
        most: u32,
    },
}

/// What the scores of a drift are held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// Those of an earlier moment, by the same calibration; milliseconds since 1970.
    Moment(i64),
    /// Those by another calibration of the same schema, each at its own moment: its version.
    Calibration(String),
}

/// Whether an analysis is made of scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scored {
    /// No score is looked at.
    Never,
    /// Scores are looked at where there is a calibration.
    Perhaps,
    /// Without a calibration it cannot be made.
    Always,
}

/// Why an analysis cannot be made as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskedWrongly {
    /// There is no such analysis.
    #[error("there is no analysis `{name}`; there is: {}", NAMES.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// A parameter that the analysis does not have.
    #[error("the analysis `{analysis}` has no parameter `{parameter}`")]
    Parameter {
        /// The analysis.
        analysis: &'static str,
        /// The parameter.
        parameter: String,
    },
    /// A parameter that is not what it has to be.
    #[error("the parameter `{parameter}` of the analysis `{analysis}` is {wanted}")]
    Value {
        /// The analysis.
        analysis: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// What it has to be.
        wanted: String,
    },
    /// Parameters that are no object.
    #[error("`params` is an object, or is left out")]
    NoObject,
    /// Scores are needed and there is no calibration to make them by.
    #[error(
        "the analysis `{0}` is made of scores, and no calibration is active: make one and activate it"
    )]
    Uncalibrated(&'static str),
    /// There is no such calibration.
    #[error("there is no calibration `{0}`")]
    NoCalibration(String),
    /// Two calibrations that say nothing of each other.
    #[error("calibration `{0}` is of another schema, or of another version of it")]
    OtherSchema(String),
    /// Several calibrations are active.
    #[error(
        "calibrations of several schemas are active ({0}): name one as the parameter `calibration`"
    )]
    SeveralCalibrations(String),
    /// There is no such profile.
    #[error("there is no profile `{0}`")]
    NoProfile(String),
    /// A file at the relay, where it cannot be read.
    #[error("the file `{0}` lies at the relay: it is analysed there, and not on this device")]
    DatasetElsewhere(String),
    /// The profile has nothing that a score could be made of.
    #[error("profile `{0}` has no score by this calibration")]
    NoScore(String),
}

/// The members of `params` as they are taken out, one by one.
struct Members {
    analysis: &'static str,
    left: Map<String, Value>,
}

impl Members {
    fn wrong(&self, parameter: &'static str, wanted: impl Into<String>) -> AskedWrongly {
        AskedWrongly::Value { analysis: self.analysis, parameter, wanted: wanted.into() }
    }

    fn text(&mut self, name: &'static str) -> Result<Option<String>, AskedWrongly> {
        match self.left.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "a text")),
        }
    }

    fn whole(
        &mut self,
        name: &'static str,
        least: u32,
        most: u32,
    ) -> Result<Option<u32>, AskedWrongly> {
        let Some(value) = self.left.remove(name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let whole = value.as_u64().and_then(|whole| u32::try_from(whole).ok());
        match whole.filter(|whole| (least..=most).contains(whole)) {
            Some(whole) => Ok(Some(whole)),
            None => Err(self.wrong(name, format!("a whole number, {least} to {most}"))),
        }
    }

    fn moment(&mut self, name: &'static str) -> Result<Option<i64>, AskedWrongly> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match Instant::parse(&text) {
            Ok(instant) => Ok(Some(instant.unix_millis())),
            Err(_) => Err(self.wrong(name, "a moment (RFC 3339), such as 1998-06-30T00:00:00Z")),
        }
    }
}

fn moment(ms: i64) -> Option<String> {
    Instant::from_unix_millis(ms).ok().map(|instant| instant.to_string())
}

impl Analysis {
    /// The analysis of this name, with these parameters.
    ///
    /// # Errors
    /// [`AskedWrongly`].
    pub fn new(name: &str, params: &Value) -> Result<Self, AskedWrongly> {
        let Some(analysis) = NAMES.iter().copied().find(|known| *known == name) else {
            return Err(AskedWrongly::Unknown { name: name.to_owned() });
        };
        let left = match params {
            Value::Null => Map::new(),
            Value::Object(members) => members.clone(),
            _ => return Err(AskedWrongly::NoObject),
        };
        let mut members = Members { analysis, left };
        let kind = match analysis {
            "distribution" => Kind::Distribution,
            "compare" => {
                let other = members.text("other")?;
                Kind::Compare { other: other.filter(|filter| !filter.trim().is_empty()) }
            }
            "segments" => Kind::Segments { k: members.whole("k", 2, SEGMENTS_MAX)? },
            "map" => Kind::Map,
            "similar" => {
                let id = members.text("id")?.filter(|id| !id.is_empty());
                let id = id.ok_or_else(|| members.wrong("id", "the id of a profile"))?;
                Kind::Similar { id, most: members.whole("most", 1, MOST_MAX)?.unwrap_or(20) }
            }
            "outliers" => {
                Kind::Outliers { most: members.whole("most", 1, MOST_MAX)?.unwrap_or(50) }
            }
            "drift" => {
                let against = members.text("against")?.filter(|version| !version.is_empty());
                let (from, to) = (members.moment("from")?, members.moment("to")?);
                let before = match (from, against) {
                    (Some(from_ms), None) => Before::Moment(from_ms),
                    (None, Some(version)) => Before::Calibration(version),
                    (Some(_), Some(_)) => {
                        return Err(
                            members.wrong("against", "in the place of `from`, not beside it")
                        );
                    }
                    (None, None) => {
                        let wanted = "the earlier moment (RFC 3339), such as 1998-01-01T00:00:00Z; or \
                                      `against` is the version of another calibration";
                        return Err(members.wrong("from", wanted));
                    }
                };
                match (&before, to) {
                    (Before::Moment(from_ms), Some(to_ms)) if to_ms <= *from_ms => {
                        return Err(members.wrong("to", "a moment later than `from`"));
                    }
                    (Before::Calibration(_), Some(_)) => {
                        return Err(members
                            .wrong("to", "beside `from` alone: each calibration has its moment"));
                    }
                    _ => Kind::Drift { before, to_ms: to },
                }
            }
            "duplicates" => {
                Kind::Duplicates { most: members.whole("most", 1, MOST_MAX)?.unwrap_or(100) }
            }
            _ => Kind::Quality,
        };
        let dataset = members.text("dataset")?.filter(|file| !file.is_empty());
        let mut asked = Self { kind, calibration: None, dataset };
        if asked.scored() != Scored::Never {
            asked.calibration = members.text("calibration")?;
        }
        match members.left.keys().next() {
            None => Ok(asked),
            Some(parameter) => {
                Err(AskedWrongly::Parameter { analysis, parameter: parameter.clone() })
            }
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Quality => "quality",
            Kind::Distribution => "distribution",
            Kind::Compare { .. } => "compare",
            Kind::Segments { .. } => "segments",
            Kind::Map => "map",
            Kind::Similar { .. } => "similar",
            Kind::Outliers { .. } => "outliers",
            Kind::Drift { .. } => "drift",
            Kind::Duplicates { .. } => "duplicates",
        }
    }

    /// All that it is told, with what was left out: [`Analysis::new`] makes the same of it.
    #[must_use]
    pub fn params(&self) -> Value {
        let mut params = match &self.kind {
            Kind::Quality | Kind::Distribution | Kind::Map => json!({}),
            Kind::Compare { other } => json!({"other": other}),
            Kind::Segments { k } => json!({"k": k}),
            Kind::Similar { id, most } => json!({"id": id, "most": most}),
            Kind::Outliers { most } | Kind::Duplicates { most } => json!({"most": most}),
            Kind::Drift { before: Before::Moment(from_ms), to_ms } => {
                json!({"from": moment(*from_ms), "to": to_ms.and_then(moment)})
            }
            Kind::Drift { before: Before::Calibration(version), .. } => json!({"against": version}),
        };
        if let Some(members) = params.as_object_mut() {
            members.insert("calibration".to_owned(), json!(self.calibration));
            members.insert("dataset".to_owned(), json!(self.dataset));
            members.retain(|_, value| !value.is_null());
        }
        params
    }

    /// What draws the order of the visit: the same request, with its calibration, visits the same profiles in the
    /// same order, wherever. They are visited so too where they lie in a file, whichever: of the same records the same
    /// comes out, to the bit.
    #[must_use]
    pub fn seed(&self, filter: Option<&str>) -> Seed {
        let params = Self { dataset: None, ..self.clone() }.params();
        let asked = json!({"analysis": self.name(), "params": params, "filter": filter});
        Seed::of(&asked.to_string())
    }

    /// Whether it is made of scores.
    #[must_use]
    pub fn scored(&self) -> Scored {
        match self.kind {
            Kind::Quality | Kind::Duplicates { .. } => Scored::Never,
            Kind::Compare { .. } => Scored::Perhaps,
            _ => Scored::Always,
        }
    }

    /// The filter of side B, of one that has sides; the inner nothing is everybody who is not on side A.
    #[must_use]
    pub fn other(&self) -> Option<Option<&str>> {
        match &self.kind {
            Kind::Compare { other } => Some(other.as_deref()),
            _ => None,
        }
    }

    /// Version of the calibration that scores are held against.
    #[must_use]
    pub fn against(&self) -> Option<&str> {
        match &self.kind {
            Kind::Drift { before: Before::Calibration(version), .. } => Some(version),
            _ => None,
        }
    }

    /// The profile that it is about.
    #[must_use]
    pub fn focus(&self) -> Option<&str> {
        match &self.kind {
            Kind::Similar { id, .. } => Some(id),
            _ => None,
        }
    }
}

/// The side that a profile is on. One that both filters take is on none: it says nothing of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The first cohort.
    A,
    /// The second one.
    B,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read_back_from_its_parameters() {
        for (name, params) in [
            ("quality", json!({})),
            ("distribution", json!({"calibration": "abc"})),
            ("compare", json!({"other": "tag:x", "calibration": "abc"})),
            ("compare", json!({})),
            ("segments", json!({"k": 3})),
            ("map", json!({})),
            ("similar", json!({"id": "p-1", "most": 20})),
            ("outliers", json!({"most": 50})),
            ("drift", json!({"from": "1998-01-01T00:00:00Z", "to": "1998-06-30T00:00:00Z"})),
            ("drift", json!({"against": "def", "calibration": "abc"})),
            ("duplicates", json!({"most": 100})),
            ("quality", json!({"dataset": "file-1"})),
            ("map", json!({"calibration": "abc", "dataset": "file-1"})),
        ] {
            let asked = Analysis::new(name, &params).unwrap();
            assert_eq!((asked.name(), asked.params()), (name, params));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said =
            |name: &str, params: Value| Analysis::new(name, &params).unwrap_err().to_string();
        assert!(
            said("oracle", Value::Null)
                .starts_with("there is no analysis `oracle`; there is: quality,")
        );
        assert_eq!(
            said("quality", json!({"calibration": "x"})),
            "the analysis `quality` has no parameter `calibration`"
        );
        assert_eq!(
            said("segments", json!({"k": 1})),
            "the parameter `k` of the analysis `segments` is a whole number, 2 to 12"
        );
        assert_eq!(
            said("similar", json!({})),
            "the parameter `id` of the analysis `similar` is the id of a profile"
        );
        assert_eq!(
            said("drift", json!({"from": "1998-06-30T00:00:00Z", "to": "1998-01-01T00:00:00Z"})),
            "the parameter `to` of the analysis `drift` is a moment later than `from`"
        );
        let both = json!({"from": "1998-06-30T00:00:00Z", "against": "abc"});
        assert_eq!(
            said("drift", both),
            "the parameter `against` of the analysis `drift` is in the place of `from`, not beside it"
        );
        let to = json!({"to": "1998-06-30T00:00:00Z", "against": "abc"});
        assert!(said("drift", to).ends_with("each calibration has its moment"));
        assert!(said("drift", json!({})).contains("`against` is the version"));
        assert_eq!(said("map", json!([])), "`params` is an object, or is left out");
    }
}
