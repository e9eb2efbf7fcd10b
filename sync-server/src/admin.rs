//! Commands of the administrator, on the relay's own data folder.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::{Args, Subcommand};
use kartei_relay_store::{RelayStore, Role};

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
pub(crate) struct DataFolder {
    /// Folder with the embedded database.
    #[arg(long, env = "KARTEI_RELAY_DATA")]
    data: PathBuf,
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
        folder: DataFolder,
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
        folder: DataFolder,
    },
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn run(command: AdminCommand) -> Result<()> {
    match command {
        AdminCommand::Org { command: OrgCommand::Create { name, folder } } => {
            let organisation = RelayStore::open(&folder.data)?.create_organisation(&name, now())?;
            if folder.json {
                println!("{}", serde_json::json!({ "organisation": organisation.name }));
            } else {
                println!("Created the organisation `{}`.", organisation.name);
            }
        }
        AdminCommand::Token { command: TokenCommand::Create { org, role, name, folder } } => {
            let store = RelayStore::open(&folder.data)?;
            let organisation = store.organisation(&org)?;
            let token = store.create_token(organisation.id, role, &name, now())?;
            if folder.json {
                println!("{}", serde_json::json!({ "token": token }));
            } else {
                println!("{token}");
                eprintln!("This token is shown once. `kartei login URL --token …` uses it.");
            }
        }
    }
    Ok(())
}
