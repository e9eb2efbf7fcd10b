//! What is done after a profile was erased (docs/adr/0012), and what is told of it.
//!
//! The transaction that erases leaves a row that is not finished. [`clean`] takes every trace out of the
//! archives of imports and out of the database's free space, and finishes the row. It begins anew from
//! the rows wherever it was broken off, and may run in several relays at once.

mod archives;
mod requests;
mod results;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use kartei_blob_store::BlobStore;
use kartei_profile::Instant;
use kartei_relay_store::{Erasure, OrgId, RelayStore, RelayStoreError};
use kartei_sync_core::ErasedId;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use requests::without_erased;
pub(crate) use results::names_erased;

use crate::admin::now;
use crate::serve::Relay;

/// Imports that ended broken may leave something with a relay that died: looked for so often.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// Where something was in the way (an import that runs, a reader of the database) it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// A device that may have had what was erased.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasureDevice {
    /// Its token's name.
    name: String,
    /// When it confirmed that it has erased the profile too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    confirmed_at: Option<String>,
    /// Whether its token was revoked: it cannot come back and confirm.
    revoked: bool,
}

/// What is known of an erased profile. Its id is nowhere any more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasureReport {
    /// Its revision in the organisation's order.
    revision: u64,
    /// HMAC-SHA256 of the id under a key that only the relay and its replicas have, in hex.
    hash: String,
    #[schema(format = DateTime)]
    at: String,
    /// The token's name.
    by: String,
    /// How many files were attached to the profile. They are files still, attached to nobody.
    attachments: u64,
    /// How many devices have still to confirm.
    outstanding: u64,
    /// Those that read the organisation's profiles before it was erased.
    devices: Vec<ErasureDevice>,
    /// When it had gone from archives of imports and from free space in the database as well; absent
    /// while that is being done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    archives_clean_at: Option<String>,
}

/// All erasures of an organisation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasureList {
    /// Newest first.
    pub(crate) erasures: Vec<ErasureReport>,
}

impl std::fmt::Display for ErasureReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} erased at {} by {}", self.hash, self.at, self.by)?;
        if self.attachments > 0 {
            write!(f, "; {} attached files were detached", self.attachments)?;
        }
        match &self.archives_clean_at {
            Some(at) => write!(f, "; archives clean since {at}")?,
            None => f.write_str("; archives are being cleaned")?,
        }
        for device in &self.devices {
            write!(f, "\n  {}: ", device.name)?;
            match (&device.confirmed_at, device.revoked) {
                (Some(at), _) => write!(f, "confirmed {at}")?,
                (None, true) => f.write_str("its token was revoked, it cannot confirm")?,
                (None, false) => f.write_str("has still to confirm")?,
            }
        }
        Ok(())
    }
}

fn moment(millis: i64) -> String {
    Instant::from_unix_millis(millis).map(|instant| instant.to_string()).unwrap_or_default()
}

/// What is told of an erasure.
pub(crate) fn report(
    store: &RelayStore,
    org: OrgId,
    erasure: &Erasure,
) -> Result<ErasureReport, RelayStoreError> {
    let devices: Vec<ErasureDevice> = store
        .erasure_devices(org, erasure)?
        .into_iter()
        .map(|device| ErasureDevice {
            name: device.name,
            confirmed_at: device.confirmed_at.map(moment),
            revoked: device.revoked,
        })
        .collect();
    let outstanding = devices.iter().filter(|device| device.confirmed_at.is_none()).count();
    Ok(ErasureReport {
        revision: erasure.rev,
        hash: erasure.hash.to_string(),
        at: moment(erasure.at),
        by: erasure.by.clone(),
        attachments: erasure.attachments,
        outstanding: outstanding as u64,
        devices,
        archives_clean_at: erasure.finished_at.map(moment),
    })
}

/// What is told of all erasures.
pub(crate) fn list(store: &RelayStore, org: OrgId) -> Result<ErasureList, RelayStoreError> {
    let erasures = store.erasures(org, 0, u64::MAX)?;
    let reports: Result<Vec<_>, _> =
        erasures.iter().rev().map(|erasure| report(store, org, erasure)).collect();
    Ok(ErasureList { erasures: reports? })
}

/// Removes all traces of what was erased. Answers whether none is left; it is to be called again
/// otherwise. Blocks: not for the event loop, but called within a runtime.
pub(crate) fn clean(store: &RelayStore, blobs: &BlobStore) -> Result<bool> {
    let mut all = true;
    let mut waiting = Vec::new();
    for org in store.unfinished_erasures()? {
        let (erasures, is_clean) = clean_of(store, blobs, org)?;
        if is_clean {
            let open = erasures.into_iter().filter(|erasure| erasure.finished_at.is_none());
            waiting.extend(open.map(|erasure| (org, erasure)));
        } else {
            all = false;
        }
    }
    if waiting.is_empty() {
        return Ok(all);
    }
    if !store.scrub()? {
        return Ok(false);
    }
    for (org, erasure) in waiting {
        store.finish_erasure(org, &erasure, now())?;
    }
    Ok(all)
}

/// Removes what an organisation's archives say of those who were erased; answers all erasures, and whether nothing is left.
pub(crate) fn clean_of(
    store: &RelayStore,
    blobs: &BlobStore,
    org: OrgId,
) -> Result<(Vec<Erasure>, bool)> {
    let erasures = store.erasures(org, 0, u64::MAX)?;
    let Some(key) = store.erasure_key(org)? else { return Ok((erasures, true)) };
    // Every one, not only those that wait: a body may have brought an old one in again.
    let hashes: HashSet<ErasedId> = erasures.iter().map(|erasure| erasure.hash).collect();
    let names_erased = |id: &str| hashes.contains(&key.hash(id));
    let last = erasures.iter().map(|erasure| erasure.at).max().unwrap_or_default();
    let is_clean = archives::clean(store, blobs, org, last, &names_erased)?;
    Ok((erasures, is_clean))
}

/// Cleans up at the start, after each erasure, and now and then, for as long as the relay runs.
pub(crate) async fn keep_clean(relay: Arc<Relay>) {
    let mut stopping = relay.stopping();
    loop {
        let worker = Arc::clone(&relay);
        let done = tokio::task::spawn_blocking(move || worker.with(clean)).await;
        let pause = match done.context("clean up after erasures").and_then(|done| done) {
            Ok(true) => LOOK_EVERY,
            Ok(false) => TRY_AGAIN,
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "Traces of erased profiles are still to be removed"
                );
                TRY_AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = relay.erased().notified() => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}
