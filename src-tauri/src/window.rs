//! Opens the data folder and then the window, in this order: the page's first call must find the
//! host.

use std::path::Path;
use std::sync::Arc;

use kartei_app::{AppOptions, Handover, Instance, Trust, Workplace};
use kartei_keychain::SystemKeychain;
use kartei_protocol::problem::Problem;
use tauri::{AppHandle, Manager, Url, WebviewWindowBuilder};
use tauri_plugin_dialog::{DialogExt, MessageDialogKind};

use crate::bridge::{self, Host};
use crate::notices;
use crate::place::{self, Kept};

/// What shows the window's page.
const WEB_ENGINE: &str = if cfg!(target_os = "windows") {
    "WebView2"
} else if cfg!(target_os = "macos") {
    "WebKit"
} else {
    "WebKitGTK"
};

/// Opens everything. A data folder that cannot be opened is said in a dialog, since there is no
/// page yet that could say it.
pub(crate) fn open(
    handle: &AppHandle,
    home: &Path,
    opens: Handover,
    instance: Option<Instance>,
) -> tauri::Result<()> {
    kartei_app::start_log(home);
    let web_engine = tauri::webview_version().ok().map(|version| format!("{WEB_ENGINE} {version}"));
    let keychain = SystemKeychain::of_session();
    let options = AppOptions {
        data_dir: home.to_owned(),
        keychain: Some(Arc::new(keychain)),
        web_engine,
        trust: Trust::of_environment(),
        ..AppOptions::default()
    };
    let workplace = match Workplace::open(options) {
        Ok(workplace) => workplace,
        Err(problem) => {
            say_and_exit(handle, &problem);
            return Ok(());
        }
    };
    bridge::forward_events(&workplace, handle);
    notices::show_with(&workplace, handle);
    open_what(&workplace, opens);
    workplace.start_working();
    handle.manage(Host(workplace));
    handle.manage(Kept::read(home));
    for window in &handle.config().app.windows {
        let built = WebviewWindowBuilder::from_config(handle, window)?
            .on_navigation(is_own)
            .on_document_title_changed(|window, title| {
                if let Err(error) = window.set_title(&title) {
                    tracing::debug!(%error, "the window keeps its title");
                }
            })
            .visible(false)
            .build()?;
        place::restore(&built);
        built.show()?;
    }
    if let Some(instance) = instance {
        let shell = handle.clone();
        if let Err(error) = instance.listen(move |opens| take(&shell, opens)) {
            tracing::error!(%error, "Another start will not find this window");
        }
        // For as long as the program runs.
        handle.manage(instance);
    }
    Ok(())
}

/// Opens what another start of the program, or the system, handed over, and brings the window up.
pub(crate) fn take(handle: &AppHandle, opens: Handover) {
    if let Some(host) = handle.try_state::<Host>() {
        open_what(&host.0, opens);
    }
    raise(handle);
}

/// Brings the window up, wherever it is.
pub(crate) fn raise(handle: &AppHandle) {
    for window in handle.webview_windows().values() {
        let raised =
            window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
        if let Err(error) = raised {
            tracing::debug!(%error, "the window stays where it is");
        }
    }
}

fn open_what(workplace: &Workplace, opens: Handover) {
    if !opens.files.is_empty() {
        workplace.files_opened(opens.files);
    }
    if let Some(link) = opens.link {
        workplace.link_opened(&link);
    }
}

/// Whether an address is the window's own page. It never leaves that: whatever a text of the data
/// could bring about, no other page gets to the host.
fn is_own(url: &Url) -> bool {
    match (url.scheme(), url.host_str()) {
        ("tauri", Some("localhost")) | ("http" | "https", Some("tauri.localhost")) => true,
        // `npm run dev`, which a program with the page inside never opens.
        ("http", Some("localhost")) => !cfg!(feature = "custom-protocol"),
        ("about", None) => url.path() == "blank",
        _ => false,
    }
}

fn say_and_exit(handle: &AppHandle, problem: &Problem) {
    eprintln!("kartei-desktop: {problem}");
    let shell = handle.clone();
    handle
        .dialog()
        .message(&problem.message)
        .title("Kartei cannot open its data")
        .kind(MessageDialogKind::Error)
        .show(move |_| shell.exit(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_shows_its_own_page_and_nothing_else() {
        let own = |address: &str| is_own(&address.parse().unwrap());
        assert!(own("tauri://localhost/#/profiles"));
        assert!(own("http://tauri.localhost/"));
        for other in [
            "https://example.org/",
            "http://localhost.example.org/",
            "tauri://example.org/",
            "file:///etc/passwd",
            "data:text/html,x",
            "javascript:alert(1)",
            "about:srcdoc",
        ] {
            assert!(!own(other), "{other}");
        }
    }
}
