//! Which profiles are perhaps of one person.
//!
//! ```text
//! record ─▶ One: name, up to eight attributes, a sketch of the observations ─▶ pairs that share a key ─┐
//!                                                          random pairs ─────────────────────────────┴▶ patterns
//!                                                                       ─▶ Fellegi and Sunter ─▶ pairs, groups
//! ```
//! Of each profile a short form is kept, of [`LOOKED_AT`] at most: the first of the visit, which are a random sample. With
//! ordinary names and attributes that is 250 bytes of each, 12 megabytes of all, in memory as well as kept; at worst,
//! with eight texts of 32 characters and a name of 64, five times as much. All of it is written at every checkpoint, in a
//! tenth of a second; more profiles would be written longer and leave less room for the pairs of each.
//!
//! Pairs are looked for at the end alone: of a sample of a tenth of the profiles only a hundredth of the pairs is seen,
//! so a partial report would say little and cost much. Until then it tells how many were looked at.
//!
//! What the attributes are is learned of the first chunk: the eight that most of its profiles have.

mod findings;
mod judge;
mod pairs;
mod sketch;

use std::collections::BTreeMap;

use kartei_profile::Record;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::asked::Kind;
use crate::context::Context;
use findings::findings;
use judge::{Judged, judge};
use sketch::{Sketch, hash};

/// Chunks of the visit whose profiles are looked at; of the others it is known that they are there.
pub(crate) const CHUNKS: usize = 48;

/// Profiles that are looked at, at most.
const LOOKED_AT: usize = CHUNKS * crate::CHUNK;

/// Attributes that are compared, at most.
const COLUMNS: usize = 8;

/// Names of attributes that are counted in a chunk, at most; further ones are not looked at.
const COUNTED: usize = 512;

/// Characters that are kept of a name.
const NAME_CHARS: usize = 64;

/// Characters that are kept of an attribute.
const VALUE_CHARS: usize = 32;

/// A profile's short form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    id: String,
    /// In small letters, with one space between words; nothing where there is no name.
    name: Option<String>,
    sketch: Option<Sketch>,
    /// By attribute, in the order of the columns; those beyond the last one that is there are left out.
    values: Vec<Option<String>>,
}

/// An attribute that is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    name: String,
    /// Profiles that have it.
    people: u64,
    /// Whether some of its values are texts, of which two may be alike.
    is_text: bool,
}

/// What is known of all profiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Duplicates {
    columns: Vec<Column>,
    profiles: Vec<One>,
}

/// In small letters, with one space between words, and no longer than it may be.
fn plain(text: &str, most: usize) -> Option<String> {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let text: String = words.join(" ").chars().take(most).collect();
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

/// An attribute as a short text that is equal where the attribute is: of a long one the beginning and a hash of all.
fn short(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
        Value::String(text) => plain(text, usize::MAX)?,
        other => other.to_string(),
    };
    if text.chars().count() <= VALUE_CHARS {
        return Some(text);
    }
    let (whole, _) = hash(text.as_bytes());
    let beginning: String = text.chars().take(VALUE_CHARS - 9).collect();
    Some(format!("{beginning}#{:08x}", whole >> 32))
}

impl Duplicates {
    pub(crate) fn begin(_: &Context) -> Self {
        Self { columns: Vec::new(), profiles: Vec::new() }
    }

    pub(crate) fn absorb(&mut self, record: &Record) {
        if self.profiles.len() >= LOOKED_AT {
            return;
        }
        let members = record.members();
        let name = members.get("display_name").and_then(Value::as_str);
        let observations = members.get("observations").and_then(Value::as_array);
        let mut one = One {
            id: record.id().to_owned(),
            name: name.and_then(|name| plain(name, NAME_CHARS)),
            sketch: observations.and_then(|observations| Sketch::of(observations)),
            values: Vec::new(),
        };
        let attributes = members.get("attributes").and_then(Value::as_object);
        for (name, value) in attributes.into_iter().flatten() {
            let Some(text) = short(value) else { continue };
            let Some(column) = self.column(name) else { continue };
            self.columns[column].people += 1;
            self.columns[column].is_text |= value.is_string();
            one.put(column, text);
        }
        self.profiles.push(one);
    }

    /// The place of an attribute, a new one where it was not there yet; nothing where there are too many.
    fn column(&mut self, name: &str) -> Option<usize> {
        let known = self.columns.iter().position(|column| column.name == name);
        if known.is_none() && self.columns.len() < COUNTED {
            self.columns.push(Column { name: name.to_owned(), people: 0, is_text: false });
            return Some(self.columns.len() - 1);
        }
        known
    }

    pub(crate) fn merge(&mut self, next: Self) {
        if self.profiles.is_empty() {
            self.columns = next.most_frequent();
        }
        let room = LOOKED_AT - self.profiles.len().min(LOOKED_AT);
        if room == 0 {
            // Nor do their attributes count.
            return;
        }
        // From their places to ours.
        let mut places: BTreeMap<usize, usize> = BTreeMap::new();
        for (ours, column) in self.columns.iter_mut().enumerate() {
            let theirs = next.columns.iter().position(|other| other.name == column.name);
            if let Some(theirs) = theirs {
                column.people += next.columns[theirs].people;
                column.is_text |= next.columns[theirs].is_text;
                places.insert(theirs, ours);
            }
        }
        for mut one in next.profiles.into_iter().take(room) {
            let values = std::mem::take(&mut one.values);
            for (theirs, value) in values.into_iter().enumerate() {
                if let Some((ours, value)) = places.get(&theirs).zip(value) {
                    one.put(*ours, value);
                }
            }
            self.profiles.push(one);
        }
    }

    /// The columns that most have, in the order of their names, with nobody counted yet.
    fn most_frequent(&self) -> Vec<Column> {
        let mut columns: Vec<&Column> = self.columns.iter().collect();
        columns.sort_by(|a, b| b.people.cmp(&a.people).then_with(|| a.name.cmp(&b.name)));
        columns.truncate(COLUMNS);
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        let empty = |column: &Column| Column { people: 0, is_text: false, ..column.clone() };
        columns.into_iter().map(empty).collect()
    }

    pub(crate) fn report(&self, context: &Context, seen: u64, total: u64) -> Map<String, Value> {
        let most = match context.analysis.kind {
            Kind::Duplicates { most } => most as usize,
            _ => 0,
        };
        let judged = if seen < total {
            None
        } else if self.columns.len() > COLUMNS {
            // One chunk that was not merged yet.
            let mut merged = Self::begin(context);
            merged.merge(self.clone());
            Some(judge(&merged))
        } else {
            Some(judge(self))
        };
        let mut report = Map::new();
        report.insert("looked_at".to_owned(), json!(self.profiles.len()));
        let counts = judged.as_ref();
        for (name, count) in [
            ("compared", counts.map(|judged| judged.compared)),
            ("blocks_too_large", counts.map(|judged| judged.too_large)),
            ("found", counts.map(|judged| judged.found.len() as u64)),
            ("groups", counts.map(|judged| judged.groups)),
        ] {
            report.insert(name.to_owned(), json!(count));
        }
        let told = judged.iter().flat_map(|judged| judged.found.iter().take(most));
        let rows = told.map(|pair| pair.row(&self.profiles));
        report.insert("pairs".to_owned(), rows.collect());
        let fields = judged.iter().flat_map(Judged::fields);
        report.insert("fields".to_owned(), fields.collect());
        let findings = findings(self, judged.as_ref(), seen, total);
        report.insert("findings".to_owned(), findings.into());
        report
    }
}

impl One {
    fn put(&mut self, column: usize, value: String) {
        if self.values.len() <= column {
            self.values.resize(column + 1, None);
        }
        self.values[column] = Some(value);
    }

    fn value(&self, column: usize) -> Option<&str> {
        self.values.get(column)?.as_deref()
    }
}
