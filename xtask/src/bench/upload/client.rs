//! The parts with the real client: `kartei upload` on this machine, and over a shaped link.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::figures::{shown, size};
use super::link::{Link, Nature};
use super::meter::{Meter, Used};
use super::servers::{self, Kind, LOOPBACK, Place, Server};
use super::{Bench, Load, number};
use crate::bench::fresh;
use crate::bench::measure::{Run, measured};
use crate::bench::table::median;
use crate::exec;

/// The goal over the link, in MB/s.
const LINK_GOAL: f64 = 10.0;

/// What one `kartei upload` took.
#[derive(Debug, Clone, Copy)]
struct Sent {
    run: Run,
    relay: Used,
    bytes: f64,
}

impl Sent {
    fn mb_per_second(&self) -> f64 {
        self.bytes / 1e6 / self.run.wall
    }

    fn per_gib(&self, cpu: f64) -> f64 {
        cpu / (self.bytes / number(super::GIB))
    }
}

impl Bench<'_> {
    /// The real client beside the relay, from start to end: it hashes, notes and asks too.
    pub(super) fn client(&self, title: &str) -> Result<String> {
        let mut text = format!(
            "\n### {title}\n\nMedians of {} rounds; from the program's start to its end.\n\n\
             | files | MB/s | relay CPU s/GiB | relay peak MB | client CPU s/GiB | client peak MB |\n\
             |---|---:|---:|---:|---:|---:|\n",
            self.scale.rounds
        );
        for &(count, bytes) in self.scale.client {
            let files = self.files(count, bytes)?;
            let mut rounds = Vec::new();
            for _ in 0..self.scale.rounds {
                let sent = self.kartei(&files, LOOPBACK, None)?;
                println!(
                    "  {count} × {}: {:.1} MB/s, {}",
                    size(bytes),
                    sent.mb_per_second(),
                    sent.run
                );
                rounds.push(sent);
            }
            let of = |figure: fn(&Sent) -> f64| shown(median(rounds.iter().map(figure).collect()));
            writeln!(
                text,
                "| {count} × {} | {} | {} | {} | {} | {} |",
                size(bytes),
                of(Sent::mb_per_second),
                of(|sent| sent.per_gib(sent.relay.cpu)),
                of(|sent| sent.relay.peak_mb),
                of(|sent| sent.per_gib(sent.run.cpu)),
                of(|sent| sent.run.peak_mb),
            )?;
            remove(&files)?;
        }
        Ok(text)
    }

    /// Over slow links with losses: the client with its streams, and one stream to each of the servers.
    pub(super) fn link(&self, title: &str) -> Result<String> {
        let mut text = format!(
            "\n### {title}\n\nEach way; medians of {} rounds. The client brings {} with its own streams, the \
             load {} in one.\n\n\
             | link | client | server | MB/s |\n|---|---|---|---:|\n",
            self.scale.rounds,
            size(self.scale.link_bytes),
            size(self.scale.link_stream_bytes)
        );
        let mut misses = Vec::new();
        for nature in Nature::all()? {
            let link = Link::make(self.workspace, &nature)?;
            let title = nature.title();
            let (client, streams) = self.over(&link, &title)?;
            writeln!(text, "| {title} | `kartei upload` | kartei-relay | {} |", shown(client))?;
            for (kind, rate) in streams {
                let (kind, rate) = (kind.title(), shown(rate));
                writeln!(text, "| {title} | the load, one stream | {kind} | {rate} |")?;
            }
            if client <= LINK_GOAL {
                misses.push(title);
            }
        }
        match misses.is_empty() {
            true => writeln!(text, "\nThe goal of more than {LINK_GOAL} MB/s holds on each.")?,
            false => writeln!(
                text,
                "\nThe goal of more than {LINK_GOAL} MB/s does not hold on: {}.",
                misses.join("; ")
            )?,
        }
        Ok(text)
    }

    /// MB/s of the client, and of one stream to each server.
    fn over(&self, link: &Link, title: &str) -> Result<(f64, Vec<(Kind, f64)>)> {
        let kinds = [Kind::Record, Kind::Rustus, Kind::TusNode, Kind::Nginx];
        let load = Load::of(self.scale.link_stream_bytes, 1, 1);
        let files = self.files(1, self.scale.link_bytes)?;
        let mut clients = Vec::new();
        let mut streams: Vec<(Kind, Vec<f64>)> = kinds.map(|kind| (kind, Vec::new())).into();
        for _ in 0..self.scale.rounds {
            let sent = self.kartei(&files, link.place(), Some(link.client()))?;
            println!("  {title}: kartei upload {:.2} MB/s", sent.mb_per_second());
            clients.push(sent.mb_per_second());
            for (kind, rates) in &mut streams {
                let figure = self.figure(*kind, &load, link.place(), Some(link.client()))?;
                println!("  {title}: {} {:.2} MB/s", kind.title(), figure.mb_per_second());
                rates.push(figure.mb_per_second());
            }
        }
        remove(&files)?;
        let medians = streams.into_iter().map(|(kind, rates)| (kind, median(rates))).collect();
        Ok((median(clients), medians))
    }

    /// Sends files with the real client, from an empty data folder to an empty relay.
    fn kartei(&self, files: &[PathBuf], place: Place<'_>, from: Option<&str>) -> Result<Sent> {
        let folder = fresh(self.folder, "upload-server")?;
        super::flush(&folder)?;
        let server = Server::start(self.tools, Kind::Record, folder, place)?;
        let desk = fresh(self.folder, "upload-desk")?;
        let kartei = |words: &[&str]| {
            let mut kartei: Command = servers::command(from, &self.tools.kartei);
            kartei.arg("--data").arg(&desk).arg("--json").args(words);
            // The link is this machine's own, between two of its namespaces.
            kartei.env("KARTEI_INSECURE_HTTP", "1");
            kartei
        };
        let url = format!("http://{}", server.address);
        let token = server.token.as_deref().context("a relay has a token")?;
        exec::capture(&mut kartei(&["login", &url, "--token", token]))?;
        let meter = Meter::begin(server.id())?;
        let run = measured(kartei(&["upload"]).args(files), &desk)?;
        let relay = meter.read()?;
        server.stop()?;
        fs::remove_dir_all(&desk)?;
        let mut bytes = 0;
        for file in files {
            bytes += fs::metadata(file)?.len();
        }
        Ok(Sent { run, relay, bytes: number(bytes) })
    }

    /// Files of random bytes that differ, in the page cache.
    fn files(&self, count: u64, bytes: u64) -> Result<Vec<PathBuf>> {
        let folder = fresh(self.folder, "upload-files")?;
        let mut files = Vec::new();
        for number in 0..count {
            let path = folder.join(format!("{number}.bin"));
            make(&path, bytes)?;
            files.push(path);
        }
        Ok(files)
    }
}

fn make(path: &Path, bytes: u64) -> Result<()> {
    let mut make = Command::new("sh");
    make.args(["-c", &format!("head -c {bytes} /dev/urandom > \"$0\"")]).arg(path);
    exec::capture(&mut make).map(drop)
}

fn remove(files: &[PathBuf]) -> Result<()> {
    for file in files {
        fs::remove_file(file)?;
    }
    Ok(())
}
