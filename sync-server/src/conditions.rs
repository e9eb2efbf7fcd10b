//! Preconditions and entity tags (RFC 9110 §8.8.3, §13).
//!
//! The tag of a profile is the hash of its record in quotes, and it is strong: equal tags are equal
//! bytes.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use kartei_profile::RecordHash;
use kartei_relay_store::{Precondition, Profile};
use serde_json::{Value, json};

use crate::problem::{ApiCode, Failure};

/// The revision of a profile's last change.
pub(crate) const REVISION: HeaderName = HeaderName::from_static("kartei-revision");

/// How many of a profile's fields are in conflict.
pub(crate) const CONFLICTS: HeaderName = HeaderName::from_static("kartei-conflicts");

pub(crate) fn tag(hash: RecordHash) -> String {
    format!("\"{hash}\"")
}

/// The tags of a header, without quotes; `None` where there is no such header.
pub(crate) fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Vec<String>>, Failure> {
    if !headers.contains_key(name) {
        return Ok(None);
    }
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| unreadable(name))?;
        let mut rest = text.trim_start_matches(BETWEEN);
        while !rest.is_empty() {
            let (tag, behind) = first_tag(rest).ok_or_else(|| unreadable(name))?;
            tags.push(tag);
            rest = behind.trim_start_matches(BETWEEN);
        }
    }
    Ok(Some(tags))
}

/// What stands between two tags: blanks and commas, also several.
const BETWEEN: [char; 3] = [' ', '\t', ','];

/// The tag at the beginning of a list, and what is behind it. A comma may be within a tag.
fn first_tag(list: &str) -> Option<(String, &str)> {
    let (tag, behind) = if let Some(behind) = list.strip_prefix('*') {
        ("*".to_owned(), behind)
    } else {
        // Weak tags are read where only equality of meaning is asked.
        let (mark, strong) = list.strip_prefix("W/").map_or(("", list), |strong| ("W/", strong));
        let (inner, behind) = strong.strip_prefix('"')?.split_once('"')?;
        (format!("{mark}{inner}"), behind)
    };
    (behind.is_empty() || behind.starts_with(BETWEEN)).then_some((tag, behind))
}

fn unreadable(name: &HeaderName) -> Failure {
    Failure::invalid(format!("`{name}` holds no entity tags in quotes, and no *"))
}

/// What a write is conditional on.
///
/// # Errors
/// 428 where it says nothing: a write that nobody looked before would overwrite what others did.
pub(crate) fn precondition(headers: &HeaderMap) -> Result<Precondition, Failure> {
    let is_match = tags(headers, &header::IF_MATCH)?;
    let none_match = tags(headers, &header::IF_NONE_MATCH)?;
    match (is_match.as_deref(), none_match.as_deref()) {
        (Some([any]), None) if any == "*" => Ok(Precondition::There),
        // A weak tag never matches here (RFC 9110 §13.1.1), and neither does what is no hash.
        (Some(tags), None) => {
            Ok(Precondition::Is(tags.iter().filter_map(|tag| RecordHash::from_hex(tag)).collect()))
        }
        (None, Some([any])) if any == "*" => Ok(Precondition::Absent),
        (None, None) => Err(Failure::new(
            StatusCode::PRECONDITION_REQUIRED,
            ApiCode::PreconditionRequired,
            "say what you saw: `If-Match: \"<hash>\"` to change a profile, `If-None-Match: *` to \
             create one",
        )),
        _ => Err(Failure::invalid(
            "a write takes `If-Match` with tags or *, or `If-None-Match: *`, and not both",
        )),
    }
}

/// Whether the client has this state already.
pub(crate) fn is_known(headers: &HeaderMap, hash: RecordHash) -> Result<bool, Failure> {
    let hash = hash.to_string();
    let known = tags(headers, &header::IF_NONE_MATCH)?.unwrap_or_default();
    Ok(known.iter().any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == hash))
}

/// The precondition does not hold: with what the profile is, so that nobody has to ask again.
pub(crate) fn failed(current: Option<&Profile>) -> Failure {
    let failure = Failure::new(
        StatusCode::PRECONDITION_FAILED,
        ApiCode::PreconditionFailed,
        match current {
            Some(_) => "the profile is not what you saw; `current` is what it is now",
            None => "there is no such profile",
        },
    );
    let Some(current) = current else { return failure.with("current", Value::Null) };
    let record: Value = serde_json::from_str(&current.record).unwrap_or_default();
    let state = json!({
        "revision": current.rev,
        "etag": tag(current.hash),
        "conflicts": current.conflicts,
        "record": record,
    });
    let failure = failure.with("current", state);
    match HeaderValue::from_str(&tag(current.hash)) {
        Ok(value) => failure.header(header::ETAG, value),
        Err(_) => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(given: &[(HeaderName, &'static str)]) -> HeaderMap {
        given.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn tags_are_read_as_the_standard_says() {
        const HEX: &str = "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"";
        const WEAK: &str = "W/\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"";
        let hash = RecordHash::from_bytes([0xaa; 32]);
        assert_eq!(tag(hash), HEX);
        let of = |given: &[(HeaderName, &'static str)]| precondition(&headers(given));
        assert_eq!(of(&[(header::IF_MATCH, HEX)]).unwrap(), Precondition::Is(vec![hash]));
        assert_eq!(of(&[(header::IF_MATCH, WEAK)]).unwrap(), Precondition::Is(Vec::new()));
        assert_eq!(of(&[(header::IF_MATCH, "*")]).unwrap(), Precondition::There);
        assert_eq!(of(&[(header::IF_NONE_MATCH, "*")]).unwrap(), Precondition::Absent);
        assert!(of(&[]).is_err());
        for broken in ["aa", "\"aa", "\"a\"\"b\"", "**", "\"a\" b", "w/\"a\""] {
            assert!(of(&[(header::IF_MATCH, broken)]).is_err(), "{broken}");
        }
        let read = |list| tags(&headers(&[(header::IF_MATCH, list)]), &header::IF_MATCH).unwrap();
        assert_eq!(read("\"s\"\t ,,  W/\"a,b\",\"\"").unwrap(), ["s", "W/a,b", ""]);
        assert!(of(&[(header::IF_MATCH, "*"), (header::IF_NONE_MATCH, "*")]).is_err());
        assert!(is_known(&headers(&[(header::IF_NONE_MATCH, WEAK)]), hash).unwrap());
        assert!(!is_known(&headers(&[(header::IF_NONE_MATCH, "\"b\"")]), hash).unwrap());
        assert!(!is_known(&headers(&[]), hash).unwrap());
    }
}
