//! `cargo xtask bench import`: how long an import takes from a gzip file to SQLite, how much CPU
//! and memory it costs, beside the same work done by a peer in Node.

mod generate;
mod measure;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use measure::{Run, measured};
use table::Row;

use crate::workspace::Workspace;
use crate::{exec, node, setup};

/// Fresh imports of each program and file. Medians of five survive two disturbed runs.
const RUNS: usize = 5;

/// Profiles in the made file.
const MADE_PROFILES: u32 = 200_000;

const PEER: &str = "bench/import-peer";

/// Runs the benchmark, prints the table and writes it to `target/bench/import.md`.
pub(crate) fn import(workspace: &Workspace) -> Result<()> {
    setup::prepare(workspace, setup::Purpose::Bench)?;
    node::install(workspace, PEER)?;
    exec::show(&mut workspace.cargo(&[
        "build",
        "--quiet",
        "--release",
        "--package",
        "kartei-cli",
    ]))?;
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder)?;
    let made = generate::file(&folder, MADE_PROFILES)?;
    let cdnow = workspace.path("tests/fixtures/data/cdnow.ndjson.gz");
    let inputs = [("cdnow, 23,570 profiles", cdnow), ("made, 200,000 profiles", made)];
    let mut rows = Vec::new();
    for (title, file) in &inputs {
        exec::heading(title);
        rows.extend(side_by_side(workspace, &folder, title, file)?);
    }
    let text = table::markdown(&rows, RUNS, &machine());
    println!("\n{text}");
    let report = folder.join("import.md");
    fs::write(&report, text)?;
    println!("written to {}", report.display());
    Ok(())
}

/// Runs both programs in turn, so that a disturbance of the machine meets both.
fn side_by_side(
    workspace: &Workspace,
    folder: &Path,
    title: &str,
    file: &Path,
) -> Result<Vec<Row>> {
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for round in 1..=RUNS {
        let data = fresh(folder, "kartei")?;
        let mut kartei = workspace.command(workspace.program("release", "kartei"));
        kartei.arg("--data").arg(&data).args(["--json", "import"]).arg(file);
        ours.push(measured(&mut kartei, &data)?);
        let data = fresh(folder, "peer")?;
        let mut peer = workspace.command("node");
        peer.arg(workspace.path(PEER).join("import.mjs")).arg(file).arg(data.join("peer.sqlite"));
        theirs.push(measured(&mut peer, &data)?);
        println!("  run {round}: kartei {}, peer {}", ours[round - 1], theirs[round - 1]);
    }
    let bytes = fs::metadata(file)?.len();
    let row = |program: &str, runs: &[Run]| Row::of(title, program, bytes, runs);
    Ok(vec![row("kartei", &ours), row("Node: Ajv, better-sqlite3", &theirs)])
}

fn fresh(folder: &Path, name: &str) -> Result<PathBuf> {
    let data = folder.join(name);
    if data.exists() {
        fs::remove_dir_all(&data).with_context(|| format!("cannot clear {}", data.display()))?;
    }
    fs::create_dir_all(&data)?;
    Ok(data)
}

/// What the figures depend on: processor, cores, load, versions.
fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    let version = |program: &str| {
        let said = exec::capture(Command::new(program).arg("--version")).unwrap_or_default();
        said.lines().next().unwrap_or_default().to_owned()
    };
    format!(
        "{model}, {cores} cores; load average at the end {}; {}, Node {}",
        load.join(" "),
        version("rustc"),
        version("node")
    )
}
