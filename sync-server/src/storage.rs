//! Which database the relay keeps its profiles in.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use kartei_blob_store::BlobStore;
use kartei_relay_store::{Place, RelayStore};

use crate::metrics::Watched;

/// A folder of its own, or a Postgres that several relays share.
#[derive(Debug, Args)]
pub(crate) struct Storage {
    /// Folder with the embedded database.
    #[arg(long, env = "KARTEI_RELAY_DATA", value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// A Postgres database instead of the embedded one: postgres://ROLE@HOST/DATABASE. The password
    /// can be in a file that `KARTEI_DATABASE_PASSWORD_FILE` names.
    #[arg(long, env = "KARTEI_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Where large bytes go: s3://BUCKET?endpoint=…, or file:///FOLDER. Without it a folder beside the
    /// embedded database.
    #[arg(long, env = "KARTEI_BLOB_URL", value_name = "URL")]
    blob_url: Option<String>,
}

/// The folder of bytes, in the data folder.
const BLOBS: &str = "blobs";

/// The embedded database, in the data folder.
pub(crate) const DATABASE: &str = "relay.sqlite";

/// A file that is in a data folder while something is moved there.
pub(crate) const UNFINISHED: &str = "move-unfinished";

/// A blob that is there while bytes are moved into a store.
pub(crate) const MOVING: &str = "kartei-moving/unfinished";

/// Whether a blob belongs to what has not ended, and goes nowhere else: ends of uploads, which begin anew, what asks whether a
/// store works, the mark of a move.
pub(crate) fn is_passing(blob: &str) -> bool {
    ["tails/", "kartei-probe/", "kartei-moving/"].iter().any(|prefix| blob.starts_with(prefix))
}

impl Storage {
    /// A place as it is named by other options than its own.
    pub(crate) fn named(
        data: Option<PathBuf>,
        database_url: Option<String>,
        blob_url: Option<String>,
    ) -> Self {
        Self { data, database_url, blob_url }
    }

    pub(crate) fn data(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    /// The address of the Postgres database.
    pub(crate) fn database(&self) -> Option<&str> {
        self.database_url.as_deref()
    }

    /// Where bytes are, for telling two places apart.
    pub(crate) fn blob_place(&self) -> Option<String> {
        let whole = |path: PathBuf| path.canonicalize().unwrap_or(path).display().to_string();
        self.blob_folder().map(whole).or_else(|| self.blob_url.clone())
    }

    pub(crate) fn blobs(&self) -> Result<BlobStore> {
        match (&self.blob_url, &self.data) {
            (Some(url), data) => {
                let staging = data.clone().unwrap_or_else(std::env::temp_dir).join(BLOBS);
                Ok(BlobStore::open(url, &staging)?)
            }
            (None, Some(folder)) => Ok(BlobStore::open("", &folder.join(BLOBS))?),
            (None, None) => bail!(
                "say where large bytes go: --blob-url s3://… (several relays share a bucket), or \
                 --data FOLDER"
            ),
        }
    }

    /// The folder that only this relay uses, where nothing is shared.
    pub(crate) fn own_folder(&self) -> Option<&Path> {
        match (&self.database_url, &self.blob_url) {
            (None, None) => self.data.as_deref(),
            _ => None,
        }
    }

    /// Folders of this machine whose disks may fill, and what they hold.
    pub(crate) fn watched(&self) -> Vec<Watched> {
        let database = self.data.clone().filter(|_| self.database_url.is_none());
        let database = database.map(|folder| ("database", folder));
        let blobs = self.blob_folder().map(|folder| ("blobs", folder));
        database.into_iter().chain(blobs).collect()
    }

    /// The folder of bytes, where they lie in one that can be told.
    pub(crate) fn blob_folder(&self) -> Option<PathBuf> {
        match &self.blob_url {
            None => self.data.as_ref().map(|folder| folder.join(BLOBS)),
            Some(url) => url.strip_prefix("file://").map(PathBuf::from),
        }
    }

    /// The store of bytes that is named, where one is.
    pub(crate) fn named_blobs(&self) -> Result<Option<BlobStore>> {
        self.blob_url.as_ref().map(|_| self.blobs()).transpose()
    }

    /// Where the database is. `words` are the options that say so.
    pub(crate) fn place(&self, words: &str) -> Result<Place<'_>> {
        match (self.database(), self.data()) {
            (Some(url), _) => Ok(Place::Postgres(url)),
            (None, Some(folder)) => Ok(Place::Folder(folder)),
            (None, None) => bail!("say where the database is with {words}"),
        }
    }

    pub(crate) fn open(&self) -> Result<RelayStore> {
        match (&self.database_url, &self.data) {
            (Some(url), _) => Ok(RelayStore::connect(url)?),
            (None, Some(folder)) => {
                if folder.join(UNFINISHED).exists() {
                    bail!(
                        "a move into {} has not ended: run `kartei-relay migrate-store` again",
                        folder.display()
                    );
                }
                Ok(RelayStore::open(folder)?)
            }
            (None, None) => bail!(
                "say where the profiles are: --data FOLDER for the embedded database, or \
                 --database-url postgres://…"
            ),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// The database, as its owner: postgres://OWNER@HOST/DATABASE.
    #[arg(long, env = "KARTEI_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: String,
    /// The role that relays connect as. It gets the rights that they need, and owns nothing.
    #[arg(long, value_name = "NAME")]
    relay_role: Option<String>,
}

pub(crate) fn migrate(options: &Migrate) -> Result<()> {
    let done = RelayStore::migrate(&options.database_url, options.relay_role.as_deref())?;
    if done.from == done.to {
        println!("The database has format {} already.", done.to);
    } else {
        println!("The database went from format {} to {}.", done.from, done.to);
    }
    if let Some(role) = &options.relay_role {
        println!("The role `{role}` may serve it.");
    }
    Ok(())
}
