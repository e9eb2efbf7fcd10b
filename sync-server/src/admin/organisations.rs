//! `kartei-relay admin org`: organisations, at the relay's own machine.

use anyhow::Result;
use clap::Subcommand;
use kartei_protocol::admin::OrganisationInfo;
use kartei_relay_store::{Organisation, RelayStore};

use super::{Place, moment, now, one_line};
use crate::routes::organisation_told;

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
}

pub(super) fn run(command: OrgCommand) -> Result<()> {
    match command {
        OrgCommand::Create { name, place } => {
            let organisation = place.storage.open()?.create_organisation(&name, now())?;
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
            let seen = look(&store, store.organisation(&name)?)?;
            if place.json {
                println!("{}", serde_json::to_string(&seen)?);
            } else {
                show(&seen);
            }
        }
    }
    Ok(())
}

fn look(store: &RelayStore, organisation: Organisation) -> Result<OrganisationInfo> {
    Ok(organisation_told(organisation.name, store.overview(organisation.id, now())?))
}

fn show(seen: &OrganisationInfo) {
    let OrganisationInfo { name, created_at, epoch, head_rev, profiles, deleted, .. } = seen;
    println!("{}, made {}", one_line(name), moment(*created_at));
    println!("History {epoch}, revision {head_rev}");
    println!("Profiles: {profiles}, and {deleted} deleted ones that devices are still told of");
    println!("Tokens that hold: {}, {} of them of devices", seen.tokens, seen.devices);
    let files = seen.files;
    println!("Files: {} of {} bytes", files.files, files.used);
    println!("Uploads: {} open, {} bytes reserved", files.open_uploads, files.reserved);
    match files.quota {
        Some(quota) => println!("Quota: {quota} bytes"),
        None => println!("Quota: none"),
    }
}
