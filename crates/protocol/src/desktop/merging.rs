//! Merging one profile into another one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Asks what merging two profiles would make of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewMerge {
    /// The id of the profile that is kept.
    pub kept: String,
    /// The id of the one that is merged into it.
    pub merged: String,
    /// JSON pointers of the fields that take the merged profile's value, of those in which both have
    /// a different one.
    #[serde(default)]
    pub choices: Vec<String>,
}

/// Merges a profile into another one, as one step that can be taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeProfiles {
    /// The id of the profile that is kept.
    pub kept: String,
    /// The id of the one that is merged into it. It resolves to the other one from then on.
    pub merged: String,
    /// As [`PreviewMerge::choices`].
    #[serde(default)]
    pub choices: Vec<String>,
    /// The two as they were looked at: where one has changed since, nothing is done.
    #[serde(default)]
    pub seen: Option<MergeSeen>,
}

/// Two profiles as somebody looked at them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeSeen {
    /// `hash` of the one that is kept.
    pub kept: String,
    /// `hash` of the one that is merged.
    pub merged: String,
}

/// One of two profiles that are to become one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MergeSide {
    /// The record's `id`.
    pub id: String,
    /// The record's `display_name`.
    pub display_name: Option<String>,
    /// SHA-256 of the canonical form, lower-case hex.
    pub hash: String,
    /// What it has how many of.
    pub counts: MergeCounts,
}

/// How many a profile has of what is put together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MergeCounts {
    /// Attributes.
    pub attributes: u64,
    /// Tags.
    pub tags: u64,
    /// Observations.
    pub observations: u64,
    /// Attachments.
    pub attachments: u64,
}

/// A field of two profiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MergeField {
    /// JSON pointer of the field; of an element of a set, the set's and the element's key.
    pub pointer: String,
    /// The value in the one that is kept; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Value>,
    /// The value in the one that is merged into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<Value>,
    /// The value afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether both have a value, and a person chooses.
    pub choice: bool,
}

/// What stands in the way of a merging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MergeObstacle {
    /// JSON pointer of the field that it is about; empty for a profile as a whole.
    pub pointer: String,
    /// What it is, in English.
    pub reason: String,
    /// A stable word: the broken rule of the schema, or `conflicts` where one of the two has conflicts
    /// that are to be decided before.
    pub code: String,
}

/// What merging two profiles would make of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MergePreview {
    /// The profile that is kept.
    pub kept: MergeSide,
    /// The one that is merged into it.
    pub merged: MergeSide,
    /// What the one that is kept has afterwards.
    pub after: MergeCounts,
    /// Name, attributes, notes, consent and first moment of both, and the elements of sets that a
    /// person chooses between, at most 1,000 of those.
    pub fields: Vec<MergeField>,
    /// What stands in the way; where there is something, nothing can be merged.
    pub obstacles: Vec<MergeObstacle>,
}

/// A profile that was merged into another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Merged {
    /// Its id.
    pub id: String,
    /// The id of the profile that it resolves to.
    pub into: String,
}

/// Names profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileIds {
    /// Their ids, at most 1,000.
    pub ids: Vec<String>,
}

/// Profiles that were merged into other ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MergedIds {
    /// Those that were asked for and were merged.
    pub merged: Vec<Merged>,
}
