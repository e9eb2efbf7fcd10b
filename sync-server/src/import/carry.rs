//! From the beginning of an import, or from where another relay died, to its end.
//!
//! ```text
//! begin, or claim ─▶ lease ──▶ run ─────────────────────▶ end
//!                      │ renewed every RENEW_EVERY, and with every batch
//!                      └ not renewed for LEASE_MS: abandoned, any relay takes it up
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use kartei_blob_store::{BlobError, BlobName, Digest};
use kartei_ndjson::ReadError;
use kartei_relay_store::{Author, ImportEnd, ImportRow, Kept, Lease, OrgId};
use serde_json::Value;

use super::progress::Progress;
use super::report::{ImportAnswer, ImportStatus};
use super::run::{ImportError, read_mode, run, status_of};
use super::{Request, Slot};
use crate::admin::now;
use crate::halting::{Halt, Halting};
use crate::problem::Failure;
use crate::serve::Relay;
use crate::uploads;

/// How long an import stays a relay's without a word of it: some renewals, so that a slow disk or a
/// pause of the machine does not hand it over.
const LEASE_MS: i64 = 10_000;
const RENEW_EVERY: Duration = Duration::from_secs(3);

/// How often relays look for imports that nobody runs.
const TAKE_UP_EVERY: Duration = Duration::from_secs(2);

/// How often an import is taken up without coming further. What breaks relays off again and again
/// would do so for ever.
const ATTEMPTS_MAX: u32 = 5;

/// How an import was answered.
pub(crate) struct Carried {
    pub(crate) status: StatusCode,
    pub(crate) said: String,
    pub(crate) broken_off: Option<ReadError>,
}

/// A hold for this run of the relay.
pub(crate) fn lease(relay: &Relay) -> Lease {
    Lease { runner: relay.imports().runner().to_owned(), millis: LEASE_MS }
}

/// What is known of an import, as it is answered; the one place that makes the answer of one that runs.
pub(crate) fn state_of(row: &ImportRow) -> String {
    row.answer.clone().unwrap_or_else(|| {
        let progress = Progress::read(row.progress.as_deref());
        let answer = ImportAnswer::new(row, ImportStatus::Running, &progress);
        serde_json::to_string(&answer).unwrap_or_default()
    })
}

/// Runs an import whose lease is this relay's.
///
/// # Errors
/// A [`Failure`] with the import as it is in `import`; where its lease ends, it goes on.
pub(crate) async fn carry(
    relay: &Arc<Relay>,
    org: OrgId,
    row: ImportRow,
    slot: Slot,
) -> Result<Carried, Failure> {
    let state: Value = serde_json::from_str(&state_of(&row)).unwrap_or_default();
    let done = carry_on(relay, org, row).await;
    drop(slot);
    done.map_err(|failure| failure.with("import", state))
}

async fn carry_on(relay: &Arc<Relay>, org: OrgId, row: ImportRow) -> Result<Carried, Failure> {
    let (lease, id) = (lease(relay), row.id.clone());
    if row.attempts > ATTEMPTS_MAX {
        let progress = Progress::read(row.progress.as_deref());
        let answer = ImportAnswer::new(&row, ImportStatus::BrokenOff, &progress);
        return end(relay, org, &lease, answer, StatusCode::INTERNAL_SERVER_ERROR, None).await;
    }
    let halting = Arc::new(Halting::default());
    let renewing = tokio::spawn(renew(
        Arc::clone(relay),
        org,
        id.clone(),
        lease.clone(),
        Arc::clone(&halting),
    ));
    let ran = work(relay, org, row, &lease, halting).await;
    renewing.abort();
    let ended = match ran {
        Ok(ended) => ended,
        Err(error) => {
            if !matches!(error, ImportError::Halted(Halt::Lost)) {
                // Another relay, or this one, may take it up at once.
                let over = Lease { millis: 0, ..lease };
                let _ = relay.store(move |store| store.renew_import(org, &id, &over, None)).await;
            }
            return Err(Failure::internal(&error));
        }
    };
    if !ended.answer.is_dry_run() {
        relay.announce(org, ended.answer.head_rev.unwrap_or_default());
    }
    let status = status_of(&ended);
    end(relay, org, &lease, ended.answer, status, ended.broken_off).await
}

async fn end(
    relay: &Arc<Relay>,
    org: OrgId,
    lease: &Lease,
    answer: ImportAnswer,
    status: StatusCode,
    broken_off: Option<ReadError>,
) -> Result<Carried, Failure> {
    let said = serde_json::to_string(&answer).map_err(|e| Failure::internal(&e))?;
    let (kept, lease, code) = (said.clone(), lease.clone(), status.as_u16());
    let is_kept = relay
        .store(move |store| {
            let end = ImportEnd { now: now(), status: code, answer: &kept };
            store.end_import(org, &answer.import_id, &lease, end)
        })
        .await?;
    if !is_kept {
        return Err(Failure::internal(&ImportError::Halted(Halt::Lost)));
    }
    // Where the body held somebody who was erased, its archive is looked at now that it has ended.
    relay.erased().notify_one();
    Ok(Carried { status, said, broken_off })
}

async fn work(
    relay: &Arc<Relay>,
    org: OrgId,
    row: ImportRow,
    lease: &Lease,
    halting: Arc<Halting>,
) -> Result<super::Ended, ImportError> {
    let body = match &row.source {
        Some(file) => file_body(relay, org, file).await?,
        None => {
            let name = BlobName::new(format!("imports/{org}/{}", Digest::from(row.digest)))
                .map_err(std::io::Error::other)?;
            relay.blobs().get_stream(&name, None).await?.bytes
        }
    };
    let (mode, max_errors) = read_mode(&row.mode);
    let request = Request {
        org,
        author: Author { name: row.by.clone(), now: now() },
        mode,
        max_errors,
        lease: lease.clone(),
        row,
    };
    let worker = Arc::clone(relay);
    tokio::task::spawn_blocking(move || {
        worker.with(|store, blobs| run(store, blobs, &request, &halting, body))
    })
    .await
    .map_err(|error| ImportError::Report(std::io::Error::other(error)))?
}

/// The bytes of an uploaded file, for an import that reads one.
async fn file_body(
    relay: &Arc<Relay>,
    org: OrgId,
    file: &str,
) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, ImportError> {
    let gone = || ImportError::Report(std::io::Error::other("the file is gone, or cannot be read"));
    let asked = file.to_owned();
    let row = relay.store(move |store| store.file(org, &asked)).await.map_err(|_| gone())?;
    let content = row.ok_or_else(gone)?.content;
    // Why is in the log already.
    let sealed = uploads::open_content(relay, org, &content).await.map_err(|_| gone())?;
    Ok(sealed.read(0..content.size))
}

/// Keeps the lease, and hears what is to stop the import.
async fn renew(relay: Arc<Relay>, org: OrgId, id: String, lease: Lease, halting: Arc<Halting>) {
    let mut stopping = relay.stopping();
    loop {
        tokio::select! {
            () = tokio::time::sleep(RENEW_EVERY) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {
                halting.say(Halt::Stopping);
                return;
            }
        }
        let (id, lease) = (id.clone(), lease.clone());
        // A failure is in the log; the next one may succeed, and else the lease ends.
        match relay.store(move |store| store.renew_import(org, &id, &lease, None)).await {
            Ok(Kept::Cancelled) => halting.say(Halt::Cancelled),
            Ok(Kept::Lost) => halting.say(Halt::Lost),
            Ok(Kept::Ours) | Err(_) => {}
        }
    }
}

/// Takes up what relays that died left, for as long as this one runs.
pub(crate) async fn take_up(relay: Arc<Relay>) {
    let mut stopping = relay.stopping();
    loop {
        tokio::select! {
            () = tokio::time::sleep(TAKE_UP_EVERY) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        let Ok(abandoned) = relay.store(kartei_relay_store::RelayStore::abandoned_imports).await
        else {
            continue;
        };
        for (org, id) in abandoned {
            let Some(slot) = relay.imports().enter(org, &id) else { continue };
            let (lease, asked) = (lease(&relay), id.clone());
            let claimed = relay.store(move |store| store.claim_import(org, &asked, &lease)).await;
            if let Ok(Some(row)) = claimed {
                tracing::info!(import = id, "Import is taken up");
                spawn(&relay, org, row, slot);
            }
        }
    }
}

/// Runs an import that nobody waits for.
pub(crate) fn spawn(relay: &Arc<Relay>, org: OrgId, row: ImportRow, slot: Slot) {
    let relay = Arc::clone(relay);
    tokio::spawn(async move {
        let id = row.id.clone();
        if carry(&relay, org, row, slot).await.is_err() {
            // Why is in the log already.
            tracing::warn!(import = id, "Import is left to be taken up");
        }
    });
}
