//! `kartei sync --watch`: follows the relay until it is interrupted.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};

use kartei_app::App;
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::Empty;
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::output::Output;
use crate::show;

pub(crate) fn run(app: &Arc<App>, output: &Output) -> Result<(), Problem> {
    let status = app.sync_status(Empty {})?;
    if status.relay.is_none() {
        let message = "no relay: sign in with `kartei login URL --token …`";
        return Err(Problem::new(ProblemCode::NotSignedIn, message));
    }
    let (stop, stopped) = channel();
    ctrlc::set_handler(move || {
        // A second interrupt while stopping finds nobody waiting, which is fine.
        let _ = stop.send(());
    })
    .map_err(|e| Problem::new(ProblemCode::Internal, format!("listen for the interrupt: {e}")))?;
    let json = output.json();
    let last = Mutex::new(String::new());
    app.subscribe(move |event| {
        let HostEvent::Sync { status } = event else { return };
        let line = if json {
            serde_json::to_string(status).unwrap_or_default()
        } else {
            show::status(status)
        };
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != line {
            // Whoever read it may have gone; syncing goes on.
            let _ = Output::new(json).lines(std::slice::from_ref(&line));
            *last = line;
        }
    });
    app.start_sync();
    let _ = stopped.recv();
    Ok(())
}
