//! The BLAKE3 digest of a file whose parts are read in any order.

use std::collections::BTreeMap;

use kartei_pieces::Ranges;
use kartei_pieces::tree::{Run, hash_unit, root_of};

/// Files are read for their digest in units of this; a relay's smallest piece is one.
pub use kartei_pieces::tree::UNIT_BYTES as TREE_UNIT_BYTES;

/// What was read of a file, joined as neighbours come: what is kept follows the number of gaps, not the size.
#[derive(Debug, Clone)]
pub struct TreeDigest {
    size: u64,
    /// By its first byte: a run's length, and its nodes.
    runs: BTreeMap<u64, (u64, Vec<u8>)>,
}

impl TreeDigest {
    /// Nothing read yet of a file of `size` bytes.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Self { size, runs: BTreeMap::new() }
    }

    /// What was read already.
    #[must_use]
    pub fn read(&self) -> Ranges {
        self.runs.iter().map(|(from, (len, _))| (*from, from + len)).collect()
    }

    /// Takes the unit that begins at `from`: a multiple of [`TREE_UNIT_BYTES`], with a whole unit or the file's
    /// end. One that was read already is passed over.
    ///
    /// # Panics
    /// Where it is no unit of the file.
    pub fn add(&mut self, from: u64, unit: &[u8]) {
        let len = unit.len() as u64;
        let is_unit = from.is_multiple_of(TREE_UNIT_BYTES)
            && len > 0
            && len == TREE_UNIT_BYTES.min(self.size.saturating_sub(from));
        assert!(is_unit, "{len} bytes at {from} are no unit of {} bytes", self.size);
        let before = self.runs.range(..=from).next_back().map(|(at, (len, _))| (*at, at + len));
        if before.is_some_and(|(_, end)| from < end) {
            return;
        }
        self.runs.insert(from, (len, hash_unit(from / TREE_UNIT_BYTES, unit)));
        self.join(from, from + len);
        if let Some((at, end)) = before {
            self.join(at, end);
        }
    }

    /// The digest, once everything was read.
    #[must_use]
    pub fn finish(&self) -> Option<blake3::Hash> {
        root_of(self.size, self.runs.iter().map(run)).map(blake3::Hash::from)
    }

    /// Makes one of the run at `at` and the one at its end, where there is one.
    fn join(&mut self, at: u64, end: u64) {
        let Some(next) = self.runs.get_key_value(&end).map(run) else { return };
        let Some(first) = self.runs.get_key_value(&at).map(run) else { return };
        if let Some(nodes) = first.joined(&next) {
            let len = first.len + next.len;
            self.runs.remove(&end);
            self.runs.insert(at, (len, nodes));
        }
    }
}

fn run<'a>((at, (len, nodes)): (&u64, &'a (u64, Vec<u8>))) -> Run<'a> {
    Run { offset: *at, len: *len, nodes }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: usize = 1024 * 1024;

    fn content(size: usize) -> Vec<u8> {
        (0..size).map(|at| u8::try_from((at * 31 + at / 251) % 256).unwrap()).collect()
    }

    fn digest(content: &[u8], order: &[usize]) -> Option<blake3::Hash> {
        let mut tree = TreeDigest::new(content.len() as u64);
        for unit in order {
            let from = unit * UNIT;
            tree.add(from as u64, &content[from..content.len().min(from + UNIT)]);
        }
        assert!(tree.runs.len() <= order.len());
        tree.finish()
    }

    #[test]
    fn parts_in_any_order_give_the_digest_of_the_whole() {
        for size in [0, 1, UNIT - 1, UNIT, UNIT + 1, 2 * UNIT, 3 * UNIT, 4 * UNIT, 7 * UNIT + 5] {
            let content = content(size);
            let whole = Some(blake3::hash(&content));
            let units: Vec<usize> = (0..size.div_ceil(UNIT)).collect();
            assert_eq!(digest(&content, &units), whole, "{size} in order");
            let backwards: Vec<usize> = units.iter().rev().copied().collect();
            assert_eq!(digest(&content, &backwards), whole, "{size} backwards");
            let apart: Vec<usize> =
                units.iter().step_by(2).chain(units.iter().skip(1).step_by(2)).copied().collect();
            assert_eq!(digest(&content, &apart), whole, "{size}, every other first");
            if let [rest @ .., _] = units.as_slice() {
                assert_eq!(digest(&content, rest), None, "{size} without its end");
            }
        }
    }

    #[test]
    fn what_is_kept_follows_the_gaps() {
        let content = content(16 * UNIT + 1);
        let mut tree = TreeDigest::new(content.len() as u64);
        for unit in 0..16 {
            tree.add((unit * UNIT) as u64, &content[unit * UNIT..(unit + 1) * UNIT]);
            tree.add((unit * UNIT) as u64, &content[unit * UNIT..(unit + 1) * UNIT]);
        }
        assert_eq!(tree.runs.len(), 1);
        assert_eq!(tree.read().as_slice(), [(0, 16 * UNIT as u64)]);
    }
}
