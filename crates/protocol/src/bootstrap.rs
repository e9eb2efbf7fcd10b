//! The wire rows of a bootstrap: how a replica that has nothing gets much at once.
//!
//! `GET /sync/v1/bootstrap` answers a [`BootstrapManifest`]; `GET /sync/v1/bootstrap/segments/{digest}`
//! answers the bytes of one segment: zstd around NDJSON, one [`ProfileLine`](crate::sync::ProfileLine)
//! a line, each whole (record and all changes), in the order of revisions. A relay without these
//! routes answers 404, and the feed brings everything.

use serde::{Deserialize, Serialize};

use crate::sync::Cursor;

/// Lines of a segment at most: what a replica writes in one transaction, within a second.
pub const SEGMENT_LINES_MAX: u64 = 10_000;

/// Bytes of a segment's lines before compression, about: a page of lines may go beyond it. With three
/// segments on their way and one being written, a replica needs four times this.
pub const SEGMENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes that a replica inflates of one segment at most: the size that is aimed at, and one profile
/// of many megabytes at its end.
pub const SEGMENT_INFLATED_BYTES_MAX: u64 = 4 * SEGMENT_BYTES_MAX as u64;

/// The segments of an organisation, in order. Together they are the feed from its start, without gap,
/// up to the last one's cursor; what came since is in the feed above it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapManifest {
    /// Identity of the relay's history.
    pub epoch: String,
    /// Which chain of segments this is; a new one takes the place of one that is worn.
    pub generation: u64,
    /// The organisation's newest revision.
    pub head_rev: u64,
    /// None where the organisation is small.
    pub segments: Vec<BootstrapSegment>,
}

/// One segment. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapSegment {
    /// SHA-256 of its bytes, hex; also its name.
    pub digest: String,
    /// Where a replica goes on that has applied it and all before.
    pub cursor: Cursor,
    /// How many lines it has.
    pub lines: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

impl BootstrapManifest {
    /// The segments that a replica still needs that stands at `cursor` in the feed.
    #[must_use]
    pub fn above(&self, cursor: Option<&Cursor>) -> &[BootstrapSegment] {
        let rev = cursor.filter(|cursor| cursor.epoch == self.epoch).map_or(0, |cursor| cursor.rev);
        let done = self.segments.partition_point(|segment| segment.cursor.rev <= rev);
        &self.segments[done..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_goes_on_behind_what_it_has() {
        let cursor =
            |epoch: &str, rev| Cursor { epoch: epoch.to_owned(), base: 0, rev, begun: rev };
        let segment = |rev| BootstrapSegment {
            digest: String::new(),
            cursor: cursor("e", rev),
            lines: 1,
            bytes: 1,
        };
        let manifest = BootstrapManifest {
            epoch: "e".to_owned(),
            generation: 1,
            head_rev: 30,
            segments: [10, 20].map(segment).to_vec(),
        };
        let left = |cursor: Option<Cursor>| manifest.above(cursor.as_ref()).len();
        assert_eq!(left(None), 2);
        assert_eq!(left(Some(cursor("e", 9))), 2, "in the middle of the first one");
        assert_eq!(left(Some(cursor("e", 10))), 1);
        assert_eq!(left(Some(cursor("e", 25))), 0);
        assert_eq!(left(Some(cursor("f", 25))), 2, "a cursor of another history says nothing");
    }
}
