//! The running relay.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::http::HeaderValue;
use axum::middleware::map_response;
use clap::Args;
use kartei_blob_store::BlobStore;
use kartei_live_list::Lists;
use kartei_profile::RecordSchema;
use kartei_relay_store::{OrgId, RelayStore};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Notify, Semaphore, watch};

use crate::admin::runtime;
use crate::cache::Cache;
use crate::erasure;
use crate::export::EXPORTS;
use crate::gate::Gate;
use crate::import::{Running, take_up};
use crate::jobs::{self, WorkOptions, Workshop};
use crate::limiter::{Limiter, Rates};
use crate::listen;
use crate::lists;
use crate::metrics::{self, Metrics, MetricsOptions, Watched};
use crate::migrate_store;
use crate::pages::Pages;
use crate::presence::{self, Audiences};
use crate::problem::Failure;
use crate::random::random_id;
use crate::retention;
use crate::rolling::{self, Rolling};
use crate::rounds::Rounds;
use crate::routes;
use crate::sealing;
use crate::segments::{self, Segments};
use crate::sign_in::{OidcOptions, SignIn};
use crate::standing::{Standings, standings};
use crate::storage::Storage;
use crate::telemetry;
use crate::tls::{Doorway, TlsOptions, strictly};
use crate::upkeep::{self, Keep};
use crate::uploads::{self, Keys, UploadOptions, Uploads};
use crate::webhooks::{self, WebhookOptions};

/// How soon an edit that came through another relay is told: a small part of what people notice.
const WATCH_EVERY: Duration = Duration::from_millis(50);

/// Queries that run at once; others wait without a thread. When something changes all desktops ask in the same moment: with a
/// thread each, what they are answered would be in memory all at once. More than there are connections to Postgres, so that
/// those that wait for a writer leave some.
const AT_ONCE: usize = 64;

/// What all requests share. The relay itself keeps nothing that the database does not: a notice
/// that is lost with a crash is made up for by the next poll.
#[derive(Debug)]
pub(crate) struct Relay {
    store: Arc<RelayStore>,
    blobs: BlobStore,
    imports: Arc<Running>,
    exports: Arc<Gate>,
    lists: Arc<Lists<OrgId>>,
    workshop: Arc<Workshop>,
    cache: Cache,
    standings: Arc<Standings>,
    heads: Mutex<HashMap<OrgId, watch::Sender<u64>>>,
    pages: Arc<Pages>,
    /// Queries that run, of [`AT_ONCE`].
    turns: Arc<Semaphore>,
    audiences: Audiences,
    segments: Segments,
    uploads: Uploads,
    limiter: Limiter,
    origins: Vec<HeaderValue>,
    webhooks: WebhookOptions,
    sign_in: Option<SignIn>,
    /// Something was erased, and traces of it are to be removed.
    erased: Notify,
    /// Somebody asked it to stop: who balances between relays is to go to others.
    leaving: AtomicBool,
    stopping: watch::Receiver<bool>,
}

impl Relay {
    /// Runs a query off the event loop.
    pub(crate) async fn store<T: Send + 'static, E: Into<Failure> + Send + 'static>(
        &self,
        work: impl FnOnce(&RelayStore) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Failure> {
        // What is logged there belongs to the request that asks.
        let (store, span, told) =
            (Arc::clone(&self.store), tracing::Span::current(), telemetry::of_store());
        let work = move || told.in_scope(|| span.in_scope(|| work(&store)));
        // Closed it is never.
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|e| Failure::internal(&e))?;
        let done = tokio::task::spawn_blocking(move || {
            // Until the work is done, also where nobody waits for it any more.
            let _turn = turn;
            work()
        });
        done.await.map_err(|e| Failure::internal(&e))?.map_err(Into::into)
    }

    /// Runs work that needs both stores, on a thread that may wait.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&RelayStore, &BlobStore) -> T) -> T {
        work(&self.store, &self.blobs)
    }

    /// Where large bytes are.
    pub(crate) fn blobs(&self) -> &BlobStore {
        &self.blobs
    }

    /// The lists of organisations that somebody asked for.
    pub(crate) fn lists(&self) -> &Lists<OrgId> {
        &self.lists
    }

    /// Pages of changes that many ask for at once.
    pub(crate) fn pages(&self) -> &Arc<Pages> {
        &self.pages
    }

    /// Analyses as jobs.
    pub(crate) fn workshop(&self) -> &Arc<Workshop> {
        &self.workshop
    }

    /// The numbers of what happens here.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        self.workshop.metrics()
    }

    /// The imports that this relay runs.
    pub(crate) fn imports(&self) -> &Arc<Running> {
        &self.imports
    }

    /// Those who are told of open profiles.
    pub(crate) fn audiences(&self) -> &Audiences {
        &self.audiences
    }

    /// Profiles that were read lately.
    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Requests whose tokens are checked.
    pub(crate) fn standings(&self) -> &Arc<Standings> {
        &self.standings
    }

    /// Places for exports.
    pub(crate) fn exports(&self) -> &Arc<Gate> {
        &self.exports
    }

    /// Uploads and the keys of files.
    pub(crate) fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    /// How often somebody may ask.
    pub(crate) fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// Web pages that may ask.
    pub(crate) fn origins(&self) -> &[HeaderValue] {
        &self.origins
    }

    /// Where webhooks may lead.
    pub(crate) fn webhooks(&self) -> WebhookOptions {
        self.webhooks
    }

    /// Where people sign in, where the operator has a provider for it.
    pub(crate) fn sign_in(&self) -> Option<&SignIn> {
        self.sign_in.as_ref()
    }

    /// What fresh replicas begin with.
    pub(crate) fn segments(&self) -> &Segments {
        &self.segments
    }

    /// Wakes who removes traces of what was erased.
    pub(crate) fn erased(&self) -> &Notify {
        &self.erased
    }

    /// The schema of records.
    pub(crate) fn schema(&self) -> &RecordSchema {
        self.store.schema()
    }

    /// A write here made this the newest revision.
    pub(crate) fn announce(&self, org: OrgId, head_rev: u64) {
        self.segments.note(org, head_rev);
        self.tell(org, head_rev);
    }

    /// Tells connected replicas that the newest revision is this.
    fn tell(&self, org: OrgId, head_rev: u64) {
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

    /// Looks what other relays and programs wrote to the database, for as long as the relay runs. One
    /// question for all organisations that somebody follows, and none while nobody does: so what a
    /// writer pays does not depend on who listens, as it would with a notice in its transaction.
    async fn watch(&self) {
        let mut rounds = Rounds::every(WATCH_EVERY, self.stopping());
        let mut expired_at = Instant::now();
        while rounds.next().await {
            presence::expire(self, &mut expired_at).await;
            let followed: Vec<OrgId> = {
                let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
                heads.retain(|_, sender| sender.receiver_count() > 0);
                heads.keys().copied().collect()
            };
            if followed.is_empty() {
                continue;
            }
            // A failure is in the log; the next look may succeed, and replicas poll besides.
            if let Ok(notices) = self.store(move |store| store.notices(&followed)).await {
                for notice in &notices {
                    self.tell(notice.org, notice.head_rev);
                }
                presence::bring_up(self, &notices).await;
            }
        }
    }

    /// Whether it was asked to stop. It may still listen for a while.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// Becomes `true` when the relay stops: endless answers end then.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.clone()
    }

    /// Whether it stops: long work ends where it can.
    pub(crate) fn stops(&self) -> bool {
        *self.stopping.borrow()
    }
}

/// How a relay serves.
#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7400")]
    listen: SocketAddr,
    /// A web page's origin (https://host) that may upload and read files. May be given several times;
    /// without it none may.
    #[arg(
        long = "cors-origin",
        env = "KARTEI_CORS_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    origins: Vec<HeaderValue>,
    /// Seconds between the signal to stop and the end of listening. Meanwhile `GET /readyz` answers 503 and all
    /// else as ever, so that who balances between relays goes to others: longer than it takes to notice.
    #[arg(
        long = "stop-grace-seconds",
        env = "KARTEI_STOP_GRACE_SECONDS",
        value_name = "SECONDS",
        default_value_t = 0
    )]
    stop_grace: u64,
    #[command(flatten)]
    tls: TlsOptions,
    #[command(flatten)]
    keep: Keep,
    #[command(flatten)]
    rolling: Rolling,
    #[command(flatten)]
    rates: Rates,
    #[command(flatten)]
    uploads: UploadOptions,
    #[command(flatten)]
    work: WorkOptions,
    #[command(flatten)]
    metrics: MetricsOptions,
    #[command(flatten)]
    webhooks: WebhookOptions,
    #[command(flatten)]
    oidc: OidcOptions,
    #[command(flatten)]
    storage: Storage,
}

/// Serves until a signal to stop.
pub(crate) fn run(options: ServeOptions) -> Result<()> {
    let ServeOptions {
        listen,
        stop_grace,
        tls,
        keep,
        rolling,
        origins,
        rates,
        uploads,
        work,
        metrics,
        webhooks,
        oidc,
        storage,
    } = options;
    // Before the runtime: a database with a runtime of its own cannot begin within another one.
    let (mut relay, stop, due) = Relay::new(&storage, uploads, rates, origins, webhooks)?;
    relay.sign_in = SignIn::new(oidc, &relay.store)?;
    let metrics = (metrics, storage.watched());
    runtime()?.block_on(serve(
        (listen, tls, Duration::from_secs(stop_grace)),
        ((keep, rolling), work, metrics),
        Arc::new(relay),
        stop,
        due,
    ))
}

impl Relay {
    /// A relay on its stores, made outside of a runtime; with what tells it to stop and what tells it of segments that are due.
    pub(crate) fn new(
        storage: &Storage,
        uploads: UploadOptions,
        rates: Rates,
        origins: Vec<HeaderValue>,
        webhooks: WebhookOptions,
    ) -> Result<(Self, watch::Sender<bool>, UnboundedReceiver<OrgId>)> {
        let (store, blobs, operator) = sealing::open(storage, uploads.key_file.as_deref())?;
        let keys = operator.map(|operator| Arc::new(Keys::new(operator)));
        if keys.is_none() {
            tracing::warn!("No operator's key is named with --key-file: files are not kept");
        }
        let (stop, stopping) = watch::channel(false);
        let (segments, due) = Segments::new();
        let uploads = Uploads::new(uploads, keys.clone(), storage.blob_folder());
        let (name, store, lists) = (random_id("")?, store, Arc::new(lists::lists()));
        let workshop = Workshop::new(
            name.clone(),
            Arc::clone(&store),
            blobs.clone(),
            Arc::clone(&lists),
            keys,
            stopping.clone(),
        );
        let relay = Self {
            store,
            blobs,
            imports: Arc::new(Running::new(name)),
            exports: Arc::new(Gate::new(EXPORTS)),
            lists,
            workshop: Arc::new(workshop),
            cache: Cache::default(),
            standings: standings(),
            heads: Mutex::default(),
            pages: Arc::default(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            audiences: Audiences::default(),
            segments,
            uploads,
            limiter: Limiter::new(rates),
            origins,
            webhooks,
            sign_in: None,
            erased: Notify::new(),
            leaving: AtomicBool::new(false),
            stopping,
        };
        Ok((relay, stop, due))
    }
}

async fn serve(
    (listen, tls, stop_grace): (SocketAddr, TlsOptions, Duration),
    ((keep, rolling), working, (metrics, folders)): (
        (Keep, Rolling),
        WorkOptions,
        (MetricsOptions, Vec<Watched>),
    ),
    relay: Arc<Relay>,
    stop: watch::Sender<bool>,
    due: UnboundedReceiver<OrgId>,
) -> Result<()> {
    let tls = tls.open(relay.metrics())?;
    let checked = relay.blobs().check().await?;
    migrate_store::check_finished(relay.blobs()).await?;
    tracing::info!(place = relay.blobs().place(), checked.honours_create, "Bytes can be kept");
    let cleaner = tokio::spawn(erasure::keep_clean(Arc::clone(&relay)));
    let watcher = tokio::spawn({
        let relay = Arc::clone(&relay);
        async move { relay.watch().await }
    });
    let builder = tokio::spawn({
        let relay = Arc::clone(&relay);
        async move { segments::build(&relay, due).await }
    });
    let heir = tokio::spawn(take_up(Arc::clone(&relay)));
    let sweeper = tokio::spawn(uploads::sweep(Arc::clone(&relay)));
    let scanner = tokio::spawn(uploads::keep_scanning(Arc::clone(&relay)));
    let worker = tokio::spawn(jobs::work(Arc::clone(relay.workshop()), working));
    let keeper = tokio::spawn(retention::keep(Arc::clone(&relay)));
    let teller = tokio::spawn(webhooks::tell(Arc::clone(&relay), relay.webhooks()));
    let housekeeper = tokio::spawn(upkeep::keep_house(Arc::clone(&relay), keep));
    let sealer = tokio::spawn(sealing::keep_sealed(Arc::clone(&relay)));
    let roller = tokio::spawn(rolling::keep_rolling(Arc::clone(&relay), rolling));
    let numbers = Arc::clone(relay.metrics());
    let watched =
        metrics::watched(metrics, numbers, Arc::clone(&relay.store), folders, relay.stopping())
            .await?;
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("listen on {listen}"))?;
    let address = listener.local_addr().context("read the listening address")?;
    let mut router = routes::router(Arc::clone(&relay));
    let (mut doorway, mut renewer) = (None, None);
    if let Some((certificate, acceptor)) = tls {
        router = router.layer(map_response(strictly));
        doorway = Some(Doorway::new(acceptor));
        let fresh = certificate.keep_fresh(Arc::clone(relay.metrics()), relay.stopping());
        renewer = Some(tokio::spawn(fresh));
    }
    let scheme = if doorway.is_some() { "https" } else { "http" };
    println!("kartei-relay listening on {scheme}://{address}");
    tracing::info!(%address, "Relay is ready");
    let leaver = Arc::clone(&relay);
    let stopper = tokio::spawn(async move {
        stop_signal().await;
        leaver.leaving.store(true, Ordering::Relaxed);
        if !stop_grace.is_zero() {
            tracing::info!(seconds = stop_grace.as_secs(), "Relay is about to stop");
            // Who asks twice does not want to wait.
            let _ = tokio::time::timeout(stop_grace, stop_signal()).await;
        }
        tracing::info!("Relay stops");
        let _ = stop.send(true);
    });
    listen::serve(listener, router, doorway, relay.stopping()).await?;
    stopper.await.context("hear that the relay is to stop")?;
    relay.audiences.all_left().await;
    builder.await.context("make segments")?;
    heir.await.context("take imports up")?;
    worker.await.context("run analyses")?;
    if let Some(watched) = watched {
        watched.await.context("serve metrics")??;
    }
    if let Some(renewer) = renewer {
        renewer.await.context("keep the certificate fresh")??;
    }
    keeper.await.context("keep what is to be kept")?;
    teller.await.context("tell webhooks")??;
    housekeeper.await.context("keep house")?;
    roller.await.context("move calibrations on")?;
    sealer.await.context("keep profiles sealed")?;
    sweeper.await.context("sweep uploads")?;
    scanner.await.context("scan files")?;
    watcher.await.context("watch for changes")?;
    cleaner.await.context("clean up after erasures")
}

/// Waits for a signal to stop.
#[cfg(unix)]
pub(crate) async fn stop_signal() {
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
pub(crate) async fn stop_signal() {
    let _ = tokio::signal::ctrl_c().await;
}
