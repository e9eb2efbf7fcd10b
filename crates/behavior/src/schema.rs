//! What is measured, and what it is put together to.

use std::collections::{BTreeMap, BTreeSet};

use kartei_profile::{json, write_jcs};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Signals of a schema at most: a questionnaire has some hundred items.
pub const SIGNALS_MAX: usize = 512;

/// Dimensions of a schema at most: more than a person looks at.
pub const DIMENSIONS_MAX: usize = 64;

/// Characters of a name at most, as those of observations' signals.
const NAME_MAX: usize = 64;

/// Characters of a title at most.
const TITLE_MAX: usize = 120;

/// A name for people, in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// English.
    pub en: String,
    /// German.
    pub de: String,
}

/// What kind of number a signal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A mean of levels, such as answers.
    Level,
    /// Events for each unit of what was watched: the mean of a Gamma posterior.
    Rate,
    /// Yes or no: the share of yes, after Jeffreys.
    Binary,
    /// How long something took: the mean of `ln(1 + x)`.
    Duration,
}

/// What of a person's observations is the signal's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Their values.
    #[default]
    Value,
    /// How many there are in a year, since the first; of kind `rate`.
    PerYear,
    /// Days since the last one; of kind `duration`.
    DaysSince,
}

/// Which end of a signal is the dimension's upper one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i8", into = "i8")]
pub enum Direction {
    /// More is more.
    Up,
    /// More is less: `1 − u`.
    Down,
}

impl TryFrom<i8> for Direction {
    type Error = &'static str;

    fn try_from(sign: i8) -> Result<Self, Self::Error> {
        match sign {
            1 => Ok(Self::Up),
            -1 => Ok(Self::Down),
            _ => Err("a direction is 1 or -1"),
        }
    }
}

impl From<Direction> for i8 {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Up => 1,
            Direction::Down => -1,
        }
    }
}

impl Direction {
    pub(crate) fn sign(self) -> f64 {
        f64::from(i8::from(self))
    }
}

/// A signal: how the observations of a name become one number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// Its name in the schema.
    pub name: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
    /// The `signal` of the observations; the name, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What of them is taken.
    #[serde(default, skip_serializing_if = "is_value")]
    pub measure: Measure,
    /// What kind of number it is.
    pub kind: Kind,
    /// Which end is the upper one.
    #[serde(default = "up", skip_serializing_if = "is_up")]
    pub direction: Direction,
    /// After how many days an observation counts half; never, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_life_days: Option<f64>,
    /// The smallest and the greatest valid value; others are passed over and counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// How reliable it is, 0 to 1, where that cannot be measured; 1, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reliability: Option<f64>,
}

fn up() -> Direction {
    Direction::Up
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_up(direction: &Direction) -> bool {
    *direction == Direction::Up
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_value(measure: &Measure) -> bool {
    *measure == Measure::Value
}

impl Signal {
    /// The `signal` of the observations that it is made of.
    #[must_use]
    pub fn source(&self) -> &str {
        self.from.as_deref().unwrap_or(&self.name)
    }

    /// A number of it as it was observed: the time of a duration and not its logarithm.
    #[must_use]
    pub fn as_observed(&self, value: f64) -> f64 {
        match self.kind {
            Kind::Duration => libm::expm1(value),
            Kind::Level | Kind::Rate | Kind::Binary => value,
        }
    }

    /// How reliable it is said to be.
    #[must_use]
    pub fn stated_reliability(&self) -> f64 {
        self.reliability.unwrap_or(1.0)
    }
}

/// A dimension: signals that are put together, each with its weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimension {
    /// Its name in the schema.
    pub name: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
    /// Signals and their weights, not below 0.
    pub weights: BTreeMap<String, f64>,
}

/// The text as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    schema: Version1,
    name: String,
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<Title>,
    signals: Vec<Signal>,
    dimensions: Vec<Dimension>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Version1 {
    #[serde(rename = "behavior_schema.v1")]
    Name,
}

/// A schema that keeps its own rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    written: Written,
    text: String,
    hash: String,
    /// By dimension: signals by their place, with their weights, in the order of the signals.
    weights: Vec<Vec<(usize, f64)>>,
    /// Signals by the name of the observations that they are made of.
    sources: BTreeMap<String, Vec<usize>>,
}

/// The schemas that come with the program: the Big Five, and customers by their orders.
#[must_use]
pub fn ready() -> Vec<Schema> {
    let texts = [
        include_str!("../../../schemas/behavior/bfi.v1.json"),
        include_str!("../../../schemas/behavior/cdnow.v1.json"),
    ];
    // A test reads both.
    texts.into_iter().filter_map(|text| Schema::parse(text).ok()).collect()
}

/// A schema that comes with the program has its name and version for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "version {version} of schema `{name}` comes with the program; give it the next version or another name"
)]
pub struct NameTaken {
    /// The name.
    pub name: String,
    /// The version.
    pub version: u32,
}

/// Checks that a schema is none that takes the name and version of one that comes with the program.
///
/// # Errors
/// [`NameTaken`].
pub fn check_taken(schema: &Schema) -> Result<(), NameTaken> {
    let (name, version) = (schema.name(), schema.version());
    let mut ready = ready().into_iter();
    match ready.find(|one| one.name() == name && one.version() == version) {
        Some(one) if one.hash() != schema.hash() => {
            Err(NameTaken { name: name.to_owned(), version })
        }
        _ => Ok(()),
    }
}

/// Why a text is no schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {reason}")]
pub struct SchemaMistake {
    /// Where, as a JSON pointer; empty for the whole.
    pub pointer: String,
    /// What is wrong and how to mend it.
    pub reason: String,
}

fn mistake(pointer: impl Into<String>, reason: impl Into<String>) -> SchemaMistake {
    SchemaMistake { pointer: pointer.into(), reason: reason.into() }
}

impl Schema {
    /// Reads and checks a schema.
    ///
    /// # Errors
    /// The first [`SchemaMistake`].
    pub fn parse(text: &str) -> Result<Self, SchemaMistake> {
        let value = json::parse(text.as_bytes())
            .map_err(|violation| mistake(violation.pointer.clone(), violation.to_string()))?;
        let written: Written =
            serde_json::from_value(value).map_err(|e| mistake("", e.to_string()))?;
        Self::new(written)
    }

    fn new(written: Written) -> Result<Self, SchemaMistake> {
        check_name(&written.name, "/name")?;
        check_title(written.title.as_ref(), "/title")?;
        if written.version == 0 {
            return Err(mistake("/version", "versions begin with 1"));
        }
        for (many, found, max) in [
            ("signals", written.signals.len(), SIGNALS_MAX),
            ("dimensions", written.dimensions.len(), DIMENSIONS_MAX),
        ] {
            if found == 0 || found > max {
                return Err(mistake(format!("/{many}"), format!("there are 1 to {max} {many}")));
            }
        }
        let mut places = BTreeMap::new();
        let mut sources: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, signal) in written.signals.iter().enumerate() {
            let at = format!("/signals/{place}");
            check_signal(signal, &at)?;
            if places.insert(signal.name.clone(), place).is_some() {
                let reason = format!("there are two signals `{}`", signal.name);
                return Err(mistake(format!("{at}/name"), reason));
            }
            sources.entry(signal.source().to_owned()).or_default().push(place);
        }
        let mut names = BTreeSet::new();
        let mut weights = Vec::with_capacity(written.dimensions.len());
        for (place, dimension) in written.dimensions.iter().enumerate() {
            let at = format!("/dimensions/{place}");
            check_name(&dimension.name, &format!("{at}/name"))?;
            check_title(dimension.title.as_ref(), &format!("{at}/title"))?;
            if !names.insert(&dimension.name) {
                let reason = format!("there are two dimensions `{}`", dimension.name);
                return Err(mistake(format!("{at}/name"), reason));
            }
            weights.push(weights_of(dimension, &places, &at)?);
        }
        let value = serde_json::to_value(&written).map_err(|e| mistake("", e.to_string()))?;
        let text = canonical(&value);
        let hash = hex(&Sha256::digest(text.as_bytes()));
        Ok(Self { written, text, hash, weights, sources })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.written.name
    }

    /// Its version, from 1.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.written.version
    }

    /// Its name for people.
    #[must_use]
    pub fn title(&self) -> Option<&Title> {
        self.written.title.as_ref()
    }

    /// The signals.
    #[must_use]
    pub fn signals(&self) -> &[Signal] {
        &self.written.signals
    }

    /// The dimensions.
    #[must_use]
    pub fn dimensions(&self) -> &[Dimension] {
        &self.written.dimensions
    }

    /// The signals of a dimension by their place among the signals, with their weights.
    #[must_use]
    pub fn weights(&self, dimension: usize) -> &[(usize, f64)] {
        self.weights.get(dimension).map_or(&[], Vec::as_slice)
    }

    /// The canonical form (RFC 8785).
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the canonical form, in hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The signals that are made of observations of this name, by their place.
    pub(crate) fn made_of(&self, source: &str) -> &[usize] {
        self.sources.get(source).map_or(&[], Vec::as_slice)
    }
}

pub(crate) fn canonical(value: &Value) -> String {
    let mut out = Vec::new();
    write_jcs(value, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check_name(name: &str, at: &str) -> Result<(), SchemaMistake> {
    let chars = name.chars().count();
    if !(1..=NAME_MAX).contains(&chars) || name.trim() != name {
        let reason = format!("a name has 1 to {NAME_MAX} characters and no blanks around them");
        return Err(mistake(at, reason));
    }
    Ok(())
}

fn check_title(title: Option<&Title>, at: &str) -> Result<(), SchemaMistake> {
    let Some(title) = title else { return Ok(()) };
    for (language, text) in [("en", &title.en), ("de", &title.de)] {
        if text.trim().is_empty() || text.chars().count() > TITLE_MAX {
            let reason = format!("a title has 1 to {TITLE_MAX} characters");
            return Err(mistake(format!("{at}/{language}"), reason));
        }
    }
    Ok(())
}

fn check_signal(signal: &Signal, at: &str) -> Result<(), SchemaMistake> {
    check_name(&signal.name, &format!("{at}/name"))?;
    check_title(signal.title.as_ref(), &format!("{at}/title"))?;
    if let Some(from) = &signal.from {
        check_name(from, &format!("{at}/from"))?;
    }
    let needs = match signal.measure {
        Measure::Value => signal.kind,
        Measure::PerYear => Kind::Rate,
        Measure::DaysSince => Kind::Duration,
    };
    if needs != signal.kind {
        let reason = "`per_year` is of kind `rate`, `days_since` of kind `duration`";
        return Err(mistake(format!("{at}/kind"), reason));
    }
    if let Some(days) = signal.half_life_days {
        if !(days > 0.0 && days.is_finite()) {
            return Err(mistake(format!("{at}/half_life_days"), "a half-life is above 0 days"));
        }
        if signal.measure == Measure::DaysSince {
            let reason = "days since the last one have no half-life: leave it out";
            return Err(mistake(format!("{at}/half_life_days"), reason));
        }
    }
    if let Some([low, high]) = signal.range
        && low >= high
    {
        return Err(mistake(format!("{at}/range"), "a range has its smaller end first"));
    }
    if !(0.0..=1.0).contains(&signal.stated_reliability()) {
        return Err(mistake(format!("{at}/reliability"), "a reliability lies between 0 and 1"));
    }
    Ok(())
}

fn weights_of(
    dimension: &Dimension,
    places: &BTreeMap<String, usize>,
    at: &str,
) -> Result<Vec<(usize, f64)>, SchemaMistake> {
    let mut weights = Vec::with_capacity(dimension.weights.len());
    for (signal, weight) in &dimension.weights {
        let Some(place) = places.get(signal) else {
            let reason = format!("there is no signal `{signal}`");
            return Err(mistake(format!("{at}/weights"), reason));
        };
        if !(*weight >= 0.0 && weight.is_finite()) {
            let reason = format!("the weight of `{signal}` is not below 0");
            return Err(mistake(format!("{at}/weights"), reason));
        }
        weights.push((*place, *weight));
    }
    if !weights.iter().any(|(_, weight)| *weight > 0.0) {
        return Err(mistake(format!("{at}/weights"), "at least one weight is above 0"));
    }
    weights.sort_unstable_by_key(|(place, _)| *place);
    Ok(weights)
}
