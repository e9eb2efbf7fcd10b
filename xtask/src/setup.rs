//! What a machine needs: Debian packages and cargo tools. It asks no questions: a fresh
//! clone on CI must get from here to green by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{exec, node, python, s3_servers};

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
    "firefox-esr",
    "fonts-noto-core",
    "curl",
    "python3",
    "python3-pip",
];

/// Only benchmarks ask the system for a program's times and memory, and fetch with curl.
const BENCH_PACKAGES: &[&str] = &["time", "gzip", "curl", "postgresql"];

/// Peers in Python.
const PYTHON_PACKAGES: &[&str] = &["python3", "python3-pip"];

/// The slow link of uploads: network namespaces, and a program that carries packets between them.
const LINK_PACKAGES: &[&str] = &["iproute2", "python3"];

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
/// A peer of `bench upload`.
const RUSTUS: Tool = Tool { program: "rustus", crate_name: "rustus", version: "=0.5.10" };
/// A peer of `bench jobs`.
const RIVER: Tool = Tool { program: "riverqueue", crate_name: "riverqueue-cli", version: "=0.5.0" };
const DENY: Tool = Tool { program: "cargo-deny", crate_name: "cargo-deny", version: "^0.20" };

/// What makes the book of the documents.
const MDBOOK: Tool = Tool { program: "mdbook", crate_name: "mdbook", version: "^0.5" };

/// What the machine is prepared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Everything that `cargo xtask test` runs.
    Tests,
    /// The demo: no test runners.
    Demo,
    /// Benchmarks of the headless client.
    Bench,
    /// The benchmark of uploads, with its peers.
    BenchUpload,
    /// The benchmark of jobs, with its peers.
    BenchJobs,
    /// The benchmark of analyses, with its peers.
    BenchAnalysis,
}

/// Installs what is missing, or says how.
pub(crate) fn prepare(workspace: &Workspace, purpose: Purpose) -> Result<()> {
    node::require()?;
    let (packages, tools): (&[&str], &[Tool]) = match purpose {
        Purpose::Tests => (PACKAGES, &[TAURI_DRIVER, NEXTEST, DENY]),
        Purpose::Demo => (PACKAGES, &[TAURI_DRIVER]),
        Purpose::Bench => (BENCH_PACKAGES, &[]),
        Purpose::BenchUpload => (BENCH_PACKAGES, &[RUSTUS]),
        Purpose::BenchJobs => (BENCH_PACKAGES, &[RIVER]),
        Purpose::BenchAnalysis => (PYTHON_PACKAGES, &[]),
    };
    system_packages(packages)?;
    for tool in tools {
        install(workspace, tool)?;
    }
    if purpose == Purpose::Tests {
        s3_servers::install(workspace)?;
        python::CLIENTS.install(workspace)?;
    }
    if purpose == Purpose::BenchAnalysis {
        python::ANALYSIS_PEERS.install(workspace)?;
    }
    Ok(())
}

/// What the shaped link of `bench upload` needs beside the rest.
pub(crate) fn prepare_link() -> Result<()> {
    system_packages(LINK_PACKAGES)
}

/// mdBook, which makes the book of the documents; tests do without.
pub(crate) fn mdbook(workspace: &Workspace) -> Result<()> {
    install(workspace, &MDBOOK)
}

/// nginx: the system's, or the files of Debian's package beside the other tools. Installing the package
/// would begin to serve the machine's port 80, which is nobody's wish here.
pub(crate) fn nginx(workspace: &Workspace) -> Result<PathBuf> {
    unpacked(workspace, "nginx", "usr/sbin/nginx", "-v")
}

/// promtool, which checks rules for alerts: the system's, or that of Debian's package beside the other tools. Installing
/// the package would begin to watch this machine.
pub(crate) fn promtool(workspace: &Workspace) -> Result<PathBuf> {
    unpacked(workspace, "prometheus", "usr/bin/promtool", "--version")
}

/// A program of a Debian package that is not to be installed; `ask` is what it answers to without doing anything.
fn unpacked(workspace: &Workspace, package: &str, program: &str, ask: &str) -> Result<PathBuf> {
    let folder = workspace.tools().join(package);
    let own = folder.join(program);
    for program in [&Path::new("/").join(program), &own] {
        if exec::succeeds(Command::new(program).arg(ask)) {
            return Ok(program.clone());
        }
    }
    fs::create_dir_all(&folder)?;
    let mut download = Command::new("apt-get");
    download.args(["download", "-q", package]).current_dir(&folder);
    exec::show(&mut download)
        .with_context(|| format!("{package} is missing; install it, or let apt-get download it"))?;
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "deb") {
            exec::show(Command::new("dpkg").arg("-x").arg(&path).arg(&folder))?;
            fs::remove_file(path)?;
        }
    }
    exec::capture(Command::new(&own).arg(ask))
        .with_context(|| format!("{package} lacks libraries of the system"))?;
    Ok(own)
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
