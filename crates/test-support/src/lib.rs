//! Real processes for tests: the built programs, a relay on a free port, clients with data folders
//! of their own, and waiting for a state.
//!
//! Start at [`Stage`]. It finds the programs next to the running test, so they must have been
//! built before (`cargo xtask test` does; `cargo build --workspace` will do). This crate must not
//! know the product's crates: it sees what a person at a terminal sees.

mod answer;
mod client;
mod dice;
mod http;
mod postgres;
mod programs;
mod provider;
mod proxy;
mod receiver;
mod records;
mod relay;
mod s3;
mod signal;
mod trouble;
mod wait;
mod worker;

pub use answer::Answer;
pub use client::{Client, Running, settle};
pub use dice::Dice;
pub use http::{Events, Http, Opened, Reply, ServerEvent};
pub use postgres::{Database, Held, Postgres};
pub use programs::{program, repository};
pub use provider::{Provider, Signed};
pub use proxy::{FaultProxy, Tally, Weather};
pub use receiver::{Answered, Came, Receiver};
pub use records::{gunzipped, gzipped, lines_of, write_lines};
pub use relay::{Relay, RelayHome};
pub use s3::{S3Kind, S3Server, SilentPort, free_port, http_get, python_packages};
pub use wait::{pass, until, until_some};
pub use worker::Worker;

use anyhow::Result;
use tempfile::TempDir;

/// A folder for one test, with the clients and relays made in it. It goes with the test.
#[derive(Debug)]
pub struct Stage {
    folder: TempDir,
}

impl Stage {
    /// An empty stage.
    ///
    /// # Errors
    /// Where no temporary folder can be made.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("kartei-test-").tempdir()?;
        Ok(Self { folder })
    }

    /// A path inside the stage's folder.
    #[must_use]
    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Keeps the folder for somebody to look at, and answers where it is.
    pub fn keep(&mut self) -> &std::path::Path {
        self.folder.disable_cleanup(true);
        self.folder.path()
    }

    /// A client with a data folder of its own, which does not exist before its first command.
    ///
    /// # Errors
    /// Where the program `kartei` is not built.
    pub fn client(&self, name: &str) -> Result<Client> {
        Client::new(self.path(&format!("client-{name}")))
    }

    /// The folder of a relay, with an organisation `Test` and no token yet.
    ///
    /// # Errors
    /// Where the program `kartei-relay` is not built or cannot make the organisation.
    pub fn relay_home(&self) -> Result<RelayHome> {
        RelayHome::create(self.path("relay"), "Test")
    }

    /// A place for relays that share a Postgres database, with an organisation `Test`.
    ///
    /// # Errors
    /// As [`Stage::relay_home`], and where the database cannot be migrated.
    pub fn relay_home_on(&self, database: &Database) -> Result<RelayHome> {
        RelayHome::on_postgres(self.path("relay"), database, "Test")
    }
}
