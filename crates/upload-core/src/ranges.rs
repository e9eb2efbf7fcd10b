//! Sets of bytes as ranges in order.

/// Bytes of a file: ranges `[from, to)` in order, that neither touch nor overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// A set of ranges that come in any order and may overlap. Empty ones say nothing.
    #[must_use]
    pub fn of(ranges: &[(u64, u64)]) -> Self {
        let mut all = Self::default();
        ranges.iter().for_each(|(from, to)| all.add(*from, *to));
        all
    }

    /// Adds `[from, to)`.
    pub fn add(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        let begin = self.0.partition_point(|range| range.1 < from);
        let end = self.0.partition_point(|range| range.0 <= to);
        let joined = match self.0.get(begin..end) {
            Some([first, .., last]) => (from.min(first.0), to.max(last.1)),
            Some([only]) => (from.min(only.0), to.max(only.1)),
            _ => (from, to),
        };
        self.0.splice(begin..end, [joined]);
    }

    /// The first gap at `at` or behind it, below `size`; nothing where there is none.
    #[must_use]
    pub fn first_gap(&self, at: u64, size: u64) -> Option<(u64, u64)> {
        let mut from = at;
        let begin = self.0.partition_point(|range| range.1 <= at);
        for range in &self.0[begin..] {
            if range.0 > from {
                break;
            }
            from = range.1;
        }
        let next = self.0.iter().find(|range| range.0 > from).map_or(size, |range| range.0);
        (from < size).then_some((from, next.min(size)))
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.iter().map(|(from, to)| to - from).sum()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it holds all of a file of `size` bytes.
    #[must_use]
    pub fn covers(&self, size: u64) -> bool {
        self.first_gap(0, size).is_none()
    }

    /// The ranges, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_set_of_its_bytes(
            added in prop::collection::vec((0_u64..60, 0_u64..20), 0..20),
            at in 0_u64..80,
        ) {
            const SIZE: u64 = 70;
            let mut ranges = Ranges::default();
            let mut bytes = [false; 100];
            for (from, len) in added {
                ranges.add(from, from + len);
                (from..from + len).for_each(|byte| bytes[usize::try_from(byte).unwrap()] = true);
            }
            prop_assert_eq!(ranges.len(), bytes.iter().filter(|has| **has).count() as u64);
            for pair in ranges.as_slice().windows(2) {
                prop_assert!(pair[0].1 < pair[1].0, "in order, and not touching: {pair:?}");
            }
            let free = |byte: &u64| !bytes[usize::try_from(*byte).unwrap()];
            let from = (at..SIZE).find(free);
            let gap = from.map(|from| (from, (from..SIZE).find(|byte| !free(byte)).unwrap_or(SIZE)));
            prop_assert_eq!(ranges.first_gap(at, SIZE), gap);
            prop_assert_eq!(ranges.covers(SIZE), (0..SIZE).find(free).is_none());
        }
    }
}
