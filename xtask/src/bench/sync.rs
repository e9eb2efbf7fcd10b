//! `cargo xtask bench sync`: the first sync of a fresh desktop beside two peers and the floor, what is
//! pushed, how soon an edit is seen elsewhere, and what a change costs as an organisation grows.
//!
//! Programs are started and measured here where the operating system can tell what they need; what
//! needs an eye inside (`crates/app/examples/bench_sync`) is started from here and prints its own tables.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::bench::measure::{Run, measured};
use crate::bench::peers::{self, Synced};
use crate::bench::{fresh, generate, machine, write_report};
use crate::demo::relay::{Relay, create_organisation, create_token};
use crate::workspace::Workspace;
use crate::{exec, node, setup};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Profiles of an organisation that a fresh desktop joins, and runs of ours and of the floor.
    first: &'static [(u32, usize)],
    /// Seconds after which a peer's client says how far it is.
    peer_seconds: &'static str,
    /// Arguments of the parts that the example measures.
    inside: &'static [&'static [&'static str]],
    /// Cargo's profile.
    profile: &'static str,
}

/// What is reported. Peers run once at each size: they take minutes, and differ by far more than
/// their spread.
const WHOLE: Scale = Scale {
    first: &[(10_000, 5), (100_000, 3)],
    peer_seconds: "300",
    inside: &[
        &["live", "--profiles", "10000", "--desktops", "100", "--edits", "400"],
        &["import", "--profiles", "100000", "--runs", "3"],
        &["growth", "--profiles", "10000,100000,1000000", "--edits", "200"],
        &["reads", "--profiles", "10000", "--edits", "5000"],
    ],
    profile: "release",
};

/// For whoever works on the benchmark itself: its figures say nothing.
const QUICK: Scale = Scale {
    first: &[(1_000, 2)],
    peer_seconds: "60",
    inside: &[
        &["live", "--profiles", "1000", "--desktops", "10", "--edits", "20"],
        &["import", "--profiles", "1000", "--runs", "2"],
        &["growth", "--profiles", "1000,2000", "--edits", "10"],
        &["reads", "--profiles", "1000", "--edits", "500"],
    ],
    profile: "debug",
};

/// Organisation and people of the relay.
const ORGANISATION: &str = "Bench";

/// Runs the benchmark, prints the tables and writes them to `target/bench/sync.md`. `quick` takes
/// small sizes and debug builds.
pub(crate) fn run(workspace: &Workspace, quick: bool, only: Option<&str>) -> Result<()> {
    let scale = if quick { QUICK } else { WHOLE };
    let folder = prepared(workspace, quick)?;
    let wanted = |part: &str| only.is_none_or(|only| only == part);
    let mut text = String::new();
    if wanted("first") {
        node::install(workspace, peers::FOLDER)?;
        for &(profiles, runs) in scale.first {
            exec::heading(&format!("first sync of {profiles} profiles"));
            let bench = First { workspace, folder: &folder, scale, profiles, runs };
            let table = bench.run()?;
            println!("{table}");
            text.push_str(&table);
        }
    }
    for part in scale.inside.iter().filter(|part| wanted(part[0])) {
        exec::heading(part[0]);
        text.push_str(&inside(workspace, &folder, scale, part)?);
    }
    if text.is_empty() {
        bail!("there is no such part: first, live, import, growth, reads");
    }
    report(&folder, "sync", quick, text)
}

/// Runs an organisation at work for half an hour, prints the tables and writes them to `target/bench/load.md`.
/// `quick` takes half a minute and debug builds.
pub(crate) fn load(workspace: &Workspace, quick: bool) -> Result<()> {
    let folder = prepared(workspace, quick)?;
    let (scale, part) = match quick {
        false => (WHOLE, ["load", "--profiles", "10000", "--desktops", "500", "--seconds", "1800"]),
        true => (QUICK, ["load", "--profiles", "1000", "--desktops", "50", "--seconds", "30"]),
    };
    exec::heading("an organisation at work");
    let text = inside(workspace, &folder, scale, &part)?;
    report(&folder, "load", quick, text)
}

/// Builds what is measured; answers where reports and made files are.
fn prepared(workspace: &Workspace, quick: bool) -> Result<PathBuf> {
    setup::prepare(workspace, setup::Purpose::Bench)?;
    let mut build =
        vec!["build", "--quiet", "--package", "kartei-cli", "--package", "kartei-relay"];
    build.extend(["--package", "kartei-app", "--bins", "--example", "bench_sync"]);
    if !quick {
        build.push("--release");
    }
    exec::show(&mut workspace.cargo(&build))?;
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn report(folder: &Path, name: &str, quick: bool, mut text: String) -> Result<()> {
    if quick {
        text.push_str("\nThese are debug builds and small numbers.\n");
    }
    writeln!(text, "\n{}.", machine())?;
    write_report(folder, &format!("{name}{}.md", if quick { "-quick" } else { "" }), &text)
}

/// Runs a part of the example; answers its tables.
fn inside(workspace: &Workspace, folder: &Path, scale: Scale, part: &[&str]) -> Result<String> {
    let example = workspace.target.join(scale.profile).join("examples/bench_sync");
    let mut command = workspace.command(example);
    command.args(part);
    let at = part.iter().position(|word| *word == "--profiles");
    let sizes = at.and_then(|at| part.get(at + 1)).context("a part says how many profiles")?;
    for size in sizes.split(',') {
        command.arg("--file").arg(generate::file(folder, size.parse()?)?);
    }
    let text = exec::capture(&mut command)?;
    println!("{text}");
    Ok(text)
}

/// One size of the first sync.
struct First<'a> {
    workspace: &'a Workspace,
    folder: &'a Path,
    scale: Scale,
    profiles: u32,
    runs: usize,
}

impl First<'_> {
    fn run(&self) -> Result<String> {
        let source = generate::file(self.folder, self.profiles)?;
        let data = fresh(self.folder, "relay")?;
        let program = self.workspace.program(self.scale.profile, "kartei-relay");
        create_organisation(&program, &data, ORGANISATION)?;
        let token = create_token(&program, &data, ORGANISATION, "Desktop")?;
        let relay = Relay::start(&program, &data, 0)?;

        // Up: a desktop that has just imported.
        let filler = fresh(self.folder, "filler")?;
        let source_name = text(&source)?;
        exec::capture(&mut self.kartei(&filler, &["import", source_name]))?;
        self.login(&filler, &relay, &token)?;
        let pushed = measured(&mut self.kartei(&filler, &["sync"]), &filler)?;
        self.require_all(&filler)?;
        println!("  pushed: {pushed}");

        // Down: ours and the floor in turn, so that a disturbance of the machine meets both.
        let body = self.folder.join("floor.ndjson.gz");
        exec::capture(
            &mut self.kartei(&filler, &["export", "--format", "ndjson-gz", "--out", text(&body)?]),
        )?;
        let (files, port) = peers::serve(self.workspace, "file-server", "--file", &body)?;
        let (mut ours, mut floor) = (Vec::new(), Vec::new());
        for _ in 0..self.runs {
            let desk = fresh(self.folder, "desk")?;
            self.login(&desk, &relay, &token)?;
            let run = measured(&mut self.kartei(&desk, &["sync"]), &desk)?;
            self.require_all(&desk)?;
            println!("  kartei: {run}");
            ours.push(run);
            let target = fresh(self.folder, "floor")?;
            let url = format!("http://127.0.0.1:{port}/");
            let arguments = ["--url", &url, "--dir", text(&target)?];
            floor.push(peers::sync(self.workspace, "floor", &arguments)?);
        }
        files.stop()?;
        relay.stop()?;
        // The quicker one first: whoever watches has the ratio that counts early.
        let peers = [
            ("PouchDB", self.pouch(source_name)?),
            ("automerge-repo", self.automerge(source_name)?),
        ];
        self.table(pushed, &ours, &floor, &peers)
    }

    fn automerge(&self, source: &str) -> Result<Synced> {
        let (server, client) = (fresh(self.folder, "peer-server")?, fresh(self.folder, "peer")?);
        let ids = self.folder.join("peer-ids.json");
        let (ids, deadline) = (text(&ids)?, self.scale.peer_seconds);
        // Straight into its folder: over its socket this alone would take longer than all else.
        let into = ["--file", source, "--ids", ids, "--dir", text(&server)?, "--deadline", "1800"];
        peers::run(self.workspace, "automerge-fill", &into)?;
        let (running, port) = peers::serve(self.workspace, "automerge-server", "--dir", &server)?;
        let from = ["--port", &port, "--ids", ids, "--dir", text(&client)?, "--file", source];
        let arguments = [&from[..], &["--deadline", deadline]].concat();
        let synced = peers::sync(self.workspace, "automerge-pull", &arguments)?;
        println!("  automerge-repo: {synced:?}");
        // What it stores at its end is of no interest any more, and may take long.
        drop(running);
        Ok(synced)
    }

    fn pouch(&self, source: &str) -> Result<Synced> {
        let (server, client) = (fresh(self.folder, "peer-server")?, fresh(self.folder, "peer")?);
        let (running, port) = peers::serve(self.workspace, "pouch-server", "--dir", &server)?;
        let fill = ["--file", source, "--port", &port, "--deadline", "1800"];
        peers::run(self.workspace, "pouch-fill", &fill)?;
        let count = self.profiles.to_string();
        let from = ["--port", &port, "--dir", text(&client)?, "--file", source];
        let rest = ["--count", &count, "--deadline", self.scale.peer_seconds];
        let synced = peers::sync(self.workspace, "pouch-pull", &[&from[..], &rest].concat())?;
        println!("  PouchDB: {synced:?}");
        drop(running);
        Ok(synced)
    }

    fn table(
        &self,
        pushed: Run,
        ours: &[Run],
        floor: &[Synced],
        peers: &[(&str, Synced)],
    ) -> Result<String> {
        let profiles = f64::from(self.profiles);
        let kartei = Synced {
            profiles,
            wall: super::table::median(ours.iter().map(|run| run.wall).collect()),
            cpu: super::table::median(ours.iter().map(|run| run.cpu).collect()),
            cut_short: false,
        };
        let floor = Synced {
            profiles,
            wall: super::table::median(floor.iter().map(|run| run.wall).collect()),
            cpu: super::table::median(floor.iter().map(|run| run.cpu).collect()),
            cut_short: false,
        };
        let mut text = format!(
            "\n### First sync of {profiles} made profiles\n\nKartei and the floor: medians of {} fresh \
             desktops, in turn; a peer: one.\n\n| program | profiles | wall s | CPU s | profiles/s | \
             beside Kartei |\n|---|---:|---:|---:|---:|---:|\n",
            self.runs
        );
        let rate = |synced: Synced| synced.profiles / synced.wall;
        let mut row = |name: &str, synced: Synced| {
            let note = if synced.cut_short { " (its time was over)" } else { "" };
            writeln!(
                text,
                "| {name}{note} | {} | {:.2} | {:.2} | {:.0} | {:.2}× |",
                synced.profiles,
                synced.wall,
                synced.cpu,
                rate(synced),
                rate(kartei) / rate(synced)
            )
        };
        row("kartei", kartei)?;
        row("floor: curl, SQLite", floor)?;
        for (name, synced) in peers {
            row(name, *synced)?;
        }
        let best = peers.iter().map(|(_, synced)| rate(*synced)).fold(0.0, f64::max);
        writeln!(
            text,
            "\nKartei takes {:.2} times the floor (goal: at most 2) and is {:.1} times as fast as the \
             better peer (goal: at least 20).\n\nPush of {profiles} freshly imported profiles: \
             {pushed}, {:.0} a second.",
            kartei.wall / floor.wall,
            rate(kartei) / best,
            profiles / pushed.wall
        )?;
        Ok(text)
    }

    fn login(&self, data: &Path, relay: &Relay, token: &str) -> Result<()> {
        exec::capture(&mut self.kartei(data, &["login", &relay.url, "--token", token])).map(drop)
    }

    /// Fails where a data folder does not hold everything.
    fn require_all(&self, data: &Path) -> Result<()> {
        let said = exec::capture(&mut self.kartei(data, &["status"]))?;
        let status: Value = serde_json::from_str(&said)?;
        if status["profiles"] != self.profiles || status["pending"] != 0 {
            bail!("of {} profiles: {status}", self.profiles);
        }
        Ok(())
    }

    fn kartei(&self, data: &Path, words: &[&str]) -> std::process::Command {
        let program = self.workspace.program(self.scale.profile, "kartei");
        let mut kartei = self.workspace.command(program);
        kartei.arg("--data").arg(data).arg("--json").args(words);
        kartei
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the target folder's name is text")
}
