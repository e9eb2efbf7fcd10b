//! What a person's observations come to, signal by signal.

use kartei_profile::{Instant, Record};
use kartei_stats::Sum;

use crate::schema::{Kind, Measure, Schema, Signal};

const DAY_MS: f64 = 86_400_000.0;

/// Days of a year, of the Julian one: 365¼.
const YEAR_DAYS: f64 = 365.25;

/// What is thought of a rate per year before anything was seen, as events and years: one event a year, worth half a
/// year of watching. It keeps the rate of who was watched for a day from being 365.
const RATE_EVENTS: f64 = 0.5;
const RATE_YEARS: f64 = 0.5;

/// One observation that counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// Its value, as the signal takes it: of a duration `ln(1 + x)`.
    pub value: f64,
    /// How often it was observed; 1 as a rule.
    pub n: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Its place among the observations of the record's canonical form.
    pub place: usize,
}

/// What the observations of a signal come to for one person.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measured {
    /// Those that count, in the order of `(at, id)`.
    pub counted: Vec<Counted>,
    /// Observations out of the valid range.
    pub out_of_range: u64,
    /// Observations later than the moment that is looked at.
    pub later: u64,
    /// The signal's number; nothing where nothing counts.
    pub value: Option<f64>,
    /// How many observations it is worth (Kish 1965).
    pub n_eff: f64,
}

impl Measured {
    fn clear(&mut self) {
        self.counted.clear();
        (self.out_of_range, self.later, self.value, self.n_eff) = (0, 0, None, 0.0);
    }
}

/// A person's signals, in the order of the schema's. Can be filled again and again.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Person {
    /// By signal.
    pub signals: Vec<Measured>,
}

/// How much an observation of this age still counts: `2^(−age / half-life)`.
fn decay(signal: &Signal, age_ms: f64) -> f64 {
    match signal.half_life_days {
        Some(days) => libm::exp2(-(age_ms / (days * DAY_MS))),
        None => 1.0,
    }
}

/// The weight of an observation at a moment: `n · 2^(−age / half-life)`.
#[must_use]
pub fn weight_at(signal: &Signal, counted: &Counted, as_of_ms: i64) -> f64 {
    counted.n as f64 * decay(signal, (as_of_ms - counted.at_ms) as f64)
}

impl Person {
    /// Reads what `record` says of the signals of `schema` at a moment, in milliseconds since 1970. Later
    /// observations do not count.
    pub fn measure(&mut self, schema: &Schema, record: &Record, as_of_ms: i64) {
        self.signals.resize_with(schema.signals().len(), Measured::default);
        self.signals.iter_mut().for_each(Measured::clear);
        let observations =
            record.members().get("observations").and_then(|observations| observations.as_array());
        for (place, one) in observations.into_iter().flatten().enumerate() {
            let Some(made) = one["signal"].as_str().map(|name| schema.made_of(name)) else {
                continue;
            };
            if made.is_empty() {
                continue;
            }
            let at = one["at"].as_str().and_then(|at| Instant::parse(at).ok());
            let (Some(value), Some(at)) = (one["value"].as_f64(), at) else { continue };
            let n = one.get("n").and_then(serde_json::Value::as_u64).unwrap_or(1);
            for signal in made {
                let counted = Counted { value, n, at_ms: at.unix_millis(), place };
                self.signals[*signal].take(&schema.signals()[*signal], counted, as_of_ms);
            }
        }
        for (measured, signal) in self.signals.iter_mut().zip(schema.signals()) {
            measured.add_up(signal, as_of_ms);
        }
    }
}

/// When the newest observation of a signal of `schema` was made that is not later than `until_ms`, in milliseconds
/// since 1970.
#[must_use]
pub fn newest(schema: &Schema, record: &Record, until_ms: i64) -> Option<i64> {
    let observations = record.members().get("observations")?.as_array()?;
    // They are in the order of their moments.
    observations
        .iter()
        .rev()
        .filter(|one| one["signal"].as_str().is_some_and(|name| !schema.made_of(name).is_empty()))
        .filter_map(|one| Some(Instant::parse(one["at"].as_str()?).ok()?.unix_millis()))
        .find(|at| *at <= until_ms)
}

impl Measured {
    fn take(&mut self, signal: &Signal, mut counted: Counted, as_of_ms: i64) {
        if counted.at_ms > as_of_ms {
            self.later += 1;
            return;
        }
        let value = counted.value;
        let in_range = signal.range.is_none_or(|[low, high]| (low..=high).contains(&value));
        let fits = match (signal.measure, signal.kind) {
            (Measure::Value, Kind::Binary) => (0.0..=1.0).contains(&value),
            (Measure::Value, Kind::Rate | Kind::Duration) => value >= 0.0,
            _ => true,
        };
        if !in_range || !fits {
            self.out_of_range += 1;
            return;
        }
        counted.value = match (signal.measure, signal.kind) {
            (Measure::Value, Kind::Duration) => libm::log1p(value),
            // One zero only: -0.0 and 0.0 are the same value.
            _ => value + 0.0,
        };
        self.counted.push(counted);
    }

    fn add_up(&mut self, signal: &Signal, as_of_ms: i64) {
        let (Some(first), Some(last)) = (self.counted.first(), self.counted.last()) else { return };
        let (first, last) = (first.at_ms, last.at_ms);
        if signal.measure == Measure::DaysSince {
            self.value = Some(libm::log1p((as_of_ms - last) as f64 / DAY_MS));
            self.n_eff = 1.0;
            return;
        }
        let (mut weights, mut weighted, mut squares) = (Sum::new(), Sum::new(), Sum::new());
        for one in &self.counted {
            let weight = weight_at(signal, one, as_of_ms);
            weights.add(weight);
            weighted.add(weight * one.value);
            squares.add(weight * weight);
        }
        let (weights, weighted, squares) = (weights.total(), weighted.total(), squares.total());
        if squares == 0.0 {
            // So long ago that nothing is left of it in a number.
            return;
        }
        self.n_eff = weights * weights / squares;
        self.value = Some(match (signal.measure, signal.kind) {
            (Measure::PerYear, _) => {
                (weights + RATE_EVENTS) / (watched_years(signal, as_of_ms - first) + RATE_YEARS)
            }
            // Jeffreys' priors: Gamma(½, 0) for a rate, Beta(½, ½) for a share.
            (_, Kind::Rate) => (weighted + 0.5) / weights,
            (_, Kind::Binary) => (weighted + 0.5) / (weights + 1.0),
            (_, Kind::Level | Kind::Duration) => weighted / weights,
        });
    }
}

/// For how long somebody was watched, in years, where a time counts less the longer ago it is: the integral of the
/// decay.
fn watched_years(signal: &Signal, span_ms: i64) -> f64 {
    let days = span_ms as f64 / DAY_MS;
    let counted = match signal.half_life_days {
        None => days,
        Some(half) => half / core::f64::consts::LN_2 * (1.0 - libm::exp2(-(days / half))),
    };
    counted / YEAR_DAYS
}
