//! A chunk: bytes of a file, perhaps compressed, sealed under its own name.

use std::fmt;

use bytes::Bytes;
use kartei_blob_store::{BlobName, BlobNameError, SealError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::BackupKey;
use crate::limits::{CHUNK_BYTES_MAX, LEVEL};

/// Below this name all chunks lie.
pub(crate) const CHUNKS: &str = "chunks";

const CONTEXT: &[u8] = b"kartei backup chunk\0";

/// The first byte of what is sealed.
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// What a chunk is called: BLAKE3 of its bytes under the repository's key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ChunkName(pub(crate) [u8; 32]);

impl ChunkName {
    /// The name of the blob.
    pub(crate) fn blob(self) -> Result<BlobName, BlobNameError> {
        let hex = self.to_string();
        BlobName::new(format!("{CHUNKS}/{}/{hex}", &hex[..2]))
    }

    /// The chunk that a blob is; nothing for other blobs.
    pub(crate) fn of(blob: &BlobName) -> Option<Self> {
        let hex = blob.as_str().strip_prefix(CHUNKS)?.rsplit('/').next()?;
        let name = Self(*blake3::Hash::from_hex(hex).ok()?.as_bytes());
        (name.blob().ok()? == *blob).then_some(name)
    }
}

impl fmt::Display for ChunkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for ChunkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ChunkName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChunkName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        let hash = blake3::Hash::from_hex(hex).map_err(serde::de::Error::custom)?;
        Ok(Self(*hash.as_bytes()))
    }
}

/// What the bytes of a chunk are called.
pub(crate) fn name_of(key: &BackupKey, bytes: &[u8]) -> ChunkName {
    ChunkName(*key.name(bytes).as_bytes())
}

/// A chunk as it is stored. `bytes` has [`CHUNK_BYTES_MAX`] at most.
pub(crate) fn seal(key: &BackupKey, name: ChunkName, bytes: &[u8]) -> Result<Bytes, SealError> {
    let compressed = zstd::bulk::compress(bytes, LEVEL).ok();
    // Pictures and archives do not get smaller.
    let (form, body) = match &compressed {
        Some(compressed) if compressed.len() < bytes.len() => (ZSTD, compressed.as_slice()),
        _ => (PLAIN, bytes),
    };
    let mut packed = Vec::with_capacity(body.len() + 1);
    packed.push(form);
    packed.extend_from_slice(body);
    Ok(key.seal.seal_bytes(&packed, &context(name))?.into())
}

/// The bytes of a chunk; nothing where they are not those that it was made of.
pub(crate) fn open(key: &BackupKey, name: ChunkName, sealed: &[u8]) -> Option<Vec<u8>> {
    let packed = key.seal.open_bytes(sealed, &context(name)).ok()?;
    let (form, body) = packed.split_first()?;
    let bytes = match *form {
        PLAIN => body.to_vec(),
        ZSTD => zstd::bulk::decompress(body, usize::try_from(CHUNK_BYTES_MAX).ok()?).ok()?,
        _ => return None,
    };
    (name_of(key, &bytes) == name).then_some(bytes)
}

fn context(name: ChunkName) -> Vec<u8> {
    [CONTEXT, name.0.as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_opens_under_its_name_and_key_alone() {
        let (key, other) = (BackupKey::from_bytes([1; 32]), BackupKey::from_bytes([2; 32]));
        let noise: Vec<u8> = blake3::Hasher::new().finalize_xof().take_bytes(50_000);
        for bytes in [vec![7; 100_000], noise, Vec::new()] {
            let name = name_of(&key, &bytes);
            let sealed = seal(&key, name, &bytes).unwrap();
            assert_eq!(open(&key, name, &sealed), Some(bytes.clone()));
            assert_eq!(open(&other, name, &sealed), None);
            assert_eq!(open(&key, ChunkName([0; 32]), &sealed), None, "another chunk's place");
            assert_ne!(name_of(&other, &bytes), name, "names tell nothing without the key");
            let mut changed = sealed.to_vec();
            *changed.last_mut().unwrap() ^= 1;
            assert_eq!(open(&key, name, &changed), None);
            assert_eq!(open(&key, name, &sealed[..sealed.len() - 1]), None);
        }
        assert!(seal(&key, name_of(&key, &[7; 100_000]), &[7; 100_000]).unwrap().len() < 1_000);
    }

    #[test]
    fn a_blob_that_is_no_chunk_is_not_taken_for_one() {
        let name = ChunkName([0xab; 32]);
        let blob = name.blob().unwrap();
        assert_eq!(ChunkName::of(&blob), Some(name));
        let moved = BlobName::new(format!("chunks/00/{name}")).unwrap();
        assert_eq!(ChunkName::of(&moved), None);
        assert_eq!(ChunkName::of(&BlobName::new("snapshots/x").unwrap()), None);
    }

    trait TakeBytes {
        fn take_bytes(self, count: usize) -> Vec<u8>;
    }

    impl TakeBytes for blake3::OutputReader {
        fn take_bytes(mut self, count: usize) -> Vec<u8> {
            let mut bytes = vec![0; count];
            self.fill(&mut bytes);
            bytes
        }
    }
}
