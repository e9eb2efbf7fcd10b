//! The end of the demo: the window on Anna's data, or pictures of it where there is no display.

use std::path::Path;

use anyhow::{Context, Result};

use super::client::Client;
use super::story::Story;
use crate::workspace::Workspace;
use crate::{exec, node};

/// Opens the window and waits until it is closed; without a display takes pictures into `folder`.
pub(crate) fn open(
    workspace: &Workspace,
    story: &mut Story,
    client: &Client,
    folder: &Path,
    profile: &str,
) -> Result<()> {
    story.chapter("The window");
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let program = workspace.program("debug", "kartei-desktop");
    if has_display || !cfg!(target_os = "linux") {
        story.tell(format!("Opens on {}'s data; close it to end the demo.", client.name));
        return exec::show(workspace.command(&program).arg("--data").arg(&client.data));
    }
    node::install(workspace, "tests/js")?;
    let mut pictures = workspace.command("node");
    pictures.current_dir(workspace.path("tests/js")).arg("pictures.mjs");
    pictures.args(["--profile", profile, "--data"]).arg(&client.data).arg("--out").arg(folder);
    pictures.env("KARTEI_PROGRAMS", workspace.target.join("debug"));
    exec::capture(&mut pictures).context("cannot take pictures of the window")?;
    let mut taken = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "png") {
            taken.push(path);
        }
    }
    taken.sort();
    for path in &taken {
        story.tell(path.to_string_lossy().as_ref());
    }
    story.check("the window was seen, light and dark", taken.len() >= 4)
}
