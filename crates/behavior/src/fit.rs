//! A calibration from a population, in three passes over it.
//!
//! ```text
//! First: people's numbers, means ─▶ scales ─▶ Second: variance within and between people, α
//!                                                 ─▶ separation ─▶ Third: scores, their scale ─▶ Calibration
//! ```
//! Each pass takes people in any order, on any number of threads whose parts are merged in any order: sums are exact
//! and numbers are sorted, so the bits are the same.

use kartei_profile::Record;
use kartei_stats::ExactSum;

use crate::ENGINE;
use crate::calibration::{
    Calibration, CalibrationMistake, DimensionFit, Holdout, PARTS, SchemaName, Separation,
    SignalFit, Version1,
};
use crate::measure::Person;
use crate::population::{Population, is_held_out};
use crate::reference::{RANKS_FROM, Reference, Scale, median_and_mad};
use crate::schema::{Measure, Schema};
use crate::score::Scorer;

/// People that the fifth is tried on at least.
const HOLDOUT_MIN: u64 = RANKS_FROM;

/// The factor of Smirnov's bound for 99 of 100.
const SMIRNOV_99: f64 = 1.627_6;

/// A part of the population's places never has less than this share: an empty one would be infinitely unstable.
const SHARE_MIN: f64 = 1e-4;

/// What a calibration is asked for with.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The moment of the scores, in milliseconds since 1970.
    pub as_of_ms: i64,
    /// Which profiles; empty for all. It is written down, and not applied here.
    pub filter: String,
}

/// What the first pass knows of a signal.
#[derive(Debug, Clone, Default)]
struct Numbers {
    most: Reference,
    held_out: Reference,
    sum_of_people: ExactSum,
    sum: ExactSum,
    people: u64,
    observations: u64,
    out_of_range: u64,
    /// Σ nᵢ² over people.
    squares: u128,
}

/// The first pass: what numbers there are.
#[derive(Debug, Clone)]
pub struct First<'a> {
    schema: &'a Schema,
    asked: &'a Asked,
    population: Population,
    signals: Vec<Numbers>,
}

impl<'a> First<'a> {
    /// Nobody yet.
    #[must_use]
    pub fn new(schema: &'a Schema, asked: &'a Asked) -> Self {
        let signals = vec![Numbers::default(); schema.signals().len()];
        Self { schema, asked, population: Population::default(), signals }
    }

    /// Takes a person in, who was measured from `record` at the moment that was asked for.
    pub fn absorb(&mut self, record: &Record, person: &Person) {
        // Whom none of the signals was observed of is nobody to be compared with.
        if person.signals.iter().any(|measured| measured.value.is_some()) {
            self.population.add(record);
        }
        let held_out = is_held_out(record.id());
        for (numbers, measured) in self.signals.iter_mut().zip(&person.signals) {
            numbers.out_of_range += measured.out_of_range;
            let Some(value) = measured.value else { continue };
            if held_out {
                numbers.held_out.add(value);
            } else {
                numbers.most.add(value);
            }
            numbers.people += 1;
            numbers.sum_of_people.add(value);
            let count = measured.counted.len() as u64;
            numbers.observations += count;
            numbers.squares += u128::from(count) * u128::from(count);
            measured.counted.iter().for_each(|one| numbers.sum.add(one.value));
        }
    }

    /// Takes in another part of the population.
    pub fn merge(&mut self, other: Self) {
        self.population.merge(&other.population);
        for (ours, theirs) in self.signals.iter_mut().zip(other.signals) {
            ours.most.merge(theirs.most);
            ours.held_out.merge(theirs.held_out);
            ours.sum_of_people.merge(&theirs.sum_of_people);
            ours.sum.merge(&theirs.sum);
            ours.people += theirs.people;
            ours.observations += theirs.observations;
            ours.out_of_range += theirs.out_of_range;
            ours.squares += theirs.squares;
        }
    }

    /// What the second pass goes by. `before` is the calibration that the new one is compared with.
    #[must_use]
    pub fn finish(self, before: Option<&'a Calibration>) -> Known<'a> {
        let before = before.filter(|before| before.check_schema(self.schema).is_ok());
        let numbers = self.signals.iter();
        let centres = numbers.map(|one| mean(&one.sum, one.observations)).collect();
        let numbers = self.signals.iter();
        let people_centres = numbers.map(|one| mean(&one.sum_of_people, one.people)).collect();
        let signals = self.signals.into_iter().zip(self.schema.signals());
        let signals = signals.map(|(one, signal)| signal_fit(one, &signal.name)).collect();
        let profiles = self.population.profiles();
        let calibration = Calibration {
            calibration: Version1::Name,
            engine: ENGINE,
            schema: SchemaName {
                name: self.schema.name().to_owned(),
                version: self.schema.version(),
                hash: self.schema.hash().to_owned(),
            },
            as_of_ms: self.asked.as_of_ms,
            filter: self.asked.filter.clone(),
            profiles,
            population: self.population.hash(),
            signals,
            dimensions: self
                .schema
                .dimensions()
                .iter()
                .map(|dimension| DimensionFit {
                    name: dimension.name.clone(),
                    people: 0,
                    scale: Scale::Uncalibrated { n: 0 },
                    alpha: None,
                    complete: 0,
                })
                .collect(),
        };
        Known { schema: self.schema, before, calibration, centres, people_centres }
    }
}

fn mean(sum: &ExactSum, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum.total() / count as f64 }
}

fn signal_fit(numbers: Numbers, name: &str) -> SignalFit {
    let holdout = holdout(&numbers);
    let mut all = numbers.most;
    all.merge(numbers.held_out);
    let sorted = all.clone().into_sorted();
    let ends = sorted.first().zip(sorted.last());
    let middle = median_and_mad(&sorted);
    let mean = (numbers.observations > 0).then(|| mean(&numbers.sum, numbers.observations));
    SignalFit {
        name: name.to_owned(),
        people: numbers.people,
        observations: numbers.observations,
        out_of_range: numbers.out_of_range,
        mean,
        range: ends.map(|(first, last)| [first.0, last.0]),
        median: middle.map(|(median, _)| median),
        mad: middle.map(|(_, mad)| mad),
        scale: Scale::fit(all),
        // The sum of squares waits here for the second pass.
        separation: Separation::None { sigma2: numbers.squares as f64 },
        parts: [0; PARTS],
        holdout,
        stability: None,
    }
}

/// The largest difference between the places that both parts give to the numbers of either.
fn holdout(numbers: &Numbers) -> Option<Holdout> {
    let (most, rest) = (numbers.most.clone().into_sorted(), numbers.held_out.clone().into_sorted());
    let count = |sorted: &[(f64, u64)]| sorted.iter().map(|(_, count)| count).sum::<u64>();
    let (n, people) = (count(&most), count(&rest));
    if people < HOLDOUT_MIN || n < RANKS_FROM {
        return None;
    }
    let (mut i, mut j, mut below_most, mut below_rest) = (0, 0, 0_u64, 0_u64);
    let mut off = 0.0_f64;
    while i < most.len() && j < rest.len() {
        let next = if most[i].0 <= rest[j].0 { most[i].0 } else { rest[j].0 };
        if most[i].0 <= next {
            below_most += most[i].1;
            i += 1;
        }
        if j < rest.len() && rest[j].0 <= next {
            below_rest += rest[j].1;
            j += 1;
        }
        let apart = below_most as f64 / n as f64 - below_rest as f64 / people as f64;
        off = off.max(apart.abs());
    }
    let bound = SMIRNOV_99 * (1.0 / n as f64 + 1.0 / people as f64).sqrt();
    Some(Holdout { people, off, bound })
}

/// What the first pass found out.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    schema: &'a Schema,
    before: Option<&'a Calibration>,
    calibration: Calibration,
    /// Mean of a signal's observations: sums of squares are taken from there, so that nothing cancels.
    centres: Vec<f64>,
    /// Mean of people's numbers.
    people_centres: Vec<f64>,
}

impl<'a> Known<'a> {
    /// The moment of the scores, in milliseconds since 1970.
    pub(crate) fn as_of_ms(&self) -> i64 {
        self.calibration.as_of_ms
    }

    /// What it takes to go on elsewhere: the calibration so far, and by signal the bits of both centres.
    pub(crate) fn into_parts(self) -> (Calibration, Vec<[u64; 2]>) {
        let both = self.centres.iter().zip(&self.people_centres);
        let centres = both.map(|(all, people)| [all.to_bits(), people.to_bits()]).collect();
        (self.calibration, centres)
    }

    /// As it was, of its parts.
    pub(crate) fn of(
        schema: &'a Schema,
        before: Option<&'a Calibration>,
        calibration: Calibration,
        centres: &[[u64; 2]],
    ) -> Result<Self, CalibrationMistake> {
        calibration.check_schema(schema)?;
        if centres.len() != schema.signals().len() {
            let reason = "a centre for each signal was expected".to_owned();
            return Err(CalibrationMistake::Unreadable(reason));
        }
        let before = before.filter(|before| before.check_schema(schema).is_ok());
        let centre = |at: usize| centres.iter().map(|both| f64::from_bits(both[at])).collect();
        let (centres, people_centres) = (centre(0), centre(1));
        Ok(Self { schema, before, calibration, centres, people_centres })
    }
}

/// Variance of a signal.
#[derive(Debug, Clone, Default)]
struct Spread {
    within: ExactSum,
    /// Σ nᵢ (mᵢ − c)², and Σ nᵢ (mᵢ − c), which is nearly nothing.
    between: ExactSum,
    off: ExactSum,
}

/// Variances of the items of a dimension, of people that have all.
#[derive(Debug, Clone, Default)]
struct Items {
    complete: u64,
    /// By item: Σ d and Σ d².
    each: Vec<(ExactSum, ExactSum)>,
    /// Of the items' sum.
    sum: ExactSum,
    squares: ExactSum,
}

/// The second pass: how much people differ from themselves and from each other.
#[derive(Debug, Clone)]
pub struct Second<'k, 'a> {
    known: &'k Known<'a>,
    signals: Vec<Spread>,
    dimensions: Vec<Items>,
    /// By signal: people in each part of the places, of this calibration and of the one before.
    parts: Vec<([u64; PARTS], [u64; PARTS])>,
}

impl<'k, 'a> Second<'k, 'a> {
    /// Nobody yet.
    #[must_use]
    pub fn new(known: &'k Known<'a>) -> Self {
        let signals = known.schema.signals().len();
        let dimensions = (0..known.schema.dimensions().len())
            .map(|dimension| Items {
                each: vec![Default::default(); known.schema.weights(dimension).len()],
                ..Items::default()
            })
            .collect();
        let parts = vec![Default::default(); signals];
        Self { known, signals: vec![Spread::default(); signals], dimensions, parts }
    }

    /// Takes a person in.
    pub fn absorb(&mut self, person: &Person) {
        for (place, measured) in person.signals.iter().enumerate() {
            let Some(value) = measured.value else { continue };
            let fit = &self.known.calibration.signals[place];
            count_part(&mut self.parts[place].0, &fit.scale, value);
            if let Some(before) = self.known.before {
                count_part(&mut self.parts[place].1, &before.signals[place].scale, value);
            }
            let spread = &mut self.signals[place];
            let count = measured.counted.len() as f64;
            let total: kartei_stats::Sum = measured.counted.iter().map(|one| one.value).collect();
            let own = total.total() / count;
            for one in &measured.counted {
                let off = one.value - own;
                spread.within.add(off * off);
            }
            let off = own - self.known.centres[place];
            spread.between.add(count * (off * off));
            spread.off.add(count * off);
        }
        for (dimension, items) in self.dimensions.iter_mut().enumerate() {
            items.absorb(self.known, dimension, person);
        }
    }

    /// Takes in another part of the population.
    pub fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.signals.iter_mut().zip(&other.signals) {
            ours.within.merge(&theirs.within);
            ours.between.merge(&theirs.between);
            ours.off.merge(&theirs.off);
        }
        for (ours, theirs) in self.parts.iter_mut().zip(&other.parts) {
            for part in 0..PARTS {
                ours.0[part] += theirs.0[part];
                ours.1[part] += theirs.1[part];
            }
        }
        for (ours, theirs) in self.dimensions.iter_mut().zip(&other.dimensions) {
            ours.complete += theirs.complete;
            ours.sum.merge(&theirs.sum);
            ours.squares.merge(&theirs.squares);
            for (ours, theirs) in ours.each.iter_mut().zip(&theirs.each) {
                ours.0.merge(&theirs.0);
                ours.1.merge(&theirs.1);
            }
        }
    }

    /// The calibration, but for the scales of its dimensions.
    #[must_use]
    pub fn finish(self) -> Calibration {
        let mut calibration = self.known.calibration.clone();
        for (place, spread) in self.signals.iter().enumerate() {
            let signal = &self.known.schema.signals()[place];
            let fit = &mut calibration.signals[place];
            let Separation::None { sigma2: squares } = fit.separation else { continue };
            fit.separation = if signal.measure == Measure::Value {
                separation(spread, fit.people, fit.observations, squares)
            } else {
                None
            }
            .unwrap_or(Separation::Stated { reliability: signal.stated_reliability() });
            let (ours, under_before) = &self.parts[place];
            fit.parts = *ours;
            fit.stability = self
                .known
                .before
                .and_then(|before| stability(&before.signals[place].parts, under_before));
        }
        for (fit, items) in calibration.dimensions.iter_mut().zip(&self.dimensions) {
            fit.complete = items.complete;
            fit.alpha = items.alpha();
        }
        calibration
    }
}

/// One-way random effects: `σ² = MSW`, `τ² = max(0, (MSB − MSW) / n₀)`, `n₀ = (N − Σnᵢ²/N) / (I − 1)` (Searle, Casella
/// and McCulloch 1992). Nothing where it cannot tell within from between.
fn separation(spread: &Spread, people: u64, observations: u64, squares: f64) -> Option<Separation> {
    if people < 2 || observations <= people {
        return None;
    }
    let (i, n) = (people as f64, observations as f64);
    let sigma2 = spread.within.total() / (n - i);
    let off = spread.off.total();
    let between = (spread.between.total() - off * off / n) / (i - 1.0);
    let n0 = (n - squares / n) / (i - 1.0);
    let tau2 = ((between - sigma2) / n0).max(0.0);
    Some(if tau2 > 0.0 {
        Separation::Measured { sigma2, tau2, k: sigma2 / tau2 }
    } else {
        Separation::None { sigma2 }
    })
}

fn count_part(parts: &mut [u64; PARTS], scale: &Scale, value: f64) {
    let Some(place) = scale.place(value) else { return };
    let ends = (1..PARTS).take_while(|end| place.u > *end as f64 / PARTS as f64).count();
    parts[ends] += 1;
}

/// The population stability index: `Σ (aᵢ − eᵢ) ln(aᵢ / eᵢ)` over the shares of the parts.
fn stability(expected: &[u64; PARTS], actual: &[u64; PARTS]) -> Option<f64> {
    let count = |parts: &[u64; PARTS]| parts.iter().sum::<u64>();
    let (all, now) = (count(expected), count(actual));
    if all == 0 || now == 0 {
        return None;
    }
    let share = |part: u64, of: u64| (part as f64 / of as f64).max(SHARE_MIN);
    let each = expected.iter().zip(actual).map(|(expected, actual)| {
        let (e, a) = (share(*expected, all), share(*actual, now));
        (a - e) * libm::log(a / e)
    });
    Some(each.collect::<kartei_stats::Sum>().total())
}

impl Items {
    fn absorb(&mut self, known: &Known<'_>, dimension: usize, person: &Person) {
        let weights = known.schema.weights(dimension);
        let values = || {
            weights.iter().map(|(signal, _)| {
                let value = person.signals.get(*signal)?.value?;
                let sign = known.schema.signals()[*signal].direction.sign();
                Some(sign * (value - known.people_centres[*signal]))
            })
        };
        if values().any(|value| value.is_none()) {
            return;
        }
        self.complete += 1;
        let mut sum = kartei_stats::Sum::new();
        for (value, (first, second)) in values().flatten().zip(&mut self.each) {
            first.add(value);
            second.add(value * value);
            sum.add(value);
        }
        let sum = sum.total();
        self.sum.add(sum);
        self.squares.add(sum * sum);
    }

    /// Cronbach's α (1951): `k / (k − 1) · (1 − Σ var / var of the sum)`.
    fn alpha(&self) -> Option<f64> {
        let k = self.each.len() as f64;
        if self.each.len() < 2 || self.complete < 3 {
            return None;
        }
        let n = self.complete as f64;
        let variance = |sum: &ExactSum, squares: &ExactSum| {
            let sum = sum.total();
            (squares.total() - sum * sum / n) / (n - 1.0)
        };
        let all = variance(&self.sum, &self.squares);
        let each = self.each.iter().map(|(sum, squares)| variance(sum, squares));
        let each = each.collect::<kartei_stats::Sum>().total();
        (all > 0.0).then(|| k / (k - 1.0) * (1.0 - each / all))
    }
}

/// The third pass: what scores there are.
#[derive(Debug, Clone)]
pub struct Third<'c> {
    scorer: Scorer<'c>,
    scores: Vec<Reference>,
}

impl<'c> Third<'c> {
    /// Nobody yet.
    #[must_use]
    pub fn new(scorer: Scorer<'c>, dimensions: usize) -> Self {
        Self { scorer, scores: vec![Reference::default(); dimensions] }
    }

    /// Takes a person in.
    pub fn absorb(&mut self, person: &Person) {
        for (reference, score) in self.scores.iter_mut().zip(self.scorer.scores(person)) {
            if let Some(score) = score {
                reference.add(score);
            }
        }
    }

    /// Takes in another part of the population.
    pub fn merge(&mut self, other: Self) {
        for (ours, theirs) in self.scores.iter_mut().zip(other.scores) {
            ours.merge(theirs);
        }
    }

    /// The scores of each dimension.
    #[must_use]
    pub fn finish(self) -> Vec<Reference> {
        self.scores
    }
}

impl Calibration {
    /// Takes in what the third pass found out: the calibration is whole.
    #[must_use]
    pub fn with_scores(mut self, scores: Vec<Reference>) -> Self {
        for (fit, reference) in self.dimensions.iter_mut().zip(scores) {
            fit.scale = Scale::fit(reference);
            fit.people = fit.scale.n();
        }
        self
    }
}
