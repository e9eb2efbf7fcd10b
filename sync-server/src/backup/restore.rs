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
use super::{BLOBS, DATABASE, ROWS, Subject, database};
use crate::admin::{administrator, runtime};
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
    let data = match (options.storage.database(), options.storage.data()) {
        (None, Some(data)) => data,
        (None, None) => bail!("say where the relay's data are to be: --data FOLDER"),
        (Some(_), _) => bail!(
            "`kartei-relay restore` makes an embedded database, of backups of either engine: restore into \
             a folder, and move that to an empty Postgres database with `kartei-relay migrate-store`"
        ),
    };
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
        let epoch = store.begin_epoch(organisation.id, &administrator())?;
        println!("{}: a new history, {epoch}", organisation.name);
    }
    register.apply(&store)?;
    // Its log becomes part of the file.
    drop(store);
    put_in_place(folder, data)?;

    println!("{} is restored into {}.", snapshot.id, data.display());
    if subject.rows.is_some() {
        println!(
            "It was served from Postgres. To serve it from there again, first move it to an empty \
             database: kartei-relay migrate-store --from-data {0} --to-data {0} with \
             KARTEI_TO_DATABASE_URL.",
            data.display()
        );
    }
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
    let subject = database::subject(&snapshot)?;
    let files = repository.files(&snapshot).await?;
    database::place(&repository, &files, &subject, folder.path()).await?;
    let blobs = match options.storage.named_blobs()? {
        Some(blobs) => blobs,
        None => BlobStore::open("", &folder.path().join(BLOBS))?,
    };
    for file in &files {
        match file.path.strip_prefix(BLOBS).and_then(|rest| rest.strip_prefix('/')) {
            Some(name) => put_blob(&repository, file, &BlobName::new(name)?, &blobs).await?,
            None if file.path == OWN_KEY => {
                database::put_file(&repository, file, folder.path()).await?;
            }
            None if [DATABASE, ROWS].contains(&file.path.as_str()) => {}
            None => bail!("{} has `{}`, which is no file of a relay", snapshot.id, file.path),
        }
    }
    let register = Register::read(&repository).await?;
    Ok((snapshot, subject, register))
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
