//! What a machine needs: Debian packages and cargo tools. It asks no questions: a fresh
//! clone on CI must get from here to green by itself.

use std::process::Command;

use anyhow::{Result, bail};

use crate::workspace::Workspace;
use crate::{exec, node, s3_servers};

/// Debian and Ubuntu packages, for building the desktop and for driving it without a display.
const PACKAGES: &[&str] = &[
    "libwebkit2gtk-4.1-dev",
    "webkit2gtk-driver",
    "xvfb",
    "librsvg2-dev",
    "libxdo-dev",
    "libssl-dev",
    "libdbus-1-dev",
    "build-essential",
    "pkg-config",
    "dbus",
    "dbus-x11",
    "gnome-keyring",
    "desktop-file-utils",
    "shared-mime-info",
    "libglib2.0-bin",
    "imagemagick",
    "postgresql",
    "chromium",
    "fonts-noto-core",
];

/// Only benchmarks ask the system for a program's times and memory, and fetch with curl.
const BENCH_PACKAGES: &[&str] = &["time", "gzip", "curl", "postgresql"];

/// A program of a crate, with the version requirement to install it by.
struct Tool {
    program: &'static str,
    crate_name: &'static str,
    version: &'static str,
}

const TAURI_DRIVER: Tool =
    Tool { program: "tauri-driver", crate_name: "tauri-driver", version: "^2" };
const NEXTEST: Tool =
    Tool { program: "cargo-nextest", crate_name: "cargo-nextest", version: "^0.9" };
const DENY: Tool = Tool { program: "cargo-deny", crate_name: "cargo-deny", version: "^0.20" };

/// What the machine is prepared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Everything that `cargo xtask test` runs.
    Tests,
    /// The demo: no test runners.
    Demo,
    /// Benchmarks of the headless client.
    Bench,
}

/// Installs what is missing, or says how.
pub(crate) fn prepare(workspace: &Workspace, purpose: Purpose) -> Result<()> {
    node::require()?;
    let (packages, tools): (&[&str], &[Tool]) = match purpose {
        Purpose::Tests => (PACKAGES, &[TAURI_DRIVER, NEXTEST, DENY]),
        Purpose::Demo => (PACKAGES, &[TAURI_DRIVER]),
        Purpose::Bench => (BENCH_PACKAGES, &[]),
    };
    system_packages(packages)?;
    for tool in tools {
        install(workspace, tool)?;
    }
    if purpose == Purpose::Tests {
        s3_servers::install(workspace)?;
    }
    Ok(())
}

fn system_packages(packages: &[&str]) -> Result<()> {
    if !exec::succeeds(Command::new("dpkg-query").arg("--version")) {
        println!(
            "no Debian packages here: see that this system has the like of {}",
            packages.join(" ")
        );
        return Ok(());
    }
    let missing: Vec<&str> = packages.iter().copied().filter(|name| !is_installed(name)).collect();
    if missing.is_empty() {
        println!("system packages: all {} are here", packages.len());
        return Ok(());
    }
    let is_root = exec::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root && !exec::succeeds(Command::new("sudo").args(["-n", "true"])) {
        bail!(
            "system packages are missing; run this and try again:\n  \
             sudo apt-get update && sudo apt-get install -y {}",
            missing.join(" ")
        );
    }
    let apt = |arguments: &[&str]| {
        let mut command = if is_root { Command::new("apt-get") } else { Command::new("sudo") };
        if !is_root {
            command.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        }
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        exec::show(&mut command)
    };
    apt(&["update", "-q"])?;
    let mut install = vec!["install", "-y", "-q", "--no-install-recommends"];
    install.extend(&missing);
    apt(&install)
}

fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${db:Status-Status}", package]);
    exec::capture(&mut query).is_ok_and(|status| status == "installed")
}

fn install(workspace: &Workspace, tool: &Tool) -> Result<()> {
    if exec::succeeds(workspace.command(tool.program).arg("--version"))
        || workspace.tools().join("bin").join(tool.program).is_file()
    {
        println!("{}: is here", tool.program);
        return Ok(());
    }
    let tools = workspace.tools();
    let root = tools.to_string_lossy();
    let mut cargo = workspace.cargo(&[
        "install",
        "--locked",
        "--quiet",
        tool.crate_name,
        "--version",
        tool.version,
        "--root",
        &root,
    ]);
    // In a target folder of its own, which goes afterwards: it shares nothing with the workspace.
    cargo.env_remove("CARGO_TARGET_DIR").current_dir(std::env::temp_dir());
    exec::show(&mut cargo)
}
