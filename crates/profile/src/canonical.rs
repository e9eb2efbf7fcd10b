//! The canonical form: one record, one sequence of bytes.
//!
//! RFC 8785 (JCS) fixes white space, member order, strings and numbers. What is ours on top
//! (docs/adr/0003): derived members are dropped, instants become UTC, sets are sorted and their
//! elements get their derived keys, defaults and empty members are left out.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::instant::Instant;
use crate::pointer::escape;
use crate::schema::{Member, MergeRule, RecordSchema};
use crate::violation::Violation;

/// Hexadecimal digits of a derived key: 96 bits, against 10,000 elements in one record.
const DERIVED_KEY_DIGITS: usize = 24;

/// Brings a checked record into canonical form, in place.
///
/// # Errors
/// What a JSON Schema cannot say: an instant outside four-digit years in UTC, one key for two
/// different elements of a set.
pub(crate) fn canonicalise(
    schema: &RecordSchema,
    record: &mut Map<String, Value>,
) -> Result<(), Violation> {
    for member in schema.members() {
        let Some(value) = record.get_mut(&member.name) else { continue };
        let pointer = || format!("/{}", escape(&member.name));
        let keep = match &member.rule {
            MergeRule::Derived => false,
            MergeRule::Set { key, .. } => {
                canonicalise_set(member, key.as_deref(), value)?;
                value.as_array().is_some_and(|items| !items.is_empty())
            }
            MergeRule::RegisterPerKey => value.as_object().is_some_and(|map| !map.is_empty()),
            MergeRule::Text => value.as_str().is_some_and(|text| !text.is_empty()),
            _ => {
                if member.is_instant {
                    canonicalise_instant(value, pointer)?;
                }
                canonicalise_inner(member, value, pointer)?;
                true
            }
        };
        if !keep {
            record.remove(&member.name);
        }
    }
    Ok(())
}

fn canonicalise_instant(
    value: &mut Value,
    pointer: impl Fn() -> String,
) -> Result<Option<Instant>, Violation> {
    let Some(text) = value.as_str() else { return Ok(None) };
    let instant =
        Instant::parse(text).map_err(|e| Violation::new(pointer(), "instant", e.to_string()))?;
    if Instant::parse_plain(text).is_none() {
        *value = Value::String(instant.to_string());
    }
    Ok(Some(instant))
}

/// Brings the inside of an object into canonical form; answers the instant that its elements are
/// ordered by, where there is one.
fn canonicalise_inner(
    member: &Member,
    value: &mut Value,
    pointer: impl Fn() -> String,
) -> Result<Option<Instant>, Violation> {
    let Some(object) = value.as_object_mut() else { return Ok(None) };
    let mut order = None;
    for name in &member.inner_instants {
        if let Some(inner) = object.get_mut(name) {
            let instant =
                canonicalise_instant(inner, || format!("{}/{}", pointer(), escape(name)))?;
            if member.order.as_deref() == Some(name) {
                order = instant;
            }
        }
    }
    for (name, default) in &member.inner_defaults {
        if object.get(name) == Some(default) {
            object.remove(name);
        }
    }
    Ok(order)
}

/// An element of a set on its way into order.
struct Element {
    at: Option<Instant>,
    key: String,
    value: Value,
    position: usize,
}

fn canonicalise_set(
    member: &Member,
    key: Option<&str>,
    value: &mut Value,
) -> Result<(), Violation> {
    let Some(items) = value.as_array_mut() else { return Ok(()) };
    let Some(key) = key else {
        items.sort_by(|a, b| compare_utf16(as_text(a), as_text(b)));
        items.dedup();
        return Ok(());
    };
    let mut elements = Vec::with_capacity(items.len());
    for (position, mut value) in items.drain(..).enumerate() {
        let pointer = || format!("/{}/{position}", escape(&member.name));
        let at = canonicalise_inner(member, &mut value, pointer)?;
        let named = value.get(key).and_then(Value::as_str).map(str::to_owned);
        let key = match (named, value.as_object_mut()) {
            (Some(name), _) => name,
            (None, Some(object)) => {
                let derived = derive_key(&member.name, &member.derive_key, object);
                object.insert(key.to_owned(), Value::String(derived.clone()));
                derived
            }
            (None, None) => String::new(),
        };
        elements.push(Element { at, key, value, position });
    }
    elements.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| compare_utf16(&a.key, &b.key)));
    remove_repeats(member, key, &mut elements)?;
    items.extend(elements.into_iter().map(|element| element.value));
    Ok(())
}

/// The same element twice is one; two elements with one key are refused.
fn remove_repeats(
    member: &Member,
    key: &str,
    elements: &mut Vec<Element>,
) -> Result<(), Violation> {
    let mut keys: Vec<&str> = elements.iter().map(|element| element.key.as_str()).collect();
    keys.sort_unstable();
    if keys.windows(2).all(|pair| pair[0] != pair[1]) {
        return Ok(());
    }
    let mut places = HashMap::with_capacity(elements.len());
    let mut kept: Vec<Element> = Vec::with_capacity(elements.len());
    for element in elements.drain(..) {
        match places.get(&element.key) {
            None => {
                places.insert(element.key.clone(), kept.len());
                kept.push(element);
            }
            Some(&place) if kept[place].value == element.value => {}
            Some(_) => {
                let reason = format!(
                    "two different elements have the {key} {:?}; give each its own",
                    shorten_key(&element.key)
                );
                let position = element.position;
                let pointer = format!("/{}/{position}/{}", escape(&member.name), escape(key));
                return Err(Violation::new(pointer, "duplicate_key", reason));
            }
        }
    }
    *elements = kept;
    Ok(())
}

fn shorten_key(key: &str) -> String {
    key.chars().take(40).collect()
}

fn as_text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The key of an element that came without one: the digest of the content that makes it the fact
/// that it is, so that the same fact twice is one element.
fn derive_key(member: &str, from: &[String], element: &Map<String, Value>) -> String {
    let mut text = Vec::with_capacity(96);
    text.push(b'[');
    for (i, name) in from.iter().enumerate() {
        if i > 0 {
            text.push(b',');
        }
        write_jcs(element.get(name).unwrap_or(&Value::Null), &mut text);
    }
    text.push(b']');
    let mut key = String::with_capacity(2 + DERIVED_KEY_DIGITS);
    write_derived_key(member, &text, &mut key);
    key
}

/// The key that is derived from `content`, an array in canonical form.
pub(crate) fn write_derived_key(member: &str, content: &[u8], key: &mut String) {
    let mut hash = Sha256::new();
    hash.update(b"kartei/element/1\0");
    hash.update(member.as_bytes());
    hash.update(b"\0");
    hash.update(content);
    key.push('~');
    for byte in &hash.finalize()[..DERIVED_KEY_DIGITS / 2] {
        key.push_str(HEX[usize::from(*byte)]);
    }
}

const HEX: [&str; 256] = {
    const DIGITS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
    let mut table = [""; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = DIGITS.split_at(i * 2).1.split_at(2).0;
        i += 1;
    }
    table
};

/// Writes `value` in the JSON Canonicalization Scheme (RFC 8785).
pub fn write_jcs(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_jcs(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => write_object(members, out),
    }
}

pub(crate) fn write_object(members: &Map<String, Value>, out: &mut Vec<u8>) {
    // The map is sorted by code points; RFC 8785 sorts by UTF-16 units. They differ only where a
    // character beyond U+FFFF meets one from U+E000 on, so sorting again is rare.
    if members.keys().all(|name| name.is_ascii()) {
        return write_members(members.iter(), out);
    }
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| compare_utf16(a, b));
    write_members(sorted.into_iter(), out);
}

fn write_members<'a>(members: impl Iterator<Item = (&'a String, &'a Value)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (i, (name, value)) in members.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
        write_jcs(value, out);
    }
    out.push(b'}');
}

pub(crate) fn compare_utf16(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

fn write_number(number: &serde_json::Number, out: &mut Vec<u8>) {
    if let Some(integer) = number.as_i64()
        && integer.unsigned_abs() <= 1 << 53
    {
        // ECMAScript writes integers below 10^21 plainly, so these need no detour by binary64.
        out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
        return;
    }
    let x = number.as_f64().unwrap_or_default();
    let mut buffer = ryu_js::Buffer::new();
    out.extend_from_slice(buffer.format_finite(x).as_bytes());
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text, out);
    out.push(b'"');
}

/// The inside of a string, without its quotes.
pub(crate) fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut run = 0;
    for (i, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[run..i]);
        run = i + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            control => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(HEX[usize::from(control)].as_bytes());
            }
        }
    }
    out.extend_from_slice(&bytes[run..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jcs(text: &str) -> String {
        let value: Value = serde_json::from_str(text).unwrap();
        let mut out = Vec::new();
        write_jcs(&value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn example_of_rfc_8785_section_3_2_2() {
        // The input and the result of the RFC's worked example.
        let input = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        assert_eq!(
            jcs(input),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
             \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
    }

    #[test]
    fn members_are_sorted_as_in_rfc_8785_section_3_2_3() {
        let input = r#"{
            "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
            "\u00f6": "Latin Small Letter O With Diaeresis"
        }"#;
        let value: Value = serde_json::from_str(&jcs(input)).unwrap();
        assert_eq!(value.as_object().unwrap().len(), 7);
        let order = ["Carriage Return", "One", "Control", "Latin Small", "Euro", "Emoji", "Hebrew"];
        let text = jcs(input);
        let places: Vec<usize> = order.iter().map(|word| text.find(word).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
    }

    #[test]
    fn numbers_are_written_as_in_rfc_8785_appendix_b() {
        for (bits, expected) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            let number = crate::json::number(f64::from_bits(bits)).unwrap();
            let mut out = Vec::new();
            write_jcs(&Value::Number(number), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{bits:016x}");
        }
    }
}
