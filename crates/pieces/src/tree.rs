//! The digest of a whole made of its pieces, hashed in any order. BLAKE3 is a binary tree over chunks
//! of 1 KiB: the left half of a node has the largest power of two of chunks that leaves something for
//! the right one. So an aligned run of a power of two of units is a node of every file that has it,
//! and so is what a file has after its last such run.
//!
//! A run keeps the fewest nodes that make it up, each as a chaining value of 32 bytes: one or a few for
//! 32 MiB, whatever the number of units. The root is computed differently from inner nodes, so what
//! begins at 0 is kept as two nodes at least: only the end tells whether it is all.
//! Source: the BLAKE3 paper, section 2.1 (tree structure) and 6.4 (subtrees).

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};

/// A file is hashed in units of this many bytes; its last one may be shorter.
pub const UNIT_BYTES: u64 = 1024 * 1024;

const CHUNK: usize = blake3::CHUNK_LEN;
const VALUE: usize = blake3::OUT_LEN;

/// Units of a file that follow each other, hashed.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Where it begins in the file: a multiple of [`UNIT_BYTES`].
    pub offset: u64,
    /// Its bytes; not a multiple of [`UNIT_BYTES`] only at the file's end.
    pub len: u64,
    /// Its nodes: what [`hash_unit`] or [`Run::joined`] answered.
    pub nodes: &'a [u8],
}

impl Run<'_> {
    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }

    /// Whether the other run may follow this one in a file.
    #[must_use]
    pub fn meets(&self, next: &Self) -> bool {
        // Runs may come from a database, so what cannot be is no reason to panic.
        let is_file = next.offset.checked_add(next.len).is_some();
        self.end() == next.offset && self.len.is_multiple_of(UNIT_BYTES) && is_file
    }

    /// The nodes of this run with the one after it. None where they do not meet, or have other nodes
    /// than runs like these have.
    #[must_use]
    pub fn joined(&self, next: &Self) -> Option<Vec<u8>> {
        let nodes = (nodes(self)?, nodes(next)?);
        self.meets(next).then(|| merged(nodes.0, nodes.1))
    }
}

/// The digest of a file of `size` bytes from all its runs, in any order. None where something is
/// missing, overlaps, or was not hashed.
#[must_use]
pub fn root_of<'a>(size: u64, runs: impl IntoIterator<Item = Run<'a>>) -> Option<[u8; 32]> {
    let mut runs: Vec<Run<'a>> = runs.into_iter().filter(|run| run.len > 0).collect();
    runs.sort_by_key(|run| run.offset);
    let Some((first, rest)) = runs.split_first() else {
        return (size == 0).then(|| blake3::hash(b"").into());
    };
    let (mut len, mut nodes) = (first.len, first.nodes.to_vec());
    for next in rest {
        nodes = Run { offset: first.offset, len, nodes: &nodes }.joined(next)?;
        len += next.len;
    }
    if first.offset != 0 || len != size {
        return None;
    }
    let (first, rest) = values(&Run { offset: 0, len, nodes: &nodes })?.split_first()?;
    // A single chunk is the root itself.
    let Some((last, between)) = rest.split_last() else { return Some(*first) };
    let right = between.iter().rfold(*last, |right, left| parent(left, &right));
    Some(merge_subtrees_root(first, &right, Mode::Hash).into())
}

/// The nodes of a unit with this number, from its plaintext, as [`Run::nodes`] has them.
#[must_use]
pub fn hash_unit(unit: u64, text: &[u8]) -> Vec<u8> {
    if unit > 0 {
        return subtree(unit * UNIT_BYTES, text).to_vec();
    }
    if text.len() <= CHUNK {
        return blake3::hash(text).as_bytes().to_vec();
    }
    let left = usize::try_from(left_subtree_len(text.len() as u64)).unwrap_or(text.len());
    let (left, right) = text.split_at(left);
    [subtree(0, left), subtree(left.len() as u64, right)].concat()
}

fn subtree(offset: u64, text: &[u8]) -> ChainingValue {
    blake3::Hasher::new().set_input_offset(offset).update(text).finalize_non_root()
}

fn parent(left: &ChainingValue, right: &ChainingValue) -> ChainingValue {
    merge_subtrees_non_root(left, right, Mode::Hash)
}

/// A node over units. A file's last unit counts as a whole one.
#[derive(Debug, Clone, Copy)]
struct Node {
    first: u64,
    /// A power of two.
    units: u64,
    value: ChainingValue,
}

/// The values of a run; none where they are not as many as a run like this has.
fn values<'a>(run: &Run<'a>) -> Option<&'a [ChainingValue]> {
    let (values, rest) = run.nodes.as_chunks::<VALUE>();
    let expected = match run.offset {
        0 if run.len <= CHUNK as u64 => 1,
        0 if run.len <= UNIT_BYTES => 2,
        _ => node_sizes(run.offset / UNIT_BYTES, run.len.div_ceil(UNIT_BYTES)).len(),
    };
    let fits = rest.is_empty() && values.len() == expected;
    (fits && run.offset.is_multiple_of(UNIT_BYTES)).then_some(values)
}

/// The nodes of a run that is not all there is.
fn nodes(run: &Run<'_>) -> Option<Vec<Node>> {
    let (values, first) = (values(run)?, run.offset / UNIT_BYTES);
    if first == 0 && run.len <= UNIT_BYTES {
        // The halves of unit 0.
        let [left, right] = values else { return None };
        return Some(vec![Node { first, units: 1, value: parent(left, right) }]);
    }
    let sizes = node_sizes(first, run.len.div_ceil(UNIT_BYTES));
    let places = sizes.into_iter().scan(first, |place, units| {
        *place += units;
        Some((*place - units, units))
    });
    let node = |((first, units), value): (_, &ChainingValue)| Node { first, units, value: *value };
    Some(places.zip(values).map(node).collect())
}

/// How many units each node of a run has: the largest aligned powers of two, and never all.
fn node_sizes(mut first: u64, mut units: u64) -> Vec<u64> {
    let mut sizes = Vec::new();
    if first == 0 && units > 1 {
        let left = units.next_power_of_two() / 2;
        sizes.push(left);
        (first, units) = (left, units - left);
    }
    while units > 0 {
        let aligned = if first == 0 { u64::MAX } else { 1 << first.trailing_zeros() };
        let size = aligned.min(1 << units.ilog2());
        sizes.push(size);
        (first, units) = (first + size, units - size);
    }
    sizes
}

/// The values of two runs that meet, as one run has them.
fn merged(before: Vec<Node>, after: Vec<Node>) -> Vec<u8> {
    let begin = before.first().map_or(0, |node| node.first);
    let all: u64 = before.iter().chain(&after).map(|node| node.units).sum();
    let mut merged: Vec<Node> = Vec::new();
    for mut node in before.into_iter().chain(after) {
        while let Some(left) = merged.pop_if(|left| {
            let both = left.units * 2;
            let is_all = begin == 0 && both == all;
            left.units == node.units && left.first.is_multiple_of(both) && !is_all
        }) {
            let value = parent(&left.value, &node.value);
            node = Node { first: left.first, units: left.units * 2, value };
        }
        merged.push(node);
    }
    merged.into_iter().flat_map(|node| node.value).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNIT: usize = 1024 * 1024;

    /// A run with its own nodes.
    #[derive(Debug, Clone)]
    struct Hashed {
        offset: u64,
        len: u64,
        nodes: Vec<u8>,
    }

    impl Hashed {
        fn run(&self) -> Run<'_> {
            Run { offset: self.offset, len: self.len, nodes: &self.nodes }
        }

        fn join(self, next: &Self) -> Self {
            let nodes = self.run().joined(&next.run()).unwrap();
            Self { offset: self.offset, len: self.len + next.len, nodes }
        }
    }

    fn root(size: u64, runs: &[Hashed]) -> Option<[u8; 32]> {
        root_of(size, runs.iter().map(Hashed::run))
    }

    fn noise(len: usize) -> Vec<u8> {
        (0..len).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect()
    }

    fn hashed(bytes: &[u8]) -> Vec<Hashed> {
        let units = bytes.chunks(UNIT).enumerate();
        units
            .map(|(unit, text)| Hashed {
                offset: unit as u64 * UNIT_BYTES,
                len: text.len() as u64,
                nodes: hash_unit(unit as u64, text),
            })
            .collect()
    }

    fn lengths() -> Vec<usize> {
        let small = [0, 1, 1023, 1024, 1025, 2048, 2049, 3 * 1024, 65_537];
        let around = (1..=9).flat_map(|units| {
            [-1025, -1, 0, 1, 1024, 1025].map(|more| (units * UNIT).strict_add_signed(more))
        });
        small.into_iter().chain(around).collect()
    }

    #[test]
    fn the_root_of_units_is_the_digest_whatever_their_order_and_runs() {
        let bytes = noise(10 * UNIT);
        for len in lengths() {
            let (bytes, expected) = (&bytes[..len], Some(blake3::hash(&bytes[..len]).into()));
            let mut units = hashed(bytes);
            assert_eq!(root(len as u64, &units), expected, "{len}");
            units.reverse();
            assert_eq!(root(len as u64, &units), expected, "{len}, from behind");
            units.reverse();
            for cut in 0..=units.len() {
                let (left, right) = units.split_at(cut);
                let joined = [left, right]
                    .map(|run| run.iter().cloned().reduce(|run, next| run.join(&next)));
                let runs: Vec<Hashed> = joined.into_iter().flatten().collect();
                assert_eq!(root(len as u64, &runs), expected, "{len} cut at {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_the_rows_are_nothing_panics(
            size in any::<u64>(),
            rows in prop::collection::vec(row(), 0..6),
        ) {
            let whole = root(size, &rows);
            let sum: u64 = rows.iter().fold(0, |sum, row| sum.saturating_add(row.len));
            prop_assert!(whole.is_none() || sum == size);
        }
    }

    /// Rows that meet now and then.
    fn row() -> impl Strategy<Value = Hashed> {
        let place = prop_oneof![
            any::<u64>(),
            (0..4_u64).prop_map(|unit| unit * UNIT_BYTES),
            Just(u64::MAX - UNIT_BYTES),
        ];
        let len = prop_oneof![
            any::<u64>(),
            (0..3_u64).prop_map(|units| units * UNIT_BYTES),
            0..2_000_u64
        ];
        (place, len, 0..4_usize).prop_map(|(offset, len, values)| Hashed {
            offset,
            len,
            nodes: vec![7; values * VALUE],
        })
    }

    #[test]
    fn a_long_run_costs_one_value_or_a_few() {
        let bytes = noise(UNIT);
        let units = |range: std::ops::Range<u64>| {
            let unit = |unit| Hashed {
                offset: unit * UNIT_BYTES,
                len: UNIT_BYTES,
                nodes: hash_unit(unit, &bytes),
            };
            range.map(unit).reduce(|run, next| run.join(&next)).unwrap().nodes.len()
        };
        assert_eq!(units(32..64), VALUE);
        assert_eq!(units(0..32), 2 * VALUE);
        assert_eq!(units(33..64), 5 * VALUE);
    }

    #[test]
    fn what_is_not_all_has_no_root() {
        let bytes = noise(3 * UNIT + 5);
        let (size, units) = (bytes.len() as u64, hashed(&bytes));
        assert!(root(size, &units).is_some());
        assert_eq!(root(size, &units[1..]), None, "the beginning is missing");
        assert_eq!(root(size, &units[..3]), None, "the end is missing");
        assert_eq!(root(size - 5, &units), None, "too much");
        assert_eq!(root(size, &[&units[..2], &units[3..]].concat()), None, "a gap");
        assert_eq!(root(size, &[&units[..], &units[1..2]].concat()), None, "an overlap");
        assert_eq!(root(0, &units), None);
        assert_eq!(root(1, &[]), None);
        let mut unseen = units.clone();
        unseen[1].nodes.clear();
        assert_eq!(root(size, &unseen), None, "bytes that nobody hashed");
        let mut cut = units.clone();
        cut[2].nodes.pop();
        assert_eq!(root(size, &cut), None, "a row that was cut");
    }
}
