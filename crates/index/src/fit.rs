//! Patterns on the bytes of texts: UTF-8 is found in UTF-8 where its characters are found.

use kartei_filter::Pattern;

/// A pattern that compares bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fit<'a>(&'a Pattern);

impl<'a> Fit<'a> {
    pub(crate) fn of(pattern: &'a Pattern) -> Self {
        Self(pattern)
    }

    /// The text it stands for, where it stands for one.
    pub(crate) fn exact(&self) -> Option<&'a [u8]> {
        match self.0 {
            Pattern::Exact(text) => Some(text.as_bytes()),
            Pattern::Wild(_) => None,
        }
    }

    /// Whether a text that begins with `common` may fit.
    pub(crate) fn may_begin(&self, common: &[u8]) -> bool {
        let begin = match self.0 {
            Pattern::Exact(text) => text.as_bytes(),
            Pattern::Wild(pieces) => pieces.first().map_or(&[][..], |piece| piece.as_bytes()),
        };
        begin.iter().zip(common).all(|(wanted, common)| wanted == common)
    }

    /// Whether a text fits; the same as [`Pattern::fits`].
    #[inline]
    pub(crate) fn fits(&self, text: &[u8]) -> bool {
        let pieces = match self.0 {
            Pattern::Exact(wanted) => return wanted.as_bytes() == text,
            Pattern::Wild(pieces) => pieces,
        };
        let [first, middle @ .., last] = pieces.as_slice() else { return false };
        let Some(mut rest) = text.strip_prefix(first.as_bytes()) else { return false };
        for piece in middle {
            let piece = piece.as_bytes();
            if piece.is_empty() {
                continue;
            }
            let Some(at) = memchr::memmem::find(rest, piece) else { return false };
            rest = &rest[at + piece.len()..];
        }
        rest.ends_with(last.as_bytes())
    }
}
