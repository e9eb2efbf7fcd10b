//! The running relay.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use kartei_relay_store::{OrgId, RelayStore, RelayStoreError};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::problem::Failure;
use crate::routes;

/// What all requests share. The relay itself keeps nothing that the database does not: a notice
/// that is lost with a crash is made up for by the next poll.
#[derive(Debug)]
pub(crate) struct Relay {
    store: Arc<RelayStore>,
    heads: Mutex<HashMap<OrgId, watch::Sender<u64>>>,
    stopping: watch::Receiver<bool>,
}

impl Relay {
    /// Runs a query off the event loop.
    pub(crate) async fn store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&RelayStore) -> Result<T, RelayStoreError> + Send + 'static,
    ) -> Result<T, Failure> {
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        Ok(done.map_err(|e| Failure::internal(&e))??)
    }

    /// Tells connected replicas that the newest revision is this.
    pub(crate) fn announce(&self, org: OrgId, head_rev: u64) {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = heads.get(&org) {
            sender.send_if_modified(|head| {
                let newer = head_rev > *head;
                *head = head_rev.max(*head);
                newer
            });
        }
    }

    /// Follows the newest revision of an organisation, `head_rev` at this moment.
    pub(crate) fn follow(&self, org: OrgId, head_rev: u64) -> watch::Receiver<u64> {
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        heads.entry(org).or_insert_with(|| watch::channel(head_rev).0).subscribe()
    }

    /// Becomes `true` when the relay stops: endless answers end then.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.clone()
    }
}

/// Serves until a signal to stop.
pub(crate) fn run(listen: SocketAddr, data: &Path) -> Result<()> {
    let store = RelayStore::open(data)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")?
        .block_on(serve(listen, store))
}

async fn serve(listen: SocketAddr, store: RelayStore) -> Result<()> {
    let (stop, stopping) = watch::channel(false);
    let relay = Arc::new(Relay { store: Arc::new(store), heads: Mutex::default(), stopping });
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("listen on {listen}"))?;
    let address = listener.local_addr().context("read the listening address")?;
    println!("kartei-relay listening on http://{address}");
    tracing::info!(%address, "Relay is ready");
    axum::serve(listener, routes::router(relay))
        .with_graceful_shutdown(async move {
            stop_signal().await;
            tracing::info!("Relay stops");
            let _ = stop.send(true);
        })
        .await
        .context("serve")
}

#[cfg(unix)]
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn stop_signal() {
    let _ = tokio::signal::ctrl_c().await;
}
