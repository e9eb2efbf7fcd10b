//! The one command and the one event between the window and the host.

use std::sync::Arc;

use kartei_app::Workplace;
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};
use serde_json::Value;
use tauri::{AppHandle, Emitter, Manager, State};

/// The Tauri event that carries every [`HostEvent`].
const EVENT: &str = "kartei";

/// The home folder with its workspaces, as Tauri's managed state.
pub(crate) struct Host(pub Arc<Workplace>);

/// Calls the command `name` of the shared list. Commands touch the disk, so they run off the event
/// loop.
#[tauri::command]
pub(crate) async fn call(
    host: State<'_, Host>,
    name: String,
    payload: Value,
) -> Result<Value, Problem> {
    let workplace = Arc::clone(&host.0);
    tauri::async_runtime::spawn_blocking(move || workplace.call(&name, payload)).await.map_err(
        |error| Problem::new(ProblemCode::Internal, format!("the command ended: {error}")),
    )?
}

/// Passes the host's events on to the window.
pub(crate) fn forward_events(workplace: &Workplace, handle: &AppHandle) {
    let handle = handle.clone();
    workplace.subscribe(move |event: &HostEvent| {
        // The only failure is a window that is closing; it needs no events any more.
        if let Err(error) = handle.emit(EVENT, event) {
            tracing::debug!(%error, "an event found no window");
        }
    });
}

/// Stops the background work; the process may end afterwards.
pub(crate) fn shut_down(handle: &AppHandle) {
    if let Some(host) = handle.try_state::<Host>() {
        host.0.shutdown();
    }
}
