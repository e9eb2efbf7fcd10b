//! Where the window was: size, place and whether it was maximised, kept in the home folder.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tauri::{Manager, PhysicalPosition, PhysicalSize, Runtime, WebviewWindow, Window, WindowEvent};

const FILE: &str = "window.json";

/// So much of the window must be on a monitor for it to be put back there: a hand's width, by which
/// it can be moved.
const VISIBLE_PX: i64 = 100;

/// A window's frame, in physical pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Frame {
    x: i32,
    y: i32,
    width: u32,
    height: u32,
}

/// What is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// The frame while it is not maximised.
    frame: Option<Frame>,
    maximised: bool,
}

/// What is known of the window, as Tauri's managed state.
pub(crate) struct Kept {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    place: Place,
    /// The frame before the last: systems tell of the maximised size before they say that the window
    /// is maximised.
    before: Option<Frame>,
    written: Option<Place>,
}

impl Kept {
    /// Reads what was kept in a home folder; what cannot be read is as good as nothing.
    pub(crate) fn read(home: &Path) -> Self {
        let path = home.join(FILE);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let place: Place = serde_json::from_str(&text).unwrap_or_default();
        let state = State { place, before: None, written: Some(place) };
        Self { path, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) {
        let mut state = self.lock();
        let place = state.place;
        if state.written == Some(place) {
            return;
        }
        let text = serde_json::to_string(&place).unwrap_or_default();
        match std::fs::write(&self.path, text) {
            Ok(()) => state.written = Some(place),
            // The next start has the usual size then.
            Err(error) => tracing::debug!(%error, "the window's place is not kept"),
        }
    }
}

impl State {
    /// Takes in how the window is now.
    fn note(&mut self, frame: Frame, maximised: bool) {
        if maximised {
            if !self.place.maximised && self.place.frame == Some(frame) {
                self.place.frame = self.before;
            }
        } else if self.place.frame != Some(frame) {
            self.before = self.place.frame.replace(frame);
        }
        self.place.maximised = maximised;
    }
}

/// Puts a new window where the last one was, where there is still a monitor.
pub(crate) fn restore<R: Runtime>(window: &WebviewWindow<R>) {
    let Some(kept) = window.try_state::<Kept>() else { return };
    let place = kept.lock().place;
    let put = || {
        if let Some(frame) = place.frame {
            window.set_size(PhysicalSize::new(frame.width, frame.height))?;
            let monitors = window.available_monitors()?;
            let areas = monitors.iter().map(|monitor| {
                let (at, size) = (monitor.position(), monitor.size());
                Frame { x: at.x, y: at.y, width: size.width, height: size.height }
            });
            if is_reachable(frame, areas) {
                window.set_position(PhysicalPosition::new(frame.x, frame.y))?;
            }
        }
        if place.maximised {
            window.maximize()?;
        }
        tauri::Result::Ok(())
    };
    if let Err(error) = put() {
        tracing::debug!(%error, "the window has its usual place");
    }
}

/// Whether the top of the frame, by which a window is moved, is on one of the monitors.
fn is_reachable(frame: Frame, monitors: impl Iterator<Item = Frame>) -> bool {
    let (left, top) = (i64::from(frame.x), i64::from(frame.y));
    let right = left + i64::from(frame.width);
    monitors.into_iter().any(|monitor| {
        let (x, y) = (i64::from(monitor.x), i64::from(monitor.y));
        let shared = right.min(x + i64::from(monitor.width)) - left.max(x);
        let bottom = y + i64::from(monitor.height);
        shared >= VISIBLE_PX && top >= y && top + VISIBLE_PX <= bottom
    })
}

/// Follows the window. The file is written when the window is left or closed, not with each pixel.
pub(crate) fn on_window_event<R: Runtime>(window: &Window<R>, event: &WindowEvent) {
    let Some(kept) = window.try_state::<Kept>() else { return };
    match event {
        WindowEvent::Resized(_) | WindowEvent::Moved(_) => note(&kept, window),
        WindowEvent::Focused(false) | WindowEvent::Destroyed => kept.write(),
        WindowEvent::CloseRequested { .. } => {
            note(&kept, window);
            kept.write();
        }
        _ => {}
    }
}

fn note<R: Runtime>(kept: &Kept, window: &Window<R>) {
    // A minimised window has no frame worth keeping.
    let shown = !window.is_minimized().unwrap_or(false) && window.is_visible().unwrap_or(false);
    let now = (window.outer_position(), window.inner_size(), window.is_maximized());
    if let (true, (Ok(at), Ok(size), Ok(maximised))) = (shown, now) {
        let frame = Frame { x: at.x, y: at.y, width: size.width, height: size.height };
        kept.lock().note(frame, maximised);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Frame = Frame { x: 10, y: 20, width: 1000, height: 700 };
    const SCREEN: Frame = Frame { x: 0, y: 0, width: 1920, height: 1080 };

    #[test]
    fn a_maximised_window_remembers_the_frame_that_it_had_before() {
        for told_late in [false, true] {
            let mut state = State::default();
            state.note(SMALL, false);
            if told_late {
                state.note(SCREEN, false);
            }
            state.note(SCREEN, true);
            assert_eq!(state.place, Place { frame: Some(SMALL), maximised: true });
        }
    }

    #[test]
    fn a_window_is_put_back_where_it_can_be_reached() {
        let reachable = |x, y| is_reachable(Frame { x, y, ..SMALL }, [SCREEN].into_iter());
        assert!(reachable(10, 20) && reachable(1800, 900) && reachable(-800, 0));
        assert!(!reachable(1900, 20), "only an edge of it");
        assert!(!reachable(10, -40), "its top is out of reach");
        assert!(!reachable(3000, 20), "that monitor is gone");
        assert!(!is_reachable(SMALL, std::iter::empty()));
    }
}
