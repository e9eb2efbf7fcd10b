//! Keys that seal: each file has one of its own, which lies in a database wrapped by another one.
//! AES-256-GCM by `ring`, with a random nonce each time.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, Tag, UnboundKey};
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// Bytes that [`SealKey::seal_bytes`] adds: version, nonce and tag.
pub const SEAL_OVERHEAD_BYTES: usize = 1 + NONCE_LEN + TAG_LEN;

pub(crate) const TAG_LEN: usize = 16;

/// The first byte of what is sealed as a whole, for a later form.
const VERSION: u8 = 1;

/// Before the context, so that nothing that is sealed for one purpose opens for another.
const WRAPPED: &[u8] = b"kartei key\0";
const BYTES: &[u8] = b"kartei bytes\0";

/// A key of 32 bytes. It leaves the memory when it is dropped, and is shown nowhere.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; KEY_BYTES]>);

/// Why something was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The system gave no random bytes.
    #[error("the system gives no random bytes, without which nothing is sealed")]
    Random,
    /// The key or the context is another one, or the bytes were changed. Which of these it was
    /// cannot be told.
    #[error("the sealed bytes do not open: the key is another one, or they were changed")]
    Closed,
}

impl SealKey {
    /// A new key.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn random() -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        fill_random(&mut *bytes)?;
        Ok(Self(bytes))
    }

    /// The key that has these bytes.
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; KEY_BYTES]) -> Self {
        let key = Self(Zeroizing::new(bytes));
        bytes.zeroize();
        key
    }

    /// Seals another key. `context` is what it is for, such as the file's id: it is needed again to
    /// unwrap, and not kept in the answer.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn wrap(&self, inner: &Self, context: &[u8]) -> Result<Vec<u8>, SealError> {
        self.seal(&*inner.0, WRAPPED, context)
    }

    /// Opens what [`wrap`](Self::wrap) answered.
    ///
    /// # Errors
    /// [`SealError::Closed`].
    pub fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Self, SealError> {
        let bytes = Zeroizing::new(self.open(wrapped, WRAPPED, context)?);
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != KEY_BYTES {
            return Err(SealError::Closed);
        }
        key.copy_from_slice(&bytes);
        Ok(Self(key))
    }

    /// Seals a small blob as a whole; it gets [`SEAL_OVERHEAD_BYTES`] longer.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn seal_bytes(&self, bytes: &[u8], context: &[u8]) -> Result<Vec<u8>, SealError> {
        self.seal(bytes, BYTES, context)
    }

    /// Opens what [`seal_bytes`](Self::seal_bytes) answered.
    ///
    /// # Errors
    /// [`SealError::Closed`].
    pub fn open_bytes(&self, sealed: &[u8], context: &[u8]) -> Result<Vec<u8>, SealError> {
        self.open(sealed, BYTES, context)
    }

    fn seal(&self, bytes: &[u8], purpose: &[u8], context: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        fill_random(&mut nonce)?;
        let mut sealed = Vec::with_capacity(bytes.len() + SEAL_OVERHEAD_BYTES);
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(bytes);
        let tag = self.cipher().seal(
            nonce,
            &[purpose, context].concat(),
            &mut sealed[1 + NONCE_LEN..],
        )?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    fn open(&self, sealed: &[u8], purpose: &[u8], context: &[u8]) -> Result<Vec<u8>, SealError> {
        let (&version, rest) = sealed.split_first().ok_or(SealError::Closed)?;
        let (nonce, rest) = rest.split_first_chunk().ok_or(SealError::Closed)?;
        let (ciphertext, tag) = rest.split_last_chunk().ok_or(SealError::Closed)?;
        if version != VERSION {
            return Err(SealError::Closed);
        }
        let mut bytes = ciphertext.to_vec();
        self.cipher().open(*nonce, &[purpose, context].concat(), *tag, &mut bytes)?;
        Ok(bytes)
    }

    /// The key as the cipher wants it.
    pub(crate) fn cipher(&self) -> Cipher {
        let key = UnboundKey::new(&AES_256_GCM, &*self.0);
        Cipher(LessSafeKey::new(key.expect("a key of this cipher has 32 bytes")))
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// Fills with random bytes of the system.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), SealError> {
    getrandom::fill(bytes).map_err(|_| SealError::Random)
}

/// AES-256-GCM with nonces that the caller draws.
#[derive(Debug)]
pub(crate) struct Cipher(LessSafeKey);

impl Cipher {
    /// Seals in place and answers the tag.
    pub(crate) fn seal(
        &self,
        nonce: [u8; NONCE_LEN],
        context: &[u8],
        bytes: &mut [u8],
    ) -> Result<[u8; TAG_LEN], SealError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = self.0.seal_in_place_separate_tag(nonce, Aad::from(context), bytes);
        // It fails only for more bytes than a nonce is good for, 64 GiB.
        let tag = sealed.map_err(|_| SealError::Closed)?;
        tag.as_ref().try_into().map_err(|_| SealError::Closed)
    }

    /// Opens in place. Where it fails the bytes are of no use.
    pub(crate) fn open(
        &self,
        nonce: [u8; NONCE_LEN],
        context: &[u8],
        tag: [u8; TAG_LEN],
        bytes: &mut [u8],
    ) -> Result<(), SealError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let (context, tag) = (Aad::from(context), Tag::from(tag));
        let opened = self.0.open_in_place_separate_tag(nonce, context, tag, bytes, 0..);
        opened.map(drop).map_err(|_| SealError::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_key_opens_with_its_key_and_context_alone() {
        let (outer, inner) = (SealKey::random().unwrap(), SealKey::random().unwrap());
        let wrapped = outer.wrap(&inner, b"file 1").unwrap();
        assert_eq!(*outer.unwrap(&wrapped, b"file 1").unwrap().0, *inner.0);
        assert_ne!(wrapped, outer.wrap(&inner, b"file 1").unwrap(), "a nonce is never used twice");
        assert_eq!(outer.unwrap(&wrapped, b"file 2").unwrap_err(), SealError::Closed);
        assert_eq!(inner.unwrap(&wrapped, b"file 1").unwrap_err(), SealError::Closed);
        assert_eq!(outer.open_bytes(&wrapped, b"file 1").unwrap_err(), SealError::Closed);
        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert!(outer.unwrap(&changed, b"file 1").is_err(), "byte {at}");
            assert!(outer.unwrap(&wrapped[..at], b"file 1").is_err(), "{at} bytes");
        }
    }

    #[test]
    fn small_blobs_come_back() {
        let key = SealKey::from_bytes([7; KEY_BYTES]);
        for bytes in [&b""[..], b"tail", &[1; 70_000]] {
            let sealed = key.seal_bytes(bytes, b"upload 1").unwrap();
            assert_eq!(sealed.len(), bytes.len() + SEAL_OVERHEAD_BYTES);
            assert_eq!(key.open_bytes(&sealed, b"upload 1").unwrap(), bytes);
            assert!(key.open_bytes(&sealed, b"upload 2").is_err());
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", SealKey::from_bytes([65; KEY_BYTES])), "SealKey(..)");
    }
}
