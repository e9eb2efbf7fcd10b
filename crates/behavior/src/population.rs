//! Who a calibration is made of.

use kartei_profile::Record;

use crate::schema::hex;

/// A hash of profiles that does not depend on their order: the sum, modulo 2²⁵⁶, of a hash of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Population {
    sum: [u64; 4],
    profiles: u64,
}

impl Population {
    pub(crate) fn add(&mut self, record: &Record) {
        let mut hasher = blake3::Hasher::new_derive_key("kartei reference population v1");
        hasher.update(record.id().as_bytes()).update(&[0]).update(record.hash().bytes());
        let bytes = hasher.finalize();
        let mut one = [0; 4];
        for (word, bytes) in one.iter_mut().zip(bytes.as_bytes().chunks_exact(8)) {
            *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        self.add_up(&one);
        self.profiles += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.add_up(&other.sum);
        self.profiles += other.profiles;
    }

    pub(crate) fn profiles(&self) -> u64 {
        self.profiles
    }

    pub(crate) fn hash(&self) -> String {
        let mut bytes = Vec::with_capacity(40);
        self.sum.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        bytes.extend(self.profiles.to_le_bytes());
        hex(blake3::hash(&bytes).as_bytes())
    }

    fn add_up(&mut self, other: &[u64; 4]) {
        let mut carry = false;
        for (ours, theirs) in self.sum.iter_mut().zip(other) {
            let (sum, over) = ours.overflowing_add(*theirs);
            let (sum, carried) = sum.overflowing_add(u64::from(carry));
            (*ours, carry) = (sum, over || carried);
        }
    }
}

/// Whether a profile belongs to the fifth that scales are tried on: by its id, so that it does on every machine.
pub(crate) fn is_held_out(id: &str) -> bool {
    let mut hasher = blake3::Hasher::new_derive_key("kartei calibration hold-out v1");
    hasher.update(id.as_bytes());
    let first = hasher.finalize().as_bytes()[..4].iter().fold(0, |n, b| n << 8 | u32::from(*b));
    first % 5 == 0
}
