//! The database of a backup, put into a folder as an embedded one: its file, or what its rows make.

use std::fs;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result, bail};
use kartei_backup::{FileEntry, Repository, Snapshot};
use kartei_relay_store::RelayStore;

use super::{DATABASE, POSTGRES, ROWS, SQLITE, Subject};

/// What a backup is of; refused where this program cannot bring it back.
pub(super) fn subject(snapshot: &Snapshot) -> Result<Subject> {
    let id = &snapshot.id;
    let subject: Subject = serde_json::from_value(snapshot.subject.clone())
        .with_context(|| format!("{id} is of something that this program does not know"))?;
    if ![SQLITE, POSTGRES].contains(&subject.engine.as_str()) {
        bail!("{id} is of a database that this program does not restore");
    }
    let known = RelayStore::embedded_format();
    if subject.format > known {
        bail!(
            "{id} has format {}, this program knows formats up to {known}: restore it with version {} \
             or newer",
            subject.format,
            snapshot.program
        );
    }
    Ok(subject)
}

/// Puts the database among the files of a backup into a folder that has none.
pub(super) async fn place(
    repository: &Repository,
    files: &[FileEntry],
    subject: &Subject,
    folder: &Path,
) -> Result<()> {
    let wanted = if subject.rows.is_some() { ROWS } else { DATABASE };
    let Some(file) = files.iter().find(|file| file.path == wanted) else {
        bail!("the backup has no database")
    };
    put_file(repository, file, folder).await?;
    let Some(told) = subject.rows.clone() else { return Ok(()) };
    let (folder, format) = (folder.to_owned(), subject.format);
    tokio::task::spawn_blocking(move || {
        let path = folder.join(ROWS);
        let mut rows = BufReader::new(fs::File::open(&path)?);
        RelayStore::restore_rows(&folder, format, &told, &mut rows)?;
        fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))
    })
    .await?
}

/// Writes a file that only who runs this may read, and flushes it to the disk.
pub(super) async fn put_file(
    repository: &Repository,
    file: &FileEntry,
    folder: &Path,
) -> Result<()> {
    let path = folder.join(&file.path);
    let made = tempfile::Builder::new().prefix(".file-").tempfile_in(folder)?;
    let mut to = tokio::fs::File::from_std(made.reopen()?);
    repository.copy_to(file, &mut to).await?;
    to.sync_all().await.with_context(|| format!("write {}", path.display()))?;
    made.persist(&path).map_err(|error| error.error)?;
    Ok(())
}
