//! What is there of a file.

use kartei_relay_store::LandedRow;

/// Runs of bytes in order, without overlaps, joined where they touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(u64, u64)>);

/// What is at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spot {
    /// Bytes up to here are there.
    Here(u64),
    /// Nothing up to here is there.
    Gap(u64),
}

impl Ranges {
    /// Of the journal's rows.
    pub(crate) fn of(rows: &[LandedRow]) -> Self {
        let mut ranges = Self::default();
        for row in rows {
            ranges.add(row.offset, row.offset + row.len);
        }
        ranges
    }

    /// Adds the bytes from one place up to another.
    pub(crate) fn add(&mut self, from: u64, until: u64) {
        if from >= until {
            return;
        }
        let first = self.0.partition_point(|(_, end)| *end < from);
        let after = self.0.partition_point(|(begin, _)| *begin <= until);
        let (mut from, mut until) = (from, until);
        for (begin, end) in self.0.drain(first..after.max(first)) {
            from = from.min(begin);
            until = until.max(end);
        }
        self.0.insert(first, (from, until));
    }

    /// How many bytes there are.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().map(|(from, until)| until - from).sum()
    }

    /// Up to where everything is there from the beginning on.
    pub(crate) fn prefix(&self) -> u64 {
        self.0.first().filter(|(from, _)| *from == 0).map_or(0, |(_, until)| *until)
    }

    /// What is at a place, and how far that goes.
    pub(crate) fn at(&self, place: u64) -> Spot {
        let next = self.0.partition_point(|(_, until)| *until <= place);
        match self.0.get(next) {
            Some((from, until)) if *from <= place => Spot::Here(*until),
            Some((from, _)) => Spot::Gap(*from),
            None => Spot::Gap(u64::MAX),
        }
    }

    /// What is missing of a file of this size.
    pub(crate) fn missing(&self, size: u64) -> Vec<(u64, u64)> {
        let mut missing = Vec::new();
        let mut place = 0;
        while place < size {
            match self.at(place) {
                Spot::Here(until) => place = until,
                Spot::Gap(until) => {
                    missing.push((place, until.min(size)));
                    place = until;
                }
            }
        }
        missing
    }

    /// The runs.
    pub(crate) fn into_runs(self) -> Vec<(u64, u64)> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ranges_are_what_a_set_of_bytes_is() {
        // Every order of small runs, compared with plain sets.
        let runs: [(u64, u64); 6] = [(0, 2), (2, 3), (5, 9), (1, 6), (9, 9), (11, 12)];
        for order in 0..720_u32 {
            let (mut left, mut choice) = (runs.to_vec(), order);
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for count in (1..=6).rev() {
                let (from, until) = left.remove((choice % count) as usize);
                choice /= count;
                ranges.add(from, until);
                set.extend(from..until);
                assert_eq!(ranges.bytes(), set.len() as u64);
                for place in 0..14 {
                    match ranges.at(place) {
                        Spot::Here(until) => assert!((place..until).all(|p| set.contains(&p))),
                        Spot::Gap(until) => {
                            assert!((place..until.min(14)).all(|p| !set.contains(&p)));
                        }
                    }
                }
                let missing: Vec<u64> =
                    ranges.missing(13).into_iter().flat_map(|(from, until)| from..until).collect();
                assert_eq!(missing, (0..13).filter(|p| !set.contains(p)).collect::<Vec<_>>());
                assert!(ranges.0.windows(2).all(|pair| pair[0].1 < pair[1].0), "{ranges:?}");
            }
        }
    }

    #[test]
    fn the_prefix_ends_at_the_first_gap() {
        let mut ranges = Ranges::default();
        assert_eq!(ranges.prefix(), 0);
        ranges.add(3, 5);
        assert_eq!(ranges.prefix(), 0);
        ranges.add(0, 3);
        assert_eq!(ranges.prefix(), 5);
    }
}
