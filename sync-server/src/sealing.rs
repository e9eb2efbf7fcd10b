//! Profiles that lie sealed where an organisation asks for it ([ADR 37](../../docs/adr/0037-profiles-can-lie-sealed.md)).
//!
//! ```text
//! operator's key ─▶ organisation's key ─┬▶ rows: records, documents, changes    (relay-store, `Vault`)
//!   (a file)          (wrapped, in the  └▶ a key of each blob: archives, reports, segments,
//!                      database)              results, cohorts                   (blob-store, `AtRest`)
//! admin org seal ─▶ the wish ─▶ what is written from now on
//!                         └──▶ [`keep_sealed`]: what was there, in a serving relay
//! ```

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use kartei_blob_store::{AtRest, BlobName, BlobStore, BoxError, SealKey};
use kartei_relay_store::{Keyring, OrgId, RelayStore, RelayStoreError, Resealing, RowSeal};
use tokio::runtime::Handle;

use crate::erasure;
use crate::jobs::{COHORTS, RESULTS};
use crate::rounds::Rounds;
use crate::serve::Relay;
use crate::storage::Storage;
use crate::uploads::{self, own_key, unwrap_key};

/// Below these lie blobs with people in them, each organisation's below its number. Uploaded files are sealed in their own
/// way, always.
const KINDS: [&str; 4] = ["imports", "reports", RESULTS, COHORTS];

const SEGMENTS: &str = "segments";

/// How often it is looked whether something does not lie as it should.
const EVERY: Duration = Duration::from_secs(3);

/// The operator's key, for the rows of all organisations.
#[derive(Debug)]
pub(crate) struct Operator(SealKey);

#[derive(Debug)]
struct OfOrg(SealKey);

impl Operator {
    pub(crate) fn new(key: SealKey) -> Arc<Self> {
        Arc::new(Self(key))
    }
}

impl Keyring for Operator {
    fn unwrap(&self, org: OrgId, wrapped: &[u8]) -> Option<Arc<dyn RowSeal>> {
        let key = unwrap_key(&self.0, org, wrapped).ok()?;
        Some(Arc::new(OfOrg(key)))
    }
}

impl RowSeal for OfOrg {
    fn seal(&self, bytes: &[u8], context: &[u8]) -> Option<Vec<u8>> {
        self.0.seal_bytes(bytes, context).ok()
    }

    fn open(&self, sealed: &[u8], context: &[u8]) -> Option<Vec<u8>> {
        self.0.open_bytes(sealed, context).ok()
    }
}

/// Keys for the blobs of organisations.
#[derive(Debug)]
struct OfBlobs {
    store: Arc<RelayStore>,
    operator: Option<SealKey>,
    orgs: Mutex<HashMap<String, OrgId>>,
}

impl OfBlobs {
    /// Whose a scope is (`imports/7`); nothing where there is no such organisation. Blocks.
    fn org(&self, scope: &str) -> Result<Option<OrgId>, RelayStoreError> {
        let Some((_, number)) = scope.split_once('/') else { return Ok(None) };
        let lock = || self.orgs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(org) = lock().get(number) {
            return Ok(Some(*org));
        }
        let all = self.store.organisations()?;
        lock().extend(all.into_iter().map(|one| (one.id.to_string(), one.id)));
        Ok(lock().get(number).copied())
    }

    fn key(&self, org: OrgId) -> Result<Arc<SealKey>, BoxError> {
        let operator = self.operator.as_ref().ok_or(RelayStoreError::Sealed)?;
        Ok(Arc::new(own_key(&self.store, operator, org)?))
    }
}

/// Somebody's keys, asked for off the event loop.
#[derive(Debug, Clone)]
struct Shared(Arc<OfBlobs>);

impl Shared {
    async fn ask<T: Send + 'static>(
        &self,
        scope: &str,
        work: impl FnOnce(&OfBlobs, &str) -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T, BoxError> {
        let (keys, scope) = (Arc::clone(&self.0), scope.to_owned());
        tokio::task::spawn_blocking(move || work(&keys, &scope)).await?
    }
}

impl AtRest for Shared {
    fn covers(&self, scope: &str) -> bool {
        let kind = scope.split_once('/').map(|(kind, _)| kind);
        kind.is_some_and(|kind| kind == SEGMENTS || KINDS.contains(&kind))
    }

    fn sealing<'a>(
        &'a self,
        scope: &'a str,
    ) -> BoxFuture<'a, Result<Option<Arc<SealKey>>, BoxError>> {
        Box::pin(self.ask(scope, |keys, scope| {
            let Some(org) = keys.org(scope)? else { return Ok(None) };
            let is_asked = keys.store.seal_wish(org)?.asked;
            is_asked.then(|| keys.key(org)).transpose()
        }))
    }

    fn opening<'a>(&'a self, scope: &'a str) -> BoxFuture<'a, Result<Arc<SealKey>, BoxError>> {
        Box::pin(self.ask(scope, |keys, scope| {
            let org = keys.org(scope)?.ok_or("it belongs to no organisation of this relay")?;
            keys.key(org)
        }))
    }
}

/// Both stores, in which what lies sealed is read and written like anything else; with the operator's key, where there
/// is one.
///
/// # Errors
/// Where one of them does not open, or the key's file has none.
pub(crate) fn open(
    storage: &Storage,
    key_file: Option<&Path>,
) -> Result<(Arc<RelayStore>, BlobStore, Option<SealKey>)> {
    let operator = uploads::operator(key_file, storage.own_folder())?;
    let (store, blobs) = (Arc::new(storage.open()?), storage.blobs()?);
    if let Some(operator) = &operator {
        store.unlock(Operator::new(operator.clone()));
    }
    let keys =
        OfBlobs { store: Arc::clone(&store), operator: operator.clone(), orgs: Mutex::default() };
    let blobs = blobs.sealing(Arc::new(Shared(Arc::new(keys))));
    Ok((store, blobs, operator))
}

/// The database alone, as [`open`] opens it.
///
/// # Errors
/// As `open`.
pub(crate) fn unlocked(storage: &Storage, key_file: Option<&Path>) -> Result<RelayStore> {
    let store = storage.open()?;
    if let Some(operator) = uploads::known_operator(key_file, storage.own_folder())? {
        store.unlock(Operator::new(operator));
    }
    Ok(store)
}

/// Brings what was there before a wish in line with it, for as long as the relay runs.
pub(crate) async fn keep_sealed(relay: Arc<Relay>) {
    let mut rounds = Rounds::every(EVERY, relay.stopping());
    while rounds.next().await {
        let worker = Arc::clone(&relay);
        let turned = tokio::task::spawn_blocking(move || round(&worker)).await;
        match turned.context("bring profiles in line").and_then(|turned| turned) {
            Ok(turned) => {
                for org in turned {
                    if relay.drop_segments(org).await.is_ok() {
                        finish(&relay, org).await;
                    }
                }
            }
            Err(error) => tracing::error!(
                error = format!("{error:#}"),
                "It is not known whether profiles lie as their organisations wished"
            ),
        }
    }
}

/// Notes that all is in line, unless something was written the other way meanwhile.
async fn finish(relay: &Arc<Relay>, org: OrgId) {
    let worker = Arc::clone(relay);
    let done = tokio::task::spawn_blocking(move || {
        let wish = worker.with(|store, _| store.seal_wish(org))?;
        // Relays believe for seconds what they knew of the wish before: a walk that found nothing ends it.
        if worker.with(|store, _| rows(&worker, store, org))? > 0
            || worker.stops()
            || !worker.with(|store, _| store.scrub())?
        {
            return Ok(());
        }
        worker.with(|store, _| store.settle_seal(org, wish.asked))?;
        tracing::info!(%org, sealed = wish.asked, "All profiles of an organisation lie as it wished");
        Ok::<_, RelayStoreError>(())
    });
    if let Ok(Err(error)) = done.await {
        tracing::error!(%error, "The database does not say how profiles lie");
    }
}

/// Walks through organisations whose wish is new; answers whose rows and blobs are in line by now.
fn round(relay: &Relay) -> Result<Vec<OrgId>> {
    relay.with(|store, blobs| {
        let mut turned = Vec::new();
        for organisation in store.organisations()? {
            if relay.stops() {
                break;
            }
            let org = organisation.id;
            match turn(relay, store, blobs, org) {
                Ok(true) => turned.push(org),
                Ok(false) => {}
                // One of them holds no other up.
                Err(error) => tracing::error!(
                    %org,
                    error = format!("{error:#}"),
                    "Profiles do not lie as their organisation wished"
                ),
            }
        }
        Ok(turned)
    })
}

/// Brings an organisation's rows and blobs in line; answers whether its wish is new and all were.
fn turn(relay: &Relay, store: &RelayStore, blobs: &BlobStore, org: OrgId) -> Result<bool> {
    let wish = store.seal_wish(org)?;
    if wish.settled {
        return Ok(false);
    }
    let count = rows(relay, store, org)?;
    let lying = KINDS.iter().map(|kind| in_line(relay, store, blobs, org, kind, wish.asked));
    let objects: u64 = lying.sum::<Result<u64>>()?;
    if count + objects > 0 {
        tracing::info!(%org, sealed = wish.asked, rows = count, blobs = objects, "Profiles were brought in line");
    }
    Ok(count + objects == 0 && !relay.stops())
}

/// Brings an organisation's rows in line; answers how many were not, of those that were looked at before the relay stops.
fn rows(relay: &Relay, store: &RelayStore, org: OrgId) -> Result<u64, RelayStoreError> {
    let (mut count, mut next) = (0, Some(Resealing::default()));
    while let Some(at) = next.filter(|_| !relay.stops()) {
        let (some, further) = store.reseal(org, at)?;
        (count, next) = (count + some, further);
    }
    Ok(count)
}

/// Brings an organisation's blobs of a kind in line; answers how many were not.
fn in_line(
    relay: &Relay,
    store: &RelayStore,
    blobs: &BlobStore,
    org: OrgId,
    kind: &str,
    sealed: bool,
) -> Result<u64> {
    let (handle, mut count) = (Handle::current(), 0);
    let below = BlobName::new(format!("{kind}/{org}"))?;
    for entry in handle.block_on(blobs.list(Some(&below)).try_collect::<Vec<_>>())? {
        if relay.stops() {
            break;
        }
        let before = newest_erasure(store, org)?;
        let rewritten = handle.block_on(async {
            if blobs.is_plain(&entry.name).await? != sealed {
                return Ok(false);
            }
            let bytes = blobs.get_stream(&entry.name, None).await?.bytes;
            blobs.put_stream(&entry.name, bytes).await?;
            Ok::<_, kartei_blob_store::BlobError>(true)
        });
        match rewritten {
            Ok(rewritten) => count += u64::from(rewritten),
            // Retention or an erasure was there first.
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error).context(format!("blob {}", entry.name)),
        }
        // Somebody was erased while it was read: what was written back may have them again.
        if newest_erasure(store, org)? != before {
            erasure::clean_of(store, blobs, org)?;
        }
    }
    Ok(count)
}

fn newest_erasure(store: &RelayStore, org: OrgId) -> Result<Option<u64>, RelayStoreError> {
    Ok(store.erasures(org, 0, u64::MAX)?.last().map(|erasure| erasure.rev))
}

#[cfg(test)]
mod tests {
    use kartei_relay_store::segment_folder;

    use super::*;

    #[test]
    fn segments_lie_where_they_are_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = RelayStore::open(folder.path()).unwrap();
        let org = store.create_organisation("Test", 1).unwrap().id;
        assert_eq!(segment_folder(org), format!("{SEGMENTS}/{org}"));
    }
}
