//! The programs of `bench/sync-peer`: each prints one JSON line.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::exec;
use crate::processes::Background;
use crate::workspace::Workspace;

/// Where they are.
pub(crate) const FOLDER: &str = "bench/sync-peer";

/// What a client of one of them reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Synced {
    /// Profiles that arrived, maybe fewer than there are.
    pub profiles: f64,
    /// Seconds, without the program's start.
    pub wall: f64,
    /// Seconds of all cores.
    pub cpu: f64,
    /// Whether its time was over before it was done.
    pub cut_short: bool,
}

fn program(workspace: &Workspace, name: &str, arguments: &[&str]) -> Command {
    let mut node = workspace.command("node");
    node.arg(workspace.path(FOLDER).join(format!("{name}.mjs"))).args(arguments);
    node
}

/// Runs one to its end; answers its line.
pub(crate) fn run(workspace: &Workspace, name: &str, arguments: &[&str]) -> Result<Value> {
    let said = exec::capture(&mut program(workspace, name, arguments))?;
    let line = said.lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("{name} said `{line}`"))
}

/// Runs a client that fetches everything.
pub(crate) fn sync(workspace: &Workspace, name: &str, arguments: &[&str]) -> Result<Synced> {
    let said = run(workspace, name, arguments)?;
    let figure = |name: &str| said[name].as_f64();
    let profiles = figure("documents").or_else(|| figure("rows"));
    let cut_short = said["timed_out"] == true;
    let (Some(profiles), Some(wall)) = (profiles, figure("seconds")) else {
        bail!("{name} reported no figures: {said}");
    };
    Ok(Synced { profiles, wall, cpu: figure("cpu_seconds").unwrap_or_default(), cut_short })
}

/// Starts a server; answers it with its port.
pub(crate) fn serve(
    workspace: &Workspace,
    name: &str,
    what: &str,
    path: &Path,
) -> Result<(Background, String)> {
    let path = path.to_str().context("the folder's name is text")?;
    let (server, rest) =
        Background::start(&mut program(workspace, name, &[what, path]), "{\"port\":")?;
    Ok((server, rest.trim_end_matches('}').to_owned()))
}
