//! `kartei-relay admin org`: organisations, at the relay's own machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;
use kartei_protocol::admin::{OrganisationInfo, ProfilesLie};
use kartei_relay_store::{OperatorAct, Organisation, RelayStore};

use super::{Place, administrator, moment, now, one_line};
use crate::routes::organisation_told;
use crate::{sealing, uploads};

#[derive(Subcommand)]
pub(crate) enum OrgCommand {
    /// Creates an organisation.
    Create {
        /// Its name.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Lists the organisations of the relay.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Shows how large an organisation is, and what it takes up.
    Show {
        /// Its name.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Profiles of an organisation lie sealed with its key from now on: records and their history in the database, and
    /// archives of imports, reports, segments and results. A serving relay seals what was there; `show` says when all is.
    Seal {
        /// Its name.
        name: String,
        /// A file with the operator's key, as `serve` has it: 64 hex digits. A relay's own folder has one where none is
        /// named. Profiles that lie sealed are read with it.
        #[arg(long, env = "KARTEI_KEY_FILE", value_name = "FILE")]
        key_file: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// They lie open again.
    Unseal {
        /// Its name.
        name: String,
        /// A file with the operator's key, as `serve` has it: 64 hex digits. A relay's own folder has one where none is
        /// named. Profiles that lie sealed are read with it.
        #[arg(long, env = "KARTEI_KEY_FILE", value_name = "FILE")]
        key_file: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
}

pub(super) fn run(command: OrgCommand) -> Result<()> {
    match command {
        OrgCommand::Create { name, place } => {
            let store = place.storage.open()?;
            let organisation = store.create_organisation(&name, now())?;
            let made = OperatorAct::OrganisationCreated(&organisation.name);
            store.tell_of(organisation.id, &administrator(), made)?;
            if place.json {
                println!("{}", serde_json::json!({ "organisation": organisation.name }));
            } else {
                println!("Created the organisation `{}`.", organisation.name);
            }
        }
        OrgCommand::List { place } => {
            let store = place.storage.open()?;
            let seen = store.organisations()?.into_iter().map(|one| look(&store, one));
            let seen = seen.collect::<Result<Vec<_>>>()?;
            if place.json {
                println!("{}", serde_json::json!({ "organisations": seen }));
            } else {
                for OrganisationInfo { name, profiles, tokens, devices, .. } in &seen {
                    let name = one_line(name);
                    println!("{name}  {profiles} profiles, {tokens} tokens, {devices} devices");
                }
            }
        }
        OrgCommand::Show { name, place } => {
            let store = place.storage.open()?;
            let organisation = store.organisation(&name)?;
            let seen = look(&store, organisation)?;
            if place.json {
                println!("{}", serde_json::to_string(&seen)?);
            } else {
                show(&seen);
            }
        }
        OrgCommand::Seal { name, key_file, place } => {
            seal(&name, key_file.as_deref(), &place, true)?;
        }
        OrgCommand::Unseal { name, key_file, place } => {
            seal(&name, key_file.as_deref(), &place, false)?;
        }
    }
    Ok(())
}

fn seal(name: &str, key_file: Option<&Path>, place: &Place, asked: bool) -> Result<()> {
    let (store, _, operator) = sealing::open(&place.storage, key_file)?;
    let organisation = store.organisation(name)?;
    let operator = operator.context("name the operator's key with --key-file")?;
    uploads::own_key(&store, &operator, organisation.id)?;
    let changed = store.set_seal_wish(organisation.id, &administrator(), asked)?;
    let seen = look(&store, organisation)?;
    if place.json {
        println!("{}", serde_json::to_string(&seen)?);
    } else {
        let before = if changed { "from now on" } else { "as was said before" };
        println!("`{}`, {before}: {}", one_line(name), lying(seen.profiles_lie));
    }
    Ok(())
}

fn look(store: &RelayStore, organisation: Organisation) -> Result<OrganisationInfo> {
    Ok(organisation_told(store, organisation.id, organisation.name)?)
}

fn lying(profiles: ProfilesLie) -> &'static str {
    match profiles {
        ProfilesLie::Open => "profiles lie open",
        ProfilesLie::Sealing => {
            "profiles are written sealed, and a serving relay seals what was there"
        }
        ProfilesLie::Sealed => "profiles lie sealed",
        ProfilesLie::Opening => {
            "profiles are written open, and a serving relay opens what was there"
        }
    }
}

fn show(seen: &OrganisationInfo) {
    let OrganisationInfo { name, created_at, epoch, head_rev, profiles, deleted, .. } = seen;
    println!("{}, made {}", one_line(name), moment(*created_at));
    println!("History {epoch}, revision {head_rev}");
    println!("Profiles: {profiles}, and {deleted} deleted ones that devices are still told of");
    println!("At rest: {}", lying(seen.profiles_lie));
    println!("Tokens that hold: {}, {} of them of devices", seen.tokens, seen.devices);
    let files = seen.files;
    println!("Files: {} of {} bytes", files.files, files.used);
    println!("Uploads: {} open, {} bytes reserved", files.open_uploads, files.reserved);
    match files.quota {
        Some(quota) => println!("Quota: {quota} bytes"),
        None => println!("Quota: none"),
    }
}
