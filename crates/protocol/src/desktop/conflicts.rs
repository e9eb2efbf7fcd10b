//! Fields with several values, and deciding for one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One of the values that a field in conflict has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConflictValue {
    /// The value; `null` where the other side removed the field (see `removed`). Of the whole
    /// profile: whether this side deleted it, `true` or `false`; or the id of the profile that this
    /// side merged it into.
    pub value: Value,
    /// Whether this side removed the field rather than setting it to `null`.
    pub removed: bool,
    /// Names this value to `resolve_conflict`.
    pub key: String,
    /// Who set it, where known.
    pub by: Option<String>,
    /// When, RFC 3339, where known.
    pub at: Option<String>,
    /// Whether an import set it, rather than a person.
    pub imported: bool,
    /// Whether it was set on this device.
    pub mine: bool,
}

/// A field with several values that differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conflict {
    /// JSON pointer of the field; empty where one side deleted the whole profile, beside which the
    /// other wrote.
    pub pointer: String,
    /// The value before the sides parted, where there was one.
    pub base: Option<Value>,
    /// The values; the first is the one that every replica shows meanwhile.
    pub values: Vec<ConflictValue>,
}

/// Decides a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveConflict {
    /// The record's `id`.
    pub id: String,
    /// JSON pointer of the field.
    pub pointer: String,
    /// The chosen value's `key`.
    pub key: String,
}

/// What a field in conflict becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "take", rename_all = "snake_case", deny_unknown_fields)]
pub enum Choice {
    /// One of its values.
    Side {
        /// The value's `key`.
        key: String,
    },
    /// Another value, written by hand.
    Value {
        /// The value.
        value: Value,
    },
    /// The field is removed.
    Removed,
}

/// The end of one conflict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// JSON pointer of the field; empty for a deletion that somebody wrote beside.
    pub pointer: String,
    /// What it becomes.
    pub choice: Choice,
}

/// Decides conflicts of a profile, all of these or none, as one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideConflicts {
    /// The record's `id`.
    pub id: String,
    /// The decisions, at most 1,000.
    pub decisions: Vec<Decision>,
}

/// A side of a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// What was written on this device.
    Mine,
    /// What was not.
    Theirs,
}

/// Decides the conflicts of several profiles for one side, as one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideMany {
    /// The profiles.
    pub ids: Vec<String>,
    /// The side. A field that does not have it stays in conflict.
    pub side: Side,
}

/// Asks for profiles in conflict, the one that changed last first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListConflicts {
    /// Words to find, as in `list_profiles`.
    pub search: String,
    /// How many profiles to pass over.
    pub offset: u64,
    /// How many at most; at most 200, since each one's document is read.
    pub limit: u32,
}

/// A profile in conflict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConflictRow {
    /// The record's `id`.
    pub id: String,
    /// The record's `display_name`.
    pub display_name: Option<String>,
    /// When this store last changed the profile: RFC 3339, UTC.
    pub changed_at: String,
    /// What waits for a decision.
    pub conflicts: Vec<Conflict>,
}

/// Profiles in conflict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConflictPage {
    /// The profiles from `offset` on.
    pub rows: Vec<ConflictRow>,
    /// How many match the search.
    pub total: u64,
}
