//! Who has which profile open.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Says which profile the window shows.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OpenProfile {
    /// The record's `id`; none where no profile is shown.
    pub id: Option<String>,
}

/// What others have open now, as far as the relay tells; empty without a connection to it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Presence {
    /// Profiles that somebody else has open, in the order of their ids.
    pub profiles: Vec<OpenElsewhere>,
}

/// A profile that somebody else has open.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OpenElsewhere {
    /// The record's `id`.
    pub id: String,
    /// Names of the people, each once, in order; at least one.
    pub people: Vec<String>,
}

impl std::fmt::Debug for OpenProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Who looks at what must never reach a log.
        f.debug_struct("OpenProfile").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Presence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presence").field("profiles", &self.profiles.len()).finish()
    }
}

impl std::fmt::Debug for OpenElsewhere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenElsewhere").finish_non_exhaustive()
    }
}
