//! Commands of the administrator for files and their keys.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use kartei_protocol::admin::{FileReadInfo, FileReads};
use kartei_relay_store::RelayStore;
use serde::Serialize;

use crate::admin::{Place as OrgPlace, administrator, moment, one_line, runtime};
use crate::limiter::Rates;
use crate::routes::read_told;
use crate::serve::Relay;
use crate::storage::Storage;
use crate::uploads::{self, UploadOptions};
use crate::webhooks::WebhookOptions;

#[derive(Subcommand)]
pub(crate) enum FilesCommand {
    /// Gives up uploads that have expired, and removes bytes that no file has any more. A serving relay does it by
    /// itself, every minute.
    Clean {
        /// Only says what would go.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Compares database and store: bytes that nobody has, files whose bytes are gone.
    Check {
        /// Removes what nobody has, marks what is lost, and gives out again what is there after all.
        #[arg(long)]
        mend: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Who read a file, the newest first; also of one that was deleted.
    Reads {
        /// The file's id.
        file: String,
        /// Whose it is.
        #[arg(long, value_name = "NAME")]
        org: String,
        /// How many reads are listed at most.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
        #[command(flatten)]
        place: OrgPlace,
    },
    /// Wraps the keys of all organisations with a new operator's key. No file is touched; relays are to be
    /// stopped meanwhile, and started with the new key.
    RotateKey {
        /// The file with the new key, 64 hex digits.
        #[arg(long, value_name = "FILE")]
        new: PathBuf,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Args)]
pub(crate) struct Place {
    #[command(flatten)]
    storage: Storage,
    #[command(flatten)]
    uploads: UploadOptions,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: FilesCommand) -> Result<()> {
    match command {
        FilesCommand::Clean { dry_run, place } => {
            let as_json = place.json;
            within(place, |relay| clean(relay, dry_run, as_json))
        }
        FilesCommand::Check { mend, place } => {
            let as_json = place.json;
            within(place, |relay| check(relay, mend, as_json))
        }
        FilesCommand::Reads { file, org, limit, place } => reads(&file, &org, limit, &place),
        FilesCommand::RotateKey { new, place } => rotate(&new, &place),
    }
}

fn reads(file: &str, org: &str, limit: usize, place: &OrgPlace) -> Result<()> {
    let store = place.storage.open()?;
    let org = store.organisation(org)?.id;
    let reads = store.reads(org, file, limit)?;
    if reads.is_empty() && store.file(org, file)?.is_none() {
        bail!("there is no file `{}`, and nobody read one", one_line(file));
    }
    let reads: Vec<FileReadInfo> = reads.into_iter().map(read_told).collect();
    if place.json {
        println!("{}", serde_json::to_string(&FileReads { reads })?);
        return Ok(());
    }
    for read in reads {
        println!("{}  bytes {} to {}  {}", moment(read.at), read.from, read.to, one_line(&read.by));
    }
    Ok(())
}

/// Does something with a relay that does not serve.
fn within<F: Future<Output = Result<()>>>(
    place: Place,
    work: impl FnOnce(Arc<Relay>) -> F,
) -> Result<()> {
    let (relay, ..) = Relay::new(
        &place.storage,
        place.uploads,
        Rates::default(),
        Vec::new(),
        WebhookOptions::default(),
    )?;
    runtime()?.block_on(work(Arc::new(relay)))
}

/// Its failures are in the log, with what caused them.
fn failed(what: &'static str) -> anyhow::Error {
    anyhow!("{what} failed; the lines above say why, and what was done before stays")
}

fn say(as_json: bool, what: &impl Serialize, text: String) -> Result<()> {
    println!("{}", if as_json { serde_json::to_string(what)? } else { text });
    Ok(())
}

async fn clean(relay: Arc<Relay>, dry_run: bool, as_json: bool) -> Result<()> {
    let cleaned = uploads::clean(&relay, dry_run).await.map_err(|_| failed("cleaning"))?;
    let verb = if dry_run { "Would remove" } else { "Removed" };
    let text = format!(
        "{verb} {} expired uploads, {} drafts without an upload, and {} contents without a file, {} bytes.",
        cleaned.expired_uploads, cleaned.drafts, cleaned.contents, cleaned.bytes
    );
    say(as_json, &cleaned, text)
}

async fn check(relay: Arc<Relay>, mend: bool, as_json: bool) -> Result<()> {
    let findings = uploads::check(&relay, mend).await.map_err(|_| failed("checking"))?;
    let mut text = format!("{} contents were looked at.", findings.contents);
    for (what, names) in [
        ("has no file or upload", &findings.orphans),
        ("is lost", &findings.lost),
        ("was lost and is there", &findings.found),
    ] {
        for name in names {
            text.push_str(&format!("\n  {name} {what}"));
        }
    }
    say(as_json, &findings, text)?;
    let fits = [&findings.orphans, &findings.lost, &findings.found].iter().all(|it| it.is_empty());
    if !fits && !mend {
        bail!("not everything fits together; `kartei-relay files check --mend` mends it");
    }
    Ok(())
}

fn rotate(new: &std::path::Path, place: &Place) -> Result<()> {
    let own = place.storage.own_folder();
    let old = uploads::operator(place.uploads.key_file.as_deref(), own)?;
    let old = old.context("name the present key with --key-file")?;
    let new = uploads::operator(Some(new), None)?.context("the new key is missing")?;
    let store: RelayStore = place.storage.open()?;
    let mut count = 0;
    for organisation in store.organisations()? {
        let Some(wrapped) = store.org_key(organisation.id)? else { continue };
        let Some(again) = uploads::rewrap(organisation.id, &wrapped, &old, &new) else {
            // A rotation that was broken off goes on where it was.
            if uploads::rewrap(organisation.id, &wrapped, &new, &new).is_some() {
                continue;
            }
            bail!("the key of `{}` was wrapped by neither key", organisation.name);
        };
        if !store.rewrap_org_key(organisation.id, &administrator(), &wrapped, &again)? {
            bail!("the key of `{}` changed meanwhile; run this again", organisation.name);
        }
        count += 1;
    }
    let advice = match own {
        Some(folder) if place.uploads.key_file.is_none() => {
            format!(" Put the new key into {}.", folder.join(uploads::OWN_KEY).display())
        }
        _ => " Name the new key with --key-file from now on.".to_owned(),
    };
    println!("The keys of {count} organisations are wrapped by the new key.{advice}");
    Ok(())
}
