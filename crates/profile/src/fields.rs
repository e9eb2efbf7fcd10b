//! What lists are made of, told piece by piece by whoever has a record.

use serde_json::Value;

use crate::canonical::write_jcs;
use crate::instant::Instant;
use crate::record::Record;

/// A value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// A text.
    Text(&'a str),
    /// A number, and how the canonical form writes it.
    Number(f64, &'a str),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
}

/// What lists show, filter and search by, told piece by piece.
pub trait Fields {
    /// The display name.
    fn name(&mut self, name: &str);
    /// A tag.
    fn tag(&mut self, tag: &str);
    /// An attribute.
    fn attribute(&mut self, key: &str, value: Scalar<'_>);
    /// An observation: its signal, value, and instant in milliseconds since 1970.
    fn observation(&mut self, signal: &str, value: f64, at_millis: i64);
    /// The notes.
    fn notes(&mut self, notes: &str);
}

impl Record {
    /// Tells `fields` what lists are made of.
    pub fn tell(&self, fields: &mut impl Fields) {
        let members = self.members();
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let items = |name: &str| members.get(name).and_then(Value::as_array).into_iter().flatten();
        if let Some(name) = text("display_name") {
            fields.name(name);
        }
        items("tags").filter_map(Value::as_str).for_each(|tag| fields.tag(tag));
        let mut written = Vec::new();
        for (key, value) in
            members.get("attributes").and_then(Value::as_object).into_iter().flatten()
        {
            written.clear();
            let value = match value {
                Value::String(text) => Scalar::Text(text),
                Value::Bool(flag) => Scalar::Bool(*flag),
                Value::Number(number) => {
                    write_jcs(value, &mut written);
                    let text = std::str::from_utf8(&written).unwrap_or_default();
                    Scalar::Number(number.as_f64().unwrap_or_default(), text)
                }
                // The schema lets no container in here.
                Value::Null | Value::Array(_) | Value::Object(_) => Scalar::Null,
            };
            fields.attribute(key, value);
        }
        for item in items("observations") {
            let at = item["at"].as_str().and_then(|at| Instant::parse(at).ok());
            if let (Some(signal), Some(value), Some(at)) =
                (item["signal"].as_str(), item["value"].as_f64(), at)
            {
                fields.observation(signal, value, at.unix_millis());
            }
        }
        if let Some(notes) = text("notes") {
            fields.notes(notes);
        }
    }
}
