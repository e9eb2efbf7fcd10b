//! Python packages of the tests: clients that are not ours, in a folder beside the other tools.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::exec;
use crate::workspace::Workspace;

/// Exact versions of the packages and of all that they need.
const REQUIREMENTS: &str = "tests/python/requirements.txt";

/// Where the packages are: what `PYTHONPATH` says to who uses them.
pub(crate) fn packages(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("python")
}

/// Installs exactly what is required, unless that is what lies there.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    let required = fs::read(workspace.path(REQUIREMENTS)).context("what Python is to install")?;
    let folder = packages(workspace);
    // A copy beside the packages tells what they were installed from.
    let installed = folder.join("installed-requirements.txt");
    if fs::read(&installed).is_ok_and(|before| before == required) {
        println!("{REQUIREMENTS}: packages are here");
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).context("remove earlier Python packages")?;
    }
    let mut pip = workspace.command("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]);
    pip.args(["--requirement", REQUIREMENTS, "--target"]).arg(&folder);
    exec::show(&mut pip)?;
    fs::write(&installed, required).context("note what was installed")?;
    Ok(())
}
