//! Where things are: the repository's root, the target folder, the programs that were built.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::exec;

/// The folders of this work tree.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    /// The repository.
    pub root: PathBuf,
    /// Cargo's target folder, wherever `CARGO_TARGET_DIR` or a configuration put it.
    pub target: PathBuf,
}

impl Workspace {
    /// Asks cargo, which knows about every way to set the target folder.
    pub(crate) fn find() -> Result<Self> {
        let mut cargo = Command::new(cargo_program());
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
        let metadata: Value = serde_json::from_str(&exec::capture(&mut cargo)?)?;
        let folder = |key: &str| {
            let text = metadata[key].as_str().with_context(|| format!("cargo names no {key}"))?;
            anyhow::Ok(PathBuf::from(text))
        };
        Ok(Self { root: folder("workspace_root")?, target: folder("target_directory")? })
    }

    /// A path inside the repository.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// A program of the dev profile, such as `kartei`.
    pub(crate) fn program(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    /// Where tools are installed that the machine lacks.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// `cargo` in the repository, with the same target folder as this run.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = self.command(cargo_program());
        cargo.args(arguments);
        cargo
    }

    /// Any program, started in the repository, which finds the installed tools.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command.env("PATH", self.search_path());
        command
    }

    /// `PATH` with the installed tools at the end.
    pub(crate) fn search_path(&self) -> std::ffi::OsString {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain([self.tools().join("bin")]);
        std::env::join_paths(folders).unwrap_or(path)
    }
}

/// Cargo tells its subprograms which cargo runs them.
fn cargo_program() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
