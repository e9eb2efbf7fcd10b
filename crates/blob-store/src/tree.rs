//! What landed, and the digest of the whole made of it (`kartei_pieces::tree`).

use kartei_pieces::tree;

/// A run of pieces that is durable. The caller's journal keeps it as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// Where it begins in the file: a multiple of the draft's piece.
    pub offset: u64,
    /// Its bytes of plaintext; not a multiple of a piece only at the file's end.
    pub len: u64,
    /// Its nodes of BLAKE3's tree, to be handed back to [`root_of`]. Empty where the relay has not
    /// seen the bytes.
    pub tree: Vec<u8>,
    /// On S3 what the server said of its parts, in order, one a line.
    pub part: Option<String>,
}

impl Landed {
    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }

    fn run(&self) -> tree::Run<'_> {
        tree::Run { offset: self.offset, len: self.len, nodes: &self.tree }
    }

    /// This run with the one after it; both are given back where they do not meet, or where this
    /// one ends with the file's last piece.
    ///
    /// # Errors
    /// The two runs, unchanged.
    pub fn join(self, next: Self) -> Result<Self, Box<(Self, Self)>> {
        let (before, after) = (self.run(), next.run());
        let is_unseen = self.tree.is_empty() && next.tree.is_empty() && before.meets(&after);
        let joined = before.joined(&after).or_else(|| is_unseen.then(Vec::new));
        let Some(tree) = joined else { return Err(Box::new((self, next))) };
        let part = match (self.part, next.part) {
            (Some(before), Some(after)) => Some(before + "\n" + &after),
            (before, after) => before.or(after),
        };
        Ok(Self { offset: self.offset, len: self.len + next.len, tree, part })
    }
}

/// The BLAKE3 of a file of this size from all that landed of it, in any order. None where something
/// is missing, overlaps, or was not hashed: then the bytes have to be read.
#[must_use]
pub fn root_of(size: u64, landed: &[Landed]) -> Option<[u8; 32]> {
    tree::root_of(size, landed.iter().map(Landed::run))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealed::{UNIT, UNIT_BYTES};

    fn unit(unit: u64, tree: Vec<u8>) -> Landed {
        let part = Some(unit.to_string());
        Landed { offset: unit * UNIT_BYTES, len: UNIT_BYTES, tree, part }
    }

    #[test]
    fn runs_that_meet_are_one_with_the_parts_of_both() {
        let hashed = |number| unit(number, tree::hash_unit(number, &vec![7; UNIT]));
        let both = hashed(2).join(hashed(3)).unwrap();
        assert_eq!((both.offset, both.end()), (2 * UNIT_BYTES, 4 * UNIT_BYTES));
        assert_eq!(both.part.as_deref(), Some("2\n3"));
        let (left, right) = *hashed(2).join(hashed(4)).unwrap_err();
        assert_eq!((left, right), (hashed(2), hashed(4)));
    }

    #[test]
    fn bytes_that_nobody_here_hashed_are_joined_and_have_no_digest() {
        let both = unit(0, Vec::new()).join(unit(1, Vec::new())).unwrap();
        assert_eq!((both.len, both.tree.len()), (2 * UNIT_BYTES, 0));
        assert_eq!(root_of(both.len, &[both]), None);
        let seen = unit(1, tree::hash_unit(1, &[7; 5]));
        assert!(unit(0, Vec::new()).join(seen).is_err());
    }
}
