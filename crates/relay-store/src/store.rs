//! Opening the relay's database.

use std::path::Path;

use kartei_profile::RecordSchema;

use crate::engine::Engine;
use crate::error::RelayStoreError;
use crate::postgres::{Migrated, Postgres};
use crate::sealed::Vault;
use crate::sqlite::Sqlite;

/// The relay's profiles, organisations and tokens, on one of two engines.
#[derive(Debug)]
pub struct RelayStore {
    pub(crate) schema: RecordSchema,
    pub(crate) engine: Vault,
}

impl RelayStore {
    /// Opens the embedded database in `folder`, creating both where they are missing.
    ///
    /// # Errors
    /// [`RelayStoreError::Open`], [`RelayStoreError::TooNew`] or a failure of SQLite.
    pub fn open(folder: &Path) -> Result<Self, RelayStoreError> {
        Ok(Self::on(Box::new(Sqlite::open(folder)?)))
    }

    /// Connects to a Postgres database (`postgres://role@host/database`).
    ///
    /// # Errors
    /// [`RelayStoreError::Connect`]; [`RelayStoreError::TooOld`] where it is not migrated,
    /// [`RelayStoreError::TooNew`] where it knows this program no longer;
    /// [`RelayStoreError::UnsafeRole`].
    pub fn connect(url: &str) -> Result<Self, RelayStoreError> {
        Ok(Self::on(Box::new(Postgres::open(url)?)))
    }

    /// Brings a Postgres database to this program's format, as its owner, and gives `relay_role` the
    /// rights that a relay needs.
    ///
    /// # Errors
    /// [`RelayStoreError::Connect`], [`RelayStoreError::TooNew`], [`RelayStoreError::OtherStep`] or a
    /// failure; the database is as it was then.
    pub fn migrate(url: &str, relay_role: Option<&str>) -> Result<Migrated, RelayStoreError> {
        Postgres::migrate(url, relay_role)
    }

    /// The schema of its records.
    #[must_use]
    pub fn schema(&self) -> &RecordSchema {
        &self.schema
    }

    fn on(engine: Box<dyn Engine>) -> Self {
        Self { schema: RecordSchema::user_profile_v1(), engine: Vault::new(engine) }
    }
}
