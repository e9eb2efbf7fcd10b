//! Groups of rows that lie near each other.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use crate::error::{at_least, in_range, same_length};
use crate::matrix::Rows;
use crate::{StatError, Sum};

/// Rounds of Lloyd's algorithm at most.
pub const ROUNDS_MAX: u32 = 300;

/// Rows at most whose silhouettes are told: each is compared with each.
pub const SILHOUETTE_ROWS_MAX: usize = 5_000;

/// Rows in `k` groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// The mean of each cluster, sorted by its first number, then its second and so on.
    pub centers: Vec<Vec<f64>>,
    /// For each row the place of its cluster in `centers`.
    pub assigned: Vec<usize>,
    /// How many rows each cluster has; none is empty.
    pub sizes: Vec<usize>,
    /// The squared distances of all rows from their centers, added up.
    pub inertia: f64,
    /// Whether the last round changed nothing; if not, [`ROUNDS_MAX`] broke it off.
    pub is_settled: bool,
}

/// Groups rows into `k` clusters by least squares: Lloyd's (1982) algorithm from a beginning after
/// Arthur and Vassilvitskii (2007, k-means++, with several candidates for each center), `restarts` times, of which the one with the least
/// inertia is kept, the first of equal ones. Columns count as they are: the caller scales them.
///
/// The beginnings are drawn by SplitMix64 (Steele, Lea and Flood 2014) from `seed` and from nothing
/// else, by places of rows: with the same rows in the same order the result is the same to the bit.
/// With the rows in another order it may be another one, so a caller whose rows come in no order
/// sorts them. A cluster that becomes empty takes the row that lies farthest from its center. Takes
/// about `rows · columns · k` steps in each round.
///
/// # Errors
/// No clusters or no restarts; fewer distinct rows than clusters; distances beyond `f64`.
pub fn k_means(rows: Rows<'_>, k: usize, restarts: u32, seed: u64) -> Result<Clusters, StatError> {
    at_least(1, k)?;
    at_least(1, restarts as usize)?;
    at_least(k, distinct(rows, k))?;
    let mut draws = Draws { seed, drawn: 0 };
    let mut best: Option<Clusters> = None;
    for _ in 0..restarts {
        let centers = beginning(rows, k, &mut draws)?;
        let found = lloyd(rows, centers)?;
        if best.as_ref().is_none_or(|best| found.inertia < best.inertia) {
            best = Some(found);
        }
    }
    best.ok_or(StatError::NotFinite)
}

/// How many rows differ, counted up to `enough`.
fn distinct(rows: Rows<'_>, enough: usize) -> usize {
    let mut seen: Vec<&[f64]> = Vec::new();
    for row in rows {
        if seen.len() >= enough {
            break;
        }
        if !seen.contains(&row) {
            seen.push(row);
        }
    }
    seen.len()
}

/// Numbers drawn by counting: the n-th one is a function of the seed and n.
struct Draws {
    seed: u64,
    drawn: u64,
}

impl Draws {
    /// 64 bits of SplitMix64.
    fn bits(&mut self) -> u64 {
        self.drawn += 1;
        let step = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(self.drawn);
        let mut word = self.seed.wrapping_add(step);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A multiple of `2^-53` in [0, 1).
    fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A place below `count`.
    fn place(&mut self, count: usize) -> usize {
        let scaled = (u128::from(self.bits()) * count as u128) >> 64;
        usize::try_from(scaled).unwrap_or(0)
    }
}

fn square_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// `k` rows to begin with: the first one of all alike; for each further one some candidates are drawn,
/// with chances that grow with the square of their distance from the nearest of those before, and the
/// one is taken that leaves the least squares.
fn beginning(rows: Rows<'_>, k: usize, draws: &mut Draws) -> Result<Vec<Vec<f64>>, StatError> {
    let first = rows.at(draws.place(rows.len()));
    let mut apart: Vec<f64> = rows.iter().map(|row| square_distance(row, first)).collect();
    let mut centers = vec![first.to_vec()];
    while centers.len() < k {
        let whole = total(&apart)?;
        let mut best: Option<(f64, usize, Vec<f64>)> = None;
        for _ in 0..2 + k.ilog2() {
            let at = drawn(&apart, draws.share() * whole)?;
            let nearer =
                |(apart, row): (&f64, &[f64])| apart.min(square_distance(row, rows.at(at)));
            let next: Vec<f64> = apart.iter().zip(rows).map(nearer).collect();
            let left = total(&next)?;
            if best.as_ref().is_none_or(|(least, ..)| left < *least) {
                best = Some((left, at, next));
            }
        }
        let Some((_, at, next)) = best else { break };
        apart = next;
        centers.push(rows.at(at).to_vec());
    }
    Ok(centers)
}

fn total(squares: &[f64]) -> Result<f64, StatError> {
    in_range(squares.iter().copied().collect::<Sum>().total())
}

/// The first place up to which the squares add up to more than `target`; the last one that is not 0
/// where rounding lets none do so.
fn drawn(squares: &[f64], target: f64) -> Result<usize, StatError> {
    let (mut passed, mut chosen) = (0.0, None);
    for (at, square) in squares.iter().enumerate().filter(|(_, square)| **square > 0.0) {
        passed += square;
        chosen = Some(at);
        if passed > target {
            break;
        }
    }
    // There are k distinct rows, so one of them lies apart, unless its square is lost to zero.
    chosen.ok_or(StatError::Range("the distance of the rows"))
}

fn lloyd(rows: Rows<'_>, mut centers: Vec<Vec<f64>>) -> Result<Clusters, StatError> {
    let k = centers.len();
    let mut assigned = vec![usize::MAX; rows.len()];
    let mut apart = vec![0.0; rows.len()];
    let (mut sizes, mut is_settled) = (vec![0; k], false);
    for _ in 0..ROUNDS_MAX {
        let mut has_changed = false;
        sizes.fill(0);
        for (at, row) in rows.iter().enumerate() {
            let (nearest, distance) = nearest(&centers, row);
            has_changed |= assigned[at] != nearest;
            (assigned[at], apart[at]) = (nearest, distance);
            sizes[nearest] += 1;
        }
        has_changed |= fill_empty(&mut assigned, &mut apart, &mut sizes);
        if !has_changed {
            is_settled = true;
            break;
        }
        centers = means(rows, &assigned, &sizes, centers);
    }
    let squares: Sum =
        rows.iter().zip(&assigned).map(|(row, at)| square_distance(row, &centers[*at])).collect();
    let inertia = in_range(squares.total())?;
    Ok(in_order(Clusters { centers, assigned, sizes, inertia, is_settled }))
}

/// The nearest center, the first one of several, and the squared distance from it.
fn nearest(centers: &[Vec<f64>], row: &[f64]) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (at, center) in centers.iter().enumerate() {
        let distance = square_distance(row, center);
        if distance < best.1 {
            best = (at, distance);
        }
    }
    best
}

/// Gives each empty cluster the row that lies farthest from its center, of clusters with several; says
/// whether there was any.
fn fill_empty(assigned: &mut [usize], apart: &mut [f64], sizes: &mut [usize]) -> bool {
    let mut has_filled = false;
    for empty in 0..sizes.len() {
        if sizes[empty] > 0 {
            continue;
        }
        let mut farthest: Option<usize> = None;
        for (at, distance) in apart.iter().enumerate() {
            let is_farther = farthest.is_none_or(|best| *distance > apart[best]);
            if is_farther && sizes[assigned[at]] > 1 {
                farthest = Some(at);
            }
        }
        let Some(at) = farthest else { continue };
        sizes[assigned[at]] -= 1;
        (assigned[at], apart[at], sizes[empty]) = (empty, 0.0, 1);
        has_filled = true;
    }
    has_filled
}

/// The mean of each cluster; that of an empty one stays where it is.
fn means(
    rows: Rows<'_>,
    assigned: &[usize],
    sizes: &[usize],
    mut centers: Vec<Vec<f64>>,
) -> Vec<Vec<f64>> {
    let mut sums = vec![vec![Sum::new(); rows.columns()]; centers.len()];
    for (row, at) in rows.iter().zip(assigned) {
        sums[*at].iter_mut().zip(row).for_each(|(sum, value)| sum.add(*value));
    }
    for ((center, sums), size) in centers.iter_mut().zip(&sums).zip(sizes).filter(|(_, n)| **n > 0)
    {
        *center = sums.iter().map(|sum| sum.total() / *size as f64).collect();
    }
    centers
}

/// The clusters in the order of their centers.
fn in_order(clusters: Clusters) -> Clusters {
    let Clusters { centers, assigned, sizes, inertia, is_settled } = clusters;
    let mut order: Vec<usize> = (0..centers.len()).collect();
    order.sort_by(|a, b| {
        let pairs = centers[*a].iter().zip(&centers[*b]);
        pairs.map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    let mut place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(new, old)| place[*old] = new);
    Clusters {
        centers: order.iter().map(|old| centers[*old].clone()).collect(),
        assigned: assigned.into_iter().map(|old| place[old]).collect(),
        sizes: order.iter().map(|old| sizes[*old]).collect(),
        inertia,
        is_settled,
    }
}

/// The mean silhouette (Rousseeuw 1987) of rows in clusters, −1 to 1: for each row `(b − a)/max(a, b)`
/// with its mean Euclidean distance from the others of its cluster, and the smallest mean distance
/// from those of another one. A row that is alone in its cluster has 0. `assigned` has any numbers as
/// names of the clusters.
///
/// # Errors
/// A list of another length; more than [`SILHOUETTE_ROWS_MAX`] rows; fewer than two clusters;
/// distances beyond `f64`.
pub fn silhouette(rows: Rows<'_>, assigned: &[usize]) -> Result<f64, StatError> {
    same_length(rows.len(), assigned.len())?;
    if rows.len() > SILHOUETTE_ROWS_MAX {
        return Err(StatError::TooMany { most: SILHOUETTE_ROWS_MAX, found: rows.len() });
    }
    let mut names = assigned.to_vec();
    names.sort_unstable();
    names.dedup();
    at_least(2, names.len())?;
    let own: Vec<usize> =
        assigned.iter().map(|name| names.partition_point(|other| other < name)).collect();
    let mut sizes = vec![0_usize; names.len()];
    own.iter().for_each(|at| sizes[*at] += 1);
    let mut whole = Sum::new();
    for (row, at) in rows.iter().zip(&own) {
        let mut sums = vec![Sum::new(); sizes.len()];
        for (other, at) in rows.iter().zip(&own) {
            sums[*at].add(square_distance(row, other).sqrt());
        }
        if sizes[*at] > 1 {
            let within = sums[*at].total() / (sizes[*at] - 1) as f64;
            let beyond = (0..sizes.len())
                .filter(|other| other != at)
                .map(|other| sums[other].total() / sizes[other] as f64)
                .fold(f64::INFINITY, f64::min);
            let greater = in_range(within.max(beyond))?;
            whole.add(if greater > 0.0 { (beyond - within) / greater } else { 0.0 });
        }
    }
    in_range(whole.total() / rows.len() as f64)
}

/// How many clusters rows have.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The clusters that were chosen.
    pub clusters: Clusters,
    /// For each number of clusters that was tried its mean silhouette.
    pub silhouettes: Vec<(usize, f64)>,
    /// How many rows the silhouettes are of.
    pub judged: usize,
}

/// Tries 2 to `k_max` clusters, and chooses the number with the greatest mean silhouette, the smaller
/// one of equal ones. Numbers beyond that of the distinct rows are left out. Of more than
/// [`SILHOUETTE_ROWS_MAX`] rows the silhouettes are of a sample of that many, one drawn from each of as
/// many stretches of equal length; a cluster that has no row there says nothing.
///
/// # Errors
/// Those of [`k_means`]; fewer than two to choose from.
pub fn choose_k(
    rows: Rows<'_>,
    k_max: usize,
    restarts: u32,
    seed: u64,
) -> Result<Choice, StatError> {
    choose_among(rows, 2..=k_max, restarts, seed, SILHOUETTE_ROWS_MAX)
}

/// [`choose_k`] among other numbers of clusters, of which the least is never left out, with silhouettes of
/// `judged_max` rows at most. With one number only it tells how well that one fits.
///
/// # Errors
/// Those of [`k_means`]; no number to choose from, or one below 2; silhouettes of fewer than two rows, or of more
/// than [`SILHOUETTE_ROWS_MAX`].
pub fn choose_among(
    rows: Rows<'_>,
    numbers: RangeInclusive<usize>,
    restarts: u32,
    seed: u64,
    judged_max: usize,
) -> Result<Choice, StatError> {
    let (k_min, k_max) = numbers.into_inner();
    at_least(2, k_min)?;
    at_least(k_min, k_max)?;
    at_least(2, judged_max)?;
    let k_max = distinct(rows, k_max);
    at_least(k_min, k_max)?;
    let judged = rows.len().min(judged_max);
    // One row of each stretch, drawn: at even distances, rows that repeat would all be of one sort.
    let mut draws = Draws { seed, drawn: 0 };
    let starts = (0..=judged).map(|at| at * rows.len() / judged).collect::<Vec<_>>();
    let places: Vec<usize> =
        starts.windows(2).map(|ends| ends[0] + draws.place(ends[1] - ends[0])).collect();
    let sample: Vec<f64> = places.iter().flat_map(|at| rows.at(*at)).copied().collect();
    let sample = Rows::new(&sample, rows.columns())?;
    let mut silhouettes = Vec::new();
    let mut best: Option<(f64, Clusters)> = None;
    for k in k_min..=k_max {
        let found = k_means(rows, k, restarts, seed)?;
        let of_sample: Vec<usize> = places.iter().map(|at| found.assigned[*at]).collect();
        let mean = match silhouette(sample, &of_sample) {
            Err(StatError::TooFew { .. }) => 0.0,
            other => other?,
        };
        silhouettes.push((k, mean));
        if best.as_ref().is_none_or(|(greatest, _)| mean > *greatest) {
            best = Some((mean, found));
        }
    }
    let (_, clusters) = best.ok_or(StatError::TooFew { needed: 2, found: 0 })?;
    Ok(Choice { clusters, silhouettes, judged })
}

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;
