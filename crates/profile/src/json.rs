//! A strict JSON reader for records: I-JSON (RFC 7493), with the place of every fault.
//!
//! General readers keep the last of two members with one name, round integers silently and read
//! on after a lone surrogate. A record that can be read in two ways must be refused instead, with
//! the member's JSON pointer, so this is our own: one pass, no recursion deeper than
//! [`DEPTH_MAX`], and values in `serde_json`'s types for everyone after it.

use std::fmt;

use serde_json::{Map, Number, Value};

use crate::pointer::escape;

/// Containers inside containers at most. A record needs 3; the rest is headroom for schemas to
/// come, and small enough for any thread's stack.
pub const DEPTH_MAX: usize = 32;

/// Largest integer that binary64 holds with all its neighbours.
const SAFE_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// U+FEFF in UTF-8. The start of a file may have one; joined files have it in later lines too, where
/// nobody sees it.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No JSON: what was expected.
    Syntax(&'static str),
    /// The bytes are no UTF-8.
    Utf8,
    /// An object has one name twice.
    DuplicateMember,
    /// `\ud800` to `\udfff` without its other half.
    LoneSurrogate,
    /// U+0000, which databases and C programs cut text at.
    Nul,
    /// A number beyond binary64.
    NumberRange,
    /// An integer that binary64 does not hold exactly.
    NumberPrecision,
    /// Deeper than [`DEPTH_MAX`].
    Depth,
    /// Something follows the value.
    Trailing,
}

/// A fault with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub fault: Fault,
    /// Byte position within the line, from 0.
    pub offset: usize,
    /// JSON pointer of the member being read.
    pub pointer: String,
    /// The number that cannot be kept, where it is one.
    pub found: Option<String>,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.offset + 1;
        match self.fault {
            Fault::Syntax(expected) => write!(f, "no valid JSON at byte {at}: expected {expected}"),
            Fault::Utf8 => write!(f, "no valid UTF-8 at byte {at}; save the file as UTF-8"),
            Fault::DuplicateMember => write!(f, "this name stands twice in one object; keep one"),
            Fault::LoneSurrogate => {
                write!(f, "half of a surrogate pair at byte {at}; write the whole character")
            }
            Fault::Nul => write!(f, "the character U+0000 is not allowed; remove it"),
            Fault::NumberRange => write!(f, "this number is too large or too small for binary64"),
            Fault::NumberPrecision => write!(
                f,
                "this integer would be rounded (beyond ±2^53 not every integer exists in \
                 binary64); send it as a string"
            ),
            Fault::Depth => write!(f, "nested deeper than {DEPTH_MAX} levels"),
            Fault::Trailing => {
                write!(f, "something follows the record at byte {at}; one record a line")
            }
        }
    }
}

impl std::error::Error for ParseError {}

/// Reads one JSON value that fills `line` but for white space.
///
/// Integers up to ±2^53 become integers also where they are written `1.0` or `1e0`, so that equal
/// numbers are equal values; `-0` becomes `0`.
///
/// # Errors
/// The first [`Fault`] with its place.
pub fn parse(line: &[u8]) -> Result<Value, ParseError> {
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(e) => {
            let offset = e.valid_up_to();
            return Err(ParseError {
                fault: Fault::Utf8,
                offset,
                pointer: String::new(),
                found: None,
            });
        }
    };
    let mut reader = Reader { text, bytes: line, at: 0, path: Vec::new() };
    if line.starts_with(BOM) {
        return Err(reader.fault(Fault::Syntax(
            "a record; remove the byte order mark before it, which may stand at the start of the \
             file only",
        )));
    }
    reader.skip_space();
    let value = reader.value()?;
    reader.skip_space();
    if reader.at < line.len() {
        return Err(reader.fault(Fault::Trailing));
    }
    Ok(value)
}

/// The number `x` as records hold it: an integer where it is one within ±2^53.
///
/// Answers `None` for what is not finite.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the value is integral and within ±2^53")]
pub fn number(x: f64) -> Option<Number> {
    if x.fract() == 0.0 && x.abs() <= SAFE_INTEGER_MAX {
        return Some(Number::from(x as i64));
    }
    Number::from_f64(x)
}

/// Where in the text a member's name stands, or which item it is. Names are read again only for
/// the pointer of a fault: keeping them would cost an allocation for each member of each record.
enum Step {
    Member(usize),
    Item(usize),
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    path: Vec<Step>,
}

impl Reader<'_> {
    fn fault(&self, fault: Fault) -> ParseError {
        let mut pointer = String::new();
        for step in &self.path {
            pointer.push('/');
            match step {
                Step::Member(at) => pointer.push_str(&escape(&self.name_at(*at))),
                Step::Item(i) => pointer.push_str(&i.to_string()),
            }
        }
        ParseError { fault, offset: self.at, pointer, found: None }
    }

    fn name_at(&self, at: usize) -> String {
        let mut again = Reader { text: self.text, bytes: self.bytes, at, path: Vec::new() };
        // It was read without a fault before.
        again.string().unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<Value, ParseError> {
        match self.bytes.get(self.at) {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.fault(Fault::Syntax("a value"))),
        }
    }

    fn word(&mut self, word: &'static str, value: Value) -> Result<Value, ParseError> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.fault(Fault::Syntax("a value")))
    }

    fn enter(&mut self, step: Step) -> Result<(), ParseError> {
        self.path.push(step);
        if self.path.len() > DEPTH_MAX {
            let error = self.fault(Fault::Depth);
            return Err(error);
        }
        Ok(())
    }

    fn object(&mut self) -> Result<Value, ParseError> {
        self.at += 1;
        let mut members = Map::new();
        self.skip_space();
        if self.bytes.get(self.at) == Some(&b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_space();
            if self.bytes.get(self.at) != Some(&b'"') {
                return Err(self.fault(Fault::Syntax("a member name in quotes")));
            }
            let name_at = self.at;
            let name = self.string()?;
            self.enter(Step::Member(name_at))?;
            self.skip_space();
            if self.bytes.get(self.at) != Some(&b':') {
                return Err(self.fault(Fault::Syntax("`:`")));
            }
            self.at += 1;
            self.skip_space();
            let value = self.value()?;
            if members.insert(name, value).is_some() {
                return Err(self.fault(Fault::DuplicateMember));
            }
            self.path.pop();
            self.skip_space();
            match self.bytes.get(self.at) {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(members));
                }
                _ => return Err(self.fault(Fault::Syntax("`,` or `}`"))),
            }
        }
    }

    fn array(&mut self) -> Result<Value, ParseError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.bytes.get(self.at) == Some(&b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            self.enter(Step::Item(items.len()))?;
            self.skip_space();
            items.push(self.value()?);
            self.path.pop();
            self.skip_space();
            match self.bytes.get(self.at) {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return Err(self.fault(Fault::Syntax("`,` or `]`"))),
            }
        }
    }

    fn string(&mut self) -> Result<String, ParseError> {
        self.at += 1;
        let mut owned = String::new();
        loop {
            let rest = &self.bytes[self.at..];
            let Some(plain) = rest.iter().position(|b| matches!(*b, b'"' | b'\\' | 0..0x20)) else {
                self.at = self.bytes.len();
                return Err(self.fault(Fault::Syntax("a closing quote")));
            };
            let run = &self.text[self.at..self.at + plain];
            self.at += plain;
            match self.bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    if owned.is_empty() {
                        return Ok(run.to_owned());
                    }
                    owned.push_str(run);
                    return Ok(owned);
                }
                b'\\' => {
                    owned.push_str(run);
                    self.at += 1;
                    owned.push(self.escape()?);
                }
                0 => return Err(self.fault(Fault::Nul)),
                _ => {
                    return Err(self.fault(Fault::Syntax("control characters written as \\u00xx")));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, ParseError> {
        let plain = match self.bytes.get(self.at) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.fault(Fault::Syntax("an escape such as \\n or \\u00e9"))),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char, ParseError> {
        let start = self.at - 1;
        let first = self.hex4()?;
        let code = match first {
            0xD800..=0xDBFF => {
                let low = self.bytes[self.at..].starts_with(b"\\u").then(|| {
                    self.at += 1;
                    self.hex4()
                });
                match low {
                    Some(Ok(low @ 0xDC00..=0xDFFF)) => {
                        0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00)
                    }
                    Some(Err(error)) => return Err(error),
                    _ => {
                        self.at = start;
                        return Err(self.fault(Fault::LoneSurrogate));
                    }
                }
            }
            other => other,
        };
        if code == 0 {
            return Err(self.fault(Fault::Nul));
        }
        char::from_u32(code).ok_or_else(|| {
            self.at = start;
            self.fault(Fault::LoneSurrogate)
        })
    }

    /// Reads `uXXXX`, the position on the `u`.
    fn hex4(&mut self) -> Result<u32, ParseError> {
        let digits = self.bytes.get(self.at + 1..self.at + 5);
        let code = digits.filter(|d| d.iter().all(u8::is_ascii_hexdigit)).and_then(|d| {
            std::str::from_utf8(d).ok().and_then(|text| u32::from_str_radix(text, 16).ok())
        });
        let Some(code) = code else {
            return Err(self.fault(Fault::Syntax("four hexadecimal digits")));
        };
        self.at += 5;
        Ok(code)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    /// A fault of the number that began at `start` and has just been read.
    fn refused(&self, fault: Fault, start: usize) -> ParseError {
        let found = Some(self.text[start..self.at].to_owned());
        ParseError { offset: start, found, ..self.fault(fault) }
    }

    fn number(&mut self) -> Result<Number, ParseError> {
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        let leading_zero = self.bytes.get(self.at) == Some(&b'0');
        let integer_digits = self.digits();
        if integer_digits == 0 || (leading_zero && integer_digits > 1) {
            return Err(self.fault(Fault::Syntax("a number without leading zeros")));
        }
        let mut is_integer = true;
        if self.bytes.get(self.at) == Some(&b'.') {
            is_integer = false;
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.fault(Fault::Syntax("digits after the point")));
            }
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            is_integer = false;
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.fault(Fault::Syntax("digits of the exponent")));
            }
        }
        let text = &self.text[start..self.at];
        if is_integer && integer_digits <= 15 {
            // Fifteen digits always fit; this is the common case.
            return match text.parse::<i64>() {
                Ok(integer) => Ok(Number::from(integer)),
                Err(_) => Err(self.fault(Fault::Syntax("a number"))),
            };
        }
        let Ok(x) = text.parse::<f64>() else {
            return Err(self.fault(Fault::Syntax("a number")));
        };
        // Also what vanishes: a number that is not zero must not become it.
        let digits = text.split(['e', 'E']).next().unwrap_or_default();
        let vanished = x == 0.0 && digits.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
        if !x.is_finite() || vanished {
            return Err(self.refused(Fault::NumberRange, start));
        }
        // Rust prints a binary64 integer with all its digits, so equal text means nothing was lost.
        // The canonical form rounds large ones to their shortest digits, and must be read again.
        let is_canonical = || ryu_js::Buffer::new().format_finite(x) == text;
        if is_integer && format!("{x:.0}") != text && !is_canonical() {
            return Err(self.refused(Fault::NumberPrecision, start));
        }
        number(x).ok_or_else(|| self.fault(Fault::NumberRange))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(line: &str) -> (Fault, String) {
        let error = parse(line.as_bytes()).expect_err(line);
        (error.fault, error.pointer)
    }

    #[test]
    fn faults_name_the_member_they_are_in() {
        assert_eq!(fault(r#"{"a":1,"a":2}"#), (Fault::DuplicateMember, "/a".to_owned()));
        assert_eq!(fault(r#"{"x":{"y/z":[1,"\ud800"]}}"#).1, "/x/y~1z/1");
        assert_eq!(fault(r#"{"a":"\ud800\u0041"}"#).0, Fault::LoneSurrogate);
        assert_eq!(fault(r#"{"a":"\udc00"}"#).0, Fault::LoneSurrogate);
        assert_eq!(fault(r#"{"a\u0000b":1}"#).0, Fault::Nul);
        assert_eq!(fault("{\"a\":\"\u{0}\"}").0, Fault::Nul);
        assert_eq!(fault(r#"{"a":1e999}"#), (Fault::NumberRange, "/a".to_owned()));
        assert_eq!(fault(r#"{} {}"#).0, Fault::Trailing);
        assert!(matches!(fault(r#"{"a":NaN}"#).0, Fault::Syntax(_)));
        assert!(matches!(fault(r#"{"a":01}"#).0, Fault::Syntax(_)));
        assert!(matches!(fault("{\"a\":\"x\ty\"}").0, Fault::Syntax(_)));
        assert_eq!(parse(b"{\"a\":\"\xff\"}").unwrap_err().fault, Fault::Utf8);
    }

    #[test]
    fn integers_are_exact_or_refused() {
        for exact in
            ["9007199254740992", "-9007199254740992", "9007199254740994", "1000000000000000000000"]
        {
            assert!(parse(exact.as_bytes()).is_ok(), "{exact}");
        }
        for rounded in ["9007199254740993", "12345678901234567890", "1000000000000000000000001"] {
            assert_eq!(fault(rounded).0, Fault::NumberPrecision, "{rounded}");
        }
        assert_eq!(parse(b"1.0").unwrap(), parse(b"1").unwrap(), "one number, one value");
        assert_eq!(parse(b"-0").unwrap(), parse(b"0").unwrap());
        assert_eq!(parse(b"-0.0").unwrap(), parse(b"0").unwrap());
    }

    #[test]
    fn depth_is_bounded_without_the_stack() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(fault(&deep).0, Fault::Depth);
        let fine = format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
        assert!(parse(fine.as_bytes()).is_ok());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i32>().prop_map(Value::from),
            any::<f64>().prop_filter_map("finite", |x| number(x).map(Value::Number)),
            "[^\u{0}]{0,12}".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                prop::collection::btree_map("[^\u{0}]{0,6}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_a_general_writer_writes_is_read_back(value in any_json()) {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(parse(text.as_bytes()).unwrap(), value);
        }

        #[test]
        fn whatever_is_accepted_a_general_reader_accepts_too(text in r#"[\[\]{}",:\\0-9eE.+\-u a-f]{0,24}"#) {
            if parse(text.as_bytes()).is_ok() {
                let general: Result<Value, _> = serde_json::from_str(&text);
                prop_assert!(general.is_ok(), "{}", text);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }
    }
}
