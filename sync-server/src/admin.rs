//! Commands of the administrator, on the relay's own database.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::{Args, Subcommand};
use kartei_relay_store::Role;

use crate::storage::Storage;

#[derive(Subcommand)]
pub(crate) enum AdminCommand {
    /// Organisations.
    Org {
        #[command(subcommand)]
        command: OrgCommand,
    },
    /// Tokens of devices.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
}

#[derive(Args)]
pub(crate) struct Place {
    #[command(flatten)]
    storage: Storage,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
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
