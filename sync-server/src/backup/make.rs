//! `kartei-relay backup`: while the relay serves.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use bytes::{Bytes, BytesMut};
use clap::Args;
use futures_util::{Stream, TryStreamExt, stream};
use kartei_backup::{Cut, FILE_CHUNK_BYTES, PAGE_CHUNK_BYTES, Repository, Writer, Written};
use kartei_blob_store::{BlobEntry, BlobStore};
use kartei_relay_store::{
    Beside, CopiedOrganisation, DatabaseCopy, DumpedRows, OperatorAct, Place, PortableSource,
    RelayStore,
};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

use super::erasures;
use super::vault::{Vault, read_key};
use super::{BLOBS, DATABASE, Organisation, POSTGRES, ROWS, SQLITE, Subject};
use crate::admin::{administrator, now, runtime};
use crate::storage::{Storage, is_passing};
use crate::uploads::OWN_KEY;

/// The copy of the database lies in a folder with this at its beginning.
const COPY: &str = ".backup-";

/// Where a database's file and a key are cut.
const PAGES: Cut = Cut::Every(PAGE_CHUNK_BYTES);

/// Parts of rows that wait for the place of backups.
const PARTS_HELD: usize = 2;

/// A copy that is older was left by a program that died, and may have somebody in it who was erased since.
const COPY_AGE_MAX: Duration = Duration::from_hours(48);

/// Packed copies for new replicas, which are made again by themselves.
const MADE_AGAIN: &str = "segments/";

#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    vault: Vault,
    #[command(flatten)]
    storage: Storage,
    /// Folder for a copy of the embedded database while the backup is made, as large as the database; the
    /// data folder where none is named.
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// Only notes who was erased, so that restoring an older backup erases them again. It takes a moment,
    /// and can be done every few minutes.
    #[arg(long)]
    erasures_only: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn backup(options: &Backup) -> Result<()> {
    let place = options.storage.place("--data FOLDER or --database-url postgres://…")?;
    if let Place::Folder(data) = place
        && !data.join(DATABASE).is_file()
    {
        bail!("there is no relay's database in {}", data.display());
    }
    refuse_within(options)?;
    let store = options.storage.open()?;
    let (erased, count) = erasures::known(&store)?;
    if options.erasures_only {
        runtime()?.block_on(async {
            let repository = options.vault.open_or_begin().await?;
            note(&repository, &erased).await
        })?;
        match options.json {
            true => println!("{}", serde_json::json!({ "erasures": count })),
            false => println!("{count} erasures are noted beside the backups."),
        }
        return Ok(());
    }
    let blobs = options.storage.blobs()?;
    let written = runtime()?.block_on(make(options, place, &blobs, &erased))?;
    let id = written.snapshot.id.to_string();
    let act = OperatorAct::BackedUp(&id, written.snapshot.bytes);
    for organisation in store.organisations()? {
        store.tell_of(organisation.id, &administrator(), act)?;
    }
    tell(options, &written)
}

/// A backup within what it is of would be in the next one, and go with it.
fn refuse_within(options: &Backup) -> Result<()> {
    let data = options.storage.data();
    let Some(folder) = options.vault.folder() else { return Ok(()) };
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let own = [data.map(Path::to_owned), options.storage.blob_folder()];
    if own.iter().flatten().any(|own| absolute(folder).starts_with(absolute(own))) {
        bail!("{} is in the relay's own folder; name another place", folder.display());
    }
    let operator = data.map(|data| data.join(OWN_KEY)).filter(|path| path.is_file());
    if let Some(operator) = operator
        && read_key(&operator).ok() == Some(options.vault.key_bytes()?)
    {
        bail!("the key of backups is the operator's key; `kartei-relay backup-key` makes another");
    }
    Ok(())
}

async fn note(repository: &Repository, erased: &[u8]) -> Result<()> {
    repository.note(now(), erased).await?;
    Ok(())
}

async fn make(
    options: &Backup,
    place: Place<'_>,
    blobs: &BlobStore,
    erased: &[u8],
) -> Result<Written> {
    let repository = options.vault.open_or_begin().await?;
    note(&repository, erased).await?;
    let mut writer = repository.write(now()).await?;
    match fill(&mut writer, options, place, blobs).await {
        Ok(subject) => {
            let subject = serde_json::to_value(subject)?;
            Ok(writer.finish(env!("CARGO_PKG_VERSION"), subject).await?)
        }
        Err(error) => {
            // What went wrong first is what is to be told.
            let _ = writer.give_up().await;
            Err(error)
        }
    }
}

/// The database first, and then the blobs: one that comes between belongs to nobody in the copy, one that
/// goes between was nobody's any more when the copy was made, or went with an erasure.
async fn fill(
    writer: &mut Writer,
    options: &Backup,
    place: Place<'_>,
    blobs: &BlobStore,
) -> Result<Subject> {
    let (copy, rows) = match place {
        Place::Folder(data) => {
            let work = options.work.as_deref().unwrap_or(data);
            (add_file(writer, data, work).await?, None)
        }
        Place::Postgres(url) => {
            let (copy, rows) = add_rows(writer, url).await?;
            (copy, Some(rows))
        }
    };
    let operator_key = match options.storage.data() {
        Some(data) => add_key(writer, data).await?,
        None => false,
    };

    let mut entries: Vec<BlobEntry> = blobs.list(None).try_collect().await?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let mut there = HashSet::new();
    for entry in entries {
        let name = entry.name.as_str();
        if name.starts_with(MADE_AGAIN) || is_passing(name) {
            continue;
        }
        if add_blob(writer, blobs, &entry).await? {
            there.insert(name.to_owned());
        }
    }
    let lacking = copy.blobs.into_iter().filter(|name| !there.contains(name)).collect();
    let organisations = copy.organisations.into_iter().map(|one| {
        let CopiedOrganisation { name, epoch, head_rev } = one;
        Organisation { name, epoch, head_rev }
    });
    Ok(Subject {
        engine: if rows.is_some() { POSTGRES } else { SQLITE }.to_owned(),
        format: copy.format,
        rows,
        organisations: organisations.collect(),
        operator_key,
        lacking,
    })
}

/// Adds the embedded database: a copy of its file.
async fn add_file(writer: &mut Writer, data: &Path, work: &Path) -> Result<DatabaseCopy> {
    remove_left(work).with_context(|| format!("remove old copies from {}", work.display()))?;
    let folder = tempfile::Builder::new()
        .prefix(COPY)
        .tempdir_in(work)
        .with_context(|| format!("make a folder in {}", work.display()))?;
    let file = folder.path().join(DATABASE);
    let (from, to) = (data.to_owned(), file.clone());
    let copy = tokio::task::spawn_blocking(move || RelayStore::copy_embedded(&from, &to)).await??;
    writer.add(DATABASE, None, PAGES, pieces(File::open(&file).await?)).await?;
    folder.close().with_context(|| format!("remove a copy from {}", work.display()))?;
    Ok(copy)
}

/// Adds the rows of a Postgres database, of one moment, while relays serve it.
async fn add_rows(writer: &mut Writer, url: &str) -> Result<(DatabaseCopy, DumpedRows)> {
    let (give, taken) = mpsc::channel(PARTS_HELD);
    let url = url.to_owned();
    let dumped = tokio::task::spawn_blocking(move || {
        let source = PortableSource::open(Place::Postgres(&url), Beside::Others)?;
        source.dump(&mut |part| give.blocking_send(Bytes::from(part)).is_ok())
    });
    let parts = stream::unfold(taken, |mut taken| async move {
        taken.recv().await.map(|part| (Ok::<_, io::Error>(part), taken))
    });
    // Where the place of backups fails nobody takes the rows; where the database does they end early.
    writer.add(ROWS, None, Cut::AtPieces, parts).await?;
    Ok(dumped.await??)
}

/// Adds the operator's key; `false` where it is kept elsewhere.
async fn add_key(writer: &mut Writer, data: &Path) -> Result<bool> {
    match File::open(data.join(OWN_KEY)).await {
        Ok(file) => {
            writer.add(OWN_KEY, None, PAGES, pieces(file)).await?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("read {OWN_KEY}")),
    }
}

fn remove_left(work: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(work)? {
        let entry = entry?;
        let is_copy = entry.file_name().to_string_lossy().starts_with(COPY);
        let modified = entry.metadata().and_then(|about| about.modified());
        // What cannot be asked is another backup's that just ends.
        let is_old = modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > COPY_AGE_MAX));
        if is_copy && is_old {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Adds a blob; `false` where it has gone meanwhile.
async fn add_blob(writer: &mut Writer, blobs: &BlobStore, entry: &BlobEntry) -> Result<bool> {
    let path = format!("{BLOBS}/{}", entry.name);
    // A name that is written again has another moment.
    let since = entry.stored_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let stamp = since.as_nanos().to_string();
    if writer.keep(&path, entry.size_bytes, &stamp) {
        return Ok(true);
    }
    let reading = match blobs.get_stream(&entry.name, None).await {
        Ok(reading) => reading,
        Err(error) if error.is_not_found() => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    writer.add(&path, Some(stamp), Cut::Every(FILE_CHUNK_BYTES), reading.bytes).await?;
    Ok(true)
}

/// What a file holds, in pieces.
fn pieces(file: File) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold(file, |mut file| async move {
        let mut piece = BytesMut::with_capacity(PAGE_CHUNK_BYTES as usize);
        let read = file.read_buf(&mut piece).await?;
        Ok((read > 0).then(|| (piece.freeze(), file)))
    })
}

fn tell(options: &Backup, written: &Written) -> Result<()> {
    let snapshot = &written.snapshot;
    if options.json {
        let told = serde_json::json!({
            "id": snapshot.id,
            "files": snapshot.files,
            "bytes": snapshot.bytes,
            "new_chunks": written.new_chunks,
            "new_bytes": written.new_bytes,
            "subject": snapshot.subject,
        });
        println!("{told}");
    } else {
        println!(
            "Backup {}: {} files, {} bytes; {} bytes in {} chunks are new.",
            snapshot.id, snapshot.files, snapshot.bytes, written.new_bytes, written.new_chunks
        );
    }
    let subject: Subject = serde_json::from_value(snapshot.subject.clone())?;
    if !subject.operator_key {
        eprintln!(
            "The operator's key is not in the data folder, so not in the backup: keep it too."
        );
    }
    if !subject.lacking.is_empty() {
        eprintln!("Blobs that the database names are not there, so not in the backup:");
        subject.lacking.iter().for_each(|name| eprintln!("  {name}"));
        eprintln!("`kartei-relay files check` says which files are without their bytes.");
    }
    Ok(())
}
