//! Workers: they take jobs, vouch for them while they run, and say what became of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use kartei_job_core::{GIVE_UP_MS, HEARTBEAT_MS, LEASE_MS, Verdict, backoff_ms};
use kartei_protocol::jobs::{FailReason, JobEventKind};
use kartei_relay_store::{Acting, Deed, JobRow, OrgId, RelayStoreError};
use tokio::sync::Semaphore;

use super::Workshop;
use super::run::{Done, Known, RunError, Task};
use crate::halting::{Halt, Halting};
use crate::random::{chance, random_id};
use crate::telemetry;

/// How often a worker looks for jobs that nobody told it of: while there were some lately, and else.
const LOOK_BUSY_MS: u64 = 250;
const LOOK_IDLE_MS: u64 = 2_000;

/// How often it looks for jobs that nobody vouches for any more.
const REAP_EVERY: Duration = Duration::from_secs(2);

/// Between two words to workers of other programs: each takes a lock of the whole cluster for a moment.
const ANNOUNCE_EVERY: Duration = Duration::from_millis(20);

/// Jobs that are reaped at once.
const REAPED_AT_ONCE: usize = 100;

/// Organisations that are looked at for one free place: the first may be taken by another worker.
const ORGANISATIONS_AT_ONCE: usize = 16;

/// How soon a result is offered again that the database did not take.
const OFFER_AGAIN: Duration = Duration::from_millis(500);

/// How a relay works.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WorkOptions {
    /// Analyses that run at once in this program; 0 leaves them to other workers.
    #[arg(long, env = "KARTEI_WORKERS", default_value_t = 2, value_name = "JOBS")]
    pub(crate) workers: usize,
}

/// Works for as long as the program runs; jobs that run then are given back.
pub(crate) async fn work(shop: Arc<Workshop>, options: WorkOptions) {
    let reaper = tokio::spawn(reap(Arc::clone(&shop)));
    let announcer = tokio::spawn(announce(Arc::clone(&shop)));
    if options.workers > 0 {
        // The store outlives nobody by this.
        let hears = Arc::downgrade(&shop);
        shop.store.hear_jobs(move || {
            if let Some(shop) = hears.upgrade() {
                shop.wake.notify_one();
            }
        });
    }
    let places = Arc::new(Semaphore::new(options.workers));
    if options.workers > 0 {
        take_jobs(&shop, &places).await;
    }
    // Those that run hear of it at their next chunk.
    let all = u32::try_from(options.workers).unwrap_or(u32::MAX);
    let _ = places.acquire_many(all).await;
    let _ = reaper.await;
    let _ = announcer.await;
}

/// Takes jobs, one for each free place, until the program stops.
async fn take_jobs(shop: &Arc<Workshop>, places: &Arc<Semaphore>) {
    let served = AtomicI64::new(0);
    let mut stopping = shop.stopping.clone();
    let mut look_in = LOOK_IDLE_MS;
    loop {
        let place = tokio::select! {
            place = Arc::clone(places).acquire_owned() => place,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        let Ok(place) = place else { return };
        let claimed = claim(shop, &served).await.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "No job could be taken");
            None
        });
        if let Some((org, row)) = claimed {
            look_in = LOOK_BUSY_MS;
            let shop = Arc::clone(shop);
            tokio::spawn(async move {
                carry(&shop, org, row).await;
                drop(place);
                // Its place is free.
                shop.wake.notify_one();
            });
            continue;
        }
        drop(place);
        // Any part of the second half: workers that began together do not look together.
        let pause = look_in / 2 + chance() % (look_in / 2 + 1);
        let woken = tokio::select! {
            () = shop.wake.notified() => true,
            () = tokio::time::sleep(Duration::from_millis(pause)) => false,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        look_in = if woken { LOOK_BUSY_MS } else { (look_in * 2).min(LOOK_IDLE_MS) };
    }
}

/// Takes the next job of whoever is next.
async fn claim(
    shop: &Arc<Workshop>,
    served: &AtomicI64,
) -> Result<Option<(OrgId, JobRow)>, RelayStoreError> {
    let waiting =
        shop.aside(|shop| shop.store.waiting_organisations(ORGANISATIONS_AT_ONCE)).await?;
    for (org, turn) in waiting {
        let floor = served.fetch_max(turn, Ordering::Relaxed).max(turn);
        let claimed = shop
            .aside(move |shop| shop.store.claim_jobs(org, &shop.name, LEASE_MS, 1, floor))
            .await?;
        if let Some(row) = claimed.into_iter().next() {
            shop.tell(org, &row, JobEventKind::Started);
            // Perhaps there is more, for another place.
            shop.wake.notify_one();
            return Ok(Some((org, row)));
        }
    }
    Ok(None)
}

fn acting(row: &JobRow, deed: Deed) -> Acting {
    Acting { job: row.id.clone(), actor: "worker".to_owned(), deed }
}

/// Runs a job whose newest claim is this worker's.
async fn carry(shop: &Arc<Workshop>, org: OrgId, row: JobRow) {
    let halting = Arc::new(Halting::default());
    let vouching = tokio::spawn(vouch(Arc::clone(shop), org, row.clone(), Arc::clone(&halting)));
    let (worker, task, heard) = (Arc::clone(shop), row.clone(), Arc::clone(&halting));
    let told = telemetry::of_job(&row.analysis, &row.id, row.attempts);
    let within = told.clone();
    let ran =
        tokio::task::spawn_blocking(move || within.in_scope(|| run(&worker, org, &task, &heard)))
            .await;
    vouching.abort();
    let claim = row.claim;
    let deed = match ran {
        Ok(Ok(done)) => match random_id("result-") {
            Ok(id) => Deed::Complete {
                claim,
                id,
                payload: done.payload,
                size: done.size,
                digest: done.digest,
                profiles: done.profiles,
                input: done.input,
            },
            Err(_) => Deed::Release { claim },
        },
        Ok(Err(RunError::Halted(Halt::Lost))) => {
            tracing::warn!(job_id = row.id, claim, "Job is no longer this worker's");
            return;
        }
        // One that was cancelled ends with this.
        Ok(Err(RunError::Halted(Halt::Cancelled | Halt::Stopping))) => Deed::Release { claim },
        Ok(Err(error)) => {
            let (passing, reason, detail) = error.told();
            if passing {
                telemetry::failed(&told);
                tracing::error!(
                    job_id = row.id,
                    error = &error as &dyn std::error::Error,
                    "Job broke off"
                );
            } else {
                // That is for whoever asked, and no fault of the relay.
                tracing::info!(job_id = row.id, "Job cannot be done as it was asked for");
            }
            let wait_ms = backoff_ms(row.attempts, chance());
            Deed::Fail { claim, passing, reason, detail, wait_ms }
        }
        Err(error) => {
            telemetry::failed(&told);
            tracing::error!(job_id = row.id, %error, "Job broke off");
            let wait_ms = backoff_ms(row.attempts, chance());
            let detail = "the analysis broke off by a fault of the program".to_owned();
            Deed::Fail { claim, passing: true, reason: FailReason::Relay, detail, wait_ms }
        }
    };
    offer(shop, org, &row, deed).await;
}

fn run(shop: &Workshop, org: OrgId, row: &JobRow, halting: &Halting) -> Result<Done, RunError> {
    let note = |known: Known| {
        let Known { payload, resume, progress, input } = known;
        let claim = row.claim;
        let deed = Deed::Note { claim, lease_ms: LEASE_MS, payload, resume, progress, input };
        let acted = shop.act(org, acting(row, deed))?;
        match acted {
            Some(acted) if acted.verdict != Verdict::Stale => match acted.job.cancel_asked_at {
                Some(_) => Err(RunError::Halted(Halt::Cancelled)),
                None => Ok(()),
            },
            _ => Err(RunError::Halted(Halt::Lost)),
        }
    };
    let (store, blobs, lists) = (&*shop.store, &shop.blobs, &*shop.lists);
    let keys = shop.keys.as_deref();
    Task { store, blobs, lists, keys, org, row, halting, note: &note }.run()
}

/// Says what became of a job, again and again while the database is away and the job may still be this
/// worker's. What is not taken then is done again by another one.
async fn offer(shop: &Arc<Workshop>, org: OrgId, row: &JobRow, deed: Deed) {
    let since = Instant::now();
    loop {
        match shop.acted(org, acting(row, deed.clone())).await {
            Ok(_) => return,
            Err(error) if since.elapsed() < Duration::from_millis(GIVE_UP_MS) => {
                tracing::warn!(
                    job_id = row.id,
                    error = &error as &dyn std::error::Error,
                    "What became of a job could not be kept yet"
                );
                tokio::time::sleep(OFFER_AGAIN).await;
            }
            Err(error) => {
                tracing::error!(
                    job_id = row.id,
                    error = &error as &dyn std::error::Error,
                    "What became of a job could not be kept"
                );
                return;
            }
        }
    }
}

/// Vouches for a job, and hears what is to stop it.
async fn vouch(shop: Arc<Workshop>, org: OrgId, row: JobRow, halting: Arc<Halting>) {
    let mut stopping = shop.stopping.clone();
    let mut heard_at = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(HEARTBEAT_MS)) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {
                halting.say(Halt::Stopping);
                return;
            }
        }
        let alive = Deed::Keep { claim: row.claim, lease_ms: LEASE_MS };
        match shop.acted(org, acting(&row, alive)).await {
            Ok(Some(acted)) if acted.verdict == Verdict::Ours => {
                heard_at = Instant::now();
                if acted.job.cancel_asked_at.is_some() {
                    halting.say(Halt::Cancelled);
                }
            }
            Ok(_) => {
                halting.say(Halt::Lost);
                return;
            }
            // The database is away. Before another worker may begin, this one stops.
            Err(_) if heard_at.elapsed() > Duration::from_millis(GIVE_UP_MS) => {
                halting.say(Halt::Lost);
                return;
            }
            Err(_) => {}
        }
    }
}

/// Tells workers of other programs that there may be something to begin, some times a second at most, for as
/// long as the program runs.
async fn announce(shop: Arc<Workshop>) {
    let mut stopping = shop.stopping.clone();
    loop {
        tokio::select! {
            () = shop.announced.notified() => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        if let Err(error) = shop.aside(|shop| shop.store.announce_jobs()).await {
            // They look by themselves.
            tracing::debug!(error = &error as &dyn std::error::Error, "Workers were not woken");
        }
        tokio::time::sleep(ANNOUNCE_EVERY).await;
    }
}

/// Gives jobs back to the queue that nobody vouches for any more, for as long as the program runs.
async fn reap(shop: Arc<Workshop>) {
    let mut rounds = crate::rounds::Rounds::every(REAP_EVERY, shop.stopping.clone());
    while rounds.next().await {
        // A failure passes, and the next round finds the same.
        let Ok(lapsed) = shop.aside(|shop| shop.store.lapsed_jobs(REAPED_AT_ONCE)).await else {
            continue;
        };
        for (org, id) in lapsed {
            let acting = Acting { job: id, actor: "relay".to_owned(), deed: Deed::Reap };
            let _ = shop.acted(org, acting).await;
        }
    }
}
