//! Calibrations of the organisation: the relay's active ones are the ones here.
//!
//! ```text
//! after an exchange ─▶ GET /calibrations, with the tag of the answer before ─▶ 304: nothing to do
//!   of a schema another one is active there ─▶ fetched, checked by its version ─▶ active here, the one before retires
//!   of a schema none is active there, one is here ─▶ brought there and activated: the first one counts
//! ```
//! Scores of two people are comparable by one calibration only, so within an organisation the relay decides which.

use kartei_behavior::{Calibration, Schema};
use kartei_local_store::{CalibrationState, Doing, Store, StoredCalibration, StoredSchema};
use kartei_protocol::calibrations::{
    ActivateAt, CalibrationAnswer, CalibrationEntry, CalibrationStage, NewCalibration,
};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_relay_client::{RelayClient, RelayError};
use serde_json::value::RawValue;

use crate::behavior::find_schema;
use crate::clock;
use crate::problem::{of_relay, of_store};
use crate::shared::{Shared, lock};
use crate::sync::exchange::Exchange;

/// The role that may not bring anything.
const VIEWER: &str = "viewer";

fn damaged(version: &str, reason: impl std::fmt::Display) -> Problem {
    let message = format!("the relay's calibration {version} cannot be taken: {reason}");
    Problem::new(ProblemCode::RelayIncompatible, message).about(version)
}

impl Exchange {
    /// Brings the calibrations here and those of the relay together. What fails is told to the log and tried again
    /// with the next exchange: profiles do not wait for it.
    pub(super) async fn calibrations(&self) {
        match together(&self.shared, &self.client).await {
            Ok(()) => {}
            Err(problem) => {
                tracing::warn!(code = ?problem.code, reason = problem.message, "Calibrations were not exchanged");
            }
        }
    }
}

async fn together(shared: &Shared, client: &RelayClient) -> Result<(), Problem> {
    let known = lock(&shared.calibrations).clone();
    let (list, tag) = match client.calibrations(known.as_deref()).await {
        Ok(Some(answer)) => answer,
        Ok(None) => return Ok(()),
        // A relay of an earlier version has none.
        Err(RelayError::Refused { status: 404, .. }) => return Ok(()),
        Err(error) => return Err(of_relay(&error)),
    };
    let store = &shared.store;
    let is_active = |entry: &&CalibrationEntry| entry.stage == CalibrationStage::Active;
    let there: Vec<&CalibrationEntry> = list.calibrations.iter().filter(is_active).collect();
    let mut changed = false;
    for entry in &there {
        changed |= take(store, client, entry).await?;
    }
    if changed {
        shared.hub.emit(&HostEvent::Calibrated);
    }
    let may_bring =
        store.sync_settings().map_err(|e| of_store(&e))?.role.as_deref() != Some(VIEWER);
    let mut brought = false;
    for here in store.active_calibrations().map_err(|e| of_store(&e))? {
        if may_bring && !there.iter().any(|entry| entry.schema == here.schema) {
            bring(store, client, &here, None).await?;
            brought = true;
        }
    }
    // What was brought is in the next answer.
    *lock(&shared.calibrations) = tag.filter(|_| !brought);
    Ok(())
}

/// Makes the relay's active calibration the one here; whether that changed anything.
async fn take(
    store: &Store,
    client: &RelayClient,
    entry: &CalibrationEntry,
) -> Result<bool, Problem> {
    let known = store.calibration(&entry.version).map_err(|e| of_store(&e))?;
    if known.as_ref().is_some_and(|known| known.state == CalibrationState::Active) {
        return Ok(false);
    }
    if known.is_none() {
        let answer = client.calibration(&entry.version).await.map_err(|e| of_relay(&e))?;
        keep(store, &answer)?;
    }
    let active = store.active_calibrations().map_err(|e| of_store(&e))?;
    let active = active.into_iter().find(|one| one.schema == entry.schema);
    let doing = Doing { by: Some(&entry.changed_by), at: entry.changed_at };
    let before = active.as_ref().map(|one| one.version.as_str());
    store.activate_calibration(&entry.version, before, doing).map_err(|e| of_store(&e))
}

/// Keeps what the relay answered, as a draft, where it is what its version says.
fn keep(store: &Store, answer: &CalibrationAnswer) -> Result<(), Problem> {
    let version = &answer.entry.version;
    let wrong = |reason: &dyn std::fmt::Display| damaged(version, reason);
    let schema = Schema::parse(answer.schema.get()).map_err(|e| wrong(&e))?;
    let calibration = Calibration::parse(answer.calibration.get()).map_err(|e| wrong(&e))?;
    calibration.check_schema(&schema).map_err(|e| wrong(&e))?;
    if calibration.version() != *version {
        return Err(wrong(&"it is not what its version says"));
    }
    let stored = StoredSchema {
        name: schema.name().to_owned(),
        version: schema.version(),
        text: schema.text().to_owned(),
        saved_at: clock::now(),
    };
    let by = Some(answer.entry.made_by.as_str());
    store.save_behavior_schema(&stored, by).map_err(|e| of_store(&e))?;
    let draft = StoredCalibration {
        version: version.clone(),
        schema: schema.name().to_owned(),
        schema_version: schema.version(),
        state: CalibrationState::Draft,
        text: calibration.text(),
        compared_with: None,
        moves: None,
        made_at: answer.entry.made_at,
    };
    let doing = Doing { by, at: answer.entry.made_at };
    store.add_calibration(&draft, doing).map_err(|e| of_store(&e))
}

/// Brings a calibration to the relay and activates it there, in place of the one that is active there. Gates were
/// looked at here.
async fn bring(
    store: &Store,
    client: &RelayClient,
    here: &StoredCalibration,
    instead_of: Option<String>,
) -> Result<(), Problem> {
    let schema = find_schema(store, &here.schema, Some(here.schema_version))?;
    let raw = |text: String| RawValue::from_string(text).map_err(|e| damaged(&here.version, e));
    let brought = NewCalibration {
        schema: raw(schema.text().to_owned())?,
        calibration: raw(here.text.clone())?,
    };
    client.add_calibration(&brought).await.map_err(|e| of_relay(&e))?;
    let asked = ActivateAt { instead_of, accept: true };
    client.activate_calibration(&here.version, &asked).await.map_err(|e| of_relay(&e))?;
    Ok(())
}

/// Activates a calibration for the whole organisation, before it is activated here. Does nothing where nobody is
/// signed in to a relay, or to one that has no calibrations.
///
/// # Errors
/// Offline; forbidden; blocked where another calibration became active there meanwhile, which is here then.
pub(crate) async fn publish(shared: &Shared, wanted: &StoredCalibration) -> Result<(), Problem> {
    let Some(client) = shared.relay()? else { return Ok(()) };
    let list = match client.calibrations(None).await {
        Ok(list) => list.map(|(list, _)| list.calibrations).unwrap_or_default(),
        Err(RelayError::Refused { status: 404, .. }) => return Ok(()),
        Err(error) => return Err(of_relay(&error)),
    };
    let of_schema = |entry: &&CalibrationEntry| {
        entry.stage == CalibrationStage::Active && entry.schema == wanted.schema
    };
    let there = list.iter().find(of_schema);
    if there.is_some_and(|entry| entry.version == wanted.version) {
        return Ok(());
    }
    if let Some(entry) = there
        && take(&shared.store, &client, entry).await?
    {
        shared.hub.emit(&HostEvent::Calibrated);
        let message = "another calibration is active in the organisation, and now here as well; look at \
                       whom this one moves now";
        return Err(Problem::new(ProblemCode::Blocked, message).about(&wanted.version));
    }
    let instead_of = there.map(|entry| entry.version.clone());
    *lock(&shared.calibrations) = None;
    bring(&shared.store, &client, wanted, instead_of).await
}
