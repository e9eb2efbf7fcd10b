//! Digests that a request announces for its own body.

use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kartei_protocol::problem::ProblemCode;
use sha2::{Digest as _, Sha256};

use crate::problem::Failure;

/// A digest of a body, counted while it comes.
#[derive(Debug)]
pub(crate) enum Announced {
    /// CRC-32C (RFC 3720): finds what a line breaks.
    Crc32c { expected: u32, found: Box<crc_fast::Digest> },
    /// SHA-256.
    Sha256 { expected: [u8; 32], found: Box<Sha256> },
    /// SHA-1, which tus names as the one that servers have.
    Sha1 { expected: [u8; 20], found: Box<sha1::Sha1> },
}

impl Announced {
    /// By the name that RFC 9530 and tus have for it, with its value in base64.
    fn named(name: &str, value: &str) -> Option<Self> {
        let bytes = STANDARD.decode(value).ok()?;
        match name {
            "crc32c" => Some(Self::Crc32c {
                expected: u32::from_be_bytes(bytes.try_into().ok()?),
                found: Box::new(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi)),
            }),
            "sha-256" | "sha256" => {
                Some(Self::Sha256 { expected: bytes.try_into().ok()?, found: Box::default() })
            }
            "sha1" => Some(Self::Sha1 { expected: bytes.try_into().ok()?, found: Box::default() }),
            _ => None,
        }
    }

    /// Of a `Content-Digest` (RFC 9530): the first that is known here.
    ///
    /// # Errors
    /// 400 where there is such a header and nothing in it that can be checked: a client that wants a
    /// check must not believe in one.
    pub(crate) fn of_content(headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let Some(value) = headers.get("content-digest") else { return Ok(None) };
        let unreadable =
            || Failure::invalid("`Content-Digest` has `crc32c=:BASE64:` or `sha-256=:BASE64:`");
        let text = value.to_str().map_err(|_| unreadable())?;
        let found = text.split(',').find_map(|member| {
            let (name, value) = member.trim().split_once('=')?;
            let value = value.strip_prefix(':')?.strip_suffix(':')?;
            Self::named(&name.to_ascii_lowercase(), value)
        });
        found.map(Some).ok_or_else(unreadable)
    }

    /// Of an `Upload-Checksum` of tus: a name, a blank, base64.
    ///
    /// # Errors
    /// 400 where it cannot be read or names an algorithm that is not known here.
    pub(crate) fn of_tus(headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let Some(value) = headers.get("upload-checksum") else { return Ok(None) };
        let text = value.to_str().unwrap_or_default();
        let found = text.split_once(' ').and_then(|(name, value)| Self::named(name, value.trim()));
        found.map(Some).ok_or_else(|| {
            Failure::invalid("`Upload-Checksum` has sha1, sha256 or crc32c, a blank and base64")
        })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32c { found, .. } => found.update(bytes),
            Self::Sha256 { found, .. } => found.update(bytes),
            Self::Sha1 { found, .. } => sha1::Digest::update(&mut **found, bytes),
        }
    }

    /// Whether the body was what was announced.
    pub(super) fn holds(self) -> bool {
        match self {
            Self::Crc32c { expected, found } => found.finalize() == u64::from(expected),
            Self::Sha256 { expected, found } => found.finalize()[..] == expected,
            Self::Sha1 { expected, found } => sha1::Digest::finalize(*found)[..] == expected,
        }
    }

    /// The answer where it was not.
    pub(super) fn mismatch() -> Failure {
        let detail =
            "the body is not what its digest says; nothing of this request counts, send it again";
        Failure::new(StatusCode::BAD_REQUEST, ProblemCode::DigestMismatch, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: &'static str, value: &'static str) -> Result<Option<Announced>, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(header, axum::http::HeaderValue::from_static(value));
        match header {
            "content-digest" => Announced::of_content(&headers),
            _ => Announced::of_tus(&headers),
        }
    }

    /// The check values of the algorithms' own definitions for "123456789".
    #[test]
    fn each_digest_is_the_standard_one() {
        let all = [
            ("content-digest", "crc32c=:4waSgw==:"),
            (
                "content-digest",
                "md5=:AAAA:, sha-256=:FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=:",
            ),
            ("upload-checksum", "sha1 98O8HYCOBHMq32eZZczDTKeuNEE="),
            ("upload-checksum", "sha256 FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        ];
        for (header, value) in all {
            for (body, is_it) in [(b"123456789", true), (b"123456780", false)] {
                let mut announced = of(header, value).unwrap().unwrap();
                announced.update(&body[..4]);
                announced.update(&body[4..]);
                assert_eq!(announced.holds(), is_it, "{value}");
            }
        }
    }

    #[test]
    fn what_cannot_be_checked_is_refused() {
        for (header, value) in [
            ("content-digest", "md5=:AAAA:"),
            ("content-digest", "crc32c=4waSgw=="),
            ("content-digest", "crc32c=:4waSgw:"),
            ("upload-checksum", "md5 AAAA"),
            ("upload-checksum", "sha1"),
        ] {
            assert!(of(header, value).is_err(), "{value}");
        }
    }
}
