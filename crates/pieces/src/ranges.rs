//! Sets of bytes as ranges in order.

/// What is at a place of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    /// Bytes up to here are there.
    Here(u64),
    /// Nothing up to here is there; `u64::MAX` behind the last range.
    Gap(u64),
}

/// Bytes of a file: ranges `[from, to)` in order, that neither touch nor overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
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

    /// What is at a place, and how far that goes.
    #[must_use]
    pub fn at(&self, place: u64) -> Spot {
        let next = self.0.partition_point(|range| range.1 <= place);
        match self.0.get(next) {
            Some((from, to)) if *from <= place => Spot::Here(*to),
            Some((from, _)) => Spot::Gap(*from),
            None => Spot::Gap(u64::MAX),
        }
    }

    /// Up to where everything is there from the beginning on.
    #[must_use]
    pub fn prefix(&self) -> u64 {
        match self.at(0) {
            Spot::Here(to) => to,
            Spot::Gap(_) => 0,
        }
    }

    /// The gaps at `at` or behind it, below `size`, in order.
    pub fn gaps(&self, at: u64, size: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let mut place = at;
        std::iter::from_fn(move || {
            while place < size {
                match self.at(place) {
                    Spot::Here(to) => place = to,
                    Spot::Gap(to) => {
                        let gap = (place, to.min(size));
                        place = to;
                        return Some(gap);
                    }
                }
            }
            None
        })
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
        self.gaps(0, size).next().is_none()
    }

    /// The ranges, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// The ranges, in order.
    #[must_use]
    pub fn into_vec(self) -> Vec<(u64, u64)> {
        self.0
    }
}

/// Of ranges that come in any order and may overlap. Empty ones say nothing.
impl FromIterator<(u64, u64)> for Ranges {
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(ranges: I) -> Self {
        let mut all = Self::default();
        ranges.into_iter().for_each(|(from, to)| all.add(from, to));
        all
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
            prop_assert_eq!(ranges.gaps(at, SIZE).next(), gap);
            let missing: Vec<u64> = ranges.gaps(0, SIZE).flat_map(|(from, to)| from..to).collect();
            prop_assert_eq!(missing, (0..SIZE).filter(free).collect::<Vec<_>>());
            prop_assert_eq!(ranges.prefix(), (0..100).find(free).unwrap_or(100));
            match ranges.at(at) {
                Spot::Here(to) => prop_assert!(to > at && !(at..to).any(|byte| free(&byte))),
                Spot::Gap(to) => prop_assert!(to > at && (at..to.min(100)).all(|byte| free(&byte))),
            }
            prop_assert_eq!(ranges.covers(SIZE), (0..SIZE).find(free).is_none());
        }
    }
}
