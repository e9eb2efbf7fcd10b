//! `kartei-relay backups`, `verify` and `forget`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use kartei_backup::{Damage, Snapshot, SnapshotId};
use kartei_profile::Instant;
use kartei_relay_store::{RelayStore, RelayStoreError};
use tempfile::TempDir;

use super::erasures::Register;
use super::vault::Vault;
use super::{DATABASE, Subject, database};
use crate::admin::{now, runtime};
use crate::sealing::Operator;
use crate::uploads::{self, OWN_KEY};

#[derive(Debug, Args)]
pub(crate) struct Backups {
    #[command(flatten)]
    vault: Vault,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn backups(options: &Backups) -> Result<()> {
    runtime()?.block_on(async {
        let repository = options.vault.open().await?;
        let (mut listed, mut damaged) = (Vec::new(), 0);
        for id in repository.ids().await? {
            match repository.load(&id).await {
                Ok(snapshot) if options.json => listed.push(as_json(&snapshot)),
                Ok(snapshot) => println!("{}", line(&snapshot)),
                Err(error) => {
                    damaged += 1;
                    eprintln!("{error}");
                }
            }
        }
        if options.json {
            println!("{}", serde_json::to_string(&listed)?);
        }
        if damaged > 0 {
            bail!("{damaged} backups cannot be read");
        }
        Ok(())
    })
}

fn moment(millis: i64) -> String {
    Instant::from_unix_millis(millis).map(|instant| instant.to_string()).unwrap_or_default()
}

fn as_json(snapshot: &Snapshot) -> serde_json::Value {
    serde_json::json!({
        "id": snapshot.id,
        "made_at": moment(snapshot.made_at),
        "program": snapshot.program,
        "files": snapshot.files,
        "bytes": snapshot.bytes,
        "subject": snapshot.subject,
    })
}

fn line(snapshot: &Snapshot) -> String {
    let mut text = format!(
        "{}  {}  {} files, {} bytes",
        snapshot.id,
        moment(snapshot.made_at),
        snapshot.files,
        snapshot.bytes
    );
    if let Ok(subject) = serde_json::from_value::<Subject>(snapshot.subject.clone()) {
        for one in subject.organisations {
            text.push_str(&format!("\n  {} at revision {}", one.name, one.head_rev));
        }
    }
    text
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    vault: Vault,
    /// One backup rather than all.
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
    /// Folder for the database while it is looked at, as large as the database; the system's for such
    /// things where none is named.
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
}

/// Fails where anything cannot be read back, after naming it.
pub(crate) fn verify(options: &Verify) -> Result<()> {
    let work = options.work.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::Builder::new().prefix("kartei-verify-").tempdir_in(&work);
    let folder = folder.with_context(|| format!("make a folder in {}", work.display()))?;
    let (mut damages, checked) = runtime()?.block_on(read_all(options, &folder))?;
    if let Some(id) = checked {
        let found = look_at(folder.path())?;
        if found.is_empty() {
            println!("The database of {id} is sound.");
        }
        damages.extend(found.into_iter().map(|found| format!("{DATABASE} of {id}: {found}")));
    }
    damages.iter().for_each(|damage| println!("  {damage}"));
    if !damages.is_empty() {
        bail!(
            "{} things cannot be read back. What is damaged and still there on the relay comes into \
             the next backup when the chunk that is named is deleted from the place of backups",
            damages.len()
        );
    }
    Ok(())
}

/// Reads everything; the damages, and the newest backup whose database is in the folder then.
async fn read_all(options: &Verify, folder: &TempDir) -> Result<(Vec<String>, Option<SnapshotId>)> {
    let repository = options.vault.open().await?;
    let ids = match &options.snapshot {
        Some(id) => vec![repository.named(id).await?.id],
        None => repository.ids().await?,
    };
    let verified = repository.verify(&ids).await?;
    println!(
        "{} backups, {} chunks with {} bytes were read.",
        verified.snapshots, verified.chunks, verified.bytes
    );
    let newest = ids.last().filter(|id| !is_hit(&verified.damages, id)).cloned();
    if let Some(id) = &newest {
        let snapshot = repository.load(id).await?;
        let (files, subject) = (repository.files(&snapshot).await?, database::subject(&snapshot)?);
        database::place(&repository, &files, &subject, folder.path()).await?;
        // Profiles that lie sealed are compared with it.
        if let Some(key) = files.iter().find(|file| file.path == OWN_KEY) {
            database::put_file(&repository, key, folder.path()).await?;
        }
    }
    let mut damages: Vec<String> = verified.damages.iter().map(Damage::to_string).collect();
    let register = Register::read(&repository).await?;
    damages.extend(register.unreadable().iter().map(|blob| format!("`{blob}` is damaged")));
    Ok((damages, newest))
}

fn is_hit(damages: &[Damage], id: &SnapshotId) -> bool {
    damages.iter().any(|damage| damage.snapshots.contains(id))
}

/// What is wrong with the database in a folder; its files are changed by looking.
fn look_at(folder: &Path) -> Result<Vec<String>> {
    let mut found = RelayStore::embedded_damages(folder)?;
    if !found.is_empty() {
        return Ok(found);
    }
    let store = RelayStore::open(folder)?;
    if folder.join(OWN_KEY).is_file()
        && let Some(operator) = uploads::operator(None, Some(folder))?
    {
        store.unlock(Operator::new(operator));
    }
    for organisation in store.organisations()? {
        let name = &organisation.name;
        let checked = match store.check(organisation.id, false, now()) {
            Err(RelayStoreError::Sealed) => {
                println!(
                    "{name}: its profiles lie sealed, and the operator's key is not in the backup: they were not compared."
                );
                continue;
            }
            checked => checked?,
        };
        found.extend(checked.findings.iter().map(|finding| {
            format!("{name}: {} ({}): {}", finding.message, finding.count, finding.ids.join(", "))
        }));
    }
    Ok(found)
}

#[derive(Debug, Args)]
pub(crate) struct Forget {
    #[command(flatten)]
    vault: Vault,
    /// How many backups stay, the newest; at least one.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    keep: u32,
}

pub(crate) fn forget(options: &Forget) -> Result<()> {
    runtime()?.block_on(async {
        let repository = options.vault.open().await?;
        let keep = usize::try_from(options.keep).unwrap_or(usize::MAX);
        let forgotten = repository.forget(keep).await?;
        forgotten.snapshots.iter().for_each(|id| println!("Forgot {id}."));
        println!(
            "Removed {} chunks that no backup needs any more, {} bytes.",
            forgotten.chunks, forgotten.bytes
        );
        Ok(())
    })
}
