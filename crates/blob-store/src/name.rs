//! Names of blobs. They are checked here, once, so that no later path or URL can leave the store.

use std::fmt;
use std::str::FromStr;

/// Bytes of a name at most: half of what S3 allows, so that a prefix of the bucket fits before it.
pub const NAME_BYTES_MAX: usize = 512;

/// Bytes of one segment at most: file systems stop at 255.
pub const SEGMENT_BYTES_MAX: usize = 200;

/// Names that Windows keeps for devices, with any extension. They are refused everywhere, so that
/// a store can be moved.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul"];

/// The name of a blob, or the beginning of names: segments with `/` between them.
///
/// A segment has 1 to [`SEGMENT_BYTES_MAX`] of the characters `a-z 0-9 . _ = -`, does not begin or
/// end with a dot, and is no device name of Windows. The whole has at most [`NAME_BYTES_MAX`]
/// bytes. A name should not be the beginning of another one (`a` and `a/b`): a folder cannot keep
/// both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobName(String);

/// Why a text is no name of a blob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobNameError {
    /// Nothing is there.
    #[error("the name of a blob is empty; give at least one segment, such as `archives/1`")]
    Empty,
    /// It is too long.
    #[error("the name of a blob has {bytes} bytes; {NAME_BYTES_MAX} are the most")]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// A segment breaks a rule.
    #[error("segment {position} of the name of a blob {problem}")]
    Segment {
        /// Which segment, from 1.
        position: usize,
        /// Which rule it breaks, as the end of a sentence.
        problem: &'static str,
    },
}

impl BlobName {
    /// Checks a name.
    ///
    /// # Errors
    /// Where it breaks a rule. The error does not repeat the name, which may come from outside.
    pub fn new(name: impl Into<String>) -> Result<Self, BlobNameError> {
        let name = name.into();
        if name.is_empty() {
            return Err(BlobNameError::Empty);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(BlobNameError::TooLong { bytes: name.len() });
        }
        for (index, segment) in name.split('/').enumerate() {
            if let Some(problem) = problem_of(segment) {
                return Err(BlobNameError::Segment { position: index + 1, problem });
            }
        }
        Ok(Self(name))
    }

    /// This name with more segments after it.
    ///
    /// # Errors
    /// Where the whole breaks a rule.
    pub fn join(&self, more: &str) -> Result<Self, BlobNameError> {
        Self::new(format!("{}/{more}", self.0))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as a path of `object_store`; no character of a name would be escaped there.
    pub(crate) fn path(&self) -> object_store::path::Path {
        self.segments().collect()
    }

    /// Its segments, at least one.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BlobName {
    type Err = BlobNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

fn problem_of(segment: &str) -> Option<&'static str> {
    let is_allowed = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'.' | b'_' | b'=' | b'-')
    };
    if segment.is_empty() {
        return Some("is empty; one `/` stands between two segments and none at the ends");
    }
    if segment.len() > SEGMENT_BYTES_MAX {
        return Some("is longer than 200 bytes");
    }
    if !segment.bytes().all(is_allowed) {
        return Some("has a character other than a-z, 0-9 and . _ = -");
    }
    if segment.starts_with('.') || segment.ends_with('.') {
        return Some("begins or ends with a dot");
    }
    is_device(segment).then_some("is a device's name on Windows")
}

fn is_device(segment: &str) -> bool {
    let stem = segment.split('.').next().unwrap_or(segment);
    let numbered = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    DEVICES.contains(&stem) || numbered.is_some_and(|rest| matches!(rest.as_bytes(), [b'0'..=b'9']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_pass() {
        for name in ["a", "archives/2026/import-1.ndjson.zst", "sha256=ab/_-=.x", "com10/console"] {
            assert_eq!(BlobName::new(name).unwrap().as_str(), name);
        }
        assert!(BlobName::new("a/".repeat(255) + "ab").is_ok(), "512 bytes");
    }

    #[test]
    fn whatever_could_leave_the_store_is_refused() {
        let refused = [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/..",
            "../a",
            "a/../b",
            ".staging/x",
            "a.",
            "A",
            "ä",
            "a b",
            "a\\b",
            "a:b",
            "c:",
            "a%2e",
            "a\0b",
            "a\nb",
            "a#1",
            "a?b",
            "nul",
            "a/com1.txt",
        ];
        for name in refused {
            assert!(BlobName::new(name).is_err(), "{name:?} passed");
        }
        assert_eq!(
            BlobName::new("a/".repeat(256) + "a"),
            Err(BlobNameError::TooLong { bytes: 513 })
        );
        assert!(BlobName::new("a".repeat(SEGMENT_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn joined_names_are_checked_again() {
        let name = BlobName::new("a").unwrap();
        assert_eq!(name.join("b/c").unwrap().as_str(), "a/b/c");
        assert_eq!(
            name.join("..").unwrap_err().to_string(),
            "segment 2 of the name of a blob begins or ends with a dot"
        );
    }
}
