//! What the page in the window may do. It is written down here a second time on purpose: loosening it
//! takes a change of this test, which somebody reads.

use std::path::Path;

use serde_json::{Value, json};

fn read(path: &str) -> Value {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path);
    serde_json::from_str(&text).expect(path)
}

#[test]
fn the_page_runs_and_loads_only_what_is_in_the_program() {
    let security = &read("tauri.conf.json")["app"]["security"];
    let expected = json!({
        "csp": {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "font-src": "'self'",
            "img-src": "'self' data:",
            "connect-src": "ipc: http://ipc.localhost",
            "object-src": "'none'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'"
        },
        "capabilities": ["main-window"]
    });
    // Also nothing beside it, such as a development policy or a switch that turns checks off.
    assert_eq!(*security, expected);
}

#[test]
fn the_page_may_ask_tauri_for_events_and_the_dialog_that_chooses_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("capabilities");
    let files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(files, ["main-window.json"], "one capability, for one window");
    let capability = read("capabilities/main-window.json");
    assert_eq!(capability["windows"], json!(["main"]));
    let permissions =
        json!(["core:event:allow-listen", "core:event:allow-unlisten", "dialog:allow-open"]);
    assert_eq!(capability["permissions"], permissions);
    for wider in ["remote", "webviews", "local", "platforms"] {
        assert_eq!(capability[wider], Value::Null, "{wider}");
    }
}

#[test]
fn the_window_has_no_global_tauri_object_and_opens_no_other_page() {
    let config = read("tauri.conf.json");
    assert_eq!(config["app"]["withGlobalTauri"], json!(false));
    let windows = config["app"]["windows"].as_array().unwrap();
    assert_eq!(windows.len(), 1);
    for wider in ["url", "proxyUrl", "additionalBrowserArgs", "devtools", "useHttpsScheme"] {
        assert_eq!(windows[0][wider], Value::Null, "{wider}");
    }
    assert_eq!(config["build"]["frontendDist"], json!("../ui/dist"));
}

#[test]
fn every_page_of_the_ui_is_without_inline_scripts_and_styles() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/index.html");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(!page.contains("<style") && !page.contains("style="), "styles are files");
    let scripts = page.matches("<script").count();
    let files = page.matches("<script type=\"module\" src=\"./").count();
    assert_eq!(scripts, files, "scripts are files of the program");
}
