//! A record in canonical form, with its hash.

use std::fmt;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::canonical::{canonicalise, write_object};
use crate::json;
use crate::schema::{MergeRule, RecordSchema};
use crate::violation::Violation;

/// SHA-256 of a record's canonical form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordHash([u8; 32]);

impl RecordHash {
    /// The 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From 32 bytes as they were stored.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = u8::try_from(high * 16 + low).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordHash({self})")
    }
}

/// A record in canonical form.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    id: String,
    members: Map<String, Value>,
    text: String,
    hash: RecordHash,
}

/// A line that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The record.
    pub record: Record,
    /// What was ignored and why, where something was.
    pub warning: Option<Violation>,
}

impl Record {
    /// Reads, checks and canonicalises one line.
    ///
    /// # Errors
    /// The first [`Violation`]: of JSON, of the schema, or of what a schema cannot say.
    pub fn parse(schema: &RecordSchema, line: &[u8]) -> Result<Accepted, Violation> {
        Self::accept_read(schema, json::parse(line)?)
    }

    /// Checks and canonicalises a value that some other reader made, as strictly as a line.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn accept(schema: &RecordSchema, value: &Value) -> Result<Accepted, Violation> {
        // Through its text: other readers let pass what ours refuses, and know 1 from 1.0.
        Self::parse(schema, value.to_string().as_bytes())
    }

    fn accept_read(schema: &RecordSchema, value: Value) -> Result<Accepted, Violation> {
        schema.check(&value)?;
        let Value::Object(mut members) = value else {
            return Err(Violation::new("", "type", "a record is a JSON object"));
        };
        let warning = schema
            .members()
            .iter()
            .find(|m| m.rule == MergeRule::Derived && members.contains_key(&m.name))
            .map(|m| {
                let reason =
                    format!("`{}` is derived and was ignored; it is computed anew", m.name);
                Violation::new(format!("/{}", m.name), "derived_member", reason)
            });
        let id = members.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        canonicalise(schema, &mut members).map_err(|v| v.with_id(Some(&id)))?;
        let warning = warning.map(|v| v.with_id(Some(&id)));
        Ok(Accepted { record: Self::from_canonical(members), warning })
    }

    /// Reads a record that this program wrote: canonical already, so it is not checked again.
    ///
    /// # Errors
    /// The violation where the text is no JSON object, which means that the storage is damaged.
    pub fn from_stored(text: &str) -> Result<Self, Violation> {
        match json::parse(text.as_bytes())? {
            Value::Object(members) => Ok(Self::from_canonical(members)),
            _ => Err(Violation::new("", "type", "a record is a JSON object")),
        }
    }

    pub(crate) fn from_canonical(members: Map<String, Value>) -> Self {
        let mut out = Vec::with_capacity(512);
        write_object(&members, &mut out);
        let hash = RecordHash(Sha256::digest(&out).into());
        let id = members.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let text = String::from_utf8(out).expect("canonical JSON is made of strings");
        Self { id, members, text, hash }
    }

    /// The record's `id`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its members, sorted by name.
    #[must_use]
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The canonical form.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the canonical form.
    #[must_use]
    pub fn hash(&self) -> RecordHash {
        self.hash
    }

    /// Gives up id and canonical form, and with them the parsed members.
    #[must_use]
    pub fn into_texts(self) -> (String, String) {
        (self.id, self.text)
    }

    /// Gives up the members.
    #[must_use]
    pub fn into_value(self) -> Value {
        Value::Object(self.members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(line: &str) -> Record {
        Record::parse(&RecordSchema::user_profile_v1(), line.as_bytes()).expect(line).record
    }

    fn refused(line: &str) -> (String, &'static str) {
        let violation =
            Record::parse(&RecordSchema::user_profile_v1(), line.as_bytes()).expect_err(line);
        (violation.pointer, violation.rule)
    }

    #[test]
    fn one_record_has_one_text_however_it_was_written() {
        let a = record(
            r#"{"id":"a","schema":"user_profile.v1","tags":["z","b"],"attributes":{},"notes":"",
                "observations":[{"signal":"s","value":1.0,"n":1,"at":"2026-02-03T01:00:00+01:00"}],
                "created_at":"2026-01-01T00:00:00.000Z"}"#,
        );
        let b = record(
            r#"{"created_at":"2026-01-01T00:00:00Z","observations":[{"at":"2026-02-03T00:00:00Z","value":1,"signal":"s"}],
                "schema":"user_profile.v1","tags":["b","z"],"id":"a"}"#,
        );
        assert_eq!(a.text(), b.text());
        assert_eq!(a.hash(), b.hash());
        assert_eq!(Record::from_stored(a.text()).unwrap(), a, "canonical is a fixed point");
    }

    #[test]
    fn the_same_fact_twice_is_one_observation() {
        let r = record(
            r#"{"schema":"user_profile.v1","id":"n","observations":[
                {"signal":"s","value":1,"at":"2026-02-03T01:00:00+01:00"},
                {"signal":"s","value":1,"at":"2026-02-03T00:00:00Z"}]}"#,
        );
        assert_eq!(r.members()["observations"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn observations_are_sorted_by_instant_then_id() {
        let r = record(
            r#"{"schema":"user_profile.v1","id":"n","observations":[
                {"id":"c","signal":"s","value":1,"at":"2026-02-03T00:00:00.5Z"},
                {"id":"b","signal":"s","value":1,"at":"2026-02-03T00:00:00Z"},
                {"id":"a","signal":"s","value":2,"at":"2026-02-03T00:00:00Z"}]}"#,
        );
        let ids: Vec<_> = r.members()["observations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|o| o["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, ["a", "b", "c"]);
    }

    #[test]
    fn what_a_schema_cannot_say_is_refused_too() {
        let twice = r#"{"schema":"user_profile.v1","id":"n","observations":[
            {"id":"x","signal":"s","value":1,"at":"2026-02-03T00:00:00Z"},
            {"id":"x","signal":"s","value":2,"at":"2026-02-03T00:00:00Z"}]}"#;
        assert_eq!(refused(twice), ("/observations/1/id".to_owned(), "duplicate_key"));
        let year =
            r#"{"schema":"user_profile.v1","id":"n","created_at":"9999-12-31T23:59:59-01:00"}"#;
        assert_eq!(refused(year), ("/created_at".to_owned(), "instant"));
    }

    #[test]
    fn violations_say_where_and_which_rule() {
        for (line, pointer, rule) in [
            (r#"{"schema":"user_profile.v1"}"#, "/id", "required"),
            (r#"{"id":"a"}"#, "/schema", "required"),
            (r#"{"schema":"user_profile.v9","id":"a"}"#, "/schema", "schema_version"),
            (r#"{"schema":"user_profile.v1","id":"import"}"#, "/id", "reserved"),
            (r#"{"schema":"user_profile.v1","id":"a","x":1}"#, "/x", "unknown_member"),
            (r#"{"schema":"user_profile.v1","id":"a","tags":["a","a"]}"#, "/tags", "unique_items"),
            (
                r#"{"schema":"user_profile.v1","id":"a","attributes":{"d":{}}}"#,
                "/attributes/d",
                "type",
            ),
        ] {
            assert_eq!(refused(line), (pointer.to_owned(), rule), "{line}");
        }
        let derived = r#"{"schema":"user_profile.v1","id":"a","behavior_vector":{"dims":[]}}"#;
        let accepted = Record::parse(&RecordSchema::user_profile_v1(), derived.as_bytes()).unwrap();
        assert_eq!(accepted.warning.unwrap().pointer, "/behavior_vector");
        assert!(!accepted.record.text().contains("behavior_vector"));
    }
}
