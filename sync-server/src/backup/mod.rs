//! Backups of a relay with the embedded database: making, listing, verifying, forgetting, restoring
//! ([ADR 31](../../../docs/adr/0031-a-backup-is-sealed-chunks-and-a-list.md), docs/backup.md).

mod erasures;
mod look;
mod make;
mod restore;
mod vault;

pub(crate) use look::{Backups, Forget, Verify, backups, forget, verify};
pub(crate) use make::{Backup, backup};
pub(crate) use restore::{Restore, restore};
pub(crate) use vault::{MakeKey, make_key};

use serde::{Deserialize, Serialize};

use crate::storage::DATABASE;

/// What blobs are called in a backup: this, a slash, and their own name.
const BLOBS: &str = "blobs";

/// What a backup is of.
#[derive(Debug, Serialize, Deserialize)]
struct Subject {
    engine: String,
    format: i64,
    organisations: Vec<Organisation>,
    /// Whether the operator's key is in it.
    operator_key: bool,
    /// Blobs that the database names and that were not there.
    lacking: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Organisation {
    name: String,
    epoch: String,
    head_rev: u64,
}

/// The only engine that is backed up.
const SQLITE: &str = "sqlite";
