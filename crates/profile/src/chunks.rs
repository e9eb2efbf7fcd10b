//! What an Automerge file is made of, as far as it must be known before it is read.
//!
//! Automerge 0.12 knows a kind of chunk that this program never writes, the bundle, and reading a
//! damaged one panics. What comes from outside is looked at first: magic bytes, checksum, kind,
//! length as LEB128, body, chunk after chunk (<https://automerge.org/automerge-binary-format-spec/>).

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];

/// Magic bytes and checksum come before the kind.
const KIND_AT: usize = 8;

/// Document, change, compressed change.
const KINDS: std::ops::RangeInclusive<u8> = 0..=2;

/// Whether these bytes are chunks of known kinds, one after the other.
pub(crate) fn are_known(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Some(rest) = after_chunk(bytes) else { return false };
        bytes = rest;
    }
    true
}

fn after_chunk(bytes: &[u8]) -> Option<&[u8]> {
    let kind = *bytes.strip_prefix(&MAGIC)?.get(KIND_AT - MAGIC.len())?;
    if !KINDS.contains(&kind) {
        return None;
    }
    let mut rest = bytes.get(KIND_AT + 1..)?;
    let (mut length, mut shift) = (0_u64, 0);
    loop {
        let (byte, others) = rest.split_first()?;
        rest = others;
        length |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    rest.get(usize::try_from(length).ok()?..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::record::Record;
    use crate::schema::RecordSchema;

    #[test]
    fn only_what_this_program_writes_is_read() {
        let schema = RecordSchema::user_profile_v1();
        let line = br#"{"schema":"user_profile.v1","id":"p"}"#;
        let record = Record::parse(&schema, line).unwrap().record;
        let saved = Document::genesis(&schema, &record).unwrap().save();
        assert!(are_known(&saved));
        let twice = [saved.clone(), saved.clone()].concat();
        assert!(are_known(&twice));
        assert!(!are_known(&saved[..saved.len() - 1]));
        for kind in [3, 4, 255] {
            let mut other = twice.clone();
            other[saved.len() + KIND_AT] = kind;
            assert!(!are_known(&other), "a chunk of kind {kind}");
        }
        assert!(!are_known(b"\x85\x6f\x4a\x83"));
        assert!(!are_known(&[&MAGIC[..], &[0, 0, 0, 0, 1], &[0xff; 20]].concat()));
        // Found by fuzzing: a bundle behind a change made Automerge panic.
        assert!(
            Document::load(include_bytes!("../../../tests/fuzz/corpus/document/bundle")).is_err()
        );
    }
}
