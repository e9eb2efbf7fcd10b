//! What clients write into requests, checked once.

use kartei_protocol::uploads::NAME_CHARS_MAX;

use crate::problem::Failure;

/// Characters of a media type at most (RFC 6838: 127 on each side of the slash).
const TYPE_CHARS_MAX: usize = 255;

/// A name of a file: data that is shown and sent back, and never a path here. What could end a line
/// of a header, or a terminal's, is refused.
///
/// # Errors
/// 400.
pub(crate) fn checked_name(name: &str) -> Result<(), Failure> {
    let count = name.chars().count();
    if count == 0 || count > NAME_CHARS_MAX {
        return Err(Failure::invalid(format!(
            "a file's name has 1 to {NAME_CHARS_MAX} characters"
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(Failure::invalid("a file's name has no control characters"));
    }
    Ok(())
}

/// A media type, `type/subtype` with parameters or without.
///
/// # Errors
/// 400.
pub(crate) fn checked_type(kind: &str) -> Result<(), Failure> {
    let is_token = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    let (essence, parameters) = kind.split_once(';').unwrap_or((kind, ""));
    let is_type =
        essence.trim().split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub));
    let is_plain = parameters.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if is_type && is_plain && kind.len() <= TYPE_CHARS_MAX {
        return Ok(());
    }
    Err(Failure::invalid("a content type is like `text/csv`"))
}

/// 32 bytes in 64 hex digits.
pub(crate) fn bytes32(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// The same in a request.
///
/// # Errors
/// 400, naming the member.
pub(crate) fn hex32(member: &str, text: &str) -> Result<[u8; 32], Failure> {
    bytes32(text).ok_or_else(|| Failure::invalid(format!("`{member}` has 64 hex digits")))
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_data_and_only_lines_are_refused() {
        for name in
            ["a", "../../etc/passwd", "%2e%2e%2f", "C:\\x", "naïve ☃.csv", "\u{202e}gpj.exe"]
        {
            assert!(checked_name(name).is_ok(), "{name:?}");
        }
        for name in ["", "a\r\nset-cookie: x", "a\0", "\u{85}", &"a".repeat(256)] {
            assert!(checked_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn types_are_types() {
        for kind in ["text/csv", "application/x-ndjson; charset=utf-8"] {
            assert!(checked_type(kind).is_ok(), "{kind}");
        }
        for kind in ["", "text", "text/", "te xt/csv", "text/csv\r\nx: y", "text/c sv"] {
            assert!(checked_type(kind).is_err(), "{kind}");
        }
    }

    #[test]
    fn hex_goes_there_and_back() {
        let bytes = hex32("digest", &"0aF1".repeat(16)).unwrap();
        assert_eq!(hex(&bytes), "0af1".repeat(16));
        let digits = "0aff".repeat(16);
        assert_eq!(bytes32(&digits).map(|bytes| (bytes[0], bytes[1])), Some((0x0a, 0xff)));
        let signed = format!("+{}", &digits[1..]);
        for text in ["", "zz", "0a", &digits[1..], &signed, &"+a".repeat(32), &"é".repeat(32)] {
            assert_eq!(bytes32(text), None, "{text}");
            assert!(hex32("digest", text).is_err(), "{text}");
        }
    }
}
