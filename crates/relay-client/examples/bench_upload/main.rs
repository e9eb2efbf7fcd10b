//! The load of `cargo xtask bench upload`: brings files to a server by its cheapest documented
//! requests, the same way to all servers, and says how long that took and what it cost here.
//!
//! Usage: `bench_upload DOOR --at ADDRESS --files N --bytes N [--bytes-max N] [--streams N]
//! [--request-bytes N] [--path PATH] [--token TOKEN]`; DOOR is `record`, `tus`, `put` or `disk`, the
//! last with a folder as `--path` and no address. `--bytes-max` makes files of different sizes.
//! `bench_upload sink --at ADDRESS` is a server that keeps nothing. Prints one line of JSON.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

mod content;
mod doors;
mod http;
mod sink;

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use content::Content;
use doors::{Door, Way};
use http::Connection;
use serde_json::json;

/// What can fail here ends the program with its reason.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The kernel tells processor time in hundredths of a second, on every Linux of today.
const TICKS_PER_SECOND: f64 = 100.0;

/// What is to be brought.
#[derive(Debug)]
struct Load {
    server: Option<SocketAddr>,
    way: Way,
    files: u64,
    bytes: u64,
    bytes_max: u64,
    streams: usize,
}

impl Load {
    /// Sizes are spread evenly, and are the same in each run.
    fn size(&self, file: u64) -> u64 {
        self.bytes + content::mixed(file) % (self.bytes_max - self.bytes + 1)
    }
}

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (door, options) = words.split_first().ok_or("which door? see the top of main.rs")?;
    let option = |name: &str| {
        let pair = options.chunks(2).find(|pair| pair[0] == name);
        pair.and_then(|pair| pair.get(1)).map(String::as_str)
    };
    let number = |name: &str, default: Option<u64>| -> Outcome<u64> {
        match (option(name), default) {
            (Some(text), _) => Ok(text.parse()?),
            (None, Some(default)) => Ok(default),
            (None, None) => Err(format!("{name} is missing").into()),
        }
    };
    let server = option("--at").map(str::parse::<SocketAddr>).transpose()?;
    let path = option("--path").unwrap_or("/").to_owned();
    let door = match door.as_str() {
        "sink" => return sink::serve(server.ok_or("--at is missing")?),
        "record" => Door::Record,
        "tus" => Door::Tus(path),
        "put" => Door::Put(path),
        "disk" => Door::Disk(PathBuf::from(path)),
        _ => return Err(format!("`{door}` is no door").into()),
    };
    let bytes = number("--bytes", None)?;
    let load = Load {
        server,
        way: Way {
            door,
            token: option("--token").map(str::to_owned),
            request_bytes: number("--request-bytes", Some(u64::MAX))?.max(1),
        },
        files: number("--files", None)?,
        bytes,
        bytes_max: number("--bytes-max", Some(bytes))?.max(bytes),
        streams: usize::try_from(number("--streams", Some(1))?)?.max(1),
    };
    bring_all(&load)
}

fn bring_all(load: &Load) -> Outcome<()> {
    let content = Content::make()?;
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let ready = Barrier::new(load.streams + 1);
    let (began, cpu_before, brought) = thread::scope(|scope| {
        let run = || {
            // Whoever cannot connect must not keep the others waiting.
            let connection = load.server.map(Connection::open).transpose();
            ready.wait();
            let outcome = connection.and_then(|mut connection| {
                let mut times = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let file = next.fetch_add(1, Ordering::Relaxed);
                    if file >= load.files {
                        break;
                    }
                    let began = Instant::now();
                    load.way.bring(&mut connection, &content, file, load.size(file))?;
                    times.push(began.elapsed());
                }
                Ok(times)
            });
            stop.fetch_or(outcome.is_err(), Ordering::Relaxed);
            outcome
        };
        let streams: Vec<_> = (0..load.streams).map(|_| scope.spawn(run)).collect();
        ready.wait();
        let (began, cpu_before) = (Instant::now(), cpu_seconds());
        let brought: Outcome<Vec<Vec<Duration>>> = streams
            .into_iter()
            .map(|stream| stream.join().unwrap_or_else(|_| Err("a stream panicked".into())))
            .collect();
        (began, cpu_before, brought)
    });
    let seconds = began.elapsed().as_secs_f64();
    let mut times = brought?.concat();
    times.sort();
    let at = |share: usize| {
        let index = (times.len() * share / 100).min(times.len().saturating_sub(1));
        times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    let bytes: u64 = (0..load.files).map(|file| load.size(file)).sum();
    let said = json!({
        "files": load.files,
        "bytes": bytes,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds()? - cpu_before?,
        "median_ms": at(50),
        "p99_ms": at(99),
    });
    println!("{said}");
    Ok(())
}

/// Processor seconds of this process so far.
fn cpu_seconds() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The program's name may have spaces; the numbers follow its bracket.
    let (_, numbers) = stat.rsplit_once(')').ok_or("the kernel tells no times")?;
    let numbers: Vec<&str> = numbers.split_whitespace().collect();
    let ticks = |at: usize| numbers.get(at).and_then(|n| n.parse::<f64>().ok());
    let (user, system) = ticks(11).zip(ticks(12)).ok_or("the kernel tells no times")?;
    Ok((user + system) / TICKS_PER_SECOND)
}
