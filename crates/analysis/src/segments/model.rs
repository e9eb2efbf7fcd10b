//! Segments that were learned, and what is known of their people.

use kartei_stats::cluster::{Choice, choose_among};
use kartei_stats::effect::{Effect, hedges_g_of};
use kartei_stats::linear::principal_components;
use kartei_stats::matrix::covariance;
use kartei_stats::{ExactSum, StatError, Summary};
use serde::{Deserialize, Serialize};

use super::{least, numbers};
use crate::complete::{POINTS_MAX, People};
use crate::context::Context;
use crate::learner::Model;
use crate::map::Axes;
use crate::{LEARNED_OF, bits};

/// Beginnings of k-means, of which the best is taken.
const RESTARTS: u32 = 4;

/// What draws them. Any number does; another one may find other segments.
const SEED: u64 = 0x6b61_7274_6569;

/// People whose silhouettes are told at most: each is compared with each.
const JUDGED_MAX: usize = 1_000;

/// What is known of the people of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    people: u64,
    /// Of scores, by dimension.
    sums: Vec<ExactSum>,
    /// Of their squares.
    squares: Vec<ExactSum>,
}

/// Centres, and all people by the nearest one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Segmented {
    pub(super) learned_of: u64,
    /// Of how many people silhouettes are.
    pub(super) judged: u64,
    /// Numbers of segments that were tried, with the mean silhouette of each.
    tried: Vec<usize>,
    #[serde(with = "bits::many")]
    silhouettes: Vec<f64>,
    /// One behind the other, in the order of their numbers.
    #[serde(with = "bits::many")]
    centers: Vec<f64>,
    members: Vec<Members>,
    /// Squared distances of all people from the centres that were learned.
    pub(super) inertia: ExactSum,
    /// People who are drawn, with the places of their centres.
    ids: Vec<String>,
    drawn: Vec<usize>,
    /// Where they stand, two numbers each.
    #[serde(with = "bits::many")]
    places: Vec<f64>,
}

/// How a segment differs from the rest in a dimension.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile {
    pub(super) mean: Option<f64>,
    /// The mean of everybody else.
    pub(super) rest: Option<f64>,
    /// Hedges' g of both. Segments are made to differ: its interval is no test of whether they do.
    pub(super) g: Option<Effect>,
}

impl Members {
    fn none(columns: usize) -> Self {
        let nothing = vec![ExactSum::new(); columns];
        Self { people: 0, sums: nothing.clone(), squares: nothing }
    }

    fn add(&mut self, scores: &[f64]) {
        self.people += 1;
        let sums = self.sums.iter_mut().zip(&mut self.squares);
        for (score, (sum, square)) in scores.iter().zip(sums) {
            sum.add(*score);
            square.add_product(*score, *score);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.people += other.people;
        let pairs = self.sums.iter_mut().zip(&other.sums);
        pairs.for_each(|(ours, theirs)| ours.merge(theirs));
        let pairs = self.squares.iter_mut().zip(&other.squares);
        pairs.for_each(|(ours, theirs)| ours.merge(theirs));
    }

    fn summary(&self, dimension: usize) -> Option<Summary> {
        Summary::of_sums(self.people, &self.sums[dimension], &self.squares[dimension]).ok()
    }
}

fn square_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

impl Model for Segmented {
    fn least(context: &Context) -> usize {
        least(context)
    }

    fn learn(context: &Context, people: &People) -> Option<Self> {
        Self::learned(context, people).ok()
    }

    fn judge(&mut self, _: &Context, people: &People) {
        for (_, scores) in people.iter() {
            let (nearest, distance) = self.nearest(scores);
            self.members[nearest].add(scores);
            self.inertia.add(distance);
        }
    }
}

impl Segmented {
    fn learned(context: &Context, people: &People) -> Result<Self, StatError> {
        let rows = people.rows(LEARNED_OF)?;
        let range = numbers(context, rows.len());
        let choice = choose_among(rows, range, RESTARTS, SEED, JUDGED_MAX)?;
        let Choice { clusters, silhouettes, judged } = choice;
        let axes = Axes::of(rows.means()?, &principal_components(&covariance(rows)?)?);
        let mut learned = Self {
            learned_of: rows.len() as u64,
            judged: judged as u64,
            tried: silhouettes.iter().map(|(k, _)| *k).collect(),
            silhouettes: silhouettes.iter().map(|(_, mean)| *mean).collect(),
            members: vec![Members::none(people.columns()); clusters.centers.len()],
            centers: clusters.centers.concat(),
            inertia: ExactSum::new(),
            ids: Vec::new(),
            drawn: Vec::new(),
            places: Vec::new(),
        };
        for (id, scores) in people.iter().take(rows.len().min(POINTS_MAX)) {
            let (nearest, _) = learned.nearest(scores);
            learned.ids.push(id.to_owned());
            learned.drawn.push(nearest);
            learned.places.extend(axes.at(scores));
        }
        Ok(learned)
    }

    /// The nearest centre, the first one of several, and the squared distance from it.
    fn nearest(&self, scores: &[f64]) -> (usize, f64) {
        let mut best = (0, f64::INFINITY);
        for (at, center) in self.centers.chunks_exact(scores.len().max(1)).enumerate() {
            let distance = square_distance(scores, center);
            if distance < best.1 {
                best = (at, distance);
            }
        }
        best
    }

    /// The places of the centres in the order in which segments are numbered: the greatest first, of equal ones
    /// that with the smaller centre.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(self.members[*at].people));
        order
    }

    /// People of each segment.
    pub(super) fn sizes(&self) -> Vec<u64> {
        self.order().into_iter().map(|at| self.members[at].people).collect()
    }

    /// The mean silhouette of the number that was taken.
    pub(super) fn silhouette(&self) -> Option<f64> {
        self.silhouettes().find(|(k, _)| *k == self.members.len()).map(|(_, mean)| mean)
    }

    /// The mean silhouette of each number that was tried.
    pub(super) fn silhouettes(&self) -> impl Iterator<Item = (usize, f64)> {
        self.tried.iter().copied().zip(self.silhouettes.iter().copied())
    }

    /// Ids with their segments, 1 and up, and where they stand.
    pub(super) fn points(&self) -> impl Iterator<Item = (&str, usize, [f64; 2])> {
        let order = self.order();
        let numbers: Vec<usize> = (0..order.len())
            .map(|at| order.iter().position(|place| *place == at).map_or(0, |number| number + 1))
            .collect();
        let drawn = self.ids.iter().zip(&self.drawn).zip(self.places.chunks_exact(2));
        drawn.map(move |((id, at), place)| (id.as_str(), numbers[*at], [place[0], place[1]]))
    }

    /// By segment, then by dimension.
    pub(super) fn profiles(&self) -> Vec<Vec<Profile>> {
        let each = self.order().into_iter().map(|at| {
            let own = &self.members[at];
            let mut rest = Members::none(own.sums.len());
            let others = self.members.iter().enumerate().filter(|(other, _)| *other != at);
            others.for_each(|(_, other)| rest.merge(other));
            let profile = |dimension: usize| {
                let (own, rest) = (own.summary(dimension), rest.summary(dimension));
                let g = own.zip(rest).and_then(|(own, rest)| hedges_g_of(&own, &rest).ok());
                Profile { mean: own.map(|own| own.mean()), rest: rest.map(|rest| rest.mean()), g }
            };
            (0..own.sums.len()).map(profile).collect()
        });
        each.collect()
    }
}
