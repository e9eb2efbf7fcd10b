//! Numbers as their bits: JSON's decimal digits would have to be read back to the last one.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(value.to_bits())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(f64::from_bits(u64::deserialize(deserializer)?))
}

/// Many numbers, as one text of 16 hexadecimal digits each.
pub(crate) mod many {
    use super::{Deserialize, Deserializer, Error, Serializer};

    const DIGITS: usize = 16;

    pub(crate) fn serialize<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
        use std::fmt::Write;
        let mut text = String::with_capacity(values.len() * DIGITS);
        for value in values {
            // Writing to a text does not fail.
            let _ = write!(text, "{:016x}", value.to_bits());
        }
        to.serialize_str(&text)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        let text = String::deserialize(from)?;
        let is_whole = text.is_ascii() && text.len().is_multiple_of(DIGITS);
        let numbers = (0..text.len() / DIGITS).map(|at| {
            let digits = text.get(at * DIGITS..(at + 1) * DIGITS).unwrap_or_default();
            u64::from_str_radix(digits, 16).map(f64::from_bits)
        });
        match numbers.collect() {
            Ok(numbers) if is_whole => Ok(numbers),
            _ => Err(D::Error::custom("numbers that are no bits")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Kept {
        #[serde(with = "super")]
        one: f64,
        #[serde(with = "super::many")]
        all: Vec<f64>,
    }

    #[test]
    fn bits_come_back() {
        let kept = Kept { one: 0.1 + 0.2, all: vec![-0.0, f64::MAX, 1e-320] };
        let text = serde_json::to_string(&kept).unwrap();
        let read: Kept = serde_json::from_str(&text).unwrap();
        assert_eq!(read, kept);
        assert!(read.all[0].is_sign_negative());
        for wrong in ["0", "zzzzzzzzzzzzzzzz"] {
            let text = format!(r#"{{"one":0,"all":"{wrong}"}}"#);
            serde_json::from_str::<Kept>(&text).unwrap_err();
        }
    }
}
