//! A scanner for what is uploaded: a program of the operator's that reads each new content once, before anybody
//! else may.
//!
//! ```text
//! complete ─▶ pending ─▶ the program reads it ─▶ clean | quarantined | not_scannable
//! ```
//! A content stays pending while the program fails or the relay is away, so nothing unseen is given out. With
//! several relays the same content may be read by two of them; they find the same.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use futures_util::TryStreamExt as _;
use kartei_protocol::uploads::ScanState;
use kartei_relay_store::{ContentRow, OrgId};
use tokio::sync::{Notify, mpsc};

use super::content::open_content;
use crate::problem::Failure;
use crate::rounds::Rounds;
use crate::serve::Relay;

/// How often what failed, or what another relay left, is looked for.
const EVERY: Duration = Duration::from_secs(30);

/// A program that takes longer for one content hangs.
const TAKES_MAX: Duration = Duration::from_mins(30);

/// How often it is looked whether the program has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Contents of one look.
const ROWS_MAX: usize = 100;

/// What scanners that are used for this take at most: 2 GiB.
const BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// How the operator wants files scanned.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScanOptions {
    /// A program that reads each new file on its standard input before anybody else may. It ends with 0 where the
    /// file is clean, with 1 where it found something, with 3 where it cannot tell.
    #[arg(long, env = "KARTEI_SCANNER", value_name = "PROGRAM")]
    scanner: Option<PathBuf>,
    /// Larger files are not scanned, and say so.
    #[arg(long, env = "KARTEI_SCAN_BYTES_MAX", default_value_t = BYTES_MAX, value_name = "BYTES")]
    scan_bytes_max: u64,
}

impl ScanOptions {
    /// Where a content of this size begins.
    pub(super) fn first(&self, size: u64) -> ScanState {
        match self.scanner {
            None => ScanState::NotScanned,
            Some(_) if size > self.scan_bytes_max => ScanState::NotScannable,
            Some(_) => ScanState::Pending,
        }
    }
}

/// Tells that something is to be scanned.
#[derive(Debug, Default)]
pub(crate) struct Scans {
    due: Notify,
}

impl Scans {
    pub(super) fn look(&self) {
        self.due.notify_one();
    }
}

/// Scans for as long as the relay runs; returns at once where there is no scanner.
pub(crate) async fn keep_scanning(relay: Arc<Relay>) {
    let Some(program) = relay.uploads().options().scan.scanner.clone() else { return };
    let mut rounds = Rounds::every(EVERY, relay.stopping());
    loop {
        let goes_on = tokio::select! {
            goes_on = rounds.next() => goes_on,
            () = relay.uploads().scans().due.notified() => true,
        };
        if !goes_on {
            return;
        }
        let mut stopping = relay.stopping();
        tokio::select! {
            () = round(&relay, &program) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// Scans what is pending. What fails stays so.
async fn round(relay: &Arc<Relay>, program: &Path) {
    // Why it fails is in the log already.
    let Ok(pending) = relay.store(|store| store.unscanned_contents(ROWS_MAX)).await else { return };
    for (org, content) in pending {
        let id = content.id;
        let scanned = tokio::time::timeout(TAKES_MAX, scan(relay, program, org, &content)).await;
        match scanned {
            Ok(Ok(found)) => {
                if found == ScanState::Quarantined {
                    tracing::warn!(organisation = %org, content = id, "A scanner found something");
                }
                // A content that was given up meanwhile takes no state.
                let _ = relay.store(move |store| store.set_scan(org, id, found)).await;
            }
            Ok(Err(error)) => {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::error!(error, content = id, "A file could not be scanned");
            }
            Err(_) => tracing::error!(content = id, "A scanner hangs, and was ended"),
        }
    }
}

/// A program that is ended with whoever waits for it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already cannot be ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn scan(
    relay: &Arc<Relay>,
    program: &Path,
    org: OrgId,
    content: &ContentRow,
) -> io::Result<ScanState> {
    let opened = open_content(relay, org, content).await.map_err(of_failure)?;
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = Running(command.spawn()?);
    let Some(mut stdin) = running.0.stdin.take() else {
        return Err(io::Error::other("the scanner has no standard input"));
    };
    let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
    let feeding = tokio::task::spawn_blocking(move || {
        while let Some(piece) = receiver.blocking_recv() {
            stdin.write_all(&piece)?;
        }
        stdin.flush()
    });
    let mut pieces = opened.read(0..content.size);
    while let Some(piece) = pieces.try_next().await.map_err(io::Error::other)? {
        if sender.send(piece).await.is_err() {
            // It has found something, and reads no further.
            break;
        }
    }
    drop(sender);
    match feeding.await.map_err(io::Error::other)? {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
        _ => {}
    }
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        if let Some(status) = running.0.try_wait()? {
            return verdict(status);
        }
    }
}

fn verdict(status: ExitStatus) -> io::Result<ScanState> {
    match status.code() {
        Some(0) => Ok(ScanState::Clean),
        Some(1) => Ok(ScanState::Quarantined),
        Some(3) => Ok(ScanState::NotScannable),
        _ => Err(io::Error::other(format!("the scanner failed: {status}"))),
    }
}

/// What a failure was is in the log already.
fn of_failure(_: Failure) -> io::Error {
    io::Error::other("the file cannot be read")
}
