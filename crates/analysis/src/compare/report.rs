//! The comparison as it is told.

use kartei_stats::adjust::benjamini_hochberg;
use kartei_stats::effect::{Effect, cliffs_delta_of, hedges_g_of};
use kartei_stats::robust::median_of_counts;
use kartei_stats::two::{
    KolmogorovSmirnov, MannWhitney, Welch, kolmogorov_smirnov_of, mann_whitney_of, welch_of,
};
use kartei_stats::{Pairs, StatError, Summary};
use serde_json::{Value, json};

use super::findings::findings;
use super::numbers::Numbers;
use super::variable::Variable;
use super::{CompareInput, Comparison};
use crate::ENGINE_VERSION;

/// The kind of variable that has titles.
pub(super) const DIMENSION: &str = "dimension";

/// Of fewer people on a side nothing is said.
pub(super) const FEW: u64 = 10;

/// How much of a variable can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// All that is asked for; while it is a sample, what needs no order.
    Compared,
    /// There are too many different numbers for what needs their order.
    TooManyValues,
    /// A side has fewer than [`FEW`] numbers.
    TooFew,
    /// The numbers do not vary on either side.
    Constant,
    /// What is computed of the numbers leaves the range of `f64`.
    OutOfRange,
}

impl Code {
    fn word(self) -> &'static str {
        match self {
            Self::Compared => "compared",
            Self::TooManyValues => "too_many_values",
            Self::TooFew => "too_few",
            Self::Constant => "constant",
            Self::OutOfRange => "out_of_range",
        }
    }
}

/// What a variable comes to.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) kind: &'static str,
    pub(super) name: &'a str,
    variable: &'a Variable,
    pub(super) code: Code,
    /// Of both sides, unless there are too few on one.
    summaries: Option<[Summary; 2]>,
    pub(super) means: Option<Means>,
    ranks: Option<Ranks>,
    /// The p of Mann and Whitney, or Welch's where that is not told, adjusted over all variables.
    pub(super) adjusted: Option<f64>,
}

/// What means say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means {
    pub(super) g: Effect,
    welch: Welch,
}

/// What needs all numbers in their order.
#[derive(Debug, Clone, Copy)]
struct Ranks {
    medians: [f64; 2],
    delta: Effect,
    mann_whitney: MannWhitney,
    shapes: KolmogorovSmirnov,
}

impl Ranks {
    /// Nothing where a side keeps only sums.
    fn of(variable: &Variable) -> Option<Result<Self, StatError>> {
        let (a, b) = (variable.a.counts()?, variable.b.counts()?);
        let all = || {
            let pairs = Pairs::of_counts(&a, &b)?;
            Ok(Self {
                medians: [median_of_counts(&a)?, median_of_counts(&b)?],
                delta: cliffs_delta_of(&pairs)?,
                mann_whitney: mann_whitney_of(&pairs),
                shapes: kolmogorov_smirnov_of(&pairs),
            })
        };
        Some(all())
    }
}

impl<'a> Told<'a> {
    fn of(kind: &'static str, name: &'a str, variable: &'a Variable, is_partial: bool) -> Self {
        let mut told = Self {
            kind,
            name,
            variable,
            code: Code::Compared,
            summaries: None,
            means: None,
            ranks: None,
            adjusted: None,
        };
        told.code = told.compare(is_partial).unwrap_or_else(|wrong| match wrong {
            StatError::Constant => Code::Constant,
            _ => Code::OutOfRange,
        });
        told
    }

    fn compare(&mut self, is_partial: bool) -> Result<Code, StatError> {
        let Variable { a, b } = self.variable;
        if a.count() < FEW || b.count() < FEW {
            return Ok(Code::TooFew);
        }
        let (of_a, of_b) = (a.summary()?, b.summary()?);
        self.summaries = Some([of_a, of_b]);
        let means = Means { g: hedges_g_of(&of_a, &of_b)?, welch: welch_of(&of_a, &of_b)? };
        if !is_partial {
            self.ranks = Ranks::of(self.variable).transpose()?;
        }
        self.means = Some(means);
        let is_whole = a.different().is_some() && b.different().is_some();
        Ok(if is_whole { Code::Compared } else { Code::TooManyValues })
    }

    /// The p that is adjusted.
    fn p(&self) -> Option<f64> {
        let of_ranks = self.ranks.map(|ranks| ranks.mann_whitney.p);
        of_ranks.or_else(|| self.means.map(|means| means.welch.p))
    }

    fn side(&self, numbers: &Numbers, at: usize) -> Value {
        let summary = self.summaries.map(|both| both[at]);
        json!({
            "n": numbers.count(),
            "out_of_range": numbers.beyond(),
            "mean": summary.map(|summary| summary.mean()),
            "deviation": summary.and_then(|summary| summary.variance()).map(f64::sqrt),
            "median": self.ranks.map(|ranks| ranks.medians[at]),
        })
    }

    fn json(&self) -> Value {
        let adjusted_of = if self.ranks.is_some() { "mann_whitney" } else { "welch" };
        json!({
            "kind": self.kind,
            "name": self.name,
            "code": self.code.word(),
            "a": self.side(&self.variable.a, 0),
            "b": self.side(&self.variable.b, 1),
            "hedges_g": self.means.map(|means| means.g),
            "welch": self.means.map(|means| means.welch),
            "cliffs_delta": self.ranks.map(|ranks| ranks.delta),
            "mann_whitney": self.ranks.map(|ranks| ranks.mann_whitney),
            "kolmogorov_smirnov": self.ranks.map(|ranks| ranks.shapes),
            "adjusted": self.adjusted.map(|p| json!({"p": p, "of": adjusted_of})),
        })
    }
}

/// All variables, the greatest differences first.
fn told(comparison: &Comparison, is_partial: bool) -> Vec<Told<'_>> {
    let kinds = [
        ("attribute", &comparison.attributes),
        ("signal", &comparison.signals),
        (DIMENSION, &comparison.dimensions),
    ];
    let mut told: Vec<Told<'_>> = kinds
        .into_iter()
        .flat_map(|(kind, variables)| variables.iter().map(move |(name, one)| (kind, name, one)))
        .map(|(kind, name, one)| Told::of(kind, name, one, is_partial))
        .collect();
    let p: Vec<f64> = told.iter().filter_map(Told::p).collect();
    // A p is within 0 and 1, so this is refused of none.
    let mut adjusted = benjamini_hochberg(&p).unwrap_or_default().into_iter();
    for one in told.iter_mut().filter(|one| one.p().is_some()) {
        one.adjusted = adjusted.next();
    }
    let size = |one: &Told<'_>| one.means.map_or(-1.0, |means| means.g.value.abs());
    // Names of different kinds may be the same; those stay in the order of the kinds.
    told.sort_by(|a, b| size(b).total_cmp(&size(a)).then_with(|| a.name.cmp(b.name)));
    told
}

/// What is told: everything in it is of the profiles that were seen, `input.total` is how many there are.
pub(super) fn report(comparison: &Comparison, input: &CompareInput) -> Value {
    let is_partial = comparison.seen < input.total;
    let told = told(comparison, is_partial);
    json!({
        "analysis": "compare",
        "engine": ENGINE_VERSION,
        "params": {"filter_a": input.filter_a, "filter_b": input.filter_b},
        "input": {
            "epoch": input.epoch,
            "revision": input.rev,
            "filter_a": input.filter_a,
            "filter_b": input.filter_b,
            "calibration": input.calibration,
            "as_of": comparison.as_of_ms,
        },
        "done": comparison.seen,
        "total": input.total,
        "partial": is_partial,
        "a": comparison.a,
        "b": comparison.b,
        "neither": comparison.seen - comparison.a - comparison.b,
        "compared": told.iter().filter(|one| one.means.is_some()).count(),
        "variables": told.iter().map(Told::json).collect::<Vec<_>>(),
        "names_left_out": comparison.names_left_out,
        "findings": findings(comparison, &told, input),
    })
}
