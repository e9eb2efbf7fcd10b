//! A record, read for writing it as a row: borrowed from its text, numbers kept as written.

use std::borrow::Cow;
use std::fmt;

use kartei_profile::Instant;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Error;

/// A text that borrows where it holds no escapes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Texts)
    }
}

/// A number and how the canonical form writes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number<'a> {
    pub(crate) text: &'a str,
    pub(crate) value: f64,
}

impl<'a> Number<'a> {
    fn read(text: &'a str) -> Option<Self> {
        // Not by serde_json, which is not exact to the last bit unless told at build time.
        let starts = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        let value = text.parse().ok().filter(|x: &f64| starts && x.is_finite())?;
        Some(Self { text, value })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Number<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(from)?;
        Self::read(raw.get()).ok_or_else(|| D::Error::custom("no number"))
    }
}

/// A value of an attribute.
#[derive(Debug, Clone)]
pub(crate) enum Scalar<'a> {
    Text(Text<'a>),
    Number(Number<'a>),
    Bool(bool),
    Null,
}

/// A value of an attribute, with its JSON text.
#[derive(Debug, Clone)]
pub(crate) struct AttributeValue<'a> {
    pub(crate) json: &'a str,
    pub(crate) scalar: Scalar<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for AttributeValue<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(from)?.get();
        let scalar = match json.as_bytes().first() {
            Some(b'"') => Scalar::Text(serde_json::from_str(json).map_err(D::Error::custom)?),
            Some(b't') => Scalar::Bool(true),
            Some(b'f') => Scalar::Bool(false),
            Some(b'n') => Scalar::Null,
            _ => {
                Scalar::Number(Number::read(json).ok_or_else(|| D::Error::custom("no flat value"))?)
            }
        };
        Ok(Self { json, scalar })
    }
}

/// The members of an object, sorted by code points. The canonical form sorts by UTF-16 units, which
/// differs only beyond U+FFFF, so sorting again is nearly free.
#[derive(Debug)]
pub(crate) struct Members<'a, V>(pub(crate) Vec<(Text<'a>, V)>);

impl<V> Default for Members<'_, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for Members<'a, V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Objects<V>(std::marker::PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Objects<V> {
            type Value = Members<'de, V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        let mut members = from.deserialize_map(Objects(std::marker::PhantomData))?;
        members.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(members)
    }
}

/// What the consent says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Consent<'a> {
    pub(crate) analytics: bool,
    #[serde(borrow)]
    pub(crate) recorded_at: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) source: Option<Text<'a>>,
}

/// An observation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Observation<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    #[serde(borrow)]
    pub(crate) signal: Text<'a>,
    #[serde(borrow)]
    pub(crate) value: Number<'a>,
    /// The canonical form leaves the default out.
    #[serde(default = "one")]
    pub(crate) n: i64,
    #[serde(borrow)]
    pub(crate) at: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) source: Option<Text<'a>>,
}

fn one() -> i64 {
    1
}

/// An attached file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attachment<'a> {
    #[serde(borrow)]
    pub(crate) file_id: Text<'a>,
    #[serde(borrow)]
    pub(crate) name: Text<'a>,
    pub(crate) size: i64,
    #[serde(borrow)]
    pub(crate) media_type: Text<'a>,
    #[serde(borrow)]
    pub(crate) digest: Text<'a>,
}

/// A record. A member that is not named here is an error: leaving it out silently would lose data.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row<'a> {
    #[serde(borrow, rename = "schema")]
    _schema: Schema<'a>,
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) display_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) attributes: Members<'a, AttributeValue<'a>>,
    #[serde(borrow, default)]
    pub(crate) tags: Vec<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) notes: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) consent: Option<Consent<'a>>,
    #[serde(borrow, default)]
    pub(crate) observations: Vec<Observation<'a>>,
    #[serde(borrow, default)]
    pub(crate) attachments: Vec<Attachment<'a>>,
    #[serde(borrow, default)]
    pub(crate) created_at: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) updated_at: Option<Text<'a>>,
}

#[derive(Debug)]
struct Schema<'a>(std::marker::PhantomData<&'a ()>);

impl<'de: 'a, 'a> Deserialize<'de> for Schema<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = Text::deserialize(from)?;
        if name.0 != crate::SCHEMA_NAME {
            return Err(D::Error::custom("another schema"));
        }
        Ok(Self(std::marker::PhantomData))
    }
}

/// What the first pass needs of a record.
#[derive(Debug, Deserialize)]
pub(crate) struct Outline<'a> {
    #[serde(borrow, default)]
    pub(crate) attributes: Members<'a, AttributeValue<'a>>,
    #[serde(borrow, default)]
    pub(crate) observations: Signals<'a>,
}

/// The signals of a record's observations.
#[derive(Debug, Default)]
pub(crate) struct Signals<'a>(pub(crate) Vec<Text<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Signals<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Item<'a> {
            #[serde(borrow)]
            signal: Text<'a>,
        }
        struct Lists;
        impl<'de> Visitor<'de> for Lists {
            type Value = Vec<Text<'de>>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of observations")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut signals: Vec<Text<'de>> = Vec::new();
                while let Some(Item { signal }) = items.next_element()? {
                    // Most neighbours repeat one of the last few.
                    if !signals.iter().rev().take(8).any(|seen| *seen == signal) {
                        signals.push(signal);
                    }
                }
                Ok(signals)
            }
        }
        from.deserialize_seq(Lists).map(Self)
    }
}

/// Reads the record at `position`, counted from 1.
pub(crate) fn read<'a, T: Deserialize<'a>, E>(
    position: u64,
    record: &'a str,
) -> Result<T, Error<E>> {
    serde_json::from_str(record).map_err(|error| {
        let reason = match error.classify() {
            serde_json::error::Category::Eof => "the text ends too early",
            serde_json::error::Category::Data => {
                "a member that is missing, unknown or of a wrong type"
            }
            _ => "no JSON",
        };
        Error::Record { position, byte: error.column(), reason }
    })
}

/// Microseconds since 1970-01-01T00:00:00Z, rounded down.
pub(crate) fn micros<E>(position: u64, text: &Text<'_>) -> Result<i64, Error<E>> {
    let Ok(instant) = Instant::parse(&text.0) else {
        return Err(Error::Record { position, byte: 0, reason: "an instant that is none" });
    };
    // The canonical form is in UTC, so the fraction ends at the Z; its digits four to six are what
    // milliseconds leave out.
    let fraction = text.0.split_once('.').map_or("", |(_, fraction)| fraction);
    let mut rest = fraction.bytes().take_while(u8::is_ascii_digit).skip(3);
    let below_millis =
        (0..3).fold(0, |sum, _| sum * 10 + i64::from(rest.next().map_or(0, |digit| digit - b'0')));
    Ok(instant.unix_millis() * 1000 + below_millis)
}
