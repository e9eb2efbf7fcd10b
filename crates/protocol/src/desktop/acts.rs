//! Steps that can be taken back: bulk edits, undo, redo, restoring an earlier state.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Edit;

/// Some profiles: those with these ids, or those that match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// These ones; given, `filter` and `search` are ignored.
    pub ids: Option<Vec<String>>,
    /// A filter, as in `list_profiles`.
    pub filter: String,
    /// Words, as in `list_profiles`.
    pub search: String,
}

/// The same edits on many profiles, as one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkEdit {
    /// Which profiles.
    pub selection: Selection,
    /// The edits, at most 1,000.
    pub edits: Vec<Edit>,
}

/// Deletes profiles, as one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteProfiles {
    /// Which profiles.
    pub selection: Selection,
}

/// What sort of step it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActKind {
    /// Edits of one profile.
    Edit,
    /// Edits of many profiles.
    Bulk,
    /// A conflict was decided.
    Resolve,
    /// An earlier state was restored.
    Restore,
    /// Profiles were deleted.
    Delete,
    /// A profile was merged into another one.
    Merge,
    /// The relay's state took the place of what it had refused.
    TakeRelays,
    /// An import was undone.
    Import,
    /// A step was taken back, or done again.
    Undo,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Act {
    /// Its number.
    pub act: u64,
    /// What sort of step.
    pub kind: ActKind,
    /// When: RFC 3339, UTC.
    pub at: String,
    /// Who, where known.
    pub by: Option<String>,
    /// How many profiles it changed.
    pub profiles: u64,
    /// The profile's id, where it was one; of a merging the id of the one that was kept.
    pub id: Option<String>,
    /// The fields that it was about: JSON pointers, at most ten; the empty one is the profile itself,
    /// deleted or brought back.
    pub fields: Vec<String>,
    /// The step that this one took back.
    pub reverts: Option<u64>,
    /// The step that took this one back.
    pub reverted_by: Option<u64>,
}

/// The last steps, and what undo and redo would do now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Acts {
    /// What `undo` takes back.
    pub undo: Option<Act>,
    /// What `redo` does again.
    pub redo: Option<Act>,
    /// Newest first, at most 100.
    pub entries: Vec<Act>,
}

/// What stands in the way of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Obstacle {
    /// The profile.
    pub id: String,
    /// Why it stayed as it is, in English.
    pub reason: String,
    /// A stable word for the reason: `edited_since`, `deleted`, `at_relay`, `imported_since`,
    /// `not_found`, `not_allowed`, `no_such_side`, `survivor_gone`.
    pub code: String,
}

/// What a step did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActDone {
    /// The step; absent where nothing changed.
    pub act: Option<Act>,
    /// Profiles that changed.
    pub changed: u64,
    /// Those of them that are in conflict again: a decision was taken back.
    pub reopened: u64,
    /// Profiles that already were so.
    pub unchanged: u64,
    /// Profiles that could not be changed.
    pub refused: u64,
    /// The first of them, at most 100, with the reason.
    pub obstacles: Vec<Obstacle>,
}

/// Names a state of a profile: the one after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileAt {
    /// The record's `id`.
    pub id: String,
    /// The change's hash, as in the history.
    pub change: String,
}

/// A profile as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProfileVersion {
    /// The record's `id`.
    pub id: String,
    /// The change after which it was so.
    pub change: String,
    /// The canonical record.
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    pub record: Value,
}
