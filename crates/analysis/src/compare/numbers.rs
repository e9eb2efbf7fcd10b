//! The numbers of one variable on one side.

use kartei_stats::{ExactSum, StatError, Summary};
use serde::{Deserialize, Serialize};

use super::tally::Tally;

/// Numbers beyond this, up or down, are not taken in: the sums of their squares would leave the range of
/// `f64`.
pub(super) const NUMBER_MAX: f64 = 1e100;

/// Numbers of a variable on one side. What is in here does not depend on the order in which they came, nor
/// on how they were split: counts are whole numbers and sums are exact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Numbers {
    /// Those that are out of the range.
    beyond: u64,
    kept: Kept,
}

/// What is kept of numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    /// Each, as [`placed`], with how often it is there.
    Each(Tally),
    /// There are too many for that: how many, their sum and that of their squares.
    Sums(Box<Sums>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sums {
    n: u64,
    sum: ExactSum,
    squares: ExactSum,
}

/// The bits of a number, turned so that whole numbers stand in the order of the numbers.
fn placed(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// The number that [`placed`] was given.
fn number(place: u64) -> f64 {
    f64::from_bits(if place >> 63 == 1 { place & !(1 << 63) } else { !place })
}

impl Default for Numbers {
    fn default() -> Self {
        Self { beyond: 0, kept: Kept::Each(Tally::default()) }
    }
}

impl Sums {
    fn of(each: &Tally) -> Self {
        let mut sums = Self { n: 0, sum: ExactSum::new(), squares: ExactSum::new() };
        sums.take(each);
        sums
    }

    fn take(&mut self, each: &Tally) {
        for (place, count) in each.counts().iter() {
            let value = number(*place);
            for _ in 0..*count {
                self.add(value);
            }
        }
    }

    fn add(&mut self, value: f64) {
        self.n += 1;
        self.sum.add(value);
        self.squares.add_product(value, value);
    }

    fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
    }
}

impl Numbers {
    /// Takes a number in.
    pub(super) fn add(&mut self, value: f64) {
        // NaN compares with nothing, so it is beyond as well.
        if !(-NUMBER_MAX..=NUMBER_MAX).contains(&value) {
            self.beyond += 1;
            return;
        }
        match &mut self.kept {
            // One zero only: -0.0 and 0.0 are the same value.
            Kept::Each(each) => each.add(placed(value + 0.0)),
            Kept::Sums(sums) => sums.add(value),
        }
    }

    /// Takes in those of another part.
    pub(super) fn merge(&mut self, next: Self) {
        self.beyond += next.beyond;
        match (&mut self.kept, next.kept) {
            (Kept::Each(ours), Kept::Each(theirs)) => ours.merge(theirs),
            (Kept::Each(ours), Kept::Sums(mut theirs)) => {
                theirs.take(ours);
                self.kept = Kept::Sums(theirs);
            }
            (Kept::Sums(ours), Kept::Each(theirs)) => ours.take(&theirs),
            (Kept::Sums(ours), Kept::Sums(theirs)) => ours.merge(&theirs),
        }
    }

    /// How many different ones are kept; nothing where they are not.
    pub(super) fn different(&self) -> Option<usize> {
        match &self.kept {
            Kept::Each(each) => Some(each.counts().len()),
            Kept::Sums(_) => None,
        }
    }

    /// Keeps no more than sums from here on.
    pub(super) fn add_up(&mut self) {
        if let Kept::Each(each) = &self.kept {
            self.kept = Kept::Sums(Box::new(Sums::of(each)));
        }
    }

    /// How many were taken in.
    pub(super) fn count(&self) -> u64 {
        match &self.kept {
            Kept::Each(each) => each.len(),
            Kept::Sums(sums) => sums.n,
        }
    }

    /// How many were out of the range.
    pub(super) fn beyond(&self) -> u64 {
        self.beyond
    }

    /// How many, around which mean, and how far from it.
    pub(super) fn summary(&self) -> Result<Summary, StatError> {
        match (&self.kept, self.counts()) {
            (Kept::Sums(sums), _) => Summary::of_sums(sums.n, &sums.sum, &sums.squares),
            (Kept::Each(_), counts) => Summary::of_counts(&counts.unwrap_or_default()),
        }
    }

    /// All of them in their order, with how often each is there; nothing where only sums are kept.
    pub(super) fn counts(&self) -> Option<Vec<(f64, u64)>> {
        let Kept::Each(each) = &self.kept else { return None };
        Some(each.counts().iter().map(|(place, count)| (number(*place), *count)).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64]) -> Numbers {
        let mut numbers = Numbers::default();
        values.iter().for_each(|value| numbers.add(*value));
        numbers
    }

    fn summed(values: &[f64]) -> Numbers {
        let mut numbers = of(values);
        numbers.add_up();
        numbers
    }

    #[test]
    fn places_stand_in_the_order_of_numbers() {
        let sorted = [-NUMBER_MAX, -1.5, -1e-310, 0.0, 5e-324, 0.1, 2.0, NUMBER_MAX];
        assert!(sorted.map(placed).is_sorted());
        assert_eq!(sorted.map(|value| number(placed(value))), sorted);
        let odd = of(&[-0.0, 0.0, f64::INFINITY, f64::NAN, -1e101]);
        assert_eq!((odd.different(), odd.count(), odd.beyond()), (Some(1), 2, 3));
    }

    #[test]
    fn great_numbers_near_each_other_keep_their_variance() {
        // By hand: deviations −1, 0 and 1 of a mean of 10¹⁵.
        for numbers in
            [of(&[1e15 - 1.0, 1e15, 1e15 + 1.0]), summed(&[1e15 - 1.0, 1e15, 1e15 + 1.0])]
        {
            let summary = numbers.summary().unwrap();
            assert_eq!((summary.mean(), summary.variance()), (1e15, Some(1.0)));
        }
        // A mean that no f64 has: 2⁵³ and 2⁵³ + 2, twice the first.
        let near = summed(&[2f64.powi(53), 2f64.powi(53), 2f64.powi(53) + 2.0]).summary().unwrap();
        assert!((near.variance().unwrap() - 4.0 / 3.0).abs() < 1e-15, "{near:?}");
        let ends = summed(&[NUMBER_MAX, -NUMBER_MAX]).summary().unwrap();
        assert_eq!((ends.mean(), ends.variance()), (0.0, Some(2.0 * NUMBER_MAX * NUMBER_MAX)));
    }

    proptest! {
        #[test]
        fn the_order_and_the_split_do_not_matter(
            values in prop::collection::vec(prop_oneof![-1e6..1e6_f64, (-3..3_i32).prop_map(f64::from)], 0..80),
            cut in 0..80_usize, early in any::<[bool; 2]>(),
        ) {
            let cut = cut.min(values.len());
            let part = |values: &[f64], is_early: bool| if is_early { summed(values) } else { of(values) };
            let mut whole = summed(&values);
            let mut merged = part(&values[cut..], early[0]);
            merged.merge(part(&values[..cut], early[1]));
            prop_assert_eq!(merged.count(), values.len() as u64);
            merged.add_up();
            prop_assert_eq!(&merged, &whole);
            let text = serde_json::to_string(&merged).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Numbers>(&text).unwrap(), &whole);
            // Both ways to a summary agree, and with the one of a list.
            if values.len() > 1 {
                whole = of(&values);
                let (a, b) = (whole.summary().unwrap(), merged.summary().unwrap());
                let list = Summary::new(&values).unwrap();
                for other in [b, list] {
                    prop_assert!((a.mean() - other.mean()).abs() <= 1e-9);
                    let (a, b) = (a.variance().unwrap(), other.variance().unwrap());
                    prop_assert!((a - b).abs() <= 1e-12 * a, "{} and {}", a, b);
                }
            }
        }
    }
}
