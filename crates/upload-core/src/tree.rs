//! The BLAKE3 digest of a file whose parts are read in any order.

use std::collections::BTreeMap;

use blake3::Hasher;
use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root,
};

use crate::ranges::Ranges;

/// Parts are hashed in units of this: a subtree of BLAKE3's tree has 1024 bytes times a power of two, and the
/// smallest piece of a relay is 1 MiB.
pub const TREE_UNIT_BYTES: u64 = 1024 * 1024;

/// Subtrees of a file, joined as their neighbours come: what is kept follows the number of gaps, not the size.
#[derive(Debug, Clone)]
pub struct TreeDigest {
    size: u64,
    /// By its first byte: a subtree's length, and its chaining value.
    nodes: BTreeMap<u64, (u64, ChainingValue)>,
    /// The digest of a file of one unit at most, which has no subtree.
    small: Option<blake3::Hash>,
}

impl TreeDigest {
    /// Nothing read yet of a file of `size` bytes.
    #[must_use]
    pub fn new(size: u64) -> Self {
        let small = (size == 0).then(|| blake3::hash(b""));
        Self { size, nodes: BTreeMap::new(), small }
    }

    /// What was read already.
    #[must_use]
    pub fn read(&self) -> Ranges {
        if self.small.is_some() {
            return Ranges::of(&[(0, self.size)]);
        }
        let ranges: Vec<(u64, u64)> =
            self.nodes.iter().map(|(from, (len, _))| (*from, from + len)).collect();
        Ranges::of(&ranges)
    }

    /// Takes the unit that begins at `from`: a multiple of [`TREE_UNIT_BYTES`], with a whole unit or the file's
    /// end. One that was read already is passed over.
    ///
    /// # Panics
    /// Where it is no unit of the file.
    pub fn add(&mut self, from: u64, unit: &[u8]) {
        let len = unit.len() as u64;
        let is_unit = from.is_multiple_of(TREE_UNIT_BYTES)
            && len == TREE_UNIT_BYTES.min(self.size.saturating_sub(from));
        assert!(is_unit, "{len} bytes at {from} are no unit of {} bytes", self.size);
        if self.size <= TREE_UNIT_BYTES {
            self.small = Some(blake3::hash(unit));
            return;
        }
        if self.has(from) {
            return;
        }
        let mut hasher = Hasher::new();
        hasher.set_input_offset(from);
        hasher.update(unit);
        self.nodes.insert(from, (len, hasher.finalize_non_root()));
        self.join(from);
    }

    /// The digest, once everything was read.
    #[must_use]
    pub fn finish(&self) -> Option<blake3::Hash> {
        if self.small.is_some() {
            return self.small;
        }
        if !self.read().covers(self.size) {
            return None;
        }
        // From the left the subtrees become smaller; BLAKE3 joins them from the right.
        let mut nodes = self.nodes.values().rev().map(|(_, value)| value);
        let mut right = *nodes.next()?;
        let mut left = *nodes.next()?;
        for next in nodes {
            right = merge_subtrees_non_root(&left, &right, Mode::Hash);
            left = *next;
        }
        Some(merge_subtrees_root(&left, &right, Mode::Hash))
    }

    fn has(&self, at: u64) -> bool {
        let before = self.nodes.range(..=at).next_back();
        before.is_some_and(|(from, (len, _))| at < from + len)
    }

    /// Joins the subtree with its sibling, and what that makes with its own.
    fn join(&mut self, mut at: u64) {
        while let Some(&(len, value)) = self.nodes.get(&at) {
            // The file's last unit may be short: it is joined at the end. So are the two halves of a whole,
            // whose join is the root.
            if !len.is_power_of_two() || len < TREE_UNIT_BYTES || 2 * len >= self.size {
                return;
            }
            let left = at & !(2 * len - 1);
            let other = if left == at { at + len } else { left };
            let Some(&(other_len, other_value)) = self.nodes.get(&other) else { return };
            if other_len != len {
                return;
            }
            let joined = match left == at {
                true => merge_subtrees_non_root(&value, &other_value, Mode::Hash),
                false => merge_subtrees_non_root(&other_value, &value, Mode::Hash),
            };
            self.nodes.remove(&(left + len));
            self.nodes.insert(left, (2 * len, joined));
            at = left;
        }
    }
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
        assert!(tree.nodes.len() <= order.len());
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
        assert_eq!(tree.nodes.len(), 1);
        assert_eq!(tree.read().as_slice(), [(0, 16 * UNIT as u64)]);
    }
}
