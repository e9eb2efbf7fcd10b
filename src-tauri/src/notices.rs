//! Native notes, through whatever the session has for them.

use std::collections::BTreeMap;
#[cfg(all(unix, not(target_os = "macos")))]
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};

use kartei_app::Workplace;
use kartei_protocol::desktop::{NoticeKind, ShowNotice};
use notify_rust::Notification;
use tauri::{AppHandle, Manager};

/// The menu entry, by which the session knows name and icon.
#[cfg(all(unix, not(target_os = "macos")))]
const ENTRY: &str = "org.kartei.desktop";

/// What a click on the note itself is called.
#[cfg(all(unix, not(target_os = "macos")))]
const CLICK: &str = "default";

/// Shows the notes that the page asks for while the window does not have the focus.
pub(crate) fn show_with(workplace: &Workplace, handle: &AppHandle) {
    let handle = handle.clone();
    // Numbers of the notes that stand, so that a newer one takes an older one's place.
    let standing: Mutex<BTreeMap<u8, u32>> = Mutex::default();
    workplace.notify_with(move |notice| {
        let focused =
            |(_, window): (String, tauri::WebviewWindow)| window.is_focused().unwrap_or(false);
        if handle.webview_windows().into_iter().any(focused) {
            return false;
        }
        let mut standing = standing.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = number_of(notice.kind);
        match show(notice, standing.get(&kind).copied(), &handle) {
            Ok(id) => {
                standing.insert(kind, id);
                true
            }
            Err(error) => {
                tracing::debug!(%error, "nothing here shows notes");
                false
            }
        }
    });
}

fn number_of(kind: NoticeKind) -> u8 {
    match kind {
        NoticeKind::Import => 0,
        NoticeKind::Export => 1,
        NoticeKind::Sync => 2,
        NoticeKind::Conflicts => 3,
        NoticeKind::Analysis => 4,
    }
}

/// Shows a note and answers its number. It lives on a thread of its own, which waits until it is gone:
/// a click on it brings the window up.
#[cfg(all(unix, not(target_os = "macos")))]
fn show(notice: &ShowNotice, replaces: Option<u32>, handle: &AppHandle) -> anyhow::Result<u32> {
    let (title, text, handle) = (notice.title.clone(), escaped(&notice.text), handle.clone());
    let (answer, answered) = channel();
    std::thread::Builder::new().name("note".to_owned()).spawn(move || {
        let mut note = Notification::new();
        note.appname("Kartei").icon(ENTRY).summary(&title).body(&text);
        note.hint(notify_rust::Hint::DesktopEntry(ENTRY.to_owned())).action(CLICK, "Kartei");
        if let Some(id) = replaces {
            note.id(id);
        }
        // Whoever asked waits for the answer, and is there to take it.
        match note.show() {
            Ok(shown) => {
                let _ = answer.send(Ok(shown.id()));
                shown.wait_for_action(|action| {
                    if action == CLICK {
                        crate::window::raise(&handle);
                    }
                });
            }
            Err(error) => drop(answer.send(Err(error.to_string()))),
        }
    })?;
    answered.recv()?.map_err(anyhow::Error::msg)
}

/// Shows a note. These systems bring the program up by themselves, and stack notes by theirs.
#[cfg(not(all(unix, not(target_os = "macos"))))]
fn show(notice: &ShowNotice, _: Option<u32>, _: &AppHandle) -> anyhow::Result<u32> {
    let mut note = Notification::new();
    note.appname("Kartei").summary(&notice.title).body(&notice.text).show()?;
    Ok(0)
}

/// The body of a note may be read as markup: a file's name must stay text.
#[cfg(all(unix, not(target_os = "macos")))]
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(all(test, unix, not(target_os = "macos")))]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_no_markup() {
        assert_eq!(escaped("<b>a&b.ndjson"), "&lt;b&gt;a&amp;b.ndjson");
    }
}
