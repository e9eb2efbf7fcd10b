//! The population stability index over the tenths of the earlier distribution.

use kartei_stats::distance::population_stability;

use crate::scores::Histogram;

/// Parts of the earlier distribution with as many people each, as far as whole thousandths of the score allow.
const TENTHS: u64 = 10;

/// The index of the scores of two moments; nothing where nobody has one at one of them. Bins end where the next tenth of
/// the earlier scores is full, so each of them has somebody; who lies below or above all of them is in the outer ones.
pub(super) fn index(from: &Histogram, to: &Histogram) -> Option<f64> {
    let all = from.count();
    let (mut before, mut after) = (vec![0], vec![0]);
    // People below this part, and the tenth that ends the bin.
    let (mut below, mut tenth) = (0, 1);
    for (from, to) in from.parts().iter().zip(to.parts()) {
        if below < all && below * TENTHS >= tenth * all {
            before.push(0);
            after.push(0);
            tenth = below * TENTHS / all + 1;
        }
        for (bins, people) in [(&mut before, *from), (&mut after, *to)] {
            if let Some(bin) = bins.last_mut() {
                *bin += people;
            }
        }
        below += from;
    }
    population_stability(&before, &after).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(scores: impl Iterator<Item = f64>) -> Histogram {
        let mut histogram = Histogram::default();
        scores.for_each(|score| histogram.add(score));
        histogram
    }

    #[test]
    fn tenths_of_a_line_are_tenths() {
        let line = of((0..1_000).map(|at| (f64::from(at) + 0.5) / 1_000.0));
        assert_eq!(index(&line, &line), Some(0.0));
        // All of the later ones in the lowest tenth: 0.9 ln 10 and nine times (0.1 − ε) ln(0.1 / ε).
        let low = of((0..100).map(|at| (f64::from(at) + 0.5) / 1_000.0));
        let wanted = population_stability(&[1; 10], &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0]).ok();
        assert_eq!(index(&line, &low), wanted);
    }

    #[test]
    fn scores_that_are_few_make_fewer_bins() {
        let two = of([0.2, 0.2, 0.2, 0.8].into_iter());
        let other = of([0.1, 0.9].into_iter());
        assert_eq!(index(&two, &other), population_stability(&[3, 1], &[1, 1]).ok());
        assert_eq!(index(&Histogram::default(), &two), None);
        assert_eq!(index(&two, &Histogram::default()), None);
    }
}
