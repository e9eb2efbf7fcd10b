//! Python packages that are not ours: clients of the tests and peers of benchmarks, in folders beside the other tools.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::exec;
use crate::workspace::Workspace;

/// Packages that belong together: a file with exact versions of them and of all that they need, and their folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packages {
    requirements: &'static str,
    folder: &'static str,
}

/// Clients of the tests.
pub(crate) const CLIENTS: Packages =
    Packages { requirements: "tests/python/requirements.txt", folder: "python" };

/// The peers of `bench analysis`.
pub(crate) const ANALYSIS_PEERS: Packages =
    Packages { requirements: "bench/analysis-peer/requirements.txt", folder: "python-analysis" };

impl Packages {
    /// Where they are: what `PYTHONPATH` says to who uses them.
    pub(crate) fn path(self, workspace: &Workspace) -> PathBuf {
        workspace.tools().join(self.folder)
    }

    /// Installs exactly what is required, unless that is what lies there.
    pub(crate) fn install(self, workspace: &Workspace) -> Result<()> {
        let required =
            fs::read(workspace.path(self.requirements)).context("what Python is to install")?;
        let folder = self.path(workspace);
        // A copy beside the packages tells what they were installed from.
        let installed = folder.join("installed-requirements.txt");
        if fs::read(&installed).is_ok_and(|before| before == required) {
            println!("{}: packages are here", self.requirements);
            return Ok(());
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).context("remove earlier Python packages")?;
        }
        let mut pip = workspace.command("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]);
        pip.args(["--requirement", self.requirements, "--target"]).arg(&folder);
        exec::show(&mut pip)?;
        fs::write(&installed, required).context("note what was installed")?;
        Ok(())
    }
}
