//! How a file's bytes lie in a blob: units of 1 MiB, each of 16 sealed records of 64 KiB and a page
//! with their nonces and tags. Everything here is arithmetic and the cipher; nothing is read or
//! written ([ADR 21](../../../docs/adr/0021-uploads-are-pieces-at-their-place.md)).
//!
//! ```text
//! ┌ unit 0 ───────────────────────┐┌ unit 1 …                    ┌ the last one, shorter ────┐
//! │ 16 × 64 KiB ciphertext │ page ││ 16 × 64 KiB … │ page │  …   │ ciphertext │ 0… │ page     │
//! └───────────────────────────────┘└                             └───────── a multiple of 4 KiB ┘
//!   page: 16 × (12 bytes nonce, 16 bytes tag), zeroes, 4 bytes mark
//! ```
//!
//! A record has as many bytes as its plaintext. The last unit's page begins at the next multiple of
//! 4 KiB, so that the file's size tells where everything is. A file of 0 bytes is an empty blob.

use std::ops::Range;

use ring::aead::NONCE_LEN;

use crate::key::{Cipher, SealError, TAG_LEN, fill_random};

/// Plaintext bytes of a unit: what is written at once, long against a system call and a page.
pub const UNIT_BYTES: u64 = UNIT as u64;

/// Plaintext bytes of a record: what is checked as a whole, so the least that is read.
pub const RECORD_BYTES: u64 = RECORD as u64;

/// Bytes of a unit's last page; also what places and lengths are multiples of, as writing past the
/// page cache wants it.
pub const TRAILER_BYTES: u64 = TRAILER as u64;

/// Bytes from the beginning of a unit to that of the next.
pub(crate) const STRIDE_BYTES: u64 = UNIT_BYTES + TRAILER_BYTES;

pub(crate) const UNIT: usize = 1024 * 1024;
pub(crate) const TRAILER: usize = 4096;
const RECORDS: usize = UNIT / RECORD;
const RECORD: usize = 64 * 1024;
const SLOT: usize = NONCE_LEN + TAG_LEN;

/// The last bytes of every unit. Another form would have another mark.
const MARK: [u8; 4] = *b"KSU1";

/// So that what is sealed as a unit is hashed as one.
const _: () = assert!(UNIT_BYTES == kartei_pieces::tree::UNIT_BYTES);

/// Before a record's number in what is authenticated with it.
const RECORD_CONTEXT: [u8; 8] = *b"ksu1 rec";

/// Bytes of the largest file: no disk has room for it, and all that is computed here fits.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 62;

/// Bytes that a file of this size takes; for sizes that no file has, as many as can be said.
#[must_use]
pub fn sealed_bytes(size: u64) -> u64 {
    let rest = size % UNIT_BYTES;
    let last = if rest == 0 { 0 } else { unit_bytes(rest) };
    (size / UNIT_BYTES).saturating_mul(STRIDE_BYTES).saturating_add(last)
}

/// Bytes that a unit with so many bytes of plaintext takes. `len` is 1 to [`UNIT_BYTES`].
pub(crate) fn unit_bytes(len: u64) -> u64 {
    len.next_multiple_of(TRAILER_BYTES) + TRAILER_BYTES
}

/// Units of a file of this size.
pub(crate) fn units(size: u64) -> u64 {
    size.div_ceil(UNIT_BYTES)
}

/// Plaintext bytes of a unit of a file of this size.
pub(crate) fn unit_len(unit: u64, size: u64) -> u64 {
    size.saturating_sub(unit * UNIT_BYTES).min(UNIT_BYTES)
}

/// Seals a unit in place. `unit` is its number, `bytes` has `len` bytes of plaintext and room up to
/// [`unit_bytes`].
pub(crate) fn seal_unit(
    cipher: &Cipher,
    unit: u64,
    bytes: &mut [u8],
    len: usize,
) -> Result<(), SealError> {
    let (records, trailer) = split(bytes, len).ok_or(SealError::Closed)?;
    let (text, padding) = records.split_at_mut(len);
    padding.fill(0);
    trailer.fill(0);
    let mut nonces = [0; RECORDS * NONCE_LEN];
    fill_random(&mut nonces[..text.len().div_ceil(RECORD) * NONCE_LEN])?;
    let (nonces, _) = nonces.as_chunks::<NONCE_LEN>();
    let slots = trailer.chunks_exact_mut(SLOT);
    for ((number, record), (nonce, slot)) in
        text.chunks_mut(RECORD).enumerate().zip(nonces.iter().zip(slots))
    {
        let tag = cipher.seal(*nonce, &record_context(unit, number), record)?;
        slot[..NONCE_LEN].copy_from_slice(nonce);
        slot[NONCE_LEN..].copy_from_slice(&tag);
    }
    trailer[TRAILER - MARK.len()..].copy_from_slice(&MARK);
    Ok(())
}

/// Opens records of a unit in place. `records` is the ciphertext from record `first` on, whole
/// records but for the file's last one; `trailer` is the unit's page.
pub(crate) fn open_records(
    cipher: &Cipher,
    unit: u64,
    first: usize,
    records: &mut [u8],
    trailer: &[u8],
) -> Result<(), SealError> {
    if trailer.len() != TRAILER || !trailer.ends_with(&MARK) {
        return Err(SealError::Closed);
    }
    let mut slots = trailer.chunks_exact(SLOT).take(RECORDS).skip(first);
    for (number, record) in records.chunks_mut(RECORD).enumerate() {
        let slot = slots.next().ok_or(SealError::Closed)?;
        let (nonce, tag) = slot.split_first_chunk().ok_or(SealError::Closed)?;
        let tag = tag.try_into().map_err(|_| SealError::Closed)?;
        cipher.open(*nonce, &record_context(unit, first + number), tag, record)?;
    }
    Ok(())
}

/// What is read of a unit for some of its plaintext: whole records, and the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnitPart {
    pub unit: u64,
    /// The first record.
    pub first: usize,
    /// Where the records lie in the blob.
    pub records: Range<u64>,
    /// Where the page begins in the blob.
    pub trailer: u64,
    /// What is wanted of the opened records.
    pub wanted: Range<usize>,
}

impl UnitPart {
    /// Where the records begin in the file.
    pub(crate) fn offset(&self) -> u64 {
        self.unit * UNIT_BYTES + self.first as u64 * RECORD_BYTES
    }

    /// Where the unit ends in the blob.
    pub(crate) fn end(&self) -> u64 {
        self.trailer + TRAILER_BYTES
    }
}

/// What is read for a range of a file of this size, unit by unit. The range is within the size.
pub(crate) fn parts_of(range: Range<u64>, size: u64) -> impl Iterator<Item = UnitPart> {
    let units = if range.is_empty() { 0..0 } else { range.start / UNIT_BYTES..units(range.end) };
    units.map(move |unit| {
        let (begin, len) = (unit * UNIT_BYTES, unit_len(unit, size));
        let from = range.start.saturating_sub(begin);
        let to = (range.end - begin).min(len);
        let first = from / RECORD_BYTES;
        let records = first * RECORD_BYTES..to.next_multiple_of(RECORD_BYTES).min(len);
        let place = unit * STRIDE_BYTES;
        UnitPart {
            unit,
            first: index(first),
            wanted: index(from - records.start)..index(to - records.start),
            records: place + records.start..place + records.end,
            trailer: place + len.next_multiple_of(TRAILER_BYTES),
        }
    })
}

/// A number of bytes or records within a unit, which fits whatever the machine.
pub(crate) fn index(within_unit: u64) -> usize {
    usize::try_from(within_unit).unwrap_or(usize::MAX)
}

fn split(bytes: &mut [u8], len: usize) -> Option<(&mut [u8], &mut [u8])> {
    let records = len.next_multiple_of(TRAILER);
    let bytes = bytes.get_mut(..records + TRAILER)?;
    (1..=RECORD * RECORDS).contains(&len).then(|| bytes.split_at_mut(records))
}

fn record_context(unit: u64, record: usize) -> [u8; 24] {
    let mut context = [0; 24];
    context[..8].copy_from_slice(&RECORD_CONTEXT);
    context[8..16].copy_from_slice(&unit.to_le_bytes());
    context[16..].copy_from_slice(&(record as u64).to_le_bytes());
    context
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SealKey;

    /// Sizes where something ends, and others, up to two units and a bit.
    fn size() -> impl Strategy<Value = usize> {
        let edge = prop::sample::select(vec![0, TRAILER, RECORD, UNIT, UNIT + RECORD, 2 * UNIT]);
        let near = (edge, -2_isize..=2).prop_map(|(edge, more)| edge.saturating_add_signed(more));
        prop_oneof![near, 0..2 * UNIT + 3 * RECORD]
    }

    fn noise(len: usize) -> Vec<u8> {
        (0..len).map(|at| at.wrapping_mul(0x9e37_79b9).to_le_bytes()[2]).collect()
    }

    /// A blob as a draft would have written it.
    fn sealed(cipher: &Cipher, text: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        for (unit, text) in text.chunks(UNIT).enumerate() {
            let mut bytes = vec![0xaa; index(STRIDE_BYTES)];
            bytes[..text.len()].copy_from_slice(text);
            seal_unit(cipher, unit as u64, &mut bytes, text.len()).unwrap();
            blob.extend_from_slice(&bytes[..index(unit_bytes(text.len() as u64))]);
        }
        blob
    }

    fn read(cipher: &Cipher, blob: &[u8], range: Range<u64>, size: u64) -> Option<Vec<u8>> {
        let mut read = Vec::new();
        for part in parts_of(range, size) {
            let mut records =
                blob.get(index(part.records.start)..index(part.records.end))?.to_vec();
            let trailer = blob.get(index(part.trailer)..index(part.end()))?;
            open_records(cipher, part.unit, part.first, &mut records, trailer).ok()?;
            read.extend_from_slice(&records[part.wanted]);
        }
        Some(read)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn any_range_of_any_size_comes_back(size in size(), ends in prop::array::uniform2(any::<prop::sample::Index>())) {
            let (cipher, text) = (SealKey::random().unwrap().cipher(), noise(size));
            let blob = sealed(&cipher, &text);
            prop_assert_eq!(blob.len() as u64, sealed_bytes(size as u64));
            prop_assert!(blob.len().is_multiple_of(TRAILER), "units begin with a page");
            let mut ends = ends.map(|end| end.index(size + 1));
            ends.sort_unstable();
            let range = ends[0] as u64..ends[1] as u64;
            let parts: u64 = parts_of(range.clone(), size as u64)
                .map(|part| part.records.end - part.records.start)
                .sum();
            prop_assert!(parts < range.end - range.start + 2 * RECORD_BYTES, "only records that are needed");
            let read = read(&cipher, &blob, range, size as u64);
            prop_assert_eq!(read.as_deref(), Some(&text[ends[0]..ends[1]]));
        }

        #[test]
        fn what_was_changed_is_an_error_or_unused(
            size in size().prop_filter("something is there", |size| *size > 0),
            at in any::<prop::sample::Index>(),
            bit in 0_u32..8,
        ) {
            let (cipher, text) = (SealKey::random().unwrap().cipher(), noise(size));
            let mut blob = sealed(&cipher, &text);
            let at = at.index(blob.len());
            blob[at] ^= 1 << bit;
            let got = read(&cipher, &blob, 0..size as u64, size as u64);
            prop_assert!(got.as_ref().is_none_or(|got| *got == text), "other bytes came back");
            let (unit, place) = (at / index(STRIDE_BYTES), at % index(STRIDE_BYTES));
            let is_text = place < index(unit_len(unit as u64, size as u64));
            prop_assert!(got.is_none() || !is_text, "a changed record was opened");
        }

        #[test]
        fn what_was_cut_is_an_error(size in size(), cut in any::<prop::sample::Index>()) {
            let (cipher, text) = (SealKey::random().unwrap().cipher(), noise(size));
            let blob = sealed(&cipher, &text);
            let cut = cut.index(blob.len() + 1);
            let got = read(&cipher, &blob[..cut], 0..size as u64, size as u64);
            prop_assert_eq!(got.is_some(), cut == blob.len());
        }
    }

    #[test]
    fn records_open_at_their_place_alone() {
        let cipher = SealKey::random().unwrap().cipher();
        let blob = sealed(&cipher, &noise(2 * UNIT));
        let trailer = &blob[UNIT..UNIT + TRAILER];
        let opens = |unit, first, from: usize| {
            let mut records = blob[from..from + RECORD].to_vec();
            open_records(&cipher, unit, first, &mut records, trailer).is_ok()
        };
        assert!(opens(0, 0, 0) && opens(0, 3, 3 * RECORD));
        assert!(!opens(0, 1, 0), "as another record");
        assert!(!opens(1, 0, 0), "as another unit's");
        assert!(!opens(0, 16, 0), "as one more than a unit has");
    }

    #[test]
    fn no_nonce_is_used_twice() {
        let cipher = SealKey::random().unwrap().cipher();
        let text = noise(UNIT);
        let mut nonces = std::collections::HashSet::new();
        for _ in 0..20 {
            // The same unit again, as a piece that is sent again.
            let blob = sealed(&cipher, &text);
            let slots = blob[UNIT..].chunks_exact(SLOT).take(RECORDS);
            nonces.extend(slots.map(|slot| slot[..NONCE_LEN].to_vec()));
        }
        assert_eq!(nonces.len(), 20 * RECORDS);
    }
}
