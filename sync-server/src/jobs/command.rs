//! Commands of the administrator for analyses: a worker of its own, queues, a job that hangs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use kartei_protocol::jobs::JobState;
use kartei_relay_store::{Acting, Deed, JobQuery, Queue, QueueSet};
use serde_json::json;
use tokio::sync::watch;

use super::{WorkOptions, Workshop, work};
use crate::admin::{Place, administrator, now, runtime};
use crate::lists;
use crate::metrics::{self, MetricsOptions};
use crate::migrate_store::check_finished;
use crate::random::random_id;
use crate::sealing;
use crate::serve::stop_signal;
use crate::storage::Storage;
use crate::uploads::Keys;

/// Jobs that are listed at most: what an administrator reads.
const LISTED_MAX: usize = 1_000;

#[derive(Debug, Args)]
pub(crate) struct Work {
    #[command(flatten)]
    options: WorkOptions,
    #[command(flatten)]
    metrics: MetricsOptions,
    #[command(flatten)]
    storage: Storage,
    /// A file with the operator's key, as `serve` has it: 64 hex digits. Uploaded files that are analysed are opened
    /// with it. A relay's own folder has one where none is named.
    #[arg(long, env = "KARTEI_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// Works until a signal to stop. Jobs that run then are given back, and go on elsewhere.
pub(crate) fn run_worker(work_on: &Work) -> Result<()> {
    let (stop, stopping) = watch::channel(false);
    let (shop, options) =
        (open(&work_on.storage, work_on.key_file.as_deref(), stopping.clone())?, work_on.options);
    runtime()?.block_on(async {
        check_finished(&shop.blobs).await?;
        let (metrics, store) = (Arc::clone(&shop.metrics), Arc::clone(&shop.store));
        let watched =
            metrics::watched(work_on.metrics, metrics, store, work_on.storage.watched(), stopping)
                .await?;
        println!("kartei-relay works on analyses, {} at once", options.workers);
        let stopper = tokio::spawn(async move {
            stop_signal().await;
            tracing::info!("Worker stops");
            let _ = stop.send(true);
        });
        work(shop, options).await;
        if let Some(watched) = watched {
            watched.await.context("serve metrics")??;
        }
        stopper.await.context("hear that the worker is to stop")
    })
}

fn open(
    storage: &Storage,
    key_file: Option<&Path>,
    stopping: watch::Receiver<bool>,
) -> Result<Arc<Workshop>> {
    let (store, blobs, operator) = sealing::open(storage, key_file)?;
    let keys = operator.map(|operator| Arc::new(Keys::new(operator)));
    let lists = Arc::new(lists::lists());
    Ok(Arc::new(Workshop::new(random_id("")?, store, blobs, lists, keys, stopping)))
}

#[derive(Subcommand)]
pub(crate) enum JobsCommand {
    /// Shows an organisation's queue, or sets its room and share, or pauses it.
    Queue {
        /// The organisation's name.
        #[arg(long)]
        org: String,
        /// Analyses that run at once, at most.
        #[arg(long, value_name = "JOBS")]
        cap: Option<u64>,
        /// The organisation's share where several wait; 100 is usual.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        weight: Option<u64>,
        /// Nothing begins any more, or nothing of one analysis; what runs goes on.
        #[arg(long, value_name = "ANALYSIS", num_args = 0..=1, conflicts_with = "resume")]
        pause: Option<Option<String>>,
        /// It begins again.
        #[arg(long, value_name = "ANALYSIS", num_args = 0..=1)]
        resume: Option<Option<String>>,
        #[command(flatten)]
        place: Place,
    },
    /// Lists what runs, with who has it and until when.
    Running {
        /// The organisation's name.
        #[arg(long)]
        org: String,
        #[command(flatten)]
        place: Place,
    },
    /// Ends a job as failed, wherever it is.
    Fail {
        /// The job's id.
        id: String,
        /// The organisation's name.
        #[arg(long)]
        org: String,
        #[command(flatten)]
        place: Place,
    },
}

pub(crate) fn run_jobs(command: JobsCommand) -> Result<()> {
    match command {
        JobsCommand::Queue { org, cap, weight, pause, resume, place } => {
            let store = place.storage.open()?;
            let org = store.organisation(&org)?.id;
            let mut sets = Vec::new();
            sets.extend(cap.map(QueueSet::Cap));
            sets.extend(weight.map(QueueSet::Weight));
            let since = Some(now());
            sets.extend(pause.as_ref().map(|one| QueueSet::Paused(one.as_deref(), since)));
            sets.extend(resume.as_ref().map(|one| QueueSet::Paused(one.as_deref(), None)));
            show_queue(&store.set_job_queue(org, &administrator(), &sets)?, &place);
        }
        JobsCommand::Running { org, place } => {
            let store = place.storage.open()?;
            let org = store.organisation(&org)?.id;
            let query =
                JobQuery { limit: LISTED_MAX, before: None, state: Some(JobState::Running) };
            for row in store.jobs(org, &query)? {
                if place.json {
                    let shown = json!({
                        "job_id": row.id,
                        "analysis": row.analysis,
                        "worker": row.worker,
                        "lease_until": row.lease_until,
                        "attempts": row.attempts,
                        "progress": row.progress,
                    });
                    println!("{shown}");
                    continue;
                }
                let left = row.lease_until.map_or(0, |until| (until - now()) / 1_000);
                let seen = row.progress.map_or_else(String::new, |(done, total)| {
                    format!(", {done} of {total} profiles")
                });
                println!(
                    "{}  {}  attempt {} of {}, worker {}, lease for {left} s{seen}",
                    row.id,
                    row.analysis,
                    row.attempts,
                    row.attempts_max,
                    row.worker.as_deref().unwrap_or("-"),
                );
            }
        }
        JobsCommand::Fail { id, org, place } => force(&place.storage, &org, &id)?,
    }
    Ok(())
}

fn force(storage: &Storage, org: &str, id: &str) -> Result<()> {
    let (_stop, stopping) = watch::channel(false);
    let shop = open(storage, None, stopping)?;
    let org = shop.store.organisation(org)?.id;
    let acting = Acting { job: id.to_owned(), actor: administrator(), deed: Deed::Force };
    let Some(acted) = runtime()?.block_on(shop.acted(org, acting))? else {
        bail!("the organisation has no job `{id}`");
    };
    match acted.step() {
        Some(_) => println!("The job `{id}` ended as failed."),
        None => println!("The job `{id}` had ended as {} before.", acted.job.state.word()),
    }
    Ok(())
}

fn show_queue(queue: &Queue, place: &Place) {
    if place.json {
        let shown = json!({
            "cap": queue.cap,
            "weight": queue.weight,
            "queued": queue.queued,
            "running": queue.running,
            "oldest_due_at": queue.oldest_due_at,
            "lag_ms": queue.lag_ms,
            "paused_at": queue.paused_at,
            "paused_analyses": queue.paused,
        });
        println!("{shown}");
        return;
    }
    let waits = queue.lag_ms / 1_000;
    println!("Waiting: {} jobs, the oldest for {waits} s", queue.queued);
    println!("Running: {} of {} at once; share {}", queue.running, queue.cap, queue.weight);
    if queue.paused_at.is_some() {
        println!("Paused: nothing begins.");
    }
    for analysis in &queue.paused {
        println!("Paused: no `{analysis}` begins.");
    }
}
