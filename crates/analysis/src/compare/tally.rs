//! Whole numbers with how often each is there.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Numbers that wait to be counted, at least: sorting few at a time is quick.
const WAITING: usize = 256;

/// Counts of numbers. What is in here does not depend on the order in which they came, nor on how they were split.
///
/// Counts lie in a list that is in order, and are merged by one walk over both lists. Single numbers wait until there
/// are as many as were counted, so that walks stay rare.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub(super) struct Tally {
    /// Each number that is there, ascending, with how often it is.
    counts: Vec<(u64, u64)>,
    /// In any order.
    waiting: Vec<u64>,
}

impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        self.counts() == other.counts()
    }
}

impl Tally {
    /// Takes a number in.
    pub(super) fn add(&mut self, number: u64) {
        self.waiting.push(number);
        if self.waiting.len() >= WAITING.max(self.counts.len()) {
            self.settle();
        }
    }

    /// Takes in those of another part.
    pub(super) fn merge(&mut self, mut next: Self) {
        self.settle();
        next.settle();
        self.take(next.counts);
    }

    /// Each number, ascending, with how often it is there.
    pub(super) fn counts(&self) -> Cow<'_, [(u64, u64)]> {
        if self.waiting.is_empty() {
            return Cow::Borrowed(&self.counts);
        }
        let mut settled = self.clone();
        settled.settle();
        Cow::Owned(settled.counts)
    }

    /// How many were taken in.
    pub(super) fn len(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum::<u64>() + self.waiting.len() as u64
    }

    /// Counts those that wait.
    fn settle(&mut self) {
        self.waiting.sort_unstable();
        let runs = self.waiting.chunk_by(|a, b| a == b);
        let counts = runs.map(|run| (run[0], run.len() as u64)).collect();
        self.waiting.clear();
        self.take(counts);
    }

    fn take(&mut self, theirs: Vec<(u64, u64)>) {
        if theirs.is_empty() {
            return;
        }
        if self.counts.is_empty() {
            self.counts = theirs;
            return;
        }
        let ours = std::mem::take(&mut self.counts);
        let mut all = Vec::with_capacity(ours.len() + theirs.len());
        let (mut i, mut j) = (0, 0);
        while let (Some((a, of_a)), Some((b, of_b))) = (ours.get(i), theirs.get(j)) {
            // Which is the smaller one nobody can foresee, so nothing branches by it.
            let (is_a, is_b) = (u64::from(a <= b), u64::from(b <= a));
            all.push((*a.min(b), of_a * is_a + of_b * is_b));
            i += usize::from(a <= b);
            j += usize::from(b <= a);
        }
        all.extend_from_slice(&ours[i..]);
        all.extend_from_slice(&theirs[j..]);
        self.counts = all;
    }
}

impl From<Tally> for Vec<(u64, u64)> {
    fn from(mut tally: Tally) -> Self {
        tally.settle();
        tally.counts
    }
}

impl TryFrom<Vec<(u64, u64)>> for Tally {
    type Error = &'static str;

    fn try_from(counts: Vec<(u64, u64)>) -> Result<Self, Self::Error> {
        let is_ordered = counts.is_sorted_by(|(a, _), (b, _)| a < b);
        if !is_ordered || counts.iter().any(|(_, count)| *count == 0) {
            return Err("counts that are out of order");
        }
        Ok(Self { counts, waiting: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn of(numbers: &[u64]) -> Tally {
        let mut tally = Tally::default();
        numbers.iter().for_each(|number| tally.add(*number));
        tally
    }

    #[test]
    fn what_is_refused() {
        for wrong in ["[[2,1],[1,1]]", "[[1,1],[1,1]]", "[[1,0]]", "[[1]]"] {
            assert!(serde_json::from_str::<Tally>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(serde_json::from_str::<Tally>("[[1,2],[7,1]]").unwrap(), of(&[7, 1, 1]));
    }

    proptest! {
        #[test]
        fn counts_are_those_of_a_map(
            mut numbers in prop::collection::vec(prop_oneof![0..40_u64, 0..2_000_u64, any::<u64>()], 0..2_000),
            size in 1..900_usize,
        ) {
            let mut map: BTreeMap<u64, u64> = BTreeMap::new();
            numbers.iter().for_each(|number| *map.entry(*number).or_default() += 1);
            let map: Vec<(u64, u64)> = map.into_iter().collect();
            let whole = of(&numbers);
            prop_assert_eq!(whole.counts(), map);
            prop_assert_eq!(whole.len(), numbers.len() as u64);
            let mut merged = Tally::default();
            for part in numbers.chunks(size) {
                let mut next = of(part);
                next.merge(merged);
                merged = next;
            }
            prop_assert_eq!(&merged, &whole);
            numbers.reverse();
            merged = of(&numbers);
            prop_assert_eq!(merged.len(), whole.len());
            let text = serde_json::to_string(&merged).unwrap();
            prop_assert_eq!(&text, &serde_json::to_string(&whole).unwrap());
            prop_assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), whole);
        }
    }
}
