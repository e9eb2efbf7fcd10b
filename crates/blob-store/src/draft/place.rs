//! Where a draft is, as text for a database.

use crate::sealed::UNIT_BYTES;

/// The kinds of drafts, as they are written before the first colon.
const FOLDER: &str = "folder";
const MEMORY: &str = "memory";
const S3: &str = "s3";
const S3_PLAIN: &str = "s3-plain";

const MIB: u64 = 1024 * 1024;

/// Bytes of a piece on S3 at least: a part of 5 MiB or more is the protocol's rule, and 8 MiB is
/// what one request is worth.
const S3_PIECE_BYTES_MIN: u64 = 8 * MIB;

/// Bytes of a piece on S3 where the size is not known: good for 156 GiB.
const S3_PIECE_BYTES_UNKNOWN: u64 = 16 * MIB;

/// Bytes of a piece on S3 at most, since a writer holds two of them: good for 1.1 TiB.
const S3_PIECE_BYTES_MAX: u64 = 128 * MIB;

/// Parts that sizes are planned for: a tenth below the protocol's ten thousand.
const S3_PIECES_PLANNED: u64 = 9_000;

/// Which store keeps a draft, and under which id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub kind: Kind,
    pub piece_bytes: u64,
    /// A file's, an entry's or a multipart upload's.
    pub id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Folder,
    Memory,
    /// `is_plain`: others bring the parts, as they are.
    S3 {
        is_plain: bool,
    },
}

impl Place {
    pub(crate) fn text(&self) -> String {
        let kind = match self.kind {
            Kind::Folder => FOLDER,
            Kind::Memory => MEMORY,
            Kind::S3 { is_plain: false } => S3,
            Kind::S3 { is_plain: true } => S3_PLAIN,
        };
        format!("{kind}:{}:{}", self.piece_bytes, self.id)
    }

    /// Whether its bytes lie there as they came.
    pub(crate) fn is_plain(&self) -> bool {
        self.kind == Kind::S3 { is_plain: true }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut fields = text.splitn(3, ':');
        let kind = match fields.next()? {
            FOLDER => Kind::Folder,
            MEMORY => Kind::Memory,
            S3 => Kind::S3 { is_plain: false },
            S3_PLAIN => Kind::S3 { is_plain: true },
            _ => return None,
        };
        let piece_bytes: u64 = fields.next()?.parse().ok()?;
        let id = fields.next()?.to_owned();
        let is_hex = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_good = match kind {
            Kind::S3 { .. } => {
                let range = S3_PIECE_BYTES_MIN..=S3_PIECE_BYTES_MAX;
                range.contains(&piece_bytes) && piece_bytes.is_power_of_two() && !id.is_empty()
            }
            // The id of a file becomes part of its name.
            _ => piece_bytes == UNIT_BYTES && is_hex,
        };
        is_good.then_some(Self { kind, piece_bytes, id })
    }
}

/// Bytes of a piece on S3 for a file of this size; none where it is too large.
pub(crate) fn s3_piece_bytes(size: Option<u64>) -> Option<u64> {
    let Some(size) = size else { return Some(S3_PIECE_BYTES_UNKNOWN) };
    let piece = size.div_ceil(S3_PIECES_PLANNED).checked_next_power_of_two()?;
    (piece <= S3_PIECE_BYTES_MAX).then_some(piece.max(S3_PIECE_BYTES_MIN))
}

/// Bytes of the largest file that S3 takes here.
pub(crate) const S3_BYTES_MAX: u64 = S3_PIECE_BYTES_MAX * S3_PIECES_PLANNED;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_from_their_text() {
        for text in [
            "folder:1048576:0123456789abcdef",
            "memory:1048576:0123456789abcdef",
            "s3:8388608:an:id/with=signs",
            "s3-plain:16777216:id",
        ] {
            assert_eq!(Place::parse(text).unwrap().text(), text);
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in [
            "",
            "folder",
            "folder:1048576",
            "folder:1048577:0123456789abcdef",
            "folder:1048576:../../../../etc/x",
            "folder:1048576:0123456789abcdeg",
            "s3:8388607:id",
            "s3:8388608:",
            "s3:9223372036854775808:id",
            "disk:1048576:0123456789abcdef",
        ] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }

    #[test]
    fn pieces_on_s3_are_as_few_as_parts_may_be() {
        assert_eq!(s3_piece_bytes(None), Some(16 * MIB));
        assert_eq!(s3_piece_bytes(Some(0)), Some(8 * MIB));
        assert_eq!(s3_piece_bytes(Some(9_000 * 8 * MIB)), Some(8 * MIB));
        assert_eq!(s3_piece_bytes(Some(9_000 * 8 * MIB + 1)), Some(16 * MIB));
        assert_eq!(s3_piece_bytes(Some(S3_BYTES_MAX)), Some(128 * MIB));
        assert_eq!(s3_piece_bytes(Some(S3_BYTES_MAX + 1)), None);
        assert_eq!(s3_piece_bytes(Some(u64::MAX)), None);
    }
}
