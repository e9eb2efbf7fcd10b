//! What happens in a data folder, for the log: counts and stable words.

use std::sync::{Mutex, PoisonError};

use kartei_local_store::{Store, newest_format, sqlite_version};
use kartei_protocol::desktop::{
    ExportRun, ExportState, ImportReport, ImportRun, ImportState, SyncState, SyncStatus,
};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::ProblemCode;

use crate::hub::Hub;
use crate::program;

/// Where entries are said to come from: parts of the program as people know them.
const IMPORTS: &str = "kartei::imports";
const EXPORTS: &str = "kartei::exports";
const SYNC: &str = "kartei::sync";

/// What was said of sync last; it is said again only when it changes.
type LastSync = Mutex<Option<(SyncState, Option<ProblemCode>)>>;

/// Notes that the data folder was opened, and from now on what happens in it.
pub(crate) fn follow(hub: &Hub, store: &Store) {
    tracing::info!(
        target: "kartei::store",
        version = program::VERSION,
        platform = program::platform(),
        sqlite = sqlite_version(),
        store_format = newest_format(),
        profiles = store.totals().map_or(0, |totals| totals.profiles),
        "Data folder opened"
    );
    let last = LastSync::default();
    hub.subscribe(move |event| match event {
        HostEvent::Import { run } => note_import(run),
        HostEvent::Export { run } => note_export(run),
        HostEvent::Sync { status } => note_sync(&last, status),
        _ => {}
    });
}

fn note_import(run: &ImportRun) {
    let has_ended =
        matches!(run.state, ImportState::Done | ImportState::Cancelled | ImportState::Failed);
    if has_ended {
        run.reports.iter().for_each(|report| note_report(run, report));
    }
}

fn note_report(run: &ImportRun, report: &ImportReport) {
    let counts = &report.counts;
    if let Some(failure) = &report.failure {
        tracing::warn!(target: IMPORTS, code = ?failure.code, lines = counts.lines, "Import failed");
        return;
    }
    tracing::info!(
        target: IMPORTS,
        state = ?run.state,
        dry_run = run.dry_run,
        lines = counts.lines,
        created = counts.created,
        updated = counts.updated,
        unchanged = counts.unchanged,
        rejected = counts.rejected,
        seconds = report.seconds,
        "Import ended"
    );
}

fn note_export(run: &ExportRun) {
    match (&run.failure, run.state) {
        (Some(failure), _) => {
            tracing::warn!(target: EXPORTS, code = ?failure.code, "Export failed");
        }
        (None, ExportState::Running) => {}
        (None, state) => tracing::info!(
            target: EXPORTS,
            ?state,
            format = ?run.format,
            profiles = run.profiles,
            bytes = run.bytes.unwrap_or_default(),
            "Export ended"
        ),
    }
}

fn note_sync(last: &LastSync, status: &SyncStatus) {
    let code = status.problem.as_ref().map(|problem| problem.code);
    let now = Some((status.state, code));
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    if *last == now {
        return;
    }
    *last = now;
    let (state, pending) = (status.state, status.pending);
    match code {
        Some(code) => tracing::warn!(target: SYNC, ?state, ?code, pending, "Sync state"),
        None => {
            tracing::info!(target: SYNC, ?state, pending, conflicts = status.conflicts, "Sync state");
        }
    }
}
