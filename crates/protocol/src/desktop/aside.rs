//! Profiles that stand apart: those that are deleted, and those that the relay refused.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FieldChange;
use crate::problem::Problem;

/// Asks for a part of a list whose order is its own, the last one first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListPart {
    /// How many to pass over.
    pub offset: u64,
    /// How many at most; at most 1,000.
    pub limit: u32,
}

/// A deleted profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeletedProfile {
    /// The record's `id`.
    pub id: String,
    /// The record's `display_name`.
    pub display_name: Option<String>,
    /// When this store learnt of the deletion: RFC 3339, UTC.
    pub deleted_at: String,
    /// Whether the relay does not know of it yet.
    pub pending: bool,
    /// The profile that it was merged into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub became: Option<String>,
}

/// A deleted profile that somebody asks for by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deletion {
    /// The record's `id`.
    pub id: String,
    /// The record's `display_name`.
    pub display_name: Option<String>,
    /// Who deleted it, where that is known.
    pub by: Option<String>,
    /// When it was deleted, or when this store learnt of it: RFC 3339, UTC.
    pub at: String,
    /// Whether it was deleted on this device.
    pub mine: bool,
    /// The profile that it was merged into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub became: Option<String>,
}

/// Deleted profiles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeletedProfiles {
    /// The last one first.
    pub rows: Vec<DeletedProfile>,
    /// How many there are in all.
    pub total: u64,
}

/// A profile of which the relay refused something. It is kept here as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RejectedProfile {
    /// The record's `id`.
    pub id: String,
    /// The record's `display_name`.
    pub display_name: Option<String>,
    /// Why.
    pub problem: Problem,
    /// When: RFC 3339, UTC.
    pub at: String,
    /// Whether the profile is deleted here: it is the deletion that was refused.
    pub deleted: bool,
}

/// Profiles of which the relay refused something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RejectedProfiles {
    /// The last one first.
    pub rows: Vec<RejectedProfile>,
    /// How many there are in all.
    pub total: u64,
}

/// Names a refused profile, or all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SendAgain {
    /// The record's `id`; none for all.
    pub id: Option<String>,
}

/// A refused profile beside the relay's state of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RelaysProfile {
    /// The record's `id`.
    pub id: String,
    /// Whether the relay has the profile at all.
    pub known: bool,
    /// Whether it is deleted there.
    pub deleted: bool,
    /// Changes here that the relay does not have: what taking its state gives up.
    pub changes: u64,
    /// What differs from the relay's record to the one here.
    pub fields: Vec<FieldChange>,
}
