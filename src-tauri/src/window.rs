//! Opens the data folder and then the window, in this order: the page's first call must find the
//! host.

use kartei_app::{App, AppOptions};
use kartei_protocol::problem::Problem;
use tauri::{AppHandle, Manager, WebviewWindowBuilder};
use tauri_plugin_dialog::{DialogExt, MessageDialogKind};

use crate::arguments::Arguments;
use crate::bridge::{self, Host};

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
pub(crate) fn open(handle: &AppHandle, arguments: Arguments) -> tauri::Result<()> {
    let data_dir = arguments.data_dir.unwrap_or_else(kartei_app::default_data_dir);
    kartei_app::start_log(&data_dir);
    let web_engine = tauri::webview_version().ok().map(|version| format!("{WEB_ENGINE} {version}"));
    let app = match App::open(AppOptions { data_dir, web_engine, ..AppOptions::default() }) {
        Ok(app) => app,
        Err(problem) => {
            say_and_exit(handle, &problem);
            return Ok(());
        }
    };
    bridge::forward_events(&app, handle);
    if !arguments.files.is_empty() {
        app.files_opened(arguments.files);
    }
    app.start_sync();
    if let Err(problem) = app.start_watching() {
        tracing::error!(code = ?problem.code, %problem, "The watched folders are not watched");
    }
    handle.manage(Host(app));
    for window in &handle.config().app.windows {
        WebviewWindowBuilder::from_config(handle, window)?.build()?;
    }
    Ok(())
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
