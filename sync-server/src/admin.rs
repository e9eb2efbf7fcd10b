//! Commands of the administrator, on the relay's own database.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use kartei_relay_store::{Author, Erased, Role, Usage};
use tokio::runtime::{Builder, Runtime};

use crate::erasure;
use crate::storage::Storage;

#[derive(Subcommand)]
pub(crate) enum AdminCommand {
    /// Organisations.
    Org {
        #[command(subcommand)]
        command: OrgCommand,
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
        command: TokenCommand,
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
pub(crate) enum OrgCommand {
    /// Creates an organisation.
    Create {
        /// Its name.
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Creates a token and prints it: it is shown this once and stored hashed.
    Create {
        /// The organisation's name.
        #[arg(long)]
        org: String,
        /// viewer, analyst or admin.
        #[arg(long)]
        role: Role,
        /// Whose token it is; colleagues see the name beside changes.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Revokes all tokens of a name, for good.
    Revoke {
        /// The organisation's name.
        #[arg(long)]
        org: String,
        /// Whose tokens.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        place: Place,
    },
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

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn run(command: AdminCommand) -> Result<()> {
    match command {
        AdminCommand::Org { command: OrgCommand::Create { name, place } } => {
            let organisation = place.storage.open()?.create_organisation(&name, now())?;
            if place.json {
                println!("{}", serde_json::json!({ "organisation": organisation.name }));
            } else {
                println!("Created the organisation `{}`.", organisation.name);
            }
        }
        AdminCommand::Erase { id, unknown, org, place } => erase(&id, unknown, &org, &place)?,
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
            store.set_quota(org, bytes)?;
            show_usage(&store.usage(org)?, &place);
        }
        AdminCommand::Quota { command: QuotaCommand::Show { org, place } } => {
            let store = place.storage.open()?;
            show_usage(&store.usage(store.organisation(&org)?.id)?, &place);
        }
        AdminCommand::Token { command: TokenCommand::Revoke { org, name, place } } => {
            let store = place.storage.open()?;
            let revoked = store.revoke_token(store.organisation(&org)?.id, &name, now())?;
            if revoked == 0 {
                bail!("there is no token `{name}` that is not revoked");
            }
            if place.json {
                println!("{}", serde_json::json!({ "revoked": revoked }));
            } else {
                println!("Tokens of `{name}` that were revoked: {revoked}.");
            }
        }
        AdminCommand::Token { command: TokenCommand::Create { org, role, name, place } } => {
            let store = place.storage.open()?;
            let organisation = store.organisation(&org)?;
            let token = store.create_token(organisation.id, role, &name, now())?;
            if place.json {
                println!("{}", serde_json::json!({ "token": token }));
            } else {
                println!("{token}");
                eprintln!("This token is shown once. `kartei login URL --token …` uses it.");
            }
        }
    }
    Ok(())
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

/// The name that stands beside what the administrator does.
pub(crate) const ADMINISTRATOR: &str = "administrator";

fn erase(id: &str, unknown: bool, org: &str, place: &Place) -> Result<()> {
    let (store, blobs) = (place.storage.open()?, place.storage.blobs()?);
    let org = store.organisation(org)?.id;
    let author = Author { name: ADMINISTRATOR.to_owned(), now: now() };
    let erasure = match store.erase(org, &author, id, unknown)? {
        Erased::Now(erasure) | Erased::Before(erasure) => erasure,
        Erased::Missing => {
            bail!("there is no profile `{id}`; --unknown erases what lines of imports say of it")
        }
    };
    let runtime = runtime()?;
    let within = runtime.enter();
    let is_clean = erasure::clean(&store, &blobs)?;
    drop(within);
    let erasure = store.erasure_of(org, id)?.unwrap_or(erasure);
    let report = erasure::report(&store, org, &erasure)?;
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
