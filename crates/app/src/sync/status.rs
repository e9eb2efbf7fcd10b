//! What is said of syncing: always what is known, never what is hoped.

use kartei_local_store::Reread;
use kartei_protocol::desktop::{Rereading, Role, SyncState, SyncStatus};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::Problem;
use kartei_sync_core::Phase;

use crate::clock;
use crate::problem;
use crate::shared::Shared;

/// Tells listeners what is known now.
pub(crate) fn emit_status(shared: &Shared) {
    match status(shared) {
        Ok(status) => shared.hub.emit(&HostEvent::Sync { status }),
        Err(problem) => {
            tracing::error!(code = ?problem.code, %problem, "Sync state could not be read");
        }
    }
}

pub(crate) fn status(shared: &Shared) -> Result<SyncStatus, Problem> {
    let settings = shared.store.sync_settings().map_err(|e| problem::of_store(&e))?;
    let totals = shared.store.totals().map_err(|e| problem::of_store(&e))?;
    let (phase, exchanged, remaining) = {
        let view = shared.view();
        (view.phase, view.exchanged, view.remaining)
    };
    let left = shared.store.difference_left().map_err(|e| problem::of_store(&e))?;
    let signed_in = settings.is_signed_in();
    let problem: Option<Problem> =
        settings.problem.or(left).as_deref().and_then(|text| serde_json::from_str(text).ok());
    let rereading = shared.store.rereading().map_err(|e| problem::of_store(&e))?;
    let waits = totals.pending > totals.rejected;
    let state = match phase {
        _ if !signed_in => SyncState::Local,
        Some(Phase::Syncing) if settings.offline_since.is_none() => SyncState::Syncing,
        _ if problem.is_some() => SyncState::Problem,
        _ if settings.offline_since.is_some() => SyncState::Offline,
        // The engine hears of the change in a moment.
        Some(_) if waits => SyncState::Syncing,
        None if waits || settings.synced_at.is_none() => SyncState::Waiting,
        _ => SyncState::UpToDate,
    };
    Ok(SyncStatus {
        state,
        relay: settings.relay,
        organisation: settings.organisation,
        role: settings.role.as_deref().and_then(Role::from_name),
        pending: totals.pending,
        conflicts: totals.conflicts,
        rejected: totals.rejected,
        profiles: totals.profiles,
        rev: settings.cursor.map(|cursor| cursor.base),
        synced_at: settings.synced_at.map(clock::text),
        offline_since: settings.offline_since.map(clock::text),
        exchanged: if state == SyncState::Syncing { exchanged } else { 0 },
        remaining: if state == SyncState::Syncing { remaining } else { 0 },
        problem,
        repaired: shared.store.repaired().map_err(|e| problem::of_store(&e))?,
        rereading: rereading.map(|why| match why {
            Reread::Forgotten => Rereading::Forgotten,
            Reread::OtherHistory => Rereading::OtherHistory,
        }),
    })
}
