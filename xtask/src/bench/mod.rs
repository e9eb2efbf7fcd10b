//! `cargo xtask bench import`: how long an import takes from a gzip file to SQLite, how much CPU
//! and memory it costs, beside the same work done by a peer in Node, and beside what it cannot go
//! below. `cargo xtask bench store`: what people do in a data folder of a million profiles. [`sync`],
//! [`upload`], [`jobs`], [`analysis`], [`scores`] and [`window`] are the other benchmarks.

pub(crate) mod analysis;
mod generate;
pub(crate) mod jobs;
mod measure;
mod peers;
pub(crate) mod scores;
pub(crate) mod sync;
mod table;
pub(crate) mod upload;
pub(crate) mod window;

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

/// Profiles in the file that both programs import.
const MADE_PROFILES: u32 = 200_000;

/// Profiles of the files that show how the cost of one grows with their number.
const GROWTH: [u32; 3] = [10_000, 100_000, 1_000_000];

/// Runs of each of these: the last one takes its time.
const GROWTH_RUNS: usize = 3;

const PEER: &str = "bench/import-peer";

fn prepared(workspace: &Workspace) -> Result<PathBuf> {
    setup::prepare(workspace, setup::Purpose::Bench)?;
    exec::show(&mut workspace.cargo(&[
        "build",
        "--quiet",
        "--release",
        "--package",
        "kartei-cli",
        "--package",
        "kartei-local-store",
        "--bins",
        "--examples",
    ]))?;
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Runs the benchmark of imports, prints the table and writes it to `target/bench/import.md`.
pub(crate) fn import(workspace: &Workspace) -> Result<()> {
    let folder = prepared(workspace)?;
    node::install(workspace, PEER)?;
    let made = generate::file(&folder, MADE_PROFILES)?;
    let cdnow = workspace.path("tests/fixtures/data/cdnow.ndjson.gz");
    let inputs = [("cdnow, 23,570 profiles", cdnow), ("made, 200,000 profiles", made)];
    let mut groups = Vec::new();
    for (title, file) in &inputs {
        exec::heading(title);
        groups.push(side_by_side(workspace, &folder, title, file)?);
    }
    let mut growth = Vec::new();
    for profiles in GROWTH {
        let title = format!("made, {profiles} profiles");
        exec::heading(&title);
        let file = generate::file(&folder, profiles)?;
        let mut runs = Vec::new();
        for _ in 0..GROWTH_RUNS {
            runs.push(kartei(workspace, &folder, &file, &[])?);
            println!("  {}", runs[runs.len() - 1]);
        }
        growth.push(vec![Row::of(&title, "kartei", fs::metadata(&file)?.len(), &runs)]);
    }
    let mut text = table::markdown(&groups, RUNS, &machine());
    text.push_str(&table::markdown(&growth, GROWTH_RUNS, "Cost by number"));
    write_report(&folder, "import.md", &text)
}

/// Runs the benchmark of a large data folder, prints the table and writes it to
/// `target/bench/store.md`.
pub(crate) fn store(workspace: &Workspace) -> Result<()> {
    let folder = prepared(workspace)?;
    let file = generate::file(&folder, GROWTH[2])?;
    exec::heading("import of 1,000,000 profiles");
    let imported = kartei(workspace, &folder, &file, &[])?;
    println!("  {imported}, {:.0} MB on the disk", imported.disk_mb);
    exec::heading("what people do there");
    let example = workspace.target.join("release/examples/large_store");
    let mut command = workspace.command(example);
    command.arg(folder.join("kartei"));
    let times = exec::capture(&mut command)?;
    let text = format!(
        "1,000,000 made profiles, imported in {imported}; {:.0} MB on the disk. {}.\n\n{times}",
        imported.disk_mb,
        machine()
    );
    write_report(&folder, "store.md", &text)
}

fn write_report(folder: &Path, name: &str, text: &str) -> Result<()> {
    println!("\n{text}");
    let report = folder.join(name);
    fs::write(&report, text)?;
    println!("written to {}", report.display());
    Ok(())
}

/// One fresh import.
fn kartei(workspace: &Workspace, folder: &Path, file: &Path, options: &[&str]) -> Result<Run> {
    let data = fresh(folder, "kartei")?;
    let mut kartei = workspace.command(workspace.program("release", "kartei"));
    kartei.arg("--data").arg(&data).args(["--json", "import"]).args(options).arg(file);
    measured(&mut kartei, &data)
}

/// Runs all programs in turn, so that a disturbance of the machine meets each of them.
fn side_by_side(
    workspace: &Workspace,
    folder: &Path,
    title: &str,
    file: &Path,
) -> Result<Vec<Row>> {
    let (mut ours, mut search, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    let (mut checked, mut inflated) = (Vec::new(), Vec::new());
    for round in 1..=RUNS {
        ours.push(kartei(workspace, folder, file, &[])?);
        let node = |mode: &[&str]| {
            let data = fresh(folder, "peer")?;
            let mut peer = workspace.command("node");
            peer.arg(workspace.path(PEER).join("import.mjs")).arg(file);
            peer.arg(data.join("peer.sqlite")).args(mode);
            measured(&mut peer, &data)
        };
        search.push(node(&["fts"])?);
        plain.push(node(&[])?);
        checked.push(kartei(workspace, folder, file, &["--dry-run"])?);
        let data = fresh(folder, "peer")?;
        let mut count = Command::new("sh");
        count.args(["-c", "gzip -dc \"$0\" | wc -l"]).arg(file);
        inflated.push(measured(&mut count, &data)?);
        let last = round - 1;
        println!("  run {round}: kartei {}, peer {}", ours[last], search[last]);
    }
    let bytes = fs::metadata(file)?.len();
    let row = |program: &str, runs: &[Run]| Row::of(title, program, bytes, runs);
    Ok(vec![
        row("kartei", &ours),
        row("Node: Ajv, better-sqlite3, FTS5", &search),
        row("the same without full text", &plain),
        row("kartei, dry run: parse, check, canonical form, columns", &checked),
        row("`gzip -dc`, `wc -l`", &inflated),
    ])
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
