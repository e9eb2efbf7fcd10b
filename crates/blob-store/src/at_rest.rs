//! Whole blobs that are sealed as they are stored, and opened as they are read.
//!
//! ```text
//! ┌ 8 bytes mark │ 61 bytes: a key of this blob's own, wrapped by its owner's ┐
//! └ 64 KiB sealed, 16 bytes tag │ … │ the last one, shorter, perhaps empty, its tag ┘
//! ```
//! The pieces are those of STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: *Online Authenticated-Encryption and its
//! Nonce-Reuse Misuse-Resistance*, 2015): a nonce is the piece's number and whether it is the last one, so none can be
//! cut off, doubled or moved unseen. The key seals nothing else, so numbers do for nonces.
//!
//! What is large, or read in parts, is a [`Draft`](crate::Draft) and sealed as such.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use ring::aead::NONCE_LEN;

use crate::key::{Cipher, KEY_BYTES, SEAL_OVERHEAD_BYTES, SealError, SealKey, TAG_LEN};
use crate::{BlobName, BoxError};

/// The first bytes of a sealed blob. Nothing that is stored plain under a scope with keys begins so by chance; what
/// somebody makes begin so does not open, and is lost to nobody else.
const MARK: [u8; 8] = *b"\xffkarSTR1";

const WRAPPED_BYTES: usize = KEY_BYTES + SEAL_OVERHEAD_BYTES;
pub(crate) const HEAD_BYTES: usize = MARK.len() + WRAPPED_BYTES;

/// Plaintext bytes of a piece.
const PIECE: usize = 64 * 1024;
const SEALED_PIECE: usize = PIECE + TAG_LEN;

/// Who has the keys of blobs that are sealed as they are stored.
///
/// A scope is what a name begins with, up to its second `/`: `imports/7` of `imports/7/2c26…`.
pub trait AtRest: Debug + Send + Sync {
    /// Whether anything of a scope may be sealed. Others are stored and read as they are.
    fn covers(&self, scope: &str) -> bool;

    /// The key that seals what is stored in a scope from now on; nothing where it stays plain.
    fn sealing<'a>(
        &'a self,
        scope: &'a str,
    ) -> BoxFuture<'a, Result<Option<Arc<SealKey>>, BoxError>>;

    /// The key that opens what is sealed in a scope.
    fn opening<'a>(&'a self, scope: &'a str) -> BoxFuture<'a, Result<Arc<SealKey>, BoxError>>;
}

/// What a blob's key is bound to.
pub(crate) fn scope(name: &BlobName) -> &str {
    let name = name.as_str();
    let second = name.match_indices('/').nth(1);
    second.and_then(|(at, _)| name.get(..at)).unwrap_or(name)
}

fn context(scope: &str) -> Vec<u8> {
    format!("kartei blob {scope}").into_bytes()
}

fn nonce(number: u32, is_last: bool) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[7..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(is_last);
    nonce
}

/// Bytes that a sealed blob of so many says.
pub(crate) fn plain_size(sealed: u64) -> u64 {
    let pieces = sealed.saturating_sub(HEAD_BYTES as u64);
    pieces.saturating_sub(pieces.div_ceil(SEALED_PIECE as u64) * TAG_LEN as u64)
}

/// Seals bytes as they come.
#[derive(Debug)]
pub(crate) struct Sealing {
    cipher: Cipher,
    waiting: BytesMut,
    number: u32,
}

impl Sealing {
    /// Begins, and answers what comes first.
    pub(crate) fn begin(owner: &SealKey, scope: &str) -> Result<(Self, Bytes), SealError> {
        let key = SealKey::random()?;
        let mut head = BytesMut::with_capacity(HEAD_BYTES);
        head.extend_from_slice(&MARK);
        head.extend_from_slice(&owner.wrap(&key, &context(scope))?);
        let sealing = Self { cipher: key.cipher(), waiting: BytesMut::new(), number: 0 };
        Ok((sealing, head.freeze()))
    }

    /// Takes some bytes; answers what is sealed of those that came.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Bytes, SealError> {
        self.waiting.extend_from_slice(bytes);
        let mut sealed = BytesMut::new();
        // One that may be the last waits for its end.
        while self.waiting.len() > PIECE {
            let piece = self.waiting.split_to(PIECE);
            self.seal(piece, false, &mut sealed)?;
        }
        Ok(sealed.freeze())
    }

    /// The last bytes.
    pub(crate) fn finish(mut self) -> Result<Bytes, SealError> {
        let mut sealed = BytesMut::new();
        let last = self.waiting.split();
        self.seal(last, true, &mut sealed)?;
        Ok(sealed.freeze())
    }

    fn seal(
        &mut self,
        mut piece: BytesMut,
        is_last: bool,
        sealed: &mut BytesMut,
    ) -> Result<(), SealError> {
        let tag = self.cipher.seal(nonce(self.number, is_last), &[], &mut piece)?;
        self.number = self.number.checked_add(1).ok_or(SealError::Closed)?;
        sealed.extend_from_slice(&piece);
        sealed.extend_from_slice(&tag);
        Ok(())
    }
}

/// Opens bytes as they come.
#[derive(Debug)]
pub(crate) struct Opening {
    cipher: Cipher,
    waiting: BytesMut,
    number: u32,
}

impl Opening {
    /// Whether something that begins so is sealed; nothing where that cannot be told of so few bytes.
    pub(crate) fn is_sealed(start: &[u8]) -> Option<bool> {
        let known = start.len().min(MARK.len());
        match start.get(..known) == MARK.get(..known) {
            true => (start.len() >= MARK.len()).then_some(true),
            false => Some(false),
        }
    }

    /// Begins with the first [`HEAD_BYTES`].
    pub(crate) fn begin(owner: &SealKey, scope: &str, head: &[u8]) -> Result<Self, SealError> {
        let wrapped = head.strip_prefix(&MARK).ok_or(SealError::Closed)?;
        let key = owner.unwrap(wrapped, &context(scope))?;
        Ok(Self { cipher: key.cipher(), waiting: BytesMut::new(), number: 0 })
    }

    /// Takes some bytes; answers what is open of those that came.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Bytes, SealError> {
        self.waiting.extend_from_slice(bytes);
        let mut open = BytesMut::new();
        while self.waiting.len() > SEALED_PIECE {
            let piece = self.waiting.split_to(SEALED_PIECE);
            self.open(piece, false, &mut open)?;
        }
        Ok(open.freeze())
    }

    /// The last bytes; a blob that was cut off has none.
    pub(crate) fn finish(mut self) -> Result<Bytes, SealError> {
        let mut open = BytesMut::new();
        let last = self.waiting.split();
        self.open(last, true, &mut open)?;
        Ok(open.freeze())
    }

    fn open(
        &mut self,
        mut piece: BytesMut,
        is_last: bool,
        open: &mut BytesMut,
    ) -> Result<(), SealError> {
        let text = piece.len().checked_sub(TAG_LEN).ok_or(SealError::Closed)?;
        let tag = piece.split_off(text);
        let tag = tag[..].try_into().map_err(|_| SealError::Closed)?;
        self.cipher.open(nonce(self.number, is_last), &[], tag, &mut piece)?;
        self.number = self.number.checked_add(1).ok_or(SealError::Closed)?;
        open.extend_from_slice(&piece);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SCOPE: &str = "imports/7";

    fn sealed(owner: &SealKey, text: &[u8], cuts: usize) -> Vec<u8> {
        let (mut sealing, head) = Sealing::begin(owner, SCOPE).unwrap();
        let mut blob = head.to_vec();
        for part in text.chunks(cuts.max(1)) {
            blob.extend_from_slice(&sealing.push(part).unwrap());
        }
        blob.extend_from_slice(&sealing.finish().unwrap());
        blob
    }

    fn opened(
        owner: &SealKey,
        scope: &str,
        blob: &[u8],
        cuts: usize,
    ) -> Result<Vec<u8>, SealError> {
        let (head, rest) = blob.split_at_checked(HEAD_BYTES).ok_or(SealError::Closed)?;
        let mut opening = Opening::begin(owner, scope, head)?;
        let mut text = Vec::new();
        for part in rest.chunks(cuts.max(1)) {
            text.extend_from_slice(&opening.push(part)?);
        }
        text.extend_from_slice(&opening.finish()?);
        Ok(text)
    }

    /// Sizes where a piece ends, and others.
    fn size() -> impl Strategy<Value = usize> {
        let edge = prop::sample::select(vec![0, PIECE, 2 * PIECE, 3 * PIECE]);
        let near = (edge, -2_isize..=2).prop_map(|(edge, more)| edge.saturating_add_signed(more));
        prop_oneof![near, 0..3 * PIECE]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn what_was_sealed_in_any_cuts_is_opened_in_any(
            size in size(),
            cuts in prop::array::uniform2(1..200_000_usize),
        ) {
            let owner = SealKey::random().unwrap();
            let text: Vec<u8> = (0..=250).cycle().take(size).collect();
            let blob = sealed(&owner, &text, cuts[0]);
            prop_assert_eq!(plain_size(blob.len() as u64), size as u64);
            prop_assert_eq!(Opening::is_sealed(&blob), Some(true));
            prop_assert_eq!(opened(&owner, SCOPE, &blob, cuts[1]), Ok(text));
        }

        #[test]
        fn nothing_of_it_can_be_changed_or_left_out(
            size in size(),
            at in any::<prop::sample::Index>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let owner = SealKey::random().unwrap();
            let blob = sealed(&owner, &vec![7; size], PIECE);
            let mut changed = blob.clone();
            changed[at.index(blob.len())] ^= 1;
            prop_assert!(opened(&owner, SCOPE, &changed, PIECE).is_err());
            let cut = cut.index(blob.len());
            prop_assert!(opened(&owner, SCOPE, &blob[..cut], PIECE).is_err());
        }
    }

    #[test]
    fn pieces_stay_in_their_order_and_blobs_in_their_scope() {
        let owner = SealKey::random().unwrap();
        let blob = sealed(&owner, &vec![7; 3 * PIECE], PIECE);
        let mut moved = blob.clone();
        moved[HEAD_BYTES..HEAD_BYTES + SEALED_PIECE]
            .copy_from_slice(&blob[HEAD_BYTES + SEALED_PIECE..HEAD_BYTES + 2 * SEALED_PIECE]);
        assert!(opened(&owner, SCOPE, &moved, PIECE).is_err());
        let doubled = [&blob[..], &blob[HEAD_BYTES..]].concat();
        assert!(opened(&owner, SCOPE, &doubled, PIECE).is_err());
        assert!(opened(&owner, "imports/8", &blob, PIECE).is_err());
        assert!(opened(&SealKey::random().unwrap(), SCOPE, &blob, PIECE).is_err());
        assert_ne!(blob, sealed(&owner, &vec![7; 3 * PIECE], PIECE), "each has a key of its own");
    }

    #[test]
    fn what_is_sealed_is_told_by_its_beginning() {
        assert_eq!(Opening::is_sealed(b""), None);
        assert_eq!(Opening::is_sealed(b"\xffkar"), None);
        assert_eq!(Opening::is_sealed(b"{"), Some(false));
        assert_eq!(Opening::is_sealed(b"\xffkarSTR2 and more"), Some(false));
        let name = |name: &str| BlobName::new(name).unwrap();
        assert_eq!(scope(&name("imports/7/2c26")), "imports/7");
        assert_eq!(scope(&name("reports/7/imp-1/errors.ndjson")), "reports/7");
        assert_eq!(scope(&name("move-unfinished")), "move-unfinished");
    }
}
