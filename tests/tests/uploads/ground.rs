//! What a relay stands on: a folder of its own, or Postgres and S3.

use anyhow::{Context, Result};
use kartei_test_support::{FaultProxy, Postgres, RelayHome, S3Kind, S3Server, Stage};

use super::fs;

/// Which storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The embedded database and a folder.
    Folder,
    /// What relays share: Postgres, and S3 behind a proxy.
    Shared(S3Kind),
}

/// A storage that runs. Dropping it ends it.
#[derive(Debug)]
pub(crate) enum Ground {
    Folder,
    Shared(Box<Shared>),
}

#[derive(Debug)]
pub(crate) struct Shared {
    /// Between the relay and S3.
    pub(crate) way: FaultProxy,
    pub(crate) s3: S3Server,
    _postgres: Postgres,
}

impl Ground {
    /// Starts it, with a place for relays on it.
    pub(crate) fn make(kind: Kind, stage: &Stage) -> Result<(Self, RelayHome)> {
        let Kind::Shared(kind) = kind else { return Ok((Self::Folder, stage.relay_home()?)) };
        let postgres = Postgres::start(false)?;
        let home = stage.relay_home_on(&postgres.database("uploads")?)?;
        let s3 = S3Server::start(kind)?;
        let way = FaultProxy::start(&[s3.address()], 3)?;
        let url = s3.url("a/prefix").replace(&s3.address().to_string(), &way.address().to_string());
        let key = stage.path("operator.key");
        fs::write(&key, "5e".repeat(32))?;
        let variable = |name| s3.variable(name).context("the server has credentials");
        let home = home.with(&[
            ("KARTEI_BLOB_URL", url.as_str()),
            ("KARTEI_KEY_FILE", &*key.to_string_lossy()),
            ("AWS_ACCESS_KEY_ID", variable("AWS_ACCESS_KEY_ID")?.as_str()),
            ("AWS_SECRET_ACCESS_KEY", variable("AWS_SECRET_ACCESS_KEY")?.as_str()),
        ]);
        Ok((Self::Shared(Box::new(Shared { way, s3, _postgres: postgres })), home))
    }

    /// The way to S3.
    pub(crate) fn shared(&self) -> Result<&Shared> {
        match self {
            Self::Shared(shared) => Ok(shared),
            Self::Folder => anyhow::bail!("a folder has no S3 behind it"),
        }
    }
}
