//! `cargo xtask bench upload`: uploads of all sizes beside rustus, @tus/server, nginx and the floor; the
//! client's own uploads; small files by the minute; a link that is slow and loses packets.
//!
//! What is sent comes from one program for all servers (`crates/relay-client/examples/bench_upload`),
//! what they use is read from the kernel here ([`meter`]). See `bench/upload-peer/README.md` for what is
//! compared with what.

mod client;
mod figures;
mod link;
mod meter;
mod servers;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use figures::{Figure, Group, Who};
use meter::{Meter, Used};
use serde_json::Value;
use servers::{Kind, LOOPBACK, Place, Server};

use crate::bench::measure::measured;
use crate::bench::{fresh, machine, write_report};
use crate::workspace::Workspace;
use crate::{exec, node, setup};

/// Where the peer of npm is.
const PEER: &str = "bench/upload-peer";

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Below this the floor is not `dd`: starting it would take longer than what it does.
const DD_BYTES_MIN: u64 = MIB;

/// Files that a server takes before anything counts: what it does at its first request is no one's rate.
const WARM_UP: Load = Load { bytes: KIB, bytes_max: KIB, files: 8, streams: 8 };

/// What is sent.
#[derive(Debug, Clone, Copy)]
struct Load {
    bytes: u64,
    bytes_max: u64,
    files: u64,
    streams: u64,
}

impl Load {
    const fn of(bytes: u64, files: u64, streams: u64) -> Self {
        Self { bytes, bytes_max: bytes, files, streams }
    }

    fn title(&self) -> String {
        match self.bytes_max {
            max if max == self.bytes => format!("{} × {}", self.files, figures::size(self.bytes)),
            max => {
                format!("{} × {} to {}", self.files, figures::size(self.bytes), figures::size(max))
            }
        }
    }
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    rounds: usize,
    /// One after another: as many as take some tenths of a second at least, but for the largest.
    stream: &'static [Load],
    /// Eight at a time.
    parallel: &'static [Load],
    small: Load,
    /// Files of the real client: how many, of how many bytes.
    client: &'static [(u64, u64)],
    /// The client's file over a slow link.
    link_bytes: u64,
    /// The file of one stream over it, which may be slower than the link by far.
    link_stream_bytes: u64,
}

const WHOLE: Scale = Scale {
    rounds: 3,
    stream: &[
        Load::of(KIB, 500, 1),
        Load::of(64 * KIB, 500, 1),
        Load::of(MIB, 200, 1),
        Load::of(16 * MIB, 32, 1),
        Load::of(256 * MIB, 4, 1),
        Load::of(GIB, 1, 1),
        Load::of(4 * GIB, 1, 1),
    ],
    parallel: &[
        Load::of(KIB, 2_000, 8),
        Load::of(64 * KIB, 2_000, 8),
        Load::of(MIB, 800, 8),
        Load::of(16 * MIB, 64, 8),
        Load::of(256 * MIB, 8, 8),
        Load::of(GIB, 8, 8),
    ],
    small: Load { bytes: KIB, bytes_max: 16 * KIB, files: 10_000, streams: 8 },
    client: &[(1, 16 * MIB), (1, 256 * MIB), (1, GIB), (1, 4 * GIB), (8, 256 * MIB)],
    link_bytes: 256 * MIB,
    link_stream_bytes: 16 * MIB,
};

/// For whoever works on the benchmark itself: its figures say little.
const QUICK: Scale = Scale {
    rounds: 1,
    stream: &[Load::of(KIB, 50, 1), Load::of(MIB, 20, 1), Load::of(256 * MIB, 1, 1)],
    parallel: &[Load::of(KIB, 100, 8), Load::of(64 * MIB, 8, 8)],
    small: Load { bytes: KIB, bytes_max: 16 * KIB, files: 500, streams: 8 },
    client: &[(1, 256 * MIB), (2, 64 * MIB)],
    link_bytes: 32 * MIB,
    link_stream_bytes: 2 * MIB,
};

/// The programs.
#[derive(Debug)]
pub(crate) struct Tools {
    relay: PathBuf,
    kartei: PathBuf,
    load: PathBuf,
    rustus: PathBuf,
    nginx: PathBuf,
    tus_server: PathBuf,
}

impl Tools {
    fn prepare(workspace: &Workspace) -> Result<Self> {
        setup::prepare(workspace, setup::Purpose::BenchUpload)?;
        node::install(workspace, PEER)?;
        let mut build = vec!["build", "--quiet", "--release"];
        for package in ["kartei-cli", "kartei-relay", "kartei-relay-client"] {
            build.extend(["--package", package]);
        }
        build.extend(["--bins", "--example", "bench_upload"]);
        exec::show(&mut workspace.cargo(&build))?;
        Ok(Self {
            relay: workspace.program("release", "kartei-relay"),
            kartei: workspace.program("release", "kartei"),
            load: workspace.target.join("release/examples/bench_upload"),
            rustus: workspace.tools().join("bin/rustus"),
            nginx: setup::nginx(workspace)?,
            tus_server: workspace.path(PEER).join("tus-server.mjs"),
        })
    }
}

/// What the parts share.
struct Bench<'a> {
    workspace: &'a Workspace,
    tools: &'a Tools,
    folder: &'a Path,
    scale: Scale,
}

/// Runs the benchmark, prints the tables and writes them to `target/bench/upload.md`.
pub(crate) fn run(workspace: &Workspace, quick: bool, only: Option<&str>) -> Result<()> {
    let scale = if quick { QUICK } else { WHOLE };
    let tools = Tools::prepare(workspace)?;
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder)?;
    let bench = Bench { workspace, tools: &tools, folder: &folder, scale };
    let wanted = |part: &str| only.is_none_or(|only| only == part);
    let mut text = String::new();
    // A part that fails is told at the end; the others are worth having all the same.
    let mut failed = Vec::new();
    for (part, title) in [
        ("stream", "One stream"),
        ("parallel", "Eight streams"),
        ("small", "Small files, eight streams"),
        ("client", "`kartei upload`"),
        ("link", "A link of 200 Mbit/s that loses 1 % of packets"),
    ] {
        if !wanted(part) {
            continue;
        }
        exec::heading(title);
        let outcome = match part {
            "stream" => bench.cases(title, scale.stream),
            "parallel" => bench.cases(title, scale.parallel),
            "small" => bench.small(title),
            "client" => bench.client(title),
            _ => bench.link(title),
        };
        match outcome {
            Ok(table) => {
                println!("{table}");
                text.push_str(&table);
            }
            Err(error) => {
                println!("  {part} failed: {error:#}");
                write!(text, "\n### {title}\n\nNot measured: {error:#}\n")?;
                failed.push(part);
            }
        }
    }
    // Gigabytes that nobody else wants.
    for name in
        ["upload-source.bin", "upload-server", "upload-floor", "upload-desk", "upload-files"]
    {
        let path = folder.join(name);
        // What a part did not make, or removed, is not there.
        let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
    }
    if text.is_empty() {
        bail!("there is no such part: stream, parallel, small, client, link");
    }
    if quick {
        text.push_str("\nThese are small numbers.\n");
    }
    writeln!(text, "\n{}; {}.", machine(), versions(&tools))?;
    write_report(&folder, if quick { "upload-quick.md" } else { "upload.md" }, &text)?;
    if !failed.is_empty() {
        bail!("these parts failed: {}", failed.join(", "));
    }
    Ok(())
}

impl Bench<'_> {
    /// Cases of a part: in each round everybody takes each in turn, and nobody is always the first.
    fn cases(&self, title: &str, loads: &[Load]) -> Result<String> {
        let mut groups: Vec<Group> = loads.iter().map(group).collect();
        for round in 0..self.scale.rounds {
            for (load, group) in loads.iter().zip(&mut groups) {
                println!("  round {}, {}", round + 1, group.title);
                let count = group.rows.len();
                for turn in 0..count {
                    let (who, figures) = &mut group.rows[(turn + round) % count];
                    if figures.len() < round {
                        // It failed before.
                        continue;
                    }
                    let figure = match who {
                        Who::Server(kind) => self.figure(*kind, load, LOOPBACK, None),
                        Who::Floor(_) => self.floor(load),
                    };
                    match figure {
                        Ok(figure) => {
                            println!("    {}: {figure}", who.title());
                            figures.push(figure);
                        }
                        // A peer that cannot do something is a result; that ours cannot is a fault.
                        Err(error) if who.is_peer() => {
                            println!("    {error:#}");
                            figures.clear();
                            group.failed.push(format!("{error:#}"));
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        figures::markdown(title, self.scale.rounds, &groups)
    }

    /// 10,000 small files.
    fn small(&self, title: &str) -> Result<String> {
        let mut text = self.cases(title, &[self.scale.small])?;
        text.push_str("\n10,000 a minute, the goal, are 167 files/s.\n");
        Ok(text)
    }

    /// One server, started for it on an empty folder, and one load.
    fn figure(
        &self,
        kind: Kind,
        load: &Load,
        place: Place<'_>,
        from: Option<&str>,
    ) -> Result<Figure> {
        let folder = fresh(self.folder, "upload-server")?;
        // What others left in the page cache is not this one's to write.
        flush(&folder)?;
        let server = Server::start(self.tools, kind, folder, place)?;
        self.send(&server, &WARM_UP, from)
            .with_context(|| format!("{} does not work", kind.title()))?;
        let meter = Meter::begin(server.id())?;
        let mut figure = self
            .send(&server, load, from)
            .with_context(|| format!("{} with {}", kind.title(), load.title()))?;
        figure.used = meter.read()?;
        figure.flushed = figure.wall + flush(&server.folder)?;
        let kept = bytes_in(&server.folder)?;
        if kind != Kind::Sink && kept < figure.bytes {
            bail!("{} keeps {kept} bytes of {}", kind.title(), figure.bytes);
        }
        server.stop()?;
        Ok(figure)
    }

    fn send(&self, server: &Server, load: &Load, from: Option<&str>) -> Result<Figure> {
        let mut sender = servers::command(from, &self.tools.load);
        sender.args(&server.door).args(["--at", &server.address]);
        sent(&mut sender, load)
    }

    /// The same bytes written durably by `dd`, as many at a time; small ones by the load itself.
    fn floor(&self, load: &Load) -> Result<Figure> {
        let folder = fresh(self.folder, "upload-floor")?;
        flush(&folder)?;
        let mut figure = if load.bytes < DD_BYTES_MIN {
            let mut writer = Command::new(&self.tools.load);
            writer.args(["disk", "--path"]).arg(&folder);
            let mut figure = sent(&mut writer, load)?;
            figure.used.cpu = figure.load_cpu;
            figure
        } else {
            self.dd(load, &folder)?
        };
        figure.flushed = figure.wall + flush(&folder)?;
        fs::remove_dir_all(&folder)?;
        Ok(figure)
    }

    fn dd(&self, load: &Load, folder: &Path) -> Result<Figure> {
        let source = self.source(load.bytes)?;
        let script = format!(
            "seq {} | xargs -P {} -I '{{}}' dd if=\"$0\" of=\"$1/{{}}\" bs=1M count={} \
             iflag=count_bytes conv=fdatasync status=none",
            load.files, load.streams, load.bytes
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).arg(&source).arg(folder);
        let run = measured(&mut shell, folder)?;
        let (files, bytes) = (number(load.files), number(load.files * load.bytes));
        let used = Used { cpu: run.cpu, peak_mb: f64::NAN };
        let nothing = f64::NAN;
        Ok(Figure {
            files,
            bytes,
            wall: run.wall,
            flushed: run.wall,
            used,
            load_cpu: 0.0,
            median_ms: nothing,
            p99_ms: nothing,
        })
    }

    /// A file of random bytes, at least as many, in the page cache.
    fn source(&self, bytes: u64) -> Result<PathBuf> {
        let path = self.folder.join("upload-source.bin");
        if !fs::metadata(&path).is_ok_and(|found| found.len() >= bytes) {
            let mut make = Command::new("sh");
            make.args(["-c", &format!("head -c {bytes} /dev/urandom > \"$0\"")]).arg(&path);
            exec::capture(&mut make)?;
        }
        let mut read = Command::new("dd");
        read.arg(format!("if={}", path.display())).args(["of=/dev/null", "bs=1M", "status=none"]);
        read.args([&format!("count={bytes}"), "iflag=count_bytes"]);
        exec::capture(&mut read)?;
        Ok(path)
    }
}

/// A case with places for everybody's figures.
fn group(load: &Load) -> Group {
    let floor = match load.bytes < DD_BYTES_MIN {
        true => "floor: write, `fdatasync`",
        false => "floor: `dd conv=fdatasync`",
    };
    let servers = Kind::ALL.into_iter().map(Who::Server);
    let rows = servers.chain([Who::Floor(floor)]).map(|who| (who, Vec::new())).collect();
    Group { title: load.title(), rows, failed: Vec::new() }
}

/// Runs the load; answers its figures, without a server's.
fn sent(command: &mut Command, load: &Load) -> Result<Figure> {
    for (name, value) in [
        ("--files", load.files),
        ("--bytes", load.bytes),
        ("--bytes-max", load.bytes_max),
        ("--streams", load.streams),
    ] {
        command.args([name, &value.to_string()]);
    }
    let said = exec::capture(command)?;
    let said: Value = serde_json::from_str(said.trim())?;
    let figure =
        |name: &str| said[name].as_f64().with_context(|| format!("the load told no {name}"));
    let wall = figure("seconds")?;
    Ok(Figure {
        files: figure("files")?,
        bytes: figure("bytes")?,
        wall,
        flushed: wall,
        used: Used { cpu: f64::NAN, peak_mb: f64::NAN },
        load_cpu: figure("cpu_seconds")?,
        median_ms: figure("median_ms")?,
        p99_ms: figure("p99_ms")?,
    })
}

/// Has the file system written out; answers the seconds.
fn flush(folder: &Path) -> Result<f64> {
    let began = Instant::now();
    exec::capture(Command::new("sync").arg("--file-system").arg(folder))?;
    Ok(began.elapsed().as_secs_f64())
}

/// Bytes of all files in a folder and those in it.
fn bytes_in(folder: &Path) -> Result<f64> {
    let mut bytes = 0.0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A server's temporary files come and go.
        let Ok(kind) = entry.metadata() else { continue };
        bytes += if kind.is_dir() { bytes_in(&entry.path())? } else { number(kind.len()) };
    }
    Ok(bytes)
}

#[expect(clippy::cast_precision_loss, reason = "sizes and counts far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

/// The peers' versions.
fn versions(tools: &Tools) -> String {
    let mut nginx = Command::new(&tools.nginx);
    // It tells its version on the other stream.
    let nginx = nginx.arg("-v").output().map(|output| output.stderr).unwrap_or_default();
    let nginx = String::from_utf8_lossy(&nginx).trim().replace("nginx version: ", "");
    let rustus = exec::capture(Command::new(&tools.rustus).arg("--version")).unwrap_or_default();
    let package = tools.tus_server.with_file_name("package.json");
    let package = fs::read_to_string(package).unwrap_or_default();
    let package: Value = serde_json::from_str(&package).unwrap_or_default();
    let tus = &package["devDependencies"]["@tus/server"];
    format!("{nginx}, {}, @tus/server {}", rustus.trim(), tus.as_str().unwrap_or("unknown"))
}
