//! The keyed hash by which an erased id is known again when somebody names it.
//!
//! What is left of an erased profile is HMAC-SHA256 (RFC 2104 over FIPS 180-4) of its id under a random
//! key of the organisation. Ids are often guessable, so a plain hash would tell whose profile it was to
//! anybody who tries; without the key, which only the relay and its replicas have, this one does not.

use std::fmt::{self, Write};

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Bytes of a key.
pub const ERASURE_KEY_BYTES: usize = 32;

/// Block of SHA-256.
const BLOCK_BYTES: usize = 64;

/// An erased id under its organisation's key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErasedId(pub [u8; 32]);

impl fmt::Display for ErasedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ErasedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErasedId(")?;
        fmt::Display::fmt(self, f)?;
        f.write_char(')')
    }
}

/// The key of an organisation, ready to hash: both halves of HMAC have taken it in.
#[derive(Clone)]
pub struct ErasureKey {
    bytes: [u8; ERASURE_KEY_BYTES],
    inner: Sha256,
    outer: Sha256,
}

impl fmt::Debug for ErasureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key must never reach a log.
        f.write_str("ErasureKey")
    }
}

impl PartialEq for ErasureKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for ErasureKey {}

impl ErasureKey {
    /// A key of random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; ERASURE_KEY_BYTES]) -> Self {
        let (inner, outer) = halves(&bytes);
        Self { bytes, inner, outer }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; ERASURE_KEY_BYTES] {
        &self.bytes
    }

    /// What is left of this id once its profile is erased.
    #[must_use]
    pub fn hash(&self, id: &str) -> ErasedId {
        ErasedId(finish(&self.inner, &self.outer, id.as_bytes()))
    }
}

/// The ids that a line of a file may be about, whatever else it is: the member `id` of a JSON object;
/// where the line is none, or has that member twice, every text that stands behind `"id":` in it.
#[must_use]
pub fn ids_named(line: &[u8]) -> Vec<String> {
    if let Ok(record) = serde_json::from_slice::<Named>(line) {
        return record.id.into_iter().collect();
    }
    let mut ids = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.windows(MEMBER.len()).position(|part| part == MEMBER) {
        rest = rest[at + MEMBER.len()..].trim_ascii_start();
        let Some(value) = rest.strip_prefix(b":") else { continue };
        rest = value.trim_ascii_start();
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<String>();
        if let Some(Ok(id)) = values.next() {
            ids.push(id);
        }
    }
    ids
}

/// Whether a JSON value is, or has anywhere in it, a text for which this holds. Names of members are none.
pub fn has_text(value: &Value, is_it: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is_it(text),
        Value::Array(values) => values.iter().any(|value| has_text(value, is_it)),
        Value::Object(members) => members.values().any(|value| has_text(value, is_it)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

const MEMBER: &[u8] = b"\"id\"";

#[derive(serde::Deserialize)]
struct Named {
    id: Option<String>,
}

/// The two hashes of HMAC after the key: RFC 2104, section 2, for keys of at most a block.
fn halves(key: &[u8]) -> (Sha256, Sha256) {
    let padded = |pad: u8| {
        let mut block = [pad; BLOCK_BYTES];
        for (byte, of_key) in block.iter_mut().zip(key) {
            *byte ^= of_key;
        }
        Sha256::new().chain_update(block)
    };
    (padded(0x36), padded(0x5c))
}

fn finish(inner: &Sha256, outer: &Sha256, message: &[u8]) -> [u8; 32] {
    let within = inner.clone().chain_update(message).finalize();
    outer.clone().chain_update(within).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, sections 4.2 and 4.3.
    #[test]
    fn it_is_hmac_sha256() {
        let hmac = |key: &[u8], message: &[u8]| {
            let (inner, outer) = halves(key);
            ErasedId(finish(&inner, &outer, message)).to_string()
        };
        assert_eq!(
            hmac(&[0x0b; 20], b"Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            hmac(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn ids_are_found_in_lines_of_all_sorts() {
        let cases: [(&[u8], &[&str]); 8] = [
            (br#"{"n":{"id":"no"},"id":"yes","x":[1]}"#, &["yes"]),
            (br#"{"\u0069d":"y\u0065s"}"#, &["yes"]),
            (br#"{"id":"a","id":"b"}"#, &["a", "b"]),
            (br#"{"id" : "a", "n": 01}"#, &["a"]),
            (br#"{"id":7}"#, &[]),
            (b"{\"id\":\"a\",\"t\":\"\xff\"", &["a"]),
            (br#"{"id":"cut"#, &[]),
            (b"", &[]),
        ];
        for (line, ids) in cases {
            assert_eq!(ids_named(line), ids, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn another_key_is_another_hash() {
        let (one, other) = (ErasureKey::from_bytes([1; 32]), ErasureKey::from_bytes([2; 32]));
        assert_eq!(one.hash("p"), ErasureKey::from_bytes([1; 32]).hash("p"));
        assert_ne!(one.hash("p"), other.hash("p"));
        assert_ne!(one.hash("p"), one.hash("q"));
        assert!(!format!("{one:?}").contains('1'));
    }
}
