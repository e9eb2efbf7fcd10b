//! `kartei sync --watch` and `kartei watch`: go on until they are interrupted.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};

use kartei_app::App;
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{AddWatched, Empty, ImportState};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::import::describe;
use crate::output::Output;
use crate::show;

pub(crate) fn run(app: &Arc<App>, output: &Output) -> Result<(), Problem> {
    let status = app.sync_status(Empty {})?;
    if status.relay.is_none() {
        let message = "no relay: sign in with `kartei login URL`";
        return Err(Problem::new(ProblemCode::NotSignedIn, message));
    }
    let stopped = interrupted()?;
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

/// Watches folders until it is interrupted, and prints what was imported.
pub(crate) fn folders(
    app: &Arc<App>,
    folder: Option<&Path>,
    output: &Output,
) -> Result<(), Problem> {
    if let Some(folder) = folder {
        app.add_watched(AddWatched { path: folder.display().to_string() })?;
    }
    let watched = app.list_watched(Empty {})?;
    if watched.folders.is_empty() {
        let message = "no folder is watched: name one, `kartei watch FOLDER`";
        return Err(Problem::new(ProblemCode::InvalidRequest, message));
    }
    let stopped = interrupted()?;
    let json = output.json();
    app.subscribe(move |event| {
        let HostEvent::Import { run } = event else { return };
        if matches!(run.state, ImportState::Queued | ImportState::Running) {
            return;
        }
        let lines = if json {
            vec![serde_json::to_string(run).unwrap_or_default()]
        } else {
            run.reports.iter().flat_map(describe).collect()
        };
        // Whoever read it may have gone; importing goes on.
        let _ = Output::new(json).lines(&lines);
    });
    app.start_watching()?;
    if !json {
        let paths: Vec<String> =
            watched.folders.iter().map(|folder| format!("Watching {}", folder.path)).collect();
        output.lines(&paths)?;
    }
    let _ = stopped.recv();
    Ok(())
}

/// Receives when the person interrupts the program.
pub(crate) fn interrupted() -> Result<Receiver<()>, Problem> {
    let (stop, stopped) = channel();
    ctrlc::set_handler(move || {
        // A second interrupt while stopping finds nobody waiting, which is fine.
        let _ = stop.send(());
    })
    .map_err(|e| Problem::new(ProblemCode::Internal, format!("listen for the interrupt: {e}")))?;
    Ok(stopped)
}
