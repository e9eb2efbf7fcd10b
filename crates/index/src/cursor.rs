//! Marks of pages: where the last row stood, so that the next page begins behind it even when rows
//! changed meanwhile.

use crate::order::{OrderKey, SortKey};
use crate::wire::{Reader, put};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The mark of a row. Descending or not is not part of it: the same row stands at the same value.
pub(crate) fn write(by: &OrderKey, key: &SortKey) -> String {
    let mut bytes = vec![kind(by), u8::from(key.missing)];
    if let OrderKey::Attribute(name) | OrderKey::Score(name) = by {
        put(&mut bytes, name.len() as u64);
        bytes.extend_from_slice(name.as_bytes());
    }
    for part in &key.parts {
        put(&mut bytes, part.len() as u64);
        bytes.extend_from_slice(part);
    }
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.map(|digit| char::from(HEX[usize::from(digit)])).collect()
}

/// Reads a mark; nothing where it is none of this order.
pub(crate) fn read(by: &OrderKey, mark: &str) -> Option<SortKey> {
    let digit = |byte: u8| HEX.iter().position(|one| *one == byte);
    let pairs = mark.as_bytes().chunks(2).map(|pair| {
        let [high, low] = pair else { return None };
        u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()
    });
    let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    let mut reader = Reader::inside(&bytes);
    let part = |reader: &mut Reader<'_>| -> Option<Vec<u8>> {
        let length = reader.size().ok()?;
        Some(reader.take(length).ok()?.to_vec())
    };
    if reader.byte().ok()? != kind(by) {
        return None;
    }
    let missing = match reader.byte().ok()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    if let OrderKey::Attribute(name) | OrderKey::Score(name) = by
        && part(&mut reader)? != name.as_bytes()
    {
        return None;
    }
    let parts = [part(&mut reader)?, part(&mut reader)?, part(&mut reader)?];
    (reader.left() == 0).then_some(SortKey { missing, parts })
}

fn kind(by: &OrderKey) -> u8 {
    match by {
        OrderKey::Id => 1,
        OrderKey::Name => 2,
        OrderKey::Changed => 3,
        OrderKey::Observations => 4,
        OrderKey::LastObservation => 5,
        OrderKey::Attribute(_) => 6,
        OrderKey::Score(_) => 7,
    }
}
