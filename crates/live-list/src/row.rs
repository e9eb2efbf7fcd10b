//! What a database tells of its profiles.

use kartei_index::Key;

/// A profile as it is in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Identifies it in the database; never used for another profile, and never `i64::MIN`.
    pub key: Key,
    /// The profile's id.
    pub id: String,
    /// The record as canonical JSON.
    pub text: String,
    /// How many of its fields are in conflict.
    pub conflicts: u32,
    /// When it was last changed, in milliseconds since 1970.
    pub changed_at: i64,
    /// The revision that changed it last.
    pub rev: u64,
}

/// A profile that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is so now.
    Put(Row),
    /// It is gone. Keys that the list never had may be named too.
    Removed(Key),
}

impl Change {
    /// The key of the profile.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Put(row) => row.key,
            Self::Removed(key) => *key,
        }
    }
}
