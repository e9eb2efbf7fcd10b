//! Backups of a relay: making, listing, verifying, forgetting, restoring
//! ([ADR 31](../../../docs/adr/0031-a-backup-is-sealed-chunks-and-a-list.md),
//! [ADR 35](../../../docs/adr/0035-a-backup-of-postgres-is-its-rows.md), docs/backup.md).

mod database;
mod erasures;
mod look;
mod make;
mod restore;
mod vault;

pub(crate) use look::{Backups, Forget, Verify, backups, forget, verify};
pub(crate) use make::{Backup, backup};
pub(crate) use restore::{Restore, restore};
pub(crate) use vault::{MakeKey, make_key};

use kartei_relay_store::DumpedRows;
use serde::{Deserialize, Serialize};

use crate::storage::DATABASE;

/// What blobs are called in a backup: this, a slash, and their own name.
const BLOBS: &str = "blobs";

/// What a backup is of.
#[derive(Debug, Serialize, Deserialize)]
struct Subject {
    engine: String,
    format: i64,
    /// What the rows of a Postgres database are, which are in it instead of a database's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rows: Option<DumpedRows>,
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

/// The engine whose file is in a backup.
const SQLITE: &str = "sqlite";

/// The engine whose rows are in a backup.
const POSTGRES: &str = "postgres";

/// What the rows of a Postgres database are called in a backup.
const ROWS: &str = "rows";
