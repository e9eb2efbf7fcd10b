//! Commands of the administrator, on the relay's own database.

mod organisations;
mod tokens;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use kartei_blob_store::BlobStore;
use kartei_relay_store::{ADMINISTRATOR, Author, Erased, RelayStore, Usage};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::runtime::{Builder, Runtime};

use crate::erasure;
use crate::sealing;
use crate::storage::Storage;

/// Variables that say which account a command is run by, the best first.
const ACCOUNT: [&str; 4] = ["SUDO_USER", "USER", "LOGNAME", "USERNAME"];

/// Who works at the relay's own machine, for the audit: `administrator`, with the name of the account that the
/// shell tells. Whoever can run this can say something else there, as they can change the database.
pub(crate) fn administrator() -> String {
    let is_name = |name: &String| {
        !name.is_empty() && name.len() <= 64 && !name.contains(|c: char| c.is_control() || c == ')')
    };
    let told = ACCOUNT.into_iter().filter_map(|variable| std::env::var(variable).ok());
    match told.into_iter().find(is_name) {
        Some(account) => format!("{ADMINISTRATOR} ({account})"),
        None => ADMINISTRATOR.to_owned(),
    }
}

#[derive(Subcommand)]
pub(crate) enum AdminCommand {
    /// Organisations.
    Org {
        #[command(subcommand)]
        command: organisations::OrgCommand,
    },
    /// Erases a profile for good. A serving relay tells it to the devices and cleans its archives;
    /// this command does that too.
    Erase {
        /// The profile's id.
        id: String,
        /// Also where no profile has this id: for traces in refused lines of imports. Without it a
        /// wrong id is told rather than closed for ever.
        #[arg(long)]
        unknown: bool,
        /// The organisation's name.
        #[arg(long)]
        org: String,
        /// A file with the operator's key, as `serve` has it: 64 hex digits. A relay's own folder has one where none is
        /// named. Profiles that lie sealed are read with it.
        #[arg(long, env = "KARTEI_KEY_FILE", value_name = "FILE")]
        key_file: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Lists what was erased, and which devices have still to confirm.
    Erasures {
        /// The organisation's name.
        #[arg(long)]
        org: String,
        #[command(flatten)]
        place: Place,
    },
    /// How much an organisation's files may take up.
    Quota {
        #[command(subcommand)]
        command: QuotaCommand,
    },
    /// Tokens of devices.
    Token {
        #[command(subcommand)]
        command: tokens::TokenCommand,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Place {
    #[command(flatten)]
    pub(crate) storage: Storage,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum QuotaCommand {
    /// Sets it. What is there stays, also above it.
    Set {
        /// The organisation's name.
        #[arg(long)]
        org: String,
        /// Bytes that its files and uploads may take up together.
        #[arg(long, required_unless_present = "unlimited", conflicts_with = "unlimited")]
        bytes: Option<u64>,
        /// As much as there is room for.
        #[arg(long)]
        unlimited: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Shows it, and what is taken.
    Show {
        /// The organisation's name.
        #[arg(long)]
        org: String,
        #[command(flatten)]
        place: Place,
    },
}

/// What drives a command's requests to stores.
///
/// # Errors
/// Where the system gives no threads.
pub(crate) fn runtime() -> Result<Runtime> {
    Builder::new_multi_thread().enable_all().build().context("start the runtime")
}

/// Milliseconds since 1970, by this machine's clock.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn run(command: AdminCommand) -> Result<()> {
    match command {
        AdminCommand::Org { command } => organisations::run(command)?,
        AdminCommand::Erase { id, unknown, org, key_file, place } => {
            let (store, blobs, _) = sealing::open(&place.storage, key_file.as_deref())?;
            erase(&id, unknown, &org, &place, (&*store, &blobs))?;
        }
        AdminCommand::Erasures { org, place } => {
            let store = place.storage.open()?;
            let org = store.organisation(&org)?.id;
            let list = erasure::list(&store, org)?;
            if place.json {
                println!("{}", serde_json::to_string(&list)?);
            } else {
                list.erasures.iter().for_each(|report| println!("{report}"));
            }
        }
        AdminCommand::Quota { command: QuotaCommand::Set { org, bytes, unlimited: _, place } } => {
            let store = place.storage.open()?;
            let org = store.organisation(&org)?.id;
            show_usage(&store.set_quota(org, &administrator(), bytes)?, &place);
        }
        AdminCommand::Quota { command: QuotaCommand::Show { org, place } } => {
            let store = place.storage.open()?;
            show_usage(&store.usage(store.organisation(&org)?.id)?, &place);
        }
        AdminCommand::Token { command } => tokens::run(command)?,
    }
    Ok(())
}

/// A moment as people read it; as it is kept where no calendar has it.
pub(crate) fn moment(millis: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    let read = moment.ok().and_then(|at| at.replace_nanosecond(0).ok()?.format(&Rfc3339).ok());
    read.unwrap_or_else(|| millis.to_string())
}

/// Names are what people wrote: they do not begin a line of their own.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn show_usage(usage: &Usage, place: &Place) {
    let Usage { used, reserved, quota, files, open } = *usage;
    if place.json {
        let shown = serde_json::json!({
            "used": used,
            "reserved": reserved,
            "quota": quota,
            "files": files,
            "open_uploads": open,
        });
        println!("{shown}");
        return;
    }
    match quota {
        Some(quota) => println!("Quota: {quota} bytes, {} of them free", usage.free()),
        None => println!("Quota: none"),
    }
    println!("Used: {used} bytes in {files} files");
    println!("Reserved: {reserved} bytes for {open} uploads that have not ended");
    if quota.is_some_and(|quota| used > quota) {
        println!(
            "More is used than the quota allows: nothing can be uploaded until files are deleted."
        );
    }
}

fn erase(
    id: &str,
    unknown: bool,
    org: &str,
    place: &Place,
    (store, blobs): (&RelayStore, &BlobStore),
) -> Result<()> {
    let org = store.organisation(org)?.id;
    let author = Author { name: administrator(), now: now() };
    let erasure = match store.erase(org, &author, id, unknown)? {
        Erased::Now(erasure) | Erased::Before(erasure) => erasure,
        Erased::Missing => {
            bail!("there is no profile `{id}`; --unknown erases what lines of imports say of it")
        }
    };
    let runtime = runtime()?;
    let within = runtime.enter();
    let is_clean = erasure::clean(store, blobs)?;
    drop(within);
    let erasure = store.erasure_of(org, id)?.unwrap_or(erasure);
    let report = erasure::report(store, org, &erasure)?;
    if place.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    if !is_clean {
        eprintln!("Something is in use; a serving relay removes what is left by itself.");
    }
    Ok(())
}
