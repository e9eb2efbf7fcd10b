//! Digests of what a replica and the relay hold: sums that tell equal from different.
//!
//! Each profile that is there (deleted ones are not) has a [`Digest`] of its own: SHA-256 over
//! [`DOMAIN`], the hash of its record (32 bytes), the number of its conflicts (8 bytes, little-endian)
//! and its id, cut to 16 bytes and read as four little-endian words. Words are added modulo 2^32, each
//! by itself, so that a digest of many profiles is kept by adding what came and subtracting what went,
//! in any order, and a database can add them in columns of 64 bits. Profiles are summed in
//! [`BUCKETS`] buckets by their ids ([`bucket_of`]), so that a difference is looked for in a small part.
//!
//! Digests find faults: lost rows, half-written state, bugs. They are no proof against somebody who
//! makes records for the purpose; everybody who can write is trusted to write what they like anyway.

use kartei_profile::RecordHash;
use sha2::{Digest as _, Sha256};

/// Begins what is hashed, so that no other hash of this program can be taken for a digest.
const DOMAIN: &[u8] = b"kartei digest 1\0";

/// Buckets of an organisation. A million profiles have 4,000 in each: their ids and hashes are some
/// 250 KB, which are asked for only where a bucket differs.
pub const BUCKETS: usize = 256;

const WORDS: usize = 4;

/// Bytes of a digest.
const BYTES: usize = WORDS * 4;

/// The sum over some profiles; of none by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Digest([u32; WORDS]);

impl Digest {
    /// The digest of one profile.
    #[must_use]
    pub fn of(id: &str, hash: &RecordHash, conflicts: u64) -> Self {
        let hashed = Sha256::new()
            .chain_update(DOMAIN)
            .chain_update(hash.bytes())
            .chain_update(conflicts.to_le_bytes())
            .chain_update(id.as_bytes())
            .finalize();
        let mut bytes = [0; BYTES];
        bytes.copy_from_slice(&hashed[..BYTES]);
        Self::from_bytes(bytes)
    }

    /// With the profiles of `other` added.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].wrapping_add(other.0[at])))
    }

    /// With the profiles of `other` taken away.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].wrapping_sub(other.0[at])))
    }

    /// Its words, for a database that adds them.
    #[must_use]
    pub fn words(self) -> [u32; WORDS] {
        self.0
    }

    /// Of its words.
    #[must_use]
    pub fn from_words(words: [u32; WORDS]) -> Self {
        Self(words)
    }

    /// Its words, little-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        for (place, word) in bytes.chunks_exact_mut(4).zip(self.0) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Of its words, little-endian.
    #[must_use]
    pub fn from_bytes(bytes: [u8; BYTES]) -> Self {
        let word = |at: usize| {
            u32::from_le_bytes([
                bytes[4 * at],
                bytes[4 * at + 1],
                bytes[4 * at + 2],
                bytes[4 * at + 3],
            ])
        };
        Self(std::array::from_fn(word))
    }
}

/// The bytes in hex.
impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What is no digest's text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a digest is 32 digits of hex")]
pub struct DigestError;

impl std::str::FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let is_hex = text.len() == 2 * BYTES && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_hex {
            return Err(DigestError);
        }
        let mut bytes = [0; BYTES];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(2 * at..2 * at + 2).ok_or(DigestError)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| DigestError)?;
        }
        Ok(Self::from_bytes(bytes))
    }
}

/// The bucket of an id: FNV-1a of 32 bits (offset basis 2166136261, prime 16777619; Fowler, Noll, Vo)
/// over its bytes, the four bytes of the result exclusive-ored into one.
#[must_use]
pub fn bucket_of(id: &str) -> u8 {
    let hash = id
        .bytes()
        .fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    hash.to_le_bytes().iter().fold(0, |folded, byte| folded ^ byte)
}

/// The digests of all buckets.
#[derive(Clone, PartialEq, Eq)]
pub struct Digests(Box<[Digest; BUCKETS]>);

impl Default for Digests {
    fn default() -> Self {
        Self(Box::new([Digest::default(); BUCKETS]))
    }
}

impl std::fmt::Debug for Digests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digests({})", self.total())
    }
}

impl Digests {
    /// Adds a profile, or what several of one bucket came to.
    pub fn add(&mut self, bucket: u8, digest: Digest) {
        let sum = &mut self.0[usize::from(bucket)];
        *sum = sum.plus(digest);
    }

    /// Takes a profile away, or what several of one bucket came to.
    pub fn take(&mut self, bucket: u8, digest: Digest) {
        let sum = &mut self.0[usize::from(bucket)];
        *sum = sum.minus(digest);
    }

    /// Adds one profile.
    pub fn add_profile(&mut self, id: &str, hash: &RecordHash, conflicts: u64) {
        self.add(bucket_of(id), Digest::of(id, hash, conflicts));
    }

    /// Takes one profile away.
    pub fn take_profile(&mut self, id: &str, hash: &RecordHash, conflicts: u64) {
        self.take(bucket_of(id), Digest::of(id, hash, conflicts));
    }

    /// With all buckets of `other` added.
    pub fn add_all(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0.iter()) {
            *sum = sum.plus(*more);
        }
    }

    /// The sum over everything.
    #[must_use]
    pub fn total(&self) -> Digest {
        self.0.iter().fold(Digest::default(), |sum, digest| sum.plus(*digest))
    }

    /// One bucket.
    #[must_use]
    pub fn get(&self, bucket: u8) -> Digest {
        self.0[usize::from(bucket)]
    }

    /// All buckets with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u8, Digest)> {
        (0..=u8::MAX).zip(self.0.iter().copied())
    }

    /// All buckets that have another digest in `other`.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<u8> {
        self.iter().filter(|(at, digest)| other.get(*at) != *digest).map(|(at, _)| at).collect()
    }

    /// The buckets one after the other.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|digest| digest.to_bytes()).collect()
    }

    /// Of the buckets one after the other; `None` where it is not so many bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (parts, rest) = bytes.as_chunks::<BYTES>();
        if parts.len() != BUCKETS || !rest.is_empty() {
            return None;
        }
        let mut digests = Self::default();
        for (place, part) in digests.0.iter_mut().zip(parts) {
            *place = Digest::from_bytes(*part);
        }
        Some(digests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(of: u8) -> RecordHash {
        RecordHash::from_bytes([of; 32])
    }

    #[test]
    fn the_order_of_coming_and_going_does_not_matter() {
        let mut one = Digests::default();
        one.add_profile("a", &hash(1), 0);
        one.add_profile("b", &hash(2), 1);
        let mut other = Digests::default();
        other.add_profile("b", &hash(2), 1);
        other.add_profile("c", &hash(3), 0);
        other.add_profile("a", &hash(1), 0);
        assert_ne!(one, other);
        other.take_profile("c", &hash(3), 0);
        assert_eq!(one, other);
        assert_eq!(one.total(), other.total());
    }

    #[test]
    fn id_hash_and_conflicts_each_make_another() {
        let digest = Digest::of("a", &hash(1), 0);
        assert_ne!(digest, Digest::of("b", &hash(1), 0));
        assert_ne!(digest, Digest::of("a", &hash(2), 0));
        assert_ne!(digest, Digest::of("a", &hash(1), 1));
    }

    #[test]
    fn texts_and_bytes_read_back() {
        let mut digests = Digests::default();
        digests.add_profile("a", &hash(1), 3);
        assert_eq!(digests.total().to_string().parse(), Ok(digests.total()));
        assert_eq!(Digests::from_bytes(&digests.to_bytes()), Some(digests));
        assert_eq!(Digests::from_bytes(&[0; 17]), None);
        assert_eq!("é".repeat(16).parse::<Digest>(), Err(DigestError));
    }

    /// Both sides must agree for ever: what a replica of this version keeps is compared with what a
    /// later relay counts. The values were made by another program (Python's `hashlib`).
    #[test]
    fn the_function_is_what_it_was() {
        assert_eq!((bucket_of("a"), bucket_of("person-1")), (0xed, 206));
        let digest = Digest::of("a", &hash(1), 2);
        assert_eq!(digest.to_string(), "1f6e463fa8d834a936e7328465af7b38");
    }
}
