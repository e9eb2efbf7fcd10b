//! What the interface for integrators answers beside records.

use kartei_profile as profile;
use kartei_relay_store::{Erasure, FieldOutcome, PastChange, Profile, Row};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::conditions::tag;

/// One value of a field.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContestedValue {
    /// The value; absent where this side removed the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    /// Who, where the change says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// Seconds since 1970; absent for imports.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
}

/// A field with several values that differ. The first is the one that the record shows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Conflict {
    /// JSON pointer of the field.
    pointer: String,
    /// The value before the sides parted.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<Value>,
    values: Vec<ContestedValue>,
}

impl From<profile::Conflict> for Conflict {
    fn from(conflict: profile::Conflict) -> Self {
        let value = |one: profile::ConflictValue| ContestedValue {
            value: one.value,
            by: one.by,
            at: one.at,
        };
        Self {
            pointer: conflict.pointer,
            base: conflict.base,
            values: conflict.values.into_iter().map(value).collect(),
        }
    }
}

/// What is to be merged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MergeRequest {
    /// SHA-256 of the record that the client started from, in hex.
    #[schema(pattern = "^[0-9a-fA-F]{64}$")]
    pub(crate) base: String,
    /// The record that the client made of it.
    #[schema(value_type = crate::openapi::UserProfile)]
    pub(crate) record: Box<RawValue>,
}

/// A step of a JSON patch (RFC 6902). Paths are JSON pointers (RFC 6901).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "op", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its description is used; the steps are read by `json_patch`")]
pub(crate) enum PatchStep {
    /// Adds a value, or replaces one of that name.
    Add { path: String, value: serde_json::Value },
    /// Removes a value that is there.
    Remove { path: String },
    /// Replaces a value that is there.
    Replace { path: String, value: serde_json::Value },
    /// Moves a value.
    Move { from: String, path: String },
    /// Copies a value.
    Copy { from: String, path: String },
    /// Goes on only where a value is this one.
    Test { path: String, value: serde_json::Value },
}

/// What became of a field.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MergeOutcome {
    /// Only the client changed it: so it is now.
    Mine,
    /// Only others changed it: so it stays.
    Theirs,
    /// Both changed it to the same.
    Same,
    /// Both changed it, differently: both values are kept until somebody decides.
    Conflict,
}

/// One field that either side changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MergedField {
    /// JSON pointer of the field.
    pub(crate) pointer: String,
    pub(crate) outcome: MergeOutcome,
}

impl From<(String, FieldOutcome)> for MergedField {
    fn from((pointer, outcome): (String, FieldOutcome)) -> Self {
        let outcome = match outcome {
            FieldOutcome::Mine => MergeOutcome::Mine,
            FieldOutcome::Theirs => MergeOutcome::Theirs,
            FieldOutcome::Same => MergeOutcome::Same,
            FieldOutcome::Conflict => MergeOutcome::Conflict,
        };
        Self { pointer, outcome }
    }
}

/// The result of a merge.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MergeAnswer {
    /// The revision of the profile's last change.
    pub(crate) revision: u64,
    /// Its entity tag.
    pub(crate) etag: String,
    /// Each field that either side changed.
    pub(crate) fields: Vec<MergedField>,
    /// Everything that is contested now.
    pub(crate) conflicts: Vec<Conflict>,
    /// The record as it is now.
    #[schema(value_type = crate::openapi::UserProfile)]
    pub(crate) record: Box<RawValue>,
}

/// What sort of change it was.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeKind {
    /// The first content.
    Genesis,
    /// A later import.
    Import,
    /// Somebody's edit.
    Edit,
    /// The profile was deleted.
    Deletion,
    /// A decision was taken back: fields are in conflict again.
    Reopening,
    /// A deletion was taken back.
    Revival,
}

/// A field that a change gave another value.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangedField {
    /// JSON pointer of the field.
    pointer: String,
    /// Absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    /// Absent where it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

/// One change of a profile.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HistoryEntry {
    /// The revision under which it came.
    revision: u64,
    /// Its hash, in hex.
    change: String,
    kind: ChangeKind,
    /// The id of the profile that this one was merged into, where the change is that deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    became: Option<String>,
    /// Who, where the change says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// The name of the token that brought it here first, where this is not `by`. What `by` says is the word of
    /// the program that made the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_by: Option<String>,
    /// Seconds since 1970; absent for imports.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
    /// What it changed; nothing for the genesis, which brought everything.
    fields: Vec<ChangedField>,
}

impl From<PastChange> for HistoryEntry {
    fn from(PastChange { rev, entry, sent_by }: PastChange) -> Self {
        let field = |one: profile::FieldChange| ChangedField {
            pointer: one.pointer,
            before: one.before,
            after: one.after,
        };
        Self {
            revision: rev,
            change: entry.change.to_string(),
            kind: match entry.kind {
                profile::HistoryKind::Genesis => ChangeKind::Genesis,
                profile::HistoryKind::Import => ChangeKind::Import,
                profile::HistoryKind::Edit => ChangeKind::Edit,
                profile::HistoryKind::Deletion => ChangeKind::Deletion,
                profile::HistoryKind::Reopening => ChangeKind::Reopening,
                profile::HistoryKind::Revival => ChangeKind::Revival,
            },
            became: entry.became,
            by: entry.by,
            sent_by,
            at: entry.at,
            fields: entry.fields.into_iter().map(field).collect(),
        }
    }
}

/// The changes of a profile, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct History {
    pub(crate) changes: Vec<HistoryEntry>,
}

/// A profile in a list or a feed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedProfile {
    /// The record's id.
    pub(crate) id: String,
    /// The revision of its last change.
    pub(crate) revision: u64,
    /// Its entity tag.
    pub(crate) etag: String,
    /// How many of its fields are in conflict.
    pub(crate) conflicts: u64,
    /// Milliseconds since 1970.
    pub(crate) changed_at: i64,
    /// Whether it was deleted; it has no record then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::openapi::UserProfile>)]
    pub(crate) record: Option<Box<RawValue>>,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProfileList {
    /// In the order that was asked for.
    pub(crate) profiles: Vec<ListedProfile>,
    /// How many there are on all pages.
    pub(crate) total: u64,
    /// The `cursor` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
    /// The organisation's revision that the list tells of.
    pub(crate) revision: u64,
}

/// A stored record as it is written into an answer. What is stored is canonical JSON.
pub(crate) fn raw(record: String) -> Box<RawValue> {
    RawValue::from_string(record).unwrap_or_default()
}

impl From<Row> for ListedProfile {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            revision: row.rev,
            etag: tag(row.hash),
            conflicts: row.conflicts,
            changed_at: row.changed_at,
            deleted: row.deleted,
            record: (!row.deleted).then(|| raw(row.record)),
        }
    }
}

/// A profile that was erased for good. Which one is not told, because it is known nowhere any more: a
/// client that keeps profiles asks for those that it has, and is answered 410 for this one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasedProfile {
    /// The erasure's own revision.
    pub(crate) revision: u64,
    /// Always true.
    pub(crate) erased: bool,
    /// Milliseconds since 1970.
    pub(crate) changed_at: i64,
}

impl From<Erasure> for ErasedProfile {
    fn from(erasure: Erasure) -> Self {
        Self { revision: erasure.rev, erased: true, changed_at: erasure.at }
    }
}

/// Something in a feed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ChangedProfile {
    Listed(ListedProfile),
    Erased(ErasedProfile),
}

impl ChangedProfile {
    pub(crate) fn revision(&self) -> u64 {
        match self {
            Self::Listed(profile) => profile.revision,
            Self::Erased(profile) => profile.revision,
        }
    }
}

/// Profiles that changed after a revision.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Changes {
    /// In the order of their revisions; a profile that changed several times is here once.
    pub(crate) profiles: Vec<ListedProfile>,
    /// Those that were erased for good up to `next_rev`, in the order of their revisions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) erased: Vec<ErasedProfile>,
    /// Where to go on: the `since_rev` of the next question.
    pub(crate) next_rev: u64,
    /// The organisation's newest revision in the same snapshot.
    pub(crate) head_rev: u64,
    /// Whether there is more after `next_rev`.
    pub(crate) more: bool,
}

impl MergeAnswer {
    pub(crate) fn new(
        profile: Profile,
        fields: Vec<(String, FieldOutcome)>,
        conflicts: Vec<profile::Conflict>,
    ) -> Self {
        Self {
            revision: profile.rev,
            etag: tag(profile.hash),
            fields: fields.into_iter().map(Into::into).collect(),
            conflicts: conflicts.into_iter().map(Into::into).collect(),
            record: raw(profile.record),
        }
    }
}
