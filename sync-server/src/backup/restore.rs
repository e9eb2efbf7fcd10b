//! `kartei-relay restore`: into an empty place, whole or not at all, with a new history.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use futures_util::TryStreamExt;
use kartei_backup::{FileEntry, Repository, Snapshot};
use kartei_blob_store::{BlobName, BlobStore};
use kartei_relay_store::RelayStore;
use tempfile::TempDir;

use super::erasures::Register;
use super::vault::Vault;
use super::{BLOBS, DATABASE, SQLITE, Subject};
use crate::admin::runtime;
use crate::storage::Storage;
use crate::uploads::OWN_KEY;
use crate::whole_file;

/// What is being restored lies in a folder with this at its beginning, in the data folder.
const UNFINISHED: &str = ".restoring-";

#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    vault: Vault,
    #[command(flatten)]
    storage: Storage,
    /// Which backup; the newest where none is named.
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
}

pub(crate) fn restore(options: &Restore) -> Result<()> {
    let data = options.storage.embedded("restore")?;
    make_empty(data)?;
    let folder = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(data);
    let folder = folder.with_context(|| format!("write in {}", data.display()))?;
    let (snapshot, subject, register) = runtime()?.block_on(fetch(options, &folder))?;

    let damages = RelayStore::embedded_damages(folder.path())?;
    if let Some(first) = damages.first() {
        bail!(
            "the database of {} is damaged ({first}); nothing was restored. Take another backup",
            snapshot.id
        );
    }
    let store = RelayStore::open(folder.path())?;
    for organisation in store.organisations()? {
        // Segments are not in backups, and replicas must not believe revisions that are given twice.
        store.drop_chain(organisation.id)?;
        let epoch = store.begin_epoch(organisation.id)?;
        println!("{}: a new history, {epoch}", organisation.name);
    }
    register.apply(&store)?;
    // Its log becomes part of the file.
    drop(store);
    put_in_place(folder, data)?;

    println!("{} is restored into {}.", snapshot.id, data.display());
    println!("Start the relay: replicas compare what they have, and send what the backup lacked.");
    if !subject.operator_key {
        println!("The operator's key was not in the backup: name it with --key-file.");
    }
    println!("{}", register.advice());
    println!(
        "Tokens that were revoked after the backup are valid again: revoke them again as well."
    );
    for blob in register.unreadable() {
        eprintln!("`{blob}` is damaged: erasures that it alone notes were not done again.");
    }
    Ok(())
}

/// Refuses a folder that something is in. What an attempt left that was broken off does not count.
fn make_empty(data: &Path) -> Result<()> {
    make_private(data).with_context(|| format!("make {}", data.display()))?;
    for entry in fs::read_dir(data).with_context(|| format!("read {}", data.display()))? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            bail!(
                "{} is not empty, and nothing there was touched; name an empty folder, or move away \
                 what is in it",
                data.display()
            );
        }
        fs::remove_dir_all(entry.path())
            .with_context(|| format!("remove {}", entry.path().display()))?;
    }
    Ok(())
}

/// A folder that nobody else may look into; one that is there stays as it is.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

async fn fetch(options: &Restore, folder: &TempDir) -> Result<(Snapshot, Subject, Register)> {
    let repository = options.vault.open().await?;
    let snapshot = match &options.snapshot {
        Some(id) => repository.named(id).await?,
        None => repository.newest().await?,
    };
    let subject: Subject = serde_json::from_value(snapshot.subject.clone()).with_context(|| {
        format!("{} is of something that this program does not know", snapshot.id)
    })?;
    if subject.engine != SQLITE {
        bail!("{} is of a database that this program does not restore", snapshot.id);
    }
    let known = RelayStore::embedded_format();
    if subject.format > known {
        bail!(
            "{} has format {}, this program knows formats up to {known}: restore it with version {} \
             or newer",
            snapshot.id,
            subject.format,
            snapshot.program
        );
    }
    let files = repository.files(&snapshot).await?;
    if !files.iter().any(|file| file.path == DATABASE) {
        bail!("{} has no database", snapshot.id);
    }
    let blobs = match options.storage.named_blobs()? {
        Some(blobs) => blobs,
        None => BlobStore::open("", &folder.path().join(BLOBS))?,
    };
    for file in &files {
        match file.path.strip_prefix(BLOBS).and_then(|rest| rest.strip_prefix('/')) {
            Some(name) => put_blob(&repository, file, &BlobName::new(name)?, &blobs).await?,
            None if [DATABASE, OWN_KEY].contains(&file.path.as_str()) => {
                put_file(&repository, file, folder.path()).await?;
            }
            None => bail!("{} has `{}`, which is no file of a relay", snapshot.id, file.path),
        }
    }
    let register = Register::read(&repository).await?;
    Ok((snapshot, subject, register))
}

/// Writes a file that only who runs this may read, and flushes it to the disk.
async fn put_file(repository: &Repository, file: &FileEntry, folder: &Path) -> Result<()> {
    let path = folder.join(&file.path);
    let made = tempfile::Builder::new().prefix(".file-").tempfile_in(folder)?;
    let mut to = tokio::fs::File::from_std(made.reopen()?);
    repository.copy_to(file, &mut to).await?;
    to.sync_all().await.with_context(|| format!("write {}", path.display()))?;
    made.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// Writes a blob. One that is there, in a store that outlived the relay, stays where it is the same.
async fn put_blob(
    repository: &Repository,
    file: &FileEntry,
    name: &BlobName,
    blobs: &BlobStore,
) -> Result<()> {
    let Some(found) = blobs.find(name).await? else {
        blobs.put_stream(name, repository.read(file)).await?;
        return Ok(());
    };
    let is_same = found.size_bytes == file.bytes && {
        let mut hasher = blake3::Hasher::new();
        let mut pieces = blobs.get_stream(name, None).await?.bytes;
        while let Some(piece) = pieces.try_next().await? {
            hasher.update(&piece);
        }
        hasher.finalize().to_hex().as_str() == file.digest
    };
    if !is_same {
        bail!(
            "the blob `{name}` is in {} already, and is another one; it was left as it is. Name an \
             empty place with --blob-url",
            blobs.place()
        );
    }
    Ok(())
}

/// Moves what is complete to where the relay looks for it; the database last, which makes it a relay's
/// folder.
fn put_in_place(folder: TempDir, data: &Path) -> Result<()> {
    let move_up = |name: &str| -> Result<()> {
        let from: PathBuf = folder.path().join(name);
        if from.exists() {
            fs::rename(&from, data.join(name))
                .with_context(|| format!("move {name} into place"))?;
        }
        Ok(())
    };
    for name in [BLOBS, OWN_KEY, DATABASE] {
        move_up(name)?;
    }
    whole_file::flush_names(data)?;
    folder.close().with_context(|| format!("tidy up {}", data.display()))
}
