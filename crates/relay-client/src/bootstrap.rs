//! Segments: what a fresh replica begins with.

use std::io::Cursor;

use kartei_ndjson::{Batch, Block, Flow, Limits, ReadError, Source, read_blocks};
use kartei_protocol::bootstrap::{BootstrapManifest, BootstrapSegment, SEGMENT_INFLATED_BYTES_MAX};
use kartei_protocol::sync::ProfileLine;
use sha2::{Digest, Sha256};

use crate::{RelayClient, RelayError};

/// What a segment may be. It was made by the relay of real records: how far it can be packed says
/// nothing, and a line of it may be as long as all of it.
const LIMITS: Limits = Limits {
    line_bytes: usize::MAX,
    inflated_bytes: SEGMENT_INFLATED_BYTES_MAX,
    ratio: u64::MAX,
    ratio_from_bytes: SEGMENT_INFLATED_BYTES_MAX,
    lines: SEGMENT_INFLATED_BYTES_MAX,
};

/// A segment could not be had. The feed has everything that is in it.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The relay no longer has it: another chain took its place. Ask for the manifest again.
    #[error("the segment {0} is no longer at the relay")]
    Gone(String),
    /// It is not what the manifest says. Nothing of it was kept.
    #[error("the segment {digest} is damaged and was not taken: {reason}")]
    Damaged {
        /// Its SHA-256 by the manifest, hex.
        digest: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The request failed.
    #[error(transparent)]
    Relay(#[from] RelayError),
}

impl RelayClient {
    /// Which segments there are; `None` where the relay does not know such.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn bootstrap(&self) -> Result<Option<BootstrapManifest>, RelayError> {
        let response = match self.send(self.http.get(self.url("sync/v1/bootstrap")?)).await {
            Ok(response) => response,
            Err(RelayError::Refused { status: 404, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let body = response.bytes().await.map_err(|e| RelayError::from_http(&e))?;
        let manifest = serde_json::from_slice(&body);
        manifest.map(Some).map_err(|e| RelayError::Incompatible(format!("bootstrap: {e}")))
    }

    /// The bytes of a segment, as many as the manifest says; [`read_segment`] reads and checks them.
    ///
    /// # Errors
    /// [`SegmentError`].
    pub async fn segment(&self, segment: &BootstrapSegment) -> Result<Vec<u8>, SegmentError> {
        let url = self.url(&format!("sync/v1/bootstrap/segments/{}", segment.digest))?;
        let mut response = match self.send(self.http.get(url)).await {
            Ok(response) => response,
            Err(RelayError::Refused { status: 404, .. }) => {
                return Err(SegmentError::Gone(segment.digest.clone()));
            }
            Err(error) => return Err(error.into()),
        };
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|e| RelayError::from_http(&e))? {
            body.extend_from_slice(&piece);
            if body.len() as u64 > segment.bytes {
                return Err(damaged(segment, format!("it has more than {} bytes", segment.bytes)));
            }
        }
        Ok(body)
    }
}

fn damaged(segment: &BootstrapSegment, reason: String) -> SegmentError {
    SegmentError::Damaged { digest: segment.digest.clone(), reason }
}

/// Checks a segment's bytes against the manifest, reads its lines on all cores, some at a time by
/// `gather`, and hands what that makes of them to `each`, in order. What was handed over before an
/// error is not to be used.
///
/// # Errors
/// [`SegmentError::Damaged`], or what `each` says.
pub fn read_segment<T: Send, E: From<SegmentError>>(
    segment: &BootstrapSegment,
    bytes: Vec<u8>,
    gather: impl Fn(&mut dyn Iterator<Item = ProfileLine>) -> T + Sync,
    mut each: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let digest = Sha256::digest(&bytes);
    let is_it = segment.digest.len() == 2 * digest.len()
        && digest
            .iter()
            .zip(segment.digest.as_bytes().chunks_exact(2))
            .all(|(byte, hex)| format!("{byte:02x}").as_bytes() == hex);
    if !is_it {
        return Err(damaged(segment, "its bytes do not have the digest".to_owned()).into());
    }
    let unreadable = |error: &ReadError| {
        let reason = match error {
            ReadError::TooLarge(reached) => {
                format!("it inflates to more than {} bytes", reached.limit)
            }
            error => error.to_string(),
        };
        E::from(damaged(segment, reason))
    };
    let source = Source::new(Cursor::new(bytes)).map_err(|e| unreadable(&e))?;
    let read = |(): &mut (), block: &Block| {
        let mut wrong = None;
        let mut lines = block.lines().map_while(|(number, line)| {
            let read = serde_json::from_slice(line.unwrap_or_default());
            read.map_err(|e: serde_json::Error| wrong = Some((number, e.column()))).ok()
        });
        let gathered = gather(&mut lines);
        // One that stopped early would pass over what is wrong behind it.
        lines.for_each(drop);
        wrong.map_or(Ok(gathered), Err)
    };
    let mut lines = 0;
    let done = read_blocks(
        source,
        &LIMITS,
        || (),
        read,
        |batch: Batch<Result<T, (u64, usize)>>| {
            let gathered = batch.result.map_err(|(line, column)| {
                damaged(segment, format!("line {line}: column {column} is not understood"))
            })?;
            lines += batch.lines;
            each(gathered).map(|()| Flow::Continue)
        },
    );
    done.map_err(|error| error.map_or_else(|error| error, |error| unreadable(&error)))?;
    if lines != segment.lines {
        let reason = format!("it has {lines} lines where {} were announced", segment.lines);
        return Err(damaged(segment, reason).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use kartei_protocol::sync::Cursor;

    use super::*;

    fn packed(lines: usize) -> (BootstrapSegment, Vec<u8>) {
        let text: String = (0..lines).fold(String::new(), |mut text, n| {
            writeln!(text, r#"{{"id":"p{n}","rev":{n},"genesis":"00","record":{{"n":{n}}}}}"#)
                .unwrap();
            text
        });
        let bytes = zstd::encode_all(text.as_bytes(), 3).unwrap();
        let digest = Sha256::digest(&bytes).iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        let cursor = Cursor { epoch: "e".to_owned(), base: 0, rev: 9, begun: 9 };
        let size = bytes.len() as u64;
        (BootstrapSegment { digest, cursor, lines: lines as u64, bytes: size }, bytes)
    }

    fn ids(segment: &BootstrapSegment, bytes: &[u8]) -> Result<Vec<String>, String> {
        let mut ids = Vec::new();
        let gather = |lines: &mut dyn Iterator<Item = ProfileLine>| lines.collect::<Vec<_>>();
        let read = read_segment(segment, bytes.to_vec(), gather, |lines| {
            ids.extend(lines.into_iter().map(|line| line.id));
            Ok::<(), SegmentError>(())
        });
        read.map(|()| ids).map_err(|error| error.to_string())
    }

    #[test]
    fn a_segment_is_read_line_by_line() {
        let (segment, bytes) = packed(3);
        assert_eq!(ids(&segment, &bytes).unwrap(), ["p0", "p1", "p2"]);
    }

    #[test]
    fn a_damaged_segment_is_refused_by_name() {
        let (segment, bytes) = packed(3);
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            let refused = ids(&segment, &bytes).unwrap_err();
            assert!(refused.contains(&segment.digest), "{refused}");
        }
        let cut = ids(&segment, &bytes[..bytes.len() - 1]).unwrap_err();
        assert!(cut.contains("digest"), "{cut}");
    }

    #[test]
    fn what_has_the_digest_and_is_no_segment_is_refused_too() {
        let (mut segment, bytes) = packed(3);
        segment.lines = 4;
        let fewer = ids(&segment, &bytes).unwrap_err();
        assert!(fewer.contains("3 lines where 4"), "{fewer}");
        let (mut segment, _) = packed(1);
        let odd = zstd::encode_all(&b"{\"secret\":1}\n"[..], 3).unwrap();
        segment.digest = Sha256::digest(&odd).iter().map(|byte| format!("{byte:02x}")).collect();
        let refused = ids(&segment, &odd).unwrap_err();
        assert!(refused.contains("line 1") && !refused.contains("secret"), "{refused}");
    }
}
