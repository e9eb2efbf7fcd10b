//! Record linkage: how likely two records are of one person.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{at_least, same_length};
use crate::{ExactSum, StatError};

/// Fields at most: products of as many of the least probabilities are still far from the end of
/// `f64`.
pub const FIELDS_MAX: usize = 32;

/// Levels of agreement of a field at most.
pub const LEVELS_MAX: usize = 64;

/// No probability is taken to be less, and none of two levels to be more than one less this.
pub const LEAST_PROBABILITY: f64 = 1e-6;

/// Rounds of the estimation at most.
pub const ROUNDS_MAX: u32 = 10_000;

/// Rounds of the classification at most: its sides are few, and it rests after some.
const CLASSIFY_ROUNDS_MAX: u32 = 100;

/// The estimation ends where no probability moves by more.
const SETTLED: f64 = 1e-12;

/// Pairs of records with the same pattern of agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// For each field its level of agreement, 0 for the lowest; nothing where a record lacks the
    /// field, which then says nothing.
    pub levels: Vec<Option<u8>>,
    /// How many pairs have it.
    pub count: u64,
}

/// The probabilities of a field's levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Of each level among pairs that match; together 1.
    pub m: Vec<f64>,
    /// Of each level among pairs that do not.
    pub u: Vec<f64>,
}

/// The model of Fellegi and Sunter (1969): fields agree independently of each other, among matches as
/// well as among the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linkage {
    /// The share of matches among all pairs.
    pub prevalence: f64,
    /// The fields in the order of the patterns' levels.
    pub fields: Vec<Field>,
}

/// What an estimation came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The model.
    pub linkage: Linkage,
    /// The logarithm of the patterns' probability under it.
    pub log_likelihood: f64,
    /// Rounds that it took.
    pub rounds: u32,
    /// Whether it came to rest; if not, [`ROUNDS_MAX`] broke it off.
    pub is_settled: bool,
}

/// Estimates the model from patterns alone, without knowing a single match: expectation and
/// maximisation (Dempster, Laird and Rubin 1977; for linkage Winkler 1988 and Jaro 1989). `levels` has
/// the number of levels of each field.
///
/// It begins with a prevalence of 0.1, with 0.9 for the highest level among matches and for the
/// lowest among the others, and from there no round makes the patterns less likely. No probability
/// becomes less than [`LEAST_PROBABILITY`]. Neither the order of the patterns nor whether equal ones
/// are apart changes a bit of the result. Takes `patterns · fields` steps in each round.
///
/// # Errors
/// Fewer than three fields, which cannot tell matches from others, or more than [`FIELDS_MAX`]; a
/// field of fewer than two levels or more than [`LEVELS_MAX`]; a pattern of another length or with a
/// level that its field has not; no pairs.
pub fn estimate(levels: &[usize], patterns: &[Pattern]) -> Result<Estimate, StatError> {
    at_least(3, levels.len())?;
    let patterns = gathered(levels, patterns)?;
    let mut linkage = beginning(levels);
    let (mut rounds, mut is_settled) = (0, false);
    while rounds < ROUNDS_MAX && !is_settled {
        let next = step(&linkage, &patterns);
        is_settled = furthest(&linkage, &next) <= SETTLED;
        linkage = next;
        rounds += 1;
    }
    let log_likelihood = log_likelihood(&linkage, &patterns);
    Ok(Estimate { linkage, log_likelihood, rounds, is_settled })
}

/// Equal patterns together, in order, once they are found to fit.
type Gathered = BTreeMap<Vec<Option<u8>>, f64>;

fn gathered(levels: &[usize], patterns: &[Pattern]) -> Result<Gathered, StatError> {
    if levels.len() > FIELDS_MAX {
        return Err(StatError::TooMany { most: FIELDS_MAX, found: levels.len() });
    }
    if !levels.iter().all(|levels| (2..=LEVELS_MAX).contains(levels)) {
        return Err(StatError::Range("the number of levels of a field"));
    }
    let mut counts: BTreeMap<Vec<Option<u8>>, u128> = BTreeMap::new();
    for pattern in patterns.iter().filter(|pattern| pattern.count > 0) {
        same_length(levels.len(), pattern.levels.len())?;
        let fits = |(level, levels): (&Option<u8>, &usize)| {
            level.is_none_or(|level| usize::from(level) < *levels)
        };
        if !pattern.levels.iter().zip(levels).all(fits) {
            return Err(StatError::Range("a level of agreement"));
        }
        *counts.entry(pattern.levels.clone()).or_default() += u128::from(pattern.count);
    }
    at_least(1, counts.len())?;
    Ok(counts.into_iter().map(|(levels, count)| (levels, count as f64)).collect())
}

fn beginning(levels: &[usize]) -> Linkage {
    let field = |levels: &usize| {
        let mut m = vec![0.1 / (levels - 1) as f64; *levels];
        let mut u = m.clone();
        (m[levels - 1], u[0]) = (0.9, 0.9);
        Field { m, u }
    };
    Linkage { prevalence: 0.1, fields: levels.iter().map(field).collect() }
}

/// One round: how likely each pattern is a match under the old model, and the model that makes this
/// most likely.
fn step(linkage: &Linkage, patterns: &Gathered) -> Linkage {
    let zeros = |field: &Field| vec![[ExactSum::new(), ExactSum::new()]; field.m.len()];
    let mut sums: Vec<Vec<[ExactSum; 2]>> = linkage.fields.iter().map(zeros).collect();
    let (mut matches, mut others) = (ExactSum::new(), ExactSum::new());
    for (levels, count) in patterns {
        let (m, u) = linkage.joint(levels);
        let (m, u) = (count * (m / (m + u)), count * (u / (m + u)));
        matches.add(m);
        others.add(u);
        for (sums, level) in sums.iter_mut().zip(levels) {
            if let Some([of_m, of_u]) = level.and_then(|level| sums.get_mut(usize::from(level))) {
                of_m.add(m);
                of_u.add(u);
            }
        }
    }
    let field = |(sums, old): (&Vec<[ExactSum; 2]>, &Field)| {
        let weights = |of: usize| sums.iter().map(|both| both[of].total()).collect::<Vec<_>>();
        Field { m: bounded(&weights(0), &old.m), u: bounded(&weights(1), &old.u) }
    };
    let prevalence = bounded(&[matches.total(), others.total()], &[0.5, 0.5])[0];
    Linkage { prevalence, fields: sums.iter().zip(&linkage.fields).map(field).collect() }
}

/// The most likely probabilities of levels with these weights, of those that are not below the least
/// one: what would be below is the least one, and the rest is shared by the others' weights, until
/// all are. The old ones where there is no weight at all.
fn bounded(weights: &[f64], old: &[f64]) -> Vec<f64> {
    let mut is_least = vec![false; weights.len()];
    loop {
        let free = || weights.iter().zip(&is_least).filter(|(_, is_least)| !**is_least);
        let whole: f64 = free().map(|(weight, _)| weight).sum();
        let rest = 1.0 - LEAST_PROBABILITY * is_least.iter().filter(|is| **is).count() as f64;
        if whole <= 0.0 {
            return old.to_vec();
        }
        let share = |weight: f64| rest * (weight / whole);
        let below: Vec<bool> = weights
            .iter()
            .zip(&is_least)
            .map(|(weight, is_least)| *is_least || share(*weight) < LEAST_PROBABILITY)
            .collect();
        if below == is_least {
            let of = |(weight, is_least): (&f64, &bool)| match is_least {
                true => LEAST_PROBABILITY,
                false => share(*weight),
            };
            return weights.iter().zip(&is_least).map(of).collect();
        }
        is_least = below;
    }
}

/// The greatest difference of two models' probabilities.
fn furthest(one: &Linkage, other: &Linkage) -> f64 {
    let fields = one.fields.iter().zip(&other.fields);
    let lists = fields.flat_map(|(a, b)| [(&a.m, &b.m), (&a.u, &b.u)]);
    let apart = lists.flat_map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b).abs()));
    apart.fold((one.prevalence - other.prevalence).abs(), f64::max)
}

fn log_likelihood(linkage: &Linkage, patterns: &Gathered) -> f64 {
    let mut sum = ExactSum::new();
    for (levels, count) in patterns {
        let (m, u) = linkage.joint(levels);
        sum.add(count * libm::log(m + u));
    }
    sum.total()
}

impl Linkage {
    /// The probability of a pattern together with being a match, and with being none.
    fn joint(&self, levels: &[Option<u8>]) -> (f64, f64) {
        let mut joint = (self.prevalence, 1.0 - self.prevalence);
        for (field, level) in self.fields.iter().zip(levels) {
            if let Some((m, u)) = level.and_then(|level| field.at(level)) {
                joint = (joint.0 * m, joint.1 * u);
            }
        }
        joint
    }

    fn check(&self, levels: &[Option<u8>]) -> Result<(), StatError> {
        same_length(self.fields.len(), levels.len())?;
        let knows = |(field, level): (&Field, &Option<u8>)| {
            level.is_none_or(|level| field.at(level).is_some())
        };
        match self.fields.iter().zip(levels).all(knows) {
            true => Ok(()),
            false => Err(StatError::Range("a level of agreement")),
        }
    }

    /// How much a pattern speaks for a match, in bits: the sum of `log₂(m/u)` of its fields' levels
    /// (Fellegi and Sunter 1969). A field that is lacking adds nothing; the prevalence is not in it.
    ///
    /// # Errors
    /// A pattern of another length, or with a level that its field has not.
    pub fn weight(&self, levels: &[Option<u8>]) -> Result<f64, StatError> {
        self.check(levels)?;
        let fields = self.fields.iter().zip(levels);
        Ok(fields.filter_map(|(field, level)| field.weight((*level)?)).sum())
    }

    /// How likely a pair with this pattern is a match, 0 to 1, by Bayes' rule from the prevalence.
    ///
    /// # Errors
    /// A pattern of another length, or with a level that its field has not.
    pub fn posterior(&self, levels: &[Option<u8>]) -> Result<f64, StatError> {
        self.check(levels)?;
        let (m, u) = self.joint(levels);
        Ok(m / (m + u))
    }
}

impl Field {
    fn at(&self, level: u8) -> Option<(f64, f64)> {
        let level = usize::from(level);
        self.m.get(level).copied().zip(self.u.get(level).copied())
    }

    /// How much a level speaks for a match, `log₂(m/u)` in bits; nothing for a level that the field
    /// has not.
    #[must_use]
    pub fn weight(&self, level: u8) -> Option<f64> {
        self.at(level).map(|(m, u)| libm::log2(m / u))
    }
}

/// What is thought of matches before any pair was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    /// The model to begin with.
    pub linkage: Linkage,
    /// How many matches that were seen its probabilities among matches are worth.
    pub pairs: f64,
}

/// Estimates the model from patterns where matches are rare, one in a million pairs: expectation, classification and
/// maximisation (Celeux and Govaert 1992) with a prior (Dirichlet's). In every round each pattern is taken for what it is
/// likelier to be, and both sides are counted. [`estimate`] is no good there: that two fields go together among millions of
/// pairs that do not match outweighs the few that do, and it takes these for the matches.
///
/// The probabilities among matches begin with the prior's and keep its weight. Those among the others are counted, with one
/// pair more that is spread as the prior has it. One match more is thought of among as many pairs as the prior has one in. A
/// single field will do: the prior says what a match is.
///
/// More agreement never speaks less for a match: that one of a million has an odd value, and differs from all by it, says
/// nothing for any pair of his.
///
/// Whole numbers are counted: neither the order of the patterns nor whether equal ones are apart changes a bit. Ends where
/// no pattern changes its side, or after 100 rounds.
///
/// # Errors
/// No field, or more than [`FIELDS_MAX`]; a field of fewer than two levels or more than [`LEVELS_MAX`]; a probability of the
/// prior that is not between 0 and 1, or a weight of it that is not positive; a pattern of another length or with a level
/// that its field has not; no pairs.
pub fn classify(prior: &Prior, patterns: &[Pattern]) -> Result<Estimate, StatError> {
    let begun = &prior.linkage;
    let lists = begun.fields.iter().flat_map(|field| [&field.m, &field.u]);
    let mut probabilities = lists.flatten().chain([&begun.prevalence]);
    if !probabilities.all(|p| *p > 0.0 && *p < 1.0) {
        return Err(StatError::Range("a probability"));
    }
    if !(prior.pairs > 0.0 && prior.pairs.is_finite()) {
        return Err(StatError::Range("the weight of the prior"));
    }
    at_least(1, begun.fields.len())?;
    for field in &begun.fields {
        same_length(field.m.len(), field.u.len())?;
    }
    let levels: Vec<usize> = begun.fields.iter().map(|field| field.m.len()).collect();
    let patterns = gathered(&levels, patterns)?;
    let nobody = vec![false; patterns.len()];
    let (mut linkage, mut matches) = (counted(prior, &patterns, &nobody), nobody);
    linkage.prevalence = begun.prevalence;
    let (mut rounds, mut is_settled) = (0, false);
    while rounds < CLASSIFY_ROUNDS_MAX && !is_settled {
        let next: Vec<bool> = patterns
            .keys()
            .map(|levels| {
                let (m, u) = linkage.joint(levels);
                m > u
            })
            .collect();
        is_settled = rounds > 0 && next == matches;
        linkage = counted(prior, &patterns, &next);
        matches = next;
        rounds += 1;
    }
    let log_likelihood = log_likelihood(&linkage, &patterns);
    Ok(Estimate { linkage, log_likelihood, rounds, is_settled })
}

/// The model where these patterns are matches and the others are not.
fn counted(prior: &Prior, patterns: &Gathered, matches: &[bool]) -> Linkage {
    let sides = || patterns.iter().zip(matches);
    let fields = prior.linkage.fields.iter().enumerate().map(|(at, field)| {
        let of = |probabilities: &[f64], pairs: f64, is_match: bool| {
            let mut sums: Vec<f64> = probabilities.iter().map(|p| p * pairs).collect();
            for ((levels, count), _) in sides().filter(|(_, side)| **side == is_match) {
                // Sums of whole numbers below 2^53 are exact.
                let level = levels.get(at).copied().flatten().map(usize::from);
                if let Some(sum) = level.and_then(|level| sums.get_mut(level)) {
                    *sum += count;
                }
            }
            let whole: f64 = sums.iter().sum();
            sums.into_iter().map(|sum| sum / whole).collect::<Vec<_>>()
        };
        let (m, u) = (of(&field.m, prior.pairs, true), of(&field.u, 1.0, false));
        Field { u: in_order(&m, &u), m }
    });
    let all: f64 = patterns.values().sum();
    let found: f64 = sides().filter(|(_, side)| **side).map(|((_, count), _)| *count).sum();
    let prevalence = (found + 1.0) / (all + 1.0 / prior.linkage.prevalence);
    Linkage { prevalence, fields: fields.collect() }
}

/// The probabilities among the others, so that no level speaks less for a match than a lower one: levels that do are
/// taken together, as adjacent violators are (Ayer and others 1955), and have the weight of all of them.
fn in_order(m: &[f64], u: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, f64, usize)> = Vec::with_capacity(m.len());
    for (m, u) in m.iter().zip(u) {
        let mut pool = (*m, *u, 1);
        // m/u of the one before is greater than that of this one.
        while let Some((m, u, levels)) = pools.pop_if(|(m, u, _)| *m * pool.1 > pool.0 * *u) {
            pool = (m + pool.0, u + pool.1, levels + pool.2);
        }
        pools.push(pool);
    }
    let ratios = pools.iter().flat_map(|(m, u, levels)| std::iter::repeat_n(u / m, *levels));
    m.iter().zip(ratios).map(|(m, ratio)| m * ratio).collect()
}

#[cfg(test)]
#[path = "linkage_tests.rs"]
mod tests;
