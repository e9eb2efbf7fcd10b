//! NDJSON in gzip, both ways.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::RelayError;

/// Bytes of one inflated answer at most: twice what a relay puts into a page, and one record at the
/// line limit.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(crate) fn pack<T: Serialize>(items: &[T]) -> Result<Vec<u8>, RelayError> {
    let failed = |e: &dyn std::fmt::Display| RelayError::Incompatible(format!("pack: {e}"));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for item in items {
        serde_json::to_writer(&mut encoder, item).map_err(|e| failed(&e))?;
        encoder.write_all(b"\n").map_err(|e| failed(&e))?;
    }
    encoder.finish().map_err(|e| failed(&e))
}

pub(crate) fn unpack<T: DeserializeOwned>(body: &[u8]) -> Result<Vec<T>, RelayError> {
    let mut text = Vec::new();
    MultiGzDecoder::new(body)
        .take(ANSWER_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .map_err(|_| RelayError::CutOff)?;
    if text.len() as u64 > ANSWER_BYTES_MAX {
        return Err(RelayError::Incompatible(format!("an answer over {ANSWER_BYTES_MAX} bytes")));
    }
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| {
            serde_json::from_slice(line).map_err(|e| RelayError::Incompatible(e.to_string()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_answer_is_told_from_an_odd_one() {
        let packed = pack(&[1, 2, 3]).unwrap();
        assert_eq!(unpack::<i32>(&packed).unwrap(), vec![1, 2, 3]);
        let cut = unpack::<i32>(&packed[..packed.len() - 4]);
        assert!(matches!(cut, Err(RelayError::CutOff)), "{cut:?}");
        let odd = unpack::<bool>(&packed);
        assert!(matches!(odd, Err(RelayError::Incompatible(_))), "{odd:?}");
    }
}
