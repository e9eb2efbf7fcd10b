//! Facets: which values profiles have, how many have each, and filters made of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ProfileStatus;
use super::behavior::Titles;

/// A field whose values can be listed or filtered by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The record's `id`; not counted.
    Id,
    /// The display name; not counted.
    Name,
    /// How many observations there are; not counted.
    Observations,
    /// Sync state.
    Status,
    /// Tags.
    Tags,
    /// The attribute with this key.
    Attribute(String),
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FieldValue {
    /// That the attribute is missing.
    Missing,
    /// A text, a number, `true`, `false` or `null`; of `status` one of its words.
    Is(Value),
}

/// Asks how many profiles have each value of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountFacet {
    /// The filter of the list. What it says of this field alone is left out of the counting.
    #[serde(default)]
    pub filter: String,
    /// The words of the list's search.
    #[serde(default)]
    pub search: String,
    /// The field.
    pub field: Field,
    /// Only values with this in them, in any case of letters.
    #[serde(default)]
    pub find: String,
    /// How many values at most; at most 1,000. Those that the filter names come beside them.
    pub limit: u32,
}

/// A value with how many profiles have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FacetValue {
    /// The value.
    pub value: FieldValue,
    /// How many profiles.
    pub count: u64,
    /// Whether the filter asks for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chosen: bool,
    /// Whether the filter excludes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub excluded: bool,
}

/// The values of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Facet {
    /// The most frequent first (of `status` in the order of urgency). Values that the filter names
    /// are always among them.
    pub values: Vec<FacetValue>,
    /// How many different values there are, of those with `find` in them.
    pub distinct: u64,
    /// How many profiles were counted.
    pub profiles: u64,
    /// Whether there are too many values to count them (20,000).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub too_many: bool,
}

/// An attribute that profiles have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttributeName {
    /// Its key.
    pub name: String,
    /// How many profiles have it.
    pub profiles: u64,
    /// How many different values a sample of twenty thousand profiles has; absent where there are
    /// more than fifty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub few: Option<u32>,
    /// Whether most of its values are numbers.
    pub numeric: bool,
}

/// The attributes that profiles have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttributeNames {
    /// The most frequent first, at most 2,000.
    pub attributes: Vec<AttributeName>,
}

/// The scores that lists can be sorted and filtered by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScoreNames {
    /// By schema, in the order of its dimensions.
    pub scores: Vec<ScoreName>,
}

/// A score that lists know: that of a dimension by the active calibration of its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScoreName {
    /// `SCHEMA.DIMENSION`.
    pub name: String,
    /// The schema.
    pub schema: String,
    /// As people call the dimension, in English and German, where the schema says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Titles>,
}

/// What becomes of a value in a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NarrowHow {
    /// This value too, beside the chosen ones of its field.
    Any,
    /// This value, whatever else is chosen.
    All,
    /// Not this value.
    Not,
    /// The filter says nothing of this value any more.
    Drop,
}

/// Adds a value to a filter, or takes it out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NarrowFilter {
    /// The filter as typed.
    #[serde(default)]
    pub filter: String,
    /// The field.
    pub field: Field,
    /// The value.
    pub value: FieldValue,
    /// What becomes of it.
    pub how: NarrowHow,
}

/// A filter in the filter language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FilterText {
    /// The text.
    pub filter: String,
}

impl ProfileStatus {
    /// As it is written in filters.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Pending => "pending",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
        }
    }
}
