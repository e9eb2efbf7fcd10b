//! `kartei-relay migrate-store`: a stopped relay's database and bytes to another place, whole, with the same
//! history ([ADR 34](../../docs/adr/0034-both-engines-give-and-take-the-same-rows.md), docs/s3-migration.md).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Args;
use futures_util::TryStreamExt;
use kartei_blob_store::{BlobName, BlobStore};
use kartei_relay_store::{Beside, Place, PortableSource, PortableTable, RelayStore};
use sha2::{Digest, Sha256};

use crate::admin::runtime;
use crate::storage::{DATABASE, MOVING, Storage, UNFINISHED, is_passing};
use crate::uploads::{OWN_KEY, hex};
use crate::whole_file;

/// A database that is being written lies in a folder with this at its beginning.
const WORK: &str = ".moving-";

/// After so many blobs it is told how far the move is.
const TOLD_EVERY: usize = 500;

#[derive(Debug, Args)]
pub(crate) struct MigrateStore {
    /// The folder that the relay was served with.
    #[arg(long, value_name = "FOLDER")]
    from_data: Option<PathBuf>,
    /// The Postgres database that it was served with, as its owner or as the relay's role.
    #[arg(long, env = "KARTEI_FROM_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    from_database_url: Option<String>,
    /// Where its bytes are, as it was served with.
    #[arg(long, env = "KARTEI_FROM_BLOB_URL", value_name = "URL")]
    from_blob_url: Option<String>,
    /// The folder that it will be served with.
    #[arg(long, value_name = "FOLDER")]
    to_data: Option<PathBuf>,
    /// The Postgres database that it will be served with, empty, as its owner.
    #[arg(long, env = "KARTEI_TO_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    to_database_url: Option<String>,
    /// Where its bytes will be. What is the same on both sides stays where it is.
    #[arg(long, env = "KARTEI_TO_BLOB_URL", value_name = "URL")]
    to_blob_url: Option<String>,
    /// The role that relays connect as to the Postgres database; it gets the rights that they need.
    #[arg(long, value_name = "NAME")]
    relay_role: Option<String>,
    /// Reads everything, says what would be moved, and writes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Blobs of a store: their names and sizes.
type Listed = BTreeMap<String, u64>;

pub(crate) fn run(options: &MigrateStore) -> Result<()> {
    let side = |data: &Option<PathBuf>, database: &Option<String>, blobs: &Option<String>| {
        Storage::named(data.clone(), database.clone(), blobs.clone())
    };
    let from = side(&options.from_data, &options.from_database_url, &options.from_blob_url);
    let to = side(&options.to_data, &options.to_database_url, &options.to_blob_url);
    let (source, target) = (from.place("--from-…")?, to.place("--to-…")?);
    let is_database = !is_same(source, target);
    let is_blobs = from.blob_place() != to.blob_place();
    if !is_database && !is_blobs {
        bail!("both sides name the same places: there is nothing to move");
    }
    if from.blob_place().is_none() || to.blob_place().is_none() {
        bail!("say where large bytes are on both sides: a folder, or an address of blobs");
    }
    if !options.dry_run && ends_what_was_whole(target)? {
        println!("Everything was there, and compared, when the move before broke off.");
        return Ok(());
    }
    let mut rows = PortableSource::open(source, Beside::Nobody)?;
    if is_database {
        look_at_target(target)?;
    }
    let runtime = runtime()?;
    if options.dry_run {
        if is_database {
            tell_tables(&rows.tally()?);
        }
        if is_blobs {
            let listed = runtime.block_on(list(&from.blobs()?))?;
            println!("{} blobs, {} bytes", listed.len(), listed.values().sum::<u64>());
        }
        println!("Nothing was written.");
        return Ok(());
    }

    let mark = BlobName::new(MOVING)?;
    if is_blobs {
        let named = rows.blobs()?;
        let (a, b) = (from.blobs()?, to.blobs()?);
        runtime.block_on(move_blobs(&a, &b, &mark, &named))?;
    }
    if is_database {
        begin(target, options.relay_role.as_deref())?;
    }
    keep_operator_key(&from, &to)?;
    if is_blobs {
        // From here on the database's mark keeps relays away, where that is moved too.
        runtime.block_on(async { to.blobs()?.delete(&mark).await.map_err(anyhow::Error::from) })?;
    }
    if is_database {
        let moved = move_database(rows, target)?;
        tell_tables(&moved);
        println!("All tables have the same rows on both sides.");
    }
    println!("Moved. Serve it from there, and leave the old place as it is until you are sure.");
    Ok(())
}

/// Refuses a store of bytes that is being moved to.
pub(crate) async fn check_finished(blobs: &BlobStore) -> Result<()> {
    if blobs.find(&BlobName::new(MOVING)?).await?.is_some() {
        bail!(
            "a move of bytes to {} has not ended: run `kartei-relay migrate-store` again",
            blobs.place()
        );
    }
    Ok(())
}

fn is_same(a: Place<'_>, b: Place<'_>) -> bool {
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match (a, b) {
        (Place::Folder(a), Place::Folder(b)) => whole(a) == whole(b),
        (Place::Postgres(a), Place::Postgres(b)) => a == b,
        _ => false,
    }
}

fn look_at_target(target: Place<'_>) -> Result<()> {
    match target {
        Place::Postgres(url) => Ok(RelayStore::look_portable(url)?),
        Place::Folder(folder) => {
            let database = folder.join(DATABASE);
            if database.exists() {
                bail!("there is a relay's database in {} already", folder.display());
            }
            Ok(())
        }
    }
}

/// Whether a folder's database was put in place before, and only the mark is left; that goes then.
fn ends_what_was_whole(target: Place<'_>) -> Result<bool> {
    let Place::Folder(folder) = target else { return Ok(false) };
    let mark = folder.join(UNFINISHED);
    let is_whole = folder.join(DATABASE).exists() && mark.exists();
    if is_whole {
        fs::remove_file(&mark).with_context(|| format!("remove {}", mark.display()))?;
    }
    Ok(is_whole)
}

/// Marks the target, so that nobody serves it before everything is there.
fn begin(target: Place<'_>, relay_role: Option<&str>) -> Result<()> {
    match target {
        Place::Postgres(url) => Ok(RelayStore::begin_portable(url, relay_role)?),
        Place::Folder(folder) => {
            fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
            fs::write(folder.join(UNFINISHED), "A move into this folder has not ended.\n")
                .with_context(|| format!("write in {}", folder.display()))?;
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with(WORK) {
                    fs::remove_dir_all(entry.path())?;
                }
            }
            Ok(())
        }
    }
}

/// The database last: with it, compared, the move is done.
fn move_database(rows: PortableSource, target: Place<'_>) -> Result<Vec<PortableTable>> {
    let mut current = String::new();
    let mut progress = |table: &str, moved: u64| {
        if table != current {
            table.clone_into(&mut current);
            eprintln!("{moved} rows; {table} …");
        }
    };
    let Place::Folder(folder) = target else { return Ok(rows.move_to(target, &mut progress)?) };
    let work = tempfile::Builder::new().prefix(WORK).tempdir_in(folder)?;
    let moved = rows.move_to(Place::Folder(work.path()), &mut progress)?;
    fs::File::open(work.path().join(DATABASE))?.sync_all()?;
    fs::rename(work.path().join(DATABASE), folder.join(DATABASE))?;
    whole_file::flush_names(folder)?;
    fs::remove_file(folder.join(UNFINISHED))?;
    Ok(moved)
}

async fn list(blobs: &BlobStore) -> Result<Listed> {
    let mut listed = Listed::new();
    let mut entries = blobs.list(None);
    while let Some(entry) = entries.try_next().await? {
        if !is_passing(entry.name.as_str()) {
            listed.insert(entry.name.as_str().to_owned(), entry.size_bytes);
        }
    }
    Ok(listed)
}

/// Copies every blob, and looks at the end whether each is there: with its size, and with its content where
/// its name is a digest of it.
async fn move_blobs(
    from: &BlobStore,
    to: &BlobStore,
    mark: &BlobName,
    named: &[String],
) -> Result<()> {
    let (all, there) = (list(from).await?, list(to).await?);
    // What an earlier attempt left is kept; anything else is somebody's.
    if let Some((name, _)) = there.iter().find(|(name, size)| all.get(*name) != Some(size)) {
        bail!("{} is not empty: `{name}` is there. Nothing was touched", to.place());
    }
    if to.find(mark).await?.is_none() {
        to.put_bytes(mark, Bytes::from_static(b"unfinished")).await?;
    }
    for (count, name) in all.keys().filter(|name| !there.contains_key(*name)).enumerate() {
        if count % TOLD_EVERY == 0 {
            eprintln!("{} of {} blobs …", there.len() + count, all.len());
        }
        let name = BlobName::new(name.as_str())?;
        to.put_stream(&name, from.get_stream(&name, None).await?.bytes).await?;
    }
    let arrived = list(to).await?;
    if let Some((name, _)) = all.iter().find(|(name, size)| arrived.get(*name) != Some(size)) {
        bail!("`{name}` did not arrive in {}", to.place());
    }
    let mut digests = 0;
    for name in all.keys() {
        digests += usize::from(is_of_its_name(to, name).await?);
    }
    let bytes: u64 = all.values().sum();
    println!(
        "{} blobs, {bytes} bytes are there; {digests} have the digest of their name.",
        all.len()
    );
    for name in named.iter().filter(|name| !all.contains_key(*name)) {
        eprintln!("The database names the blob `{name}`, which was not there before the move.");
    }
    Ok(())
}

/// Whether a name is a digest, which the bytes have. Sealed bytes go as they lie, and have another one.
async fn is_of_its_name(blobs: &BlobStore, name: &str) -> Result<bool> {
    let digest = name.rsplit('/').next().unwrap_or(name);
    if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(false);
    }
    let mut pieces = blobs.get_stream(&BlobName::new(name)?, None).await?.bytes;
    let (mut sha, mut blake) = (Sha256::new(), blake3::Hasher::new());
    while let Some(piece) = pieces.try_next().await? {
        sha.update(&piece);
        blake.update(&piece);
    }
    // A name of as many digits that is no digest at all was given by chance.
    Ok(hex(&sha.finalize()) == digest || blake.finalize().to_hex().as_str() == digest)
}

/// The operator's key goes along where it lies in the data folder, and is never replaced.
fn keep_operator_key(from: &Storage, to: &Storage) -> Result<()> {
    let Some(own) = from.data().map(|folder| folder.join(OWN_KEY)).filter(|path| path.is_file())
    else {
        return Ok(());
    };
    if let Some(path) = to.data().map(|folder| folder.join(OWN_KEY)) {
        let key = fs::read(&own).with_context(|| format!("read {}", own.display()))?;
        if !whole_file::write_new(&path, &key)? && fs::read(&path)? != key {
            bail!("{} is another operator's key, and was left as it is", path.display());
        }
    }
    if to.own_folder().is_none() {
        let path = to.data().map_or(own, |folder| folder.join(OWN_KEY));
        println!("Serve it with --key-file {}: files cannot be read without.", path.display());
    }
    Ok(())
}

fn tell_tables(tables: &[PortableTable]) {
    for table in tables {
        let digest = hex(&table.digest);
        println!("{:24} {:>10} rows  {}", table.name, table.rows, digest.get(..16).unwrap_or(""));
    }
}
