//! Files that are dragged over the window or dropped on it.

use std::path::PathBuf;

use tauri::{DragDropEvent, Manager, Window, WindowEvent};

use crate::bridge::Host;

/// Tells the host about drags. `Over` comes with every move of the pointer and tells nothing new.
pub(crate) fn on_window_event(window: &Window, event: &WindowEvent) {
    let WindowEvent::DragDrop(drag) = event else { return };
    let Some(host) = window.try_state::<Host>() else { return };
    match drag {
        DragDropEvent::Enter { paths, .. } => host.0.files_hover(true, texts(paths)),
        DragDropEvent::Leave => host.0.files_hover(false, Vec::new()),
        DragDropEvent::Drop { paths, .. } => {
            host.0.files_hover(false, Vec::new());
            host.0.files_opened(texts(paths));
        }
        _ => {}
    }
}

fn texts(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.to_string_lossy().into_owned()).collect()
}
