//! Scores counted in narrow parts: exact as counts, and every quantile within half a part.

use serde::{Deserialize, Serialize};

/// Parts that scores are counted in.
pub(crate) const PARTS: usize = 1_000;

/// Bins that a chart shows.
const BINS: usize = 50;

/// How many scores, 0 to 1, lie in each thousandth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>", into = "Vec<u64>")]
pub(crate) struct Histogram {
    counts: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; PARTS] }
    }
}

impl TryFrom<Vec<u64>> for Histogram {
    type Error = &'static str;

    fn try_from(counts: Vec<u64>) -> Result<Self, Self::Error> {
        if counts.len() == PARTS {
            Ok(Self { counts })
        } else {
            Err("not as many parts as scores have")
        }
    }
}

impl From<Histogram> for Vec<u64> {
    fn from(histogram: Histogram) -> Self {
        histogram.counts
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, score: f64) {
        // 1 itself is in the last part.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1")]
        let part = (score * PARTS as f64) as usize;
        self.counts[part.min(PARTS - 1)] += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *ours += theirs;
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The score that so large a share lies below, read off straight within its part: off by less than the width of
    /// a part, 0.001. Nothing where there are no scores.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let all = self.count();
        let wanted = share * all as f64;
        let mut below = 0.0;
        for (part, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let count = *count as f64;
            if below + count >= wanted {
                let within = ((wanted - below) / count).clamp(0.0, 1.0);
                return Some((part as f64 + within) / PARTS as f64);
            }
            below += count;
        }
        None
    }

    /// How many lie in each part, from the lowest.
    pub(crate) fn parts(&self) -> &[u64] {
        &self.counts
    }

    /// The parts as values in their middle with how often they are there, for distances of two distributions.
    pub(crate) fn weighted(&self) -> Vec<(f64, u64)> {
        let parts = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        parts.map(|(part, count)| ((part as f64 + 0.5) / PARTS as f64, *count)).collect()
    }

    /// From, to and how many, in wider bins; empty ones at both ends are left out.
    pub(crate) fn bins(&self) -> impl Iterator<Item = (f64, f64, u64)> {
        let wide = PARTS / BINS;
        let counts: Vec<u64> = self.counts.chunks(wide).map(|part| part.iter().sum()).collect();
        let first = counts.iter().position(|count| *count > 0).unwrap_or(BINS);
        let last = counts.iter().rposition(|count| *count > 0).map_or(first, |last| last + 1);
        let at = |bin: usize| bin as f64 / BINS as f64;
        (first..last).map(move |bin| (at(bin), at(bin + 1), counts[bin]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_part() {
        let mut scores = Histogram::default();
        assert_eq!(scores.quantile(0.5), None);
        for number in 0..=10_000_u32 {
            scores.add(f64::from(number) / 10_000.0);
        }
        assert_eq!(scores.count(), 10_001);
        for share in [0.0, 0.1, 0.25, 0.5, 0.9, 1.0] {
            let found = scores.quantile(share).unwrap();
            assert!((found - share).abs() < 0.001, "{share}: {found}");
        }
        let bins: Vec<_> = scores.bins().collect();
        assert_eq!((bins.len(), bins[0], bins[49].1), (50, (0.0, 0.02, 200), 1.0));
        let text = serde_json::to_string(&scores).unwrap();
        assert_eq!(serde_json::from_str::<Histogram>(&text).unwrap(), scores);
        serde_json::from_str::<Histogram>("[1,2]").unwrap_err();
    }
}
