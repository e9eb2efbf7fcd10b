//! Requests and responses of the desktop's commands.

mod acts;
mod analyses;
mod aside;
mod behavior;
mod conflicts;
mod erasure;
mod exports;
mod facets;
mod imports;
mod merging;
mod observations;
mod presence;
mod program;
mod quality;
mod sign_in;
mod system;
mod table;
mod upkeep;
mod uploads;
mod workspaces;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use acts::*;
pub use analyses::*;
pub use aside::*;
pub use behavior::*;
pub use conflicts::*;
pub use erasure::*;
pub use exports::*;
pub use facets::*;
pub use imports::*;
pub use merging::*;
pub use observations::*;
pub use presence::*;
pub use program::*;
pub use quality::*;
pub use sign_in::*;
pub use system::*;
pub use table::*;
pub use upkeep::*;
pub use uploads::*;
pub use workspaces::*;

use crate::problem::Problem;

/// No parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// Names one profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileId {
    /// The record's `id`.
    pub id: String,
}

/// Asks for one profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetProfile {
    /// The record's `id`.
    pub id: String,
    /// Whether the record is to have its observations however many they are.
    #[serde(default)]
    pub whole: bool,
}

/// How the list is ordered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SortKey {
    /// By id.
    #[default]
    Id,
    /// By the time of the last change in this store.
    Changed,
    /// By display name.
    Name,
    /// By the number of observations.
    Observations,
    /// By the instant of the last observation.
    LastObservation,
    /// By the value of an attribute: numbers, texts, booleans, null; profiles without it last.
    Attribute(String),
    /// By a score, `DIMENSION` or `SCHEMA.DIMENSION`, by the active calibration; profiles without it last.
    Score(String),
}

/// Asks for a page of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListProfiles {
    /// The filter (docs/filter-language.md): `tag:vip (city:Bern or age>=30) not status:conflict`.
    /// Empty: everything.
    pub filter: String,
    /// Words to find in id, name, tags, attributes and notes; the last may be a beginning.
    pub search: String,
    /// The order.
    pub sort: SortKey,
    /// Whether the order is turned round.
    pub descending: bool,
    /// Rank of the first row among all that match, for a list that jumps.
    pub offset: u64,
    /// `next` of the page before, for reading on: no row twice and none missed, whatever changed
    /// meanwhile. Given, `offset` is ignored.
    pub after: Option<String>,
    /// How many rows at most; at most 1,000.
    pub limit: u32,
    /// Whether rows tell their scores.
    pub scores: bool,
}

/// Asks where a profile stands in a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindPlace {
    /// The record's `id`.
    pub id: String,
    /// As [`ListProfiles::filter`].
    #[serde(default)]
    pub filter: String,
    /// As [`ListProfiles::search`].
    #[serde(default)]
    pub search: String,
    /// The order.
    #[serde(default)]
    pub sort: SortKey,
    /// Whether the order is turned round.
    #[serde(default)]
    pub descending: bool,
}

/// Where a profile stands in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListPlace {
    /// Rank among all that match, from 0; absent where the profile is not here, or not among them.
    pub rank: Option<u64>,
}

/// Whether the relay has what this replica has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProfileStatus {
    /// The relay has acknowledged everything.
    Synced,
    /// Something here is not yet at the relay.
    Pending,
    /// At least one field has several values and waits for a decision.
    Conflict,
    /// The relay refused a change; it is kept here with the reason.
    Rejected,
}

/// One row of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProfileRow {
    /// The record's `id`.
    pub id: String,
    /// The record's `display_name`.
    pub display_name: Option<String>,
    /// The record's attributes.
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    pub attributes: Value,
    /// The record's tags, sorted.
    pub tags: Vec<String>,
    /// How many observations the record has.
    pub observations: u32,
    /// The instant of the last of them: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_observation: Option<String>,
    /// Sync state; a conflict outranks a pending change.
    pub status: ProfileStatus,
    /// When this store last changed the profile: RFC 3339, UTC.
    pub changed_at: String,
    /// Where asked for: the scores that it has, 0 to 1, by `SCHEMA.DIMENSION`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, f64>,
}

/// A page of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProfilePage {
    /// The rows from `offset` on.
    pub rows: Vec<ProfileRow>,
    /// How many rows were skipped before these.
    pub offset: u64,
    /// How many profiles match filter and search.
    pub matching: u64,
    /// How many profiles the store holds.
    pub total: u64,
    /// Names the last row to `after`; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many profiles wait for their scores: they are last in an order by scores, and no condition on one holds for
    /// them.
    #[serde(default)]
    pub unscored: u64,
    /// Where the search is the id of a profile that was merged into another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<Merged>,
}

/// Everything about one profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProfileDetail {
    /// The record's `id`.
    pub id: String,
    /// The canonical record `user_profile.v1`; without its observations where they are many, unless
    /// all were asked for.
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    pub record: Value,
    /// How many observations the record has.
    pub observations: u64,
    /// Who wrote the consent that is shown, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_from: Option<Origin>,
    /// SHA-256 of the canonical form, lower-case hex.
    pub hash: String,
    /// The relay's revision of the last change that this replica has seen.
    pub rev: Option<u64>,
    /// Sync state; a conflict outranks a pending change.
    pub status: ProfileStatus,
    /// Whether changes wait for the relay.
    pub pending: bool,
    /// Fields that wait for a decision.
    pub conflicts: Vec<Conflict>,
    /// Why the relay refused, where it did.
    pub rejected: Option<Problem>,
    /// When this store last changed the profile: RFC 3339, UTC.
    pub changed_at: String,
    /// Whether the profile is deleted now, by the decision that this answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The id that was asked for, where that profile was merged into this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// Who, where known.
    pub by: Option<String>,
    /// When, RFC 3339; imports carry no time.
    pub at: Option<String>,
    /// Whether an import brought it, rather than a person.
    pub imported: bool,
}

/// One field's change within a history entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// JSON pointer of the field.
    pub pointer: String,
    /// The value before; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value after; absent where it was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What sort of change a history entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HistoryKind {
    /// The first content.
    Genesis,
    /// A later import of the same profile.
    Import,
    /// A person's edit.
    Edit,
    /// A person deleted the profile.
    Deletion,
    /// A person took a decision back: fields are in conflict again.
    Reopening,
    /// A person brought the profile back, or decided that it stays.
    Revival,
}

/// One change of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryEntry {
    /// The change's hash, hex.
    pub change: String,
    /// What sort of change it is.
    pub kind: HistoryKind,
    /// Who made it, where known.
    pub by: Option<String>,
    /// When, RFC 3339; imports carry no time (equal imports are equal changes).
    pub at: Option<String>,
    /// The file it came from, where this replica imported it.
    pub file: Option<String>,
    /// Whether the relay has it.
    pub pending: bool,
    /// The profile that this one was merged into, where the change is that deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub became: Option<String>,
    /// What it changed.
    pub fields: Vec<FieldChange>,
}

/// The history of one profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryPage {
    /// Newest first.
    pub entries: Vec<HistoryEntry>,
}

/// One edit of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Edit {
    /// Sets a field (`/display_name`, `/notes`, `/consent`) or a member (`/attributes/city`).
    Set {
        /// JSON pointer of the field.
        pointer: String,
        /// Its new value.
        value: Value,
    },
    /// Removes a field or a member of a map.
    Unset {
        /// JSON pointer of the field.
        pointer: String,
    },
    /// Writes on in a text that is merged by character (`/notes`): what others wrote into it since
    /// `base` stays.
    Text {
        /// JSON pointer of the text.
        pointer: String,
        /// The text that was written on, as it was shown.
        base: String,
        /// What it became.
        value: String,
    },
    /// Adds a member to a set (`/tags`, `/observations`, `/attachments`).
    Add {
        /// JSON pointer of the set.
        pointer: String,
        /// The member.
        value: Value,
    },
    /// Removes a member from a set: the tag itself, or the id of the observation or attachment.
    Remove {
        /// JSON pointer of the set.
        pointer: String,
        /// The tag, or the member's key.
        value: Value,
    },
}

/// Edits of one profile, applied together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditProfile {
    /// The record's `id`.
    pub id: String,
    /// The edits, at most 1,000.
    pub edits: Vec<Edit>,
}

/// Paths that wait to be imported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OpenedFiles {
    /// The paths.
    pub paths: Vec<String>,
    /// Their bytes, in the same order; 0 where they cannot be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<u64>,
}

/// Connects to a relay.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Base address, `http://` or `https://`.
    pub url: String,
    /// The device's token.
    pub token: String,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token must never reach a log.
        f.debug_struct("SignIn").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What syncing is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncState {
    /// No relay is configured: everything stays here.
    Local,
    /// Changes wait here, and no exchange is running (the headless client between two syncs).
    Waiting,
    /// Exchanging changes.
    Syncing,
    /// Everything that is here is there and the other way round, as of `synced_at`.
    UpToDate,
    /// The relay cannot be reached; it is tried again at `retry_at`.
    Offline,
    /// Something has to be done first: see `problem`.
    Problem,
}

/// What the status bar shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SyncStatus {
    /// What syncing is at.
    pub state: SyncState,
    /// The relay's address.
    pub relay: Option<String>,
    /// The organisation's name at the relay.
    pub organisation: Option<String>,
    /// What the token may do there, as the relay said last; nothing where that is not known.
    pub role: Option<Role>,
    /// Profiles with changes that the relay does not have.
    pub pending: u64,
    /// Profiles with conflicts.
    pub conflicts: u64,
    /// Profiles with changes that the relay refused.
    pub rejected: u64,
    /// Profiles in the store.
    pub profiles: u64,
    /// The relay's revision up to which this replica has everything.
    pub rev: Option<u64>,
    /// Last moment at which nothing was left to exchange: RFC 3339, UTC.
    pub synced_at: Option<String>,
    /// Since when the relay cannot be reached: RFC 3339, UTC.
    pub offline_since: Option<String>,
    /// Profiles exchanged in the running session so far.
    pub exchanged: u64,
    /// At most so many profiles remain to be got from the relay, as far as it is known; a profile
    /// that changed several times since counts as often.
    pub remaining: u64,
    /// What keeps sync from going on.
    pub problem: Option<Problem>,
    /// The last time that this replica and the relay were found to differ, and were mended.
    pub repaired: Option<RepairReport>,
    /// Why everything is read from the relay once more, while it is.
    pub rereading: Option<Rereading>,
}

/// What a token may do at the relay. Front ends offer by it; the relay decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and writes.
    Analyst,
    /// Also erases for good.
    Admin,
}

impl Role {
    /// The role that a relay names; nothing for one that this program does not know.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "viewer" => Some(Self::Viewer),
            "analyst" => Some(Self::Analyst),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// Why everything is read from the relay once more. Nothing of this replica's own is lost by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rereading {
    /// The replica was away for longer than the relay keeps deletions.
    Forgotten,
    /// The relay began another history, as after a backup was restored.
    OtherHistory,
}

/// What was mended after this replica and the relay were found to hold different things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RepairReport {
    /// When: RFC 3339, UTC.
    pub at: String,
    /// Profiles here that the relay's took the place of.
    pub replaced: u64,
    /// Profiles with something that the relay had lost; it was sent again.
    pub offered: u64,
    /// The first of them.
    pub ids: Vec<String>,
}
