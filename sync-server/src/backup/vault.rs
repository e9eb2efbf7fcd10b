//! Where backups are, and their key.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use kartei_backup::{BackupKey, Repository};
use kartei_blob_store::BlobStore;

use crate::uploads::{bytes32, hex};
use crate::whole_file;

/// A variable with this before it counts for the place of backups alone.
const OWN: &str = "KARTEI_BACKUP_";

#[derive(Debug, Args)]
pub(crate) struct Vault {
    /// Where backups are: file:///FOLDER, or s3://BUCKET/PREFIX?endpoint=… with nothing else in it.
    /// Credentials of S3 are read from KARTEI_BACKUP_AWS_ACCESS_KEY_ID and so on, else from those
    /// without KARTEI_BACKUP_.
    #[arg(long, env = "KARTEI_BACKUP_URL", value_name = "URL",
          value_parser = NonEmptyStringValueParser::new())]
    backups: String,
    /// A file with the key of backups: 64 hex digits, as `kartei-relay backup-key` makes it. It is not the
    /// operator's key. Without it no backup can be read, by nobody.
    #[arg(long, env = "KARTEI_BACKUP_KEY_FILE", value_name = "FILE")]
    backup_key_file: PathBuf,
}

impl Vault {
    /// The folder of backups, where they are in one.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.backups.strip_prefix("file://").map(Path::new)
    }

    /// The key's bytes.
    pub(super) fn key_bytes(&self) -> Result<[u8; 32]> {
        read_key(&self.backup_key_file)
    }

    fn store(&self) -> Result<BlobStore> {
        let own = |variable: &str| std::env::var(format!("{OWN}{variable}")).ok();
        let is_own = ["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID_FILE"]
            .iter()
            .any(|variable| own(variable).is_some());
        let environment = |variable: &str| {
            // Never one half of one pair with the other half of another.
            let is_credential = variable.starts_with("AWS_") && !variable.ends_with("REGION");
            match own(variable) {
                None if is_own && is_credential => None,
                None => std::env::var(variable).ok(),
                found => found,
            }
        };
        let spool = std::env::temp_dir().join("kartei-backup");
        Ok(BlobStore::open_with(&self.backups, &spool, &environment)?)
    }

    /// The repository that is there.
    pub(super) async fn open(&self) -> Result<Repository> {
        Ok(Repository::open(self.store()?, BackupKey::from_bytes(self.key_bytes()?)).await?)
    }

    /// The repository, begun where nothing is there.
    pub(super) async fn open_or_begin(&self) -> Result<Repository> {
        let key = BackupKey::from_bytes(self.key_bytes()?);
        Ok(Repository::open_or_begin(self.store()?, key).await?)
    }
}

pub(super) fn read_key(path: &Path) -> Result<[u8; 32]> {
    let text = fs::read_to_string(path).with_context(|| {
        format!(
            "read the key of backups from {}; `kartei-relay backup-key FILE` makes one",
            path.display()
        )
    })?;
    match bytes32(text.trim()) {
        Some(bytes) => Ok(bytes),
        // The text may be nearly a key, so it is not repeated.
        None => bail!("{} holds no key: 64 hex digits are one", path.display()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct MakeKey {
    /// The file to make; one that is there is not touched.
    file: PathBuf,
}

/// `kartei-relay backup-key`: a new key in a file that nobody else may read.
pub(crate) fn make_key(options: &MakeKey) -> Result<()> {
    let path = &options.file;
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).context("ask the system for random bytes")?;
    if !whole_file::write_new(path, format!("{}\n", hex(&bytes)).as_bytes())? {
        bail!("{} is there already, and was left as it is", path.display());
    }
    println!("The key is in {}.", path.display());
    println!(
        "Keep copies of it away from this machine and from the backups: without it nobody can read \
         them, with it everybody can."
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_shown_to_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        make_key(&MakeKey { file: file.clone() }).unwrap();
        let bytes = read_key(&file).unwrap();
        let again = make_key(&MakeKey { file: file.clone() }).unwrap_err();
        assert!(again.to_string().contains("already"), "{again}");
        assert_eq!(read_key(&file).unwrap(), bytes);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0);
        }
        fs::write(&file, "hushhush").unwrap();
        let error = format!("{:#}", read_key(&file).unwrap_err());
        assert!(error.contains("64 hex digits") && !error.contains("hushhush"), "{error}");
    }
}
