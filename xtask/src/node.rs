//! Node packages of this repository: `ui`, `tests/js`, `bench/import-peer`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::exec;
use crate::workspace::Workspace;

/// The oldest Node that everything here runs on.
const NODE_MAJOR_MIN: u32 = 20;

/// Says clearly what is missing where Node is missing or too old.
pub(crate) fn require() -> Result<()> {
    let version = exec::capture(Command::new("node").arg("--version")).context(
        "Node.js is missing: install Node 20 or newer, with npm, from your system's packages",
    )?;
    let major =
        version.trim().trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok());
    match major {
        Some(major) if NODE_MAJOR_MIN <= major => {}
        _ => bail!("Node {} is too old: install Node {NODE_MAJOR_MIN} or newer", version.trim()),
    }
    exec::capture(Command::new("npm").arg("--version")).context(
        "npm is missing: it comes with Node.js, in some systems as a package of its own",
    )?;
    Ok(())
}

/// Installs exactly what the lock file says, unless that is what lies there.
pub(crate) fn install(workspace: &Workspace, folder: &str) -> Result<()> {
    let home = workspace.path(folder);
    let lock = fs::read(home.join("package-lock.json"))
        .with_context(|| format!("{folder} has no package-lock.json"))?;
    // A copy of the lock beside the packages tells which lock they were installed from.
    let installed = home.join("node_modules/.kartei-installed-lock");
    if fs::read(&installed).is_ok_and(|before| before == lock) {
        println!("{folder}: packages are as locked");
        return Ok(());
    }
    let mut ci = npm(workspace, folder, &["ci", "--no-audit", "--no-fund"]);
    if folder.starts_with("bench/") {
        ci = with_headers(ci);
    }
    let (installs, _) = exec::show_and_keep(&mut ci)?;
    if !installs {
        // `npm ci` refuses a lock without the optional packages of other systems that a registry
        // does not hold, and npm writes no other lock then. What the lock does name is installed.
        require_same_dependencies(&home, &lock)?;
        println!("{folder}: installing what the lock names, without `npm ci`");
        let install = ["install", "--no-save", "--no-audit", "--no-fund"];
        exec::show(&mut npm(workspace, folder, &install))?;
    }
    fs::write(installed, lock)?;
    Ok(())
}

/// `npm ci` would have noticed a package.json that is newer than its lock; `npm install` would not.
fn require_same_dependencies(home: &Path, lock: &[u8]) -> Result<()> {
    let package: Value = serde_json::from_slice(&fs::read(home.join("package.json"))?)?;
    let lock: Value = serde_json::from_slice(lock)?;
    for kind in ["dependencies", "devDependencies"] {
        if package[kind] != lock["packages"][""][kind] {
            bail!("{}: package.json and package-lock.json differ in {kind}", home.display());
        }
    }
    Ok(())
}

/// Lets builds of native packages find Node's own headers beside it, without a download.
fn with_headers(mut npm: Command) -> Command {
    if let Some(prefix) = node_prefix().filter(|p| p.join("include/node/node.h").is_file()) {
        npm.env("npm_config_nodedir", prefix);
    }
    npm
}

/// `npm` in one of the folders.
pub(crate) fn npm(workspace: &Workspace, folder: &str, arguments: &[&str]) -> Command {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let mut command = workspace.command(program);
    command.current_dir(workspace.path(folder)).args(arguments);
    command
}

fn node_prefix() -> Option<std::path::PathBuf> {
    let program = exec::capture(Command::new("node").args(["-p", "process.execPath"])).ok()?;
    Path::new(program.trim()).parent()?.parent().map(Path::to_owned)
}
