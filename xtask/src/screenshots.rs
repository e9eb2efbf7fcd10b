//! `cargo xtask screenshots`: a picture of every view in a browser, to be looked at; with `guide` those of
//! the user guide, in their place in the tree.

use std::path::PathBuf;

use anyhow::Result;

use crate::test::build_programs;
use crate::workspace::Workspace;
use crate::{exec, node, setup, ui};

/// Builds what is needed and takes the pictures; `tests/js/screenshots.mjs` says of what.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    take(workspace, "screenshots.mjs", workspace.target.join("screenshots"))
}

/// The same for the user guide; `tests/js/guide.mjs` says of what.
pub(crate) fn guide(workspace: &Workspace) -> Result<()> {
    take(workspace, "guide.mjs", workspace.path("docs/guide/pictures"))
}

fn take(workspace: &Workspace, script: &str, folder: PathBuf) -> Result<()> {
    setup::prepare(workspace, setup::Purpose::Tests)?;
    ui::build_if_stale(workspace)?;
    build_programs(workspace, &["kartei-cli", "kartei-relay", "kartei-dev-host"])?;
    node::install(workspace, "tests/js")?;
    let mut pictures = workspace.command("node");
    pictures.current_dir(workspace.path("tests/js")).arg(script);
    pictures.env("KARTEI_PROGRAMS", workspace.target.join("debug"));
    pictures.env("KARTEI_PICTURES", folder);
    exec::show(&mut pictures)
}
